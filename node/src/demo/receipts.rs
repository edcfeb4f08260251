//! Receipts of some decisions: written to files, verified by a process that has only them and the genesis file, and
//! refused when damaged. Invariant: the verifier is asked as a citizen would ask it, by command line.
//! Must not know: what a receipt holds.

use crate::client::Gateway;
use crate::demo::DemoFault;
use crate::demo::progress::Progress;
use crate::demo::report::ReceiptFact;
use crate::transaction::TransactionId;
use std::path::Path;
use std::process::{Command, Stdio};

/// Receipts written.
const WRITTEN: usize = 12;

/// Writes receipts of requests spread over `requests` below `folder` and verifies them.
pub(super) fn write_and_verify(
    gateway: &Gateway,
    requests: &[TransactionId],
    folder: &Path,
) -> Result<ReceiptFact, DemoFault> {
    let place = folder.join("receipts");
    std::fs::create_dir_all(&place)?;
    let step = (requests.len() / WRITTEN).max(1);
    let mut progress = Progress::start("回执 receipts", WRITTEN as u64);
    let mut fact = ReceiptFact::default();
    for id in requests.iter().step_by(step).take(WRITTEN) {
        let bytes = gateway.receipt(*id)?;
        let file = place.join(format!("{}.receipt", &id.to_string()[..16]));
        std::fs::write(&file, &bytes)?;
        fact.written += 1;
        fact.verified += u64::from(verifies(&file, folder)?);
        let damaged = place.join("damaged");
        let mut copy = bytes;
        let middle = copy.len() / 2;
        copy[middle] ^= 1;
        std::fs::write(&damaged, &copy)?;
        fact.damaged_refused += u64::from(!verifies(&damaged, folder)?);
        std::fs::remove_file(&damaged)?;
        progress.advance(1);
    }
    progress.finish();
    Ok(fact)
}

/// Whether `guiju-node verify` finds that a file holds, over the genesis file in `folder`.
pub(super) fn verifies(receipt: &Path, folder: &Path) -> Result<bool, DemoFault> {
    let status = Command::new(std::env::current_exe()?)
        .arg("verify")
        .arg(receipt)
        .arg("--genesis")
        .arg(folder.join("genesis.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}
