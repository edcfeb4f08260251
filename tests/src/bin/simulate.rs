//! Runs the simulator: `simulate --seed N [--seeds K] [--no-wal]`. Prints a line a seed; exit code 1 if one fails.
//! Invariant: the line of a failing seed is all that is needed to see the failure again.
//! Must not know: how a run works.

use guiju_tests::sim::{Options, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (Some(first), count) = (number("--seed"), number("--seeds").unwrap_or(1)) else {
        eprintln!("usage: simulate --seed N [--seeds K] [--no-wal]");
        return ExitCode::from(2);
    };
    let wal = !arguments.iter().any(|argument| argument == "--no-wal");
    let mut failed = 0;
    for seed in first..first.saturating_add(count) {
        match run(Options { wal, ..Options::of_seed(seed) }) {
            Ok(record) => println!("seed {seed}: {record:?}"),
            Err(failure) => {
                failed += 1;
                let flag = if wal { "" } else { " --no-wal" };
                println!("seed {seed}: FAILED: {failure}\n  again: simulate --seed {seed}{flag}");
            }
        }
    }
    println!("{failed} of {count} seeds failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
