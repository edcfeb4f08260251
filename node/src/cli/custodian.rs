//! `guiju-node custodian`: the custodian's process, started by its node. Must not know: what a custodian does.

use super::{EXIT_CONFIG, EXIT_OK, EXIT_STORAGE};
use crate::custody::process::{self, ProcessFault};
use crate::data_folder::DataFolder;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `custodian`.
#[derive(Debug, Args)]
pub(super) struct Custodian {
    /// 数据目录 / The node's data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Custodian {
    pub(super) fn run(self) -> u8 {
        let folder = match DataFolder::open(&self.data) {
            Ok(folder) => folder,
            Err(e) => {
                eprintln!("{e}");
                return EXIT_CONFIG;
            }
        };
        match process::run(&folder) {
            Ok(()) => EXIT_OK,
            Err(e @ ProcessFault::Setup(_)) => {
                eprintln!("{e}");
                EXIT_CONFIG
            }
            Err(e @ ProcessFault::Io(_)) => {
                eprintln!("{e}");
                EXIT_STORAGE
            }
        }
    }
}
