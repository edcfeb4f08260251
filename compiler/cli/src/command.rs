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
    /// Say what is wrong with sources
    Check(Check),
    /// Lay out sources canonically
    Fmt(Fmt),
    /// Run the tests in policy files
    Test(Test),
    /// Decide one case
    Eval(Eval),
    /// Print what sources mean, one fact a line, to be compared between versions
    Show(Show),
    /// Say what a code means, why it matters and how to fix it
    Explain(Explain),
}

impl Command {
    /// `--lang` after the subcommand, where it means messages.
    pub(crate) fn messages(&self) -> Option<MessageLanguage> {
        match self {
            Self::Check(arguments) => arguments.lang,
            Self::Test(arguments) => arguments.lang,
            Self::Eval(arguments) => arguments.lang,
            Self::Show(arguments) => arguments.lang,
            Self::Explain(arguments) => arguments.lang,
            // There it says which keywords to write.
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

/// `guiju check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Print how much work was counted, by kind, and how much there may be
    #[arg(long)]
    pub(crate) work: bool,
    /// One JSON object a finding
    #[arg(long)]
    pub(crate) json: bool,
    /// Language of messages
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
    /// Files, or folders searched for `*.gj`; imports are resolved among them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// Engines of `guiju test`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TestEngine {
    /// Machine code
    Native,
    /// The reference interpreter
    Interpret,
    /// Both, which must agree on outcome and trace
    Both,
}

/// `guiju test`
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// What runs the tests
    #[arg(long, value_enum, default_value = "both")]
    pub(crate) engine: TestEngine,
    /// Language of messages
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
    /// Files, or folders searched for `*.gj`; imports are resolved among them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// Engines of `guiju eval`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EvalEngine {
    /// Machine code
    Native,
    /// The reference interpreter
    Interpret,
}

/// `guiju eval`
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// Name of the policy, or `module.name`
    pub(crate) policy: String,
    /// Facts: an object of inputs and evidence by name; `null` is absent, what is left out is unknown
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Files or folders with the policy and all that it imports
    #[arg(long, required = true)]
    pub(crate) policies: Vec<PathBuf>,
    /// As-of date, such as 2017-03-16; today in Shanghai if left out
    #[arg(long)]
    pub(crate) as_of: Option<String>,
    /// Say why, rule by rule
    #[arg(long)]
    pub(crate) explain: bool,
    /// What decides
    #[arg(long, value_enum, default_value = "native")]
    pub(crate) engine: EvalEngine,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Language of messages
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
}

/// `guiju show`
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Only what has this name: a policy in all its versions, a sharing policy or a certificate type
    #[arg(long)]
    pub(crate) policy: Option<String>,
    /// Print the programs that the engines run instead
    #[arg(long)]
    pub(crate) ir: bool,
    /// Language of messages; the text itself is the same in both
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
    /// Files, or folders searched for `*.gj`; imports are resolved among them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// `guiju explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code such as E0401, or `base`, the data standard of the examples; all codes are listed if left out
    pub(crate) code: Option<String>,
    /// Language of the page
    #[arg(long, value_enum)]
    pub(crate) lang: Option<MessageLanguage>,
}
