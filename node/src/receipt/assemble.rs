//! Putting a receipt together from what a node stores. Invariant: a receipt that is returned verifies; reads that a block
//! written meanwhile has made inconsistent end in [`Unready::Later`]. Must not know: clients.

use super::{FinalHeader, ProvenCustodians, RECEIPT_VERSION, Receipt};
use crate::block::{CertifiedBlock, leaf, sided_path};
use crate::codec::Decode;
use crate::crypto::SUITE;
use crate::publication::ModuleEntry;
use crate::state::{Backing, RequestState, RequestStatus, ResultSignatures, StateProof, head, keys, prove_at};
use crate::transaction::{Height, SealedResult, TransactionId};
use std::fmt;

/// Why there is no receipt yet, or ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The ledger has no such request.
    NoSuchRequest,
    /// The request is not decided yet.
    Pending,
    /// The block after the decision, whose header proves the state, does not exist yet.
    Later,
    /// Stored data does not fit together: the node's operator must look.
    Damaged,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchRequest => "没有这个请求或删除 / there is no such request or erasure",
            Self::Pending => "尚未办结 / it is not decided, or not complete, yet",
            Self::Later => "待下一区块后可得 / it can be had after the next block",
            Self::Damaged => "存储数据不一致 / stored data does not fit together",
        })
    }
}

impl std::error::Error for Unready {}

/// The receipt of a decided request. Errors: see [`Unready`].
pub fn assemble<B: Backing>(backing: &B, id: TransactionId) -> Result<Receipt, Unready> {
    let last = head(backing).ok_or(Unready::NoSuchRequest)?.height;
    let proved = Height(last.0.checked_sub(1).ok_or(Unready::NoSuchRequest)?);
    let key = keys::request(id);
    let status: RequestStatus = read(backing, &key).ok_or(Unready::NoSuchRequest)?;
    let decided = match &status.state {
        RequestState::Pending => return Err(Unready::Pending),
        RequestState::Refused { .. } => None,
        RequestState::Finalised { height, .. } | RequestState::Expired { height } => Some(*height),
    };
    if decided.unwrap_or(status.height) > proved {
        return Err(Unready::Later);
    }
    let (status_bytes, status_proof) = prove(backing, proved, &key)?;
    let (module_bytes, module_proof) = prove(backing, proved, &keys::module(status.module))?;
    let ordered = block(backing, status.height)?;
    let place = ordered.block.transactions.iter().position(|t| t.body.id() == id).ok_or(Unready::Damaged)?;
    let leaves: Vec<_> = ordered.block.transactions.iter().map(leaf).collect();
    let finalised = matches!(status.state, RequestState::Finalised { .. });
    let signatures = if finalised {
        read::<ResultSignatures, B>(backing, &keys::signatures(id)).ok_or(Unready::Damaged)?.0
    } else {
        Vec::new()
    };
    let custodians = match status.state {
        RequestState::Finalised { epoch, .. } => ProvenCustodians::of(backing, proved, epoch)?,
        _ => None,
    };
    let result = read::<SealedResult, B>(backing, &keys::result(id)).filter(|_| finalised);
    Ok(Receipt {
        version: RECEIPT_VERSION,
        suite: SUITE,
        chain: ordered.block.header.chain,
        request: ordered.block.transactions[place].clone(),
        path: sided_path(&leaves, place).ok_or(Unready::Damaged)?,
        ordered: ordered.into(),
        decided: decided.map(|height| block(backing, height).map(FinalHeader::from)).transpose()?,
        witness: block(backing, last)?.into(),
        status: RequestStatus::from_bytes(&status_bytes).map_err(|_| Unready::Damaged)?,
        status_proof,
        module: ModuleEntry::from_bytes(&module_bytes).map_err(|_| Unready::Damaged)?,
        module_proof,
        custodians,
        signatures,
        result,
    })
}

impl From<CertifiedBlock> for FinalHeader {
    fn from(block: CertifiedBlock) -> Self {
        Self { header: block.block.header, certificate: block.certificate }
    }
}

fn read<T: Decode, B: Backing>(backing: &B, key: &[u8]) -> Option<T> {
    backing.get(key).and_then(|bytes| T::from_bytes(&bytes).ok())
}

/// An entry with its proof at `height`. An entry that changed in the very last block can be proved after the next one.
pub(super) fn prove<B: Backing>(backing: &B, height: Height, key: &[u8]) -> Result<(Vec<u8>, StateProof), Unready> {
    match prove_at(backing, height, key) {
        Some((Some(value), proof)) => Ok((value, proof)),
        _ => Err(Unready::Later),
    }
}

pub(super) fn block<B: Backing>(backing: &B, height: Height) -> Result<CertifiedBlock, Unready> {
    let bytes = backing.block(height).ok_or(Unready::Damaged)?;
    CertifiedBlock::from_bytes(&bytes).map_err(|_| Unready::Damaged)
}
