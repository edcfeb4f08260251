//! Pending transactions. Owns their order, bounds and how long they stay.
//! Invariant: at most the stated count and bytes, in all and by sender; one entry an identity; order of arrival.
//! Must not know: consensus, peers, why the ledger admits a transaction.

use crate::block::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX};
use crate::codec::Encode as _;
use crate::state::Refusal;
use crate::transaction::{
    Envelope, Height, SignedTransaction, Signer, TRANSACTION_BYTES_MAX, TransactionId, VerifiedTransaction,
};
use std::collections::BTreeMap;
use std::fmt;

/// Room left in a block for header and list length, in bytes.
const BLOCK_OVERHEAD: usize = 1024;

/// Turns of gossip after which a transaction of another node's is sent again from here too: that node may be dead.
const ORPHAN_AGE: u32 = 3;

/// How much the mempool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MempoolLimits {
    /// Transactions in all.
    pub count: usize,
    /// Encoded bytes in all, capsules included.
    pub bytes: usize,
    /// Transactions by one sender.
    pub count_by_sender: usize,
    /// Encoded bytes by one sender.
    pub bytes_by_sender: usize,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self { count: 20_000, bytes: 64 * 1024 * 1024, count_by_sender: 5_000, bytes_by_sender: 16 * 1024 * 1024 }
    }
}

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The ledger refuses it: the sender is at fault.
    Ledger(Refusal),
    /// It is larger than a transaction may be: the sender is at fault.
    TooLarge,
    /// There are not as many capsules as records: the sender is at fault.
    Capsules,
    /// The sender has too much pending: it should wait.
    SenderBusy,
    /// The node has too much pending: the client should wait or ask another node.
    NodeBusy,
}

impl Rejection {
    /// Whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::SenderBusy | Self::NodeBusy)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(refusal) => write!(f, "{refusal}"),
            Self::TooLarge => write!(
                f,
                "交易超过 {TRANSACTION_BYTES_MAX} 字节 / the transaction is over {TRANSACTION_BYTES_MAX} bytes"
            ),
            Self::Capsules => write!(f, "密钥封装与记录数目不符 / capsules and records differ in number"),
            Self::SenderBusy => {
                write!(f, "发送者待处理交易过多,请稍后再试 / the sender has too much pending; try later")
            }
            Self::NodeBusy => write!(f, "本节点待处理交易过多,请稍后再试 / this node has too much pending; try later"),
        }
    }
}

impl std::error::Error for Rejection {}

struct Entry {
    transaction: VerifiedTransaction,
    capsules: Vec<Vec<u8>>,
    bytes: usize,
    block_bytes: usize,
    /// Handed in here, so that this node sends it again until it is in a block.
    local: bool,
    /// Turns of gossip it has been pending.
    age: u32,
}

#[derive(Clone, Copy, Default)]
struct Usage {
    count: usize,
    bytes: usize,
}

/// The pending transactions.
pub struct Mempool {
    limits: MempoolLimits,
    entries: BTreeMap<u64, Entry>,
    places: BTreeMap<TransactionId, u64>,
    by_sender: BTreeMap<Signer, Usage>,
    bytes: usize,
    next: u64,
    gossip_from: u64,
}

impl Mempool {
    /// An empty one.
    pub fn new(limits: MempoolLimits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
            places: BTreeMap::new(),
            by_sender: BTreeMap::new(),
            bytes: 0,
            next: 0,
            gossip_from: 0,
        }
    }

    /// How many are pending.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether none is pending.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// Whether `id` is pending.
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.places.contains_key(id)
    }

    /// Checks what can be checked before signatures are: size and quotas.
    pub fn has_room(&self, envelope: &Envelope) -> Result<(), Rejection> {
        let (block_bytes, bytes) = sizes(&envelope.transaction, &envelope.capsules);
        if block_bytes > TRANSACTION_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        if self.entries.len() >= self.limits.count || self.bytes + bytes > self.limits.bytes {
            return Err(Rejection::NodeBusy);
        }
        let used = self.by_sender.get(&envelope.transaction.body.sender).copied().unwrap_or_default();
        if used.count >= self.limits.count_by_sender || used.bytes + bytes > self.limits.bytes_by_sender {
            return Err(Rejection::SenderBusy);
        }
        Ok(())
    }

    /// Adds an admitted transaction for which [`Mempool::has_room`] said yes. False if it was there already.
    pub fn insert(&mut self, transaction: VerifiedTransaction, capsules: Vec<Vec<u8>>, local: bool) -> bool {
        if self.contains(&transaction.id()) {
            return false;
        }
        let (block_bytes, bytes) = sizes(transaction.signed(), &capsules);
        let used = self.by_sender.entry(transaction.body().sender).or_default();
        used.count += 1;
        used.bytes += bytes;
        self.bytes += bytes;
        self.places.insert(transaction.id(), self.next);
        self.entries.insert(self.next, Entry { transaction, capsules, bytes, block_bytes, local, age: 0 });
        self.next += 1;
        true
    }

    /// Removes `id`, if pending.
    pub fn remove(&mut self, id: &TransactionId) {
        let Some(entry) = self.places.remove(id).and_then(|place| self.entries.remove(&place)) else { return };
        self.bytes -= entry.bytes;
        let sender = entry.transaction.body().sender;
        if let Some(used) = self.by_sender.get_mut(&sender) {
            used.count -= 1;
            used.bytes -= entry.bytes;
            if used.count == 0 {
                self.by_sender.remove(&sender);
            }
        }
    }

    /// Removes those that a block at `next` could not hold any more.
    pub fn expire(&mut self, next: Height) {
        let late: Vec<_> = (self.entries.values())
            .filter(|entry| entry.transaction.body().valid_until < next)
            .map(|entry| entry.transaction.id())
            .collect();
        for id in late {
            self.remove(&id);
        }
    }

    /// The next block's transactions: the oldest that fit, in order of arrival.
    pub fn for_block(&self) -> Vec<SignedTransaction> {
        let mut room = BLOCK_BYTES_MAX - BLOCK_OVERHEAD;
        let mut chosen = Vec::new();
        for entry in self.entries.values().take(BLOCK_TRANSACTIONS_MAX) {
            let Some(rest) = room.checked_sub(entry.block_bytes) else { break };
            room = rest;
            chosen.push(entry.transaction.signed().clone());
        }
        chosen
    }

    /// A turn of gossip has passed.
    pub fn grow_older(&mut self) {
        for entry in self.entries.values_mut() {
            entry.age = entry.age.saturating_add(1);
        }
    }

    /// Up to `count` transactions to send again, local or long pending, taking turns so that all are reached.
    pub fn to_gossip(&mut self, count: usize) -> Vec<Envelope> {
        let turn: Vec<u64> = (self.entries.range(self.gossip_from..))
            .chain(self.entries.range(..self.gossip_from))
            .filter(|(_, entry)| entry.local || entry.age >= ORPHAN_AGE)
            .map(|(place, _)| *place)
            .take(count)
            .collect();
        self.gossip_from = turn.last().map_or(0, |place| place + 1);
        turn.into_iter().filter_map(|place| self.entries.get(&place)).map(envelope_of).collect()
    }
}

fn envelope_of(entry: &Entry) -> Envelope {
    Envelope { transaction: entry.transaction.signed().clone(), capsules: entry.capsules.clone() }
}

/// Encoded bytes of the transaction alone, and with its capsules.
fn sizes(transaction: &SignedTransaction, capsules: &[Vec<u8>]) -> (usize, usize) {
    let alone = transaction.to_bytes().len();
    (alone, alone + capsules.iter().map(Vec::len).sum::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Digest, Keypair};
    use crate::transaction::{ChainId, DepartmentId, Payload, Transaction};

    const CHAIN: ChainId = ChainId(Digest([5; 32]));

    fn envelope(sender: u16, nonce: u8, valid_until: u64, source_bytes: usize) -> (Envelope, VerifiedTransaction) {
        let signer = Signer::Department(DepartmentId(sender));
        let key = Keypair::from_seed([1; 32]);
        let body = Transaction {
            chain: CHAIN,
            sender: signer,
            nonce: [nonce; 16],
            valid_until: Height(valid_until),
            payload: Payload::Publish { source: "x".repeat(source_bytes) },
        };
        let transaction = SignedTransaction::sign(body, &[(signer, &key)]);
        let verified = transaction.clone().verify(CHAIN, |_| Some(key.public())).expect("just signed");
        (Envelope { transaction, capsules: Vec::new() }, verified)
    }

    fn add(pool: &mut Mempool, (envelope, verified): (Envelope, VerifiedTransaction)) -> Result<bool, Rejection> {
        pool.has_room(&envelope)?;
        Ok(pool.insert(verified, envelope.capsules, true))
    }

    #[test]
    fn blocks_take_the_oldest_that_fit_in_order() {
        let mut pool = Mempool::new(MempoolLimits::default());
        for nonce in 0..12 {
            assert_eq!(add(&mut pool, envelope(1, nonce, 9, 100_000)), Ok(true));
        }
        let chosen = pool.for_block();
        assert_eq!(chosen.len(), 10, "ten of 100 kB fit into 1 MiB");
        assert!(chosen.iter().enumerate().all(|(at, chosen)| usize::from(chosen.body.nonce[0]) == at));
    }

    #[test]
    fn a_sender_cannot_fill_the_pool_and_room_comes_back() {
        let limits = MempoolLimits { count: 5, count_by_sender: 3, ..MempoolLimits::default() };
        let mut pool = Mempool::new(limits);
        for nonce in 0..3 {
            assert_eq!(add(&mut pool, envelope(1, nonce, 9, 10)), Ok(true));
        }
        assert_eq!(add(&mut pool, envelope(1, 3, 9, 10)), Err(Rejection::SenderBusy));
        assert_eq!(add(&mut pool, envelope(2, 0, 9, 10)), Ok(true));
        assert_eq!(add(&mut pool, envelope(2, 1, 9, 10)), Ok(true));
        assert_eq!(add(&mut pool, envelope(3, 0, 9, 10)), Err(Rejection::NodeBusy));
        let (_, first) = envelope(1, 0, 9, 10);
        pool.remove(&first.id());
        assert_eq!(add(&mut pool, envelope(1, 3, 9, 10)), Ok(true));
        assert_eq!(pool.len(), 5);
    }

    #[test]
    fn bytes_are_bounded_in_all_and_by_sender() {
        let limits = MempoolLimits { bytes: 250_000, bytes_by_sender: 150_000, ..MempoolLimits::default() };
        let mut pool = Mempool::new(limits);
        assert_eq!(add(&mut pool, envelope(1, 0, 9, 100_000)), Ok(true));
        assert_eq!(add(&mut pool, envelope(1, 1, 9, 100_000)), Err(Rejection::SenderBusy));
        assert_eq!(add(&mut pool, envelope(2, 0, 9, 100_000)), Ok(true));
        assert_eq!(add(&mut pool, envelope(3, 0, 9, 100_000)), Err(Rejection::NodeBusy));
        assert_eq!(add(&mut pool, envelope(4, 0, 9, TRANSACTION_BYTES_MAX)), Err(Rejection::TooLarge));
    }

    #[test]
    fn what_expired_goes_and_what_is_pending_is_sent_again_in_turn() {
        let mut pool = Mempool::new(MempoolLimits::default());
        for nonce in 0..6 {
            assert_eq!(add(&mut pool, envelope(1, nonce, if nonce < 2 { 4 } else { 9 }, 10)), Ok(true));
        }
        assert_eq!(add(&mut pool, envelope(1, 0, 4, 10)), Ok(false), "the same again is no second entry");
        pool.expire(Height(5));
        assert_eq!(pool.len(), 4);
        let turn = |pool: &mut Mempool| -> Vec<u8> {
            pool.to_gossip(3).iter().map(|envelope| envelope.transaction.body.nonce[0]).collect()
        };
        assert_eq!(turn(&mut pool), [2, 3, 4]);
        assert_eq!(turn(&mut pool), [5, 2, 3]);

        let (_, theirs) = envelope(2, 9, 9, 10);
        let mut pool = Mempool::new(MempoolLimits::default());
        assert!(pool.insert(theirs, Vec::new(), false));
        assert!(turn(&mut pool).is_empty(), "its own node sends it");
        (0..ORPHAN_AGE).for_each(|_| pool.grow_older());
        assert_eq!(turn(&mut pool), [9], "unless that node seems to be dead");
    }
}
