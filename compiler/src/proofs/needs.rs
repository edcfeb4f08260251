//! Fields that a policy reads although no answer rests on them (data minimisation, 个人信息保护法 第六条: 限于实现处理目的的
//! 最小范围). Owns which of them are told. Invariant: nothing is told of a policy with other findings, which may be the cause.
//! Must not know: how diagrams work.

use super::Proof;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::package::{Evidence, Use};
use crate::typed::{self, Reads};
use std::collections::BTreeSet;

/// Reports evidence, or fields of it, that are read to decide and decide nothing.
pub(super) fn check(proof: &mut Proof<'_>, report: &mut Report) {
    if !report.is_empty() {
        return;
    }
    let Some(reads) = proof.prover.matters() else { return };
    let policy = proof.policy;
    for (i, (evidence, checked)) in policy.evidence.iter().zip(&policy.checked.evidence).enumerate() {
        let matters = paths(i, checked, &reads);
        let idle: Vec<&str> = evidence
            .needs
            .iter()
            .filter(|need| need.uses == [Use::Decides] && !need.field.is_empty())
            .map(|need| need.field.as_str())
            .filter(|field| {
                !matters.iter().any(|m| m == field || m.strip_prefix(field).is_some_and(|m| m.starts_with('.')))
            })
            .collect();
        let other_use = evidence.needs.iter().any(|need| need.uses != [Use::Decides]);
        let there = reads.fields.iter().any(|(e, _)| *e == i);
        if !there && !other_use && !evidence.needs.is_empty() {
            report.add(idle_record(evidence, checked));
        } else if !idle.is_empty() {
            report.add(idle_fields(evidence, checked, &idle));
        }
    }
}

/// The fields of a binding that matter, as dotted paths.
fn paths(index: usize, checked: &typed::Evidence, reads: &Reads) -> BTreeSet<String> {
    let fields = reads.fields.iter().filter(|(e, _)| *e == index);
    fields.map(|(_, path)| typed::field_names(&checked.schema.group, path).join(".")).collect()
}

fn idle_record(evidence: &Evidence, checked: &typed::Evidence) -> Diagnostic {
    let (name, owner) = (&evidence.name, &evidence.schema.owner);
    Diagnostic::new(
        Code::Idle,
        checked.span,
        format!("取证 `{name}` 被读取，却不影响任何结论：不必向{owner}索取"),
        format!("evidence `{name}` is read, but no outcome rests on it: {owner} need not be asked"),
    )
    .help("从条件中去掉它, 再删去取证", "take it out of the conditions, then remove the evidence")
}

fn idle_fields(evidence: &Evidence, checked: &typed::Evidence, idle: &[&str]) -> Diagnostic {
    let name = &evidence.name;
    let named: Vec<String> = idle.iter().map(|field| format!("`{name}.{field}`")).collect();
    Diagnostic::new(
        Code::Idle,
        checked.span,
        format!("{} 被读取，却不影响任何结论", named.join("、")),
        format!("{} is read, but no outcome rests on it", named.join(", ")),
    )
    .help("从条件中去掉它", "take it out of the conditions")
}
