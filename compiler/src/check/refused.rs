//! Operations that some facts make impossible: a sum that leaves its range, a divisor of 0. Owns the condition under which
//! one shows, as the author's expression says it, and how that condition grows with what stands around the operation.
//! Invariant: where an operation is refused there is an error and a fault, and typing goes on with a value of the type that
//! is never known, so that one such operation hides nothing else. Must not know: how facts are found for a condition.

use super::report::Report;
use super::types::{Typer, make};
use crate::ast::{Compare, Quantifier};
use crate::diagnostics::Diagnostic;
use crate::source::Span;
use crate::typed::{Arithmetic, Constant, FaultShown, Node, Quantified, TypedExpr, domain};
use guiju_runtime::number;
use guiju_runtime::value::Type;
use std::ops::Range;

/// A condition under which an operation has no result, with conditions that imply it and are plainer to find facts for.
pub(crate) struct Refusal {
    when: TypedExpr,
    plainer: Vec<TypedExpr>,
}

impl Refusal {
    /// The value leaves a range: for choice at the end of `found` that lies outside.
    pub(crate) fn outside(value: &TypedExpr, (low, high): (i64, i64)) -> Self {
        let (least, most) = domain(&value.ty);
        let (op, bound, word) = if most > high { (Compare::Greater, high, most) } else { (Compare::Less, low, least) };
        Self { when: compared(op, value, bound), plainer: vec![reaching(value, word)] }
    }

    /// These have these words at once.
    pub(crate) fn at(words: &[(&TypedExpr, i64)]) -> Self {
        let all = |test: fn(&TypedExpr, i64) -> TypedExpr| {
            let tests = words.iter().map(|(e, word)| test(e, *word));
            tests.reduce(both).unwrap_or_else(truth)
        };
        Self { when: all(|e, word| compared(Compare::Equal, e, word)), plainer: vec![all(reaching)] }
    }
}

impl Typer<'_> {
    /// Tells of an operation on these parts, and goes on with a number of one word in its place: what is computed with it
    /// gives no findings of its own.
    pub(crate) fn refuse(
        &mut self,
        finding: Diagnostic,
        refusal: Refusal,
        parts: Vec<TypedExpr>,
        ty: Type,
    ) -> TypedExpr {
        let span = finding.primary;
        let Refusal { when, plainer } = refusal;
        self.report.add_fault(finding, FaultShown::Operation { when: Box::new(when), plainer });
        make(Node::Refused(parts), ty, span)
    }

    /// Types something that counts only where `condition` has this truth.
    pub(crate) fn only_where<T>(
        &mut self,
        condition: &TypedExpr,
        truth: bool,
        inside: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let (before, known) = (self.report.faults(), self.tells(condition, truth));
        let made = self.knowing(&known, inside);
        faults_only_where(self.report, before, condition, truth);
        made
    }
}

/// Makes the faults from `before` on show only where `condition` has this truth.
pub(crate) fn faults_only_where(report: &mut Report, before: usize, condition: &TypedExpr, truth: bool) {
    let all = before..report.faults();
    report.change_faults(all, |when| {
        let span = condition.span;
        let here =
            if truth { condition.clone() } else { make(Node::Not(Box::new(condition.clone())), Type::Boolean, span) };
        both(here, when)
    });
}

/// Makes faults that were found among the parts of a loop show where some element shows them.
pub(crate) fn faults_of_elements(report: &mut Report, faults: Range<usize>, of: &Quantified) {
    report.change_faults(faults, |when| some_element(of, when));
}

fn some_element(of: &Quantified, when: TypedExpr) -> TypedExpr {
    let span = when.span;
    let exists =
        Quantified { quantifier: Quantifier::Exists, value: None, condition: Some(when), empty: None, ..of.clone() };
    make(Node::Quantified(Box::new(exists)), Type::Boolean, span)
}

/// Where an expression has a word, said of what it is made of where that is plain.
fn reaching(e: &TypedExpr, word: i64) -> TypedExpr {
    let within = |e: &TypedExpr| (domain(&e.ty).0..=domain(&e.ty).1).contains(&word);
    match &e.node {
        Node::Constant(Constant::Word(w)) if *w == word => truth(),
        Node::Scale(a, digits) => match number::power(*digits) {
            Some(by) if word % by == 0 => reaching(a, word / by),
            _ => compared(Compare::Equal, e, word),
        },
        Node::Quantified(q) if q.quantifier == Quantifier::Sum => sum_reaching(e, q, word),
        Node::Arithmetic(op, a, b) => match corner(*op, a, b, word) {
            Some((x, y)) => both(reaching(a, x), reaching(b, y)),
            None => compared(Compare::Equal, e, word),
        },
        Node::If(c, a, _) if within(a) => both((**c).clone(), reaching(a, word)),
        Node::If(c, _, b) => {
            let otherwise = make(Node::Not(c.clone()), Type::Boolean, c.span);
            both(otherwise, reaching(b, word))
        }
        _ => compared(Compare::Equal, e, word),
    }
}

/// Ends of the ranges of two operands that give the word.
fn corner(op: Arithmetic, a: &TypedExpr, b: &TypedExpr, word: i64) -> Option<(i64, i64)> {
    let ((a1, a2), (b1, b2)) = (domain(&a.ty), domain(&b.ty));
    let ends = [(a1, b1), (a1, b2), (a2, b1), (a2, b2)];
    ends.into_iter().find(|(x, y)| match op {
        Arithmetic::Add => x.checked_add(*y) == Some(word),
        Arithmetic::Subtract => x.checked_sub(*y) == Some(word),
        Arithmetic::Multiply => x.checked_mul(*y) == Some(word),
    })
}

/// A sum of none is 0; any other end of its range is that of one element, so many times.
fn sum_reaching(e: &TypedExpr, q: &Quantified, word: i64) -> TypedExpr {
    let Some(value) = &q.value else { return compared(Compare::Equal, e, word) };
    let (least, most) = domain(&value.ty);
    let each = if word > 0 { most } else { least };
    let max = i64::from(q.max);
    match (word, each) {
        (0, _) => counted(q, q.condition.clone(), 0),
        (_, 0) => compared(Compare::Equal, e, word),
        _ if word % each == 0 && (1..=max).contains(&(word / each)) => count_of(q, each, word / each),
        _ => compared(Compare::Equal, e, word),
    }
}

/// Where so many elements that pass have this word.
fn count_of(q: &Quantified, word: i64, count: i64) -> TypedExpr {
    let here = q.value.as_ref().map(|value| reaching(value, word));
    let passes = match (q.condition.clone(), here) {
        (Some(c), Some(here)) => Some(both(c, here)),
        (c, here) => c.or(here),
    };
    counted(q, passes, count)
}

/// Where so many elements pass.
fn counted(q: &Quantified, condition: Option<TypedExpr>, count: i64) -> TypedExpr {
    let ty = Type::Integer { low: 0, high: i64::from(q.max), unit: None };
    let span = condition.as_ref().or(q.value.as_ref()).map_or_else(Span::default, |e| e.span);
    let all = Quantified { quantifier: Quantifier::Count, value: None, condition, empty: None, ..q.clone() };
    compared(Compare::Equal, &make(Node::Quantified(Box::new(all)), ty, span), count)
}

pub(crate) fn both(a: TypedExpr, b: TypedExpr) -> TypedExpr {
    let span = b.span;
    make(Node::And(Box::new(a), Box::new(b)), Type::Boolean, span)
}

fn truth() -> TypedExpr {
    make(Node::Constant(Constant::Word(1)), Type::Boolean, Span::default())
}

/// The comparison with a word of its own type.
pub(crate) fn compared(op: Compare, e: &TypedExpr, word: i64) -> TypedExpr {
    let constant = make(Node::Constant(Constant::Word(word)), e.ty.clone(), e.span);
    make(Node::Compare(op, Box::new(e.clone()), Box::new(constant)), Type::Boolean, e.span)
}
