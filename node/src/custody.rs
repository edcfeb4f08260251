//! Custody: who may open sealed records, and how they answer. Only the protocol with the replica is here so far.
//! Invariant: none of its own. Must not know: consensus.
pub mod protocol;
