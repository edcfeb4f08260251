//! What contracts write: ownership, completeness of fields, replaced records. Invariant: a write it accepts yields a record
//! that fits its schema whenever its values are known. Must not know: how records are sealed.

use super::assign::assign;
use super::outcomes::OutcomeFacts;
use super::report::Report;
use super::scope::{duplicate, unknown};
use super::types::{Typer, Values};
use crate::ast::{self, Clause, PolicyKind, WriteValue};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Outcome, Write, Written, show_type, show_type_en};
use guiju_runtime::value::{GroupType, Type};

/// Checks all writes of a policy.
pub(crate) fn check(
    item: &ast::PolicyItem,
    values: &Values<'_>,
    outcomes: &[Outcome],
    facts: &OutcomeFacts,
    report: &mut Report,
) -> Vec<Write> {
    let mut writes = Vec::new();
    for clause in &item.clauses {
        let Clause::Write(clause) = clause else { continue };
        if item.kind != PolicyKind::Contract {
            report.add(
                Diagnostic::new(Code::WrongClause, clause.span, "只有合约可以写入", "only a contract may write")
                    .help("把 `策略` 改为 `合约`", "declare it a `contract`"),
            );
            continue;
        }
        writes.extend(one(item, clause, values, outcomes, facts, report));
    }
    if item.kind == PolicyKind::Contract && writes.is_empty() && !report.refused() {
        report.add(
            Diagnostic::new(Code::WrongClause, item.name.span, "合约没有写入", "the contract writes nothing")
                .help("改为 `策略`", "declare it a `policy`"),
        );
    }
    writes
}

fn one(
    item: &ast::PolicyItem,
    clause: &ast::WriteClause,
    values: &Values<'_>,
    outcomes: &[Outcome],
    facts: &OutcomeFacts,
    report: &mut Report,
) -> Option<Write> {
    let schema = values.scope.certificate(&clause.certificate, report)?;
    if !item.by.iter().any(|d| d.text == schema.owner) {
        report.add(
            Diagnostic::new(
                Code::ForeignWrite,
                clause.certificate.span,
                format!("`{}` 归 `{}` 所有，它不在此合约的 `由` 中", schema.name, schema.owner),
                format!(
                    "`{}` belongs to `{}`, which is not among the contract's departments",
                    schema.name, schema.owner
                ),
            )
            .help(format!("加上 `与 {}`", schema.owner), format!("add `and {}`", schema.owner)),
        );
    }
    let Some(outcome) = outcomes.iter().position(|o| o.name == clause.outcome.text) else {
        report.add(unknown(&clause.outcome, "结论", "outcome", outcomes.iter().map(|o| o.name.as_str())));
        return None;
    };
    let Some(value) = outcomes[outcome].values.iter().position(|v| *v == clause.value.text) else {
        report.add(unknown(
            &clause.value,
            "结论值",
            "value of the outcome",
            outcomes[outcome].values.iter().map(String::as_str),
        ));
        return None;
    };
    let known = &facts[outcome][value];
    let supersedes = match &clause.supersedes {
        None => None,
        Some(name) => Some(superseded(name, &schema.name, values, report)?),
    };
    if let Some(i) = supersedes {
        let e = &values.evidence[i];
        if e.optional && !known.is_present(&e.name) {
            report.add(
                Diagnostic::new(
                    Code::MayBeAbsent,
                    clause.span,
                    format!("`{}` 可能为无，不能被取代", e.name),
                    format!("`{}` may be absent and cannot be superseded", e.name),
                )
                .help(
                    format!("使结论值 `{}` 只在 `{} 存在` 时给出", clause.value.text, e.name),
                    format!("give `{}` only when `{} present`", clause.value.text, e.name),
                ),
            );
        }
    }
    if clause.rest_kept.is_some() && supersedes.is_none() {
        report.add(Diagnostic::new(
            Code::BadWrite,
            clause.span,
            "`其余 照旧` 须与 `取代` 同写",
            "`rest kept` needs `superseding`",
        ));
    }
    let mut typer = Typer::new(values, report, known.clone());
    let fields = group(&mut typer, &clause.fields, &schema.group, clause.rest_kept.is_some(), clause.span)?;
    Some(Write { schema, supersedes, outcome, value, fields, rest_kept: clause.rest_kept.is_some(), span: clause.span })
}

fn superseded(name: &ast::Name, schema: &str, values: &Values<'_>, report: &mut Report) -> Option<usize> {
    let Some(i) = values.evidence.iter().position(|e| e.name == name.text) else {
        report.add(unknown(name, "取证", "evidence", values.evidence.iter().map(|e| e.name.as_str())));
        return None;
    };
    let e = &values.evidence[i];
    if e.all || e.schema.name != schema {
        report.add(
            Diagnostic::new(
                Code::BadWrite,
                name.span,
                format!("`{}` 不是单份 `{schema}`，不能被取代", e.name),
                format!("`{}` is not a single `{schema}` and cannot be superseded", e.name),
            )
            .help("取代的须是同一证书的单份取证", "supersede single evidence of the same certificate"),
        );
        return None;
    }
    Some(i)
}

/// A written group: every required field given, unless the rest is kept.
fn group(
    typer: &mut Typer<'_>,
    given: &[(ast::Name, WriteValue)],
    ty: &GroupType,
    rest_kept: bool,
    span: Span,
) -> Option<Vec<(usize, Written)>> {
    let mut fields: Vec<(usize, Written)> = Vec::new();
    let mut good = true;
    for (name, value) in given {
        let Some(index) = ty.fields.iter().position(|f| f.name == name.text) else {
            let finding = unknown(name, "字段", "field", ty.fields.iter().map(|f| f.name.as_str()));
            typer.report.add(finding);
            good = false;
            continue;
        };
        if fields.iter().any(|(i, _)| *i == index) {
            typer.report.add(duplicate(name));
        }
        let field = &ty.fields[index];
        match written(typer, value, &field.ty, field.optional) {
            Some(w) => fields.push((index, w)),
            None => good = false,
        }
    }
    for (index, field) in ty.fields.iter().enumerate() {
        if rest_kept || fields.iter().any(|(i, _)| *i == index) {
            continue;
        }
        if field.optional {
            fields.push((index, Written::Absent));
        } else if good {
            typer.report.add(
                Diagnostic::new(
                    Code::BadWrite,
                    span,
                    format!("写入 `{}` 缺少字段 `{}`", ty.name, field.name),
                    format!("the written `{}` lacks field `{}`", ty.name, field.name),
                )
                .help(
                    format!("补上 `{} = …`，或在取代时写 `其余 照旧`", field.name),
                    format!("add `{} = …`, or `rest kept` when superseding", field.name),
                ),
            );
            good = false;
        }
    }
    fields.sort_by_key(|(i, _)| *i);
    good.then_some(fields)
}

fn written(typer: &mut Typer<'_>, value: &WriteValue, ty: &Type, optional: bool) -> Option<Written> {
    match (value, ty) {
        (WriteValue::Expr(e), Type::Group(_) | Type::List { .. }) => typer.fail(Diagnostic::new(
            Code::BadWrite,
            e.span,
            format!("`{}` 须逐项写出", show_type(ty)),
            format!("`{}` is written out item by item", show_type_en(ty)),
        )),
        (WriteValue::Expr(e), _) => {
            let typed = typer.infer(e, Some(ty))?;
            assign(typer, typed, ty, optional, None).map(Written::Expr)
        }
        (WriteValue::Group(fields, span), Type::Group(g)) => {
            Some(Written::Group(group(typer, fields, g, false, *span)?))
        }
        (WriteValue::List(items, span), Type::List { element, max }) => {
            if items.len() > *max as usize {
                return typer.fail(Diagnostic::new(
                    Code::RangeExceeded,
                    *span,
                    format!("列表至多 {max} 项，写了 {} 项", items.len()),
                    format!("the list holds at most {max} elements, {} are written", items.len()),
                ));
            }
            let mut all = Vec::new();
            for item in items {
                all.push(written(typer, item, element, false)?);
            }
            Some(Written::List(all))
        }
        (WriteValue::Absent(span), _) => {
            if optional {
                return Some(Written::Absent);
            }
            typer.fail(Diagnostic::new(
                Code::MayBeAbsent,
                *span,
                "必填字段不能写 `无`",
                "a required field cannot be written absent",
            ))
        }
        (WriteValue::Group(_, span) | WriteValue::List(_, span), _) => typer.fail(Diagnostic::new(
            Code::TypeMismatch,
            *span,
            format!("此处应为 `{}`", show_type(ty)),
            format!("`{}` is wanted here", show_type_en(ty)),
        )),
    }
}
