//! Policies and their clauses as trees. Owns tables' shape: which cell stands in which column.
//! Invariant: every row has one cell a column. Must not know: expressions' inside, names' meaning.

use super::Rule;
use super::expression;
use super::item::type_expr;
use super::node::{Builder, Built, Children, Node};
use crate::ast::{
    Arm, Cell, CellTest, Citation, Clause, DefinitionClause, EvidenceClause, Exception, Expr, ExprKind, HitWord,
    InputClause, Key, Name, OutcomeClause, PolicyItem, PolicyKind, ReleaseClause, Row, TableClause, TransitionClause,
    WriteClause, WriteValue,
};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;

/// Builds a policy, verification or contract.
pub(super) fn policy(builder: &Builder, mut children: Children, span: Span) -> Built<PolicyItem> {
    let kind = match children.any()?.as_rule() {
        Rule::k_verification => PolicyKind::Verification,
        Rule::k_contract => PolicyKind::Contract,
        _ => PolicyKind::Policy,
    };
    let name = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_version)?;
    let version = builder.number(&children.take(Rule::unsigned)?)?;
    children.take(Rule::k_by)?;
    let by = builder.names(children.take(Rule::owners)?);
    children.take(Rule::k_effective)?;
    let effective_from = builder.date(&children.take(Rule::date)?)?;
    let effective_to = if children.has(Rule::k_to) { Some(builder.date(&children.take(Rule::date)?)?) } else { None };
    let lapses = children.has(Rule::k_lapses);
    let mut clauses = Vec::new();
    while let Some(node) = children.next() {
        clauses.extend(builder.keep(&node.clone(), clause(builder, node)));
    }
    Ok(PolicyItem { kind, name, version, by, effective_from, effective_to, lapses, clauses, span })
}

fn clause(builder: &Builder, node: Node) -> Built<Clause> {
    let span = builder.span(&node);
    let rule = node.as_rule();
    let mut children = Children::of(builder, node);
    children.any()?; // its keyword
    Ok(match rule {
        Rule::as_of => Clause::AsOf(builder.path(children.take(Rule::path)?)),
        Rule::input => {
            let name = builder.name(&children.take(Rule::name)?);
            let ty = type_expr(builder, children.take(Rule::type_expr)?)?;
            Clause::Input(InputClause { name, ty, span })
        }
        Rule::evidence => Clause::Evidence(evidence(builder, children, span)?),
        Rule::definition | Rule::rule_clause => {
            Clause::Definition(definition(builder, rule == Rule::rule_clause, children, span)?)
        }
        Rule::table => Clause::Table(table(builder, children, span)?),
        Rule::outcome => Clause::Outcome(outcome(builder, children, span)?),
        Rule::release => Clause::Release(release(builder, children, span)?),
        Rule::write => Clause::Write(write(builder, children, span)?),
        Rule::transition => Clause::Transition(transition(builder, children, span)?),
        _ => return Err(builder.impossible(span)),
    })
}

fn transition(builder: &Builder, mut children: Children, span: Span) -> Built<TransitionClause> {
    let title = children.take(Rule::text)?;
    let title = Name { text: builder.text(&title)?, span: builder.span(&title) };
    children.take(Rule::k_when)?;
    let guard = expression::expr(builder, children.take(Rule::expr)?)?;
    children.take(Rule::k_apply)?;
    children.take(Rule::k_version)?;
    let version = builder.number(&children.take(Rule::unsigned)?)?;
    let module = if children.has(Rule::k_of_module) { Some(builder.path(children.take(Rule::path)?)) } else { None };
    let citation = children.maybe(Rule::citation).map(|node| builder.citation(node)).transpose()?;
    Ok(TransitionClause { title, guard, version, module, citation, span })
}

fn evidence(builder: &Builder, mut children: Children, span: Span) -> Built<EvidenceClause> {
    let name = builder.name(&children.take(Rule::name)?);
    let all = children.has(Rule::k_all);
    let certificate = builder.name(&children.take(Rule::name)?);
    let field = builder.path(children.take(Rule::path)?);
    let keys = children.run(Rule::key).into_iter().map(|node| key(builder, node)).collect::<Built<_>>()?;
    let optional = children.has(Rule::question);
    let max = match children.next() {
        Some(_) => Some(builder.number(&children.take(Rule::unsigned)?)?),
        None => None,
    };
    Ok(EvidenceClause { name, all, certificate, field, keys, optional, max, span })
}

fn key(builder: &Builder, node: Node) -> Built<Key> {
    let mut children = Children::of(builder, node);
    let value = expression::expr(builder, children.take(Rule::expr)?)?;
    let Some(each) = children.maybe(Rule::key_each) else { return Ok(Key::One(value)) };
    let mut each = Children::of(builder, each);
    each.take(Rule::k_for)?;
    let variable = builder.name(&each.take(Rule::name)?);
    each.take(Rule::k_in)?;
    let list = builder.path(each.take(Rule::path)?);
    let filter = if each.has(Rule::k_where) { Some(expression::expr(builder, each.take(Rule::expr)?)?) } else { None };
    Ok(Key::Each { value, variable, list, filter })
}

fn definition(builder: &Builder, rule: bool, mut children: Children, span: Span) -> Built<DefinitionClause> {
    let name = builder.name(&children.take(Rule::name)?);
    let ty = children.maybe(Rule::type_expr).map(|node| type_expr(builder, node)).transpose()?;
    let value = expression::expr(builder, children.take(Rule::expr)?)?;
    let citation = citation(builder, &mut children)?;
    let exceptions = children.run(Rule::exception).into_iter();
    let exceptions = exceptions.filter_map(|node| builder.keep(&node.clone(), exception(builder, node))).collect();
    Ok(DefinitionClause { rule, name, ty, value, citation, exceptions, span })
}

fn citation(builder: &Builder, children: &mut Children) -> Built<Option<Citation>> {
    children.maybe(Rule::citation).map(|node| builder.citation(node)).transpose()
}

fn exception(builder: &Builder, node: Node) -> Built<Exception> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    children.take(Rule::k_exception)?;
    let label = builder.name(&children.take(Rule::name)?);
    let of = match children.maybe(Rule::exception_of) {
        Some(node) => {
            let mut of = Children::of(builder, node);
            of.take(Rule::k_of)?;
            Some(builder.name(&of.take(Rule::name)?))
        }
        None => None,
    };
    let before = match children.maybe(Rule::exception_before) {
        Some(node) => {
            let mut before = Children::of(builder, node);
            before.take(Rule::k_before)?;
            builder.names(before.take(Rule::names)?)
        }
        None => Vec::new(),
    };
    children.take(Rule::k_when)?;
    let guard = expression::expr(builder, children.take(Rule::expr)?)?;
    children.take(Rule::k_then)?;
    let value = expression::expr(builder, children.take(Rule::expr)?)?;
    let citation = citation(builder, &mut children)?;
    Ok(Exception { label, of, before, guard, value, citation, span })
}

fn hit(children: &mut Children) -> HitWord {
    if !children.has(Rule::k_hit) {
        return HitWord::Unique;
    }
    let words = [
        (Rule::k_unique, HitWord::Unique),
        (Rule::k_any_row, HitWord::Any),
        (Rule::k_ordered, HitWord::Ordered),
        (Rule::k_sum, HitWord::Sum),
        (Rule::k_smallest, HitWord::Min),
        (Rule::k_largest, HitWord::Max),
        (Rule::k_count, HitWord::Count),
    ];
    words.into_iter().find(|(rule, _)| children.has(*rule)).map_or(HitWord::Unique, |(_, hit)| hit)
}

fn table(builder: &Builder, mut children: Children, span: Span) -> Built<TableClause> {
    let name = builder.name(&children.take(Rule::name)?);
    let ty = type_expr(builder, children.take(Rule::type_expr)?)?;
    let hit = hit(&mut children);
    let empty = children.maybe(Rule::if_empty).map(|node| expression::if_empty(builder, node)).transpose()?;
    let citation = citation(builder, &mut children)?;
    let header = children.take(Rule::header)?;
    let header_span = builder.span(&header);
    let mut columns = Vec::new();
    let (mut arrow, mut articles, mut misplaced) = (false, false, false);
    for cell in Children::of(builder, header).run(Rule::header_cell) {
        let inner = Children::of(builder, cell).any()?;
        match inner.as_rule() {
            Rule::path if !arrow => columns.push(builder.path(inner)),
            Rule::arrow if !arrow => arrow = true,
            Rule::k_articles if (arrow || hit == HitWord::Count) && !articles => articles = true,
            _ => misplaced = true,
        }
    }
    if arrow == (hit == HitWord::Count) || misplaced || columns.is_empty() {
        return Err(bad_header(hit, header_span));
    }
    let shape = Shape { columns: columns.len(), result: arrow, articles, header: header_span };
    let rows = children.run(Rule::row).into_iter();
    let rows = rows.filter_map(|node| builder.keep(&node.clone(), row(builder, node, &shape))).collect();
    Ok(TableClause { name, ty, hit, empty, citation, columns, rows, span })
}

fn bad_header(hit: HitWord, span: Span) -> Box<Diagnostic> {
    let finding = if hit == HitWord::Count {
        Diagnostic::new(
            Code::RowShape,
            span,
            "计数的表没有结果格: 表头应为各列的名称, 最后可有 `条款`",
            "a table that counts has no results: its header is the columns' names, then perhaps `citation`",
        )
        .help("如 `| 户籍 | 婚姻 | 条款 |`", "as in `| age | income | citation |`")
    } else {
        Diagnostic::new(
            Code::RowShape,
            span,
            "表头应为各列的名称, 然后 `=>`, 最后可有 `条款`",
            "a table's header is the columns' names, then `=>`, then perhaps `citation`",
        )
        .help("如 `| 户籍 | 婚姻 | => | 条款 |`", "as in `| age | income | => | citation |`")
    };
    Box::new(finding)
}

/// What every row must look like.
struct Shape {
    columns: usize,
    result: bool,
    articles: bool,
    header: Span,
}

fn row(builder: &Builder, node: Node, shape: &Shape) -> Built<Row> {
    let span = builder.span(&node);
    let mut row_cells = Children::of(builder, node).run(Rule::row_cell).into_iter().peekable();
    let wanted = shape.columns + usize::from(shape.result);
    let most = wanted + usize::from(shape.articles);
    let found = row_cells.len();
    if found < wanted || found > most {
        return Err(Box::new(
            Diagnostic::new(
                Code::RowShape,
                span,
                format!("这一行有 {found} 格, 表头有 {most} 列"),
                format!("this row has {found} cells, the header has {most} columns"),
            )
            .label(shape.header, "表头", "the header"),
        ));
    }
    let mut cells = Vec::with_capacity(shape.columns);
    for node in row_cells.by_ref().take(shape.columns) {
        cells.push(test_cell(builder, node)?);
    }
    let value = match row_cells.next_if(|_| shape.result) {
        Some(node) => Some(result_cell(builder, node)?),
        None => None,
    };
    let citation = match row_cells.next() {
        Some(node) => citation_cell(builder, node)?,
        None => None,
    };
    Ok(Row { cells, value, citation, span })
}

/// What a `row_cell` holds, if anything, and where.
fn content<'a>(builder: &Builder, node: Node<'a>) -> Built<(Option<Node<'a>>, Span)> {
    let around = builder.span(&node);
    match Children::of(builder, node).maybe(Rule::entry_cell) {
        Some(entry) => {
            let inner = Children::of(builder, entry).any()?;
            let span = builder.span(&inner);
            Ok((Some(inner), span))
        }
        None => Ok((None, around)),
    }
}

fn bad_cell(span: Span, zh: &str, en: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Code::CellShape, span, zh, en))
}

fn test_cell(builder: &Builder, node: Node) -> Built<Cell> {
    match content(builder, node)? {
        (Some(inner), span) if inner.as_rule() == Rule::k_any => Ok(Cell { tests: Vec::new(), span }),
        (Some(inner), span) if inner.as_rule() == Rule::cell => {
            let tests = Children::of(builder, inner).run(Rule::cell_test).into_iter();
            Ok(Cell { tests: tests.map(|node| cell_test(builder, node)).collect::<Built<_>>()?, span })
        }
        (_, span) => Err(bad_cell(
            span,
            "条件格应为值、`下限..上限`、比较或 `任意`",
            "a condition cell is a value, `low..high`, a comparison, or `any`",
        )),
    }
}

fn cell_test(builder: &Builder, node: Node) -> Built<CellTest> {
    let inner = Children::of(builder, node).any()?;
    let rule = inner.as_rule();
    if rule == Rule::operand {
        return Ok(CellTest::Is(expression::operand(builder, inner)?));
    }
    let span = builder.span(&inner);
    let mut parts = Children::of(builder, inner);
    if rule == Rule::cell_between {
        return Err(expression::between(span));
    }
    if rule == Rule::cell_bound {
        let limit = expression::operand(builder, parts.take(Rule::operand)?)?;
        let compare = expression::compare(parts.any()?.as_rule()).ok_or_else(|| builder.impossible(span))?;
        return Ok(CellTest::Compare(compare, limit));
    }
    if rule == Rule::cell_range {
        let low = expression::operand(builder, parts.take(Rule::operand)?)?;
        let high = expression::operand(builder, parts.take(Rule::operand)?)?;
        return Ok(CellTest::Range(low, high));
    }
    let compare = expression::compare(parts.any()?.as_rule()).ok_or_else(|| builder.impossible(span))?;
    Ok(CellTest::Compare(compare, expression::operand(builder, parts.take(Rule::operand)?)?))
}

/// The one value of a cell, if that is all it holds.
fn single(tests: Vec<CellTest>) -> Option<Expr> {
    match <[CellTest; 1]>::try_from(tests) {
        Ok([CellTest::Is(expr)]) => Some(expr),
        _ => None,
    }
}

fn result_cell(builder: &Builder, node: Node) -> Built<Expr> {
    let wrong = |span| bad_cell(span, "结果格应为一个表达式", "a result cell is one expression");
    match content(builder, node)? {
        (Some(inner), _) if inner.as_rule() == Rule::expr => expression::expr(builder, inner),
        (Some(inner), span) if inner.as_rule() == Rule::cell => {
            let tests = Children::of(builder, inner).run(Rule::cell_test).into_iter();
            let tests = tests.map(|node| cell_test(builder, node)).collect::<Built<_>>()?;
            single(tests).ok_or_else(|| wrong(span))
        }
        (_, span) => Err(wrong(span)),
    }
}

fn citation_cell(builder: &Builder, node: Node) -> Built<Option<Citation>> {
    let wrong = |span| {
        bad_cell(
            span,
            "条款格应为依据的简称和条款, 如 `通知 第二条`",
            "a citation cell is a source and an article, as in `notice art.2`",
        )
    };
    match content(builder, node)? {
        (None, _) => Ok(None),
        (Some(inner), _) if inner.as_rule() == Rule::cited => builder.citation(inner).map(Some),
        (Some(inner), span) if inner.as_rule() == Rule::expr => {
            cited_like_expression(builder, inner).map(Some).ok_or_else(|| wrong(span))
        }
        (Some(inner), span) if inner.as_rule() == Rule::cell => {
            let tests = Children::of(builder, inner).run(Rule::cell_test).into_iter();
            let tests = tests.map(|node| cell_test(builder, node)).collect::<Built<_>>()?;
            match single(tests).map(|expr| expr.kind) {
                Some(ExprKind::Path(mut path)) if path.parts.len() == 1 => {
                    let source = path.parts.remove(0);
                    Ok(Some(Citation { source, article: String::new(), span }))
                }
                _ => Err(wrong(span)),
            }
        }
        (Some(_), span) => Err(wrong(span)),
    }
}

/// An article may look like the rest of an expression: `通知(一)` reads as a call.
fn cited_like_expression(builder: &Builder, node: Node) -> Option<Citation> {
    let (text, span, start) = (node.as_str().trim_end(), builder.span(&node), node.as_span().start());
    let name = node.clone().into_inner().flatten().find(|inner| inner.as_rule() == Rule::name)?;
    if name.as_span().start() != start {
        return None;
    }
    let article = text.get(name.as_str().len()..)?.trim_start();
    let one_word = !article.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '，'));
    one_word.then(|| Citation { source: builder.name(&name), article: article.to_owned(), span })
}

fn outcome(builder: &Builder, mut children: Children, span: Span) -> Built<OutcomeClause> {
    let name = builder.name(&children.take(Rule::name)?);
    let values = builder.names(children.take(Rule::names)?);
    let hit = hit(&mut children);
    let arms = children.run(Rule::arm).into_iter();
    let arms = arms.filter_map(|node| builder.keep(&node.clone(), arm(builder, node))).collect();
    Ok(OutcomeClause { name, values, hit, arms, span })
}

fn arm(builder: &Builder, node: Node) -> Built<Arm> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    let value = builder.name(&children.take(Rule::name)?);
    let guard = if children.has(Rule::k_otherwise) {
        None
    } else {
        children.take(Rule::k_when)?;
        Some(expression::expr(builder, children.take(Rule::expr)?)?)
    };
    let reason = if children.has(Rule::k_reason) { Some(builder.text(&children.take(Rule::text)?)?) } else { None };
    let citation = citation(builder, &mut children)?;
    Ok(Arm { value, guard, reason, citation, span })
}

fn release(builder: &Builder, mut children: Children, span: Span) -> Built<ReleaseClause> {
    let outcome = builder.name(&children.take(Rule::name)?);
    let (mut reasons, mut missing) = (false, false);
    children.has(Rule::k_including);
    loop {
        if children.has(Rule::k_reasons) {
            reasons = true;
        } else if children.has(Rule::k_missing) {
            missing = true;
        } else {
            break;
        }
    }
    children.any()?; // 至多
    let millibits = builder.thousandths(&children.take(Rule::decimal)?)?;
    Ok(ReleaseClause { outcome, reasons, missing, millibits, span })
}

fn write(builder: &Builder, mut children: Children, span: Span) -> Built<WriteClause> {
    let certificate = builder.name(&children.take(Rule::name)?);
    let supersedes = match children.maybe(Rule::superseding) {
        Some(node) => {
            let mut superseding = Children::of(builder, node);
            superseding.take(Rule::k_superseding)?;
            Some(builder.name(&superseding.take(Rule::name)?))
        }
        None => None,
    };
    children.take(Rule::k_when)?;
    let outcome = builder.name(&children.take(Rule::name)?);
    let value = builder.name(&children.take(Rule::name)?);
    let mut fields = Vec::new();
    let mut rest_kept = None;
    while let Some(node) = children.next() {
        if node.as_rule() == Rule::k_rest_kept {
            rest_kept = Some(builder.span(&node));
        } else {
            fields.extend(builder.keep(&node.clone(), write_field(builder, node)));
        }
    }
    Ok(WriteClause { certificate, supersedes, outcome, value, fields, rest_kept, span })
}

fn write_field(builder: &Builder, node: Node) -> Built<(Name, WriteValue)> {
    let mut children = Children::of(builder, node);
    let name = builder.name(&children.take(Rule::name)?);
    Ok((name, write_value(builder, children.take(Rule::write_value)?)?))
}

fn write_value(builder: &Builder, node: Node) -> Built<WriteValue> {
    let span = builder.span(&node);
    let inner = Children::of(builder, node).any()?;
    Ok(match inner.as_rule() {
        Rule::k_absent => WriteValue::Absent(span),
        Rule::write_group => {
            let fields = Children::of(builder, inner).run(Rule::write_field).into_iter();
            WriteValue::Group(fields.map(|node| write_field(builder, node)).collect::<Built<_>>()?, span)
        }
        Rule::write_list => {
            let elements = Children::of(builder, inner).run(Rule::write_value).into_iter();
            WriteValue::List(elements.map(|node| write_value(builder, node)).collect::<Built<_>>()?, span)
        }
        _ => WriteValue::Expr(expression::expr(builder, inner)?),
    })
}
