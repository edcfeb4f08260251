//! Transactions: everything a department or a custodian can ask of the ledger. Owns their shape, bounds and identity.
//! Invariant: a [`VerifiedTransaction`] exists only for a body whose every required signature was checked.
//! Must not know: ledger state, blocks, storage, network.

mod encoding;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, Keypair, PublicKey, Purpose, Signature};
use std::fmt;

/// Largest encoding of one signed transaction, in bytes. A larger one is refused before it is parsed.
pub const TRANSACTION_BYTES_MAX: usize = 256 * 1024;
/// Most records in one submission.
pub const SUBMISSION_RECORDS_MAX: usize = 256;
/// Largest sealed record body, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most handles one record is filed under.
pub const HANDLES_MAX: usize = 32;
/// Largest policy module source, in bytes (UTF-8).
pub const SOURCE_BYTES_MAX: usize = 128 * 1024;
/// Longest name (department, policy, schema, purpose, legal basis), in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Most attestations in one custodian transaction.
pub const ATTESTATIONS_MAX: usize = 64;
/// Most writes one contract result can hold.
pub const WRITES_MAX: usize = 16;
/// Whether a text can name somebody: not empty, at most [`NAME_BYTES_MAX`] bytes, without control characters.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Longest a transaction can stay valid, in blocks.
pub const VALIDITY_BLOCKS_MAX: u64 = 5_000;

/// A position in the chain. The first block has height 1; 0 is the genesis state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Height(pub u64);

impl Height {
    /// The next height.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("2^64 blocks are out of reach"))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

macro_rules! digest_id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Digest);
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:?}", self.0) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0) }
        }
        impl Encode for $name {
            fn encode(&self, out: &mut Writer) { self.0.encode(out); }
        }
        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> { Ok(Self(Digest::decode(input)?)) }
        }
    )*};
}
digest_id! {
    /// The chain: digest of the genesis file's canonical bytes.
    ChainId,
    /// A transaction: digest of its body (signatures excluded). A request's id is its transaction's.
    TransactionId,
    /// A sealed record: digest of its whole public part.
    RecordId,
    /// Where a record is filed: PRF(owner's handle key, type, key field, subject). Does not link across owners.
    Handle,
    /// Digest of a capsule, which itself never enters the ledger.
    CapsuleId,
}

/// Bytes of an encapsulation: two points and two scalars of Ristretto255, and a masked key.
pub const ENCAPSULATION_BYTES: usize = 160;

/// A key encapsulated to the custody key, with the proof of its maker (`crate::threshold`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Encapsulation(pub [u8; ENCAPSULATION_BYTES]);

impl fmt::Debug for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encapsulation({}…)", crate::crypto::hex(&self.0[..4]))
    }
}

impl Default for Encapsulation {
    fn default() -> Self {
        Self([0; ENCAPSULATION_BYTES])
    }
}

/// A department's number in the ledger's register; its name, keys and code are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DepartmentId(pub u16);

/// A custodian's number in the ledger's register (1 … n).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustodianId(pub u16);

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signer {
    /// A department, for submissions, requests and publication.
    Department(DepartmentId),
    /// A custodian, for results.
    Custodian(CustodianId),
}

impl Signer {
    /// Its kind and number, for Chinese readers.
    pub fn zh(self) -> String {
        match self {
            Self::Department(id) => format!("部门 {}", id.0),
            Self::Custodian(id) => format!("受托方 {}", id.0),
        }
    }

    /// Its kind and number, for English readers.
    pub fn en(self) -> String {
        match self {
            Self::Department(id) => format!("department {}", id.0),
            Self::Custodian(id) => format!("custodian {}", id.0),
        }
    }
}

/// The exchanges of the 2019 paper; a contract is an evaluation that also writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// 证照核对: one bit per claimed field.
    Verification,
    /// 详情查询: permitted fields, sealed to the asker.
    Detail,
    /// 评估结果: a decision.
    Evaluation,
    /// 业务合约: a decision that also writes records.
    Contract,
}

/// A record as the ledger holds it: ciphertext, and where it is filed. The key capsule is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Cryptographic suite of body and capsule; 1 is the only one defined.
    pub suite: u8,
    /// Department that owns the record's type.
    pub owner: DepartmentId,
    /// Name of the certificate type in the data standard.
    pub schema: String,
    /// Source hash of the module that declares the type, so that older records stay readable.
    pub standard: Digest,
    /// Handles the record is filed under, ascending, no duplicates.
    pub handles: Vec<Handle>,
    /// The record that this one replaces.
    pub supersedes: Option<RecordId>,
    /// Binds body and capsule; chosen at random by the owner, derived by custodians for written records.
    pub nonce: [u8; 16],
    /// Ciphertext of the record.
    pub body: Vec<u8>,
    /// Digest of the key capsule.
    pub capsule: CapsuleId,
}

impl SealedRecord {
    /// The record's identity.
    pub fn id(&self) -> RecordId {
        RecordId(Digest::of("guiju/1/record", &self.to_bytes()))
    }
}

/// A question put to a published policy. Who asks, which policy and why are public; about whom is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The policy's full name, `module.policy`.
    pub policy: String,
    /// Which exchange this is.
    pub exchange: Exchange,
    /// Purpose, in the words of the sharing policies.
    pub purpose: String,
    /// Legal basis and case number.
    pub basis: String,
    /// The as-of date (days since 1970-01-01) if earlier than the block's; a sealed record must prove it.
    pub as_of: Option<i32>,
    /// Encapsulated key of the sealed arguments.
    pub arguments_key: Encapsulation,
    /// Arguments, sealed to the custody key and bound to chain, asker, policy, purpose.
    pub arguments: Vec<u8>,
}

/// What custodians derived from a request: byte-identical on every honest custodian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedResult {
    /// Source hash of the module whose policy decided.
    pub module: Digest,
    /// Version of the policy that decided.
    pub version: u32,
    /// Date of the law applied, days since 1970-01-01.
    pub as_of: i32,
    /// HPKE encapsulated key of the answer.
    pub answer_key: [u8; 32],
    /// The answer, padded to a fixed size, sealed to the asker.
    pub answer: Vec<u8>,
    /// Records a contract writes, in order.
    pub writes: Vec<SealedRecord>,
    /// Budget charges, sealed to the custody key.
    pub meter: Vec<u8>,
    /// HPKE encapsulated key of the audit copy.
    pub audit_key: [u8; 32],
    /// Inputs and outcomes, sealed to the auditor.
    pub audit: Vec<u8>,
}

impl SealedResult {
    /// The one digest that custodians sign, bound to the request.
    pub fn digest(&self, request: TransactionId) -> Digest {
        let mut out = Writer::default();
        request.encode(&mut out);
        self.encode(&mut out);
        Digest::of("guiju/1/result", &out.into_bytes())
    }
}

/// A custodian's signed statement of a request's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The request.
    pub request: TransactionId,
    /// Digest of the result; see [`SealedResult::digest`].
    pub digest: Digest,
    /// The custodian's signature over [`attested_bytes`], for receipts.
    pub signature: Signature,
    /// The result itself; may be left out when the ledger already holds one of that digest.
    pub result: Option<SealedResult>,
}

/// The bytes an attestation's signature covers.
pub fn attested_bytes(chain: ChainId, request: TransactionId, digest: Digest) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    request.encode(&mut out);
    digest.encode(&mut out);
    out.into_bytes()
}

/// A custodian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodianEntry {
    /// Its number.
    pub id: CustodianId,
    /// Name for people.
    pub name: String,
    /// Signs attestations and the transactions that carry them.
    pub signing_key: PublicKey,
    /// Public half of its share of the custody key.
    pub share_key: [u8; 32],
    /// X25519 key to which other custodians seal what they say to it.
    pub sealing_key: [u8; 32],
}

/// Most custodians of a chain.
pub const CUSTODIANS_MAX: usize = 64;

/// Other custodians, or the same with other shares, after a ceremony that has dealt the custody key on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodianChange {
    /// The next epoch; that of the founding custodians is 0.
    pub epoch: u32,
    /// How many open together, and must agree.
    pub threshold: u16,
    /// Digest of what was dealt.
    pub transcript: Digest,
    /// The custodians, ascending by number.
    pub custodians: Vec<CustodianEntry>,
    /// Each one's word that its share fits, in the same order.
    pub confirmations: Vec<Signature>,
}

/// Most records in one erasure, or in one statement about erasures.
pub const ERASURES_MAX: usize = 64;

/// A custodian's word that it has destroyed its copy of a record's capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destruction {
    /// The record.
    pub record: RecordId,
    /// The custodian's signature over [`destroyed_bytes`], for the deletion certificate.
    pub signature: Signature,
}

/// The bytes that a custodian signs when it has destroyed a capsule.
pub fn destroyed_bytes(chain: ChainId, record: RecordId, capsule: CapsuleId) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    record.encode(&mut out);
    capsule.encode(&mut out);
    out.into_bytes()
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Puts a policy module's source on the ledger.
    Publish {
        /// The module's source text.
        source: String,
    },
    /// Approves a published module by both its hashes.
    Approve {
        /// Hash of the source.
        source: Digest,
        /// Hash of the canonical meaning.
        meaning: Digest,
    },
    /// Withdraws an approval: from the next block on the module's policies are not in force.
    Withdraw {
        /// Hash of the source.
        source: Digest,
    },
    /// 证照提交: sealed records of types the sender owns.
    Submit {
        /// The records.
        records: Vec<SealedRecord>,
    },
    /// A question.
    Request(Request),
    /// A custodian's results, in ledger order of the requests.
    Attest {
        /// The attestations.
        attestations: Vec<Attestation>,
    },
    /// Records of the sender that nobody is to open any more (个人信息保护法第四十七条).
    Erase {
        /// The records.
        records: Vec<RecordId>,
        /// Legal basis and case number.
        basis: String,
    },
    /// A custodian's statements that it has destroyed capsules.
    Destroyed {
        /// The statements.
        records: Vec<Destruction>,
    },
    /// Other custodians from the next block on; signed by as many of the present ones as open together.
    Custodians(CustodianChange),
}

/// A transaction's signed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The chain it is for, so that it cannot be replayed on another.
    pub chain: ChainId,
    /// Who sends it and pays for it.
    pub sender: Signer,
    /// Makes equal payloads distinct; a body is executed once.
    pub nonce: [u8; 16],
    /// Last height at which it can be in a block; at most [`VALIDITY_BLOCKS_MAX`] ahead.
    pub valid_until: Height,
    /// What it does.
    pub payload: Payload,
}

impl Transaction {
    /// The transaction's identity.
    pub fn id(&self) -> TransactionId {
        TransactionId(Digest::of("guiju/1/transaction-id", &self.to_bytes()))
    }
}

/// Most signatures of one transaction.
pub const SIGNATURES_MAX: usize = 64;

/// A transaction with signatures, not yet checked. Signatures are ascending by signer, one each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// The signed part.
    pub body: Transaction,
    /// Signatures over the body's bytes.
    pub signatures: Vec<(Signer, Signature)>,
}

impl SignedTransaction {
    /// Signs `body` with every key given. The sender's must be among them to be accepted later.
    pub fn sign(body: Transaction, keys: &[(Signer, &Keypair)]) -> Self {
        let bytes = body.to_bytes();
        let mut signatures: Vec<_> =
            keys.iter().map(|(who, key)| (*who, key.sign(Purpose::Transaction, &bytes))).collect();
        signatures.sort_by_key(|(who, _)| *who);
        signatures.dedup_by_key(|(who, _)| *who);
        Self { body, signatures }
    }

    /// Checks every signature against the register `key_of`. Errors name the signer at fault.
    pub fn verify(
        self,
        chain: ChainId,
        key_of: impl Fn(Signer) -> Option<PublicKey>,
    ) -> Result<VerifiedTransaction, SignatureError> {
        if self.body.chain != chain {
            return Err(SignatureError::OtherChain);
        }
        if !self.signatures.iter().any(|(who, _)| *who == self.body.sender) {
            return Err(SignatureError::Unsigned(self.body.sender));
        }
        let bytes = self.body.to_bytes();
        for (who, signature) in &self.signatures {
            let key = key_of(*who).ok_or(SignatureError::UnknownSigner(*who))?;
            if !key.verify(Purpose::Transaction, &bytes, signature) {
                return Err(SignatureError::BadSignature(*who));
            }
        }
        Ok(VerifiedTransaction { id: self.body.id(), signed: self })
    }
}

/// Why a transaction's signatures were refused. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The body names another chain.
    OtherChain,
    /// The sender has not signed.
    Unsigned(Signer),
    /// No such signer is registered.
    UnknownSigner(Signer),
    /// The signature does not verify.
    BadSignature(Signer),
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain => write!(f, "交易属于另一条链 / the transaction is for another chain"),
            Self::Unsigned(who) => write!(f, "发送者未签名:{} / the sender has not signed: {}", who.zh(), who.en()),
            Self::UnknownSigner(who) => {
                write!(f, "签名者未登记:{} / the signer is not registered: {}", who.zh(), who.en())
            }
            Self::BadSignature(who) => write!(f, "签名无效:{} / the signature does not verify: {}", who.zh(), who.en()),
        }
    }
}

impl std::error::Error for SignatureError {}

/// A transaction whose signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTransaction {
    id: TransactionId,
    signed: SignedTransaction,
}

impl VerifiedTransaction {
    /// Its identity.
    pub fn id(&self) -> TransactionId {
        self.id
    }
    /// Its body.
    pub fn body(&self) -> &Transaction {
        &self.signed.body
    }
    /// Whether `department` has signed.
    pub fn signed_by(&self, department: DepartmentId) -> bool {
        self.signed.signatures.iter().any(|(who, _)| *who == Signer::Department(department))
    }
    /// The custodians that have signed.
    pub fn custodians(&self) -> impl Iterator<Item = CustodianId> + '_ {
        self.signed.signatures.iter().filter_map(|(who, _)| match who {
            Signer::Custodian(id) => Some(*id),
            Signer::Department(_) => None,
        })
    }
    /// The transaction with its signatures.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }
}

/// What a client hands to a gateway: the transaction, and the capsules of its records for the custodians.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// Capsules of the submitted records, in record order; empty for other payloads.
    pub capsules: Vec<Vec<u8>>,
}
