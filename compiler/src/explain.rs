//! Why a decision came out as it did. Owns what an answer may say of it (outcome, reason, citation, what is missing: all of
//! them counted as bits of a release) and the reading of traces; the reason tree for those who hold the facts is in
//! `explain/reasons.rs`. Invariant: an [`Explanation`] says nothing that a release could not let out.
//! Must not know: how policies are made or run.

mod missing;
mod near;
mod possible;
mod reasons;
mod text;

pub use near::{Condition, Stop};
pub use reasons::{Applied, OutcomeReason, Passed, Reasons, RuleReason, reasons};

pub use missing::{LEAST_VISITS, MINIMAL_VISITS, Missing, Size};

use crate::ast::HitWord;
use crate::package::{CitationText, Outcome, OutcomeArm, Policy, RuleInfo};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::trace::Truth;
use std::collections::BTreeSet;

/// An explanation of one evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Outcomes in order.
    pub outcomes: Vec<OutcomeExplanation>,
    /// Names of evidence that undetermined outcomes hang on; sorted.
    pub missing: Vec<String>,
}

/// Why one outcome is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeExplanation {
    /// Its name.
    pub name: String,
    /// Its value; `None`: undetermined.
    pub value: Option<String>,
    /// Reason of the arm that decided.
    pub reason: Option<String>,
    /// Citation of the arm that decided.
    pub citation: Option<CitationText>,
    /// Evidence this outcome hangs on; sorted; empty if determined.
    pub missing: Vec<String>,
    /// How small that set was shown to be.
    pub missing_size: Size,
}

/// What decided a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deciding {
    /// Its base value.
    Base,
    /// The exception with this label.
    Exception(String),
    /// The row with this number, from 1.
    Row(usize),
    /// All rows that match, of a table that collects.
    Rows {
        /// Their numbers, from 1.
        matched: Vec<usize>,
        /// Rows of which it is not known whether they match.
        not_known: Vec<usize>,
    },
    /// Nothing: a guard is not known.
    NotKnown,
}

/// Explains an evaluation of `policy` over the frame it ran on.
pub fn explain(policy: &Policy, frame: &[i64], evaluation: &Evaluation) -> Explanation {
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut outcomes = Vec::new();
    for (index, outcome) in policy.outcomes.iter().enumerate() {
        let arm = deciding_arm(outcome, evaluation);
        let value =
            output(outcome.output, evaluation).and_then(|i| outcome.values.get(i)).filter(|_| arm.is_some()).cloned();
        let missing = if value.is_none() { missing::of_outcome(policy, index, frame) } else { Missing::default() };
        all.extend(missing.names.iter().cloned());
        let decided: Option<&OutcomeArm> = arm.and_then(|i| outcome.arms.get(i));
        outcomes.push(OutcomeExplanation {
            name: outcome.name.clone(),
            value,
            reason: decided.and_then(|a| a.reason.clone()),
            citation: decided.and_then(|a| a.citation.clone()),
            missing: missing.names,
            missing_size: missing.size,
        });
    }
    Explanation { outcomes, missing: all.into_iter().collect() }
}

fn output(index: usize, evaluation: &Evaluation) -> Option<usize> {
    evaluation.outputs.get(index).and_then(|s| s.get()).and_then(|w| usize::try_from(w).ok())
}

/// The arm that decided an outcome.
fn deciding_arm(outcome: &Outcome, evaluation: &Evaluation) -> Option<usize> {
    output(outcome.arm_output, evaluation).filter(|i| *i < outcome.arms.len())
}

fn truth(evaluation: &Evaluation, trace: crate::ir::TraceId) -> Truth {
    evaluation.trace.get(trace.0 as usize).map_or(Truth::NotKnown, |b| Truth::of(*b))
}

fn rows(rule: &RuleInfo, evaluation: &Evaluation) -> Deciding {
    let of = |wanted: Truth| {
        let rows = rule.guards.iter().enumerate().filter(|(_, g)| truth(evaluation, g.trace) == wanted);
        rows.map(|(i, _)| i + 1).collect()
    };
    Deciding::Rows { matched: of(Truth::True), not_known: of(Truth::NotKnown) }
}

fn row(rule: &RuleInfo, hit: HitWord, evaluation: &Evaluation) -> (Deciding, Option<usize>) {
    for (i, guard) in rule.guards.iter().enumerate() {
        match truth(evaluation, guard.trace) {
            Truth::True => return (Deciding::Row(i + 1), Some(guard.trace.0 as usize)),
            // Where any row will do, one that is not known to hold would say the same.
            Truth::NotKnown if hit == HitWord::Any => {}
            Truth::NotKnown => return (Deciding::NotKnown, None),
            Truth::False => {}
        }
    }
    (Deciding::NotKnown, None)
}

fn exception(policy: &Policy, rule: &RuleInfo, evaluation: &Evaluation) -> (Deciding, Option<usize>) {
    let mut parent = None;
    let mut found: (Deciding, Option<usize>) = (Deciding::Base, None);
    // Each turn goes one level deeper, so there are no more turns than guards.
    for _ in 0..=rule.guards.len() {
        let level = rule.guards.iter().enumerate().filter(|(_, g)| g.parent == parent);
        let first = level.map(|(i, g)| (i, g, truth(evaluation, g.trace))).find(|(_, _, t)| *t != Truth::False);
        match first {
            None => return found,
            Some((_, _, Truth::NotKnown)) => return (Deciding::NotKnown, None),
            Some((i, guard, _)) => {
                let point = guard.trace.0 as usize;
                let label = policy.points.get(point).map(|p| p.label.clone()).unwrap_or_default();
                found = (Deciding::Exception(label), Some(point));
                parent = Some(i);
            }
        }
    }
    found
}
