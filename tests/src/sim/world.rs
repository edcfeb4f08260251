//! Time, links, disks and the nodes on them. Owns the queue of what happens next and the simulated server.
//! Invariant: things happen in order of (time, number); a node's actions are done in order, each alone, and a crash
//! can follow any of them. Must not know: promises; the checker does.

use super::Faults;
use super::check::{Checker, Failure, Record};
use super::dice::Dice;
use super::ledger::{CLIENT, SimLedger, Store, genesis};
use guiju_node::block::Timestamp;
use guiju_node::codec::{Decode as _, Encode as _};
use guiju_node::consensus::WalRecord;
use guiju_node::crypto::{Digest, Keypair, PublicKey};
use guiju_node::genesis::Genesis;
use guiju_node::mempool::MempoolLimits;
use guiju_node::replica::{Action, Event, LedgerApi as _, NodeId, PeerMessage, Replica, ReplicaConfig, TimerId};
use guiju_node::transaction::{
    ChainId, Encapsulation, Envelope, Exchange, Height, Payload, Request, SignedTransaction, Transaction, TransactionId,
};
use std::collections::{BTreeMap, VecDeque};

const NODES: usize = 4;
/// Where simulated time begins: some day in 2026, milliseconds since 1970.
const EPOCH_MS: u64 = 1_790_000_000_000;
/// Most events that wait at a node, as in the server's own queue; more are lost.
const INBOX_MAX: usize = 4_096;
/// Simulated milliseconds a healed network is given.
const PATIENCE_MS: u64 = 60_000;
/// Simulated milliseconds in which open rounds must end: a few of the longest.
const SETTLE_MS: u64 = 30_000;
/// Simulated milliseconds an idle chain is watched.
const IDLE_MS: u64 = 10_000;

enum Occurrence {
    Deliver {
        from: usize,
        to: usize,
        life: u32,
        bytes: Vec<u8>,
    },
    Timer {
        node: usize,
        life: u32,
        id: TimerId,
        setting: u64,
    },
    /// The node's disk or processor is done: it goes on with its actions.
    Resume {
        node: usize,
        life: u32,
    },
    Restart {
        node: usize,
    },
    Submit,
    Cut,
    Mend,
}

/// What survives a crash.
#[derive(Default)]
struct Disk {
    store: Store,
    wal: Vec<WalRecord>,
    unsynced: Vec<WalRecord>,
}

struct Node {
    replica: Option<Replica<SimLedger>>,
    disk: Disk,
    /// Counts restarts: what was on its way to an earlier life is lost.
    life: u32,
    skew_ms: u64,
    inbox: VecDeque<Event>,
    actions: VecDeque<Action>,
    busy: bool,
    timers: BTreeMap<TimerId, u64>,
}

pub(super) struct World {
    dice: Dice,
    faults: Faults,
    wal: bool,
    now_ms: u64,
    number: u64,
    queue: BTreeMap<(u64, u64), Occurrence>,
    nodes: Vec<Node>,
    keys: Vec<Keypair>,
    client: Keypair,
    genesis: Genesis,
    chain: ChainId,
    cut: Option<usize>,
    /// Whether transactions are lost between nodes, and nothing else is.
    mute: bool,
    healed: bool,
    checker: Checker,
}

fn node_id(index: usize) -> NodeId {
    NodeId(PublicKey([u8::try_from(index + 1).expect("few nodes"); 32]))
}

impl World {
    pub(super) fn new(mut dice: Dice, faults: Faults, wal: bool) -> Self {
        let keys: Vec<_> = (0..NODES).map(|i| Keypair::from_seed([i as u8 + 1; 32])).collect();
        let client = Keypair::from_seed([77; 32]);
        let validators: Vec<_> = keys.iter().enumerate().map(|(i, key)| (node_id(i), key.public())).collect();
        let genesis = genesis(&validators, &client);
        let chain = genesis.chain_id();
        let origin = SimLedger::open(genesis.clone(), &Store::default()).state_root();
        let nodes = (0..NODES)
            .map(|_| Node {
                replica: None,
                disk: Disk::default(),
                life: 0,
                skew_ms: dice.below(faults.skew_ms),
                inbox: VecDeque::new(),
                actions: VecDeque::new(),
                busy: false,
                timers: BTreeMap::new(),
            })
            .collect();
        let liar = faults.amnesiac.map(|node| keys[node].public());
        let checker = Checker::new(chain, origin, keys.iter().map(Keypair::public).collect(), liar);
        let mut world = Self {
            dice,
            faults,
            wal,
            now_ms: 0,
            number: 0,
            queue: BTreeMap::new(),
            nodes,
            keys,
            client,
            genesis,
            chain,
            cut: None,
            mute: false,
            healed: false,
            checker,
        };
        for node in 0..NODES {
            world.at(node as u64, Occurrence::Restart { node });
        }
        world.at(50, Occurrence::Submit);
        if faults.cut_every_ms > 0 {
            world.at(faults.cut_every_ms, Occurrence::Cut);
        }
        world
    }

    pub(super) fn record(&self) -> Record {
        self.checker.record
    }

    /// Lets time pass up to `until_ms`.
    pub(super) fn run_until(&mut self, until_ms: u64) -> Result<(), Failure> {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until_ms {
                break;
            }
            let ((time, _), occurrence) = entry.remove_entry();
            self.now_ms = time;
            self.happen(occurrence)?;
        }
        self.now_ms = until_ms;
        Ok(())
    }

    /// Ends all faults and brings every node back.
    pub(super) fn heal(&mut self, faults: Faults) -> Result<(), Failure> {
        self.faults = faults;
        self.healed = true;
        self.mend();
        let limit = self.now_ms + 5_000;
        self.run_until(limit)?;
        self.expect_rest()
    }

    /// Whoever is still inside a round closes it, without being given anything more; then nothing is decided.
    fn expect_rest(&mut self) -> Result<(), Failure> {
        let settle = self.now_ms + SETTLE_MS;
        self.run_until(settle)?;
        let before = self.top();
        let end = self.now_ms + IDLE_MS;
        self.run_until(end)?;
        let resting = self.nodes.iter().all(|n| n.replica.as_ref().is_some_and(|r| r.proposer().is_none()));
        if self.top() != before || !resting {
            return Err(Failure::Restless { heights: (before, self.top()) });
        }
        Ok(())
    }

    /// A healed network decides what it is given, at every node, then comes to rest.
    pub(super) fn expect_progress(&mut self) -> Result<(), Failure> {
        let probes: Vec<_> = (0..NODES).map(|node| self.submit_to(node)).collect::<Result<_, _>>()?;
        let deadline = self.now_ms + PATIENCE_MS;
        loop {
            let missing = probes.iter().filter(|id| !self.checker.is_executed(id)).count();
            let heights: Vec<_> = self.nodes.iter().map(|node| node.disk.store.height().0).collect();
            let level = heights.iter().all(|height| *height == heights[0]);
            let idle = self.nodes.iter().all(|n| n.replica.as_ref().is_some_and(|r| r.pending() == 0));
            if missing == 0 && level && idle {
                break;
            }
            if self.now_ms >= deadline {
                return Err(Failure::NoProgress { heights, missing });
            }
            let step = self.now_ms + 100;
            self.run_until(step)?;
        }
        self.expect_rest()
    }

    fn top(&self) -> u64 {
        self.nodes.iter().map(|node| node.disk.store.height().0).max().unwrap_or(0)
    }

    fn at(&mut self, after_ms: u64, occurrence: Occurrence) {
        self.number += 1;
        self.queue.insert((self.now_ms + after_ms, self.number), occurrence);
    }

    fn happen(&mut self, occurrence: Occurrence) -> Result<(), Failure> {
        match occurrence {
            Occurrence::Deliver { from, to, life, bytes } => {
                if self.nodes[to].life != life || self.is_cut(from, to) {
                    self.checker.record.lost += 1;
                    return Ok(());
                }
                match PeerMessage::from_bytes(&bytes) {
                    Ok(message) => self.give(to, Event::Message { from: node_id(from), message }),
                    Err(_) => {
                        self.checker.record.lost += 1;
                        Ok(())
                    }
                }
            }
            Occurrence::Timer { node, life, id, setting } => {
                if self.nodes[node].life != life || self.nodes[node].timers.get(&id) != Some(&setting) {
                    return Ok(());
                }
                self.nodes[node].timers.remove(&id);
                self.give(node, Event::Timer(id))
            }
            Occurrence::Resume { node, life } => {
                if self.nodes[node].life != life {
                    return Ok(());
                }
                self.nodes[node].busy = false;
                self.work(node)
            }
            Occurrence::Restart { node } => self.restart(node),
            Occurrence::Submit => {
                if self.healed || self.faults.submit_every_ms == 0 {
                    return Ok(());
                }
                let node = self.dice.below(NODES as u64) as usize;
                let pause = 1 + self.dice.below(2 * self.faults.submit_every_ms);
                self.at(pause, Occurrence::Submit);
                self.submit_to(node).map(|_| ())
            }
            Occurrence::Cut => {
                if self.healed {
                    return Ok(());
                }
                let node = self.dice.below(NODES as u64) as usize;
                self.cut = Some(node);
                let (length, pause) = (self.dice.below(3_000), self.dice.below(2 * self.faults.cut_every_ms));
                self.at(length, Occurrence::Mend);
                self.at(length + pause + 1, Occurrence::Cut);
                self.links(node, false)
            }
            Occurrence::Mend => {
                let Some(node) = self.cut.take() else { return Ok(()) };
                self.links(node, true)
            }
        }
    }

    fn mend(&mut self) {
        self.at(0, Occurrence::Mend);
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.is_some_and(|node| node == a || node == b)
    }

    /// Tells all running nodes that the links of `node` came up or went down.
    fn links(&mut self, node: usize, up: bool) -> Result<(), Failure> {
        for other in (0..NODES).filter(|other| *other != node) {
            if self.nodes[node].replica.is_none() || self.nodes[other].replica.is_none() {
                continue;
            }
            if up && self.is_cut(node, other) {
                continue;
            }
            let event = |peer| if up { Event::Connected(node_id(peer)) } else { Event::Disconnected(node_id(peer)) };
            self.give(node, event(other))?;
            self.give(other, event(node))?;
        }
        Ok(())
    }

    /// Lets `node` never come up.
    pub(super) fn bury(&mut self, node: usize) {
        self.queue.retain(|_, occurrence| !matches!(occurrence, Occurrence::Restart { node: n } if *n == node));
    }

    /// A node that is not to propose opens a height for a transaction only it has, and dies once it has woken the
    /// others. They must close the height with nothing to put into it, and rest.
    pub(super) fn open_and_die(&mut self) -> Result<(), Failure> {
        self.mute = true;
        let first = self.nodes[0].replica.as_ref().map(Replica::next_proposer);
        let node = (0..NODES).find(|node| Some(self.keys[*node].public()) != first).expect("only one is to propose");
        self.submit_to(node)?;
        while self.nodes.iter().any(|n| n.replica.as_ref().is_some_and(|r| r.proposer().is_none())) {
            let step = self.now_ms + 10;
            self.run_until(step)?;
            if self.now_ms > PATIENCE_MS {
                return Err(Failure::NoProgress { heights: vec![self.top()], missing: 1 });
            }
        }
        self.crash(node)?;
        self.expect_rest()?;
        if self.top() == 0 { Err(Failure::Restless { heights: (0, 0) }) } else { Ok(()) }
    }

    /// Submits a transaction to `node` and waits for a block with it; gives the simulated milliseconds it took.
    pub(super) fn time_one(&mut self, node: usize) -> Result<u64, Failure> {
        let begin = self.now_ms;
        let id = self.submit_to(node)?;
        while !self.checker.is_executed(&id) {
            if self.now_ms > begin + PATIENCE_MS {
                let heights = self.nodes.iter().map(|node| node.disk.store.height().0).collect();
                return Err(Failure::NoProgress { heights, missing: 1 });
            }
            let step = self.now_ms + 10;
            self.run_until(step)?;
        }
        Ok(self.now_ms - begin)
    }

    fn restart(&mut self, node: usize) -> Result<(), Failure> {
        let store = self.nodes[node].disk.store.clone();
        let validators: Vec<_> = self.keys.iter().map(Keypair::public).collect();
        let mut ledger = SimLedger::open(self.genesis.clone(), &store);
        if self.faults.crook == Some(node) {
            ledger.corrupt(validators[node]);
        }
        let peers =
            (0..NODES).filter(|other| *other != node).map(|other| (node_id(other), validators[other])).collect();
        let mempool = MempoolLimits { count: 400, ..MempoolLimits::default() };
        let config = ReplicaConfig { key: self.keys[node].clone(), node: node_id(node), peers, mempool };
        // The records cross the disk as bytes.
        let bytes: Vec<Vec<u8>> = self.nodes[node].disk.wal.iter().map(WalRecord::to_bytes).collect();
        let wal = bytes.iter().map(|b| WalRecord::from_bytes(b).expect("what was written can be read")).collect();
        self.nodes[node].replica = Some(Replica::new(config, ledger, wal));
        self.give(node, Event::Started)?;
        self.links(node, true)
    }

    /// Loses the node where it stands. Of what was not synced, a prefix may have reached the disk.
    fn crash(&mut self, node: usize) -> Result<(), Failure> {
        self.checker.record.crashes += 1;
        let lost = &mut self.nodes[node];
        lost.replica = None;
        lost.life += 1;
        lost.inbox.clear();
        lost.actions.clear();
        lost.timers.clear();
        lost.busy = false;
        let kept = self.dice.below(lost.disk.unsynced.len() as u64 + 1) as usize;
        let survived: Vec<_> = lost.disk.unsynced.drain(..).take(kept).collect();
        lost.disk.wal.extend(survived);
        if self.faults.amnesiac == Some(node) {
            lost.disk.wal.clear();
        }
        let pause = 1 + self.dice.below(2_000);
        self.at(pause, Occurrence::Restart { node });
        for other in (0..NODES).filter(|other| *other != node) {
            if self.nodes[other].replica.is_some() {
                self.give(other, Event::Disconnected(node_id(node)))?;
            }
        }
        Ok(())
    }

    fn give(&mut self, node: usize, event: Event) -> Result<(), Failure> {
        if self.nodes[node].replica.is_none() || self.nodes[node].inbox.len() >= INBOX_MAX {
            self.checker.record.lost += 1;
            return Ok(());
        }
        self.nodes[node].inbox.push_back(event);
        if self.nodes[node].busy { Ok(()) } else { self.work(node) }
    }

    /// The simulated server: does what is to be done, takes the next event, and so on until it must wait.
    fn work(&mut self, node: usize) -> Result<(), Failure> {
        // Handing an event to a peer can lead back here; the mark keeps one node from working twice at once.
        self.nodes[node].busy = true;
        loop {
            if let Some(action) = self.nodes[node].actions.pop_front() {
                let wait_ms = self.perform(node, action)?;
                if self.faults.crash > 0 && self.dice.chance(self.faults.crash) {
                    return self.crash(node);
                }
                if wait_ms > 0 {
                    let life = self.nodes[node].life;
                    self.at(wait_ms, Occurrence::Resume { node, life });
                    return Ok(());
                }
                continue;
            }
            let Some(event) = self.nodes[node].inbox.pop_front() else { break };
            let now = Timestamp(EPOCH_MS + self.now_ms + self.nodes[node].skew_ms);
            let Some(replica) = self.nodes[node].replica.as_mut() else { break };
            self.checker.record.events += 1;
            let actions = replica.handle(now, event);
            if replica.pending() > 400 {
                return Err(Failure::Unbounded { node });
            }
            self.nodes[node].actions.extend(actions);
        }
        self.nodes[node].busy = false;
        Ok(())
    }

    /// Does one action; gives how long it keeps the node.
    fn perform(&mut self, node: usize, action: Action) -> Result<u64, Failure> {
        match action {
            Action::Append(record) => {
                if self.wal {
                    self.nodes[node].disk.unsynced.push(record);
                }
            }
            Action::SyncWal => {
                let disk = &mut self.nodes[node].disk;
                disk.wal.append(&mut disk.unsynced);
                return Ok(self.dice.below(self.faults.sync_ms + 1));
            }
            Action::TruncateWal(height) => {
                let disk = &mut self.nodes[node].disk;
                disk.unsynced.retain(|record| record.height() > height);
                // A crash can undo a truncation: then the old records are found again, and must be ignored.
                if self.dice.chance(5_000) {
                    disk.wal.retain(|record| record.height() > height);
                }
            }
            Action::Send { to, message } => {
                self.sent(&message)?;
                let to = (0..NODES).find(|index| node_id(*index) == to).expect("peers are nodes");
                self.transmit(node, to, &message);
            }
            Action::Broadcast(message) => {
                self.sent(&message)?;
                for to in (0..NODES).filter(|to| *to != node) {
                    self.transmit(node, to, &message);
                }
            }
            Action::SetTimer { id, after_ms } => {
                let life = self.nodes[node].life;
                let setting = self.number;
                self.nodes[node].timers.insert(id, setting);
                self.at(after_ms, Occurrence::Timer { node, life, id, setting });
            }
            Action::CancelTimer(id) => {
                self.nodes[node].timers.remove(&id);
            }
            Action::Commit(applied) => {
                self.checker.on_commit(&applied)?;
                self.checker.note(&applied.state_root.0);
                self.nodes[node].disk.store.write(&applied.batch);
                self.nodes[node].inbox.push_front(Event::Committed { height: applied.height });
                return Ok(self.dice.below(2 * self.faults.sync_ms + 1));
            }
            Action::Reply { .. } | Action::Custody(_) => {}
            Action::Halt { reason } => return Err(Failure::Halted { node, reason }),
        }
        Ok(0)
    }

    fn sent(&mut self, message: &PeerMessage) -> Result<(), Failure> {
        if let PeerMessage::SyncResponse(blocks) = message {
            self.checker.record.synced += blocks.len() as u64;
        }
        match message {
            PeerMessage::Consensus(message) => self.checker.on_sent(message),
            _ => Ok(()),
        }
    }

    fn transmit(&mut self, from: usize, to: usize, message: &PeerMessage) {
        let mut bytes = message.to_bytes();
        self.checker.note(&bytes);
        let muted = self.mute && matches!(message, PeerMessage::Transaction(_));
        if self.nodes[to].replica.is_none() || self.is_cut(from, to) || muted || self.dice.chance(self.faults.drop) {
            self.checker.record.lost += 1;
            return;
        }
        if self.dice.chance(self.faults.corrupt) {
            let at = self.dice.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 + self.dice.below(255) as u8;
        }
        let copies = if self.dice.chance(self.faults.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let far = if self.dice.chance(self.faults.reorder) { self.dice.below(2_000) } else { 0 };
            let delay = 1 + self.dice.below(self.faults.delay_ms) + far;
            let life = self.nodes[to].life;
            self.at(delay, Occurrence::Deliver { from, to, life, bytes: bytes.clone() });
        }
    }

    fn submit_to(&mut self, node: usize) -> Result<TransactionId, Failure> {
        // Some expire before they are decided, and leave a height open with nothing to put into it.
        let validity = if !self.healed && self.dice.chance(2_500) { 1 + self.dice.below(2) } else { 1_000 };
        // None of these can succeed on a chain without policies, but each is executed, and its failure is recorded.
        let payload = match self.dice.below(3) {
            0 => Payload::Withdraw { source: Digest([1; 32]) },
            1 => Payload::Publish { source: format!("语言 zh\n模块 无 {}", self.number) },
            _ => Payload::Request(Request {
                policy: "无.此策略".to_owned(),
                exchange: Exchange::Evaluation,
                purpose: "目的".to_owned(),
                basis: String::new(),
                as_of: None,
                arguments_key: Encapsulation::default(),
                arguments: vec![0; 64],
            }),
        };
        let body = Transaction {
            chain: self.chain,
            sender: CLIENT,
            nonce: self.dice.bytes16(),
            valid_until: Height(self.top() + validity),
            payload,
        };
        let id = body.id();
        let transaction = SignedTransaction::sign(body, &[(CLIENT, &self.client)]);
        let envelope = Envelope { transaction, capsules: Vec::new() };
        self.give(node, Event::Submitted { ticket: self.number, envelope })?;
        Ok(id)
    }
}
