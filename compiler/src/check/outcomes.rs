//! Outcomes: arms, their reasons, and the proofs that exactly one decides. Invariant: an outcome it accepts has a value for
//! every known input, and each of its arms and values can be reached as far as the prover sees.
//! Must not know: releases, lowering.

use super::facts::Facts;
use super::prover::Prover;
use super::report::Report;
use super::scope::unknown;
use super::types::{Typer, Values};
use crate::ast::{self, Clause, HitWord};
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{Arm, Definition, Outcome, TypedExpr};

/// Most arms and values of one outcome.
const ARMS_MAX: usize = 128;

/// For every outcome and value, what holds when it is the answer.
pub(crate) type OutcomeFacts = Vec<Vec<Facts>>;

/// Checks all outcomes of a policy.
pub(crate) fn check(
    item: &ast::PolicyItem,
    values: &Values<'_>,
    definitions: &[Definition],
    report: &mut Report,
) -> Option<(Vec<Outcome>, OutcomeFacts)> {
    let mut outcomes = Vec::new();
    let mut all_facts = Vec::new();
    let mut good = true;
    for clause in &item.clauses {
        let Clause::Outcome(clause) = clause else { continue };
        match one(clause, values, definitions, report) {
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

fn one(
    clause: &ast::OutcomeClause,
    values: &Values<'_>,
    definitions: &[Definition],
    report: &mut Report,
) -> Option<(Outcome, Vec<Facts>)> {
    if clause.arms.len() > ARMS_MAX || clause.values.len() > ARMS_MAX || clause.values.is_empty() {
        report.add(Diagnostic::new(
            Code::TooLarge,
            clause.name.span,
            format!("结论须有 1 至 {ARMS_MAX} 个值和分支"),
            format!("an outcome has from 1 to {ARMS_MAX} values and arms"),
        ));
        return None;
    }
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
        arms.push(Arm { value, guard, reason: arm.reason.clone(), citation, span: arm.span });
    }
    if !good {
        return None;
    }
    let outcome =
        Outcome { name: clause.name.text.clone(), values: names, hit: clause.hit, arms, span: clause.name.span };
    prove(&outcome, clause, definitions, report);
    Some((outcome, facts.into_iter().map(Option::unwrap_or_default).collect()))
}

fn prove(outcome: &Outcome, clause: &ast::OutcomeClause, definitions: &[Definition], report: &mut Report) {
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
    let mut prover = Prover::new(definitions);
    let guarded: Vec<(&Arm, &TypedExpr)> =
        outcome.arms.iter().filter_map(|a| a.guard.as_ref().map(|g| (a, g))).collect();
    let mut before: Vec<(&TypedExpr, bool)> = Vec::new();
    for (j, (arm, guard)) in guarded.iter().enumerate() {
        let mut alone = before.clone();
        alone.push((guard, true));
        if prover.possible(&alone).is_none() {
            report.add(
                Diagnostic::new(
                    Code::DeadArm,
                    arm.span,
                    format!("结论 `{}` 的这个分支不会命中：条件不可能成立，或前面的分支已全部覆盖", outcome.name),
                    format!(
                        "this arm of outcome `{}` never decides: its condition cannot hold, or earlier arms cover it",
                        outcome.name
                    ),
                )
                .help("改条件，或删去此分支", "change the condition or remove the arm"),
            );
        } else if outcome.hit == HitWord::Unique {
            unique(outcome, &guarded, j, &mut prover, report);
        }
        before.push((guard, false));
    }
    total(outcome, otherwise, &before, &mut prover, report);
}

fn unique(outcome: &Outcome, guarded: &[(&Arm, &TypedExpr)], j: usize, prover: &mut Prover<'_>, report: &mut Report) {
    for (earlier, guard) in &guarded[..j] {
        let Some(witness) = prover.possible(&[(guard, true), (guarded[j].1, true)]) else { continue };
        let mut finding = Diagnostic::new(
            Code::ArmOverlap,
            guarded[j].0.span,
            format!("结论 `{}` 的两个分支可能同时成立", outcome.name),
            format!("two arms of outcome `{}` may both hold", outcome.name),
        )
        .label(earlier.span, "另一个分支", "the other arm")
        .help(
            "写 `命中 顺序` 以先后为准，或使条件互斥",
            "write `hit ordered` to let the order decide, or make the conditions exclusive",
        );
        if !witness.is_empty() {
            finding = finding.witness(show(&witness));
        }
        report.add(finding);
        return;
    }
}

fn total(
    outcome: &Outcome,
    otherwise: Option<usize>,
    before: &[(&TypedExpr, bool)],
    prover: &mut Prover<'_>,
    report: &mut Report,
) {
    let left = prover.possible(before);
    match (otherwise, left) {
        (None, Some(witness)) => {
            let mut finding = Diagnostic::new(
                Code::ArmGap,
                outcome.span,
                format!("结论 `{}` 可能没有值", outcome.name),
                format!("outcome `{}` may have no value", outcome.name),
            )
            .help("在最后加 `值 其余 理由 \"…\"`", "end with `value otherwise reason \"…\"`");
            if !witness.is_empty() {
                finding = finding.witness(show(&witness));
            }
            report.add(finding);
        }
        (Some(i), None) if !before.is_empty() => report.add(
            Diagnostic::new(
                Code::DeadArm,
                outcome.arms[i].span,
                format!("结论 `{}` 的 `其余` 不会命中：前面的分支已全部覆盖", outcome.name),
                format!("`otherwise` of outcome `{}` never decides: the arms before cover everything", outcome.name),
            )
            .help("删去 `其余`", "remove `otherwise`"),
        ),
        _ => {}
    }
}

fn show(witness: &[(String, i64)]) -> String {
    let shown: Vec<String> = witness.iter().map(|(k, w)| format!("{k} = {w}")).collect();
    shown.join(", ")
}
