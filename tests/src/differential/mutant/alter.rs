//! The kinds of fault, as changes of one place of a program. Owns what each does. Invariant: a change that would leave the
//! program as it was is not one. Must not know: evidence, engines.

use super::super::Random;
use guiju_compiler::ir::{Base, Binary, Expr, Fold, Kind, LoopVar, Program, StepId, WordAt};
use guiju_runtime::number::Rounding;

/// What is changed.
#[derive(Clone, Copy)]
pub(super) enum Change {
    /// One expression, if it is of the right form.
    Expression(fn(&Expr) -> Option<Expr>),
    /// The program around its expressions.
    Whole(fn(&mut Program) -> Option<()>),
}

/// A kind of fault.
pub(super) struct KindOfFault {
    /// What is done wrong.
    pub(super) name: &'static str,
    /// How.
    pub(super) change: Change,
}

const fn kind(name: &'static str, change: fn(&Expr) -> Option<Expr>) -> KindOfFault {
    KindOfFault { name, change: Change::Expression(change) }
}

const fn whole(name: &'static str, change: fn(&mut Program) -> Option<()>) -> KindOfFault {
    KindOfFault { name, change: Change::Whole(change) }
}

/// Every kind of fault.
pub(super) const KINDS: &[KindOfFault] = &[
    kind("< for <=", |e| operator(e, Binary::AtMost, Binary::Less)),
    kind("<= for <", |e| operator(e, Binary::Less, Binary::AtMost)),
    kind("≠ for =", |e| match e {
        Expr::Binary(Binary::Equal, ..) => Some(Expr::Not(Box::new(e.clone()))),
        _ => None,
    }),
    kind("= for <=", |e| operator(e, Binary::AtMost, Binary::Equal)),
    kind("operands swapped", |e| match e {
        Expr::Binary(
            op @ (Binary::Less | Binary::AtMost | Binary::Subtract | Binary::YearsUntil | Binary::Divide(_)),
            a,
            b,
        ) => Some(Expr::Binary(*op, b.clone(), a.clone())),
        _ => None,
    }),
    kind("- for +", |e| operator(e, Binary::Add, Binary::Subtract)),
    kind("+ for *", |e| operator(e, Binary::Multiply, Binary::Add)),
    kind("another rounding", |e| match e {
        Expr::Binary(Binary::Divide(rounding), a, b) => {
            let at = Rounding::ALL.iter().position(|r| r == rounding)?;
            Some(Expr::Binary(Binary::Divide(Rounding::ALL[(at + 1) % Rounding::ALL.len()]), a.clone(), b.clone()))
        }
        _ => None,
    }),
    kind("a number one too large", |e| constant(e, &[Kind::Integer], 1)),
    kind("a number one too small", |e| constant(e, &[Kind::Integer], -1)),
    kind("a date or month one off", |e| constant(e, &[Kind::Date, Kind::Month], 1)),
    kind("another variant or text", |e| match e {
        Expr::Const(kind @ (Kind::Enum | Kind::Text), word) => Some(Expr::Const(*kind, if *word == 0 { 1 } else { 0 })),
        _ => None,
    }),
    kind("a code converted to its neighbour", |e| match e {
        Expr::Lookup(kind, a, words) => {
            let mut words = words.clone();
            words.rotate_left(1);
            Some(Expr::Lookup(*kind, a.clone(), words))
        }
        _ => None,
    }),
    kind("or for and", |e| match e {
        Expr::And(a, b) => Some(Expr::Or(a.clone(), b.clone())),
        _ => None,
    }),
    kind("and for or", |e| match e {
        Expr::Or(a, b) => Some(Expr::And(a.clone(), b.clone())),
        _ => None,
    }),
    kind("not dropped", |e| match e {
        Expr::Not(a) => Some((**a).clone()),
        _ => None,
    }),
    kind("one side of and dropped", |e| match e {
        Expr::And(a, _) => Some((**a).clone()),
        _ => None,
    }),
    kind("exception dropped", |e| match e {
        Expr::Select(_, _, _, no) => Some((**no).clone()),
        _ => None,
    }),
    kind("branches swapped", |e| match e {
        Expr::Select(k, c, a, b) if a != b => Some(Expr::Select(*k, c.clone(), b.clone(), a.clone())),
        _ => None,
    }),
    kind("precedence of exceptions or rows turned", |e| {
        let (k, [c, a, d, b, rest]) = two(e)?;
        Some(Expr::Select(k, d, b, Box::new(Expr::Select(k, c, a, rest))))
    }),
    kind("results of two rows swapped", |e| {
        let (k, [c, a, d, b, rest]) = two(e)?;
        (a != b).then(|| Expr::Select(k, c, b, Box::new(Expr::Select(k, d, a, rest))))
    }),
    kind("unknown boolean read as false", |e| stateless(e, true)),
    kind("absent or unknown value read as zero", |e| stateless(e, false)),
    kind("state of the record around ignored", |e| match e {
        Expr::Load(kind, place) if place.states.len() > 1 => {
            let mut place = place.clone();
            place.states.remove(0);
            Some(Expr::Load(*kind, place))
        }
        _ => None,
    }),
    kind("neighbouring word read", |e| match e {
        Expr::Load(kind, place) if place.word.offset > 0 => {
            let mut place = place.clone();
            place.word.offset -= 1;
            Some(Expr::Load(*kind, place))
        }
        _ => None,
    }),
    kind("default dropped", |e| match e {
        Expr::Default(_, a, _) => Some((**a).clone()),
        _ => None,
    }),
    kind("demand dropped", |e| match e {
        Expr::Demand(_, a) => Some((**a).clone()),
        _ => None,
    }),
    kind("presence taken for granted", |e| match e {
        Expr::Present(_) | Expr::PresentAt(_) => Some(Expr::Const(Kind::Boolean, 1)),
        _ => None,
    }),
    kind("months for days", |e| operator(e, Binary::AddDays, Binary::AddMonths)),
    kind("days for months", |e| operator(e, Binary::AddMonths, Binary::AddDays)),
    kind("filter dropped", |e| {
        fold(e, |fold, filter, _| (!matches!(fold, Fold::Exists | Fold::All) && filter.take().is_some()).then_some(()))
    }),
    kind("min for max", |e| other_fold(e, Fold::Max, Fold::Min)),
    kind("max for min", |e| other_fold(e, Fold::Min, Fold::Max)),
    kind("all for exists", |e| other_fold(e, Fold::Exists, Fold::All)),
    kind("exists for all", |e| other_fold(e, Fold::All, Fold::Exists)),
    kind("repeats counted", |e| {
        fold(e, |fold, _, value| (*fold == Fold::CountDistinct).then(|| (*fold, *value) = (Fold::Count, None)))
    }),
    kind("distinct values for the sum", |e| other_fold(e, Fold::Sum, Fold::CountDistinct)),
    kind("last element left out", |e| {
        list(e, |list| {
            list.max -= 1;
            (list.max > 0).then_some(())
        })
    }),
    kind("length of the list ignored", |e| {
        list(e, |list| {
            list.length = WordAt { base: Base::Frame, offset: 0 };
            Some(())
        })
    }),
    kind("state of the list ignored", |e| list(e, |list| (!list.states.is_empty()).then(|| list.states.clear()))),
    kind("outer element for the inner", |e| match e {
        Expr::Load(kind, place) if place.word.base == Base::Element(LoopVar(1)) => {
            let mut place = place.clone();
            place.word.base = Base::Element(LoopVar(0));
            Some(Expr::Load(*kind, place))
        }
        _ => None,
    }),
    kind("value of none forgotten", |e| match e {
        Expr::Fold { fold, list, var, filter, value, empty: Some(empty) } => Some(Expr::Fold {
            fold: *fold,
            list: list.clone(),
            var: *var,
            filter: filter.clone(),
            value: value.clone(),
            empty: (**empty != Expr::Const(empty.kind(), 7)).then(|| Box::new(Expr::Const(empty.kind(), 7))),
        }),
        _ => None,
    }),
    kind("an earlier step's result", |e| match e {
        Expr::Step(kind, id) if id.0 > 0 => Some(Expr::Step(*kind, StepId(id.0 - 1))),
        _ => None,
    }),
    whole("trace point dropped", |p| p.steps.iter_mut().find_map(|s| s.trace.take()).map(|_| ())),
    whole("two trace points swapped", |p| {
        let mut traced: Vec<_> = p.steps.iter_mut().filter_map(|s| s.trace.as_mut()).collect();
        let [first, second, ..] = &mut traced[..] else { return None };
        std::mem::swap(*first, *second);
        Some(())
    }),
    whole("outputs swapped", |p| {
        let last = p.outputs.len().checked_sub(1)?;
        (p.outputs[0] != p.outputs[last]).then(|| p.outputs.swap(0, last))
    }),
];

/// The program with one place changed, if it has one for this kind; which place is chosen by chance.
pub(super) fn mutant(kind: &KindOfFault, program: &Program, random: &mut Random) -> Option<Program> {
    let mut mutant = program.clone();
    match kind.change {
        Change::Whole(change) => change(&mut mutant)?,
        Change::Expression(change) => {
            let mut places = 0;
            mutant
                .steps
                .iter_mut()
                .for_each(|s| visit(&mut s.expr, &mut |e| places += usize::from(change(e).is_some())));
            if places == 0 {
                return None;
            }
            let chosen = random.below(places);
            let mut at = 0;
            mutant.steps.iter_mut().for_each(|s| {
                visit(&mut s.expr, &mut |e| {
                    let Some(changed) = change(e) else { return };
                    if at == chosen {
                        *e = changed;
                    }
                    at += 1;
                });
            });
        }
    }
    (mutant != *program).then_some(mutant)
}

/// Visits every expression, inner ones first, so that what a change puts in is not visited again.
fn visit(expr: &mut Expr, see: &mut dyn FnMut(&mut Expr)) {
    match expr {
        Expr::Const(..) | Expr::Unknown(_) | Expr::Load(..) | Expr::Step(..) | Expr::PresentAt(_) => {}
        Expr::Not(a) | Expr::MonthOf(a) | Expr::Present(a) | Expr::Demand(_, a) | Expr::Lookup(_, a, _) => {
            visit(a, see)
        }
        Expr::And(a, b) | Expr::Or(a, b) | Expr::Binary(_, a, b) | Expr::Default(_, a, b) => {
            visit(a, see);
            visit(b, see);
        }
        Expr::Select(_, a, b, c) => {
            visit(a, see);
            visit(b, see);
            visit(c, see);
        }
        Expr::Fold { filter, value, empty, .. } => {
            [filter, value, empty].into_iter().flatten().for_each(|e| visit(e, see));
        }
    }
    see(expr);
}

fn operator(expr: &Expr, from: Binary, to: Binary) -> Option<Expr> {
    match expr {
        Expr::Binary(op, a, b) if *op == from => Some(Expr::Binary(to, a.clone(), b.clone())),
        _ => None,
    }
}

fn constant(expr: &Expr, kinds: &[Kind], by: i64) -> Option<Expr> {
    match expr {
        Expr::Const(kind, word) if kinds.contains(kind) => Some(Expr::Const(*kind, word.wrapping_add(by))),
        _ => None,
    }
}

/// Two choices in a row: kind, and condition, value, condition, value, rest.
fn two(expr: &Expr) -> Option<(Kind, [Box<Expr>; 5])> {
    let Expr::Select(kind, c, a, next) = expr else { return None };
    let Expr::Select(_, d, b, rest) = &**next else { return None };
    Some((*kind, [c, a, d, b, rest].map(Clone::clone)))
}

fn stateless(expr: &Expr, boolean: bool) -> Option<Expr> {
    match expr {
        Expr::Load(kind, place) if !place.states.is_empty() && boolean == (*kind == Kind::Boolean) => {
            let mut place = place.clone();
            place.states.clear();
            Some(Expr::Load(*kind, place))
        }
        _ => None,
    }
}

/// What a change may touch of a fold.
type FoldChange = fn(&mut Fold, &mut Option<Box<Expr>>, &mut Option<Box<Expr>>) -> Option<()>;

fn fold(expr: &Expr, change: FoldChange) -> Option<Expr> {
    let mut changed = expr.clone();
    let Expr::Fold { fold, filter, value, .. } = &mut changed else { return None };
    change(fold, filter, value)?;
    Some(changed)
}

fn other_fold(expr: &Expr, from: Fold, to: Fold) -> Option<Expr> {
    let mut changed = expr.clone();
    let Expr::Fold { fold, .. } = &mut changed else { return None };
    (*fold == from).then(|| *fold = to)?;
    Some(changed)
}

fn list(expr: &Expr, change: fn(&mut guiju_compiler::ir::ListPlace) -> Option<()>) -> Option<Expr> {
    let mut changed = expr.clone();
    let Expr::Fold { list, .. } = &mut changed else { return None };
    change(list)?;
    Some(changed)
}
