//! Table tests as written: a row is a case. Invariant: a row has a cell for each column of the header, in its order. Must
//! not know: what names mean.

use super::{FactExpr, Literal, Name, Path};
use crate::source::Span;

/// `测试 表 "…" P 于 d 基于 "…" { | … | => … | … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasesItem {
    /// Its title.
    pub title: String,
    /// Policy under test.
    pub policy: Name,
    /// As-of date of rows that give none.
    pub on: Literal,
    /// Test whose facts every row starts from.
    pub like: Option<String>,
    /// Columns in order.
    pub columns: Vec<CaseColumn>,
    /// Rows in order.
    pub rows: Vec<CaseRow>,
    /// The header's place.
    pub header: Span,
    /// Where.
    pub span: Span,
}

/// A column of a table test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseColumn {
    /// A fact.
    Fact(Path),
    /// `于`: the as-of date.
    On,
    /// Behind `=>`: the value of an outcome.
    Outcome(Name),
    /// Behind `=>`: a reason.
    Reason,
}

/// A row of a table test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRow {
    /// Cells in the columns' order.
    pub cells: Vec<CaseCell>,
    /// Where.
    pub span: Span,
}

/// A cell of a table test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseCell {
    /// Nothing: as in the test that the table builds on, or not looked at.
    Blank,
    /// A fact.
    Fact(FactExpr),
    /// The as-of date.
    On(Literal),
    /// The value of an outcome; `None` is `待定`.
    Outcome(Option<Name>),
    /// A reason.
    Reason(String, Span),
}
