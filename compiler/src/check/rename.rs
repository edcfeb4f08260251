//! Names of an older version under another version's roof. Owns which parts of a tree are names of its policy's own
//! declarations. Invariant: the variable of a quantifier hides a declaration of its name. Must not know: why names change.

use crate::ast::{CellTest, Citation, Clause, Expr, ExprKind, Key, Name, Path};
use std::collections::BTreeMap;

type Names = BTreeMap<String, String>;

/// Renames what a clause mentions, and the sources it cites; not what it declares.
pub(super) fn clause(clause: &mut Clause, names: &Names, source: &dyn Fn(&str) -> String) {
    let cite = |citation: &mut Option<Citation>| {
        citation.iter_mut().for_each(|c| c.source.text = source(&c.source.text));
    };
    match clause {
        Clause::Evidence(e) => e.keys.iter_mut().for_each(|k| key(k, names)),
        Clause::Definition(d) => {
            expr(&mut d.value, names);
            cite(&mut d.citation);
            for exception in &mut d.exceptions {
                expr(&mut exception.guard, names);
                expr(&mut exception.value, names);
                cite(&mut exception.citation);
            }
        }
        Clause::Table(t) => {
            t.columns.iter_mut().for_each(|c| path(c, names));
            t.empty.iter_mut().for_each(|e| expr(e, names));
            cite(&mut t.citation);
            for row in &mut t.rows {
                row.value.iter_mut().for_each(|e| expr(e, names));
                cite(&mut row.citation);
                for test in row.cells.iter_mut().flat_map(|c| &mut c.tests) {
                    match test {
                        CellTest::Is(e) | CellTest::Compare(_, e) => expr(e, names),
                        CellTest::Range(a, b) => {
                            expr(a, names);
                            expr(b, names);
                        }
                    }
                }
            }
        }
        Clause::Outcome(o) => {
            for arm in &mut o.arms {
                arm.guard.iter_mut().for_each(|e| expr(e, names));
                cite(&mut arm.citation);
            }
        }
        Clause::AsOf(_) | Clause::Input(_) | Clause::Release(_) | Clause::Write(_) | Clause::Transition(_) => {}
    }
}

/// Renames what a clause declares.
pub(super) fn declared(clause: &mut Clause, names: &Names) {
    match clause {
        Clause::Input(c) => name(&mut c.name, names),
        Clause::Evidence(c) => name(&mut c.name, names),
        Clause::Definition(c) => name(&mut c.name, names),
        Clause::Table(c) => name(&mut c.name, names),
        _ => {}
    }
}

/// Whether a clause declares `name`.
pub(super) fn declares(clause: &Clause, name: &str) -> bool {
    match clause {
        Clause::Input(c) => c.name.text == name,
        Clause::Evidence(c) => c.name.text == name,
        Clause::Definition(c) => c.name.text == name,
        Clause::Table(c) => c.name.text == name,
        Clause::Outcome(c) => c.name.text == name,
        Clause::AsOf(_) | Clause::Release(_) | Clause::Write(_) | Clause::Transition(_) => false,
    }
}

/// A clause without its places: two of one shape say the same.
pub(super) fn shape(clause: &Clause) -> String {
    let shown = format!("{clause:?}");
    let mut out = String::with_capacity(shown.len());
    let mut rest = shown.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
        rest = &rest[end..];
    }
    out + rest
}

/// The key of a formula's name, which is told from a value's by its place.
pub(super) fn called(formula: &str) -> String {
    format!("{formula}()")
}

fn name(name: &mut Name, names: &Names) {
    if let Some(new) = names.get(&name.text) {
        name.text = new.clone();
    }
}

fn path(path: &mut Path, names: &Names) {
    if let Some(first) = path.parts.first_mut() {
        name(first, names);
    }
}

fn key(key: &mut Key, names: &Names) {
    match key {
        Key::One(e) => expr(e, names),
        Key::Each { value, variable, list, filter } => {
            path(list, names);
            let inside = without(names, variable);
            expr(value, &inside);
            filter.iter_mut().for_each(|e| expr(e, &inside));
        }
    }
}

fn without(names: &Names, variable: &Name) -> Names {
    let mut inside = names.clone();
    inside.remove(&variable.text);
    inside
}

fn expr(e: &mut Expr, names: &Names) {
    match &mut e.kind {
        ExprKind::Literal(_) => {}
        ExprKind::Path(p) => path(p, names),
        ExprKind::Quantified { value, variable, list, condition, empty, .. } => {
            path(list, names);
            empty.iter_mut().for_each(|e| expr(e, names));
            let inside = without(names, variable);
            value.iter_mut().chain(condition).for_each(|e| expr(e, &inside));
        }
        ExprKind::Apply(formula, arguments) => {
            if let Some(new) = names.get(&called(&formula.text)) {
                formula.text = new.clone();
            }
            arguments.iter_mut().for_each(|e| expr(e, names));
        }
        _ => e.parts_mut().into_iter().for_each(|part| expr(part, names)),
    }
}
