//! Ledger state.

pub mod feed;
