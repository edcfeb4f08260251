//! Random types, facts and frames. Owns what evidence the differential test tries.
//! Invariant: facts fit their types; frames are of the layout's size, though some hold what no layout allows.
//! Must not know: programs' expressions.

use super::Random;
use super::program::Subject;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::value::{Class, EnumType, Fact, Field, GroupType, Type, Value};
use std::sync::Arc;

/// Texts that evidence and literals are made of: few, so that they often meet.
pub(super) const TEXTS: [&str; 5] = ["甲", "乙", "丙", "现势", ""];

/// A random type; `depth` bounds the groups and lists inside.
pub(super) fn any_type(random: &mut Random, depth: usize) -> Type {
    match random.below(if depth == 0 { 7 } else { 12 }) {
        0 => Type::Boolean,
        1 => Type::Integer { low: -3, high: 3, unit: None },
        2 => Type::Integer { low: i64::MIN, high: i64::MAX, unit: None },
        3 => Type::Date,
        4 => Type::Month,
        5 => Type::Text { max: 4 },
        6 => Type::Enum(variants()),
        7 if random.chance(50) => Type::Decimal { low: -5_000, high: 5_000, scale: 3, unit: None },
        7 => Type::Money { low: 0, high: 99_999 },
        8 | 9 => group(random, depth - 1),
        _ => list(random, depth - 1),
    }
}

/// A random group.
pub(super) fn group(random: &mut Random, depth: usize) -> Type {
    let field = |i: usize, random: &mut Random| Field {
        name: format!("字段{i}"),
        ty: any_type(random, depth),
        optional: random.chance(40),
        class: Some(Class::ResultOnly),
    };
    let fields = (0..1 + random.below(5)).map(|i| field(i, random)).collect();
    Type::Group(Arc::new(GroupType { name: "组".to_owned(), fields, term: None }))
}

/// A random list.
pub(super) fn list(random: &mut Random, depth: usize) -> Type {
    let element = if random.chance(70) { group(random, depth) } else { any_type(random, 0) };
    Type::List { element: Box::new(element), max: 1 + random.below(5) as u32 }
}

fn variants() -> Arc<EnumType> {
    let names = ["未婚", "已婚", "离异"];
    Arc::new(EnumType { name: "婚姻状态".to_owned(), variants: names.map(|n| (n.to_owned(), None)).to_vec() })
}

/// A random fact of `ty`.
pub(super) fn fact(random: &mut Random, ty: &Type) -> Fact {
    match random.below(10) {
        0 => Fact::Unknown,
        1 => Fact::Absent,
        _ => Fact::Known(value(random, ty)),
    }
}

fn value(random: &mut Random, ty: &Type) -> Value {
    match ty {
        Type::Boolean => Value::Boolean(random.chance(50)),
        Type::Integer { low, high, .. } | Type::Decimal { low, high, .. } | Type::Money { low, high } => {
            Value::Integer(random.between(*low, *high))
        }
        Type::Date => Value::Date(date(random)),
        Type::Month => Value::Month(month(random)),
        Type::Text { .. } | Type::Identifier(_) => Value::Text(TEXTS[random.below(TEXTS.len())].to_owned()),
        Type::Enum(of) => Value::Enum(random.below(of.variants.len()) as u16),
        Type::Group(group) => Value::Group(
            (group.fields.iter())
                .map(|f| if f.optional { fact(random, &f.ty) } else { Fact::Known(value(random, &f.ty)) })
                .collect(),
        ),
        Type::List { element, max } => {
            let length = random.between(0, i64::from(*max));
            Value::List((0..length).map(|_| value(random, element)).collect())
        }
    }
}

/// A random date, often near today, the ends of months, or the ends of time.
pub(super) fn date(random: &mut Random) -> Date {
    let days = match random.below(4) {
        0 => random.between(i64::from(Date::MIN.days()), i64::from(Date::MAX.days())),
        1 => [11_016, 11_015, 19_782, 16_801][random.below(4)],
        _ => random.between(16_000, 18_000),
    };
    Date::from_days(days).unwrap_or(Date::MIN)
}

/// A random month.
pub(super) fn month(random: &mut Random) -> YearMonth {
    let index = if random.chance(20) { random.between(12, 119_999) } else { random.between(24_190, 24_210) };
    YearMonth::from_index(index).unwrap_or(Date::MIN.month())
}

/// A random frame: mostly what the layout allows, sometimes with words that it does not, sometimes noise.
pub(super) fn frame(random: &mut Random, subject: &Subject) -> Frame {
    let layout = &subject.layout;
    let mut interner = Interner::new(&subject.program.literals);
    let mut frame = Frame::new(layout);
    for (i, root) in layout.roots.iter().enumerate() {
        let fact = fact(random, &root.ty);
        // Facts are made to fit; a root that could not be put would stay unknown, which is as good.
        let put = frame.put(layout, i, &fact, &mut interner);
        debug_assert!(put.is_ok(), "{put:?}");
    }
    let spoilt = match random.below(4) {
        0 | 1 => return frame,
        2 => 1 + frame.words().len() / 8,
        _ => frame.words().len() * 2,
    };
    let mut words = frame.words().to_vec();
    for _ in 0..spoilt {
        let at = random.below(words.len());
        words[at] = match random.below(10) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => random.word(),
            3 => -1,
            n => n as i64 - 4,
        };
    }
    Frame::from_words(words)
}
