//! The link with stand-in children (shell scripts that record what they are told): feeds come in order from height 1
//! after every start, orders pass, and a child that dies or talks nonsense is started again.

use super::*;
use crate::block::Timestamp;
use crate::state::feed::CustodyFeed;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A store that has feeds and nothing else.
#[derive(Clone, Default)]
struct Feeds(Arc<Mutex<BTreeMap<Height, Vec<u8>>>>);

impl Feeds {
    fn add(&self, height: u64) {
        let bytes = feed(height).to_bytes();
        self.0.lock().expect("unpoisoned").insert(Height(height), bytes);
    }
}

impl Backing for Feeds {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn scan(&self, _: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
    fn tree_node(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn block(&self, _: Height) -> Option<Vec<u8>> {
        None
    }
    fn feed(&self, height: Height) -> Option<Vec<u8>> {
        self.0.lock().expect("unpoisoned").get(&height).cloned()
    }
}

fn feed(height: u64) -> CustodyFeed {
    CustodyFeed {
        height: Height(height),
        time: Timestamp(height),
        day: 0,
        modules: vec![],
        records: vec![],
        requests: vec![],
        finalised: vec![],
        expired: vec![],
        custodians: None,
        erased: vec![],
        destroyed: vec![],
    }
}

/// A program that runs `body`; in it, `$3` is the data folder.
fn script(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("child.sh");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
    path
}

/// What each child was told so far, by its process id; a cut last frame is left out.
fn told(folder: &Path) -> BTreeMap<u32, Vec<CustodyOrder>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("reads") {
        let path = entry.expect("reads").path();
        let Some(pid) = path.file_name().and_then(|n| n.to_str()?.strip_prefix("told.")?.parse().ok()) else {
            continue;
        };
        let bytes = fs::read(&path).expect("reads");
        let (mut rest, mut orders) = (bytes.as_slice(), Vec::new());
        while let Some((prefix, tail)) = rest.split_first_chunk::<4>()
            && let Some((frame, tail)) = tail.split_at_checked(u32::from_be_bytes(*prefix) as usize)
        {
            orders.push(CustodyOrder::from_bytes(frame).expect("a whole order"));
            rest = tail;
        }
        all.insert(pid, orders);
    }
    all
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 10 s: {what}");
}

fn told_all_of(heights: u64, caught_up_at: u64, orders: &[CustodyOrder]) -> bool {
    let mut expected: Vec<_> = (1..=heights).map(|h| CustodyOrder::Feed(feed(h))).collect();
    expected.insert(usize::try_from(caught_up_at).expect("small"), CustodyOrder::CaughtUp);
    let told: Vec<_> =
        orders.iter().filter(|o| !matches!(o, CustodyOrder::Capsules(_) | CustodyOrder::Tick)).cloned().collect();
    told == expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_child_is_fed_everything_in_order_and_a_dead_one_is_replaced() {
    let dir = tempfile::tempdir().expect("temporary folder");
    // Reports one empty `Want`, then records its input until that ends.
    let want = r"printf '\000\000\000\005\002\000\000\000\000'";
    let program = script(dir.path(), &format!("{want}; cat > \"$3/told.$$\"; :"));
    let feeds = Feeds::default();
    (1..=3).for_each(|h| feeds.add(h));
    let (link, mut reports) = CustodyLink::start(program, dir.path().to_owned(), feeds.clone(), Height(3));
    assert_eq!(reports.recv().await, Some(CustodyReport::Want(vec![])));
    until("replay", || told(dir.path()).values().any(|o| told_all_of(3, 3, o))).await;

    feeds.add(4);
    link.committed(Height(4));
    // Feeds in orders are not passed on twice.
    link.order(CustodyOrder::Feed(feed(4)));
    link.order(CustodyOrder::Capsules(vec![]));
    until("the new block and the order", || {
        told(dir.path()).values().any(|o| told_all_of(4, 3, o) && o.contains(&CustodyOrder::Capsules(vec![])))
    })
    .await;

    let first: BTreeSet<u32> = told(dir.path()).into_keys().collect();
    assert_eq!(first.len(), 1);
    let pid = first.first().expect("one").to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().expect("runs").success());
    assert_eq!(reports.recv().await, Some(CustodyReport::Want(vec![])), "the next child reports");
    until("replay to the next child", || {
        told(dir.path()).iter().any(|(pid, o)| !first.contains(pid) && told_all_of(4, 4, o))
    })
    .await;
    timeout(Duration::from_secs(3), link.stop()).await.expect("stops when its input ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_from_a_child_ends_it_and_a_deaf_child_holds_up_nobody() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let program = script(dir.path(), r#"touch "$3/told.$$"; printf '\000\000\000\001\377'; cat > /dev/null; :"#);
    let (link, mut reports) = CustodyLink::start(program, dir.path().to_owned(), Feeds::default(), Height(0));
    until("it was started again", || told(dir.path()).len() >= 2).await;
    assert!(reports.try_recv().is_err(), "no report came of it");
    link.stop().await;

    // It never reads: the pipe fills, the queue fills, and ordering still returns at once.
    let program = script(dir.path(), "exec sleep 60");
    let (link, _reports) = CustodyLink::start(program, dir.path().to_owned(), Feeds::default(), Height(0));
    let id = crate::transaction::CapsuleId(crate::crypto::Digest([1; 32]));
    let before = std::time::Instant::now();
    for _ in 0..2 * ORDERS_MAX {
        link.order(CustodyOrder::Capsules(vec![(id, vec![0; 1024]); 4]));
    }
    assert!(before.elapsed() < Duration::from_secs(1));
    let before = std::time::Instant::now();
    link.stop().await;
    assert!(before.elapsed() < Duration::from_secs(5), "it is killed when it does not stop");
}
