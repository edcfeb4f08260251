//! What is missing from a tree. Owns how much a later stage can know of a part that the grammar refused.
//! Invariant: empty exactly if the file is well formed. Must not know: why a part was refused.

use crate::source::Span;
use std::collections::BTreeSet;

/// What a file says that could not be read. Every part of it has an error; later stages use it to stay silent about what
/// only follows from that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Names that the missing parts would have declared, as far as one can tell.
    pub names: BTreeSet<String>,
    /// Where parts are missing from the items that are in the tree.
    pub parts: Vec<Span>,
    /// Missing clauses whose names are not known.
    pub nameless: Vec<Span>,
    /// Whether anything may be missing that others could name.
    pub any: bool,
    /// Whether imports, sources, enums, groups or certificates are missing or incomplete.
    pub schema: bool,
}
