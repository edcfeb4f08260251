//! One policy that uses the whole language, and what the compiler owes it: no panic on mangled text, one meaning in both
//! languages. The examples of each code are in `pages`.

use crate::pages::base;
use guiju_compiler::ast::Language;
use guiju_compiler::format::format;
use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};
use std::path::Path;

fn suite(name: &str) -> SourceFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite").join(name);
    SourceFile { name: name.into(), text: std::fs::read_to_string(path).expect("a fixture can be read") }
}

fn whole() -> SourceFile {
    suite("check/whole.gj")
}

fn accepted_and_passing(file: SourceFile) {
    let compiled = compile(&[base(), file]);
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
    let reports = run(&compiled.package.expect("accepted"), Engine::Both);
    assert!(!reports.is_empty());
    for report in reports {
        assert!(report.passed(), "{}:\n{}", report.title, report.text(Language::En));
    }
}

#[test]
fn the_whole_language_is_accepted_and_its_tests_pass() {
    accepted_and_passing(whole());
}

#[test]
fn every_hit_policy_of_tables_says_what_it_should() {
    accepted_and_passing(suite("tables/hits.gj"));
}

#[test]
fn each_row_of_a_table_test_is_a_case_told_by_its_number() {
    let compiled = compile(&[base(), suite("tables/cases.gj")]);
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
    let reports = run(&compiled.package.expect("accepted"), Engine::Both);
    let failed: Vec<(&str, String)> =
        reports.iter().filter(|r| !r.passed()).map(|r| (r.title.as_str(), r.text(Language::En))).collect();
    assert_eq!(
        reports.iter().map(|r| r.title.as_str()).collect::<Vec<_>>(),
        ["基础", "界限 #1", "界限 #2", "有无 #1", "有无 #2"]
    );
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, "界限 #2");
    assert!(failed[0].1.starts_with("expected 资格 = 符合, found 不符合"), "{}", failed[0].1);
    // The columns are laid out already, and stay so in either language.
    let file = suite("tables/cases.gj");
    let english = format(&file, Some(Language::En)).expect("it parses");
    assert!(english.contains("test table \"界限\" 达标 on 2020-06-01 like \"基础\" {"), "{english}");
    let back = format(&SourceFile { name: file.name.clone(), text: english }, Some(Language::Zh));
    assert_eq!(back, Ok(file.text));
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
    let whole = whole().text;
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
        let compiled = compile(&[base(), file]);
        assert!(!compiled.diagnostics.iter().any(|d| d.code.as_str() == "E0999"), "{:?}", compiled.diagnostics);
        accepted += usize::from(compiled.package.is_some());
    }
    assert!(accepted > 0 && accepted < 400, "{accepted} of 400 accepted");
}

#[test]
fn meaning_does_not_change_with_keyword_language_layout_or_comments() {
    let package = |files: &[SourceFile]| compile(files).package.expect("accepted");
    let zh = [base(), whole()];
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
    let compiled = compile(&[base(), whole()]).package.expect("accepted");
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
