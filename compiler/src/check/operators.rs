//! Typing of comparisons, choices, functions and quantifiers; arithmetic is `numbers`'. Invariant: the range of every number
//! it gives contains every value of it. Must not know: statements around the expression.

use super::formula::arguments;
use super::numbers::{beyond_words, is_number, number_type, unit_of, words};
use super::refused::{faults_of_elements, faults_only_where};
use super::scope::is_scalar;
use super::types::{Typer, make};
use crate::ast::{self, Compare, ExprKind, Function, PeriodUnit, Quantifier};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Node, Quantified, Start, TypedExpr, domain, scale_of, show_type, show_type_en};
use guiju_runtime::value::Type;

/// From 0001-01 to 9999-12, and from 0001-01-01 to 9999-12-31.
const CALENDAR_MONTHS: i64 = 119_987;
const CALENDAR_DAYS: i64 = 3_652_058;

impl Typer<'_> {
    /// Types both sides of something that compares them: variants and literals by the other side.
    fn sides(&mut self, a: &ast::Expr, b: &ast::Expr) -> Option<(TypedExpr, TypedExpr)> {
        let literal = |e: &ast::Expr| matches!(e.kind, ExprKind::Literal(_));
        if (self.is_bare_variant(a) && !self.is_bare_variant(b)) || (literal(a) && !literal(b)) {
            let b = self.present(b, None);
            let a = self.present(a, b.as_ref().map(|b| &b.ty));
            return Some((a?, b?));
        }
        let a = self.present(a, None);
        // Of a bare name it is only known what it means beside the other side.
        if a.is_none() && self.is_bare_variant(b) {
            return None;
        }
        let b = self.present(b, a.as_ref().map(|a| &a.ty));
        Some((a?, b?))
    }

    /// `a < b` and the like.
    pub(crate) fn compare(&mut self, op: Compare, a: &ast::Expr, b: &ast::Expr, span: Span) -> Option<TypedExpr> {
        let (a, b) = self.sides(a, b)?;
        let (a, b, joined) = self.join(a, b, span)?;
        let ordered = is_number(&joined) || matches!(joined, Type::Date | Type::Month);
        if !ordered && !matches!(op, Compare::Equal | Compare::NotEqual) {
            return self.fail(
                Diagnostic::new(
                    Code::TypeMismatch,
                    span,
                    format!("`{}` 没有大小，只能比较是否相等", show_type(&joined)),
                    format!("`{}` has no order: only equality is defined", show_type_en(&joined)),
                )
                .help("用 `=` 或 `≠`", "use `=` or `!=`"),
            );
        }
        Some(make(Node::Compare(op, Box::new(a), Box::new(b)), Type::Boolean, span))
    }

    /// `x 属于 { … }`
    pub(crate) fn membership(&mut self, a: &ast::Expr, list: &[ast::Expr], span: Span) -> Option<TypedExpr> {
        let a = self.present(a, None)?;
        let mut constants = Vec::new();
        for item in list {
            let item_typed = self.present(item, Some(&a.ty))?;
            if item_typed.constant().is_none() {
                return self.fail(Diagnostic::new(
                    Code::NotConstant,
                    item.span,
                    "集合中只能写常量",
                    "only constants may stand in a set",
                ));
            }
            let constant = self.constant_like(&a, item_typed)?;
            constants.push(constant);
        }
        Some(make(Node::In(Box::new(a), constants), Type::Boolean, span))
    }

    /// A constant as a word of `like`'s type, which it is compared with for being equal.
    pub(crate) fn constant_like(&mut self, like: &TypedExpr, constant: TypedExpr) -> Option<TypedExpr> {
        let span = constant.span;
        let (same, constant, _) = self.join(like.clone(), constant, span)?;
        if scale_of(&same.ty) == scale_of(&like.ty) {
            return Some(constant);
        }
        let digits = scale_of(&like.ty);
        self.fail(Diagnostic::new(
            Code::BadLiteral,
            span,
            format!("此处的数至多 {digits} 位小数"),
            format!("numbers here have at most {digits} decimals"),
        ))
    }

    /// `x 存在`
    pub(crate) fn presence(&mut self, a: &ast::Expr, span: Span) -> Option<TypedExpr> {
        let facts = std::mem::take(&mut self.facts);
        let result = self.presence_anywhere(a, span);
        self.facts = facts;
        result
    }

    fn presence_anywhere(&mut self, a: &ast::Expr, span: Span) -> Option<TypedExpr> {
        if let ExprKind::Path(path) = &a.kind
            && path.parts.len() == 1
            && !self.values.definitions.contains_key(&path.parts[0].text)
        {
            let place = self.place(path)?;
            if matches!(place.access.start, Start::Evidence(_)) {
                if !place.optional {
                    return self.always_present(&place.access.path, span);
                }
                return Some(make(Node::PresentBinding(place.access), Type::Boolean, span));
            }
        }
        let typed = self.infer(a, None)?;
        if !typed.optional {
            return self.always_present(&typed.canonical(), span);
        }
        if !matches!(typed.node, Node::Load(_) | Node::Definition(..)) {
            return self.fail(Diagnostic::new(
                Code::TypeMismatch,
                span,
                "只能判断字段、定义或取证是否存在",
                "only fields, definitions and evidence can be tested for presence",
            ));
        }
        Some(make(Node::Present(Box::new(typed)), Type::Boolean, span))
    }

    fn always_present<T>(&mut self, text: &str, span: Span) -> Option<T> {
        self.fail(
            Diagnostic::new(
                Code::AlwaysPresent,
                span,
                format!("`{text}` 不会为无"),
                format!("`{text}` is never absent"),
            )
            .help(
                "若确实可能没有，在声明处加 `?`；全部取证用 `计数` 判断",
                "if it may be missing, add `?` where it is declared; count the elements of a list",
            ),
        )
    }

    /// `x 或缺 d`
    pub(crate) fn default_value(
        &mut self,
        a: &ast::Expr,
        b: &ast::Expr,
        wanted: Option<&Type>,
        span: Span,
    ) -> Option<TypedExpr> {
        let value = self.infer(a, wanted)?;
        let facts = std::mem::take(&mut self.facts);
        let anywhere = self.infer(a, wanted);
        self.facts = facts;
        let anywhere = anywhere?;
        if !anywhere.optional {
            return self.always_present(&value.canonical(), span);
        }
        let before = self.report.faults();
        let other = self.infer(b, Some(&value.ty))?;
        let there = make(Node::Present(Box::new(anywhere)), Type::Boolean, span);
        faults_only_where(self.report, before, &there, false);
        let (value, other, ty) = self.join(value, other, span)?;
        let optional = other.optional;
        Some(TypedExpr { node: Node::Default(Box::new(value), Box::new(other)), ty, optional, span })
    }

    /// `如果 c 则 a 否则 b`
    pub(crate) fn choice(
        &mut self,
        c: &ast::Expr,
        a: &ast::Expr,
        b: &ast::Expr,
        wanted: Option<&Type>,
        span: Span,
    ) -> Option<TypedExpr> {
        let c = self.boolean(c)?;
        let (a, b) = if wanted.is_none() && self.is_bare_variant(a) && !self.is_bare_variant(b) {
            let b = self.only_where(&c, false, |t| t.infer(b, None))?;
            (self.only_where(&c, true, |t| t.infer(a, Some(&b.ty)))?, b)
        } else {
            let a = self.only_where(&c, true, |t| t.infer(a, wanted))?;
            let hint = wanted.unwrap_or(&a.ty).clone();
            let b = self.only_where(&c, false, |t| t.infer(b, Some(&hint)))?;
            (a, b)
        };
        let (a, b, ty) = self.join(a, b, span)?;
        let optional = a.optional || b.optional;
        Some(TypedExpr { node: Node::If(Box::new(c), Box::new(a), Box::new(b)), ty, optional, span })
    }

    /// The least type that holds both, and both as they stand in it; or a finding.
    pub(crate) fn join(&mut self, a: TypedExpr, b: TypedExpr, span: Span) -> Option<(TypedExpr, TypedExpr, Type)> {
        use Type as T;
        match (&a.ty, &b.ty) {
            (x, y) if is_number(x) && is_number(y) => self.join_numbers(a, b, span),
            (T::Text { max: m1 }, T::Text { max: m2 }) => {
                let ty = T::Text { max: *m1.max(m2) };
                Some((a, b, ty))
            }
            (x, y) if x == y => {
                let ty = x.clone();
                Some((a, b, ty))
            }
            (x, y) => {
                self.mismatch(if b.constant().is_some() || a.constant().is_none() { b.span } else { a.span }, x, y)
            }
        }
    }

    /// `date + 3 年`
    pub(crate) fn shift(&mut self, a: &ast::Expr, n: i32, unit: PeriodUnit, span: Span) -> Option<TypedExpr> {
        let a = self.present(a, None)?;
        let good = match a.ty {
            Type::Date => true,
            Type::Month => unit != PeriodUnit::Days,
            _ => false,
        };
        if !good {
            return self.fail(Diagnostic::new(
                Code::TypeMismatch,
                a.span,
                format!("`{}` 不能加减这样的期间", show_type(&a.ty)),
                format!("such a period cannot be added to `{}`", show_type_en(&a.ty)),
            ));
        }
        // Longer than the calendar, a period would move every date to its end, and months past it.
        let (count, most) = match unit {
            PeriodUnit::Years => (i64::from(n) * 12, CALENDAR_MONTHS),
            PeriodUnit::Months => (i64::from(n), CALENDAR_MONTHS),
            PeriodUnit::Days => (i64::from(n), CALENDAR_DAYS),
        };
        if count.abs() > most {
            return self.fail(
                Diagnostic::new(
                    Code::Overflow,
                    span,
                    "期间比历法的全部年份还长",
                    "the period is longer than all years of the calendar",
                )
                .help("历法自 0001 年至 9999 年", "the calendar runs from year 0001 to 9999"),
            );
        }
        if a.ty == Type::Date && unit != PeriodUnit::Days && moved_by_months(&a) {
            return self.shifted_twice(&a, n, unit, span);
        }
        let ty = a.ty.clone();
        Some(make(Node::Shift(Box::new(a), n, unit), ty, span))
    }

    /// One period counted as two: where the first ends on a month's last day for want of the corresponding day, the second
    /// counts from there and loses days (民法典 202 gives one period one corresponding day).
    fn shifted_twice<T>(&mut self, moved: &TypedExpr, n: i32, unit: PeriodUnit, span: Span) -> Option<T> {
        let months = |n: i32, unit| i64::from(n) * if unit == PeriodUnit::Years { 12 } else { 1 };
        let (zh, en) = match &moved.node {
            Node::Shift(date, m, before) if *before != PeriodUnit::Days => {
                let (date, months) = (date.canonical(), months(*m, *before) + months(n, unit));
                let sign = if months < 0 { '-' } else { '+' };
                match months.abs() {
                    0 => (format!("两次相抵的, 就写 `{date}`"), format!("where the two cancel out, write `{date}`")),
                    n if n % 12 == 0 => (
                        format!("一个期间写作 `{date} {sign} {} 年`", n / 12),
                        format!("one period is `{date} {sign} {} years`", n / 12),
                    ),
                    n => (
                        format!("一个期间写作 `{date} {sign} {n} 月`"),
                        format!("one period is `{date} {sign} {n} months`"),
                    ),
                }
            }
            _ => (
                "一个期间的年月只移动一次, 日在其后, 如 `起日 + 2 月 + 10 日`".into(),
                "one period moves by months or years once, by days after that, as in `start + 2 months + 10 days`"
                    .into(),
            ),
        };
        self.fail(
            Diagnostic::new(
                Code::ShiftedTwice,
                span,
                "同一个日期在一个式子里移动了两次年月, 与移动一次的结果可能不同",
                "one expression moves a date by months or years twice, which may differ from moving it once",
            )
            .help(
                format!("{zh}; 期满后另起的期间, 先用 `定义` 给期满日命名"),
                format!("{en}; for one that begins when another has ended, name that end with `define`"),
            )
            // Periods as ISO 8601 writes them, in whatever language it is read.
            .witness("2021-01-31 + P1M + P1M = 2021-03-28, 2021-01-31 + P2M = 2021-03-31"),
        )
    }

    /// Built-in functions.
    pub(crate) fn call(&mut self, function: Function, args: &[ast::Expr], span: Span) -> Option<TypedExpr> {
        let integer = |low, high| Type::Integer { low, high, unit: None };
        let (wanted, ty): (&[Type], Type) = match function {
            Function::AgeOn => (&[Type::Date, Type::Date], integer(0, 9998)),
            Function::MonthOf => (&[Type::Date], Type::Month),
            Function::MonthsBetween => (&[Type::Month, Type::Month], integer(-CALENDAR_MONTHS, CALENDAR_MONTHS)),
            Function::DaysBetween => (&[Type::Date, Type::Date], integer(-CALENDAR_DAYS, CALENDAR_DAYS)),
        };
        if args.len() != wanted.len() {
            return self.fail(Diagnostic::new(
                Code::TypeMismatch,
                span,
                format!("此函数要 {} 个参数，写了 {} 个", wanted.len(), args.len()),
                format!("this function takes {}, not {}", arguments(wanted.len()), args.len()),
            ));
        }
        let mut typed = Vec::new();
        for (arg, want) in args.iter().zip(wanted) {
            let arg = self.present(arg, Some(want))?;
            if arg.ty != *want {
                return self.mismatch(arg.span, want, &arg.ty);
            }
            typed.push(arg);
        }
        Some(make(Node::Call(function, typed), ty, span))
    }

    /// Quantifiers.
    pub(crate) fn quantified(&mut self, expr: &ast::Expr, wanted: Option<&Type>) -> Option<TypedExpr> {
        let ExprKind::Quantified { quantifier, value, variable, list, condition, empty } = &expr.kind else {
            return None;
        };
        let place = self.place(list)?;
        let Type::List { element, max } = place.ty.clone() else {
            return self.fail(Diagnostic::new(
                Code::TypeMismatch,
                list.span,
                format!("`{}` 不是列表", place.access.path),
                format!("`{}` is no list", place.access.path),
            ));
        };
        let bound = place.access.clone();
        let before = self.report.faults();
        let (condition, value, depth) = self.with_variable(variable, *element, &bound, |t, depth| {
            let condition = match condition {
                Some(c) => Some(t.boolean(c)?),
                None => None,
            };
            let value = match (value, &condition) {
                (Some(v), Some(c)) => Some(t.only_where(c, true, |t| t.present(v, wanted))?),
                (Some(v), None) => Some(t.present(v, wanted)?),
                (None, _) => None,
            };
            Some((condition, value, depth))
        })?;
        let elements = self.report.faults();
        let empty = match empty {
            Some(e) => Some(self.present(e, value.as_ref().map(|v| &v.ty))?),
            None => None,
        };
        let (value, empty, ty) = self.quantified_type(*quantifier, value, empty, max, expr.span)?;
        let absent_is_empty = self.absent_is_empty(&place.access.start);
        let quantified = Quantified {
            quantifier: *quantifier,
            value,
            variable: variable.text.clone(),
            depth,
            list: place.access,
            max,
            absent_is_empty,
            condition,
            empty,
        };
        faults_of_elements(self.report, before..elements, &quantified);
        Some(make(Node::Quantified(Box::new(quantified)), ty, expr.span))
    }

    /// Whether absence of what a list lies in means the empty list; evidence without `?` counts as unknown instead.
    fn absent_is_empty(&self, start: &Start) -> bool {
        match start {
            Start::Evidence(i) => self.values.evidence.get(*i).is_none_or(|e| e.optional || e.all),
            _ => true,
        }
    }

    fn quantified_type(
        &mut self,
        quantifier: Quantifier,
        value: Option<TypedExpr>,
        empty: Option<TypedExpr>,
        max: u32,
        span: Span,
    ) -> Option<(Option<TypedExpr>, Option<TypedExpr>, Type)> {
        let count = Type::Integer { low: 0, high: i64::from(max), unit: None };
        let ty = match (quantifier, &value) {
            (Quantifier::Exists | Quantifier::All, _) => Type::Boolean,
            (Quantifier::Count, _) => count,
            (Quantifier::CountDistinct, Some(v)) if is_scalar(&v.ty) => count,
            (Quantifier::Sum, Some(v)) if !is_number(&v.ty) => return self.no_aggregate(&v.ty, v.span),
            (Quantifier::Sum, Some(v)) => {
                let (low, high) = domain(&v.ty);
                let all = |word: i64| i128::from(word) * i128::from(max);
                let scale = scale_of(&v.ty);
                let range = (all(low).min(0), all(high).max(0));
                match words(range) {
                    Some((low, high)) => number_type(low, high, scale, unit_of(&v.ty)),
                    None => return self.fail(beyond_words(range, scale, span)),
                }
            }
            (Quantifier::Max | Quantifier::Min, Some(v)) => {
                if !is_number(&v.ty) && !matches!(v.ty, Type::Date | Type::Month) {
                    return self.no_aggregate(&v.ty, v.span);
                }
                let Some(empty) = empty else { return self.no_extreme(span) };
                let (value, empty, ty) = self.join(v.clone(), empty, span)?;
                return Some((Some(value), Some(empty), ty));
            }
            _ => {
                return self.fail(Diagnostic::new(
                    Code::TypeMismatch,
                    span,
                    "缺少要计算的值",
                    "the value to compute with is missing",
                ));
            }
        };
        if let Some(empty) = empty {
            return self.fail(
                Diagnostic::new(
                    Code::TypeMismatch,
                    empty.span,
                    "空列表的合计与计数就是 0",
                    "sums and counts of an empty list are 0",
                )
                .help("去掉 `空则 …`", "remove `empty …`"),
            );
        }
        Some((value, None, ty))
    }

    fn no_extreme<T>(&mut self, span: Span) -> Option<T> {
        self.fail(
            Diagnostic::new(
                Code::TypeMismatch,
                span,
                "列表为空时没有最大最小值",
                "an empty list has no greatest or least value",
            )
            .help("写上 `空则 …`", "add `empty …`"),
        )
    }

    fn no_aggregate<T>(&mut self, ty: &Type, span: Span) -> Option<T> {
        self.fail(Diagnostic::new(
            Code::TypeMismatch,
            span,
            format!("不能对 `{}` 作此计算", show_type(ty)),
            format!("this cannot be computed over `{}`", show_type_en(ty)),
        ))
    }
}

/// Whether a date may have been moved by months or years inside the expression: days put behind, a choice, a default and the
/// first or last of a list do not hide it; a name does, for it says that the period has ended.
fn moved_by_months(date: &TypedExpr) -> bool {
    match &date.node {
        Node::Shift(_, _, PeriodUnit::Years | PeriodUnit::Months) => true,
        Node::Shift(inner, _, PeriodUnit::Days) => moved_by_months(inner),
        Node::If(_, a, b) | Node::Default(a, b) => moved_by_months(a) || moved_by_months(b),
        Node::Quantified(q) => q.value.iter().chain(&q.empty).any(moved_by_months),
        _ => false,
    }
}
