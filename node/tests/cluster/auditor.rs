//! The auditor's command against real nodes: running, stopped, and of another chain.

use super::processes::{Cluster, wait_until};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Exit code, standard output, standard error.
fn audit(genesis: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guiju-node"));
    let output = command.arg("audit").arg("--genesis").arg(genesis).args(arguments).output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("exits"), text(output.stdout), text(output.stderr))
}

#[test]
fn an_auditor_replays_the_chain_from_a_running_node_and_from_a_stopped_one() {
    let mut cluster = Cluster::start(4);
    wait_until("all nodes are connected", Duration::from_secs(20), || {
        cluster.statuses().iter().all(|s| s.as_ref().is_some_and(|s| s["peers"] == 3))
    });
    cluster.publish_standard();
    let last = cluster.submit(1, 1);
    cluster.wait_final(&[0, 1, 2, 3], &last);
    let height = cluster.settled(&[0, 1, 2, 3]);
    let genesis = cluster.genesis_file();
    let gateway = cluster.gateway(2).to_string();
    let (code, running, said) = audit(&genesis, &["--gateway", &gateway]);
    assert_eq!(code, 0, "{said}");
    let lines: Vec<&str> = running.lines().collect();
    let [published, approved, "", holds] = lines.as_slice() else { panic!("{running}") };
    assert!(published.contains("公安局  发布模块 publishes module "), "{published}");
    assert!(approved.contains("公安局  批准模块 approves module "), "{approved}");
    assert_eq!(*holds, format!("账本成立至高度 {height} / the chain holds up to height {height}; 列出 listed 0"));
    // A node that runs does not lend its folder.
    let data = cluster.data(0);
    let folder = data.to_str().expect("UTF-8");
    let (code, _, said) = audit(&genesis, &["--data", folder]);
    assert!(code == 78 && !said.is_empty(), "{code} {said}");
    assert_eq!(cluster.stop(0), Some(0));
    let (code, stopped, said) = audit(&genesis, &["--data", folder]);
    assert_eq!((code, stopped), (0, running), "{said}");
    let (_, json, _) = audit(&genesis, &["--data", folder, "--json", "--from", "1", "--to", &height.to_string()]);
    let acts: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((acts[0]["act"].as_str(), acts[1]["act"].as_str(), acts.len()), (Some("publish"), Some("approve"), 2));
    assert_eq!(acts[0]["about"]["module"], acts[1]["about"]["module"]);
    // Another chain's genesis, no keys, no source.
    let other = genesis.with_file_name("other.toml");
    let text = std::fs::read_to_string(&genesis).expect("reads").replace("cluster test", "another");
    std::fs::write(&other, text).expect("writes");
    let (code, printed, said) = audit(&other, &["--gateway", &gateway]);
    assert_eq!((code, printed.as_str()), (1, ""));
    assert!(said.starts_with("账本不成立 / the chain does not hold: 高度 1 的区块无效"), "{said}");
    let keys = genesis.with_file_name("no-keys");
    let (code, _, said) = audit(&genesis, &["--gateway", &gateway, "--keys", keys.to_str().expect("UTF-8")]);
    assert!(code == 78 && said.contains("auditor.key"), "{said}");
    assert_eq!(audit(&genesis, &[]).0, 2);
}
