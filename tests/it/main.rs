//! One integration binary: fixtures, transcripts and house rules.
mod simulation;
mod tidy;
