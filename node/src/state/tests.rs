//! Tests of the ledger: a small town with real modules, compiled and judged natively. Owns nothing outside tests.
//! Invariant: every expectation is written from the rules, not from the ledger's own output. Must not know: consensus.

mod custodians;
mod determinism;
pub(crate) mod erasure;
mod publication;
mod requests;
mod revocation;
mod transactions;
pub(crate) mod world;
