//! Placeholder shape of the ledger's result types until the ledger's own file is merged; it replaces this one whole.
//! Invariant: none of its own. Must not know: consensus, network, storage.

pub mod feed;

use self::feed::CustodyFeed;
use crate::block::CertifiedBlock;
use crate::crypto::Digest;
use crate::transaction::{Height, TransactionId};
use std::fmt;

/// Everything one block writes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The block's height.
    pub height: Height,
    /// The block, and why it is final.
    pub block: CertifiedBlock,
    /// Changed state, `None` for removal.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Changed nodes of the state tree, `None` for removal.
    pub tree_nodes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// State root after the block.
    pub state_root: Digest,
    /// Encoded feed for the custodian.
    pub feed: Vec<u8>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// It took effect.
    Done,
}

/// What executing a block gives.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The block's height.
    pub height: Height,
    /// State root after the block.
    pub state_root: Digest,
    /// What is written.
    pub batch: Batch,
    /// What custodians learn.
    pub feed: CustodyFeed,
    /// What became of each transaction.
    pub outcomes: Vec<(TransactionId, TransactionOutcome)>,
}

/// Why a transaction is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why a block is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockFault(pub &'static str);

impl fmt::Display for BlockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
