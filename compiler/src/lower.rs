//! From the checked tree to programs. Owns the order of steps, trace points and outputs; expressions are in `lower/expr.rs`.
//! Invariant: a program it returns passed `ir::verify`; every guard is a traced step of its own; the meaning of arms is that
//! of the language: the first true arm wins unless an arm that is not known comes before it.
//! Must not know: diagnostics' wording, engines.

mod expr;
mod needs;
mod policy;
mod sharing;
mod table;

pub(crate) use policy::policy;
pub(crate) use sharing::sharing;

use crate::ast::ClassWord;
use crate::ir::{self, Expr, Kind, Program, Step, StepId, TraceId};
use crate::package::{CitationText, PointKind, TracePoint};
use crate::source::Span;
use guiju_runtime::frame::Layout;
use guiju_runtime::value::Type;
use std::collections::BTreeMap;

/// Why a policy could not be lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LowerFault {
    /// It is larger than programs may be: the author's fault.
    TooLarge(String),
    /// The program failed verification: the compiler's fault.
    Internal(String),
}

/// A program being made.
struct Lowering {
    layout: Layout,
    /// Root of the first evidence binding.
    evidence_root: usize,
    literals: BTreeMap<String, i64>,
    steps: Vec<Step>,
    outputs: Vec<StepId>,
    points: Vec<TracePoint>,
    /// Final step of each definition.
    definitions: Vec<StepId>,
    nodes: u64,
}

impl Lowering {
    fn new(layout: Layout, inputs: usize) -> Self {
        Self {
            layout,
            evidence_root: 1 + inputs,
            literals: BTreeMap::new(),
            steps: Vec::new(),
            outputs: Vec::new(),
            points: Vec::new(),
            definitions: Vec::new(),
            nodes: 0,
        }
    }

    /// Counts one node against the bound on programs.
    fn count(&mut self) -> Result<(), LowerFault> {
        self.nodes += 1;
        if self.nodes > ir::verify::NODES_MAX {
            return Err(LowerFault::TooLarge(format!("{} nodes", ir::verify::NODES_MAX)));
        }
        Ok(())
    }

    fn step(&mut self, name: String, kind: Kind, expr: Expr, trace: Option<TraceId>) -> StepId {
        let id = StepId(self.steps.len() as u32);
        self.steps.push(Step { name, kind, expr, trace });
        id
    }

    fn point(
        &mut self,
        kind: PointKind,
        rule: &str,
        label: String,
        citation: Option<CitationText>,
        class: ClassWord,
        span: Span,
    ) -> TraceId {
        let id = TraceId(self.points.len() as u32);
        self.points.push(TracePoint { kind, rule: rule.to_owned(), label, citation, class, span });
        id
    }

    fn literal(&mut self, text: &str) -> i64 {
        let next = self.literals.len() as i64;
        *self.literals.entry(text.to_owned()).or_insert(next)
    }

    fn output(&mut self, step: StepId) -> usize {
        self.outputs.push(step);
        self.outputs.len() - 1
    }

    /// The finished program.
    fn finish(self) -> Result<(Program, Vec<TracePoint>, Layout), LowerFault> {
        let mut literals = vec![String::new(); self.literals.len()];
        for (text, id) in self.literals {
            if let Some(slot) = usize::try_from(id).ok().and_then(|i| literals.get_mut(i)) {
                *slot = text;
            }
        }
        let program = Program {
            frame_words: self.layout.words,
            literals,
            steps: self.steps,
            outputs: self.outputs,
            trace_points: self.points.len() as u32,
        };
        ir::verify(&program).map_err(|fault| {
            use ir::verify::VerifyReason as R;
            match fault.reason {
                R::TooManyNodes
                | R::TooManyFolds
                | R::TooDeep
                | R::TooCostly
                | R::FrameTooLarge
                | R::DistinctTooLarge => LowerFault::TooLarge(fault.to_string()),
                _ => LowerFault::Internal(fault.to_string()),
            }
        })?;
        Ok((program, self.points, self.layout))
    }
}

/// What words of a type mean.
fn kind_of(ty: &Type) -> Kind {
    match ty {
        Type::Boolean => Kind::Boolean,
        Type::Date => Kind::Date,
        Type::Month => Kind::Month,
        Type::Enum(_) => Kind::Enum,
        Type::Text { .. } | Type::Identifier(_) => Kind::Text,
        Type::Integer { .. } | Type::Decimal { .. } | Type::Money { .. } | Type::Group(_) | Type::List { .. } => {
            Kind::Integer
        }
    }
}
