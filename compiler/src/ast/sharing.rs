//! Sharing policies as written. Invariant: as in `ast`. Must not know: policies, what names mean.

use super::{Citation, Name};
use crate::source::Span;

/// `共享 x 由 D 关于 C { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingItem {
    /// Its name.
    pub name: Name,
    /// Owner.
    pub by: Name,
    /// Certificate type.
    pub certificate: Name,
    /// Clauses in order.
    pub clauses: Vec<SharingClause>,
    /// Where.
    pub span: Span,
}

/// Exchanges in sharing clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExchangeWord {
    /// `核验`
    Verification,
    /// `详情`
    Detail,
    /// `评估`
    Evaluation,
    /// `合约`
    Contract,
}

/// `准予 L : x 给 d 目的 p 限 … 积分 n` or `禁止 …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingClause {
    /// Whether it permits.
    pub permit: bool,
    /// Its label.
    pub label: Name,
    /// Exchanges; empty means `任何`.
    pub exchanges: Vec<ExchangeWord>,
    /// Grantees; empty means `任何`.
    pub to: Vec<Name>,
    /// Purposes; empty means `任何`.
    pub purposes: Vec<Name>,
    /// How much an asker may learn of each subject.
    pub limit: Option<Limit>,
    /// Points an asker pays for one declared read.
    pub points: u32,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}

/// How much an asker may learn of each subject, in thousandths of a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// In one day.
    pub millibits_per_day: u32,
    /// In ninety days, the present one included; `None`: ten times a day's.
    pub millibits_per_ninety_days: Option<u32>,
}
