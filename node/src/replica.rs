//! The node's pure core: events in, ordered actions out. Owns the height in progress and the order of everything
//! durable. Invariant: the same events at the same times give the same actions; a consensus message is emitted only
//! after the `SyncWal` that covers it; one block is committed at a time; every buffer is bounded.
//! Must not know: clocks, threads, randomness, sockets, files.
//!
//! **An idle chain writes no blocks.** A height is *woken* by a pending transaction or by an authentic consensus
//! message of a peer for that height; only then are rounds started and timers set. Why nobody is left behind:
//! whoever wakes first either proposes, or waits its propose timeout and prevotes nil; either message wakes all the
//! others, which then take part in the round, whether or not they have anything to propose. The transaction itself is
//! gossiped until it is in a block, so the proposer of some round soon has it. A proposer that was woken but has
//! nothing waits in round 0; from round 1 on it closes the height with an empty block, so that a height once opened
//! always ends (otherwise a transaction that expired meanwhile would leave all nodes turning rounds for nothing).

mod bodies;
mod events;
mod exchange;
mod height;
mod ledger;

pub use self::events::{
    Action, CAPSULE_BYTES_MAX, CAPSULES_MAX, Event, NodeId, PEER_MESSAGE_BYTES_MAX, PeerMessage, SYNC_BLOCKS_MAX,
    SYNC_BYTES_MAX, TimerId,
};
pub use self::ledger::LedgerApi;

use self::bodies::Bodies;
use crate::block::Timestamp;
use crate::consensus::context::ValidatorSet;
use crate::consensus::driver::Driver;
use crate::consensus::{ConsensusMessage, WalRecord};
use crate::crypto::{Digest, Keypair, PublicKey};
use crate::mempool::{Mempool, MempoolLimits};
use crate::state::Applied;
use crate::sync::Catchup;
use crate::transaction::Height;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Milliseconds between two unasked statements of this node's height.
const STATUS_MS: u64 = 1_000;
/// Least milliseconds between statements of height to one peer, or after commits.
const STATUS_PAUSE_MS: u64 = 100;
/// Milliseconds between two rounds of sending pending transactions again.
const GOSSIP_MS: u64 = 1_000;
/// Milliseconds that consensus is given to deliver a block that peers already have.
const SYNC_PATIENCE_MS: u64 = 300;
/// Milliseconds a peer is given to answer a sync request.
const SYNC_ANSWER_MS: u64 = 2_000;
/// Milliseconds that a proposal of a validator that cannot be reached is waited for.
const ABSENT_PROPOSER_MS: u64 = 250;
/// Most consensus messages for the height to come that are kept from one peer.
const EARLY_MESSAGES_MAX: usize = 256;

/// Who this node is, and whom it talks to.
pub struct ReplicaConfig {
    /// The consensus key.
    pub key: Keypair,
    /// This node's transport identity.
    pub node: NodeId,
    /// The other nodes it accepts messages from, with their consensus keys.
    pub peers: BTreeMap<NodeId, PublicKey>,
    /// How much may be pending.
    pub mempool: MempoolLimits,
}

/// Where the height above the ledger's is.
enum Phase {
    /// Nobody has woken it.
    Idle,
    /// Rounds are in progress.
    Running,
    /// Decided and handed out to be made durable; the ledger has not moved yet.
    Committing(Arc<Applied>),
}

/// The replica.
pub struct Replica<L: LedgerApi> {
    config: ReplicaConfig,
    ledger: L,
    driver: Driver,
    validators: ValidatorSet,
    mempool: Mempool,
    catchup: Catchup,
    bodies: Bodies,
    phase: Phase,
    /// Records found at start, until they are replayed.
    recovered: Vec<WalRecord>,
    /// Messages for the height after the ledger's next, by peer.
    early: BTreeMap<NodeId, VecDeque<ConsensusMessage>>,
    connected: BTreeSet<NodeId>,
    timers: BTreeSet<TimerId>,
    /// The round in which it is our turn to propose and nothing was proposed yet.
    awaiting: Option<u32>,
    /// What we proposed at this height, by round: a restarted node must propose the same again.
    own_values: BTreeMap<u32, Digest>,
    equivocations: BTreeMap<PublicKey, u64>,
    status_sent: Timestamp,
    status_sent_to: BTreeMap<NodeId, Timestamp>,
    /// Whether records were appended since the last sync.
    unsynced: bool,
    /// Handed out last of the event's actions: votes need not wait for the ledger's own sync.
    to_commit: Option<Arc<Applied>>,
    started: bool,
    halted: bool,
    now: Timestamp,
    actions: Vec<Action>,
}

impl<L: LedgerApi> Replica<L> {
    /// A replica over `ledger`, with all the write-ahead records found on disk, in order. It acts on [`Event::Started`].
    pub fn new(config: ReplicaConfig, ledger: L, wal: Vec<WalRecord>) -> Self {
        let validators = ValidatorSet::new(ledger.validators());
        let driver = Driver::new(ledger.chain(), config.key.clone(), ledger.height().next(), validators.clone());
        let mempool = Mempool::new(config.mempool);
        Self {
            config,
            ledger,
            driver,
            validators,
            mempool,
            catchup: Catchup::default(),
            bodies: Bodies::default(),
            phase: Phase::Idle,
            recovered: wal,
            early: BTreeMap::new(),
            connected: BTreeSet::new(),
            timers: BTreeSet::new(),
            awaiting: None,
            own_values: BTreeMap::new(),
            equivocations: BTreeMap::new(),
            status_sent: Timestamp::default(),
            status_sent_to: BTreeMap::new(),
            unsynced: false,
            to_commit: None,
            started: false,
            halted: false,
            now: Timestamp::default(),
            actions: Vec::new(),
        }
    }

    /// Handles one event at `now` (the node's clock; it may step back). The actions are to be done in order; the next
    /// event may be handled before they are, except after [`Action::Halt`].
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Vec<Action> {
        if self.halted || (!self.started && event != Event::Started) {
            return Vec::new();
        }
        self.now = now;
        match event {
            Event::Started => self.on_started(),
            Event::Connected(peer) => self.on_connected(peer),
            Event::Disconnected(peer) => self.on_disconnected(peer),
            Event::Message { from, message } => self.on_message(from, message),
            Event::Timer(id) => self.on_timer(id),
            Event::Submitted { ticket, envelope } => self.on_submitted(ticket, envelope),
            Event::Committed { height } => self.on_committed(height),
            Event::Custody(report) => self.on_custody(report),
        }
        self.settle();
        if let Some(applied) = self.to_commit.take() {
            self.flush();
            self.actions.push(Action::Commit(applied));
        }
        std::mem::take(&mut self.actions)
    }

    /// The ledger, as of the last committed block.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    /// How many transactions are pending.
    pub fn pending(&self) -> usize {
        self.mempool.len()
    }

    /// Who proposes in the round in progress; `None` while the height is idle or being committed.
    pub fn proposer(&self) -> Option<PublicKey> {
        match self.phase {
            Phase::Running => Some(self.validators.proposer(self.driver.height(), self.driver.round())),
            Phase::Idle | Phase::Committing(_) => None,
        }
    }

    /// Who will propose first at the next height.
    pub fn next_proposer(&self) -> PublicKey {
        self.validators.proposer(self.ledger.height().next(), 0)
    }

    /// Validators caught signing two statements for one slot since this process started, and how many heights each.
    pub fn equivocations(&self) -> &BTreeMap<PublicKey, u64> {
        &self.equivocations
    }

    fn on_started(&mut self) {
        self.started = true;
        self.set_timer(TimerId::Status, STATUS_MS);
        self.set_timer(TimerId::Gossip, GOSSIP_MS);
        self.recover();
    }

    fn on_connected(&mut self, peer: NodeId) {
        if !self.config.peers.contains_key(&peer) {
            return;
        }
        self.connected.insert(peer);
        self.send(peer, PeerMessage::Status { height: self.ledger.height() });
        self.introduce(peer);
    }

    fn on_disconnected(&mut self, peer: NodeId) {
        self.connected.remove(&peer);
        self.catchup.distrust(peer);
        self.stop_waiting_for(peer);
    }

    fn on_message(&mut self, from: NodeId, message: PeerMessage) {
        if !self.config.peers.contains_key(&from) {
            return;
        }
        match message {
            PeerMessage::Consensus(message) => self.on_consensus(from, message),
            PeerMessage::Body { block, .. } => self.on_body(from, block),
            PeerMessage::Transaction(envelope) => self.on_gossip(envelope),
            PeerMessage::Status { height } => self.catchup.saw(from, height),
            PeerMessage::SyncRequest { from: first, count } => self.on_sync_request(from, first, count),
            PeerMessage::SyncResponse(blocks) => self.on_sync_response(from, blocks),
            PeerMessage::Capsules(capsules) => self.on_capsules(capsules),
            PeerMessage::WantCapsules(ids) => self.on_want_capsules(from, ids),
            // Carried past the replica.
            PeerMessage::Opening(_) => {}
        }
    }

    fn on_timer(&mut self, id: TimerId) {
        // A timer that was cancelled or replaced may still be on its way here.
        if !self.timers.remove(&id) {
            return;
        }
        match id {
            TimerId::Consensus { height, round, step } => self.on_wait_over(height, round, step),
            TimerId::Status => {
                self.status_sent = self.now;
                self.broadcast(PeerMessage::Status { height: self.ledger.height() });
                self.set_timer(TimerId::Status, STATUS_MS);
            }
            TimerId::Gossip => self.on_gossip_due(),
            TimerId::Sync => self.on_sync_due(),
        }
    }

    fn set_timer(&mut self, id: TimerId, after_ms: u64) {
        self.timers.insert(id);
        self.actions.push(Action::SetTimer { id, after_ms });
    }

    fn cancel_timer(&mut self, id: TimerId) {
        if self.timers.remove(&id) {
            self.actions.push(Action::CancelTimer(id));
        }
    }

    fn send(&mut self, to: NodeId, message: PeerMessage) {
        self.actions.push(Action::Send { to, message });
    }

    fn broadcast(&mut self, message: PeerMessage) {
        self.actions.push(Action::Broadcast(message));
    }

    fn append(&mut self, record: WalRecord) {
        self.unsynced = true;
        self.actions.push(Action::Append(record));
    }

    /// Orders everything appended to be durable before what follows.
    fn flush(&mut self) {
        if self.unsynced {
            self.unsynced = false;
            self.actions.push(Action::SyncWal);
        }
    }

    fn halt(&mut self, reason: String) {
        self.halted = true;
        self.to_commit = None;
        self.actions.push(Action::Halt { reason });
    }

    /// The height being agreed on.
    fn next_height(&self) -> Height {
        self.ledger.height().next()
    }
}
