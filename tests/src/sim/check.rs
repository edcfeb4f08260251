//! The promises, checked at each step. Owns what was ever signed and committed by anyone in the run.
//! Invariant: the checker re-derives; it asks no replica whether it is right.
//! Must not know: faults, time.

use guiju_node::consensus::messages::Slot;
use guiju_node::consensus::{CertificateFault, ConsensusMessage, verify_certificate};
use guiju_node::crypto::{Digest, PublicKey};
use guiju_node::state::Applied;
use guiju_node::transaction::{ChainId, Height, TransactionId};
use std::collections::BTreeMap;
use std::fmt;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// One key signed two different statements for one slot.
    DoubleSign {
        /// The slot.
        slot: Slot,
        /// What was said first; `None` is nil.
        first: Option<Digest>,
        /// What was said then.
        second: Option<Digest>,
    },
    /// Two blocks were committed at one height.
    Fork(Height),
    /// One block gave two state roots.
    Roots(Height),
    /// A block was committed whose header states another root than its parent left.
    FalseRoot(Height),
    /// A block was committed on a certificate that proves nothing.
    Certificate(Height, CertificateFault),
    /// A transaction was executed twice.
    Twice(TransactionId, Height, Height),
    /// A replica stopped itself.
    Halted {
        /// Which.
        node: usize,
        /// Its reason.
        reason: String,
    },
    /// A replica holds more than it may.
    Unbounded {
        /// Which.
        node: usize,
    },
    /// A healed network did not decide what it was given.
    NoProgress {
        /// Heights of the nodes' ledgers.
        heights: Vec<u64>,
        /// Transactions that no ledger holds.
        missing: usize,
    },
    /// An idle chain went on writing blocks or turning rounds.
    Restless {
        /// Heights before and after.
        heights: (u64, u64),
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoubleSign { slot, first, second } => {
                write!(f, "double signature in {slot:?}: first {first:?}, then {second:?}")
            }
            Self::Fork(height) => write!(f, "two blocks at height {height}"),
            Self::Roots(height) => write!(f, "two state roots at height {height}"),
            Self::FalseRoot(height) => write!(f, "block {height} states a false root"),
            Self::Certificate(height, fault) => write!(f, "block {height} is not certified: {fault}"),
            Self::Twice(id, first, second) => write!(f, "{id} executed at {first} and at {second}"),
            Self::Halted { node, reason } => write!(f, "node {node} stopped: {reason}"),
            Self::Unbounded { node } => write!(f, "node {node} holds more than it may"),
            Self::NoProgress { heights, missing } => {
                write!(f, "no progress after healing: heights {heights:?}, {missing} transactions missing")
            }
            Self::Restless { heights } => write!(f, "an idle chain went from {} to {}", heights.0, heights.1),
        }
    }
}

impl std::error::Error for Failure {}

/// What a run saw; two runs of one seed must be equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Blocks decided.
    pub blocks: u64,
    /// Transactions executed.
    pub transactions: u64,
    /// Nodes lost in the middle of their actions.
    pub crashes: u64,
    /// Messages dropped, garbled or cut off.
    pub lost: u64,
    /// Events handled.
    pub events: u64,
    /// Blocks decided after round 0.
    pub late_blocks: u64,
    /// Blocks that a node took over from a peer's ledger.
    pub synced: u64,
    /// Statements signed.
    pub statements: u64,
    /// Statements that the amnesiac contradicted.
    pub lies: u64,
    /// Digest of everything sent and committed, in order.
    pub fingerprint: Digest,
}

/// The checker.
pub(super) struct Checker {
    chain: ChainId,
    /// State root of the genesis.
    origin: Digest,
    validators: Vec<PublicKey>,
    /// Who is expected to sign twice; all others must be right in spite of it.
    liar: Option<PublicKey>,
    said: BTreeMap<Slot, Option<Digest>>,
    committed: BTreeMap<Height, (Digest, Digest)>,
    executed: BTreeMap<TransactionId, Height>,
    pub(super) record: Record,
}

impl Checker {
    pub(super) fn new(chain: ChainId, origin: Digest, validators: Vec<PublicKey>, liar: Option<PublicKey>) -> Self {
        Self {
            chain,
            origin,
            validators,
            liar,
            said: BTreeMap::new(),
            committed: BTreeMap::new(),
            executed: BTreeMap::new(),
            record: Record::default(),
        }
    }

    /// A node sends `message`.
    pub(super) fn on_sent(&mut self, message: &ConsensusMessage) -> Result<(), Failure> {
        for (slot, second) in message.statements() {
            match self.said.get(&slot) {
                None => {
                    self.said.insert(slot, second);
                    self.record.statements += 1;
                }
                Some(first) if *first == second => {}
                Some(_) if self.liar == Some(slot.validator) => self.record.lies += 1,
                Some(first) => return Err(Failure::DoubleSign { slot, first: *first, second }),
            }
        }
        Ok(())
    }

    /// A node commits.
    pub(super) fn on_commit(&mut self, applied: &Applied) -> Result<(), Failure> {
        let certified = &applied.batch.block;
        let (height, digest) = (applied.height, certified.block.digest());
        verify_certificate(self.chain, &self.validators, &certified.certificate)
            .map_err(|fault| Failure::Certificate(height, fault))?;
        if certified.certificate.block != digest || certified.block.header.height != height {
            return Err(Failure::Fork(height));
        }
        match self.committed.get(&height) {
            Some((block, _)) if *block != digest => return Err(Failure::Fork(height)),
            Some((_, root)) if *root != applied.state_root => return Err(Failure::Roots(height)),
            Some(_) => return Ok(()),
            None => {}
        }
        let before = height.0.checked_sub(1).and_then(|height| self.committed.get(&Height(height)));
        if before.map_or(self.origin, |(_, root)| *root) != certified.block.header.state_root {
            return Err(Failure::FalseRoot(height));
        }
        self.committed.insert(height, (digest, applied.state_root));
        self.record.blocks += 1;
        self.record.late_blocks += u64::from(certified.certificate.round > 0);
        for transaction in &certified.block.transactions {
            let id = transaction.body.id();
            self.record.transactions += 1;
            if let Some(first) = self.executed.insert(id, height) {
                return Err(Failure::Twice(id, first, height));
            }
        }
        Ok(())
    }

    /// Whether a committed block holds the transaction.
    pub(super) fn is_executed(&self, id: &TransactionId) -> bool {
        self.executed.contains_key(id)
    }

    /// Adds to the fingerprint.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        let mut all = self.record.fingerprint.0.to_vec();
        all.extend_from_slice(bytes);
        self.record.fingerprint = Digest::of("guiju/1/simulated-run", &all);
    }
}
