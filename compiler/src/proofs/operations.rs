//! Tests that show an operation without a result: facts at which a value leaves its range or a divisor is 0. Owns which
//! conditions facts are sought for, and what is said where there are none: ranges are judged one by one, so that an
//! operation may be refused although what it is made of never comes together so.
//! Must not know: how ranges are computed.

use super::{Found, Proof, remark};
use crate::ast::Language;
use crate::check::report::Report;
use crate::diagnostics::Code;
use crate::ir::TraceId;
use crate::package::PointKind;
use crate::prove::Verdict;
use crate::source::Span;
use crate::typed::TypedExpr;
use crate::witness::Shows;

/// Turns the witness of the fault at this index into a test where facts are found for it.
pub(super) fn check(
    proof: &mut Proof<'_>,
    finding: (Code, Span),
    index: usize,
    (when, plainer): (&TypedExpr, &[TypedExpr]),
    report: &mut Report,
) {
    let found = search(proof, index, when, plainer);
    let zh = proof.language == Language::Zh;
    report.show(finding, |words| match found {
        Found::Test(test) => test,
        Found::Unreachable => remark(
            words,
            if zh {
                "// 各部分相互牵连，没有事实能使之如此；仍须写明范围，如用 `如果` 限制"
            } else {
                "// no facts make it so, because its parts hang together: bound it all the same, for instance with `if`"
            },
        ),
        Found::Nothing => remark(words, proof.nothing_found()),
    });
}

fn search(proof: &mut Proof<'_>, index: usize, when: &TypedExpr, plainer: &[TypedExpr]) -> Found {
    let label = index.to_string();
    let mut points = proof.policy.points.iter();
    let Some(at) = points.position(|p| p.kind == PointKind::Fault && p.label == label) else { return Found::Nothing };
    let shown = [TraceId(at as u32)];
    let title = proof.title();
    let mut found = Found::Nothing;
    // The last holds wherever the others do, so that its answer stands for all.
    for condition in plainer.iter().chain([when]) {
        found = match proof.prover.pinned(&[(condition, true)], &[], &|_| None) {
            Verdict::Possible(point) => match proof.concrete(&point, &title, Shows::AllTrue(&shown)) {
                Some(test) => return Found::Test(test),
                None => Found::Nothing,
            },
            Verdict::Impossible => Found::Unreachable,
            Verdict::Spent => Found::Nothing,
        };
    }
    found
}
