//! Exceptions of a definition: no two that may both apply decide differently unless one is before the other, and each can
//! decide. Two that agree wherever both apply need no precedence: the value is the same whichever is tried first, and
//! which of two clauses is cited follows the order of the text. Must not know: how diagrams work.

use super::Proof;
use crate::check::exceptions::precedes;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::TraceId;
use crate::prove::{NodeId, Spent, Verdict};
use crate::typed::{Body, Definition, Exception};
use crate::witness::Shows;

/// Proves the exceptions of one definition.
pub(super) fn check(proof: &mut Proof<'_>, index: usize, report: &mut Report) {
    let policy = proof.policy;
    let definition = &policy.checked.definitions[index];
    let Body::Value { exceptions, .. } = &definition.body else { return };
    if exceptions.is_empty() {
        return;
    }
    if prove(proof, definition, exceptions, report).is_err() {
        report.add(proof.spent(definition.span, &definition.name));
    }
}

fn prove(
    proof: &mut Proof<'_>,
    definition: &Definition,
    exceptions: &[Exception],
    report: &mut Report,
) -> Result<(), Spent> {
    let mut applying = Vec::new();
    for k in 0..exceptions.len() {
        applying.push(proof.prover.applies(exceptions, k)?);
    }
    for (k, e) in exceptions.iter().enumerate() {
        let decides = deciding(proof, exceptions, &applying, k);
        match proof.prover.holds_somewhere(decides) {
            Verdict::Spent => return Err(Spent),
            Verdict::Impossible => report.add(dead(e)),
            Verdict::Possible(_) => {}
        }
        for j in k + 1..exceptions.len() {
            pair(proof, definition, exceptions, &applying, (k, j), report)?;
        }
    }
    base(proof, definition, exceptions, &applying, report)
}

/// Where an exception applies and none that is stated to come before it, or before what it is an exception to, does.
fn deciding(proof: &mut Proof<'_>, exceptions: &[Exception], applying: &[NodeId], k: usize) -> Result<NodeId, Spent> {
    let mut parts = vec![(applying[k], true)];
    let mut at = Some(k);
    while let Some(here) = at {
        let first = (0..exceptions.len()).filter(|o| precedes(exceptions, *o, here));
        parts.extend(first.map(|o| (applying[o], false)));
        at = exceptions[here].of;
    }
    proof.prover.all(&parts)
}

fn dead(e: &Exception) -> Diagnostic {
    Diagnostic::new(
        Code::DeadException,
        e.span,
        format!("例外 `{}` 不会起作用：条件不可能成立，或在先的例外已全部覆盖", e.label),
        format!("exception `{}` never decides: its condition cannot hold, or exceptions before it cover it", e.label),
    )
    .help("改条件，或删去此例外", "change the condition or remove the exception")
}

fn pair(
    proof: &mut Proof<'_>,
    definition: &Definition,
    exceptions: &[Exception],
    applying: &[NodeId],
    (i, j): (usize, usize),
    report: &mut Report,
) -> Result<(), Spent> {
    let (a, b) = (&exceptions[i], &exceptions[j]);
    if a.of != b.of || precedes(exceptions, i, j) || precedes(exceptions, j, i) {
        return Ok(());
    }
    let both = proof.prover.all(&[(applying[i], true), (applying[j], true)])?;
    match proof.prover.holds_somewhere(Ok(both)) {
        Verdict::Spent => return Err(Spent),
        Verdict::Impossible => return Ok(()),
        Verdict::Possible(_) => {}
    }
    let differ = proof.prover.consequences_differ(definition, (i, j))?;
    let both = proof.prover.all(&[(both, true), (differ, true)]);
    let point = match proof.prover.holds_somewhere(both) {
        Verdict::Spent => return Err(Spent),
        Verdict::Impossible => return Ok(()),
        Verdict::Possible(point) => point,
    };
    let finding = Diagnostic::new(
        Code::ExceptionConflict,
        b.span,
        format!("例外 `{}` 与 `{}` 可能同时成立，结果却可能不同", a.label, b.label),
        format!("exceptions `{}` and `{}` may both apply and differ", a.label, b.label),
    )
    .label(a.span, "另一个例外", "the other exception")
    .help(
        format!("说明先后：在 `{}` 后写 `先于 {}`（或反之），或使两个条件互斥", b.label, a.label),
        format!(
            "say which comes first: write `before {}` after `{}` (or the reverse), or make the conditions exclusive",
            a.label, b.label
        ),
    );
    let traces: Vec<TraceId> = [a, b].iter().filter_map(|e| trace(proof, e)).collect();
    report.add(proof.with_witness(finding, &point, Shows::AllTrue(&traces)));
    Ok(())
}

/// Where an exception's guard is recorded.
fn trace(proof: &Proof<'_>, e: &Exception) -> Option<TraceId> {
    proof.policy.points.iter().position(|p| p.span == e.span).map(|i| TraceId(i as u32))
}

/// The base must decide somewhere too.
fn base(
    proof: &mut Proof<'_>,
    definition: &Definition,
    exceptions: &[Exception],
    applying: &[NodeId],
    report: &mut Report,
) -> Result<(), Spent> {
    let top = exceptions.iter().zip(applying).filter(|(e, _)| e.of.is_none());
    let parts: Vec<(NodeId, bool)> = top.map(|(_, n)| (*n, false)).collect();
    let left = proof.prover.all(&parts);
    match proof.prover.holds_somewhere(left) {
        Verdict::Spent => Err(Spent),
        Verdict::Possible(_) => Ok(()),
        Verdict::Impossible => {
            report.add(
                Diagnostic::new(
                    Code::DeadBase,
                    definition.span,
                    format!("`{}` 的基本值不会起作用：例外已覆盖一切情形", definition.name),
                    format!("the base value of `{}` never decides: its exceptions cover everything", definition.name),
                )
                .help("把其中一个例外改写为基本值", "make one of the exceptions the base value"),
            );
            Ok(())
        }
    }
}
