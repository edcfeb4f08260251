//! Which names an unchecked expression mentions, and the order in which definitions can be evaluated.
//! Invariant: in the order given, a definition comes after every definition it mentions. Must not know: types.

use crate::ast::{CellTest, Clause, Expr, ExprKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Adds the first part of every path in `expr`.
pub(crate) fn mentioned<'a>(expr: &'a Expr, into: &mut BTreeSet<&'a str>) {
    match &expr.kind {
        ExprKind::Path(path) | ExprKind::Quantified { list: path, .. } => {
            into.insert(&path.parts[0].text);
        }
        _ => {}
    }
    expr.parts().into_iter().for_each(|part| mentioned(part, into));
}

/// Adds the formulas that `expr` uses.
pub(crate) fn mentioned_formulas<'a>(expr: &'a Expr, into: &mut BTreeSet<&'a str>) {
    if let ExprKind::Apply(formula, _) = &expr.kind {
        into.insert(&formula.text);
    }
    expr.parts().into_iter().for_each(|part| mentioned_formulas(part, into));
}

/// "these depend on one another": what they are, in Chinese and English, their names, and where the first stands.
pub(crate) fn circular((zh, en): (&str, &str), names: &[&str], span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::Cycle,
        span,
        format!("{zh}相互依赖：{}", names.join("、")),
        format!("{en} depend on one another: {}", names.join(", ")),
    )
    .help("打断循环：语言不允许递归", "break the cycle: the language has no recursion")
}

/// Name and mentioned names of a definition or table clause.
fn clause_names(clause: &Clause) -> Option<(&str, BTreeSet<&str>)> {
    let mut names = BTreeSet::new();
    match clause {
        Clause::Definition(d) => {
            mentioned(&d.value, &mut names);
            for e in &d.exceptions {
                mentioned(&e.guard, &mut names);
                mentioned(&e.value, &mut names);
            }
            Some((&d.name.text, names))
        }
        Clause::Table(t) => {
            names.extend(t.columns.iter().map(|c| c.parts[0].text.as_str()));
            t.empty.iter().for_each(|e| mentioned(e, &mut names));
            for row in &t.rows {
                row.value.iter().for_each(|e| mentioned(e, &mut names));
                for test in row.cells.iter().flat_map(|c| &c.tests) {
                    match test {
                        CellTest::Is(e) | CellTest::Compare(_, e) => mentioned(e, &mut names),
                        CellTest::Range(a, b) => {
                            mentioned(a, &mut names);
                            mentioned(b, &mut names);
                        }
                    }
                }
            }
            Some((&t.name.text, names))
        }
        _ => None,
    }
}

/// Indices of the definition and table clauses in evaluation order, and those that stand in a cycle.
pub(crate) fn evaluation_order(clauses: &[Clause]) -> (Vec<usize>, Vec<usize>) {
    let all: Vec<(usize, &str, BTreeSet<&str>)> =
        clauses.iter().enumerate().filter_map(|(i, c)| clause_names(c).map(|(n, m)| (i, n, m))).collect();
    let by_name: BTreeMap<&str, usize> = all.iter().enumerate().map(|(k, (_, n, _))| (*n, k)).collect();
    let needs: Vec<BTreeSet<usize>> =
        all.iter().map(|(_, _, m)| m.iter().filter_map(|n| by_name.get(n).copied()).collect()).collect();
    let mut placed = vec![false; all.len()];
    let mut order = Vec::new();
    loop {
        let next = (0..all.len()).find(|k| !placed[*k] && needs[*k].iter().all(|n| placed[*n]));
        let Some(k) = next else { break };
        placed[k] = true;
        order.push(all[k].0);
    }
    let stuck = (0..all.len()).filter(|k| !placed[*k]).map(|k| all[k].0).collect();
    (order, stuck)
}
