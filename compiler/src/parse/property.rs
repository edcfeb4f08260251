//! Properties as trees. Owns the split of `决不 e 且 x = v`, which the grammar takes as one expression.
//! Invariant: one node in, one property or one diagnostic out. Must not know: names' meaning.

use super::Rule;
use super::expression;
use super::node::{Builder, Built, Children, Node};
use crate::ast::{Claim, Compare, Expr, ExprKind, Name, PropertyItem};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;

/// Builds `测试 性质 …`.
pub(super) fn property(builder: &Builder, mut children: Children, span: Span) -> Built<PropertyItem> {
    children.take(Rule::k_test)?;
    children.take(Rule::k_property)?;
    let title = builder.text(&children.take(Rule::text)?)?;
    let policy = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_on)?;
    let on = builder.date(&children.take(Rule::date)?)?;
    let like = match children.maybe(Rule::like) {
        Some(node) => {
            let mut like = Children::of(builder, node);
            like.take(Rule::k_like)?;
            Some(builder.text(&like.take(Rule::text)?)?)
        }
        None => None,
    };
    let mut claims = Vec::new();
    while let Some(node) = children.next() {
        claims.push(claim(builder, node)?);
    }
    Ok(PropertyItem { title, policy, on, like, claims, span })
}

fn claim(builder: &Builder, node: Node) -> Built<Claim> {
    let span = builder.span(&node);
    let rule = node.as_rule();
    let mut parts = Children::of(builder, node);
    Ok(match rule {
        Rule::monotone => {
            parts.take(Rule::k_monotone)?;
            let outcome = builder.name(&parts.take(Rule::name)?);
            let falling = parts.any()?.as_rule() == Rule::k_non_increasing;
            parts.take(Rule::k_along)?;
            Claim::Monotone { outcome, falling, along: builder.path(parts.take(Rule::path)?), span }
        }
        Rule::implied => {
            parts.take(Rule::k_whenever)?;
            let condition = expression::expr(builder, parts.take(Rule::expr)?)?;
            parts.take(Rule::k_then)?;
            let outcome = builder.name(&parts.take(Rule::name)?);
            Claim::Implied { condition, outcome, value: builder.name(&parts.take(Rule::name)?), span }
        }
        _ => {
            parts.take(Rule::k_at_no_time)?;
            let whole = expression::expr(builder, parts.take(Rule::expr)?)?;
            never(whole, span)?
        }
    })
}

fn never(whole: Expr, span: Span) -> Built<Claim> {
    let (condition, last) = match whole.kind {
        ExprKind::And(condition, last) => (Some(*condition), *last),
        kind => (None, Expr { kind, span: whole.span }),
    };
    if let ExprKind::Compare(Compare::Equal, outcome, value) = &last.kind
        && let (Some(outcome), Some(value)) = (single(outcome), single(value))
    {
        return Ok(Claim::Never { condition, outcome, value, span });
    }
    Err(Box::new(
        Diagnostic::new(
            Code::Syntax,
            last.span,
            "`决不` 须以 `且 结论 = 值` 结尾",
            "`never` ends with `and outcome = value`",
        )
        .help(
            "例如 `决不 有查封 且 办理 = 准予登记`；条件中有 `或` 时加括号",
            "for example `never seized and decision = granted`; put a condition with `or` in parentheses",
        ),
    ))
}

fn single(expr: &Expr) -> Option<Name> {
    match &expr.kind {
        ExprKind::Path(path) if path.parts.len() == 1 => path.parts.first().cloned(),
        _ => None,
    }
}
