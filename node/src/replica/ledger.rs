//! The replica's seam to the ledger: what consensus needs to know of state, and nothing more.
//! Invariant: apart from `adopt`, nothing here changes the ledger. Must not know: how state is kept.

use crate::block::{Block, Certificate, CertifiedBlock, Timestamp};
use crate::crypto::{Digest, PublicKey};
use crate::state::{Applied, BlockFault, Refusal};
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
