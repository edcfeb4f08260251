//! A policy through its versions: which one decides on which day, and what a transition links into a later one.
//! Invariant: every answer is given by both engines. Must not know: how versions are linked.

use crate::cli::{guiju, transcript};
use crate::pages::base;
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::package::{Compiled, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};

fn file(name: &str, text: impl Into<String>) -> SourceFile {
    SourceFile { name: name.into(), text: text.into() }
}

/// Version 1, which asks for so many months.
fn first(months: u32) -> SourceFile {
    let text = format!(
        "语言 zh\n模块 试.旧版\n引用 试.标准 {{ 社保缴费 }}\n依据 \"旧办法\" 记为 办法\n
策略 例 版本 1 由 住房局 施行 2020-01-01 至 2020-12-31 {{
    输入 申请人 : 公民身份号码
    取证 社保 = 社保缴费(身份号 = 申请人)
    规则 达标 = 社保.累计月数 满 {months} @办法 第一条
    结论 结果 : {{ 通过, 不通过 }} 命中 顺序 {{
        通过 当 达标 理由 \"旧法达标\" @办法 第一条
        不通过 其余 理由 \"旧法未达标\" @办法 第一条
    }}
    公开 结果 至多 4 比特
}}\n"
    );
    file("old.gj", text)
}

/// Version 2, which lets version 1 decide for whoever has a home registered before it.
const SECOND: &str =
    "语言 zh\n模块 试.新版\n引用 试.标准 { 社保缴费, 不动产权证书 }\n引用 试.旧版 { 例 }\n依据 \"新办法\" 记为 办法\n
策略 例 版本 2 由 住房局 施行 2021-01-01 {
    输入 申请人 : 公民身份号码
    取证 社保 = 社保缴费(身份号 = 申请人)
    取证 产权 = 不动产权证书(权利人.身份号 = 申请人)?
    过渡 \"已登记的按原规定\" 当 产权 存在 且 产权.登记日 < 2021-01-01 适用 版本 1 之 模块 试.旧版 @办法 第九条
    规则 达标 = 社保.累计月数 满 24 @办法 第一条
    结论 结果 : { 通过, 不通过 } 命中 顺序 {
        通过 当 达标 理由 \"新法达标\" @办法 第一条
        不通过 其余 理由 \"新法未达标\" @办法 第一条
    }
    公开 结果 含 理由, 缺证 至多 6 比特
}\n";

/// Tests of all versions in a module of their own.
const TESTS: &str = "语言 zh\n模块 试.验\n引用 试.旧版 { 例 }\n引用 试.新版 { 例 }\n
测试 \"旧版\" 例 于 2020-12-31 {
    申请人 = \"11010519491231002X\"
    社保 = { 累计月数 = 18 }
    期望 理由 \"旧法达标\"
}
测试 \"新版\" 例 于 2021-01-01 基于 \"旧版\" {
    产权 = 无
    期望 结果 = 不通过
    期望 理由 \"新法未达标\"
}
测试 \"新版之下按原规定\" 例 于 2021-01-01 基于 \"旧版\" {
    产权 = { 登记日 = 2020-12-31, 单元 = \"320102001001GB00001F00010001\" }
    期望 结果 = 通过
    期望 理由 \"旧法达标\"
}
测试 \"登记在后\" 例 于 2021-01-01 基于 \"新版之下按原规定\" {
    产权.登记日 = 2021-01-01
    期望 理由 \"新法未达标\"
}
测试 \"不知可否过渡, 待定\" 例 于 2021-01-01 基于 \"旧版\" {
    产权 = 未知
    期望 结果 = 待定
    期望 缺证 { 产权 }
}\n";

fn compiled(months: u32, tests: &str) -> (Vec<SourceFile>, Compiled) {
    let files = vec![base(), file("new.gj", SECOND), first(months), file("tests.gj", tests)];
    let compiled = compile(&files);
    (files, compiled)
}

fn findings((files, compiled): &(Vec<SourceFile>, Compiled)) -> String {
    compiled.diagnostics.iter().map(|d| render::plain(files, d, Language::Zh)).collect()
}

#[test]
fn one_file_of_tests_follows_a_policy_through_its_versions() {
    let outcome = compiled(12, TESTS);
    assert_eq!(findings(&outcome), "");
    let package = outcome.1.package.expect("no findings, so a package");
    let reports = run(&package, Engine::Both);
    let versions: Vec<u32> = reports.iter().map(|r| r.version).collect();
    assert_eq!(versions, [1, 2, 2, 2, 2]);
    for report in &reports {
        assert!(report.passed(), "{}:\n{}", report.title, report.text(Language::Zh));
    }
    let linked = package.policies.iter().find(|p| p.version == 2).expect("the second version");
    let rules: Vec<&str> = linked.rules.iter().map(|r| r.name.as_str()).collect();
    assert!(rules.contains(&"版本1·达标") && rules.contains(&"已登记的按原规定"), "{rules:?}");
    assert_eq!(linked.evidence.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["社保", "产权"]);
}

#[test]
fn the_meaning_of_a_version_covers_what_it_lets_decide() {
    let meaning = |months| {
        let package = compiled(months, TESTS).1.package.expect("accepted");
        let module = |name: &str| package.modules.iter().find(|m| m.name == name).expect("given").clone();
        (module("试.旧版").meaning_hash, module("试.新版").meaning_hash, module("试.新版").imports)
    };
    let (a, b) = (meaning(12), meaning(13));
    assert_ne!(a.0, b.0);
    assert_ne!(a.1, b.1, "the later version decides by the earlier one's rule, so its meaning has changed too");
    assert_eq!(a.2, ["试.旧版", "试.标准"]);
}

#[test]
fn a_day_outside_every_version_lists_their_intervals() {
    let tests = TESTS.replace("例 于 2020-12-31", "例 于 2019-12-31");
    insta::assert_snapshot!("day-without-version", findings(&compiled(12, &tests)));
}

#[test]
fn a_refused_version_leaves_no_gap_but_a_missing_one_does() {
    let third = first(36).text.replace("试.旧版", "试.再新").replace("版本 1", "版本 3");
    let third = third.replace("2020-01-01 至 2020-12-31", "2022-01-01");
    let second = SECOND.replace("施行 2021-01-01 {", "施行 2021-01-01 至 2021-12-31 {");
    let codes = |second: Option<String>| {
        let middle = second.map(|text| file("new.gj", text));
        let files: Vec<SourceFile> =
            [base(), first(12)].into_iter().chain(middle).chain([file("third.gj", &*third)]).collect();
        compile(&files).diagnostics.iter().map(|d| (d.code.as_str(), d.primary.file.0)).collect::<Vec<_>>()
    };
    assert_eq!(codes(Some(second.clone())), []);
    let refused = [
        ("社保.累计月数 满 24", "社保.累计月数 满 无此", "E0210"),
        ("规则 达标 =", "规则 =", "E0101"),
        ("版本 2 由", "版本 2 2 由", "E0101"),
    ];
    for (good, bad, code) in refused {
        assert!(second.contains(good), "{good}");
        assert_eq!(codes(Some(second.replace(good, bad))), [(code, 2)], "{bad}");
    }
    // A version that is not given at all is not missed: a node compiles a module with its imports only.
    assert_eq!(codes(None), []);
}

#[test]
fn eval_takes_the_version_in_force() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for source in [base(), file("new.gj", SECOND), first(12)] {
        std::fs::write(folder.path().join(&source.name), source.text).expect("a file in it");
    }
    let facts = r#"{"申请人": "11010519491231002X", "社保": {"身份号": "11010519491231002X", "累计月数": 18}}"#;
    let later = facts.replace("}}", r#"}, "产权": null}"#);
    std::fs::write(folder.path().join("f.json"), facts).expect("a file in it");
    std::fs::write(folder.path().join("g.json"), later).expect("a file in it");
    let eval = |facts: &str, day: &str| {
        let arguments = ["eval", "例", "--input", facts, "--policies", ".", "--as-of", day, "--explain"];
        transcript(&guiju(folder.path(), "zh_CN.UTF-8", &arguments))
    };
    let shown = [eval("f.json", "2020-06-01"), eval("g.json", "2021-06-01"), eval("f.json", "2019-06-01")];
    insta::assert_snapshot!("eval-as-of", shown.join("\n"));
}
