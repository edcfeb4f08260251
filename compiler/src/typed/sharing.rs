//! Checked sharing policies. Invariant: clauses are in the order of the text. Must not know: programs, diagnostics.

use crate::ast::{ExchangeWord, Limit};
use crate::package::CitationText;
use crate::source::Span;

/// A checked sharing policy.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Name.
    pub name: String,
    /// Module.
    pub module: String,
    /// Owner.
    pub owner: String,
    /// Certificate type.
    pub schema: String,
    /// Clauses.
    pub clauses: Vec<SharingClause>,
}

/// A clause.
#[derive(Clone, Debug)]
pub struct SharingClause {
    /// Permits.
    pub permit: bool,
    /// Label.
    pub label: String,
    /// Exchanges; empty: any.
    pub exchanges: Vec<ExchangeWord>,
    /// Grantees; empty: any.
    pub to: Vec<String>,
    /// Purposes; empty: any.
    pub purposes: Vec<String>,
    /// How much an asker may learn of each subject.
    pub limit: Option<Limit>,
    /// Points.
    pub points: u32,
    /// Citation.
    pub citation: Option<CitationText>,
    /// Where.
    pub span: Span,
}
