//! Expressions as written: literals, operators, quantifiers, calls. Owns the part of the syntax tree that nests.
//! Invariant: as in `ast`. Must not know: declarations, types.

use super::{Name, Path};
use crate::source::Span;
use guiju_runtime::number::Rounding;

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Value.
    pub kind: LiteralKind,
    /// Where.
    pub span: Span,
}

/// Kinds of literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiteralKind {
    /// `是` `否`
    Boolean(bool),
    /// `24`
    Integer(i64),
    /// `0.030`: 30 with three digits after the point.
    Decimal(i64, u8),
    /// `12.34 元`: 1234 with two digits after the point, in 元.
    Money(i64, u8, MoneyUnit),
    /// `2017-03-16`; not yet known to exist.
    Date(i32, u8, u8),
    /// `2017-03`
    Month(i32, u8),
    /// `"…"`
    Text(String),
}

/// Units of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyUnit {
    /// `分`: 0.01 元.
    Fen,
    /// `元`
    Yuan,
    /// `万元`
    WanYuan,
    /// `亿元`
    YiYuan,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Equal,
    /// `≠`
    NotEqual,
    /// `<`, `不满`
    Less,
    /// `<=`, `不超过`
    AtMost,
    /// `>`, `超过`
    Greater,
    /// `>=`, `满`
    AtLeast,
}

/// Units of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodUnit {
    /// `年`
    Years,
    /// `月`
    Months,
    /// `日`
    Days,
}

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// Quantifiers over lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `存在`
    Exists,
    /// `所有 … 满足`
    All,
    /// `计数`
    Count,
    /// `计数 不同`
    CountDistinct,
    /// `合计`
    Sum,
    /// `最大`
    Max,
    /// `最小`
    Min,
}

/// Built-in functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `周岁(出生, 某日)`
    AgeOn,
    /// `年月(日期)`
    MonthOf,
    /// `月差(早, 晚)`
    MonthsBetween,
    /// `日差(早, 晚)`
    DaysBetween,
}

/// Kinds of expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// A literal.
    Literal(LiteralKind),
    /// A name, a field, a variant, or `基准日` (a path of that one part).
    Path(Path),
    /// `非 a`
    Not(Box<Expr>),
    /// `a 且 b`
    And(Box<Expr>, Box<Expr>),
    /// `a 或 b`
    Or(Box<Expr>, Box<Expr>),
    /// Comparison.
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// `x 属于 { … }`
    In(Box<Expr>, Vec<Expr>),
    /// `x 存在`
    Present(Box<Expr>),
    /// `x 换作 X 版本 2`; the list as `versioned` names it.
    Convert(Box<Expr>, Name),
    /// `x 无`
    Absent(Box<Expr>),
    /// `x 在期`: present, and in force on the as-of date by its own term.
    InForce(Box<Expr>),
    /// `x 在前 36 月`: one of so many calendar months before the as-of date's month.
    InPast(Box<Expr>, u32),
    /// `x 或缺 d`
    Default(Box<Expr>, Box<Expr>),
    /// `a + b`
    Add(Box<Expr>, Box<Expr>),
    /// `a - b`
    Subtract(Box<Expr>, Box<Expr>),
    /// `a * b`
    Multiply(Box<Expr>, Box<Expr>),
    /// `a / b`; only directly inside a rounding.
    Divide(Box<Expr>, Box<Expr>),
    /// `四舍五入(a, n)`: to `n` digits after the point.
    Round(Rounding, Box<Expr>, u8),
    /// `d + 3 年`; negative for `-`.
    Shift(Box<Expr>, i32, PeriodUnit),
    /// `顺延(d, x 对 v 于 L 当 e)`: the first day on or after `d` that is none of the days `x`. The days are written as the
    /// least of them would be.
    Rolled(Box<Expr>, Box<Expr>),
    /// `如果 c 则 a 否则 b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A call.
    Call(Function, Vec<Expr>),
    /// A formula over arguments.
    Apply(Name, Vec<Expr>),
    /// A quantifier: filter or condition in `condition`, element value in `value`.
    Quantified {
        /// Which.
        quantifier: Quantifier,
        /// `x 对`, for distinct, sum, max, min.
        value: Option<Box<Expr>>,
        /// The element.
        variable: Name,
        /// The list.
        list: Path,
        /// `当 e` or `满足 e`.
        condition: Option<Box<Expr>>,
        /// `空则 d`
        empty: Option<Box<Expr>>,
    },
}

/// What stands directly inside an expression, borrowed by `as_ref` or by `as_mut`.
macro_rules! direct_parts {
    ($kind:expr, $borrow:ident) => {
        match $kind {
            ExprKind::Literal(_) | ExprKind::Path(_) => Vec::new(),
            ExprKind::Not(a)
            | ExprKind::Present(a)
            | ExprKind::Absent(a)
            | ExprKind::InForce(a)
            | ExprKind::InPast(a, _)
            | ExprKind::Convert(a, _)
            | ExprKind::Round(_, a, _)
            | ExprKind::Shift(a, ..) => vec![a],
            ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Compare(_, a, b)
            | ExprKind::Default(a, b)
            | ExprKind::Add(a, b)
            | ExprKind::Subtract(a, b)
            | ExprKind::Multiply(a, b)
            | ExprKind::Divide(a, b)
            | ExprKind::Rolled(a, b) => vec![a, b],
            ExprKind::If(a, b, c) => vec![a, b, c],
            ExprKind::In(a, list) => std::iter::once(a.$borrow()).chain(list).collect(),
            ExprKind::Call(_, list) | ExprKind::Apply(_, list) => Vec::from_iter(list),
            ExprKind::Quantified { value, condition, empty, .. } => {
                [value, condition, empty].into_iter().flatten().map(|part| part.$borrow()).collect()
            }
        }
    };
}

impl Expr {
    /// The expressions directly inside this one.
    pub fn parts(&self) -> Vec<&Self> {
        direct_parts!(&self.kind, as_ref)
    }

    /// The expressions directly inside this one, to be changed.
    pub fn parts_mut(&mut self) -> Vec<&mut Self> {
        direct_parts!(&mut self.kind, as_mut)
    }
}
