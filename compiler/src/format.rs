//! The canonical layout of a source. Owns the promise that formatting changes no meaning.
//! Invariant: the output parses to the same tree as the input, spans aside, and formatting it again changes nothing.
//! Must not know: types, other modules.
//!
//! Four spaces a level, one clause a line, tables and fields in columns by display width, half-width punctuation.
//! `language` translates keywords, never names. What words were chosen for a comparison (`满` or `>=`) is kept.

mod cases;
mod expression;
mod fact;
mod item;
mod layout;
mod policy;
mod property;

use crate::ast::{Language, Module};
use crate::diagnostics::{Code, Diagnostic};
use crate::parse::parse;
use crate::source::{FileId, SourceFile, Span};

/// The source in canonical layout, with keywords in `language` if given; or why it cannot be formatted.
pub fn format(source: &SourceFile, language: Option<Language>) -> Result<String, Vec<Diagnostic>> {
    let file = FileId::default();
    let (module, diagnostics) = parse(file, source);
    let module = match module {
        Some(module) if !diagnostics.iter().any(Diagnostic::is_error) => module,
        _ => return Err(diagnostics),
    };
    let output = item::module(&source.text, &module, language.unwrap_or(module.language));
    let again = SourceFile { name: source.name.clone(), text: output };
    // A changed policy is worse than an ugly one, so the output is judged by the parser, not trusted.
    let same = match parse(file, &again) {
        (Some(reread), diagnostics) if !diagnostics.iter().any(Diagnostic::is_error) => {
            meaning(module) == meaning(reread)
        }
        _ => false,
    };
    if same {
        return Ok(again.text);
    }
    Err(vec![Diagnostic::new(
        Code::FormatterFault,
        Span { file, start: 0, end: 0 },
        "格式化程序自身有错: 输出的含义与原文不同, 因此不作改动",
        "fault of the formatter: its output would mean something else, so nothing is changed",
    )])
}

/// One claim of a property in a keyword language, for reports.
pub(crate) fn claim(claim: &crate::ast::Claim, language: Language) -> String {
    property::line(&layout::Writer::new("", &[], language), claim)
}

/// The tree as text, without spans, language and where comments stand.
fn meaning(mut module: Module) -> String {
    let comments: Vec<String> = module.comments.drain(..).map(|comment| comment.text).collect();
    module.language = Language::Zh;
    let shown = format!("{module:?} {comments:?}");
    without_spans(&shown)
}

/// Drops every `Span { … }` that stands outside quotes in a debug rendering.
fn without_spans(shown: &str) -> String {
    let mut out = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(at) = rest.find(['"', 'S']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with('"') {
            quoted_length(rest)
        } else if rest.starts_with("Span {") {
            rest = &rest[rest.find('}').map_or(rest.len(), |end| end + 1)..];
            continue;
        } else {
            1
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// Bytes of the quoted text that `rest` starts with.
fn quoted_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}
