//! What the answers of a policy rest on. Diagrams are reduced, so that a term that none of them tests makes no difference
//! on any input that is wholly known. Invariant: what is left out matters to no arm of any outcome; what is in may still
//! not matter, where a term was not opened. Must not know: what is done about it.

use super::diagram::{Leaf, Spent};
use super::open::Opener;
use super::term::Source;
use super::{Prover, TermId};
use crate::typed::{Reads, TypedExpr};

impl Prover<'_> {
    /// What the arms of all outcomes rest on; `None` if it cannot be told.
    pub(crate) fn matters(&mut self) -> Option<Reads> {
        let outcomes = self.opener.policy.outcomes.len();
        let mut all = Reads::default();
        for outcome in 0..outcomes {
            if !self.counted(|o| o.matters(outcome, &mut all)).ok()? {
                return None;
            }
        }
        Some(all)
    }
}

impl Opener<'_> {
    /// Adds what the choice among the arms of an outcome rests on; whether that can be told.
    fn matters(&mut self, outcome: usize, all: &mut Reads) -> Result<bool, Spent> {
        let policy = self.policy;
        let arms = &policy.outcomes[outcome].arms;
        let mut rest = self.store.leaf(Leaf::word(-1));
        for (i, arm) in arms.iter().enumerate().rev() {
            // Two arms with one value may still give two reasons.
            let here = self.store.leaf(Leaf::word(i as i64));
            rest = match &arm.guard {
                None => here,
                Some(guard) => {
                    let guard = self.open(guard)?;
                    self.store.choose(guard, here, rest)?
                }
            };
        }
        for v in self.store.support(rest) {
            let (term, other) = self.variables[v.0 as usize];
            for term in std::iter::once(term).chain(other) {
                if !self.reads_of(term, all) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn reads_of(&self, term: TermId, all: &mut Reads) -> bool {
        let definitions = &self.policy.definitions;
        match &self.terms.get(term).source {
            Source::Path(e) | Source::Opaque(e) => all.add(e, definitions),
            Source::Presence(access, fields) => {
                let mut part = access.clone();
                part.fields.truncate(*fields);
                let beyond = access.fields.len() - part.fields.len();
                if let Some((_, path)) = &mut part.reads {
                    path.truncate(path.len() - beyond);
                }
                all.place(&part);
            }
            Source::Count(q, _) => {
                all.place(&q.list);
                let parts = [&q.value, &q.condition, &q.empty];
                parts.into_iter().flatten().for_each(|e: &TypedExpr| all.add(e, definitions));
            }
            // A form of several terms, of which only the text is kept.
            Source::Form => return false,
        }
        true
    }
}
