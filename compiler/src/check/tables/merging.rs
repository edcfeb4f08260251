//! Rows that could be one: equal results on the same articles, and cells that differ in one column only.
//! Invariant: merging the two rows that a finding names changes no decision, and rows on different articles stay apart, so
//! that each can be found under its own. Must not know: what is proved of the table.

use crate::ast::{self, HitWord};
use crate::check::intervals::Intervals;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{TableRow, TypedExpr, domain, show_set};

/// Reports, at most once a row, an earlier row that it could be merged with.
pub(super) fn hint(clause: &ast::TableClause, columns: &[TypedExpr], rows: &[TableRow], report: &mut Report) {
    let domains: Vec<Intervals> =
        columns.iter().map(|c| domain(&c.ty)).map(|(l, h)| Intervals::between(l, h)).collect();
    let cells: Vec<Vec<Intervals>> = rows
        .iter()
        .map(|r| r.cells.iter().zip(&domains))
        .map(|r| r.map(|(c, all)| c.clone().map_or_else(|| all.clone(), Intervals::of)).collect())
        .collect();
    let values: Vec<String> = rows.iter().map(|r| r.value.canonical()).collect();
    for (j, row) in rows.iter().enumerate() {
        // Between two rows in order, a third may decide first.
        let nearest = if clause.hit == HitWord::Ordered { j.saturating_sub(1) } else { 0 };
        let alike = |i: &usize| rows[*i].citation == row.citation && values[*i] == values[j];
        let apart = |i: usize| one_apart(&cells[i], &cells[j], clause.hit).map(|column| (i, column));
        let Some((i, column)) = (nearest..j).filter(alike).find_map(apart) else { continue };
        let both = Intervals::of([cells[i][column].parts(), cells[j][column].parts()].concat());
        let (zh, en) = if both == domains[column] {
            ("任意".to_owned(), "any".to_owned())
        } else {
            let set = show_set(&columns[column].ty, both.parts());
            (set.clone(), set)
        };
        let (name, column) = (&clause.name.text, columns[column].canonical());
        let (first, second) = (i + 1, j + 1);
        report.add(
            Diagnostic::new(
                Code::MergeableRows,
                row.span,
                format!("表 `{name}` 的第 {first} 行与第 {second} 行只差 `{column}` 一列，结果与条款都相同"),
                format!(
                    "rows {first} and {second} of table `{name}` differ in column `{column}` only, with equal results"
                ),
            )
            .label(rows[i].span, "先有的一行", "the earlier row")
            .help(
                format!("合为一行，`{column}` 一格写 `{zh}`；出自不同条款的，各写各的条款"),
                format!("make them one row with `{en}` in column `{column}`, or cite the article of each"),
            ),
        );
    }
}

/// The column in which two rows differ, if it is one, their merger decides as both did, and no error is about the pair.
fn one_apart(a: &[Intervals], b: &[Intervals], hit: HitWord) -> Option<usize> {
    let mut differing = a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b);
    let (column, (a, b)) = differing.next()?;
    let shared = a.and(b);
    let safe = match hit {
        // What both rows cover is an overlap, or counts twice.
        HitWord::Unique | HitWord::Sum | HitWord::Count => shared.parts().is_empty(),
        // A row that an earlier one covers is dead.
        HitWord::Ordered => shared != *b,
        HitWord::Any | HitWord::Min | HitWord::Max => true,
    };
    let empty = a.parts().is_empty() || b.parts().is_empty();
    (differing.next().is_none() && safe && !empty).then_some(column)
}
