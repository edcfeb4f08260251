//! Facts as a test in source syntax. Invariant: what it prints parses, and gives back the facts it was made of, but for
//! fields that the policy does not read. Must not know: proofs.

use super::draft::word_of;
use super::synthetic::neutral;
use crate::ast::Language;
use crate::package::Policy;
use crate::typed::{show_word, show_word_en};
use guiju_runtime::value::{Fact, Type, Value};
use std::fmt::Write as _;

/// A test to be printed.
pub(crate) struct Case<'a> {
    /// Policy under test.
    pub(crate) policy: &'a Policy,
    /// Its title.
    pub(crate) title: &'a str,
    /// One fact a root, the as-of date first.
    pub(crate) facts: &'a [Fact],
    /// What each outcome shall be; `None`: undetermined.
    pub(crate) expected: Vec<(String, Option<String>)>,
    /// Keyword language.
    pub(crate) language: Language,
    /// The root that is no fact of the policy and is told in a remark.
    pub(crate) remark: Option<usize>,
}

impl Case<'_> {
    /// The test.
    pub(crate) fn text(&self) -> String {
        let zh = self.language == Language::Zh;
        let on = match self.facts.first() {
            Some(Fact::Known(Value::Date(d))) => d.to_string(),
            _ => self.policy.effective_from.to_string(),
        };
        let mut out = String::new();
        let (test, at) = if zh { ("测试", "于") } else { ("test", "on") };
        let _ = writeln!(out, "{test} {} {} {at} {on} {{", quoted(self.title), self.policy.name);
        for (root, line) in facts_of(self.policy, self.facts, self.language) {
            let lead = if self.remark == Some(root) { "// " } else { "" };
            let _ = writeln!(out, "  {lead}{line}");
        }
        let (expect, open) = if zh { ("期望", "待定") } else { ("expect", "undetermined") };
        for (outcome, value) in &self.expected {
            let _ = writeln!(out, "  {expect} {outcome} = {}", value.as_deref().unwrap_or(open));
        }
        out.push('}');
        out
    }
}

/// The facts of all roots but the date, one a line, each with its root.
fn facts_of(policy: &Policy, facts: &[Fact], language: Language) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (i, (root, fact)) in policy.layout.roots.iter().zip(facts).enumerate().skip(1) {
        let optional_input = policy.input_optional.get(i - 1).copied();
        if optional_input == Some(true) && *fact == Fact::Absent {
            continue;
        }
        let schema = policy.evidence.iter().find(|e| e.root == i).map(|e| e.schema.name.as_str());
        let text = Printer { policy, schema, language }.fact(fact, &root.ty, &mut Vec::new());
        lines.push((i, format!("{} = {text}", root.name)));
    }
    lines
}

/// Whether words of the type stand for texts.
pub(super) fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::Text { .. } | Type::Identifier(_))
}

/// A scalar value as a literal.
pub(crate) fn value_text(ty: &Type, value: &Value, language: Language) -> String {
    match value {
        Value::Text(t) => quoted(t),
        other => {
            let word = word_of(other).unwrap_or(0);
            if language == Language::Zh { show_word(ty, word) } else { show_word_en(ty, word) }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

struct Printer<'a> {
    policy: &'a Policy,
    schema: Option<&'a str>,
    language: Language,
}

impl Printer<'_> {
    fn fact(&self, fact: &Fact, ty: &Type, path: &mut Vec<String>) -> String {
        let zh = self.language == Language::Zh;
        match fact {
            Fact::Absent => if zh { "无" } else { "absent" }.into(),
            Fact::Unknown => if zh { "未知" } else { "unknown" }.into(),
            Fact::Known(value) => self.value(value, ty, path),
        }
    }

    fn value(&self, value: &Value, ty: &Type, path: &mut Vec<String>) -> String {
        match (value, ty) {
            (Value::Group(facts), Type::Group(group)) => {
                let mut shown = Vec::new();
                for (field, fact) in group.fields.iter().zip(facts) {
                    path.push(field.name.clone());
                    let silent = *fact == Fact::Absent && field.optional;
                    // What the policy does not read may be left out, if there is a neutral value to stand for it.
                    if !silent && (self.read(path) || neutral(&field.ty).is_none() || has_code(&field.ty)) {
                        shown.push(format!("{} = {}", field.name, self.fact(fact, &field.ty, path)));
                    }
                    path.pop();
                }
                if shown.is_empty() { "{ }".into() } else { format!("{{ {} }}", shown.join(", ")) }
            }
            (Value::List(items), Type::List { element, .. }) => {
                let shown: Vec<String> = items.iter().map(|v| self.value(v, element, path)).collect();
                if shown.is_empty() { "[ ]".into() } else { format!("[ {} ]", shown.join(", ")) }
            }
            _ => value_text(ty, value, self.language),
        }
    }

    fn read(&self, path: &[String]) -> bool {
        let Some(schema) = self.schema else { return true };
        self.policy.reads_field(schema, &path.join("."))
    }
}

/// Whether a test must name the value: identifiers without a neutral one of their own.
fn has_code(ty: &Type) -> bool {
    use guiju_runtime::value::IdentifierKind::{CertificateId, UnitCode};
    match ty {
        Type::Identifier(CertificateId | UnitCode) => true,
        Type::Group(g) => g.fields.iter().any(|f| !f.optional && has_code(&f.ty)),
        _ => false,
    }
}
