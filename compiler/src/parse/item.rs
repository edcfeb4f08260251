//! Top-level items other than policies. Owns the data standard, sharing policies and tests as trees.
//! Invariant: one node in, one item or one diagnostic out. Must not know: expressions' inside, names' meaning.

use super::Rule;
use super::node::{Builder, Built, Children, Node};
use super::{cases, expression, fact, policy, property};
use crate::ast::{
    CertificateItem, ClassWord, EnumItem, ExchangeWord, Expectation, FieldItem, FormulaItem, GroupItem, Import, Item,
    LegalSource, Limit, Literal, MappingItem, Name, Path, SharingClause, SharingItem, TermItem, TestItem, TypeExpr,
    TypeKind,
};
use crate::source::Span;

/// A top-level entry.
pub(super) enum Top {
    /// `语言 zh`
    Language(Span),
    /// `模块 a.b`
    Module(Path),
    /// `引用`
    Import(Import),
    /// `依据`
    Source(LegalSource),
    /// Everything else.
    Item(Box<Item>),
}

/// The name of a module that is not known yet.
pub(super) fn no_path(span: Span) -> Path {
    Path { parts: Vec::new(), span }
}

/// Builds any top-level entry.
pub(super) fn top(builder: &Builder, node: Node) -> Built<Top> {
    let span = builder.span(&node);
    let rule = node.as_rule();
    let mut children = Children::of(builder, node);
    let item = match rule {
        Rule::language => return Ok(Top::Language(span)),
        Rule::module => {
            children.take(Rule::k_module)?;
            return Ok(Top::Module(builder.path(children.take(Rule::path)?)));
        }
        Rule::import => {
            children.take(Rule::k_import)?;
            let module = builder.path(children.take(Rule::path)?);
            let names =
                children.run(Rule::listed).into_iter().map(|node| builder.listed(node)).collect::<Built<_>>()?;
            return Ok(Top::Import(Import { module, names, span }));
        }
        Rule::source => return legal_source(builder, children, span).map(Top::Source),
        Rule::enum_item => {
            children.take(Rule::k_enum)?;
            let name = builder.listed(children.take(Rule::listed)?)?;
            let variants = children.run(Rule::variant).into_iter();
            let variants = variants.filter_map(|node| builder.keep(&node.clone(), variant(builder, node))).collect();
            Item::Enum(EnumItem { name, variants, span })
        }
        Rule::group => {
            children.take(Rule::k_group)?;
            let name = builder.name(&children.take(Rule::name)?);
            let term = children.maybe(Rule::term).map(|node| term(builder, node)).transpose()?;
            let fields = fields(builder, children.take(Rule::fields)?);
            Item::Group(GroupItem { name, term, fields, span })
        }
        Rule::certificate => Item::Certificate(certificate(builder, children, span)?),
        Rule::policy => Item::Policy(policy::policy(builder, children, span)?),
        Rule::sharing => Item::Sharing(sharing(builder, children, span)?),
        Rule::mapping => Item::Mapping(mapping(builder, children, span)?),
        Rule::formula => Item::Formula(formula(builder, children, span)?),
        Rule::cases => Item::Cases(cases::cases(builder, children, span)?),
        Rule::test => Item::Test(test(builder, children, span)?),
        Rule::property => Item::Property(property::property(builder, children, span)?),
        _ => return Err(builder.impossible(span)),
    };
    Ok(Top::Item(Box::new(item)))
}

fn legal_source(builder: &Builder, mut children: Children, span: Span) -> Built<LegalSource> {
    children.take(Rule::k_source)?;
    let title = builder.text(&children.take(Rule::text)?)?;
    children.take(Rule::k_as)?;
    let name = builder.name(&children.take(Rule::name)?);
    let note = if children.has(Rule::k_note) { Some(builder.text(&children.take(Rule::text)?)?) } else { None };
    Ok(LegalSource { title, name, note, span })
}

fn formula(builder: &Builder, mut children: Children, span: Span) -> Built<FormulaItem> {
    children.take(Rule::k_formula)?;
    let name = builder.name(&children.take(Rule::name)?);
    let mut parameters = Vec::new();
    for node in children.run(Rule::parameter) {
        let mut parts = Children::of(builder, node);
        let name = builder.name(&parts.take(Rule::name)?);
        parameters.push((name, type_expr(builder, parts.take(Rule::type_expr)?)?));
    }
    let ty = type_expr(builder, children.take(Rule::type_expr)?)?;
    let body = expression::expr(builder, children.take(Rule::expr)?)?;
    let citation = children.maybe(Rule::citation).map(|node| builder.citation(node)).transpose()?;
    Ok(FormulaItem { name, parameters, ty, body, citation, span })
}

fn mapping(builder: &Builder, mut children: Children, span: Span) -> Built<MappingItem> {
    children.take(Rule::k_mapping)?;
    let from = builder.listed(children.take(Rule::listed)?)?;
    children.take(Rule::k_onto)?;
    let to = builder.listed(children.take(Rule::listed)?)?;
    let mut pairs = Vec::new();
    for node in children.run(Rule::pairing) {
        let mut pair = Children::of(builder, node);
        let sources = builder.names(pair.take(Rule::names)?);
        pair.take(Rule::arrow)?;
        pairs.push((sources, builder.name(&pair.take(Rule::name)?)));
    }
    let rest_same = children.maybe(Rule::k_rest_same).map(|node| builder.span(&node));
    Ok(MappingItem { from, to, pairs, rest_same, span })
}

fn variant(builder: &Builder, node: Node) -> Built<(Name, Option<String>)> {
    let mut children = Children::of(builder, node);
    let name = builder.name(&children.take(Rule::name)?);
    let code = children.maybe(Rule::text).map(|node| builder.text(&node)).transpose()?;
    Ok((name, code))
}

fn certificate(builder: &Builder, mut children: Children, span: Span) -> Built<CertificateItem> {
    children.take(Rule::k_certificate)?;
    let name = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_by)?;
    let by = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_filed)?;
    let filed_under = children.run(Rule::path).into_iter().map(|node| builder.path(node)).collect();
    let complete_from = if children.has(Rule::k_complete) {
        children.take(Rule::k_since)?;
        Some(builder.date(&children.take(Rule::date)?)?)
    } else {
        None
    };
    let term = children.maybe(Rule::term).map(|node| term(builder, node)).transpose()?;
    let fields = fields(builder, children.take(Rule::fields)?);
    Ok(CertificateItem { name, by, filed_under, complete_from, term, fields, span })
}

fn term(builder: &Builder, node: Node) -> Built<TermItem> {
    let mut children = Children::of(builder, node);
    children.take(Rule::k_in_force)?;
    children.take(Rule::k_since)?;
    let from = builder.name(&children.take(Rule::name)?);
    let end = match children.next() {
        Some(word) => Some((builder.name(&children.take(Rule::name)?), word.as_rule() == Rule::k_to)),
        None => None,
    };
    Ok(TermItem { from, end })
}

fn fields(builder: &Builder, node: Node) -> Vec<FieldItem> {
    let fields = Children::of(builder, node).run(Rule::field).into_iter();
    fields.filter_map(|node| builder.keep(&node.clone(), field(builder, node))).collect()
}

fn field(builder: &Builder, node: Node) -> Built<FieldItem> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    let name = builder.name(&children.take(Rule::name)?);
    let ty = type_expr(builder, children.take(Rule::type_expr)?)?;
    let class = children.next().and_then(|node| match node.as_rule() {
        Rule::k_public => Some(ClassWord::Public),
        Rule::k_result_only => Some(ClassWord::ResultOnly),
        Rule::k_by_grant => Some(ClassWord::ByGrant),
        Rule::k_never => Some(ClassWord::Never),
        _ => None,
    });
    Ok(FieldItem { name, ty, class, span })
}

/// Builds a `type_expr` or `element` node.
pub(super) fn type_expr(builder: &Builder, node: Node) -> Built<TypeExpr> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    let kind = children.any()?;
    let kind = type_kind(builder, kind)?;
    let optional = children.has(Rule::question);
    Ok(TypeExpr { kind, optional, span })
}

/// A bound of a range of numbers, with its unit if it has one.
fn bound(builder: &Builder, node: &Node) -> Built<Literal> {
    builder.literal(node)?.ok_or_else(|| builder.impossible(builder.span(node)))
}

fn type_kind(builder: &Builder, node: Node) -> Built<TypeKind> {
    let span = builder.span(&node);
    let rule = node.as_rule();
    let simple = match rule {
        Rule::k_boolean => Some(TypeKind::Boolean),
        Rule::k_date => Some(TypeKind::Date),
        Rule::k_month => Some(TypeKind::Month),
        Rule::k_citizen_id => Some(TypeKind::CitizenId),
        Rule::k_credit_code => Some(TypeKind::CreditCode),
        Rule::k_certificate_id => Some(TypeKind::CertificateId),
        Rule::k_unit_code => Some(TypeKind::UnitCode),
        Rule::listed => Some(TypeKind::Named(builder.listed(node.clone())?)),
        _ => None,
    };
    if let Some(kind) = simple {
        return Ok(kind);
    }
    let mut children = Children::of(builder, node);
    children.any()?;
    Ok(match rule {
        Rule::integer_type => {
            let low = builder.number(&children.take(Rule::integer)?)?;
            let high = builder.number(&children.take(Rule::integer)?)?;
            let unit = children.maybe(Rule::name).map(|node| builder.name(&node));
            TypeKind::Integer { low, high, unit }
        }
        Rule::decimal_type => {
            let (low, high) = (bound(builder, &children.any()?)?, bound(builder, &children.any()?)?);
            let unit = children.maybe(Rule::name).map(|node| builder.name(&node));
            TypeKind::Decimal { low, high, unit }
        }
        Rule::money_type => {
            let (low, high) = (bound(builder, &children.any()?)?, bound(builder, &children.any()?)?);
            TypeKind::Money { low, high }
        }
        Rule::text_type => {
            children.take(Rule::k_longest)?;
            TypeKind::Text { max: builder.number(&children.take(Rule::unsigned)?)? }
        }
        Rule::list_type => {
            let element = type_expr(builder, children.take(Rule::element)?)?;
            children.take(Rule::k_max)?;
            TypeKind::List { element: Box::new(element), max: builder.number(&children.take(Rule::unsigned)?)? }
        }
        _ => return Err(builder.impossible(span)),
    })
}

fn sharing(builder: &Builder, mut children: Children, span: Span) -> Built<SharingItem> {
    children.take(Rule::k_sharing)?;
    let name = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_by)?;
    let by = builder.name(&children.take(Rule::name)?);
    children.take(Rule::k_about)?;
    let certificate = builder.name(&children.take(Rule::name)?);
    let clauses = children.run(Rule::sharing_clause).into_iter();
    let clauses = clauses.filter_map(|node| builder.keep(&node.clone(), sharing_clause(builder, node))).collect();
    Ok(SharingItem { name, by, certificate, clauses, span })
}

fn sharing_clause(builder: &Builder, node: Node) -> Built<SharingClause> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    let permit = children.any()?.as_rule() == Rule::k_permit;
    let label = builder.name(&children.take(Rule::name)?);
    let mut words = Children::of(builder, children.take(Rule::exchanges)?);
    let mut exchanges = Vec::new();
    while let Some(word) = words.next() {
        match word.as_rule() {
            Rule::k_verification => exchanges.push(ExchangeWord::Verification),
            Rule::k_detail => exchanges.push(ExchangeWord::Detail),
            Rule::k_evaluation => exchanges.push(ExchangeWord::Evaluation),
            Rule::k_contract => exchanges.push(ExchangeWord::Contract),
            _ => {}
        }
    }
    children.take(Rule::k_give)?;
    let to = anyone_or_names(builder, children.take(Rule::grantees)?);
    children.take(Rule::k_purpose)?;
    let purposes = anyone_or_names(builder, children.take(Rule::purposes)?);
    let limit = children.maybe(Rule::limit).map(|node| sharing_limit(builder, node)).transpose()?;
    let points = match children.maybe(Rule::points) {
        Some(node) => {
            let mut points = Children::of(builder, node);
            points.take(Rule::k_points)?;
            builder.number(&points.take(Rule::unsigned)?)?
        }
        None => 0,
    };
    let citation = children.maybe(Rule::citation).map(|node| builder.citation(node)).transpose()?;
    Ok(SharingClause { permit, label, exchanges, to, purposes, limit, points, citation, span })
}

/// `限 每人 每日 … 比特`, and what may follow it.
fn sharing_limit(builder: &Builder, node: Node) -> Built<Limit> {
    let mut limit = Children::of(builder, node);
    limit.take(Rule::k_limit)?;
    limit.take(Rule::k_per_subject)?;
    limit.take(Rule::k_per_day)?;
    let millibits_per_day = builder.thousandths(&limit.take(Rule::decimal)?)?;
    limit.take(Rule::k_bits)?;
    let millibits_per_ninety_days = match limit.maybe(Rule::rolling) {
        Some(node) => {
            let mut rolling = Children::of(builder, node);
            rolling.take(Rule::k_per_ninety_days)?;
            Some(builder.thousandths(&rolling.take(Rule::decimal)?)?)
        }
        None => None,
    };
    Ok(Limit { millibits_per_day, millibits_per_ninety_days })
}

/// Names, or none for `任何`.
fn anyone_or_names(builder: &Builder, node: Node) -> Vec<Name> {
    Children::of(builder, node).maybe(Rule::names).map_or(Vec::new(), |node| builder.names(node))
}

fn test(builder: &Builder, mut children: Children, span: Span) -> Built<TestItem> {
    children.take(Rule::k_test)?;
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
    let mut facts = Vec::new();
    let mut expect = Vec::new();
    while let Some(node) = children.next() {
        if node.as_rule() == Rule::expect {
            expect.extend(builder.keep(&node.clone(), expectation(builder, node)));
        } else {
            facts.extend(builder.keep(&node.clone(), fact(builder, node)));
        }
    }
    Ok(TestItem { title, policy, on, like, facts, expect, span })
}

fn fact(builder: &Builder, node: Node) -> Built<(Path, crate::ast::FactExpr)> {
    let mut written = Children::of(builder, node);
    let path = builder.path(written.take(Rule::path)?);
    Ok((path, fact::value(builder, written.take(Rule::fact_value)?)?))
}

fn expectation(builder: &Builder, node: Node) -> Built<Expectation> {
    let span = builder.span(&node);
    let mut children = Children::of(builder, node);
    children.take(Rule::k_expect)?;
    let kind = children.any()?;
    let rule = kind.as_rule();
    let mut parts = Children::of(builder, kind);
    Ok(match rule {
        Rule::expect_reason => {
            parts.take(Rule::k_reason)?;
            Expectation::Reason(builder.text(&parts.take(Rule::text)?)?, span)
        }
        Rule::expect_missing => {
            parts.take(Rule::k_missing)?;
            let names = parts.maybe(Rule::names).map_or(Vec::new(), |node| builder.names(node));
            Expectation::Missing(names, span)
        }
        _ => {
            let outcome = builder.name(&parts.take(Rule::name)?);
            Expectation::Outcome(outcome, parts.maybe(Rule::name).map(|node| builder.name(&node)))
        }
    })
}
