//! The work of one compilation, counted. Owns what is counted, how much each unit weighs, and how much there may be in all.
//! Invariant: counts hang on the sources alone, so that every node stops at the same item of the same sources; once
//! [`WORK_MAX`] is reached nothing more is begun, and what was begun is bounded by the limit of its kind.
//! Must not know: what the work is for, clocks.
//!
//! Each kind has limits of its own where it is done, which say better what is wrong with one item. This one is for many
//! items, each within its limit.

use std::fmt;

/// Most weighted units of one compilation: over thirty times what everything in `policies/` takes together (2.7 million).
pub const WORK_MAX: u64 = 100_000_000;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bytes of source read and parsed.
    Bytes,
    /// Classes and rows tried in proving tables.
    Tables,
    /// Nodes of the programs made, those of older versions linked in included.
    Nodes,
    /// Steps of the proofs over guards.
    Proofs,
    /// Steps in finding facts for tests that show a fault.
    Witnesses,
}

/// All kinds, in the order of the compilation.
pub const KINDS: [Kind; 5] = [Kind::Bytes, Kind::Tables, Kind::Nodes, Kind::Proofs, Kind::Witnesses];

impl Kind {
    /// What one unit counts against the whole: about as many steps of a table as take the same time.
    pub const fn weight(self) -> u64 {
        match self {
            Self::Tables => 1,
            Self::Bytes | Self::Nodes => 16,
            Self::Proofs | Self::Witnesses => 20,
        }
    }

    /// Its name in Chinese.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Bytes => "源文件字节",
            Self::Tables => "表",
            Self::Nodes => "程序结点",
            Self::Proofs => "证明",
            Self::Witnesses => "反例",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Bytes => 0,
            Self::Tables => 1,
            Self::Nodes => 2,
            Self::Proofs => 3,
            Self::Witnesses => 4,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Tables => "tables",
            Self::Nodes => "nodes",
            Self::Proofs => "proofs",
            Self::Witnesses => "witnesses",
        })
    }
}

/// Work done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    counts: [u64; KINDS.len()],
    max: u64,
}

impl Default for Work {
    fn default() -> Self {
        Self::within(WORK_MAX)
    }
}

impl Work {
    /// None yet, of so many weighted units.
    pub(crate) fn within(max: u64) -> Self {
        Self { counts: [0; KINDS.len()], max }
    }

    /// Most weighted units there may be.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Counts units of a kind.
    pub(crate) fn add(&mut self, kind: Kind, units: u64) {
        let count = &mut self.counts[kind.index()];
        *count = count.saturating_add(units);
    }

    /// The later of two states of one count.
    pub(crate) fn later(self, other: Self) -> Self {
        if other.total() >= self.total() { other } else { self }
    }

    /// Units of a kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.counts[kind.index()]
    }

    /// Weighted units of all kinds.
    pub fn total(&self) -> u64 {
        KINDS.iter().fold(0, |sum, kind| sum.saturating_add(self.of(*kind).saturating_mul(kind.weight())))
    }

    /// Whether nothing more may be begun.
    pub fn is_spent(&self) -> bool {
        self.total() >= self.max
    }
}
