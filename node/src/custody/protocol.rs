//! What replica and custodian say to each other across the process boundary.
//! Invariant: orders follow ledger order. Must not know: how a custodian evaluates.

use crate::replica::NodeId;
use crate::state::CustodyFeed;
use crate::transaction::{CapsuleId, SignedTransaction};

/// Replica to custodian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustodyOrder {
    /// What a block changed.
    Feed(CustodyFeed),
    /// Capsules of submitted records, or from another custodian.
    Capsules(Vec<(CapsuleId, Vec<u8>)>),
    /// Another custodian asks for capsules.
    Want(Vec<CapsuleId>, NodeId),
}

/// Custodian to replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustodyReport {
    /// A signed statement of results, for the ledger.
    Transaction(SignedTransaction),
    /// Capsules this custodian lacks.
    Want(Vec<CapsuleId>),
    /// Capsules another one asked for.
    Have {
        /// Who asked.
        to: NodeId,
        /// The capsules.
        capsules: Vec<(CapsuleId, Vec<u8>)>,
    },
}
