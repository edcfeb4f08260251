//! What the ledger knows of requests and of executed transactions. Owns their stored forms.
//! Invariant: a final state (refused, finalised, expired) never changes. Must not know: how it is reached.

use super::feed::day;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, Signature};
use crate::genesis::{CUSTODIANS_MAX, DEPARTMENTS_MAX};
use crate::transaction::{CustodianId, DepartmentId, Exchange, Height, TransactionId};

/// Longest text in a status, in bytes.
const TEXT_MAX: usize = 4096;

/// What became of a transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// It took effect.
    Done,
    /// A request that an owner's sharing policy does not permit.
    Refused {
        /// The sharing policy, `module.policy`; empty if the owner has none for the type.
        policy: String,
        /// The clause that decided; [`DEFAULT_CLAUSE`] if none matched.
        clause: String,
        /// The owner.
        owner: DepartmentId,
    },
    /// A permitted request, with its sequence number.
    Pending(u64),
    /// It changed nothing, for this reason (Chinese / English). The sender is at fault.
    Invalid(String),
}

/// The clause named where no clause matched: sharing is refused by default.
pub const DEFAULT_CLAUSE: &str = "默认不准 / default no";

/// A request's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Refused by a gate, before anything was opened.
    Refused {
        /// The sharing policy; empty if there is none.
        policy: String,
        /// The clause.
        clause: String,
        /// The owner whose policy refused.
        owner: DepartmentId,
    },
    /// Waits for custodians (and a contract for earlier contracts).
    Pending,
    /// Final.
    Finalised {
        /// In which block.
        height: Height,
        /// Digest of the result.
        digest: Digest,
        /// The epoch of the custodians that attested it.
        epoch: u32,
        /// Custodians whose equal attestations made it final.
        custodians: Vec<CustodianId>,
    },
    /// Not answered in time.
    Expired {
        /// In which block.
        height: Height,
    },
}

/// A request's public status: who asked which policy for which purpose, and what became of it. Never about whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestStatus {
    /// Its place in the order of permitted requests; 0 if refused.
    pub sequence: u64,
    /// The block in which it was ordered.
    pub height: Height,
    /// Its identity.
    pub tx: TransactionId,
    /// Who asks.
    pub asker: DepartmentId,
    /// The exchange.
    pub exchange: Exchange,
    /// Full name of the policy.
    pub policy: String,
    /// Its version.
    pub version: u32,
    /// Source hash of its module.
    pub module: Digest,
    /// Meaning hash of its module.
    pub meaning: Digest,
    /// The purpose.
    pub purpose: String,
    /// Legal basis and case number.
    pub basis: String,
    /// Date of the law applied.
    pub as_of: i32,
    /// Shanghai date of the block.
    pub day: i32,
    /// What became of it.
    pub state: RequestState,
}

/// What finalising a pending request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its sequence number.
    pub sequence: u64,
    /// Whether it waits for earlier contracts.
    pub contract: bool,
    /// When it expires; meaningless for contracts, which never do.
    pub expires: Height,
    /// Points due to owners, one entry a declared read.
    pub prices: Vec<(DepartmentId, u32)>,
    /// The digest that enough custodians attested and whose result is on the ledger, and their epoch.
    pub ready: Option<(Digest, u32)>,
}

/// A custodian's vote on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    /// The custodian's epoch: votes of custodians that others have followed do not count.
    pub(super) epoch: u32,
    pub(super) digest: Digest,
    pub(super) signature: Signature,
}

/// Signatures of custodians on a final result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResultSignatures(pub(crate) Vec<(CustodianId, Signature)>);

/// An executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) height: Height,
    pub(super) outcome: TransactionOutcome,
}

impl Encode for TransactionOutcome {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Done => out.u8(1),
            Self::Refused { policy, clause, owner } => {
                out.u8(2);
                out.text(policy);
                out.text(clause);
                out.u16(owner.0);
            }
            Self::Pending(sequence) => {
                out.u8(3);
                out.u64(*sequence);
            }
            Self::Invalid(reason) => {
                out.u8(4);
                out.text(reason);
            }
        }
    }
}
impl Decode for TransactionOutcome {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Done,
            2 => Self::Refused {
                policy: input.text(TEXT_MAX)?,
                clause: input.text(TEXT_MAX)?,
                owner: DepartmentId(input.u16()?),
            },
            3 => Self::Pending(input.u64()?),
            4 => Self::Invalid(input.text(TEXT_MAX)?),
            _ => return Err(DecodeError::Malformed),
        })
    }
}

impl Encode for RequestState {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Refused { policy, clause, owner } => {
                out.u8(1);
                out.text(policy);
                out.text(clause);
                out.u16(owner.0);
            }
            Self::Pending => out.u8(2),
            Self::Finalised { height, digest, epoch, custodians } => {
                out.u8(3);
                height.encode(out);
                digest.encode(out);
                out.u32(*epoch);
                out.u16(u16::try_from(custodians.len()).expect("at most CUSTODIANS_MAX custodians"));
                for custodian in custodians {
                    out.u16(custodian.0);
                }
            }
            Self::Expired { height } => {
                out.u8(4);
                height.encode(out);
            }
        }
    }
}
impl Decode for RequestState {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Refused {
                policy: input.text(TEXT_MAX)?,
                clause: input.text(TEXT_MAX)?,
                owner: DepartmentId(input.u16()?),
            },
            2 => Self::Pending,
            3 => {
                let (height, digest, epoch) = (Height::decode(input)?, Digest::decode(input)?, input.u32()?);
                let n = bounded(input.u16()?, CUSTODIANS_MAX)?;
                let custodians = (0..n).map(|_| Ok(CustodianId(input.u16()?))).collect::<Result<_, DecodeError>>()?;
                Self::Finalised { height, digest, epoch, custodians }
            }
            4 => Self::Expired { height: Height::decode(input)? },
            _ => return Err(DecodeError::Malformed),
        })
    }
}

fn bounded(n: u16, max: usize) -> Result<u16, DecodeError> {
    if usize::from(n) > max { Err(DecodeError::TooLong) } else { Ok(n) }
}

impl Encode for RequestStatus {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.sequence);
        self.height.encode(out);
        self.tx.encode(out);
        out.u16(self.asker.0);
        self.exchange.encode(out);
        out.text(&self.policy);
        out.u32(self.version);
        self.module.encode(out);
        self.meaning.encode(out);
        out.text(&self.purpose);
        out.text(&self.basis);
        out.i64(i64::from(self.as_of));
        out.i64(i64::from(self.day));
        self.state.encode(out);
    }
}
impl Decode for RequestStatus {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            sequence: input.u64()?,
            height: Height::decode(input)?,
            tx: TransactionId::decode(input)?,
            asker: DepartmentId(input.u16()?),
            exchange: Exchange::decode(input)?,
            policy: input.text(TEXT_MAX)?,
            version: input.u32()?,
            module: Digest::decode(input)?,
            meaning: Digest::decode(input)?,
            purpose: input.text(TEXT_MAX)?,
            basis: input.text(TEXT_MAX)?,
            as_of: day(input)?,
            day: day(input)?,
            state: RequestState::decode(input)?,
        })
    }
}

impl Encode for Pending {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.sequence);
        out.bool(self.contract);
        self.expires.encode(out);
        out.u16(u16::try_from(self.prices.len()).expect("a policy reads far fewer than 2^16 types"));
        for (owner, points) in &self.prices {
            out.u16(owner.0);
            out.u32(*points);
        }
        out.bool(self.ready.is_some());
        if let Some((digest, epoch)) = self.ready {
            digest.encode(out);
            out.u32(epoch);
        }
    }
}
impl Decode for Pending {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (sequence, contract, expires) = (input.u64()?, input.bool()?, Height::decode(input)?);
        let n = bounded(input.u16()?, DEPARTMENTS_MAX)?;
        let prices =
            (0..n).map(|_| Ok((DepartmentId(input.u16()?), input.u32()?))).collect::<Result<_, DecodeError>>()?;
        let ready = if input.bool()? { Some((Digest::decode(input)?, input.u32()?)) } else { None };
        Ok(Self { sequence, contract, expires, prices, ready })
    }
}

impl Encode for Vote {
    fn encode(&self, out: &mut Writer) {
        out.u32(self.epoch);
        self.digest.encode(out);
        self.signature.encode(out);
    }
}
impl Decode for Vote {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { epoch: input.u32()?, digest: Digest::decode(input)?, signature: Signature::decode(input)? })
    }
}

impl Encode for ResultSignatures {
    fn encode(&self, out: &mut Writer) {
        out.u16(u16::try_from(self.0.len()).expect("at most CUSTODIANS_MAX custodians"));
        for (custodian, signature) in &self.0 {
            out.u16(custodian.0);
            signature.encode(out);
        }
    }
}
impl Decode for ResultSignatures {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let n = bounded(input.u16()?, CUSTODIANS_MAX)?;
        let list = (0..n)
            .map(|_| Ok((CustodianId(input.u16()?), Signature::decode(input)?)))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        if !list.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self(list))
    }
}

impl Encode for Seen {
    fn encode(&self, out: &mut Writer) {
        self.height.encode(out);
        self.outcome.encode(out);
    }
}
impl Decode for Seen {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { height: Height::decode(input)?, outcome: TransactionOutcome::decode(input)? })
    }
}
