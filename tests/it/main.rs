//! One integration binary: fixtures, transcripts and house rules.
mod differential;
mod evidence;
mod tidy;
