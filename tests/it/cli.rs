//! Transcripts of the program `guiju`: streams and exit codes as a shell sees them.

use guiju_compiler::diagnostics::Code;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `guiju` in `folder` with a Chinese or English locale.
pub(crate) fn guiju(folder: &Path, locale: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guiju-under-test"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", locale)
        .output()
        .expect("the program under test was built with this test")
}

pub(crate) fn transcript(output: &Output) -> String {
    format!(
        "exit {}\n-- out\n{}-- err\n{}",
        output.status.code().expect("it exits by itself"),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    std::fs::create_dir(folder.path().join("下级")).expect("a folder in it");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file in it");
    write("b.gj", "语言 zh\n模块 试\n枚举 甲 {一,二}\n");
    write("下级/a.gj", "语言 zh\n模块 试.下级\n\n枚举 甲 { 一, 二 }\n");
    write("不是.txt", "x");
    folder
}

#[test]
fn fmt_check_names_what_would_change_and_changes_nothing() {
    let folder = folder();
    let before = std::fs::read(folder.path().join("b.gj")).expect("it is there");
    let output = guiju(folder.path(), "zh_CN.UTF-8", &["fmt", "--check", "."]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 1
    -- out
    ./b.gj: 需要格式化
    -- err
    "#);
    assert_eq!(std::fs::read(folder.path().join("b.gj")).expect("it is there"), before);
}

#[test]
fn fmt_rewrites_once() {
    let folder = folder();
    let output = guiju(folder.path(), "C", &["fmt", "."]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 0
    -- out
    ./b.gj: formatted
    -- err
    "#);
    let text = std::fs::read_to_string(folder.path().join("b.gj")).expect("it is there");
    insta::assert_snapshot!(text, @r#"
    语言 zh
    模块 试

    枚举 甲 { 一, 二 }
    "#);
    let output = guiju(folder.path(), "C", &["fmt", "--check", "."]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 0
    -- out
    -- err
    "#);
}

#[test]
fn fmt_translates_keywords() {
    let folder = folder();
    let output = guiju(folder.path(), "en_GB.UTF-8", &["fmt", "--lang", "en", "b.gj"]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 0
    -- out
    b.gj: formatted
    -- err
    "#);
    let text = std::fs::read_to_string(folder.path().join("b.gj")).expect("it is there");
    insta::assert_snapshot!(text, @r#"
    language en
    module 试

    enum 甲 { 一, 二 }
    "#);
}

#[test]
fn a_broken_source_is_the_policys_fault() {
    let folder = folder();
    std::fs::write(folder.path().join("b.gj"), "语言 zh\n模块 试\n枚举 甲 {一 二}\n").expect("a file in it");
    let output = guiju(folder.path(), "C", &["fmt", "b.gj"]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 1
    -- out
    -- err
    error[E0101]: expected a quoted text, `,` or the end, found `二`
     --> b.gj:3:9
      |
    3 | 枚举 甲 {一 二}
      |             ^^

    for the meaning and the fix: `guiju explain E0101`
    "#);
    let output = guiju(folder.path(), "C", &["--lang", "zh", "fmt", "b.gj"]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 1
    -- out
    -- err
    错误[E0101]: 此处应为带引号的文本、`,`或结束, 而不是 `二`
     --> b.gj:3:9
      |
    3 | 枚举 甲 {一 二}
      |             ^^

    含义与改法见 `guiju explain E0101`
    "#);
}

#[test]
fn wrong_use_ends_with_two() {
    let folder = folder();
    for arguments in [&[][..], &["fmt"], &["frobnicate"], &["fmt", "nowhere.gj"], &["fmt", "--lang", "fr", "b.gj"]] {
        assert_eq!(guiju(folder.path(), "C", arguments).status.code(), Some(2), "{arguments:?}");
    }
    std::fs::write(folder.path().join("b.gj"), [0xff, 0xfe]).expect("a file in it");
    assert_eq!(guiju(folder.path(), "C", &["fmt", "b.gj"]).status.code(), Some(2));
    assert_eq!(guiju(folder.path(), "C", &["--help"]).status.code(), Some(0));
}

#[test]
fn what_the_node_answers_is_forwarded() {
    let folder = folder();
    // A copy alone in its folder, so that no `guiju-node` of this build lies beside it.
    let alone = folder.path().join("guiju");
    std::fs::copy(env!("CARGO_BIN_EXE_guiju-under-test"), &alone).expect("it can be copied");
    let run = |locale: &str, path: &Path| {
        Command::new(&alone)
            .args(["verify", "--x", "a b"])
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env("LANG", locale)
            .env("PATH", path)
            .output()
            .expect("the copy runs")
    };
    insta::assert_snapshot!(transcript(&run("C", Path::new("/nonexistent"))), @r#"
    exit 2
    -- out
    -- err
    `guiju verify` is run by `guiju-node`, which is not installed
    help: install it with `cargo install --path node`, or put it beside `guiju`
    "#);
    insta::assert_snapshot!(transcript(&run("zh_CN.UTF-8", Path::new("/nonexistent"))), @r#"
    exit 2
    -- out
    -- err
    `guiju verify` 由 `guiju-node` 执行, 但找不到它
    改法: 用 `cargo install --path node` 安装, 或把它放在 `guiju` 旁边
    "#);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let node = folder.path().join("guiju-node");
        std::fs::write(&node, "#!/bin/sh\nfor a; do echo \"[$a]\"; done\nexit 7\n").expect("a script in it");
        std::fs::set_permissions(&node, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        insta::assert_snapshot!(transcript(&run("C", Path::new("/nonexistent"))), @r#"
        exit 7
        -- out
        [verify]
        [--x]
        [a b]
        -- err
        "#);
    }
}

/// A small policy with its tests, well laid out.
const POLICY: &str = r#"语言 zh
模块 试.资格
依据 "某办法" 记为 办法

枚举 状态 { 有效, 注销 }

证书 登记 由 登记局 归档 身份号 完备 自 2000-01-01 {
    身份号 : 公民身份号码 仅结果
    状态   : 状态 仅结果
    月数   : 整数 0..600 仅结果
}

策略 资格 版本 1 由 登记局 施行 2020-01-01 至 2020-12-31 {
    输入 申请人 : 公民身份号码
    取证 记录 = 登记(身份号 = 申请人)?
    规则 达标 = 记录 存在 且 记录.状态 = 有效 且 记录.月数 满 24 @办法 第一条
    结论 资格 : { 符合, 不符合 } 命中 顺序 {
        符合 当 达标 理由 "月数已满" @办法 第一条
        不符合 其余 理由 "月数未满" @办法 第一条
    }
    公开 资格 含 理由, 缺证 至多 6 比特
}

测试 "满二十四个月" 资格 于 2020-06-01 {
    申请人 = "990105194912310023"
    记录 = { 身份号 = "990105194912310023", 状态 = 有效, 月数 = 24 }
    期望 资格 = 符合
}

测试 "记录未知" 资格 于 2020-06-01 {
    申请人 = "990105194912310023"
    期望 资格 = 待定
    期望 缺证 { 记录 }
}
"#;

fn policy_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file in it");
    write("p.gj", POLICY);
    let person = "\"申请人\": \"990105194912310023\"";
    let record = "\"身份号\": \"990105194912310023\", \"状态\": \"有效\"";
    write("yes.json", &format!("{{ {person}, \"记录\": {{ {record}, \"月数\": 24 }} }}"));
    write("none.json", &format!("{{ {person}, \"记录\": null }}"));
    write("open.json", &format!("{{ {person} }}"));
    write("range.json", &format!("{{ {person}, \"记录\": {{ {record}, \"月数\": 9999 }} }}"));
    write("digit.json", "{ \"申请人\": \"990105194912310021\" }");
    write("extra.json", &format!("{{ {person}, \"住房\": [] }}"));
    folder
}

#[test]
fn a_sound_policy_checks_and_its_tests_pass() {
    let folder = policy_folder();
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "C", &["check", "."])), @r#"
    exit 0
    -- out
    files: 1, no errors
    -- err
    "#);
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "zh_CN", &["check", "p.gj"])), @r#"
    exit 0
    -- out
    1 个文件, 没有错误
    -- err
    "#);
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "C", &["test", "."])), @r#"
    exit 0
    -- out
    tests: 2 passed, 0 failed
    -- err
    "#);
    for engine in ["native", "interpret", "both"] {
        assert_eq!(guiju(folder.path(), "C", &["test", "--engine", engine, "."]).status.code(), Some(0), "{engine}");
    }
}

#[test]
fn a_faulty_policy_and_a_failing_test_end_with_one() {
    let folder = policy_folder();
    let path = folder.path().join("p.gj");
    std::fs::write(&path, POLICY.replace("期望 资格 = 符合", "期望 资格 = 不符合")).expect("a file in it");
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "C", &["test", "."])), @r#"
    exit 1
    -- out
    ./p.gj:24: failed "满二十四个月" 资格 1
        expected 资格 = 不符合, found 符合
        资格 = 符合 because 月数已满 [某办法 第一条]
          - 达标 holds: by its base rule [某办法 第一条]
    tests: 1 passed, 1 failed
    -- err
    "#);
    std::fs::write(&path, POLICY.replace("记录.月数 满 24", "记录.年数 满 24")).expect("a file in it");
    let output = guiju(folder.path(), "C", &["check", "--lang", "zh", "."]);
    insta::assert_snapshot!(transcript(&output), @r#"
    exit 1
    -- out
    -- err
    错误[E0210]: 没有名为 `年数` 的字段
      --> ./p.gj:16:37
       |
    16 |     规则 达标 = 记录 存在 且 记录.状态 = 有效 且 记录.年数 满 24 @办法 第一条
       |                                                       ^^^^
       |
       = 改法: 是否想写 `月数`？

    1 个文件, 1 个错误
    含义与改法见 `guiju explain E0210`
    "#);
    let output = guiju(folder.path(), "C", &["check", "--json", "."]);
    assert_eq!(output.status.code(), Some(1));
    let first = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let first = first.lines().next().expect("a finding").to_owned();
    let json: serde_json::Value = serde_json::from_str(&first).expect("one object a line");
    assert_eq!(json["severity"], "error");
    assert_eq!(json["span"]["file"], "./p.gj");
    for command in [&["test", "."][..], &["eval", "资格", "--input", "yes.json", "--policies", "."]] {
        assert_eq!(guiju(folder.path(), "C", command).status.code(), Some(1), "{command:?}");
    }
}

/// `guiju eval 资格` on one of the inputs.
fn eval(folder: &Path, input: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["eval", "资格", "--input", input, "--policies", "."];
    arguments.extend(more);
    if !more.contains(&"--as-of") {
        arguments.extend(["--as-of", "2020-06-01"]);
    }
    guiju(folder, "zh_CN.UTF-8", &arguments)
}

#[test]
fn eval_decides_one_case() {
    let folder = policy_folder();
    insta::assert_snapshot!(transcript(&eval(folder.path(), "yes.json", &["--explain"])), @r#"
    exit 0
    -- out
    资格 版本 1 (2020-01-01..2020-12-31) 于 2020-06-01
    资格 = 符合 理由 月数已满 [某办法 第一条]
      - 达标 成立: 按一般规定 [某办法 第一条]
    -- err
    "#);
    insta::assert_snapshot!(transcript(&eval(folder.path(), "none.json", &["--lang", "en"])), @r#"
    exit 0
    -- out
    资格 version 1 (2020-01-01..2020-12-31) on 2020-06-01
    资格 = 不符合 (月数未满)
    -- err
    "#);
    insta::assert_snapshot!(transcript(&eval(folder.path(), "open.json", &[])), @r#"
    exit 0
    -- out
    资格 版本 1 (2020-01-01..2020-12-31) 于 2020-06-01
    资格 = 待定
    缺证: 记录
    -- err
    "#);
    insta::assert_snapshot!(transcript(&eval(folder.path(), "yes.json", &["--json"])), @r#"
    exit 0
    -- out
    {"policy":"资格","module":"试.资格","version":1,"effective_from":"2020-01-01","effective_to":"2020-12-31","as_of":"2020-06-01","outcomes":[{"name":"资格","value":"符合","reason":"月数已满","citation":{"source":"某办法","article":"第一条","note":null},"missing":[]}],"missing":[]}
    -- err
    "#);
    for input in ["yes.json", "none.json", "open.json"] {
        let native = eval(folder.path(), input, &["--json", "--explain", "--engine", "native"]);
        let interpreted = eval(folder.path(), input, &["--json", "--explain", "--engine", "interpret"]);
        assert_eq!(native.stdout, interpreted.stdout, "{input}");
        assert_eq!(native.status.code(), Some(0), "{input}");
    }
}

#[test]
fn eval_refuses_facts_that_do_not_fit() {
    let folder = policy_folder();
    for input in ["range.json", "digit.json", "extra.json", "nowhere.json", "p.gj"] {
        let output = eval(folder.path(), input, &[]);
        assert_eq!(output.status.code(), Some(2), "{input}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{input}");
    }
    insta::assert_snapshot!(transcript(&eval(folder.path(), "digit.json", &[])), @r#"
    exit 2
    -- out
    -- err
    申请人: 公民身份号码的校验码不符，请核对是否抄错
    "#);
    insta::assert_snapshot!(transcript(&eval(folder.path(), "yes.json", &["--as-of", "2021-06-01"])), @r#"
    exit 2
    -- out
    -- err
    `资格` 在 2021-06-01 没有施行的版本; 有 1 (2020-01-01..2020-12-31)
    "#);
    assert_eq!(eval(folder.path(), "yes.json", &["--as-of", "2020-02-30"]).status.code(), Some(2));
}

#[test]
fn show_prints_meaning_and_programs() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let text = "语言 zh\n模块 试\n策略 甲 版本 1 由 局 施行 2020-01-01 {\n输入 数 : 整数 0..9\n\
        规则 大 = 数 满 5\n结论 果 : { 大数, 小数 } 命中 顺序 { 大数 当 大 理由 \"满五\"\n小数 其余 }\n公开 果 至多 2 比特\n}\n";
    std::fs::write(folder.path().join("a.gj"), text).expect("a file in it");
    std::fs::write(folder.path().join("b.gj"), "语言 zh\n模块 试二\n枚举 甲 {一 二}\n").expect("a file in it");
    let run = |arguments: &[&str]| guiju(folder.path(), "C", arguments);
    insta::assert_snapshot!("show", transcript(&run(&["show", "a.gj"])));
    insta::assert_snapshot!("show-ir", transcript(&run(&["show", "a.gj", "--policy", "试.甲", "--ir"])));
    for (arguments, code) in [
        (&["show", "a.gj", "--policy", "甲"][..], 0),
        (&["show", "b.gj"], 1),
        (&["show", "a.gj", "--policy", "乙"], 2),
        (&["show", "c.gj"], 2),
        (&["show"], 2),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(output.stdout.is_empty(), code != 0, "{arguments:?}");
    }
}

#[test]
fn a_code_is_explained_with_its_examples() {
    let folder = folder();
    let run = |locale: &str, arguments: &[&str]| transcript(&guiju(folder.path(), locale, arguments));
    insta::assert_snapshot!("explain-zh", run("zh_CN.UTF-8", &["explain", "e0101"]));
    insta::assert_snapshot!("explain-en", run("zh_CN.UTF-8", &["explain", "E0401", "--lang", "en"]));
    insta::assert_snapshot!(run("C", &["explain", "E0107"]), @r#"
    exit 2
    -- out
    -- err
    there is no code `E0107`; `guiju explain` lists all codes
    "#);
    // Examples about one language's spelling, about layout or about hidden characters stay as they are.
    let kept = Code::ALL.iter().map(|code| code.to_string()).filter(|code| {
        let shown = transcript(&guiju(folder.path(), "C", &["explain", code]));
        shown.contains("语言 zh")
    });
    insta::assert_snapshot!(kept.collect::<Vec<_>>().join(" "), @"E0101 E0102 E0103 E0104 E0105 E0106 E0108 E0109 E0110 E0111 E0112 E0113 E0114 E0115 E0116 E0118 E0119 E0202 E0205");
    let all = guiju(folder.path(), "C", &["explain"]);
    let lines = String::from_utf8(all.stdout).expect("it is UTF-8");
    assert_eq!(lines.lines().count(), Code::ALL.len());
    assert!(lines.contains("E0401 table gap\n"), "{lines}");
    let base = guiju(folder.path(), "C", &["explain", "base"]);
    assert!(String::from_utf8_lossy(&base.stdout).contains("module 试.标准"));
}

#[test]
fn properties_are_reported_and_a_refuted_one_ends_with_one() {
    let folder = policy_folder();
    let path = folder.path().join("p.gj");
    let with = |claims: &str| format!("{POLICY}\n测试 性质 \"多缴不变差\" 资格 于 2020-06-01 {{ {claims} }}\n");
    std::fs::write(&path, with("单调 资格 不降 随 记录.月数")).expect("a file in it");
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "C", &["test", "."])));
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "zh_CN", &["test", "p.gj"])));
    std::fs::write(&path, with("单调 资格 不升 随 记录.月数")).expect("a file in it");
    insta::assert_snapshot!(transcript(&guiju(folder.path(), "zh_CN", &["test", "p.gj"])));
}
