//! Receipts: what a citizen, an auditor or a court keeps of a decision. Owns their content and bytes.
//! Invariant: a receipt names nothing about the subject in the clear, and every byte of it is bound by a signature, a
//! certificate or a proof, so that no byte can change unnoticed. Must not know: who holds it, where it is stored.

mod assemble;
mod bytes;
mod custodians;
mod deletion;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

pub use self::assemble::{Unready, assemble};
pub use self::custodians::ProvenCustodians;
pub use self::deletion::{DELETION_MAGIC, DeletionCertificate, DeletionSummary, certificate_of, verify_deletion};
pub use self::verify::{ReceiptFault, ReceiptSummary, Verdict, verify};

use crate::block::{Certificate, Header};
use crate::crypto::{Digest, Signature};
use crate::publication::ModuleEntry;
use crate::state::{RequestStatus, StateProof};
use crate::transaction::{ChainId, CustodianId, SealedResult, SignedTransaction};

/// The only receipt version.
pub const RECEIPT_VERSION: u8 = 1;
/// Largest receipt, in bytes.
pub const RECEIPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// First bytes of a receipt file.
pub const MAGIC: &[u8] = b"GUIJU RECEIPT 1\n";

/// A header and why it is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalHeader {
    /// The header.
    pub header: Header,
    /// Its certificate.
    pub certificate: Certificate,
}

/// A receipt of a decided request: finalised, refused or expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Version of the form.
    pub version: u8,
    /// Cryptographic suite.
    pub suite: u8,
    /// The chain.
    pub chain: ChainId,
    /// The request as signed; its arguments are sealed.
    pub request: SignedTransaction,
    /// The block that ordered it: the height of what was known.
    pub ordered: FinalHeader,
    /// From the request's leaf to that block's transaction root.
    pub path: Vec<(bool, Digest)>,
    /// The block that finalised or expired it; `None` if it was refused where it was ordered.
    pub decided: Option<FinalHeader>,
    /// A later block, whose header holds the state root of the proofs below; the set of validators is the genesis'.
    pub witness: FinalHeader,
    /// The request's status: who asked, which policy, version and law, and what became of it.
    pub status: RequestStatus,
    /// Proof of the status under the witness' state root.
    pub status_proof: StateProof,
    /// The register entry of the policy's module: whether it still stands.
    pub module: ModuleEntry,
    /// Proof of the entry under the witness' state root.
    pub module_proof: StateProof,
    /// The custodians whose signatures follow, those of the status' epoch; `None` if nothing is signed, or if they are the
    /// founding ones.
    pub custodians: Option<ProvenCustodians>,
    /// Custodians' signatures on the result, ascending; empty unless finalised.
    pub signatures: Vec<(CustodianId, Signature)>,
    /// The result, its answer sealed to the asker; `None` unless finalised.
    pub result: Option<SealedResult>,
}
