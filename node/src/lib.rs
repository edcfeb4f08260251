//! The Guiju node: a pure replica core inside a thin server.
#![forbid(unsafe_code)]
pub mod block;
pub mod client;
pub mod codec;
pub mod crypto;
pub mod transaction;
pub mod consensus;
pub mod custody;
pub mod mempool;
pub mod replica;
pub mod state;
pub mod sync;
