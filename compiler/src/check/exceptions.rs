//! Exceptions of a definition: labels, parents, precedence.
//! Invariant: after `link` the parents form a forest and precedence among siblings has no cycle.
//! Must not know: how exceptions are lowered.

use super::report::{Report, nearest};
use super::scope::duplicate;
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::Exception;

/// Most exceptions of one definition.
const EXCEPTIONS_MAX: usize = 64;

/// Fills in parents and precedence.
pub(crate) fn link(clause: &ast::DefinitionClause, typed: &mut [Exception], report: &mut Report) -> Option<()> {
    if typed.len() > EXCEPTIONS_MAX {
        report.add(Diagnostic::new(
            Code::TooLarge,
            clause.name.span,
            format!("一条定义至多 {EXCEPTIONS_MAX} 个例外"),
            format!("a definition has at most {EXCEPTIONS_MAX} exceptions"),
        ));
        return None;
    }
    let labels: Vec<&str> = clause.exceptions.iter().map(|e| e.label.text.as_str()).collect();
    let mut good = true;
    for (i, e) in clause.exceptions.iter().enumerate() {
        if labels[..i].contains(&e.label.text.as_str()) {
            report.add(duplicate(&e.label));
            good = false;
        }
        if let Some(of) = &e.of {
            match find(of, &labels) {
                // `于` may also name the definition itself, which is what is meant without it.
                Some(p) => typed[i].of = Some(p),
                None if of.text == clause.name.text => {}
                None => {
                    report.add(unknown_label(of, &labels));
                    good = false;
                }
            }
        }
        for other in &e.before {
            match find(other, &labels) {
                Some(o) => typed[i].before.push(o),
                None => {
                    report.add(unknown_label(other, &labels));
                    good = false;
                }
            }
        }
    }
    good &= no_cycles(clause, typed, report);
    for i in 0..typed.len() {
        for &o in &typed[i].before {
            if typed[o].of != typed[i].of {
                report.add(
                    Diagnostic::new(
                        Code::UnknownName,
                        typed[i].span,
                        format!("`{}` 与 `{}` 不是同一规则的例外，不能比先后", typed[i].label, typed[o].label),
                        format!("`{}` and `{}` are not exceptions to the same rule", typed[i].label, typed[o].label),
                    )
                    .help("先后只在同级例外之间写", "precedence is said between siblings only"),
                );
                good = false;
            }
        }
    }
    good.then_some(())
}

fn find(name: &ast::Name, labels: &[&str]) -> Option<usize> {
    labels.iter().position(|l| *l == name.text)
}

fn unknown_label(name: &ast::Name, labels: &[&str]) -> Diagnostic {
    let finding = Diagnostic::new(
        Code::UnknownName,
        name.span,
        format!("没有名为 `{}` 的例外", name.text),
        format!("no exception is called `{}`", name.text),
    );
    match nearest(&name.text, labels.iter().copied()) {
        Some(near) => finding.help(format!("是否想写 `{near}`？"), format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn no_cycles(clause: &ast::DefinitionClause, typed: &[Exception], report: &mut Report) -> bool {
    let parents_good = (0..typed.len()).all(|start| {
        let mut at = typed[start].of;
        for _ in 0..typed.len() {
            match at {
                Some(p) => at = typed[p].of,
                None => return true,
            }
        }
        at.is_none()
    });
    let precedence_good = (0..typed.len()).all(|i| !precedes(typed, i, i));
    if !(parents_good && precedence_good) {
        report.add(
            Diagnostic::new(
                Code::Cycle,
                clause.name.span,
                format!("`{}` 的例外相互为例外或互为先后", clause.name.text),
                format!("exceptions of `{}` are exceptions to, or before, one another in a circle", clause.name.text),
            )
            .help("去掉其中一个 `于` 或 `先于`", "remove one `of` or `before`"),
        );
    }
    parents_good && precedence_good
}

/// Whether `a` takes precedence over `b`, through others too.
pub(crate) fn precedes(exceptions: &[Exception], a: usize, b: usize) -> bool {
    let mut seen = vec![false; exceptions.len()];
    let mut todo = exceptions[a].before.clone();
    while let Some(next) = todo.pop() {
        if next == b {
            return true;
        }
        if !std::mem::replace(&mut seen[next], true) {
            todo.extend(&exceptions[next].before);
        }
    }
    false
}

/// Exceptions to `parent`, those of precedence first; this is the order in which they are tried.
pub(crate) fn siblings(exceptions: &[Exception], parent: Option<usize>) -> Vec<usize> {
    let mut waiting: Vec<usize> = (0..exceptions.len()).filter(|k| exceptions[*k].of == parent).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let first = waiting.iter().position(|k| waiting.iter().all(|o| !precedes(exceptions, *o, *k))).unwrap_or(0);
        order.push(waiting.remove(first));
    }
    order
}
