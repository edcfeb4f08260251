//! A program as text, for snapshots and for people who debug lowering. Owns the notation only.
//! Invariant: equal programs print equally, unequal ones differently. Must not know: what anything means.

use super::{Base, Binary, Expr, Fold, Kind, ListPlace, Place, Program, WordAt};
use guiju_runtime::number::Rounding;
use std::fmt;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "frame {} trace {}", self.frame_words, self.trace_points)?;
        for (i, literal) in self.literals.iter().enumerate() {
            writeln!(f, "literal {i} {literal:?}")?;
        }
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "s{i} {:?}: {} ", step.name, step.kind)?;
            if let Some(trace) = step.trace {
                write!(f, "t{} ", trace.0)?;
            }
            writeln!(f, "= {}", step.expr)?;
        }
        for (i, output) in self.outputs.iter().enumerate() {
            writeln!(f, "output {i} s{}", output.0)?;
        }
        Ok(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Date => "date",
            Self::Month => "month",
            Self::Enum => "enum",
            Self::Text => "text",
        })
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide(Rounding::HalfUp) => "divide_half_up",
            Self::Divide(Rounding::HalfEven) => "divide_half_even",
            Self::Divide(Rounding::Down) => "divide_down",
            Self::Divide(Rounding::Up) => "divide_up",
            Self::Equal => "equal",
            Self::Less => "less",
            Self::AtMost => "at_most",
            Self::AddMonths => "add_months",
            Self::AddDays => "add_days",
            Self::YearsUntil => "years_until",
        })
    }
}

impl fmt::Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "exists",
            Self::All => "all",
            Self::Count => "count",
            Self::CountDistinct => "count_distinct",
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
        })
    }
}

impl fmt::Display for WordAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Base::Frame => write!(f, "@{}", self.offset),
            Base::Element(var) => write!(f, "v{}@{}", var.0, self.offset),
        }
    }
}

/// State words in square brackets, nothing if there are none.
struct States<'a>(&'a [WordAt]);

impl fmt::Display for States<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, state) in self.0.iter().enumerate() {
            write!(f, "{}{state}", if i == 0 { "[" } else { " " })?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str("]") }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.word, States(&self.states))
    }
}

impl fmt::Display for ListPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, first, stride, max, states } = self;
        write!(f, "{length} of {max} x {stride} from {first}{}", States(states))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(kind, word) => write!(f, "{kind} {word}"),
            Self::Unknown(kind) => write!(f, "unknown {kind}"),
            Self::Load(kind, place) => write!(f, "load {kind} {place}"),
            Self::Step(kind, step) => write!(f, "step {kind} s{}", step.0),
            Self::Not(a) => write!(f, "not({a})"),
            Self::And(a, b) => write!(f, "and({a}, {b})"),
            Self::Or(a, b) => write!(f, "or({a}, {b})"),
            Self::Binary(op, a, b) => write!(f, "{op}({a}, {b})"),
            Self::Lookup(kind, a, words) => {
                write!(f, "lookup {kind}({a} in")?;
                words.iter().try_for_each(|word| write!(f, " {word}"))?;
                f.write_str(")")
            }
            Self::MonthOf(a) => write!(f, "month_of({a})"),
            Self::Select(kind, c, a, b) => write!(f, "select {kind}({c}, {a}, {b})"),
            Self::Present(a) => write!(f, "present({a})"),
            Self::PresentAt(states) => write!(f, "present_at({})", States(states)),
            Self::Default(kind, a, b) => write!(f, "default {kind}({a}, {b})"),
            Self::Demand(kind, a) => write!(f, "demand {kind}({a})"),
            Self::Fold { fold, list, var, filter, value, empty } => {
                write!(f, "{fold}(v{} in {list}", var.0)?;
                for (word, part) in [("where", filter), ("value", value), ("empty", empty)] {
                    if let Some(part) = part {
                        write!(f, ", {word} {part}")?;
                    }
                }
                f.write_str(")")
            }
        }
    }
}
