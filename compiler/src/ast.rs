//! The syntax tree: what was written, with spans and comments, and no meaning.
//! Invariant: every node's span covers its text; nesting is at most [`DEPTH_MAX`]. Must not know: types, other modules.

mod broken;
mod cases;
mod expression;
mod formula;
mod policy;
mod property;
mod sharing;
mod standard;
mod table;
mod test;
pub use broken::Broken;
pub use cases::{CaseCell, CaseColumn, CaseRow, CasesItem};
pub use expression::{Compare, Expr, ExprKind, Function, Literal, LiteralKind, MoneyUnit, PeriodUnit, Quantifier};
pub use formula::FormulaItem;
pub use policy::{
    Arm, Clause, DefinitionClause, EvidenceClause, Exception, InputClause, Key, OutcomeClause, PolicyItem, PolicyKind,
    ReleaseClause, TransitionClause, WriteClause, WriteValue,
};
pub use property::{Claim, PropertyItem};
pub use sharing::{ExchangeWord, Limit, SharingClause, SharingItem};
pub use standard::{
    CertificateItem, ClassWord, EnumItem, FieldItem, GroupItem, MappingItem, TermItem, TypeExpr, TypeKind,
    name_and_version, versioned,
};
pub use table::{Cell, CellTest, HitWord, Row, TableClause};
pub use test::{Expectation, FactExpr, FactMonths, MonthDay, TestItem};

use crate::source::Span;

/// Deepest nesting the parser accepts. Later stages recurse on trees no deeper than this; an unoptimised compiler needs up
/// to 20 KiB of stack a level, and a thread may have no more than 2 MiB.
pub const DEPTH_MAX: usize = 64;

/// The keyword language of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `语言 zh`
    Zh,
    /// `language en`
    En,
}

/// A name as written (NFC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A dotted name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// At least one part.
    pub parts: Vec<Name>,
    /// Where.
    pub span: Span,
}

/// A comment line, without `//` and surrounding blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Whether it stands on a line of its own.
    pub own_line: bool,
}

/// `@source article`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Name declared by `依据 … 记为`.
    pub source: Name,
    /// The article, one word, may be empty.
    pub article: String,
    /// Where.
    pub span: Span,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Keyword language.
    pub language: Language,
    /// `模块 a.b`
    pub name: Path,
    /// `引用 …`
    pub imports: Vec<Import>,
    /// `依据 …`
    pub sources: Vec<LegalSource>,
    /// Everything else, in order.
    pub items: Vec<Item>,
    /// All comments, in order.
    pub comments: Vec<Comment>,
    /// What could not be read; empty in a well formed file.
    pub broken: Broken,
    /// The whole file.
    pub span: Span,
}

/// `引用 m { A, B }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module.
    pub module: Path,
    /// The names.
    pub names: Vec<Name>,
    /// Where.
    pub span: Span,
}

/// `依据 "title" 记为 name 说明 "note"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalSource {
    /// Title and number of the law.
    pub title: String,
    /// Short name.
    pub name: Name,
    /// What is reconstructed, from what.
    pub note: Option<String>,
    /// Where.
    pub span: Span,
}

/// A top-level item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `枚举`
    Enum(EnumItem),
    /// `组`
    Group(GroupItem),
    /// `证书`
    Certificate(CertificateItem),
    /// `策略`, `核验`, `合约`
    Policy(PolicyItem),
    /// `共享`
    Sharing(SharingItem),
    /// `测试`
    Test(TestItem),
    /// `测试 性质`
    Property(PropertyItem),
    /// `测试 表`
    Cases(CasesItem),
    /// `映射`
    Mapping(MappingItem),
    /// A formula.
    Formula(FormulaItem),
}

impl Item {
    /// Where it stands, from its first word to its last mark.
    pub fn span(&self) -> Span {
        match self {
            Self::Enum(item) => item.span,
            Self::Group(item) => item.span,
            Self::Certificate(item) => item.span,
            Self::Policy(item) => item.span,
            Self::Sharing(item) => item.span,
            Self::Test(item) => item.span,
            Self::Property(item) => item.span,
            Self::Cases(item) => item.span,
            Self::Mapping(item) => item.span,
            Self::Formula(item) => item.span,
        }
    }
}
