//! One integration binary: fixtures, transcripts and house rules.
mod bad_input;
mod check;
mod cli;
mod diagnostics;
mod differential;
mod evidence;
mod law;
mod layout;
mod pages;
mod policies;
mod proofs;
mod recovery;
mod reference;
mod replica;
mod simulation;
mod syntax;
mod tidy;
