//! What is wrong with a policy that can still be run to show it. Owns what a fault must show, not how facts for it are found.
//! Invariant: a policy with a fault has an error at the fault's finding, so that it is never accepted.
//! Must not know: proofs, tests.

use super::TypedExpr;
use crate::diagnostics::Code;
use crate::source::Span;

/// What is wrong at some inputs of a policy.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The finding that told of it: its code and place.
    pub finding: (Code, Span),
    /// What shows it.
    pub shown: FaultShown,
}

/// Where a fault shows.
#[derive(Clone, Debug)]
pub enum FaultShown {
    /// At points of a table.
    Table {
        /// Its name.
        table: String,
        /// Which.
        points: TablePoints,
        /// The point of it that the finding names, a word a column; empty if it names none.
        named: Vec<i64>,
    },
    /// Where an operation has no result that can be kept.
    Operation {
        /// Holds exactly there, or in the case of it that is looked for.
        when: Box<TypedExpr>,
        /// Conditions under which it holds, plainer to find facts for.
        plainer: Vec<TypedExpr>,
    },
}

/// Points of a table.
#[derive(Clone, Debug)]
pub enum TablePoints {
    /// No row lets these through: by column the words, closed intervals.
    Gap(Vec<Vec<(i64, i64)>>),
    /// All these rows let some point through.
    Together(Vec<usize>),
}
