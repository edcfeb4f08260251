//! Tests that show what is wrong with a table: facts that no row lets through, or that several do. Owns which facts are
//! looked for, and what is said where none are found. The fault itself was found over the columns alone, as though each
//! took every value of its type; here the columns are opened, so that facts must reach the row through what they compute.
//! Must not know: how points of tables are found, or how diagrams work.

use super::{Found, Proof, remark};
use crate::ast::Language;
use crate::check::report::Report;
use crate::diagnostics::Code;
use crate::ir::TraceId;
use crate::package::PointKind;
use crate::prove::{Cells, Verdict};
use crate::source::Span;
use crate::typed::{Body, Definition, TablePoints, TableRow, TypedExpr};
use crate::witness::Shows;

/// Turns the witness of a fault into a test where facts are found for it.
pub(super) fn check(
    proof: &mut Proof<'_>,
    finding: (Code, Span),
    (table, points, named): (&str, &TablePoints, &[i64]),
    report: &mut Report,
) {
    let definition = proof.policy.checked.definitions.iter().find(|d| d.name == table);
    let Some((definition, Body::Table { columns, rows, .. })) = definition.map(|d| (d, &d.body)) else { return };
    let found = search(proof, definition, (columns, rows), points, named);
    let zh = proof.language == Language::Zh;
    report.show(finding, |row| match found {
        Found::Test(test) => test,
        Found::Unreachable => remark(
            row,
            if zh {
                "// 各列相互牵连，没有事实能落在这里；仍须写明，或改用互不牵连的列"
            } else {
                "// no facts come here, because the columns hang together: say it all the same, or choose columns that do not"
            },
        ),
        Found::Nothing => remark(row, proof.nothing_found()),
    });
}

fn search(
    proof: &mut Proof<'_>,
    definition: &Definition,
    (columns, rows): (&[TypedExpr], &[TableRow]),
    points: &TablePoints,
    named: &[i64],
) -> Found {
    let all: Vec<&Cells> = rows.iter().map(|r| &r.cells[..]).collect();
    let named: Vec<_> = named.iter().map(|word| Some(vec![(*word, *word)])).collect();
    // The very point that is named first, then wherever the fault shows.
    match points {
        TablePoints::Together(together) => {
            let cells: Vec<&Cells> = together.iter().filter_map(|i| all.get(*i).copied()).collect();
            let traces = traces(proof, definition, together.iter().copied());
            first(proof, columns, &[(&[&named], &[]), (&cells, &[])], Shows::AllTrue(&traces))
        }
        TablePoints::Gap(region) => {
            let region: Vec<_> = region.iter().cloned().map(Some).collect();
            let traces = traces(proof, definition, 0..rows.len());
            first(proof, columns, &[(&[&named], &[]), (&[&region], &[]), (&[], &all)], Shows::AllFalse(&traces))
        }
    }
}

/// Rows that must all let the facts through, and rows that must not.
type Question<'a> = (&'a [&'a Cells], &'a [&'a Cells]);

/// The first question that facts answer; the last is the widest, so that its answer stands for all.
fn first(proof: &mut Proof<'_>, columns: &[TypedExpr], questions: &[Question<'_>], shows: Shows<'_>) -> Found {
    let title = proof.title();
    let mut found = Found::Nothing;
    for (all, none) in questions {
        found = match proof.prover.rows(columns, all, none) {
            Verdict::Possible(point) => match proof.concrete(&point, &title, shows) {
                Some(test) => return Found::Test(test),
                None => Found::Nothing,
            },
            Verdict::Impossible => Found::Unreachable,
            Verdict::Spent => Found::Nothing,
        };
    }
    found
}

/// Where the guards of these rows are recorded.
fn traces(proof: &Proof<'_>, definition: &Definition, rows: impl Iterator<Item = usize>) -> Vec<TraceId> {
    let labels: Vec<String> = rows.map(|i| (i + 1).to_string()).collect();
    let points = proof.policy.points.iter().enumerate();
    let of_row =
        points.filter(|(_, p)| p.kind == PointKind::Row && p.rule == definition.name && labels.contains(&p.label));
    of_row.map(|(i, _)| TraceId(i as u32)).collect()
}
