//! The static checks: one refused and one accepted file for every code, with what people see in both languages.

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::format::format;
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

/// A small generator of its own: which files it makes must never change.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

#[test]
fn no_mangled_policy_makes_the_compiler_panic() {
    let whole = source("whole.ok.gj").text;
    let words: Vec<&str> = whole.split_inclusive(|c: char| c.is_whitespace()).collect();
    let mut dice = Dice(1);
    let mut accepted = 0;
    for _ in 0..400 {
        let mut mangled = words.clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(mangled.len());
            match dice.below(4) {
                0 => {
                    mangled.remove(at);
                }
                1 => mangled.insert(at, words[dice.below(words.len())]),
                2 => mangled[at] = words[dice.below(words.len())],
                _ => {
                    let other = dice.below(mangled.len());
                    mangled.swap(at, other);
                }
            }
        }
        let file = SourceFile { name: "mangled.gj".into(), text: mangled.concat() };
        let compiled = compile(&[source("base.gj"), file]);
        assert!(!compiled.diagnostics.iter().any(|d| d.code.as_str() == "E0999"), "{:?}", compiled.diagnostics);
        accepted += usize::from(compiled.package.is_some());
    }
    assert!(accepted > 0 && accepted < 400, "{accepted} of 400 accepted");
}

#[test]
fn meaning_does_not_change_with_keyword_language_layout_or_comments() {
    let package = |files: &[SourceFile]| compile(files).package.expect("accepted");
    let zh = [source("base.gj"), source("whole.ok.gj")];
    let en: Vec<SourceFile> = zh
        .iter()
        .map(|f| SourceFile {
            name: f.name.clone(),
            text: format(f, Some(Language::En)).expect("it parses") + "\n// a remark\n",
        })
        .collect();
    assert_ne!(zh[1].text, en[1].text);
    let (a, b) = (package(&zh), package(&en));
    for (x, y) in a.modules.iter().zip(&b.modules) {
        assert_eq!(x.meaning_hash, y.meaning_hash, "{}", x.name);
        assert_ne!(x.source_hash, y.source_hash, "{}", x.name);
    }
    for (from, to) in [
        ("满 24", "满 25"),
        ("\"套数已满\"", "\"已满\""),
        ("第二条", "第三条"),
        ("6.0 比特", "5.0 比特"),
        ("版本 1 由 住房局", "版本 2 由 住房局"),
    ] {
        let changed = SourceFile { name: "changed.gj".into(), text: zh[1].text.replace(from, to) };
        let text = if from.starts_with('"') {
            changed.text.replace("期望 理由 \"已满\"", "期望 资格 = 不符合")
        } else {
            changed.text
        };
        let c = package(&[zh[0].clone(), SourceFile { name: "changed.gj".into(), text }]);
        assert_ne!(a.modules[1].meaning_hash, c.modules[1].meaning_hash, "{from}");
    }
}

#[test]
fn forbid_wins_and_the_default_is_no() {
    use guiju_compiler::ast::ExchangeWord::{Contract, Evaluation};
    let compiled = compile(&[source("base.gj"), source("whole.ok.gj")]).package.expect("accepted");
    let sharing = &compiled.sharings[0];
    let native = guiju_compiler::codegen::native(&sharing.program).expect("native code");
    for (asker, exchange, purpose, clause) in [
        ("住房局", Evaluation, "购房资格审核", Some(0)),
        ("住房局", Contract, "购房资格审核", None),
        ("税务局", Evaluation, "购房资格审核", None),
        ("住房局", Evaluation, "商业营销", Some(1)),
        ("住房局", Evaluation, "他用", None),
    ] {
        assert_eq!(sharing.decide(&native, asker, exchange, purpose), clause, "{asker} {purpose}");
        assert_eq!(sharing.interpret(asker, exchange, purpose), clause, "{asker} {purpose}");
    }
    assert!(sharing.clauses[0].permit && !sharing.clauses[1].permit);
}
