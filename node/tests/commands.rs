//! What `guiju-node` says and with which code it ends when what it is given is wrong.
//! Invariant: every refusal is on stderr in Chinese and English and names the file, and a refused `run` leaves the folder
//! as it was. Must not know: how the program finds out.

use guiju_node::block::Timestamp;
use guiju_node::crypto::Keypair;
use guiju_node::data_folder::{KeyName, NodeConfig, init_data_folder};
use guiju_node::genesis::{CustodianEntry, DepartmentEntry, Genesis, ValidatorEntry};
use guiju_node::threshold::DealtKey;
use guiju_node::transaction::{CustodianId, DepartmentId};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn key(role: u8) -> Keypair {
    Keypair::from_seed([role; 32])
}

fn genesis() -> Genesis {
    Genesis {
        name: "commands test".to_owned(),
        time: Timestamp(1),
        validators: vec![ValidatorEntry {
            name: "node-0".to_owned(),
            consensus_key: key(1).public(),
            transport_key: key(2).public(),
            address: "127.0.0.1:1".parse().expect("an address"),
        }],
        departments: vec![DepartmentEntry {
            id: DepartmentId(1),
            name: "公安局".to_owned(),
            code: "11320100MB0000001A".to_owned(),
            signing_key: key(3).public(),
            sealing_key: [5; 32],
            handle_key_sealed: vec![6; 80],
        }],
        custodians: vec![CustodianEntry {
            id: CustodianId(1),
            name: "custodian".to_owned(),
            signing_key: key(4).public(),
            share_key: DealtKey::from_seed(&[7; 32], 1).share(CustodianId(1)).public(),
            sealing_key: [9; 32],
        }],
        custody_threshold: 1,
        custody_key: DealtKey::from_seed(&[7; 32], 1).public(),
        index_key: [6; 32],
        auditor_key: [8; 32],
        expiry_blocks: 100,
    }
}

/// A well-formed data folder of the only validator.
fn folder(root: &Path) {
    let config = NodeConfig {
        name: "node-0".to_owned(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        gateway: "127.0.0.1:0".parse().expect("an address"),
        custodian: None,
        log: None,
    };
    let keys = [(KeyName::Consensus, key(1).seed()), (KeyName::Transport, key(2).seed())];
    init_data_folder(root, &config, &genesis().to_toml(), &keys).expect("initialises");
}

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guiju-node"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the program runs")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Ended with `code`, and said `all` on stderr, with a Chinese and an English half and without a panic.
fn said(output: &Output, code: i32, all: &[&str]) {
    let words = words(output);
    assert_eq!(output.status.code(), Some(code), "{words}");
    for part in all {
        assert!(words.contains(part), "no {part:?} in: {words}");
    }
    assert!(words.contains(" / ") && words.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}

/// Every file below `root`, with its bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("reads") {
            let path = entry.expect("reads").path();
            if path.is_dir() {
                all.insert(path.display().to_string(), Vec::new());
                folders.push(path);
            } else {
                all.insert(path.display().to_string(), fs::read(&path).expect("reads"));
            }
        }
    }
    all
}

/// Runs over a folder that `spoil` has changed; the folder must be as it was afterwards.
fn refused_run(what: &str, spoil: impl FnOnce(&Path), all: &[&str]) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let root = dir.path().join("node");
    folder(&root);
    spoil(&root);
    let before = files(&root);
    let output = program(&["run", "--data", root.to_str().expect("UTF-8")]);
    println!("{what}: {}", words(&output));
    said(&output, 78, all);
    assert_eq!(files(&root), before, "{what}: the folder was changed");
}

fn rewrite(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).expect("reads");
    let changed = change(text.clone());
    assert_ne!(changed, text);
    fs::write(path, changed).expect("writes");
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let root = dir.path().join("nowhere");
    for command in ["run", "custodian"] {
        let output = program(&[command, "--data", root.to_str().expect("UTF-8")]);
        said(&output, 78, &["无法读写", "cannot read or write", "nowhere/config.toml"]);
        assert!(!root.exists(), "{command}");
    }
}

#[test]
fn a_folder_with_a_wrong_file_is_refused_and_left_alone() {
    let config = |root: &Path| root.join("config.toml");
    let file = |root: &Path| root.join("genesis.toml");
    refused_run(
        "an unknown setting",
        |root| rewrite(&config(root), |text| format!("{text}gatway = '127.0.0.1:1'\n")),
        &["配置文件有误", "the configuration is wrong", "config.toml", "gatway"],
    );
    refused_run(
        "a configuration that is not TOML",
        |root| fs::write(config(root), [0xff, 0xfe]).expect("writes"),
        &["无法读写", "cannot read or write", "config.toml"],
    );
    refused_run(
        "no genesis file",
        |root| fs::remove_file(file(root)).expect("removes"),
        &["无法读写", "cannot read or write", "genesis.toml"],
    );
    refused_run(
        "a genesis file that is not one",
        |root| fs::write(file(root), "不是 = ").expect("writes"),
        &["创世文件格式错误", "the genesis file is malformed"],
    );
    refused_run(
        "a genesis file with a wrong entry",
        |root| rewrite(&file(root), |text| text.replace("custody_threshold = 1", "custody_threshold = 2")),
        &["创世文件中 custody_threshold 有误", "the genesis file is wrong at custody_threshold"],
    );
    refused_run(
        "another chain's genesis file",
        |root| {
            let mut other = genesis();
            other.validators[0].consensus_key = key(9).public();
            fs::write(file(root), other.to_toml()).expect("writes");
        },
        &["本节点的密钥不在创世文件的验证者名单中", "not a validator's"],
    );
}

#[test]
fn a_key_file_that_is_missing_open_to_others_or_no_key_is_refused() {
    let path = |root: &Path| root.join("keys/transport.key");
    let mode = |root: &Path, mode| {
        fs::set_permissions(path(root), fs::Permissions::from_mode(mode)).expect("sets");
    };
    refused_run(
        "no key",
        |root| fs::remove_file(path(root)).expect("removes"),
        &["无法读写", "cannot read or write", "transport.key"],
    );
    for open in [0o640, 0o604, 0o622] {
        refused_run(
            "a key open to others",
            |root| mode(root, open),
            &["密钥文件可被他人读取", "a key file is open to others", "chmod 600", "transport.key"],
        );
    }
    for text in ["", "zz", &"0".repeat(63), &"0".repeat(66)] {
        refused_run(
            "no key in the key file",
            |root| fs::write(path(root), text).expect("writes"),
            &["密钥文件须为64位十六进制", "a key file must be 64 hexadecimal digits", "transport.key"],
        );
    }
    refused_run(
        "a folder instead of a key",
        |root| {
            fs::remove_file(path(root)).expect("removes");
            fs::create_dir(path(root)).expect("makes");
            mode(root, 0o700);
        },
        &["无法读写", "cannot read or write", "transport.key"],
    );
}

#[test]
fn what_is_no_receipt_or_no_genesis_file_is_named() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let write = |name: &str, bytes: &[u8]| fs::write(at(name), bytes).expect("writes");
    write("genesis.toml", genesis().to_toml().as_bytes());
    write("other.toml", b"name = 1");
    write("empty", b"");
    write("text", "这不是回执\n".as_bytes());
    write("magic", guiju_node::receipt::MAGIC);
    write("noise", &[guiju_node::receipt::MAGIC, &[0xa5; 4096]].concat());
    fs::File::create(at("huge")).and_then(|f| f.set_len(1 << 30)).expect("a sparse file");
    for name in ["empty", "text", "magic", "noise", "huge", "nowhere", "/dev/zero"] {
        let path = if name.starts_with('/') { name.to_owned() } else { at(name) };
        let output = program(&["verify", &path, "--genesis", &at("genesis.toml")]);
        said(&output, 1, &["不成立", "does not hold", name]);
        assert!(output.stdout.is_empty(), "{name}");
        let why = words(&output).split_once(&format!("{path}: ")).expect("after the name").1.to_owned();
        assert!(why.contains(" / ") && why.chars().any(|c| c > '\u{4e00}'), "the reason is in both languages: {why}");
    }
    for name in ["other.toml", "nowhere.toml", "huge", "noise", "/dev/zero"] {
        let path = if name.starts_with('/') { name.to_owned() } else { at(name) };
        let output = program(&["verify", &at("text"), "--genesis", &path]);
        said(&output, 78, &[name]);
        assert!(output.stdout.is_empty(), "{name}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["run"],
        &["verify", "x"],
        &["verify", "--genesis", "x"],
        &["demo", "--persons", "1"],
    ] {
        let output = program(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", words(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}
