//! Properties in tests: proved, tried on boundary inputs, or refuted by a counterexample that passes when it is pasted.

use crate::pages::base;
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::format::format;
use guiju_compiler::package::{Package, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{BOUNDARY_INPUTS_MAX, Engine, TestReport, run};

const POLICY: &str = "语言 zh
模块 试.例
引用 试.标准 { 居民户口簿, 婚姻登记, 不动产权证书, 社保缴费, 婚姻状态, 状态, 户别 }
依据 \"某办法\" 记为 办法

策略 例 版本 1 由 住房局 施行 2020-01-01 至 2022-12-31 {
    输入 申请人 : 公民身份号码
    取证 社保 = 社保缴费(身份号 = 申请人)?
    取证 户口 = 居民户口簿(成员.身份号 = 申请人)
    取证 婚姻 = 婚姻登记(当事人.身份号 = 申请人)?
    取证 住房 = 全部 不动产权证书(权利人.身份号 = 申请人) 至多 4
    规则 缴满 = 社保 存在 且 社保.累计月数 满 24 @办法 第一条
        例外 集体户不论 当 户口.户别 = 集体户 则 否 @办法 第二条
    定义 套数 : 整数 0..4 = 计数 房 于 住房 当 房.状态 = 现势 @办法 第一条
    规则 新离 = 婚姻 存在 且 (婚姻.状态 = 离异 且 (婚姻.变更日 存在 且 婚姻.变更日 + 2 年 > 基准日)) @办法 第三条
    结论 结果 : { 优先, 通过, 不通过 } 命中 顺序 {
        不通过 当 套数 满 2 理由 \"两套\" @办法 第一条
        不通过 当 新离 且 套数 满 1 理由 \"新离\" @办法 第三条
        优先 当 缴满 且 套数 = 0 理由 \"优先\" @办法 第一条
        通过 当 缴满 或 户口.本市 理由 \"是\" @办法 第一条
        不通过 其余 理由 \"否\" @办法 第一条
    }
    公开 结果 至多 4 比特
}

测试 \"底\" 例 于 2021-05-01 {
    申请人 = \"32990219850612001X\"
    社保 = { 累计月数 = 24 }
    户口 = { 户别 = 家庭户, 本市 = 否, 成员 = [ ] }
    婚姻 = { 状态 = 离异, 变更日 = 2020-01-01 }
    住房 = [ { 状态 = 现势 } ]
    期望 结果 = 不通过
}
";

fn files(policy: &str, more: &str) -> Vec<SourceFile> {
    vec![base(), SourceFile { name: "property.gj".into(), text: format!("{policy}\n{more}\n") }]
}

fn package(policy: &str, more: &str) -> Package {
    let files = files(policy, more);
    let compiled = compile(&files);
    let shown: String = compiled.diagnostics.iter().map(|d| render::plain(&files, d, Language::Zh)).collect();
    compiled.package.unwrap_or_else(|| panic!("{shown}"))
}

/// The report of the property that makes these claims.
fn judged(policy: &str, claims: &[&str], engine: Engine) -> TestReport {
    let more = format!("测试 性质 \"质\" 例 于 2021-05-01 基于 \"底\" {{\n{}\n}}", claims.join("\n"));
    let mut reports = run(&package(policy, &more), engine);
    reports.retain(|r| r.title == "质");
    reports.pop().expect("the property is judged")
}

#[test]
fn what_follows_is_proved() {
    let claims = [
        "单调 结果 不降 随 社保.累计月数",
        "单调 结果 不升 随 套数",
        "单调 结果 不升 随 新离",
        "凡 套数 满 2 则 结果 = 不通过",
        "凡 社保 存在 且 社保.累计月数 满 30 且 户口.户别 = 家庭户 且 套数 = 0 则 结果 = 优先",
        "决不 户口.户别 = 集体户 且 结果 = 优先",
        "决不 (社保 无 或 套数 满 1) 且 结果 = 优先",
        "凡 基准日 不满 2020-01-01 则 结果 = 优先",
    ];
    for engine in [Engine::Both, Engine::Interpret, Engine::Native] {
        let report = judged(POLICY, &claims, engine);
        assert!(report.passed(), "{}", report.text(Language::Zh));
        let notes: Vec<&str> = report.notes.iter().map(|n| n.zh.as_str()).collect();
        let wanted: Vec<String> = claims.iter().map(|c| format!("{c}：已证明")).collect();
        assert_eq!(notes, wanted);
    }
}

#[test]
fn what_is_not_decided_is_tried_on_boundary_inputs() {
    // The date is shifted, so that the path moves with a term that is not opened; two counts of one list are not known to
    // be of the same elements.
    let claims = [
        "单调 结果 不升 随 婚姻.变更日",
        "决不 (所有 房 于 住房 满足 房.状态 = 注销) 且 新离 且 套数 满 1 且 结果 = 不通过",
    ];
    let report = judged(POLICY, &claims, Engine::Both);
    assert!(report.passed(), "{}", report.text(Language::Zh));
    for (note, claim) in report.notes.iter().zip(claims) {
        let count: usize = note
            .en
            .strip_prefix(&format!("{claim}: not proved, holds on "))
            .and_then(|rest| rest.strip_suffix(" boundary inputs"))
            .and_then(|n| n.parse().ok())
            .unwrap_or_else(|| panic!("{}", note.en));
        assert!((100..=BOUNDARY_INPUTS_MAX + 64).contains(&count), "{count} inputs for {claim}");
    }
    assert_eq!(report.notes.len(), claims.len());
}

#[test]
fn what_does_not_hold_is_refuted_by_tests_that_pass() {
    for claim in [
        "单调 结果 不升 随 社保.累计月数",
        "单调 结果 不降 随 套数",
        "单调 结果 不降 随 婚姻.变更日",
        "凡 缴满 则 结果 = 优先",
        "凡 社保 无 则 结果 = 不通过",
        "决不 户口.户别 = 集体户 且 结果 = 通过",
        "决不 结果 = 优先",
        "决不 新离 且 结果 = 不通过",
        "凡 (存在 房 于 住房 当 房.登记日 不满 2000-01-01 且 房.状态 = 现势) 且 缴满 则 结果 = 通过",
    ] {
        let report = judged(POLICY, &[claim], Engine::Both);
        let [failure] = &report.failures[..] else { panic!("{claim} is not refuted: {:?}", report.notes) };
        let (head, tests) = failure.zh.split_once('\n').expect("a counterexample");
        assert_eq!(head, format!("{claim}：不成立，反例"));
        assert_eq!(tests.matches("测试 \"").count(), if claim.starts_with("单调") { 2 } else { 1 }, "{tests}");
        for pasted in run(&package(POLICY, tests), Engine::Both) {
            assert!(pasted.passed(), "{claim}:\n{tests}\n{}", pasted.text(Language::Zh));
        }
    }
}

#[test]
fn a_change_of_the_policy_that_breaks_a_property_is_found() {
    let claims =
        ["单调 结果 不降 随 社保.累计月数", "单调 结果 不升 随 套数", "决不 户口.户别 = 集体户 且 结果 = 优先"];
    for (from, to, broken) in [
        ("社保.累计月数 满 24", "社保.累计月数 不满 24", 0),
        ("社保.累计月数 满 24", "社保.累计月数 = 24", 0),
        ("不通过 当 套数 满 2", "不通过 当 套数 = 2", 1),
        ("优先 当 缴满 且 套数 = 0", "优先 当 缴满 且 套数 = 1", 1),
        ("        例外 集体户不论 当 户口.户别 = 集体户 则 否 @办法 第二条\n", "", 2),
        ("则 否 @办法 第二条", "则 是 @办法 第二条", 2),
    ] {
        let changed = POLICY.replace(from, to);
        assert_ne!(changed, POLICY);
        let report = judged(&changed, &claims, Engine::Both);
        assert!(
            report.failures.iter().any(|f| f.zh.starts_with(claims[broken])),
            "{from} → {to}: {:?} {:?}",
            report.failures,
            report.notes
        );
    }
}

#[test]
fn properties_are_formatted_and_translated_like_all_else() {
    let source = "测试   性质 \"质\" 例 于 2021-05-01 基于 \"底\" { 单调 结果 不降 随 社保.累计月数; 凡 (新离) 且 套数 满 1 则 结果 = 不通过\n\
                  // 备注\n决不 (社保 无 或 套数 满 1) 且 结果 = 优先 决不 结果 = 优先 }";
    let file = files(POLICY, source).remove(1);
    let zh = format(&file, None).expect("it parses");
    let at = zh.find("测试 性质").expect("the property is kept");
    assert_eq!(
        &zh[at..],
        "测试 性质 \"质\" 例 于 2021-05-01 基于 \"底\" {\n    单调 结果 不降 随 社保.累计月数\n    凡 新离 且 套数 满 1 则 结果 = 不通过\n    \
         // 备注\n    决不 (社保 无 或 套数 满 1) 且 结果 = 优先\n    决不 结果 = 优先\n}\n"
    );
    let en = format(&file, Some(Language::En)).expect("it parses");
    let at = en.find("test property").expect("the property is kept");
    assert_eq!(
        &en[at..],
        "test property \"质\" 例 on 2021-05-01 like \"底\" {\n    monotone 结果 non_decreasing along 社保.累计月数\n    \
         whenever 新离 and 套数 reaches 1 then 结果 = 不通过\n    // 备注\n    never (社保 absent or 套数 reaches 1) and 结果 = 优先\n    never 结果 = 优先\n}\n"
    );
    let english = SourceFile { name: "en.gj".into(), text: en };
    let again = format(&english, Some(Language::Zh)).expect("it parses");
    assert_eq!(again, zh);
    // Tests are no part of the meaning.
    let meaning = |more: &str| package(POLICY, more).modules[1].meaning_hash;
    assert_eq!(meaning(""), meaning(source));
}

#[test]
fn a_claim_that_says_nothing_is_refused() {
    for (claims, what) in [
        ("决不 套数 满 1", "须以 `且 结论 = 值` 结尾"),
        ("决不 套数 满 1 或 结果 = 优先", "须以 `且 结论 = 值` 结尾"),
        ("凡 套数 满 1 则 结果 = 很好", "很好"),
        ("凡 套数 则 结果 = 优先", "是否"),
        ("单调 结果 不降 随 申请人", "有大小"),
        ("单调 结论值 不降 随 套数", "结论值"),
        ("", "性质须写"),
    ] {
        let files = files(POLICY, &format!("测试 性质 \"质\" 例 于 2021-05-01 {{ {claims} }}"));
        let compiled = compile(&files);
        assert!(compiled.package.is_none(), "{claims}");
        let shown: String = compiled.diagnostics.iter().map(|d| render::plain(&files, d, Language::Zh)).collect();
        assert!(shown.contains(what), "{claims}: {shown}");
    }
}
