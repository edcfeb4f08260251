//! What a block tells the custodians. Owns [`CustodyFeed`] and its bytes, which cross a process boundary.
//! Invariant: a feed holds only what the ledger has ordered and, for requests, what the owners' gates have permitted.
//! Must not know: keys, capsules, plaintext.

use crate::block::Timestamp;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::custodians::CustodianSet;
use crate::transaction::{
    CustodianId, DepartmentId, Height, RecordId, Request, SOURCE_BYTES_MAX, SealedRecord, SealedResult, TransactionId,
};

/// Most items of one kind in a feed; a block of 1 MiB cannot hold as many.
const FEED_ITEMS_MAX: usize = 65_536;
/// Most modules one module rests on.
pub const IMPORTS_MAX: usize = 64;

/// A module whose policies are in force from the next block on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatedModule {
    /// Its source.
    pub source: String,
    /// Source hash: its name on the ledger.
    pub hash: Digest,
    /// Source hashes of every module it rests on, imported ones before those that import them. All were fed before.
    pub imports: Vec<Digest>,
}

/// A request that the owners' gates have permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermittedRequest {
    /// Its place in the order of permitted requests, from 1.
    pub sequence: u64,
    /// Its identity.
    pub id: TransactionId,
    /// Who asks.
    pub asker: DepartmentId,
    /// The question.
    pub request: Request,
    /// Source hash of the module that holds the policy.
    pub module: Digest,
    /// The policy's version.
    pub version: u32,
    /// Date of the law applied, days since 1970-01-01. If earlier than `day`, custody must see it proved.
    pub as_of: i32,
    /// Shanghai date of the block.
    pub day: i32,
    /// Height at which it was ordered; it sees the records of this height and below.
    pub height: Height,
}

/// A request whose result is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalisedRequest {
    /// Its identity.
    pub id: TransactionId,
    /// Its sequence number.
    pub sequence: u64,
    /// The result, whose writes have taken effect.
    pub result: SealedResult,
}

/// What a block tells the custodians, each list in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustodyFeed {
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time: Timestamp,
    /// The block's Shanghai date.
    pub day: i32,
    /// Modules in force from the next block on.
    pub modules: Vec<ActivatedModule>,
    /// Records submitted in this block (those written by contracts are in `finalised`).
    pub records: Vec<(RecordId, SealedRecord)>,
    /// Requests to evaluate.
    pub requests: Vec<PermittedRequest>,
    /// Requests that became final in this block.
    pub finalised: Vec<FinalisedRequest>,
    /// Requests that expired in this block.
    pub expired: Vec<TransactionId>,
    /// Custodians from the next block on, if they change.
    pub custodians: Option<CustodianSet>,
    /// Records that later requests do not see, and whose capsules are to be destroyed once no earlier one waits.
    pub erased: Vec<ErasedRecord>,
    /// Capsules that custodians say they destroyed.
    pub destroyed: Vec<DestroyedCapsule>,
}

/// A record that is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedRecord {
    /// The record.
    pub record: RecordId,
    /// The last sequence number given before: requests up to it still see the record.
    pub sequence: u64,
}

/// A custodian's statement about a capsule, as the ledger took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyedCapsule {
    /// The record.
    pub record: RecordId,
    /// The custodian.
    pub custodian: CustodianId,
    /// Whether all custodians have said so.
    pub complete: bool,
}

impl Encode for ErasedRecord {
    fn encode(&self, out: &mut Writer) {
        self.record.encode(out);
        out.u64(self.sequence);
    }
}
impl Decode for ErasedRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { record: RecordId::decode(input)?, sequence: input.u64()? })
    }
}
impl Encode for DestroyedCapsule {
    fn encode(&self, out: &mut Writer) {
        self.record.encode(out);
        out.u16(self.custodian.0);
        out.bool(self.complete);
    }
}
impl Decode for DestroyedCapsule {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { record: RecordId::decode(input)?, custodian: CustodianId(input.u16()?), complete: input.bool()? })
    }
}

impl Encode for ActivatedModule {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.source);
        self.hash.encode(out);
        out.list(&self.imports);
    }
}
impl Decode for ActivatedModule {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            source: input.text(SOURCE_BYTES_MAX)?,
            hash: Digest::decode(input)?,
            imports: input.list(IMPORTS_MAX)?,
        })
    }
}

/// A record with its id, as one item of a list.
struct Filed(RecordId, SealedRecord);
impl Decode for Filed {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(RecordId::decode(input)?, SealedRecord::decode(input)?))
    }
}

impl Encode for PermittedRequest {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.sequence);
        self.id.encode(out);
        out.u16(self.asker.0);
        self.request.encode(out);
        self.module.encode(out);
        out.u32(self.version);
        out.i64(i64::from(self.as_of));
        out.i64(i64::from(self.day));
        self.height.encode(out);
    }
}
impl Decode for PermittedRequest {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            sequence: input.u64()?,
            id: TransactionId::decode(input)?,
            asker: DepartmentId(input.u16()?),
            request: Request::decode(input)?,
            module: Digest::decode(input)?,
            version: input.u32()?,
            as_of: day(input)?,
            day: day(input)?,
            height: Height::decode(input)?,
        })
    }
}

/// Reads a day number.
pub(super) fn day(input: &mut Reader<'_>) -> Result<i32, DecodeError> {
    i32::try_from(input.i64()?).map_err(|_| DecodeError::Malformed)
}

impl Encode for FinalisedRequest {
    fn encode(&self, out: &mut Writer) {
        self.id.encode(out);
        out.u64(self.sequence);
        self.result.encode(out);
    }
}
impl Decode for FinalisedRequest {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: TransactionId::decode(input)?, sequence: input.u64()?, result: SealedResult::decode(input)? })
    }
}

impl Encode for CustodyFeed {
    fn encode(&self, out: &mut Writer) {
        self.height.encode(out);
        out.u64(self.time.0);
        out.i64(i64::from(self.day));
        out.list(&self.modules);
        out.u32(u32::try_from(self.records.len()).expect("bounded by the block's size"));
        for (id, record) in &self.records {
            id.encode(out);
            record.encode(out);
        }
        out.list(&self.requests);
        out.list(&self.finalised);
        out.list(&self.expired);
        out.option(self.custodians.as_ref());
        out.list(&self.erased);
        out.list(&self.destroyed);
    }
}
impl Decode for CustodyFeed {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            height: Height::decode(input)?,
            time: Timestamp(input.u64()?),
            day: day(input)?,
            modules: input.list(FEED_ITEMS_MAX)?,
            records: input.list::<Filed>(FEED_ITEMS_MAX)?.into_iter().map(|f| (f.0, f.1)).collect(),
            requests: input.list(FEED_ITEMS_MAX)?,
            finalised: input.list(FEED_ITEMS_MAX)?,
            expired: input.list(FEED_ITEMS_MAX)?,
            custodians: input.option()?,
            erased: input.list(FEED_ITEMS_MAX)?,
            destroyed: input.list(FEED_ITEMS_MAX)?,
        })
    }
}
