//! `guiju-node run`: a node until SIGTERM or SIGINT. Must not know: what the node does.

use super::{EXIT_ADDRESS, EXIT_CONFIG, EXIT_DAMAGED, EXIT_HALTED, EXIT_MISSING, EXIT_OK, EXIT_STORAGE};
use crate::data_folder::DataFolder;
use crate::server::{self, ServerError};
use crate::store::StoreError;
use crate::store::guard::GuardError;
use crate::wal_file::WalError;
use clap::Args;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Threads for network and gateway; the replica has the main thread to itself.
const WORKER_THREADS: usize = 2;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// 数据目录 / The node's data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// 日志文件(默认输出到标准错误) / Log to this file instead of stderr
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl Run {
    pub(super) fn run(self) -> u8 {
        let folder = match DataFolder::open(&self.data) {
            Ok(folder) => folder,
            Err(e) => return fail(&e, EXIT_CONFIG),
        };
        let writer = match &self.log {
            None => BoxMakeWriter::new(std::io::stderr),
            Some(path) => match OpenOptions::new().create(true).append(true).open(path) {
                Ok(file) => BoxMakeWriter::new(Mutex::new(file)),
                Err(e) => return fail(&format!("日志文件 / log file {}: {e}", path.display()), EXIT_CONFIG),
            },
        };
        super::log_to(folder.config().log.as_deref(), writer);
        let program = match std::env::current_exe() {
            Ok(program) => program,
            Err(e) => return fail(&e, EXIT_CONFIG),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(e) => return fail(&e, EXIT_CONFIG),
        };
        match runtime.block_on(async { server::run(folder, program, stop_requested()?).await }) {
            Ok(()) => EXIT_OK,
            Err(error) => {
                tracing::error!(%error, "the node ends");
                fail(&error, exit_code(&error))
            }
        }
    }
}

/// Completes at SIGTERM or SIGINT.
fn stop_requested() -> Result<impl Future<Output = ()>, ServerError> {
    let listen = |kind| signal(kind).map_err(|e| ServerError::Halted(format!("signals: {e}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn exit_code(error: &ServerError) -> u8 {
    match error {
        ServerError::Folder(_) | ServerError::Genesis(_) | ServerError::NotAValidator => EXIT_CONFIG,
        ServerError::Network(_) | ServerError::Gateway(_) => EXIT_ADDRESS,
        ServerError::Halted(_) => EXIT_HALTED,
        ServerError::WalRecord => EXIT_DAMAGED,
        ServerError::Wal(WalError::Io(_)) => EXIT_STORAGE,
        ServerError::Wal(WalError::Corrupt { .. }) => EXIT_DAMAGED,
        ServerError::Wal(WalError::TooLong(_)) => EXIT_HALTED,
        ServerError::Store(error) => match error {
            StoreError::AcknowledgedBlocksMissing { .. } => EXIT_MISSING,
            StoreError::Engine(_) | StoreError::Guard(GuardError::Io(_)) => EXIT_STORAGE,
            StoreError::Guard(GuardError::Corrupt { .. }) | StoreError::Damaged(_) => EXIT_DAMAGED,
            StoreError::GuardMismatch { .. } | StoreError::OtherChain | StoreError::OtherFormat(_) => EXIT_CONFIG,
            StoreError::OutOfOrder { .. } => EXIT_HALTED,
        },
    }
}

/// Says why on stderr, which a log file does not replace.
fn fail(error: &dyn std::fmt::Display, code: u8) -> u8 {
    eprintln!("guiju-node: {error}");
    code
}
