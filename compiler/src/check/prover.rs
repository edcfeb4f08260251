//! Proofs over guards: whether two can hold at once, whether some always hold. A guard becomes a bounded disjunction of
//! conjunctions, each a set of words for every expression it tests; an expression that is not understood is a free boolean,
//! so that "impossible" is always sound and "possible" may be cautious.
//! Must not know: what the guards guard, diagnostics.

use super::facts::{mirror, negate};
use super::intervals::Intervals;
use crate::ast::Compare;
use crate::typed::{Body, Constant, Definition, Node, TypedExpr, domain};
use guiju_runtime::value::Type;
use std::collections::BTreeMap;

/// Most conjunctions of one guard.
const TERMS_MAX: usize = 1024;
/// How deep boolean definitions are opened.
const OPEN_MAX: usize = 12;

/// What each tested expression must be.
type Term = BTreeMap<String, Intervals>;

/// Guards as disjunctions.
pub(crate) struct Prover<'a> {
    definitions: &'a [Definition],
    texts: BTreeMap<String, i64>,
    work: usize,
}

impl<'a> Prover<'a> {
    /// A prover that opens these definitions.
    pub(crate) fn new(definitions: &'a [Definition]) -> Self {
        Self { definitions, texts: BTreeMap::new(), work: 0 }
    }

    /// Whether all of these (guard, truth) can be so at once, with a witness as text; `None`: they cannot. A proof that
    /// would take too long counts as possible.
    pub(crate) fn possible(&mut self, guards: &[(&TypedExpr, bool)]) -> Option<Vec<(String, i64)>> {
        self.work = 0;
        let mut terms = vec![Term::new()];
        for (guard, truth) in guards {
            let Some(more) = self.terms(guard, *truth, 0) else { return Some(Vec::new()) };
            match self.product(&terms, &more) {
                Some(next) => terms = next,
                None => return Some(Vec::new()),
            }
        }
        let first = terms.first()?;
        Some(first.iter().filter_map(|(k, s)| s.least().map(|w| (k.clone(), w))).collect())
    }

    fn product(&mut self, a: &[Term], b: &[Term]) -> Option<Vec<Term>> {
        let mut out: Vec<Term> = Vec::new();
        for x in a {
            for y in b {
                self.work += 1;
                if out.len() > TERMS_MAX || self.work > 64 * TERMS_MAX {
                    return None;
                }
                if let Some(both) = join(x, y) {
                    out.push(both);
                }
            }
        }
        Some(out)
    }

    /// The guard as a disjunction; `None` past the bound.
    fn terms(&mut self, guard: &TypedExpr, truth: bool, opened: usize) -> Option<Vec<Term>> {
        match &guard.node {
            Node::Not(a) => self.terms(a, !truth, opened),
            Node::And(a, b) | Node::Or(a, b) => {
                let (left, right) = (self.terms(a, truth, opened)?, self.terms(b, truth, opened)?);
                if matches!(guard.node, Node::And(..)) == truth {
                    self.product(&left, &right)
                } else {
                    sum(left, right)
                }
            }
            Node::If(c, a, b) => {
                let (yes, no) = (self.terms(c, true, opened)?, self.terms(c, false, opened)?);
                let (a, b) = (self.terms(a, truth, opened)?, self.terms(b, truth, opened)?);
                let (first, second) = (self.product(&yes, &a)?, self.product(&no, &b)?);
                sum(first, second)
            }
            Node::Constant(Constant::Word(w)) => Some(if (*w != 0) == truth { vec![Term::new()] } else { Vec::new() }),
            Node::Compare(op, a, b) => Some(self.compare(*op, a, b, truth)),
            Node::In(a, list) => {
                let words = list.iter().filter_map(|c| self.constant(c)).map(|w| (w, w)).collect();
                let all = self.all_words(a);
                Some(one(a, Intervals::of(words), &all, truth))
            }
            Node::Definition(index, _) => {
                if opened < OPEN_MAX
                    && let Some(Definition { body: Body::Value { base, exceptions }, .. }) =
                        self.definitions.get(*index)
                    && exceptions.is_empty()
                {
                    let base = base.clone();
                    return self.terms(&base, truth, opened + 1);
                }
                Some(free(guard.canonical(), truth))
            }
            _ => Some(free(guard.canonical(), truth)),
        }
    }

    fn compare(&mut self, op: Compare, a: &TypedExpr, b: &TypedExpr, truth: bool) -> Vec<Term> {
        let op = if truth { op } else { negate(op) };
        let (expr, word, op) = match (self.constant(a), self.constant(b)) {
            (None, Some(w)) => (a, w, op),
            (Some(w), None) => (b, w, mirror(op)),
            (Some(x), Some(y)) => return if holds(op, x, y) { vec![Term::new()] } else { Vec::new() },
            (None, None) => return unknown_sides(op, a, b),
        };
        let words = match op {
            Compare::Equal => vec![(word, word)],
            Compare::NotEqual => vec![(i64::MIN, word.saturating_sub(1)), (word.saturating_add(1), i64::MAX)],
            Compare::Less => vec![(i64::MIN, word.saturating_sub(1))],
            Compare::AtMost => vec![(i64::MIN, word)],
            Compare::Greater => vec![(word.saturating_add(1), i64::MAX)],
            Compare::AtLeast => vec![(word, i64::MAX)],
        };
        one(expr, Intervals::of(words), &self.all_words(expr), true)
    }

    /// Every word an expression can have anywhere. Its own type may be narrowed by facts that hold only at its place, so the
    /// declared type is taken.
    fn all_words(&self, expr: &TypedExpr) -> Intervals {
        let declared = match &expr.node {
            Node::Load(access) => Some(access.declared_type()),
            Node::Definition(index, _) => self.definitions.get(*index).map(|d| d.ty.clone()),
            _ => None,
        };
        let (low, high) = match (declared, &expr.ty) {
            (Some(ty), _) => domain(&ty),
            (None, Type::Integer { .. } | Type::Money { .. }) => (i64::MIN, i64::MAX),
            (None, ty) => domain(ty),
        };
        Intervals::between(low, high)
    }

    /// The word of a constant; texts are numbered in order of arrival.
    fn constant(&mut self, expr: &TypedExpr) -> Option<i64> {
        match expr.constant()? {
            Constant::Word(w) => Some(*w),
            Constant::Text(t) => {
                let next = self.texts.len() as i64;
                Some(*self.texts.entry(t.clone()).or_insert(next))
            }
        }
    }
}

fn holds(op: Compare, x: i64, y: i64) -> bool {
    match op {
        Compare::Equal => x == y,
        Compare::NotEqual => x != y,
        Compare::Less => x < y,
        Compare::AtMost => x <= y,
        Compare::Greater => x > y,
        Compare::AtLeast => x >= y,
    }
}

fn join(x: &Term, y: &Term) -> Option<Term> {
    let mut both = x.clone();
    for (key, set) in y {
        let merged = match both.get(key) {
            Some(s) => s.and(set),
            None => set.clone(),
        };
        if merged.is_empty() {
            return None;
        }
        both.insert(key.clone(), merged);
    }
    Some(both)
}

fn sum(mut a: Vec<Term>, b: Vec<Term>) -> Option<Vec<Term>> {
    a.extend(b);
    (a.len() <= TERMS_MAX).then_some(a)
}

fn free(key: String, truth: bool) -> Vec<Term> {
    let word = i64::from(truth);
    vec![Term::from([(key, Intervals::between(word, word))])]
}

fn one(expr: &TypedExpr, set: Intervals, all: &Intervals, truth: bool) -> Vec<Term> {
    let set = if truth { all.and(&set) } else { all.minus(&set) };
    if set.is_empty() { Vec::new() } else { vec![Term::from([(expr.canonical(), set)])] }
}

/// A comparison of two expressions: reduced to "less" or "equal" of the two texts in a fixed order.
fn unknown_sides(op: Compare, a: &TypedExpr, b: &TypedExpr) -> Vec<Term> {
    let (x, y) = (a.canonical(), b.canonical());
    let (x, y, op) = if x <= y { (x, y, op) } else { (y, x, mirror(op)) };
    // One key holds the order of the pair: 0 less, 1 equal, 2 greater.
    let words = match op {
        Compare::Less => vec![(0, 0)],
        Compare::AtMost => vec![(0, 1)],
        Compare::Equal => vec![(1, 1)],
        Compare::NotEqual => vec![(0, 0), (2, 2)],
        Compare::AtLeast => vec![(1, 2)],
        Compare::Greater => vec![(2, 2)],
    };
    if x == y {
        return if matches!(op, Compare::AtMost | Compare::Equal | Compare::AtLeast) {
            vec![Term::new()]
        } else {
            Vec::new()
        };
    }
    vec![Term::from([(format!("order of {x} and {y}"), Intervals::of(words))])]
}
