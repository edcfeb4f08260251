//! Scaffold of the ledger, replaced whole by the ledger's own file when that is merged: it admits everything that is
//! signed and remembers heads and identities. Invariant: none of its own. Must not know: consensus, network, storage.

mod backing;
pub mod feed;
pub mod keys;
mod requests;
pub mod tree;

pub use self::backing::{Backing, Batch, MemoryBacking};
pub use self::requests::{Pending, RequestState, RequestStatus, TransactionOutcome};
use self::feed::CustodyFeed;
use crate::block::CertifiedBlock;
use crate::crypto::Digest;
use crate::transaction::{Height, TransactionId};
use std::fmt;

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

/// Scaffold until the ledger is merged: admits everything that is signed, and remembers only heads.
pub struct Ledger<B: Backing> {
    genesis: crate::genesis::Genesis,
    backing: B,
    height: Height,
    last: Digest,
    time: crate::block::Timestamp,
    root: Digest,
}

impl<B: Backing> Ledger<B> {
    /// Opens.
    pub fn open(genesis: crate::genesis::Genesis, backing: B) -> Self {
        use crate::codec::Decode as _;
        let mut ledger = Self {
            height: Height(0),
            last: genesis.chain_id().0,
            time: genesis.time,
            root: Digest::default(),
            genesis,
            backing,
        };
        if let Some(at) = ledger.backing.get(b"meta/head") {
            let height = Height(u64::from_be_bytes(at[..8].try_into().expect("scaffold")));
            let block =
                CertifiedBlock::from_bytes(&ledger.backing.block(height).expect("scaffold")).expect("scaffold").block;
            (ledger.height, ledger.last, ledger.time) = (height, block.digest(), block.header.time);
            ledger.root = tree::root(&ledger.backing, height);
        }
        ledger
    }
}

impl<B: Backing> crate::replica::LedgerApi for Ledger<B> {
    fn chain(&self) -> crate::transaction::ChainId {
        self.genesis.chain_id()
    }
    fn validators(&self) -> Vec<crate::crypto::PublicKey> {
        self.genesis.validators.iter().map(|v| v.consensus_key).collect()
    }
    fn height(&self) -> Height {
        self.height
    }
    fn last_block(&self) -> Digest {
        self.last
    }
    fn last_time(&self) -> crate::block::Timestamp {
        self.time
    }
    fn state_root(&self) -> Digest {
        self.root
    }
    fn admit(
        &self,
        t: &crate::transaction::SignedTransaction,
    ) -> Result<crate::transaction::VerifiedTransaction, Refusal> {
        let v = t.clone().verify(self.chain(), |s| self.genesis.key_of(s)).map_err(|_| Refusal("签名 / signature"))?;
        if self.backing.get(&keys::seen(v.id())).is_some() {
            return Err(Refusal("已执行 / executed"));
        }
        Ok(v)
    }
    fn validate(&self, _: &crate::block::Block, _: crate::block::Timestamp) -> Result<(), BlockFault> {
        Ok(())
    }
    fn execute(&self, block: &crate::block::Block, certificate: &crate::block::Certificate) -> Applied {
        let height = block.header.height;
        let mut state: Vec<(Vec<u8>, Option<Vec<u8>>)> =
            vec![(b"meta/head".to_vec(), Some(height.0.to_be_bytes().to_vec()))];
        for t in &block.transactions {
            let seen = requests::Seen { height, outcome: TransactionOutcome::Done };
            state.push((keys::seen(t.body.id()), Some(crate::codec::Encode::to_bytes(&seen))));
        }
        let tree = tree::update(&self.backing, height, &state.iter().cloned().collect());
        let state_root = tree.root;
        let feed = CustodyFeed {
            height,
            time: block.header.time,
            day: 0,
            modules: vec![],
            records: vec![],
            requests: vec![],
            finalised: vec![],
            expired: vec![],
        };
        use crate::codec::Encode as _;
        let batch = Batch {
            height,
            block: CertifiedBlock { block: block.clone(), certificate: certificate.clone() },
            state,
            tree_nodes: tree.entries,
            state_root,
            feed: feed.to_bytes(),
        };
        Applied {
            height,
            state_root,
            batch,
            feed,
            outcomes: block.transactions.iter().map(|t| (t.body.id(), TransactionOutcome::Done)).collect(),
        }
    }
    fn adopt(&mut self, a: &Applied) {
        self.height = a.height;
        self.root = a.state_root;
        self.last = a.batch.block.block.digest();
        self.time = a.batch.block.block.header.time;
    }
    fn certified_block(&self, h: Height) -> Option<CertifiedBlock> {
        use crate::codec::Decode as _;
        self.backing.block(h).and_then(|b| CertifiedBlock::from_bytes(&b).ok())
    }
}
