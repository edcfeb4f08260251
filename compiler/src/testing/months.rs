//! Runs of months in a test's facts: an element a month, with dates counted from it. Invariant: never builds more elements
//! than the list may hold. Must not know: tests, engines.

use super::facts::Builder;
use super::fault;
use crate::ast::{Expr, ExprKind, FactExpr, FactMonths, Literal, LiteralKind, MonthDay};
use crate::check::report::Report;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::value::{Fact, Type, Value};

impl Builder<'_> {
    /// The elements of `每月 …`, at most `room` of them.
    pub(super) fn months(
        &self,
        written: &FactMonths,
        room: usize,
        element: &Type,
        path: &mut Vec<String>,
        report: &mut Report,
    ) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        for (first, last) in &written.runs {
            let (from, to) = (month(first, report)?, month(last.as_ref().unwrap_or(first), report)?);
            if to < from {
                let span = first.span.to(last.as_ref().unwrap_or(first).span);
                let fault = fault::bad(span, "这一段月的末月早于首月", "this run of months ends before it begins");
                report.add(fault.help(format!("写 `{to}..{from}`"), format!("write `{to}..{from}`")));
                return None;
            }
            let count = i64::from(to.index()) - i64::from(from.index()) + 1;
            if usize::try_from(count).map_or(true, |n| n > room.saturating_sub(values.len())) {
                let fault =
                    fault::bad(written.span, "月数超过列表的上限", "there are more months than the list may hold");
                report.add(
                    fault.help(format!("这一处还能放 {room} 个月"), format!("there is room for {room} months here")),
                );
                return None;
            }
            for index in from.index()..=to.index() {
                values.push(self.element(written, YearMonth::from_index(i64::from(index))?, element, path, report)?);
            }
        }
        Some(values)
    }

    fn element(
        &self,
        written: &FactMonths,
        month: YearMonth,
        element: &Type,
        path: &mut Vec<String>,
        report: &mut Report,
    ) -> Option<Value> {
        let (year, number) = month.civil();
        let kind = ExprKind::Literal(LiteralKind::Month(year, number));
        let mut fields = written.fields.clone();
        fields.push((written.field.clone(), FactExpr::Value(Expr { kind, span: written.field.span })));
        let builder = Self { month: Some(month), ..*self };
        let group = FactExpr::Group(fields, written.span);
        match builder.fact(&group, element, false, path, written.span, report)? {
            Fact::Known(value) => Some(value),
            Fact::Absent | Fact::Unknown => None,
        }
    }

    /// `当月 n 日` or `次月 n 日`.
    pub(super) fn month_day(&self, written: &MonthDay, ty: &Type, report: &mut Report) -> Option<Value> {
        let Some(month) = self.month else {
            let fault = fault::bad(
                written.span,
                "`当月` `次月` 只能用在 `每月` 的字段里",
                "`same_month` and `next_month` stand only among the fields of `each month`",
            );
            report.add(fault.help("写出日期, 例如 `2017-03-10`", "write the date, such as `2017-03-10`"));
            return None;
        };
        if !matches!(ty, Type::Date) {
            report.add(fault::wanted(written.span, ty));
            return None;
        }
        if !(1..=31).contains(&written.day) {
            let fault = fault::bad(written.span, "日应在 1 到 31 之间", "a day is from 1 to 31");
            report.add(
                fault.help("`当月 31 日` 在小月里是月末日", "`same_month 31 day` is the last day of a shorter month"),
            );
            return None;
        }
        let (year, number) = month.civil();
        let first = Date::new(year, number, 1)?.add_months(i64::from(written.next));
        let last = first.add_months(1).add_days(-1);
        Some(Value::Date(first.add_days(i64::from(written.day) - 1).min(last)))
    }
}

fn month(literal: &Literal, report: &mut Report) -> Option<YearMonth> {
    let month = match literal.kind {
        LiteralKind::Month(year, month) => YearMonth::new(year, month),
        _ => None,
    };
    if month.is_none() {
        let fault = fault::bad(literal.span, "没有这个月", "there is no such month");
        report.add(fault.help("月份自 01 至 12", "months are from 01 to 12"));
    }
    month
}
