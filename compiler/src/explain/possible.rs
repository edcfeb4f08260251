//! What a program can come to once some of its evidence is supplied, whatever that evidence says. Owns the abstract run: every
//! step gets the set of words and states it can have, over all contents that the supplied roots may be found to hold, the
//! other roots being as the frame has them.
//! Invariant: sound. If the run says that a step cannot be unknown, then no content of the supplied roots makes it unknown. Not
//! always exact, because each reading of a supplied root is taken by itself: `p 或 非 p` over a supplied `p` may be either,
//! and words are kept as intervals. It is exact if no part of the supplied roots is read twice on the way to a step.
//! Must not know: which roots one would rather supply, names, syntax.
//!
//! Two rules need a word. *Supplied* evidence without `?` is there, evidence with `?` may be found absent, and none of its
//! fields is unknown; of a record that is there already, only the fields that were not known are supplied. And what is demanded of supplied evidence counts as there: the checker has proved of every demand that
//! a condition around it (`x 存在 且 …`) is false, not unknown, whenever the thing is absent, so that the demand is masked.

use crate::interpret::{binary, total};
use crate::ir::{Base, Expr, Fold, Kind, ListPlace, LoopVar, Program, WordAt};
use guiju_runtime::evaluate::{ABSENT, KNOWN, UNKNOWN};

/// What a scalar can be: the hull of its words if it may be known, and whether it may be unknown or absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Possible {
    known: Option<(i64, i64)>,
    unknown: bool,
    absent: bool,
}

impl Possible {
    const UNKNOWN: Self = Self { known: None, unknown: true, absent: false };

    fn word(word: i64) -> Self {
        Self { known: Some((word, word)), unknown: false, absent: false }
    }

    fn any(low: i64, high: i64) -> Self {
        Self { known: Some((low, high)), unknown: false, absent: false }
    }

    /// Whether it is known whatever was supplied.
    pub(super) fn settled(self) -> bool {
        !self.unknown && !self.absent
    }

    fn exact(self) -> Option<i64> {
        match self.known {
            Some((low, high)) if low == high && self.settled() => Some(low),
            _ => None,
        }
    }

    fn or(self, other: Self) -> Self {
        let known = match (self.known, other.known) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, None) | (None, one) => one,
        };
        Self { known, unknown: self.unknown || other.unknown, absent: self.absent || other.absent }
    }
}

/// Which truths a boolean can have.
#[derive(Clone, Copy)]
struct Truths {
    no: bool,
    yes: bool,
    open: bool,
}

impl Truths {
    const NO: Self = Self { no: true, yes: false, open: false };
    const YES: Self = Self { no: false, yes: true, open: false };

    fn of(p: Possible) -> Self {
        let (no, yes) = p.known.map_or((false, false), |(l, h)| (l <= 0 && 0 <= h, (l, h) != (0, 0)));
        Self { no, yes, open: p.unknown || p.absent }
    }

    fn possible(self) -> Possible {
        let known = (self.no || self.yes).then_some((i64::from(!self.no), i64::from(self.yes)));
        Possible { known, unknown: self.open, absent: false }
    }

    fn not(self) -> Self {
        Self { no: self.yes, yes: self.no, open: self.open }
    }

    fn and(self, other: Self) -> Self {
        Self {
            no: self.no || other.no,
            yes: self.yes && other.yes,
            open: (self.open && (other.open || other.yes)) || (self.yes && other.open),
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

/// A root of the frame, as far as the run needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RootAt {
    /// Its state word.
    pub(super) state: u32,
    /// Whether it may be found absent, once supplied.
    pub(super) optional: bool,
    /// Whether it is supplied.
    pub(super) supplied: bool,
}

/// How far a word is supplied.
#[derive(Clone, Copy)]
enum Supply {
    /// Not at all: it is as the frame has it.
    No,
    /// If the frame has it not: a field of a record that is there.
    Field,
    /// With the whole root.
    Root(RootAt),
    /// With the whole list whose element it lies in.
    Element,
}

/// The current element of a fold.
#[derive(Clone, Copy)]
enum Element {
    /// One in the frame, from this word on, and whether fields that it lacks are supplied.
    At(usize, bool),
    /// Any, of a supplied list.
    Any,
}

/// An abstract run. `roots` are in the order of the frame.
pub(super) struct Run<'a> {
    pub(super) program: &'a Program,
    pub(super) frame: &'a [i64],
    pub(super) roots: &'a [RootAt],
    /// Expressions that may still be looked at; 0 when the run was cut short.
    pub(super) left: u64,
    elements: Vec<Element>,
    steps: Vec<Possible>,
}

impl<'a> Run<'a> {
    pub(super) fn new(program: &'a Program, frame: &'a [i64], roots: &'a [RootAt], left: u64) -> Self {
        Self { program, frame, roots, left, elements: Vec::new(), steps: Vec::with_capacity(program.steps.len()) }
    }

    /// What step `target` can be; `needed` are the steps it depends on. `None` if the budget ended first.
    pub(super) fn step(&mut self, target: usize, needed: &[bool]) -> Option<Possible> {
        for (step, needed) in self.program.steps.iter().zip(needed).take(target + 1) {
            let possible = if *needed { self.expr(&step.expr) } else { Possible::UNKNOWN };
            self.steps.push(possible);
        }
        (self.left > 0).then(|| self.steps.get(target).copied().unwrap_or(Possible::UNKNOWN))
    }

    fn expr(&mut self, expr: &Expr) -> Possible {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return Possible::UNKNOWN;
        }
        match expr {
            Expr::Const(_, word) => Possible::word(*word),
            Expr::Unknown(_) => Possible::UNKNOWN,
            Expr::Load(kind, place) => self.load(*kind, place.word, &place.states),
            Expr::Step(_, id) => self.steps.get(id.0 as usize).copied().unwrap_or(Possible::UNKNOWN),
            Expr::Not(a) => self.truths(a).not().possible(),
            Expr::And(a, b) => self.truths(a).and(self.truths(b)).possible(),
            Expr::Or(a, b) => self.truths(a).or(self.truths(b)).possible(),
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                combined(expr, &[a, b], |words| binary(*op, words[0], words[1]))
            }
            Expr::Lookup(_, a, words) => {
                let a = self.expr(a);
                combined(expr, &[a], |index| crate::interpret::lookup(words, index[0]))
            }
            Expr::MonthOf(a) => {
                let a = self.expr(a);
                combined(expr, &[a], |words| guiju_runtime::date::words::month_of(words[0]))
            }
            Expr::Select(_, c, a, b) => {
                let (c, a, b) = (self.truths(c), self.expr(a), self.expr(b));
                select(c, a, b)
            }
            Expr::Present(a) => present(self.expr(a)),
            Expr::PresentAt(states) => present(self.load(Kind::Boolean, states[0], states)),
            Expr::Default(_, a, b) => {
                let a = self.expr(a);
                let without = Possible { absent: false, ..a };
                match a.absent {
                    true if a.known.is_none() && !a.unknown => self.expr(b),
                    true => without.or(self.expr(b)),
                    false => without,
                }
            }
            Expr::Demand(_, a) => {
                let a = self.expr(a);
                // See the second rule above: absent beside known is masked, absent alone is not known.
                Possible { unknown: a.unknown || (a.absent && a.known.is_none()), absent: false, ..a }
            }
            Expr::Fold { fold, list, var, filter, value, empty } => {
                self.fold(*fold, list, *var, [filter.as_deref(), value.as_deref(), empty.as_deref()])
            }
        }
    }

    fn truths(&mut self, expr: &Expr) -> Truths {
        Truths::of(self.expr(expr))
    }

    fn supply(&self, at: WordAt) -> Supply {
        match at.base {
            Base::Frame => {
                let after = self.roots.partition_point(|r| r.state <= at.offset);
                match after.checked_sub(1).and_then(|i| self.roots.get(i)).filter(|r| r.supplied) {
                    Some(root) if self.state(&[WordAt { base: Base::Frame, offset: root.state }]) == KNOWN => {
                        Supply::Field
                    }
                    Some(root) => Supply::Root(*root),
                    None => Supply::No,
                }
            }
            Base::Element(var) => match self.elements.get(usize::from(var.0)) {
                Some(Element::Any) => Supply::Element,
                Some(Element::At(_, true)) => Supply::Field,
                _ => Supply::No,
            },
        }
    }

    fn load(&self, kind: Kind, word: WordAt, states: &[WordAt]) -> Possible {
        let whole = if kind == Kind::Boolean { Possible::any(0, 1) } else { Possible::any(i64::MIN, i64::MAX) };
        let supply = self.supply(word);
        match supply {
            Supply::Root(_) | Supply::Element => {
                return Possible { absent: states.iter().any(|s| may_be_absent(*s, supply)), ..whole };
            }
            Supply::Field | Supply::No => {}
        }
        match (self.state(states), supply) {
            (KNOWN, _) if kind == Kind::Boolean => Possible::word(i64::from(self.word(word) != 0)),
            (KNOWN, _) => Possible::word(self.word(word)),
            (ABSENT, _) => Possible { known: None, unknown: false, absent: true },
            // Only optional fields have a state of their own.
            (_, Supply::Field) => Possible { absent: true, ..whole },
            _ => Possible::UNKNOWN,
        }
    }

    fn fold(&mut self, fold: Fold, list: &ListPlace, var: LoopVar, parts: [Option<&Expr>; 3]) -> Possible {
        let [filter, value, empty] = parts;
        let outer = self.elements.clone();
        let elements: Vec<Element> = match self.supply(list.length) {
            Supply::Root(_) | Supply::Element => vec![Element::Any],
            supply => match self.state(&list.states) {
                KNOWN => {
                    let length = self.word(list.length).clamp(0, i64::from(list.max)) as usize;
                    let first = self.index(list.first).unwrap_or(usize::MAX / 2);
                    let fields = matches!(supply, Supply::Field);
                    (0..length).map(|i| Element::At(first + i * list.stride as usize, fields)).collect()
                }
                ABSENT => Vec::new(),
                _ => return Possible::UNKNOWN,
            },
        };
        let any = matches!(elements[..], [Element::Any]);
        let mut passes = Vec::new();
        let mut values = Vec::new();
        for element in elements {
            self.elements.truncate(usize::from(var.0));
            self.elements.push(element);
            passes.push(filter.map_or(Truths::YES, |f| self.truths(f)));
            values.push(value.map_or(Possible::word(1), |v| self.expr(v)));
        }
        self.elements = outer;
        let empty = empty.map(|e| self.expr(e));
        match fold {
            // Of a supplied list: none, or any number of elements of any kind.
            Fold::Exists if any => passes.into_iter().fold(Truths::NO, |_, p| Truths { no: true, ..p }).possible(),
            Fold::All if any => passes.into_iter().fold(Truths::YES, |_, p| Truths { yes: true, ..p }).possible(),
            Fold::Exists => passes.into_iter().fold(Truths::NO, Truths::or).possible(),
            Fold::All => passes.into_iter().fold(Truths::YES, Truths::and).possible(),
            _ => counted(fold, &passes, &values, any.then_some(i64::from(list.max)), empty),
        }
    }

    /// The first state that is not known, outermost first.
    fn state(&self, states: &[WordAt]) -> u8 {
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
            Base::Element(var) => match self.elements.get(usize::from(var.0))? {
                Element::At(word, _) => *word,
                Element::Any => return None,
            },
        };
        Some(base + at.offset as usize)
    }
}

/// Whether a state word of wholly supplied evidence may say absent: an optional field's always, a root's own if it has `?`.
fn may_be_absent(state: WordAt, supply: Supply) -> bool {
    match supply {
        Supply::Root(root) if state.base == Base::Frame && state.offset == root.state => root.optional,
        _ => true,
    }
}

fn present(a: Possible) -> Possible {
    Truths { no: a.absent, yes: a.known.is_some(), open: a.unknown }.possible()
}

fn select(c: Truths, a: Possible, b: Possible) -> Possible {
    let mut parts = Vec::new();
    if c.yes {
        parts.push(a);
    }
    if c.no {
        parts.push(b);
    }
    if c.open {
        // One word on both sides is known whatever the condition is.
        parts.push(match (a.exact(), b.exact()) {
            (Some(x), Some(y)) if x == y => a,
            _ => Possible { unknown: true, absent: false, ..a.or(b) },
        });
    }
    parts.into_iter().reduce(Possible::or).unwrap_or(Possible::UNKNOWN)
}

/// An operator that is known exactly if its operands are.
fn combined(expr: &Expr, operands: &[Possible], exact: impl Fn(&[i64]) -> i64) -> Possible {
    use crate::ir::Binary::{AtMost, Equal, Less};
    let unknown = operands.iter().any(|p| !p.settled());
    let Some(hulls) = operands.iter().map(|p| p.known).collect::<Option<Vec<_>>>() else { return Possible::UNKNOWN };
    let words: Vec<i64> = hulls.iter().map(|(low, _)| *low).collect();
    let known = if hulls.iter().all(|(low, high)| low == high) {
        let word = exact(&words);
        (word, word)
    } else {
        let yes = |always: bool, never: bool| (i64::from(always), i64::from(!never));
        match (expr, &hulls[..]) {
            (Expr::Binary(Equal, ..), [(a, b), (c, d)]) => yes(false, b < c || d < a),
            (Expr::Binary(Less, ..), [(a, b), (c, d)]) => yes(b < c, a >= d),
            (Expr::Binary(AtMost, ..), [(a, b), (c, d)]) => yes(b <= c, a > d),
            _ => (i64::MIN, i64::MAX),
        }
    };
    Possible { known: Some(known), unknown, absent: false }
}

/// Count, distinct, sum, max or min over elements that may pass. `most`: of a supplied list, that many elements at most.
fn counted(fold: Fold, passes: &[Truths], values: &[Possible], most: Option<i64>, empty: Option<Possible>) -> Possible {
    let with_value = || passes.iter().zip(values);
    let unknown = with_value().any(|(p, v)| p.open || (p.yes && !v.settled()));
    let may_be_known = most.is_some() || with_value().all(|(p, v)| p.no || (p.yes && v.known.is_some()));
    if !may_be_known {
        return Possible::UNKNOWN;
    }
    let must = if most.is_some() { 0 } else { passes.iter().filter(|p| !p.no && !p.open).count() as i64 };
    let may = passes.iter().filter(|p| p.yes).count() as i64 * most.unwrap_or(1);
    let certain = most.is_none() && passes.iter().all(|p| p.yes != p.no);
    let words: Option<Vec<i64>> = with_value().filter(|(p, _)| p.yes).map(|(_, v)| v.exact()).collect();
    let known = match (fold, words.filter(|_| certain)) {
        (_, Some(words)) => match (total(fold, words), empty) {
            (Some(word), _) => return Possible { unknown, ..Possible::word(word) },
            (None, Some(empty)) => return Possible { unknown: unknown || empty.unknown, ..empty },
            (None, None) => return Possible::UNKNOWN,
        },
        (Fold::Count, None) => Possible::any(must, may),
        (Fold::CountDistinct, None) => Possible::any(must.min(1), may),
        _ => Possible::any(i64::MIN, i64::MAX),
    };
    match (fold, empty) {
        (Fold::Max | Fold::Min, Some(empty)) if must == 0 => Possible { unknown, ..known }.or(empty),
        (Fold::Max | Fold::Min, None) if must == 0 => Possible { unknown: true, ..known },
        _ => Possible { unknown, ..known },
    }
}
