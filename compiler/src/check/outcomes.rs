//! Outcomes: arms and their reasons. Invariant: in an outcome it accepts every value has an arm and `其余` comes last; that
//! exactly one arm decides is proved in `proofs/arms.rs`. Must not know: releases, lowering.

use super::facts::Facts;
use super::formula::written_in;
use super::report::Report;
use super::scope::unknown;
use super::types::{Typer, Values};
use crate::ast::{self, Clause, HitWord};
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{Arm, Outcome};

/// Most arms and values of one outcome.
const ARMS_MAX: usize = 128;

/// For every outcome and value, what holds when it is the answer.
pub(crate) type OutcomeFacts = Vec<Vec<Facts>>;

/// Checks all outcomes of a policy.
pub(crate) fn check(
    item: &ast::PolicyItem,
    values: &Values<'_>,
    report: &mut Report,
) -> Option<(Vec<Outcome>, OutcomeFacts)> {
    let mut outcomes = Vec::new();
    let mut all_facts = Vec::new();
    let mut good = true;
    for clause in &item.clauses {
        let Clause::Outcome(clause) = clause else { continue };
        match one(clause, values, report) {
            Some((outcome, facts)) => {
                outcomes.push(outcome);
                all_facts.push(facts);
            }
            None => good = false,
        }
    }
    if good && outcomes.is_empty() {
        report.add(
            Diagnostic::new(
                Code::ArmGap,
                item.name.span,
                format!("`{}` 没有结论", item.name.text),
                format!("`{}` has no outcome", item.name.text),
            )
            .help("写上 `结论 …`", "add an `outcome`"),
        );
        good = false;
    }
    good.then_some((outcomes, all_facts))
}

fn one(clause: &ast::OutcomeClause, values: &Values<'_>, report: &mut Report) -> Option<(Outcome, Vec<Facts>)> {
    if clause.arms.len() > ARMS_MAX || clause.values.len() > ARMS_MAX || clause.values.is_empty() {
        report.add(Diagnostic::new(
            Code::TooLarge,
            clause.name.span,
            format!("结论须有 1 至 {ARMS_MAX} 个值和分支"),
            format!("an outcome has from 1 to {ARMS_MAX} values and arms"),
        ));
        return None;
    }
    fits_hit(clause, report)?;
    for (i, v) in clause.values.iter().enumerate() {
        if clause.values[..i].iter().any(|w| w.text == v.text) {
            report.add(super::scope::duplicate(v));
        }
    }
    let names: Vec<String> = clause.values.iter().map(|v| v.text.clone()).collect();
    let mut arms: Vec<Arm> = Vec::new();
    let mut facts: Vec<Option<Facts>> = vec![None; names.len()];
    let mut passed = Facts::default();
    let mut good = true;
    for arm in &clause.arms {
        let Some(value) = names.iter().position(|n| *n == arm.value.text) else {
            report.add(unknown(&arm.value, "结论值", "value of the outcome", names.iter().map(String::as_str)));
            good = false;
            continue;
        };
        let mut typer = Typer::new(values, report, passed.clone());
        let guard = match &arm.guard {
            None => None,
            Some(g) => match typer.boolean(g) {
                Some(g) => Some(g),
                None => {
                    good = false;
                    continue;
                }
            },
        };
        let here = guard.as_ref().map_or_else(|| passed.clone(), |g| passed.clone().and(&typer.tells(g, true)));
        if let Some(g) = &guard {
            passed = passed.and(&typer.tells(g, false));
        }
        facts[value] = Some(match facts[value].take() {
            Some(before) => before.or(&here),
            None => here,
        });
        let citation = values.scope.cite(arm.citation.as_ref(), report);
        let formulas = written_in(values.scope, &arm.guard);
        arms.push(Arm { value, guard, reason: arm.reason.clone(), citation, formulas, span: arm.span });
    }
    if !good {
        return None;
    }
    let outcome =
        Outcome { name: clause.name.text.clone(), values: names, hit: clause.hit, arms, span: clause.name.span };
    shape(&outcome, clause, report);
    Some((outcome, facts.into_iter().map(Option::unwrap_or_default).collect()))
}

/// Refuses hit policies of tables: an outcome has one value, and one arm that gives it.
fn fits_hit(clause: &ast::OutcomeClause, report: &mut Report) -> Option<()> {
    if !matches!(clause.hit, HitWord::Unique | HitWord::Ordered) {
        report.add(
            Diagnostic::new(
                Code::HitPolicy,
                clause.name.span,
                format!(
                    "结论 `{}` 只能 `命中 唯一` 或 `命中 顺序`：结论只有一个，且须说得出是哪一支",
                    clause.name.text
                ),
                format!(
                    "outcome `{}` is hit `unique` or `ordered`: it has one value, and one arm that gives it",
                    clause.name.text
                ),
            )
            .help(
                "先用 `表` 合计或计数，再在分支中比较",
                "sum or count in a `table`, and compare the result in the arms",
            ),
        );
        return None;
    }
    Some(())
}

fn shape(outcome: &Outcome, clause: &ast::OutcomeClause, report: &mut Report) {
    for (i, name) in clause.values.iter().enumerate() {
        if outcome.arms.iter().all(|a| a.value != i) {
            report.add(
                Diagnostic::new(
                    Code::UnreachableValue,
                    name.span,
                    format!("结论 `{}` 的值 `{}` 没有任何分支给出", outcome.name, name.text),
                    format!("no arm of outcome `{}` gives `{}`", outcome.name, name.text),
                )
                .help("加一个分支，或删去此值", "add an arm or remove the value"),
            );
        }
    }
    let otherwise = outcome.arms.iter().position(|a| a.guard.is_none());
    if let Some(first) = otherwise {
        for arm in &outcome.arms[first + 1..] {
            report.add(
                Diagnostic::new(
                    Code::DeadArm,
                    arm.span,
                    "`其余` 之后的分支不会命中",
                    "an arm after `otherwise` never decides",
                )
                .help("把 `其余` 放在最后", "put `otherwise` last"),
            );
        }
    }
}
