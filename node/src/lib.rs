//! The Guiju node: a pure replica core inside a thin server.
#![forbid(unsafe_code)]
pub mod block;
pub mod city;
pub mod client;
pub mod codec;
pub mod crypto;
pub mod transaction;
