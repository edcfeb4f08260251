//! Expressions: precedence over the grammar's flat lists. Owns binding strength and the depth of the tree.
//! Invariant: no tree deeper than [`DEPTH_MAX`] is built. Must not know: clauses and items.
//!
//! Loosest first: `或`, `且`, `非`, comparison (no two in a row), `或缺`, `+ -`, `* /`. `如果` and quantifiers reach as
//! far to the right as they can.

use super::Rule;
use super::node::{Builder, Built, Children, Node};
use crate::ast::{Compare, DEPTH_MAX, Expr, ExprKind, Function, Name, Path, PeriodUnit, Quantifier};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use guiju_runtime::number::{Rounding, SCALE_MAX};
use pest::pratt_parser::{Assoc, Op, PrattParser};
use std::sync::LazyLock;

/// The one part of the path that means the as-of date, in either language.
pub(crate) const AS_OF_NAME: &str = "基准日";

static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let infix = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(infix(Rule::k_or))
        .op(infix(Rule::k_and))
        .op(Op::prefix(Rule::k_not))
        .op(infix(Rule::equal)
            | infix(Rule::not_equal)
            | infix(Rule::less)
            | infix(Rule::at_most)
            | infix(Rule::greater)
            | infix(Rule::at_least)
            | infix(Rule::k_reaches)
            | infix(Rule::k_below)
            | infix(Rule::k_exceeds)
            | infix(Rule::k_within)
            | Op::postfix(Rule::k_present)
            | Op::postfix(Rule::k_absent)
            | Op::postfix(Rule::k_in_force)
            | Op::postfix(Rule::past)
            | Op::postfix(Rule::bounded)
            | Op::postfix(Rule::between)
            | Op::postfix(Rule::member))
        .op(infix(Rule::k_default))
        .op(infix(Rule::add) | infix(Rule::subtract))
        .op(infix(Rule::multiply) | infix(Rule::divide))
        .op(Op::postfix(Rule::convert))
});

/// How tightly a built expression holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Or,
    And,
    Not,
    Comparison,
    Default,
    Sum,
    Product,
    Primary,
}

/// An operand on its way into the tree.
struct Term {
    form: Form,
    span: Span,
    depth: usize,
    strength: Strength,
}

enum Form {
    Expr(ExprKind),
    /// Becomes part of a shift; cannot stand alone.
    Period(i32, PeriodUnit),
}

/// Builds an `expr` node.
pub(super) fn expr(builder: &Builder, node: Node) -> Built<Expr> {
    finish(term(builder, node)?)
}

/// Builds an `operand` node: a literal or a path.
pub(super) fn operand(builder: &Builder, node: Node) -> Built<Expr> {
    let span = builder.span(&node);
    let inner = Children::of(builder, node).any()?;
    if let Some(literal) = builder.literal(&inner)? {
        return Ok(Expr { kind: ExprKind::Literal(literal.kind), span });
    }
    let path = match inner.as_rule() {
        // Written `as_of` in English: one name for later stages.
        Rule::k_today => Path { parts: vec![Name { text: AS_OF_NAME.to_owned(), span }], span },
        Rule::path => builder.path(inner),
        _ => return Err(builder.impossible(span)),
    };
    Ok(Expr { kind: ExprKind::Path(path), span })
}

fn finish(term: Term) -> Built<Expr> {
    match term.form {
        Form::Expr(kind) => Ok(Expr { kind, span: term.span }),
        Form::Period(..) => Err(Box::new(
            Diagnostic::new(Code::LonePeriod, term.span, "期间不能单独使用", "a period cannot stand alone").help(
                "写在 `+` 或 `-` 的右边, 如 `登记日 + 3 年`",
                "write it to the right of `+` or `-`, as in `registered + 3 years`",
            ),
        )),
    }
}

/// A tree node over `children`, unless that would be too deep.
fn grow(kind: ExprKind, span: Span, below: usize, strength: Strength) -> Built<Term> {
    let depth = below + 1;
    if depth > DEPTH_MAX {
        return Err(Box::new(
            Diagnostic::new(
                Code::TooDeep,
                span,
                format!("表达式嵌套超过 {DEPTH_MAX} 层"),
                format!("the expression nests deeper than {DEPTH_MAX} levels"),
            )
            .help("用 `定义` 或 `规则` 给中间结果命名", "name parts of it with `define` or `rule`"),
        ));
    }
    Ok(Term { form: Form::Expr(kind), span, depth, strength })
}

fn term(builder: &Builder, node: Node) -> Built<Term> {
    let span = builder.span(&node);
    let mut pairs = node.into_inner().peekable();
    if pairs.peek().is_none() {
        return Err(builder.impossible(span));
    }
    PRECEDENCE
        .map_primary(|node| primary(builder, node))
        .map_prefix(|operator, operand| {
            let operand = operand?;
            let span = builder.span(&operator).to(operand.span);
            let depth = operand.depth;
            grow(ExprKind::Not(Box::new(finish(operand)?)), span, depth, Strength::Not)
        })
        .map_postfix(|operand, operator| postfix(builder, operand?, operator))
        .map_infix(|left, operator, right| infix(builder, left?, &operator, right?))
        .parse(pairs)
}

fn postfix(builder: &Builder, operand: Term, operator: Node) -> Built<Term> {
    let converts = operator.as_rule() == Rule::convert;
    if !converts {
        holds(builder, &operand, &operator, Strength::Comparison)?;
    }
    let span = operand.span.to(builder.span(&operator));
    let depth = operand.depth;
    let operand = Box::new(finish(operand)?);
    if converts {
        let mut children = Children::of(builder, operator);
        children.take(Rule::k_convert)?;
        let list = builder.listed(children.take(Rule::listed)?)?;
        return grow(ExprKind::Convert(operand, list), span, depth, Strength::Primary);
    }
    let kind = match operator.as_rule() {
        Rule::bounded => return bounded(builder, *operand, depth, operator),
        Rule::between => return Err(between(builder.span(&operator))),
        Rule::k_present => ExprKind::Present(operand),
        Rule::k_absent => ExprKind::Absent(operand),
        Rule::k_in_force => ExprKind::InForce(operand),
        Rule::past => {
            let mut children = Children::of(builder, operator);
            children.take(Rule::k_in_past)?;
            ExprKind::InPast(operand, builder.number(&children.take(Rule::unsigned)?)?)
        }
        _ => {
            let mut children = Children::of(builder, operator);
            children.take(Rule::k_member)?;
            let values = children.run(Rule::operand).into_iter().map(|node| self::operand(builder, node));
            ExprKind::In(operand, values.collect::<Built<_>>()?)
        }
    };
    grow(kind, span, depth, Strength::Comparison)
}

/// `x 在 60 以上`: the comparison that the word stands for.
fn bounded(builder: &Builder, operand: Expr, depth: usize, operator: Node) -> Built<Term> {
    let span = operand.span.to(builder.span(&operator));
    let mut children = Children::of(builder, operator);
    children.take(Rule::k_at)?;
    let limit = primary(builder, children.any()?)?;
    let word = children.any()?;
    let compare = compare(word.as_rule()).ok_or_else(|| builder.impossible(span))?;
    let depth = depth.max(limit.depth);
    let limit = Box::new(finish(limit)?);
    grow(ExprKind::Compare(compare, Box::new(operand), limit), span, depth, Strength::Comparison)
}

/// 民法典 1259 says of 以上, 以下, 以内, 不满, 超过 and 以外 whether the number counts, and says nothing of 之间.
pub(super) fn between(span: Span) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::new(
            Code::Between,
            span,
            "`之间` 是否含两端, 法律没有规定",
            "whether `between` includes its ends is left open by law",
        )
        .help(
            "含两端写 `满 a 且 不超过 b`, 在表格里写 `a..b`; 不含的一端写 `超过 a` 或 `不满 b`",
            "with both ends: `reaches a and … within b`, in a table `a..b`; an end left out: `exceeds a` or `below b`",
        ),
    )
}

fn infix(builder: &Builder, left: Term, operator: &Node, right: Term) -> Built<Term> {
    let span = left.span.to(right.span);
    let depth = left.depth.max(right.depth);
    let strength = match operator.as_rule() {
        Rule::k_or => Strength::Or,
        Rule::k_and => Strength::And,
        Rule::k_default => Strength::Default,
        Rule::add | Rule::subtract => Strength::Sum,
        Rule::multiply | Rule::divide => Strength::Product,
        _ => Strength::Comparison,
    };
    holds(builder, &left, operator, strength)?;
    holds(builder, &right, operator, strength)?;
    if let (Strength::Sum, Form::Period(count, unit)) = (strength, &right.form) {
        let count = if operator.as_rule() == Rule::subtract { -*count } else { *count };
        return grow(ExprKind::Shift(Box::new(finish(left)?), count, *unit), span, depth, strength);
    }
    let left = Box::new(finish(left)?);
    let right = Box::new(finish(right)?);
    let kind = match operator.as_rule() {
        Rule::k_or => ExprKind::Or(left, right),
        Rule::k_and => ExprKind::And(left, right),
        Rule::k_default => ExprKind::Default(left, right),
        Rule::add => ExprKind::Add(left, right),
        Rule::subtract => ExprKind::Subtract(left, right),
        Rule::multiply => ExprKind::Multiply(left, right),
        Rule::divide => ExprKind::Divide(left, right),
        rule => match compare(rule) {
            Some(compare) => ExprKind::Compare(compare, left, right),
            None => return Err(builder.impossible(span)),
        },
    };
    grow(kind, span, depth, strength)
}

/// The comparison that a rule stands for.
pub(super) fn compare(rule: Rule) -> Option<Compare> {
    Some(match rule {
        Rule::equal => Compare::Equal,
        Rule::not_equal => Compare::NotEqual,
        Rule::less | Rule::k_below => Compare::Less,
        Rule::at_most | Rule::k_within | Rule::k_or_less | Rule::k_or_within => Compare::AtMost,
        Rule::greater | Rule::k_exceeds | Rule::k_and_beyond => Compare::Greater,
        Rule::at_least | Rule::k_reaches | Rule::k_or_more => Compare::AtLeast,
        _ => return None,
    })
}

/// Refuses an operand that would need parentheses: two comparisons in a row, `a = 非 b`.
fn holds(builder: &Builder, operand: &Term, operator: &Node, strength: Strength) -> Built<()> {
    let chained = strength == Strength::Comparison && operand.strength == Strength::Comparison;
    if operand.strength >= strength && !chained {
        return Ok(());
    }
    Err(Box::new(
        Diagnostic::new(
            Code::ChainedComparison,
            operand.span,
            format!("`{}` 旁边的这一部分须加括号", operator.as_str()),
            format!("this part needs parentheses next to `{}`", operator.as_str()),
        )
        .label(builder.span(operator), "与此运算相连", "joined by this operator")
        .help("连续比较写成 `a < b 且 b < c`", "write a chain as `a < b and b < c`"),
    ))
}

fn primary(builder: &Builder, node: Node) -> Built<Term> {
    let span = builder.span(&node);
    let rule = node.as_rule();
    if rule == Rule::operand {
        return grow(operand(builder, node)?.kind, span, 0, Strength::Primary);
    }
    let mut children = Children::of(builder, node);
    match rule {
        Rule::paren => {
            let inside = term(builder, children.take(Rule::expr)?)?;
            Ok(Term { span, strength: Strength::Primary, ..inside })
        }
        Rule::period => {
            let count = builder.number(&children.take(Rule::unsigned)?)?;
            let unit = match children.any()?.as_rule() {
                Rule::k_years => PeriodUnit::Years,
                Rule::k_months => PeriodUnit::Months,
                _ => PeriodUnit::Days,
            };
            Ok(Term { form: Form::Period(count, unit), span, depth: 1, strength: Strength::Primary })
        }
        Rule::call => call(builder, children, span),
        Rule::apply => {
            let name = builder.name(&children.take(Rule::name)?);
            let (arguments, depth) = arguments(builder, children)?;
            grow(ExprKind::Apply(name, arguments), span, depth, Strength::Primary)
        }
        Rule::rounding => rounding(builder, children, span),
        Rule::conditional => {
            children.take(Rule::k_if)?;
            let condition = term(builder, children.take(Rule::expr)?)?;
            children.take(Rule::k_then)?;
            let then = term(builder, children.take(Rule::expr)?)?;
            children.take(Rule::k_else)?;
            let other = term(builder, children.take(Rule::expr)?)?;
            let depth = condition.depth.max(then.depth).max(other.depth);
            let kind = ExprKind::If(Box::new(finish(condition)?), Box::new(finish(then)?), Box::new(finish(other)?));
            grow(kind, span, depth, Strength::Primary)
        }
        Rule::rolled => rolled(builder, children, span),
        _ => quantified(builder, rule, children, span),
    }
}

fn call(builder: &Builder, mut children: Children, span: Span) -> Built<Term> {
    let function = match children.any()?.as_rule() {
        Rule::k_age_on => Function::AgeOn,
        Rule::k_month_of => Function::MonthOf,
        Rule::k_months_between => Function::MonthsBetween,
        Rule::k_days_between => Function::DaysBetween,
        _ => return Err(builder.impossible(span)),
    };
    let (arguments, depth) = arguments(builder, children)?;
    grow(ExprKind::Call(function, arguments), span, depth, Strength::Primary)
}

/// The arguments, and the depth of the deepest.
fn arguments(builder: &Builder, mut children: Children) -> Built<(Vec<Expr>, usize)> {
    let mut depth = 0;
    let mut arguments = Vec::new();
    for node in children.run(Rule::expr) {
        let argument = term(builder, node)?;
        depth = depth.max(argument.depth);
        arguments.push(finish(argument)?);
    }
    Ok((arguments, depth))
}

fn rounding(builder: &Builder, mut children: Children, span: Span) -> Built<Term> {
    let mode = match children.any()?.as_rule() {
        Rule::k_half_up => Rounding::HalfUp,
        Rule::k_half_even => Rounding::HalfEven,
        Rule::k_round_down => Rounding::Down,
        _ => Rounding::Up,
    };
    let value = term(builder, children.take(Rule::expr)?)?;
    let depth = value.depth;
    let digits = children.take(Rule::unsigned)?;
    let kept: u8 = builder.number(&digits)?;
    if kept > SCALE_MAX {
        return Err(Box::new(
            Diagnostic::new(
                Code::BadNumber,
                builder.span(&digits),
                format!("至多保留 {SCALE_MAX} 位小数"),
                format!("at most {SCALE_MAX} decimals can be kept"),
            )
            .help("金额保留 2 位即到分", "money with 2 decimals is whole fen"),
        ));
    }
    grow(ExprKind::Round(mode, Box::new(finish(value)?), kept), span, depth, Strength::Primary)
}

/// `存在`, `所有`, `计数`, `计数 不同`, `合计`, `最大`, `最小`: one shape, parts by their rules.
fn quantified(builder: &Builder, rule: Rule, mut children: Children, span: Span) -> Built<Term> {
    let word = children.any()?.as_rule();
    let quantifier = match (rule, word) {
        (Rule::exists, _) => Quantifier::Exists,
        (Rule::every, _) => Quantifier::All,
        (Rule::count, _) => Quantifier::Count,
        (Rule::count_distinct, _) => Quantifier::CountDistinct,
        (_, Rule::k_sum) => Quantifier::Sum,
        (_, Rule::k_largest) => Quantifier::Max,
        (_, Rule::k_smallest) => Quantifier::Min,
        _ => return Err(builder.impossible(span)),
    };
    children.has(Rule::k_distinct);
    over(builder, quantifier, children, span)
}

/// What stands behind the word of a quantifier.
fn over(builder: &Builder, quantifier: Quantifier, mut children: Children, span: Span) -> Built<Term> {
    let mut depth = 0;
    let mut build = |node: Option<Node>| -> Built<Option<Box<Expr>>> {
        let Some(node) = node else { return Ok(None) };
        let built = term(builder, node)?;
        depth = depth.max(built.depth);
        Ok(Some(Box::new(finish(built)?)))
    };
    let value = build(children.maybe(Rule::expr))?;
    children.has(Rule::k_for);
    let mut over = Children::of(builder, children.take(Rule::range_over)?);
    let variable = builder.name(&over.take(Rule::name)?);
    over.take(Rule::k_in)?;
    let list = builder.path(over.take(Rule::path)?);
    let condition = match children.maybe(Rule::condition) {
        Some(node) => {
            let mut condition = Children::of(builder, node);
            condition.take(Rule::k_where)?;
            build(condition.maybe(Rule::expr))?
        }
        // Exists and all have their condition without a wrapper, because it is not optional.
        None => {
            let _ = children.has(Rule::k_where) || children.has(Rule::k_satisfy);
            build(children.maybe(Rule::expr))?
        }
    };
    let empty = match children.maybe(Rule::if_empty) {
        Some(node) => {
            let built = empty(builder, node)?;
            depth = depth.max(built.depth);
            Some(Box::new(finish(built)?))
        }
        None => None,
    };
    let kind = ExprKind::Quantified { quantifier, value, variable, list, condition, empty };
    grow(kind, span, depth, Strength::Primary)
}

/// `顺延(d, x 对 v 于 L 当 e)`
fn rolled(builder: &Builder, mut children: Children, span: Span) -> Built<Term> {
    children.take(Rule::k_rolled)?;
    let date = term(builder, children.take(Rule::expr)?)?;
    children.has(Rule::k_for);
    let days = over(builder, Quantifier::Min, children, span)?;
    let depth = date.depth.max(days.depth);
    grow(ExprKind::Rolled(Box::new(finish(date)?), Box::new(finish(days)?)), span, depth, Strength::Primary)
}

/// `空则 d`
fn empty(builder: &Builder, node: Node) -> Built<Term> {
    let mut parts = Children::of(builder, node);
    parts.take(Rule::k_empty)?;
    primary(builder, parts.any()?)
}

/// The value of an `if_empty` node.
pub(super) fn if_empty(builder: &Builder, node: Node) -> Built<Expr> {
    finish(empty(builder, node)?)
}
