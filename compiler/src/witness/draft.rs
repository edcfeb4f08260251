//! Facts being drafted from what terms must be. Owns where a path leads inside them, and the turning of words into values.
//! Invariant: every fact fits its type; what the point does not speak of is neutral, optional things absent.
//! Must not know: proofs, printing.

use super::synthetic::{neutral, text};
use crate::ast::{Function, PeriodUnit};
use crate::package::Policy;
use crate::prove::{Pin, Point, Source};
use crate::typed::{Access, Node, Start, TypedExpr, domain};
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::value::{Fact, Type, Value};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Facts of the roots, and of the elements of the lists being filled.
#[derive(Clone)]
pub(crate) struct Draft<'a> {
    pub(super) policy: &'a Policy,
    roots: Vec<Fact>,
    /// Elements by fold depth.
    pub(super) elements: Vec<(Type, Fact)>,
    /// Texts given away so far.
    given: usize,
    /// Steps that proofs about elements may still take.
    pub(super) left: Cell<u64>,
}

/// Most steps of all proofs about elements of lists in one draft.
const ELEMENT_STEPS_MAX: u64 = 400_000;

impl<'a> Draft<'a> {
    /// Neutral facts on the version's first day.
    pub(crate) fn new(policy: &'a Policy) -> Option<Self> {
        let mut roots = vec![Fact::Known(Value::Date(policy.effective_from))];
        for ((_, ty), optional) in policy.inputs.iter().zip(&policy.input_optional) {
            roots.push(if *optional { Fact::Absent } else { Fact::Known(neutral(ty)?) });
        }
        for e in &policy.evidence {
            let ty = &policy.layout.roots.get(e.root)?.ty;
            roots.push(if e.optional { Fact::Absent } else { Fact::Known(neutral(ty)?) });
        }
        Some(Self { policy, roots, elements: Vec::new(), given: 1, left: Cell::new(ELEMENT_STEPS_MAX) })
    }

    /// Starts from facts already there.
    pub(crate) fn from_facts(policy: &'a Policy, facts: &[(usize, Fact)]) -> Option<Self> {
        let mut draft = Self::new(policy)?;
        for (root, fact) in facts {
            *draft.roots.get_mut(*root)? = fact.clone();
        }
        Some(draft)
    }

    /// Steps taken by proofs about elements.
    pub(crate) fn taken(&self) -> u64 {
        ELEMENT_STEPS_MAX - self.left.get()
    }

    /// The facts, one a root.
    pub(crate) fn finish(self) -> Vec<Fact> {
        self.roots
    }

    /// Makes the facts such that every term of the point has its word, as far as that is simple.
    pub(crate) fn apply(&mut self, point: &Point) -> Option<()> {
        let mut texts: BTreeMap<i64, usize> = BTreeMap::new();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for (source, key, word) in &point.words {
            match source {
                Source::Presence(access, fields) if *word == 1 => {
                    self.make_present(access, *fields)?;
                }
                Source::Path(e) => {
                    let Node::Load(access) = &e.node else { continue };
                    told.insert(key.clone());
                    let value = match &access.declared_type() {
                        ty @ (Type::Text { .. } | Type::Identifier(_)) => {
                            let found = match point.text(*word) {
                                Some(t) => t.to_owned(),
                                None => {
                                    let next = self.given;
                                    let n = *texts.entry(*word).or_insert(next);
                                    self.given = self.given.max(n + 1);
                                    text(ty, n)
                                }
                            };
                            Value::Text(found)
                        }
                        ty => value_of(ty, *word)?,
                    };
                    *self.slot(access, access.fields.len())? = Fact::Known(value);
                }
                _ => {}
            }
        }
        for (source, _, word) in &point.words {
            if let Source::Opaque(e) = source {
                self.opaque(e, *word, &told);
            }
        }
        self.fill_lists(point)?;
        for (source, _, word) in &point.words {
            if let Source::Presence(access, fields) = source
                && *word == 0
            {
                *self.slot(access, *fields)? = Fact::Absent;
            }
        }
        Some(())
    }

    /// Replaces the fact at a path.
    pub(crate) fn put(&mut self, access: &Access, fact: Fact) -> Option<()> {
        *self.slot(access, access.fields.len())? = fact;
        Some(())
    }

    /// Whether there is a known value at a path.
    pub(crate) fn holds(&self, access: &Access) -> bool {
        matches!(self.look(access, access.fields.len()), Some(Fact::Known(_)))
    }

    /// Chooses a date from which the expression comes out as the word; a path that has its own word keeps it.
    fn opaque(&mut self, e: &TypedExpr, word: i64, told: &BTreeSet<String>) -> Option<()> {
        let (path, date) = match &e.node {
            Node::Call(Function::AgeOn, args) => {
                let on = match self.read(&args[1])? {
                    Pin::Word(w) => Date::from_days(w)?,
                    Pin::Text(_) => return None,
                };
                (&args[0], on.add_months(-12 * word))
            }
            Node::Call(Function::MonthOf, args) => {
                let (y, m) = YearMonth::from_index(word)?.civil();
                (&args[0], Date::new(y, m, 1)?)
            }
            Node::Shift(base, n, unit) if base.ty == Type::Date => {
                let shifted = Date::from_days(word)?;
                let back = -i64::from(*n);
                let date = match unit {
                    PeriodUnit::Days => shifted.add_days(back),
                    PeriodUnit::Months => shifted.add_months(back),
                    PeriodUnit::Years => shifted.add_months(back * 12),
                };
                (&**base, date)
            }
            _ => return None,
        };
        let Node::Load(access) = &path.node else { return None };
        if told.contains(&path.canonical()) || access.start == Start::AsOf {
            return None;
        }
        *self.slot(access, access.fields.len())? = Fact::Known(Value::Date(date));
        Some(())
    }

    /// What a path holds now, or whether a part of it is there.
    pub(crate) fn pin(&self, source: &Source) -> Option<Pin> {
        match source {
            Source::Path(e) => self.read(e),
            Source::Presence(access, fields) if !matches!(access.start, Start::Variable(_)) => {
                Some(Pin::Word(i64::from(matches!(self.look(access, *fields)?, Fact::Known(_)))))
            }
            _ => None,
        }
    }

    /// The known value at a path of a root.
    fn read(&self, e: &TypedExpr) -> Option<Pin> {
        let Node::Load(access) = &e.node else { return None };
        // Elements being drafted are still free, those around them are not.
        if let Start::Variable(depth) = access.start
            && usize::from(depth) + 1 >= self.elements.len()
        {
            return None;
        }
        match self.look(access, access.fields.len())? {
            Fact::Known(Value::Text(t)) => Some(Pin::Text(t.clone())),
            Fact::Known(value) => word_of(value).map(Pin::Word),
            _ => None,
        }
    }

    fn look(&self, access: &Access, fields: usize) -> Option<&Fact> {
        let mut at = match access.start {
            Start::Variable(depth) => &self.elements.get(usize::from(depth))?.1,
            _ => self.roots.get(self.root(access)?)?,
        };
        for index in access.fields.iter().take(fields) {
            let Fact::Known(Value::Group(facts)) = at else { return None };
            at = facts.get(*index)?;
        }
        Some(at)
    }

    fn root(&self, access: &Access) -> Option<usize> {
        match access.start {
            Start::AsOf => Some(0),
            Start::Input(i) => Some(1 + i),
            Start::Evidence(i) => Some(1 + self.policy.inputs.len() + i),
            Start::Variable(_) => None,
        }
    }

    /// The fact after so many fields of a path; what lies around it becomes present.
    pub(super) fn slot(&mut self, access: &Access, fields: usize) -> Option<&mut Fact> {
        let root = self.root(access);
        let (mut at, mut ty) = match (root, &access.start) {
            (Some(r), _) => (self.roots.get_mut(r)?, &self.policy.layout.roots.get(r)?.ty),
            (None, Start::Variable(depth)) => {
                let (ty, fact) = self.elements.get_mut(usize::from(*depth))?;
                (fact, &*ty)
            }
            _ => return None,
        };
        for index in access.fields.iter().take(fields) {
            if !matches!(at, Fact::Known(_)) {
                *at = Fact::Known(neutral(ty)?);
            }
            let Type::Group(group) = ty else { return None };
            let Fact::Known(Value::Group(facts)) = at else { return None };
            at = facts.get_mut(*index)?;
            ty = &group.fields.get(*index)?.ty;
        }
        Some(at)
    }

    fn make_present(&mut self, access: &Access, fields: usize) -> Option<()> {
        let mut ty = match self.root(access) {
            Some(r) => self.policy.layout.roots.get(r)?.ty.clone(),
            None => access.start_ty.clone(),
        };
        for index in access.fields.iter().take(fields) {
            let Type::Group(group) = &ty else { return None };
            ty = group.fields.get(*index)?.ty.clone();
        }
        let slot = self.slot(access, fields)?;
        if !matches!(slot, Fact::Known(_)) {
            *slot = Fact::Known(neutral(&ty)?);
        }
        Some(())
    }
}

/// The value of a type that a word means, brought inside the type.
pub(crate) fn value_of(ty: &Type, word: i64) -> Option<Value> {
    let (low, high) = domain(ty);
    let word = word.clamp(low, high);
    Some(match ty {
        Type::Boolean => Value::Boolean(word != 0),
        Type::Date => Value::Date(Date::from_days(word)?),
        Type::Month => Value::Month(YearMonth::from_index(word)?),
        Type::Enum(_) => Value::Enum(u16::try_from(word).ok()?),
        Type::Text { .. } | Type::Identifier(_) | Type::Group(_) | Type::List { .. } => return None,
        _ => Value::Integer(word),
    })
}

/// The word of a value that has one.
pub(crate) fn word_of(value: &Value) -> Option<i64> {
    match value {
        Value::Boolean(b) => Some(i64::from(*b)),
        Value::Integer(n) => Some(*n),
        Value::Date(d) => Some(i64::from(d.days())),
        Value::Month(m) => Some(i64::from(m.index())),
        Value::Enum(i) => Some(i64::from(*i)),
        _ => None,
    }
}
