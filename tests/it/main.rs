//! One integration binary: fixtures, transcripts and house rules.
mod replica;
mod simulation;
mod tidy;
