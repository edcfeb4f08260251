//! Formulas: computations that several policies share, as one article serves several decisions. Owns their declaration and what
//! `f(a, b)` stands for: the formula's body over the arguments, written out.
//! Invariant: a body was checked once, for every value its parameters may have, so that no call can fail but by its arguments;
//! what is written out in one compilation is counted. Must not know: evidence, lowering.

use super::assign::assign;
use super::facts::Facts;
use super::names::{circular, mentioned_formulas};
use super::report::Report;
use super::scope::{Scope, duplicate, is_scalar, unknown};
use super::types::{Typer, Values};
use super::usage::cites_nothing;
use crate::ast::{self, FormulaItem, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Formula, Input, Node, Start, TypedExpr};
use crate::work::Kind;
use guiju_runtime::value::Type;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most nodes of one call once formulas are written out: no policy may have more.
const NODES_MAX: usize = 100_000;
/// Deepest that an expression may be once formulas are written out: a program may nest no deeper.
const DEPTH_MAX: usize = 128;

/// Declares a module's formulas; its types are declared. Each is checked after those that it uses.
pub(crate) fn declare(module: &ast::Module, scope: &mut Scope, report: &mut Report) {
    let mut waiting: Vec<&FormulaItem> = Vec::new();
    for item in &module.items {
        let Item::Formula(item) = item else { continue };
        let taken = scope.formulas.contains_key(&item.name.text) || scope.declared.contains_key(&item.name.text);
        if taken || scope.own_formulas.contains(&item.name.text) {
            report.add(duplicate(&item.name));
            continue;
        }
        scope.own_formulas.insert(item.name.text.clone());
        waiting.push(item);
    }
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for item in &waiting {
        let names = uses.entry(&item.name.text).or_default();
        mentioned_formulas(&item.body, names);
    }
    // In rounds: those go first that use none that is still waiting.
    while !waiting.is_empty() {
        let left: BTreeSet<&str> = waiting.iter().map(|item| item.name.text.as_str()).collect();
        let free = |item: &&FormulaItem| uses.get(item.name.text.as_str()).is_none_or(|names| names.is_disjoint(&left));
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(free);
        if ready.is_empty() {
            let names: Vec<&str> = rest.iter().map(|item| item.name.text.as_str()).collect();
            report.add(circular(("公式", "formulas"), &names, rest[0].name.span));
            return;
        }
        for item in ready {
            if let Some(formula) = check(item, scope, report) {
                scope.formulas.insert(item.name.text.clone(), Arc::new(formula));
            }
        }
        waiting = rest;
    }
}

fn check(item: &FormulaItem, scope: &Scope, report: &mut Report) -> Option<Formula> {
    let mut parameters: Vec<Input> = Vec::new();
    for (name, written) in &item.parameters {
        let (ty, optional) = single(scope.resolve(written, report)?, written.span, report)?;
        if parameters.iter().any(|p| p.name == name.text) {
            report.add(duplicate(name));
            return None;
        }
        parameters.push(Input { name: name.text.clone(), ty, optional, span: name.span });
    }
    let (ty, optional) = single(scope.resolve(&item.ty, report)?, item.ty.span, report)?;
    let values = Values {
        scope,
        inputs: parameters,
        evidence: Vec::new(),
        definitions: BTreeMap::new(),
        outcomes: BTreeSet::new(),
    };
    let before = report.faults();
    let mut typer = Typer::new(&values, report, Facts::default());
    let body = typer.infer(&item.body, Some(&ty))?;
    let body = assign(&mut typer, body, &ty, optional, Some(item.ty.span))?;
    // A formula is no policy that facts could be given to.
    if report.drop_faults(before) {
        return None;
    }
    if optional {
        report.add(
            Diagnostic::new(
                Code::BadSchema,
                item.ty.span,
                "公式的结果不能带 `?`",
                "what a formula gives cannot be optional",
            )
            .help("用 `或缺` 说明没有时是什么", "say with `default` what it is where there is none"),
        );
        return None;
    }
    let mut used = BTreeSet::new();
    loads(&body, &mut used);
    for (_, parameter) in values.inputs.iter().enumerate().filter(|(i, _)| !used.contains(i)) {
        report.add(
            Diagnostic::new(
                Code::Unused,
                parameter.span,
                format!("参数 `{}` 没有被用到", parameter.name),
                format!("parameter `{}` is never used", parameter.name),
            )
            .help("删去它", "remove it"),
        );
    }
    if item.citation.is_none() {
        report.add(cites_nothing(&item.name.text, item.name.span));
    }
    let citation = scope.cite(item.citation.as_ref(), report);
    let uses = written_in(scope, [&item.body]);
    Some(Formula { name: item.name.text.clone(), parameters: values.inputs, ty, body, citation, uses })
}

/// The formulas that expressions use, with those that these use in turn, by name.
pub(crate) fn written_in<'a>(scope: &Scope, exprs: impl IntoIterator<Item = &'a ast::Expr>) -> Vec<Arc<Formula>> {
    let mut names = BTreeSet::new();
    exprs.into_iter().for_each(|expr| mentioned_formulas(expr, &mut names));
    let mut all: BTreeMap<String, Arc<Formula>> = BTreeMap::new();
    for formula in names.into_iter().filter_map(|name| scope.formulas.get(name)) {
        for used in std::iter::once(formula).chain(&formula.uses) {
            all.insert(used.name.clone(), used.clone());
        }
    }
    all.into_values().collect()
}

/// The type, if a formula can take or give it.
fn single(resolved: (Type, bool), span: Span, report: &mut Report) -> Option<(Type, bool)> {
    if is_scalar(&resolved.0) {
        return Some(resolved);
    }
    report.add(
        Diagnostic::new(
            Code::BadSchema,
            span,
            "公式只取、只给单个值, 不取证书或列表",
            "a formula takes and gives single values, no records or lists",
        )
        .help("在策略里先算出它要的值", "compute the values that it needs in the policy"),
    );
    None
}

/// Adds the parameters that are read.
fn loads(expr: &TypedExpr, into: &mut BTreeSet<usize>) {
    into.extend(parameter(expr));
    expr.parts().into_iter().for_each(|part| loads(part, into));
}

impl Typer<'_> {
    /// `f(a, b)`
    pub(super) fn apply(&mut self, name: &ast::Name, args: &[ast::Expr], span: Span) -> Option<TypedExpr> {
        let Some(formula) = self.values.scope.formulas.get(&name.text).cloned() else {
            let known = self.values.scope.formulas.keys().map(String::as_str);
            let finding = unknown(name, "公式", "formula", known);
            return self.fail(finding);
        };
        if args.len() != formula.parameters.len() {
            return self.fail(Diagnostic::new(
                Code::TypeMismatch,
                span,
                format!("`{}` 要 {} 个参数，写了 {} 个", formula.name, formula.parameters.len(), args.len()),
                format!("`{}` takes {}, not {}", formula.name, arguments(formula.parameters.len()), args.len()),
            ));
        }
        let mut given = Vec::new();
        for (arg, parameter) in args.iter().zip(&formula.parameters) {
            let typed = self.infer(arg, Some(&parameter.ty))?;
            given.push(assign(self, typed, &parameter.ty, parameter.optional, Some(parameter.span))?);
        }
        let (nodes, depth) = written_out(&formula.body, &given.iter().map(measure).collect::<Vec<_>>());
        self.report.work.add(Kind::Nodes, nodes as u64);
        if depth > DEPTH_MAX || nodes > NODES_MAX || self.report.work.is_spent() {
            return self.fail(
                Diagnostic::new(
                    Code::TooLarge,
                    span,
                    "公式层层展开以后过大",
                    "formulas within formulas are too large once written out",
                )
                .help("用 `定义` 给中间结果命名", "name parts of it with `define`"),
            );
        }
        let mut body = formula.body.clone();
        fill(&mut body, &given, span);
        Some(TypedExpr { ty: formula.ty.clone(), optional: false, span, ..body })
    }
}

/// "2 arguments"
pub(super) fn arguments(count: usize) -> String {
    if count == 1 { "1 argument".to_owned() } else { format!("{count} arguments") }
}

/// Nodes and depth of an expression.
fn measure(expr: &TypedExpr) -> (usize, usize) {
    written_out(expr, &[])
}

/// Nodes and depth of a body once its parameters are filled in, of which the measures are given.
fn written_out(body: &TypedExpr, given: &[(usize, usize)]) -> (usize, usize) {
    if let Some(i) = parameter(body)
        && let Some(measure) = given.get(i)
    {
        return *measure;
    }
    let parts = body.parts().into_iter().map(|part| written_out(part, given));
    let (nodes, depth) = parts.fold((0_usize, 0), |(n, d), (m, e)| (n.saturating_add(m), d.max(e)));
    (nodes.saturating_add(1), depth + 1)
}

/// The parameter that an expression of a body is, if it is one.
fn parameter(expr: &TypedExpr) -> Option<usize> {
    let Node::Load(access) = &expr.node else { return None };
    let Start::Input(i) = access.start else { return None };
    Some(i)
}

/// Puts the arguments in the place of the parameters. Findings about the rest are about the call.
fn fill(body: &mut TypedExpr, given: &[TypedExpr], span: Span) {
    if let Some(argument) = parameter(body).and_then(|i| given.get(i)) {
        // Where the body has made sure that it is there, it is demanded.
        let optional = body.optional && argument.optional;
        *body = TypedExpr { optional, ..argument.clone() };
        return;
    }
    body.span = span;
    body.parts_mut().into_iter().for_each(|part| fill(part, given, span));
}
