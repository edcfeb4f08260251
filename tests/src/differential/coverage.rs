//! Which kinds of expression stand in a program. Owns their names in reports. Invariant: a new kind of the intermediate
//! form does not compile here until it is named. Must not know: engines, sources.

use guiju_compiler::ir::{Binary, Expr, Fold, Kind, Program};
use guiju_runtime::number::Rounding;
use std::collections::BTreeSet;

/// Names of the kinds of expression, operator and fold that stand in a program.
pub(super) fn constructs(program: &Program) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut waiting: Vec<&Expr> = program.steps.iter().map(|s| &s.expr).collect();
    while let Some(expr) = waiting.pop() {
        let (name, parts): (String, Vec<&Expr>) = match expr {
            Expr::Const(kind, _) => (format!("const {kind}"), vec![]),
            Expr::Unknown(_) => ("unknown".to_owned(), vec![]),
            Expr::Load(kind, _) => (format!("load {kind}"), vec![]),
            Expr::Step(..) => ("step".to_owned(), vec![]),
            Expr::Not(a) => ("not".to_owned(), vec![a]),
            Expr::And(a, b) => ("and".to_owned(), vec![a, b]),
            Expr::Or(a, b) => ("or".to_owned(), vec![a, b]),
            Expr::Binary(op, a, b) => (op.to_string(), vec![a, b]),
            Expr::Lookup(_, a, _) => ("lookup".to_owned(), vec![a]),
            Expr::MonthOf(a) => ("month_of".to_owned(), vec![a]),
            Expr::Select(_, a, b, c) => ("select".to_owned(), vec![a, b, c]),
            Expr::Present(a) => ("present".to_owned(), vec![a]),
            Expr::PresentAt(_) => ("present_at".to_owned(), vec![]),
            Expr::Default(_, a, b) => ("default".to_owned(), vec![a, b]),
            Expr::Demand(_, a) => ("demand".to_owned(), vec![a]),
            Expr::Fold { fold, var, filter, value, empty, .. } => {
                let nested = if var.0 > 0 { " nested" } else { "" };
                (format!("{fold}{nested}"), [filter, value, empty].into_iter().flatten().map(|e| &**e).collect())
            }
        };
        names.insert(name);
        waiting.extend(parts);
    }
    names
}

/// Every name that `constructs` can give.
pub(super) fn all() -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        ["step", "unknown", "not", "and", "or", "month_of", "select", "present", "present_at", "default", "demand"]
            .map(str::to_owned)
            .into();
    for kind in [Kind::Boolean, Kind::Integer, Kind::Date, Kind::Month, Kind::Enum, Kind::Text] {
        names.extend([format!("const {kind}"), format!("load {kind}")]);
    }
    use Binary::{Add, AddDays, AddMonths, AtMost, Equal, Less, Multiply, Subtract, YearsUntil};
    for op in [Add, Subtract, Multiply, Equal, Less, AtMost, AddMonths, AddDays, YearsUntil] {
        names.insert(op.to_string());
    }
    names.extend(Rounding::ALL.map(|rounding| Binary::Divide(rounding).to_string()));
    for fold in [Fold::Exists, Fold::All, Fold::Count, Fold::CountDistinct, Fold::Sum, Fold::Max, Fold::Min] {
        names.extend([fold.to_string(), format!("{fold} nested")]);
    }
    names
}
