//! Properties as text. Must not know: other items.

use super::expression;
use super::layout::{Writer, quote};
use crate::ast::{Claim, Compare, Expr, ExprKind, Name, Path, PropertyItem};
use crate::parse::Rule;

/// Writes `测试 性质 …`.
pub(super) fn property(writer: &mut Writer, item: &PropertyItem) {
    writer.before(item.span.start, item.span.start);
    let mut head = format!(
        "{} {} {} {} {} {}",
        writer.word(Rule::k_test),
        writer.word(Rule::k_property),
        quote(&item.title),
        item.policy.text,
        writer.word(Rule::k_on),
        expression::literal(writer, &item.on)
    );
    if let Some(like) = &item.like {
        head = format!("{head} {} {}", writer.word(Rule::k_like), quote(like));
    }
    writer.open(&head, item.claims.first().map_or(item.span.end, |c| c.span().start));
    for claim in &item.claims {
        let span = claim.span();
        writer.before(span.start, span.end);
        let line = line(writer, claim);
        writer.unit(&line, span.end);
    }
    writer.close(item.span.end);
}

/// One claim.
pub(super) fn line(writer: &Writer, claim: &Claim) -> String {
    match claim {
        Claim::Monotone { outcome, falling, along, .. } => {
            let way = if *falling { Rule::k_non_increasing } else { Rule::k_non_decreasing };
            format!(
                "{} {} {} {} {}",
                writer.word(Rule::k_monotone),
                outcome.text,
                writer.word(way),
                writer.word(Rule::k_along),
                expression::path(writer, along)
            )
        }
        Claim::Implied { condition, outcome, value, .. } => format!(
            "{} {} {} {} = {}",
            writer.word(Rule::k_whenever),
            expression::expr(writer, condition),
            writer.word(Rule::k_then),
            outcome.text,
            value.text
        ),
        Claim::Never { condition, outcome, value, .. } => {
            let answer = same(outcome, value);
            let whole = match condition {
                None => answer,
                Some(condition) => {
                    let span = condition.span.to(value.span);
                    Expr { kind: ExprKind::And(Box::new(condition.clone()), Box::new(answer)), span }
                }
            };
            format!("{} {}", writer.word(Rule::k_at_no_time), expression::expr(writer, &whole))
        }
    }
}

/// `outcome = value` as an expression, so that the condition before it gets its parentheses.
fn same(outcome: &Name, value: &Name) -> Expr {
    let path = |name: &Name| Expr {
        kind: ExprKind::Path(Path { parts: vec![name.clone()], span: name.span }),
        span: name.span,
    };
    Expr {
        kind: ExprKind::Compare(Compare::Equal, Box::new(path(outcome)), Box::new(path(value))),
        span: outcome.span.to(value.span),
    }
}
