//! Transcripts of the program `guiju`: streams and exit codes as a shell sees them.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `guiju` in `folder` with a Chinese or English locale.
fn guiju(folder: &Path, locale: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guiju-under-test"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", locale)
        .output()
        .expect("the program under test was built with this test")
}

fn transcript(output: &Output) -> String {
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
    insta::assert_snapshot!(transcript(&output), @"");
    assert_eq!(std::fs::read(folder.path().join("b.gj")).expect("it is there"), before);
}

#[test]
fn fmt_rewrites_once() {
    let folder = folder();
    let output = guiju(folder.path(), "C", &["fmt", "."]);
    insta::assert_snapshot!(transcript(&output), @"");
    let text = std::fs::read_to_string(folder.path().join("b.gj")).expect("it is there");
    insta::assert_snapshot!(text, @"");
    let output = guiju(folder.path(), "C", &["fmt", "--check", "."]);
    insta::assert_snapshot!(transcript(&output), @"");
}

#[test]
fn fmt_translates_keywords() {
    let folder = folder();
    let output = guiju(folder.path(), "en_GB.UTF-8", &["fmt", "--lang", "en", "b.gj"]);
    insta::assert_snapshot!(transcript(&output), @"");
    let text = std::fs::read_to_string(folder.path().join("b.gj")).expect("it is there");
    insta::assert_snapshot!(text, @"");
}

#[test]
fn a_broken_source_is_the_policys_fault() {
    let folder = folder();
    std::fs::write(folder.path().join("b.gj"), "语言 zh\n模块 试\n枚举 甲 {一 二}\n").expect("a file in it");
    let output = guiju(folder.path(), "C", &["fmt", "b.gj"]);
    insta::assert_snapshot!(transcript(&output), @"");
    let output = guiju(folder.path(), "C", &["--lang", "zh", "fmt", "b.gj"]);
    insta::assert_snapshot!(transcript(&output), @"");
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
    let run = |path: &Path| {
        Command::new(&alone)
            .args(["verify", "--x", "a b"])
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env("LANG", "C")
            .env("PATH", path)
            .output()
            .expect("the copy runs")
    };
    insta::assert_snapshot!(transcript(&run(Path::new("/nonexistent"))), @"");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let node = folder.path().join("guiju-node");
        std::fs::write(&node, "#!/bin/sh\nfor a; do echo \"[$a]\"; done\nexit 7\n").expect("a script in it");
        std::fs::set_permissions(&node, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        insta::assert_snapshot!(transcript(&run(Path::new("/nonexistent"))), @"");
    }
}
