//! Policies as text. Owns how clauses break over lines and how tables line up.
//! Invariant: a row is one line. Must not know: comments, expressions' inside.

use super::expression;
use super::item::{room, texts, type_expr};
use super::layout::{LINE_WIDTH_MAX, Writer, bracketed, pad, width};
use crate::ast::{
    Arm, Cell, CellTest, Citation, Clause, DefinitionClause, EvidenceClause, Exception, Expr, HitWord, Key,
    OutcomeClause, PolicyItem, PolicyKind, ReleaseClause, TableClause, TransitionClause, WriteClause, WriteValue,
};
use crate::parse::Rule;
use crate::source::Span;

/// A policy, verification or contract.
pub(super) fn policy(writer: &mut Writer, item: &PolicyItem) {
    writer.before(item.span.start, item.span.start);
    let kind = match item.kind {
        PolicyKind::Policy => Rule::k_policy,
        PolicyKind::Verification => Rule::k_verification,
        PolicyKind::Contract => Rule::k_contract,
    };
    let by = texts(&item.by).join(&format!(" {} ", writer.word(Rule::k_with)));
    let mut head = format!(
        "{} {} {} {} {} {by} {} {}",
        writer.word(kind),
        item.name.text,
        writer.word(Rule::k_version),
        item.version,
        writer.word(Rule::k_by),
        writer.word(Rule::k_effective),
        expression::literal(writer, &item.effective_from)
    );
    if let Some(to) = &item.effective_to {
        head = format!("{head} {} {}", writer.word(Rule::k_to), expression::literal(writer, to));
    }
    if item.lapses {
        head = format!("{head} {}", writer.word(Rule::k_lapses));
    }
    writer.open(&head, item.clauses.first().map_or(item.span.end, |clause| span_of(clause).start));
    for clause in &item.clauses {
        self::clause(writer, clause);
    }
    writer.close(item.span.end);
}

fn span_of(clause: &Clause) -> Span {
    match clause {
        Clause::AsOf(path) => path.span,
        Clause::Input(clause) => clause.span,
        Clause::Evidence(clause) => clause.span,
        Clause::Definition(clause) => clause.span,
        Clause::Table(clause) => clause.span,
        Clause::Outcome(clause) => clause.span,
        Clause::Release(clause) => clause.span,
        Clause::Write(clause) => clause.span,
        Clause::Transition(clause) => clause.span,
    }
}

fn clause(writer: &mut Writer, clause: &Clause) {
    let span = span_of(clause);
    let line = match clause {
        Clause::AsOf(path) => format!("{} {}", writer.word(Rule::k_base), expression::path(writer, path)),
        Clause::Input(clause) => {
            format!("{} {} : {}", writer.word(Rule::k_input), clause.name.text, type_expr(writer, &clause.ty))
        }
        Clause::Evidence(clause) => evidence(writer, clause),
        Clause::Release(clause) => release(writer, clause),
        Clause::Transition(clause) => transition(writer, clause),
        Clause::Definition(clause) => return definition(writer, clause),
        Clause::Table(clause) => return table(writer, clause),
        Clause::Outcome(clause) => return outcome(writer, clause),
        Clause::Write(clause) => return write(writer, clause),
    };
    writer.before(span.start, span.end);
    writer.unit(&line, span.end);
}

/// `@source article`
pub(super) fn citation(citation: &Citation) -> String {
    if citation.article.is_empty() {
        format!("@{}", citation.source.text)
    } else {
        format!("@{} {}", citation.source.text, citation.article)
    }
}

/// Thousandths of a bit as a decimal without idle zeros.
pub(super) fn bits(millibits: u32) -> String {
    let (whole, part) = (millibits / 1000, millibits % 1000);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:03}").trim_end_matches('0').to_owned()
}

/// Segments on one line if they fit, else each after the first on its own, one level in.
pub(super) fn join_segments(writer: &Writer, segments: &[String]) -> String {
    let flat = segments.join(" ");
    if writer.indent_width() + width(&flat) <= LINE_WIDTH_MAX || segments.len() < 2 {
        return flat;
    }
    segments.join("\n    ")
}

/// Adds `lead expr` to the segments; a long chain of `且` or `或` becomes a segment a part.
fn push_expr(writer: &Writer, segments: &mut Vec<String>, lead: &str, expr: &Expr) {
    let flat = expression::expr(writer, expr);
    let parts = if writer.indent_width() + width(lead) + width(&flat) + 5 > LINE_WIDTH_MAX {
        expression::chain(writer, expr)
    } else {
        vec![flat]
    };
    for (index, part) in parts.into_iter().enumerate() {
        segments.push(if index == 0 && !lead.is_empty() { format!("{lead} {part}") } else { part });
    }
}

fn evidence(writer: &Writer, clause: &EvidenceClause) -> String {
    let all = if clause.all { format!("{} ", writer.word(Rule::k_all)) } else { String::new() };
    let head = format!("{} {} = {all}{}", writer.word(Rule::k_evidence), clause.name.text, clause.certificate.text);
    let mut keys: Vec<String> = clause.keys.iter().map(|key| self::key(writer, key)).collect();
    if let Some(first) = keys.first_mut() {
        *first = format!("{} = {first}", expression::path(writer, &clause.field));
    }
    let mut tail = if clause.optional { "?".to_owned() } else { String::new() };
    if let Some(max) = clause.max {
        tail = format!("{tail} {} {max}", writer.word(Rule::k_at_most));
    }
    let room = room(writer, &head).saturating_sub(width(&tail));
    let flat = format!("({})", keys.join(", "));
    if width(&flat) <= room {
        return format!("{head}{flat}{tail}");
    }
    // The grammar takes no comma after the last key.
    format!("{head}(\n    {}\n){tail}", keys.join(",\n    "))
}

fn key(writer: &Writer, key: &Key) -> String {
    match key {
        Key::One(value) => expression::expr(writer, value),
        Key::Each { value, variable, list, filter } => {
            let mut text = format!(
                "{} {} {} {} {}",
                expression::expr(writer, value),
                writer.word(Rule::k_for),
                variable.text,
                writer.word(Rule::k_in),
                expression::path(writer, list)
            );
            if let Some(filter) = filter {
                text = format!("{text} {} {}", writer.word(Rule::k_where), expression::expr(writer, filter));
            }
            text
        }
    }
}

fn definition(writer: &mut Writer, clause: &DefinitionClause) {
    let end = clause.exceptions.first().map_or(clause.span.end, |exception| exception.span.start);
    let line_end = clause.citation.as_ref().map_or(clause.value.span.end, |citation| citation.span.end);
    writer.before(clause.span.start, line_end.min(end));
    let mut head =
        format!("{} {}", writer.word(if clause.rule { Rule::k_rule } else { Rule::k_define }), clause.name.text);
    if let Some(ty) = &clause.ty {
        head = format!("{head} : {}", type_expr(writer, ty));
    }
    let line = computed(writer, &format!("{head} ="), &clause.value, clause.citation.as_ref());
    writer.unit(&line, line_end);
    writer.deeper();
    for exception in &clause.exceptions {
        writer.before(exception.span.start, exception.span.end);
        let line = self::exception(writer, exception);
        writer.unit(&line, exception.span.end);
    }
    writer.shallower();
}

/// `head e @…`
pub(super) fn computed(writer: &Writer, head: &str, value: &Expr, cited: Option<&Citation>) -> String {
    let mut segments = Vec::new();
    push_expr(writer, &mut segments, head, value);
    segments.extend(cited.map(citation));
    join_segments(writer, &segments)
}

fn exception(writer: &Writer, exception: &Exception) -> String {
    let mut head = format!("{} {}", writer.word(Rule::k_exception), exception.label.text);
    if let Some(of) = &exception.of {
        head = format!("{head} {} {}", writer.word(Rule::k_of), of.text);
    }
    if !exception.before.is_empty() {
        head = format!("{head} {} {}", writer.word(Rule::k_before), texts(&exception.before).join(", "));
    }
    let mut segments = vec![head];
    push_expr(writer, &mut segments, writer.word(Rule::k_when), &exception.guard);
    push_expr(writer, &mut segments, writer.word(Rule::k_then), &exception.value);
    segments.extend(exception.citation.as_ref().map(citation));
    join_segments(writer, &segments)
}

fn hit(writer: &Writer, hit: HitWord) -> String {
    let word = match hit {
        HitWord::Unique => Rule::k_unique,
        HitWord::Any => Rule::k_any_row,
        HitWord::Ordered => Rule::k_ordered,
        HitWord::Sum => Rule::k_sum,
        HitWord::Min => Rule::k_smallest,
        HitWord::Max => Rule::k_largest,
        HitWord::Count => Rule::k_count,
    };
    format!("{} {}", writer.word(Rule::k_hit), writer.word(word))
}

fn table(writer: &mut Writer, clause: &TableClause) {
    let header_start = clause.columns.first().map_or(clause.span.end, |column| column.span.start);
    let header_end = clause.columns.last().map_or(clause.span.end, |column| column.span.end);
    let first_row = clause.rows.first().map_or(clause.span.end, |row| row.span.start);
    let head_end = clause.citation.as_ref().map_or(clause.ty.span.end, |citation| citation.span.end);
    writer.before(clause.span.start, head_end);
    let mut line = format!(
        "{} {} : {} {}",
        writer.word(Rule::k_table),
        clause.name.text,
        type_expr(writer, &clause.ty),
        hit(writer, clause.hit)
    );
    if let Some(empty) = &clause.empty {
        line = format!("{line} {}", expression::if_empty(writer, empty));
    }
    if let Some(cited) = &clause.citation {
        line = format!("{line} {}", citation(cited));
    }
    // What follows the type on its line (`命中 …`) has no place in the tree.
    writer.unit(&line, line_end(writer.source, head_end).min(header_start));

    let cited = clause.rows.iter().any(|row| row.citation.is_some());
    let mut lines: Vec<Vec<String>> = Vec::with_capacity(clause.rows.len() + 1);
    let mut header: Vec<String> = clause.columns.iter().map(|path| expression::path(writer, path)).collect();
    if clause.hit != HitWord::Count {
        header.push("=>".to_owned());
    }
    if cited {
        header.push(writer.word(Rule::k_articles).to_owned());
    }
    lines.push(header);
    for row in &clause.rows {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| self::cell(writer, cell)).collect();
        cells.extend(row.value.as_ref().map(|value| expression::expr(writer, value)));
        if cited {
            let shown = row.citation.as_ref().map(citation).unwrap_or_default();
            cells.push(shown.trim_start_matches('@').to_owned());
        }
        lines.push(cells);
    }
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let mut rendered = lines.iter().map(|cells| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, columns)| pad(cell, *columns)).collect();
        format!("| {} |", padded.join(" | "))
    });
    writer.before(header_start, header_end);
    // The header's end is not in the tree: its comment is the one before the first row on the same line.
    let header_line_end = line_end(writer.source, header_end).min(first_row);
    writer.unit(&rendered.next().unwrap_or_default(), header_line_end);
    for (row, line) in clause.rows.iter().zip(rendered) {
        writer.before(row.span.start, row.span.end);
        writer.unit(&line, row.span.end);
    }
}

/// Where the line that holds byte `from` ends, its comment left out.
pub(super) fn line_end(source: &str, from: u32) -> u32 {
    let rest = source.get(from as usize..).unwrap_or("");
    let line = rest.split('\n').next().unwrap_or("");
    let code = line.find("//").unwrap_or(line.len());
    from.saturating_add(u32::try_from(line[..code].trim_end().len()).unwrap_or(u32::MAX))
}

fn cell(writer: &Writer, cell: &Cell) -> String {
    if cell.tests.is_empty() {
        return writer.word(Rule::k_any).to_owned();
    }
    let tests: Vec<String> = cell
        .tests
        .iter()
        .map(|test| match test {
            CellTest::Is(value) => expression::expr(writer, value),
            CellTest::Range(low, high) => {
                format!("{}..{}", expression::expr(writer, low), expression::expr(writer, high))
            }
            CellTest::Compare(compare, value) => {
                let shown = expression::expr(writer, value);
                match expression::bound(writer, *compare, value) {
                    Some(word) => format!("{shown} {word}"),
                    None => format!("{} {shown}", expression::comparison(writer, *compare, value)),
                }
            }
        })
        .collect();
    tests.join(", ")
}

fn outcome(writer: &mut Writer, clause: &OutcomeClause) {
    writer.before(clause.span.start, clause.span.start);
    let head = format!(
        "{} {} : {{ {} }} {}",
        writer.word(Rule::k_outcome),
        clause.name.text,
        texts(&clause.values).join(", "),
        hit(writer, clause.hit)
    );
    writer.open(&head, clause.arms.first().map_or(clause.span.end, |arm| arm.span.start));
    for arm in &clause.arms {
        writer.before(arm.span.start, arm.span.end);
        let line = self::arm(writer, arm);
        writer.unit(&line, arm.span.end);
    }
    writer.close(clause.span.end);
}

fn arm(writer: &Writer, arm: &Arm) -> String {
    let mut segments = vec![arm.value.text.clone()];
    match &arm.guard {
        Some(guard) => push_expr(writer, &mut segments, writer.word(Rule::k_when), guard),
        None => segments.push(writer.word(Rule::k_otherwise).to_owned()),
    }
    if let Some(reason) = &arm.reason {
        segments.push(format!("{} {}", writer.word(Rule::k_reason), super::layout::quote(reason)));
    }
    segments.extend(arm.citation.as_ref().map(citation));
    join_segments(writer, &segments)
}

fn release(writer: &Writer, clause: &ReleaseClause) -> String {
    let mut line = format!("{} {}", writer.word(Rule::k_release), clause.outcome.text);
    let parts: Vec<&str> = [(clause.reasons, Rule::k_reasons), (clause.missing, Rule::k_missing)]
        .into_iter()
        .filter(|(present, _)| *present)
        .map(|(_, rule)| writer.word(rule))
        .collect();
    if !parts.is_empty() {
        line = format!("{line} {} {}", writer.word(Rule::k_including), parts.join(", "));
    }
    format!("{line} {} {} {}", writer.word(Rule::k_at_most), bits(clause.millibits), writer.word(Rule::k_bits))
}

fn transition(writer: &Writer, clause: &TransitionClause) -> String {
    let mut segments =
        vec![format!("{} {}", writer.word(Rule::k_transition), super::layout::quote(&clause.title.text))];
    push_expr(writer, &mut segments, writer.word(Rule::k_when), &clause.guard);
    let mut apply = format!("{} {} {}", writer.word(Rule::k_apply), writer.word(Rule::k_version), clause.version);
    if let Some(module) = &clause.module {
        apply = format!("{apply} {} {}", writer.word(Rule::k_of_module), expression::path(writer, module));
    }
    segments.push(apply);
    segments.extend(clause.citation.as_ref().map(citation));
    join_segments(writer, &segments)
}

fn write(writer: &mut Writer, clause: &WriteClause) {
    writer.before(clause.span.start, clause.span.start);
    let mut head = format!("{} {}", writer.word(Rule::k_write), clause.certificate.text);
    if let Some(held) = &clause.supersedes {
        head = format!("{head} {} {}", writer.word(Rule::k_superseding), held.text);
    }
    head = format!("{head} {} {} = {}", writer.word(Rule::k_when), clause.outcome.text, clause.value.text);
    writer.open(&head, clause.fields.first().map_or(clause.span.end, |(name, _)| name.span.start));
    for (name, value) in &clause.fields {
        let span = name.span.to(value_span(value));
        writer.before(span.start, span.end);
        let head = format!("{} = ", name.text);
        let line = format!("{head}{}", write_value(writer, value, room(writer, &head)));
        writer.unit(&line, span.end);
    }
    if let Some(rest) = clause.rest_kept {
        writer.before(rest.start, rest.end);
        let line = writer.word(Rule::k_rest_kept);
        writer.unit(line, rest.end);
    }
    writer.close(clause.span.end);
}

fn value_span(value: &WriteValue) -> Span {
    match value {
        WriteValue::Expr(expr) => expr.span,
        WriteValue::Group(_, span) | WriteValue::List(_, span) | WriteValue::Absent(span) => *span,
    }
}

fn write_value(writer: &Writer, value: &WriteValue, room: usize) -> String {
    match value {
        WriteValue::Expr(expr) => expression::expr(writer, expr),
        WriteValue::Absent(_) => writer.word(Rule::k_absent).to_owned(),
        WriteValue::List(elements, _) => {
            let parts: Vec<String> =
                elements.iter().map(|element| write_value(writer, element, room.saturating_sub(5))).collect();
            bracketed("[", &parts, "]", if parts.is_empty() { "" } else { " " }, room)
        }
        WriteValue::Group(fields, _) => {
            let parts: Vec<String> = fields
                .iter()
                .map(|(name, value)| {
                    let head = format!("{} = ", name.text);
                    let value = write_value(writer, value, room.saturating_sub(5 + width(&head)));
                    format!("{head}{value}")
                })
                .collect();
            bracketed("{", &parts, "}", if parts.is_empty() { "" } else { " " }, room)
        }
    }
}
