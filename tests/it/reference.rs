//! The language reference is a project that compiles. Owns taking `compiler/LANGUAGE.md` apart into its modules.
//! Invariant: every block compiles without a finding, its tests pass on both engines, it is laid out as the formatter would,
//! and every keyword of the grammar is shown in it, so that the reference cannot fall behind the language.

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::format::format;
use guiju_compiler::package::compile;
use guiju_compiler::parse::keywords;
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};
use std::path::Path;

fn reference() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/LANGUAGE.md");
    std::fs::read_to_string(path).expect("the reference can be read")
}

/// The modules: blocks fenced as `gj NAME`, those of one name joined in order.
fn modules(text: &str) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> = Vec::new();
    let mut inside: Option<usize> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("```gj ") {
            let found = files.iter().position(|f| f.name == name);
            inside = Some(found.unwrap_or_else(|| {
                files.push(SourceFile { name: name.to_owned(), text: String::new() });
                files.len() - 1
            }));
        } else if line.starts_with("```") {
            inside = None;
        } else if let Some(file) = inside.and_then(|i| files.get_mut(i)) {
            file.text.push_str(line);
            file.text.push('\n');
        }
    }
    files
}

#[test]
fn the_reference_compiles_and_its_tests_pass() {
    let files = modules(&reference());
    assert!(files.len() >= 4, "only {} modules", files.len());
    let compiled = compile(&files);
    let shown: String = compiled.diagnostics.iter().map(|d| render::plain(&files, d, Language::En)).collect();
    assert_eq!(shown, "");
    let package = compiled.package.expect("a reference without findings is a package");
    let reports = run(&package, Engine::Both);
    assert!(reports.len() >= 2, "only {} tests", reports.len());
    for report in reports {
        assert!(report.passed(), "{}:\n{}", report.title, report.text(Language::En));
    }
}

#[test]
fn the_reference_can_be_read_in_both_languages() {
    for file in modules(&reference()) {
        let english = format(&file, Some(Language::En)).unwrap_or_else(|f| panic!("{}: {f:?}", file.name));
        let english = SourceFile { name: file.name.clone(), text: english };
        let back = format(&english, Some(Language::Zh)).unwrap_or_else(|f| panic!("{}: {f:?}", file.name));
        let original = format(&file, Some(Language::Zh)).unwrap_or_else(|f| panic!("{}: {f:?}", file.name));
        assert_eq!(back, original, "{}", file.name);
    }
}

#[test]
fn every_keyword_is_in_the_reference() {
    let text = reference();
    let missing: Vec<String> =
        keywords().map(|(zh, en)| format!("`{zh}` {en}")).filter(|entry| !text.contains(entry.as_str())).collect();
    assert!(missing.is_empty(), "not in compiler/LANGUAGE.md: {missing:?}");
}
