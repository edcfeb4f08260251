//! A receipt's bytes. Invariant: one receipt has one encoding, and a file is the magic line and that encoding.
//! Must not know: what makes a receipt true.

use super::{FinalHeader, MAGIC, RECEIPT_BYTES_MAX, Receipt};
use crate::block::{Certificate, Header};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::publication::ModuleEntry;
use crate::state::{RequestStatus, ResultSignatures, StateProof};
use crate::transaction::{ChainId, SealedResult, SignedTransaction};

/// Longest path in a block's transaction tree.
const PATH_MAX: usize = 32;

impl Receipt {
    /// The receipt as a file's bytes.
    pub fn to_file(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.to_bytes());
        bytes
    }

    /// Reads a file's bytes. Errors: whoever handed the file over is at fault.
    pub fn from_file(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(DecodeError::TooLong);
        }
        Self::from_bytes(bytes.strip_prefix(MAGIC).ok_or(DecodeError::Malformed)?)
    }
}

/// One step of a path.
struct Step(bool, Digest);
impl Decode for Step {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.bool()?, Digest::decode(input)?))
    }
}

impl Encode for FinalHeader {
    fn encode(&self, out: &mut Writer) {
        self.header.encode(out);
        self.certificate.encode(out);
    }
}
impl Decode for FinalHeader {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { header: Header::decode(input)?, certificate: Certificate::decode(input)? })
    }
}

impl Encode for Receipt {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.version);
        out.u8(self.suite);
        self.chain.encode(out);
        self.request.encode(out);
        self.ordered.encode(out);
        out.u32(u32::try_from(self.path.len()).expect("a path is as long as a block's tree is deep"));
        for (left, beside) in &self.path {
            out.bool(*left);
            beside.encode(out);
        }
        out.option(self.decided.as_ref());
        self.witness.encode(out);
        self.status.encode(out);
        self.status_proof.encode(out);
        self.module.encode(out);
        self.module_proof.encode(out);
        out.option(self.custodians.as_ref());
        ResultSignatures(self.signatures.clone()).encode(out);
        out.option(self.result.as_ref());
    }
}
impl Decode for Receipt {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: input.u8()?,
            suite: input.u8()?,
            chain: ChainId::decode(input)?,
            request: SignedTransaction::decode(input)?,
            ordered: FinalHeader::decode(input)?,
            path: input.list::<Step>(PATH_MAX)?.into_iter().map(|step| (step.0, step.1)).collect(),
            decided: input.option()?,
            witness: FinalHeader::decode(input)?,
            status: RequestStatus::decode(input)?,
            status_proof: StateProof::decode(input)?,
            module: ModuleEntry::decode(input)?,
            module_proof: StateProof::decode(input)?,
            custodians: input.option()?,
            signatures: ResultSignatures::decode(input)?.0,
            result: input.option::<SealedResult>()?,
        })
    }
}
