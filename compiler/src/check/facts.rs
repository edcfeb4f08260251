//! What is known where an expression stands, because of conditions around it: which paths are present, which numbers
//! lie in which range. Invariant: a fact holds whenever control reaches the place (unknown conditions never
//! reach it). Must not know: names, diagnostics.

use super::numbers::is_number;
use crate::ast::Compare;
use crate::typed::{Node, TypedExpr, domain};
use std::collections::{BTreeMap, BTreeSet};

/// Facts that hold at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    present: BTreeSet<String>,
    ranges: BTreeMap<String, (i64, i64)>,
}

impl Facts {
    /// Whether the thing of this canonical text is present.
    pub(crate) fn is_present(&self, key: &str) -> bool {
        self.present.contains(key)
    }

    /// The range that the integer expression of this canonical text lies in, if narrowed.
    pub(crate) fn range(&self, key: &str) -> Option<(i64, i64)> {
        self.ranges.get(key).copied()
    }

    /// Both hold.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.present.extend(other.present.iter().cloned());
        for (key, (low, high)) in &other.ranges {
            let entry = self.ranges.entry(key.clone()).or_insert((i64::MIN, i64::MAX));
            *entry = (entry.0.max(*low), entry.1.min(*high));
        }
        self
    }

    /// One of them holds.
    pub(crate) fn or(self, other: &Self) -> Self {
        let present = self.present.intersection(&other.present).cloned().collect();
        let ranges = self
            .ranges
            .iter()
            .filter_map(|(k, a)| other.ranges.get(k).map(|b| (k.clone(), (a.0.min(b.0), a.1.max(b.1)))))
            .collect();
        Self { present, ranges }
    }

    fn with_present(key: String) -> Self {
        Self { present: BTreeSet::from([key]), ranges: BTreeMap::new() }
    }
}

/// What a boolean expression tells when it is `truth`. `rules` tells of boolean definitions without exceptions.
pub(crate) fn told_by(expr: &TypedExpr, truth: bool, rules: &dyn Fn(usize) -> Option<(Facts, Facts)>) -> Facts {
    match &expr.node {
        Node::Not(a) => told_by(a, !truth, rules),
        Node::And(a, b) | Node::Or(a, b) => {
            let (left, right) = (told_by(a, truth, rules), told_by(b, truth, rules));
            let conjunctive = matches!(expr.node, Node::And(..)) == truth;
            if conjunctive { left.and(&right) } else { left.or(&right) }
        }
        Node::Present(a) if truth => match &a.node {
            Node::Load(access) => present_path(&access.path, access.fields.len()),
            _ => Facts::with_present(a.canonical()),
        },
        Node::PresentBinding(access) if truth => Facts::with_present(access.path.clone()),
        Node::Definition(index, _) => match rules(*index) {
            Some((on_true, on_false)) => {
                if truth {
                    on_true
                } else {
                    on_false
                }
            }
            None => Facts::default(),
        },
        Node::Compare(op, a, b) => compared(*op, a, b, truth),
        _ => Facts::default(),
    }
}

/// Presence of a path, and of the binding at its start.
fn present_path(path: &str, fields: usize) -> Facts {
    let mut facts = Facts::with_present(path.to_owned());
    if fields > 0
        && let Some((start, _)) = path.split_once('.')
    {
        facts.present.insert(start.to_owned());
    }
    facts
}

fn compared(op: Compare, a: &TypedExpr, b: &TypedExpr, truth: bool) -> Facts {
    let (expr, word, op) = match (a.word(), b.word()) {
        (None, Some(w)) => (a, w, op),
        (Some(w), None) => (b, w, mirror(op)),
        _ => return Facts::default(),
    };
    if !is_number(&expr.ty) {
        return Facts::default();
    }
    let op = if truth { op } else { negate(op) };
    let (low, high) = domain(&expr.ty);
    let range = match op {
        Compare::Equal => (word, word),
        // A hole at an end of the range shortens it.
        Compare::NotEqual if word == low => (word.saturating_add(1), i64::MAX),
        Compare::NotEqual if word == high => (i64::MIN, word.saturating_sub(1)),
        Compare::NotEqual => return Facts::default(),
        Compare::Less => (i64::MIN, word.saturating_sub(1)),
        Compare::AtMost => (i64::MIN, word),
        Compare::Greater => (word.saturating_add(1), i64::MAX),
        Compare::AtLeast => (word, i64::MAX),
    };
    let (expr, range) = expr.unscaled(range);
    Facts { present: BTreeSet::new(), ranges: BTreeMap::from([(expr.canonical(), range)]) }
}

/// The operator with its sides exchanged.
pub(crate) fn mirror(op: Compare) -> Compare {
    match op {
        Compare::Less => Compare::Greater,
        Compare::AtMost => Compare::AtLeast,
        Compare::Greater => Compare::Less,
        Compare::AtLeast => Compare::AtMost,
        same => same,
    }
}

/// The operator that holds when `op` does not.
pub(crate) fn negate(op: Compare) -> Compare {
    match op {
        Compare::Equal => Compare::NotEqual,
        Compare::NotEqual => Compare::Equal,
        Compare::Less => Compare::AtLeast,
        Compare::AtMost => Compare::Greater,
        Compare::Greater => Compare::AtMost,
        Compare::AtLeast => Compare::Less,
    }
}
