//! Diagnostics as text for people and as JSON for tools. The only file that names `annotate-snippets`.
//! Invariant: output depends on the diagnostic and the sources alone; no colour, no terminal. Must not know: codes' meaning.

use super::{Diagnostic, Severity};
use crate::ast::Language;
use crate::source::{SourceFile, Span};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt::Write;
use std::ops::Range;

/// Renders with the source lines, without colour. Ends with a line feed.
pub fn plain(files: &[SourceFile], diagnostic: &Diagnostic, language: Language) -> String {
    let level = match (diagnostic.severity, language) {
        (Severity::Error, Language::Zh) => Level::ERROR.with_name("错误"),
        (Severity::Error, Language::En) => Level::ERROR,
        (Severity::Warning, Language::Zh) => Level::WARNING.with_name("警告"),
        (Severity::Warning, Language::En) => Level::WARNING,
    };
    let mut group = level
        .primary_title(diagnostic.message.pick(language))
        .id(diagnostic.code.as_str())
        .elements(snippets(files, diagnostic, language));
    if let Some(help) = &diagnostic.help {
        let name = if language == Language::Zh { "改法" } else { "help" };
        group = group.element(Level::HELP.with_name(name).message(help.pick(language)));
    }
    let mut out = Renderer::plain().render(&[group]);
    out.push('\n');
    if let Some(witness) = &diagnostic.witness {
        out.push_str(match language {
            Language::Zh => "   = 反例:\n",
            Language::En => "   = witness:\n",
        });
        for line in witness.lines() {
            let _ = writeln!(out, "     {line}");
        }
    }
    out
}

/// One snippet a file: the primary file first, then others in order of first mention.
fn snippets<'a>(
    files: &'a [SourceFile],
    diagnostic: &'a Diagnostic,
    language: Language,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let mut order = vec![diagnostic.primary.file];
    for (span, _) in &diagnostic.labels {
        if !order.contains(&span.file) {
            order.push(span.file);
        }
    }
    let mut out = Vec::new();
    for file in order {
        let Some(source) = files.get(file.0 as usize) else { continue };
        let mut snippet = Snippet::source(source.text.as_str()).path(source.name.as_str());
        if diagnostic.primary.file == file {
            snippet = snippet.annotation(AnnotationKind::Primary.span(range(source, diagnostic.primary)));
        }
        for (span, text) in diagnostic.labels.iter().filter(|(span, _)| span.file == file) {
            snippet = snippet.annotation(AnnotationKind::Context.span(range(source, *span)).label(text.pick(language)));
        }
        out.push(snippet);
    }
    out
}

/// The span's bytes, brought inside the file and onto character boundaries, so that a wrong span cannot panic.
fn range(source: &SourceFile, span: Span) -> Range<usize> {
    let length = source.text.len();
    let mut start = (span.start as usize).min(length);
    while !source.text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (span.end as usize).clamp(start, length);
    while !source.text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// One JSON object on one line: code, severity, both messages, place, labels, help, witness.
pub fn json(files: &[SourceFile], diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = format!("{{\"code\":\"{}\",\"severity\":\"{severity}\",\"message\":", diagnostic.code);
    json_text(&mut out, &diagnostic.message);
    out.push_str(",\"span\":");
    json_span(&mut out, files, diagnostic.primary);
    out.push_str(",\"labels\":[");
    for (index, (span, text)) in diagnostic.labels.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str("{\"span\":");
        json_span(&mut out, files, *span);
        out.push_str(",\"message\":");
        json_text(&mut out, text);
        out.push('}');
    }
    out.push_str("],\"help\":");
    match &diagnostic.help {
        Some(help) => json_text(&mut out, help),
        None => out.push_str("null"),
    }
    out.push_str(",\"witness\":");
    match &diagnostic.witness {
        Some(witness) => json_string(&mut out, witness),
        None => out.push_str("null"),
    }
    out.push('}');
    out
}

fn json_text(out: &mut String, text: &super::Text) {
    out.push_str("{\"zh\":");
    json_string(out, &text.zh);
    out.push_str(",\"en\":");
    json_string(out, &text.en);
    out.push('}');
}

fn json_span(out: &mut String, files: &[SourceFile], span: Span) {
    let Some(source) = files.get(span.file.0 as usize) else {
        out.push_str("null");
        return;
    };
    let bytes = range(source, span);
    let (line, column) = source.line_column(u32::try_from(bytes.start).unwrap_or(u32::MAX));
    out.push_str("{\"file\":");
    json_string(out, &source.name);
    let _ = write!(out, ",\"start\":{},\"end\":{},\"line\":{line},\"column\":{column}}}", bytes.start, bytes.end);
}

fn json_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if u32::from(control) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
