//! Rules that say nothing: always true or always false on every input. A rule that is plainly `是` or `否` without
//! exceptions is meant so and passes. Must not know: how diagrams work.

use super::Proof;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::prove::Verdict;
use crate::typed::Body;
use guiju_runtime::value::Type;

/// Proves that one boolean definition can be both.
pub(super) fn check(proof: &mut Proof<'_>, index: usize, report: &mut Report) {
    let policy = proof.policy;
    let definition = &policy.checked.definitions[index];
    let plain = match &definition.body {
        Body::Value { base, exceptions } => exceptions.is_empty() && base.constant().is_some(),
        Body::Table { .. } => false,
    };
    if definition.ty != Type::Boolean || plain || definition.optional {
        return;
    }
    let node = proof.prover.definition(index);
    for truth in [true, false] {
        let side = node.and_then(|n| proof.prover.all(&[(n, truth)]));
        match proof.prover.holds_somewhere(side) {
            Verdict::Possible(_) => continue,
            // A rule too intricate to judge is no fault: nothing rests on this proof.
            Verdict::Spent => return,
            Verdict::Impossible => {}
        }
        let (zh, en) = if truth { ("否", "false") } else { ("是", "true") };
        report.add(
            Diagnostic::new(
                Code::VacuousRule,
                definition.span,
                format!("`{}` 对任何事实都是`{zh}`，等于没有规定", definition.name),
                format!("`{}` is {en} whatever the facts: it says nothing", definition.name),
            )
            .help(
                "改条件；若确为定数，直接写 `是` 或 `否`",
                "change the condition, or write `true` or `false` outright",
            ),
        );
        return;
    }
}
