//! The versions of one policy on the time axis, over all modules given. Owns that a day has one version at most, and that
//! none is forgotten between the first day and the last. Invariant: findings name the first day that is wrong, and a version
//! that is there but refused, or whose number is left out between two others, leaves no gap. Must not know: what a version decides.

use super::CheckedModule;
use super::report::Report;
use crate::ast::{self, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::Policy;
use guiju_runtime::date::Date;
use std::collections::BTreeMap;

/// Overlaps and gaps between the versions of every policy. `trees` are the modules as written, `modules` what could be
/// checked of them.
pub(super) fn check(trees: &[ast::Module], modules: &[CheckedModule], report: &mut Report) {
    let mut by_name: BTreeMap<&str, Vec<&Policy>> = BTreeMap::new();
    for (policy, _) in modules.iter().flat_map(|m| &m.policies) {
        by_name.entry(&policy.name).or_default().push(policy);
    }
    for (name, versions) in &mut by_name {
        let whole = versions.len() == written(trees, name);
        versions.sort_by_key(|p| (p.effective_from, p.version));
        for pair in versions.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            let end = first.effective_to.unwrap_or(Date::MAX);
            if second.effective_from <= end || first.version == second.version {
                report.add(overlap(first, second));
                continue;
            }
            let next = end.add_days(1);
            // A node compiles a module with those it imports, not with every version: a number left out is a version not given.
            let follows = second.version == first.version.saturating_add(1);
            if whole && follows && next < second.effective_from && !first.lapses {
                report.add(gap(first, second, next));
            } else if next == second.effective_from && first.lapses {
                report.add(no_gap(first, second));
            }
        }
    }
}

/// How many versions are written: more than were checked if some are refused, and more than any if one may not be readable.
fn written(trees: &[ast::Module], name: &str) -> usize {
    let unreadable = trees.iter().any(|m| m.broken.any || m.broken.names.contains(name));
    let is_version = |item: &&Item| matches!(item, Item::Policy(p) if p.name.text == name);
    let readable = trees.iter().flat_map(|m| &m.items).filter(is_version).count();
    if unreadable { usize::MAX } else { readable }
}

fn overlap(first: &Policy, second: &Policy) -> Diagnostic {
    let (name, day) = (&second.name, second.effective_from);
    let last = day.add_days(-1);
    Diagnostic::new(
        Code::VersionOverlap,
        second.span,
        format!("`{name}` 版本 {} 与版本 {} 在 {day} 同时施行，或版本号相同", first.version, second.version),
        format!(
            "versions {} and {} of `{name}` are both in force on {day}, or have one number",
            first.version, second.version
        ),
    )
    .label(first.span, "另一个版本", "the other version")
    .help(
        format!("给版本 {} 写终止日 `至 {last}`", first.version),
        format!("end version {} with `to {last}`", first.version),
    )
}

/// `day` is the first on which nothing is in force.
fn gap(first: &Policy, second: &Policy, day: Date) -> Diagnostic {
    let (name, last) = (&second.name, second.effective_from.add_days(-1));
    Diagnostic::new(
        Code::VersionGap,
        second.span,
        format!("`{name}` 在 {day} 没有施行的版本: 版本 {} 已止，版本 {} 未起", first.version, second.version),
        format!(
            "no version of `{name}` is in force on {day}: version {} has ended and version {} has not begun",
            first.version, second.version
        ),
    )
    .label(first.span, "到此为止的版本", "the version that ended")
    .help(
        format!("版本 {} 写作 `至 {last}`；若其间确无规定，写 `至 … 后无规定`", first.version),
        format!("end version {} with `to {last}`, or, if no rule was meant, with `to … then none`", first.version),
    )
}

fn no_gap(first: &Policy, second: &Policy) -> Diagnostic {
    let (name, day) = (&second.name, second.effective_from);
    Diagnostic::new(
        Code::VersionGap,
        first.span,
        format!("`{name}` 版本 {} 说 `后无规定`，但版本 {} 在 {day} 接着施行", first.version, second.version),
        format!(
            "version {} of `{name}` says `then none`, but version {} follows at once on {day}",
            first.version, second.version
        ),
    )
    .label(second.span, "接着施行的版本", "the version that follows")
    .help("删去 `后无规定`", "delete `then none`")
}
