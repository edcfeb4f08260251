//! One replica against what a peer may send it. Invariant: lies change nothing, and the truth after a lie still counts.

use guiju_node::block::{Block, CertifiedBlock, Timestamp};
use guiju_node::codec::{Decode as _, Encode as _};
use guiju_node::consensus::ConsensusMessage;
use guiju_node::crypto::{Digest, Keypair, PublicKey};
use guiju_node::genesis::Genesis;
use guiju_node::mempool::{MempoolLimits, Rejection};
use guiju_node::replica::{Action, Event, NodeId, PeerMessage, Replica, ReplicaConfig, TimerId};
use guiju_node::transaction::{Envelope, Height, Payload, SignedTransaction, Transaction};
use guiju_tests::sim::{CLIENT, SimLedger, Store, genesis};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn key(index: u8) -> Keypair {
    Keypair::from_seed([index; 32])
}

fn node(index: u8) -> NodeId {
    NodeId(PublicKey([index; 32]))
}

fn chain() -> Genesis {
    let validators: Vec<_> = (1..=4).map(|i| (node(i), key(i).public())).collect();
    genesis(&validators, &key(9))
}

/// Nodes 1 to 4; the one asked for has started.
fn replica(index: u8) -> Replica<SimLedger> {
    let ledger = SimLedger::open(chain(), &Store::default());
    let peers = (1..=4).filter(|i| *i != index).map(|i| (node(i), key(i).public())).collect();
    let config = ReplicaConfig { key: key(index), node: node(index), peers, mempool: MempoolLimits::default() };
    let mut replica = Replica::new(config, ledger, Vec::new());
    replica.handle(NOW, Event::Started);
    replica
}

fn envelope(nonce: u8) -> Envelope {
    let body = Transaction {
        chain: chain().chain_id(),
        sender: CLIENT,
        nonce: [nonce; 16],
        valid_until: Height(100),
        payload: Payload::Withdraw { source: Digest([1; 32]) },
    };
    Envelope { transaction: SignedTransaction::sign(body, &[(CLIENT, &key(9))]), capsules: Vec::new() }
}

/// The index of the node that proposes first.
fn first() -> u8 {
    let first = replica(1).next_proposer();
    (1..=4).find(|i| key(*i).public() == first).expect("the proposer is one of the four")
}

fn other_than(index: u8) -> u8 {
    if index == 1 { 2 } else { 1 }
}

fn broadcasts(actions: &[Action]) -> Vec<PeerMessage> {
    let message = |action: &Action| match action {
        Action::Broadcast(message) => Some(message.clone()),
        _ => None,
    };
    actions.iter().filter_map(message).collect()
}

fn submit(replica: &mut Replica<SimLedger>, envelope: Envelope) -> Vec<Action> {
    replica.handle(NOW, Event::Submitted { ticket: 1, envelope })
}

fn hear(replica: &mut Replica<SimLedger>, from: u8, message: PeerMessage) -> Vec<Action> {
    replica.handle(NOW, Event::Message { from: node(from), message })
}

/// What the first proposer sends when it is given a transaction: proposal and body among it.
fn proposal() -> (u8, Vec<PeerMessage>) {
    let index = first();
    (index, broadcasts(&submit(&mut replica(index), envelope(1))))
}

fn body_of(messages: &[PeerMessage]) -> Block {
    let body = messages.iter().find_map(|message| match message {
        PeerMessage::Body { block, .. } => Some(block.clone()),
        _ => None,
    });
    body.expect("a proposer sends the body")
}

/// Which block the replica prevoted in these actions; nil is `Some(None)`.
fn voted(actions: &[Action]) -> Option<Option<Digest>> {
    broadcasts(actions).iter().find_map(|message| match message {
        PeerMessage::Consensus(vote @ ConsensusMessage::Vote(_)) => vote.statements().first().map(|(_, said)| *said),
        _ => None,
    })
}

#[test]
fn strangers_are_not_heard() {
    let mut replica = replica(1);
    let event = Event::Message { from: node(77), message: PeerMessage::Transaction(envelope(1)) };
    assert!(replica.handle(NOW, event).is_empty());
    assert_eq!(replica.pending(), 0);
}

#[test]
fn only_a_signed_message_wakes_a_node() {
    let (proposer, messages) = proposal();
    let mut sleeper = replica(other_than(proposer));
    let vote = messages.iter().find(|m| matches!(m, PeerMessage::Consensus(ConsensusMessage::Vote(_))));
    let vote = vote.expect("a proposer votes for its block").clone();
    let mut bytes = vote.to_bytes();
    *bytes.last_mut().expect("a vote has bytes") ^= 1;
    let forged = PeerMessage::from_bytes(&bytes).expect("only the signature changed");
    hear(&mut sleeper, proposer, forged);
    assert_eq!(sleeper.proposer(), None);
    hear(&mut sleeper, proposer, vote);
    assert_eq!(sleeper.proposer(), Some(key(proposer).public()));
}

#[test]
fn a_false_body_does_not_stand_in_the_true_ones_way() {
    let (proposer, messages) = proposal();
    let liar = (1..=4).rev().find(|i| *i != proposer && *i != other_than(proposer)).expect("four nodes");
    let mut voter = replica(other_than(proposer));
    let truth = body_of(&messages);
    let mut emptied = truth.clone();
    emptied.transactions.clear();
    assert_eq!(emptied.digest(), truth.digest(), "the digest covers the header alone");
    hear(&mut voter, liar, PeerMessage::Body { round: 0, block: emptied });
    let mut actions = Vec::new();
    for message in messages.iter().cloned() {
        actions.extend(hear(&mut voter, proposer, message));
    }
    assert_eq!(voted(&actions), Some(Some(truth.digest())));
}

#[test]
fn nothing_is_said_before_it_is_on_disk() {
    let mut proposer = replica(first());
    let mut unsynced = 0;
    let mut said = 0;
    for action in submit(&mut proposer, envelope(1)) {
        match action {
            Action::Append(_) => unsynced += 1,
            Action::SyncWal => unsynced = 0,
            Action::Broadcast(PeerMessage::Consensus(_)) => {
                assert_eq!(unsynced, 0);
                said += 1;
            }
            _ => {}
        }
    }
    assert!(said >= 2, "a proposal and a vote");
}

#[test]
fn a_block_without_a_quorum_is_not_taken_over() {
    let (proposer, messages) = proposal();
    let mut behind = replica(other_than(proposer));
    let block = body_of(&messages);
    let actions = hear(&mut behind, proposer, PeerMessage::Status { height: Height(9) });
    let asked = actions.iter().any(|action| {
        matches!(action, Action::Send { to, message: PeerMessage::SyncRequest { from: Height(1), .. } } if *to == node(proposer))
    });
    assert!(asked, "a peer that is ahead is asked");
    let certificate =
        guiju_node::block::Certificate { height: Height(1), round: 0, block: block.digest(), signatures: Vec::new() };
    let forged = CertifiedBlock { block, certificate };
    let actions = hear(&mut behind, proposer, PeerMessage::SyncResponse(vec![forged]));
    assert!(!actions.iter().any(|action| matches!(action, Action::Commit(_) | Action::Halt { .. })));
}

#[test]
fn clients_learn_why_a_transaction_is_not_taken() {
    let mut replica = replica(1);
    let mut with_capsule = envelope(1);
    with_capsule.capsules.push(vec![1]);
    let mut unsigned = envelope(2);
    unsigned.transaction.body.valid_until = Height(50);
    for (envelope, capsules) in [(with_capsule, true), (unsigned, false)] {
        let actions = submit(&mut replica, envelope);
        let [Action::Reply { result: Err(rejection), .. }] = actions.as_slice() else {
            panic!("one reply and nothing else: {actions:?}");
        };
        assert_eq!(*rejection == Rejection::Capsules, capsules);
        assert!(!rejection.is_temporary());
    }
    assert_eq!(replica.pending(), 0);
}

#[test]
fn a_cancelled_timer_that_still_fires_does_nothing() {
    let mut replica = replica(1);
    assert!(replica.handle(NOW, Event::Timer(TimerId::Sync)).is_empty());
}
