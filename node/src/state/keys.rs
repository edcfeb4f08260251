//! The ledger's key space. Owns the spelling of every state key and nothing else.
//! Invariant: keys of different families never collide (each starts with its own word and a slash), and ids inside keys
//! have fixed length, numbers are big-endian. Must not know: values.

use crate::crypto::Digest;
use crate::transaction::{CustodianId, DepartmentId, Handle, Height, RecordId, TransactionId};

/// Height, digest, time of the last block and the last sequence number: [`super::Head`].
pub const HEAD: &[u8] = b"meta/head";
/// The present custodians; absent while they are the founding ones.
pub const CUSTODIANS: &[u8] = b"custodians/present";
/// Prefix of the module register.
pub const MODULES: &[u8] = b"module/";
/// There while an approval came or went in the last block.
pub const PUBLICATION_MOVED: &[u8] = b"meta/publication-moved";
/// Prefix of what pending requests are finalised with.
pub const PENDING: &[u8] = b"pending/";
/// Prefix of pending contracts, in sequence order.
pub const PENDING_CONTRACTS: &[u8] = b"contract/";
/// Prefix of the accounts of points.
pub const POINTS: &[u8] = b"points/";

fn key(family: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = family.as_bytes().to_vec();
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// The custodians of an epoch, for receipts of what they attested.
pub fn custodians(epoch: u32) -> Vec<u8> {
    key("custodians/epoch/", &[&epoch.to_be_bytes()])
}
/// A module's register entry.
pub fn module(source: Digest) -> Vec<u8> {
    key("module/", &[&source.0])
}
/// A module's source text.
pub fn source(source: Digest) -> Vec<u8> {
    key("source/", &[&source.0])
}
/// A sealed record.
pub fn record(id: RecordId) -> Vec<u8> {
    key("record/", &[&id.0.0])
}
/// A record's erasure.
pub fn erasure(id: RecordId) -> Vec<u8> {
    key("erasure/", &[&id.0.0])
}
/// The record that replaced one.
pub fn superseded(id: RecordId) -> Vec<u8> {
    key("superseded/", &[&id.0.0])
}
/// Prefix of the records filed under a handle, oldest first.
pub fn handle(handle: Handle) -> Vec<u8> {
    key("handle/", &[&handle.0.0])
}
/// One record filed under a handle; `place` counts the records of the block.
pub fn filed(handle: Handle, height: Height, place: u32) -> Vec<u8> {
    key("handle/", &[&handle.0.0, &height.0.to_be_bytes(), &place.to_be_bytes()])
}
/// A request's public status.
pub fn request(id: TransactionId) -> Vec<u8> {
    key("request/", &[&id.0.0])
}
/// What a pending request is finalised with.
pub fn pending(id: TransactionId) -> Vec<u8> {
    key("pending/", &[&id.0.0])
}
/// A pending contract's place in line.
pub fn pending_contract(sequence: u64) -> Vec<u8> {
    key("contract/", &[&sequence.to_be_bytes()])
}
/// Prefix of the requests that expire at a height.
pub fn expiries(height: Height) -> Vec<u8> {
    key("expiry/", &[&height.0.to_be_bytes()])
}
/// A request's expiry.
pub fn expiry(height: Height, sequence: u64) -> Vec<u8> {
    key("expiry/", &[&height.0.to_be_bytes(), &sequence.to_be_bytes()])
}
/// Prefix of the votes on a request.
pub fn votes(id: TransactionId) -> Vec<u8> {
    key("vote/", &[&id.0.0])
}
/// A custodian's vote on a request.
pub fn vote(id: TransactionId, custodian: CustodianId) -> Vec<u8> {
    key("vote/", &[&id.0.0, &custodian.0.to_be_bytes()])
}
/// Prefix of the results proposed for a request.
pub fn candidates(id: TransactionId) -> Vec<u8> {
    key("candidate/", &[&id.0.0])
}
/// A result proposed for a request.
pub fn candidate(id: TransactionId, digest: Digest) -> Vec<u8> {
    key("candidate/", &[&id.0.0, &digest.0])
}
/// A final result.
pub fn result(id: TransactionId) -> Vec<u8> {
    key("result/", &[&id.0.0])
}
/// The custodians' signatures on a final result.
pub fn signatures(id: TransactionId) -> Vec<u8> {
    key("signatures/", &[&id.0.0])
}
/// A department's account of points.
pub fn points(department: DepartmentId) -> Vec<u8> {
    key("points/", &[&department.0.to_be_bytes()])
}
/// An executed transaction and its outcome.
pub fn seen(id: TransactionId) -> Vec<u8> {
    key("seen/", &[&id.0.0])
}
/// Prefix of the transactions forgotten after a height.
pub fn forgets(height: Height) -> Vec<u8> {
    key("forget/", &[&height.0.to_be_bytes()])
}
/// When a transaction is forgotten.
pub fn forget(height: Height, id: TransactionId) -> Vec<u8> {
    key("forget/", &[&height.0.to_be_bytes(), &id.0.0])
}
