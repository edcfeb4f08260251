//! What the compiler tells people. Owns the diagnostic and its two languages; codes and rendering are below it.
//! Invariant: every diagnostic has a stable code, a span in a given file, and its message in Chinese and English.
//! Must not know: grammar, types, where text came from.

mod code;
pub mod pages;
pub mod render;

pub use code::Code;

use crate::source::Span;

/// One sentence in both languages: no capital at the start, no full stop at the end, user text in backticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Text {
    /// Pairs the two versions.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The version for `language`.
    pub fn pick(&self, language: crate::ast::Language) -> &str {
        match language {
            crate::ast::Language::Zh => &self.zh,
            crate::ast::Language::En => &self.en,
        }
    }
}

/// Whether the source is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The source is refused.
    Error,
    /// The source is accepted; a person should look.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// Severity.
    pub severity: Severity,
    /// What is wrong.
    pub message: Text,
    /// Where.
    pub primary: Span,
    /// Other places that matter, each with what it is.
    pub labels: Vec<(Span, Text)>,
    /// How to fix it.
    pub help: Option<Text>,
    /// A ready-made test in the syntax of the file that shows the fault.
    pub witness: Option<String>,
}

impl Diagnostic {
    /// A diagnostic with the severity of its code (`W…` warns, `E…` refuses).
    pub fn new(code: Code, primary: Span, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: Text::new(zh, en),
            primary,
            labels: Vec::new(),
            help: None,
            witness: None,
        }
    }

    /// Adds a second place.
    #[must_use]
    pub fn label(mut self, span: Span, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.labels.push((span, Text::new(zh, en)));
        self
    }

    /// Says how to fix it.
    #[must_use]
    pub fn help(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.help = Some(Text::new(zh, en));
        self
    }

    /// Attaches a test that shows the fault.
    #[must_use]
    pub fn witness(mut self, test: impl Into<String>) -> Self {
        self.witness = Some(test.into());
        self
    }

    /// Whether it refuses the source.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
