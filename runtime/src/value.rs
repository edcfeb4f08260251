//! Values and their types, as policies see them. Owns the three kinds of evidence: known, absent, unknown.
//! Invariant: a `Value` inside a `Fact` that a schema accepted fits its `Type`. Must not know: frames, policies, JSON.

use crate::date::{Date, YearMonth};
use std::sync::Arc;

/// Disclosure class of a field, in rising order of secrecy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Anyone may know it.
    Public,
    /// Used inside a policy; leaves only as a declared result.
    ResultOnly,
    /// The value itself leaves by a grant with purpose and expiry.
    ByGrant,
    /// Never leaves the owner's seal, not even into a policy.
    Never,
}

/// Identifiers with built-in form and check digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    /// 公民身份号码, GB 11643-1999.
    CitizenId,
    /// 统一社会信用代码, GB 32100-2015.
    CreditCode,
    /// 证照标识, GB/T 36904-2018.
    CertificateId,
    /// 不动产单元代码, GB/T 37346-2019.
    UnitCode,
}

/// A closed list of named variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumType {
    /// Its name.
    pub name: String,
    /// Variants in order with the standard's code where given; a value is an index into this.
    pub variants: Vec<(String, Option<String>)>,
}

/// A group of named fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupType {
    /// Its name.
    pub name: String,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// On which days it is in force, if it says so.
    pub term: Option<Term>,
}

/// The days on which a group or record is in force, by its own date fields: 自 `from`, and 至 or 止于 `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Index of the field with its first day.
    pub from: usize,
    /// Index of the field with its end, and whether that day is still in force (至) or no longer (止于). An end that is
    /// absent is open.
    pub end: Option<(usize, bool)>,
}

/// A field of a group or certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it may be absent.
    pub optional: bool,
    /// Its class; `None` for groups and lists of groups, whose fields have their own.
    pub class: Option<Class>,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Boolean,
    /// A whole number in a closed range.
    Integer {
        /// Least.
        low: i64,
        /// Greatest.
        high: i64,
        /// Unit, for messages and unit checks.
        unit: Option<String>,
    },
    /// A number with `scale` digits after the point, in a closed range; words count units of `10^-scale`. In 元 it is an
    /// amount finer than 分, such as a unit price.
    Decimal {
        /// Least, as a word.
        low: i64,
        /// Greatest, as a word.
        high: i64,
        /// Digits after the point, at most `number::SCALE_MAX`.
        scale: u8,
        /// Unit, for messages and unit checks.
        unit: Option<String>,
    },
    /// An amount of CNY in 分, in a closed range.
    Money {
        /// Least.
        low: i64,
        /// Greatest.
        high: i64,
    },
    /// A civil date.
    Date,
    /// A calendar month.
    Month,
    /// NFC text of at most `max` characters; only equality is defined.
    Text {
        /// Longest, in characters.
        max: u32,
    },
    /// An identifier whose form and check digit were verified; only equality is defined.
    Identifier(IdentifierKind),
    /// A closed list of variants.
    Enum(Arc<EnumType>),
    /// A group of fields.
    Group(Arc<GroupType>),
    /// A list of at most `max` elements.
    List {
        /// Element type: a scalar or a group.
        element: Box<Type>,
        /// Most elements.
        max: u32,
    },
}

/// A known value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Of `Boolean`.
    Boolean(bool),
    /// Of `Integer`, `Decimal` (its word) and `Money` (in 分).
    Integer(i64),
    /// Of `Date`.
    Date(Date),
    /// Of `Month`.
    Month(YearMonth),
    /// Of `Text` and `Identifier`.
    Text(String),
    /// Of `Enum`: index of the variant.
    Enum(u16),
    /// Of `Group`: one fact a field.
    Group(Vec<Fact>),
    /// Of `List`.
    List(Vec<Value>),
}

/// What is known of one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Known to be this.
    Known(Value),
    /// Known not to exist (无).
    Absent,
    /// Not supplied (未知).
    Unknown,
}

/// A certificate type of the data standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name, e.g. `居民户口簿`.
    pub name: String,
    /// Full name of the module that declares it.
    pub module: String,
    /// Name of the department that owns it.
    pub owner: String,
    /// Fields it is filed under, as paths; a path through a list files it under every element.
    pub filed_under: Vec<Vec<String>>,
    /// From when the set is complete; `None`: never.
    pub complete_from: Option<Date>,
    /// Its fields.
    pub group: Arc<GroupType>,
}
