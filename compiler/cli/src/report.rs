//! What a run says. Owns the two streams, the language of messages, and the rule that a broken pipe ends quietly.
//! Invariant: results go to one stream, findings to the other. Must not know: what the commands do.

use crate::Ending;
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::{Code, Diagnostic, Severity, render};
use guiju_compiler::source::SourceFile;
use std::io::Write;

/// Where and in which language to speak.
pub(crate) struct Report<'a> {
    /// Language of messages.
    pub(crate) language: Language,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// The reader went away, or the disk is full.
    failed: bool,
    /// The first code shown, errors before warnings.
    shown: Option<(Severity, Code)>,
}

impl<'a> Report<'a> {
    /// Speaks on the two streams.
    pub(crate) fn new(language: Language, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { language, out, err, failed: false, shown: None }
    }

    /// One line of result.
    pub(crate) fn line(&mut self, zh: &str, en: &str) {
        let text = self.pick(zh, en).to_owned();
        self.failed |= writeln!(self.out, "{text}").is_err();
    }

    /// One line about what went wrong.
    pub(crate) fn complain(&mut self, zh: &str, en: &str) {
        let text = self.pick(zh, en).to_owned();
        self.failed |= writeln!(self.err, "{text}").is_err();
    }

    /// The version in the language of messages.
    pub(crate) fn pick<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// Findings about the sources. Returns whether one of them refuses a source.
    pub(crate) fn diagnostics(&mut self, files: &[SourceFile], diagnostics: &[Diagnostic]) -> bool {
        for diagnostic in diagnostics {
            let text = render::plain(files, diagnostic, self.language);
            self.failed |= writeln!(self.err, "{text}").is_err();
            if self.shown.is_none_or(|(severity, _)| diagnostic.severity < severity) {
                self.shown = Some((diagnostic.severity, diagnostic.code));
            }
        }
        diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Says once in a run where more is to be read, if anything was found.
    pub(crate) fn pointer(&mut self) {
        if let Some((_, code)) = self.shown.take() {
            self.complain(
                &format!("含义与改法见 `guiju explain {code}`"),
                &format!("for the meaning and the fix: `guiju explain {code}`"),
            );
        }
    }

    /// Text of result as it is.
    pub(crate) fn text(&mut self, text: &str) {
        self.failed |= write!(self.out, "{text}").is_err();
    }

    /// The ending, unless the words did not get through.
    pub(crate) fn end(&self, ending: Ending) -> Ending {
        if self.failed { Ending::Usage } else { ending }
    }
}
