//! Decision tables as written. Owns the shape of their heads, rows and cells.
//! Invariant: every row has a cell a column; a row has a result exactly if its table does not count. Must not know: types.

use super::{Citation, Compare, Expr, Name, Path, TypeExpr};
use crate::source::Span;

/// Hit policy: what a table says when its rows overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitWord {
    /// `唯一`: rows never overlap.
    Unique,
    /// `任一`: rows overlap only where their results are equal.
    Any,
    /// `顺序`: the first that holds; the order is the stated priority.
    Ordered,
    /// `合计`: the sum over all rows that match.
    Sum,
    /// `最小`: the least over all rows that match.
    Min,
    /// `最大`: the greatest over all rows that match.
    Max,
    /// `计数`: how many rows match.
    Count,
}

impl HitWord {
    /// Whether all rows that match make up the result, not one of them.
    pub fn collects(self) -> bool {
        matches!(self, Self::Sum | Self::Min | Self::Max | Self::Count)
    }
}

/// `表 x : T 命中 唯一 空则 d` and rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableClause {
    /// Its name.
    pub name: Name,
    /// Result type.
    pub ty: TypeExpr,
    /// Hit policy.
    pub hit: HitWord,
    /// Result where no row matches, for tables that collect.
    pub empty: Option<Expr>,
    /// Citation of the whole table.
    pub citation: Option<Citation>,
    /// Columns.
    pub columns: Vec<Path>,
    /// Rows.
    pub rows: Vec<Row>,
    /// Where.
    pub span: Span,
}

/// A table row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// One cell a column.
    pub cells: Vec<Cell>,
    /// Result; `None` where the table counts.
    pub value: Option<Expr>,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}

/// A cell: any, or a union of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Empty means `任意`.
    pub tests: Vec<CellTest>,
    /// Where.
    pub span: Span,
}

/// One test of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellTest {
    /// Equal to a literal or enum variant.
    Is(Expr),
    /// `lo..hi`, closed.
    Range(Expr, Expr),
    /// A comparison with a constant.
    Compare(Compare, Expr),
}
