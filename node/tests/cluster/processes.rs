//! A cluster of real node processes on loopback, and a small HTTP client to talk to them.

use guiju_node::block::Timestamp;
use guiju_node::client::Gateway;
use guiju_node::codec::Encode;
use guiju_node::crypto::{Digest, Keypair, SUITE, unhex};
use guiju_node::custody::envelope::capsule_id;
use guiju_node::data_folder::{KeyName, NodeConfig, init_data_folder};
use guiju_node::genesis::{CustodianEntry, DepartmentEntry, Genesis, ValidatorEntry};
use guiju_node::threshold::DealtKey;
use guiju_node::transaction::{
    CustodianId, DepartmentId, Envelope, Handle, Height, Payload, SealedRecord, SignedTransaction, Signer, Transaction,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PROGRAM: &str = env!("CARGO_BIN_EXE_guiju-node");

/// A data standard with one certificate type.
const STANDARD: &str = "语言 zh
模块 示例.标准

证书 居民户口簿 由 公安局 归档 户号 {
  户号 : 文本 最长 12 凭授权
}
";

/// Node processes over data folders of their own. Dropping it kills them.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    genesis: Genesis,
    gateways: Vec<SocketAddr>,
    processes: Vec<Option<Child>>,
    standard: Digest,
}

/// The key of an actor: role 1 votes, 2 is a transport, 3 a department, 4 a custodian; numbered from 0.
pub(crate) fn key(role: u8, n: usize) -> Keypair {
    let mut seed = [role; 32];
    seed[0] = u8::try_from(n).expect("few nodes");
    Keypair::from_seed(seed)
}

/// Distinct free ports of the kernel's choice.
fn ports(n: usize) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let udp: Vec<_> = (0..n).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port")).collect();
    let tcp: Vec<_> = (0..n).map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    (
        udp.iter().map(|s| s.local_addr().expect("bound")).collect(),
        tcp.iter().map(|s| s.local_addr().expect("bound")).collect(),
    )
}

impl Cluster {
    /// Starts `n` validators with two departments, the first of which owns the data standard, and no custodians.
    pub(crate) fn start(n: usize) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (listen, gateways) = ports(n);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let validators = (0..n).map(|i| ValidatorEntry {
            name: format!("node-{i}"),
            consensus_key: key(1, i).public(),
            transport_key: key(2, i).public(),
            address: listen[i],
        });
        let departments = ["公安局", "规划局"].into_iter().zip(1..).map(|(name, id)| DepartmentEntry {
            id: DepartmentId(id),
            name: name.to_owned(),
            code: "11320100MB0000001A".to_owned(),
            signing_key: key(3, usize::from(id) - 1).public(),
            sealing_key: [5; 32],
            handle_key_sealed: vec![6; 80],
        });
        let genesis = Genesis {
            name: "cluster test".to_owned(),
            time: Timestamp(u64::try_from(now).expect("this age") - 10_000),
            validators: validators.collect(),
            departments: departments.collect(),
            custodians: vec![CustodianEntry {
                id: CustodianId(1),
                name: "custodian".to_owned(),
                signing_key: key(4, 0).public(),
                share_key: DealtKey::from_seed(&[7; 32], 1).share(CustodianId(1)).public(),
                sealing_key: [9; 32],
            }],
            custody_threshold: 1,
            custody_key: DealtKey::from_seed(&[7; 32], 1).public(),
            index_key: [6; 32],
            auditor_key: [8; 32],
            expiry_blocks: 100,
        };
        let mut cluster = Self { folder, genesis, gateways, processes: Vec::new(), standard: Digest::default() };
        for (i, listen) in listen.into_iter().enumerate() {
            let config = NodeConfig {
                name: format!("node-{i}"),
                listen,
                gateway: cluster.gateways[i],
                custodian: None,
                log: None,
            };
            let keys = [(KeyName::Consensus, key(1, i).seed()), (KeyName::Transport, key(2, i).seed())];
            init_data_folder(&cluster.data(i), &config, &cluster.genesis.to_toml(), &keys).expect("initialises");
            cluster.processes.push(None);
            cluster.restart(i);
        }
        cluster
    }

    /// A file with the genesis.
    pub(crate) fn genesis_file(&self) -> PathBuf {
        let path = self.folder.path().join("genesis.toml");
        fs::write(&path, self.genesis.to_toml()).expect("writes");
        path
    }

    /// A node's data folder.
    pub(crate) fn data(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("node-{node}"))
    }

    fn command(&self, node: usize) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--data").arg(self.data(node));
        command
    }

    /// Starts a node that is not running.
    pub(crate) fn restart(&mut self, node: usize) {
        let log = self.data(node).join("node.log");
        let child = self.command(node).arg("--log").arg(log).spawn().expect("starts");
        self.processes[node] = Some(child);
    }

    /// Starts a node whose files cannot grow over `mib`.
    pub(crate) fn start_limited(&mut self, node: usize, mib: u64) {
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" run --data \"$1\"", mib * 2048);
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(PROGRAM).arg(self.data(node)).stderr(Stdio::null());
        self.processes[node] = Some(command.spawn().expect("starts"));
    }

    /// The exit code of a node that ended by itself.
    pub(crate) fn ended(&mut self, node: usize) -> Option<i32> {
        let status = self.processes[node].as_mut().expect("was started").try_wait().expect("waits")?;
        self.processes[node] = None;
        status.code()
    }

    /// Waits until the node's gateway answers.
    pub(crate) fn wait_ready(&self, node: usize) {
        wait_until("the gateway answers", Duration::from_secs(20), || get(self.gateways[node], "/v1/status").is_some());
    }

    /// Submits a transaction of 60 kB, if the node is there to take it.
    pub(crate) fn try_submit_large(&self, node: usize, n: u64) -> Option<String> {
        let (code, answer) = post(self.gateways[node], &self.record(n, 60_000).to_bytes())?;
        assert_eq!(code, 200, "{answer}");
        Some(answer["id"].as_str()?.to_owned())
    }

    /// Waits until a transaction is on the node's ledger, or the node does not answer.
    pub(crate) fn try_wait_final(&self, node: usize, id: &str) -> bool {
        let mut code = None;
        wait_until("the transaction is final or the node is gone", Duration::from_secs(20), || {
            code = get(self.gateways[node], &format!("/v1/transactions/{id}")).map(|(code, _)| code);
            code != Some(404)
        });
        code == Some(200)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, node: usize) {
        let mut child = self.processes[node].take().expect("is running");
        child.kill().expect("kills");
        child.wait().expect("ends");
    }

    /// SIGTERM; the exit code.
    pub(crate) fn stop(&mut self, node: usize) -> Option<i32> {
        let mut child = self.processes[node].take().expect("is running");
        let sent = Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
        assert!(sent.success());
        child.wait().expect("ends").code()
    }

    /// Tries to run a second process over a running node's folder; its exit code.
    pub(crate) fn spawn_second(&self, node: usize) -> Option<i32> {
        self.command(node).stderr(Stdio::null()).status().expect("runs").code()
    }

    /// Removes a stopped node's ledger but not its guard log, and runs it; exit code and words.
    pub(crate) fn start_without_ledger(&self, node: usize) -> (Option<i32>, String) {
        fs::remove_dir_all(self.data(node).join("ledger")).expect("removes");
        let output = self.command(node).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Where a node's gateway listens.
    pub(crate) fn gateway(&self, node: usize) -> SocketAddr {
        self.gateways[node]
    }

    /// Every node's status; `None` for one that does not answer.
    pub(crate) fn statuses(&self) -> Vec<Option<Value>> {
        self.gateways.iter().map(|at| Some(get(*at, "/v1/status")?.1)).collect()
    }

    /// Puts the data standard on the ledger and in force, through node 0: the height after that.
    pub(crate) fn publish_standard(&mut self) -> u64 {
        let client = Gateway::new(self.gateways[0]);
        let publish = self.sign(0, Payload::Publish { source: STANDARD.to_owned() });
        let id = client.submit(&publish).expect("is taken").to_string();
        self.wait_final(&[0], &id);
        let modules = client.modules().expect("answers");
        let [module] = modules.as_slice() else { panic!("one module: {modules:?}") };
        let digest = |field: &str| {
            let bytes = unhex(module[field].as_str().expect("text")).expect("hexadecimal");
            Digest(bytes.try_into().expect("32 bytes"))
        };
        assert_eq!((&module["name"], &module["active"]), (&"示例.标准".into(), &Value::Null));
        self.standard = digest("hash");
        let approve = self.sign(0, Payload::Approve { source: self.standard, meaning: digest("meaning") });
        let id = client.submit(&approve).expect("is taken").to_string();
        let all: Vec<usize> = (0..self.gateways.len()).collect();
        self.wait_final(&all, &id);
        let (height, _) = self.agreed(&all);
        assert_eq!(client.modules().expect("answers")[0]["active"], height + 1);
        height
    }

    /// The `n`th transaction: a record of `bytes` bytes that no one can open.
    pub(crate) fn record(&self, n: u64, bytes: usize) -> Envelope {
        let capsule = n.to_be_bytes().to_vec();
        let record = SealedRecord {
            suite: SUITE,
            owner: DepartmentId(1),
            schema: "居民户口簿".to_owned(),
            standard: self.standard,
            handles: vec![Handle(Digest::of("test/handle", &n.to_be_bytes()))],
            supersedes: None,
            nonce: [9; 16],
            body: vec![0xa5; bytes],
            capsule: capsule_id(&capsule),
        };
        let mut envelope = self.sign(n, Payload::Submit { records: vec![record] });
        envelope.capsules.push(capsule);
        envelope
    }

    /// The first department's transaction with this payload.
    pub(crate) fn sign(&self, n: u64, payload: Payload) -> Envelope {
        let sender = Signer::Department(DepartmentId(1));
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&n.to_be_bytes());
        let chain = self.genesis.chain_id();
        let body = Transaction { chain, sender, nonce, valid_until: Height(1000), payload };
        Envelope { transaction: SignedTransaction::sign(body, &[(sender, &key(3, 0))]), capsules: Vec::new() }
    }

    /// Submits the `n`th transaction through a node's gateway; its id.
    pub(crate) fn submit(&self, node: usize, n: u64) -> String {
        let (code, body) = self.resubmit(node, n);
        assert_eq!(code, 200, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// Submits the `n`th transaction and gives whatever the gateway says.
    pub(crate) fn resubmit(&self, node: usize, n: u64) -> (u16, Value) {
        post(self.gateways[node], &self.record(n, 300).to_bytes()).expect("the gateway answers")
    }

    /// Submits the transactions of `range` through the nodes in turn, several at once; those taken, with the node.
    pub(crate) fn submit_many(&self, nodes: &[usize], range: std::ops::Range<u64>) -> Vec<(usize, String)> {
        const CLIENTS: u64 = 6;
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let mine = range.clone().filter(move |n| n % CLIENTS == client);
                    scope.spawn(move || {
                        mine.map(|n| {
                            let node = nodes[usize::try_from(n).expect("small") % nodes.len()];
                            (node, self.submit(node, n))
                        })
                        .collect::<Vec<_>>()
                    })
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().expect("submits")).collect()
        })
    }

    /// The node that proposes now or next, as node 0 sees it.
    pub(crate) fn next_proposer(&self) -> usize {
        let (_, status) = get(self.gateways[0], "/v1/status").expect("answers");
        let name = status["next_proposer"].as_str().expect("a name");
        name.strip_prefix("node-").and_then(|n| n.parse().ok()).expect("node-N")
    }

    /// Every node has the same blocks up to `height`, linked, and no transaction twice.
    pub(crate) fn check_blocks(&self, height: u64) {
        let mut seen = BTreeSet::new();
        let mut parent = self.genesis.chain_id().0;
        let client = Gateway::new(self.gateways[0]);
        for h in 1..=height {
            let block = client.block(Height(h)).expect("answers").expect("is there").block;
            assert_eq!((block.header.height, block.header.parent), (Height(h), parent));
            parent = block.digest();
            for other in &self.gateways[1..] {
                let theirs = Gateway::new(*other).block(Height(h)).expect("answers").expect("is there");
                assert_eq!(theirs.block, block);
            }
            assert!(block.transactions.iter().all(|t| seen.insert(t.body.id())), "twice, at {h}");
        }
    }

    /// Waits until a transaction is on the ledgers of the nodes.
    pub(crate) fn wait_final(&self, nodes: &[usize], id: &str) {
        for node in nodes {
            wait_until(&format!("{id} is on node {node}"), Duration::from_secs(30), || {
                // A block is on disk a moment before the node says so in its status; both must be there.
                let found = get(self.gateways[*node], &format!("/v1/transactions/{id}"));
                let at = found.filter(|(code, _)| *code == 200).and_then(|(_, answer)| answer["height"].as_u64());
                let reached = get(self.gateways[*node], "/v1/status").and_then(|(_, s)| s["height"].as_u64());
                at.is_some() && at <= reached
            });
        }
    }

    /// The height of the block that holds a transaction, as the node has it.
    pub(crate) fn height_of(&self, node: usize, id: &str) -> u64 {
        let (_, answer) = get(self.gateways[node], &format!("/v1/transactions/{id}")).expect("answers");
        answer["height"].as_u64().unwrap_or_else(|| panic!("{id} is on no block: {answer}"))
    }

    /// Waits until the nodes have one height, and fails if any of them leaves it within three seconds.
    pub(crate) fn settled(&self, nodes: &[usize]) -> u64 {
        let (height, root) = self.agreed(nodes);
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(self.agreed(nodes), (height, root), "an idle chain makes no blocks");
        height
    }

    /// Waits until the nodes have one height, and gives it with the state root, which must be one too.
    pub(crate) fn agreed(&self, nodes: &[usize]) -> (u64, String) {
        let mut seen = Vec::new();
        wait_until("the nodes have one height", Duration::from_secs(20), || {
            let statuses = self.statuses();
            seen = nodes.iter().filter_map(|n| statuses[*n].clone()).collect();
            seen.len() == nodes.len() && seen.iter().all(|s| s["height"] == seen[0]["height"])
        });
        for field in ["state_root", "block", "chain"] {
            assert!(seen.iter().all(|s| s[field] == seen[0][field]), "{field}: {seen:?}");
        }
        (seen[0]["height"].as_u64().expect("a height"), seen[0]["state_root"].to_string())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().flatten() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for node in 0..self.processes.len() {
                let log = fs::read_to_string(self.data(node).join("node.log")).unwrap_or_default();
                let tail: Vec<_> = log.lines().rev().take(12).collect();
                eprintln!("--- node {node}");
                tail.iter().rev().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

/// Waits for `done`, and fails naming `what` when the time is over.
pub(crate) fn wait_until(what: &str, within: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// GET; status code and JSON (null for other bodies).
pub(crate) fn get(at: SocketAddr, path: &str) -> Option<(u16, Value)> {
    raw(at, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
}

/// POST to the transaction route.
pub(crate) fn post(at: SocketAddr, body: &[u8]) -> Option<(u16, Value)> {
    let head = format!(
        "POST /v1/transactions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    raw(at, &[head.as_bytes(), body].concat())
}

/// Sends bytes and reads the answer.
pub(crate) fn raw(at: SocketAddr, bytes: &[u8]) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(15))).ok()?;
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes);
    answer(&mut stream)
}

/// Sends chunks until the server stops it; the status code.
pub(crate) fn endless_chunks(at: SocketAddr) -> u16 {
    let mut stream = TcpStream::connect(at).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(15))).expect("sets");
    let head = b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head).expect("writes");
    let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
    for _ in 0..11 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    answer(&mut stream).expect("answers").0
}

fn answer(stream: &mut TcpStream) -> Option<(u16, Value)> {
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer) {
        reply.extend_from_slice(&buffer[..n]);
        if n == 0 || whole(&reply) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&reply);
    let code = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let body = text.split_once("\r\n\r\n")?.1;
    Some((code, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Whether the reply has all the bytes its header announces.
fn whole(reply: &[u8]) -> bool {
    let text = String::from_utf8_lossy(reply);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.is_some_and(|n: usize| reply.len() >= head.len() + 4 + n)
}
