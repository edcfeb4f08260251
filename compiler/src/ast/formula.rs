//! Formulas as written: a computation that several policies share.
//! Invariant: as in `ast`. Must not know: policies, what names mean.

use super::{Citation, Expr, Name, TypeExpr};
use crate::source::Span;

/// `公式 f(a : T, …) : T = e @…`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaItem {
    /// Its name.
    pub name: Name,
    /// Names and types of what it is given.
    pub parameters: Vec<(Name, TypeExpr)>,
    /// Type of what it gives.
    pub ty: TypeExpr,
    /// How that is computed.
    pub body: Expr,
    /// What it rests on.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}
