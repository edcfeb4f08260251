//! The Guiju node: a pure replica core inside a thin server.
#![forbid(unsafe_code)]
pub mod audit;
pub mod block;
pub mod city;
pub mod cli;
pub mod client;
pub mod codec;
pub mod consensus;
pub mod crypto;
pub mod custody;
pub mod custody_link;
pub mod data_folder;
pub mod demo;
pub mod gateway;
pub mod genesis;
pub mod mempool;
pub mod network;
pub mod publication;
pub mod receipt;
pub mod replica;
pub mod server;
pub mod state;
pub mod store;
pub mod sync;
pub mod threshold;
pub mod transaction;
pub mod wal_file;
