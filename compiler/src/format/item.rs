//! Top-level items as text, in the order of the source. Owns the layout of everything but policies.
//! Invariant: each entry is written once. Must not know: expressions' inside.

use super::fact::Place;
use super::layout::{LINE_WIDTH_MAX, Writer, bracketed, pad, quote, width};
use super::policy;
use super::{cases, expression, fact, property};
use crate::ast::{
    CertificateItem, ClassWord, ExchangeWord, Expectation, FieldItem, FormulaItem, Import, Item, Language, LegalSource,
    MappingItem, Module, Name, SharingClause, SharingItem, TermItem, TestItem, TypeExpr, TypeKind,
};
use crate::parse::Rule;
use crate::source::Span;

/// Any top-level entry.
enum Entry<'a> {
    Import(&'a Import),
    Source(&'a LegalSource),
    Item(&'a Item),
}

impl Entry<'_> {
    fn span(&self) -> Span {
        match self {
            Self::Import(import) => import.span,
            Self::Source(source) => source.span,
            Self::Item(item) => item.span(),
        }
    }

    /// Kinds that may stand on adjacent lines.
    fn compact(&self) -> u8 {
        match self {
            Self::Import(_) => 1,
            Self::Source(_) => 2,
            Self::Item(Item::Enum(_)) => 3,
            Self::Item(_) => 0,
        }
    }
}

/// The whole module.
pub(super) fn module(source: &str, module: &Module, language: Language) -> String {
    let mut writer = Writer::new(source, &module.comments, language);
    let (start, end) = language_line(source, module);
    writer.before(start, start);
    let tag = if language == Language::Zh { "zh" } else { "en" };
    let line = format!("{} {tag}", writer.word(Rule::k_language));
    writer.unit(&line, end);
    let name = module.name.span;
    writer.before(name.start, name.end);
    let line = format!("{} {}", writer.word(Rule::k_module), expression::path(&writer, &module.name));
    writer.unit(&line, name.end);

    let mut entries: Vec<Entry> = module.imports.iter().map(Entry::Import).collect();
    entries.extend(module.sources.iter().map(Entry::Source));
    entries.extend(module.items.iter().map(Entry::Item));
    entries.sort_by_key(|entry| entry.span().start);
    let mut last = Some(1);
    for entry in &entries {
        let kind = entry.compact();
        if kind == 0 || last != Some(kind) {
            // The first imports may follow the module line directly.
            if !(last == Some(1) && kind == 2) {
                writer.separate();
            }
        }
        last = Some(kind);
        self::entry(&mut writer, entry);
    }
    writer.finish()
}

/// Where the language line stands: after the comments that open the file.
fn language_line(source: &str, module: &Module) -> (u32, u32) {
    let mut start = 0;
    for comment in &module.comments {
        let from = start as usize;
        if !source.get(from..comment.span.start as usize).unwrap_or("x").trim().is_empty() {
            break;
        }
        start = comment.span.end;
    }
    let rest = source.get(start as usize..).unwrap_or("");
    let blanks = rest.len() - rest.trim_start().len();
    let tag = rest.find("zh").into_iter().chain(rest.find("en")).min().unwrap_or(0) + 2;
    let place = |bytes: usize| start.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    (place(blanks), place(tag))
}

fn entry(writer: &mut Writer, entry: &Entry) {
    let span = entry.span();
    match entry {
        Entry::Import(import) => {
            writer.before(span.start, span.end);
            let head = format!("{} {} ", writer.word(Rule::k_import), expression::path(writer, &import.module));
            let line =
                format!("{head}{}", bracketed("{", &listed(writer, &import.names), "}", " ", room(writer, &head)));
            writer.unit(&line, span.end);
        }
        Entry::Source(source) => {
            writer.before(span.start, span.end);
            let mut line = format!(
                "{} {} {} {}",
                writer.word(Rule::k_source),
                quote(&source.title),
                writer.word(Rule::k_as),
                source.name.text
            );
            if let Some(note) = &source.note {
                line = format!("{line} {} {}", writer.word(Rule::k_note), quote(note));
            }
            writer.unit(&line, span.end);
        }
        Entry::Item(Item::Enum(item)) => {
            writer.before(span.start, span.end);
            let variants: Vec<String> = item
                .variants
                .iter()
                .map(|(name, code)| match code {
                    Some(code) => format!("{} {}", name.text, quote(code)),
                    None => name.text.clone(),
                })
                .collect();
            let head = format!("{} {} ", writer.word(Rule::k_enum), expression::listed(writer, &item.name));
            let line = format!("{head}{}", bracketed("{", &variants, "}", " ", room(writer, &head)));
            writer.unit(&line, span.end);
        }
        Entry::Item(Item::Group(item)) => {
            writer.before(span.start, span.start);
            let head = format!("{} {}{}", writer.word(Rule::k_group), item.name.text, term(writer, item.term.as_ref()));
            fields(writer, &head, &item.fields, span.end);
        }
        Entry::Item(Item::Certificate(item)) => certificate(writer, item),
        Entry::Item(Item::Policy(item)) => policy::policy(writer, item),
        Entry::Item(Item::Sharing(item)) => sharing(writer, item),
        Entry::Item(Item::Test(item)) => test(writer, item),
        Entry::Item(Item::Property(item)) => property::property(writer, item),
        Entry::Item(Item::Cases(item)) => cases::cases(writer, item),
        Entry::Item(Item::Mapping(item)) => mapping(writer, item),
        Entry::Item(Item::Formula(item)) => formula(writer, item),
    }
}

/// Columns left on a line after `head`.
pub(super) fn room(writer: &Writer, head: &str) -> usize {
    LINE_WIDTH_MAX.saturating_sub(writer.indent_width() + width(head))
}

fn listed(writer: &Writer, names: &[Name]) -> Vec<String> {
    names.iter().map(|name| expression::listed(writer, name)).collect()
}

fn formula(writer: &mut Writer, item: &FormulaItem) {
    writer.before(item.span.start, item.span.end);
    let parameters: Vec<String> =
        item.parameters.iter().map(|(name, ty)| format!("{} : {}", name.text, type_expr(writer, ty))).collect();
    let head = format!("{} {}", writer.word(Rule::k_formula), item.name.text);
    let given = bracketed("(", &parameters, ")", "", room(writer, &head));
    let head = format!("{head}{given} : {} =", type_expr(writer, &item.ty));
    let line = policy::computed(writer, &head, &item.body, item.citation.as_ref());
    writer.unit(&line, item.span.end);
}

fn mapping(writer: &mut Writer, item: &MappingItem) {
    writer.before(item.span.start, item.span.start);
    let head = format!(
        "{} {} {} {}",
        writer.word(Rule::k_mapping),
        expression::listed(writer, &item.from),
        writer.word(Rule::k_onto),
        expression::listed(writer, &item.to)
    );
    let first = item.pairs.first().and_then(|(sources, _)| sources.first());
    writer.open(&head, first.map_or(item.span.end, |name| name.span.start));
    for (sources, target) in &item.pairs {
        let start = sources.first().map_or(target.span.start, |name| name.span.start);
        writer.before(start, target.span.end);
        writer.unit(&format!("{} => {}", texts(sources).join(", "), target.text), target.span.end);
    }
    if let Some(rest) = item.rest_same {
        writer.before(rest.start, rest.end);
        let line = writer.word(Rule::k_rest_same);
        writer.unit(line, rest.end);
    }
    writer.close(item.span.end);
}

/// The names' texts.
pub(super) fn texts(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| name.text.clone()).collect()
}

fn certificate(writer: &mut Writer, item: &CertificateItem) {
    writer.before(item.span.start, item.span.start);
    let filed: Vec<String> = item.filed_under.iter().map(|path| expression::path(writer, path)).collect();
    let mut head = format!(
        "{} {} {} {} {} {}",
        writer.word(Rule::k_certificate),
        item.name.text,
        writer.word(Rule::k_by),
        item.by.text,
        writer.word(Rule::k_filed),
        filed.join(", ")
    );
    if let Some(from) = &item.complete_from {
        let from = expression::literal(writer, from);
        head = format!("{head} {} {} {from}", writer.word(Rule::k_complete), writer.word(Rule::k_since));
    }
    head.push_str(&term(writer, item.term.as_ref()));
    fields(writer, &head, &item.fields, item.span.end);
}

/// ` 在期 自 f 至 g`, or nothing.
fn term(writer: &Writer, term: Option<&TermItem>) -> String {
    let Some(term) = term else { return String::new() };
    let mut text = format!(" {} {} {}", writer.word(Rule::k_in_force), writer.word(Rule::k_since), term.from.text);
    if let Some((end, included)) = &term.end {
        let word = if *included { Rule::k_to } else { Rule::k_until };
        text = format!("{text} {} {}", writer.word(word), end.text);
    }
    text
}

fn fields(writer: &mut Writer, head: &str, fields: &[FieldItem], end: u32) {
    writer.open(head, fields.first().map_or(end, |field| field.span.start));
    let columns = fields.iter().map(|field| width(&field.name.text)).max().unwrap_or(0);
    for field in fields {
        writer.before(field.span.start, field.span.end);
        let mut line = format!("{} : {}", pad(&field.name.text, columns), type_expr(writer, &field.ty));
        if let Some(class) = field.class {
            let word = match class {
                ClassWord::Public => Rule::k_public,
                ClassWord::ResultOnly => Rule::k_result_only,
                ClassWord::ByGrant => Rule::k_by_grant,
                ClassWord::Never => Rule::k_never,
            };
            line = format!("{line} {}", writer.word(word));
        }
        writer.unit(&line, field.span.end);
    }
    writer.close(end);
}

/// A type.
pub(super) fn type_expr(writer: &Writer, ty: &TypeExpr) -> String {
    let word = |rule| writer.word(rule).to_owned();
    let text = match &ty.kind {
        TypeKind::Boolean => word(Rule::k_boolean),
        TypeKind::Integer { low, high, unit } => {
            let unit = unit.as_ref().map_or(String::new(), |unit| format!(" [{}]", unit.text));
            format!("{} {low}..{high}{unit}", word(Rule::k_integer))
        }
        TypeKind::Decimal { low, high, unit } => {
            let unit = unit.as_ref().map_or(String::new(), |unit| format!(" [{}]", unit.text));
            let (low, high) = (expression::literal(writer, low), expression::literal(writer, high));
            format!("{} {low}..{high}{unit}", word(Rule::k_decimal))
        }
        TypeKind::Money { low, high } => {
            let (low, high) = (expression::literal(writer, low), expression::literal(writer, high));
            format!("{} {low}..{high}", word(Rule::k_money))
        }
        TypeKind::Date => word(Rule::k_date),
        TypeKind::Month => word(Rule::k_month),
        TypeKind::Text { max } => format!("{} {} {max}", word(Rule::k_text), word(Rule::k_longest)),
        TypeKind::CitizenId => word(Rule::k_citizen_id),
        TypeKind::CreditCode => word(Rule::k_credit_code),
        TypeKind::CertificateId => word(Rule::k_certificate_id),
        TypeKind::UnitCode => word(Rule::k_unit_code),
        TypeKind::Named(name) => expression::listed(writer, name),
        TypeKind::List { element, max } => {
            format!("{} {} {} {max}", word(Rule::k_list), type_expr(writer, element), word(Rule::k_max))
        }
    };
    if ty.optional { format!("{text}?") } else { text }
}

fn sharing(writer: &mut Writer, item: &SharingItem) {
    writer.before(item.span.start, item.span.start);
    let head = format!(
        "{} {} {} {} {} {}",
        writer.word(Rule::k_sharing),
        item.name.text,
        writer.word(Rule::k_by),
        item.by.text,
        writer.word(Rule::k_about),
        item.certificate.text
    );
    writer.open(&head, item.clauses.first().map_or(item.span.end, |clause| clause.span.start));
    for clause in &item.clauses {
        writer.before(clause.span.start, clause.span.end);
        let line = sharing_clause(writer, clause);
        writer.unit(&line, clause.span.end);
    }
    writer.close(item.span.end);
}

fn sharing_clause(writer: &Writer, clause: &SharingClause) -> String {
    let any_or = |parts: Vec<String>| {
        if parts.is_empty() { writer.word(Rule::k_anything).to_owned() } else { parts.join(", ") }
    };
    let exchanges = clause.exchanges.iter().map(|exchange| {
        writer.word(match exchange {
            ExchangeWord::Verification => Rule::k_verification,
            ExchangeWord::Detail => Rule::k_detail,
            ExchangeWord::Evaluation => Rule::k_evaluation,
            ExchangeWord::Contract => Rule::k_contract,
        })
    });
    let mut segments = vec![
        format!(
            "{} {} : {}",
            writer.word(if clause.permit { Rule::k_permit } else { Rule::k_forbid }),
            clause.label.text,
            any_or(exchanges.map(str::to_owned).collect()),
        ),
        format!("{} {}", writer.word(Rule::k_give), any_or(texts(&clause.to))),
        format!("{} {}", writer.word(Rule::k_purpose), any_or(texts(&clause.purposes))),
    ];
    if let Some(limit) = clause.limit {
        segments.push(format!(
            "{} {} {} {} {}",
            writer.word(Rule::k_limit),
            writer.word(Rule::k_per_subject),
            writer.word(Rule::k_per_day),
            policy::bits(limit.millibits_per_day),
            writer.word(Rule::k_bits)
        ));
        segments.extend(limit.millibits_per_ninety_days.map(|millibits| {
            let (every, bits) = (writer.word(Rule::k_per_ninety_days), writer.word(Rule::k_bits));
            format!("{every} {} {bits}", policy::bits(millibits))
        }));
    }
    if clause.points > 0 {
        segments.push(format!("{} {}", writer.word(Rule::k_points), clause.points));
    }
    segments.extend(clause.citation.as_ref().map(policy::citation));
    policy::join_segments(writer, &segments)
}

fn test(writer: &mut Writer, item: &TestItem) {
    writer.before(item.span.start, item.span.start);
    let mut head = format!(
        "{} {} {} {} {}",
        writer.word(Rule::k_test),
        quote(&item.title),
        item.policy.text,
        writer.word(Rule::k_on),
        expression::literal(writer, &item.on)
    );
    if let Some(like) = &item.like {
        head = format!("{head} {} {}", writer.word(Rule::k_like), quote(like));
    }
    // Facts and expectations may be mixed in the source and stay so.
    let mut lines: Vec<(Span, String)> = Vec::new();
    for (path, value) in &item.facts {
        let head = format!("{} = ", expression::path(writer, path));
        let value_text = fact::value(writer, value, Place::Line { indent: 4, head: width(&head) });
        lines.push((path.span.to(fact::span(value)), format!("{head}{value_text}")));
    }
    for expectation in &item.expect {
        lines.push(expectation_line(writer, expectation));
    }
    lines.sort_by_key(|(span, _)| span.start);
    writer.open(&head, lines.first().map_or(item.span.end, |(span, _)| span.start));
    for (span, line) in lines {
        writer.before(span.start, span.end);
        writer.unit(&line, span.end);
    }
    writer.close(item.span.end);
}

fn expectation_line(writer: &Writer, expectation: &Expectation) -> (Span, String) {
    let lead = writer.word(Rule::k_expect);
    match expectation {
        Expectation::Outcome(outcome, value) => {
            let shown = value.as_ref().map_or(writer.word(Rule::k_undetermined), |value| &value.text);
            let end = value.as_ref().map_or(outcome.span, |value| value.span);
            (outcome.span.to(end), format!("{lead} {} = {shown}", outcome.text))
        }
        Expectation::Reason(text, span) => (*span, format!("{lead} {} {}", writer.word(Rule::k_reason), quote(text))),
        Expectation::Missing(names, span) => {
            let names = bracketed("{", &texts(names), "}", if names.is_empty() { "" } else { " " }, usize::MAX);
            (*span, format!("{lead} {} {names}", writer.word(Rule::k_missing)))
        }
    }
}
