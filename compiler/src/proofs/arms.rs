//! Arms of an outcome: no gap, no overlap unless the order decides, none that never decides.
//! Must not know: how diagrams work.

use super::Proof;
use crate::ast::HitWord;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::TraceId;
use crate::prove::{NodeId, Spent, Verdict};
use crate::typed::{Arm, Outcome};
use crate::witness::Shows;

/// An arm with a guard.
struct Guarded<'a> {
    arm: &'a Arm,
    node: NodeId,
    trace: TraceId,
}

/// Proves one outcome.
pub(super) fn check(proof: &mut Proof<'_>, index: usize, report: &mut Report) {
    let policy = proof.policy;
    let outcome = &policy.checked.outcomes[index];
    if prove(proof, index, outcome, report).is_err() {
        report.add(proof.spent(outcome.span, &outcome.name));
    }
}

fn prove(proof: &mut Proof<'_>, index: usize, outcome: &Outcome, report: &mut Report) -> Result<(), Spent> {
    let otherwise = outcome.arms.iter().find(|a| a.guard.is_none());
    let mut guarded: Vec<Guarded<'_>> = Vec::new();
    let mut before: Vec<(NodeId, bool)> = Vec::new();
    let mut left = proof.prover.all(&[])?;
    for (arm, lowered) in outcome.arms.iter().zip(&proof.policy.outcomes[index].arms) {
        let (Some(guard), Some(trace)) = (&arm.guard, lowered.trace) else { continue };
        let node = proof.prover.diagram(guard)?;
        let alone = proof.prover.all(&[(left, true), (node, true)]);
        match proof.prover.holds_somewhere(alone) {
            Verdict::Spent => return Err(Spent),
            Verdict::Impossible => report.add(dead(outcome, arm)),
            Verdict::Possible(_) if outcome.hit == HitWord::Unique => {
                overlap(proof, outcome, &guarded, &Guarded { arm, node, trace }, report)?;
            }
            Verdict::Possible(_) => {}
        }
        left = proof.prover.all(&[(left, true), (node, false)])?;
        before.push((node, false));
        guarded.push(Guarded { arm, node, trace });
    }
    match (otherwise, proof.prover.holds_somewhere(Ok(left))) {
        (_, Verdict::Spent) => return Err(Spent),
        (None, Verdict::Possible(point)) => {
            let finding = Diagnostic::new(
                Code::ArmGap,
                outcome.span,
                format!("结论 `{}` 可能没有值", outcome.name),
                format!("outcome `{}` may have no value", outcome.name),
            )
            .help("在最后加 `值 其余 理由 \"…\"`", "end with `value otherwise reason \"…\"`");
            let traces: Vec<TraceId> = guarded.iter().map(|g| g.trace).collect();
            report.add(proof.with_witness(finding, &point, Shows::AllFalse(&traces)));
        }
        (Some(arm), Verdict::Impossible) if !before.is_empty() => report.add(
            Diagnostic::new(
                Code::DeadArm,
                arm.span,
                format!("结论 `{}` 的 `其余` 不会命中：前面的分支已全部覆盖", outcome.name),
                format!("`otherwise` of outcome `{}` never decides: the arms before cover everything", outcome.name),
            )
            .help("删去 `其余`", "remove `otherwise`"),
        ),
        _ => {}
    }
    Ok(())
}

fn dead(outcome: &Outcome, arm: &Arm) -> Diagnostic {
    Diagnostic::new(
        Code::DeadArm,
        arm.span,
        format!("结论 `{}` 的这个分支不会命中：条件不可能成立，或前面的分支已全部覆盖", outcome.name),
        format!(
            "this arm of outcome `{}` never decides: its condition cannot hold, or earlier arms cover it",
            outcome.name
        ),
    )
    .help("改条件，或删去此分支", "change the condition or remove the arm")
}

/// One finding an arm is enough to act on.
fn overlap(
    proof: &mut Proof<'_>,
    outcome: &Outcome,
    earlier: &[Guarded<'_>],
    later: &Guarded<'_>,
    report: &mut Report,
) -> Result<(), Spent> {
    for first in earlier {
        let both = proof.prover.all(&[(first.node, true), (later.node, true)]);
        let point = match proof.prover.holds_somewhere(both) {
            Verdict::Spent => return Err(Spent),
            Verdict::Impossible => continue,
            Verdict::Possible(point) => point,
        };
        let finding = Diagnostic::new(
            Code::ArmOverlap,
            later.arm.span,
            format!("结论 `{}` 的两个分支可能同时成立", outcome.name),
            format!("two arms of outcome `{}` may both hold", outcome.name),
        )
        .label(first.arm.span, "另一个分支", "the other arm")
        .help(
            "写 `命中 顺序` 以先后为准，或使条件互斥",
            "write `hit ordered` to let the order decide, or make the conditions exclusive",
        );
        report.add(proof.with_witness(finding, &point, Shows::AllTrue(&[first.trace, later.trace])));
        return Ok(());
    }
    Ok(())
}
