//! The diffable text of certificate types, and how types are written in it. Owns the flattening of groups and lists.
//! Invariant: every field, class and variant is a line. Must not know: expressions.

use crate::hash;
use crate::typed::show_type;
use guiju_runtime::value::{Class, EnumType, GroupType, Schema, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Enumerations by name, so that each is told once.
pub(super) type Enums = BTreeMap<String, Arc<EnumType>>;

/// The diffable text of a certificate type, one fact a line, ending with a line feed.
pub fn schema(schema: &Schema) -> String {
    let mut lines = vec![
        format!("证书 {}", schema.name),
        format!("模块 {}", schema.module),
        format!("含义 {}", hash::hex(&hash::schema(schema))),
        format!("由 {}", schema.owner),
    ];
    lines.extend(schema.filed_under.iter().map(|path| format!("归档 {}", path.join("."))));
    lines.push(completeness(schema));
    let mut enums = Enums::new();
    fields(&mut lines, &mut enums, "", &schema.group);
    variants(&mut lines, &enums);
    super::finish(lines)
}

/// Since when the owner vouches that nothing is missing.
pub(super) fn completeness(schema: &Schema) -> String {
    match schema.complete_from {
        Some(date) => format!("完备 自 {date}"),
        None => "完备 否".to_owned(),
    }
}

/// A type, `?` if it may be absent; what it names is noted in `enums`.
pub(super) fn shown_type(ty: &Type, optional: bool, enums: &mut Enums) -> String {
    note(ty, enums);
    format!("{}{}", show_type(ty), if optional { "?" } else { "" })
}

/// One line a variant, with the standard's code.
pub(super) fn variants(lines: &mut Vec<String>, enums: &Enums) {
    for (name, declared) in enums {
        for (variant, code) in &declared.variants {
            let code = code.as_ref().map_or(String::new(), |c| format!(" {c:?}"));
            lines.push(format!("枚举 {name} 值 {variant}{code}"));
        }
    }
}

fn note(ty: &Type, enums: &mut Enums) {
    match ty {
        Type::Enum(declared) => {
            enums.insert(declared.name.clone(), declared.clone());
        }
        Type::List { element, .. } => note(element, enums),
        _ => {}
    }
}

/// Groups do not contain themselves: a frame is laid out for every certificate type, which has a fixed size.
fn fields(lines: &mut Vec<String>, enums: &mut Enums, before: &str, group: &GroupType) {
    let name = |index: usize| group.fields.get(index).map_or("", |f| f.name.as_str());
    if let Some(term) = &group.term {
        let end = term.end.map_or(String::new(), |(end, included)| {
            format!(" {} {before}{}", if included { "至" } else { "止于" }, name(end))
        });
        lines.push(format!("在期 自 {before}{}{end}", name(term.from)));
    }
    for field in &group.fields {
        let path = format!("{before}{}", field.name);
        let class = field.class.map_or(String::new(), |c| format!(" {}", class_word(c)));
        lines.push(format!("字段 {path} : {}{class}", shown_type(&field.ty, field.optional, enums)));
        match &field.ty {
            Type::Group(inner) => fields(lines, enums, &format!("{path}."), inner),
            Type::List { element, .. } => {
                if let Type::Group(inner) = &**element {
                    fields(lines, enums, &format!("{path}[]."), inner);
                }
            }
            _ => {}
        }
    }
}

fn class_word(class: Class) -> &'static str {
    match class {
        Class::Public => "公开",
        Class::ResultOnly => "仅结果",
        Class::ByGrant => "凭授权",
        Class::Never => "不出",
    }
}
