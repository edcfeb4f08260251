//! What the shipped sources mean, as people compare it between versions: the diffable text and the IR of each file, and
//! that neither layout nor keyword language is part of it.

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::format::format;
use guiju_compiler::package::{Package, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::summary;
use guiju_compiler::testing::{Engine, run};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn collect(folder: &Path, out: &mut Vec<SourceFile>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a readable folder").map(|e| e.expect("a readable entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|e| e == "gj") {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            out.push(SourceFile { name, text: std::fs::read_to_string(&path).expect("a readable source") });
        }
    }
}

fn sources(folder: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files
}

fn projects() -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir(root().join("examples"))
        .expect("there are examples")
        .map(|e| e.expect("a readable entry"))
        .filter(|e| e.path().is_dir())
        .map(|e| format!("examples/{}", e.file_name().to_string_lossy()))
        .collect();
    all.sort();
    assert!(!all.is_empty(), "there are examples");
    // The Civil Code's periods, a row a day.
    all.push("tests/suite/periods".to_owned());
    all
}

fn compiled(files: &[SourceFile]) -> Package {
    let compiled = compile(files);
    let shown: String = compiled.diagnostics.iter().map(|d| render::plain(files, d, Language::En)).collect();
    assert_eq!(shown, "", "compiles without a word");
    compiled.package.expect("no diagnostics, so a package")
}

/// The diffable text of everything that `module` declares.
fn meaning(package: &Package, module: &str) -> String {
    let schemas = package.schemas.iter().filter(|s| s.module == module).map(|s| summary::schema(s));
    let sharings = package.sharings.iter().filter(|s| s.module == module).map(|s| summary::sharing(s));
    let policies = package.policies.iter().filter(|p| p.module == module).map(|p| summary::policy(p));
    schemas.chain(sharings).chain(policies).collect::<Vec<_>>().join("\n")
}

fn programs(package: &Package, module: &str) -> String {
    let sharings = package.sharings.iter().filter(|s| s.module == module).map(|s| summary::sharing_program(s));
    let policies = package.policies.iter().filter(|p| p.module == module).map(|p| summary::program(p));
    sharings.chain(policies).collect::<Vec<_>>().join("\n")
}

fn whole(package: &Package) -> String {
    package.modules.iter().map(|m| meaning(package, &m.name)).collect()
}

/// One snapshot a source file, named for it.
fn snapshots(kind: &str, text: impl Fn(&Package, &str) -> String) {
    let files = sources("policies");
    let package = compiled(&files);
    assert!(package.policies.len() >= 10 && package.sharings.len() >= 6 && package.schemas.len() >= 8);
    let mut taken = BTreeSet::new();
    for module in &package.modules {
        let text = text(&package, &module.name);
        if text.is_empty() {
            continue;
        }
        let file = &files[usize::from(module.file.0)].name;
        let name = file.trim_start_matches("policies/").trim_end_matches(".gj").replace('/', "-");
        assert!(taken.insert(name.clone()), "{name} is taken twice");
        insta::with_settings!({
            snapshot_path => format!("snapshots/policies/{kind}"), prepend_module_to_snapshot => false, omit_expression => true
        }, {
            insta::assert_snapshot!(name, text);
        });
    }
    // A snapshot of a file that is gone would never be compared again.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/snapshots/policies").join(kind);
    for entry in std::fs::read_dir(folder).expect("the snapshots") {
        let file = entry.expect("a readable entry").file_name().to_string_lossy().into_owned();
        let name = file.trim_end_matches(".new").trim_end_matches(".snap");
        assert!(taken.contains(name), "{file} belongs to no policy file");
    }
}

#[test]
fn the_meaning_of_each_shipped_file_is_reviewed() {
    snapshots("meaning", meaning);
}

#[test]
fn the_program_of_each_shipped_file_is_reviewed() {
    snapshots("ir", programs);
}

#[test]
fn every_example_checks_and_its_tests_pass_on_both_engines() {
    for project in projects() {
        let package = compiled(&sources(&project));
        let reports = run(&package, Engine::Both);
        assert!(!reports.is_empty(), "{project} has tests");
        for report in reports {
            assert!(report.passed(), "{project} {}:\n{}", report.title, report.text(Language::En));
        }
    }
}

/// A node compiles a published module with those that it imports, and with no others.
#[test]
fn every_shipped_module_compiles_with_its_imports_alone() {
    let files = sources("policies");
    let whole = compiled(&files);
    for module in &whole.modules {
        let mut needed = vec![module];
        let mut at = 0;
        while let Some(next) = needed.get(at) {
            let imported = whole.modules.iter().filter(|m| next.imports.contains(&m.name)).collect::<Vec<_>>();
            needed.extend(imported.into_iter().filter(|m| needed.iter().all(|n| n.name != m.name)).collect::<Vec<_>>());
            at += 1;
        }
        let alone: Vec<SourceFile> = needed.iter().map(|m| files[usize::from(m.file.0)].clone()).collect();
        let own = compiled(&alone);
        let same = own.modules.iter().find(|m| m.name == module.name).map(|m| m.meaning_hash);
        assert_eq!(same, Some(module.meaning_hash), "{}", module.name);
    }
}

#[test]
fn translating_keywords_changes_no_meaning() {
    let mut folders = projects();
    folders.push("policies".to_owned());
    for folder in folders {
        let files = sources(&folder);
        let before = whole(&compiled(&files));
        assert!(before.lines().count() > 20, "{folder} means something");
        for language in [Language::En, Language::Zh] {
            let translated: Vec<SourceFile> = files
                .iter()
                .map(|f| {
                    let text = format(f, Some(language)).expect("shipped sources can be formatted");
                    let lead = if language == Language::En { "language en" } else { "语言 zh" };
                    assert!(text.starts_with(lead), "{} is translated", f.name);
                    SourceFile { name: f.name.clone(), text }
                })
                .collect();
            assert_eq!(whole(&compiled(&translated)), before, "{folder}");
        }
    }
}

#[test]
fn layout_and_comments_are_no_part_of_the_meaning() {
    let files = sources("policies");
    let bare: Vec<SourceFile> = files
        .iter()
        .map(|f| {
            let lines = f.text.lines().map(str::trim).filter(|l| !l.starts_with("//") && !l.is_empty());
            SourceFile { name: f.name.clone(), text: lines.collect::<Vec<_>>().join("\n") + "\n" }
        })
        .collect();
    assert_eq!(whole(&compiled(&bare)), whole(&compiled(&files)));
}

#[test]
fn one_changed_fact_changes_its_own_line_and_the_hash() {
    let files = sources("policies");
    let changes = [
        ("缴费达标 = 社保月数 满 24", "缴费达标 = 社保月数 满 25", "定义 缴费达标"),
        ("名下\" @备案规程 第一条", "名下\" @备案规程 第二条", "  需核实 当 合同不符"),
        ("| 是       | 否       | 2  |", "| 是       | 否       | 1  |", "  行 本市户籍 是; 成年单身 否"),
        ("至多 8 比特", "至多 9 比特", "公开 资格"),
        ("则 网签.所在区 @通知 第一条", "则 网签.所在区 @通知 第二条", "  例外 以合同的区为准"),
    ];
    let before = compiled(&files);
    let module = "南京.住房.购房资格.第三版";
    for (from, to, line) in changes {
        let mut changed = files.clone();
        let file = changed.iter_mut().find(|f| f.name.ends_with("purchase/p3.gj")).expect("the third version");
        assert_eq!(file.text.matches(from).count(), 1, "{from}");
        file.text = file.text.replace(from, to);
        let after = compiled(&changed);
        let (old, new) = (meaning(&before, module), meaning(&after, module));
        let differing: Vec<(&str, &str)> = old.lines().zip(new.lines()).filter(|(a, b)| a != b).collect();
        assert_eq!(old.lines().count(), new.lines().count());
        assert_eq!(differing.len(), 2, "{differing:#?}");
        assert!(differing[0].0.starts_with("含义 "), "{differing:#?}");
        assert!(differing[1].0.starts_with(line), "{differing:#?}");
        for other in before.modules.iter().filter(|m| m.name != module) {
            assert_eq!(meaning(&before, &other.name), meaning(&after, &other.name), "{}", other.name);
        }
    }
}

/// A formula is written out where it is used; its name, text and citation stay.
#[test]
fn a_formula_is_named_where_it_is_used_and_told_once() {
    let text = "语言 zh\n模块 试\n依据 \"某办法\" 记为 办法\n公式 倍(数 : 整数 0..99, 次 : 整数 0..9?) : 整数 0..199 = 如果 次 存在 则 数 * 2 否则 和(数) @办法 第一条\n\
        公式 和(数 : 整数 0..99) : 整数 0..199 = 数 + 1 @办法 第二条\n策略 试 版本 1 由 局 施行 2020-01-01 {\n输入 甲 : 整数 0..9\n\
        定义 一 : 整数 0..199 = 倍(甲, 甲 + 0) @办法 第三条\n例外 大 当 和(甲) 满 9 则 3 @办法 第三条\n\
        表 二 : 整数 0..199 命中 唯一 @办法 第四条\n| 甲 | => |\n| 满 3 | 和(甲) |\n| 不满 3 | 1 |\n\
        结论 果 : { 成, 败 } 命中 顺序 { 成 当 和(甲) 满 5 且 一 满 2 且 二 满 2 @办法 第五条\n败 其余 @办法 第五条 }\n公开 果 至多 2 比特\n}\n";
    let meaning = |text: &str| {
        let package = compiled(&[SourceFile { name: "试.gj".to_owned(), text: text.to_owned() }]);
        summary::policy(&package.policies[0])
    };
    let before = meaning(text);
    insta::assert_snapshot!("formulas", before);
    for (from, to, line) in [
        ("否则 和(数) @办法 第一条", "否则 和(数) @办法 第六条", "公式 倍("),
        ("数 + 1 @办法 第二条", "数 + 1 @办法 第七条", "公式 和("),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let after = meaning(&text.replace(from, to));
        let differing: Vec<&str> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
        assert!(
            matches!(&differing[..], [hash, own] if hash.starts_with("含义 ") && own.starts_with(line)),
            "{differing:#?}"
        );
    }
}

#[test]
fn brackets_stay_where_they_matter_and_only_there() {
    // Written, and how it is shown.
    let rules = [
        ("(甲 且 乙) 或 丙", "甲 且 乙 或 丙"),
        ("甲 且 (乙 或 丙)", "甲 且 (乙 或 丙)"),
        ("甲 且 (乙 且 丙)", "甲 且 (乙 且 丙)"),
        ("非 (甲 或 乙)", "非 (甲 或 乙)"),
        ("(非 甲) 或 乙", "非 甲 或 乙"),
        ("非 (丁 或缺 否)", "非 (丁 或缺 否)"),
        ("数 - (数 - 1) 满 1", "数 - (数 - 1) >= 1"),
        ("数 - 数 - 1 满 1", "数 - 数 - 1 >= 1"),
        ("(数 + 1) * 2 = 4", "(数 + 1) * 2 = 4"),
        ("(如果 甲 则 乙 否则 丙) 且 甲", "(如果 甲 则 乙 否则 丙) 且 甲"),
    ];
    let mut text = "语言 zh\n模块 试\n策略 试 版本 1 由 局 施行 2020-01-01 {\n输入 甲 : 是否\n输入 乙 : 是否\n\
        输入 丙 : 是否\n输入 丁 : 是否?\n输入 数 : 整数 0..9\n"
        .to_owned();
    for (i, (written, _)) in rules.iter().enumerate() {
        text.push_str(&format!("规则 规{i} = {written}\n"));
    }
    text.push_str("结论 果 : { 成, 败 } 命中 顺序 { 成 当 规0 且 规5 且 规8\n败 其余 }\n");
    text.push_str("公开 果 至多 2 比特\n}\n");
    let files = [SourceFile { name: "试.gj".to_owned(), text }];
    let found = compile(&files);
    let shown: String = found.diagnostics.iter().map(|d| render::plain(&files, d, Language::En)).collect();
    let package = found.package.unwrap_or_else(|| panic!("{shown}"));
    let meaning = summary::policy(&package.policies[0]);
    for (i, (written, shown)) in rules.iter().enumerate() {
        let line = format!("定义 规{i} : 是否 = {shown}");
        assert!(meaning.lines().any(|l| l == line), "{written}: no line `{line}` in\n{meaning}");
    }
}
