//! The command line as types. The only file that says which options exist.
//! Invariant: what clap accepts is what the subcommands need. Must not know: what they do.

use clap::{Args, Parser, Subcommand, ValueEnum};
use guiju_compiler::ast::Language;
use std::path::PathBuf;

/// Check, format, test and evaluate policies. `guiju verify`, `audit`, `replay` and `client` are run by `guiju-node`.
#[derive(Debug, Parser)]
#[command(name = "guiju", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Language of messages
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A keyword or message language on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MessageLanguage {
    /// Chinese
    Zh,
    /// English
    En,
}

impl MessageLanguage {
    /// The compiler's word for it.
    pub(crate) fn pick(self) -> Language {
        match self {
            Self::Zh => Language::Zh,
            Self::En => Language::En,
        }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lay out sources canonically
    Fmt(Fmt),
}

impl Command {
    /// `--lang` after the subcommand, where it means messages.
    pub(crate) fn messages(&self) -> Option<MessageLanguage> {
        match self {
            Self::Fmt(_) => None,
        }
    }
}

/// `guiju fmt`
#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Change nothing; exit with 1 if a file would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Translate keywords into this language
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
    /// Files, or folders searched for `*.gj`
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}
