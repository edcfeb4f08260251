//! The Guiju node: a pure replica core inside a thin server.
#![forbid(unsafe_code)]
pub mod block;
pub mod codec;
pub mod crypto;
pub mod custody;
pub mod custody_link;
pub mod data_folder;
pub mod network;
pub mod state;
pub mod store;
pub mod transaction;
pub mod wal_file;
