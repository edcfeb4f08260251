//! What diagrams speak of: terms, each a value that was not opened, and the variables over them. Owns their identity
//! (canonical text), their greatest and least words, and what is known of two of them together.
//! Invariant: two terms with one key have one value on every input. Must not know: diagrams' shape, diagnostics.

use super::diagram::TermId;
use crate::ast::{Function, PeriodUnit, Quantifier};
use crate::check::numbers::is_number;
use crate::typed::{Access, Arithmetic, Node, Quantified, TypedExpr, domain};
use guiju_runtime::value::Type;
use std::collections::{BTreeMap, BTreeSet};

/// Most days that one month and one year can add.
const MONTH_DAYS: i64 = 31;
const YEAR_DAYS: i64 = 366;

/// What a term stands for.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The value at a path from a root.
    Path(TypedExpr),
    /// Whether the first so many fields of a path are there, given that those before are.
    Presence(Access, usize),
    /// How many elements of a list satisfy the condition (`true`) or do not (`false`).
    Count(Box<Quantified>, bool),
    /// Anything else that was not opened.
    Opaque(TypedExpr),
    /// The difference of two terms and a number, where a form would have more terms than leaves hold.
    Form,
}

impl Source {
    /// The expression whose word it is.
    pub(crate) fn expression(&self) -> Option<&TypedExpr> {
        match self {
            Self::Path(e) | Self::Opaque(e) => Some(e),
            Self::Presence(..) | Self::Count(..) | Self::Form => None,
        }
    }
}

/// A value that was not opened.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// Its identity.
    pub(crate) key: String,
    /// Least word.
    pub(crate) low: i64,
    /// Greatest word.
    pub(crate) high: i64,
    /// What it stands for.
    pub(crate) source: Source,
}

impl Term {
    /// Whether it varies freely of all other terms.
    pub(crate) fn independent(&self) -> bool {
        matches!(self.source, Source::Path(_) | Source::Presence(..))
    }
}

/// All terms met.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    all: Vec<Term>,
    by_key: BTreeMap<String, TermId>,
}

impl Terms {
    /// The term of this key, made if it is new.
    pub(crate) fn intern(&mut self, term: Term) -> TermId {
        if let Some(known) = self.by_key.get(&term.key) {
            return *known;
        }
        let id = TermId(self.all.len() as u32);
        self.by_key.insert(term.key.clone(), id);
        self.all.push(term);
        id
    }

    /// A term.
    pub(crate) fn get(&self, id: TermId) -> &Term {
        &self.all[id.0 as usize]
    }

    /// The term of a key, if it was met.
    fn find(&self, key: &str) -> Option<TermId> {
        self.by_key.get(key).copied()
    }

    /// Bounds on differences that hold on every input: `(a, b, d)` says `a - b <= d`. Only among the terms given.
    pub(crate) fn laws(&self, among: &BTreeSet<TermId>) -> Vec<(TermId, TermId, i64)> {
        let mut laws = Vec::new();
        for &a in among {
            for &b in among.iter().filter(|b| **b != a) {
                self.law(a, b, &mut laws);
            }
        }
        laws
    }

    fn law(&self, a: TermId, b: TermId, laws: &mut Vec<(TermId, TermId, i64)>) {
        match (&self.get(a).source, &self.get(b).source) {
            (Source::Opaque(x), other) => {
                let Node::Shift(base, n, unit) = &x.node else { return };
                // A shifted date lies on its side of the date, no farther than its period's most days; calendars' ends
                // only bring it nearer.
                if self.find(&base.canonical()) == Some(b) && base.ty == Type::Date {
                    let most = i64::from(n.unsigned_abs()) * days(*unit);
                    let (above, below) = if *n >= 0 { (most, 0) } else { (0, most) };
                    laws.push((a, b, above));
                    laws.push((b, a, below));
                }
                if let Source::Opaque(y) = other
                    && let Node::Shift(second, m, other_unit) = &y.node
                    && second.canonical() == base.canonical()
                    && unit == other_unit
                    && n <= m
                {
                    laws.push((a, b, 0));
                }
            }
            (Source::Count(x, true), Source::Count(y, true)) if same_list(x, y) => {
                let (mut more, mut fewer) = (BTreeSet::new(), BTreeSet::new());
                conjuncts(x.condition.as_ref(), &mut more);
                conjuncts(y.condition.as_ref(), &mut fewer);
                if fewer.is_subset(&more) {
                    laws.push((a, b, 0));
                }
            }
            (Source::Count(x, false), Source::Count(y, true)) if same_list(x, y) && y.condition.is_none() => {
                laws.push((a, b, 0));
            }
            _ => {}
        }
    }
}

fn days(unit: PeriodUnit) -> i64 {
    match unit {
        PeriodUnit::Days => 1,
        PeriodUnit::Months => MONTH_DAYS,
        PeriodUnit::Years => YEAR_DAYS,
    }
}

fn same_list(x: &Quantified, y: &Quantified) -> bool {
    x.list.path == y.list.path && x.variable == y.variable && x.depth == y.depth
}

fn conjuncts(condition: Option<&TypedExpr>, into: &mut BTreeSet<String>) {
    let mut todo: Vec<&TypedExpr> = condition.into_iter().collect();
    while let Some(next) = todo.pop() {
        match &next.node {
            Node::And(a, b) => todo.extend([&**a, &**b]),
            _ => {
                into.insert(next.canonical());
            }
        }
    }
}

/// Every word an expression can have on any input. Its own type may be narrowed by facts that hold only at its place, so
/// declared types are taken.
pub(crate) fn reach(e: &TypedExpr, declared: &dyn Fn(usize) -> Option<Type>) -> (i64, i64) {
    let anywhere = (i64::MIN, i64::MAX);
    match &e.node {
        Node::Load(access) => domain(&access.declared_type()),
        Node::Definition(index, _) => declared(*index).map_or(anywhere, |ty| domain(&ty)),
        Node::Constant(_) => e.word().map_or((0, i64::MAX), |w| (w, w)),
        Node::If(_, a, b) | Node::Default(a, b) => {
            let (a, b) = (reach(a, declared), reach(b, declared));
            (a.0.min(b.0), a.1.max(b.1))
        }
        Node::Arithmetic(op, a, b) => {
            let (a, b) = (reach(a, declared), reach(b, declared));
            let corners: Vec<Option<i64>> = match op {
                Arithmetic::Add => vec![a.0.checked_add(b.0), a.1.checked_add(b.1)],
                Arithmetic::Subtract => vec![a.0.checked_sub(b.1), a.1.checked_sub(b.0)],
                Arithmetic::Multiply => {
                    [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)].iter().map(|(x, y)| x.checked_mul(*y)).collect()
                }
            };
            spread(&corners).unwrap_or(anywhere)
        }
        Node::Call(Function::MonthsBetween | Function::DaysBetween, args) => match &args[..] {
            [early, late] => {
                let (e, l) = (reach(early, declared), reach(late, declared));
                spread(&[l.0.checked_sub(e.1), l.1.checked_sub(e.0)]).unwrap_or(anywhere)
            }
            _ => anywhere,
        },
        Node::Quantified(q) => match q.quantifier {
            Quantifier::Exists | Quantifier::All => (0, 1),
            Quantifier::Count | Quantifier::CountDistinct => (0, i64::from(q.max)),
            Quantifier::Sum | Quantifier::Max | Quantifier::Min => {
                let Some(value) = &q.value else { return anywhere };
                let (low, high) = reach(value, declared);
                if q.quantifier == Quantifier::Sum {
                    let n = i64::from(q.max);
                    return spread(&[Some(0), low.checked_mul(n), high.checked_mul(n)]).unwrap_or(anywhere);
                }
                let (l, h) = q.empty.as_ref().map_or((low, high), |d| reach(d, declared));
                (low.min(l), high.max(h))
            }
        },
        // The ranges of the others come from what they are made of, and no fact narrows them.
        Node::Call(Function::AgeOn, _) => (0, 9999),
        _ if is_number(&e.ty) => anywhere,
        _ => domain(&e.ty),
    }
}

/// From the least to the greatest, if all are there.
fn spread(all: &[Option<i64>]) -> Option<(i64, i64)> {
    let known: Option<Vec<i64>> = all.iter().copied().collect();
    let known = known?;
    Some((*known.iter().min()?, *known.iter().max()?))
}
