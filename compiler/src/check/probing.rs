//! What an asker could find out by choosing inputs: thresholds laid against secret numbers, and guesses at secret values.
//! Invariant: wherever a secret is compared, looked up in a list of values or in a table, what it is compared with was
//! fixed by the published text, up to [`LEVELS_MAX`] levels that inputs may choose between; only a verification or a
//! contract confirms a claimed value. Not closed: what a department plants in a register of its own, to be found by a key
//! that the asker chooses, and conditions that spell out one constant a level; both are metered in bits.
//! Must not know: releases, lowering.

use super::flow::{Dependence, Flow, written};
use super::numbers::is_number;
use super::report::Report;
use crate::ast::{Compare, PolicyKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Body, Definition, Key, Node, Policy, Start, TypedExpr};
use guiju_runtime::value::{GroupType, Type};
use std::collections::BTreeSet;

/// Most values that inputs may choose between for one side of a comparison with a secret: as many as a tariff by district
/// and household needs, too few for a search.
pub(crate) const LEVELS_MAX: u64 = 32;

/// Refuses every place where an asker could search for a secret.
pub(crate) fn check(policy: &Policy, flow: &Flow, report: &mut Report) {
    let mut probe = Probe { policy, flow, report, levels: Vec::new() };
    for definition in &policy.definitions {
        // Definitions come in order, so that the levels of those it uses are known.
        let levels = probe.of_definition(definition);
        probe.levels.push(levels);
    }
    for definition in &policy.definitions {
        if let Body::Table { columns, .. } = &definition.body {
            columns.iter().for_each(|c| probe.matched(c));
        }
        expressions(&definition.body).into_iter().for_each(|e| probe.visit(e, false));
    }
    policy.outcomes.iter().flat_map(|o| &o.arms).filter_map(|a| a.guard.as_ref()).for_each(|g| probe.visit(g, false));
    for key in policy.evidence.iter().flat_map(|e| &e.keys) {
        match key {
            Key::One(value) => probe.visit(value, true),
            Key::Each { filter, value, .. } => {
                filter.iter().for_each(|f| probe.visit(f, true));
                probe.visit(value, true);
            }
        }
    }
    for (_, value) in policy.writes.iter().flat_map(|w| &w.fields) {
        written(value, &mut |e| probe.visit(e, false));
    }
}

/// The expressions of a definition but a table's columns.
fn expressions(body: &Body) -> Vec<&TypedExpr> {
    match body {
        Body::Value { base, exceptions } => {
            std::iter::once(base).chain(exceptions.iter().flat_map(|e| [&e.guard, &e.value])).collect()
        }
        Body::Table { rows, empty, .. } => rows.iter().map(|r| &r.value).chain(empty).collect(),
    }
}

struct Probe<'a> {
    policy: &'a Policy,
    flow: &'a Flow,
    report: &'a mut Report,
    /// For every definition so far, how many values inputs can choose between.
    levels: Vec<u64>,
}

impl Probe<'_> {
    fn visit(&mut self, expr: &TypedExpr, in_key: bool) {
        match &expr.node {
            Node::Compare(op, a, b) => self.compared(*op, a, b, expr, in_key),
            Node::In(a, _) => self.matched(a),
            _ => {}
        }
        expr.parts().into_iter().for_each(|part| self.visit(part, in_key));
    }

    /// A value that is matched with constants, by `属于` or by the cells of a table.
    fn matched(&mut self, value: &TypedExpr) {
        let d = self.flow.expr(value);
        if d.is_secret() && (!d.chosen.is_empty() || self.levels(value) > LEVELS_MAX) {
            self.threshold(value.span);
        }
    }

    fn compared(&mut self, op: Compare, a: &TypedExpr, b: &TypedExpr, whole: &TypedExpr, in_key: bool) {
        let (left, right) = (self.flow.expr(a), self.flow.expr(b));
        if !left.is_secret() && !right.is_secret() {
            return;
        }
        let chosen = !left.chosen.is_empty() || !right.chosen.is_empty();
        let levels = self.levels(a).saturating_mul(self.levels(b));
        if !matches!(op, Compare::Equal | Compare::NotEqual) {
            if chosen || levels > LEVELS_MAX {
                self.threshold(whole.span);
            }
            return;
        }
        let number = chosen && (is_number(&a.ty) || matches!(a.ty, Type::Date | Type::Month));
        let guess = number
            || !left.chosen.is_empty() && right.is_secret()
            || !right.chosen.is_empty() && left.is_secret()
            || levels > LEVELS_MAX;
        // In a key's filter a subject of the question may be named: whom the records found belong to is what is asked.
        let names_subject = (in_key || self.own_row(a, &right) || self.own_row(b, &left))
            && left.chosen.iter().chain(&right.chosen).all(|i| self.is_key(*i));
        if guess && !names_subject && self.policy.kind == PolicyKind::Policy {
            self.report.add(
                Diagnostic::new(
                    Code::FreeGuess,
                    whole.span,
                    "策略不能替问者核对其猜测的保密数据",
                    "a policy may not confirm an asker's guess at secret data",
                )
                .help(
                    "把输入作为取证的查找值，或另写 `核验`",
                    "use the input as a key of evidence, or write a `verification`",
                ),
            );
        }
    }

    fn threshold(&mut self, span: Span) {
        self.report.add(
            Diagnostic::new(
                Code::FreeThreshold,
                span,
                "问者可任意选取与保密数据比较的界限，多问几次即可得出原值",
                "the asker chooses freely what secret data is compared with, and could find the value by asking again",
            )
            .help("与 `基准日`、常数或表中的值比较", "compare with `as_of`, a constant, or a value from a table"),
        );
    }

    /// Whether an input alone is a key of some evidence.
    fn is_key(&self, input: usize) -> bool {
        self.policy.evidence.iter().any(|e| e.keys.iter().any(|k| key_input(k) == Some(input)))
    }

    /// Whether `field` is the filed field of a record that was looked up by the one input that the other side carries. Some
    /// row of the record is then known to hold it, so that the comparison picks a row and confirms nothing.
    fn own_row(&self, field: &TypedExpr, other: &Dependence) -> bool {
        let Node::Load(field) = &field.node else { return false };
        let Some((evidence, path)) = &field.reads else { return false };
        let Some(evidence) = self.policy.evidence.get(*evidence) else { return false };
        let [key] = &evidence.keys[..] else { return false };
        let by_it = key_input(key).is_some_and(|i| other.chosen.len() == 1 && other.chosen.contains(&i));
        by_it && names(&evidence.schema.group, path) == evidence.field
    }

    fn of_definition(&self, definition: &Definition) -> u64 {
        let all = match &definition.body {
            Body::Value { base, exceptions } => {
                let mut all = self.levels(base);
                for e in exceptions {
                    all = either(all, self.levels(&e.value), self.is_free(&e.guard));
                }
                all
            }
            Body::Table { columns, rows, empty, .. } => {
                let free = columns.iter().any(|c| self.is_free(c));
                let mut seen = BTreeSet::new();
                let mut all = 0;
                for value in rows.iter().map(|r| &r.value).chain(empty) {
                    if seen.insert(value.canonical()) {
                        all = either(all, self.levels(value), free);
                    }
                }
                all
            }
        };
        capped(all, &definition.ty)
    }

    /// Between how many values of an expression the inputs choose, with sealed data held fixed.
    fn levels(&self, expr: &TypedExpr) -> u64 {
        let all = match &expr.node {
            Node::Load(a) => match (a.start.clone(), &expr.ty) {
                (Start::Input(_), Type::Enum(e)) => e.variants.len() as u64,
                (Start::Input(_), Type::Boolean) => 2,
                _ => 1,
            },
            Node::Definition(i, _) => self.levels.get(*i).copied().unwrap_or(1),
            Node::If(c, a, b) => either(self.levels(a), self.levels(b), self.is_free(c)),
            Node::Default(a, b) => either(self.levels(a), self.levels(b), self.is_free(a)),
            Node::Quantified(q) => {
                let free = q.condition.iter().any(|c| self.is_free(c));
                let parts = [&q.value, &q.empty].into_iter().flatten().map(|e| self.levels(e));
                parts.fold(if free { 2 } else { 1 }, u64::saturating_mul)
            }
            _ => expr.parts().into_iter().map(|e| self.levels(e)).fold(1, u64::saturating_mul),
        };
        capped(all, &expr.ty)
    }

    /// Whether the asker can turn a condition other than by choosing whose records are found.
    fn is_free(&self, condition: &TypedExpr) -> bool {
        !self.flow.expr(condition).direct.is_empty()
    }
}

/// Levels of a choice: both sides if the asker makes it, else the greater.
fn either(a: u64, b: u64, free: bool) -> u64 {
    if free { a.saturating_add(b) } else { a.max(b) }
}

/// No type has more levels than values.
fn capped(levels: u64, ty: &Type) -> u64 {
    match ty {
        Type::Boolean => levels.min(2),
        Type::Enum(e) => levels.min(e.variants.len() as u64),
        Type::Integer { low, high, .. } => levels.min(high.abs_diff(*low).saturating_add(1)),
        _ => levels,
    }
}

/// The input that a key is, if it is one.
fn key_input(key: &Key) -> Option<usize> {
    match key {
        Key::One(TypedExpr { node: Node::Load(access), .. }) => match access.start {
            Start::Input(i) => Some(i),
            _ => None,
        },
        _ => None,
    }
}

/// The names along a path of field indices, through lists.
fn names(group: &GroupType, path: &[usize]) -> Vec<String> {
    let mut names = Vec::new();
    let mut inner = Some(group);
    for index in path {
        let Some(field) = inner.and_then(|g| g.fields.get(*index)) else { break };
        names.push(field.name.clone());
        inner = match &field.ty {
            Type::Group(g) => Some(g),
            Type::List { element, .. } => match &**element {
                Type::Group(g) => Some(g),
                _ => None,
            },
            _ => None,
        };
    }
    names
}
