//! What the words of a type are: their range, their scale, their text in source syntax, and how a rounded quotient is
//! computed on them. Invariant: `show_word` of a word in its type's range is what the parser reads back as that word.
//! Must not know: expressions' shape.

use super::TypedExpr;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::number;
use guiju_runtime::value::Type;

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

/// A type as written in Chinese.
pub fn show_type(ty: &Type) -> String {
    match ty {
        Type::Boolean => "是否".into(),
        Type::Integer { low, high, unit } => match unit {
            Some(u) => format!("整数 {low}..{high} [{u}]"),
            None => format!("整数 {low}..{high}"),
        },
        Type::Decimal { low, high, scale, unit } => {
            let unit = unit.as_ref().map_or(String::new(), |u| format!(" [{u}]"));
            format!("小数 {}..{}{unit}", number::show(*low, *scale), number::show(*high, *scale))
        }
        Type::Money { low, high } => format!("金额 {}..{}", show_money(*low), show_money(*high)),
        Type::Date => "日期".into(),
        Type::Month => "年月".into(),
        Type::Text { max } => format!("文本 最长 {max}"),
        Type::Identifier(kind) => {
            use guiju_runtime::value::IdentifierKind as K;
            match kind {
                K::CitizenId => "公民身份号码",
                K::CreditCode => "统一社会信用代码",
                K::CertificateId => "证照标识",
                K::UnitCode => "不动产单元代码",
            }
            .into()
        }
        Type::Enum(e) => e.name.clone(),
        Type::Group(g) => g.name.clone(),
        Type::List { element, max } => format!("列表 {} 至多 {max}", show_type(element)),
    }
}
