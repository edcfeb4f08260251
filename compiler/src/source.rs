//! Where text came from. Owns file numbers, spans and line/column arithmetic.
//! Invariant: a span lies on character boundaries of its file. Must not know: what the text means.

/// A source file's number within one compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub u16);

/// A half-open byte range in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span that covers both (of one file).
    pub fn to(self, other: Self) -> Self {
        debug_assert_eq!(self.file, other.file);
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One source text with the name it is shown under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name for messages: a path for the command line, a hash for the ledger.
    pub name: String,
    /// The text, at most [`SOURCE_BYTES_MAX`] bytes to be accepted.
    pub text: String,
}

/// Largest source accepted, in bytes. Counted, so that every node decides alike.
pub const SOURCE_BYTES_MAX: usize = 128 * 1024;

impl SourceFile {
    /// One-based line and column (in characters) of byte `offset`.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let upto = &self.text[..(offset as usize).min(self.text.len())];
        let line = upto.matches('\n').count() + 1;
        let column = upto.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}
