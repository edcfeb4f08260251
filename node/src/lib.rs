//! The Guiju node: a pure replica core inside a thin server.
#![forbid(unsafe_code)]
pub mod block;
pub mod codec;
pub mod crypto;
pub mod custody;
pub mod state;
pub mod transaction;
