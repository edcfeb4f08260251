//! Agreement on the next block: Tendermint through malachite's core. Owns what validators sign, the certificate, the
//! write-ahead records and the driver that turns the core's effects into an ordered list of outputs.
//! Invariant: malachite is named in this folder only; no output leaves before the records that it depends on.
//! Must not know: the ledger's rules, the mempool, timers' clock, sockets, files.

pub mod certificate;
pub mod context;
pub mod driver;
pub mod messages;
pub mod wal;

pub use certificate::{CertificateFault, makes_final, verify_certificate};
pub use messages::ConsensusMessage;
pub use wal::WalRecord;
