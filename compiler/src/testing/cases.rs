//! Table tests to tests: a row is a case. Invariant: a row's test says what the row says over the facts of the test that the
//! table builds on. Must not know: policies, engines.

use crate::ast::{CaseCell, CaseColumn, CasesItem, Expectation, Path, TestItem};

/// The tests of the rows, titled with the table's title and the row's number from 1.
pub(super) fn rows(item: &CasesItem) -> Vec<TestItem> {
    let rows = item.rows.iter().enumerate();
    rows.map(|(i, row)| {
        let mut test = TestItem {
            title: format!("{} #{}", item.title, i + 1),
            policy: item.policy.clone(),
            on: item.on.clone(),
            like: item.like.clone(),
            facts: Vec::new(),
            expect: Vec::new(),
            span: row.span,
        };
        for (column, cell) in item.columns.iter().zip(&row.cells) {
            match (column, cell) {
                (CaseColumn::Fact(path), CaseCell::Fact(value)) => {
                    let path: &Path = path;
                    test.facts.push((path.clone(), value.clone()));
                }
                (_, CaseCell::On(date)) => test.on = date.clone(),
                (CaseColumn::Outcome(name), CaseCell::Outcome(value)) => {
                    test.expect.push(Expectation::Outcome(name.clone(), value.clone()));
                }
                (_, CaseCell::Reason(text, span)) => test.expect.push(Expectation::Reason(text.clone(), *span)),
                _ => {}
            }
        }
        test
    })
    .collect()
}
