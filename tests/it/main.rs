//! One integration binary: fixtures, transcripts and house rules.
mod cli;
mod diagnostics;
mod layout;
mod syntax;
mod tidy;
