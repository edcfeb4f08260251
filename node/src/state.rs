//! The ledger's state and how a decided block changes it. Owns [`Ledger`]: the head, the register of policies in force and
//! the results of execution. Invariant: `execute` is a pure, total function of the state and the block, so that every node
//! reaches the same root; only `adopt` moves the ledger. Must not know: consensus rounds, storage engines, networks, clocks.

mod admission;
mod ask;
mod attest;
mod backing;
mod erasure;
mod execute;
pub mod feed;
pub mod keys;
mod overlay;
mod points;
mod requests;
mod revocation;
mod submission;
#[cfg(test)]
pub(crate) mod tests;
mod tree;

pub use self::admission::{BlockFault, CLOCK_AHEAD_MAX_MS, Refusal};
pub use self::backing::{Backing, Batch, MemoryBacking};
pub use self::erasure::Erasure;
pub use self::feed::{ActivatedModule, CustodyFeed, FinalisedRequest, PermittedRequest};
pub(crate) use self::overlay::Overlay;
pub(crate) use self::requests::ResultSignatures;
pub use self::requests::{DEFAULT_CLAUSE, Pending, RequestState, RequestStatus, TransactionOutcome};
pub use self::tree::{ROOTS_RETAINED, StateProof};

use crate::block::{CertifiedBlock, Timestamp};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, PublicKey};
use crate::custodians::CustodianSet;
use crate::genesis::Genesis;
use crate::publication::{Compilations, CompiledModule, ModuleEntry, Register};
use crate::transaction::{
    ChainId, DepartmentId, Handle, Height, RecordId, SealedRecord, SealedResult, Signer, TransactionId,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last executed height; 0 for the genesis state.
    pub height: Height,
    /// Digest of the last block; the chain id for the genesis state.
    pub block: Digest,
    /// Time of the last block; the genesis' for the genesis state.
    pub time: Timestamp,
    /// The last sequence number given to a permitted request; 0 if none was.
    pub sequence: u64,
}

impl Encode for Head {
    fn encode(&self, out: &mut Writer) {
        self.height.encode(out);
        self.block.encode(out);
        out.u64(self.time.0);
        out.u64(self.sequence);
    }
}
impl Decode for Head {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            height: Height::decode(input)?,
            block: Digest::decode(input)?,
            time: Timestamp(input.u64()?),
            sequence: input.u64()?,
        })
    }
}

/// What executing a block gives. Nothing of it has happened until its batch is durable and `adopt` was called.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The block's height.
    pub height: Height,
    /// State root after the block.
    pub state_root: Digest,
    /// What to store.
    pub batch: Batch,
    /// What the custodians learn.
    pub feed: CustodyFeed,
    /// What became of each transaction, in block order.
    pub outcomes: Vec<(TransactionId, TransactionOutcome)>,
}

/// The ledger: committed state in a [`Backing`], and what is derived from it in memory.
pub struct Ledger<B: Backing> {
    genesis: Genesis,
    chain: ChainId,
    backing: B,
    head: Head,
    root: Digest,
    register: Register,
    custodians: CustodianSet,
    compilations: Compilations,
}

impl<B: Backing> Ledger<B> {
    /// The ledger as `backing` holds it; an empty backing is the genesis state (height 0).
    pub fn open(genesis: Genesis, backing: B) -> Self {
        let chain = genesis.chain_id();
        let origin = Head { height: Height(0), block: chain.0, time: genesis.time, sequence: 0 };
        let head = head(&backing).unwrap_or(origin);
        let root = tree::root(&backing, head.height);
        let compilations = Compilations::default();
        let register = Register::load(&backing, &compilations);
        let custodians = read(&backing, keys::CUSTODIANS).unwrap_or_else(|| CustodianSet::founding(&genesis));
        Self { genesis, chain, backing, head, root, register, custodians, compilations }
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }
    /// The present custodians.
    pub fn custodians(&self) -> &CustodianSet {
        &self.custodians
    }
    /// The key with which `signer` signs, at present.
    pub fn key_of(&self, signer: Signer) -> Option<PublicKey> {
        self.custodians.key_of(&self.genesis, signer)
    }
    /// The chain.
    pub fn chain(&self) -> ChainId {
        self.chain
    }
    /// The storage below.
    pub fn backing(&self) -> &B {
        &self.backing
    }
    /// The last executed height.
    pub fn height(&self) -> Height {
        self.head.height
    }
    /// Digest of the last block, the next one's parent; the chain id at height 0.
    pub fn last_block(&self) -> Digest {
        self.head.block
    }
    /// Time of the last block.
    pub fn last_time(&self) -> Timestamp {
        self.head.time
    }
    /// State root after the last block: what the next header must say.
    pub fn state_root(&self) -> Digest {
        self.root
    }

    /// Moves the ledger forward to `applied`, whose batch must be durable in the backing.
    pub fn adopt(&mut self, applied: &Applied) {
        let header = &applied.batch.block.block.header;
        let written = applied.batch.state.iter().find(|(key, _)| key == keys::HEAD).and_then(|(_, v)| v.as_deref());
        let sequence = written.and_then(|b| Head::from_bytes(b).ok()).map_or(self.head.sequence, |h| h.sequence);
        self.head = Head { height: applied.height, block: header.digest(), time: header.time, sequence };
        self.root = applied.state_root;
        if let Some(custodians) = &applied.feed.custodians {
            self.custodians = custodians.clone();
        }
        for (key, value) in &applied.batch.state {
            if let Some(hash) = key.strip_prefix(keys::MODULES) {
                self.register.update(hash, value.as_deref(), &self.backing, &self.compilations);
            }
        }
    }

    /// The public status of a request.
    pub fn request(&self, id: TransactionId) -> Option<RequestStatus> {
        read(&self.backing, &keys::request(id))
    }
    /// The final result of a request.
    pub fn result(&self, id: TransactionId) -> Option<SealedResult> {
        read(&self.backing, &keys::result(id))
    }
    /// What became of a transaction, until its validity has passed.
    pub fn outcome(&self, id: TransactionId) -> Option<(Height, TransactionOutcome)> {
        read::<requests::Seen>(&self.backing, &keys::seen(id)).map(|seen| (seen.height, seen.outcome))
    }
    /// A sealed record.
    pub fn record(&self, id: RecordId) -> Option<SealedRecord> {
        read(&self.backing, &keys::record(id))
    }
    /// What is known of a record's erasure; `None` if it is not erased.
    pub fn erasure(&self, id: RecordId) -> Option<Erasure> {
        read(&self.backing, &keys::erasure(id))
    }
    /// Records filed under a handle, newest last.
    pub fn filed_under(&self, handle: Handle) -> Vec<RecordId> {
        let entries = self.backing.scan(&keys::handle(handle));
        entries.iter().filter_map(|(_, value)| RecordId::from_bytes(value).ok()).collect()
    }
    /// A department's points; negative if it asked for more than it was asked.
    pub fn points(&self, department: DepartmentId) -> i64 {
        points::balance(self.backing.get(&keys::points(department)).as_deref())
    }
    /// Every published module, by source hash.
    pub fn modules(&self) -> &BTreeMap<Digest, ModuleEntry> {
        self.register.entries()
    }
    /// What a published module declares.
    pub fn compiled(&self, source: Digest) -> Option<&Arc<CompiledModule>> {
        self.register.compiled(source)
    }
    /// The source text of a published module.
    pub fn source(&self, source: Digest) -> Option<String> {
        self.backing.get(&keys::source(source)).and_then(|bytes| String::from_utf8(bytes).ok())
    }
    /// The block at `height`.
    pub fn block_at(&self, height: Height) -> Option<CertifiedBlock> {
        self.backing.block(height).and_then(|bytes| CertifiedBlock::from_bytes(&bytes).ok())
    }
    /// The custody feed of the block at `height`.
    pub fn feed_at(&self, height: Height) -> Option<CustodyFeed> {
        self.backing.feed(height).and_then(|bytes| CustodyFeed::from_bytes(&bytes).ok())
    }

    /// What `key` holds after the last block, and the proof of it (or of its absence) under [`Ledger::state_root`],
    /// which a certificate covers once there is a next block.
    pub fn prove(&self, key: &[u8]) -> (Option<Vec<u8>>, StateProof) {
        let proof = tree::prove(&self.backing, self.head.height, key);
        (self.backing.get(key), proof.unwrap_or_default())
    }

    /// As the free [`prove_at`].
    pub fn prove_at(&self, height: Height, key: &[u8]) -> Option<(Option<Vec<u8>>, StateProof)> {
        prove_at(&self.backing, height, key)
    }
}

/// Where the ledger in `backing` stands; `None` before the first block.
pub fn head<B: Backing>(backing: &B) -> Option<Head> {
    read(backing, keys::HEAD)
}

/// Proof that `key` already held its present value (or nothing) at `height`, one of the last [`ROOTS_RETAINED`], under the
/// state root that the header of the next height names. `None` if it did not, or if the height is not retained.
pub fn prove_at<B: Backing>(backing: &B, height: Height, key: &[u8]) -> Option<(Option<Vec<u8>>, StateProof)> {
    let last = head(backing)?.height;
    let retained = height <= last && height.0.saturating_add(ROOTS_RETAINED) > last.0;
    let root = retained.then(|| tree::root(backing, height))?;
    let proof = tree::prove(backing, height, key)?;
    let value = backing.get(key);
    proof.verify(root, key, value.as_deref()).then_some((value, proof))
}

/// A stored value, decoded. What the ledger itself wrote always decodes.
fn read<T: Decode>(backing: &impl Backing, key: &[u8]) -> Option<T> {
    backing.get(key).and_then(|bytes| T::from_bytes(&bytes).ok())
}
