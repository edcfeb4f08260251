//! Near misses: the one condition of a guard that was false while all others held; and what a guard hangs on: its conditions
//! that are not known, while none is false. Owns how a guard is taken apart and what may be said of a condition.
//! Invariant: see `explain/reasons.rs`; the parts are run by the interpreter over the same frame, so nothing is traced for
//! them and native code stays as it is. Must not know: where the guard stands.

use super::reasons::mentioned;
use crate::ast::ClassWord;
use crate::check::flow::Flow;
use crate::interpret;
use crate::ir::{Expr, Program, StepId, TraceId};
use crate::package::Policy;
use crate::summary::expression_text;
use crate::typed::{self, Node, TableRow, TypedExpr};
use guiju_runtime::evaluate::Scalar;

/// A condition, as far as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which of the guard's conditions, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// In words of the source, if it may be shown.
    pub text: Option<String>,
    /// Rules and evidence it is about; sorted.
    pub about: Vec<String>,
}

/// What kept a guard from holding, where one thing can be named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The one condition that is false while all others hold.
    pub only_for: Option<Condition>,
    /// The conditions that are not known while none is false; in order.
    pub hangs_on: Vec<Condition>,
}

/// The guards of a policy, with the result of every step over one frame.
pub(super) struct Guards<'a> {
    program: &'a Program,
    frame: &'a [i64],
    prior: Vec<Scalar>,
}

impl<'a> Guards<'a> {
    pub(super) fn new(policy: &'a Policy, frame: &'a [i64]) -> Self {
        let program = &policy.program;
        let steps = (0..program.steps.len() as u32).map(StepId).collect();
        let prior = interpret::run(&Program { outputs: steps, ..program.clone() }, frame).outputs;
        Self { program, frame, prior }
    }

    /// What kept the guard traced here from holding.
    pub(super) fn stop(&self, trace: TraceId, conditions: &[&TypedExpr], flow: &Flow, policy: &typed::Policy) -> Stop {
        let Some(step) = self.program.steps.iter().find(|s| s.trace == Some(trace)) else { return Stop::default() };
        let parts = split(&step.expr, conditions.len());
        if parts.len() != conditions.len() {
            return Stop::default();
        }
        let (mut no, mut not_known) = (Vec::new(), Vec::new());
        for (i, part) in parts.iter().enumerate() {
            match interpret::run_expr(self.program, part, self.frame, &self.prior).get() {
                Some(0) => no.push(i),
                None => not_known.push(i),
                Some(_) => {}
            }
        }
        let told = |at: usize| told(conditions[at], at + 1, conditions.len(), flow, policy);
        match no[..] {
            [at] if not_known.is_empty() => Stop { only_for: Some(told(at)), hangs_on: Vec::new() },
            [] => Stop { only_for: None, hangs_on: not_known.into_iter().map(told).collect() },
            _ => Stop::default(),
        }
    }
}

/// The conditions that a guard joins by `且`, in order. Conjunctions are joined from the left, so that is the side to open.
pub(super) fn conjuncts(guard: &TypedExpr) -> Vec<&TypedExpr> {
    let mut parts = Vec::new();
    let mut at = guard;
    while let Node::And(left, right) = &at.node {
        parts.push(&**right);
        at = left;
    }
    parts.push(at);
    parts.reverse();
    parts
}

/// The columns that a row tests, in order.
pub(super) fn cells<'a>(columns: &'a [TypedExpr], row: &TableRow) -> Vec<&'a TypedExpr> {
    columns.iter().zip(&row.cells).filter(|(_, cell)| cell.is_some()).map(|(column, _)| column).collect()
}

/// The `count` conditions of a lowered guard, which nests as the checked one does.
fn split(guard: &Expr, count: usize) -> Vec<&Expr> {
    let mut parts = Vec::new();
    let mut at = guard;
    while parts.len() + 1 < count {
        let Expr::And(left, right) = at else { break };
        parts.push(&**right);
        at = left;
    }
    parts.push(at);
    parts.reverse();
    parts
}

/// Whether an expression is a field and nothing more, or its opposite: its truth is then a value of the facts.
pub(super) fn repeats_a_field(expr: &TypedExpr) -> bool {
    match &expr.node {
        Node::Load(_) => true,
        Node::Not(a) | Node::Default(a, _) => repeats_a_field(a),
        // `户口 存在 且 户口.本市` is the field, for whoever knows that the record is there.
        Node::And(a, b) if matches!(a.node, Node::Present(_) | Node::PresentBinding(_)) => repeats_a_field(b),
        _ => false,
    }
}

fn told(condition: &TypedExpr, number: usize, of: usize, flow: &Flow, policy: &typed::Policy) -> Condition {
    let named = match &condition.node {
        Node::Definition(_, name) => Some(name.clone()),
        Node::Not(a) => match &a.node {
            Node::Definition(_, name) => Some(format!("非 {name}")),
            _ => None,
        },
        _ => None,
    };
    let dependence = flow.expr(condition);
    let public = dependence.class() == ClassWord::Public;
    let text = named.or_else(|| public.then(|| expression_text(condition)));
    let mut rules = Vec::new();
    mentioned(condition, &mut rules);
    let mut about: Vec<String> =
        rules.iter().filter_map(|i| policy.definitions.get(*i)).map(|d| d.name.clone()).collect();
    if about.is_empty() {
        about = dependence.evidence.iter().filter_map(|i| policy.evidence.get(*i)).map(|e| e.name.clone()).collect();
    }
    about.sort();
    Condition { number, of, text, about }
}
