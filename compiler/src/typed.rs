//! The checked tree: names resolved, every expression with its type and range. Owns its shape and its canonical text,
//! which is the basis of meaning hashes and of "the same expression" in proofs.
//! Invariant: `ty` of a number is a range that contains every value it can take; an expression that is not
//! `optional` is never absent where it is used. Must not know: IR, layout, diagnostics.

mod fault;
mod formula;
mod mapping;
mod reads;
mod sharing;
mod words;
pub use fault::{Fault, FaultShown, TablePoints};
pub use formula::Formula;
pub use mapping::Mapping;
pub(crate) use reads::{Reads, field_names};
pub use sharing::{Sharing, SharingClause};
pub use words::{MONEY_UNIT, Quotient, domain, scale_of, show_set, show_type, show_type_en, show_word, show_word_en};

use crate::ast::{ClassWord, Compare, Function, HitWord, PeriodUnit, PolicyKind, Quantifier};
use crate::package::CitationText;
use crate::source::Span;
use guiju_runtime::date::Date;
use guiju_runtime::number::{self, Rounding};
use guiju_runtime::value::{Schema, Type};
use std::fmt::Write as _;
use std::sync::Arc;

/// Where a path starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// `基准日`
    AsOf,
    /// An input, by index.
    Input(usize),
    /// An evidence binding, by index.
    Evidence(usize),
    /// The element of a quantifier, by fold depth.
    Variable(u8),
}

/// A resolved path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where it starts.
    pub start: Start,
    /// Field indices from there.
    pub fields: Vec<usize>,
    /// As written, for messages and as its identity within one scope.
    pub path: String,
    /// Type of the element or root it starts at.
    pub start_ty: Type,
    /// The sealed field it reads: evidence index and field indices from the record, through lists.
    pub reads: Option<(usize, Vec<usize>)>,
    /// Highest class on it; public for inputs and `基准日`.
    pub class: ClassWord,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// Boolean, integer, date, month or enum word.
    Word(i64),
    /// A text.
    Text(String),
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
}

/// A checked expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedExpr {
    /// What it is.
    pub node: Node,
    /// Its type, always scalar.
    pub ty: Type,
    /// Whether it may be absent.
    pub optional: bool,
    /// Where.
    pub span: Span,
}

/// Kinds of checked expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A constant.
    Constant(Constant),
    /// Evidence, an input or `基准日`.
    Load(Access),
    /// An earlier definition or table, by index.
    Definition(usize, String),
    /// Kleene not.
    Not(Box<TypedExpr>),
    /// Kleene and.
    And(Box<TypedExpr>, Box<TypedExpr>),
    /// Kleene or.
    Or(Box<TypedExpr>, Box<TypedExpr>),
    /// Comparison.
    Compare(Compare, Box<TypedExpr>, Box<TypedExpr>),
    /// Membership in constants.
    In(Box<TypedExpr>, Vec<TypedExpr>),
    /// Whether a scalar is present.
    Present(Box<TypedExpr>),
    /// Whether a binding is present.
    PresentBinding(Access),
    /// The value or a default.
    Default(Box<TypedExpr>, Box<TypedExpr>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<TypedExpr>, Box<TypedExpr>),
    /// The same number with so many more digits after the point.
    Scale(Box<TypedExpr>, u8),
    /// A number, or a quotient of two, to so many digits after the point.
    Round {
        /// How.
        rounding: Rounding,
        /// The number or dividend.
        value: Box<TypedExpr>,
        /// The divisor, never 0.
        divisor: Option<Box<TypedExpr>>,
        /// Digits kept.
        digits: u8,
    },
    /// Date or month and a period.
    Shift(Box<TypedExpr>, i32, PeriodUnit),
    /// Choice.
    If(Box<TypedExpr>, Box<TypedExpr>, Box<TypedExpr>),
    /// A code turned into one of another list.
    Convert(Box<TypedExpr>, Arc<Mapping>),
    /// Built-in function.
    Call(Function, Vec<TypedExpr>),
    /// Loop over a list.
    Quantified(Box<Quantified>),
    /// An operation on these that a finding refuses, never known; only in a policy with faults.
    Refused(Vec<TypedExpr>),
}

/// A quantifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantified {
    /// Which.
    pub quantifier: Quantifier,
    /// Element value.
    pub value: Option<TypedExpr>,
    /// Element's name.
    pub variable: String,
    /// Element's fold depth.
    pub depth: u8,
    /// The list.
    pub list: Access,
    /// Most elements.
    pub max: u32,
    /// Whether the absence of the binding around it means the empty list (else: not known).
    pub absent_is_empty: bool,
    /// Filter or condition.
    pub condition: Option<TypedExpr>,
    /// Value of max and min of none.
    pub empty: Option<TypedExpr>,
}

/// A definition, rule or table.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Declared type.
    pub ty: Type,
    /// Whether it may be absent.
    pub optional: bool,
    /// What it is.
    pub body: Body,
    /// Citation.
    pub citation: Option<CitationText>,
    /// Formulas written out in its base value, columns or `空则`, with those that they use, by name.
    pub formulas: Vec<Arc<Formula>>,
    /// Where.
    pub span: Span,
}

/// What a definition is made of.
#[derive(Clone, Debug)]
pub enum Body {
    /// Base value and exceptions.
    Value {
        /// Base.
        base: TypedExpr,
        /// Exceptions in text order.
        exceptions: Vec<Exception>,
    },
    /// A decision table.
    Table {
        /// Hit policy.
        hit: HitWord,
        /// Columns.
        columns: Vec<TypedExpr>,
        /// Rows in order.
        rows: Vec<TableRow>,
        /// Result where no row matches.
        empty: Option<TypedExpr>,
        /// Whether the rows were proved to cover everything.
        complete: bool,
    },
}

/// An exception.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Label.
    pub label: String,
    /// Index of the exception it is an exception to.
    pub of: Option<usize>,
    /// Indices of siblings it takes precedence over.
    pub before: Vec<usize>,
    /// Condition.
    pub guard: TypedExpr,
    /// Consequence.
    pub value: TypedExpr,
    /// Citation.
    pub citation: Option<CitationText>,
    /// Formulas written out in it, with those that they use, by name.
    pub formulas: Vec<Arc<Formula>>,
    /// Where.
    pub span: Span,
}

/// A row: for each column the set of words that match, as sorted disjoint closed intervals.
#[derive(Clone, Debug)]
pub struct TableRow {
    /// One set a column; `None` is `任意`.
    pub cells: Vec<Option<Vec<(i64, i64)>>>,
    /// Result; 1 where the table counts.
    pub value: TypedExpr,
    /// Citation.
    pub citation: Option<CitationText>,
    /// Formulas written out in it, with those that they use, by name.
    pub formulas: Vec<Arc<Formula>>,
    /// Where.
    pub span: Span,
}

/// An evidence binding.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Its name.
    pub name: String,
    /// Certificate type.
    pub schema: Arc<Schema>,
    /// All records.
    pub all: bool,
    /// May be absent.
    pub optional: bool,
    /// Most records.
    pub max: u32,
    /// Filed field.
    pub field: Vec<String>,
    /// Keys.
    pub keys: Vec<Key>,
    /// Where.
    pub span: Span,
}

/// A key.
#[derive(Clone, Debug)]
pub enum Key {
    /// One.
    One(TypedExpr),
    /// One an element.
    Each {
        /// The list.
        list: Access,
        /// Most elements.
        max: u32,
        /// Which elements.
        filter: Option<Box<TypedExpr>>,
        /// The key.
        value: Box<TypedExpr>,
    },
}

/// An input.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// May be absent.
    pub optional: bool,
    /// Where.
    pub span: Span,
}

/// An outcome.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// Hit policy.
    pub hit: HitWord,
    /// Arms.
    pub arms: Vec<Arm>,
    /// Where.
    pub span: Span,
}

/// An arm.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Index of its value.
    pub value: usize,
    /// Guard; `None` is `其余`.
    pub guard: Option<TypedExpr>,
    /// Reason.
    pub reason: Option<String>,
    /// Citation.
    pub citation: Option<CitationText>,
    /// Formulas written out in it, with those that they use, by name.
    pub formulas: Vec<Arc<Formula>>,
    /// Where.
    pub span: Span,
}

/// A release.
#[derive(Clone, Debug)]
pub struct Release {
    /// Outcome index.
    pub outcome: usize,
    /// With reasons.
    pub reasons: bool,
    /// With missing evidence.
    pub missing: bool,
    /// Declared bound.
    pub declared_millibits: u32,
    /// Computed bound.
    pub computed_millibits: u32,
    /// Where.
    pub span: Span,
}

/// A write.
#[derive(Clone, Debug)]
pub struct Write {
    /// Certificate type.
    pub schema: Arc<Schema>,
    /// Evidence replaced.
    pub supersedes: Option<usize>,
    /// Outcome index.
    pub outcome: usize,
    /// Value index.
    pub value: usize,
    /// Fields by index.
    pub fields: Vec<(usize, Written)>,
    /// Rest kept.
    pub rest_kept: bool,
    /// Where.
    pub span: Span,
}

/// A written value.
#[derive(Clone, Debug)]
pub enum Written {
    /// An expression.
    Expr(TypedExpr),
    /// 无
    Absent,
    /// A group.
    Group(Vec<(usize, Written)>),
    /// A list.
    List(Vec<Written>),
}

/// A checked policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Kind.
    pub kind: PolicyKind,
    /// Name.
    pub name: String,
    /// Module.
    pub module: String,
    /// Version.
    pub version: u32,
    /// Departments.
    pub by: Vec<String>,
    /// First day.
    pub effective_from: Date,
    /// Last day.
    pub effective_to: Option<Date>,
    /// Whether it says that no version follows at once.
    pub lapses: bool,
    /// As-of path: evidence and fields.
    pub as_of: Option<(usize, Vec<usize>)>,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// Evidence in order.
    pub evidence: Vec<Evidence>,
    /// Definitions in evaluation order.
    pub definitions: Vec<Definition>,
    /// Outcomes.
    pub outcomes: Vec<Outcome>,
    /// Releases.
    pub releases: Vec<Release>,
    /// Writes.
    pub writes: Vec<Write>,
    /// Where the older versions linked into it are written; they are judged by themselves.
    pub older: Vec<Span>,
    /// Titles of its transitions.
    pub transitions: Vec<Span>,
    /// What was found wrong with it that inputs can show; a policy with any is refused.
    pub faults: Vec<Fault>,
    /// Where.
    pub span: Span,
}

impl Access {
    /// The type at its end, as declared.
    pub fn declared_type(&self) -> Type {
        let mut ty = &self.start_ty;
        for index in &self.fields {
            if let Type::Group(group) = ty
                && let Some(field) = group.fields.get(*index)
            {
                ty = &field.ty;
            }
        }
        ty.clone()
    }
}

/// What stands directly inside an expression, borrowed by `as_ref` or by `as_mut`.
macro_rules! direct_parts {
    ($node:expr, $borrow:ident) => {
        match $node {
            Node::Constant(_) | Node::Load(_) | Node::Definition(..) | Node::PresentBinding(_) => Vec::new(),
            Node::Not(a) | Node::Present(a) | Node::Convert(a, _) | Node::Shift(a, ..) | Node::Scale(a, _) => vec![a],
            Node::Round { value, divisor, .. } => {
                std::iter::once(value).chain(divisor).map(|part| part.$borrow()).collect()
            }
            Node::And(a, b)
            | Node::Or(a, b)
            | Node::Compare(_, a, b)
            | Node::Default(a, b)
            | Node::Arithmetic(_, a, b) => vec![a, b],
            Node::If(a, b, c) => vec![a, b, c],
            Node::In(a, list) => std::iter::once(a.$borrow()).chain(list).collect(),
            Node::Call(_, args) | Node::Refused(args) => Vec::from_iter(args),
            Node::Quantified(q) => {
                let Quantified { value, condition, empty, .. } = q.$borrow();
                [value, condition, empty].into_iter().flatten().collect()
            }
        }
    };
}

impl TypedExpr {
    /// The constant it is, if it is one.
    pub fn constant(&self) -> Option<&Constant> {
        match &self.node {
            Node::Constant(c) => Some(c),
            _ => None,
        }
    }

    /// The constant's word, if it is a constant with one.
    pub fn word(&self) -> Option<i64> {
        match &self.node {
            Node::Constant(Constant::Word(w)) => Some(*w),
            _ => None,
        }
    }

    /// Without added digits, with the words of it that those of `range` mean.
    pub fn unscaled(&self, range: (i64, i64)) -> (&Self, (i64, i64)) {
        let Node::Scale(inner, digits) = &self.node else { return (self, range) };
        let by = number::power(*digits).unwrap_or(i64::MAX);
        let low =
            if range.0 == i64::MIN { range.0 } else { range.0.div_euclid(by) + i64::from(range.0.rem_euclid(by) > 0) };
        let high = if range.1 == i64::MAX { range.1 } else { range.1.div_euclid(by) };
        inner.unscaled((low, high))
    }

    /// Its direct parts, to be changed.
    pub(crate) fn parts_mut(&mut self) -> Vec<&mut TypedExpr> {
        direct_parts!(&mut self.node, as_mut)
    }

    /// Its direct parts.
    pub fn parts(&self) -> Vec<&TypedExpr> {
        direct_parts!(&self.node, as_ref)
    }

    /// Whether a part of it is refused.
    pub fn is_refused(&self) -> bool {
        matches!(self.node, Node::Refused(_)) || self.parts().into_iter().any(Self::is_refused)
    }

    /// How many expressions it is made of.
    pub fn size(&self) -> usize {
        self.parts().into_iter().fold(1, |all, part| all.saturating_add(part.size()))
    }

    /// Its canonical text: the same for the same meaning whatever the layout and keyword language.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        let head: String = match &self.node {
            Node::Constant(Constant::Text(t)) => {
                let _ = write!(out, "{t:?}");
                return;
            }
            Node::Constant(Constant::Word(w)) => {
                out.push_str(&show_word(&self.ty, *w));
                return;
            }
            Node::Load(a) | Node::PresentBinding(a) => {
                if matches!(self.node, Node::PresentBinding(_)) {
                    out.push_str("present:");
                }
                out.push_str(&a.path);
                return;
            }
            Node::Definition(_, name) => {
                out.push_str(name);
                return;
            }
            Node::Not(_) => "not".into(),
            Node::And(..) => "and".into(),
            Node::Or(..) => "or".into(),
            Node::Compare(op, ..) => format!("{op:?}"),
            Node::In(..) => "in".into(),
            Node::Convert(_, mapping) => mapping.canonical(),
            Node::Present(_) => "present".into(),
            Node::Default(..) => "default".into(),
            Node::Arithmetic(op, ..) => format!("{op:?}"),
            Node::Scale(_, digits) => format!("scale {digits}"),
            Node::Round { rounding, digits, .. } => format!("round {rounding:?} {digits}"),
            Node::Shift(_, n, unit) => format!("shift {n} {unit:?}"),
            Node::If(..) => "if".into(),
            Node::Call(f, _) => format!("{f:?}"),
            Node::Refused(_) => "refused".into(),
            Node::Quantified(q) => {
                let shape = [q.value.is_some(), q.condition.is_some(), q.empty.is_some()];
                format!("{:?} {} {} {shape:?}", q.quantifier, q.variable, q.list.path)
            }
        };
        let _ = write!(out, "({head}");
        for part in self.parts() {
            out.push(' ');
            part.write(out);
        }
        out.push(')');
    }
}
