//! What the ledger tells its custodian after each block. Owns the feed's shape and encoding.
//! Invariant: feeds of all heights, in order, are all that a custodian ever learns from the ledger; they hold ciphertext
//! and public facts only. Must not know: custody, storage.

use crate::block::Timestamp;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::transaction::{
    DepartmentId, Height, RecordId, Request, SOURCE_BYTES_MAX, SealedRecord, SealedResult, TransactionId,
};

/// Most entries of one kind in one feed: more than the bytes of a block can hold.
pub const FEED_ENTRIES_MAX: usize = 1 << 18;

/// A module that became active with this block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatedModule {
    /// Its source text.
    pub source: String,
    /// Hash of the source.
    pub hash: Digest,
}

/// A request that the gate let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermittedRequest {
    /// Its place among all permitted requests.
    pub sequence: u64,
    /// Its identity.
    pub id: TransactionId,
    /// Who asks.
    pub asker: DepartmentId,
    /// The request as sent.
    pub request: Request,
    /// Source hash of the module with the policy in force.
    pub module: Digest,
    /// The policy's version.
    pub version: u32,
    /// As-of date, days since 1970-01-01.
    pub as_of: i32,
    /// The block's Shanghai day.
    pub day: i32,
    /// The block.
    pub height: Height,
}

/// A request whose result became final with this block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalisedRequest {
    /// Its identity.
    pub id: TransactionId,
    /// Its place among all permitted requests.
    pub sequence: u64,
    /// The result.
    pub result: SealedResult,
}

/// One block, as custody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyFeed {
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time: Timestamp,
    /// Its Shanghai day.
    pub day: i32,
    /// Modules active from the next block on.
    pub modules: Vec<ActivatedModule>,
    /// Records submitted.
    pub records: Vec<(RecordId, SealedRecord)>,
    /// Requests permitted, in order.
    pub requests: Vec<PermittedRequest>,
    /// Requests finalised, in order.
    pub finalised: Vec<FinalisedRequest>,
    /// Requests expired.
    pub expired: Vec<TransactionId>,
}

fn day(input: &mut Reader<'_>) -> Result<i32, DecodeError> {
    i32::try_from(input.i64()?).map_err(|_| DecodeError::Malformed)
}

impl Encode for ActivatedModule {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.source);
        self.hash.encode(out);
    }
}
impl Decode for ActivatedModule {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { source: input.text(SOURCE_BYTES_MAX)?, hash: Digest::decode(input)? })
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
impl Encode for FinalisedRequest {
    fn encode(&self, out: &mut Writer) {
        self.id.encode(out);
        out.u64(self.sequence);
        self.result.encode(out);
    }
}
impl Decode for FinalisedRequest {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: TransactionId::decode(input)?,
            sequence: input.u64()?,
            result: SealedResult::decode(input)?,
        })
    }
}
impl Encode for CustodyFeed {
    fn encode(&self, out: &mut Writer) {
        self.height.encode(out);
        out.u64(self.time.0);
        out.i64(i64::from(self.day));
        out.list(&self.modules);
        out.u32(u32::try_from(self.records.len()).expect("a block's records are bounded by its bytes"));
        for (id, record) in &self.records {
            id.encode(out);
            record.encode(out);
        }
        out.list(&self.requests);
        out.list(&self.finalised);
        out.list(&self.expired);
    }
}
impl Decode for CustodyFeed {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (height, time, day) = (Height::decode(input)?, Timestamp(input.u64()?), day(input)?);
        let modules = input.list(FEED_ENTRIES_MAX)?;
        let count = input.u32()? as usize;
        if count > FEED_ENTRIES_MAX {
            return Err(DecodeError::TooLong);
        }
        let records = (0..count)
            .map(|_| Ok((RecordId::decode(input)?, SealedRecord::decode(input)?)))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        Ok(Self {
            height,
            time,
            day,
            modules,
            records,
            requests: input.list(FEED_ENTRIES_MAX)?,
            finalised: input.list(FEED_ENTRIES_MAX)?,
            expired: input.list(FEED_ENTRIES_MAX)?,
        })
    }
}
