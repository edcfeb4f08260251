//! Properties as written: what a policy shall satisfy on every input. Invariant: as in `ast`. Must not know: how they are
//! judged.

use super::{Expr, Literal, Name, Path};
use crate::source::Span;

/// `测试 性质 "…" P 于 d 基于 "…" { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyItem {
    /// Its title.
    pub title: String,
    /// Policy it speaks of.
    pub policy: Name,
    /// A day on which the version it speaks of is in force.
    pub on: Literal,
    /// Test whose facts boundary inputs are varied from.
    pub like: Option<String>,
    /// What shall hold.
    pub claims: Vec<Claim>,
    /// Where.
    pub span: Span,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `单调 x 不降 随 p`, `单调 x 不升 随 p`
    Monotone {
        /// The outcome; its values rank as declared, the first highest.
        outcome: Name,
        /// Whether it shall never rise, instead of never fall.
        falling: bool,
        /// What rises.
        along: Path,
        /// Where.
        span: Span,
    },
    /// `凡 e 则 x = v`
    Implied {
        /// Condition.
        condition: Expr,
        /// Outcome.
        outcome: Name,
        /// Its value wherever the condition holds.
        value: Name,
        /// Where.
        span: Span,
    },
    /// `决不 e 且 x = v`, `决不 x = v`
    Never {
        /// Condition.
        condition: Option<Expr>,
        /// Outcome.
        outcome: Name,
        /// Its value nowhere that the condition holds.
        value: Name,
        /// Where.
        span: Span,
    },
}

impl Claim {
    /// Where it is written.
    pub fn span(&self) -> Span {
        match self {
            Self::Monotone { span, .. } | Self::Implied { span, .. } | Self::Never { span, .. } => *span,
        }
    }
}
