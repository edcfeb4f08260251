//! Lowering of decision tables: a traced guard a row, then the result by hit policy.
//! Invariant: a result is known only if it is the same whatever the columns that are not known turn out to be. Must not
//! know: how tables are proved.

use super::expr::any_of;
use super::{LowerFault, Lowering, kind_of};
use crate::ast::{ClassWord, HitWord};
use crate::check::flow::Flow;
use crate::ir::{Binary, Expr, Kind, StepId};
use crate::package::{GuardInfo, PointKind, RuleInfo};
use crate::typed::{Definition, TableRow, TypedExpr, domain};
use guiju_runtime::value::Type;
use std::cmp::Reverse;

/// A table. One that is not complete belongs to a policy that is refused, and is run only to show the gap.
pub(super) struct Table<'a> {
    pub(super) d: &'a Definition,
    pub(super) columns: &'a [TypedExpr],
    pub(super) rows: &'a [TableRow],
    pub(super) hit: HitWord,
    pub(super) empty: Option<&'a TypedExpr>,
    pub(super) complete: bool,
}

fn select(kind: Kind, guard: Expr, then: Expr, other: Expr) -> Expr {
    Expr::Select(kind, Box::new(guard), Box::new(then), Box::new(other))
}

fn guard_of(step: StepId) -> Expr {
    Expr::Step(Kind::Boolean, step)
}

impl Lowering {
    /// The step that holds the table's result.
    pub(super) fn table(&mut self, table: &Table<'_>, flow: &Flow, info: &mut RuleInfo) -> Result<StepId, LowerFault> {
        let guards = self.row_guards(table, flow, info)?;
        match table.hit {
            // Of a table with a gap it only matters where no row holds.
            _ if !table.complete => self.first_of(table, &guards),
            HitWord::Unique | HitWord::Any | HitWord::Ordered => self.first_of(table, &guards),
            HitWord::Sum | HitWord::Count => {
                let total = self.sum_of(table, &guards)?;
                self.or_empty(table, &guards, total)
            }
            HitWord::Min | HitWord::Max => {
                let best = self.best_of(table, &guards)?;
                self.or_empty(table, &guards, best)
            }
        }
    }

    fn row_value(&mut self, table: &Table<'_>, row: &TableRow) -> Result<StepId, LowerFault> {
        let value = self.expr(&row.value)?;
        Ok(self.step(format!("{} 值", table.d.name), kind_of(&table.d.ty), value, None))
    }

    fn row_guards(&mut self, table: &Table<'_>, flow: &Flow, info: &mut RuleInfo) -> Result<Vec<StepId>, LowerFault> {
        let Table { d, columns, rows, .. } = table;
        let mut column_steps = Vec::new();
        let mut class = ClassWord::Public;
        for c in *columns {
            class = class.max(flow.expr(c).class());
            let expr = self.expr(c)?;
            column_steps.push(self.step(format!("{}·{}", d.name, c.canonical()), kind_of(&c.ty), expr, None));
        }
        let mut guards = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            let mut guard: Option<Expr> = None;
            for ((cell, c), step) in row.cells.iter().zip(*columns).zip(&column_steps) {
                let Some(parts) = cell else { continue };
                let test = self.cell(parts, &c.ty, *step)?;
                guard = Some(match guard {
                    None => test,
                    Some(g) => Expr::And(Box::new(g), Box::new(test)),
                });
            }
            let citation = row.citation.clone().or_else(|| d.citation.clone());
            let point = self.point(PointKind::Row, &d.name, (i + 1).to_string(), citation, class, row.span);
            info.guards.push(GuardInfo { trace: point, parent: None });
            let guard = guard.unwrap_or(Expr::Const(Kind::Boolean, 1));
            guards.push(self.step(format!("{}·{}", d.name, i + 1), Kind::Boolean, guard, Some(point)));
        }
        Ok(guards)
    }

    /// The value of the first row that holds.
    fn first_of(&mut self, table: &Table<'_>, guards: &[StepId]) -> Result<StepId, LowerFault> {
        let kind = kind_of(&table.d.ty);
        let mut result = match table.complete {
            true => None,
            false => Some(self.step(table.d.name.clone(), kind, Expr::Unknown(kind), None)),
        };
        for (guard, row) in guards.iter().zip(table.rows).rev() {
            let value = self.row_value(table, row)?;
            result = Some(match result {
                // The rows cover everything: when no other holds, the last does.
                None => value,
                Some(rest) => {
                    let chosen = select(kind, guard_of(*guard), Expr::Step(kind, value), Expr::Step(kind, rest));
                    self.step(table.d.name.clone(), kind, chosen, None)
                }
            });
        }
        result.ok_or_else(|| LowerFault::Internal("a table without rows".into()))
    }

    /// The sum of the values of all rows that hold. A row that is not known to hold adds what is not known, unless it adds 0.
    fn sum_of(&mut self, table: &Table<'_>, guards: &[StepId]) -> Result<StepId, LowerFault> {
        let kind = kind_of(&table.d.ty);
        let mut total = Expr::Const(kind, 0);
        for (guard, row) in guards.iter().zip(table.rows) {
            self.count()?;
            let value = self.expr(&row.value)?;
            let part = select(kind, guard_of(*guard), value, Expr::Const(kind, 0));
            let sum = Expr::Binary(Binary::Add, Box::new(total), Box::new(part));
            total = Expr::Step(kind, self.step(table.d.name.clone(), kind, sum, None));
        }
        Ok(match total {
            Expr::Step(_, step) => step,
            nothing => self.step(table.d.name.clone(), kind, nothing, None),
        })
    }

    /// The greatest or least value of all rows that hold; the worst value of the type if none does. Constants go first, the
    /// best of them foremost: a row that is not known to hold then matters only if no better one holds.
    fn best_of(&mut self, table: &Table<'_>, guards: &[StepId]) -> Result<StepId, LowerFault> {
        let kind = kind_of(&table.d.ty);
        let (low, high) = domain(&table.d.ty);
        let greatest = table.hit == HitWord::Max;
        let mut order: Vec<usize> = (0..table.rows.len()).collect();
        order.sort_by_key(|i| match table.rows[*i].value.word() {
            Some(word) => (0, Reverse(if greatest { i128::from(word) } else { -i128::from(word) })),
            None => (1, Reverse(0)),
        });
        let start = Expr::Const(kind, if greatest { low } else { high });
        let mut best = self.step(table.d.name.clone(), kind, start, None);
        for i in order {
            self.count()?;
            let value = self.row_value(table, &table.rows[i])?;
            let (so_far, value) = (Box::new(Expr::Step(kind, best)), Box::new(Expr::Step(kind, value)));
            let better = if greatest {
                Expr::Binary(Binary::Less, so_far.clone(), value.clone())
            } else {
                Expr::Binary(Binary::Less, value.clone(), so_far.clone())
            };
            let takes = Expr::And(Box::new(guard_of(guards[i])), Box::new(better));
            best = self.step(table.d.name.clone(), kind, select(kind, takes, *value, *so_far), None);
        }
        Ok(best)
    }

    /// What was collected, or what the table says where no row holds.
    fn or_empty(&mut self, table: &Table<'_>, guards: &[StepId], collected: StepId) -> Result<StepId, LowerFault> {
        let Some(empty) = table.empty else { return Ok(collected) };
        let kind = kind_of(&table.d.ty);
        let empty = self.expr(empty)?;
        let some = any_of(guards.iter().map(|g| guard_of(*g)).collect());
        let chosen = select(kind, some, Expr::Step(kind, collected), empty);
        Ok(self.step(table.d.name.clone(), kind, chosen, None))
    }

    /// Whether a column's word lies in a cell's set.
    fn cell(&mut self, parts: &[(i64, i64)], ty: &Type, step: StepId) -> Result<Expr, LowerFault> {
        let kind = kind_of(ty);
        let value = || Box::new(Expr::Step(kind, step));
        let constant = |w| Box::new(Expr::Const(kind, w));
        let (least, greatest) = domain(ty);
        let mut tests = Vec::new();
        for &(low, high) in parts {
            if matches!(kind, Kind::Enum | Kind::Boolean) {
                for word in low..=high {
                    self.count()?;
                    tests.push(Expr::Binary(Binary::Equal, value(), constant(word)));
                }
                continue;
            }
            self.count()?;
            tests.push(match (low == least, high == greatest) {
                _ if low == high => Expr::Binary(Binary::Equal, value(), constant(low)),
                (true, true) => Expr::Binary(Binary::Equal, value(), value()),
                (true, false) => Expr::Binary(Binary::AtMost, value(), constant(high)),
                (false, true) => Expr::Binary(Binary::AtMost, constant(low), value()),
                (false, false) => Expr::And(
                    Box::new(Expr::Binary(Binary::AtMost, constant(low), value())),
                    Box::new(Expr::Binary(Binary::AtMost, value(), constant(high))),
                ),
            });
        }
        Ok(any_of(tests))
    }
}
