//! The reason tree as people and programs get it: transcripts in both languages and as JSON, and the bytes of the facts
//! looked for in all of them. Invariant: no secret value of the facts stands in a tree, whatever the facts. Seeds are printed
//! with what fails.

use crate::cli::guiju;
use guiju_tests::differential::Random;
use std::path::Path;

/// Every secret of it is compared with a constant somewhere, in a rule, an exception, a row or an arm.
const POLICY: &str = r#"语言 zh
模块 试.缘由
依据 "某办法" 记为 办法

公式 计入(月 : 整数 0..999999) : 整数 0..999999 = 如果 足年(月) 则 月 否则 0 @办法 第八条
公式 足年(月 : 整数 0..999999) : 是否 = 月 满 12 @办法 第九条

枚举 户别 { 家庭户, 集体户 }

证书 户口 由 公安局 归档 号 完备 自 2000-01-01 {
    号   : 公民身份号码 凭授权
    户别 : 户别 仅结果
    住址 : 文本 最长 20 凭授权
    迁入 : 日期 仅结果
}
证书 社保 由 人社局 归档 号 完备 自 2000-01-01 {
    号   : 公民身份号码 凭授权
    月数 : 整数 0..999999 仅结果
    补缴 : 整数 0..999999? 仅结果
}

策略 资格 版本 1 由 住房局 施行 2020-01-01 {
    输入 申请人 : 公民身份号码
    输入 首次 : 是否
    取证 户 = 户口(号 = 申请人)?
    取证 保 = 社保(号 = 申请人)?
    规则 本市 = 户 存在 且 户.户别 = 家庭户 且 户.迁入 < 2015-03-16 @办法 第一条
    规则 城内 = 户 存在 且 户.住址 = "建康路一号" @办法 第二条
    规则 缴满 = 保 存在 且 计入(保.月数) 满 240240 @办法 第三条
        例外 补缴过多 当 保 存在 且 保.补缴 存在 且 保.补缴 超过 515151 则 否 @办法 第四条
        例外 本市免缴 先于 补缴过多 当 本市 且 城内 则 是 @办法 第五条
    表 档次 : 整数 0..2 命中 唯一
    | 本市 | 缴满 | => | 条款        |
    | 是   | 是   | 2  | 办法 第六条 |
    | 是   | 否   | 1  | 办法 第六条 |
    | 否   | 任意 | 0  | 办法 第七条 |
    结论 资格 : { 全额, 半额, 不予 } 命中 唯一 {
        全额 当 首次 = 是 且 档次 = 2 理由 "首次且缴满" @办法 第六条
        半额 当 首次 = 是 且 档次 = 1 理由 "首次未缴满" @办法 第六条
        不予 其余 理由 "不合条件" @办法 第七条
    }
    公开 资格 含 理由, 缺证 至多 4 比特
}

测试 "写错的期望" 资格 于 2020-06-01 {
    申请人 = "32990219850612001X"
    首次 = 是
    户 = 无
    保 = { 号 = "32990219850612001X", 月数 = 777777, 补缴 = 无 }
    期望 资格 = 全额
}
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(folder.path().join("p.gj"), POLICY).expect("a file in it");
    folder
}

/// What `guiju` says of these facts.
fn told(folder: &Path, facts: &str, more: &[&str]) -> String {
    std::fs::write(folder.join("facts.json"), facts).expect("a file in it");
    let mut arguments = vec!["eval", "资格", "--input", "facts.json", "--policies", ".", "--as-of", "2020-06-01"];
    arguments.extend(["--explain"]);
    arguments.extend(more);
    let output = guiju(folder, "zh_CN.UTF-8", &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

const NEAR: &str = r#"{ "申请人": "32990219850612001X", "首次": false,
    "户": { "号": "32990219850612001X", "户别": "家庭户", "住址": "长干里七号", "迁入": "2011-11-11" },
    "保": { "号": "32990219850612001X", "月数": 239239, "补缴": null } }"#;
const OPEN: &str = r#"{ "申请人": "32990219850612001X", "首次": true, "保": null }"#;

#[test]
fn the_tree_says_what_decided_and_what_was_nearly_met() {
    let folder = folder();
    insta::assert_snapshot!("reasons-near-zh", told(folder.path(), NEAR, &[]));
    insta::assert_snapshot!("reasons-near-en", told(folder.path(), NEAR, &["--lang", "en"]));
    insta::assert_snapshot!("reasons-open-zh", told(folder.path(), OPEN, &[]));
    let json: serde_json::Value = serde_json::from_str(&told(folder.path(), NEAR, &["--json"])).expect("one object");
    let pretty = serde_json::to_string_pretty(&json).expect("JSON");
    insta::assert_snapshot!("reasons-near-json", pretty);
}

#[test]
fn a_failing_test_prints_its_tree() {
    let folder = folder();
    let output = guiju(folder.path(), "zh_CN.UTF-8", &["test", "."]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!text.contains("777777"), "{text}");
    insta::assert_snapshot!("reasons-test-zh", text);
}

/// Facts with values that stand nowhere in the policy, and those values.
fn facts(random: &mut Random) -> (String, Vec<String>) {
    let mut secrets: Vec<String> = ["家庭户", "集体户", "建康路一号", "32990219850612001X"].map(String::from).into();
    let mut number = |random: &mut Random| {
        let n = (100_000 + random.below(900_000)).to_string();
        secrets.push(n.clone());
        n
    };
    let (months, back) = (number(random), number(random));
    let street = format!("秣陵路{}号", number(random));
    let date = format!("20{:02}-{:02}-{:02}", random.below(20), 1 + random.below(12), 1 + random.below(28));
    let household = if random.chance(50) { "家庭户" } else { "集体户" };
    let id = "\"号\": \"32990219850612001X\"";
    let person = match random.below(6) {
        0 => "null".to_owned(),
        _ => format!("{{ {id}, \"户别\": \"{household}\", \"住址\": \"{street}\", \"迁入\": \"{date}\" }}"),
    };
    let paid = if random.chance(70) { back } else { "null".to_owned() };
    let first = random.chance(70);
    let mut parts = vec![format!("\"申请人\": \"32990219850612001X\", \"首次\": {first}")];
    if random.chance(85) {
        parts.push(format!("\"户\": {person}"));
    }
    if random.chance(85) {
        parts.push(format!("\"保\": {{ {id}, \"月数\": {months}, \"补缴\": {paid} }}"));
    }
    secrets.push(date);
    (format!("{{ {} }}", parts.join(", ")), secrets)
}

#[test]
fn no_secret_of_the_facts_stands_in_a_tree() {
    let folder = folder();
    let mut near = 0;
    for seed in 0..24 {
        let (facts, secrets) = facts(&mut Random::new(seed));
        for more in [&[][..], &["--lang", "en"], &["--json"]] {
            let tree = told(folder.path(), &facts, more);
            for secret in &secrets {
                assert!(!tree.contains(secret.as_str()), "seed {seed} {more:?}: `{secret}` in\n{tree}\nof {facts}");
            }
            // Nor the constants that secrets are compared with.
            for constant in ["240240", "515151", "2015-03-16"] {
                assert!(!tree.contains(constant), "seed {seed} {more:?}: `{constant}` in\n{tree}");
            }
            near += usize::from(tree.contains("只差"));
        }
    }
    assert!(near > 5, "only {near} trees tell a near miss");
}
