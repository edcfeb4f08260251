//! Deletion certificates: what a citizen keeps of the erasure of a record about them. Owns their content, bytes, assembly and
//! check. Invariant: as of a receipt's, every byte is bound by a signature, a certificate or a proof; it holds only if every
//! custodian of its epoch has signed. Must not know: who holds it, how capsules are destroyed.

use super::assemble::{Unready, block, prove};
use super::custodians::{ProvenCustodians, custodians_of};
use super::verify::{ReceiptFault, certified};
use super::{FinalHeader, RECEIPT_BYTES_MAX, RECEIPT_VERSION};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Purpose, SUITE};
use crate::genesis::Genesis;
use crate::state::{Backing, Erasure, StateProof, head, keys};
use crate::transaction::{ChainId, Height, RecordId, destroyed_bytes};
use std::fmt;

/// First bytes of a certificate's file.
pub const DELETION_MAGIC: &[u8] = b"GUIJU DELETION 1\n";

/// A deletion certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionCertificate {
    /// Version of the form.
    pub version: u8,
    /// Cryptographic suite.
    pub suite: u8,
    /// The chain.
    pub chain: ChainId,
    /// A later block, whose header holds the state root of the proofs below.
    pub witness: FinalHeader,
    /// The erasure, with every custodian's signature.
    pub erasure: Erasure,
    /// Proof of it under the witness' state root.
    pub proof: StateProof,
    /// The custodians of the erasure's epoch; `None`: the founding ones.
    pub custodians: Option<ProvenCustodians>,
}

/// What a certificate that holds says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionSummary {
    /// The record.
    pub record: RecordId,
    /// Name of the department that had it erased.
    pub owner: String,
    /// Legal basis and case number.
    pub basis: String,
    /// The block that ordered it.
    pub asked: Height,
    /// The block in which the last custodian said that its copy is destroyed.
    pub complete: Height,
    /// How many custodians have.
    pub custodians: usize,
}

impl fmt::Display for DeletionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "删除证明有效 / the deletion certificate holds")?;
        writeln!(f, "  记录 record     {}", self.record)?;
        writeln!(f, "  所有者 owner    {}   依据 basis {}", self.owner, self.basis)?;
        writeln!(f, "  决定 asked      高度 height {}", self.asked)?;
        write!(f, "  办结 complete   高度 height {}, 全部受托方 all custodians: {}", self.complete, self.custodians)
    }
}

/// The certificate of an erasure that is complete. Errors: see [`Unready`].
pub fn certificate_of<B: Backing>(backing: &B, record: RecordId) -> Result<DeletionCertificate, Unready> {
    let last = head(backing).ok_or(Unready::NoSuchRequest)?.height;
    let proved = Height(last.0.checked_sub(1).ok_or(Unready::NoSuchRequest)?);
    let key = keys::erasure(record);
    if backing.get(&key).is_none() {
        return Err(Unready::NoSuchRequest);
    }
    let (bytes, proof) = prove(backing, proved, &key)?;
    let erasure = Erasure::from_bytes(&bytes).map_err(|_| Unready::Damaged)?;
    let (_, epoch) = erasure.complete.ok_or(Unready::Pending)?;
    let custodians = ProvenCustodians::of(backing, proved, epoch)?;
    let witness: FinalHeader = block(backing, last)?.into();
    let chain = witness.header.chain;
    Ok(DeletionCertificate { version: RECEIPT_VERSION, suite: SUITE, chain, witness, erasure, proof, custodians })
}

/// Checks a certificate against the genesis alone. Errors: see [`ReceiptFault`].
pub fn verify_deletion(genesis: &Genesis, certificate: &DeletionCertificate) -> Result<DeletionSummary, ReceiptFault> {
    let DeletionCertificate { erasure, witness, .. } = certificate;
    if certificate.version != RECEIPT_VERSION || certificate.suite != SUITE {
        return Err(ReceiptFault::Version);
    }
    let chain = genesis.chain_id();
    if certificate.chain != chain || witness.header.chain != chain {
        return Err(ReceiptFault::Chain);
    }
    certified(genesis, witness)?;
    let root = witness.header.state_root;
    if !certificate.proof.verify(root, &keys::erasure(erasure.record), Some(&erasure.to_bytes())) {
        return Err(ReceiptFault::State);
    }
    let (complete, epoch) = erasure.complete.ok_or(ReceiptFault::Custodians)?;
    let set = custodians_of(genesis, certificate.custodians.as_ref(), root, epoch)?;
    let said = destroyed_bytes(chain, erasure.record, erasure.capsule);
    let signed = set.custodians.iter().all(|custodian| {
        let word = erasure.destroyed.iter().find(|(id, _)| *id == custodian.id);
        word.is_some_and(|(_, signature)| custodian.signing_key.verify(Purpose::Erasure, &said, signature))
    });
    if !signed {
        return Err(ReceiptFault::Custodians);
    }
    Ok(DeletionSummary {
        record: erasure.record,
        owner: genesis.department(erasure.owner).ok_or(ReceiptFault::Mismatch)?.name.clone(),
        basis: erasure.basis.clone(),
        asked: erasure.asked,
        complete,
        custodians: set.custodians.len(),
    })
}

impl DeletionCertificate {
    /// The certificate as a file's bytes.
    pub fn to_file(&self) -> Vec<u8> {
        [DELETION_MAGIC, &self.to_bytes()].concat()
    }

    /// Reads a file's bytes. Errors: whoever handed the file over is at fault.
    pub fn from_file(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(DecodeError::TooLong);
        }
        Self::from_bytes(bytes.strip_prefix(DELETION_MAGIC).ok_or(DecodeError::Malformed)?)
    }
}

impl Encode for DeletionCertificate {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.version);
        out.u8(self.suite);
        self.chain.encode(out);
        self.witness.encode(out);
        self.erasure.encode(out);
        self.proof.encode(out);
        out.option(self.custodians.as_ref());
    }
}
impl Decode for DeletionCertificate {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: input.u8()?,
            suite: input.u8()?,
            chain: ChainId::decode(input)?,
            witness: FinalHeader::decode(input)?,
            erasure: Erasure::decode(input)?,
            proof: StateProof::decode(input)?,
            custodians: input.option()?,
        })
    }
}
