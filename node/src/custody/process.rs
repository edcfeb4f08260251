//! The custodian's process: keys from files, orders from stdin, reports to stdout, the audit log beside the capsules.
//! Invariant: a report leaves only after what it rests on is durable; a failed store or log ends the process.
//! Must not know: how requests are decided.

use super::capsules::DiskCapsules;
use super::envelope::SealingSecret;
use super::execute::{AuditLine, Custodian, CustodianKeys};
use super::protocol::CustodyOrder;
use super::seat::{ShareShelf, Standing};
use crate::crypto::Keypair;
use crate::custody_link::child;
use crate::data_folder::{DataFolder, KeyName, Keys};
use crate::genesis::Genesis;
use crate::threshold::KeyShare;
use crate::transaction::CustodianId;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};

/// Why the process ended.
#[derive(Debug)]
pub enum ProcessFault {
    /// Keys, configuration or genesis file; the operator is at fault.
    Setup(String),
    /// The pipe, the disk or the capsule store.
    Io(io::Error),
}

impl fmt::Display for ProcessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(why) => write!(f, "解密中心无法启动 / the custodian cannot start: {why}"),
            Self::Io(why) => write!(f, "解密中心中止 / the custodian stops: {why}"),
        }
    }
}

impl std::error::Error for ProcessFault {}

/// Serves the node that started this process until it closes its end.
pub fn run(folder: &DataFolder) -> Result<(), ProcessFault> {
    let setup = |why: &dyn fmt::Display| ProcessFault::Setup(why.to_string());
    let genesis = Genesis::parse(folder.genesis()).map_err(|e| setup(&e))?;
    let number = folder
        .config()
        .custodian
        .ok_or_else(|| setup(&"config.toml 没有 custodian / config.toml names no custodian"))?;
    let id = CustodianId(number);
    let signing = Keypair::from_seed(folder.key(KeyName::Custodian).map_err(|e| setup(&e))?);
    // One that joined later is not in the genesis file; the ledger says with which keys it did.
    if genesis.custodian(id).is_some_and(|entry| entry.signing_key != signing.public()) {
        return Err(setup(&"密钥与登记不符 / the key is not the registered one"));
    }
    let secret = |name| folder.key(name).map(SealingSecret::from_bytes).map_err(|e| setup(&e));
    let (index, sealing) = (secret(KeyName::Index)?, secret(KeyName::Sealing)?);
    if genesis.index_key != index.public() {
        return Err(setup(&"索引密钥与登记不符 / the index key is not the registered one"));
    }
    let capsules = DiskCapsules::open(&folder.custody().join("capsules")).map_err(|e| setup(&e))?;
    let keys = CustodianKeys { id, signing, shares: Box::new(DiskShares(folder.keys())), index, sealing };
    let mut custodian = Custodian::new(genesis, keys, capsules).map_err(|e| setup(&e))?;
    let log = OpenOptions::new().create(true).append(true).open(folder.custody().join("audit.log"));
    let mut log = log.map_err(ProcessFault::Io)?;
    let (mut input, mut output) = (BufReader::new(io::stdin().lock()), BufWriter::new(io::stdout().lock()));
    child::serve(&mut input, &mut output, |order| {
        // The node sees the pipe close, says so and starts another process; nothing was sent that rests on the failure.
        let caught_up = order == CustodyOrder::CaughtUp;
        let before = custodian.standing();
        let reports = custodian.handle(order).unwrap_or_else(|fault| stop(&fault));
        let standing = custodian.standing();
        if standing != before || caught_up && standing != Standing::Seated {
            eprintln!("解密中心 / custodian {number}: {standing}");
        }
        write_audit(&mut log, custodian.take_audit()).unwrap_or_else(|fault| stop(&fault));
        reports
    })
    .map_err(ProcessFault::Io)
}

/// Shares in the node's folder of keys.
struct DiskShares(Keys);

impl ShareShelf for DiskShares {
    fn share(&self, epoch: u32) -> io::Result<Option<KeyShare>> {
        let found = self.0.find_share(epoch).map_err(|e| io::Error::other(e.to_string()))?;
        // Zeros: it was being wiped.
        let found = found.filter(|bytes| *bytes != [0; 32]);
        let share =
            found.map(|bytes| KeyShare::from_bytes(bytes).ok_or_else(|| io::Error::other("不是份额 / no share")));
        share.transpose()
    }

    fn wipe_before(&mut self, epoch: u32) -> io::Result<()> {
        self.0.wipe_shares_before(epoch).map_err(|e| io::Error::other(e.to_string()))
    }
}

fn stop<T>(fault: &dyn fmt::Display) -> T {
    eprintln!("{fault}");
    std::process::exit(i32::from(crate::store::EXIT_STORAGE))
}

fn write_audit(log: &mut File, lines: Vec<AuditLine>) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for line in lines {
        let json = serde_json::json!({
            "request": line.request.to_string(),
            "policy": line.policy,
            "purpose": line.purpose,
            "decision": line.decision,
        });
        text.push_str(&json.to_string());
        text.push('\n');
    }
    log.write_all(text.as_bytes())
}
