//! The command line of `guiju-node`. Owns the sub-commands, logging and exit codes; one file a sub-command.
//! Invariant: every way to end has one documented exit code; what people read is on stderr in Chinese and English.
//! Must not know: how anything is done.

mod audit;
mod ceremony;
mod custodian;
mod demo;
mod files;
mod run;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The command stopped as asked.
pub const EXIT_OK: u8 = 0;
/// What was to be checked is not in order.
pub const EXIT_CHECK: u8 = 1;
/// The command line is wrong (clap's own code).
pub const EXIT_USAGE: u8 = 2;
/// Stored data is damaged (EX_DATAERR): the node must not vote.
pub const EXIT_DAMAGED: u8 = 65;
/// An address cannot be listened on (EX_UNAVAILABLE).
pub const EXIT_ADDRESS: u8 = 69;
/// The replica halted to keep its promises (EX_SOFTWARE).
pub const EXIT_HALTED: u8 = 70;
/// Reading or writing the disk failed (EX_IOERR).
pub const EXIT_STORAGE: u8 = crate::store::EXIT_STORAGE;
/// Blocks that were acknowledged are missing: the node must not vote before it is repaired from its peers.
pub const EXIT_MISSING: u8 = 75;
/// The data folder's configuration, keys or genesis file are wrong (EX_CONFIG).
pub const EXIT_CONFIG: u8 = 78;

/// 规矩节点 / The Guiju node.
#[derive(Debug, Parser)]
#[command(name = "guiju-node", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 运行节点 / Run the node of a data folder
    Run(run::Run),
    /// 运行解密中心进程(由节点启动) / Run a custodian; started by its node
    Custodian(custodian::Custodian),
    /// 主流程演示:四个节点依三项真实策略作出决定 / The main job: four nodes decide three real policies
    Demo(demo::Demo),
    /// 托管密钥生成仪式:各受托方共同生成,无人持有全钥 / Custodians generate the custody key together; nobody ever has it
    Ceremony(ceremony::Ceremony),
    /// 审计:自创世重放全部区块,列出谁因何依据问了什么、结果如何 / Replay a chain; list who asked what, on which basis
    Audit(audit::Audit),
    /// 离线验证回执与删除证明 / Check receipts and deletion certificates offline
    Verify(verify::Verify),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    ExitCode::from(match cli.command {
        Command::Run(command) => command.run(),
        Command::Custodian(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Ceremony(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Verify(command) => command.run(),
    })
}

/// Logs to `writer` at `level` (`error` … `trace`; `info` if none or unknown). Libraries log warnings only: the
/// consensus core says every vote at `info`.
fn log_to(level: Option<&str>, writer: BoxMakeWriter) {
    let level = level.and_then(|l| l.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = Targets::new().with_default(LevelFilter::WARN.min(level)).with_target(env!("CARGO_CRATE_NAME"), level);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(filter);
    // Fails only if a log is set already, as when tests call twice; that one serves.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
