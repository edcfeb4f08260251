//! Why a decision came out as it did: which rule, which clause, which exception, and what is missing. Owns the reading of
//! traces. Invariant: no value of a class above public is ever shown. Must not know: how policies are made or run.

mod missing;
mod possible;

pub use missing::{LEAST_VISITS, MINIMAL_VISITS, Missing, Size};

use crate::ast::{ClassWord, HitWord, Language};
use crate::package::{CitationText, OutcomeArm, Policy, RuleInfo};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::trace::Truth;
use std::collections::BTreeSet;
use std::fmt::Write as _;

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
    /// Arms before it that did not hold.
    pub passed_over: Vec<String>,
    /// Evidence this outcome hangs on; sorted; empty if determined.
    pub missing: Vec<String>,
    /// How small that set was shown to be.
    pub missing_size: Size,
    /// Rules it depends on, in evaluation order.
    pub because: Vec<Because>,
}

/// How one rule came to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// Its name.
    pub rule: String,
    /// What decided.
    pub deciding: Deciding,
    /// Its value, only if it is public and a truth.
    pub value_shown: Option<bool>,
    /// Citation of what decided.
    pub citation: Option<CitationText>,
    /// Exceptions that did not apply.
    pub not_applied: Vec<String>,
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
        let word =
            |output: usize| evaluation.outputs.get(output).and_then(|s| s.get()).and_then(|w| usize::try_from(w).ok());
        let arm = word(outcome.arm_output).filter(|i| *i < outcome.arms.len());
        let value = word(outcome.output).and_then(|i| outcome.values.get(i)).filter(|_| arm.is_some()).cloned();
        let missing = if value.is_none() { missing::of_outcome(policy, index, frame) } else { Missing::default() };
        all.extend(missing.names.iter().cloned());
        let decided: Option<&OutcomeArm> = arm.and_then(|i| outcome.arms.get(i));
        outcomes.push(OutcomeExplanation {
            name: outcome.name.clone(),
            value,
            reason: decided.and_then(|a| a.reason.clone()),
            citation: decided.and_then(|a| a.citation.clone()),
            passed_over: passed_over(policy, &outcome.arms, arm, evaluation),
            missing: missing.names,
            missing_size: missing.size,
            because: outcome
                .rules
                .iter()
                .filter_map(|i| policy.rules.get(*i))
                .map(|r| because(policy, r, evaluation))
                .collect(),
        });
    }
    Explanation { outcomes, missing: all.into_iter().collect() }
}

fn truth(evaluation: &Evaluation, trace: crate::ir::TraceId) -> Truth {
    evaluation.trace.get(trace.0 as usize).map_or(Truth::NotKnown, |b| Truth::of(*b))
}

fn passed_over(policy: &Policy, arms: &[OutcomeArm], decided: Option<usize>, evaluation: &Evaluation) -> Vec<String> {
    arms.iter()
        .take(decided.unwrap_or(arms.len()))
        .filter_map(|a| a.trace)
        .filter(|t| truth(evaluation, *t) == Truth::False)
        .filter_map(|t| policy.points.get(t.0 as usize))
        .map(|p| p.label.clone())
        .collect()
}

fn because(policy: &Policy, rule: &RuleInfo, evaluation: &Evaluation) -> Because {
    let (deciding, point) = match rule.table {
        Some(hit) if hit.collects() => (rows(rule, evaluation), None),
        Some(hit) => row(rule, hit, evaluation),
        None => exception(policy, rule, evaluation),
    };
    let citation =
        point.and_then(|p| policy.points.get(p)).and_then(|p| p.citation.clone()).or_else(|| rule.citation.clone());
    let shown = rule.value.filter(|_| rule.class == ClassWord::Public);
    let value_shown = match shown.map(|t| truth(evaluation, t)) {
        Some(Truth::True) => Some(true),
        Some(Truth::False) => Some(false),
        Some(Truth::NotKnown) | None => None,
    };
    let not_applied = if rule.table.is_some() {
        Vec::new()
    } else {
        rule.guards
            .iter()
            .filter(|g| truth(evaluation, g.trace) == Truth::False)
            .filter_map(|g| policy.points.get(g.trace.0 as usize))
            .map(|p| p.label.clone())
            .collect()
    };
    Because { rule: rule.name.clone(), deciding, value_shown, citation, not_applied }
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

impl Explanation {
    /// The explanation as text for people, ending with a line feed.
    pub fn text(&self, language: Language) -> String {
        let zh = language == Language::Zh;
        let pick = |z: &'static str, e: &'static str| if zh { z } else { e };
        let mut out = String::new();
        for o in &self.outcomes {
            let value = o.value.as_deref().unwrap_or(pick("待定", "undetermined"));
            let _ = write!(out, "{} = {value}", o.name);
            if let Some(reason) = &o.reason {
                let _ = write!(out, " {} {reason}", pick("理由", "because"));
            }
            out.push_str(&cited(o.citation.as_ref()));
            out.push('\n');
            if !o.missing.is_empty() {
                let size = match o.missing_size {
                    Size::Least => "",
                    Size::Minimal => {
                        pick(" (缺一不可, 但未证明最少)", " (none can be left out; not shown to be the least)")
                    }
                    Size::Enough => pick(" (足够, 但未必都要)", " (enough; perhaps not all of it is needed)"),
                };
                let _ = writeln!(out, "  {} {}{size}", pick("缺证", "missing"), o.missing.join(pick("、", ", ")));
            }
            if !o.passed_over.is_empty() {
                let _ = writeln!(
                    out,
                    "  {} {}",
                    pick("先前的分支未成立:", "arms that did not hold:"),
                    o.passed_over.join(pick("、", ", "))
                );
            }
            for b in &o.because {
                let decided = match &b.deciding {
                    Deciding::Base => pick("按一般规定", "by its base rule").to_owned(),
                    Deciding::Exception(label) => format!("{} {label}", pick("按例外", "by exception")),
                    Deciding::Row(n) => format!("{} {n}", pick("按表第几行:", "by row")),
                    Deciding::Rows { matched, not_known } => collected(matched, not_known, zh),
                    Deciding::NotKnown => pick("所需事实未知", "what it needs is not known").to_owned(),
                };
                let shown = match b.value_shown {
                    Some(true) => pick(" = 是", " = true"),
                    Some(false) => pick(" = 否", " = false"),
                    None => "",
                };
                let _ = write!(out, "  - {}{shown}: {decided}{}", b.rule, cited(b.citation.as_ref()));
                if !b.not_applied.is_empty() {
                    let _ = write!(
                        out,
                        " ({} {})",
                        pick("未适用的例外:", "exceptions not met:"),
                        b.not_applied.join(pick("、", ", "))
                    );
                }
                out.push('\n');
            }
        }
        out
    }
}

/// Which rows made up what a table collected.
fn collected(matched: &[usize], not_known: &[usize], zh: bool) -> String {
    let numbers =
        |rows: &[usize]| rows.iter().map(usize::to_string).collect::<Vec<_>>().join(if zh { "、" } else { ", " });
    let mut out = match (matched.is_empty(), zh) {
        (true, true) => "表中没有行命中".to_owned(),
        (true, false) => "no row matches".to_owned(),
        (false, true) => format!("按表第几行: {}", numbers(matched)),
        (false, false) => format!("by rows {}", numbers(matched)),
    };
    if !not_known.is_empty() {
        let lead = if zh { "; 是否命中未知:" } else { "; not known whether these match:" };
        out = format!("{out}{lead} {}", numbers(not_known));
    }
    out
}

fn cited(citation: Option<&CitationText>) -> String {
    match citation {
        Some(c) if c.article.is_empty() => format!(" [{}]", c.source),
        Some(c) => format!(" [{} {}]", c.source, c.article),
        None => String::new(),
    }
}
