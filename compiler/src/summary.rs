//! The diffable text of what was compiled: for auditors, who compare versions line by line. Owns its lines and their order.
//! Invariant: made of the checked tree that the meaning hash is taken of, without spans, so that reformatting a source or
//! translating its keywords changes nothing, and one changed fact changes its own line (and the hash's).
//! Must not know: source text, files, engines.

pub(crate) mod expression;
mod formula;
mod mapping;
mod schema;
mod sharing;

pub(crate) use expression::text as expression_text;

pub use schema::schema;
pub use sharing::sharing;

use crate::ast::{ClassWord, HitWord, PolicyKind};
use crate::hash;
use crate::package::{CitationText, KeyTerm, Need, Policy, Sharing, Use};
use crate::typed::{self, Body, Key, Written, show_set};
use guiju_runtime::value::{GroupType, Type};
use schema::{Enums, completeness, shown_type, variants};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Laws cited: short name with title, to the note.
type Laws = BTreeMap<(String, String), Option<String>>;

/// The diffable text of a policy, verification or contract, one fact a line, ending with a line feed. Two spaces set off
/// what belongs to the line above. Keywords are Chinese whatever the source's language; names are as declared.
pub fn policy(policy: &Policy) -> String {
    let checked = &*policy.checked;
    let mut lines = head(policy);
    let mut laws = Laws::new();
    let mut enums = Enums::new();
    for input in &checked.inputs {
        lines.push(format!("输入 {} : {}", input.name, shown_type(&input.ty, input.optional, &mut enums)));
    }
    for (e, lowered) in checked.evidence.iter().zip(&policy.evidence) {
        evidence(&mut lines, e);
        lines.extend(lowered.needs.iter().map(need));
    }
    for (i, definition) in checked.definitions.iter().enumerate() {
        let class = policy.rules.get(i).map_or(ClassWord::Public, |r| r.class);
        self::definition(&mut lines, definition, class, &mut laws, &mut enums);
    }
    for (i, outcome) in checked.outcomes.iter().enumerate() {
        self::outcome(&mut lines, policy, i, outcome, &mut laws);
    }
    for release in &policy.releases {
        let with: Vec<&str> = [(release.reasons, "理由"), (release.missing, "缺证")]
            .into_iter()
            .filter_map(|(yes, word)| yes.then_some(word))
            .collect();
        let with = if with.is_empty() { String::new() } else { format!(" 含 {}", with.join(", ")) };
        lines.push(format!(
            "公开 {}{with} 至多 {} 比特 (算得 {})",
            checked.outcomes[release.outcome].name,
            bits(release.declared_millibits),
            bits(release.computed_millibits)
        ));
    }
    for read in &policy.reads {
        lines.push(format!("读取 {} 由 {} : {}", read.schema, read.owner, read.fields.join(", ")));
    }
    checked.writes.iter().for_each(|w| write(&mut lines, checked, w));
    lines.push(format!("代价 {}", policy.cost));
    formula::formulas(&mut lines, checked, &mut laws, &mut enums);
    variants(&mut lines, &enums);
    mapping::mappings(&mut lines, checked);
    self::laws(&mut lines, &laws);
    finish(lines)
}

/// The program of a policy with the keys of its evidence, for people who debug lowering; ends with a line feed.
pub fn program(policy: &Policy) -> String {
    let mut out = format!("# {} {}\n{}", policy.name, policy.version, policy.program);
    for evidence in &policy.evidence {
        for key in &evidence.keys {
            let _ = match key {
                KeyTerm::One(value) => writeln!(out, "key {:?} {value}", evidence.name),
                KeyTerm::Each { list, var, filter: None, value } => {
                    writeln!(out, "key {:?} each(v{} in {list}, value {value})", evidence.name, var.0)
                }
                KeyTerm::Each { list, var, filter: Some(filter), value } => {
                    writeln!(out, "key {:?} each(v{} in {list}, where {filter}, value {value})", evidence.name, var.0)
                }
            };
        }
    }
    out
}

/// The program of a sharing policy; ends with a line feed.
pub fn sharing_program(sharing: &Sharing) -> String {
    format!("# {}\n{}", sharing.name, sharing.program)
}

fn finish(lines: Vec<String>) -> String {
    let mut out = lines.join("\n");
    out.push('\n');
    out
}

fn head(policy: &Policy) -> Vec<String> {
    let kind = match policy.kind {
        PolicyKind::Policy => "策略",
        PolicyKind::Verification => "核验",
        PolicyKind::Contract => "合约",
    };
    let mut lines = vec![
        format!("{kind} {}", policy.name),
        format!("版本 {}", policy.version),
        format!("模块 {}", policy.module),
        format!("含义 {}", hash::hex(&policy.meaning_hash)),
    ];
    lines.extend(policy.by.iter().map(|department| format!("由 {department}")));
    let until = policy.effective_to.map_or("不限".to_owned(), |d| d.to_string());
    let lapses = if policy.checked.lapses { " 后无规定" } else { "" };
    lines.push(format!("施行 {} 至 {until}{lapses}", policy.effective_from));
    if let Some((index, fields)) = &policy.as_of
        && let Some(evidence) = policy.checked.evidence.get(*index)
    {
        lines.push(format!("基准 {}{}", evidence.name, field_path(&evidence.schema.group, fields)));
    }
    lines
}

/// `.a.b` for field indices from a group.
fn field_path(group: &GroupType, fields: &[usize]) -> String {
    let mut out = String::new();
    let mut group = group;
    for index in fields {
        let Some(field) = group.fields.get(*index) else { break };
        let _ = write!(out, ".{}", field.name);
        match &field.ty {
            Type::Group(inner) => group = inner,
            _ => break,
        }
    }
    out
}

fn evidence(lines: &mut Vec<String>, e: &typed::Evidence) {
    let how_many = if e.all { format!("全部 至多 {}", e.max) } else { "最新".to_owned() };
    // Of a list, none at all is the empty list.
    let absent = match (e.optional, e.all) {
        (true, _) => " 可缺",
        (false, false) => " 缺即未知",
        (false, true) => "",
    };
    lines.push(format!("取证 {} = {} {how_many}{absent}", e.name, e.schema.name));
    lines.push(format!("  由 {}", e.schema.owner));
    lines.push(format!("  含义 {}", hash::hex(&hash::schema(&e.schema))));
    lines.push(format!("  {}", completeness(&e.schema)));
    let field = e.field.join(".");
    for key in &e.keys {
        lines.push(match key {
            Key::One(value) => format!("  键 {field} = {}", expression::text(value)),
            Key::Each { list, filter, value, .. } => {
                let filter = filter.as_ref().map_or(String::new(), |f| format!(" 当 {}", expression::text(f)));
                format!("  键 {field} = {} 对 每个 于 {}{filter}", expression::text(value), list.path)
            }
        });
    }
}

/// What of a record is needed, and for what.
fn need(need: &Need) -> String {
    let what = if need.field.is_empty() { "有无" } else { &need.field };
    let uses = need.uses.iter().map(|u| match u {
        Use::Decides => "判断",
        Use::Writes => "写入",
        Use::Finds => "查找",
        Use::Dates => "基准日",
    });
    format!("  所需 {what} 用于 {}", uses.collect::<Vec<_>>().join(", "))
}

fn definition(lines: &mut Vec<String>, d: &typed::Definition, class: ClassWord, laws: &mut Laws, enums: &mut Enums) {
    let ty = shown_type(&d.ty, d.optional, enums);
    let cited = cited(d.citation.as_ref(), laws);
    match &d.body {
        Body::Value { base, exceptions } => {
            lines.push(format!("定义 {} : {ty} = {}{cited}", d.name, expression::text(base)));
            lines.push(format!("  级别 {}", class_word(class)));
            lines.extend(formula::named(&d.formulas, "  "));
            for e in exceptions {
                let label = |i: &usize| exceptions.get(*i).map_or("", |e| e.label.as_str());
                let mut line = format!("  例外 {}", e.label);
                if let Some(of) = &e.of {
                    line = format!("{line} 于 {}", label(of));
                }
                if !e.before.is_empty() {
                    let before: Vec<&str> = e.before.iter().map(label).collect();
                    line = format!("{line} 先于 {}", before.join(", "));
                }
                let cited = self::cited(e.citation.as_ref(), laws);
                let (guard, value) = (expression::text(&e.guard), expression::text(&e.value));
                lines.push(format!("{line} 当 {guard} 则 {value}{cited}"));
                lines.extend(formula::named(&e.formulas, "    "));
            }
        }
        Body::Table { hit, columns, rows, empty, .. } => {
            let empty = empty.as_ref().map_or(String::new(), |e| format!(" 空则 {}", expression::text(e)));
            lines.push(format!("表 {} : {ty} 命中 {}{empty}{cited}", d.name, hit_word(*hit)));
            lines.push(format!("  级别 {}", class_word(class)));
            lines.extend(formula::named(&d.formulas, "  "));
            for row in rows {
                let cells: Vec<String> = columns
                    .iter()
                    .zip(&row.cells)
                    .map(|(column, cell)| match cell {
                        None => format!("{} 任意", expression::text(column)),
                        Some(intervals) => format!("{} {}", expression::text(column), show_set(&column.ty, intervals)),
                    })
                    .collect();
                let cited = self::cited(row.citation.as_ref(), laws);
                let value = match hit {
                    HitWord::Count => String::new(),
                    _ => format!(" => {}", expression::text(&row.value)),
                };
                lines.push(format!("  行 {}{value}{cited}", cells.join("; ")));
                lines.extend(formula::named(&row.formulas, "    "));
            }
        }
    }
}

fn outcome(lines: &mut Vec<String>, policy: &Policy, index: usize, o: &typed::Outcome, laws: &mut Laws) {
    lines.push(format!("结论 {} : {{ {} }} 命中 {}", o.name, o.values.join(", "), hit_word(o.hit)));
    if let Some(lowered) = policy.outcomes.get(index) {
        lines.push(format!("  级别 {}", class_word(lowered.class)));
        let names: Vec<&str> =
            lowered.evidence.iter().filter_map(|i| policy.evidence.get(*i)).map(|e| e.name.as_str()).collect();
        if !names.is_empty() {
            lines.push(format!("  取决于 {}", names.join(", ")));
        }
    }
    for arm in &o.arms {
        let guard = arm.guard.as_ref().map_or("其余".to_owned(), |g| format!("当 {}", expression::text(g)));
        let reason = arm.reason.as_ref().map_or(String::new(), |r| format!(" 理由 {r:?}"));
        let cited = cited(arm.citation.as_ref(), laws);
        lines.push(format!("  {} {guard}{reason}{cited}", o.values[arm.value]));
        lines.extend(formula::named(&arm.formulas, "    "));
    }
}

fn write(lines: &mut Vec<String>, policy: &typed::Policy, w: &typed::Write) {
    let supersedes = w.supersedes.map_or(String::new(), |i| format!(" 取代 {}", policy.evidence[i].name));
    let outcome = &policy.outcomes[w.outcome];
    lines.push(format!(
        "写入 {} 由 {}{supersedes} 当 {} = {}",
        w.schema.name, w.schema.owner, outcome.name, outcome.values[w.value]
    ));
    lines.push(format!("  含义 {}", hash::hex(&hash::schema(&w.schema))));
    for (index, value) in &w.fields {
        field(lines, "", &w.schema.group, *index, value);
    }
    if w.rest_kept {
        lines.push("  其余 照旧".to_owned());
    }
}

fn field(lines: &mut Vec<String>, before: &str, group: &GroupType, index: usize, value: &Written) {
    let Some(field) = group.fields.get(index) else { return };
    written(lines, &format!("{before}{}", field.name), &field.ty, value);
}

fn written(lines: &mut Vec<String>, path: &str, ty: &Type, value: &Written) {
    match (value, ty) {
        (Written::Expr(e), _) => lines.push(format!("  字段 {path} = {}", expression::text(e))),
        (Written::Absent, _) => lines.push(format!("  字段 {path} = 无")),
        (Written::Group(fields), Type::Group(group)) => {
            for (index, value) in fields {
                field(lines, &format!("{path}."), group, *index, value);
            }
        }
        (Written::List(items), Type::List { element, .. }) => {
            lines.push(format!("  字段 {path} 有 {} 项", items.len()));
            for (i, item) in items.iter().enumerate() {
                written(lines, &format!("{path}[{}]", i + 1), element, item);
            }
        }
        // The checker gives groups and lists to fields of those types only.
        (Written::Group(_) | Written::List(_), _) => {}
    }
}

/// ` @short article`; the law is noted to be told in full once.
fn cited(citation: Option<&CitationText>, laws: &mut Laws) -> String {
    let Some(c) = citation else { return String::new() };
    laws.insert((c.short.clone(), c.source.clone()), c.note.clone());
    if c.article.is_empty() { format!(" @{}", c.short) } else { format!(" @{} {}", c.short, c.article) }
}

fn laws(lines: &mut Vec<String>, laws: &Laws) {
    for ((short, source), note) in laws {
        lines.push(format!("依据 {short} = {source:?}"));
        if let Some(note) = note {
            lines.push(format!("  说明 {note:?}"));
        }
    }
}

fn hit_word(hit: HitWord) -> &'static str {
    match hit {
        HitWord::Unique => "唯一",
        HitWord::Any => "任一",
        HitWord::Ordered => "顺序",
        HitWord::Sum => "合计",
        HitWord::Min => "最小",
        HitWord::Max => "最大",
        HitWord::Count => "计数",
    }
}

fn class_word(class: ClassWord) -> &'static str {
    match class {
        ClassWord::Public => "公开",
        ClassWord::ResultOnly => "仅结果",
        ClassWord::ByGrant => "凭授权",
        ClassWord::Never => "不出",
    }
}

/// Thousandths of a bit as a decimal without idle zeros.
fn bits(millibits: u32) -> String {
    let text = format!("{}.{:03}", millibits / 1000, millibits % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
