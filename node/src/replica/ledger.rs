//! The replica's seam to the ledger: what consensus needs to know of state, and nothing more.
//! Invariant: apart from `adopt`, nothing here changes the ledger. Must not know: how state is kept.

use crate::block::{Block, Certificate, CertifiedBlock, Timestamp};
use crate::crypto::{Digest, PublicKey};
use crate::state::{Applied, Backing, BlockFault, Ledger, Refusal};
use crate::transaction::{ChainId, Height, SignedTransaction, VerifiedTransaction};

/// A ledger as the replica sees it. The node's own is `state::Ledger`; the simulator may bring another.
pub trait LedgerApi {
    /// The chain.
    fn chain(&self) -> ChainId;
    /// Consensus keys of the validators of the next height.
    fn validators(&self) -> Vec<PublicKey>;
    /// The last committed height.
    fn height(&self) -> Height;
    /// Digest of the last block; of the genesis at height 0.
    fn last_block(&self) -> Digest;
    /// Time of the last block.
    fn last_time(&self) -> Timestamp;
    /// State root after the last block.
    fn state_root(&self) -> Digest;
    /// Checks a transaction for the mempool.
    fn admit(&self, transaction: &SignedTransaction) -> Result<VerifiedTransaction, Refusal>;
    /// Checks a proposed block against the state after the last one. `now` is the judge's clock.
    fn validate(&self, block: &Block, now: Timestamp) -> Result<(), BlockFault>;
    /// Executes a valid block without changing the ledger.
    fn execute(&self, block: &Block, certificate: &Certificate) -> Applied;
    /// Moves forward, once the block is durable.
    fn adopt(&mut self, applied: &Applied);
    /// A committed block, for a peer that was away.
    fn certified_block(&self, height: Height) -> Option<CertifiedBlock>;
}

impl<B: Backing> LedgerApi for Ledger<B> {
    fn chain(&self) -> ChainId {
        Ledger::chain(self)
    }
    fn validators(&self) -> Vec<PublicKey> {
        self.genesis().validator_keys()
    }
    fn height(&self) -> Height {
        Ledger::height(self)
    }
    fn last_block(&self) -> Digest {
        Ledger::last_block(self)
    }
    fn last_time(&self) -> Timestamp {
        Ledger::last_time(self)
    }
    fn state_root(&self) -> Digest {
        Ledger::state_root(self)
    }
    fn admit(&self, transaction: &SignedTransaction) -> Result<VerifiedTransaction, Refusal> {
        Ledger::admit(self, transaction)
    }
    fn validate(&self, block: &Block, now: Timestamp) -> Result<(), BlockFault> {
        Ledger::validate(self, block, now)
    }
    fn execute(&self, block: &Block, certificate: &Certificate) -> Applied {
        Ledger::execute(self, block, certificate)
    }
    fn adopt(&mut self, applied: &Applied) {
        Ledger::adopt(self, applied);
    }
    fn certified_block(&self, height: Height) -> Option<CertifiedBlock> {
        self.block_at(height)
    }
}
