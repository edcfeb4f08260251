//! When a record is in force. Owns the term that a data standard declares for a group or certificate, and what `x 在期`
//! means: present, begun by the as-of date, and not yet ended. The owner of the data says once whether the last day
//! counts (至, as 民法典 1259 reads it) or not (止于), so that no policy has to say it again, and none gets it wrong.
//! Beside it `m 在前 36 月`: the window that laws count months in, the current month not among them.
//! Invariant: a term names date fields of its own group; its first day is never absent. Must not know: policies' bodies.

use super::report::Report;
use super::types::Typer;
use crate::ast::{self, Compare, ExprKind, Function, LiteralKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::AS_OF_NAME;
use crate::source::Span;
use crate::typed::{Start, TypedExpr};
use guiju_runtime::date::Date;
use guiju_runtime::value::{Field, GroupType, Term, Type};
use std::sync::Arc;

/// The term that was declared, or a finding.
pub(crate) fn declared(item: Option<&ast::TermItem>, fields: &[Field], report: &mut Report) -> Option<Term> {
    let item = item?;
    let from = date_field(&item.from, fields, report)?;
    if fields.get(from).is_some_and(|f| f.optional) {
        report.add(
            Diagnostic::new(
                Code::BadTerm,
                item.from.span,
                format!("`{}` 可能为无，不能作在期的起点", item.from.text),
                format!("`{}` may be absent, so no term can begin with it", item.from.text),
            )
            .help("去掉它的 `?`，或改用必有的日期", "remove its `?`, or begin with a date that is always there"),
        );
        return None;
    }
    let end = match &item.end {
        Some((name, included)) => Some((date_field(name, fields, report)?, *included)),
        None => None,
    };
    Some(Term { from, end })
}

fn date_field(name: &ast::Name, fields: &[Field], report: &mut Report) -> Option<usize> {
    let found = fields.iter().position(|f| f.name == name.text);
    let Some(index) = found else {
        report.add(super::scope::unknown(name, "字段", "field", fields.iter().map(|f| f.name.as_str())));
        return None;
    };
    if fields.get(index).is_some_and(|f| f.ty == Type::Date) {
        return Some(index);
    }
    report.add(
        Diagnostic::new(
            Code::BadTerm,
            name.span,
            format!("`{}` 不是日期，不能作在期的起止", name.text),
            format!("`{}` is no date, so no term can begin or end with it", name.text),
        )
        .help("起止各写本组的一个日期字段", "name a date field of this group for each end"),
    );
    None
}

impl Typer<'_> {
    /// `x 在期`: written out as the comparisons it stands for, so that every later stage sees nothing new.
    pub(crate) fn in_force(&mut self, operand: &ast::Expr, span: Span) -> Option<TypedExpr> {
        let ExprKind::Path(path) = &operand.kind else { return self.no_term(None, span) };
        let known = std::mem::take(&mut self.facts);
        let place = self.place(path);
        self.facts = known;
        let place = place?;
        let Type::Group(group) = &place.ty else { return self.no_term(Some(&place.access.path), span) };
        let Some(term) = group.term else { return self.no_term(Some(&place.access.path), span) };
        let mut parts = Vec::new();
        if place.optional && path.parts.len() == 1 && matches!(place.access.start, Start::Evidence(_)) {
            parts.push(ExprKind::Present(Box::new(operand.clone())));
        }
        parts.extend(written_out(path, group, term, span));
        let whole = parts
            .into_iter()
            .map(|kind| ast::Expr { kind, span })
            .reduce(|a, b| ast::Expr { kind: ExprKind::And(Box::new(a), Box::new(b)), span })?;
        self.boolean(&whole)
    }

    /// `m 在前 n 月`: from 1 to n months before the month of the as-of date.
    pub(crate) fn in_past(&mut self, operand: &ast::Expr, months: u32, span: Span) -> Option<TypedExpr> {
        self.written_once(operand)?;
        let expr = |kind| Box::new(ast::Expr { kind, span });
        let number = |n: i64| expr(ExprKind::Literal(LiteralKind::Integer(n)));
        let until_now = || {
            let this_month = expr(ExprKind::Call(Function::MonthOf, vec![*today(span)]));
            expr(ExprKind::Call(Function::MonthsBetween, vec![operand.clone(), *this_month]))
        };
        let begun = expr(ExprKind::Compare(Compare::AtLeast, until_now(), number(1)));
        let recent = expr(ExprKind::Compare(Compare::AtMost, until_now(), number(i64::from(months))));
        self.boolean(&ast::Expr { kind: ExprKind::And(begun, recent), span })
    }

    fn no_term<T>(&mut self, path: Option<&str>, span: Span) -> Option<T> {
        let (zh, en) = match path {
            Some(path) => {
                (format!("`{path}` 没有声明在期的起止"), format!("`{path}` declares no term to be in force in"))
            }
            None => (
                "`在期` 前应为一条记录或列表的元素".into(),
                "`in_force` follows a record or an element of a list".into(),
            ),
        };
        self.fail(Diagnostic::new(Code::BadTerm, span, zh, en).help(
            "在数据标准中写 `在期 自 起始日 止于 终止日`；全部取证须逐条判断",
            "declare `in_force from begins until ends` in the data standard; test the records of a list one by one",
        ))
    }
}

fn today(span: Span) -> Box<ast::Expr> {
    let name = ast::Name { text: AS_OF_NAME.to_owned(), span };
    Box::new(ast::Expr { kind: ExprKind::Path(ast::Path { parts: vec![name], span }), span })
}

/// `path.from <= 基准日`, and `基准日` before (or on) the end.
fn written_out(path: &ast::Path, group: &Arc<GroupType>, term: Term, span: Span) -> Vec<ExprKind> {
    let expr = |kind| Box::new(ast::Expr { kind, span });
    let field = |index: usize| {
        let mut path = path.clone();
        path.parts.push(ast::Name { text: group.fields[index].name.clone(), span });
        path.span = span;
        expr(ExprKind::Path(path))
    };
    let mut parts = vec![ExprKind::Compare(Compare::AtMost, field(term.from), today(span))];
    if let Some((end, included)) = term.end {
        let (year, month, day) = Date::MAX.civil();
        let open = expr(ExprKind::Literal(LiteralKind::Date(year, month, day)));
        let end = if group.fields[end].optional { expr(ExprKind::Default(field(end), open)) } else { field(end) };
        let order = if included { Compare::AtLeast } else { Compare::Greater };
        parts.push(ExprKind::Compare(order, end, today(span)));
    }
    parts
}
