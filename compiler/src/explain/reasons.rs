//! The reason tree: outcome → the arm that decided → the rules it rests on → what decided each, nested, with what stopped the
//! arms, exceptions and rows that did not fire. Owns its shape and how it is read off a trace.
//!
//! It is for those who hold the facts: the author who supplied them to `guiju eval --explain` or wrote them in a test. It is
//! never part of an answer of a node, which carries outcome, reason and missing evidence only (`explain.rs`), because a near
//! miss is output like any other and no release counts its bits.
//! Invariant: even so no value of the facts stands in it. A condition is shown in words of the source only if it names a rule
//! or depends on public data alone; of any other the tree tells its number and the names of rules and evidence it is about,
//! neither constant nor operator. Whether a rule holds is told, as the reason that it is, unless the rule only repeats a
//! field: its truth would be the field's value. Must not know: languages of the reader, JSON.

use super::near::{self, Guards, Stop};
use super::{Deciding, Size, deciding_arm, exception, explain, row, rows, truth};
use crate::check::flow::Flow;
use crate::package::{CitationText, Policy, RuleInfo};
use crate::typed::{Body, Definition, Formula, Node, TypedExpr};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::trace::Truth;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a policy decided as it did over facts that the reader has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// Outcomes in order.
    pub outcomes: Vec<OutcomeReason>,
    /// Names of evidence that undetermined outcomes hang on; sorted.
    pub missing: Vec<String>,
}

/// Why one outcome is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeReason {
    /// Its name.
    pub name: String,
    /// Its value; `None`: undetermined.
    pub value: Option<String>,
    /// Reason of the arm that decided.
    pub reason: Option<String>,
    /// Citation of the arm that decided.
    pub citation: Option<CitationText>,
    /// Formulas that its condition was computed by.
    pub formulas: Vec<Applied>,
    /// Evidence that would settle it; sorted; empty if determined.
    pub missing: Vec<String>,
    /// How small that set was shown to be.
    pub missing_size: Size,
    /// Arms that did not fire.
    pub passed: Vec<Passed>,
    /// Rules that its arms rest on, in the order they are mentioned.
    pub because: Vec<RuleReason>,
}

/// An arm, exception or row that did not fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The arm's value, the exception's label, or the row's number from 1.
    pub label: String,
    /// Its reason, of an arm.
    pub reason: Option<String>,
    /// Its citation.
    pub citation: Option<CitationText>,
    /// Whether it is not known to hold; else it does not.
    pub not_known: bool,
    /// What stopped it.
    pub stop: Stop,
}

/// A formula that something was computed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub formula: String,
    /// Its citation.
    pub citation: Option<CitationText>,
}

fn applied(formulas: &[Arc<Formula>]) -> Vec<Applied> {
    formulas.iter().map(|f| Applied { formula: f.name.clone(), citation: f.citation.clone() }).collect()
}

/// How one rule, definition or table came to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReason {
    /// Its name.
    pub rule: String,
    /// Whether it holds, if it is a truth that may be told.
    pub holds: Option<Truth>,
    /// What decided it.
    pub deciding: Deciding,
    /// What stopped its base value.
    pub stop: Stop,
    /// Citation of what decided it.
    pub citation: Option<CitationText>,
    /// Formulas that it was computed by.
    pub formulas: Vec<Applied>,
    /// Exceptions that did not apply, and rows that only one column stopped.
    pub passed: Vec<Passed>,
    /// Rules it rests on; empty where the rule was explained above.
    pub because: Vec<RuleReason>,
    /// Whether it was explained above.
    pub above: bool,
}

/// The reasons of an evaluation of `policy` over the frame it ran on.
pub fn reasons(policy: &Policy, frame: &[i64], evaluation: &Evaluation) -> Reasons {
    let explanation = explain(policy, frame, evaluation);
    let flow = Flow::of(&policy.checked);
    let guards = Guards::new(policy, frame);
    let mut tree = Tree { policy, evaluation, flow: &flow, guards: &guards, told: BTreeSet::new() };
    let outcomes = explanation.outcomes.into_iter().enumerate().map(|(index, o)| {
        let passed = tree.arms(index);
        let arm = policy.outcomes.get(index).and_then(|o| deciding_arm(o, evaluation));
        let arm = arm.and_then(|i| policy.checked.outcomes.get(index)?.arms.get(i));
        let mut rests = Vec::new();
        if let Some(outcome) = policy.checked.outcomes.get(index) {
            outcome.arms.iter().filter_map(|a| a.guard.as_ref()).for_each(|g| mentioned(g, &mut rests));
        }
        let because = rests.into_iter().filter_map(|i| tree.rule(i)).collect();
        OutcomeReason {
            name: o.name,
            value: o.value,
            reason: o.reason,
            citation: o.citation,
            formulas: arm.map(|a| applied(&a.formulas)).unwrap_or_default(),
            missing: o.missing,
            missing_size: o.missing_size,
            passed,
            because,
        }
    });
    Reasons { outcomes: outcomes.collect(), missing: explanation.missing }
}

struct Tree<'a> {
    policy: &'a Policy,
    evaluation: &'a Evaluation,
    flow: &'a Flow,
    guards: &'a Guards<'a>,
    /// Rules explained so far: each is explained once, so that the tree is no larger than the policy.
    told: BTreeSet<usize>,
}

impl Tree<'_> {
    fn arms(&self, index: usize) -> Vec<Passed> {
        let (Some(outcome), Some(checked)) = (self.policy.outcomes.get(index), self.policy.checked.outcomes.get(index))
        else {
            return Vec::new();
        };
        let mut passed = Vec::new();
        for (arm, typed) in outcome.arms.iter().zip(&checked.arms) {
            let (Some(trace), Some(guard)) = (arm.trace, &typed.guard) else { continue };
            let state = truth(self.evaluation, trace);
            if state == Truth::True {
                continue;
            }
            passed.push(Passed {
                label: outcome.values.get(usize::from(arm.value)).cloned().unwrap_or_default(),
                reason: arm.reason.clone(),
                citation: arm.citation.clone(),
                not_known: state == Truth::NotKnown,
                stop: self.guards.stop(trace, &near::conjuncts(guard), self.flow, &self.policy.checked),
            });
        }
        passed
    }

    /// Rules mention earlier ones only, and there are at most as many levels as rules.
    fn rule(&mut self, index: usize) -> Option<RuleReason> {
        let (policy, rule) = (self.policy, self.policy.rules.get(index)?);
        let definition = policy.checked.definitions.get(index)?;
        let (deciding, point) = match rule.table {
            Some(hit) if hit.collects() => (rows(rule, self.evaluation), None),
            Some(hit) => row(rule, hit, self.evaluation),
            None => exception(policy, rule, self.evaluation),
        };
        let point = point.and_then(|p| policy.points.get(p));
        let citation = point.and_then(|p| p.citation.clone()).or_else(|| rule.citation.clone());
        let repeats = matches!(&definition.body, Body::Value { base, .. } if near::repeats_a_field(base));
        let told = rule.value.filter(|_| !repeats);
        let holds = told.map(|t| truth(self.evaluation, t));
        let above = !self.told.insert(index);
        let open = matches!(holds, Some(Truth::False | Truth::NotKnown));
        let stop = match (&definition.body, &deciding, rule.value) {
            (Body::Value { base, .. }, Deciding::Base, Some(trace)) if !above && open => {
                self.guards.stop(trace, &near::conjuncts(base), self.flow, &policy.checked)
            }
            _ => Stop::default(),
        };
        let (mut passed, mut because) = (Vec::new(), Vec::new());
        if !above {
            passed = self.passed(rule, &definition.body);
            let mut rests = Vec::new();
            expressions(&definition.body).into_iter().for_each(|e| mentioned(e, &mut rests));
            because = rests.into_iter().filter_map(|i| self.rule(i)).collect();
        }
        let formulas = if above { Vec::new() } else { formulas_of(definition, &deciding) };
        Some(RuleReason { rule: rule.name.clone(), holds, deciding, stop, citation, formulas, passed, because, above })
    }

    fn passed(&self, rule: &RuleInfo, body: &Body) -> Vec<Passed> {
        let mut passed = Vec::new();
        for guard in &rule.guards {
            let Some(point) = self.policy.points.get(guard.trace.0 as usize) else { continue };
            let state = truth(self.evaluation, guard.trace);
            if state == Truth::True {
                continue;
            }
            let conjuncts = match body {
                Body::Value { exceptions, .. } => match exceptions.iter().find(|e| e.label == point.label) {
                    Some(e) => near::conjuncts(&e.guard),
                    None => continue,
                },
                Body::Table { columns, rows, .. } => {
                    let row = point.label.parse::<usize>().ok().and_then(|n| rows.get(n.checked_sub(1)?));
                    let Some(row) = row else { continue };
                    near::cells(columns, row)
                }
            };
            let stop = self.guards.stop(guard.trace, &conjuncts, self.flow, &self.policy.checked);
            // A table has many rows that are out of the question. One that a single column stopped tells something, unless
            // that is all it tests.
            if matches!(body, Body::Table { .. }) && (stop == Stop::default() || conjuncts.len() == 1) {
                continue;
            }
            passed.push(Passed {
                label: point.label.clone(),
                reason: None,
                citation: point.citation.clone(),
                not_known: state == Truth::NotKnown,
                stop,
            });
        }
        passed
    }
}

/// The formulas in what decided a definition: its base value, the exception, or the rows.
fn formulas_of(definition: &Definition, deciding: &Deciding) -> Vec<Applied> {
    match (&definition.body, deciding) {
        (_, Deciding::Base) => applied(&definition.formulas),
        (Body::Value { exceptions, .. }, Deciding::Exception(label)) => {
            exceptions.iter().find(|e| e.label == *label).map(|e| applied(&e.formulas)).unwrap_or_default()
        }
        (Body::Table { rows, .. }, Deciding::Row(n)) => {
            n.checked_sub(1).and_then(|i| rows.get(i)).map(|r| applied(&r.formulas)).unwrap_or_default()
        }
        (Body::Table { rows, .. }, Deciding::Rows { matched, .. }) => {
            let matched = matched.iter().filter_map(|n| rows.get(n.checked_sub(1)?));
            let used: BTreeMap<&str, &Arc<Formula>> =
                matched.flat_map(|r| &r.formulas).chain(&definition.formulas).map(|f| (f.name.as_str(), f)).collect();
            applied(&used.into_values().cloned().collect::<Vec<_>>())
        }
        _ => Vec::new(),
    }
}

/// Every expression of a body, in order of text.
fn expressions(body: &Body) -> Vec<&TypedExpr> {
    match body {
        Body::Value { base, exceptions } => {
            std::iter::once(base).chain(exceptions.iter().flat_map(|e| [&e.guard, &e.value])).collect()
        }
        Body::Table { columns, rows, empty, .. } => {
            columns.iter().chain(rows.iter().map(|r| &r.value)).chain(empty).collect()
        }
    }
}

/// Adds the definitions that an expression mentions, in order, each once.
pub(super) fn mentioned(expr: &TypedExpr, into: &mut Vec<usize>) {
    if let Node::Definition(index, _) = &expr.node
        && !into.contains(index)
    {
        into.push(*index);
    }
    for part in expr.parts() {
        mentioned(part, into);
    }
}
