//! The mappings between code lists that a policy uses, told in full once. Invariant: a changed pair changes its own line.
//! Must not know: how mappings are declared.

use crate::typed::{Body, Key, Mapping, Node, Policy, TypedExpr, Written};
use std::collections::BTreeMap;

/// Adds the lines of every mapping that the policy uses.
pub(super) fn mappings(lines: &mut Vec<String>, policy: &Policy) {
    let mut used: BTreeMap<(&str, &str), &Mapping> = BTreeMap::new();
    let mut waiting = expressions(policy);
    while let Some(expr) = waiting.pop() {
        if let Node::Convert(_, mapping) = &expr.node {
            used.insert((&mapping.from.name, &mapping.to.name), mapping);
        }
        waiting.extend(expr.parts());
    }
    for ((from, to), mapping) in used {
        lines.push(format!("映射 {from} 到 {to}"));
        lines.extend(mapping.pairs().map(|(a, b)| format!("  {a} => {b}")));
    }
}

fn expressions(policy: &Policy) -> Vec<&TypedExpr> {
    let mut all = Vec::new();
    for key in policy.evidence.iter().flat_map(|e| &e.keys) {
        match key {
            Key::One(value) => all.push(value),
            Key::Each { filter, value, .. } => {
                all.extend(filter.as_deref());
                all.push(value);
            }
        }
    }
    for definition in &policy.definitions {
        match &definition.body {
            Body::Value { base, exceptions } => {
                all.push(base);
                all.extend(exceptions.iter().flat_map(|e| [&e.guard, &e.value]));
            }
            Body::Table { columns, rows, empty, .. } => {
                all.extend(columns);
                all.extend(rows.iter().map(|r| &r.value));
                all.extend(empty);
            }
        }
    }
    all.extend(policy.outcomes.iter().flat_map(|o| &o.arms).filter_map(|a| a.guard.as_ref()));
    policy.writes.iter().flat_map(|w| &w.fields).for_each(|(_, value)| written(value, &mut all));
    all
}

fn written<'a>(value: &'a Written, all: &mut Vec<&'a TypedExpr>) {
    match value {
        Written::Expr(e) => all.push(e),
        Written::Absent => {}
        Written::Group(fields) => fields.iter().for_each(|(_, v)| written(v, all)),
        Written::List(items) => items.iter().for_each(|v| written(v, all)),
    }
}
