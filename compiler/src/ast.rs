//! The syntax tree: what was written, with spans and comments, and no meaning.
//! Invariant: every node's span covers its text; nesting is at most [`DEPTH_MAX`]. Must not know: types, other modules.

mod expression;
pub use expression::{Compare, Expr, ExprKind, Function, Literal, LiteralKind, PeriodUnit, Quantifier};

use crate::source::Span;

/// Deepest nesting the parser accepts. Later stages recurse on trees no deeper than this.
pub const DEPTH_MAX: usize = 128;

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
}

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

/// `组 X { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupItem {
    /// Its name.
    pub name: Name,
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
    /// Its fields.
    pub fields: Vec<FieldItem>,
    /// Where.
    pub span: Span,
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
    /// `金额 lo..hi`, in 分
    Money {
        /// Least.
        low: i64,
        /// Greatest.
        high: i64,
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

/// What kind of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// `策略`
    Policy,
    /// `核验`
    Verification,
    /// `合约`
    Contract,
}

/// `策略 X 版本 n 由 D 施行 d 至 d { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyItem {
    /// Kind.
    pub kind: PolicyKind,
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: u32,
    /// Departments.
    pub by: Vec<Name>,
    /// First day in force.
    pub effective_from: Literal,
    /// Last day in force.
    pub effective_to: Option<Literal>,
    /// Clauses in order.
    pub clauses: Vec<Clause>,
    /// Where.
    pub span: Span,
}

/// A clause of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `基准 path`
    AsOf(Path),
    /// `输入`
    Input(InputClause),
    /// `取证`
    Evidence(EvidenceClause),
    /// `定义` and `规则`
    Definition(DefinitionClause),
    /// `表`
    Table(TableClause),
    /// `结论`
    Outcome(OutcomeClause),
    /// `公开`
    Release(ReleaseClause),
    /// `写入`
    Write(WriteClause),
}

/// `输入 x : T`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputClause {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// Where.
    pub span: Span,
}

/// `取证 b = [全部] C(f = k, …)[?] [至多 n]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceClause {
    /// The binding.
    pub name: Name,
    /// `全部`
    pub all: bool,
    /// Certificate type.
    pub certificate: Name,
    /// Filed field.
    pub field: Path,
    /// Keys.
    pub keys: Vec<Key>,
    /// `?`
    pub optional: bool,
    /// `至多 n`
    pub max: Option<u32>,
    /// Where.
    pub span: Span,
}

/// A key, or a key for each element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a policy has a handful of keys; a box would only hide the shape")]
pub enum Key {
    /// One expression.
    One(Expr),
    /// `x 对 v 于 L 当 c`
    Each {
        /// The key.
        value: Expr,
        /// The element.
        variable: Name,
        /// The list.
        list: Path,
        /// Which elements.
        filter: Option<Expr>,
    },
}

/// `定义 x : T = e` or `规则 x = e`, with exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionClause {
    /// Whether written `规则`.
    pub rule: bool,
    /// Its name.
    pub name: Name,
    /// Its type; a rule's is boolean.
    pub ty: Option<TypeExpr>,
    /// Base value.
    pub value: Expr,
    /// Citation.
    pub citation: Option<Citation>,
    /// Exceptions in order.
    pub exceptions: Vec<Exception>,
    /// Where.
    pub span: Span,
}

/// `例外 L 于 P 先于 O 当 e 则 v`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its label.
    pub label: Name,
    /// The exception that it is an exception to.
    pub of: Option<Name>,
    /// Siblings that it takes precedence over.
    pub before: Vec<Name>,
    /// Condition.
    pub guard: Expr,
    /// Consequence.
    pub value: Expr,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}

/// Hit policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitWord {
    /// `唯一`
    Unique,
    /// `顺序`: the first that holds; the order is the stated priority.
    Ordered,
}

/// `表 x : T 命中 唯一` and rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableClause {
    /// Its name.
    pub name: Name,
    /// Result type.
    pub ty: TypeExpr,
    /// Hit policy.
    pub hit: HitWord,
    /// Citation of the whole table.
    pub citation: Option<Citation>,
    /// Columns.
    pub columns: Vec<Path>,
    /// Rows.
    pub rows: Vec<Row>,
    /// Where.
    pub span: Span,
}

/// A table row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// One cell a column.
    pub cells: Vec<Cell>,
    /// Result.
    pub value: Expr,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}

/// A cell: any, or a union of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Empty means `任意`.
    pub tests: Vec<CellTest>,
    /// Where.
    pub span: Span,
}

/// One test of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellTest {
    /// Equal to a literal or enum variant.
    Is(Expr),
    /// `lo..hi`, closed.
    Range(Expr, Expr),
    /// A comparison with a constant.
    Compare(Compare, Expr),
}

/// `结论 x : { a, b } 命中 … { arms }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeClause {
    /// Its name.
    pub name: Name,
    /// Its values.
    pub values: Vec<Name>,
    /// Hit policy.
    pub hit: HitWord,
    /// Arms in order.
    pub arms: Vec<Arm>,
    /// Where.
    pub span: Span,
}

/// `v 当 e 理由 "…" @…` or `v 其余 …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// The value.
    pub value: Name,
    /// `None` is `其余`.
    pub guard: Option<Expr>,
    /// Reason shown to people.
    pub reason: Option<String>,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}

/// `公开 x 含 理由, 缺证 至多 n 比特`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseClause {
    /// The outcome.
    pub outcome: Name,
    /// `含 理由`
    pub reasons: bool,
    /// `含 缺证`
    pub missing: bool,
    /// Bound in thousandths of a bit.
    pub millibits: u32,
    /// Where.
    pub span: Span,
}

/// `写入 C 取代 b 当 x = v { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteClause {
    /// Certificate type.
    pub certificate: Name,
    /// Binding that is replaced.
    pub supersedes: Option<Name>,
    /// Outcome.
    pub outcome: Name,
    /// Value of the outcome at which it is written.
    pub value: Name,
    /// Fields.
    pub fields: Vec<(Name, WriteValue)>,
    /// `其余 照旧`
    pub rest_kept: bool,
    /// Where.
    pub span: Span,
}

/// A written value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteValue {
    /// An expression.
    Expr(Expr),
    /// `{ f = v, … }`
    Group(Vec<(Name, WriteValue)>, Span),
    /// `[ v, … ]`
    List(Vec<WriteValue>, Span),
    /// `无`
    Absent(Span),
}

/// `共享 x 由 D 关于 C { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingItem {
    /// Its name.
    pub name: Name,
    /// Owner.
    pub by: Name,
    /// Certificate type.
    pub certificate: Name,
    /// Clauses in order.
    pub clauses: Vec<SharingClause>,
    /// Where.
    pub span: Span,
}

/// Exchanges in sharing clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExchangeWord {
    /// `核验`
    Verification,
    /// `详情`
    Detail,
    /// `评估`
    Evaluation,
    /// `合约`
    Contract,
}

/// `准予 L : x 给 d 目的 p 限 … 积分 n` or `禁止 …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingClause {
    /// Whether it permits.
    pub permit: bool,
    /// Its label.
    pub label: Name,
    /// Exchanges; empty means `任何`.
    pub exchanges: Vec<ExchangeWord>,
    /// Grantees; empty means `任何`.
    pub to: Vec<Name>,
    /// Purposes; empty means `任何`.
    pub purposes: Vec<Name>,
    /// Thousandths of a bit a subject a day.
    pub millibits_per_day: Option<u32>,
    /// Points an asker pays for one declared read.
    pub points: u32,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
}

/// `测试 "…" P 于 d 基于 "…" { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestItem {
    /// Its title.
    pub title: String,
    /// Policy under test.
    pub policy: Name,
    /// As-of date.
    pub on: Literal,
    /// Test whose facts it starts from.
    pub like: Option<String>,
    /// Facts.
    pub facts: Vec<(Path, FactExpr)>,
    /// Expectations.
    pub expect: Vec<Expectation>,
    /// Where.
    pub span: Span,
}

/// A fact in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactExpr {
    /// A literal or an enum variant.
    Value(Expr),
    /// `{ f = v }`
    Group(Vec<(Name, FactExpr)>, Span),
    /// `[ … ]`
    List(Vec<FactExpr>, Span),
    /// `无`
    Absent(Span),
    /// `未知`
    Unknown(Span),
}

/// An expectation in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `期望 x = v`; `None` is `待定`.
    Outcome(Name, Option<Name>),
    /// `期望 理由 "…"`
    Reason(String, Span),
    /// `期望 缺证 { … }`
    Missing(Vec<Name>, Span),
}
