//! The program `guiju`: what authors and auditors do with sources. Owns the command line, files and printing; one file
//! a subcommand. Invariant: exit code 0 is well, 1 is a fault of the policy, 2 is a fault of the use. Must not know: the
//! ledger, the network.

mod check;
mod command;
mod eval;
mod explain;
mod fmt;
mod forward;
mod reasons;
mod report;
mod show;
mod sources;
mod test;

use clap::Parser;
use command::{Arguments, Command, MessageLanguage};
use guiju_compiler::ast::Language;
use report::Report;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// How a run ended, as the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing to complain about.
    Well = 0,
    /// The policy is at fault.
    Fault = 1,
    /// The command was used wrongly, or the machine refused a file.
    Usage = 2,
}

/// Runs the program on the process's arguments and streams.
pub fn main() -> ExitCode {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(ending) = forward::forward(&arguments, language_of(&locale)) {
        return ending;
    }
    let ending = run(&arguments, &locale, &mut std::io::stdout().lock(), &mut std::io::stderr().lock());
    ExitCode::from(ending as u8)
}

/// Runs one command with `arguments` (without the program's name). Results go to `out`, findings to `err`; messages are
/// in Chinese if `locale` starts with `zh`, else in English, unless `--lang` says otherwise.
pub fn run(arguments: &[OsString], locale: &str, out: &mut dyn Write, err: &mut dyn Write) -> Ending {
    let program = OsString::from("guiju");
    let parsed = match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are asked for; everything else is wrong use.
            let asked = !error.use_stderr();
            let written = if asked { write!(out, "{error}") } else { write!(err, "{error}") };
            return if asked && written.is_ok() { Ending::Well } else { Ending::Usage };
        }
    };
    let language = parsed.lang.or(parsed.command.messages()).map_or_else(|| language_of(locale), MessageLanguage::pick);
    let mut report = Report::new(language, out, err);
    let ending = match &parsed.command {
        Command::Check(arguments) => check::run(arguments, &mut report),
        Command::Fmt(arguments) => fmt::run(arguments, &mut report),
        Command::Test(arguments) => test::run(arguments, &mut report),
        Command::Eval(arguments) => eval::run(arguments, &mut report),
        Command::Show(arguments) => show::run(arguments, &mut report),
        Command::Explain(arguments) => explain::run(arguments, &mut report),
    };
    report.pointer();
    ending
}

fn language_of(locale: &str) -> Language {
    if locale.starts_with("zh") { Language::Zh } else { Language::En }
}
