//! Tests as written. Invariant: as in `ast`. Must not know: what names mean.

use super::{Expr, Literal, Name, Path};
use crate::source::Span;

/// `测试 "…" P 于 d 基于 "…" { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestItem {
    /// Its title.
    pub title: String,
    /// Policy under test.
    pub policy: Name,
    /// As-of date.
    pub on: Literal,
    /// Test whose facts it starts from.
    pub like: Option<String>,
    /// Facts.
    pub facts: Vec<(Path, FactExpr)>,
    /// Expectations.
    pub expect: Vec<Expectation>,
    /// Where.
    pub span: Span,
}

/// A fact in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactExpr {
    /// A literal or an enum variant.
    Value(Expr),
    /// `{ f = v }`
    Group(Vec<(Name, FactExpr)>, Span),
    /// `[ … ]`
    List(Vec<FactExpr>, Span),
    /// `无`
    Absent(Span),
    /// `未知`
    Unknown(Span),
    /// `每月 f lo..hi { … }`: an element a month; only in a list.
    Months(FactMonths),
    /// `次月 10 日`: a date counted from the month of the element it stands in.
    MonthDay(MonthDay),
}

/// `每月 f lo..hi, m { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactMonths {
    /// The field that holds the month.
    pub field: Name,
    /// First and last month of each run, both included; a single month has no last.
    pub runs: Vec<(Literal, Option<Literal>)>,
    /// The other fields.
    pub fields: Vec<(Name, FactExpr)>,
    /// Where.
    pub span: Span,
}

/// `当月 n 日` or `次月 n 日`; in a month without that day its last day, as 民法典 202 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthDay {
    /// Whether it is in the month that follows.
    pub next: bool,
    /// The day, from 1.
    pub day: u8,
    /// Where.
    pub span: Span,
}

/// An expectation in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `期望 x = v`; `None` is `待定`.
    Outcome(Name, Option<Name>),
    /// `期望 理由 "…"`
    Reason(String, Span),
    /// `期望 缺证 { … }`
    Missing(Vec<Name>, Span),
}
