//! Decision tables as diagrams, hit policy by hit policy. Invariant: says of known values what the lowered table says.
//! Must not know: how tables are proved complete.

use super::Cells;
use super::diagram::{Leaf, NodeId, Spent, Store};
use super::open::{Built, Opener, Pairing};
use crate::ast::HitWord;
use crate::typed::{Mapping, TableRow, TypedExpr, domain};
use guiju_runtime::value::Type;
use std::collections::BTreeMap;

impl Opener<'_> {
    /// The result of a table whose rows (or whose `empty`) cover everything.
    pub(super) fn table(
        &mut self,
        hit: HitWord,
        columns: &[TypedExpr],
        rows: &[TableRow],
        empty: Option<&TypedExpr>,
        ty: &Type,
    ) -> Built {
        let mut tested = Vec::new();
        for c in columns {
            tested.push(self.value(c)?);
        }
        let mut result = None;
        // From the last row, so that the first that holds has the last word.
        for row in rows.iter().rev() {
            let value = self.value(&row.value)?;
            let guard = self.row(&tested, &row.cells)?;
            let rest = match result {
                Some(rest) => rest,
                // The rows cover everything: when no other holds, the last does.
                None if !hit.collects() => value,
                None => self.store.leaf(Leaf::word(none_of(hit, ty))),
            };
            result = Some(match hit {
                HitWord::Unique | HitWord::Any | HitWord::Ordered => self.store.choose(guard, value, rest)?,
                HitWord::Sum | HitWord::Count => {
                    let nothing = self.store.leaf(Leaf::word(0));
                    let part = self.store.choose(guard, value, nothing)?;
                    self.pair(Pairing::Add, rest, part)?
                }
                HitWord::Min | HitWord::Max => {
                    let (less, more) = if hit == HitWord::Max { (rest, value) } else { (value, rest) };
                    let better = self.pair(Pairing::Less, less, more)?;
                    let takes = self.store.and(guard, better)?;
                    self.store.choose(takes, value, rest)?
                }
            });
        }
        let collected = match result {
            Some(result) => result,
            None => self.store.leaf(Leaf::word(none_of(hit, ty))),
        };
        let Some(empty) = empty else { return Ok(collected) };
        let mut any = Store::FALSE;
        for row in rows {
            let guard = self.row(&tested, &row.cells)?;
            any = self.store.or(any, guard)?;
        }
        let empty = self.value(empty)?;
        self.store.choose(any, collected, empty)
    }

    /// A code turned into one of another list: a choice among the codes that become the same.
    pub(super) fn converted(&mut self, code: &TypedExpr, mapping: &Mapping) -> Built {
        let code = self.value(code)?;
        let mut sources: BTreeMap<u16, Vec<(i64, i64)>> = BTreeMap::new();
        for (word, target) in (0i64..).zip(&mapping.targets) {
            sources.entry(*target).or_default().push((word, word));
        }
        let mut result = None;
        for (target, words) in sources {
            let target = self.store.leaf(Leaf::word(i64::from(target)));
            result = Some(match result {
                None => target,
                Some(rest) => {
                    let guard = self.row(&[code], &[Some(words)])?;
                    self.store.choose(guard, target, rest)?
                }
            });
        }
        result.ok_or(Spent)
    }

    /// Where all cells of a row let their column's value through.
    pub(super) fn row(&mut self, columns: &[NodeId], cells: &Cells) -> Built {
        let mut guard = Store::TRUE;
        for (column, cell) in columns.iter().zip(cells) {
            let Some(parts) = cell else { continue };
            let mut any = Store::FALSE;
            for &(low, high) in parts {
                let (least, most) = (self.store.leaf(Leaf::word(low)), self.store.leaf(Leaf::word(high)));
                let above = self.pair(Pairing::AtMost, least, *column)?;
                let below = self.pair(Pairing::AtMost, *column, most)?;
                let both = self.store.and(above, below)?;
                any = self.store.or(any, both)?;
            }
            guard = self.store.and(guard, any)?;
        }
        Ok(guard)
    }
}

/// What is collected before any row: nothing, or the worst that the type has.
fn none_of(hit: HitWord, ty: &Type) -> i64 {
    let (low, high) = domain(ty);
    match hit {
        HitWord::Max => low,
        HitWord::Min => high,
        _ => 0,
    }
}
