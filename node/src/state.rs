//! What the ledger needs from whatever holds its committed state, and what one block changes.
//! Invariant: a [`Batch`] is applied whole or not at all. Must not know: the storage engine, consensus, network.

pub mod feed;

use crate::block::CertifiedBlock;
use crate::crypto::Digest;
use crate::transaction::Height;

/// Committed state, as the ledger reads it.
pub trait Backing: Send + Sync {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// All pairs whose key starts with `prefix`, ascending by key.
    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// A node of the state tree.
    fn tree_node(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// The encoded [`CertifiedBlock`] at `height`.
    fn block(&self, height: Height) -> Option<Vec<u8>>;
    /// The encoded custody feed of the block at `height`.
    fn feed(&self, height: Height) -> Option<Vec<u8>>;
}

/// Everything one block writes.
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
