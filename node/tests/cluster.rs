//! Four real processes: what one gateway takes is final on all four with one state root, one node can be killed with
//! SIGKILL while the rest go on, and it catches up when it is started again.

#[path = "cluster/auditor.rs"]
mod auditor;
#[path = "cluster/processes.rs"]
mod processes;
#[path = "cluster/refusals.rs"]
mod refusals;

use processes::{Cluster, get, post, wait_until};
use serde_json::Value;
use std::time::{Duration, Instant};

#[test]
fn four_nodes_agree_and_a_killed_one_catches_up() {
    let mut cluster = Cluster::start(4);
    wait_until("all nodes are connected", Duration::from_secs(20), || {
        cluster.statuses().iter().all(|s| s.as_ref().is_some_and(|s| s["peers"] == 3))
    });

    let published = cluster.publish_standard();
    let first = cluster.submit(0, 1);
    cluster.wait_final(&[0, 1, 2, 3], &first);
    // An idle chain stands still. A proposer whose turn comes before the transaction reaches it may close a height with
    // an empty block, so how many blocks it took is not promised; that none follows the one that holds it is.
    let start = cluster.settled(&[0, 1, 2, 3]);
    assert_eq!(cluster.height_of(0, &first), start, "no block after the last transaction");
    assert!(start > published);
    println!("height {start} after {published} and one transaction");

    // The same transaction again is refused, by any node.
    let (code, refusal) = cluster.resubmit(2, 1);
    assert_eq!(code, 422, "{refusal}");
    assert!(refusal["zh"].is_string() && refusal["en"].is_string() && refusal["code"] == "already-executed");

    // One dies; the others go on.
    cluster.kill(3);
    let mut last = first;
    for n in 2..=12 {
        last = cluster.submit(usize::try_from(n % 3).expect("small"), n);
        cluster.wait_final(&[0, 1, 2], &last);
    }
    let (height, _) = cluster.agreed(&[0, 1, 2]);
    assert!(height >= start + 11, "each waited for before the next: {height}");

    // It comes back, over its own ledger, and catches up.
    let back = Instant::now();
    cluster.restart(3);
    cluster.wait_final(&[3], &last);
    println!("caught up {} blocks in {:?}", height - start, back.elapsed());
    let again = cluster.submit(3, 100);
    cluster.wait_final(&[0, 1, 2, 3], &again);
    cluster.agreed(&[0, 1, 2, 3]);

    // SIGTERM is an orderly end, for every node.
    for node in 0..4 {
        assert_eq!(cluster.stop(node), Some(0), "node {node}");
    }
}

#[test]
fn under_load_the_next_proposer_dies_and_nothing_taken_by_the_others_is_lost() {
    let mut cluster = Cluster::start(4);
    wait_until("all nodes are connected", Duration::from_secs(20), || {
        cluster.statuses().iter().all(|s| s.as_ref().is_some_and(|s| s["peers"] == 3))
    });
    cluster.publish_standard();
    let start = Instant::now();
    let mut taken = cluster.submit_many(&[0, 1, 2, 3], 0..200);
    let victim = cluster.next_proposer();
    cluster.kill(victim);
    let others: Vec<usize> = (0..4).filter(|n| *n != victim).collect();
    let later = cluster.submit_many(&others, 200..500);
    assert_eq!(later.len(), 300);
    taken.extend(later);
    // What the victim had taken it may have taken with it; the rest must be on the others' ledgers.
    taken.retain(|(node, _)| *node != victim);
    assert!(taken.len() >= 440, "{}", taken.len());
    for (_, id) in &taken {
        cluster.wait_final(&others, id);
    }
    println!("{} transactions in {:?}", taken.len(), start.elapsed());
    cluster.restart(victim);
    let (_, last) = taken.last().expect("some");
    cluster.wait_final(&[victim], last);
    let (height, _) = cluster.agreed(&[0, 1, 2, 3]);
    println!("height {height}");
    // No transaction is in two blocks, and all ledgers hold the same blocks.
    cluster.check_blocks(height);
}

#[test]
fn a_full_disk_stops_the_node_with_its_own_code_and_loses_nothing_final() {
    let mut cluster = Cluster::start(1);
    cluster.wait_ready(0);
    cluster.publish_standard();
    assert_eq!(cluster.stop(0), Some(0));
    // Files may not grow over 1 MiB: to the node it is a disk that is full.
    cluster.start_limited(0, 1);
    cluster.wait_ready(0);
    let mut last = None;
    let code = (1..200).find_map(|n| {
        if let Some(id) = cluster.try_submit_large(0, n)
            && cluster.try_wait_final(0, &id)
        {
            last = Some(id);
        }
        cluster.ended(0)
    });
    assert_eq!(code, Some(74));
    let last = last.expect("some were final before the disk was full");
    cluster.restart(0);
    cluster.wait_ready(0);
    cluster.wait_final(&[0], &last);
    let more = cluster.submit(0, 1000);
    cluster.wait_final(&[0], &more);
}

#[test]
fn the_gateway_refuses_what_it_should_and_stays_up() {
    let mut cluster = Cluster::start(1);
    let at = cluster.gateway(0);
    cluster.wait_ready(0);

    let (code, body) = post(at, b"not an envelope").expect("answers");
    assert_eq!((code, &body["code"]), (400, &Value::from("malformed")));
    let (code, body) = post(at, &vec![0; 640 * 1024 + 1]).expect("answers");
    assert_eq!((code, &body["code"]), (413, &Value::from("too-large")));
    // A length of 1 GiB is refused by its header, and 1 GiB in chunks when the bound is passed.
    let gib = "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n";
    assert_eq!(processes::raw(at, gib.as_bytes()).map(|r| r.0), Some(413));
    assert_eq!(processes::endless_chunks(at), 413);

    for (path, expected) in [
        ("/v1/nothing", 404),
        ("/v1/blocks/1", 404),
        ("/v1/blocks/one", 400),
        ("/v1/state/zz", 400),
        ("/v1/state/00", 404),
        ("/v1/requests/12", 400),
        (&*format!("/v1/requests/{}", "0".repeat(64)), 404),
        (&*format!("/v1/transactions/{}", "0".repeat(64)), 404),
        ("/v1/status?wait=1", 400),
        ("/v1/modules", 200),
    ] {
        let (code, body) = get(at, path).expect("answers");
        assert_eq!(code, expected, "{path}: {body}");
        if code != 200 {
            assert!(body["zh"].is_string() && body["en"].is_string(), "{path}: {body}");
        }
    }
    // A single validator is its own quorum.
    cluster.publish_standard();
    let id = cluster.submit(0, 1);
    cluster.wait_final(&[0], &id);

    // The process that holds the folder keeps a second one out.
    let second = cluster.spawn_second(0);
    assert_eq!(second, Some(74));
    assert_eq!(cluster.stop(0), Some(0));

    // A ledger that lost what the guard log saw does not start, and says why.
    let (code, words) = cluster.start_without_ledger(0);
    assert_eq!(code, Some(75), "{words}");
    assert!(words.contains("acknowledged blocks are missing"), "{words}");
}
