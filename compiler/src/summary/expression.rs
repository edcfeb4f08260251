//! A checked expression in source notation with Chinese keywords. Owns operators and brackets only.
//! Invariant: depends on the checked tree alone, spans left out, so it is the same for every layout and keyword language;
//! two expressions that are bracketed differently print differently. Must not know: lines, clauses.

use crate::ast::{Compare, Function, PeriodUnit, Quantifier};
use crate::typed::{Arithmetic, Constant, Node, Quantified, TypedExpr, show_word};
use guiju_runtime::number::Rounding;

/// How strongly the outermost operator binds; an operand no stronger than its operator is bracketed.
fn strength(expr: &TypedExpr) -> u8 {
    match &expr.node {
        Node::If(..) | Node::Quantified(_) => 0,
        Node::Or(..) => 1,
        Node::And(..) => 2,
        Node::Not(_) => 3,
        Node::Compare(..) | Node::In(..) | Node::Present(_) | Node::PresentBinding(_) | Node::Default(..) => 4,
        Node::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) | Node::Shift(..) => 5,
        Node::Arithmetic(Arithmetic::Multiply, ..) => 6,
        Node::Scale(a, _) => strength(a),
        Node::Constant(_)
        | Node::Load(_)
        | Node::Definition(..)
        | Node::Call(..)
        | Node::Round { .. }
        | Node::Refused(_)
        | Node::Convert(..) => 7,
    }
}

fn at(expr: &TypedExpr, least: u8) -> String {
    // Among comparisons and conditions a bare default would make a reader look up how strongly it binds.
    let default = matches!(expr.node, Node::Default(..));
    if default || strength(expr) < least { format!("({})", text(expr)) } else { text(expr) }
}

/// The expression on one line.
pub(crate) fn text(expr: &TypedExpr) -> String {
    match &expr.node {
        Node::Constant(Constant::Text(t)) => format!("{t:?}"),
        Node::Constant(Constant::Word(w)) => show_word(&expr.ty, *w),
        Node::Load(access) => access.path.clone(),
        Node::Definition(_, name) => name.clone(),
        Node::Not(a) => format!("非 {}", at(a, 4)),
        Node::And(a, b) => format!("{} 且 {}", at(a, 2), at(b, 3)),
        Node::Or(a, b) => format!("{} 或 {}", at(a, 1), at(b, 2)),
        Node::Compare(op, a, b) => format!("{} {} {}", at(a, 5), sign(*op), at(b, 5)),
        Node::Convert(a, mapping) => format!("{} 换作 {}", at(a, 7), mapping.to.name),
        Node::In(a, list) => {
            let list: Vec<String> = list.iter().map(text).collect();
            format!("{} 属于 {{ {} }}", at(a, 5), list.join(", "))
        }
        Node::Present(a) => format!("{} 存在", at(a, 7)),
        Node::PresentBinding(access) => format!("{} 存在", access.path),
        Node::Default(a, b) => format!("{} 或缺 {}", at(a, 5), at(b, 5)),
        Node::Arithmetic(Arithmetic::Add, a, b) => format!("{} + {}", at(a, 5), at(b, 6)),
        Node::Arithmetic(Arithmetic::Subtract, a, b) => format!("{} - {}", at(a, 5), at(b, 6)),
        Node::Arithmetic(Arithmetic::Multiply, a, b) => format!("{} * {}", at(a, 6), at(b, 7)),
        // Digits that are all 0 are no part of what people compare.
        Node::Scale(a, _) => text(a),
        Node::Round { rounding, value, divisor, digits } => {
            let word = match rounding {
                Rounding::HalfUp => "四舍五入",
                Rounding::HalfEven => "四舍六入",
                Rounding::Down => "舍去",
                Rounding::Up => "进一",
            };
            let value = match divisor {
                Some(divisor) => format!("{} / {}", at(value, 6), at(divisor, 7)),
                None => text(value),
            };
            format!("{word}({value}, {digits})")
        }
        Node::Shift(a, count, unit) => {
            let sign = if *count < 0 { '-' } else { '+' };
            let unit = match unit {
                PeriodUnit::Years => "年",
                PeriodUnit::Months => "月",
                PeriodUnit::Days => "日",
            };
            format!("{} {sign} {} {unit}", at(a, 5), count.unsigned_abs())
        }
        Node::If(c, a, b) => format!("如果 {} 则 {} 否则 {}", at(c, 1), at(a, 1), at(b, 1)),
        Node::Call(function, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(text).collect();
            format!("{}({})", name(*function), arguments.join(", "))
        }
        Node::Quantified(q) => quantified(q),
        // Only in a policy that is refused, where another finding speaks of what it stands in.
        Node::Refused(_) => "…".to_owned(),
    }
}

fn sign(op: Compare) -> &'static str {
    match op {
        Compare::Equal => "=",
        Compare::NotEqual => "≠",
        Compare::Less => "<",
        Compare::AtMost => "<=",
        Compare::Greater => ">",
        Compare::AtLeast => ">=",
    }
}

fn name(function: Function) -> &'static str {
    match function {
        Function::AgeOn => "周岁",
        Function::MonthOf => "年月",
        Function::MonthsBetween => "月差",
        Function::DaysBetween => "日差",
    }
}

fn quantified(q: &Quantified) -> String {
    let mut out = match q.quantifier {
        Quantifier::Exists => "存在",
        Quantifier::All => "所有",
        Quantifier::Count => "计数",
        Quantifier::CountDistinct => "计数 不同",
        Quantifier::Sum => "合计",
        Quantifier::Max => "最大",
        Quantifier::Min => "最小",
    }
    .to_owned();
    if let Some(value) = &q.value {
        out = format!("{out} {} 对", at(value, 1));
    }
    out = format!("{out} {} 于 {}", q.variable, q.list.path);
    if let Some(condition) = &q.condition {
        let lead = if q.quantifier == Quantifier::All { "满足" } else { "当" };
        out = format!("{out} {lead} {}", at(condition, 1));
    }
    if let Some(empty) = &q.empty {
        out = format!("{out} 空则 {}", at(empty, 7));
    }
    out
}
