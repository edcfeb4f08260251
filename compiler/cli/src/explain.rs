//! `guiju explain`: what a code means, why it matters and how to fix it. Invariant: it reads no file, and an example that is
//! retold in English keywords is still refused or accepted for the same reasons. Must not know: how pages are written.

use crate::Ending;
use crate::command::Explain;
use crate::report::Report;
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::Code;
use guiju_compiler::diagnostics::pages::{self, Example, page};
use guiju_compiler::format::format;
use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Explain, report: &mut Report) -> Ending {
    let Some(wanted) = &arguments.code else {
        for code in Code::ALL {
            let title = page(*code).title;
            report.line(&format!("{code} {}", title.zh), &format!("{code} {}", title.en));
        }
        return report.end(Ending::Well);
    };
    if wanted == "base" {
        let text = translated(pages::BASE, report.language).unwrap_or_else(|| pages::BASE.to_owned());
        report.text(&text);
        return report.end(Ending::Well);
    }
    match Code::parse(wanted) {
        Some(code) => {
            let mut page = page(code);
            retell(&mut page.examples, report.language);
            report.text(&page.plain(report.language));
            report.end(Ending::Well)
        }
        None => {
            report.complain(
                &format!("没有代码 `{wanted}`; `guiju explain` 列出全部代码"),
                &format!("there is no code `{wanted}`; `guiju explain` lists all codes"),
            );
            report.end(Ending::Usage)
        }
    }
}

/// Puts examples into the keywords of the reader's language, a refused one together with the one that mends it.
fn retell(examples: &mut [Example], language: Language) {
    let retold: Vec<Option<String>> = examples.iter().map(|example| retold(example, language)).collect();
    let kept: Vec<&str> =
        examples.iter().zip(&retold).filter(|(_, text)| text.is_none()).map(|(e, _)| e.name).collect();
    for (example, text) in examples.iter_mut().zip(retold) {
        if !kept.contains(&example.name)
            && let Some(text) = text
        {
            example.text = text;
        }
    }
}

/// The example in another language's keywords, unless layout or language is what it is about.
fn retold(example: &Example, language: Language) -> Option<String> {
    let source = example.source();
    let text = translated(&source, language).filter(|_| source == example.text)?;
    (codes(&source) == codes(&text)).then_some(text)
}

/// Pages are written in Chinese, so only readers of English are shown another text.
fn translated(text: &str, language: Language) -> Option<String> {
    let source = SourceFile { name: "example.gj".into(), text: text.into() };
    (language == Language::En).then(|| format(&source, Some(language)).ok()).flatten()
}

/// Codes of what is found in the example, in order of place.
fn codes(text: &str) -> Vec<Code> {
    let files = [("base.gj", pages::BASE), ("example.gj", text)];
    let files = files.map(|(name, text)| SourceFile { name: name.into(), text: text.into() });
    compile(&files).diagnostics.iter().map(|finding| finding.code).collect()
}
