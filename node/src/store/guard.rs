//! The guard log: a second, independent witness of how far the ledger got. Owns `guard.log`.
//! Invariant: a height is in the guard log only after the ledger holds it durably, and nobody acts on a height
//! before it is in the guard log. So a ledger that opens *below* the guard has lost acknowledged blocks, which the
//! storage engine alone would not notice: one flipped journal bit can read as the journal's end.
//! Must not know: what a block or the ledger's state contains.

use crate::crypto::Digest;
use crate::transaction::Height;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of one record: height 8, block digest 32, state root 32, checksum 8.
pub const GUARD_RECORD_BYTES: usize = 80;
/// Length at which the log is rewritten with its last record only.
const ROTATE_BYTES: u64 = 4 * 1024 * 1024;

/// What the guard log remembers of one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardRecord {
    /// The height.
    pub height: Height,
    /// Digest of its block.
    pub block: Digest,
    /// State root after it.
    pub state_root: Digest,
}

/// Why the guard log cannot be used.
#[derive(Debug)]
pub enum GuardError {
    /// The disk or the file system is at fault.
    Io(io::Error),
    /// Record number `record` (from 0) is damaged or out of order, and it is not the last.
    Corrupt {
        /// Which record.
        record: u64,
    },
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "守护日志读写失败 / the guard log cannot be read or written: {e}"),
            Self::Corrupt { record } => {
                write!(f, "守护日志第 {record} 条已损坏 / record {record} of the guard log is damaged")
            }
        }
    }
}

impl std::error::Error for GuardError {}

impl From<io::Error> for GuardError {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

/// The open guard log.
#[derive(Debug)]
pub struct GuardLog {
    path: PathBuf,
    file: File,
    length: u64,
    last: Option<GuardRecord>,
}

impl GuardLog {
    /// Opens or creates the log. A last record that a crash tore is dropped: it was never acted upon.
    pub fn open(path: &Path) -> Result<Self, GuardError> {
        let created = !path.exists();
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if created {
            sync_parent(path)?;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (last, good) = read_records(&bytes)?;
        let length = good as u64;
        if good < bytes.len() {
            file.set_len(length)?;
            file.sync_all()?;
        }
        Ok(Self { path: path.to_owned(), file, length, last })
    }

    /// The newest record.
    pub fn last(&self) -> Option<GuardRecord> {
        self.last
    }

    /// Appends a record and forces it to disk. Heights must be consecutive.
    pub fn append(&mut self, record: GuardRecord) -> Result<(), GuardError> {
        if let Some(last) = self.last {
            assert!(record.height == last.height.next(), "guard records are consecutive");
        }
        if self.length >= ROTATE_BYTES {
            self.rotate()?;
        }
        self.file.write_all(&encode(&record))?;
        self.file.sync_data()?;
        self.length += GUARD_RECORD_BYTES as u64;
        self.last = Some(record);
        Ok(())
    }

    /// Rewrites the log with its last record only; a crash leaves either the old file or the new one.
    fn rotate(&mut self) -> Result<(), GuardError> {
        let fresh = self.path.with_extension("log.new");
        let mut file = File::create(&fresh)?;
        if let Some(last) = &self.last {
            file.write_all(&encode(last))?;
        }
        file.sync_all()?;
        drop(file);
        fs::rename(&fresh, &self.path)?;
        sync_parent(&self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = self.last.map_or(0, |_| GUARD_RECORD_BYTES as u64);
        Ok(())
    }
}

/// Makes a created or renamed file's name durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn read_records(bytes: &[u8]) -> Result<(Option<GuardRecord>, usize), GuardError> {
    let whole = bytes.len() / GUARD_RECORD_BYTES;
    let mut last: Option<GuardRecord> = None;
    for (index, chunk) in bytes.chunks_exact(GUARD_RECORD_BYTES).enumerate() {
        let consecutive = |r: &GuardRecord| last.is_none_or(|l| l.height.0.checked_add(1) == Some(r.height.0));
        match decode(chunk).filter(consecutive) {
            Some(record) => last = Some(record),
            // Only the very end of the file can be torn by a crash.
            None if index + 1 == whole && bytes.len().is_multiple_of(GUARD_RECORD_BYTES) => {
                return Ok((last, index * GUARD_RECORD_BYTES));
            }
            None => return Err(GuardError::Corrupt { record: index as u64 }),
        }
    }
    Ok((last, whole * GUARD_RECORD_BYTES))
}

fn encode(record: &GuardRecord) -> [u8; GUARD_RECORD_BYTES] {
    let mut out = [0; GUARD_RECORD_BYTES];
    out[..8].copy_from_slice(&record.height.0.to_be_bytes());
    out[8..40].copy_from_slice(&record.block.0);
    out[40..72].copy_from_slice(&record.state_root.0);
    let sum = Digest::of("guiju/1/guard-record", &out[..72]);
    out[72..].copy_from_slice(&sum.0[..8]);
    out
}

fn decode(bytes: &[u8]) -> Option<GuardRecord> {
    let (body, sum) = bytes.split_at_checked(72)?;
    if Digest::of("guiju/1/guard-record", body).0[..8] != *sum {
        return None;
    }
    Some(GuardRecord {
        height: Height(u64::from_be_bytes(body[..8].try_into().ok()?)),
        block: Digest(body[8..40].try_into().ok()?),
        state_root: Digest(body[40..72].try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(height: u64) -> GuardRecord {
        let tag = height.to_be_bytes();
        GuardRecord { height: Height(height), block: Digest::of("t/b", &tag), state_root: Digest::of("t/r", &tag) }
    }

    #[test]
    fn remembers_the_last_record_across_reopening_and_rotation() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("guard.log");
        let mut log = GuardLog::open(&path).expect("opens");
        assert_eq!(log.last(), None);
        for h in 1..=5 {
            log.append(record(h)).expect("appends");
        }
        log.rotate().expect("rotates");
        assert_eq!(fs::metadata(&path).expect("exists").len(), 80);
        log.append(record(6)).expect("appends");
        drop(log);
        assert_eq!(GuardLog::open(&path).expect("opens").last(), Some(record(6)));
    }

    #[test]
    fn a_torn_tail_is_dropped_and_any_flip_before_it_is_an_error() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("guard.log");
        let mut log = GuardLog::open(&path).expect("opens");
        for h in 1..=3 {
            log.append(record(h)).expect("appends");
        }
        drop(log);
        let good = fs::read(&path).expect("reads");
        for cut in 161..240 {
            fs::write(&path, &good[..cut]).expect("writes");
            assert_eq!(GuardLog::open(&path).expect("opens").last(), Some(record(2)), "cut at {cut}");
        }
        for bit in 0..160 * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bad).expect("writes");
            assert!(matches!(GuardLog::open(&path), Err(GuardError::Corrupt { .. })), "bit {bit}");
        }
    }
}
