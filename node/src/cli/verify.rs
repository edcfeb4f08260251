//! `guiju-node verify`: checks receipts and deletion certificates with the genesis file alone. Must not know: what makes a receipt hold.

use super::files::{read_bounded, read_genesis};
use super::{EXIT_CHECK, EXIT_CONFIG, EXIT_OK};
use crate::genesis::Genesis;
use crate::receipt::{self, DELETION_MAGIC, DeletionCertificate, Receipt};
use clap::Args;
use std::path::{Path, PathBuf};

/// Largest receipt file, in bytes.
const RECEIPT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// 回执或删除证明文件 / Files of receipts or deletion certificates
    #[arg(required = true, value_name = "RECEIPT")]
    receipts: Vec<PathBuf>,
    /// 创世文件 / The chain's genesis file
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// 以 JSON 输出 / Print what each receipt says as JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(self) -> u8 {
        let genesis = match read_genesis(&self.genesis) {
            Ok(genesis) => genesis,
            Err(why) => {
                eprintln!("{}: {why}", self.genesis.display());
                return EXIT_CONFIG;
            }
        };
        let mut worst = EXIT_OK;
        for path in &self.receipts {
            match check(&genesis, path) {
                Ok(Held::Receipt(summary)) if self.json => println!("{}", summary.to_json()),
                Ok(Held::Deletion(summary)) if self.json => println!("{}", deletion_json(&summary)),
                Ok(Held::Receipt(summary)) => println!("成立 / holds: {}\n{summary}", path.display()),
                Ok(Held::Deletion(summary)) => println!("成立 / holds: {}\n{summary}", path.display()),
                Err(why) => {
                    eprintln!("不成立 / does not hold: {}: {why}", path.display());
                    worst = EXIT_CHECK;
                }
            }
        }
        worst
    }
}

/// What was handed in.
#[derive(Debug)]
enum Held {
    Receipt(receipt::ReceiptSummary),
    Deletion(receipt::DeletionSummary),
}

fn deletion_json(summary: &receipt::DeletionSummary) -> serde_json::Value {
    serde_json::json!({
        "record": summary.record.to_string(),
        "owner": summary.owner,
        "basis": summary.basis,
        "asked_height": summary.asked.0,
        "complete_height": summary.complete.0,
        "custodians": summary.custodians,
    })
}

fn check(genesis: &Genesis, path: &Path) -> Result<Held, String> {
    let bytes = read_bounded(path, RECEIPT_BYTES_MAX)?;
    if bytes.starts_with(DELETION_MAGIC) {
        let certificate = DeletionCertificate::from_file(&bytes)
            .map_err(|e| format!("不是完整的删除证明:{} / it is no whole deletion certificate: {}", e.zh(), e.en()))?;
        return receipt::verify_deletion(genesis, &certificate).map(Held::Deletion).map_err(|e| e.to_string());
    }
    let receipt = Receipt::from_file(&bytes)
        .map_err(|e| format!("不是完整的回执:{} / it is not a whole receipt: {}", e.zh(), e.en()))?;
    receipt::verify(genesis, &receipt).map(Held::Receipt).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::certificate_of;
    use crate::receipt::tests::{deletions, finalised, receipt_of};
    use std::fs;

    /// The command over these files, as `main` runs it.
    fn code(receipts: &[PathBuf], genesis: &Path) -> u8 {
        Verify { receipts: receipts.to_vec(), genesis: genesis.to_owned(), json: false }.run()
    }

    #[test]
    fn one_damaged_receipt_among_good_ones_and_a_wrong_genesis_end_with_one() {
        let (world, id) = finalised();
        let file = receipt_of(&world, id).to_file();
        let dir = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).expect("writes");
            path
        };
        let mut damaged = file.clone();
        damaged[file.len() / 2] ^= 1;
        let (good, damaged) = (write("good", &file), write("damaged", &damaged));
        let cut = write("cut", &file[..file.len() - 1]);
        let genesis = write("genesis.toml", world.genesis.to_toml().as_bytes());
        assert_eq!(code(&[good.clone(), good.clone()], &genesis), EXIT_OK);
        for bad in [&damaged, &cut] {
            assert_eq!(code(std::slice::from_ref(bad), &genesis), EXIT_CHECK, "{}", bad.display());
            assert_eq!(code(&[bad.clone(), good.clone()], &genesis), EXIT_CHECK, "a good one hides no bad one");
        }
        let (chain, erased) = deletions::deleted();
        let certificate = certificate_of(&chain.backing, erased).expect("complete and witnessed").to_file();
        let deletion = write("deletion", &certificate);
        // The town is the same, so one genesis file serves both.
        assert_eq!(code(&[deletion.clone(), good.clone()], &genesis), EXIT_OK);
        let short = write("short", &certificate[..certificate.len() - 1]);
        let why = check(&world.genesis, &short).expect_err("it is cut");
        assert!(why.starts_with("不是完整的删除证明:"), "{why}");
        let mut other = world.genesis.clone();
        other.expiry_blocks += 1;
        let elsewhere = write("other.toml", other.to_toml().as_bytes());
        assert_eq!(code(std::slice::from_ref(&good), &elsewhere), EXIT_CHECK);
        let why = check(&other, &good).expect_err("it is of another chain");
        assert_eq!(why, "回执属于另一条链 / the receipt is of another chain");
        let why = check(&world.genesis, &cut).expect_err("it is cut");
        assert!(why.starts_with("不是完整的回执:") && why.contains(" / it is not a whole receipt: "), "{why}");
        let why = check(&world.genesis, &damaged).expect_err("it is damaged");
        assert!(why.contains(" / "), "{why}");
        assert_eq!(code(&[good], &dir.path().join("nowhere")), EXIT_CONFIG);
    }
}
