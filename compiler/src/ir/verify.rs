//! The check every program passes before an engine sees it. Owns the bounds of programs, and their worst-case cost.
//! Invariant: engines are total over any verified program and any frame of its size, within [`COST_MAX`] units of work.
//! Must not know: how programs are made or run. A fault here is the compiler's, never the author's, but for the bounds.

use super::{Base, Binary, Expr, FOLD_DEPTH_MAX, Fold, Kind, ListPlace, LoopVar, Program, StepId, WordAt};
use std::collections::BTreeSet;
use std::fmt;

/// Most expression nodes of a program.
pub const NODES_MAX: u64 = 100_000;
/// Most folds of a program: each is a loop of native code, and register allocation takes time by loops times live words.
pub const FOLDS_MAX: u32 = 1_000;
/// Deepest nesting of an expression.
pub const DEPTH_MAX: u32 = 200;
/// Most units of work of one run: a node visited, an element tried, two values compared.
pub const COST_MAX: u64 = 20_000_000;
/// Most words of a frame.
pub const FRAME_WORDS_MAX: u32 = guiju_runtime::frame::FRAME_WORDS_MAX;
/// Most elements of all lists together whose distinct values are counted: each takes a word of stack in native code.
pub const DISTINCT_WORDS_MAX: u64 = 16_384;

/// A program that engines must not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFault {
    /// The step at fault; `None`: the program as a whole, or an expression outside any step.
    pub step: Option<StepId>,
    /// What is wrong.
    pub reason: VerifyReason,
}

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyReason {
    /// More than [`NODES_MAX`] nodes.
    TooManyNodes,
    /// More than [`FOLDS_MAX`] folds.
    TooManyFolds,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// Dearer than [`COST_MAX`].
    TooCostly,
    /// More than [`FRAME_WORDS_MAX`] words.
    FrameTooLarge,
    /// More than [`DISTINCT_WORDS_MAX`].
    DistinctTooLarge,
    /// A reference to a step that is not earlier.
    StepNotEarlier(StepId),
    /// A step's kind is not its expression's.
    KindOfStep {
        /// What it says.
        said: Kind,
        /// What its expression is.
        found: Kind,
    },
    /// An operand of a kind that its operator does not take.
    KindOfOperand(Kind),
    /// A word outside the frame or the element.
    OutOfPlace(WordAt),
    /// A list that does not lie inside the frame or the element around it.
    ListOutOfPlace,
    /// A loop variable that no enclosing fold binds.
    Unbound(LoopVar),
    /// A fold whose variable is not its depth, or that is nested deeper than [`FOLD_DEPTH_MAX`].
    FoldDepth(LoopVar),
    /// A fold with a part it does not take, or without one it needs.
    FoldParts,
    /// A constant that is none of its kind.
    Constant,
    /// A lookup without words.
    EmptyLookup,
    /// Two literals are equal, so their ids would not be.
    EqualLiterals,
    /// A trace point out of range, recorded twice, or recording something other than a truth.
    Trace,
}

impl fmt::Display for VerifyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step {
            write!(f, "s{}: ", step.0)?;
        }
        match &self.reason {
            VerifyReason::TooManyNodes => write!(f, "more than {NODES_MAX} nodes"),
            VerifyReason::TooManyFolds => write!(f, "more than {FOLDS_MAX} folds"),
            VerifyReason::TooDeep => write!(f, "expressions nested deeper than {DEPTH_MAX}"),
            VerifyReason::TooCostly => write!(f, "worst case over {COST_MAX} units of work"),
            VerifyReason::FrameTooLarge => write!(f, "frame over {FRAME_WORDS_MAX} words"),
            VerifyReason::DistinctTooLarge => {
                write!(f, "lists to count distinct values of hold over {DISTINCT_WORDS_MAX} elements")
            }
            VerifyReason::StepNotEarlier(step) => write!(f, "s{} is not an earlier step", step.0),
            VerifyReason::KindOfStep { said, found } => write!(f, "said to be {said}, is {found}"),
            VerifyReason::KindOfOperand(kind) => write!(f, "an operand is {kind}, which its operator does not take"),
            VerifyReason::OutOfPlace(at) => write!(f, "{at} lies outside"),
            VerifyReason::ListOutOfPlace => f.write_str("a list lies outside what holds it"),
            VerifyReason::Unbound(var) => write!(f, "v{} is not bound here", var.0),
            VerifyReason::FoldDepth(var) => {
                write!(f, "v{} is not the depth of its fold, or the fold is too deep", var.0)
            }
            VerifyReason::FoldParts => f.write_str("a fold has a part too many or too few"),
            VerifyReason::EmptyLookup => f.write_str("a lookup has no words"),
            VerifyReason::Constant => f.write_str("a constant is none of its kind"),
            VerifyReason::EqualLiterals => f.write_str("two literals are equal"),
            VerifyReason::Trace => f.write_str("a trace point is out of range, recorded twice or no truth"),
        }
    }
}

impl std::error::Error for VerifyFault {}

/// Checks every invariant of the module's documentation and every bound.
pub fn verify(program: &Program) -> Result<(), VerifyFault> {
    let whole = |reason| VerifyFault { step: None, reason };
    if program.frame_words > FRAME_WORDS_MAX {
        return Err(whole(VerifyReason::FrameTooLarge));
    }
    let literals: BTreeSet<&str> = program.literals.iter().map(String::as_str).collect();
    if literals.len() != program.literals.len() {
        return Err(whole(VerifyReason::EqualLiterals));
    }
    let mut traced = BTreeSet::new();
    let mut verifier = Verifier::new(program);
    for (i, step) in program.steps.iter().enumerate() {
        let id = StepId(u32::try_from(i).map_err(|_| whole(VerifyReason::TooManyNodes))?);
        let at = |reason| VerifyFault { step: Some(id), reason };
        verifier.earlier = i;
        let found = verifier.expr(&step.expr, 0).map_err(at)?.kind;
        if found != step.kind {
            return Err(at(VerifyReason::KindOfStep { said: step.kind, found }));
        }
        if let Some(trace) = step.trace
            && (trace.0 >= program.trace_points || found != Kind::Boolean || !traced.insert(trace))
        {
            return Err(at(VerifyReason::Trace));
        }
    }
    if u64::from(program.trace_points) > NODES_MAX || program.outputs.len() as u64 > NODES_MAX {
        return Err(whole(VerifyReason::TooManyNodes));
    }
    match program.outputs.iter().find(|o| o.0 as usize >= program.steps.len()) {
        Some(output) => Err(whole(VerifyReason::StepNotEarlier(*output))),
        None => Ok(()),
    }
}

/// Checks an expression that stands outside the program's steps but reads its frame and literals (a record's key), and gives
/// its kind.
pub fn verify_alone(program: &Program, expr: &Expr) -> Result<Kind, VerifyFault> {
    let checked = Verifier::new(program).expr(expr, 0);
    checked.map(|c| c.kind).map_err(|reason| VerifyFault { step: None, reason })
}

/// Checks `value` of the elements of `list` that pass `filter`, outside the program's steps, and gives the value's kind.
pub fn verify_each(
    program: &Program,
    list: &ListPlace,
    var: LoopVar,
    filter: Option<&Expr>,
    value: &Expr,
) -> Result<Kind, VerifyFault> {
    let mut verifier = Verifier::new(program);
    let mut check = || {
        verifier.list(list)?;
        if var != LoopVar(0) {
            return Err(VerifyReason::FoldDepth(var));
        }
        verifier.strides.push(list.stride);
        if let Some(filter) = filter {
            verifier.want(filter, 0, &[Kind::Boolean])?;
        }
        Ok(verifier.expr(value, 0)?.kind)
    };
    check().map_err(|reason| VerifyFault { step: None, reason })
}

/// Worst-case cost of a verified program, in the units of [`COST_MAX`].
pub fn cost(program: &Program) -> u64 {
    let mut verifier = Verifier::new(program);
    program.steps.iter().enumerate().fold(0, |sum: u64, (i, step)| {
        verifier.earlier = i;
        sum.saturating_add(verifier.expr(&step.expr, 0).map_or(u64::MAX, |c| c.cost))
    })
}

/// What is known of an expression once checked.
struct Checked {
    kind: Kind,
    cost: u64,
}

struct Verifier<'a> {
    program: &'a Program,
    /// Steps that may be used.
    earlier: usize,
    /// Strides of the lists of enclosing folds, outermost first.
    strides: Vec<u32>,
    nodes: u64,
    folds: u32,
    cost: u64,
    distinct: u64,
}

const ORDERED: &[Kind] = &[Kind::Integer, Kind::Date, Kind::Month];

impl<'a> Verifier<'a> {
    fn new(program: &'a Program) -> Self {
        Self { program, earlier: 0, strides: Vec::new(), nodes: 0, folds: 0, cost: 0, distinct: 0 }
    }

    fn expr(&mut self, expr: &Expr, depth: u32) -> Result<Checked, VerifyReason> {
        if depth >= DEPTH_MAX {
            return Err(VerifyReason::TooDeep);
        }
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(VerifyReason::TooManyNodes);
        }
        let mut checked = self.operands(expr, depth + 1)?;
        checked.cost = checked.cost.saturating_add(1);
        if depth == 0 {
            self.cost = self.cost.saturating_add(checked.cost);
            if self.cost > COST_MAX {
                return Err(VerifyReason::TooCostly);
            }
        }
        Ok(checked)
    }

    fn operands(&mut self, expr: &Expr, depth: u32) -> Result<Checked, VerifyReason> {
        const TRUTH: &[Kind] = &[Kind::Boolean];
        let leaf = |kind| Checked { kind, cost: 0 };
        Ok(match expr {
            Expr::Const(kind, word) => {
                self.constant(*kind, *word)?;
                leaf(*kind)
            }
            Expr::Unknown(kind) => leaf(*kind),
            Expr::Load(kind, place) => {
                self.states(&place.states)?;
                self.word(place.word)?;
                Checked { kind: *kind, cost: place.states.len() as u64 }
            }
            Expr::Step(kind, id) => {
                let step =
                    self.program.steps[..self.earlier].get(id.0 as usize).ok_or(VerifyReason::StepNotEarlier(*id))?;
                if step.kind != *kind {
                    return Err(VerifyReason::KindOfOperand(step.kind));
                }
                leaf(*kind)
            }
            Expr::Not(a) => self.want(a, depth, TRUTH)?,
            Expr::And(a, b) | Expr::Or(a, b) => {
                let (a, b) = (self.want(a, depth, TRUTH)?, self.want(b, depth, TRUTH)?);
                Checked { kind: Kind::Boolean, cost: a.cost.saturating_add(b.cost) }
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a, depth)?, self.expr(b, depth)?);
                Checked { kind: binary(*op, a.kind, b.kind)?, cost: a.cost.saturating_add(b.cost) }
            }
            Expr::Lookup(kind, a, words) => {
                self.nodes = self.nodes.saturating_add(words.len() as u64);
                if words.is_empty() || self.nodes > NODES_MAX {
                    return Err(if words.is_empty() { VerifyReason::EmptyLookup } else { VerifyReason::TooManyNodes });
                }
                words.iter().try_for_each(|word| self.constant(*kind, *word))?;
                Checked { kind: *kind, ..self.want(a, depth, &[Kind::Enum])? }
            }
            Expr::MonthOf(a) => Checked { kind: Kind::Month, ..self.want(a, depth, &[Kind::Date])? },
            Expr::Select(kind, c, a, b) => {
                let c = self.want(c, depth, TRUTH)?;
                let (a, b) = (self.want(a, depth, &[*kind])?, self.want(b, depth, &[*kind])?);
                Checked { kind: *kind, cost: c.cost.saturating_add(a.cost).saturating_add(b.cost) }
            }
            Expr::Present(a) => Checked { kind: Kind::Boolean, ..self.expr(a, depth)? },
            Expr::PresentAt(states) => {
                self.states(states)?;
                Checked { kind: Kind::Boolean, cost: states.len() as u64 }
            }
            Expr::Default(kind, a, b) => {
                let (a, b) = (self.want(a, depth, &[*kind])?, self.want(b, depth, &[*kind])?);
                Checked { kind: *kind, cost: a.cost.saturating_add(b.cost) }
            }
            Expr::Demand(kind, a) => self.want(a, depth, &[*kind])?,
            Expr::Fold { fold, list, var, filter, value, empty } => {
                self.list(list)?;
                let parts = [filter.as_deref(), value.as_deref(), empty.as_deref()];
                self.fold(*fold, list, *var, parts, depth)?
            }
        })
    }

    fn fold(
        &mut self,
        fold: Fold,
        list: &ListPlace,
        var: LoopVar,
        parts: [Option<&Expr>; 3],
        depth: u32,
    ) -> Result<Checked, VerifyReason> {
        let [filter, value, empty] = parts;
        self.folds += 1;
        if self.folds > FOLDS_MAX {
            return Err(VerifyReason::TooManyFolds);
        }
        let wants_value = !matches!(fold, Fold::Exists | Fold::All | Fold::Count);
        if value.is_some() != wants_value || empty.is_some() != matches!(fold, Fold::Max | Fold::Min) {
            return Err(VerifyReason::FoldParts);
        }
        if usize::from(var.0) != self.strides.len() || var.0 >= FOLD_DEPTH_MAX {
            return Err(VerifyReason::FoldDepth(var));
        }
        let max = u64::from(list.max);
        self.strides.push(list.stride);
        let mut each = 1u64;
        if let Some(filter) = filter {
            each = each.saturating_add(self.want(filter, depth, &[Kind::Boolean])?.cost);
        }
        let mut kind = match fold {
            Fold::Exists | Fold::All => Kind::Boolean,
            _ => Kind::Integer,
        };
        if let Some(value) = value {
            let checked = self.expr(value, depth)?;
            each = each.saturating_add(checked.cost);
            match fold {
                Fold::Sum if checked.kind != Kind::Integer => return Err(VerifyReason::KindOfOperand(checked.kind)),
                Fold::Max | Fold::Min if !ORDERED.contains(&checked.kind) => {
                    return Err(VerifyReason::KindOfOperand(checked.kind));
                }
                Fold::Max | Fold::Min => kind = checked.kind,
                _ => {}
            }
        }
        self.strides.pop();
        if fold == Fold::CountDistinct {
            each = each.saturating_add(max / 2);
            self.distinct = self.distinct.saturating_add(max);
            if self.distinct > DISTINCT_WORDS_MAX {
                return Err(VerifyReason::DistinctTooLarge);
            }
        }
        // Whether the list is there is asked once.
        let mut cost = each.saturating_mul(max).saturating_add(list.states.len() as u64);
        if let Some(empty) = empty {
            cost = cost.saturating_add(self.want(empty, depth, &[kind])?.cost);
        }
        Ok(Checked { kind, cost })
    }

    fn want(&mut self, expr: &Expr, depth: u32, kinds: &[Kind]) -> Result<Checked, VerifyReason> {
        let checked = self.expr(expr, depth)?;
        if kinds.contains(&checked.kind) { Ok(checked) } else { Err(VerifyReason::KindOfOperand(checked.kind)) }
    }

    fn constant(&self, kind: Kind, word: i64) -> Result<(), VerifyReason> {
        let fits = match kind {
            Kind::Boolean => word == 0 || word == 1,
            Kind::Integer => true,
            Kind::Date => guiju_runtime::date::Date::from_days(word).is_some(),
            Kind::Month => guiju_runtime::date::YearMonth::from_index(word).is_some(),
            Kind::Enum => u16::try_from(word).is_ok(),
            Kind::Text => usize::try_from(word).is_ok_and(|i| i < self.program.literals.len()),
        };
        if fits { Ok(()) } else { Err(VerifyReason::Constant) }
    }

    /// Words that `base` spans.
    fn span(&self, base: Base) -> Result<u32, VerifyReason> {
        match base {
            Base::Frame => Ok(self.program.frame_words),
            Base::Element(var) => self.strides.get(usize::from(var.0)).copied().ok_or(VerifyReason::Unbound(var)),
        }
    }

    fn word(&self, at: WordAt) -> Result<(), VerifyReason> {
        if at.offset < self.span(at.base)? { Ok(()) } else { Err(VerifyReason::OutOfPlace(at)) }
    }

    fn states(&mut self, states: &[WordAt]) -> Result<(), VerifyReason> {
        self.nodes = self.nodes.saturating_add(states.len() as u64);
        states.iter().try_for_each(|at| self.word(*at))
    }

    fn list(&mut self, list: &ListPlace) -> Result<(), VerifyReason> {
        self.states(&list.states)?;
        self.word(list.length)?;
        let end = u64::from(list.first.offset) + u64::from(list.stride) * u64::from(list.max);
        if list.stride > 0 && end <= u64::from(self.span(list.first.base)?) {
            Ok(())
        } else {
            Err(VerifyReason::ListOutOfPlace)
        }
    }
}

/// Kind of a binary operator's result.
fn binary(op: Binary, left: Kind, right: Kind) -> Result<Kind, VerifyReason> {
    use Kind::{Boolean, Date, Integer, Month};
    match (op, left, right) {
        (Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide(_), Integer, Integer) => Ok(Integer),
        (Binary::Add | Binary::Subtract, Month, Integer) => Ok(Month),
        (Binary::Subtract, Date, Date) | (Binary::Subtract, Month, Month) => Ok(Integer),
        (Binary::Equal, _, _) if left == right => Ok(Boolean),
        (Binary::Less | Binary::AtMost, _, _) if left == right && ORDERED.contains(&left) => Ok(Boolean),
        (Binary::AddMonths | Binary::AddDays, Date, Integer) => Ok(Date),
        (Binary::YearsUntil, Date, Date) => Ok(Integer),
        _ => Err(VerifyReason::KindOfOperand(right)),
    }
}
