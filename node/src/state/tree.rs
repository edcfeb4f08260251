//! The state tree: one root over every state entry, and proofs that a stranger can check. Only this file names `jmt`.
//! Invariant: version of the tree = height; nodes no root of the last [`ROOTS_RETAINED`] heights needs are deleted.
//! [`StateProof::verify`] needs nothing of the tree's implementation. Must not know: what keys and values mean.

use super::backing::Backing;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::transaction::Height;
use jmt::proof::{INTERNAL_DOMAIN_SEPARATOR, LEAF_DOMAIN_SEPARATOR, SparseMerkleProof};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher, Version};
use std::collections::BTreeMap;

/// Heights back from the last for which state proofs can be given.
pub const ROOTS_RETAINED: u64 = 100;
/// Deepest path of the tree, in bits.
const DEPTH_MAX: usize = 256;
/// What stands for an empty subtree; the root of the genesis state.
const EMPTY: Digest = Digest(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// The tree's hash: BLAKE3 under a domain of its own.
struct TreeHasher(blake3::Hasher);

impl SimpleHasher for TreeHasher {
    fn new() -> Self {
        Self(blake3::Hasher::new_derive_key("guiju/1/state-tree"))
    }
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finalize(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(Digest::of("guiju/1/state-key", key).0)
}

/// What the tree holds of a value: its digest, so that values are not stored twice.
fn value_digest(value: &[u8]) -> [u8; 32] {
    Digest::of("guiju/1/state-value", value).0
}

/// What a block does to the tree.
pub(super) struct TreeUpdate {
    /// Root after the block.
    pub(super) root: Digest,
    /// Entries written, and `None` for those deleted.
    pub(super) entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

struct Nodes<'a, B>(&'a B);

impl<B: Backing> TreeReader for Nodes<'_, B> {
    fn get_node_option(&self, node: &NodeKey) -> Result<Option<Node>, anyhow::Error> {
        if node.version() == 0 && node.nibble_path().is_empty() {
            return Ok(Some(Node::Null));
        }
        Ok(match self.0.tree_node(&node_entry(node)) {
            Some(bytes) => Some(borsh::from_slice(&bytes)?),
            None => None,
        })
    }
    // Values live in the state itself; the tree asks only to return them beside a proof, and no caller here looks.
    fn get_value_option(&self, _: Version, _: KeyHash) -> Result<Option<OwnedValue>, anyhow::Error> {
        Ok(Some(Vec::new()))
    }
    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>, anyhow::Error> {
        Ok(None)
    }
}

/// Root of the state at `height`.
///
/// # Panics
/// If the store lacks the root of its last height: storage is damaged and the process must end.
pub(super) fn root(backing: &impl Backing, height: Height) -> Digest {
    if height.0 == 0 {
        return EMPTY;
    }
    let nodes = Nodes(backing);
    let tree = JellyfishMerkleTree::<_, TreeHasher>::new(&nodes);
    Digest(tree.get_root_hash(height.0).expect("the store holds the root of its last height").0)
}

/// Applies `changes` on top of the root of the height before `height`. At least one change is needed.
///
/// # Panics
/// If the store lacks a node of its last root: storage is damaged and the process must end.
pub(super) fn update(
    backing: &impl Backing,
    height: Height,
    changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
) -> TreeUpdate {
    debug_assert!(!changes.is_empty());
    let nodes = Nodes(backing);
    let tree = JellyfishMerkleTree::<_, TreeHasher>::new(&nodes);
    let set = changes.iter().map(|(key, value)| (key_hash(key), value.as_ref().map(|v| value_digest(v).to_vec())));
    let (root, update) = tree.put_value_set(set, height.0).expect("the store holds every node of its last root");
    let mut entries: Vec<(Vec<u8>, Option<Vec<u8>>)> = update
        .node_batch
        .nodes()
        .iter()
        .map(|(key, node)| (node_entry(key), Some(borsh::to_vec(node).expect("writing to memory cannot fail"))))
        .collect();
    let mut stale = Writer::default();
    for index in &update.stale_node_index_batch {
        stale.bytes(&node_entry(&index.node_key));
    }
    entries.push((stale_entry(height.0), Some(stale.into_bytes())));
    prune(backing, height, &mut entries);
    TreeUpdate { root: Digest(root.0), entries }
}

/// Deletes the nodes that became stale [`ROOTS_RETAINED`] blocks ago, and their list.
fn prune(backing: &impl Backing, height: Height, entries: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>) {
    let Some(old) = height.0.checked_sub(ROOTS_RETAINED) else { return };
    let list = stale_entry(old);
    let Some(bytes) = backing.tree_node(&list) else { return };
    let mut input = Reader::new(&bytes);
    while let Ok(key) = input.bytes(64) {
        entries.push((key.to_vec(), None));
    }
    entries.push((list, None));
}

fn node_entry(node: &NodeKey) -> Vec<u8> {
    let path = node.nibble_path();
    let mut key = Vec::with_capacity(10 + path.num_nibbles().div_ceil(2));
    key.push(b'n');
    key.extend_from_slice(&node.version().to_be_bytes());
    key.push(u8::try_from(path.num_nibbles()).expect("a path has at most 64 nibbles"));
    let mut nibbles = path.nibbles();
    while let Some(high) = nibbles.next() {
        let low = nibbles.next().map_or(0, u8::from);
        key.push(u8::from(high) << 4 | low);
    }
    key
}

fn stale_entry(version: u64) -> Vec<u8> {
    let mut key = vec![b's'];
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// Proof that a state entry has a value, or that there is none, under a state root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateProof {
    /// Key hash and value hash of the leaf at the path's end: the entry's own, or for absence a neighbour's or none.
    leaf: Option<(Digest, Digest)>,
    /// Hashes beside the path, from the bottom.
    siblings: Vec<Digest>,
}

/// Proves what `key` holds at `height`, which must be one of the last [`ROOTS_RETAINED`]; else `None`.
pub(super) fn prove(backing: &impl Backing, height: Height, key: &[u8]) -> Option<StateProof> {
    let nodes = Nodes(backing);
    let tree = JellyfishMerkleTree::<_, TreeHasher>::new(&nodes);
    let (_, proof) = tree.get_with_proof(key_hash(key), height.0).ok()?;
    Some(StateProof::read(&proof))
}

impl StateProof {
    /// Takes a proof out of the tree's own form, whose fields are readable only in its bytes:
    /// option of leaf (two hashes), then a little-endian count of siblings, each 0, or 1 or 2 and two hashes.
    fn read(proof: &SparseMerkleProof<TreeHasher>) -> Self {
        let bytes = borsh::to_vec(proof).expect("writing to memory cannot fail");
        Self::read_bytes(&mut Reader::new(&bytes)).expect("the tree's proof form is fixed by its exact version")
    }

    fn read_bytes(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let leaf = if input.bool()? { Some((Digest::decode(input)?, Digest::decode(input)?)) } else { None };
        let n = u32::from_le_bytes(input.array()?);
        let siblings = (0..n)
            .map(|_| {
                Ok(match input.u8()? {
                    0 => EMPTY,
                    1 => hash(INTERNAL_DOMAIN_SEPARATOR, Digest::decode(input)?, Digest::decode(input)?),
                    _ => hash(LEAF_DOMAIN_SEPARATOR, Digest::decode(input)?, Digest::decode(input)?),
                })
            })
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self { leaf, siblings })
    }

    /// Whether this proves that `key` holds `value` (or nothing, for `None`) under `root`.
    pub fn verify(&self, root: Digest, key: &[u8], value: Option<&[u8]>) -> bool {
        let path = key_hash(key).0;
        if self.siblings.len() > DEPTH_MAX {
            return false;
        }
        let shown = match (self.leaf, value) {
            (Some((k, v)), Some(value)) => k.0 == path && v.0 == TreeHasher::hash(value_digest(value)),
            (None, Some(_)) => false,
            (Some((k, _)), None) => k.0 != path && (0..self.siblings.len()).all(|i| bit(&k.0, i) == bit(&path, i)),
            (None, None) => true,
        };
        let start = self.leaf.map_or(EMPTY, |(k, v)| hash(LEAF_DOMAIN_SEPARATOR, k, v));
        let depth = self.siblings.len();
        let end = self.siblings.iter().enumerate().fold(start, |below, (i, beside)| {
            if bit(&path, depth - 1 - i) {
                hash(INTERNAL_DOMAIN_SEPARATOR, *beside, below)
            } else {
                hash(INTERNAL_DOMAIN_SEPARATOR, below, *beside)
            }
        });
        shown && end == root
    }
}

fn hash(domain: &[u8], left: Digest, right: Digest) -> Digest {
    let mut hasher = TreeHasher::new();
    hasher.update(domain);
    hasher.update(&left.0);
    hasher.update(&right.0);
    Digest(hasher.finalize())
}

/// Bit `i` of a path, from the root.
fn bit(path: &[u8; 32], i: usize) -> bool {
    path[i / 8] >> (7 - i % 8) & 1 == 1
}

impl Encode for StateProof {
    fn encode(&self, out: &mut Writer) {
        out.bool(self.leaf.is_some());
        if let Some((key, value)) = &self.leaf {
            key.encode(out);
            value.encode(out);
        }
        out.list(&self.siblings);
    }
}
impl Decode for StateProof {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let leaf = if input.bool()? { Some((Digest::decode(input)?, Digest::decode(input)?)) } else { None };
        Ok(Self { leaf, siblings: input.list(DEPTH_MAX)? })
    }
}
