//! The ledger on disk: what was committed is there after reopening and after kill -9, and a ledger that lost
//! acknowledged blocks says so.

use guiju_node::block::{Block, Certificate, CertifiedBlock, Header, Timestamp, transactions_root};
use guiju_node::crypto::{Digest, Keypair};
use guiju_node::state::{Backing, Batch};
use guiju_node::store::guard::{GuardLog, GuardRecord};
use guiju_node::store::{Store, StoreError};
use guiju_node::transaction::{ChainId, DepartmentId, Height, Payload, SignedTransaction, Signer, Transaction};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn chain() -> ChainId {
    ChainId(Digest::of("test/chain", b"store"))
}

fn root(height: u64) -> Digest {
    Digest::of("test/root", &height.to_be_bytes())
}

fn transaction(height: u64) -> SignedTransaction {
    let key = Keypair::from_seed([1; 32]);
    let sender = Signer::Department(DepartmentId(1));
    let body = Transaction {
        chain: chain(),
        sender,
        nonce: [0; 16],
        valid_until: Height(height),
        payload: Payload::Withdraw { source: root(height) },
    };
    SignedTransaction::sign(body, &[(sender, &key)])
}

/// Block `height` writes `only/<height>`, moves `at` to `height`, and removes `only/<height - 1>`.
fn batch(height: u64, parent: Digest) -> Batch {
    let transactions = vec![transaction(height)];
    let header = Header {
        chain: chain(),
        height: Height(height),
        parent,
        time: Timestamp(height),
        proposer: Keypair::from_seed([2; 32]).public(),
        state_root: root(height - 1),
        transactions_root: transactions_root(&transactions),
    };
    let block = Block { header, transactions };
    let certificate = Certificate { height: Height(height), round: 0, block: block.digest(), signatures: Vec::new() };
    Batch {
        height: Height(height),
        state: vec![
            (format!("only/{height}").into_bytes(), Some(vec![7; 4096])),
            (format!("only/{}", height - 1).into_bytes(), None),
            (b"at".to_vec(), Some(height.to_be_bytes().to_vec())),
        ],
        tree_nodes: vec![(height.to_be_bytes().to_vec(), Some(b"node".to_vec()))],
        state_root: root(height),
        feed: format!("feed {height}").into_bytes(),
        block: CertifiedBlock { block, certificate },
    }
}

fn grow(store: &Store, to: u64) {
    loop {
        let head = store.head().expect("reads");
        if head.height.0 >= to {
            return;
        }
        store.commit(&batch(head.height.0 + 1, head.block)).expect("commits");
    }
}

/// Everything block `height` should have left is there, and nothing of another height.
fn check(store: &Store) -> u64 {
    let head = store.head().expect("reads");
    let h = head.height.0;
    if h == 0 {
        return 0;
    }
    assert_eq!(head.state_root, root(h));
    assert_eq!(store.get(b"at"), Some(h.to_be_bytes().to_vec()));
    let only = store.scan(b"only/");
    assert_eq!(only, [(format!("only/{h}").into_bytes(), vec![7; 4096])]);
    let mut parent = chain().0;
    for height in 1..=h {
        let block = store.certified_block(Height(height)).expect("reads").expect("every block is there");
        assert_eq!(block.block.header.parent, parent);
        parent = block.block.digest();
        assert_eq!(store.feed_bytes(Height(height)).expect("reads"), Some(format!("feed {height}").into_bytes()));
        assert_eq!(store.tree_node(&height.to_be_bytes()), Some(b"node".to_vec()));
        let id = transaction(height).body.id();
        assert_eq!(store.view().expect("reads").find(id).expect("reads"), Some((Height(height), 0)));
    }
    assert_eq!(parent, head.block);
    assert_eq!(store.certified_block(Height(h + 1)).expect("reads"), None);
    h
}

fn open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(dir, chain())
}

#[test]
fn reopening_finds_everything_and_views_do_not_move() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let store = open(dir.path()).expect("opens");
    assert_eq!(check(&store), 0);
    assert_eq!(store.head().expect("reads").block, chain().0);
    grow(&store, 3);
    let view = store.view().expect("opens");
    grow(&store, 20);
    assert_eq!(view.head().height, Height(3));
    assert_eq!(view.state(b"at").expect("reads"), Some(3u64.to_be_bytes().to_vec()));
    assert_eq!(view.state_with_prefix(b"only/", 9).expect("reads").len(), 1);
    assert_eq!(view.block_bytes(Height(4)).expect("reads"), None);
    drop((view, store));
    assert_eq!(check(&open(dir.path()).expect("opens")), 20);
}

#[test]
fn a_batch_out_of_order_changes_nothing() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let store = open(dir.path()).expect("opens");
    grow(&store, 2);
    for height in [1, 2, 4] {
        let refused = store.commit(&batch(height, root(0)));
        assert!(matches!(refused, Err(StoreError::OutOfOrder { .. })), "{height}");
    }
    assert_eq!(check(&store), 2);
}

#[test]
fn another_chains_folder_is_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    drop(open(dir.path()).expect("opens"));
    assert!(matches!(Store::open(dir.path(), ChainId(root(1))), Err(StoreError::OtherChain)));
}

#[test]
fn a_guard_ahead_of_the_ledger_is_loud_and_one_behind_is_mended() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let guard_path = dir.path().join("guard.log");
    let store = open(dir.path()).expect("opens");
    grow(&store, 4);
    let head = store.head().expect("reads");
    drop(store);
    let guard = std::fs::read(&guard_path).expect("reads");

    // The crash between commit and guard: the ledger is one ahead.
    std::fs::write(&guard_path, &guard[..240]).expect("writes");
    assert_eq!(check(&open(dir.path()).expect("opens")), 4);
    assert_eq!(std::fs::read(&guard_path).expect("reads"), guard);

    // The ledger lost blocks: the guard has seen height 5.
    let mut log = GuardLog::open(&guard_path).expect("opens");
    log.append(GuardRecord { height: Height(5), block: root(9), state_root: root(5) }).expect("appends");
    drop(log);
    let error = open(dir.path()).err().expect("refused");
    assert!(matches!(error, StoreError::AcknowledgedBlocksMissing { guard: Height(5), store: Height(4) }), "{error}");
    let text = error.to_string();
    assert!(text.contains("acknowledged blocks are missing") && text.contains("已确认的区块缺失"));

    // The guard is of another history, or gone.
    std::fs::remove_file(&guard_path).expect("removes");
    assert!(matches!(open(dir.path()), Err(StoreError::GuardMismatch { .. })));
    std::fs::remove_file(&guard_path).expect("removes");
    let mut log = GuardLog::open(&guard_path).expect("opens");
    log.append(GuardRecord { height: Height(4), block: root(9), state_root: head.state_root }).expect("appends");
    drop(log);
    assert!(matches!(open(dir.path()), Err(StoreError::GuardMismatch { .. })));
}

/// With the variable set, this test is the process that gets killed, in a run of its own.
const WRITER: &str = "GUIJU_TEST_WRITER";

fn write_for_ever(dir: &Path) -> ! {
    let store = open(dir).expect("opens");
    loop {
        let next = store.head().expect("reads").height.0 + 1;
        grow(&store, next);
        println!("\nacknowledged {next}");
    }
}

#[test]
fn survives_kill_nine() {
    if let Some(dir) = std::env::var_os(WRITER) {
        write_for_ever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut acknowledged = 0;
    for round in 1..=5u64 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "survives_kill_nine", "--nocapture"])
            .env(WRITER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let reader = std::thread::spawn(move || {
            let mut last = 0;
            for line in lines.map_while(Result::ok) {
                if let Some(n) = line.strip_prefix("acknowledged ").and_then(|n| n.parse().ok()) {
                    last = n;
                }
            }
            last
        });
        std::thread::sleep(Duration::from_millis(400 + 170 * round));
        child.kill().expect("kills");
        child.wait().expect("ends");
        acknowledged = reader.join().expect("reads").max(acknowledged);
        let there = check(&open(dir.path()).expect("opens after kill -9"));
        assert!(there == acknowledged || there == acknowledged + 1, "{acknowledged} acknowledged, {there} there");
    }
    assert!(acknowledged > 20, "the writer got somewhere: {acknowledged}");
}

/// Storage flushes in the background while blocks are written; a view opened meanwhile must still hold whole blocks.
#[test]
fn a_view_never_holds_part_of_a_block() {
    const BLOCKS: u64 = 250;
    let dir = tempfile::tempdir().expect("temporary folder");
    let store = open(dir.path()).expect("opens");
    let done = std::sync::atomic::AtomicBool::new(false);
    let views = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut views = 0_u64;
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        let view = store.view().expect("opens a view");
                        let height = view.head().height.0;
                        let next = transaction(height + 1).body.id();
                        assert_eq!(view.find(next).expect("reads"), None, "block {} is not all there", height + 1);
                        assert!(view.block_bytes(Height(height + 1)).expect("reads").is_none());
                        if height > 0 {
                            let at = view.state(b"at").expect("reads");
                            assert_eq!(at, Some(height.to_be_bytes().to_vec()), "state of another block");
                        }
                        views += 1;
                    }
                    views
                })
            })
            .collect();
        let mut parent = chain().0;
        for height in 1..=BLOCKS {
            let mut block = batch(height, parent);
            // Enough that the store's background work runs many times while blocks are written.
            block
                .state
                .extend((0..400_u32).map(|n| (format!("bulk/{height}/{n}").into_bytes(), Some(vec![n as u8; 4096]))));
            parent = block.block.block.digest();
            store.commit(&block).expect("commits");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().expect("no reader panics")).sum::<u64>()
    });
    assert!(views > BLOCKS, "the readers looked {views} times");
}
