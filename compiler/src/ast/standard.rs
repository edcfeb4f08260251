//! The data standard as written: enums, groups, certificates, their fields and types.
//! Invariant: as in `ast`. Must not know: policies, what names mean.

use super::{Literal, Name, Path};
use crate::source::Span;

/// `枚举 X { a "1", b }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumItem {
    /// Its name.
    pub name: Name,
    /// Variants with optional standard codes.
    pub variants: Vec<(Name, Option<String>)>,
    /// Where.
    pub span: Span,
}

/// `映射 A 版本 1 到 A 版本 2 { a, b => c; 其余 同名 }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingItem {
    /// The list that codes are mapped from, as [`versioned`] names it.
    pub from: Name,
    /// The list that they are mapped to.
    pub to: Name,
    /// What becomes what.
    pub pairs: Vec<(Vec<Name>, Name)>,
    /// `其余 同名`, and where: all others become what has their name.
    pub rest_same: Option<Span>,
    /// Where.
    pub span: Span,
}

/// The name of a version of a code list, the same whatever the keyword language; a list without versions keeps its own.
pub fn versioned(name: &str, version: Option<u32>) -> String {
    version.map_or_else(|| name.to_owned(), |n| format!("{name} {VERSION} {n}"))
}

/// A code list's name without its version, and the version; no name of the source has a blank in it.
pub fn name_and_version(name: &str) -> (&str, Option<u32>) {
    let mut parts = name.split(' ');
    let base = parts.next().unwrap_or(name);
    (base, parts.nth(1).and_then(|n| n.parse().ok()))
}

/// Stands between a code list's name and its version.
const VERSION: &str = "版本";

/// `组 X { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupItem {
    /// Its name.
    pub name: Name,
    /// On which days it is in force.
    pub term: Option<TermItem>,
    /// Its fields.
    pub fields: Vec<FieldItem>,
    /// Where.
    pub span: Span,
}

/// `证书 X 由 D 归档 p 完备 自 d { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateItem {
    /// Its name.
    pub name: Name,
    /// The department that owns it.
    pub by: Name,
    /// Fields it is filed under.
    pub filed_under: Vec<Path>,
    /// From when the set is complete.
    pub complete_from: Option<Literal>,
    /// On which days a record is in force.
    pub term: Option<TermItem>,
    /// Its fields.
    pub fields: Vec<FieldItem>,
    /// Where.
    pub span: Span,
}

/// `在期 自 f 至 g` or `在期 自 f 止于 g`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermItem {
    /// Field with the first day.
    pub from: Name,
    /// Field with the end, and whether that day is included (`至`).
    pub end: Option<(Name, bool)>,
}

/// Disclosure class, in rising order of secrecy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClassWord {
    /// `公开`
    Public,
    /// `仅结果`
    ResultOnly,
    /// `凭授权`
    ByGrant,
    /// `不出`
    Never,
}

/// `name : type class`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldItem {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// Its class; groups and lists of groups have none.
    pub class: Option<ClassWord>,
    /// Where.
    pub span: Span,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeExpr {
    /// Which.
    pub kind: TypeKind,
    /// `?`
    pub optional: bool,
    /// Where.
    pub span: Span,
}

/// Kinds of type expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// `是否`
    Boolean,
    /// `整数 lo..hi [unit]`
    Integer {
        /// Least.
        low: i64,
        /// Greatest.
        high: i64,
        /// Unit.
        unit: Option<Name>,
    },
    /// `小数 0.00..1.00 [unit]`
    Decimal {
        /// Least.
        low: Literal,
        /// Greatest.
        high: Literal,
        /// Unit.
        unit: Option<Name>,
    },
    /// `金额 0 元..100 万元`
    Money {
        /// Least.
        low: Literal,
        /// Greatest.
        high: Literal,
    },
    /// `日期`
    Date,
    /// `年月`
    Month,
    /// `文本 最长 n` (characters)
    Text {
        /// Longest, in characters.
        max: u32,
    },
    /// `公民身份号码`
    CitizenId,
    /// `统一社会信用代码`
    CreditCode,
    /// `证照标识`
    CertificateId,
    /// `不动产单元代码`
    UnitCode,
    /// An enum or a group.
    Named(Name),
    /// `列表 T 至多 n`
    List {
        /// Element type.
        element: Box<TypeExpr>,
        /// Most elements.
        max: u32,
    },
}
