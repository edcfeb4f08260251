//! A way through a diagram that whole numbers can take. Owns the choice of ordinary words for it.
//! Invariant: words it returns lead to true and satisfy every bound known of the terms; "none" means that no words do.
//! Must not know: how diagrams came about.

use super::diagram::{NodeId, Spent, Store, TermId, VarId};
use super::open::Opener;
use super::order::Bounds;
use super::term::Source;
use crate::typed::TypedExpr;
use guiju_runtime::value::Type;
use std::collections::{BTreeMap, BTreeSet};

/// One variable's interval on the way.
type Way = Vec<(VarId, i64, i64)>;

/// Where linked terms stand in the matrix, from 1.
type Places = BTreeMap<TermId, usize>;

impl Opener<'_> {
    /// Words of the terms tested on one way to true.
    pub(super) fn solve(&mut self, node: NodeId) -> Result<Option<BTreeMap<TermId, i64>>, Spent> {
        let support = self.store.support(node);
        let mut terms: BTreeSet<TermId> = BTreeSet::new();
        let mut linked: BTreeSet<TermId> = BTreeSet::new();
        for v in &support {
            let (term, other) = self.variables[v.0 as usize];
            terms.insert(term);
            if let Some(other) = other {
                terms.insert(other);
                linked.extend([term, other]);
            }
        }
        let laws = self.terms.laws(&terms);
        linked.extend(laws.iter().flat_map(|(a, b, _)| [*a, *b]));
        let places: Places = linked.iter().enumerate().map(|(i, t)| (*t, i + 1)).collect();
        let mut bounds = Bounds::new(places.len());
        let mut good = true;
        for (term, at) in &places {
            let t = self.terms.get(*term);
            good &= bounds.between(*at, 0, t.low, t.high);
        }
        for (a, b, most) in laws {
            good &= bounds.add(places[&a], places[&b], most);
        }
        if !good {
            return Ok(None);
        }
        let mut way = Way::new();
        match self.walk(node, &places, bounds, &mut way)? {
            Some(bounds) => Ok(Some(self.words(&way, &places, bounds))),
            None => Ok(None),
        }
    }

    fn walk(&mut self, node: NodeId, places: &Places, bounds: Bounds, way: &mut Way) -> Result<Option<Bounds>, Spent> {
        self.store.step()?;
        let Some((variable, mut edges)) = self.store.branch(node) else {
            return Ok((node == Store::TRUE).then_some(bounds));
        };
        let (term, other) = self.variables[variable.0 as usize];
        if matches!(self.terms.get(term).source, Source::Presence(..)) {
            // What is there makes the plainer case.
            edges.reverse();
        }
        for (low, high, child) in edges.into_iter().filter(|(_, _, c)| *c != Store::FALSE) {
            let mut next = bounds.clone();
            let fits = match (places.get(&term), other.and_then(|o| places.get(&o))) {
                (Some(at), Some(of)) => next.between(*at, *of, low, high),
                (Some(at), None) => next.between(*at, 0, low, high),
                _ => true,
            };
            if !fits {
                continue;
            }
            way.push((variable, low, high));
            if let Some(found) = self.walk(child, places, next, way)? {
                return Ok(Some(found));
            }
            way.pop();
        }
        Ok(None)
    }

    /// Ordinary words on the way found.
    fn words(&self, way: &Way, places: &Places, mut bounds: Bounds) -> BTreeMap<TermId, i64> {
        let mut words = BTreeMap::new();
        for (variable, low, high) in way {
            let (term, other) = self.variables[variable.0 as usize];
            if other.is_none() && !places.contains_key(&term) {
                words.insert(term, self.ordinary(term).clamp(*low, *high));
            }
        }
        for (term, at) in places {
            let (low, high) = bounds.range(*at);
            let word = self.ordinary(*term).clamp(low, high);
            bounds.between(*at, 0, word, word);
            words.insert(*term, word);
        }
        words
    }

    /// The word a person would think of first.
    fn ordinary(&self, term: TermId) -> i64 {
        let ty = |e: &TypedExpr| e.ty.clone();
        let source = &self.terms.get(term).source;
        match source {
            Source::Path(e) | Source::Opaque(e) => match ty(e) {
                Type::Date => i64::from(self.policy.effective_from.days()),
                Type::Month => {
                    let (y, m, _) = self.policy.effective_from.civil();
                    i64::from(y) * 12 + i64::from(m) - 1
                }
                // A text of its own, so that two texts differ unless they must be equal.
                Type::Text { .. } | Type::Identifier(_) => 1_000_000 + i64::from(term.0),
                _ => 0,
            },
            Source::Presence(..) => 1,
            Source::Count(..) | Source::Form => 0,
        }
    }
}
