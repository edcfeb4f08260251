//! The ledger on disk. Owns the fjall database, and is the only file that names it; `store/guard.rs` is its witness.
//! Invariant: a block is in the store whole or not at all, and [`Store::commit`] returns only when a crash can no
//! longer take it back. Must not know: what state keys mean, consensus, network.
//!
//! Never used here, because upstream has or had defects in them: `clear`, FIFO compaction, key-value separation.

pub mod guard;

use crate::block::CertifiedBlock;
use crate::codec::{Decode, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::state::{Backing, Batch};
use crate::transaction::{ChainId, Height, TransactionId};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use guard::{GuardError, GuardLog, GuardRecord};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Layout of the keyspaces; a store of another number is refused.
const FORMAT: u32 = 1;
/// Block cache, in bytes.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Bound on journals, in bytes; recovery time is proportional to it. The smallest the engine allows.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Bound on one keyspace's memtable, in bytes, so that journals can be released early.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;

const KEY_FORMAT: &[u8] = b"format";
const KEY_CHAIN: &[u8] = b"chain";
const KEY_HEAD: &[u8] = b"head";

/// Why the store cannot be opened or written.
#[derive(Debug)]
pub enum StoreError {
    /// The disk, the file system or the engine's files are at fault.
    Engine(fjall::Error),
    /// The guard log cannot be used.
    Guard(GuardError),
    /// The guard log is ahead: blocks that were acknowledged are no longer in the ledger. The disk is at fault.
    AcknowledgedBlocksMissing {
        /// Height the guard log has seen durable.
        guard: Height,
        /// Height the ledger opened at.
        store: Height,
    },
    /// Ledger and guard log do not belong together, as after restoring only one of them. The operator is at fault.
    GuardMismatch {
        /// Newest height in the guard log; 0 if it is empty.
        guard: Height,
        /// Height the ledger opened at.
        store: Height,
    },
    /// The folder holds another chain's ledger. The operator is at fault.
    OtherChain,
    /// The folder was written by an incompatible program.
    OtherFormat(u32),
    /// A stored value does not decode. The disk is at fault.
    Damaged(&'static str),
    /// A batch does not follow the head. The caller is at fault.
    OutOfOrder {
        /// Height of the head.
        head: Height,
        /// Height of the batch.
        batch: Height,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(e) => write!(f, "账本存储失败 / the ledger's storage failed: {e}"),
            Self::Guard(e) => e.fmt(f),
            Self::AcknowledgedBlocksMissing { guard, store } => write!(
                f,
                "已确认的区块缺失:守护日志到高度 {guard},账本只到 {store};本节点不得投票,须从其他节点修复 / \
                 acknowledged blocks are missing: the guard log reaches height {guard}, the ledger only {store}; \
                 this node must not vote and needs repair from its peers"
            ),
            Self::GuardMismatch { guard, store } => write!(
                f,
                "守护日志(高度 {guard})与账本(高度 {store})不属于同一份数据 / \
                 the guard log (height {guard}) does not belong to this ledger (height {store})"
            ),
            Self::OtherChain => write!(f, "数据目录属于另一条链 / the data folder belongs to another chain"),
            Self::OtherFormat(n) => {
                write!(f, "账本格式 {n} 不受支持 / ledger format {n} is not supported")
            }
            Self::Damaged(what) => write!(f, "账本数据损坏 / stored data is damaged: {what}"),
            Self::OutOfOrder { head, batch } => {
                write!(f, "区块次序错误 / block {batch} does not follow head {head}")
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl From<fjall::Error> for StoreError {
    fn from(e: fjall::Error) -> Self {
        Self::Engine(e)
    }
}
impl From<GuardError> for StoreError {
    fn from(e: GuardError) -> Self {
        Self::Guard(e)
    }
}

/// The newest block's place and outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height; 0 for the genesis state.
    pub height: Height,
    /// Its digest; the chain id for the genesis state.
    pub block: Digest,
    /// State root after it; zero for the genesis state, which the store does not compute.
    pub state_root: Digest,
}

/// The open ledger. Clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    database: Database,
    meta: Keyspace,
    blocks: Keyspace,
    index: Keyspace,
    state: Keyspace,
    tree: Keyspace,
    feed: Keyspace,
    chain: ChainId,
    guard: Mutex<GuardLog>,
    /// Held for writing while a batch is applied. The database's background work can make a sequence number visible
    /// before the batch that has it is wholly in memory, so a snapshot taken meanwhile would hold part of a block.
    applying: RwLock<()>,
}

impl Store {
    /// Opens or creates the ledger of `chain` in `folder/ledger` with `folder/guard.log`, and compares the two.
    /// Errors: see [`StoreError`]; on any of them the node must not vote.
    pub fn open(folder: &Path, chain: ChainId) -> Result<Self, StoreError> {
        let database = Database::builder(folder.join("ledger"))
            .manual_journal_persist(true)
            .max_journaling_size(JOURNAL_BYTES)
            .cache_size(CACHE_BYTES)
            .worker_threads(1)
            .open()?;
        let keyspace = |name: &str, hits: bool| {
            database.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .manual_journal_persist(true)
                    .max_memtable_size(MEMTABLE_BYTES)
                    .expect_point_read_hits(hits)
            })
        };
        let inner = Inner {
            meta: keyspace("meta", true)?,
            blocks: keyspace("blocks", true)?,
            index: keyspace("txidx", false)?,
            state: keyspace("state", false)?,
            tree: keyspace("tree_nodes", true)?,
            feed: keyspace("feed", true)?,
            guard: Mutex::new(GuardLog::open(&folder.join("guard.log"))?),
            applying: RwLock::default(),
            chain,
            database,
        };
        let store = Self(Arc::new(inner));
        store.claim(chain)?;
        store.compare_with_guard()?;
        Ok(store)
    }

    /// The newest block.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.read_head(&self.0.database.snapshot())
    }

    /// The block of `height`, with its certificate.
    pub fn certified_block(&self, height: Height) -> Result<Option<CertifiedBlock>, StoreError> {
        self.block_bytes(height)?
            .map(|b| CertifiedBlock::from_bytes(&b).map_err(|_| StoreError::Damaged("block")))
            .transpose()
    }

    /// The encoded block of `height`, with its certificate.
    pub fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.blocks.get(height.0.to_be_bytes())?.map(|v| v.to_vec()))
    }

    /// The encoded custody feed of `height`.
    pub fn feed_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.feed.get(height.0.to_be_bytes())?.map(|v| v.to_vec()))
    }

    /// A view that later commits do not change.
    pub fn view(&self) -> Result<View, StoreError> {
        let snapshot = {
            let _whole = self.0.applying.read().unwrap_or_else(PoisonError::into_inner);
            self.0.database.snapshot()
        };
        let head = self.read_head(&snapshot)?;
        Ok(View { inner: self.0.clone(), snapshot, head })
    }

    /// Writes a block and all it changes in one atomic batch, makes it durable, then witnesses it in the guard log.
    /// After an error the store refuses further writes; the caller ends the process.
    pub fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let head = self.head()?;
        if batch.height != head.height.next() || batch.block.block.header.height != batch.height {
            return Err(StoreError::OutOfOrder { head: head.height, batch: batch.height });
        }
        let inner = &*self.0;
        let key = batch.height.0.to_be_bytes();
        let new = Head { height: batch.height, block: batch.block.block.digest(), state_root: batch.state_root };
        let mut write = inner.database.batch().durability(Some(PersistMode::SyncAll));
        write.insert(&inner.blocks, key, batch.block.to_bytes());
        write.insert(&inner.feed, key, batch.feed.as_slice());
        for (index, transaction) in (0u32..).zip(&batch.block.block.transactions) {
            let mut place = Writer::default();
            place.u64(batch.height.0);
            place.u32(index);
            write.insert(&inner.index, transaction.body.id().0.0, place.into_bytes());
        }
        for (keyspace, changes) in [(&inner.state, &batch.state), (&inner.tree, &batch.tree_nodes)] {
            for (key, value) in changes {
                match value {
                    Some(value) => write.insert(keyspace, key.as_slice(), value.as_slice()),
                    None => write.remove(keyspace, key.as_slice()),
                }
            }
        }
        write.insert(&inner.meta, KEY_HEAD, encode_head(&new));
        {
            let _apply = inner.applying.write().unwrap_or_else(PoisonError::into_inner);
            write.commit()?;
        }
        self.witness(new)
    }

    /// Checks that the folder is this chain's, or makes it so.
    fn claim(&self, chain: ChainId) -> Result<(), StoreError> {
        let inner = &*self.0;
        if let Some(format) = inner.meta.get(KEY_FORMAT)? {
            let format = format.as_ref().try_into().map_err(|_| StoreError::Damaged("format"))?;
            let format = u32::from_be_bytes(format);
            if format != FORMAT {
                return Err(StoreError::OtherFormat(format));
            }
            return match inner.meta.get(KEY_CHAIN)? {
                Some(c) if *c == chain.0.0 => Ok(()),
                _ => Err(StoreError::OtherChain),
            };
        }
        let mut write = inner.database.batch().durability(Some(PersistMode::SyncAll));
        write.insert(&inner.meta, KEY_FORMAT, FORMAT.to_be_bytes());
        write.insert(&inner.meta, KEY_CHAIN, chain.0.0);
        Ok(write.commit()?)
    }

    /// The ledger may be one block ahead of the guard (a crash between the two), never behind, never elsewhere.
    fn compare_with_guard(&self) -> Result<(), StoreError> {
        let head = self.head()?;
        let last = self.guard().last();
        let guard = last.map_or(Height(0), |g| g.height);
        if guard > head.height {
            return Err(StoreError::AcknowledgedBlocksMissing { guard, store: head.height });
        }
        let mismatch = Err(StoreError::GuardMismatch { guard, store: head.height });
        if guard == head.height {
            let same = last.is_none_or(|g| g.block == head.block && g.state_root == head.state_root);
            return if same { Ok(()) } else { mismatch };
        }
        if head.height != guard.next() {
            return mismatch;
        }
        let block = self.certified_block(head.height)?.ok_or(StoreError::Damaged("block of the head"))?;
        if block.block.header.parent != last.map_or(self.0.chain.0, |g| g.block) {
            return mismatch;
        }
        // The block was read back, perhaps from the page cache only: make it durable before witnessing it.
        self.0.database.persist(PersistMode::SyncAll)?;
        self.witness(head)
    }

    fn witness(&self, head: Head) -> Result<(), StoreError> {
        let record = GuardRecord { height: head.height, block: head.block, state_root: head.state_root };
        Ok(self.guard().append(record)?)
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, GuardLog> {
        self.0.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_head(&self, snapshot: &Snapshot) -> Result<Head, StoreError> {
        match snapshot.get(&self.0.meta, KEY_HEAD)? {
            Some(bytes) => decode_head(&bytes).ok_or(StoreError::Damaged("head")),
            None => Ok(Head { height: Height(0), block: self.0.chain.0, state_root: Digest::default() }),
        }
    }
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The committed state at one moment.
pub struct View {
    inner: Arc<Inner>,
    snapshot: Snapshot,
    head: Head,
}

impl View {
    /// The newest block of the view.
    pub fn head(&self) -> Head {
        self.head
    }
    /// The state value under `key`.
    pub fn state(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.snapshot.get(&self.inner.state, key)?.map(|v| v.to_vec()))
    }
    /// At most `limit` state pairs whose key starts with `prefix`, ascending by key.
    pub fn state_with_prefix(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.snapshot.prefix(&self.inner.state, prefix).take(limit).map(pair).collect()
    }
    /// Where transaction `id` is: height of its block, and its index there. Read from the view, since a live read could
    /// see a block's index before its state.
    pub fn find(&self, id: TransactionId) -> Result<Option<(Height, u32)>, StoreError> {
        let Some(bytes) = self.snapshot.get(&self.inner.index, id.0.0)? else { return Ok(None) };
        let mut input = Reader::new(&bytes);
        match (input.u64(), input.u32(), input.finish()) {
            (Ok(height), Ok(index), Ok(())) => Ok(Some((Height(height), index))),
            _ => Err(StoreError::Damaged("transaction index")),
        }
    }

    /// The encoded block of `height`.
    pub fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.snapshot.get(&self.inner.blocks, height.0.to_be_bytes())?.map(|v| v.to_vec()))
    }
}

/// Reads of committed state have no error to return: a ledger that cannot read its own state cannot go on, so a
/// failed read ends the process as a failed write does.
impl Backing for Store {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        or_exit(self.0.state.get(key).map_err(StoreError::from)).map(|v| v.to_vec())
    }
    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        or_exit(self.0.state.prefix(prefix).map(pair).collect())
    }
    fn tree_node(&self, key: &[u8]) -> Option<Vec<u8>> {
        or_exit(self.0.tree.get(key).map_err(StoreError::from)).map(|v| v.to_vec())
    }
    fn block(&self, height: Height) -> Option<Vec<u8>> {
        or_exit(self.block_bytes(height))
    }
    fn feed(&self, height: Height) -> Option<Vec<u8>> {
        or_exit(self.feed_bytes(height))
    }
}

/// A view as committed state, for those who read several things of one moment while blocks go on being written.
impl Backing for View {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        or_exit(self.state(key))
    }
    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        or_exit(self.snapshot.prefix(&self.inner.state, prefix).map(pair).collect())
    }
    fn tree_node(&self, key: &[u8]) -> Option<Vec<u8>> {
        or_exit(self.snapshot.get(&self.inner.tree, key).map_err(StoreError::from)).map(|v| v.to_vec())
    }
    fn block(&self, height: Height) -> Option<Vec<u8>> {
        or_exit(self.block_bytes(height))
    }
    fn feed(&self, height: Height) -> Option<Vec<u8>> {
        or_exit(self.snapshot.get(&self.inner.feed, height.0.to_be_bytes()).map_err(StoreError::from))
            .map(|v| v.to_vec())
    }
}

/// Exit code of a process whose disk failed it (EX_IOERR of sysexits).
pub const EXIT_STORAGE: u8 = 74;

fn or_exit<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| {
        tracing::error!(%error, "the committed state cannot be read; stopping");
        std::process::exit(i32::from(EXIT_STORAGE))
    })
}

fn pair(guard: fjall::Guard) -> Result<Pair, StoreError> {
    let (key, value) = guard.into_inner()?;
    Ok((key.to_vec(), value.to_vec()))
}

fn encode_head(head: &Head) -> Vec<u8> {
    let mut out = Writer::default();
    out.u64(head.height.0);
    head.block.encode(&mut out);
    head.state_root.encode(&mut out);
    out.into_bytes()
}

fn decode_head(bytes: &[u8]) -> Option<Head> {
    let mut input = Reader::new(bytes);
    let head = Head {
        height: Height(input.u64().ok()?),
        block: Digest::decode(&mut input).ok()?,
        state_root: Digest::decode(&mut input).ok()?,
    };
    input.finish().ok()?;
    Some(head)
}
