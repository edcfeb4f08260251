//! The consensus write-ahead log on disk. Owns the file `DIR/wal/consensus.wal` and its record frames.
//! Invariant: after [`WalFile::sync`] returns, every record appended before it survives a crash, in order; what a
//! crash can tear is only what was never synced, and nothing was said to anybody on the strength of that.
//! Must not know: what a record says. The caller ends the process on any error: a validator that cannot trust its
//! log of votes could sign twice.

use crate::crypto::Digest;
use crate::store::guard::sync_parent;
use crate::transaction::Height;
use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Largest record payload, in bytes: a block's body with room to spare.
pub const WAL_RECORD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Dead bytes (records of finished heights) after which the file is rewritten without them.
const ROTATE_BYTES: u64 = 1024 * 1024;

const MAGIC: [u8; 4] = *b"GjW1";
/// magic 4, payload length 4, sequence 8, height 8, offset known durable when written 8.
const HEADER_BYTES: usize = 32;
/// Header, and the checksum of 8 bytes that follows the payload.
const OVERHEAD_BYTES: usize = HEADER_BYTES + 8;

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalEntry {
    /// Height the record belongs to.
    pub height: Height,
    /// Its content.
    pub payload: Vec<u8>,
}

/// Why the log cannot be used.
#[derive(Debug)]
pub enum WalError {
    /// The disk or the file system is at fault.
    Io(io::Error),
    /// A record that had been made durable is damaged. The node may have said things it can no longer know of, and
    /// must not vote until it has caught up beyond them.
    Corrupt {
        /// Where in the file.
        offset: u64,
    },
    /// The record is larger than [`WAL_RECORD_BYTES_MAX`]. The caller is at fault.
    TooLong(usize),
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "共识日志读写失败 / the consensus log cannot be read or written: {e}"),
            Self::Corrupt { offset } => write!(
                f,
                "共识日志在字节 {offset} 处损坏,本节点不得投票 / the consensus log is damaged at byte {offset}; this node must not vote"
            ),
            Self::TooLong(n) => write!(f, "日志记录过长 / a log record of {n} bytes is too long"),
        }
    }
}

impl std::error::Error for WalError {}

impl From<io::Error> for WalError {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

/// The open log.
#[derive(Debug)]
pub struct WalFile {
    path: PathBuf,
    file: File,
    /// Records still in the file: height, offset, framed length.
    live: VecDeque<(Height, u64, u64)>,
    length: u64,
    synced: u64,
    sequence: u64,
    dead: u64,
}

impl WalFile {
    /// Opens or creates the log in folder `dir`, and returns the records of heights above `above`, in order.
    /// A torn tail is cut off; damage before it is [`WalError::Corrupt`].
    pub fn open(dir: &Path, above: Height) -> Result<(Self, Vec<WalEntry>), WalError> {
        fs::create_dir_all(dir)?;
        let path = dir.join("consensus.wal");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        sync_parent(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut wal = Self { path, file, live: VecDeque::new(), length: 0, synced: 0, sequence: 0, dead: 0 };
        let mut entries = Vec::new();
        while let Some(frame) = Frame::parse(&bytes, wal.length) {
            if !wal.live.is_empty() && frame.sequence != wal.sequence {
                break;
            }
            wal.sequence = frame.sequence + 1;
            wal.live.push_back((frame.height, wal.length, frame.total()));
            wal.length += frame.total();
            if frame.height > above {
                entries.push(WalEntry { height: frame.height, payload: frame.payload.to_vec() });
            }
        }
        if wal.length < bytes.len() as u64 {
            refuse_if_durable(&bytes, wal.length)?;
            wal.file.set_len(wal.length)?;
        }
        // What was read may have come from the page cache; it is about to be relied upon.
        wal.file.sync_all()?;
        wal.synced = wal.length;
        wal.truncate(above)?;
        Ok((wal, entries))
    }

    /// Appends a record. It is not durable before [`WalFile::sync`].
    pub fn append(&mut self, height: Height, payload: &[u8]) -> Result<(), WalError> {
        if payload.len() > WAL_RECORD_BYTES_MAX {
            return Err(WalError::TooLong(payload.len()));
        }
        let bytes = frame(self.sequence, height, self.synced, payload);
        self.file.write_all(&bytes)?;
        self.live.push_back((height, self.length, bytes.len() as u64));
        self.length += bytes.len() as u64;
        self.sequence += 1;
        Ok(())
    }

    /// Forces all appended records to disk.
    pub fn sync(&mut self) -> Result<(), WalError> {
        if self.synced != self.length {
            self.file.sync_data()?;
            self.synced = self.length;
        }
        Ok(())
    }

    /// Forgets records of heights up to and including `height`. The file is rewritten only when enough of it is
    /// dead; until then [`WalFile::open`] skips them by height.
    pub fn truncate(&mut self, height: Height) -> Result<(), WalError> {
        self.dead = self.live.iter().filter(|(h, _, _)| *h <= height).map(|(_, _, n)| n).sum();
        if self.dead >= ROTATE_BYTES {
            self.rotate(height)?;
        }
        Ok(())
    }

    /// Writes the records above `height` to a new file and puts it in the old one's place. A crash leaves either.
    fn rotate(&mut self, height: Height) -> Result<(), WalError> {
        let fresh = self.path.with_extension("wal.new");
        let mut old = File::open(&self.path)?;
        let mut bytes = Vec::new();
        old.read_to_end(&mut bytes)?;
        let mut file = File::create(&fresh)?;
        let mut live = VecDeque::new();
        let mut length = 0;
        for (h, offset, _) in self.live.iter().filter(|(h, _, _)| *h > height) {
            let kept = Frame::parse(&bytes, *offset).ok_or(WalError::Corrupt { offset: *offset })?;
            // Frames are written anew: sequences must be consecutive and durable offsets those of this file.
            let sequence = self.sequence + live.len() as u64;
            let out = frame(sequence, *h, length, kept.payload);
            file.write_all(&out)?;
            live.push_back((*h, length, out.len() as u64));
            length += out.len() as u64;
        }
        file.sync_all()?;
        drop(file);
        fs::rename(&fresh, &self.path)?;
        sync_parent(&self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.sequence += live.len() as u64;
        self.live = live;
        self.length = length;
        self.synced = length;
        self.dead = 0;
        Ok(())
    }
}

struct Frame<'a> {
    sequence: u64,
    height: Height,
    durable: u64,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    fn parse(bytes: &'a [u8], offset: u64) -> Option<Self> {
        let bytes = bytes.get(usize::try_from(offset).ok()?..)?;
        let header = bytes.get(..HEADER_BYTES)?;
        if header[..4] != MAGIC {
            return None;
        }
        let word = |at: usize| u64::from_be_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let length = u32::from_be_bytes(header[4..8].try_into().expect("four bytes")) as usize;
        if length > WAL_RECORD_BYTES_MAX {
            return None;
        }
        let (summed, rest) = bytes.split_at_checked(HEADER_BYTES + length)?;
        if rest.get(..8)? != checksum(summed) {
            return None;
        }
        let payload = &summed[HEADER_BYTES..];
        Some(Self { sequence: word(8), height: Height(word(16)), durable: word(24), payload })
    }

    fn total(&self) -> u64 {
        (OVERHEAD_BYTES + self.payload.len()) as u64
    }
}

fn frame(sequence: u64, height: Height, durable: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(OVERHEAD_BYTES + payload.len());
    out.extend_from_slice(&MAGIC);
    let length = u32::try_from(payload.len()).expect("payloads are at most WAL_RECORD_BYTES_MAX");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&height.0.to_be_bytes());
    out.extend_from_slice(&durable.to_be_bytes());
    out.extend_from_slice(payload);
    let sum = checksum(&out);
    out.extend_from_slice(&sum);
    out
}

fn checksum(summed: &[u8]) -> [u8; 8] {
    Digest::of("guiju/1/wal-record", summed).0[..8].try_into().expect("a digest has 32 bytes")
}

/// A record cannot be read at `offset`. If any later record says that bytes beyond `offset` were durable when it was
/// written, this is damage and not a torn tail: a crash cannot take back what was synced.
fn refuse_if_durable(bytes: &[u8], offset: u64) -> Result<(), WalError> {
    for at in offset + 1..(bytes.len() as u64).saturating_sub(OVERHEAD_BYTES as u64 - 1) {
        if Frame::parse(bytes, at).is_some_and(|f| f.durable > offset) {
            return Err(WalError::Corrupt { offset });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
