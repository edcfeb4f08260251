//! Sharing policies: ownership, labels, budgets. Invariant: a sharing policy it accepts is the owner's own word about its own
//! data. Must not know: whether departments and purposes are registered (the ledger does).

use super::report::Report;
use super::scope::{Scope, duplicate};
use crate::ast;
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{Sharing, SharingClause};

/// Most clauses.
const CLAUSES_MAX: usize = 256;
/// Most points of one read.
const POINTS_MAX: u32 = 1_000_000;

/// Checks a sharing policy.
pub(crate) fn check(item: &ast::SharingItem, scope: &Scope, report: &mut Report) -> Option<Sharing> {
    let schema = scope.certificate(&item.certificate, report)?;
    if schema.owner != item.by.text {
        report.add(
            Diagnostic::new(
                Code::ForeignSharing,
                item.by.span,
                format!("`{}` 归 `{}` 所有，`{}` 无权决定其共享", schema.name, schema.owner, item.by.text),
                format!(
                    "`{}` belongs to `{}`: `{}` cannot say who may learn it",
                    schema.name, schema.owner, item.by.text
                ),
            )
            .help(format!("由 `{}` 来写", schema.owner), format!("let `{}` write it", schema.owner)),
        );
    }
    if item.clauses.is_empty() || item.clauses.len() > CLAUSES_MAX {
        report.add(Diagnostic::new(
            Code::TooLarge,
            item.name.span,
            format!("共享须有 1 至 {CLAUSES_MAX} 条"),
            format!("a sharing policy has from 1 to {CLAUSES_MAX} clauses"),
        ));
        return None;
    }
    let mut clauses: Vec<SharingClause> = Vec::new();
    for clause in &item.clauses {
        if clauses.iter().any(|c| c.label == clause.label.text) {
            report.add(duplicate(&clause.label));
        }
        if clause.points > POINTS_MAX {
            report.add(Diagnostic::new(Code::Overflow, clause.span, "积分过大", "too many points"));
        }
        if !clause.permit && (clause.limit.is_some() || clause.points > 0) {
            report.add(Diagnostic::new(
                Code::WrongClause,
                clause.span,
                "`禁止` 不写限额与积分",
                "`forbid` has neither limit nor points",
            ));
        }
        let citation = scope.cite(clause.citation.as_ref(), report);
        clauses.push(SharingClause {
            permit: clause.permit,
            label: clause.label.text.clone(),
            exchanges: clause.exchanges.clone(),
            to: clause.to.iter().map(|n| n.text.clone()).collect(),
            purposes: clause.purposes.iter().map(|n| n.text.clone()).collect(),
            limit: clause.limit,
            points: clause.points,
            citation,
            span: clause.span,
        });
    }
    Some(Sharing {
        name: item.name.text.clone(),
        module: scope.module.clone(),
        owner: item.by.text.clone(),
        schema: schema.name.clone(),
        clauses,
    })
}
