//! Properties in a file: from claims as written to claims about a policy that can be run and proved. Each condition becomes
//! one more rule at the end of a copy of the policy, so that both engines and the prover judge the very same thing.
//! Invariant: the copy answers as the policy does. Must not know: how claims are judged.

use super::facts;
use super::fault::bad;
use crate::ast::{self, Claim, Item, Language};
use crate::check::facts::Facts;
use crate::check::flow::Flow;
use crate::check::report::Report;
use crate::check::scope::{Scope, unknown};
use crate::check::types::{DefinitionHead, Typer, Values};
use crate::diagnostics::{Code, Diagnostic};
use crate::lower;
use crate::package::Policy;
use crate::source::Span;
use crate::typed::{self, Access, Body, Definition, Node, Start, TypedExpr};
use guiju_runtime::date::Date;
use guiju_runtime::value::{Fact, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most claims of one property.
const CLAIMS_MAX: usize = 32;

/// A property ready to be judged.
#[derive(Clone, Debug)]
pub struct Property {
    /// Its title.
    pub title: String,
    /// Full name of its module.
    pub module: String,
    /// The day that picked the version.
    pub on: Date,
    /// What shall hold.
    pub claims: Vec<PropertyClaim>,
    /// Facts by root that boundary inputs are varied from; empty: neutral ones.
    pub(crate) seed: Vec<(usize, Fact)>,
    /// The policy with each condition as one more rule.
    pub(crate) policy: Policy,
    /// Keyword language of its file.
    pub(crate) language: Language,
    /// Where it is written.
    pub span: Span,
}

/// One claim.
#[derive(Clone, Debug)]
pub struct PropertyClaim {
    /// As written, in the language of its file.
    pub text: String,
    /// What it says.
    pub(crate) kind: Kind,
    /// Where.
    pub span: Span,
}

/// What a claim says.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The outcome never falls, or never rises, as the value at the path does. `freed`: a copy of the policy in which the
    /// definition that was named is an input, so that it alone varies.
    Monotone { outcome: usize, falling: bool, along: Box<TypedExpr>, freed: Option<Box<Policy>> },
    /// Where the rule holds, the outcome has the value.
    Implied { condition: usize, outcome: usize, value: u16 },
    /// Nowhere that the rule holds has the outcome the value.
    Never { condition: Option<usize>, outcome: usize, value: u16 },
}

/// The properties of one module.
pub(crate) fn properties(
    module: &ast::Module,
    scope: &Scope,
    policies: &[Arc<Policy>],
    report: &mut Report,
) -> Vec<Property> {
    let mut titles: Vec<&str> = Vec::new();
    let mut all = Vec::new();
    for item in &module.items {
        let Item::Property(item) = item else { continue };
        if titles.contains(&item.title.as_str()) {
            report.add(bad(
                item.span,
                format!("性质 \"{}\" 写了两次", item.title),
                format!("property \"{}\" is written twice", item.title),
            ));
        }
        titles.push(&item.title);
        all.extend(one(module, item, scope, policies, report));
    }
    all
}

fn too_large(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::TooLarge,
        span,
        "策略加上这些性质超过语言允许的规模",
        "the policy with these claims is larger than the language allows",
    )
    .help("把各项分写在几条性质里", "spread the claims over several properties")
}

fn one(
    module: &ast::Module,
    item: &ast::PropertyItem,
    scope: &Scope,
    policies: &[Arc<Policy>],
    report: &mut Report,
) -> Option<Property> {
    if item.claims.is_empty() || item.claims.len() > CLAIMS_MAX {
        report.add(bad(
            item.span,
            format!("一条性质须写 1 至 {CLAIMS_MAX} 项"),
            format!("a property makes from 1 to {CLAIMS_MAX} claims"),
        ));
        return None;
    }
    let seed = facts::seed(module, item, scope, policies, report)?;
    let policy = policies.get(seed.policy_index)?;
    let mut checked = (*policy.checked).clone();
    let values = values(scope, policy);
    let mut claims = Vec::new();
    for claim in &item.claims {
        // A claim at fault does not hide the next.
        let Some(kind) = kind(claim, policy, &values, &mut checked.definitions, report) else { continue };
        let text = crate::format::claim(claim, module.language);
        claims.push(PropertyClaim { text, kind, span: claim.span() });
    }
    if claims.len() < item.claims.len() {
        return None;
    }
    let lowered = match lower::policy(&checked, &Flow::of(&checked)) {
        Ok(lowered) => lowered,
        Err(_) => {
            report.add(too_large(item.span));
            return None;
        }
    };
    Some(Property {
        title: item.title.clone(),
        module: scope.module.clone(),
        on: seed.on,
        claims,
        seed: seed.facts,
        policy: lowered,
        language: module.language,
        span: item.span,
    })
}

/// What conditions can name: all that the policy's own expressions can.
fn values<'a>(scope: &'a Scope, policy: &Policy) -> Values<'a> {
    let checked = &policy.checked;
    let mut values = Values {
        scope,
        inputs: checked.inputs.clone(),
        evidence: checked.evidence.clone(),
        definitions: BTreeMap::new(),
        outcomes: BTreeSet::new(),
    };
    for (index, d) in checked.definitions.iter().enumerate() {
        let tells = match &d.body {
            Body::Value { base, exceptions } if exceptions.is_empty() && d.ty == Type::Boolean => {
                let mut silent = Report::default();
                let typer = Typer::new(&values, &mut silent, Facts::default());
                Some((typer.tells(base, true), typer.tells(base, false)))
            }
            _ => None,
        };
        let head = DefinitionHead { index, ty: d.ty.clone(), optional: d.optional, tells };
        values.definitions.insert(d.name.clone(), head);
    }
    values
}

fn kind(
    claim: &Claim,
    policy: &Policy,
    values: &Values<'_>,
    definitions: &mut Vec<Definition>,
    report: &mut Report,
) -> Option<Kind> {
    match claim {
        Claim::Monotone { outcome, falling, along, .. } => {
            let outcome = outcome_of(outcome, policy, report)?;
            let expr = ast::Expr { kind: ast::ExprKind::Path(along.clone()), span: along.span };
            let typed = Typer::new(values, report, Facts::default()).infer(&expr, None)?;
            let ordered =
                !matches!(typed.ty, Type::Text { .. } | Type::Identifier(_) | Type::Group(_) | Type::List { .. });
            if let (Node::Definition(index, _), true) = (&typed.node, ordered) {
                let (freed, along) = freed(&policy.checked, *index, report)?;
                return Some(Kind::Monotone {
                    outcome,
                    falling: *falling,
                    along: Box::new(along),
                    freed: Some(Box::new(freed)),
                });
            }
            if !matches!(typed.node, Node::Load(_)) || !ordered {
                report.add(
                    bad(
                        along.span,
                        "`随` 后须是一项有大小的输入、证据字段或定义",
                        "an input, a field of evidence or a definition that has an order stands after `along`",
                    )
                    .help("例如 `随 社保.累计月数`", "for example `along insurance.months`"),
                );
                return None;
            }
            Some(Kind::Monotone { outcome, falling: *falling, along: Box::new(typed), freed: None })
        }
        Claim::Implied { condition, outcome, value, .. } => {
            let (outcome, value) = answer(outcome, value, policy, report)?;
            Some(Kind::Implied { condition: rule(condition, values, definitions, report)?, outcome, value })
        }
        Claim::Never { condition, outcome, value, .. } => {
            let (outcome, value) = answer(outcome, value, policy, report)?;
            let condition = match condition {
                Some(c) => Some(rule(c, values, definitions, report)?),
                None => None,
            };
            Some(Kind::Never { condition, outcome, value })
        }
    }
}

/// The policy with a definition turned into an input, and the path of that input.
fn freed(policy: &typed::Policy, index: usize, report: &mut Report) -> Option<(Policy, TypedExpr)> {
    let mut copy = policy.clone();
    let definition = copy.definitions.get_mut(index)?;
    let access = Access {
        start: Start::Input(policy.inputs.len()),
        fields: Vec::new(),
        path: definition.name.clone(),
        start_ty: definition.ty.clone(),
        reads: None,
        class: ast::ClassWord::Public,
    };
    let load = TypedExpr {
        node: Node::Load(access),
        ty: definition.ty.clone(),
        optional: definition.optional,
        span: definition.span,
    };
    definition.body = Body::Value { base: load.clone(), exceptions: Vec::new() };
    copy.inputs.push(typed::Input {
        name: definition.name.clone(),
        ty: definition.ty.clone(),
        optional: definition.optional,
        span: definition.span,
    });
    match lower::policy(&copy, &Flow::of(&copy)) {
        Ok(lowered) => Some((lowered, load)),
        Err(_) => {
            report.add(too_large(policy.span));
            None
        }
    }
}

/// The condition as one more rule.
fn rule(
    condition: &ast::Expr,
    values: &Values<'_>,
    definitions: &mut Vec<Definition>,
    report: &mut Report,
) -> Option<usize> {
    let base = Typer::new(values, report, Facts::default()).boolean(condition)?;
    let index = definitions.len();
    definitions.push(Definition {
        // No name that can be written has a blank.
        name: format!("性质 {index}"),
        ty: Type::Boolean,
        optional: false,
        body: Body::Value { base, exceptions: Vec::new() },
        citation: None,
        formulas: Vec::new(),
        span: condition.span,
    });
    Some(index)
}

fn outcome_of(name: &ast::Name, policy: &Policy, report: &mut Report) -> Option<usize> {
    let found = policy.outcomes.iter().position(|o| o.name == name.text);
    if found.is_none() {
        report.add(unknown(name, "结论", "outcome", policy.outcomes.iter().map(|o| o.name.as_str())));
    }
    found
}

fn answer(outcome: &ast::Name, value: &ast::Name, policy: &Policy, report: &mut Report) -> Option<(usize, u16)> {
    let outcome = outcome_of(outcome, policy, report)?;
    let values = &policy.outcomes[outcome].values;
    match values.iter().position(|v| *v == value.text) {
        Some(found) => Some((outcome, found as u16)),
        None => {
            report.add(unknown(value, "结论值", "value of the outcome", values.iter().map(String::as_str)));
            None
        }
    }
}
