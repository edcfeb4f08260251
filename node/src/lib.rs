//! The Guiju node: a pure replica core inside a thin server.
#![forbid(unsafe_code)]
pub mod block;
pub mod city;
pub mod client;
pub mod codec;
pub mod consensus;
pub mod crypto;
pub mod custody;
pub mod genesis;
pub mod mempool;
pub mod publication;
pub mod replica;
pub mod state;
pub mod sync;
pub mod transaction;
