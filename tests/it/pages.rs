//! The pages of `guiju explain`: their form, and their examples as the fixtures of the static checks. A refused example
//! is shown with its messages in `snapshots/check`. Invariant: a code without a refused and an accepted example fails.

use crate::diagnostics::visible;
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::pages::{BASE, Example, SECTIONS, page};
use guiju_compiler::diagnostics::{Code, render};
use guiju_compiler::package::{Compiled, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};
use std::collections::BTreeSet;

/// Codes that no source can bring about on purpose: the compiler found a fault of its own.
const OWN_FAULTS: &[Code] = &[Code::Internal, Code::FormatterFault];

/// The data standard that examples import.
pub(crate) fn base() -> SourceFile {
    SourceFile { name: "base.gj".into(), text: BASE.into() }
}

/// Every example, with its page's code and its name, such as `E0401-gap`.
fn examples(accepted: bool) -> Vec<(Code, String, Example)> {
    let all = Code::ALL.iter().flat_map(|code| page(*code).examples.into_iter().map(|e| (*code, e)));
    all.filter(|(_, e)| e.accepted == accepted).map(|(code, e)| (code, format!("{code}-{}", e.name), e)).collect()
}

/// The source of the example called `name`, such as `E0401-gap`.
pub(crate) fn example(name: &str, accepted: bool) -> String {
    let found = examples(accepted).into_iter().find(|(_, other, _)| other == name);
    found.unwrap_or_else(|| panic!("no example {name}")).2.source()
}

fn compiled(name: &str, example: &Example) -> (Vec<SourceFile>, Compiled) {
    let files = vec![base(), SourceFile { name: format!("{name}.gj"), text: example.source() }];
    let compiled = compile(&files);
    (files, compiled)
}

#[test]
fn every_page_says_all_in_both_languages() {
    for code in Code::ALL {
        let page = page(*code);
        let headings: Vec<&str> = page.sections.iter().map(|(heading, _)| *heading).collect();
        assert_eq!(headings, SECTIONS.map(|(heading, _)| heading), "{code}");
        let texts = [(&page.title.zh, Language::Zh), (&page.title.en, Language::En)];
        let bodies = page.sections.iter().zip(SECTIONS).map(|((_, body), (_, language))| (body, language));
        for (text, language) in texts.into_iter().chain(bodies) {
            let han = text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
            let words = text.split_whitespace().filter(|w| w.bytes().all(|b| b.is_ascii())).count();
            match language {
                Language::Zh => assert!(han, "{code}: {text:?}"),
                Language::En => assert!(words > 0 && !text.contains('，') && !text.contains('。'), "{code}: {text:?}"),
            }
        }
        let known: BTreeSet<&str> = page.examples.iter().filter(|e| !e.accepted).map(|e| e.name).collect();
        assert_eq!(known.len(), page.examples.iter().filter(|e| !e.accepted).count(), "{code}: a name twice");
        for mended in page.examples.iter().filter(|e| e.accepted) {
            assert!(known.contains(mended.name), "{code}: `{}` mends nothing", mended.name);
        }
        if OWN_FAULTS.contains(code) {
            assert!(page.examples.is_empty(), "{code} has an example: shorten the list");
        } else {
            assert!(page.examples.iter().any(|e| e.accepted) && !known.is_empty(), "{code} lacks an example");
        }
        for text in page.examples.iter().map(|e| &e.text) {
            assert_eq!(&visible(text), text, "{code}: escape hidden characters as <U+XXXX>");
        }
    }
}

#[test]
fn no_fixture_lies_beside_the_pages() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/check");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let names: Vec<_> = entries.map(|e| e.expect("an entry").file_name()).filter(|n| n != "whole.gj").collect();
    assert!(names.is_empty(), "make these examples of their pages: {names:?}");
}

#[test]
fn what_is_wrong_is_refused_with_its_code() {
    let mut wrong = Vec::new();
    for (code, name, example) in examples(false) {
        let (files, compiled) = compiled(&name, &example);
        let found: BTreeSet<&str> = compiled.diagnostics.iter().map(|d| d.code.as_str()).collect();
        let said: BTreeSet<&str> = example.also.iter().copied().chain([code.as_str()]).collect();
        if found != said {
            wrong.push(format!("{name}: {found:?}, not {said:?}"));
        }
        assert_eq!(compiled.package.is_none(), said.iter().any(|c| c.starts_with('E')), "{name}");
        let mut shown = String::new();
        for language in [Language::Zh, Language::En] {
            for diagnostic in &compiled.diagnostics {
                shown.push_str(&render::plain(&files, diagnostic, language));
            }
        }
        insta::with_settings!({ snapshot_path => "snapshots/check", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, visible(&shown));
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_right_is_accepted_and_its_tests_pass() {
    let mut wrong = Vec::new();
    for (_, name, example) in examples(true) {
        let (files, compiled) = compiled(&name, &example);
        let shown: String = compiled.diagnostics.iter().map(|d| render::plain(&files, d, Language::En)).collect();
        let package = compiled.package.unwrap_or_else(|| panic!("{name} is refused:\n{shown}"));
        if !shown.is_empty() {
            wrong.push(format!("{name}:\n{shown}"));
        }
        for report in run(&package, Engine::Both) {
            assert!(report.passed(), "{name} {}:\n{}", report.title, report.text(Language::En));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
