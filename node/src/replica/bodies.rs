//! Bodies of proposed blocks. Owns which are wanted, which arrived early, and each one's verdict.
//! Invariant: a body is judged only when a proposal with a good signature names it; early ones are bounded by peer.
//! Must not know: how a body is judged.

use super::events::NodeId;
use crate::block::{Block, transactions_root};
use crate::consensus::driver::Candidate;
use crate::crypto::Digest;
use crate::transaction::Height;
use std::collections::{BTreeMap, VecDeque};

/// Most bodies of one height that proposals named. The core bounds proposals by round; this bounds them over rounds.
const NAMED_MAX: usize = 64;
/// Most unnamed bodies kept from one peer: the block in progress and the one after.
const EARLY_MAX: usize = 2;

/// A body that is kept.
pub(super) struct Body {
    /// The block.
    pub(super) block: Block,
    /// Whether it is in the write-ahead log.
    pub(super) logged: bool,
    /// Whether the ledger accepts it, once judged.
    pub(super) valid: Option<bool>,
}

/// The bodies of the height in progress.
#[derive(Default)]
pub(super) struct Bodies {
    kept: BTreeMap<Digest, Body>,
    wanted: BTreeMap<Digest, Vec<Candidate>>,
    early: BTreeMap<NodeId, VecDeque<(Digest, Block)>>,
}

impl Bodies {
    /// The body of `digest`, if it is here.
    pub(super) fn get(&self, digest: &Digest) -> Option<&Body> {
        self.kept.get(digest)
    }

    /// The body of `digest`, to note a verdict in.
    pub(super) fn get_mut(&mut self, digest: &Digest) -> Option<&mut Body> {
        self.kept.get_mut(digest)
    }

    /// Keeps a body of our own, or from the write-ahead log.
    pub(super) fn keep(&mut self, block: Block, logged: bool, valid: Option<bool>) {
        let digest = block.digest();
        self.kept.entry(digest).or_insert(Body { block, logged, valid });
    }

    /// A verified proposal names a block. True if its body is here to be judged.
    pub(super) fn want(&mut self, proposal: Candidate) -> bool {
        let digest = proposal.block();
        if self.kept.contains_key(&digest) {
            return true;
        }
        for early in self.early.values_mut() {
            if let Some(at) = early.iter().position(|(d, _)| *d == digest)
                && let Some((_, block)) = early.remove(at)
            {
                self.kept.insert(digest, Body { block, logged: false, valid: None });
                return true;
            }
        }
        if self.wanted.len() < NAMED_MAX {
            self.wanted.entry(digest).or_default().push(proposal);
        }
        false
    }

    /// A body arrived. Gives the proposals that waited for it; it is kept for later if none did.
    pub(super) fn arrive(&mut self, from: NodeId, block: Block) -> Vec<Candidate> {
        // The digest covers the header only: another's transactions under this header must not stand for the block.
        if transactions_root(&block.transactions) != block.header.transactions_root {
            return Vec::new();
        }
        let digest = block.digest();
        if self.kept.contains_key(&digest) {
            return Vec::new();
        }
        if let Some(proposals) = self.wanted.remove(&digest) {
            self.kept.insert(digest, Body { block, logged: false, valid: None });
            return proposals;
        }
        let early = self.early.entry(from).or_default();
        if !early.iter().any(|(d, _)| *d == digest) {
            early.push_back((digest, block));
        }
        if early.len() > EARLY_MAX {
            early.pop_front();
        }
        Vec::new()
    }

    /// Forgets everything up to `height`, which is committed.
    pub(super) fn forget(&mut self, height: Height) {
        self.kept.clear();
        self.wanted.clear();
        for early in self.early.values_mut() {
            early.retain(|(_, block)| block.header.height > height);
        }
        self.early.retain(|_, early| !early.is_empty());
    }

    /// Takes a kept body out.
    pub(super) fn take(&mut self, digest: &Digest) -> Option<Block> {
        self.kept.remove(digest).map(|body| body.block)
    }
}
