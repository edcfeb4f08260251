//! `guiju-node verify`: checks receipts with the genesis file alone. Must not know: what makes a receipt hold.

use super::{EXIT_CHECK, EXIT_CONFIG, EXIT_OK};
use crate::genesis::Genesis;
use crate::receipt::{self, Receipt};
use clap::Args;
use std::path::{Path, PathBuf};

/// Largest receipt file, in bytes.
const RECEIPT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// 回执文件 / Receipt files
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
                Ok(summary) if self.json => println!("{}", summary.to_json()),
                Ok(summary) => println!("成立 / holds: {}\n{summary}", path.display()),
                Err(why) => {
                    eprintln!("不成立 / does not hold: {}: {why}", path.display());
                    worst = EXIT_CHECK;
                }
            }
        }
        worst
    }
}

fn read_genesis(path: &Path) -> Result<Genesis, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    Genesis::parse(&text).map_err(|e| e.to_string())
}

fn check(genesis: &Genesis, path: &Path) -> Result<receipt::ReceiptSummary, String> {
    let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if length > RECEIPT_BYTES_MAX {
        return Err("文件过大 / the file is too large".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let receipt = Receipt::from_file(&bytes).map_err(|e| e.to_string())?;
    receipt::verify(genesis, &receipt).map_err(|e| e.to_string())
}
