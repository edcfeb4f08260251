//! The meaning of programs, obvious and slow. Owns what every expression evaluates to; native code is judged by it.
//! Invariant: total over any program that passed `ir::verify` and any frame; recursion is bounded by the verifier's depth.
//! Must not know: Cranelift, policies, syntax.

use crate::ir::{Base, Binary, Expr, Fold, Kind, ListPlace, LoopVar, Program, WordAt};
use guiju_runtime::date::words;
use guiju_runtime::evaluate::{ABSENT, Evaluation, KNOWN, Scalar, UNKNOWN};
use guiju_runtime::number;
use guiju_runtime::trace::Truth;

/// Runs `program` over `frame`. Words a frame lacks read as 0.
pub fn run(program: &Program, frame: &[i64]) -> Evaluation {
    watched(program, frame).0
}

/// Runs `program` over `frame`, and tells the first operation that counted for the result and was not exact: a sum that
/// wrapped, a division by zero, a word that a table of words lacks. The checker promises of every policy that there is none
/// over facts that fit; tests hold it to that.
pub fn run_exactly(program: &Program, frame: &[i64]) -> Result<Evaluation, Inexact> {
    match watched(program, frame) {
        (evaluation, None, _) => Ok(evaluation),
        (_, Some(inexact), _) => Err(inexact),
    }
}

/// What running `program` over `frame` costs, counted as it runs, in the units of `ir::verify::cost`: expressions evaluated and
/// states looked at.
pub fn spent(program: &Program, frame: &[i64]) -> u64 {
    watched(program, frame).2
}

/// An operation that was not exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inexact {
    /// A sum, difference, product or total left 64 bits.
    Wrapped,
    /// A division by zero, or one whose quotient leaves 64 bits.
    Divided,
    /// An index beyond the words that are looked up.
    Outside,
}

fn watched(program: &Program, frame: &[i64]) -> (Evaluation, Option<Inexact>, u64) {
    let mut machine = Machine::new(frame, Vec::with_capacity(program.steps.len()));
    let mut trace = vec![Truth::NotKnown.byte(); program.trace_points as usize];
    for step in &program.steps {
        let result = machine.expr(&step.expr);
        if let Some(point) = step.trace.and_then(|t| trace.get_mut(t.0 as usize)) {
            *point = truth(result).byte();
        }
        machine.steps.push(result);
    }
    let output = |id: &crate::ir::StepId| machine.steps.get(id.0 as usize).copied().unwrap_or(Scalar::UNKNOWN);
    (Evaluation { outputs: program.outputs.iter().map(output).collect(), trace }, machine.inexact, machine.visits)
}

/// Evaluates one expression over `frame`, with `prior` as the results of the first steps.
pub fn run_expr(_program: &Program, expr: &Expr, frame: &[i64], prior: &[Scalar]) -> Scalar {
    Machine::new(frame, prior.to_vec()).expr(expr)
}

/// Evaluates `value` for each element of `list` that passes `filter`, in order: the keys of records to look for. `None` if the
/// list, or the filter for any element, is unknown; a value may itself be unknown.
pub fn run_each(
    list: &ListPlace,
    var: LoopVar,
    filter: Option<&Expr>,
    value: &Expr,
    frame: &[i64],
) -> Option<Vec<Scalar>> {
    let mut machine = Machine::new(frame, Vec::new());
    let mut values = Vec::new();
    for element in machine.list(list)? {
        machine.bind(var, element);
        match filter.map_or(Truth::True, |f| truth(machine.expr(f))) {
            Truth::True => values.push(machine.expr(value)),
            Truth::False => {}
            Truth::NotKnown => return None,
        }
    }
    Some(values)
}

/// What a boolean scalar says; absent counts as not known.
fn truth(scalar: Scalar) -> Truth {
    match scalar.get() {
        Some(0) => Truth::False,
        Some(_) => Truth::True,
        None => Truth::NotKnown,
    }
}

fn scalar(truth: Truth) -> Scalar {
    match truth {
        Truth::False => Scalar::truth(false),
        Truth::True => Scalar::truth(true),
        Truth::NotKnown => Scalar::UNKNOWN,
    }
}

fn not(a: Truth) -> Truth {
    match a {
        Truth::False => Truth::True,
        Truth::True => Truth::False,
        Truth::NotKnown => Truth::NotKnown,
    }
}

fn and(a: Truth, b: Truth) -> Truth {
    match (a, b) {
        (Truth::False, _) | (_, Truth::False) => Truth::False,
        (Truth::True, Truth::True) => Truth::True,
        _ => Truth::NotKnown,
    }
}

fn or(a: Truth, b: Truth) -> Truth {
    not(and(not(a), not(b)))
}

struct Machine<'a> {
    frame: &'a [i64],
    /// Results of the steps so far.
    steps: Vec<Scalar>,
    /// First word of the current element of each enclosing fold, outermost first.
    elements: Vec<usize>,
    /// What was not exact so far, where it counts.
    inexact: Option<Inexact>,
    /// Expressions evaluated and states looked at.
    visits: u64,
}

impl<'a> Machine<'a> {
    fn new(frame: &'a [i64], steps: Vec<Scalar>) -> Self {
        Self { frame, steps, elements: Vec::new(), inexact: None, visits: 0 }
    }

    /// Evaluates what counts only if `counts`: else its operations need not have been exact, as nothing comes of them.
    fn aside<T>(&mut self, counts: bool, evaluate: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.inexact;
        let result = evaluate(self);
        if !counts {
            self.inexact = before;
        }
        result
    }

    fn exact(&mut self, exact: bool, or_else: Inexact) {
        if !exact && self.inexact.is_none() {
            self.inexact = Some(or_else);
        }
    }

    fn expr(&mut self, expr: &Expr) -> Scalar {
        self.visits += 1;
        match expr {
            Expr::Const(_, word) => Scalar::known(*word),
            Expr::Unknown(_) => Scalar::UNKNOWN,
            Expr::Load(kind, place) => match self.state(&place.states) {
                KNOWN if *kind == Kind::Boolean => Scalar::truth(self.word(place.word) != 0),
                KNOWN => Scalar::known(self.word(place.word)),
                state => Scalar { word: 0, state },
            },
            Expr::Step(_, id) => self.steps.get(id.0 as usize).copied().unwrap_or(Scalar::UNKNOWN),
            Expr::Not(a) => scalar(not(self.truth(a))),
            Expr::And(a, b) => {
                let a = self.truth(a);
                scalar(and(a, self.aside(a == Truth::True, |m| m.truth(b))))
            }
            Expr::Or(a, b) => {
                let a = self.truth(a);
                scalar(or(a, self.aside(a == Truth::False, |m| m.truth(b))))
            }
            Expr::Binary(op, a, b) => match (self.expr(a).get(), self.expr(b).get()) {
                (Some(a), Some(b)) => {
                    let (exact, or_else) = exact(*op, a, b);
                    self.exact(exact, or_else);
                    Scalar::known(binary(*op, a, b))
                }
                _ => Scalar::UNKNOWN,
            },
            Expr::Lookup(_, a, words) => self.expr(a).get().map_or(Scalar::UNKNOWN, |index| {
                self.exact(usize::try_from(index).is_ok_and(|i| i < words.len()), Inexact::Outside);
                Scalar::known(lookup(words, index))
            }),
            Expr::MonthOf(a) => self.expr(a).get().map_or(Scalar::UNKNOWN, |date| Scalar::known(words::month_of(date))),
            Expr::Select(_, condition, a, b) => {
                let condition = self.truth(condition);
                let a = self.aside(condition == Truth::True, |m| m.expr(a));
                let b = self.aside(condition == Truth::False, |m| m.expr(b));
                match condition {
                    Truth::True => a,
                    Truth::False => b,
                    Truth::NotKnown if a == b && a.state == KNOWN => a,
                    Truth::NotKnown => Scalar::UNKNOWN,
                }
            }
            Expr::Present(a) => present(self.expr(a).state),
            Expr::PresentAt(states) => present(self.state(states)),
            Expr::Default(_, a, default) => match self.expr(a) {
                Scalar::ABSENT => self.expr(default),
                a => a,
            },
            Expr::Demand(_, a) => match self.expr(a) {
                Scalar::ABSENT => Scalar::UNKNOWN,
                a => a,
            },
            Expr::Fold { fold, list, var, filter, value, empty } => {
                let Some(elements) = self.list(list) else { return Scalar::UNKNOWN };
                let parts = [filter.as_deref(), value.as_deref(), empty.as_deref()];
                self.fold(*fold, elements, *var, parts)
            }
        }
    }

    fn fold(&mut self, fold: Fold, elements: Vec<usize>, var: LoopVar, parts: [Option<&Expr>; 3]) -> Scalar {
        let [filter, value, empty] = parts;
        let outer = self.elements.clone();
        let mut truths = Vec::new();
        // Values of the elements that pass.
        let mut values = Vec::new();
        for element in elements {
            self.bind(var, element);
            let passes = filter.map_or(Truth::True, |f| self.truth(f));
            truths.push(passes);
            if passes == Truth::True {
                values.push(value.map_or(Scalar::known(1), |v| self.expr(v)));
            }
        }
        self.elements = outer;
        match fold {
            Fold::Exists => return scalar(truths.into_iter().fold(Truth::False, or)),
            Fold::All => return scalar(truths.into_iter().fold(Truth::True, and)),
            _ => {}
        }
        if truths.contains(&Truth::NotKnown) {
            return Scalar::UNKNOWN;
        }
        let Some(words) = values.into_iter().map(Scalar::get).collect::<Option<Vec<i64>>>() else {
            return Scalar::UNKNOWN;
        };
        if fold == Fold::Sum {
            let exact = words.iter().try_fold(0_i64, |sum, word| sum.checked_add(*word)).is_some();
            self.exact(exact, Inexact::Wrapped);
        }
        let best = total(fold, words);
        match (best, empty) {
            (Some(best), _) => Scalar::known(best),
            (None, Some(empty)) => self.expr(empty),
            (None, None) => Scalar::UNKNOWN,
        }
    }

    fn truth(&mut self, expr: &Expr) -> Truth {
        truth(self.expr(expr))
    }

    /// First words of the list's elements, `None` if it is unknown.
    fn list(&mut self, list: &ListPlace) -> Option<Vec<usize>> {
        match self.state(&list.states) {
            UNKNOWN => return None,
            ABSENT => return Some(Vec::new()),
            _ => {}
        }
        let length = self.word(list.length).clamp(0, i64::from(list.max)) as usize;
        let first = self.index(list.first)?;
        Some((0..length).map(|i| first + i * list.stride as usize).collect())
    }

    fn bind(&mut self, var: LoopVar, element: usize) {
        self.elements.truncate(usize::from(var.0));
        self.elements.push(element);
    }

    /// The first state that is not known, outermost first.
    fn state(&mut self, states: &[WordAt]) -> u8 {
        self.visits += states.len() as u64;
        let known = i64::from(KNOWN);
        match states.iter().map(|at| self.word(*at)).find(|state| *state != known) {
            None => KNOWN,
            Some(state) if state == i64::from(ABSENT) => ABSENT,
            Some(_) => UNKNOWN,
        }
    }

    fn word(&self, at: WordAt) -> i64 {
        self.index(at).and_then(|i| self.frame.get(i)).copied().unwrap_or(0)
    }

    fn index(&self, at: WordAt) -> Option<usize> {
        let base = match at.base {
            Base::Frame => 0,
            Base::Element(var) => *self.elements.get(usize::from(var.0))?,
        };
        Some(base + at.offset as usize)
    }
}

/// The word at `index`, or at the end nearest to it; 0 of none, which the verifier refuses.
pub(crate) fn lookup(words: &[i64], index: i64) -> i64 {
    let last = words.len().saturating_sub(1);
    let inside = usize::try_from(index.max(0)).unwrap_or(last).min(last);
    words.get(inside).copied().unwrap_or(0)
}

fn present(state: u8) -> Scalar {
    match state {
        KNOWN => Scalar::truth(true),
        ABSENT => Scalar::truth(false),
        _ => Scalar::UNKNOWN,
    }
}

/// What a fold that counts or chooses makes of the values that pass; `None`: greatest or least of none.
pub(crate) fn total(fold: Fold, mut words: Vec<i64>) -> Option<i64> {
    match fold {
        Fold::CountDistinct => {
            words.sort_unstable();
            words.dedup();
            Some(words.len() as i64)
        }
        Fold::Sum => Some(words.into_iter().fold(0, i64::wrapping_add)),
        Fold::Max => words.into_iter().max(),
        Fold::Min => words.into_iter().min(),
        Fold::Count | Fold::Exists | Fold::All => Some(words.len() as i64),
    }
}

/// Whether an operator gives what arithmetic says, and what it is if not. Dates end where the calendar does.
fn exact(op: Binary, a: i64, b: i64) -> (bool, Inexact) {
    match op {
        Binary::Add => (a.checked_add(b).is_some(), Inexact::Wrapped),
        Binary::Subtract => (a.checked_sub(b).is_some(), Inexact::Wrapped),
        Binary::Multiply => (a.checked_mul(b).is_some(), Inexact::Wrapped),
        Binary::Divide(_) => (a.checked_div(b).is_some(), Inexact::Divided),
        _ => (true, Inexact::Wrapped),
    }
}

/// A binary operator on known words.
pub(crate) fn binary(op: Binary, a: i64, b: i64) -> i64 {
    match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Subtract => a.wrapping_sub(b),
        Binary::Multiply => a.wrapping_mul(b),
        Binary::Divide(rounding) => number::divide(rounding, a, b),
        Binary::Equal => i64::from(a == b),
        Binary::Less => i64::from(a < b),
        Binary::AtMost => i64::from(a <= b),
        Binary::AddMonths => words::add_months(a, b),
        Binary::AddDays => words::add_days(a, b),
        Binary::YearsUntil => words::years_until(a, b),
    }
}
