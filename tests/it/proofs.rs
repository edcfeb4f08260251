//! Proofs over guards: what today's questions of law need decided exactly, and witnesses that replay when pasted.

use crate::pages::{base, example};
use guiju_compiler::ast::Language;
use guiju_compiler::format::format;
use guiju_compiler::package::{Compiled, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};

const HEAD: &str = "语言 zh\n模块 试.例\n引用 试.标准 { 居民户口簿, 婚姻登记, 不动产权证书, 社保缴费, 婚姻状态, 关系, 状态, 户别 }\n\
                    依据 \"某办法\" 记为 办法\n";

/// A policy with these clauses over the evidence of the standard; `tests` stand after it.
fn policy(clauses: &str, tests: &str) -> Vec<SourceFile> {
    let text = format!(
        "{HEAD}策略 例 版本 1 由 住房局 施行 2020-01-01 至 2020-12-31 {{\n  输入 申请人 : 公民身份号码\n\
           取证 社保 = 社保缴费(身份号 = 申请人)?\n  取证 户口 = 居民户口簿(成员.身份号 = 申请人)\n\
           取证 婚姻 = 婚姻登记(当事人.身份号 = 申请人)?\n\
           取证 住房 = 全部 不动产权证书(权利人.身份号 = 申请人) 至多 4\n{}\n  公开 结果 至多 6 比特\n  公开 全用 至多 9 比特\n}}\n{tests}\n",
        used(clauses)
    );
    vec![base(), SourceFile { name: "proof.gj".into(), text }]
}

fn codes(compiled: &Compiled) -> Vec<&str> {
    let mut all: Vec<&str> = compiled.diagnostics.iter().map(|d| d.code.as_str()).collect();
    // What a case does not use of the evidence around it is not what it is about.
    all.retain(|c| !["E0901", "W0902", "W0903", "W0910"].contains(c));
    all
}

fn judged(clauses: &str) -> Vec<String> {
    codes(&compile(&policy(clauses, ""))).into_iter().map(str::to_owned).collect()
}

fn arms(guards: &[&str], otherwise: bool) -> String {
    let names = ["甲", "乙", "丙", "丁"];
    let mut text = String::from("  结论 结果 : { ");
    let used = guards.len() + usize::from(otherwise);
    text.push_str(&names[..used].join(", "));
    text.push_str(" } 命中 唯一 {\n");
    for (name, guard) in names.iter().zip(guards) {
        text.push_str(&format!("    {name} 当 {guard} 理由 \"{name}\" @办法 第一条\n"));
    }
    if otherwise {
        text.push_str(&format!("    {} 其余 理由 \"其余\" @办法 第一条\n", names[guards.len()]));
    }
    text + "  }"
}

#[test]
fn guards_that_exclude_each_other_are_seen_to() {
    let rules = "  规则 本地 = 户口.本市 @办法 第一条\n    例外 集体 当 户口.户别 = 集体户 则 否 @办法 第一条\n\
                 表 额 : 整数 0..2 命中 唯一 @办法 第一条\n  | 户口.本市 | 户口.户别 | => |\n  | 是 | 家庭户 | 2 |\n  | 是 | 集体户 | 1 |\n  | 否 | 任意 | 0 |\n\
                 定义 套数 : 整数 0..4 = 计数 房 于 住房 当 房.状态 = 现势 @办法 第一条\n\
                 定义 年限 : 整数 0..3 = 如果 户口.本市 则 1 否则 3 @办法 第一条\n";
    for (guards, otherwise) in [
        // A rule is opened with its exception.
        (vec!["本地", "户口.户别 = 集体户"], true),
        // A table's value is opened row by row.
        (vec!["额 = 2", "额 = 1", "非 户口.本市"], false),
        (vec!["额 = 2", "户口.户别 = 集体户"], true),
        // Two opened definitions.
        (vec!["额 满 年限", "额 < 年限"], false),
        (vec!["额 = 年限", "额 = 2"], true),
        // An opened one against one that is not.
        (vec!["套数 满 额", "套数 < 额"], false),
        (vec!["套数 满 额 且 额 = 2", "套数 不满 2"], true),
        // The three are one count.
        (vec!["存在 房 于 住房 当 房.状态 = 现势", "套数 = 0"], false),
        (vec!["存在 房 于 住房 当 房.状态 = 现势", "所有 房 于 住房 满足 房.状态 = 注销"], true),
        // Order is transitive, through constants too.
        (vec!["社保 存在 且 社保.累计月数 满 24", "社保 无"], true),
        (vec!["婚姻 存在 且 婚姻.变更日 存在 且 婚姻.变更日 < 基准日 且 基准日 < 婚姻.变更日"], true),
        // A shifted date lies after the date.
        (
            vec![
                "婚姻 存在 且 婚姻.变更日 存在 且 婚姻.变更日 > 基准日",
                "婚姻 存在 且 婚姻.变更日 存在 且 婚姻.变更日 + 2 年 < 基准日",
            ],
            true,
        ),
    ] {
        let found = judged(&format!("{rules}{}", arms(&guards, otherwise)));
        let wanted: Vec<&str> = if guards.len() == 1 { vec!["E0506"] } else { vec![] };
        let unlike = guards.contains(&"所有 房 于 住房 满足 房.状态 = 注销");
        // Two conditions over one list are two counts: not exact, and an overlap is supposed.
        let wanted = if unlike { vec!["E0503"] } else { wanted };
        assert_eq!(found, wanted, "{guards:?}");
    }
}

#[test]
fn guards_that_meet_are_seen_to_and_their_witness_replays() {
    let rules = "  规则 本地 = 户口.本市 @办法 第一条\n    例外 集体 当 户口.户别 = 集体户 则 否 @办法 第一条\n\
                 定义 套数 : 整数 0..4 = 计数 房 于 住房 当 房.状态 = 现势 @办法 第一条\n";
    for (first, second) in [
        ("社保 无", "本地"),
        ("社保 存在 且 社保.累计月数 满 12", "社保 存在 且 社保.累计月数 不满 13"),
        ("社保 无", "婚姻 无"),
        ("套数 满 2", "存在 房 于 住房 当 房.面积 超过 9000"),
        ("存在 房 于 住房 当 房.状态 = 现势 且 房.面积 超过 9000", "套数 不超过 1"),
        ("存在 房 于 住房 当 (存在 人 于 房.权利人 当 人.身份号 = 申请人)", "套数 = 3"),
        ("婚姻 存在 且 婚姻.状态 = 离异", "婚姻 存在 且 婚姻.变更日 存在 且 婚姻.变更日 + 2 年 > 基准日"),
        ("存在 人 于 户口.成员 当 人.关系 = 子女 且 周岁(人.出生日, 基准日) 不满 18", "户口.本市"),
        ("所有 人 于 户口.成员 满足 人.身份号 = 申请人", "计数 人 于 户口.成员 满 2"),
        ("合计 房.面积 对 房 于 住房 满 14400", "套数 = 0"),
    ] {
        let clauses = format!("{rules}{}", arms(&[first, second], true));
        let compiled = compile(&policy(&clauses, ""));
        assert!(codes(&compiled).contains(&"E0503"), "{first} | {second}: {:?}", codes(&compiled));
        let witness = compiled.diagnostics.iter().find_map(|d| d.witness.clone()).expect("a witness");
        replays(&clauses, &witness, &format!("{first} | {second}"));
    }
}

/// The witness pasted below the policy whose arms are put in order passes, and so it does with the arms in the other order
/// once the other value is expected: both guards hold on it.
fn replays(clauses: &str, witness: &str, what: &str) {
    let lines: Vec<&str> = clauses.lines().collect();
    let arm =
        |name: &str| lines.iter().position(|l| l.trim_start().starts_with(&format!("{name} 当"))).expect("an arm");
    let (a, b) = (arm("甲"), arm("乙"));
    let mut turned = lines.clone();
    turned.swap(a, b);
    for (lines, expected) in [(lines, "甲"), (turned, "乙")] {
        let clauses = lines.join("\n").replace("命中 唯一 {\n", "命中 顺序 {\n");
        let test = witness.replace("期望 结果 = 甲", &format!("期望 结果 = {expected}"));
        let compiled = compile(&policy(&clauses, &test));
        let found = codes(&compiled);
        let package = compiled.package.as_ref().unwrap_or_else(|| panic!("{what}: {found:?}\n{test}"));
        for report in run(package, Engine::Both) {
            assert!(report.passed(), "{what} {expected}:\n{test}\n{}", report.text(Language::Zh));
        }
    }
}

/// A table over these columns with these rows, under a hit policy, and arms for its results.
fn table(hit: &str, columns: &str, rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|r| format!("  | {r} |\n")).collect();
    format!(
        "  规则 本地 = 户口.本市 @办法 第一条\n    例外 集体 当 户口.户别 = 集体户 则 否 @办法 第一条\n\
           定义 套数 : 整数 0..4 = 计数 房 于 住房 当 房.状态 = 现势 @办法 第一条\n\
           定义 月数 : 整数 0..600 = 社保.累计月数 或缺 0 @办法 第一条\n\
           表 额 : 整数 0..9 命中 {hit} @办法 第一条\n  | {columns} | => |\n{rows}\n{}",
        // Days after the first keep every arm alive whatever the table can come to.
        arms(
            &[
                "额 + 日差(2020-01-01, 基准日) = 1",
                "额 + 日差(2020-01-01, 基准日) = 2",
                "额 + 日差(2020-01-01, 基准日) = 9"
            ],
            true
        )
    )
}

fn table_witness(code: &str, clauses: &str) -> String {
    let compiled = compile(&policy(clauses, ""));
    let finding = compiled.diagnostics.iter().find(|d| d.code.as_str() == code);
    finding.and_then(|d| d.witness.clone()).unwrap_or_else(|| panic!("{clauses}: {:?}", compiled.diagnostics))
}

fn passes(clauses: &str, test: &str) {
    let compiled = compile(&policy(clauses, test));
    let package = compiled.package.as_ref().unwrap_or_else(|| panic!("{:?}\n{test}", codes(&compiled)));
    let reports = run(package, Engine::Both);
    assert!(!reports.is_empty() && reports.iter().all(|r| r.passed()), "{test}\n{}", reports[0].text(Language::Zh));
}

/// Facts are found through what a column computes, and the row written for them is the one that decides.
#[test]
fn a_gap_of_a_table_is_a_test_that_reaches_it() {
    for (columns, rows, free) in [
        ("户口.本市 | 户口.户别", vec!["是 | 任意 | 1", "否 | 家庭户 | 2"], "任意 | 任意"),
        ("套数", vec!["0..1 | 1", "3..4 | 2"], "任意"),
        ("套数 | 月数", vec!["0 | 任意 | 1", "1..4 | 不满 24 | 2", "1..3 | 24 以上 | 1"], "任意 | 任意"),
        ("本地 | 套数", vec!["否 | 任意 | 1", "是 | 0..3 | 2"], "任意 | 任意"),
        // The region first found cannot be; another that the rows leave out can.
        ("本地 | 户口.本市 | 套数", vec!["否 | 任意 | 任意 | 1", "是 | 是 | 0..2 | 2"], "任意 | 任意 | 任意"),
    ] {
        let witness = table_witness("E0401", &table("唯一", columns, &rows));
        assert!(witness.contains("期望 结果 = 待定"), "{columns}: {witness}");
        let last = format!("{free} | 9");
        let mended: Vec<&str> = rows.iter().copied().chain([last.as_str()]).collect();
        let decided = witness.replace("期望 结果 = 待定", "期望 结果 = 丙");
        passes(&table("顺序", columns, &mended), &decided);
    }
}

#[test]
fn rows_that_meet_are_a_test_on_which_each_decides_when_it_comes_first() {
    for (code, hit, columns, rows) in [
        ("E0402", "唯一", "户口.本市 | 户口.户别", ["是 | 任意 | 2", "任意 | 任意 | 1"]),
        ("E0402", "唯一", "套数 | 月数", ["满 2 | 任意 | 2", "任意 | 任意 | 1"]),
        ("E0407", "任一", "本地 | 套数", ["是 | 满 1 | 2", "任意 | 任意 | 1"]),
    ] {
        let witness = table_witness(code, &table(hit, columns, &rows));
        assert!(witness.contains("期望 结果 = 乙"), "{columns}: {witness}");
        passes(&table("顺序", columns, &rows), &witness);
        // The other row decides where the first is no more.
        passes(&table("顺序", columns, &rows[1..]), &witness.replace("期望 结果 = 乙", "期望 结果 = 甲"));
    }
    // Rows that come to too much together.
    let rows = ["满 1 | 6", "满 2 | 5"];
    let witness = table_witness("E0601", &table("合计 空则 0", "套数", &rows));
    passes(
        &table("合计 空则 0", "套数", &["满 1 | 6", "满 2 | 3"]),
        &witness.replace("期望 结果 = 丁", "期望 结果 = 丙"),
    );
}

/// Each operation as it is refused, as it is mended, and where the fault lies: the witness of the first decides so in the
/// second, whatever choice, row, exception or loop the operation stands in.
#[test]
fn an_operation_without_a_result_is_a_test_that_reaches_it() {
    let months = "(社保.累计月数 或缺 1)";
    for (code, refused, mended, there) in [
        ("E0601", "定义 值 : 整数 0..3 = 计数 房 于 住房", "定义 值 : 整数 0..4 = 计数 房 于 住房", "值 = 4"),
        (
            "E0601",
            "定义 值 : 整数 -1..4 = 2 - (计数 房 于 住房)",
            "定义 值 : 整数 -2..4 = 2 - (计数 房 于 住房)",
            "值 = -2",
        ),
        (
            "E0601",
            "定义 值 : 整数 0..9 = 0\n    例外 本市 当 户口.本市 则 (计数 房 于 住房) * 3",
            "定义 值 : 整数 0..12 = 0\n    例外 本市 当 户口.本市 则 (计数 房 于 住房) * 3",
            "值 = 12",
        ),
        (
            "E0601",
            &format!("定义 值 : 整数 0..1000 = 如果 户口.本市 则 {months} * 2 否则 0"),
            &format!("定义 值 : 整数 0..1200 = 如果 户口.本市 则 {months} * 2 否则 0"),
            "值 = 1200",
        ),
        (
            "E0601",
            "表 值 : 整数 0..9 命中 唯一 @办法 第一条\n  | 户口.本市 | => |\n  | 是 | (计数 房 于 住房) * 4 |\n  | 否 | 0 |",
            "表 值 : 整数 0..16 命中 唯一 @办法 第一条\n  | 户口.本市 | => |\n  | 是 | (计数 房 于 住房) * 4 |\n  | 否 | 0 |",
            "值 = 16",
        ),
        (
            "E0603",
            "定义 值 : 整数 0..9 = 舍去(9 / (计数 房 于 住房), 0)",
            "定义 值 : 整数 0..9 = 如果 (计数 房 于 住房) > 0 则 舍去(9 / (计数 房 于 住房), 0) 否则 0",
            "(计数 房 于 住房) = 0",
        ),
        (
            "E0603",
            "规则 值 = 存在 房 于 住房 当 房.状态 = 现势 且 (如果 房.价款 不满 9 元 则 舍去(9 元 / 房.价款, 0) 否则 0) 满 3",
            "规则 值 = 存在 房 于 住房 当 房.状态 = 现势 且 (如果 房.价款 不满 9 元 且 房.价款 > 0 元 则 舍去(9 元 / 房.价款, 0) 否则 0) 满 3",
            "存在 房 于 住房 当 房.价款 = 0 元",
        ),
        (
            "E0603",
            "定义 值 : 整数 0..120000 = 合计 舍去(300 元 / 房.价款, 0) 对 房 于 住房 当 房.状态 = 注销",
            "定义 值 : 整数 0..120000 = 合计 (如果 房.价款 > 0 元 则 舍去(300 元 / 房.价款, 0) 否则 0) 对 房 于 住房 当 房.状态 = 注销",
            "存在 房 于 住房 当 房.状态 = 注销 且 房.价款 = 0 元",
        ),
        (
            "E0602",
            &format!("规则 值 = {months} * 9000000000000000 * 9 > 3"),
            &format!("规则 值 = {months} * 9000000000000000 > 3"),
            "社保 存在 且 社保.累计月数 = 600",
        ),
    ] {
        let arms = format!(
            "  结论 结果 : {{ 甲, 乙 }} 命中 顺序 {{\n    甲 当 {there} 理由 \"甲\" @办法 第一条\n    乙 其余 理由 \"乙\" @办法 第一条\n  }}"
        );
        let cited = |clause: &str| {
            if clause.starts_with('表') { clause.to_owned() } else { format!("{clause} @办法 第一条") }
        };
        let witness = table_witness(code, &format!("  {}\n{arms}", cited(refused)));
        let (facts, _) = witness.split_once("期望").unwrap_or_else(|| panic!("no test: {witness}"));
        passes(&format!("  {}\n{arms}", cited(mended)), &format!("{facts}期望 结果 = 甲\n}}"));
    }
}

/// Ranges are judged one by one, so that what is refused may never be; then that is said. What stands behind it is still
/// judged.
#[test]
fn an_operation_that_no_facts_bring_about_says_so_and_hides_nothing() {
    let clauses = format!(
        "  定义 值 : 整数 0..4 = (计数 房 于 住房) - (计数 房 于 住房) + 4 @办法 第一条\n\
           定义 余 : 整数 0..3 = 舍去(值 / 值, 0) @办法 第一条\n{}",
        arms(&["余 满 2"], true)
    );
    let witness = table_witness("E0601", &clauses);
    assert!(witness.contains("没有事实能使之如此"), "{witness}");
    assert!(judged(&clauses).contains(&"E0603".to_owned()));
}

#[test]
fn a_gap_that_nothing_reaches_says_so() {
    let rows = ["否 | 任意 | 1", "是 | 是 | 2"];
    let witness = table_witness("E0401", &table("唯一", "本地 | 户口.本市", &rows));
    assert_eq!(witness, "| 是 | 否 | => |\n// 各列相互牵连，没有事实能落在这里；仍须写明，或改用互不牵连的列");
}

/// A second outcome that needs all the evidence, so that nothing counts as unused.
fn used(clauses: &str) -> String {
    format!(
        "{clauses}\n  结论 全用 : {{ 是的, 不是 }} 命中 顺序 {{\n    是的 当 (社保 无) 且 (婚姻 无) 且 户口.本市 且 计数 房 于 住房 = 0 理由 \"全\" @办法 第一条\n    不是 其余 理由 \"缺\" @办法 第一条\n  }}"
    )
}

#[test]
fn exceptions_that_agree_need_no_precedence() {
    let rule = |a: &str, b: &str| {
        format!(
            "  定义 额 : 整数 0..9 = 1 @办法 第一条\n    例外 一 当 户口.本市 则 {a} @办法 第一条\n    例外 二 当 户口.户别 = 集体户 则 {b} @办法 第一条\n{}",
            arms(&["额 满 2"], true)
        )
    };
    assert_eq!(judged(&rule("3", "3")), Vec::<String>::new());
    assert_eq!(judged(&rule("如果 户口.户别 = 集体户 则 3 否则 4", "3")), Vec::<String>::new());
    assert_eq!(judged(&rule("4", "3")), ["E0501"]);
    assert_eq!(judged(&rule("如果 户口.户别 = 家庭户 则 3 否则 4", "3")), ["E0501"]);
}

#[test]
fn proofs_end_within_their_budget_on_every_source() {
    // 2^18 cases, whichever way they are cut: refused, with the same finding each time.
    let intricate = SourceFile { name: "intricate.gj".into(), text: example("E0405-intricate", false) };
    let first = compile(&[base(), intricate.clone()]);
    let second = compile(&[base(), intricate.clone()]);
    assert_eq!(codes(&first), ["E0405"]);
    assert_eq!(first.diagnostics, second.diagnostics);
}

#[test]
fn a_witness_is_in_the_language_of_its_file() {
    let zh = SourceFile { name: "zh.gj".into(), text: example("E0503-arms-overlap", false) };
    let text = format(&zh, Some(Language::En)).expect("it parses");
    let compiled = compile(&[base(), SourceFile { name: "en.gj".into(), text }]);
    let witness = compiled.diagnostics[0].witness.clone().expect("a witness");
    assert!(witness.starts_with("test \"counterexample"), "{witness}");
    assert!(witness.contains("expect 结果 = 甲"), "{witness}");
}
