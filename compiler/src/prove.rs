//! Exact answers about guards: whether some can hold at once, and on which input. Guards become decision diagrams
//! (`prove/diagram.rs`) over terms (`prove/term.rs`); definitions, exceptions, tables and choices are opened
//! (`prove/open.rs`); differences of terms are reconciled over whole numbers (`prove/order.rs`, `prove/search.rs`).
//!
//! *Sound.* `Impossible` is always right: no input makes the guards so. Nothing is assumed of what was not opened except
//! laws that hold on every input (a shifted date lies on its side of the date; a narrower count is no greater).
//! *Exact.* A `Possible` point with `exact` is an input: every term on it is a path from a root (a value, or whether it is
//! there), and such paths vary freely of one another within their types, with `基准日` inside the version's interval. Not
//! exact is a point that speaks of counts and other loops, ages, shifted dates, products or sums of two terms: it may ask
//! for words that no list or no date has together. Evidence bindings count as independent even if they could be one record.
//! *Spent.* Work is counted; a question that takes more than [`QUERY_STEPS_MAX`] steps, or comes after a policy has used
//! [`POLICY_STEPS_MAX`], is not answered, on every machine alike. A definition that takes more than
//! [`DEFINITION_STEPS_MAX`] is not opened, which is sound.
//!
//! Unknown evidence is not an input here: questions are about inputs that are wholly known. The value at a path that is
//! absent counts as any word, which is right because the checker proves that no result depends on it.
//! Must not know: what the guards guard, diagnostics.

mod claims;
mod diagram;
mod matters;
mod open;
mod order;
mod scaled;
mod search;
mod table;
mod term;

pub(crate) use claims::Slope;
use diagram::TermId;
pub(crate) use diagram::{NodeId, Spent};
pub(crate) use term::Source;

use crate::typed::{Definition, Exception, Policy, TypedExpr};
use diagram::Store;
use open::Opener;

/// Most steps of one question.
pub(crate) const QUERY_STEPS_MAX: u64 = 60_000;
/// Most steps to open one definition.
pub(crate) const DEFINITION_STEPS_MAX: u64 = 40_000;
/// Most steps of all questions about one policy.
pub(crate) const POLICY_STEPS_MAX: u64 = 1_500_000;
/// Most variables of one policy; the depth of recursion over diagrams.
const VARIABLES_MAX: usize = 1024;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// No input does.
    Impossible,
    /// An input may.
    Possible(Point),
    /// The counted budget does not suffice.
    Spent,
}

/// What terms must be.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// Each term with its word, in the order they were met.
    pub(crate) words: Vec<(Source, String, i64)>,
    /// Texts by their numbers; other numbers stand for texts of their own.
    pub(crate) texts: Vec<String>,
    /// Whether the point is an input.
    pub(crate) exact: bool,
}

impl Point {
    /// The text that a number stands for.
    pub(crate) fn text(&self, word: i64) -> Option<&str> {
        usize::try_from(word).ok().and_then(|i| self.texts.get(i)).map(String::as_str)
    }
}

/// What a term already is.
#[derive(Clone, Debug)]
pub(crate) enum Pin {
    /// This word.
    Word(i64),
    /// This text.
    Text(String),
}

/// The words that the cells of a row let through, by column; `None`: any.
pub(crate) type Cells = [Option<Vec<(i64, i64)>>];

/// Answers questions about the guards of one policy.
pub(crate) struct Prover<'a> {
    opener: Opener<'a>,
    left: u64,
    granted: u64,
}

impl<'a> Prover<'a> {
    /// A prover for one policy.
    pub(crate) fn new(policy: &'a Policy) -> Self {
        Self::within(policy, POLICY_STEPS_MAX)
    }

    /// A prover for one policy that takes at most so many steps in all.
    pub(crate) fn within(policy: &'a Policy, steps: u64) -> Self {
        let granted = steps.min(POLICY_STEPS_MAX);
        Self { opener: Opener::new(policy), left: granted, granted }
    }

    /// Steps taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.granted - self.left
    }

    /// Whether all of these rows of a table can let one input through, and none of those.
    pub(crate) fn rows(&mut self, columns: &[TypedExpr], all: &[&Cells], none: &[&Cells]) -> Verdict {
        self.question(|o| {
            let mut tested = Vec::new();
            for column in columns {
                tested.push(o.open(column)?);
            }
            let mut meeting = Store::TRUE;
            for (cells, truth) in all.iter().map(|c| (c, true)).chain(none.iter().map(|c| (c, false))) {
                let row = o.row(&tested, cells)?;
                let row = if truth { row } else { o.store.not(row)? };
                meeting = o.store.and(meeting, row)?;
            }
            Ok(meeting)
        })
    }

    /// Whether all of these (guard, truth) and (expression, word) can be so at once while terms are what they are pinned to.
    pub(crate) fn pinned(
        &mut self,
        guards: &[(&TypedExpr, bool)],
        words: &[(&TypedExpr, i64)],
        pin: &dyn Fn(&Source) -> Option<Pin>,
    ) -> Verdict {
        self.question(|o| {
            let mut all = Store::TRUE;
            for (guard, truth) in guards {
                let guard = o.open(guard)?;
                let guard = if *truth { guard } else { o.store.not(guard)? };
                all = o.store.and(all, guard)?;
            }
            for (e, word) in words {
                let here = o.equals(e, *word)?;
                all = o.store.and(all, here)?;
            }
            o.pin(all, pin)
        })
    }

    /// The diagram of a guard.
    pub(crate) fn diagram(&mut self, guard: &TypedExpr) -> Result<NodeId, Spent> {
        self.counted(|o| o.open(guard))
    }

    /// The diagram of where an exception and all it is an exception to apply.
    pub(crate) fn applies(&mut self, exceptions: &[Exception], k: usize) -> Result<NodeId, Spent> {
        self.counted(|o| o.applies(exceptions, k))
    }

    /// The diagram of where two exceptions of a definition have different consequences, each with its own exceptions.
    pub(crate) fn consequences_differ(
        &mut self,
        definition: &Definition,
        (i, j): (usize, usize),
    ) -> Result<NodeId, Spent> {
        self.counted(|o| o.consequences_differ(definition, i, j))
    }

    /// The diagram of a boolean definition.
    pub(crate) fn definition(&mut self, index: usize) -> Result<NodeId, Spent> {
        self.counted(|o| o.definition(index))
    }

    /// All of some diagrams.
    pub(crate) fn all(&mut self, parts: &[(NodeId, bool)]) -> Result<NodeId, Spent> {
        self.counted(|o| {
            let mut all = Store::TRUE;
            for (part, truth) in parts {
                let part = if *truth { *part } else { o.store.not(*part)? };
                all = o.store.and(all, part)?;
            }
            Ok(all)
        })
    }

    /// Whether a diagram can be true.
    pub(crate) fn holds_somewhere(&mut self, node: Result<NodeId, Spent>) -> Verdict {
        self.question(|_| node)
    }

    fn question(&mut self, ask: impl FnOnce(&mut Opener<'a>) -> Result<NodeId, Spent>) -> Verdict {
        let answer = self.counted(|o| {
            let node = ask(o)?;
            o.solve(node)
        });
        match answer {
            Err(Spent) => Verdict::Spent,
            Ok(None) => Verdict::Impossible,
            Ok(Some(found)) => {
                let terms = &self.opener.terms;
                Verdict::Possible(Point {
                    exact: found.keys().all(|t| terms.get(*t).independent()),
                    words: found
                        .iter()
                        .map(|(t, w)| (terms.get(*t).source.clone(), terms.get(*t).key.clone(), *w))
                        .collect(),
                    texts: self.opener.texts.clone(),
                })
            }
        }
    }

    fn counted<T>(&mut self, work: impl FnOnce(&mut Opener<'a>) -> Result<T, Spent>) -> Result<T, Spent> {
        let grant = self.left.min(QUERY_STEPS_MAX);
        self.opener.store.allow(grant);
        let done = work(&mut self.opener);
        let unused = self.opener.store.allow(0);
        self.left -= grant - unused;
        done
    }
}
