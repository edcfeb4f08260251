//! The static checks: one refused and one accepted file for every code, with what people see in both languages.

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::package::{Compiled, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/check")
}

fn source(name: &str) -> SourceFile {
    let text = std::fs::read_to_string(folder().join(name)).expect("a fixture can be read");
    SourceFile { name: name.to_owned(), text }
}

fn fixtures(accepted: bool) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the fixtures exist")
        .map(|e| e.expect("an entry").file_name().into_string().expect("a UTF-8 name"))
        .filter(|n| n.ends_with(".gj") && n != "base.gj" && n.ends_with(".ok.gj") == accepted)
        .collect();
    names.sort();
    names
}

fn compiled(name: &str) -> (Vec<SourceFile>, Compiled) {
    let files = vec![source("base.gj"), source(name)];
    let compiled = compile(&files);
    (files, compiled)
}

#[test]
fn what_is_wrong_is_refused_with_its_code() {
    let names = fixtures(false);
    assert!(names.len() >= 40, "only {} fixtures", names.len());
    for name in names {
        let (files, compiled) = compiled(&name);
        let code = name.split('-').next().expect("a code");
        let found: Vec<&str> = compiled.diagnostics.iter().map(|d| d.code.as_str()).collect();
        assert!(found.contains(&code), "{name}: {found:?}");
        assert_eq!(compiled.package.is_none(), code.starts_with('E'), "{name}");
        let mut shown = String::new();
        for d in &compiled.diagnostics {
            shown.push_str(&render::plain(&files, d, Language::Zh));
            shown.push_str(&render::plain(&files, d, Language::En));
        }
        insta::with_settings!({ snapshot_path => "snapshots/check", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name.trim_end_matches(".gj"), shown);
        });
    }
}

#[test]
fn what_is_right_is_accepted_and_its_tests_pass() {
    for name in fixtures(true) {
        let (files, compiled) = compiled(&name);
        let shown: String = compiled.diagnostics.iter().map(|d| render::plain(&files, d, Language::En)).collect();
        let package = compiled.package.unwrap_or_else(|| panic!("{name} is refused:\n{shown}"));
        assert_eq!(shown, "", "{name}");
        for report in run(&package, Engine::Both) {
            assert!(report.passed(), "{name} {}:\n{}", report.title, report.text(Language::En));
        }
    }
}
