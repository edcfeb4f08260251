//! Numbers: whole, of fixed scale, and money. Owns units, scales and the range of every sum, difference, product and
//! rounded quotient. Invariant: no accepted operation can leave an i64, nor any step on its way, whatever its operands
//! within their ranges; no accepted quotient has a divisor that may be 0; nothing is rounded without saying how.
//! Must not know: statements around the expression.
//!
//! Units. Sums, differences and comparisons want one unit; a number without unit goes with any but money. A product has at
//! most one factor with a unit, and a quotient of two equal units has none: there are no units such as 元/平方米, so what
//! would need one is refused and the law's own unit is given to the result by declaring it.

use super::refused::Refusal;
use super::types::{Typer, make};
use crate::ast::{self, ExprKind, LiteralKind, MoneyUnit};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::summary::expression::text;
use crate::typed::{
    Arithmetic, Constant, MONEY_UNIT, Node, Quotient, TypedExpr, domain, scale_of, show_type, show_type_en, show_word,
};
use guiju_runtime::number::{self, MONEY_SCALE, Rounding, SCALE_MAX};
use guiju_runtime::value::Type;

/// Whether values of the type are numbers.
pub(crate) fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Integer { .. } | Type::Decimal { .. } | Type::Money { .. })
}

/// The unit of a number; money's is 元.
pub(crate) fn unit_of(ty: &Type) -> Option<String> {
    match ty {
        Type::Integer { unit, .. } | Type::Decimal { unit, .. } => unit.clone(),
        Type::Money { .. } => Some(MONEY_UNIT.to_owned()),
        _ => None,
    }
}

/// Whether a number counts in 元.
pub(crate) fn is_money(ty: &Type) -> bool {
    unit_of(ty).is_some_and(|unit| unit == MONEY_UNIT)
}

/// The type of numbers of this scale and unit: two digits of 元 are money, none a whole number.
pub(crate) fn number_type(low: i64, high: i64, scale: u8, unit: Option<String>) -> Type {
    let money = unit.as_deref() == Some(MONEY_UNIT);
    match scale {
        MONEY_SCALE if money => Type::Money { low, high },
        0 => Type::Integer { low, high, unit },
        _ => Type::Decimal { low, high, scale, unit },
    }
}

/// Word and scale of a written number: an amount has at least two digits of 元, more only if it needs them. `None` if it is no
/// number, or does not fit.
pub(crate) fn written(literal: &LiteralKind) -> Option<(i64, u8)> {
    match literal {
        LiteralKind::Integer(n) => Some((*n, 0)),
        LiteralKind::Decimal(digits, scale) => Some((*digits, *scale)),
        LiteralKind::Money(digits, scale, unit) => {
            // Digits after the point of 元: 分 moves it two to the left, 万元 four to the right.
            let (left, right) = match unit {
                MoneyUnit::Fen => (2, 0),
                MoneyUnit::Yuan => (0, 0),
                MoneyUnit::WanYuan => (0, 4),
                MoneyUnit::YiYuan => (0, 8),
            };
            let mut word = digits.checked_mul(number::power(right)?)?;
            let mut scale = scale + left;
            while scale > MONEY_SCALE && word % 10 == 0 {
                (word, scale) = (word / 10, scale - 1);
            }
            let missing = MONEY_SCALE.saturating_sub(scale);
            let word = word.checked_mul(number::power(missing)?)?;
            (scale <= SCALE_MAX).then_some((word, scale + missing))
        }
        _ => None,
    }
}

/// The word of `literal` where a value of the number type `ty` is written; `None` if it is none of its kind or has too many
/// digits. Money wants an amount, everything else a bare number.
pub(crate) fn word_as(literal: &LiteralKind, ty: &Type) -> Option<i64> {
    let (word, scale) = written(literal)?;
    let amount = matches!(literal, LiteralKind::Money(..));
    if !is_number(ty) || amount != is_money(ty) || scale > scale_of(ty) {
        return None;
    }
    word.checked_mul(number::power(scale_of(ty) - scale)?)
}

/// A wide number with its point.
fn show_wide(word: i128, scale: u8) -> String {
    let digits = format!("{:0>1$}", word.unsigned_abs(), usize::from(scale) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if word < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

fn wide(ty: &Type) -> (i128, i128) {
    let (low, high) = domain(ty);
    (i128::from(low), i128::from(high))
}

/// The range as words, if they hold it: one less than the least word, so that every range can be mirrored.
pub(crate) fn words((low, high): (i128, i128)) -> Option<(i64, i64)> {
    let max = i128::from(i64::MAX);
    if low < -max || high > max {
        return None;
    }
    Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?))
}

/// "the result does not fit a word".
pub(crate) fn beyond_words((low, high): (i128, i128), scale: u8, span: Span) -> Diagnostic {
    let (low, high) = (show_wide(low, scale), show_wide(high, scale));
    let digits = if scale > 0 { format!("（{scale} 位小数）") } else { String::new() };
    let decimals = if scale > 0 { format!(" with {scale} decimals") } else { String::new() };
    Diagnostic::new(
        Code::Overflow,
        span,
        format!("结果可达 {low}..{high}{digits}，超过 64 位整数"),
        format!("the result may reach {low}..{high}{decimals}, beyond 64 bits"),
    )
    .help("缩小操作数的范围，或先舍入", "narrow the ranges of the operands, or round first")
}

fn corners(a: (i128, i128), b: (i128, i128), op: impl Fn(i128, i128) -> i128) -> (i128, i128) {
    let all = [op(a.0, b.0), op(a.0, b.1), op(a.1, b.0), op(a.1, b.1)];
    all.into_iter().fold((all[0], all[0]), |(low, high), x| (low.min(x), high.max(x)))
}

impl Typer<'_> {
    /// Types a number as written. `wanted` gives a bare number its scale.
    pub(crate) fn number_literal(
        &mut self,
        literal: &LiteralKind,
        span: Span,
        wanted: Option<&Type>,
    ) -> Option<TypedExpr> {
        let max = super::scope::NUMBER_MAX;
        let Some((mut word, mut scale)) = written(literal).filter(|(word, _)| (-max..=max).contains(word)) else {
            return self.fail(Diagnostic::new(
                Code::Overflow,
                span,
                "数超过 2 的 53 次方",
                "the number goes beyond 2 to the 53rd",
            ));
        };
        let amount = matches!(literal, LiteralKind::Money(..));
        if let Some(Type::Decimal { scale: finer, .. }) = wanted
            && !amount
            && *finer > scale
            && let Some(lifted) = number::power(finer - scale).and_then(|p| word.checked_mul(p))
        {
            (word, scale) = (lifted, *finer);
        }
        let unit = amount.then(|| MONEY_UNIT.to_owned());
        Some(make(Node::Constant(Constant::Word(word)), number_type(word, word, scale, unit), span))
    }

    /// `a + b`, `a - b`, `a * b`
    pub(crate) fn arithmetic(&mut self, expr: &ast::Expr) -> Option<TypedExpr> {
        let (op, a, b) = match &expr.kind {
            ExprKind::Add(a, b) => (Arithmetic::Add, a, b),
            ExprKind::Subtract(a, b) => (Arithmetic::Subtract, a, b),
            ExprKind::Multiply(a, b) => (Arithmetic::Multiply, a, b),
            _ => return None,
        };
        let (a, b) = (self.operand(a)?, self.operand(b)?);
        let span = expr.span;
        let (a, b, scale, unit) = if op == Arithmetic::Multiply {
            let unit = self.product_unit(&a, &b, span)?;
            let scale = self.few_digits(scale_of(&a.ty) + scale_of(&b.ty), span)?;
            (a, b, scale, unit)
        } else {
            self.alike(a, b, span)?
        };
        let apply = |p, q| match op {
            Arithmetic::Add => p + q,
            Arithmetic::Subtract => p - q,
            Arithmetic::Multiply => p * q,
        };
        let range = corners(wide(&a.ty), wide(&b.ty), apply);
        let Some((low, high)) = words(range) else {
            let beyond = (number_type(1, 1, scale, unit), range, span);
            return Some(self.overflow(beyond, vec![a, b], |words| apply(words[0], words[1])));
        };
        let ty = number_type(low, high, scale, unit);
        Some(make(Node::Arithmetic(op, Box::new(a), Box::new(b)), ty, span))
    }

    /// A present number.
    fn operand(&mut self, expr: &ast::Expr) -> Option<TypedExpr> {
        let typed = self.present(expr, None)?;
        if is_number(&typed.ty) {
            return Some(typed);
        }
        let finding = Diagnostic::new(
            Code::TypeMismatch,
            typed.span,
            format!("`{}` 不能作加减乘除", show_type(&typed.ty)),
            format!("`{}` cannot be added, subtracted, multiplied or divided", show_type_en(&typed.ty)),
        );
        self.fail(finding.help(
            "日期用 `+ 3 年` 移动，用 `日差(早, 晚)` 求差",
            "move dates by `+ 3 years`; take differences by `days_between(earlier, later)`",
        ))
    }

    fn product_unit(&mut self, a: &TypedExpr, b: &TypedExpr, span: Span) -> Option<Option<String>> {
        match (unit_of(&a.ty), unit_of(&b.ty)) {
            (Some(x), Some(y)) => self.fail(
                Diagnostic::new(
                    Code::UnitMismatch,
                    span,
                    format!("`{x}` 与 `{y}` 不能相乘"),
                    format!("`{x}` cannot be multiplied by `{y}`"),
                )
                .help("两个因数中至多一个带单位", "at most one of two factors has a unit"),
            ),
            (x, y) => Some(x.or(y)),
        }
    }

    fn quotient_unit(&mut self, a: &TypedExpr, b: &TypedExpr, span: Span) -> Option<Option<String>> {
        match (unit_of(&a.ty), unit_of(&b.ty)) {
            (Some(x), Some(y)) if x == y => Some(None),
            (x, None) => Some(x),
            (x, Some(y)) => {
                let x = x.unwrap_or_else(|| "1".to_owned());
                self.fail(
                    Diagnostic::new(
                        Code::UnitMismatch,
                        span,
                        format!("不能除出 `{x}/{y}` 这样的单位"),
                        format!("there is no unit such as `{x}/{y}`"),
                    )
                    .help(
                        "除数不带单位，或与被除数单位相同",
                        "divide by a number without unit, or by one of the same unit",
                    ),
                )
            }
        }
    }

    fn few_digits(&mut self, scale: u8, span: Span) -> Option<u8> {
        if scale <= SCALE_MAX {
            return Some(scale);
        }
        self.fail(
            Diagnostic::new(
                Code::Overflow,
                span,
                format!("结果有 {scale} 位小数，至多 {SCALE_MAX} 位"),
                format!("the result has {scale} decimals, at most {SCALE_MAX} are computed with"),
            )
            .help("先舍入一个因数，如 `四舍五入(…, 2)`", "round a factor first, as in `round_half_up(…, 2)`"),
        )
    }

    /// Two numbers of one kind and unit, brought to one scale.
    fn alike(&mut self, a: TypedExpr, b: TypedExpr, span: Span) -> Option<(TypedExpr, TypedExpr, u8, Option<String>)> {
        if is_money(&a.ty) != is_money(&b.ty) {
            let bare = if is_money(&a.ty) { &b } else { &a };
            let finding = self.no_money(bare, span);
            return self.fail(finding);
        }
        // A whole number among decimals is most often a count that was meant for something else; a written one is plain.
        let whole = |e: &TypedExpr| matches!(e.ty, Type::Integer { .. });
        if whole(&a) != whole(&b) {
            let (count, other) = if whole(&a) { (&a, &b) } else { (&b, &a) };
            if count.constant().is_none() {
                let one = format!("1.{}", "0".repeat(usize::from(scale_of(&other.ty))));
                let text = text(count);
                return self.fail(
                    Diagnostic::new(
                        Code::UnitMismatch,
                        span,
                        format!("`{}` 与 `{}` 不能直接相加减或比较", show_type(&a.ty), show_type(&b.ty)),
                        format!("`{}` and `{}` cannot be joined as they are", show_type_en(&a.ty), show_type_en(&b.ty)),
                    )
                    .help(
                        format!("把整数写成小数：`{text} * {one}`"),
                        format!("make a decimal of the whole number: `{text} * {one}`"),
                    ),
                );
            }
        }
        let unit = self.join_units(unit_of(&a.ty).as_ref(), unit_of(&b.ty).as_ref(), span)?;
        let scale = scale_of(&a.ty).max(scale_of(&b.ty));
        Some((self.lift(a, scale)?, self.lift(b, scale)?, scale, unit))
    }

    /// "this is no money".
    pub(crate) fn no_money(&self, bare: &TypedExpr, span: Span) -> Diagnostic {
        let finding = Diagnostic::new(
            Code::UnitMismatch,
            if bare.constant().is_some() { bare.span } else { span },
            format!("金额与 `{}` 单位不同", show_type(&bare.ty)),
            format!("money and `{}` have different units", show_type_en(&bare.ty)),
        );
        match bare.word() {
            Some(word) => {
                let text = show_word(&bare.ty, word);
                finding.help(format!("金额写单位：`{text} 元`"), format!("write money with its unit: `{text} yuan`"))
            }
            None => finding.help("两边都用金额，或都不用", "use money on both sides or on neither"),
        }
    }

    pub(crate) fn join_units(&mut self, a: Option<&String>, b: Option<&String>, span: Span) -> Option<Option<String>> {
        match (a, b) {
            (Some(x), Some(y)) if x != y => self.fail(
                Diagnostic::new(
                    Code::UnitMismatch,
                    span,
                    format!("单位不同：`{x}` 与 `{y}`"),
                    format!("the units differ: `{x}` and `{y}`"),
                )
                .help("先换算为同一单位", "convert to one unit first"),
            ),
            (x, y) => Some(x.or(y).cloned()),
        }
    }

    /// The least type that holds both numbers, and both of its scale.
    pub(crate) fn join_numbers(
        &mut self,
        a: TypedExpr,
        b: TypedExpr,
        span: Span,
    ) -> Option<(TypedExpr, TypedExpr, Type)> {
        let (a, b, scale, unit) = self.alike(a, b, span)?;
        let ((l1, h1), (l2, h2)) = (domain(&a.ty), domain(&b.ty));
        Some((a, b, number_type(l1.min(l2), h1.max(h2), scale, unit)))
    }

    /// The same number with more digits after the point, all of them 0.
    pub(crate) fn lift(&mut self, mut e: TypedExpr, scale: u8) -> Option<TypedExpr> {
        let digits = scale.saturating_sub(scale_of(&e.ty));
        if digits == 0 {
            return Some(e);
        }
        let by = i128::from(number::power(digits)?);
        let (low, high) = wide(&e.ty);
        let range = (low * by, high * by);
        let Some((low, high)) = words(range) else {
            let beyond = (number_type(1, 1, scale, unit_of(&e.ty)), range, e.span);
            return Some(self.overflow(beyond, vec![e], |words| words[0] * by));
        };
        let ty = number_type(low, high, scale, unit_of(&e.ty));
        if let Node::Constant(Constant::Word(_)) = e.node {
            e.node = Node::Constant(Constant::Word(low));
            e.ty = ty;
            return Some(e);
        }
        let (optional, span) = (e.optional, e.span);
        Some(TypedExpr { node: Node::Scale(Box::new(e), digits), ty, optional, span })
    }

    /// Tells that an operation on these operands may leave a word, and at which ends of their ranges it does.
    fn overflow(
        &mut self,
        (ty, range, span): (Type, (i128, i128), Span),
        operands: Vec<TypedExpr>,
        apply: impl Fn(&[i128]) -> i128,
    ) -> TypedExpr {
        let ends: Vec<[i64; 2]> = operands.iter().map(|e| <[i64; 2]>::from(domain(&e.ty))).collect();
        let choices = (0..1_usize << ends.len())
            .map(|chosen| -> Vec<i64> { ends.iter().enumerate().map(|(i, ends)| ends[(chosen >> i) & 1]).collect() });
        let out = choices.filter(|words| {
            let result = apply(&words.iter().map(|w| i128::from(*w)).collect::<Vec<_>>());
            self::words((result, result)).is_none()
        });
        // INVARIANT: some end leaves a word, or the range of the result would not.
        let words = out.last().unwrap_or_default();
        let refusal = Refusal::at(&operands.iter().zip(words).collect::<Vec<_>>());
        let finding = beyond_words(range, scale_of(&ty), span);
        self.refuse(finding, refusal, operands, ty)
    }

    /// `a / b` anywhere but directly inside a rounding.
    pub(crate) fn bare_quotient(&mut self, span: Span) -> Option<TypedExpr> {
        self.fail(
            Diagnostic::new(
                Code::Unrounded,
                span,
                "除法须直接写在舍入之内",
                "a division stands directly inside a rounding",
            )
            .help(
                "写 `四舍五入(a / b, 2)`；先乘后除：`a * c / b`",
                "write `round_half_up(a / b, 2)`; multiply before dividing: `a * c / b`",
            ),
        )
    }

    /// `四舍五入(a, n)` and `四舍五入(a / b, n)`
    pub(crate) fn rounding(
        &mut self,
        rounding: Rounding,
        value: &ast::Expr,
        digits: u8,
        span: Span,
    ) -> Option<TypedExpr> {
        let (value, divisor) = match &value.kind {
            ExprKind::Divide(a, b) => (self.operand(a)?, Some(self.operand(b)?)),
            _ => (self.operand(value)?, None),
        };
        let unit = match &divisor {
            Some(divisor) => self.quotient_unit(&value, divisor, span)?,
            None => unit_of(&value.ty),
        };
        let money = unit.as_deref() == Some(MONEY_UNIT);
        let scale = if money { digits.max(MONEY_SCALE) } else { digits };
        let quotient = Quotient::of(&value, divisor.as_ref(), digits, scale);
        let power = |digits: u8| number::power(digits).map(i128::from);
        let (Some(up), Some(down), Some(after)) =
            (power(quotient.numerator), power(quotient.denominator), power(quotient.after))
        else {
            return self.few_digits(SCALE_MAX + 1, span).and(None);
        };
        let one = number_type(1, 1, scale, unit.clone());
        let dividend = wide(&value.ty);
        let by = divisor.as_ref().map_or((1, 1), |d| wide(&d.ty));
        if let Some(divisor) = &divisor
            && (by.0..=by.1).contains(&0)
        {
            return Some(self.divided_by_zero(value, divisor.clone(), one));
        }
        let (numerator, denominator) = ((dividend.0 * up, dividend.1 * up), (by.0 * down, by.1 * down));
        if words(numerator).is_none() {
            return Some(self.overflow((one, numerator, span), vec![value], |words| words[0] * up));
        }
        if let (Some(divisor), None) = (&divisor, words(denominator)) {
            return Some(self.overflow((one, denominator, span), vec![divisor.clone()], |words| words[0] * down));
        }
        let whole = |a: i128, b: i128| match (i64::try_from(a), i64::try_from(b)) {
            (Ok(a), Ok(b)) => i128::from(number::divide(rounding, a, b)) * after,
            // Both ranges are of words.
            _ => 0,
        };
        let range = corners(numerator, denominator, whole);
        let Some((low, high)) = words(range) else {
            let operands = std::iter::once(value).chain(divisor).collect();
            let apply = |words: &[i128]| whole(words[0] * up, words.get(1).map_or(1, |w| *w) * down);
            return Some(self.overflow((one, range, span), operands, apply));
        };
        let node = Node::Round { rounding, value: Box::new(value), divisor: divisor.map(Box::new), digits };
        Some(make(node, number_type(low, high, scale, unit), span))
    }

    fn divided_by_zero(&mut self, value: TypedExpr, divisor: TypedExpr, ty: Type) -> TypedExpr {
        let text = text(&divisor);
        let zero = show_word(&divisor.ty, 0);
        let finding = Diagnostic::new(
            Code::DivisionByZero,
            divisor.span,
            format!("除数 `{text}` 可能为 0"),
            format!("the divisor `{text}` may be 0"),
        )
        .help(
            format!("写 `如果 {text} > {zero} 则 … 否则 …`，或把它的范围改为不含 0"),
            format!("write `if {text} > {zero} then … else …`, or declare a range without 0"),
        )
        .witness(format!("{text} = {zero}"));
        self.refuse(finding, Refusal::at(&[(&divisor, 0)]), vec![value, divisor], ty)
    }

    /// The number as it is kept in a place of type `ty`, or a finding: its unit fits, and no digit is dropped silently.
    pub(crate) fn kept(&mut self, value: TypedExpr, ty: &Type) -> Option<TypedExpr> {
        let span = value.span;
        if is_money(&value.ty) != is_money(ty) {
            if is_money(ty) {
                let finding = self.no_money(&value, span);
                return self.fail(finding);
            }
            return self.mismatch(span, ty, &value.ty);
        }
        let (found, declared) = (unit_of(&value.ty), unit_of(ty));
        if let (Some(f), Some(d)) = (&found, &declared)
            && f != d
        {
            return self.fail(Diagnostic::new(
                Code::UnitMismatch,
                span,
                format!("单位不同：`{f}` 与声明的 `{d}`"),
                format!("the units differ: `{f}` and the declared `{d}`"),
            ));
        }
        let (have, keep) = (scale_of(&value.ty), scale_of(ty));
        if have > keep {
            return self.fail(
                Diagnostic::new(
                    Code::Unrounded,
                    span,
                    format!("值有 {have} 位小数，声明的是 {keep} 位，须写明如何舍入"),
                    format!("the value has {have} decimals where {keep} are declared: say how to round"),
                )
                .help(
                    format!("写 `四舍五入(…, {keep})`、`四舍六入`、`舍去` 或 `进一`"),
                    format!("write `round_half_up(…, {keep})`, `round_half_even`, `round_down` or `round_up`"),
                ),
            );
        }
        if have == 0 && keep > 0 && value.constant().is_none() {
            let (text, one) = (text(&value), format!("1.{}", "0".repeat(usize::from(keep))));
            return self.fail(
                Diagnostic::new(
                    Code::UnitMismatch,
                    span,
                    format!("此处应为 `{}`，却是 `{}`", show_type(ty), show_type(&value.ty)),
                    format!("`{}` is wanted here, not `{}`", show_type_en(ty), show_type_en(&value.ty)),
                )
                .help(
                    format!("把整数写成小数：`{text} * {one}`"),
                    format!("make a decimal of the whole number: `{text} * {one}`"),
                ),
            );
        }
        self.lift(value, keep)
    }
}
