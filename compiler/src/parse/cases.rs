//! Table tests as trees. Owns which cells may stand in which column. Invariant: every row has a cell a column. Must not
//! know: what names mean.

use super::Rule;
use super::fact;
use super::node::{Builder, Built, Children, Node};
use crate::ast::{CaseCell, CaseColumn, CaseRow, CasesItem, ExprKind, FactExpr, Literal, LiteralKind, Name};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;

/// Builds a table test.
pub(super) fn cases(builder: &Builder, mut children: Children, span: Span) -> Built<CasesItem> {
    children.take(Rule::k_test)?;
    children.take(Rule::k_table)?;
    let title = builder.text(&children.take(Rule::text)?)?;
    let policy = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_on)?;
    let on = builder.date(&children.take(Rule::date)?)?;
    let like = match children.maybe(Rule::like) {
        Some(node) => {
            let mut like = Children::of(builder, node);
            like.take(Rule::k_like)?;
            Some(builder.text(&like.take(Rule::text)?)?)
        }
        None => None,
    };
    let node = children.take(Rule::case_header)?;
    let header = builder.span(&node);
    let columns = columns(builder, node, header)?;
    let rows = children.run(Rule::case_row).into_iter().map(|node| row(builder, node, &columns, header));
    let rows = rows.collect::<Built<_>>()?;
    Ok(CasesItem { title, policy, on, like, columns, rows, header, span })
}

fn columns(builder: &Builder, node: Node, header: Span) -> Built<Vec<CaseColumn>> {
    let mut columns = Vec::new();
    let mut expects = false;
    for cell in Children::of(builder, node).run(Rule::case_column) {
        let mut parts = Children::of(builder, cell);
        let arrow = parts.has(Rule::arrow);
        let inner = parts.any()?;
        let misplaced = arrow && expects;
        expects |= arrow;
        columns.push(match (inner.as_rule(), expects) {
            (Rule::path, false) => CaseColumn::Fact(builder.path(inner)),
            (Rule::k_on, false) => CaseColumn::On,
            (Rule::path, true) if !misplaced => match <[Name; 1]>::try_from(builder.path(inner).parts) {
                Ok([name]) => CaseColumn::Outcome(name),
                Err(_) => return Err(bad_header(header)),
            },
            (Rule::k_reason, true) if !misplaced => CaseColumn::Reason,
            _ => return Err(bad_header(header)),
        });
    }
    if expects { Ok(columns) } else { Err(bad_header(header)) }
}

fn bad_header(span: Span) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::new(
            Code::RowShape,
            span,
            "表测的表头应为各项事实的路径 (可有 `于` 一列), 然后 `=> 结论`, 其后可有别的结论和 `理由`",
            "the header of a table test is the facts' paths (perhaps a column `on`), then `=> outcome`, then perhaps other \
             outcomes and `reason`",
        )
        .help("如 `| 于 | 户口.户籍 | => 资格 | 理由 |`", "as in `| on | book.district | => place | reason |`"),
    )
}

fn row(builder: &Builder, node: Node, columns: &[CaseColumn], header: Span) -> Built<CaseRow> {
    let span = builder.span(&node);
    let nodes = Children::of(builder, node).run(Rule::case_cell);
    if nodes.len() != columns.len() {
        let (found, most) = (nodes.len(), columns.len());
        return Err(Box::new(
            Diagnostic::new(
                Code::RowShape,
                span,
                format!("这一行有 {found} 格, 表头有 {most} 列"),
                format!("this row has {found} cells, the header has {most} columns"),
            )
            .label(header, "表头", "the header"),
        ));
    }
    let cells = nodes.into_iter().zip(columns).map(|(node, column)| cell(builder, node, column));
    Ok(CaseRow { cells: cells.collect::<Built<_>>()?, span })
}

fn cell(builder: &Builder, node: Node, column: &CaseColumn) -> Built<CaseCell> {
    let Some(content) = Children::of(builder, node).maybe(Rule::case_value) else { return Ok(CaseCell::Blank) };
    let span = builder.span(&content);
    let inner = Children::of(builder, content).any()?;
    let undetermined = inner.as_rule() == Rule::k_undetermined;
    let value = if undetermined { None } else { Some(fact::value(builder, inner)?) };
    let literal = |value: &FactExpr| match value {
        FactExpr::Value(expr) => Some(expr.kind.clone()),
        _ => None,
    };
    let kind = value.as_ref().and_then(literal);
    Ok(match (column, value, kind) {
        (CaseColumn::Outcome(_), None, _) => CaseCell::Outcome(None),
        (CaseColumn::Outcome(_), _, Some(ExprKind::Path(mut path))) if path.parts.len() == 1 => {
            CaseCell::Outcome(Some(path.parts.remove(0)))
        }
        (CaseColumn::On, _, Some(ExprKind::Literal(kind @ LiteralKind::Date(..)))) => {
            CaseCell::On(Literal { kind, span })
        }
        (CaseColumn::Reason, _, Some(ExprKind::Literal(LiteralKind::Text(text)))) => CaseCell::Reason(text, span),
        (CaseColumn::Fact(_), Some(value), _) => CaseCell::Fact(value),
        _ => {
            let (zh, en) = match column {
                CaseColumn::Fact(_) => ("这一格应为一项事实", "this cell is a fact"),
                CaseColumn::On => ("这一格应为日期", "this cell is a date"),
                CaseColumn::Outcome(_) => {
                    ("这一格应为结论的值或 `待定`", "this cell is the outcome's value or `undetermined`")
                }
                CaseColumn::Reason => ("这一格应为理由的文本", "this cell is the text of a reason"),
            };
            return Err(Box::new(Diagnostic::new(Code::CellShape, span, zh, en)));
        }
    })
}
