//! What nothing needs (data minimisation) and what cites nothing. Invariant: an input or evidence it passes is needed by an
//! outcome, a write, a key of needed evidence, or the as-of date. Must not know: classes.

use super::flow::{Dependence, Flow, of_outcome, written};
use super::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Body, Policy};
use std::collections::BTreeSet;

/// Reports unused inputs, evidence and definitions, and rules without a citation.
pub(crate) fn check(policy: &Policy, flow: &Flow, report: &mut Report) {
    let mut inputs: BTreeSet<usize> = BTreeSet::new();
    let mut evidence: BTreeSet<usize> = BTreeSet::new();
    let mut definitions: BTreeSet<usize> = BTreeSet::new();
    let mut need = |d: &Dependence| {
        inputs.extend(&d.inputs);
        evidence.extend(&d.evidence);
        definitions.extend(&d.definitions);
    };
    for i in 0..policy.outcomes.len() {
        need(&of_outcome(policy, i, flow));
    }
    for write in &policy.writes {
        write.fields.iter().for_each(|(_, w)| written(w, &mut |e| need(&flow.expr(e))));
        if let Some(i) = write.supersedes {
            need(&flow.evidence[i]);
        }
    }
    if let Some((i, _)) = policy.as_of {
        need(&flow.evidence[i]);
    }
    for (i, input) in policy.inputs.iter().enumerate() {
        if !inputs.contains(&i) {
            unused(&input.name, input.span, "输入", "input", report);
        }
    }
    for (i, e) in policy.evidence.iter().enumerate() {
        if !evidence.contains(&i) {
            unused(&e.name, e.span, "取证", "evidence", report);
        }
    }
    for (i, d) in policy.definitions.iter().enumerate() {
        if !definitions.contains(&i) {
            report.add(
                Diagnostic::new(
                    Code::UnusedDefinition,
                    d.span,
                    format!("定义 `{}` 没有被用到", d.name),
                    format!("definition `{}` is never used", d.name),
                )
                .help("删去它", "remove it"),
            );
        }
    }
    uncited(policy, report);
}

fn unused(name: &str, span: Span, zh: &str, en: &str, report: &mut Report) {
    report.add(
        Diagnostic::new(
            Code::Unused,
            span,
            format!("{zh} `{name}` 与任何结论无关：不得索取用不到的数据"),
            format!("{en} `{name}` matters to no outcome: data that is not needed may not be asked for"),
        )
        .help("删去它", "remove it"),
    );
}

/// "this cites nothing".
pub(crate) fn cites_nothing(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::Uncited, span, format!("`{name}` 没有写依据"), format!("`{name}` cites nothing"))
        .help("在其后写 `@依据 第…条`", "add `@source article` after it")
}

fn uncited(policy: &Policy, report: &mut Report) {
    let mut warn = |name: &str, span: Span| report.add(cites_nothing(name, span));
    for d in &policy.definitions {
        match &d.body {
            Body::Value { exceptions, .. } => {
                if d.citation.is_none() {
                    warn(&d.name, d.span);
                }
                exceptions.iter().filter(|e| e.citation.is_none()).for_each(|e| warn(&e.label, e.span));
            }
            Body::Table { rows, .. } => {
                if d.citation.is_none() && rows.iter().any(|r| r.citation.is_none()) {
                    warn(&d.name, d.span);
                }
            }
        }
    }
    for outcome in &policy.outcomes {
        if let Some(arm) = outcome.arms.iter().find(|a| a.citation.is_none()) {
            warn(&outcome.values[arm.value], arm.span);
        }
    }
}
