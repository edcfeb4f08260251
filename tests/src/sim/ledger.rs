//! A small ledger for the simulator: it orders signed transactions and chains their digests into a root.
//! Invariant: as the node's own, it executes a transaction once, refuses what is expired, and links headers.
//! Must not know: policies, records, custody.

use guiju_node::block::{Block, Certificate, CertifiedBlock, Timestamp, transactions_root};
use guiju_node::codec::Encode as _;
use guiju_node::crypto::{Digest, PublicKey};
use guiju_node::replica::LedgerApi;
use guiju_node::state::feed::CustodyFeed;
use guiju_node::state::{Applied, Batch, BlockFault, Refusal, TransactionOutcome};
use guiju_node::transaction::{
    ChainId, Height, SignedTransaction, Signer, TransactionId, VALIDITY_BLOCKS_MAX, VerifiedTransaction,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Furthest a block's time may be ahead of the judge's clock, in milliseconds.
const AHEAD_MS_MAX: u64 = 5_000;

/// Committed blocks and roots: a disk that outlives the node. Clones are handles on the same disk.
#[derive(Clone, Default)]
pub struct Store(Rc<RefCell<Vec<(CertifiedBlock, Digest)>>>);

impl Store {
    /// Writes a block's batch, whole.
    pub fn write(&self, batch: &Batch) {
        let mut blocks = self.0.borrow_mut();
        assert_eq!(batch.height.0, blocks.len() as u64 + 1, "blocks are committed in order");
        blocks.push((batch.block.clone(), batch.state_root));
    }

    /// The last committed height.
    pub fn height(&self) -> Height {
        Height(self.0.borrow().len() as u64)
    }

    fn at(&self, height: Height) -> Option<(CertifiedBlock, Digest)> {
        let at = usize::try_from(height.0.checked_sub(1)?).ok()?;
        self.0.borrow().get(at).cloned()
    }
}

/// The ledger.
pub struct MiniLedger {
    chain: ChainId,
    validators: Vec<PublicKey>,
    signers: BTreeMap<Signer, PublicKey>,
    store: Store,
    height: Height,
    last: Digest,
    time: Timestamp,
    root: Digest,
    executed: BTreeSet<TransactionId>,
}

impl MiniLedger {
    /// The ledger that `store` holds.
    pub fn open(
        chain: ChainId,
        validators: Vec<PublicKey>,
        signers: BTreeMap<Signer, PublicKey>,
        store: Store,
    ) -> Self {
        let mut ledger = Self {
            chain,
            validators,
            signers,
            store: store.clone(),
            height: Height(0),
            last: chain.0,
            time: Timestamp(0),
            root: Digest::default(),
            executed: BTreeSet::new(),
        };
        while let Some((certified, root)) = store.at(ledger.height.next()) {
            ledger.advance(&certified.block, root);
        }
        ledger
    }

    fn advance(&mut self, block: &Block, root: Digest) {
        self.height = block.header.height;
        self.last = block.digest();
        self.time = block.header.time;
        self.root = root;
        self.executed.extend(block.transactions.iter().map(|transaction| transaction.body.id()));
    }
}

impl LedgerApi for MiniLedger {
    fn chain(&self) -> ChainId {
        self.chain
    }
    fn validators(&self) -> Vec<PublicKey> {
        self.validators.clone()
    }
    fn height(&self) -> Height {
        self.height
    }
    fn last_block(&self) -> Digest {
        self.last
    }
    fn last_time(&self) -> Timestamp {
        self.time
    }
    fn state_root(&self) -> Digest {
        self.root
    }

    fn admit(&self, transaction: &SignedTransaction) -> Result<VerifiedTransaction, Refusal> {
        let (next, until) = (self.height.next(), transaction.body.valid_until);
        if until < next || until.0 > next.0 + VALIDITY_BLOCKS_MAX {
            return Err(Refusal("outside its validity"));
        }
        if self.executed.contains(&transaction.body.id()) {
            return Err(Refusal("executed before"));
        }
        let key_of = |signer| self.signers.get(&signer).copied();
        transaction.clone().verify(self.chain, key_of).map_err(|_| Refusal("signature"))
    }

    fn validate(&self, block: &Block, now: Timestamp) -> Result<(), BlockFault> {
        let header = &block.header;
        let linked = header.chain == self.chain
            && header.height == self.height.next()
            && header.parent == self.last
            && header.state_root == self.root
            && header.transactions_root == transactions_root(&block.transactions)
            && self.validators.contains(&header.proposer);
        if !linked {
            return Err(BlockFault("not linked to the ledger"));
        }
        if header.time <= self.time || header.time.0 > now.0 + AHEAD_MS_MAX {
            return Err(BlockFault("time out of bounds"));
        }
        let mut seen = BTreeSet::new();
        for transaction in &block.transactions {
            if !seen.insert(transaction.body.id()) || self.admit(transaction).is_err() {
                return Err(BlockFault("a transaction is not admissible"));
            }
        }
        Ok(())
    }

    fn execute(&self, block: &Block, certificate: &Certificate) -> Applied {
        let height = block.header.height;
        let ids: Vec<_> = block.transactions.iter().map(|transaction| transaction.body.id()).collect();
        let mut bytes = self.root.0.to_vec();
        ids.iter().for_each(|id| bytes.extend_from_slice(&id.0.0));
        let state_root = Digest::of("guiju/1/simulated-root", &bytes);
        let feed = CustodyFeed {
            height,
            time: block.header.time,
            day: block.header.time.shanghai_day(),
            modules: Vec::new(),
            records: Vec::new(),
            requests: Vec::new(),
            finalised: Vec::new(),
            expired: Vec::new(),
        };
        let batch = Batch {
            height,
            block: CertifiedBlock { block: block.clone(), certificate: certificate.clone() },
            state: Vec::new(),
            tree_nodes: Vec::new(),
            state_root,
            feed: feed.to_bytes(),
        };
        let outcomes = ids.into_iter().map(|id| (id, TransactionOutcome::Done)).collect();
        Applied { height, state_root, batch, feed, outcomes }
    }

    fn adopt(&mut self, applied: &Applied) {
        self.advance(&applied.batch.block.block, applied.state_root);
    }

    fn certified_block(&self, height: Height) -> Option<CertifiedBlock> {
        self.store.at(height).map(|(certified, _)| certified)
    }
}
