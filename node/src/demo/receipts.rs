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
        let (verified, damaged_refused) = write_and_try(&file, bytes, folder)?;
        fact.written += 1;
        fact.verified += u64::from(verified);
        fact.damaged_refused += u64::from(damaged_refused);
        progress.advance(1);
    }
    progress.finish();
    Ok(fact)
}

/// Writes a file: whether it holds over the genesis file in `folder`, and whether a damaged copy of it does not.
pub(super) fn write_and_try(file: &Path, mut bytes: Vec<u8>, folder: &Path) -> Result<(bool, bool), DemoFault> {
    std::fs::write(file, &bytes)?;
    let verified = verifies(file, folder)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = file.with_extension("damaged");
    std::fs::write(&damaged, &bytes)?;
    let damaged_refused = !verifies(&damaged, folder)?;
    std::fs::remove_file(&damaged)?;
    Ok((verified, damaged_refused))
}

/// Whether `guiju-node verify` finds that a file holds.
fn verifies(receipt: &Path, folder: &Path) -> Result<bool, DemoFault> {
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
