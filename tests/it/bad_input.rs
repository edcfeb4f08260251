//! Bad input to `guiju` and to the decoding of records: what is refused, with which exit code, code and words.
//! Invariant: every refusal names the place in Chinese and in English, and leaves every file as it was.
//! Must not know: how the compiler finds out.

use crate::cli::guiju;
use crate::pages::{base, example};
use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;
use guiju_runtime::canonical::{self, CanonicalFault};
use guiju_runtime::json::fact_from_json;
use guiju_runtime::value::Type;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file in it");
    }
    folder
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("an entry").path());
    entries.map(|path| (path.display().to_string(), std::fs::read(&path).expect("a file"))).collect()
}

/// `guiju check .` ends with 1 in both languages, each naming `code` and the file, and in JSON; nothing is changed.
fn refused(folder: &Path, file: &str, code: &str) {
    let before = contents(folder);
    for (locale, word) in [("C", "error"), ("zh_CN.UTF-8", "错误")] {
        let output = guiju(folder, locale, &["check", "."]);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{file}: {words}");
        assert!(words.contains(&format!("{word}[{code}]")) && words.contains(file), "{file}: {words}");
        assert!(output.stdout.is_empty(), "{file}");
    }
    let output = guiju(folder, "C", &["check", "--json", "."]);
    assert_eq!(output.status.code(), Some(1), "{file}");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let findings: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    let finding = findings.iter().find(|finding| finding["code"] == code);
    let finding = finding.unwrap_or_else(|| panic!("{file}: no {code} in {text}"));
    for language in ["zh", "en"] {
        assert!(finding["message"][language].as_str().is_some_and(|m| !m.is_empty()), "{file}: {finding}");
    }
    assert_eq!(contents(folder), before, "{file}");
}

#[test]
fn a_policy_that_tells_what_it_may_not_or_reads_what_is_not_there_is_refused() {
    for (file, code) in [
        ("E0701-never.gj", "E0701"),
        ("E0702-no-release.gj", "E0702"),
        ("E0703-release.gj", "E0703"),
        ("E0704-threshold.gj", "E0704"),
        ("E0705-guess.gj", "E0705"),
        ("E0212-unknown-module.gj", "E0212"),
        ("E0907-foreign-sharing.gj", "E0907"),
    ] {
        let policy = example(file.trim_end_matches(".gj"), false);
        let folder = folder(&[("base.gj", &base().text), (file, &policy)]);
        refused(folder.path(), file, code);
        // What does not check is neither tested nor evaluated.
        std::fs::write(folder.path().join("facts.json"), "{}").expect("a file in it");
        let eval = ["eval", "例", "--input", "facts.json", "--policies", "."];
        for command in [&["test", "."][..], &eval] {
            let output = guiju(folder.path(), "C", command);
            assert_eq!(output.status.code(), Some(1), "{file}: {command:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(code), "{file}: {command:?}");
        }
    }
}

#[test]
fn a_source_that_nests_a_million_deep_is_refused_by_every_command() {
    let nested =
        |depth: usize| format!("语言 zh\n模块 试\n定义 甲 = {}1{} @某\n", "(".repeat(depth), ")".repeat(depth));
    for (depth, code) in [(1_000_000, "E0105"), (20_000, "E0104")] {
        let folder = folder(&[("deep.gj", &nested(depth)), ("facts.json", "{}")]);
        let start = Instant::now();
        refused(folder.path(), "deep.gj", code);
        for command in [&["fmt", "."][..], &["test", "."], &["eval", "甲", "--input", "facts.json", "--policies", "."]]
        {
            let output = guiju(folder.path(), "C", command);
            assert_eq!(output.status.code(), Some(1), "{depth}: {command:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{depth}: {:?}", start.elapsed());
    }
    // Facts nest too; they are the user's.
    let folder = folder(&[("p.gj", FIRMS), ("facts.json", &"[".repeat(1_000_000))]);
    let output = guiju(folder.path(), "C", &["eval", "资格", "--input", "facts.json", "--policies", "p.gj"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("facts.json"));
}

#[test]
fn wrong_use_of_every_command_ends_with_two_and_says_why() {
    let folder = folder(&[("p.gj", FIRMS), ("facts.json", "{}")]);
    for arguments in [
        &["check"][..],
        &["check", "nowhere"],
        &["check", "--frob", "."],
        &["test"],
        &["test", "--engine", "abacus", "."],
        &["eval", "资格", "--policies", "."],
        &["eval", "资格", "--input", "facts.json"],
        &["eval", "无此策略", "--input", "facts.json", "--policies", "."],
        &["eval", "资格", "--input", "facts.json", "--policies", ".", "--as-of", "昨天"],
        &["eval", "资格", "--input", "facts.json", "--policies", ".", "--engine", "both"],
    ] {
        let output = guiju(folder.path(), "C", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

/// A policy over firms and units, with an identifier of each kind that has check characters or a form.
const FIRMS: &str = r#"语言 zh
模块 试.企业
依据 "某办法" 记为 办法

证书 登记 由 登记局 归档 代码, 单元, 法人 完备 自 2000-01-01 {
    代码 : 统一社会信用代码 仅结果
    单元 : 不动产单元代码 仅结果
    法人 : 公民身份号码 仅结果
    月数 : 整数 0..600 仅结果
}

策略 资格 版本 1 由 登记局 施行 2020-01-01 {
    输入 单位 : 统一社会信用代码
    输入 单元 : 不动产单元代码
    输入 申请人 : 公民身份号码
    取证 记录 = 登记(代码 = 单位)?
    取证 用地 = 登记(单元 = 单元)?
    取证 任职 = 登记(法人 = 申请人)?
    规则 达标 = 记录 存在 且 记录.月数 满 24 且 用地 存在 且 任职 存在 @办法 第一条
    结论 资格 : { 符合, 不符合 } 命中 顺序 {
        符合 当 达标 理由 "月数已满" @办法 第一条
        不符合 其余 理由 "月数未满" @办法 第一条
    }
    公开 资格 含 理由, 缺证 至多 6 比特
}
"#;
const FIRM: &str = "91350100M000100Y43";
const UNIT: &str = "320102001001GB00001F00010001";
const PERSON: &str = "990105194912310023";

fn record() -> Value {
    json!({ "代码": FIRM, "单元": UNIT, "法人": PERSON, "月数": 24 })
}

fn facts() -> Value {
    json!({ "单位": FIRM, "单元": UNIT, "申请人": PERSON, "记录": record(), "用地": record(), "任职": record() })
}

/// Where the fault is put, what stands there, the place named, and a word of the reason in Chinese and in English.
fn misfits() -> Vec<(&'static str, Value, &'static str, &'static str, &'static str)> {
    vec![
        ("/申请人", json!("990105194912310021"), "申请人", "校验码", "check character"),
        ("/单位", json!("91350100M000100Y44"), "单位", "校验码", "check character"),
        ("/单元", json!("320102001001GB00001X00010001"), "单元", "第 20 个字符", "character 20"),
        ("/单元", json!("320102001001GB00001F0001000"), "单元", "长度", "length"),
        ("/申请人", json!(null), "申请人", "不能为无", "cannot be absent"),
        ("/记录/法人", json!("990105194912310021"), "记录.法人", "校验码", "check character"),
        ("/记录/代码", json!("91350100M000100Y44"), "记录.代码", "校验码", "check character"),
        ("/记录/单元", json!("320102001001QB00001F00010001"), "记录.单元", "第 13 个字符", "character 13"),
        ("/记录/月数", json!(601), "记录.月数", "0 与 600", "between 0 and 600"),
        ("/记录/月数", json!("24"), "记录.月数", "整数", "whole number"),
        ("/记录/月数", json!(null), "记录.月数", "必填", "required"),
        ("/记录/年数", json!(2), "记录.年数", "没有这个字段", "no such field"),
    ]
}

#[test]
fn facts_that_do_not_fit_are_named_in_both_languages() {
    let folder = folder(&[("p.gj", FIRMS)]);
    let eval = |facts: &Value, locale: &str| {
        std::fs::write(folder.path().join("facts.json"), facts.to_string()).expect("a file in it");
        let output = guiju(
            folder.path(),
            locale,
            &["eval", "资格", "--input", "facts.json", "--policies", "p.gj", "--as-of", "2020-06-01"],
        );
        assert_eq!(std::fs::read_to_string(folder.path().join("p.gj")).expect("it is there"), FIRMS);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, stdout, stderr) = eval(&facts(), "C");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "what is changed below fits");
    assert!(stdout.contains("资格 = 符合"), "{stdout}");
    for (pointer, put, place, zh, en) in misfits() {
        let mut bad = facts();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        bad.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").insert(key.to_owned(), put);
        for (locale, why) in [("zh_CN.UTF-8", zh), ("C", en)] {
            let (code, stdout, stderr) = eval(&bad, locale);
            // The facts are the user's: the policy is not at fault, so it is not 1.
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{pointer}: {stderr}");
            assert!(stderr.contains(place) && stderr.contains(why), "{pointer}: {stderr}");
        }
    }
    let mut short = facts();
    short["记录"].as_object_mut().expect("an object").remove("法人");
    for (locale, why) in [("zh_CN.UTF-8", "缺少字段"), ("C", "is missing")] {
        let (code, _, stderr) = eval(&short, locale);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("记录.法人") && stderr.contains(why), "{stderr}");
    }
}

/// `bytes` with the one place that reads `from` reading `to`.
fn altered(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    let [at] = places[..] else { panic!("{from:?} is there {} times", places.len()) };
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn canonical_bytes_of_a_record_that_does_not_fit_are_not_decoded() {
    let file = SourceFile { name: "p.gj".to_owned(), text: FIRMS.to_owned() };
    let package = compile(&[file]).package.expect("it is well");
    let schema = package.schemas.iter().find(|schema| schema.name == "登记").expect("declared");
    let ty = Type::Group(schema.group.clone());
    let fact = fact_from_json(&ty, &record()).expect("it fits");
    let bytes = canonical::encode(&ty, &fact).expect("it fits");
    assert_eq!(canonical::decode(&ty, &bytes), Ok(fact));
    for (from, to, path, zh, en) in [
        (PERSON, "990105194912310021", "法人", "校验码", "check character"),
        (FIRM, "91350100M000100Y44", "代码", "校验码", "check character"),
        (UNIT, "320102001001GB00001X00010001", "单元", "第 20 个字符", "character 20"),
    ] {
        let fault = canonical::decode(&ty, &altered(&bytes, from.as_bytes(), to.as_bytes())).expect_err(path);
        let CanonicalFault::Misfit(misfit) = &fault else { panic!("{path}: {fault}") };
        assert_eq!(misfit.path, path);
        let words = fault.to_string();
        assert!(words.contains(path) && words.contains(zh) && words.contains(en), "{words}");
    }
    let months = altered(&bytes, &24i64.to_be_bytes(), &601i64.to_be_bytes());
    let fault = canonical::decode(&ty, &months).expect_err("out of range").to_string();
    assert!(fault.contains("月数") && fault.contains("0 与 600") && fault.contains("between 0 and 600"), "{fault}");
}
