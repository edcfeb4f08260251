//! Claims about a whole outcome: that it has a value wherever, or nowhere that, a condition holds; that it never falls or
//! never rises along a path. A claim is refuted by a point, proved if there is none.
//! Must not know: how claims are written, engines.

use super::diagram::{Leaf, NodeId, Spent, Store};
use super::open::Opener;
use super::term::Source;
use super::{Point, Prover, Verdict};
use crate::typed::{Node, TypedExpr};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a claim that an outcome is monotone.
pub(crate) enum Slope {
    /// It is.
    Proved,
    /// It is not, if the point is an input: between these two neighbouring words of the path.
    Refuted(Point, (i64, i64)),
    /// Not decided.
    Open,
}

impl Prover<'_> {
    /// Whether an outcome can be, or fail to be, a value where a boolean definition holds.
    pub(crate) fn answers(&mut self, condition: Option<usize>, outcome: usize, value: usize, is: bool) -> Verdict {
        self.question(|o| {
            let answer = o.answer(outcome)?;
            let value = o.store.leaf(Leaf::word(value as i64));
            let same = o.same(answer, value)?;
            let wanted = if is { same } else { o.store.not(same)? };
            match condition {
                None => Ok(wanted),
                Some(index) => {
                    let condition = o.definition(index)?;
                    o.store.and(condition, wanted)
                }
            }
        })
    }

    /// Whether an outcome never falls (or never rises) as the value at a path does. Values rank as declared, the first
    /// highest. The answer is left open where other terms move with the path.
    pub(crate) fn slope(&mut self, outcome: usize, along: &TypedExpr, falling: bool) -> Slope {
        let cells = match self.counted(|o| o.cells(outcome, along)) {
            Ok(Some(cells)) => cells,
            Ok(None) | Err(Spent) => return Slope::Open,
        };
        for pair in cells.windows(2) {
            // Neighbouring words across the cut make the plainest counterexample.
            let (low, high) = (pair[0].0, pair[0].0.saturating_add(1));
            let verdict = self.question(|o| {
                let bad = o.worse(pair[0].1, pair[1].1, falling)?;
                let there = o.there_at(along)?;
                o.store.and(bad, there)
            });
            match verdict {
                Verdict::Impossible => {}
                Verdict::Possible(point) => return Slope::Refuted(point, (low, high)),
                Verdict::Spent => return Slope::Open,
            }
        }
        Slope::Proved
    }
}

impl Opener<'_> {
    /// The diagram of an outcome: the value of the first arm that holds, -1 if none does.
    fn answer(&mut self, outcome: usize) -> Result<NodeId, Spent> {
        let policy = self.policy;
        let outcome = &policy.outcomes[outcome];
        let mut rest = self.store.leaf(Leaf::word(-1));
        for arm in outcome.arms.iter().rev() {
            let value = self.store.leaf(Leaf::word(arm.value as i64));
            rest = match &arm.guard {
                None => value,
                Some(guard) => {
                    let guard = self.open(guard)?;
                    self.store.choose(guard, value, rest)?
                }
            };
        }
        Ok(rest)
    }

    /// For each cell of a path's line, its last word and the outcome's diagram there. `None`: another term moves with the
    /// path.
    fn cells(&mut self, outcome: usize, along: &TypedExpr) -> Result<Option<Vec<(i64, NodeId)>>, Spent> {
        let answer = self.answer(outcome)?;
        let Node::Load(access) = &along.node else { return Ok(None) };
        let mut variable = None;
        for v in self.store.support(answer) {
            let (term, other) = self.variables[v.0 as usize];
            for t in std::iter::once(term).chain(other) {
                let found = self.terms.get(t);
                let itself = found.key == along.canonical();
                if itself && other.is_none() {
                    variable = Some(v);
                } else if itself
                    || (found.key.contains(&access.path)
                        && !matches!(found.source, Source::Path(_) | Source::Presence(..)))
                {
                    return Ok(None);
                }
            }
        }
        // An outcome that never looks at the path is level along it.
        let Some(variable) = variable else { return Ok(Some(Vec::new())) };
        let ends: BTreeSet<i64> = self.store.cuts(answer, variable);
        let mut cells: Vec<(i64, NodeId)> = Vec::new();
        for end in ends {
            let node = self.store.restrict(answer, variable, end, &mut BTreeMap::new())?;
            cells.push((end, node));
        }
        Ok(Some(cells))
    }

    /// Where the second diagram's value ranks below (or above, if it shall fall) the first's.
    fn worse(&mut self, first: NodeId, second: NodeId, falling: bool) -> Result<NodeId, Spent> {
        // The first declared ranks highest, so a greater index is a lower rank.
        if falling { self.less(second, first) } else { self.less(first, second) }
    }

    /// Where the value at a path is there.
    fn there_at(&mut self, along: &TypedExpr) -> Result<NodeId, Spent> {
        match &along.node {
            Node::Load(access) => self.presence(access),
            _ => Ok(Store::TRUE),
        }
    }
}
