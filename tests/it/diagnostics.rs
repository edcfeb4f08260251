//! What people read when a source is refused. Each fixture in `suite/diagnostics` is shown with its messages in both
//! languages; a file more is a test more. Invariant: every fixture is refused, and JSON names the same codes.

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::{Code, Diagnostic, render};
use guiju_compiler::parse::parse;
use guiju_compiler::source::{FileId, SourceFile};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The `*.gj` files of a folder of `suite`, sorted.
pub(crate) fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of fixtures is part of the package")
        .map(|entry| entry.expect("entries are readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gj"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no fixtures in {}", folder.display());
    paths
}

/// A fixture under its bare name, so that snapshots do not depend on where the workspace lies.
pub(crate) fn source(path: &Path) -> SourceFile {
    let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
    SourceFile { name, text: std::fs::read_to_string(path).expect("fixtures are UTF-8") }
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

/// Makes characters that no editor shows visible, so that a snapshot can be reviewed.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if guiju_compiler::names::is_hidden(character) {
            write!(out, "<U+{:04X}>", u32::from(character)).expect("a string takes all");
        } else {
            out.push(character);
        }
    }
    out
}

fn shown(source: &SourceFile, diagnostics: &[Diagnostic]) -> String {
    let files = std::slice::from_ref(source);
    let mut out = format!("{}\n", source.text);
    for language in [Language::Zh, Language::En] {
        out.push_str("――――――――\n");
        for diagnostic in diagnostics {
            out.push_str(&render::plain(files, diagnostic, language));
        }
    }
    visible(&out)
}

#[test]
fn refused_sources_say_what_is_wrong_in_both_languages() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../suite/diagnostics/snapshots");
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    for path in fixtures("diagnostics") {
        let source = source(&path);
        let (_, diagnostics) = parse(FileId(0), &source);
        assert!(diagnostics.iter().any(Diagnostic::is_error), "{} is accepted", source.name);
        insta::assert_snapshot!(stem(&path), shown(&source, &diagnostics));
    }
}

#[test]
fn no_message_names_a_grammar_rule() {
    for path in fixtures("diagnostics") {
        let source = source(&path);
        for diagnostic in parse(FileId(0), &source).1 {
            for text in [&diagnostic.message.zh, &diagnostic.message.en] {
                assert!(!text.contains("k_") && !text.contains("_expr"), "{}: {text}", source.name);
                assert!(!text.contains("something else"), "{}: {text}", source.name);
            }
        }
    }
}

#[test]
fn json_says_the_same() {
    for path in fixtures("diagnostics") {
        let source = source(&path);
        let files = std::slice::from_ref(&source);
        for diagnostic in parse(FileId(0), &source).1 {
            let json: serde_json::Value =
                serde_json::from_str(&render::json(files, &diagnostic)).expect("it is one JSON document");
            assert_eq!(json["code"], diagnostic.code.as_str());
            assert_eq!(json["message"]["zh"], diagnostic.message.zh.as_str());
            assert_eq!(json["message"]["en"], diagnostic.message.en.as_str());
            assert_eq!(json["span"]["start"], diagnostic.primary.start);
            let (line, _) = source.line_column(diagnostic.primary.start);
            assert_eq!(json["span"]["line"], line);
        }
    }
}

#[test]
fn codes_are_unique() {
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
}
