//! Tests of numbers that were given more digits to be compared with a finer constant. Invariant: as in `open`.
//! Must not know: what the guards guard.

use super::open::{Built, Opener};
use crate::ast::Compare;
use crate::check::facts::mirror;
use crate::typed::{Node, TypedExpr};

impl Opener<'_> {
    /// The diagram of a comparison.
    pub(super) fn comparison(&mut self, op: Compare, a: &TypedExpr, b: &TypedExpr) -> Built {
        match (&a.node, a.word(), &b.node, b.word()) {
            (Node::Scale(..), _, _, Some(word)) => self.compare_scaled(op, a, word),
            (_, Some(word), Node::Scale(..), _) => self.compare_scaled(mirror(op), b, word),
            _ => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.compare(op, a, b)
            }
        }
    }

    /// A number with added digits against a word: a test of the number itself, so that tests of it at other scales meet.
    fn compare_scaled(&mut self, op: Compare, scaled: &TypedExpr, word: i64) -> Built {
        let (below, above) = ((i64::MIN, word.saturating_sub(1)), (word.saturating_add(1), i64::MAX));
        let parts = match op {
            Compare::Equal => vec![(word, word)],
            Compare::NotEqual => vec![below, above],
            Compare::Less => vec![below],
            Compare::AtMost => vec![(i64::MIN, word)],
            Compare::Greater => vec![above],
            Compare::AtLeast => vec![(word, i64::MAX)],
        };
        let plain = self.value(scaled.unscaled((0, 0)).0)?;
        let words = parts.into_iter().map(|part| scaled.unscaled(part).1).filter(|(low, high)| low <= high).collect();
        self.row(&[plain], &[Some(words)])
    }
}
