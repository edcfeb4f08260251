//! The typed intermediate form that both engines run. Owns its shape, its printer (`ir/print.rs`) and `verify`
//! (`ir/verify.rs`). A program is a list of steps; a step may use only earlier ones, so it is total and terminates.
//! Invariants (checked by `verify` before any engine sees a program): step references point backwards; places lie inside
//! the frame; operand kinds match; loop variables are bound by an enclosing fold; every list, depth and cost is bounded.
//! Must not know: syntax, names in scope, machine code.
//!
//! Meaning. Every expression has a *word* (i64) and a *state*: 0 known, 1 unknown, 2 absent. Booleans are 0/1; enums are
//! variant indices; dates are days since 1970-01-01; months are year × 12 + month − 1; texts and identifiers are interned
//! ids (equality only). A word whose state is not 0 is 0.
//!
//! Totality. The form carries no ranges: sums, differences and products wrap, a quotient by 0 is 0, and the checker proves
//! from types that neither happens. A frame may hold anything: a state word other than 0 and 2 is unknown, a boolean word other than 0 is true, a
//! list length is clamped to 0 … max, and a word that is no date counts as the nearest date where a calendar is needed.
//! So every program means something over every frame, and both engines mean the same.

pub mod print;
pub mod verify;

pub use verify::{VerifyFault, verify};

use guiju_runtime::number::Rounding;

/// Index of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

/// Index into a program's trace points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u32);

/// A loop variable: depth of the fold that binds it, 0 outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoopVar(pub u8);

/// Most folds nested in one another.
pub const FOLD_DEPTH_MAX: u8 = 4;

/// What words of an expression mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 0 or 1.
    Boolean,
    /// A whole number, money in 分.
    Integer,
    /// Days since 1970-01-01.
    Date,
    /// Year × 12 + month − 1.
    Month,
    /// Variant index.
    Enum,
    /// Interned id of a text or identifier.
    Text,
}

/// Where words are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base {
    /// The frame's start.
    Frame,
    /// The start of the current element of a fold.
    Element(LoopVar),
}

/// One word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordAt {
    /// From where.
    pub base: Base,
    /// How many words on.
    pub offset: u32,
}

/// A scalar in the frame. Its state is the first non-zero among `states` (outermost first), else 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The value.
    pub word: WordAt,
    /// State words of the binding, of optional groups around it, and of itself.
    pub states: Vec<WordAt>,
}

/// A bounded list in the frame: a length word, then `max` elements of `stride` words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListPlace {
    /// The length, 0 … max.
    pub length: WordAt,
    /// First word of element 0.
    pub first: WordAt,
    /// Words an element.
    pub stride: u32,
    /// Most elements.
    pub max: u32,
    /// State words around the list; absent means empty, unknown makes the fold unknown.
    pub states: Vec<WordAt>,
}

/// Binary operators on integers, dates and months (as words). Unknown if either side is not known. Kinds: sum of integers, or
/// month and integer; difference of integers, dates, months, or month and integer; product and
/// quotient of integers; equality of any one
/// kind; order of integers, dates or months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binary {
    /// Sum, wrapping.
    Add,
    /// Difference, wrapping.
    Subtract,
    /// Product, wrapping.
    Multiply,
    /// Quotient as a whole number, rounded as said; 0 if the divisor is 0, and `i64::MIN / -1` wraps.
    Divide(Rounding),
    /// Equal.
    Equal,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// `date`, `months` → date (clamped to the month's end, saturating; 民法典 202).
    AddMonths,
    /// `date`, `days` → date, saturating.
    AddDays,
    /// `birth`, `on` → completed years, never negative.
    YearsUntil,
}

/// What a fold computes over the elements its filter lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fold {
    /// Kleene or of the filter.
    Exists,
    /// Kleene and of the filter.
    All,
    /// How many pass; unknown if the filter is unknown for any.
    Count,
    /// How many distinct values of `value` pass; unknown if filter, or value of a passing element, is unknown for any.
    CountDistinct,
    /// Sum of `value`, wrapping; unknown as for `CountDistinct`.
    Sum,
    /// Greatest `value`, `empty` if none pass; unknown as for `CountDistinct`.
    Max,
    /// Least `value`, `empty` if none pass; unknown as for `CountDistinct`.
    Min,
}

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// A known constant; texts are indices into the program's literals.
    Const(Kind, i64),
    /// Not known, whatever the evidence.
    Unknown(Kind),
    /// Evidence.
    Load(Kind, Place),
    /// An earlier step's result.
    Step(Kind, StepId),
    /// Kleene not; of an absent operand unknown.
    Not(Box<Expr>),
    /// Kleene and; an absent operand counts as unknown.
    And(Box<Expr>, Box<Expr>),
    /// Kleene or; an absent operand counts as unknown.
    Or(Box<Expr>, Box<Expr>),
    /// A binary operator; result unknown unless both are known.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// The word at the index that an enum's word is, of a list that is not empty; an index outside counts as the nearest
    /// inside. Unknown unless the index is known.
    Lookup(Kind, Box<Expr>, Vec<i64>),
    /// Date → its month.
    MonthOf(Box<Expr>),
    /// Condition known: the branch, with its state. Condition not known: the common value if both branches are known and
    /// equal, else unknown.
    Select(Kind, Box<Expr>, Box<Expr>, Box<Expr>),
    /// Known true if known, known false if absent, else unknown.
    Present(Box<Expr>),
    /// State of evidence at a place: as `Present`, for a binding or group, which has no word of its own.
    PresentAt(Vec<WordAt>),
    /// The value, or the default if absent; unknown stays unknown.
    Default(Kind, Box<Expr>, Box<Expr>),
    /// Absent becomes unknown: used where the checker proved presence on every path that matters.
    Demand(Kind, Box<Expr>),
    /// A loop over a bounded list.
    Fold {
        /// What it computes.
        fold: Fold,
        /// The list.
        list: ListPlace,
        /// Its element.
        var: LoopVar,
        /// Which elements; `None`: all.
        filter: Option<Box<Expr>>,
        /// Element's value, for distinct, sum, max, min.
        value: Option<Box<Expr>>,
        /// Value of max and min when none pass.
        empty: Option<Box<Expr>>,
    },
}

/// A step: one expression, named for people, perhaps traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For the printer only.
    pub name: String,
    /// Kind of its result.
    pub kind: Kind,
    /// What it computes.
    pub expr: Expr,
    /// For guards: where its truth is recorded (0 false, 1 true, 2 not known).
    pub trace: Option<TraceId>,
}

/// A whole program. `outputs` are the steps whose word and state leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Words of the frame.
    pub frame_words: u32,
    /// Text constants; interned id of literal `i` is `i`.
    pub literals: Vec<String>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Outputs in order.
    pub outputs: Vec<StepId>,
    /// How many trace points there are. One that no step records reads as not known.
    pub trace_points: u32,
}

impl Expr {
    /// Kind of its words, given that it passed [`verify`].
    pub fn kind(&self) -> Kind {
        match self {
            Self::Const(kind, _)
            | Self::Unknown(kind)
            | Self::Load(kind, _)
            | Self::Step(kind, _)
            | Self::Select(kind, ..)
            | Self::Default(kind, ..)
            | Self::Demand(kind, _)
            | Self::Lookup(kind, ..) => *kind,
            Self::Not(_) | Self::And(..) | Self::Or(..) | Self::Present(_) | Self::PresentAt(_) => Kind::Boolean,
            Self::MonthOf(_) => Kind::Month,
            Self::Binary(op, left, right) => match op {
                Binary::Equal | Binary::Less | Binary::AtMost => Kind::Boolean,
                Binary::AddMonths | Binary::AddDays => Kind::Date,
                Binary::Multiply | Binary::Divide(_) | Binary::YearsUntil => Kind::Integer,
                // Only a month and a number of months give a month; any other sum or difference is a number.
                Binary::Add | Binary::Subtract if left.kind() == Kind::Month && right.kind() == Kind::Integer => {
                    Kind::Month
                }
                Binary::Add | Binary::Subtract => Kind::Integer,
            },
            Self::Fold { fold, value, .. } => match (fold, value) {
                (Fold::Exists | Fold::All, _) => Kind::Boolean,
                (Fold::Max | Fold::Min, Some(value)) => value.kind(),
                _ => Kind::Integer,
            },
        }
    }

    /// The expressions directly inside this one.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Const(..) | Self::Unknown(_) | Self::Load(..) | Self::Step(..) | Self::PresentAt(_) => Vec::new(),
            Self::Not(a) | Self::MonthOf(a) | Self::Present(a) | Self::Demand(_, a) | Self::Lookup(_, a, _) => vec![a],
            Self::And(a, b) | Self::Or(a, b) | Self::Binary(_, a, b) | Self::Default(_, a, b) => vec![a, b],
            Self::Select(_, a, b, c) => vec![a, b, c],
            Self::Fold { filter, value, empty, .. } => {
                [filter, value, empty].into_iter().flatten().map(|e| &**e).collect()
            }
        }
    }
}
