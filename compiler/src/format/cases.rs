//! Table tests as text, in columns by display width. Invariant: a row is one line. Must not know: what cells mean.

use super::fact::Place;
use super::layout::{Writer, pad, quote, width};
use super::policy::line_end;
use super::{expression, fact};
use crate::ast::{CaseCell, CaseColumn, CasesItem};
use crate::parse::Rule;

/// A table test.
pub(super) fn cases(writer: &mut Writer, item: &CasesItem) {
    writer.before(item.span.start, item.span.start);
    let mut head = format!(
        "{} {} {} {} {} {}",
        writer.word(Rule::k_test),
        writer.word(Rule::k_table),
        quote(&item.title),
        item.policy.text,
        writer.word(Rule::k_on),
        expression::literal(writer, &item.on)
    );
    if let Some(like) = &item.like {
        head = format!("{head} {} {}", writer.word(Rule::k_like), quote(like));
    }
    writer.open(&head, item.header.start);
    let mut expects = false;
    let mut lines: Vec<Vec<String>> = vec![Vec::new()];
    for column in &item.columns {
        let shown = match column {
            CaseColumn::Fact(path) => expression::path(writer, path),
            CaseColumn::On => writer.word(Rule::k_on).to_owned(),
            CaseColumn::Outcome(name) => name.text.clone(),
            CaseColumn::Reason => writer.word(Rule::k_reason).to_owned(),
        };
        let first = !expects && matches!(column, CaseColumn::Outcome(_) | CaseColumn::Reason);
        expects |= first;
        lines[0].push(if first { format!("=> {shown}") } else { shown });
    }
    for row in &item.rows {
        lines.push(row.cells.iter().map(|cell| self::cell(writer, cell)).collect());
    }
    let widths: Vec<usize> = (0..item.columns.len())
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let mut rendered = lines.iter().map(|cells| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, columns)| pad(cell, *columns)).collect();
        format!("| {} |", padded.join(" | "))
    });
    writer.before(item.header.start, item.header.end);
    let header_end = line_end(writer.source, item.header.end);
    let first_row = item.rows.first().map_or(item.span.end, |row| row.span.start);
    writer.unit(&rendered.next().unwrap_or_default(), header_end.min(first_row));
    for (row, line) in item.rows.iter().zip(rendered) {
        writer.before(row.span.start, row.span.end);
        writer.unit(&line, row.span.end);
    }
    writer.close(item.span.end);
}

fn cell(writer: &Writer, cell: &CaseCell) -> String {
    match cell {
        CaseCell::Blank => String::new(),
        // A long fact is laid out over lines; a cell has one.
        CaseCell::Fact(value) => fact::value(writer, value, Place::Cell),
        CaseCell::On(date) => expression::literal(writer, date),
        CaseCell::Outcome(None) => writer.word(Rule::k_undetermined).to_owned(),
        CaseCell::Outcome(Some(value)) => value.text.clone(),
        CaseCell::Reason(text, _) => quote(text),
    }
}
