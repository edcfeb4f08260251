//! One integration binary: fixtures, transcripts and house rules.
mod cli;
mod diagnostics;
mod layout;
mod syntax;
mod differential;
mod evidence;
mod tidy;
