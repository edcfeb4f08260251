//! What the words of a type are: their range, their scale, their text in source syntax, and how a rounded quotient is
//! computed on them. Invariant: `show_word` of a word in its type's range is what the parser reads back as that word.
//! Must not know: expressions' shape.

use super::TypedExpr;
use crate::ast::Language;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::number;
use guiju_runtime::value::{IdentifierKind, Type};

/// The unit of money, as decimals and whole numbers name it.
pub const MONEY_UNIT: &str = "元";

/// A word of a type, in source syntax.
pub fn show_word(ty: &Type, word: i64) -> String {
    match ty {
        Type::Boolean => if word == 0 { "否" } else { "是" }.to_owned(),
        Type::Money { .. } => show_money(word),
        Type::Decimal { scale, unit, .. } => {
            let shown = number::show(word, *scale);
            if unit.as_deref() == Some(MONEY_UNIT) { format!("{shown} {MONEY_UNIT}") } else { shown }
        }
        Type::Date => Date::from_days(word).map_or_else(|| word.to_string(), |d| d.to_string()),
        Type::Month => YearMonth::from_index(word).map_or_else(|| word.to_string(), |m| m.to_string()),
        Type::Enum(e) => usize::try_from(word)
            .ok()
            .and_then(|i| e.variants.get(i))
            .map_or_else(|| word.to_string(), |(name, _)| name.clone()),
        _ => word.to_string(),
    }
}

/// A word of a type, in source syntax with English keywords.
pub fn show_word_en(ty: &Type, word: i64) -> String {
    match ty {
        Type::Boolean => (word != 0).to_string(),
        Type::Money { .. } => english_units(&show_word(ty, word)),
        Type::Decimal { unit, .. } if unit.as_deref() == Some(MONEY_UNIT) => english_units(&show_word(ty, word)),
        _ => show_word(ty, word),
    }
}

/// A set of words in source syntax: every variant by name, numbers and dates as closed intervals.
pub fn show_set(ty: &Type, intervals: &[(i64, i64)]) -> String {
    let (least, most) = domain(ty);
    let mut parts = Vec::new();
    for (low, high) in intervals {
        match ty {
            // Both are at most as many as the declared variants.
            Type::Enum(_) | Type::Boolean => parts.extend((*low..=*high).map(|w| show_word(ty, w))),
            _ if low == high => parts.push(show_word(ty, *low)),
            _ if *low <= least => parts.push(format!("<= {}", show_word(ty, *high))),
            _ if *high >= most => parts.push(format!(">= {}", show_word(ty, *low))),
            _ => parts.push(format!("{}..{}", show_word(ty, *low), show_word(ty, *high))),
        }
    }
    parts.join(", ")
}

/// An amount of 分 in the largest unit of which it is a whole multiple, else in 元 and 分.
fn show_money(fen: i64) -> String {
    let whole = |size: i64, unit: &str| (fen != 0 && fen % size == 0).then(|| format!("{} {unit}", fen / size));
    whole(10_000_000_000, "亿元")
        .or_else(|| whole(1_000_000, "万元"))
        .or_else(|| (fen % 100 == 0).then(|| format!("{} {MONEY_UNIT}", fen / 100)))
        .unwrap_or_else(|| format!("{} {MONEY_UNIT}", number::show(fen, number::MONEY_SCALE)))
}

/// Digits after the point of a number type, 0 of any other.
pub fn scale_of(ty: &Type) -> u8 {
    match ty {
        Type::Decimal { scale, .. } => *scale,
        Type::Money { .. } => number::MONEY_SCALE,
        _ => 0,
    }
}

/// How a rounded quotient is computed on words, each part a power of ten: (value × 10^numerator) ÷ (divisor ×
/// 10^denominator), rounded once, × 10^after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotient {
    /// Power of ten that the value is multiplied by.
    pub numerator: u8,
    /// Power of ten that the divisor is multiplied by.
    pub denominator: u8,
    /// Power of ten that the rounded quotient is multiplied by.
    pub after: u8,
}

impl Quotient {
    /// To `digits` after the point, as a word of `scale`, which is no less.
    pub fn of(value: &TypedExpr, divisor: Option<&TypedExpr>, digits: u8, scale: u8) -> Self {
        let wanted = divisor.map_or(0, |d| scale_of(&d.ty)) + digits;
        let have = scale_of(&value.ty);
        Self {
            numerator: wanted.saturating_sub(have),
            denominator: have.saturating_sub(wanted),
            after: scale.saturating_sub(digits),
        }
    }
}

/// The words a type can take, as a closed interval; texts count as all non-negative words.
pub fn domain(ty: &Type) -> (i64, i64) {
    match ty {
        Type::Boolean => (0, 1),
        Type::Integer { low, high, .. } | Type::Decimal { low, high, .. } | Type::Money { low, high } => (*low, *high),
        Type::Date => (i64::from(Date::MIN.days()), i64::from(Date::MAX.days())),
        Type::Month => (12, 119_999),
        Type::Enum(e) => (0, e.variants.len() as i64 - 1),
        _ => (0, i64::MAX),
    }
}

/// A type as written in Chinese, which is also its canonical text.
pub fn show_type(ty: &Type) -> String {
    type_text(ty, Language::Zh)
}

/// A type as written in English.
pub fn show_type_en(ty: &Type) -> String {
    type_text(ty, Language::En)
}

fn type_text(ty: &Type, language: Language) -> String {
    let zh = language == Language::Zh;
    let in_unit = |unit: &Option<String>| unit.as_ref().map_or(String::new(), |u| format!(" [{u}]"));
    match ty {
        Type::Boolean => if zh { "是否" } else { "boolean" }.into(),
        Type::Integer { low, high, unit } => {
            format!("{} {low}..{high}{}", if zh { "整数" } else { "integer" }, in_unit(unit))
        }
        Type::Decimal { low, high, scale, unit } => {
            let (low, high) = (number::show(*low, *scale), number::show(*high, *scale));
            format!("{} {low}..{high}{}", if zh { "小数" } else { "decimal" }, in_unit(unit))
        }
        Type::Money { low, high } if zh => format!("金额 {}..{}", show_money(*low), show_money(*high)),
        Type::Money { low, high } => {
            format!("money {}..{}", english_units(&show_money(*low)), english_units(&show_money(*high)))
        }
        Type::Date => if zh { "日期" } else { "date" }.into(),
        Type::Month => if zh { "年月" } else { "month" }.into(),
        Type::Text { max } => format!("{} {max}", if zh { "文本 最长" } else { "text max" }),
        Type::Identifier(kind) => {
            let (chinese, english) = match kind {
                IdentifierKind::CitizenId => ("公民身份号码", "citizen_id"),
                IdentifierKind::CreditCode => ("统一社会信用代码", "credit_code"),
                IdentifierKind::CertificateId => ("证照标识", "certificate_id"),
                IdentifierKind::UnitCode => ("不动产单元代码", "unit_code"),
            };
            if zh { chinese } else { english }.into()
        }
        Type::Enum(e) => e.name.clone(),
        Type::Group(g) => g.name.clone(),
        Type::List { element, max } => {
            let element = type_text(element, language);
            if zh { format!("列表 {element} 至多 {max}") } else { format!("list {element} max {max}") }
        }
    }
}

/// An amount or number with its unit of money named in English.
fn english_units(text: &str) -> String {
    // Longest first: the unit alone ends all three.
    [("亿元", "yi_yuan"), ("万元", "wan_yuan"), ("元", "yuan")]
        .iter()
        .fold(text.to_owned(), |t, (zh, en)| t.replace(zh, en))
}
