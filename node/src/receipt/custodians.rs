//! Who signed: the custodians of an epoch, with the proof that they were. Owns what receipts and deletion certificates carry of
//! it. Invariant: the founding ones need none, because the genesis file names them. Must not know: what was signed.

use super::assemble::{Unready, prove};
use super::verify::ReceiptFault;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::custodians::CustodianSet;
use crate::genesis::Genesis;
use crate::state::{Backing, StateProof, keys};
use crate::transaction::Height;

/// Custodians that followed others, with the proof of it under a state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenCustodians {
    /// The custodians.
    pub set: CustodianSet,
    /// The proof.
    pub proof: StateProof,
}

impl ProvenCustodians {
    /// Those of `epoch`, proved at `height`; `None`: the founding ones.
    pub(super) fn of<B: Backing>(backing: &B, height: Height, epoch: u32) -> Result<Option<Self>, Unready> {
        if epoch == 0 {
            return Ok(None);
        }
        let (set, proof) = prove(backing, height, &keys::custodians(epoch))?;
        Ok(Some(Self { set: CustodianSet::from_bytes(&set).map_err(|_| Unready::Damaged)?, proof }))
    }
}

/// The custodians of `epoch`: the genesis file's, or those that are proven under `root`.
pub(super) fn custodians_of(
    genesis: &Genesis,
    proven: Option<&ProvenCustodians>,
    root: Digest,
    epoch: u32,
) -> Result<CustodianSet, ReceiptFault> {
    match proven {
        None if epoch == 0 => Ok(CustodianSet::founding(genesis)),
        Some(ProvenCustodians { set, proof }) if epoch > 0 && set.epoch == epoch => {
            let holds = proof.verify(root, &keys::custodians(epoch), Some(&set.to_bytes()));
            if holds { Ok(set.clone()) } else { Err(ReceiptFault::State) }
        }
        _ => Err(ReceiptFault::Mismatch),
    }
}

impl Encode for ProvenCustodians {
    fn encode(&self, out: &mut Writer) {
        self.set.encode(out);
        self.proof.encode(out);
    }
}
impl Decode for ProvenCustodians {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { set: CustodianSet::decode(input)?, proof: StateProof::decode(input)? })
    }
}
