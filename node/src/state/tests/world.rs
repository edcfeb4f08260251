//! A town of three departments, four validators and four custodians of whom three must agree. Owns keys and shortcuts.
//! Invariant: blocks are certified as consensus certifies them, and are validated before they are executed unless forced.

use crate::block::{Block, Certificate, Header, Timestamp, transactions_root};
use crate::consensus::certificate::{VoteKind, vote_bytes};
use crate::crypto::{Digest, Keypair, Purpose, SUITE};
use crate::custody::envelope::SealingSecret;
use crate::genesis::{CustodianEntry, DepartmentEntry, Genesis, ValidatorEntry};
use crate::publication::CompiledModule;
use crate::state::{Applied, Ledger, MemoryBacking, RequestState, RequestStatus, TransactionOutcome};
use crate::threshold::DealtKey;
use crate::transaction::{
    Attestation, CapsuleId, CustodianId, DepartmentId, ENCAPSULATION_BYTES, Encapsulation, Exchange, Handle, Height,
    Payload, Request, SealedRecord, SealedResult, SignedTransaction, Signer, Transaction, TransactionId,
    attested_bytes,
};

pub(crate) const POLICE: DepartmentId = DepartmentId(1);
pub(crate) const HOUSING: DepartmentId = DepartmentId(2);
pub(crate) const PLANNING: DepartmentId = DepartmentId(3);
pub(crate) const STANDARD: &str = include_str!("law/standard.gj");
pub(crate) const SHARING: &str = include_str!("law/sharing.gj");
pub(crate) const ELIGIBILITY: &str = include_str!("law/eligibility.gj");
pub(crate) const TRANSFER: &str = include_str!("law/transfer.gj");
pub(crate) const EXPIRY: u64 = 10;
/// 2019-03-01T04:00:00Z, noon in Shanghai: day 17956.
const NOON: u64 = 1_551_412_800_000;
pub(crate) const TODAY: i32 = 17_956;

pub(crate) fn keypair(family: u8, number: u16) -> Keypair {
    let mut seed = [family; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    Keypair::from_seed(seed)
}

pub(crate) fn department_key(id: DepartmentId) -> Keypair {
    keypair(1, id.0)
}

pub(crate) fn auditor() -> SealingSecret {
    SealingSecret::from_bytes([8; 32])
}

pub(crate) fn genesis() -> Genesis {
    let department = |id: DepartmentId, name: &str| DepartmentEntry {
        id,
        name: name.to_owned(),
        code: format!("9132000000000000{:02}", id.0),
        signing_key: department_key(id).public(),
        sealing_key: [id.0 as u8; 32],
        handle_key_sealed: vec![1, 2, 3],
    };
    Genesis {
        name: "试验 test".to_owned(),
        time: Timestamp(NOON),
        validators: (1..=4)
            .map(|i| ValidatorEntry {
                name: format!("node{i}"),
                consensus_key: keypair(2, i).public(),
                transport_key: keypair(3, i).public(),
                address: format!("127.0.0.1:{}", 7000 + i).parse().expect("an address"),
            })
            .collect(),
        departments: vec![department(POLICE, "公安局"), department(HOUSING, "住房局"), department(PLANNING, "规划局")],
        custodians: (1..=4)
            .map(|i| CustodianEntry {
                id: CustodianId(i),
                name: format!("custodian{i}"),
                signing_key: keypair(4, i).public(),
                share_key: DealtKey::from_seed(&[9; 32], 3).share(CustodianId(i)).public(),
                sealing_key: [7; 32],
            })
            .collect(),
        custody_threshold: 3,
        custody_key: DealtKey::from_seed(&[9; 32], 3).public(),
        index_key: [6; 32],
        auditor_key: auditor().public(),
        expiry_blocks: EXPIRY,
    }
}

pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) backing: MemoryBacking,
    pub(crate) ledger: Ledger<MemoryBacking>,
    nonce: u16,
}

impl World {
    pub(crate) fn new() -> Self {
        let (genesis, backing) = (genesis(), MemoryBacking::new());
        let ledger = Ledger::open(genesis.clone(), backing.clone());
        Self { genesis, backing, ledger, nonce: 0 }
    }

    /// With the four modules published and approved by everyone concerned.
    pub(crate) fn ruled() -> Self {
        let mut world = Self::new();
        let publications = [(POLICE, STANDARD), (POLICE, SHARING), (HOUSING, ELIGIBILITY), (PLANNING, TRANSFER)];
        let publications = publications.map(|(who, source)| world.publish(who, source)).to_vec();
        world.expect_all_done(publications);
        let approvals = [STANDARD, SHARING, ELIGIBILITY, TRANSFER].map(|source| world.approvals(source)).concat();
        world.expect_all_done(approvals);
        world
    }

    pub(crate) fn expect_all_done(&mut self, transactions: Vec<SignedTransaction>) {
        for (id, outcome) in self.block(transactions).outcomes {
            assert_eq!(outcome, TransactionOutcome::Done, "{id}");
        }
    }

    pub(crate) fn next_block(&self, transactions: Vec<SignedTransaction>) -> Block {
        let header = Header {
            chain: self.ledger.chain(),
            height: self.ledger.height().next(),
            parent: self.ledger.last_block(),
            time: Timestamp(self.ledger.last_time().0 + 1_000),
            proposer: keypair(2, 1).public(),
            state_root: self.ledger.state_root(),
            transactions_root: transactions_root(&transactions),
        };
        Block { header, transactions }
    }

    pub(crate) fn certify(&self, block: &Block) -> Certificate {
        let (chain, height, digest) = (self.ledger.chain(), block.header.height, block.digest());
        let mut signatures: Vec<_> = (1..=3)
            .map(|i| {
                let key = keypair(2, i);
                let bytes = vote_bytes(chain, VoteKind::Precommit, height, 0, Some(digest), key.public());
                (key.public(), key.sign(Purpose::Vote, &bytes))
            })
            .collect();
        signatures.sort_by_key(|(key, _)| *key);
        Certificate { height, round: 0, block: digest, signatures }
    }

    /// Validates, executes, stores and adopts a block.
    pub(crate) fn block(&mut self, transactions: Vec<SignedTransaction>) -> Applied {
        let block = self.next_block(transactions);
        assert_eq!(self.ledger.validate(&block, block.header.time), Ok(()));
        self.force(block)
    }

    /// Executes a block whatever is in it.
    pub(crate) fn force(&mut self, block: Block) -> Applied {
        let applied = self.ledger.execute(&block, &self.certify(&block));
        self.backing.write(&applied.batch);
        self.ledger.adopt(&applied);
        applied
    }

    pub(crate) fn one(&mut self, transaction: SignedTransaction) -> TransactionOutcome {
        self.block(vec![transaction]).outcomes.remove(0).1
    }

    pub(crate) fn body(&mut self, sender: Signer, payload: Payload) -> Transaction {
        self.nonce += 1;
        let mut nonce = [0; 16];
        nonce[..2].copy_from_slice(&self.nonce.to_be_bytes());
        let valid_until = Height(self.ledger.height().0 + 50);
        Transaction { chain: self.ledger.chain(), sender, nonce, valid_until, payload }
    }

    pub(crate) fn sent(&mut self, sender: DepartmentId, payload: Payload) -> SignedTransaction {
        let body = self.body(Signer::Department(sender), payload);
        SignedTransaction::sign(body, &[(Signer::Department(sender), &department_key(sender))])
    }

    pub(crate) fn publish(&mut self, sender: DepartmentId, source: &str) -> SignedTransaction {
        self.sent(sender, Payload::Publish { source: source.to_owned() })
    }

    /// Approvals of a published module by everyone concerned.
    pub(crate) fn approvals(&mut self, source: &str) -> Vec<SignedTransaction> {
        let hash = CompiledModule::source_hash(source);
        let entry = self.ledger.modules()[&hash].clone();
        let approve = |d| self.sent(d, Payload::Approve { source: hash, meaning: entry.meaning });
        entry.departments.iter().copied().map(approve).collect()
    }

    pub(crate) fn question(policy: &str, exchange: Exchange, purpose: &str) -> Request {
        Request {
            policy: policy.to_owned(),
            exchange,
            purpose: purpose.to_owned(),
            basis: "试行办法第一条 案号1".to_owned(),
            as_of: None,
            arguments_key: Encapsulation([5; ENCAPSULATION_BYTES]),
            arguments: vec![7; 100],
        }
    }

    /// A permitted evaluation by the housing department.
    pub(crate) fn evaluation(&mut self) -> SignedTransaction {
        let request = Self::question("资格", Exchange::Evaluation, "购房审核");
        self.sent(HOUSING, Payload::Request(request))
    }

    /// A permitted contract, signed by `signers`.
    pub(crate) fn contract(&mut self, signers: &[DepartmentId]) -> SignedTransaction {
        let request = Self::question("试.转移.转移", Exchange::Contract, "不动产登记");
        let body = self.body(Signer::Department(PLANNING), Payload::Request(request));
        let keys: Vec<_> = signers.iter().map(|d| (Signer::Department(*d), department_key(*d))).collect();
        SignedTransaction::sign(body, &keys.iter().map(|(who, key)| (*who, key)).collect::<Vec<_>>())
    }

    pub(crate) fn status(&self, id: TransactionId) -> RequestStatus {
        self.ledger.request(id).expect("the request was executed")
    }

    pub(crate) fn state(&self, id: TransactionId) -> RequestState {
        self.status(id).state
    }

    /// A result of the policy asked, told apart by `mark`.
    pub(crate) fn result(&self, id: TransactionId, mark: u8, writes: Vec<SealedRecord>) -> SealedResult {
        let status = self.status(id);
        SealedResult {
            module: status.module,
            version: status.version,
            as_of: status.as_of,
            answer_key: [mark; 32],
            answer: vec![mark; 64],
            writes,
            meter: vec![],
            audit_key: [0; 32],
            audit: vec![],
        }
    }

    pub(crate) fn attestation(&self, custodian: u16, id: TransactionId, result: &SealedResult) -> Attestation {
        let digest = result.digest(id);
        let bytes = attested_bytes(self.ledger.chain(), id, digest);
        let signature = keypair(4, custodian).sign(Purpose::Attestation, &bytes);
        Attestation { request: id, digest, signature, result: Some(result.clone()) }
    }

    pub(crate) fn attest(&mut self, custodian: u16, attestations: Vec<Attestation>) -> SignedTransaction {
        let who = Signer::Custodian(CustodianId(custodian));
        let body = self.body(who, Payload::Attest { attestations });
        SignedTransaction::sign(body, &[(who, &keypair(4, custodian))])
    }

    /// Three equal attestations, in one block.
    pub(crate) fn finalise(&mut self, id: TransactionId, result: &SealedResult) -> Applied {
        let attestations = (1..=3).map(|c| (c, self.attestation(c, id, result))).collect::<Vec<_>>();
        let transactions = attestations.into_iter().map(|(c, a)| self.attest(c, vec![a])).collect();
        self.block(transactions)
    }

    pub(crate) fn record(
        &mut self,
        owner: DepartmentId,
        schema: &str,
        supersedes: Option<&SealedRecord>,
    ) -> SealedRecord {
        self.nonce += 1;
        let mut nonce = [0; 16];
        nonce[..2].copy_from_slice(&self.nonce.to_be_bytes());
        SealedRecord {
            suite: SUITE,
            owner,
            schema: schema.to_owned(),
            standard: CompiledModule::source_hash(STANDARD),
            handles: vec![Handle(Digest::of("test-handle", schema.as_bytes()))],
            supersedes: supersedes.map(SealedRecord::id),
            nonce,
            body: vec![3; 40],
            capsule: CapsuleId(Digest::of("test-capsule", &nonce)),
        }
    }

    pub(crate) fn submit(&mut self, sender: DepartmentId, records: Vec<SealedRecord>) -> SignedTransaction {
        self.sent(sender, Payload::Submit { records })
    }
}

/// The reason of an invalid transaction.
pub(crate) fn invalid(outcome: TransactionOutcome) -> String {
    match outcome {
        TransactionOutcome::Invalid(reason) => reason,
        other => panic!("expected an invalid transaction, got {other:?}"),
    }
}

/// A small generator (xorshift64*), so that runs are equal everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }
}
