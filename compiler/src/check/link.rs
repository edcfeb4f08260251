//! Transitions: an older version's decision linked into a newer one before either is checked. Owns which of the older
//! version's parts are shared and how the others are named. Invariant: the linked policy is an ordinary policy of the newer
//! version, so that bits, flow, cost, proofs and meaning cover it; a version is linked only into later ones, so this ends.
//! Must not know: types, lowering.

use super::report::Report;
use super::scope::{Declared, Scope, unknown};
use super::{dotted, rename};
use crate::ast::{self, Arm, Clause, DefinitionClause, Expr, ExprKind, HitWord, Item, PolicyItem, TransitionClause};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use std::collections::BTreeMap;

/// Most clauses of a policy with what is linked into it.
const CLAUSES_MAX: usize = 1024;

/// All modules, to find older versions in.
pub(super) struct Linker<'a> {
    /// The modules as written.
    pub(super) modules: &'a [ast::Module],
    /// Their scopes, by full name.
    pub(super) scopes: &'a BTreeMap<String, Scope>,
}

/// A policy with what its transitions lead to.
pub(super) struct Linked {
    /// An ordinary policy without transitions.
    pub(super) item: PolicyItem,
    /// What it sees: its module's scope, and what the older versions see.
    pub(super) scope: Scope,
    /// Where the older versions are written.
    pub(super) older: Vec<Span>,
    /// Titles of its own transitions.
    pub(super) transitions: Vec<Span>,
}

impl Linker<'_> {
    /// Links every transition of a policy; `None` after a finding.
    pub(super) fn link(&self, item: &PolicyItem, scope: &Scope, report: &mut Report) -> Option<Linked> {
        let mut linked =
            Linked { item: item.clone(), scope: scope.clone(), older: Vec::new(), transitions: Vec::new() };
        let is_transition = |c: &Clause| matches!(c, Clause::Transition(_));
        linked.item.clauses.retain(|c| !is_transition(c));
        let mut arms_before: BTreeMap<String, Vec<Arm>> = BTreeMap::new();
        for clause in &item.clauses {
            let Clause::Transition(transition) = clause else { continue };
            let (old, old_scope) = self.older(item, transition, scope, report)?;
            refuse_writes(item, old, transition, report)?;
            let old = self.link(old, old_scope, report)?;
            linked.transitions.push(transition.title.span);
            linked.older.push(old.item.span);
            linked.older.extend(&old.older);
            merge_scope(&mut linked.scope, &old.scope, transition, report)?;
            join(&mut linked.item, &old, transition, &mut arms_before, report)?;
            if linked.item.clauses.len() > CLAUSES_MAX {
                report.add(Diagnostic::new(
                    Code::TooLarge,
                    transition.span,
                    format!("连同旧版本一共超过 {CLAUSES_MAX} 条"),
                    format!("with the older version there are more than {CLAUSES_MAX} clauses"),
                ));
                return None;
            }
        }
        for clause in &mut linked.item.clauses {
            let Clause::Outcome(outcome) = clause else { continue };
            if let Some(mut arms) = arms_before.remove(&outcome.name.text) {
                arms.append(&mut outcome.arms);
                outcome.arms = arms;
            }
        }
        Some(linked)
    }

    /// The version that a transition names, among those of its own module and of the modules its module imports it from.
    fn older(
        &self,
        item: &PolicyItem,
        transition: &TransitionClause,
        scope: &Scope,
        report: &mut Report,
    ) -> Option<(&PolicyItem, &Scope)> {
        let wanted = transition.module.as_ref().map(dotted);
        let mut found: Vec<(&PolicyItem, &Scope)> = Vec::new();
        let mut versions: Vec<String> = Vec::new();
        for module in self.modules {
            let name = dotted(&module.name);
            let sees = name == scope.module || scope.policies.contains(&(item.name.text.clone(), name.clone()));
            let policies = module.items.iter().filter_map(|i| if let Item::Policy(p) = i { Some(p) } else { None });
            for policy in policies.filter(|p| sees && p.name.text == item.name.text) {
                versions.push(policy.version.to_string());
                if policy.version == transition.version && wanted.as_ref().is_none_or(|w| *w == name) {
                    found.extend(self.scopes.get(&name).map(|s| (policy, s)));
                }
            }
        }
        let finding = match found[..] {
            [one] if one.0.version < item.version && one.0.kind == item.kind => return Some(one),
            [_] => Diagnostic::new(
                Code::BadTransition,
                transition.span,
                "过渡只能适用同一策略较早的版本",
                "a transition leads to an earlier version of the same policy",
            ),
            _ => Diagnostic::new(
                Code::BadTransition,
                transition.span,
                format!("`{}` 没有版本 {}; 看得到的有 {}", item.name.text, transition.version, versions.join(", ")),
                format!(
                    "`{}` has no version {}; in sight are {}",
                    item.name.text,
                    transition.version,
                    versions.join(", ")
                ),
            )
            .help(
                format!("从它所在的模块引用: `引用 … {{ {} }}`", item.name.text),
                format!("import it from its module: `import … {{ {} }}`", item.name.text),
            ),
        };
        report.add(finding);
        None
    }
}

/// A contract's writes are not linked: two versions' records cannot both be meant.
fn refuse_writes(
    item: &PolicyItem,
    old: &PolicyItem,
    transition: &TransitionClause,
    report: &mut Report,
) -> Option<()> {
    let writes = |p: &PolicyItem| p.clauses.iter().any(|c| matches!(c, Clause::Write(_)));
    if writes(item) || writes(old) {
        report.add(bad(transition, "有写入的合约不能写过渡", "a contract that writes can have no transition"));
        return None;
    }
    Some(())
}

fn bad(transition: &TransitionClause, zh: &str, en: &str) -> Diagnostic {
    Diagnostic::new(Code::BadTransition, transition.span, zh, en)
}

/// What the older version sees besides: types of the same name must be the same, its legal sources go by its version.
fn merge_scope(scope: &mut Scope, old: &Scope, transition: &TransitionClause, report: &mut Report) -> Option<()> {
    for (name, declared) in &old.declared {
        match scope.declared.get(name) {
            None => {
                scope.declared.insert(name.clone(), declared.clone());
            }
            Some(here) if same(here, declared) => {}
            Some(_) => {
                report.add(Diagnostic::new(
                    Code::BadTransition,
                    transition.span,
                    format!("两个版本里的 `{name}` 不是同一个类型"),
                    format!("`{name}` is not the same type in both versions"),
                ));
                return None;
            }
        }
    }
    for (name, formula) in &old.formulas {
        scope.formulas.insert(versioned(transition.version, name), formula.clone());
    }
    for (name, source) in &old.sources {
        scope.sources.insert(versioned(transition.version, name), source.clone());
    }
    Some(())
}

fn same(a: &Declared, b: &Declared) -> bool {
    match (a, b) {
        (Declared::Enum(a), Declared::Enum(b)) => a == b,
        (Declared::Group(a), Declared::Group(b)) => a == b,
        (Declared::Certificate(a), Declared::Certificate(b)) => a == b,
        _ => false,
    }
}

/// A name of an older version, as explanations show it.
fn versioned(version: u32, name: &str) -> String {
    format!("版本{version}·{name}")
}

/// Adds the older version's parts to `item`, and its arms, guarded, to `before`.
fn join(
    item: &mut PolicyItem,
    old: &Linked,
    transition: &TransitionClause,
    before: &mut BTreeMap<String, Vec<Arm>>,
    report: &mut Report,
) -> Option<()> {
    let formulas = old.scope.formulas.keys();
    let old = &old.item;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let own = |name: &str| versioned(transition.version, name);
    for clause in &old.clauses {
        if let Clause::Definition(DefinitionClause { name, .. }) | Clause::Table(ast::TableClause { name, .. }) = clause
        {
            names.insert(name.text.clone(), own(&name.text));
        }
    }
    for formula in formulas {
        names.insert(rename::called(formula), own(formula));
    }
    item.clauses.push(Clause::Definition(DefinitionClause {
        rule: true,
        name: transition.title.clone(),
        ty: None,
        value: transition.guard.clone(),
        citation: transition.citation.clone(),
        exceptions: Vec::new(),
        span: transition.span,
    }));
    // Evidence may mention inputs, and both may be renamed, so each kind is placed before what mentions it.
    let rank = |c: &Clause| match c {
        Clause::Input(_) => 0,
        Clause::Evidence(_) => 1,
        _ => 2,
    };
    let mut olds: Vec<&Clause> = old.clauses.iter().collect();
    olds.sort_by_key(|c| rank(c));
    for clause in olds {
        let mut clause = clause.clone();
        rename::clause(&mut clause, &names, &|source| own(source));
        match &mut clause {
            Clause::Input(ast::InputClause { name, .. }) | Clause::Evidence(ast::EvidenceClause { name, .. }) => {
                let written = name.text.clone();
                let shared = item.clauses.iter().any(|c| rename::shape(c) == rename::shape(&clause));
                if !shared {
                    if item.clauses.iter().any(|c| rename::declares(c, &written)) {
                        names.insert(written.clone(), own(&written));
                        rename::declared(&mut clause, &names);
                    }
                    item.clauses.push(clause);
                }
            }
            Clause::Definition(_) | Clause::Table(_) => {
                rename::declared(&mut clause, &names);
                item.clauses.push(clause);
            }
            Clause::Outcome(outcome) => {
                let arms = arms(item, outcome, transition, report)?;
                before.entry(outcome.name.text.clone()).or_default().extend(arms);
            }
            Clause::AsOf(_) | Clause::Release(_) | Clause::Write(_) | Clause::Transition(_) => {}
        }
    }
    every_outcome(item, old, transition, report)
}

/// The older version's arms under the transition. They stand first and in their order, so that whatever is true or unknown
/// under the transition is judged before this version's own arms: an unknown transition leaves the outcome undetermined.
/// Each repeats that those before it did not hold, which its guard may have relied on.
fn arms(
    item: &PolicyItem,
    old: &ast::OutcomeClause,
    transition: &TransitionClause,
    report: &mut Report,
) -> Option<Vec<Arm>> {
    let here = item.clauses.iter().find_map(|c| match c {
        Clause::Outcome(o) if o.name.text == old.name.text => Some(o),
        _ => None,
    });
    let Some(here) = here else {
        report.add(unknown(&old.name, "结论", "outcome", std::iter::empty()));
        return None;
    };
    let values = |o: &ast::OutcomeClause| o.values.iter().map(|v| v.text.clone()).collect::<Vec<_>>();
    if values(here) != values(old) {
        let finding = bad(transition, "两个版本的结论值不同", "the two versions' outcomes have different values")
            .label(here.name.span, "本版本的结论", "this version's outcome")
            .label(old.name.span, "旧版本的结论", "the older version's outcome");
        report.add(finding);
        return None;
    }
    if here.hit != HitWord::Ordered || old.hit != HitWord::Ordered {
        let finding = bad(transition, "有过渡的结论须写 `命中 顺序`", "an outcome with a transition is `hit ordered`")
            .label(here.name.span, "本版本的结论", "this version's outcome")
            .label(old.name.span, "旧版本的结论", "the older version's outcome");
        report.add(finding);
        return None;
    }
    let path = ast::Path { parts: vec![transition.title.clone()], span: transition.title.span };
    let holds = Expr { kind: ExprKind::Path(path), span: transition.title.span };
    let mut passed = holds;
    let mut arms = Vec::new();
    for arm in &old.arms {
        let guard = match &arm.guard {
            Some(guard) => {
                let both = and(passed.clone(), guard.clone());
                let not = Expr { kind: ExprKind::Not(Box::new(guard.clone())), span: guard.span };
                passed = and(passed, not);
                both
            }
            None => passed.clone(),
        };
        arms.push(Arm { guard: Some(guard), ..arm.clone() });
    }
    Some(arms)
}

fn and(a: Expr, b: Expr) -> Expr {
    let span = b.span;
    Expr { kind: ExprKind::And(Box::new(a), Box::new(b)), span }
}

/// An outcome that the older version does not have would be decided by rules that were not in force.
fn every_outcome(
    item: &PolicyItem,
    old: &PolicyItem,
    transition: &TransitionClause,
    report: &mut Report,
) -> Option<()> {
    let outcome = |c: &Clause| if let Clause::Outcome(o) = c { Some(o.name.text.clone()) } else { None };
    let olds: Vec<String> = old.clauses.iter().filter_map(outcome).collect();
    if item.clauses.iter().filter_map(outcome).any(|name| !olds.contains(&name)) {
        report.add(bad(transition, "旧版本没有本版本的某个结论", "the older version lacks an outcome of this one"));
        return None;
    }
    Some(())
}
