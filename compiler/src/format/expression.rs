//! Expressions as text. Owns where parentheses are needed, and the few more that spare a reader the table of operators:
//! around a default that is compared, joined or negated, and around a quantifier beside `且` or `或` or inside another.
//! Invariant: the text parses to the same tree. Must not know: clauses, lines.

use super::layout::{Writer, quote};
use crate::ast::{Compare, Expr, ExprKind, Function, LiteralKind, MoneyUnit, Path, PeriodUnit, Quantifier};
use crate::ast::{Language, Literal, Name, name_and_version};
use crate::parse::{AS_OF_NAME, Rule, spelling};
use guiju_runtime::number::{self, Rounding};

// Binding strength, as in the parser.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const DEFAULT: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const PRIMARY: u8 = 8;

/// A whole expression.
pub(super) fn expr(writer: &Writer, expr: &Expr) -> String {
    at(writer, expr, OR, true)
}

/// The parts of a chain of one operator, `且` or `或`, each but the first led by it; a single part for others.
pub(super) fn chain(writer: &Writer, expr: &Expr) -> Vec<String> {
    let strength = strength(expr);
    let mut parts = Vec::new();
    let mut rest = expr;
    loop {
        let (operator, left, right) = match &rest.kind {
            ExprKind::Or(left, right) if strength == OR => (Rule::k_or, left, right),
            ExprKind::And(left, right) if strength == AND => (Rule::k_and, left, right),
            _ => break,
        };
        parts.push(format!("{} {}", writer.word(operator), at(writer, right, strength + 1, false)));
        rest = left;
    }
    let tail = parts.is_empty();
    parts.push(at(writer, rest, strength, tail));
    parts.reverse();
    parts
}

fn strength(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Or(..) => OR,
        ExprKind::And(..) => AND,
        ExprKind::Not(_) => NOT,
        ExprKind::Compare(..) | ExprKind::In(..) | ExprKind::Present(_) | ExprKind::Absent(_) => COMPARISON,
        ExprKind::InForce(_) | ExprKind::InPast(..) => COMPARISON,
        ExprKind::Default(..) => DEFAULT,
        ExprKind::Add(..) | ExprKind::Subtract(..) | ExprKind::Shift(..) => SUM,
        ExprKind::Multiply(..) | ExprKind::Divide(..) => PRODUCT,
        _ => PRIMARY,
    }
}

/// Whether the text of `expr` ends in a part that would swallow operators written after it.
fn open_ended(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::If(..) => true,
        ExprKind::Quantified { condition, empty, .. } => condition.is_some() && empty.is_none(),
        _ => false,
    }
}

/// Whether the text of `expr` ends in a quantifier that would take a `空则` written after it.
fn takes_empty(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Quantified { quantifier, condition, empty: None, .. } => {
            matches!(quantifier, Quantifier::Sum | Quantifier::Max | Quantifier::Min)
                || condition.as_deref().is_some_and(takes_empty)
        }
        ExprKind::Or(_, last)
        | ExprKind::And(_, last)
        | ExprKind::Not(last)
        | ExprKind::Compare(_, _, last)
        | ExprKind::Default(_, last)
        | ExprKind::Add(_, last)
        | ExprKind::Subtract(_, last)
        | ExprKind::Multiply(_, last)
        | ExprKind::If(_, _, last) => takes_empty(last),
        _ => false,
    }
}

/// An expression where at least `least` strength is needed; `tail` says that no operator follows it.
fn at(writer: &Writer, expr: &Expr, least: u8, tail: bool) -> String {
    // A default is as strong as a sum, but `a 且 b 或缺 c` would make a reader look it up.
    let joined = (AND..=COMPARISON).contains(&least) && matches!(expr.kind, ExprKind::Default(..));
    if strength(expr) < least || joined || (open_ended(expr) && !tail) {
        return format!("({})", bare(writer, expr, true));
    }
    bare(writer, expr, tail)
}

/// What stands behind the operand of a test that has only one.
fn suffix(writer: &Writer, kind: &ExprKind) -> String {
    match kind {
        ExprKind::In(_, values) => {
            let values: Vec<String> = values.iter().map(|value| self::expr(writer, value)).collect();
            format!("{} {{ {} }}", writer.word(Rule::k_member), values.join(", "))
        }
        ExprKind::Absent(_) => writer.word(Rule::k_absent).to_owned(),
        ExprKind::InForce(_) => writer.word(Rule::k_in_force).to_owned(),
        ExprKind::InPast(_, months) => {
            format!("{} {months} {}", writer.word(Rule::k_in_past), writer.word(Rule::k_months))
        }
        _ => writer.word(Rule::k_present).to_owned(),
    }
}

fn rounding(mode: Rounding) -> Rule {
    match mode {
        Rounding::HalfUp => Rule::k_half_up,
        Rounding::HalfEven => Rule::k_half_even,
        Rounding::Down => Rule::k_round_down,
        Rounding::Up => Rule::k_round_up,
    }
}

fn bare(writer: &Writer, expr: &Expr, tail: bool) -> String {
    let infix = |left: &Expr, operator: &str, right: &Expr, strength: u8| {
        // No comparison stands beside a comparison.
        let (least, most) = if strength == COMPARISON { (SUM, SUM) } else { (strength, strength + 1) };
        let left = at(writer, left, least, false);
        let right = at(writer, right, most, tail && strength > AND);
        format!("{left} {operator} {right}")
    };
    match &expr.kind {
        ExprKind::Literal(kind) => literal_kind(writer, kind),
        ExprKind::Path(path) => self::path(writer, path),
        ExprKind::Not(operand) => format!("{} {}", writer.word(Rule::k_not), at(writer, operand, NOT, tail)),
        ExprKind::And(left, right) => infix(left, writer.word(Rule::k_and), right, AND),
        ExprKind::Or(left, right) => infix(left, writer.word(Rule::k_or), right, OR),
        ExprKind::Compare(compare, left, right) => match bound(writer, *compare, right) {
            Some(word) => {
                let (left, at) = (at(writer, left, SUM, false), writer.word(Rule::k_at));
                format!("{left} {at} {} {word}", limit(writer, right))
            }
            None => infix(left, comparison(writer, *compare, right), right, COMPARISON),
        },
        ExprKind::In(operand, ..)
        | ExprKind::Present(operand)
        | ExprKind::Absent(operand)
        | ExprKind::InForce(operand)
        | ExprKind::InPast(operand, _) => {
            format!("{} {}", at(writer, operand, SUM, false), suffix(writer, &expr.kind))
        }
        ExprKind::Convert(operand, list) => converted(writer, operand, list),
        ExprKind::Default(left, right) => infix(left, writer.word(Rule::k_default), right, DEFAULT),
        ExprKind::Add(left, right) => infix(left, "+", right, SUM),
        ExprKind::Subtract(left, right) => infix(left, "-", right, SUM),
        ExprKind::Multiply(left, right) => infix(left, "*", right, PRODUCT),
        ExprKind::Divide(left, right) => infix(left, "/", right, PRODUCT),
        ExprKind::Round(mode, value, digits) => {
            format!("{}({}, {digits})", writer.word(rounding(*mode)), self::expr(writer, value))
        }
        ExprKind::Shift(date, count, unit) => shifted(writer, date, *count, *unit),
        ExprKind::Rolled(date, days) => rolled(writer, date, days),
        ExprKind::If(condition, then, other) => format!(
            "{} {} {} {} {} {}",
            writer.word(Rule::k_if),
            self::expr(writer, condition),
            writer.word(Rule::k_then),
            self::expr(writer, then),
            writer.word(Rule::k_else),
            self::expr(writer, other),
        ),
        ExprKind::Call(function, arguments) => {
            let callee = match function {
                Function::AgeOn => Rule::k_age_on,
                Function::MonthOf => Rule::k_month_of,
                Function::MonthsBetween => Rule::k_months_between,
                Function::DaysBetween => Rule::k_days_between,
            };
            called(writer, writer.word(callee), arguments)
        }
        ExprKind::Apply(formula, arguments) => called(writer, &formula.text, arguments),
        ExprKind::Quantified { quantifier, value, variable, list, condition, empty } => {
            let parts = Quantified {
                value: value.as_deref(),
                variable,
                list,
                condition: condition.as_deref(),
                empty: empty.as_deref(),
            };
            parts.text(writer, *quantifier)
        }
    }
}

/// `f(a, b)`
fn called(writer: &Writer, callee: &str, arguments: &[Expr]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|argument| expr(writer, argument)).collect();
    format!("{callee}({})", arguments.join(", "))
}

/// `d + 3 年`
fn shifted(writer: &Writer, date: &Expr, count: i32, unit: PeriodUnit) -> String {
    let sign = if count < 0 { '-' } else { '+' };
    let unit = match unit {
        PeriodUnit::Years => Rule::k_years,
        PeriodUnit::Months => Rule::k_months,
        PeriodUnit::Days => Rule::k_days,
    };
    let date = at(writer, date, SUM, false);
    format!("{date} {sign} {} {}", count.unsigned_abs(), writer.word(unit))
}

/// `顺延(d, x 对 v 于 L)`; the days are written as their least would be, without its word.
fn rolled(writer: &Writer, date: &Expr, days: &Expr) -> String {
    let days = bare(writer, days, true);
    let days = days.strip_prefix(writer.word(Rule::k_smallest)).unwrap_or(&days);
    format!("{}({},{days})", writer.word(Rule::k_rolled), expr(writer, date))
}

/// The parts of a quantifier.
struct Quantified<'a> {
    value: Option<&'a Expr>,
    variable: &'a Name,
    list: &'a Path,
    condition: Option<&'a Expr>,
    empty: Option<&'a Expr>,
}

impl Quantified<'_> {
    fn text(&self, writer: &Writer, quantifier: Quantifier) -> String {
        let word = match quantifier {
            Quantifier::Exists => Rule::k_exists,
            Quantifier::All => Rule::k_every,
            Quantifier::Count | Quantifier::CountDistinct => Rule::k_count,
            Quantifier::Sum => Rule::k_sum,
            Quantifier::Max => Rule::k_largest,
            Quantifier::Min => Rule::k_smallest,
        };
        let mut text = writer.word(word).to_owned();
        if quantifier == Quantifier::CountDistinct {
            text = format!("{text} {}", writer.word(Rule::k_distinct));
        }
        if let Some(value) = self.value {
            let nested = matches!(value.kind, ExprKind::Quantified { .. });
            let shown = expr(writer, value);
            let shown = if nested { format!("({shown})") } else { shown };
            text = format!("{text} {shown} {}", writer.word(Rule::k_for));
        }
        let list = path(writer, self.list);
        text = format!("{text} {} {} {list}", self.variable.text, writer.word(Rule::k_in));
        if let Some(condition) = self.condition {
            let lead = if quantifier == Quantifier::All { Rule::k_satisfy } else { Rule::k_where };
            // An inner quantifier at the end would take the `空则` that follows.
            let takes = self.empty.is_some() && takes_empty(condition);
            let condition = at(writer, condition, if takes { PRIMARY } else { OR }, self.empty.is_none());
            text = format!("{text} {} {condition}", writer.word(lead));
        }
        if let Some(empty) = self.empty {
            text = format!("{text} {}", if_empty(writer, empty));
        }
        text
    }
}

/// `空则 d`
pub(super) fn if_empty(writer: &Writer, empty: &Expr) -> String {
    let simple = matches!(empty.kind, ExprKind::Literal(_) | ExprKind::Path(_));
    let shown = expr(writer, empty);
    let shown = if simple { shown } else { format!("({shown})") };
    format!("{} {shown}", writer.word(Rule::k_empty))
}

/// The operator's word or sign, whichever the author wrote before `right`.
pub(super) fn comparison<'a>(writer: &Writer<'a>, compare: Compare, right: &Expr) -> &'static str {
    let before = writer.source.get(..right.span.start as usize).unwrap_or("").trim_end();
    let sign = before.ends_with(['<', '>', '=', '≤', '≥', '＜', '＞', '＝']);
    match (compare, sign) {
        (Compare::Equal, _) => "=",
        (Compare::NotEqual, _) if writer.language == crate::ast::Language::Zh => "≠",
        (Compare::NotEqual, _) => "!=",
        (Compare::Less, true) => "<",
        (Compare::AtMost, true) => "<=",
        (Compare::Greater, true) => ">",
        (Compare::AtLeast, true) => ">=",
        (Compare::Less, false) => writer.word(Rule::k_below),
        (Compare::AtMost, false) => writer.word(Rule::k_within),
        (Compare::Greater, false) => writer.word(Rule::k_exceeds),
        (Compare::AtLeast, false) => writer.word(Rule::k_reaches),
    }
}

/// The word behind `right` that says how it bounds, if the author wrote one: `60 以上`.
pub(super) fn bound(writer: &Writer, compare: Compare, right: &Expr) -> Option<&'static str> {
    let behind = writer.source.get(right.span.end as usize..).unwrap_or("").trim_start();
    let written =
        |rule| [Language::Zh, Language::En].iter().any(|l| behind.starts_with(spelling(rule, *l).unwrap_or("?")));
    let rules: &[Rule] = match compare {
        Compare::AtLeast => &[Rule::k_or_more],
        Compare::AtMost => &[Rule::k_or_less, Rule::k_or_within],
        Compare::Greater => &[Rule::k_and_beyond],
        Compare::Equal | Compare::NotEqual | Compare::Less => &[],
    };
    rules.iter().find(|rule| written(**rule)).map(|rule| writer.word(*rule))
}

/// What stands between `在` and such a word.
fn limit(writer: &Writer, right: &Expr) -> String {
    let shown = expr(writer, right);
    let bare = matches!(
        right.kind,
        ExprKind::Literal(_) | ExprKind::Path(_) | ExprKind::Call(..) | ExprKind::Apply(..) | ExprKind::Round(..)
    );
    if bare { shown } else { format!("({shown})") }
}

fn converted(writer: &Writer, operand: &Expr, list: &Name) -> String {
    format!("{} {} {}", at(writer, operand, PRIMARY, false), writer.word(Rule::k_convert), listed(writer, list))
}

/// A code list's name with its version.
pub(super) fn listed(writer: &Writer, name: &Name) -> String {
    match name_and_version(&name.text) {
        (base, Some(version)) => format!("{base} {} {version}", writer.word(Rule::k_version)),
        (base, None) => base.to_owned(),
    }
}

/// A dotted name, or the as-of date.
pub(super) fn path(writer: &Writer, path: &Path) -> String {
    let parts: Vec<&str> = path.parts.iter().map(|part| part.text.as_str()).collect();
    if parts == [AS_OF_NAME] {
        return writer.word(Rule::k_today).to_owned();
    }
    parts.join(".")
}

/// A literal.
pub(super) fn literal(writer: &Writer, literal: &Literal) -> String {
    literal_kind(writer, &literal.kind)
}

fn literal_kind(writer: &Writer, kind: &LiteralKind) -> String {
    match kind {
        LiteralKind::Boolean(true) => writer.word(Rule::k_true).to_owned(),
        LiteralKind::Boolean(false) => writer.word(Rule::k_false).to_owned(),
        LiteralKind::Integer(value) => value.to_string(),
        LiteralKind::Decimal(digits, scale) => number::show(*digits, *scale),
        LiteralKind::Money(digits, scale, unit) => {
            let unit = match unit {
                MoneyUnit::Fen => Rule::k_fen,
                MoneyUnit::Yuan => Rule::k_yuan,
                MoneyUnit::WanYuan => Rule::k_wan_yuan,
                MoneyUnit::YiYuan => Rule::k_yi_yuan,
            };
            format!("{} {}", number::show(*digits, *scale), writer.word(unit))
        }
        LiteralKind::Date(year, month, day) => format!("{year:04}-{month:02}-{day:02}"),
        LiteralKind::Month(year, month) => format!("{year:04}-{month:02}"),
        LiteralKind::Text(text) => quote(text),
    }
}
