//! Whether a fact fits its type. Owns the one check behind JSON, canonical bytes and frames.
//! Invariant: `check` accepts a fact only if every value in it lies in its type's ranges, bounds and forms, required
//! fields are known, and optional fields are known, absent or unknown. Must not know: JSON, bytes, frames, policies.

use crate::identifier::{self, IdentifierFault};
use crate::number;
use crate::value::{Fact, GroupType, IdentifierKind, Type, Value};
use std::fmt;
use unicode_normalization::is_nfc;

/// Most bytes of one text, whatever its type says of characters.
pub const TEXT_BYTES_MAX: usize = 65_536;

/// A fact that does not fit its type: where, and why. Whoever supplied the fact is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Path of fields and list positions, e.g. `成员[2].关系`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A value of another type.
    Kind {
        /// What its type wants.
        wanted: Wanted,
    },
    /// A number outside its range.
    Range {
        /// Least, as a word.
        low: i64,
        /// Greatest, as a word.
        high: i64,
        /// Digits after the point of both.
        scale: u8,
    },
    /// A text longer than its type allows.
    TooLong {
        /// Most characters.
        max: u32,
    },
    /// A text that is not in normalisation form C.
    NotNormal,
    /// A text with a control, bidirectional or invisible character.
    Invisible,
    /// An identifier that is not one.
    Identifier(IdentifierFault),
    /// A variant that its enum has not.
    Variant,
    /// A list with more elements than its type allows.
    TooMany {
        /// Most elements.
        max: u32,
    },
    /// A required field that is absent or unknown.
    Missing,
    /// A group with a field too many or too few.
    Fields,
}

/// What a type wants, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `是` or `否`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number as text.
    Decimal {
        /// Most digits after the point.
        scale: u8,
    },
    /// A date.
    Date,
    /// A month.
    Month,
    /// A text.
    Text,
    /// A variant's name.
    Enum,
    /// A group.
    Group,
    /// A list.
    List,
}

impl Wanted {
    /// What values of `ty` are.
    pub fn of(ty: &Type) -> Self {
        match ty {
            Type::Boolean => Self::Boolean,
            Type::Integer { .. } | Type::Money { .. } => Self::Integer,
            Type::Decimal { scale, .. } => Self::Decimal { scale: *scale },
            Type::Date => Self::Date,
            Type::Month => Self::Month,
            Type::Text { .. } | Type::Identifier(_) => Self::Text,
            Type::Enum(_) => Self::Enum,
            Type::Group(_) => Self::Group,
            Type::List { .. } => Self::List,
        }
    }

    fn zh(self) -> String {
        let text = match self {
            Self::Decimal { scale } => {
                return format!("带引号、至多 {scale} 位小数的数，如 \"{}\"", number::show(0, scale));
            }
            Self::Boolean => "是或否",
            Self::Integer => "整数",
            Self::Date => "形如 2017-03-16 的日期",
            Self::Month => "形如 2017-03 的年月",
            Self::Text => "文本",
            Self::Enum => "枚举值的名称",
            Self::Group => "一组字段",
            Self::List => "列表",
        };
        text.to_owned()
    }

    fn en(self) -> String {
        let text = match self {
            Self::Decimal { scale } => {
                return format!("a quoted number of at most {scale} decimals, such as \"{}\"", number::show(0, scale));
            }
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Date => "a date such as 2017-03-16",
            Self::Month => "a month such as 2017-03",
            Self::Text => "a text",
            Self::Enum => "the name of a variant",
            Self::Group => "a group of fields",
            Self::List => "a list",
        };
        text.to_owned()
    }
}

impl Reason {
    /// The reason, for Chinese readers.
    pub fn zh(&self) -> String {
        match self {
            Self::Kind { wanted } => format!("应为{}", wanted.zh()),
            Self::Range { low, high, scale } => {
                format!("应在 {} 与 {} 之间", number::show(*low, *scale), number::show(*high, *scale))
            }
            Self::TooLong { max } => format!("超过 {max} 个字符"),
            Self::NotNormal => "文本须为 NFC 规范形式".to_owned(),
            Self::Invisible => "文本含有控制字符或不可见字符".to_owned(),
            Self::Identifier(fault) => fault.zh(),
            Self::Variant => "没有这个枚举值".to_owned(),
            Self::TooMany { max } => format!("超过 {max} 项"),
            Self::Missing => "必填字段不能为无或未知".to_owned(),
            Self::Fields => "字段多余或缺失".to_owned(),
        }
    }

    /// The reason, for English readers.
    pub fn en(&self) -> String {
        match self {
            Self::Kind { wanted } => format!("should be {}", wanted.en()),
            Self::Range { low, high, scale } => {
                format!("should lie between {} and {}", number::show(*low, *scale), number::show(*high, *scale))
            }
            Self::TooLong { max } => format!("has more than {max} characters"),
            Self::NotNormal => "text should be in normalisation form C".to_owned(),
            Self::Invisible => "text has a control or invisible character".to_owned(),
            Self::Identifier(fault) => fault.en(),
            Self::Variant => "is no variant of its enum".to_owned(),
            Self::TooMany { max } => format!("has more than {max} elements"),
            Self::Missing => "a required field can be neither absent nor unknown".to_owned(),
            Self::Fields => "has a field too many or too few".to_owned(),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.reason.zh(), self.reason.en())
    }
}

impl std::error::Error for Misfit {}

/// Whether `fact` fits `ty`. The whole may be absent or unknown; required fields inside may not.
pub fn check(ty: &Type, fact: &Fact) -> Result<(), Misfit> {
    match fact {
        Fact::Known(value) => check_value(ty, value),
        Fact::Absent | Fact::Unknown => Ok(()),
    }
}

/// Whether the known `value` fits `ty`.
pub fn check_value(ty: &Type, value: &Value) -> Result<(), Misfit> {
    value_fits(ty, value, &mut Path::default())
}

/// A path being walked; spelled out only when something is wrong.
#[derive(Default)]
struct Path(Vec<PathPart>);

enum PathPart {
    Field(String),
    Position(usize),
}

impl Path {
    fn misfit(&self, reason: Reason) -> Misfit {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                PathPart::Field(name) if path.is_empty() => path.push_str(name),
                PathPart::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                PathPart::Position(i) => path.push_str(&format!("[{i}]")),
            }
        }
        Misfit { path, reason }
    }
}

fn value_fits(ty: &Type, value: &Value, path: &mut Path) -> Result<(), Misfit> {
    let fits = match (ty, value) {
        (Type::Boolean, Value::Boolean(_)) | (Type::Date, Value::Date(_)) | (Type::Month, Value::Month(_)) => Ok(()),
        (Type::Integer { low, high, .. } | Type::Money { low, high }, Value::Integer(n)) => {
            if (*low..=*high).contains(n) { Ok(()) } else { Err(Reason::Range { low: *low, high: *high, scale: 0 }) }
        }
        (Type::Decimal { low, high, scale, .. }, Value::Integer(n)) => {
            let range = Reason::Range { low: *low, high: *high, scale: *scale };
            if (*low..=*high).contains(n) { Ok(()) } else { Err(range) }
        }
        (Type::Text { max }, Value::Text(text)) => text_fits(*max, text),
        (Type::Identifier(kind), Value::Text(text)) => identifier_fits(*kind, text),
        (Type::Enum(of), Value::Enum(index)) => {
            if usize::from(*index) < of.variants.len() {
                Ok(())
            } else {
                Err(Reason::Variant)
            }
        }
        (Type::Group(group), Value::Group(facts)) => return group_fits(group, facts, path),
        (Type::List { element, max }, Value::List(values)) => {
            if values.len() > *max as usize {
                return Err(path.misfit(Reason::TooMany { max: *max }));
            }
            for (i, value) in values.iter().enumerate() {
                path.0.push(PathPart::Position(i));
                value_fits(element, value, path)?;
                path.0.pop();
            }
            Ok(())
        }
        _ => Err(Reason::Kind { wanted: Wanted::of(ty) }),
    };
    fits.map_err(|reason| path.misfit(reason))
}

fn group_fits(group: &GroupType, facts: &[Fact], path: &mut Path) -> Result<(), Misfit> {
    if facts.len() != group.fields.len() {
        return Err(path.misfit(Reason::Fields));
    }
    for (field, fact) in group.fields.iter().zip(facts) {
        path.0.push(PathPart::Field(field.name.clone()));
        match fact {
            Fact::Known(value) => value_fits(&field.ty, value, path)?,
            Fact::Absent | Fact::Unknown if field.optional => {}
            Fact::Absent | Fact::Unknown => return Err(path.misfit(Reason::Missing)),
        }
        path.0.pop();
    }
    Ok(())
}

fn identifier_fits(kind: IdentifierKind, text: &str) -> Result<(), Reason> {
    identifier::check(kind, text).map_err(Reason::Identifier)
}

/// One text has one spelling: normal form C, and nothing in it that people cannot see.
fn text_fits(max: u32, text: &str) -> Result<(), Reason> {
    if text.len() > TEXT_BYTES_MAX || text.chars().count() > max as usize {
        return Err(Reason::TooLong { max });
    }
    if text.chars().any(invisible) {
        return Err(Reason::Invisible);
    }
    if is_nfc(text) { Ok(()) } else { Err(Reason::NotNormal) }
}

/// Controls, bidirectional controls and default-ignorable characters (Unicode 16 DerivedCoreProperties), with the
/// line and paragraph separators: none of them can be told apart on paper.
pub fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}
