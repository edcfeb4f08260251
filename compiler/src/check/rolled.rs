//! `顺延(d, x 对 v 于 L)`: a last day that falls on a holiday moves to the day after the holidays (民法典 第二百零三条). Which
//! days are holidays is evidence, dated and signed, never part of a program. Owns what the words mean, written out in simpler
//! ones so that every later stage sees nothing new: `d` if it is none of the days; else the day after the first of them, from
//! `d` on, that no other of them follows; else, where they reach the calendar's last day, that day.
//! Invariant: what is written out is a bounded number of times as large as what was written. Must not know: calendars.

use super::types::Typer;
use crate::ast::{self, Compare, ExprKind, LiteralKind, Name, PeriodUnit, Quantifier};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::TypedExpr;
use guiju_runtime::date::Date;

/// What the name of an element becomes where the list is walked once more inside; no author can write it.
const AGAIN: &str = "·次日";

impl Typer<'_> {
    /// The first day on or after `date` that is none of `days`, which is written as their least would be.
    pub(super) fn rolled(&mut self, date: &ast::Expr, days: &ast::Expr, span: Span) -> Option<TypedExpr> {
        let ExprKind::Quantified { value: Some(day), variable, list, condition, .. } = &days.kind else { return None };
        self.written_once(date)?;
        self.written_once(day)?;
        if let Some(condition) = condition {
            self.written_once(condition)?;
        }
        let expr = |kind| Box::new(ast::Expr { kind, span });
        let and = |a: Option<Box<ast::Expr>>, b: Box<ast::Expr>| match a {
            Some(a) => expr(ExprKind::And(a, b)),
            None => b,
        };
        let compare =
            |op, a: &ast::Expr, b: &ast::Expr| expr(ExprKind::Compare(op, Box::new(a.clone()), Box::new(b.clone())));
        let over = |quantifier, variable: &Name, value, condition, empty| {
            let variable = variable.clone();
            expr(ExprKind::Quantified {
                quantifier,
                value,
                variable,
                list: list.clone(),
                condition: Some(condition),
                empty,
            })
        };
        let falls_on_one = and(condition.clone(), compare(Compare::Equal, day, date));
        let next = expr(ExprKind::Shift(day.clone(), 1, PeriodUnit::Days));
        let again = Name { text: format!("{}{AGAIN}", variable.text), span: variable.span };
        let (mut other, mut other_condition) = (day.clone(), condition.clone());
        for part in std::iter::once(&mut other).chain(&mut other_condition) {
            rename(part, &variable.text, &again);
        }
        let followed = and(other_condition, compare(Compare::Equal, &other, &next));
        let followed = over(Quantifier::Exists, &again, None, followed, None);
        let last = and(condition.clone(), compare(Compare::AtLeast, day, date));
        let last = and(Some(last), expr(ExprKind::Not(followed)));
        // A day that moves past the calendar's end stays there, so that the last day seems to be followed by itself.
        let (year, month, day) = Date::MAX.civil();
        let end = expr(ExprKind::Literal(LiteralKind::Date(year, month, day)));
        let after = over(Quantifier::Min, variable, Some(next), last, Some(end));
        let falls = over(Quantifier::Exists, variable, None, falls_on_one, None);
        self.infer(&expr(ExprKind::If(falls, after, Box::new(date.clone()))), None)
    }

    /// Refuses what would be written out several times at every level that it nests.
    pub(super) fn written_once(&mut self, operand: &ast::Expr) -> Option<()> {
        match expanding(operand) {
            None => Some(()),
            Some(span) => self.fail(
                Diagnostic::new(
                    Code::TooDeep,
                    span,
                    "`在前` 与 `顺延` 里面不能再有 `在前` 或 `顺延`",
                    "`in_past` and `rolled` cannot stand inside one another",
                )
                .help("用 `定义` 给里面的部分命名", "name the inner part with `define`"),
            ),
        }
    }
}

/// Where something stands that is written out.
fn expanding(expr: &ast::Expr) -> Option<Span> {
    match expr.kind {
        ExprKind::InPast(..) | ExprKind::Rolled(..) => Some(expr.span),
        _ => expr.parts().into_iter().find_map(expanding),
    }
}

/// Gives the element another name.
fn rename(expr: &mut ast::Expr, from: &str, to: &Name) {
    match &mut expr.kind {
        ExprKind::Path(path) if path.parts[0].text == from => path.parts[0] = to.clone(),
        ExprKind::Quantified { variable, .. } if variable.text == from => return,
        ExprKind::Quantified { list, .. } if list.parts[0].text == from => list.parts[0] = to.clone(),
        _ => {}
    }
    expr.parts_mut().into_iter().for_each(|part| rename(part, from, to));
}
