//! Facts of tests as text. Invariant: parsed again, they give the same tree. Must not know: tests.

use super::expression;
use super::layout::{LINE_WIDTH_MAX, Writer, bracketed, width};
use crate::ast::{FactExpr, FactMonths, Language, Literal, MonthDay, Name};
use crate::parse::Rule;
use crate::source::Span;

/// Columns of one level.
const INDENT: usize = 4;

/// Where a fact is written.
pub(super) fn span(fact: &FactExpr) -> Span {
    match fact {
        FactExpr::Value(expr) => expr.span,
        FactExpr::Group(_, span) | FactExpr::List(_, span) | FactExpr::Absent(span) | FactExpr::Unknown(span) => *span,
        FactExpr::Months(FactMonths { span, .. }) | FactExpr::MonthDay(MonthDay { span, .. }) => *span,
    }
}

/// Where a fact begins.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Behind `head` columns of a line indented by `indent`: on that line if it fits, or with a part a line.
    Line { indent: usize, head: usize },
    /// In a cell of a table, which is one line however long.
    Cell,
}

impl Place {
    /// One level inside, behind `head` columns.
    fn inside(self, head: usize) -> Self {
        match self {
            Self::Line { indent, .. } => Self::Line { indent: indent + INDENT, head },
            Self::Cell => Self::Cell,
        }
    }

    /// Behind `more` columns.
    fn behind(self, more: usize) -> Self {
        match self {
            Self::Line { indent, head } => Self::Line { indent, head: head + more },
            Self::Cell => Self::Cell,
        }
    }

    /// Columns left for a fact, but for the comma behind it.
    fn room(self) -> usize {
        match self {
            Self::Line { indent, head } => LINE_WIDTH_MAX.saturating_sub(indent + head + 1),
            Self::Cell => usize::MAX,
        }
    }
}

/// A fact as it is written at `place`.
pub(super) fn value(writer: &Writer, fact: &FactExpr, place: Place) -> String {
    match fact {
        FactExpr::Value(expr) => expression::expr(writer, expr),
        FactExpr::Absent(_) => writer.word(Rule::k_absent).to_owned(),
        FactExpr::Unknown(_) => writer.word(Rule::k_unknown).to_owned(),
        FactExpr::List(elements, _) => {
            let part = |element: &FactExpr| value(writer, element, place.inside(0));
            let parts: Vec<String> = elements.iter().map(part).collect();
            bracketed("[", &parts, "]", if parts.is_empty() { "" } else { " " }, place.room())
        }
        FactExpr::Group(fields, _) => group(writer, fields, place),
        FactExpr::Months(months) => {
            let run = |(first, last): &(Literal, Option<Literal>)| {
                let ends = [Some(first), last.as_ref()].into_iter().flatten();
                ends.map(|month| expression::literal(writer, month)).collect::<Vec<_>>().join("..")
            };
            let runs: Vec<String> = months.runs.iter().map(run).collect();
            let text = format!("{} {} {} ", writer.word(Rule::k_each_month), months.field.text, runs.join(", "));
            format!("{text}{}", group(writer, &months.fields, place.behind(width(&text))))
        }
        FactExpr::MonthDay(MonthDay { next, day, .. }) => {
            let month = writer.word(if *next { Rule::k_next_month } else { Rule::k_same_month });
            let unit = writer.word(Rule::k_day);
            match writer.language {
                Language::Zh => format!("{month} {day} {unit}"),
                Language::En => format!("{month} {unit} {day}"),
            }
        }
    }
}

fn group(writer: &Writer, fields: &[(Name, FactExpr)], place: Place) -> String {
    let part = |(name, fact): &(Name, FactExpr)| {
        let text = format!("{} = ", name.text);
        let value = value(writer, fact, place.inside(width(&text)));
        format!("{text}{value}")
    };
    let parts: Vec<String> = fields.iter().map(part).collect();
    bracketed("{", &parts, "}", if parts.is_empty() { "" } else { " " }, place.room())
}
