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
