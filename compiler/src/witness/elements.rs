//! Elements of lists, such that counts, sums and extremes come out as asked. Elements are drafted one at a time, each by a
//! proof that some element satisfies the conditions still wanted and none that are not. Bounded by [`ELEMENTS_MAX`].
//! Must not know: printing.

use super::draft::{Draft, value_of};
use super::synthetic::neutral;
use crate::ast::Quantifier;
use crate::prove::{Point, Prover, Source, Verdict};
use crate::typed::{Access, Node, Quantified, TypedExpr};
use guiju_runtime::value::{Fact, Type, Value};
use std::collections::BTreeMap;

/// Most elements drafted for one list.
const ELEMENTS_MAX: usize = 64;

/// How many elements shall satisfy a condition, or fail it.
struct Target {
    condition: Option<TypedExpr>,
    satisfied: bool,
    left: i64,
}

/// A value that the next elements shall have.
struct Valued {
    value: TypedExpr,
    condition: Option<TypedExpr>,
    words: Vec<i64>,
}

/// What one list shall hold.
struct Wanted {
    list: Access,
    depth: u8,
    targets: Vec<Target>,
    valued: Vec<Valued>,
}

impl Draft<'_> {
    /// Fills every list that the point speaks of.
    pub(super) fn fill_lists(&mut self, point: &Point) -> Option<()> {
        let mut lists: BTreeMap<String, Wanted> = BTreeMap::new();
        for (source, _, word) in &point.words {
            match source {
                Source::Count(q, satisfied) => wanted(&mut lists, q).targets.push(Target {
                    condition: q.condition.clone(),
                    satisfied: *satisfied,
                    left: *word,
                }),
                Source::Opaque(e) => {
                    if let Node::Quantified(q) = &e.node {
                        let valued = values(q, *word)?;
                        wanted(&mut lists, q).valued.push(valued);
                    }
                }
                _ => {}
            }
        }
        lists.into_values().try_for_each(|w| self.fill(w))
    }

    fn fill(&mut self, mut wanted: Wanted) -> Option<()> {
        let Type::List { element, max } = wanted.list.declared_type() else { return None };
        let mut made = Vec::new();
        for valued in std::mem::take(&mut wanted.valued) {
            for word in valued.words {
                let guard: Vec<(&TypedExpr, bool)> = valued.condition.iter().map(|c| (c, true)).collect();
                made.push(self.element(&element, &wanted, &guard, Some((&valued.value, word)))?);
            }
        }
        while let Some(next) = wanted.targets.iter().position(|t| t.left > 0) {
            if made.len() >= ELEMENTS_MAX.min(max as usize) {
                return None;
            }
            made.push(self.counted(&element, &mut wanted, next)?);
        }
        *self.slot(&wanted.list, wanted.list.fields.len())? = Fact::Known(Value::List(made));
        Some(())
    }

    /// An element for target `next`, and for as many others still wanted as it can.
    fn counted(&mut self, element: &Type, wanted: &mut Wanted, next: usize) -> Option<Value> {
        let mut chosen: Vec<usize> = vec![next];
        let others: Vec<usize> =
            (0..wanted.targets.len()).filter(|i| *i != next && wanted.targets[*i].left > 0).collect();
        for other in others.into_iter().map(Some).chain([None]) {
            let mut trial = chosen.clone();
            trial.extend(other);
            let Some(guards) = guards(&wanted.targets, &trial, other.is_none()) else { continue };
            if other.is_none() {
                let value = self.element(element, wanted, &guards, None)?;
                for i in chosen {
                    wanted.targets[i].left -= 1;
                }
                return Some(value);
            }
            if self.possible(&guards).is_some() {
                chosen = trial;
            }
        }
        None
    }

    fn possible(&self, guards: &[(&TypedExpr, bool)]) -> Option<Point> {
        self.having(guards, &[])
    }

    /// What an element must be to satisfy the guards and have the values.
    fn having(&self, guards: &[(&TypedExpr, bool)], values: &[(&TypedExpr, i64)]) -> Option<Point> {
        let mut prover = Prover::within(&self.policy.checked, self.left.get());
        let verdict = prover.pinned(guards, values, &|s| self.pin(s));
        self.left.set(self.left.get() - prover.taken());
        match verdict {
            Verdict::Possible(point) => Some(point),
            _ => None,
        }
    }

    /// One element that satisfies the guards and, if asked, has a value.
    fn element(
        &mut self,
        element: &Type,
        wanted: &Wanted,
        guards: &[(&TypedExpr, bool)],
        value: Option<(&TypedExpr, i64)>,
    ) -> Option<Value> {
        self.elements.truncate(usize::from(wanted.depth));
        self.elements.push((element.clone(), Fact::Known(neutral(element)?)));
        let pairs: Vec<(&TypedExpr, i64)> = value.into_iter().collect();
        let point = self.having(guards, &pairs)?;
        self.apply(&point)?;
        self.elements.truncate(usize::from(wanted.depth) + 1);
        match self.elements.pop() {
            Some((_, Fact::Known(value))) => Some(value),
            _ => None,
        }
    }
}

fn wanted<'m>(lists: &'m mut BTreeMap<String, Wanted>, q: &Quantified) -> &'m mut Wanted {
    lists.entry(q.list.path.clone()).or_insert_with(|| Wanted {
        list: q.list.clone(),
        depth: q.depth,
        targets: Vec::new(),
        valued: Vec::new(),
    })
}

/// The guards of an element: those chosen are met, and those of which no more are wanted are not. Two targets with
/// opposite sides of one condition leave nothing.
fn guards<'t>(targets: &'t [Target], chosen: &[usize], _last: bool) -> Option<Vec<(&'t TypedExpr, bool)>> {
    let mut guards = Vec::new();
    for (i, t) in targets.iter().enumerate() {
        let meets = chosen.contains(&i);
        match &t.condition {
            Some(c) if meets => guards.push((c, t.satisfied)),
            Some(c) if t.left <= 0 => guards.push((c, !t.satisfied)),
            // Every element counts, so one more than wanted cannot be.
            None if !meets && t.left <= 0 => return None,
            _ => {}
        }
    }
    Some(guards)
}

/// The words that elements shall have so that an aggregate comes out as asked.
fn values(q: &Quantified, word: i64) -> Option<Valued> {
    let value = q.value.clone()?;
    let (_, high) = match &value.node {
        Node::Load(access) => crate::typed::domain(&access.declared_type()),
        _ => (i64::MIN, i64::MAX),
    };
    let words = match q.quantifier {
        Quantifier::Sum => {
            let mut left = word;
            let mut all = Vec::new();
            while left != 0 && all.len() < ELEMENTS_MAX {
                let part = left.min(high);
                if part == 0 {
                    return None;
                }
                all.push(part);
                left -= part;
            }
            all
        }
        Quantifier::Max | Quantifier::Min => {
            let empty = q.empty.as_ref().and_then(TypedExpr::word);
            if empty == Some(word) { Vec::new() } else { vec![word] }
        }
        Quantifier::CountDistinct => (0..word.clamp(0, ELEMENTS_MAX as i64)).collect(),
        _ => return None,
    };
    let typed = match &value.node {
        Node::Load(access) => words.iter().all(|w| value_of(&access.declared_type(), *w).is_some()),
        _ => true,
    };
    (typed || words.is_empty()).then_some(Valued { value, condition: q.condition.clone(), words })
}
