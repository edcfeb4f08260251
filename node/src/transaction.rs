//! Transactions: everything a department or a custodian can ask of the ledger. Owns their shape, bounds and identity.
//! Invariant: a [`VerifiedTransaction`] exists only for a body whose every required signature was checked.
//! Must not know: ledger state, blocks, storage, network.

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
    /// HPKE encapsulated key of the sealed arguments.
    pub arguments_key: [u8; 32],
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

// ---- encodings ----

impl Encode for Height {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}
impl Decode for Height {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.u64()?))
    }
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

impl Encode for Signer {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Department(id) => {
                out.u8(1);
                out.u16(id.0);
            }
            Self::Custodian(id) => {
                out.u8(2);
                out.u16(id.0);
            }
        }
    }
}
impl Decode for Signer {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match (input.u8()?, input.u16()?) {
            (1, id) => Ok(Self::Department(DepartmentId(id))),
            (2, id) => Ok(Self::Custodian(CustodianId(id))),
            _ => Err(DecodeError::Malformed),
        }
    }
}
impl Encode for Exchange {
    fn encode(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Verification => 1,
            Self::Detail => 2,
            Self::Evaluation => 3,
            Self::Contract => 4,
        });
    }
}
impl Decode for Exchange {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Verification,
            2 => Self::Detail,
            3 => Self::Evaluation,
            4 => Self::Contract,
            _ => return Err(DecodeError::Malformed),
        })
    }
}
impl Encode for SealedRecord {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.suite);
        out.u16(self.owner.0);
        out.text(&self.schema);
        self.standard.encode(out);
        out.list(&self.handles);
        out.option(self.supersedes.as_ref());
        out.raw(&self.nonce);
        out.bytes(&self.body);
        self.capsule.encode(out);
    }
}
impl Decode for SealedRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let record = Self {
            suite: input.u8()?,
            owner: DepartmentId(input.u16()?),
            schema: input.text(NAME_BYTES_MAX)?,
            standard: Digest::decode(input)?,
            handles: input.list(HANDLES_MAX)?,
            supersedes: input.option()?,
            nonce: input.array()?,
            body: input.bytes(BODY_BYTES_MAX)?.to_vec(),
            capsule: CapsuleId::decode(input)?,
        };
        if !record.handles.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Malformed);
        }
        Ok(record)
    }
}
impl Encode for Request {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.policy);
        self.exchange.encode(out);
        out.text(&self.purpose);
        out.text(&self.basis);
        out.bool(self.as_of.is_some());
        if let Some(day) = self.as_of {
            out.i64(i64::from(day));
        }
        out.raw(&self.arguments_key);
        out.bytes(&self.arguments);
    }
}
impl Decode for Request {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            policy: input.text(NAME_BYTES_MAX)?,
            exchange: Exchange::decode(input)?,
            purpose: input.text(NAME_BYTES_MAX)?,
            basis: input.text(NAME_BYTES_MAX)?,
            as_of: if input.bool()? {
                Some(i32::try_from(input.i64()?).map_err(|_| DecodeError::Malformed)?)
            } else {
                None
            },
            arguments_key: input.array()?,
            arguments: input.bytes(BODY_BYTES_MAX)?.to_vec(),
        })
    }
}
impl Encode for SealedResult {
    fn encode(&self, out: &mut Writer) {
        self.module.encode(out);
        out.u32(self.version);
        out.i64(i64::from(self.as_of));
        out.raw(&self.answer_key);
        out.bytes(&self.answer);
        out.list(&self.writes);
        out.bytes(&self.meter);
        out.raw(&self.audit_key);
        out.bytes(&self.audit);
    }
}
impl Decode for SealedResult {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            module: Digest::decode(input)?,
            version: input.u32()?,
            as_of: i32::try_from(input.i64()?).map_err(|_| DecodeError::Malformed)?,
            answer_key: input.array()?,
            answer: input.bytes(BODY_BYTES_MAX)?.to_vec(),
            writes: input.list(WRITES_MAX)?,
            meter: input.bytes(BODY_BYTES_MAX)?.to_vec(),
            audit_key: input.array()?,
            audit: input.bytes(BODY_BYTES_MAX)?.to_vec(),
        })
    }
}
impl Encode for Attestation {
    fn encode(&self, out: &mut Writer) {
        self.request.encode(out);
        self.digest.encode(out);
        self.signature.encode(out);
        out.option(self.result.as_ref());
    }
}
impl Decode for Attestation {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            request: TransactionId::decode(input)?,
            digest: Digest::decode(input)?,
            signature: Signature::decode(input)?,
            result: input.option()?,
        })
    }
}
impl Encode for Payload {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Publish { source } => {
                out.u8(1);
                out.text(source);
            }
            Self::Approve { source, meaning } => {
                out.u8(2);
                source.encode(out);
                meaning.encode(out);
            }
            Self::Withdraw { source } => {
                out.u8(3);
                source.encode(out);
            }
            Self::Submit { records } => {
                out.u8(4);
                out.list(records);
            }
            Self::Request(request) => {
                out.u8(5);
                request.encode(out);
            }
            Self::Attest { attestations } => {
                out.u8(6);
                out.list(attestations);
            }
        }
    }
}
impl Decode for Payload {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Publish { source: input.text(SOURCE_BYTES_MAX)? },
            2 => Self::Approve { source: Digest::decode(input)?, meaning: Digest::decode(input)? },
            3 => Self::Withdraw { source: Digest::decode(input)? },
            4 => Self::Submit { records: input.list(SUBMISSION_RECORDS_MAX)? },
            5 => Self::Request(Request::decode(input)?),
            6 => Self::Attest { attestations: input.list(ATTESTATIONS_MAX)? },
            _ => return Err(DecodeError::Malformed),
        })
    }
}
impl Encode for Transaction {
    fn encode(&self, out: &mut Writer) {
        self.chain.encode(out);
        self.sender.encode(out);
        out.raw(&self.nonce);
        self.valid_until.encode(out);
        self.payload.encode(out);
    }
}
impl Decode for Transaction {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain: ChainId::decode(input)?,
            sender: Signer::decode(input)?,
            nonce: input.array()?,
            valid_until: Height::decode(input)?,
            payload: Payload::decode(input)?,
        })
    }
}
impl Encode for SignedTransaction {
    fn encode(&self, out: &mut Writer) {
        self.body.encode(out);
        out.u8(u8::try_from(self.signatures.len()).expect("at most 16 signatures"));
        for (who, signature) in &self.signatures {
            who.encode(out);
            signature.encode(out);
        }
    }
}
impl Decode for SignedTransaction {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let body = Transaction::decode(input)?;
        let n = input.u8()?;
        if n > 16 {
            return Err(DecodeError::TooLong);
        }
        let signatures = (0..n)
            .map(|_| Ok((Signer::decode(input)?, Signature::decode(input)?)))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        if !signatures.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { body, signatures })
    }
}
impl Encode for Envelope {
    fn encode(&self, out: &mut Writer) {
        self.transaction.encode(out);
        out.u32(u32::try_from(self.capsules.len()).expect("one capsule a record"));
        for capsule in &self.capsules {
            out.bytes(capsule);
        }
    }
}
impl Decode for Envelope {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let transaction = SignedTransaction::decode(input)?;
        let n = input.u32()? as usize;
        if n > SUBMISSION_RECORDS_MAX {
            return Err(DecodeError::TooLong);
        }
        let capsules = (0..n).map(|_| Ok(input.bytes(1024)?.to_vec())).collect::<Result<Vec<_>, DecodeError>>()?;
        Ok(Self { transaction, capsules })
    }
}
