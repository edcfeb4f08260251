//! Blocks and what makes them final. Owns header, transaction tree (RFC 6962 shape) and commit certificate.
//! Invariant: a block's digest covers its header, and the header covers every transaction.
//! Must not know: consensus rounds in progress, ledger state, storage, network.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, PublicKey, Signature};
use crate::transaction::{ChainId, Height, SignedTransaction};

/// Largest encoded block, in bytes.
pub const BLOCK_BYTES_MAX: usize = 1024 * 1024;
/// Most transactions in a block.
pub const BLOCK_TRANSACTIONS_MAX: usize = 2_000;
/// Most signatures in a certificate (validators).
pub const VALIDATORS_MAX: usize = 128;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The civil date in Asia/Shanghai (UTC+8, no daylight saving since 1991), as days since 1970-01-01.
    pub fn shanghai_day(self) -> i32 {
        i32::try_from((self.0 / 1000 + 8 * 3600) / 86_400).unwrap_or(i32::MAX)
    }
}

/// A block's fixed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The chain.
    pub chain: ChainId,
    /// The position.
    pub height: Height,
    /// Digest of the block before; of the genesis for height 1 (the chain id).
    pub parent: Digest,
    /// Proposer's clock, strictly after the parent's, at most 5 s ahead of the judge's.
    pub time: Timestamp,
    /// Consensus key of the proposer.
    pub proposer: PublicKey,
    /// State root after the parent block.
    pub state_root: Digest,
    /// Root of the transaction tree.
    pub transactions_root: Digest,
}

impl Header {
    /// The block's digest, the value on which consensus is reached.
    pub fn digest(&self) -> Digest {
        Digest::of("guiju/1/block", &self.to_bytes())
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The fixed part.
    pub header: Header,
    /// The transactions, in order.
    pub transactions: Vec<SignedTransaction>,
}

impl Block {
    /// The block's digest.
    pub fn digest(&self) -> Digest {
        self.header.digest()
    }
}

/// A quorum certificate: precommits of more than two thirds of the voting power for one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Height decided.
    pub height: Height,
    /// Round in which it was decided.
    pub round: u32,
    /// Digest of the block.
    pub block: Digest,
    /// Signatures by consensus key, ascending, one each. What they cover is in `consensus::context`.
    pub signatures: Vec<(PublicKey, Signature)>,
}

/// A decided block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// Why it is final.
    pub certificate: Certificate,
}

/// Root of the transaction tree: RFC 6962 section 2.1 with BLAKE3 and domain-separated leaves and nodes.
pub fn transactions_root(transactions: &[SignedTransaction]) -> Digest {
    tree_root(&transactions.iter().map(leaf).collect::<Vec<_>>())
}

/// The leaf of one transaction.
pub fn leaf(transaction: &SignedTransaction) -> Digest {
    Digest::of("guiju/1/tree-leaf", &transaction.to_bytes())
}

/// Audit path of leaf `index`, from the bottom; `None` if there is no such leaf.
pub fn audit_path(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let mut path;
    if index < k {
        path = audit_path(left, index)?;
        path.push(tree_root(right));
    } else {
        path = audit_path(right, index - k)?;
        path.push(tree_root(left));
    }
    Some(path)
}

/// The root that `leaf` at `index` of `count` has by `path`; `None` if the path has the wrong length.
pub fn root_from_path(leaf: Digest, index: usize, count: usize, path: &[Digest]) -> Option<Digest> {
    if index >= count {
        return None;
    }
    if count == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (last, rest) = path.split_last()?;
    let k = split(count);
    if index < k {
        Some(node(root_from_path(leaf, index, k, rest)?, *last))
    } else {
        Some(node(*last, root_from_path(leaf, index - k, count - k, rest)?))
    }
}

/// The audit path of leaf `index` with the side on which each digest stands (`true`: left of the path), so that index and
/// count need not travel with it. `None` if there is no such leaf.
pub fn sided_path(leaves: &[Digest], index: usize) -> Option<Vec<(bool, Digest)>> {
    let path = audit_path(leaves, index)?;
    let (mut index, mut count, mut sides) = (index, leaves.len(), Vec::with_capacity(path.len()));
    while count > 1 {
        let k = split(count);
        sides.push(index >= k);
        (index, count) = if index < k { (index, k) } else { (index - k, count - k) };
    }
    sides.reverse();
    Some(sides.into_iter().zip(path).collect())
}

/// The root that `leaf` has by a path from [`sided_path`].
pub fn root_from_sides(leaf: Digest, path: &[(bool, Digest)]) -> Digest {
    path.iter().fold(leaf, |below, (left, beside)| if *left { node(*beside, below) } else { node(below, *beside) })
}

fn tree_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of("guiju/1/tree-empty", b""),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(tree_root(left), tree_root(right))
        }
    }
}

fn node(left: Digest, right: Digest) -> Digest {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&left.0);
    bytes[32..].copy_from_slice(&right.0);
    Digest::of("guiju/1/tree-node", &bytes)
}

/// Largest power of two below `n` (n ≥ 2).
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

impl Encode for Header {
    fn encode(&self, out: &mut Writer) {
        self.chain.encode(out);
        self.height.encode(out);
        self.parent.encode(out);
        out.u64(self.time.0);
        self.proposer.encode(out);
        self.state_root.encode(out);
        self.transactions_root.encode(out);
    }
}
impl Decode for Header {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain: ChainId::decode(input)?,
            height: Height::decode(input)?,
            parent: Digest::decode(input)?,
            time: Timestamp(input.u64()?),
            proposer: PublicKey::decode(input)?,
            state_root: Digest::decode(input)?,
            transactions_root: Digest::decode(input)?,
        })
    }
}
impl Encode for Block {
    fn encode(&self, out: &mut Writer) {
        self.header.encode(out);
        out.list(&self.transactions);
    }
}
impl Decode for Block {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { header: Header::decode(input)?, transactions: input.list(BLOCK_TRANSACTIONS_MAX)? })
    }
}
impl Encode for Certificate {
    fn encode(&self, out: &mut Writer) {
        self.height.encode(out);
        out.u32(self.round);
        self.block.encode(out);
        out.u8(u8::try_from(self.signatures.len()).expect("at most VALIDATORS_MAX signatures"));
        for (key, signature) in &self.signatures {
            key.encode(out);
            signature.encode(out);
        }
    }
}
impl Decode for Certificate {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (height, round, block) = (Height::decode(input)?, input.u32()?, Digest::decode(input)?);
        let n = usize::from(input.u8()?);
        if n > VALIDATORS_MAX {
            return Err(DecodeError::TooLong);
        }
        let signatures = (0..n)
            .map(|_| Ok((PublicKey::decode(input)?, Signature::decode(input)?)))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        if !signatures.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { height, round, block, signatures })
    }
}
impl Encode for CertifiedBlock {
    fn encode(&self, out: &mut Writer) {
        self.block.encode(out);
        self.certificate.encode(out);
    }
}
impl Decode for CertifiedBlock {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { block: Block::decode(input)?, certificate: Certificate::decode(input)? })
    }
}
