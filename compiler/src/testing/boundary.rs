//! Boundary inputs of a policy: its facts varied, one and then two at a time, over the words on either side of every
//! constant, the ends of every type, periods back from the day of decision, lists of 0, 1, 2 and most elements, and what is
//! absent or unknown. Invariant: the inputs are the same on every machine and no more than asked for.
//! Must not know: engines, claims.

use crate::package::Policy;
use crate::typed::{self, Access, Body, Definition, Node, Start, TypedExpr, Written, domain};
use crate::witness::{neutral, value_of, word_of};
use guiju_runtime::date::Date;
use guiju_runtime::value::{Fact, Type, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Most values tried of one fact.
const VALUES_MAX: usize = 24;
/// Most facts varied.
const PLACES_MAX: usize = 200;
/// How deep groups and lists are entered.
const DEPTH_MAX: usize = 4;

/// A step into a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Field(usize),
    First,
}

/// A fact that is varied, with what it is varied over.
#[derive(Clone, Debug)]
struct Place {
    root: usize,
    steps: Vec<Step>,
    values: Vec<Fact>,
}

/// Words that a policy compares with: by root and field path through lists.
#[derive(Default)]
struct Constants {
    words: BTreeMap<(usize, Vec<usize>), BTreeSet<i64>>,
    /// Periods in months and in days.
    months: BTreeSet<i64>,
    days: BTreeSet<i64>,
}

/// At most `most` inputs, the seed first.
pub(super) fn inputs(policy: &Policy, seed: &[Fact], most: usize) -> Vec<Vec<Fact>> {
    let constants = constants(&policy.checked);
    let mut places = Vec::new();
    let on = match seed.first() {
        Some(Fact::Known(Value::Date(d))) => *d,
        _ => policy.effective_from,
    };
    let days = [Some(policy.effective_from), policy.effective_to, Some(on)];
    places.push(Place {
        root: 0,
        steps: Vec::new(),
        values: days.into_iter().flatten().map(|d| Fact::Known(Value::Date(d))).collect(),
    });
    for (root, place) in policy.layout.roots.iter().enumerate().skip(1) {
        let optional = policy.input_optional.get(root - 1).copied().unwrap_or(true);
        let evidence = root > policy.inputs.len();
        let seeded = seed.get(root).cloned().unwrap_or(Fact::Unknown);
        let mut walk = Walk { policy, constants: &constants, on, root, texts: texts(seed), places: Vec::new() };
        let mut steps = Vec::new();
        walk.enter(&place.ty, &seeded, &mut steps, &mut Vec::new(), (optional || evidence, evidence));
        places.extend(walk.places);
    }
    places.truncate(PLACES_MAX);
    vary(seed, &places, most)
}

fn vary(seed: &[Fact], places: &[Place], most: usize) -> Vec<Vec<Fact>> {
    let mut all = vec![seed.to_vec()];
    for place in places {
        for value in &place.values {
            if all.len() >= most {
                return all;
            }
            all.extend(with(seed, place, value));
        }
    }
    for (i, first) in places.iter().enumerate() {
        for second in &places[i + 1..] {
            for x in &first.values {
                let Some(once) = with(seed, first, x) else { continue };
                for y in &second.values {
                    if all.len() >= most {
                        return all;
                    }
                    all.extend(with(&once, second, y));
                }
            }
        }
    }
    all
}

/// The facts with one changed, if it is there to be changed.
fn with(facts: &[Fact], place: &Place, value: &Fact) -> Option<Vec<Fact>> {
    let mut facts = facts.to_vec();
    let mut at = facts.get_mut(place.root)?;
    for (i, step) in place.steps.iter().enumerate() {
        let last = i + 1 == place.steps.len();
        match step {
            Step::Field(index) => {
                let Fact::Known(Value::Group(fields)) = at else { return None };
                at = fields.get_mut(*index)?;
            }
            Step::First => {
                let Fact::Known(Value::List(items)) = at else { return None };
                let first = items.first_mut()?;
                if last {
                    let Fact::Known(value) = value else { return None };
                    *first = value.clone();
                    return Some(facts);
                }
                let Some(Step::Field(index)) = place.steps.get(i + 1) else { return None };
                let Value::Group(fields) = first else { return None };
                let rest = Place { root: 0, steps: place.steps[i + 2..].to_vec(), values: Vec::new() };
                let changed = with(std::slice::from_ref(fields.get(*index)?), &rest, value)?;
                fields[*index] = changed.into_iter().next()?;
                return Some(facts);
            }
        }
    }
    *at = value.clone();
    Some(facts)
}

/// Texts in the seed, by type, so that identifiers can agree with one another and differ.
fn texts(seed: &[Fact]) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo: Vec<&Fact> = seed.iter().rev().collect();
    while let Some(fact) = todo.pop() {
        match fact {
            Fact::Known(Value::Text(t)) if !found.contains(t) && found.len() < 4 => found.push(t.clone()),
            Fact::Known(Value::Group(fields)) => todo.extend(fields.iter().rev()),
            _ => {}
        }
    }
    found
}

struct Walk<'a> {
    policy: &'a Policy,
    constants: &'a Constants,
    on: Date,
    root: usize,
    texts: Vec<String>,
    places: Vec<Place>,
}

impl Walk<'_> {
    /// Varies a fact and what lies in it. `may` says whether it may be absent, and whether it may be unknown.
    fn enter(&mut self, ty: &Type, seeded: &Fact, steps: &mut Vec<Step>, path: &mut Vec<usize>, may: (bool, bool)) {
        if steps.len() > DEPTH_MAX * 2 || self.places.len() >= PLACES_MAX || !self.read(path) {
            return;
        }
        let known = match seeded {
            Fact::Known(value) => Some(value.clone()),
            _ => neutral(ty),
        };
        let mut values: Vec<Fact> = self.words(ty, path).into_iter().map(Fact::Known).collect();
        if may.0 {
            values.push(Fact::Absent);
            values.extend(known.clone().map(Fact::Known));
        }
        if may.1 {
            values.push(Fact::Unknown);
        }
        match (ty, &known) {
            (Type::Group(group), Some(Value::Group(fields))) => {
                for (i, field) in group.fields.iter().enumerate() {
                    steps.push(Step::Field(i));
                    path.push(i);
                    self.enter(&field.ty, &fields[i], steps, path, (field.optional, field.optional));
                    path.pop();
                    steps.pop();
                }
            }
            (Type::List { element, max }, Some(Value::List(items))) => {
                let one = items.first().cloned().or_else(|| neutral(element));
                let Some(one) = one else { return };
                for n in [0, 1, 2, *max as usize] {
                    let mut list = items.clone();
                    list.resize(n.min(*max as usize), one.clone());
                    values.push(Fact::Known(Value::List(list)));
                }
                steps.push(Step::First);
                if let (Type::Group(group), Value::Group(fields)) = (&**element, &one) {
                    for (i, field) in group.fields.iter().enumerate() {
                        steps.push(Step::Field(i));
                        path.push(i);
                        self.enter(&field.ty, &fields[i], steps, path, (field.optional, field.optional));
                        path.pop();
                        steps.pop();
                    }
                }
                steps.pop();
            }
            _ => {}
        }
        let mut kept: Vec<Fact> = Vec::new();
        for value in values {
            if !kept.contains(&value) {
                kept.push(value);
            }
        }
        self.places.push(Place { root: self.root, steps: steps.clone(), values: kept });
    }

    /// Whether the policy reads a field, or something in it.
    fn read(&self, path: &[usize]) -> bool {
        let Some(evidence) = self.policy.evidence.iter().find(|e| e.root == self.root) else { return true };
        let mut ty = Type::Group(evidence.schema.group.clone());
        let mut names: Vec<String> = Vec::new();
        for index in path {
            if let Type::List { element, .. } = ty {
                ty = *element;
            }
            let Type::Group(group) = &ty else { return false };
            let Some(field) = group.fields.get(*index) else { return false };
            names.push(field.name.clone());
            let next = field.ty.clone();
            ty = next;
        }
        path.is_empty() || self.policy.reads_field(&evidence.schema.name, &names.join("."))
    }

    /// Values of a scalar on either side of what it is compared with, and at its type's ends.
    fn words(&self, ty: &Type, path: &[usize]) -> Vec<Value> {
        let mut words: BTreeSet<i64> = BTreeSet::new();
        let (low, high) = domain(ty);
        let compared = self.constants.words.get(&(self.root, path.to_vec()));
        for w in compared.into_iter().flatten() {
            words.extend([w.saturating_sub(1), *w, w.saturating_add(1)]);
        }
        match ty {
            Type::Text { .. } | Type::Identifier(_) => {
                return self.texts.iter().map(|t| Value::Text(t.clone())).filter(|v| fits(ty, v)).collect();
            }
            Type::Group(_) | Type::List { .. } => return Vec::new(),
            Type::Boolean | Type::Enum(_) => words.extend(low..=high.min(low + VALUES_MAX as i64)),
            Type::Date => {
                let mut days = vec![self.on];
                days.extend(self.constants.months.iter().map(|n| self.on.add_months(-n)));
                days.extend(self.constants.days.iter().map(|n| self.on.add_days(-n)));
                words.extend(days.iter().flat_map(|d| [-1, 0, 1].map(|n| i64::from(d.add_days(n).days()))));
            }
            _ => words.extend([low, high, low.saturating_add(1), high.saturating_sub(1)]),
        }
        words.retain(|w| (low..=high).contains(w));
        words.into_iter().take(VALUES_MAX).filter_map(|w| value_of(ty, w)).collect()
    }
}

fn fits(ty: &Type, value: &Value) -> bool {
    guiju_runtime::schema::check_value(ty, value).is_ok()
}

/// The words of a path in its candidates, ascending: what a monotone claim walks along.
pub(super) fn along(policy: &Policy, facts: &[Fact], access: &Access) -> Vec<Fact> {
    let constants = constants(&policy.checked);
    let on = match facts.first() {
        Some(Fact::Known(Value::Date(d))) => *d,
        _ => policy.effective_from,
    };
    let Some((root, path)) = place_of(&policy.checked, access) else { return Vec::new() };
    let walk = Walk { policy, constants: &constants, on, root, texts: Vec::new(), places: Vec::new() };
    let mut values = walk.words(&access.declared_type(), &path);
    values.sort_by_key(word_of);
    values.into_iter().map(Fact::Known).collect()
}

fn place_of(policy: &typed::Policy, access: &Access) -> Option<(usize, Vec<usize>)> {
    match access.start {
        Start::AsOf => None,
        Start::Input(i) => Some((1 + i, access.fields.clone())),
        Start::Evidence(i) => Some((1 + policy.inputs.len() + i, access.fields.clone())),
        Start::Variable(_) => access.reads.as_ref().map(|(e, fields)| (1 + policy.inputs.len() + e, fields.clone())),
    }
}

fn constants(policy: &typed::Policy) -> Constants {
    let mut all = Constants::default();
    for d in &policy.definitions {
        definition(policy, d, &mut all);
    }
    for arm in policy.outcomes.iter().flat_map(|o| &o.arms) {
        arm.guard.iter().for_each(|g| expression(policy, g, &mut all));
    }
    for write in &policy.writes {
        write.fields.iter().for_each(|(_, w)| written(policy, w, &mut all));
    }
    all
}

fn definition(policy: &typed::Policy, d: &Definition, all: &mut Constants) {
    match &d.body {
        Body::Value { base, exceptions } => {
            expression(policy, base, all);
            for e in exceptions {
                expression(policy, &e.guard, all);
                expression(policy, &e.value, all);
            }
        }
        Body::Table { columns, rows, .. } => {
            for row in rows {
                expression(policy, &row.value, all);
                for (column, cell) in columns.iter().zip(&row.cells) {
                    for (low, high) in cell.iter().flatten() {
                        compared(policy, column, &[*low, *high], all);
                    }
                }
            }
        }
    }
}

fn written(policy: &typed::Policy, w: &Written, all: &mut Constants) {
    match w {
        Written::Expr(e) => expression(policy, e, all),
        Written::Absent => {}
        Written::Group(fields) => fields.iter().for_each(|(_, w)| written(policy, w, all)),
        Written::List(items) => items.iter().for_each(|w| written(policy, w, all)),
    }
}

fn expression(policy: &typed::Policy, e: &TypedExpr, all: &mut Constants) {
    let mut todo = vec![e];
    while let Some(next) = todo.pop() {
        match &next.node {
            Node::Compare(_, a, b) => {
                for (x, y) in [(a, b), (b, a)] {
                    if let Some(word) = y.word() {
                        compared(policy, x, &[word], all);
                    }
                }
            }
            Node::In(a, list) => {
                let words: Vec<i64> = list.iter().filter_map(TypedExpr::word).collect();
                compared(policy, a, &words, all);
            }
            Node::Shift(_, n, unit) => match unit {
                crate::ast::PeriodUnit::Years => drop(all.months.insert(i64::from(*n) * 12)),
                crate::ast::PeriodUnit::Months => drop(all.months.insert(i64::from(*n))),
                crate::ast::PeriodUnit::Days => drop(all.days.insert(i64::from(*n))),
            },
            _ => {}
        }
        todo.extend(next.parts());
    }
}

/// Words that an expression is compared with count for every path in it; for an age, as years back.
fn compared(policy: &typed::Policy, e: &TypedExpr, words: &[i64], all: &mut Constants) {
    let mut todo = vec![e];
    while let Some(next) = todo.pop() {
        match &next.node {
            Node::Load(access) => {
                if let Some(place) = place_of(policy, access) {
                    all.words.entry(place).or_default().extend(words);
                }
            }
            Node::Call(crate::ast::Function::AgeOn, _) => {
                all.months.extend(words.iter().filter(|w| (0..200).contains(*w)).map(|w| w * 12));
            }
            Node::Call(crate::ast::Function::DaysBetween, _) => {
                all.days.extend(words.iter().filter(|w| (-100_000..100_000).contains(*w)));
            }
            _ => todo.extend(next.parts()),
        }
    }
}
