//! Tests that show what is wrong with a table: facts that no row lets through, or that several do. Owns which facts are
//! looked for, and what is said where none are found. The fault itself was found over the columns alone, as though each
//! took every value of its type; here the columns are opened, so that facts must reach the row through what they compute.
//! Must not know: how points of tables are found, or how diagrams work.

use super::{Proof, TESTS_MAX};
use crate::ast::Language;
use crate::check::report::Report;
use crate::ir::TraceId;
use crate::package::PointKind;
use crate::prove::{Cells, Verdict};
use crate::typed::{Body, Definition, FaultShown, TableFault, TableRow, TypedExpr};
use crate::witness::Shows;

/// What came of the search.
enum Found {
    /// A test that shows the fault.
    Test(String),
    /// The columns cannot have such values together.
    Unreachable,
    /// None within the counted budget.
    Nothing,
}

/// Turns the witness of every fault into a test where facts are found for it.
pub(super) fn check(proof: &mut Proof<'_>, report: &mut Report) {
    let policy = proof.policy;
    for fault in policy.checked.faults.iter().take(TESTS_MAX) {
        let definition = policy.checked.definitions.iter().find(|d| d.name == fault.table);
        let Some((definition, Body::Table { columns, rows, .. })) = definition.map(|d| (d, &d.body)) else { continue };
        let found = search(proof, definition, columns, rows, fault);
        let zh = proof.language == Language::Zh;
        report.show(fault.finding, |row| match found {
            Found::Test(test) => test,
            Found::Unreachable => remark(
                row,
                if zh {
                    "// 各列相互牵连，没有事实能落在这里；仍须写明，或改用互不牵连的列"
                } else {
                    "// no facts come here, because the columns hang together: say it all the same, or choose columns that do not"
                },
            ),
            Found::Nothing => {
                remark(row, if zh { "// 在限定的步数内没有找到落在这里的事实" } else { "// no facts that come here were found within the counted bound" })
            }
        });
    }
}

fn remark(row: Option<String>, text: &str) -> String {
    row.map_or_else(|| text.to_owned(), |row| format!("{row}\n{text}"))
}

fn search(
    proof: &mut Proof<'_>,
    definition: &Definition,
    columns: &[TypedExpr],
    rows: &[TableRow],
    fault: &TableFault,
) -> Found {
    let all: Vec<&Cells> = rows.iter().map(|r| &r.cells[..]).collect();
    let named: Vec<_> = fault.named.iter().map(|word| Some(vec![(*word, *word)])).collect();
    // The very point that is named first, then wherever the fault shows.
    match &fault.shown {
        FaultShown::Together(together) => {
            let cells: Vec<&Cells> = together.iter().filter_map(|i| all.get(*i).copied()).collect();
            let traces = traces(proof, definition, together.iter().copied());
            first(proof, columns, &[(&[&named], &[]), (&cells, &[])], Shows::AllTrue(&traces))
        }
        FaultShown::Gap(region) => {
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
