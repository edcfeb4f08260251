//! The ceremony as its custodians' operators run it: four folders of keys, one board, the program itself.
//! Invariant: the genesis file that comes of it is accepted, and every way to go wrong says who is at fault and leaves no
//! keys behind. Must not know: how shares are made.

use guiju_node::crypto::hex;
use guiju_node::threshold::KeyShare;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit code, standard output, standard error.
fn ceremony(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guiju-node"));
    let output = command.arg("ceremony").args(arguments).output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("exits"), text(output.stdout), text(output.stderr))
}

struct Venue {
    root: tempfile::TempDir,
}

impl Venue {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn keys(&self, n: u16) -> PathBuf {
        self.path(&format!("keys{n}"))
    }

    /// Custody founded by four, as the genesis file names it.
    fn founded(&self) -> String {
        (1..=4).for_each(|n| assert_eq!(self.step("deal", n).0, 0));
        (1..=4).for_each(|n| assert_eq!(self.step("finish", n).0, 0));
        self.check().1
    }

    /// Four custodians whose entries are in one plan.
    fn new() -> Self {
        let venue = Self { root: tempfile::tempdir().expect("a folder") };
        fs::create_dir(venue.path("board")).expect("makes");
        let mut plan = "chain = \"试链\"\nthreshold = 3\n".to_owned();
        for n in 1..=4 {
            plan.push_str(&venue.join(n));
        }
        fs::write(venue.path("plan.toml"), plan).expect("writes");
        venue
    }

    fn join(&self, n: u16) -> String {
        let (id, name) = (n.to_string(), format!("解密中心{n}"));
        let keys = self.keys(n);
        let (code, entry, _) = ceremony(&["join", "--keys", text(&keys), "--id", &id, "--name", &name]);
        assert_eq!(code, 0);
        entry
    }

    fn step(&self, step: &str, n: u16) -> (i32, String, String) {
        let (plan, keys, board) = (self.path("plan.toml"), self.keys(n), self.path("board"));
        ceremony(&[step, "--plan", text(&plan), "--keys", text(&keys), "--board", text(&board)])
    }

    fn check(&self) -> (i32, String, String) {
        let (plan, board) = (self.path("plan.toml"), self.path("board"));
        ceremony(&["check", "--plan", text(&plan), "--board", text(&board)])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn four_operators_found_custody_and_any_of_them_can_repeat_a_step() {
    let venue = Venue::new();
    assert_eq!(venue.join(1), venue.join(1), "the keys are made once");
    for n in 1..=4 {
        assert_eq!(venue.step("deal", n).0, 0);
    }
    for n in [1, 1, 2, 3, 4] {
        let (code, said, complaint) = venue.step("finish", n);
        assert_eq!(code, 0, "{complaint}");
        assert!(said.contains("托管公钥 / custody key: "), "{said}");
    }
    let (code, genesis, complaint) = venue.check();
    assert_eq!(code, 0, "{complaint}");
    for n in 1..=4 {
        let path = venue.keys(n).join("share.key");
        assert_eq!(fs::metadata(&path).expect("written").permissions().mode() & 0o777, 0o600);
        let bytes = guiju_node::crypto::unhex(fs::read_to_string(&path).expect("reads").trim()).expect("hexadecimal");
        let share = KeyShare::from_bytes(bytes.try_into().expect("32 bytes")).expect("a share");
        assert!(genesis.contains(&format!("share_key = \"{}\"", hex(&share.public()))), "custodian {n}");
    }
    // The same index secret at home with everyone.
    let index = |n| fs::read_to_string(venue.keys(n).join("index.key")).expect("reads");
    assert!((2..=4).all(|n| index(n) == index(1)));
    // Nothing secret is on the board.
    let secrets: Vec<String> = (1..=4)
        .flat_map(|n| fs::read_dir(venue.keys(n)).expect("reads").map(|entry| entry.expect("reads").path()))
        .map(|path| fs::read_to_string(path).expect("reads").trim().to_owned())
        .collect();
    for entry in fs::read_dir(venue.path("board")).expect("reads") {
        let on_board = fs::read_to_string(entry.expect("reads").path()).expect("reads").replace('\n', "");
        assert!(!secrets.iter().any(|secret| on_board.contains(secret)));
    }
}

#[test]
fn whoever_is_missing_or_at_fault_is_named_and_no_keys_are_left() {
    let venue = Venue::new();
    for n in [1, 2, 4] {
        assert_eq!(venue.step("deal", n).0, 0);
    }
    let (code, _, said) = venue.step("finish", 1);
    assert_eq!((code, said.as_str()), (1, "尚缺受托方 3 的文件 / something of custodian 3 is not on the board yet\n"));
    assert_eq!(venue.step("deal", 3).0, 0);
    let (code, _, said) = venue.step("deal", 3);
    assert!(code == 78 && said.contains("dealing-3.txt"), "dealt once: {said}");
    // A digit on the board changes.
    let path = venue.path("board").join("dealing-2.txt");
    let good = fs::read_to_string(&path).expect("reads");
    let at = good.len() - 10;
    let other = if &good[at..=at] == "0" { "1" } else { "0" };
    fs::write(&path, format!("{}{other}{}", &good[..at], &good[at + 1..])).expect("writes");
    let (code, _, said) = venue.step("finish", 1);
    assert_eq!(code, 1);
    assert!(said.contains("受托方 2 的文件不成立") && said.contains("its signature does not verify"), "{said}");
    fs::write(&path, "GUIJU DEALING 1\nzz\n").expect("writes");
    let (code, _, said) = venue.step("finish", 1);
    assert!(code == 78 && said.contains("dealing-2.txt"), "{said}");
    assert!(!venue.keys(1).join("share.key").exists() && !venue.keys(1).join("index.key").exists());
    fs::write(&path, good).expect("writes");
    assert_eq!(venue.step("finish", 1).0, 0);
    let (code, printed, said) = venue.check();
    assert_eq!((code, printed.as_str()), (1, ""));
    assert_eq!(said, "尚缺受托方 2 的文件 / something of custodian 2 is not on the board yet\n");
    // Keys that are there are never overwritten.
    let share = venue.keys(2).join("share.key");
    fs::write(&share, format!("{}\n", "07".repeat(32))).expect("writes");
    fs::set_permissions(&share, fs::Permissions::from_mode(0o600)).expect("sets");
    let other = "份额或索引密钥与方案不符 / the share or the index key is not the one in the plan\n";
    assert_eq!(venue.step("finish", 2), (1, String::new(), other.to_owned()));
    assert!(!venue.path("board").join("confirmation-2.txt").exists());
    assert!(!venue.keys(2).join("index.key").exists());
    fs::rename(&share, venue.keys(2).join("index.key")).expect("renames");
    assert_eq!(venue.step("finish", 2), (1, String::new(), other.to_owned()));
    assert!(!share.exists());
    // A stranger's keys.
    let (code, _, _) = ceremony(&["join", "--keys", text(&venue.keys(9)), "--id", "9", "--name", "别人"]);
    assert_eq!(code, 0);
    let (code, _, said) = venue.step("deal", 9);
    assert_eq!((code, said.as_str()), (1, "密钥不属于方案中的任何一方 / the key is nobody's of the plan\n"));
}

/// The plan by which 4 leaves and 5 comes; 1, 3 and 4 deal.
fn handover(venue: &Venue) -> String {
    let founded = venue.founded();
    fs::rename(venue.path("board"), venue.path("board-of-the-founding")).expect("renames");
    fs::create_dir(venue.path("board")).expect("makes");
    let mut plan = "chain = \"试链\"\nthreshold = 3\n".to_owned();
    for n in [1, 2, 3, 5] {
        plan.push_str(&venue.join(n));
    }
    plan.push_str("[present]\nepoch = 0\ndealers = [1, 3, 4]\n");
    plan.push_str(&founded.replace("[[custodians]]", "[[present.custodians]]"));
    fs::write(venue.path("plan.toml"), plan).expect("writes");
    founded
}

#[test]
fn custody_is_handed_on_by_its_holders() {
    let venue = Venue::new();
    let founded = handover(&venue);
    let (code, _, said) = venue.step("deal", 2);
    assert_eq!((code, said.as_str()), (1, "密钥不属于方案中的任何一方 / the key is nobody's of the plan\n"));
    (1..=4).filter(|n| *n != 2).for_each(|n| assert_eq!(venue.step("deal", n).0, 0));
    for n in [1, 2, 3, 5] {
        let (code, _, complaint) = venue.step("finish", n);
        assert_eq!(code, 0, "{complaint}");
        assert!(venue.keys(n).join("share-1.key").exists());
    }
    assert!(venue.keys(1).join("share.key").exists(), "wiped by the custodian once the ledger has the change");
    let (code, printed, complaint) = venue.check();
    assert_eq!(code, 0, "{complaint}");
    assert!(printed.starts_with("# 第 1 届 / epoch 1\n"), "{printed}");
    let line = |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    for name in ["custody_key", "index_key"] {
        assert_eq!(line(&printed, name), line(&founded, name), "it stays");
    }
    let index = |n| fs::read_to_string(venue.keys(n).join("index.key")).expect("reads");
    assert_eq!(index(5), index(1), "the newcomer has the index key too");
    // What the ledger is told is checked before anybody signs it.
    let (plan, board) = (venue.path("plan.toml"), venue.path("board"));
    let endorse = |n: u16, genesis: &Path| {
        let keys = venue.keys(n);
        let place = ["--plan", text(&plan), "--keys", text(&keys), "--board", text(&board)];
        let rest = ["--genesis", text(genesis), "--valid-until", "100"];
        ceremony(&[&["endorse"][..], &place, &rest].concat())
    };
    let (code, _, said) = endorse(1, &venue.path("nowhere.toml"));
    assert!(code == 78 && said.contains("nowhere.toml"), "{said}");
    fs::write(venue.path("genesis.toml"), "x = 1").expect("writes");
    let (code, _, said) = endorse(1, &venue.path("genesis.toml"));
    assert!(code == 78 && said.contains("创世文件格式错误"), "{said}");
    let submit =
        ["submit", "--plan", text(&plan), "--board", text(&board), "--genesis", "x", "--gateway", "127.0.0.1:1"];
    let (code, _, said) = ceremony(&submit);
    assert_eq!((code, said.as_str()), (1, "公告板上没有签署 / there is no endorsement on the board\n"));
}

#[test]
fn whoever_lacks_its_share_cannot_hand_it_on() {
    let venue = Venue::new();
    handover(&venue);
    let share = venue.keys(3).join("share.key");
    fs::copy(venue.keys(1).join("share.key"), &share).expect("copies");
    let wrong = "份额或索引密钥与方案不符 / the share or the index key is not the one in the plan\n";
    assert_eq!(venue.step("deal", 3), (1, String::new(), wrong.to_owned()));
    fs::remove_file(&share).expect("removes");
    assert_eq!(venue.step("deal", 3), (1, String::new(), wrong.to_owned()));
    // What is founded is not handed on by accident: there is no ledger to tell yet.
    let founding = Venue::new();
    founding.founded();
    let (plan, board) = (founding.path("plan.toml"), founding.path("board"));
    let submit =
        ["submit", "--plan", text(&plan), "--board", text(&board), "--genesis", "x", "--gateway", "127.0.0.1:1"];
    assert_eq!(ceremony(&submit).0, 1);
}
