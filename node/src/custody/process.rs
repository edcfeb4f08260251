//! The custodian's process: keys from files, orders from stdin, reports to stdout, the audit log beside the capsules.
//! Invariant: a report leaves only after what it rests on is durable; a failed store or log ends the process.
//! Must not know: how requests are decided.

use super::capsules::DiskCapsules;
use super::envelope::SealingSecret;
use super::execute::{AuditLine, Custodian, CustodianKeys};
use crate::crypto::Keypair;
use crate::custody_link::child;
use crate::data_folder::{DataFolder, KeyName};
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
    if genesis.custodian(id).is_none_or(|entry| entry.signing_key != signing.public()) {
        return Err(setup(&"密钥与登记不符 / the key is not the registered one"));
    }
    let share = KeyShare::from_bytes(folder.key(KeyName::Share).map_err(|e| setup(&e))?);
    let share = share.filter(|share| genesis.custodian(id).is_some_and(|entry| entry.share_key == share.public()));
    let share = share.ok_or_else(|| setup(&"份额与登记不符 / the share is not the registered one"))?;
    let secret = |name| folder.key(name).map(SealingSecret::from_bytes).map_err(|e| setup(&e));
    let (index, sealing) = (secret(KeyName::Index)?, secret(KeyName::Sealing)?);
    if genesis.custodian(id).is_none_or(|entry| entry.sealing_key != sealing.public()) {
        return Err(setup(&"接收密钥与登记不符 / the sealing key is not the registered one"));
    }
    let capsules = DiskCapsules::open(&folder.custody().join("capsules")).map_err(|e| setup(&e))?;
    let keys = CustodianKeys { id, signing, share, index, sealing };
    let mut custodian = Custodian::new(genesis, keys, capsules).map_err(|e| setup(&e))?;
    let log = OpenOptions::new().create(true).append(true).open(folder.custody().join("audit.log"));
    let mut log = log.map_err(ProcessFault::Io)?;
    let (mut input, mut output) = (BufReader::new(io::stdin().lock()), BufWriter::new(io::stdout().lock()));
    child::serve(&mut input, &mut output, |order| {
        // The node sees the pipe close, says so and starts another process; nothing was sent that rests on the failure.
        let reports = custodian.handle(order).unwrap_or_else(|fault| stop(&fault));
        write_audit(&mut log, custodian.take_audit()).unwrap_or_else(|fault| stop(&fault));
        reports
    })
    .map_err(ProcessFault::Io)
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
