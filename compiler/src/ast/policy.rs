//! Policies as written: inputs, evidence, definitions, outcomes, releases, writes.
//! Invariant: as in `ast`. Must not know: sharing, tests, what names mean.

use super::{Citation, Expr, HitWord, Literal, Name, Path, TableClause, TypeExpr};
use crate::source::Span;

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
    /// `后无规定`: that no version follows at once is meant.
    pub lapses: bool,
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
    /// `过渡`
    Transition(TransitionClause),
}

/// `过渡 "…" 当 e 适用 版本 n 之 模块 m @…`: where `e` holds, an older version decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionClause {
    /// Its title, a rule's name in explanations.
    pub title: Name,
    /// When the older version decides.
    pub guard: Expr,
    /// The older version.
    pub version: u32,
    /// Its module, if not the only one in sight that has it.
    pub module: Option<Path>,
    /// Citation.
    pub citation: Option<Citation>,
    /// Where.
    pub span: Span,
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
    /// `其余 照旧`, and where.
    pub rest_kept: Option<Span>,
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
