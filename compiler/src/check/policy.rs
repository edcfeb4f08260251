//! Checking of one policy's body: inputs, evidence, definitions in evaluation order, outcomes, releases. Owns the bounds on
//! how much a policy may declare. Invariant: a policy it returns has every name resolved and every expression typed; the
//! proofs over it are in the files beside this one. Must not know: lowering.

use super::assign::assign;
use super::facts::Facts;
use super::formula::written_in;
use super::names::{circular, evaluation_order};
use super::report::Report;
use super::scope::{Scope, duplicate, is_scalar, literal_date, unknown};
use super::types::{DefinitionHead, Typer, Values, evidence_type};
use super::{exceptions, outcomes, tables, writes};
use crate::ast::{self, Clause};
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{self, Body, Definition, Evidence, Input, Key, Policy, Release, TypedExpr, show_type, show_type_en};
use guiju_runtime::value::Type;
use std::collections::{BTreeMap, BTreeSet};

/// Most inputs, evidence bindings, definitions with tables, outcomes, and writes of one policy.
const INPUTS_MAX: usize = 64;
const EVIDENCE_MAX: usize = 24;
const DEFINITIONS_MAX: usize = 512;
const OUTCOMES_MAX: usize = 16;

/// Checks a policy.
pub(crate) fn check(item: &ast::PolicyItem, scope: &Scope, report: &mut Report) -> Option<Policy> {
    let before = report.broken();
    bounds(item, report)?;
    names_unique(item, report);
    let outcomes = item.clauses.iter().filter_map(|clause| match clause {
        Clause::Outcome(o) => Some(o.name.text.clone()),
        _ => None,
    });
    let mut values = Values {
        scope,
        inputs: Vec::new(),
        evidence: Vec::new(),
        definitions: BTreeMap::new(),
        outcomes: outcomes.collect(),
    };
    inputs(item, &mut values, report);
    // Without its keys no evidence is found that could show a fault in one of them.
    let evidence_good = evidence(item, &mut values, report) && !report.drop_faults(0);
    // Definitions are judged even where evidence is not: what only follows from that is dropped later.
    let definitions = definitions(item, &mut values, report).filter(|_| evidence_good)?;
    let (outcomes, facts) = outcomes::check(item, &values, report)?;
    let releases = releases(item, &outcomes, report);
    let writes = writes::check(item, &values, &outcomes, &facts, report);
    let as_of = as_of(item, &values, report);
    let effective_from = literal_date(&item.effective_from, report)?;
    let effective_to = match &item.effective_to {
        Some(d) => Some(literal_date(d, report)?),
        None => None,
    };
    if effective_to.is_some_and(|to| to < effective_from) {
        report.add(Diagnostic::new(
            Code::EmptyInterval,
            item.effective_to.as_ref().map_or(item.span, |d| d.span),
            "施行期间的终止日早于起始日",
            "the last day in force comes before the first",
        ));
    }
    let policy = Policy {
        kind: item.kind,
        name: item.name.text.clone(),
        module: scope.module.clone(),
        version: item.version,
        by: item.by.iter().map(|n| n.text.clone()).collect(),
        effective_from,
        effective_to,
        lapses: item.lapses,
        as_of,
        inputs: values.inputs,
        evidence: values.evidence,
        definitions,
        outcomes,
        releases,
        writes,
        span: item.name.span,
        older: Vec::new(),
        transitions: Vec::new(),
        faults: report.take_faults(),
    };
    (before || !report.broken()).then_some(policy)
}

fn bounds(item: &ast::PolicyItem, report: &mut Report) -> Option<()> {
    let count = |f: fn(&Clause) -> bool| item.clauses.iter().filter(|c| f(c)).count();
    let over = [
        (count(|c| matches!(c, Clause::Input(_))), INPUTS_MAX, "输入", "inputs"),
        (count(|c| matches!(c, Clause::Evidence(_))), EVIDENCE_MAX, "取证", "evidence bindings"),
        (
            count(|c| matches!(c, Clause::Definition(_) | Clause::Table(_))),
            DEFINITIONS_MAX,
            "定义与表",
            "definitions and tables",
        ),
        (count(|c| matches!(c, Clause::Outcome(_))), OUTCOMES_MAX, "结论", "outcomes"),
        (count(|c| matches!(c, Clause::Write(_))), OUTCOMES_MAX, "写入", "writes"),
    ];
    for (n, max, zh, en) in over {
        if n > max {
            report.add(Diagnostic::new(
                Code::TooLarge,
                item.name.span,
                format!("{zh}超过 {max} 项"),
                format!("there are more than {max} {en}"),
            ));
            return None;
        }
    }
    Some(())
}

fn names_unique(item: &ast::PolicyItem, report: &mut Report) {
    let mut seen = BTreeSet::from(["基准日", "as_of"]);
    for clause in &item.clauses {
        let name = match clause {
            Clause::Input(c) => &c.name,
            Clause::Evidence(c) => &c.name,
            Clause::Definition(c) => &c.name,
            Clause::Table(c) => &c.name,
            Clause::Outcome(c) => &c.name,
            Clause::AsOf(_) | Clause::Release(_) | Clause::Write(_) | Clause::Transition(_) => continue,
        };
        if !seen.insert(&name.text) {
            report.add(duplicate(name));
        }
    }
}

fn inputs(item: &ast::PolicyItem, values: &mut Values<'_>, report: &mut Report) {
    for clause in &item.clauses {
        let Clause::Input(input) = clause else { continue };
        let Some((ty, optional)) = values.scope.resolve(&input.ty, report) else { continue };
        if !is_scalar(&ty) {
            report.add(Diagnostic::new(
                Code::TypeMismatch,
                input.ty.span,
                "输入只能是单个值",
                "an input is a single value",
            ));
            continue;
        }
        values.inputs.push(Input { name: input.name.text.clone(), ty, optional, span: input.name.span });
    }
}

/// Evidence in order: keys see inputs and earlier evidence only.
fn evidence(item: &ast::PolicyItem, values: &mut Values<'_>, report: &mut Report) -> bool {
    let mut good = true;
    for clause in &item.clauses {
        let Clause::Evidence(clause) = clause else { continue };
        match one_evidence(clause, values, report) {
            Some(e) => values.evidence.push(e),
            None => good = false,
        }
    }
    good
}

fn one_evidence(clause: &ast::EvidenceClause, values: &Values<'_>, report: &mut Report) -> Option<Evidence> {
    let schema = values.scope.certificate(&clause.certificate, report)?;
    let field: Vec<String> = clause.field.parts.iter().map(|p| p.text.clone()).collect();
    if !schema.filed_under.contains(&field) {
        let filed: Vec<String> = schema.filed_under.iter().map(|f| f.join(".")).collect();
        report.add(
            Diagnostic::new(
                Code::BadKey,
                clause.field.span,
                format!("`{}` 未按 `{}` 归档", schema.name, field.join(".")),
                format!("`{}` is not filed under `{}`", schema.name, field.join(".")),
            )
            .help(format!("它按 {} 归档", filed.join("、")), format!("it is filed under {}", filed.join(", "))),
        );
        return None;
    }
    let max = match (clause.all, clause.max) {
        (true, Some(n)) if (1..=1024).contains(&n) => n,
        (false, None) => 1,
        (true, _) => {
            report.add(Diagnostic::new(
                Code::BadKey,
                clause.span,
                "`全部` 须写 `至多 n`，n 在 1 与 1024 之间",
                "`all` needs `up to n`, n between 1 and 1024",
            ));
            return None;
        }
        (false, Some(_)) => {
            report.add(Diagnostic::new(
                Code::BadKey,
                clause.span,
                "只有 `全部` 才写 `至多`",
                "only `all` takes `up to`",
            ));
            return None;
        }
    };
    let wanted = super::scope::field_through_lists(&Type::Group(schema.group.clone()), &clause.field.parts)?;
    let mut keys = Vec::new();
    for key in &clause.keys {
        keys.push(one_key(key, &wanted, values, report)?);
    }
    Some(Evidence {
        name: clause.name.text.clone(),
        schema,
        all: clause.all,
        optional: clause.optional,
        max,
        field,
        keys,
        span: clause.name.span,
    })
}

fn one_key(key: &ast::Key, wanted: &Type, values: &Values<'_>, report: &mut Report) -> Option<Key> {
    let mut typer = Typer::new(values, report, Facts::default());
    match key {
        ast::Key::One(expr) => {
            let typed = typer.present(expr, Some(wanted))?;
            fits_key(&typed, wanted, typer.report).then_some(Key::One(typed))
        }
        ast::Key::Each { value, variable, list, filter } => {
            let place = typer.place(list)?;
            let Type::List { element, max } = place.ty.clone() else {
                return typer.mismatch(list.span, &Type::List { element: Box::new(wanted.clone()), max: 1 }, &place.ty);
            };
            let bound = place.access.clone();
            let (filter, typed) = typer.with_variable(variable, *element, &bound, |t, _| {
                let filter = match filter {
                    Some(f) => Some(t.boolean(f)?),
                    None => None,
                };
                let known = filter.as_ref().map(|f| t.tells(f, true)).unwrap_or_default();
                let typed = t.knowing(&known, |t| t.present(value, Some(wanted)))?;
                Some((filter, typed))
            })?;
            fits_key(&typed, wanted, typer.report).then_some(Key::Each {
                list: place.access,
                max,
                filter: filter.map(Box::new),
                value: Box::new(typed),
            })
        }
    }
}

fn fits_key(typed: &TypedExpr, wanted: &Type, report: &mut Report) -> bool {
    let fits = match (&typed.ty, wanted) {
        (Type::Text { .. }, Type::Text { .. }) => true,
        (a, b) => a == b,
    };
    if !fits {
        report.add(Diagnostic::new(
            Code::BadKey,
            typed.span,
            format!("归档字段是 `{}`，查找值却是 `{}`", show_type(wanted), show_type(&typed.ty)),
            format!("the filed field is `{}` but the key is `{}`", show_type_en(wanted), show_type_en(&typed.ty)),
        ));
    }
    fits
}

fn definitions(item: &ast::PolicyItem, values: &mut Values<'_>, report: &mut Report) -> Option<Vec<Definition>> {
    let (order, stuck) = evaluation_order(&item.clauses);
    if let Some(first) = stuck.first() {
        let names: Vec<&str> =
            stuck.iter().filter_map(|i| name_of(&item.clauses[*i])).map(|n| n.text.as_str()).collect();
        let span = name_of(&item.clauses[*first]).map_or(item.span, |n| n.span);
        report.add(circular(("定义", "definitions"), &names, span));
        return None;
    }
    // Types first, so that the heads exist whatever the order of text.
    let mut good = true;
    for (index, at) in order.iter().enumerate() {
        match head(&item.clauses[*at], index, values.scope, report) {
            Some((name, head)) => {
                values.definitions.insert(name, head);
            }
            None => good = false,
        }
    }
    if !good {
        return None;
    }
    let mut checked: Vec<Definition> = Vec::new();
    for at in &order {
        let definition = match &item.clauses[*at] {
            Clause::Definition(d) => definition(d, values, report),
            Clause::Table(t) => tables::check(t, values, report),
            _ => None,
        };
        match definition {
            Some(d) => {
                if let Body::Value { base, exceptions } = &d.body
                    && exceptions.is_empty()
                    && d.ty == Type::Boolean
                {
                    let typer = Typer::new(values, report, Facts::default());
                    let tells = (typer.tells(base, true), typer.tells(base, false));
                    if let Some(head) = values.definitions.get_mut(&d.name) {
                        head.tells = Some(tells);
                    }
                }
                checked.push(d);
            }
            None => good = false,
        }
        if !good {
            // Indices of later definitions would no longer match; what is found so far is enough to act on.
            check_rest(item, &order, checked.len() + 1, values, report);
            return None;
        }
    }
    Some(checked)
}

/// After the first bad definition, still types the others, for their findings alone.
fn check_rest(item: &ast::PolicyItem, order: &[usize], from: usize, values: &Values<'_>, report: &mut Report) {
    for at in order.iter().skip(from) {
        match &item.clauses[*at] {
            Clause::Definition(d) => {
                let Some(head) = values.definitions.get(&d.name.text) else { continue };
                let (ty, optional) = (head.ty.clone(), head.optional);
                let mut typer = Typer::new(values, report, Facts::default());
                if let Some(v) = typer.infer(&d.value, Some(&ty)) {
                    assign(&mut typer, v, &ty, optional, None);
                }
            }
            Clause::Table(t) => {
                tables::check(t, values, report);
            }
            _ => {}
        }
    }
}

fn name_of(clause: &Clause) -> Option<&ast::Name> {
    match clause {
        Clause::Definition(d) => Some(&d.name),
        Clause::Table(t) => Some(&t.name),
        _ => None,
    }
}

fn head(clause: &Clause, index: usize, scope: &Scope, report: &mut Report) -> Option<(String, DefinitionHead)> {
    let (name, ty) = match clause {
        Clause::Definition(d) => (&d.name, d.ty.as_ref()),
        Clause::Table(t) => (&t.name, Some(&t.ty)),
        _ => return None,
    };
    let (resolved, optional) = match ty {
        None => (Type::Boolean, false),
        Some(t) => scope.resolve(t, report)?,
    };
    if !is_scalar(&resolved) {
        report.add(Diagnostic::new(
            Code::TypeMismatch,
            name.span,
            "定义的值只能是单个值",
            "a definition is a single value",
        ));
        return None;
    }
    if optional && matches!(clause, Clause::Table(_)) {
        report.add(Diagnostic::new(
            Code::TypeMismatch,
            name.span,
            "表的结果不能为无",
            "the result of a table cannot be optional",
        ));
        return None;
    }
    Some((name.text.clone(), DefinitionHead { index, ty: resolved, optional, tells: None }))
}

fn definition(clause: &ast::DefinitionClause, values: &Values<'_>, report: &mut Report) -> Option<Definition> {
    let head = values.definitions.get(&clause.name.text)?;
    let (ty, optional) = (head.ty.clone(), head.optional);
    let ty_span = clause.ty.as_ref().map(|t| t.span);
    let mut typer = Typer::new(values, report, Facts::default());
    let base = typer.infer(&clause.value, Some(&ty));
    let base = base.and_then(|b| assign(&mut typer, b, &ty, optional, ty_span));
    let mut typed_exceptions = Vec::new();
    let mut good = base.is_some();
    for e in &clause.exceptions {
        let mut typer = Typer::new(values, report, Facts::default());
        let Some(guard) = typer.boolean(&e.guard) else {
            good = false;
            continue;
        };
        let value = typer.only_where(&guard, true, |t| {
            let v = t.infer(&e.value, Some(&ty))?;
            assign(t, v, &ty, optional, ty_span)
        });
        let citation = values.scope.cite(e.citation.as_ref(), report);
        let formulas = written_in(values.scope, [&e.guard, &e.value]);
        match value {
            Some(value) => typed_exceptions.push(typed::Exception {
                label: e.label.text.clone(),
                of: None,
                before: Vec::new(),
                guard,
                value,
                citation,
                formulas,
                span: e.label.span,
            }),
            None => good = false,
        }
    }
    if !good {
        return None;
    }
    exceptions::link(clause, &mut typed_exceptions, report)?;
    let citation = values.scope.cite(clause.citation.as_ref(), report);
    let body = Body::Value { base: base?, exceptions: typed_exceptions };
    let formulas = written_in(values.scope, [&clause.value]);
    Some(Definition { name: clause.name.text.clone(), ty, optional, body, citation, formulas, span: clause.name.span })
}

fn releases(item: &ast::PolicyItem, outcomes: &[typed::Outcome], report: &mut Report) -> Vec<Release> {
    let mut releases: Vec<Release> = Vec::new();
    for clause in &item.clauses {
        let Clause::Release(r) = clause else { continue };
        let Some(outcome) = outcomes.iter().position(|o| o.name == r.outcome.text) else {
            report.add(unknown(&r.outcome, "结论", "outcome", outcomes.iter().map(|o| o.name.as_str())));
            continue;
        };
        if releases.iter().any(|x| x.outcome == outcome) {
            report.add(duplicate(&r.outcome));
            continue;
        }
        releases.push(Release {
            outcome,
            reasons: r.reasons,
            missing: r.missing,
            declared_millibits: r.millibits,
            computed_millibits: 0,
            span: r.span,
        });
    }
    releases
}

fn as_of(item: &ast::PolicyItem, values: &Values<'_>, report: &mut Report) -> Option<(usize, Vec<usize>)> {
    let mut found = None;
    for clause in &item.clauses {
        let Clause::AsOf(path) = clause else { continue };
        let mut typer = Typer::new(values, report, Facts::default());
        let place = typer.place(path)?;
        let good = place.ty == Type::Date && !place.access.fields.is_empty();
        match (place.access.start, good, found.is_some()) {
            (typed::Start::Evidence(i), true, false) => found = Some((i, place.access.fields)),
            _ => report.add(
                Diagnostic::new(
                    Code::WrongClause,
                    path.span,
                    "基准须是一份取证中的日期字段，且只写一次",
                    "`as_of` names a date field of one piece of evidence, once",
                )
                .help("例如 `基准 网签.备案日`", "for example `as_of contract.filed_on`"),
            ),
        }
    }
    found
}

/// The type of an evidence binding, for callers that only have the typed tree.
pub(crate) fn type_of_evidence(e: &Evidence) -> Type {
    evidence_type(e)
}
