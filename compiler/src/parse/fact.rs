//! Facts of tests as trees, with the short forms for runs of months.
//! Invariant: one node in, one fact or one diagnostic out. Must not know: what a fact is of.

use super::Rule;
use super::expression;
use super::node::{Builder, Built, Children, Node};
use crate::ast::{FactExpr, FactMonths, MonthDay, Name};

/// Builds a `fact_value` node.
pub(super) fn value(builder: &Builder, node: Node) -> Built<FactExpr> {
    let span = builder.span(&node);
    let inner = Children::of(builder, node).any()?;
    Ok(match inner.as_rule() {
        Rule::k_absent => FactExpr::Absent(span),
        Rule::k_unknown => FactExpr::Unknown(span),
        Rule::fact_group => FactExpr::Group(fields(builder, inner)?, span),
        Rule::fact_list => {
            let mut elements = Vec::new();
            let mut children = Children::of(builder, inner);
            while let Some(node) = children.next() {
                elements.push(match node.as_rule() {
                    Rule::fact_months => FactExpr::Months(months(builder, node)?),
                    _ => value(builder, node)?,
                });
            }
            FactExpr::List(elements, span)
        }
        Rule::month_day => FactExpr::MonthDay(month_day(builder, inner)?),
        _ => FactExpr::Value(expression::operand(builder, inner)?),
    })
}

fn fields(builder: &Builder, node: Node) -> Built<Vec<(Name, FactExpr)>> {
    let mut fields = Vec::new();
    for node in Children::of(builder, node).run(Rule::fact_field) {
        let mut field = Children::of(builder, node);
        let name = builder.name(&field.take(Rule::name)?);
        fields.push((name, value(builder, field.take(Rule::fact_value)?)?));
    }
    Ok(fields)
}

fn months(builder: &Builder, node: Node) -> Built<FactMonths> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    children.take(Rule::k_each_month)?;
    let field = builder.name(&children.take(Rule::name)?);
    let mut runs = Vec::new();
    for run in children.run(Rule::month_range) {
        let mut ends = Children::of(builder, run);
        let first = builder.month(&ends.take(Rule::month)?)?;
        runs.push((first, ends.maybe(Rule::month).map(|last| builder.month(&last)).transpose()?));
    }
    let fields = fields(builder, children.take(Rule::fact_group)?)?;
    Ok(FactMonths { field, runs, fields, span })
}

fn month_day(builder: &Builder, node: Node) -> Built<MonthDay> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    let next = children.any()?.as_rule() == Rule::k_next_month;
    // The word of the day stands on either side of the number.
    children.has(Rule::k_day);
    Ok(MonthDay { next, day: builder.number(&children.take(Rule::unsigned)?)?, span })
}
