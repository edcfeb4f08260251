//! The least evidence that would settle an undetermined outcome. Owns the search. The missing set is the smallest set of
//! unknown inputs and evidence, then the first in order of declaration, such that once it is supplied, *whatever it says*, the
//! outcome is determined while the other unknown ones stay unknown; of a record that lacks a field, the field. A candidate is judged by one abstract run
//! (`explain/possible.rs`), which never says that a set settles the outcome when it may not.
//! Invariant: the answer depends on the policy and the frame alone, and names only what the outcome can read and what is
//! not there, so an outcome over n bindings has at most 2^n − 1 missing sets. The work is counted: within [`LEAST_VISITS`]
//! expressions the set is the least; past that, one from which nothing can be left out; past [`MINIMAL_VISITS`] more, less is
//! promised, and every answer says which of these it is. Must not know: names in scope, syntax.

use super::possible::{RootAt, Run};
use crate::ir::{Base, Expr, ListPlace, Program, WordAt};
use crate::package::Policy;
use guiju_runtime::evaluate::{ABSENT, KNOWN};
use guiju_runtime::frame::Layout;
use guiju_runtime::value::Type;

/// Most expressions looked at in the search for the least set.
pub const LEAST_VISITS: u64 = 4_000_000;
/// Most expressions looked at in leaving out one binding after another.
pub const MINIMAL_VISITS: u64 = 4_000_000;

/// What would settle an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Names of inputs and evidence; sorted.
    pub names: Vec<String>,
    /// How small the set is.
    pub size: Size,
}

/// How small a missing set was shown to be, by the abstract run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// No smaller set will do.
    #[default]
    Least,
    /// None of it can be left out, but the search ended before every smaller set was tried.
    Minimal,
    /// It settles the outcome; whether some of it can be left out is not known.
    Enough,
}

/// What outcome `index` hangs on, given that it is undetermined over `frame`.
pub(super) fn of_outcome(policy: &Policy, index: usize, frame: &[i64]) -> Missing {
    let step = policy.outcomes.get(index).and_then(|o| policy.program.outputs.get(o.arm_output));
    let Some(step) = step.map(|s| s.0 as usize) else { return Missing::default() };
    let mut search = Search::new(policy, frame, step);
    let (set, size) = search.least().unwrap_or_else(|| search.minimal());
    let roots = set.iter().filter_map(|r| policy.layout.roots.get(*r));
    let mut names: Vec<String> = roots.map(|r| r.name.clone()).collect();
    names.sort();
    Missing { names, size }
}

struct Search<'a> {
    program: &'a Program,
    frame: &'a [i64],
    /// The step to settle, and those it depends on.
    step: usize,
    needed: Vec<bool>,
    roots: Vec<RootAt>,
    /// Roots that are not there and that the step reads, in order of declaration.
    open: Vec<usize>,
    left: u64,
}

impl<'a> Search<'a> {
    fn new(policy: &'a Policy, frame: &'a [i64], step: usize) -> Self {
        let inputs = policy.inputs.len();
        let optional = |root: usize| match root.checked_sub(1) {
            None => false,
            Some(i) if i < inputs => policy.input_optional.get(i).copied().unwrap_or(false),
            Some(i) => policy.evidence.get(i - inputs).is_some_and(|e| e.optional && !e.all),
        };
        let roots: Vec<RootAt> = policy
            .layout
            .roots
            .iter()
            .enumerate()
            .map(|(i, r)| RootAt { state: r.state, optional: optional(i), supplied: false })
            .collect();
        let mut search =
            Self { program: &policy.program, frame, step, needed: Vec::new(), roots, open: Vec::new(), left: 0 };
        let read = search.reach();
        for (i, root) in policy.layout.roots.iter().enumerate().skip(1).filter(|(i, _)| read[*i]) {
            let state = search.word(root.state as usize);
            let there = state == i64::from(KNOWN);
            // Evidence without `?` is never absent: the frame has it as unknown.
            let absent = state == i64::from(ABSENT);
            if !absent && (!there || search.unknown_inside(&root.ty, root.first as usize)) {
                search.open.push(i);
            }
        }
        search
    }

    /// The least set; `None` if the budget ends first. What no set can do without is found first: supplying more
    /// never unsettles anything, so that a set without it can only fail.
    fn least(&mut self) -> Option<(Vec<usize>, Size)> {
        self.left = LEAST_VISITS;
        let all = self.open.clone();
        let mut always = Vec::new();
        for root in &all {
            let rest: Vec<usize> = all.iter().copied().filter(|r| r != root).collect();
            if !self.settles(&rest)? {
                always.push(*root);
            }
        }
        let others: Vec<usize> = all.iter().copied().filter(|r| !always.contains(r)).collect();
        for extra in 0..=others.len() {
            let mut chosen: Vec<usize> = (0..extra).collect();
            loop {
                let mut set = always.clone();
                set.extend(chosen.iter().map(|i| others[*i]));
                set.sort_unstable();
                if self.settles(&set)? {
                    return Some((set, Size::Least));
                }
                if !next_choice(&mut chosen, others.len()) {
                    break;
                }
            }
        }
        Some((all, Size::Enough))
    }

    /// A set from which nothing can be left out: the last declared goes first.
    fn minimal(&mut self) -> (Vec<usize>, Size) {
        self.left = MINIMAL_VISITS;
        let mut set = self.open.clone();
        for root in self.open.clone().into_iter().rev() {
            let rest: Vec<usize> = set.iter().copied().filter(|r| *r != root).collect();
            match self.settles(&rest) {
                Some(true) => set = rest,
                Some(false) => {}
                None => return (set, Size::Enough),
            }
        }
        (set, Size::Minimal)
    }

    fn settles(&mut self, set: &[usize]) -> Option<bool> {
        for (i, root) in self.roots.iter_mut().enumerate() {
            root.supplied = set.contains(&i);
        }
        let mut run = Run::new(self.program, self.frame, &self.roots, self.left);
        let possible = run.step(self.step, &self.needed);
        self.left = run.left;
        possible.map(super::possible::Possible::settled)
    }

    /// Marks the steps that the step depends on, itself included; which roots they read.
    fn reach(&mut self) -> Vec<bool> {
        self.needed = vec![false; self.program.steps.len()];
        let mut read = vec![false; self.roots.len()];
        if let Some(needed) = self.needed.get_mut(self.step) {
            *needed = true;
        }
        // Steps refer backwards only.
        for at in (0..=self.step.min(self.needed.len().saturating_sub(1))).rev() {
            if self.needed.get(at) == Some(&true) {
                reads(&self.program.steps[at].expr, &mut |found| match found {
                    Found::Step(id) => {
                        if let Some(needed) = self.needed.get_mut(id) {
                            *needed = true;
                        }
                    }
                    Found::Word(offset) => {
                        let after = self.roots.partition_point(|r| r.state <= offset);
                        if let Some(read) = after.checked_sub(1).and_then(|i| read.get_mut(i)) {
                            *read = true;
                        }
                    }
                });
            }
        }
        read
    }

    /// Whether a field within known contents is unknown.
    fn unknown_inside(&self, ty: &Type, first: usize) -> bool {
        match ty {
            Type::Group(group) => group.fields.iter().enumerate().any(|(i, field)| {
                let Some(slot) = Layout::field_offset(ty, i) else { return false };
                let state = slot.state.map_or(i64::from(KNOWN), |s| self.word(first + s as usize));
                match state {
                    s if s == i64::from(KNOWN) => self.unknown_inside(&field.ty, first + slot.first as usize),
                    s => s != i64::from(ABSENT),
                }
            }),
            Type::List { element, max } => {
                let length = self.word(first).clamp(0, i64::from(*max)) as usize;
                let stride = Layout::words_of(element) as usize;
                (0..length).any(|i| self.unknown_inside(element, first + 1 + i * stride))
            }
            _ => false,
        }
    }

    fn word(&self, at: usize) -> i64 {
        self.frame.get(at).copied().unwrap_or(0)
    }
}

/// The next choice of as many of `n`, in lexicographic order.
fn next_choice(chosen: &mut [usize], n: usize) -> bool {
    let k = chosen.len();
    for i in (0..k).rev() {
        if chosen[i] < n - k + i {
            chosen[i] += 1;
            for j in i + 1..k {
                chosen[j] = chosen[j - 1] + 1;
            }
            return true;
        }
    }
    false
}

/// What an expression reads.
enum Found {
    Step(usize),
    Word(u32),
}

/// Visits every step and frame word that `expr` reads; elements lie in lists, whose length word is visited.
fn reads(expr: &Expr, visit: &mut dyn FnMut(Found)) {
    let mut word = |at: WordAt| {
        if at.base == Base::Frame {
            visit(Found::Word(at.offset));
        }
    };
    match expr {
        Expr::Const(..) | Expr::Unknown(_) => {}
        Expr::Step(_, id) => visit(Found::Step(id.0 as usize)),
        Expr::Load(_, place) => word(place.word),
        Expr::PresentAt(states) => states.iter().for_each(|s| word(*s)),
        Expr::Not(a) | Expr::MonthOf(a) | Expr::Present(a) | Expr::Demand(_, a) | Expr::Lookup(_, a, _) => {
            reads(a, visit)
        }
        Expr::And(a, b) | Expr::Or(a, b) | Expr::Binary(_, a, b) | Expr::Default(_, a, b) => {
            reads(a, visit);
            reads(b, visit);
        }
        Expr::Select(_, a, b, c) => [a, b, c].into_iter().for_each(|e| reads(e, visit)),
        Expr::Fold { list, filter, value, empty, .. } => {
            let ListPlace { length, .. } = list;
            word(*length);
            [filter, value, empty].into_iter().flatten().for_each(|e| reads(e, visit));
        }
    }
}
