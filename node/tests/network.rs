//! The mesh over real loopback sockets: messages arrive, strangers do not, garbage closes one connection, and a peer
//! that comes back is found again.

use guiju_node::codec::{Decode, DecodeError, Encode, Reader, Writer};
use guiju_node::crypto::{Digest, Keypair, PublicKey};
use guiju_node::network::{Class, Inbox, Message, Network, NetworkConfig, NetworkEvent};
use guiju_node::transaction::ChainId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A message whose class and truthfulness the test chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    class: u8,
    says: Vec<u8>,
}

const LIAR: u8 = 9;

fn note(class: Class, says: &[u8]) -> Note {
    Note { class: class as u8, says: says.to_vec() }
}

impl Encode for Note {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.class);
        out.bytes(&self.says);
    }
}
impl Decode for Note {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let class = input.u8()?;
        if class > 3 {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { class, says: input.bytes(8 << 20)?.to_vec() })
    }
}
impl Message for Note {
    fn class(&self) -> Class {
        match self.class {
            0 | LIAR => Class::Consensus,
            1 => Class::Body,
            2 => Class::Sync,
            _ => Class::Transaction,
        }
    }
}

type Node = (Network, Inbox<Note>);

fn key(n: u8) -> Keypair {
    Keypair::from_seed([n; 32])
}

fn chain() -> ChainId {
    ChainId(Digest::of("test/chain", b"one"))
}

/// Free UDP addresses. Their sockets are held together so that the kernel gives distinct ones.
fn addresses(n: usize) -> Vec<SocketAddr> {
    let sockets: Vec<_> = (0..n).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port")).collect();
    sockets.iter().map(|s| s.local_addr().expect("bound")).collect()
}

fn start(me: u8, chain: ChainId, listen: SocketAddr, peers: &[(u8, SocketAddr)]) -> Node {
    let peers: BTreeMap<PublicKey, SocketAddr> =
        peers.iter().map(|(n, address)| (key(*n).public(), *address)).collect();
    let config = NetworkConfig { key: key(me), chain, listen, peers };
    let (network, inbox, _) = Network::start(config).expect("starts");
    (network, inbox)
}

async fn until(inbox: &mut Inbox<Note>, mut done: impl FnMut(&NetworkEvent<Note>) -> bool) {
    let wait = async {
        loop {
            let event = inbox.recv().await.expect("the mesh is running");
            if done(&event) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("the event comes within 20 s");
}

async fn connected(inbox: &mut Inbox<Note>, mut peers: BTreeSet<PublicKey>) {
    until(inbox, |event| {
        if let NetworkEvent::Connected(peer) = event {
            peers.remove(peer);
        }
        peers.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_hear_each_other_on_every_class_in_order() {
    let at = addresses(4);
    let peers: Vec<_> = (1..=4).zip(at.iter().copied()).collect();
    let mut nodes: Vec<Node> = peers.iter().map(|(n, address)| start(*n, chain(), *address, &peers)).collect();
    for (me, (_, inbox)) in (1..).zip(&mut nodes) {
        connected(inbox, (1..=4).filter(|n| *n != me).map(|n| key(n).public()).collect()).await;
    }
    let classes = [Class::Consensus, Class::Body, Class::Sync, Class::Transaction];
    for (network, _) in &nodes {
        for i in 0..5u8 {
            for class in classes {
                network.outbox().broadcast(&note(class, &[i]));
            }
        }
        network.outbox().broadcast(&note(Class::Body, &vec![7; 1 << 20]));
    }
    for (_, inbox) in &mut nodes {
        let mut heard: BTreeMap<(PublicKey, u8), Vec<u8>> = BTreeMap::new();
        let (mut large, mut small) = (0, 0);
        until(inbox, |event| {
            if let NetworkEvent::Message { from, message } = event {
                if message.says.len() > 1 {
                    large += 1;
                } else {
                    heard.entry((*from, message.class)).or_default().push(message.says[0]);
                    small += 1;
                }
            }
            (large, small) == (3, 3 * 4 * 5)
        })
        .await;
        assert_eq!(heard.len(), 3 * 4);
        assert!(heard.values().all(|order| *order == [0, 1, 2, 3, 4]), "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_by_either_side() {
    let at = addresses(3);
    // Node 1 expects node 2 at address 1 and node 3 at address 2. Behind address 1 is an impostor (key 9) that knows
    // everyone; behind address 2 the true node 3.
    let known = [(1, at[0]), (2, at[1]), (3, at[2])];
    let (one, mut one_inbox) = start(1, chain(), at[0], &known);
    let (impostor, mut impostor_inbox) = start(9, chain(), at[1], &known);
    let (_three, mut three_inbox) = start(3, chain(), at[2], &known);
    connected(&mut one_inbox, BTreeSet::from([key(3).public()])).await;
    impostor.outbox().broadcast(&note(Class::Consensus, b"trust me"));
    one.outbox().send(key(2).public(), &note(Class::Consensus, b"secret"));
    let quiet = async {
        loop {
            tokio::select! {
                event = one_inbox.recv() => assert_no_contact(event.expect("running"), key(3).public()),
                event = impostor_inbox.recv() => panic!("the impostor was let in: {event:?}"),
                event = three_inbox.recv() => assert_no_contact(event.expect("running"), key(1).public()),
            }
        }
    };
    assert!(timeout(Duration::from_secs(4), quiet).await.is_err());
}

fn assert_no_contact(event: NetworkEvent<Note>, only: PublicKey) {
    let who = match &event {
        NetworkEvent::Connected(p) | NetworkEvent::Disconnected(p) => *p,
        NetworkEvent::Message { from, .. } => *from,
    };
    assert_eq!(who, only, "contact with the impostor: {event:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_chain_is_refused() {
    let at = addresses(2);
    let known = [(1, at[0]), (2, at[1])];
    let (_one, mut one_inbox) = start(1, chain(), at[0], &known);
    let (_two, mut two_inbox) = start(2, ChainId(Digest::of("test/chain", b"other")), at[1], &known);
    let quiet = async {
        tokio::select! {
            event = one_inbox.recv() => event,
            event = two_inbox.recv() => event,
        }
    };
    let heard = timeout(Duration::from_secs(3), quiet).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_closes_only_that_peers_connection() {
    let at = addresses(3);
    let known = [(1, at[0]), (2, at[1]), (3, at[2])];
    let (_one, mut one_inbox) = start(1, chain(), at[0], &known);
    let (two, mut two_inbox) = start(2, chain(), at[1], &known);
    let (three, mut three_inbox) = start(3, chain(), at[2], &known);
    let one = key(1).public();
    connected(&mut two_inbox, BTreeSet::from([one])).await;
    connected(&mut three_inbox, BTreeSet::from([one])).await;
    two.outbox().send(one, &Note { class: LIAR, says: b"undecodable".to_vec() });
    until(&mut two_inbox, |event| *event == NetworkEvent::Disconnected(one)).await;
    // It may come back, and node 3 never noticed.
    until(&mut two_inbox, |event| *event == NetworkEvent::Connected(one)).await;
    two.outbox().send(one, &note(Class::Sync, b"sorry"));
    three.outbox().send(one, &note(Class::Consensus, b"fine"));
    let mut heard = BTreeSet::new();
    until(&mut one_inbox, |event| {
        if let NetworkEvent::Message { message, .. } = event {
            heard.insert(message.says.clone());
        }
        heard.len() == 2
    })
    .await;
    assert_eq!(heard, BTreeSet::from([b"sorry".to_vec(), b"fine".to_vec()]));
    let lost = timeout(Duration::from_millis(500), three_inbox.recv()).await;
    assert!(!matches!(lost, Ok(Some(NetworkEvent::Disconnected(p))) if p == one), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_was_killed_and_restarted_is_back_within_a_second() {
    let at = addresses(2);
    let known = [(1, at[0]), (2, at[1])];
    let (one, mut one_inbox) = start(1, chain(), at[0], &known);
    // A runtime torn down under the endpoint says no farewell, as a killed process does not.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let doomed = doomed.expect("a runtime");
    let there = at[1];
    let started = doomed.spawn(async move { start(2, chain(), there, &known) });
    let (two, mut two_inbox) = started.await.expect("starts");
    connected(&mut one_inbox, BTreeSet::from([key(2).public()])).await;
    connected(&mut two_inbox, BTreeSet::from([key(1).public()])).await;
    doomed.shutdown_background();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    drop((two, two_inbox));
    one.outbox().send(key(2).public(), &note(Class::Consensus, b"into the void"));
    let back = Instant::now();
    let (_two, mut two_inbox) = start(2, chain(), at[1], &known);
    connected(&mut two_inbox, BTreeSet::from([key(1).public()])).await;
    let mut events = Vec::new();
    until(&mut one_inbox, |event| {
        events.push(event.clone());
        *event == NetworkEvent::Connected(key(2).public())
    })
    .await;
    assert!(back.elapsed() < Duration::from_secs(1), "took {:?}", back.elapsed());
    assert_eq!(events[0], NetworkEvent::Disconnected(key(2).public()), "the old connection was still thought alive");
    one.outbox().send(key(2).public(), &note(Class::Sync, b"welcome"));
    until(&mut two_inbox, |event| matches!(event, NetworkEvent::Message { message, .. } if message.says == b"welcome"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_over_its_cap_is_never_sent() {
    let at = addresses(2);
    let known = [(1, at[0]), (2, at[1])];
    let (one, mut one_inbox) = start(1, chain(), at[0], &known);
    let (_two, mut two_inbox) = start(2, chain(), at[1], &known);
    connected(&mut one_inbox, BTreeSet::from([key(2).public()])).await;
    one.outbox().broadcast(&note(Class::Consensus, &vec![0; Class::Consensus.frame_bytes_max()]));
    one.outbox().broadcast(&note(Class::Consensus, b"small"));
    until(&mut two_inbox, |event| match event {
        NetworkEvent::Message { message, .. } => {
            assert_eq!(message.says, b"small");
            true
        }
        _ => false,
    })
    .await;
}
