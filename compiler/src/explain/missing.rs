//! What an undetermined outcome hangs on. Follows what is not known from the arm that could not be judged down to the
//! evidence: through a conjunction or disjunction the smaller side (knowing it may settle the whole; then the one whose
//! evidence comes first), through a selection its condition or the branch it chose, through anything else every part.
//! Invariant: only evidence that is unknown (or absent where it is demanded) and through which the outcome was really
//! reached is named; if more than [`VISITS_MAX`] expressions would be looked at, all unknown evidence it depends on is.
//! Must not know: names in scope, syntax.

use crate::interpret;
use crate::ir::{Base, Expr, ListPlace, Program, StepId, WordAt};
use crate::package::Policy;
use guiju_runtime::evaluate::Scalar;
use std::collections::BTreeSet;

/// Most expressions looked at.
const VISITS_MAX: usize = 20_000;

/// Names of the evidence outcome `index` hangs on; sorted.
pub(super) fn of_outcome(policy: &Policy, index: usize, frame: &[i64]) -> Vec<String> {
    let program = &policy.program;
    // All steps' results at once.
    let steps = (0..program.steps.len() as u32).map(StepId).collect();
    let prior = interpret::run(&Program { outputs: steps, ..program.clone() }, frame).outputs;
    let mut search = Search { policy, frame, prior: &prior, visits: 0 };
    let Some(outcome) = policy.outcomes.get(index) else { return Vec::new() };
    let roots = match program.outputs.get(outcome.arm_output) {
        Some(step) => search.step(*step),
        None => BTreeSet::new(),
    };
    let mut names: Vec<String> =
        roots.iter().filter_map(|r| policy.layout.roots.get(*r)).map(|r| r.name.clone()).collect();
    if search.visits > VISITS_MAX || names.is_empty() {
        names =
            outcome
                .evidence
                .iter()
                .filter_map(|e| policy.evidence.get(*e))
                .filter(|e| {
                    policy.layout.roots.get(e.root).is_some_and(|r| {
                        frame.get(r.state as usize).is_some_and(|s| *s != 0 && (*s != 2 || !e.optional))
                    })
                })
                .map(|e| e.name.clone())
                .collect();
    }
    names.sort();
    names
}

struct Search<'a> {
    policy: &'a Policy,
    frame: &'a [i64],
    prior: &'a [Scalar],
    visits: usize,
}

impl Search<'_> {
    fn step(&mut self, id: StepId) -> BTreeSet<usize> {
        let known = self.prior.get(id.0 as usize).is_none_or(|s| s.get().is_some());
        match self.policy.program.steps.get(id.0 as usize) {
            Some(step) if !known => {
                // Steps refer backwards only, so this ends.
                let expr = &step.expr;
                self.expr(expr)
            }
            _ => BTreeSet::new(),
        }
    }

    fn unknown(&self, expr: &Expr) -> bool {
        interpret::run_expr(&self.policy.program, expr, self.frame, self.prior).get().is_none()
    }

    /// Roots that a not-known expression hangs on.
    fn expr(&mut self, expr: &Expr) -> BTreeSet<usize> {
        self.visits += 1;
        if self.visits > VISITS_MAX || !self.unknown(expr) {
            return BTreeSet::new();
        }
        match expr {
            Expr::Const(..) => BTreeSet::new(),
            Expr::Step(_, id) => self.step(*id),
            Expr::Load(_, place) => self.root_of(place.word),
            Expr::PresentAt(states) => states.first().map(|s| self.root_of(*s)).unwrap_or_default(),
            Expr::Not(a) | Expr::MonthOf(a) | Expr::Present(a) | Expr::Demand(_, a) => self.expr(a),
            Expr::And(a, b) | Expr::Or(a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                smaller(a, b)
            }
            Expr::Binary(_, a, b) => {
                let mut both = self.expr(a);
                both.extend(self.expr(b));
                both
            }
            Expr::Default(_, a, b) => {
                let first = self.expr(a);
                if first.is_empty() { self.expr(b) } else { first }
            }
            Expr::Select(_, c, a, b) => {
                if self.unknown(c) {
                    return self.expr(c);
                }
                let chosen = interpret::run_expr(&self.policy.program, c, self.frame, self.prior);
                if chosen.get() == Some(0) { self.expr(b) } else { self.expr(a) }
            }
            Expr::Fold { list, filter, value, empty, .. } => {
                self.fold(list, [filter.as_deref(), value.as_deref(), empty.as_deref()])
            }
        }
    }

    /// A loop: the list's own evidence if that is not there, else whatever evidence its parts read that is not there, else
    /// (an element lacks a field) the list's evidence.
    fn fold(&mut self, list: &ListPlace, parts: [Option<&Expr>; 3]) -> BTreeSet<usize> {
        let own = self.root_of(list.length);
        if own.iter().any(|r| self.not_there(*r)) {
            return own;
        }
        let mut found = BTreeSet::new();
        for part in parts.into_iter().flatten() {
            self.loads(part, &mut found);
        }
        if found.is_empty() { own } else { found }
    }

    fn loads(&mut self, expr: &Expr, into: &mut BTreeSet<usize>) {
        self.visits += 1;
        if self.visits > VISITS_MAX {
            return;
        }
        match expr {
            Expr::Const(..) => {}
            Expr::Load(_, place) => into.extend(self.root_of(place.word).into_iter().filter(|r| self.not_there(*r))),
            Expr::PresentAt(states) => {
                for s in states {
                    into.extend(self.root_of(*s).into_iter().filter(|r| self.not_there(*r)));
                }
            }
            Expr::Step(_, id) => into.extend(self.step(*id)),
            Expr::Not(a) | Expr::MonthOf(a) | Expr::Present(a) | Expr::Demand(_, a) => self.loads(a, into),
            Expr::And(a, b) | Expr::Or(a, b) | Expr::Binary(_, a, b) | Expr::Default(_, a, b) => {
                self.loads(a, into);
                self.loads(b, into);
            }
            Expr::Select(_, a, b, c) => [a, b, c].into_iter().for_each(|e| self.loads(e, into)),
            Expr::Fold { list, filter, value, empty, .. } => {
                into.extend(self.root_of(list.length).into_iter().filter(|r| self.not_there(*r)));
                [filter, value, empty].into_iter().flatten().for_each(|e| self.loads(e, into));
            }
        }
    }

    /// The evidence a frame word belongs to.
    fn root_of(&self, at: WordAt) -> BTreeSet<usize> {
        if at.base != Base::Frame {
            return BTreeSet::new();
        }
        let first = self.policy.evidence.first().map_or(usize::MAX, |e| e.root);
        let root = self.policy.layout.roots.iter().rposition(|r| r.state <= at.offset);
        root.filter(|r| *r >= first).into_iter().collect()
    }

    fn not_there(&self, root: usize) -> bool {
        self.policy.layout.roots.get(root).and_then(|r| self.frame.get(r.state as usize)).is_some_and(|s| *s != 0)
    }
}

/// The smaller non-empty set, then the one that comes first.
fn smaller(a: BTreeSet<usize>, b: BTreeSet<usize>) -> BTreeSet<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b,
        (_, true) => a,
        _ if (b.len(), &b) < (a.len(), &a) => b,
        _ => a,
    }
}
