//! Custody (解密中心): sealing for those who submit and ask, and the custodian that opens, evaluates and signs.
//! Owns everything that ever sees plaintext of sealed records. Invariant: a record is opened only for a request that the
//! ledger has ordered and permitted, and what leaves is a sealed answer or a sealed record, never plaintext.
//! Must not know: consensus, network, the ledger's storage.

mod ahead;
pub mod answer;
pub mod arguments;
pub mod budget;
pub mod capsules;
mod decide;
pub mod envelope;
mod erasures;
pub mod execute;
pub mod handles;
mod library;
pub mod openings;
mod plan;
pub mod process;
pub mod protocol;
mod records;
pub mod seat;

#[cfg(test)]
mod tests;
