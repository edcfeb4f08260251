//! Placeholder shape of diagnostics until the front's file lands.
use crate::source::Span;

/// A code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(pub &'static str);

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Refused.
    Error,
    /// Accepted, but.
    Warning,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Code.
    pub code: Code,
    /// Severity.
    pub severity: Severity,
    /// Message.
    pub message: Text,
    /// Where.
    pub primary: Span,
    /// Further places.
    pub labels: Vec<(Span, Text)>,
    /// What to do.
    pub help: Option<Text>,
    /// An input that shows it.
    pub witness: Option<String>,
}
