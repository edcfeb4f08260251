//! What the ledger needs of storage, and the one batch it hands back per block. Owns [`Backing`], [`Batch`] and the
//! in-memory store of tests and the simulator. Invariant: a batch is stored whole or not at all.
//! Must not know: what keys and values mean.

use crate::block::CertifiedBlock;
use crate::codec::Encode;
use crate::crypto::Digest;
use crate::transaction::Height;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// Committed storage, read-only. Everything it answers is of the last durable batch.
pub trait Backing: Send + Sync {
    /// The state value under `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Every state entry whose key starts with `prefix`, ascending by key.
    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)>;
    /// The tree entry under `key` (nodes of the state tree and its pruning lists; a keyspace of its own).
    fn tree_node(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// The encoded [`CertifiedBlock`] at `height`.
    fn block(&self, height: Height) -> Option<Vec<u8>>;
    /// The encoded [`super::CustodyFeed`] of the block at `height`.
    fn feed(&self, height: Height) -> Option<Vec<u8>>;
}

/// Everything one block changes, to be stored in one atomic, durable write. `None` deletes the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The block's height.
    pub height: Height,
    /// The block and why it is final.
    pub block: CertifiedBlock,
    /// State entries.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Entries of the state tree.
    pub tree_nodes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// State root after the block.
    pub state_root: Digest,
    /// Encoded custody feed of the block.
    pub feed: Vec<u8>,
}

#[derive(Default)]
struct Memory {
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    tree: BTreeMap<Vec<u8>, Vec<u8>>,
    blocks: BTreeMap<Height, Vec<u8>>,
    feeds: BTreeMap<Height, Vec<u8>>,
}

/// A store in memory, for tests and the simulator. Clones share their content, as handles on one disk do.
#[derive(Clone, Default)]
pub struct MemoryBacking(Arc<RwLock<Memory>>);

impl MemoryBacking {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `batch` whole.
    pub fn write(&self, batch: &Batch) {
        let mut memory = self.0.write().expect("no holder of this lock panics while writing");
        apply(&mut memory.state, &batch.state);
        apply(&mut memory.tree, &batch.tree_nodes);
        memory.blocks.insert(batch.height, batch.block.to_bytes());
        memory.feeds.insert(batch.height, batch.feed.clone());
    }

    /// A store of its own with equal content.
    pub fn snapshot(&self) -> Self {
        let memory = self.read();
        Self(Arc::new(RwLock::new(Memory {
            state: memory.state.clone(),
            tree: memory.tree.clone(),
            blocks: memory.blocks.clone(),
            feeds: memory.feeds.clone(),
        })))
    }

    /// Number of tree entries held, to test that pruning works.
    pub fn tree_entries(&self) -> usize {
        self.read().tree.len()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Memory> {
        self.0.read().expect("no holder of this lock panics while writing")
    }
}

impl Backing for MemoryBacking {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.read().state.get(key).cloned()
    }
    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.read()
            .state
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
    fn tree_node(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.read().tree.get(key).cloned()
    }
    fn block(&self, height: Height) -> Option<Vec<u8>> {
        self.read().blocks.get(&height).cloned()
    }
    fn feed(&self, height: Height) -> Option<Vec<u8>> {
        self.read().feeds.get(&height).cloned()
    }
}

fn apply(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, changes: &[(Vec<u8>, Option<Vec<u8>>)]) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}
