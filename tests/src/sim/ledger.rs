//! The node's own ledger on a simulated disk, and the same ledger in a liar's hands.
//! Invariant: what is executed, judged and committed is the real ledger's doing; a lie is only in what is proposed.
//! Must not know: consensus, faults.

use guiju_node::block::{Block, Certificate, CertifiedBlock, Timestamp};
use guiju_node::crypto::{Digest, Keypair, PublicKey};
use guiju_node::genesis::{CustodianEntry, DepartmentEntry, Genesis, ValidatorEntry};
use guiju_node::replica::{LedgerApi, NodeId};
use guiju_node::state::{Applied, Batch, BlockFault, Ledger, MemoryBacking, Refusal};
use guiju_node::threshold::DealtKey;
use guiju_node::transaction::{
    ChainId, CustodianId, DepartmentId, Height, SignedTransaction, Signer, VerifiedTransaction,
};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

/// Who signs the clients' transactions.
pub const CLIENT: Signer = Signer::Department(DepartmentId(1));

/// A chain of these validators, with one department, whose key is `client`, and one custodian.
pub fn genesis(validators: &[(NodeId, PublicKey)], client: &Keypair) -> Genesis {
    let validators = validators.iter().map(|(node, key)| ValidatorEntry {
        name: format!("node {node}"),
        consensus_key: *key,
        transport_key: node.0,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
    });
    Genesis {
        name: "simulated".to_owned(),
        time: Timestamp(1_700_000_000_000),
        validators: validators.collect(),
        departments: vec![DepartmentEntry {
            id: DepartmentId(1),
            name: "公安局".to_owned(),
            code: "simulated".to_owned(),
            signing_key: client.public(),
            sealing_key: [1; 32],
            handle_key_sealed: Vec::new(),
        }],
        custodians: vec![CustodianEntry {
            id: CustodianId(1),
            name: "custodian".to_owned(),
            signing_key: client.public(),
            share_key: DealtKey::from_seed(&[2; 32], 1).share(CustodianId(1)).public(),
            sealing_key: [4; 32],
        }],
        custody_threshold: 1,
        custody_key: DealtKey::from_seed(&[2; 32], 1).public(),
        index_key: [5; 32],
        auditor_key: [3; 32],
        expiry_blocks: 100,
    }
}

/// Committed state: a disk that outlives the node. Clones are handles on the same disk.
#[derive(Clone, Default)]
pub struct Store {
    backing: MemoryBacking,
    height: Rc<Cell<u64>>,
}

impl Store {
    /// Writes a block's batch, whole.
    pub fn write(&self, batch: &Batch) {
        assert_eq!(batch.height.0, self.height.get() + 1, "blocks are committed in order");
        self.backing.write(batch);
        self.height.set(batch.height.0);
    }

    /// The last committed height.
    pub fn height(&self) -> Height {
        Height(self.height.get())
    }
}

/// The ledger of a simulated node.
pub struct SimLedger {
    honest: Ledger<MemoryBacking>,
    /// Whose node lies about the state root in the blocks it proposes, and stands by it.
    crook: Option<PublicKey>,
}

impl SimLedger {
    /// The ledger that `store` holds.
    pub fn open(genesis: Genesis, store: &Store) -> Self {
        Self { honest: Ledger::open(genesis, store.backing.clone()), crook: None }
    }

    /// Makes this the ledger of a node, `key`, that lies.
    pub(super) fn corrupt(&mut self, key: PublicKey) {
        self.crook = Some(key);
    }
}

impl LedgerApi for SimLedger {
    fn chain(&self) -> ChainId {
        self.honest.chain()
    }
    fn validators(&self) -> Vec<PublicKey> {
        self.honest.validators()
    }
    fn height(&self) -> Height {
        self.honest.height()
    }
    fn last_block(&self) -> Digest {
        self.honest.last_block()
    }
    fn last_time(&self) -> Timestamp {
        self.honest.last_time()
    }
    fn state_root(&self) -> Digest {
        if self.crook.is_some() { Digest([0xbd; 32]) } else { self.honest.state_root() }
    }
    fn admit(&self, transaction: &SignedTransaction) -> Result<VerifiedTransaction, Refusal> {
        self.honest.admit(transaction)
    }
    fn validate(&self, block: &Block, now: Timestamp) -> Result<(), BlockFault> {
        if self.crook == Some(block.header.proposer) { Ok(()) } else { self.honest.validate(block, now) }
    }
    fn execute(&self, block: &Block, certificate: &Certificate) -> Applied {
        self.honest.execute(block, certificate)
    }
    fn adopt(&mut self, applied: &Applied) {
        self.honest.adopt(applied);
    }
    fn certified_block(&self, height: Height) -> Option<CertifiedBlock> {
        self.honest.certified_block(height)
    }
}
