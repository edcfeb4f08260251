//! What an answer can tell, counted by brute force: small policies are run on every state of their evidence, and the
//! answers that leave are told apart. Invariant: the compiler's figure is never below the count. Must not know: how the
//! compiler counts.

use crate::pages::base;
use guiju_compiler::explain::Explanation;
use guiju_compiler::package::{Policy, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};
use std::collections::BTreeSet;

/// States of the evidence that the guards can tell apart, as facts of a test.
const STATES: [(&str, &[&str]); 3] = [
    ("社保", &["未知", "{ 累计月数 = 0 }", "{ 累计月数 = 12 }", "{ 累计月数 = 24 }", "{ 累计月数 = 36 }"]),
    ("婚姻", &["未知", "无", "{ 状态 = 未婚 }", "{ 状态 = 已婚 }", "{ 状态 = 离异 }"]),
    (
        "户口",
        &[
            "未知",
            "{ 户号 = \"1\", 户别 = 家庭户, 本市 = 是, 密级 = \"\", 成员 = [] }",
            "{ 户号 = \"1\", 户别 = 集体户, 本市 = 否, 密级 = \"\", 成员 = [] }",
        ],
    ),
];

/// Outcomes with their releases, each over some of the evidence.
const CASES: [&str; 4] = [
    "结论 甲 : { 是的, 不是 } 命中 顺序 {\n\
       是的 当 社保.累计月数 满 24 且 婚姻 存在 且 婚姻.状态 = 已婚 理由 \"一\" @办法 第一条\n\
       是的 当 社保.累计月数 满 36 且 户口.本市 理由 \"一\" @办法 第二条\n\
       不是 当 婚姻 无 理由 \"二\" @办法 第一条\n    不是 其余 理由 \"三\" @办法 第一条\n  }\n\
     公开 甲 含 理由, 缺证 至多 20 比特\n",
    "结论 甲 : { 是的, 不是 } 命中 顺序 {\n\
       是的 当 社保.累计月数 满 24 理由 \"一\" @办法 第一条\n    不是 其余 理由 \"三\" @办法 第一条\n  }\n\
     公开 甲 含 缺证 至多 20 比特\n\
     结论 乙 : { 有, 没有 } 命中 顺序 {\n\
       有 当 婚姻 存在 且 (户口.本市 或 婚姻.状态 = 离异) 理由 \"一\" @办法 第一条\n    没有 其余 理由 \"三\" @办法 第一条\n  }\n\
     公开 乙 含 理由, 缺证 至多 20 比特\n",
    "结论 甲 : { 一, 二, 三 } 命中 顺序 {\n\
       一 当 婚姻 无 理由 \"一\" @办法 第一条\n    二 当 户口.户别 = 家庭户 理由 \"二\" @办法 第一条\n\
       三 其余 理由 \"三\" @办法 第一条\n  }\n  公开 甲 至多 20 比特\n\
     结论 乙 : { 短, 长 } 命中 顺序 {\n\
       短 当 社保.累计月数 不满 12 理由 \"短\" @办法 第一条\n    长 其余 理由 \"长\" @办法 第一条\n  }\n  公开 乙 含 理由 至多 20 比特\n",
    "结论 甲 : { 短, 中, 长 } 命中 顺序 {\n\
       短 当 社保.累计月数 不满 12 理由 \"短\" @办法 第一条\n    中 当 社保.累计月数 不满 24 理由 \"中\" @办法 第一条\n\
       长 其余 理由 \"长\" @办法 第一条\n  }\n  公开 甲 含 理由, 缺证 至多 20 比特\n",
];

/// A policy with `outcomes` and one test for every state of the evidence it mentions.
fn source(outcomes: &str) -> String {
    let used: Vec<_> = STATES.iter().filter(|(name, _)| outcomes.contains(name)).collect();
    let certificate = [
        ("社保", "社保缴费(身份号 = 申请人)"),
        ("婚姻", "婚姻登记(当事人.身份号 = 申请人)?"),
        ("户口", "居民户口簿(成员.身份号 = 申请人)"),
    ];
    let mut text = "语言 zh\n模块 试.例\n引用 试.标准 { 社保缴费, 婚姻登记, 居民户口簿, 婚姻状态, 户别 }\n依据 \"某办法\" 记为 办法\n\
                    策略 例 版本 1 由 住房局 施行 2020-01-01 {\n  输入 申请人 : 公民身份号码\n"
        .to_owned();
    for (name, from) in certificate.iter().filter(|(name, _)| outcomes.contains(name)) {
        text.push_str(&format!("  取证 {name} = {from}\n"));
    }
    text.push_str(&format!("{outcomes}}}\n"));
    let total: usize = used.iter().map(|(_, states)| states.len()).product();
    for number in 0..total {
        text.push_str(&format!("测试 \"{number}\" 例 于 2020-05-01 {{\n  申请人 = \"11010519491231002X\"\n"));
        let mut rest = number;
        for (name, states) in &used {
            text.push_str(&format!("  {name} = {}\n", states[rest % states.len()]));
            rest /= states.len();
        }
        text.push_str("  期望 甲 = 待定\n}\n");
    }
    text
}

/// What leaves: every release's value, with reason and citation if released, and the missing evidence if released.
fn answer(policy: &Policy, explanation: &Explanation) -> Vec<String> {
    let lines = policy.releases.iter().map(|release| {
        let outcome = &explanation.outcomes[release.outcome];
        let reason = release.reasons.then(|| (&outcome.reason, outcome.citation.as_ref().map(|c| &c.article)));
        format!("{:?} {reason:?} {:?}", outcome.value, release.missing.then_some(&outcome.missing))
    });
    lines.collect()
}

/// Whether `millibits` tell `answers` apart, to a tenth of a bit.
fn suffices(millibits: u32, answers: usize) -> bool {
    (answers as u128).pow(10) <= 1u128 << millibits.div_ceil(100)
}

#[test]
fn no_answer_tells_more_than_the_compiler_says() {
    let mut figures = Vec::new();
    for outcomes in CASES {
        let compiled = compile(&[base(), SourceFile { name: "bits.gj".into(), text: source(outcomes) }]);
        let package = compiled.package.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
        let policy = &package.policies[0];
        let answers: BTreeSet<Vec<String>> = run(&package, Engine::Interpret)
            .iter()
            .map(|report| answer(policy, report.explanation.as_ref().expect("it ran")))
            .collect();
        for (k, release) in policy.releases.iter().enumerate() {
            let own: BTreeSet<&String> = answers.iter().map(|a| &a[k]).collect();
            assert!(suffices(release.computed_millibits, own.len()), "{own:#?} in {}", release.computed_millibits);
        }
        let told: u32 = policy.releases.iter().map(|r| r.computed_millibits).sum();
        assert!(suffices(told, answers.len()), "{} answers in {told} millibits: {answers:#?}", answers.len());
        figures.push((answers.len(), told));
    }
    // The last one is met exactly: three values, and undetermined without the one record.
    assert_eq!(figures.last(), Some(&(4, 2000)), "{figures:?}");
    assert!(figures.iter().all(|(answers, _)| *answers > 3), "{figures:?}");
}
