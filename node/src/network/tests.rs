//! What a peer with a good key can still try: each breach closes its connection, and the node goes on.

use super::*;
use crate::codec::{DecodeError, Reader, Writer};
use crate::crypto::Digest;
use frame::{Hello, read_hello, write_hello};
use tokio::time::timeout;

struct Never;
impl Encode for Never {
    fn encode(&self, _: &mut Writer) {}
}
impl Decode for Never {
    fn decode(_: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Err(DecodeError::Malformed)
    }
}
impl Message for Never {
    fn class(&self) -> Class {
        Class::Consensus
    }
}

fn key(n: u8) -> Keypair {
    Keypair::from_seed([n; 32])
}

fn chain() -> ChainId {
    ChainId(Digest::of("test/chain", b"network"))
}

struct Breach {
    _node: Network,
    inbox: Inbox<Never>,
    _endpoint: quinn::Endpoint,
    connection: quinn::Connection,
}

/// A node, and a connection to it by a peer that holds a registered key.
async fn breach() -> Breach {
    let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let nowhere = "127.0.0.1:9".parse().expect("an address");
    let peers = BTreeMap::from([(key(2).public(), nowhere)]);
    let config = NetworkConfig { key: key(1), chain: chain(), listen: local, peers };
    let (node, inbox, _) = Network::start::<Never>(config).expect("starts");
    let endpoint = quinn::Endpoint::client(local).expect("binds");
    let client = identity::client_config(&key(2), key(1).public()).expect("configures");
    let address = node.local_address().expect("bound");
    let connection = endpoint.connect_with(client, address, "guiju").expect("dials").await.expect("connects");
    Breach { _node: node, inbox, _endpoint: endpoint, connection }
}

impl Breach {
    async fn greet(&self) {
        let (mut send, mut recv) = self.connection.open_bi().await.expect("opens");
        let hello = Hello { chain: chain(), height: Height(0), instance: 7 };
        write_hello(&mut send, &hello).await.expect("writes");
        assert_eq!(read_hello(&mut recv, chain()).await.expect("reads").chain, chain());
    }

    /// The code the node closes with, within `seconds`.
    async fn closed(mut self, seconds: u64) -> u64 {
        let reason = timeout(Duration::from_secs(seconds), self.connection.closed()).await.expect("closes");
        assert!(self.inbox.consensus.try_recv().is_err(), "nothing reached the core");
        match reason {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("closed otherwise: {other}"),
        }
    }

    async fn stream(&self, bytes: &[u8]) -> quinn::SendStream {
        let mut stream = self.connection.open_uni().await.expect("opens");
        // The node may close before it has taken everything.
        let _ = stream.write_all(bytes).await;
        stream
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_longer_than_its_class_allows_closes_before_its_bytes_come() {
    for class in Class::ALL {
        let breach = breach().await;
        breach.greet().await;
        let over = u32::try_from(class.frame_bytes_max() + 1).expect("small").to_be_bytes();
        let _stream = breach.stream(&[&[class.tag()], &over[..]].concat()).await;
        assert_eq!(breach.closed(2).await, 3, "{class:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undecodable_cut_and_unknown_streams_close() {
    let frame = |class: u8, length: u32, bytes: &[u8]| [&[class], &length.to_be_bytes()[..], bytes].concat();
    for bytes in [frame(1, 3, b"abc"), frame(0, 0, b""), frame(6, 0, b""), frame(255, 1, b"x")] {
        let breach = breach().await;
        breach.greet().await;
        let _stream = breach.stream(&bytes).await;
        assert_eq!(breach.closed(2).await, 3, "{bytes:?}");
    }
    let cut = breach().await;
    cut.greet().await;
    cut.stream(&frame(2, 9, b"abc")).await.finish().expect("finishes");
    assert_eq!(cut.closed(2).await, 3);
    let twice = breach().await;
    twice.greet().await;
    let _streams = (twice.stream(&[3]).await, twice.stream(&[3]).await);
    assert_eq!(twice.closed(2).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_or_missing_hello_closes() {
    let other = breach().await;
    let (mut send, _recv) = other.connection.open_bi().await.expect("opens");
    let hello = Hello { chain: ChainId(Digest::of("test/chain", b"other")), height: Height(0), instance: 7 };
    write_hello(&mut send, &hello).await.expect("writes");
    assert_eq!(other.closed(2).await, 3);
    let garbage = breach().await;
    let (mut send, _recv) = garbage.connection.open_bi().await.expect("opens");
    send.write_all(&[0, 0, 0, 200]).await.expect("writes");
    assert_eq!(garbage.closed(2).await, 3);
    assert_eq!(breach().await.closed(5).await, 2, "silence is too late after 3 s");
}
