//! Runs the differential test for as long as one likes:
//! `cargo run -p guiju-tests --bin differential -- --programs 100000 --inputs 20 --seed 1`.

use guiju_tests::differential::{Plan, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut plan = Plan { programs: 10_000, inputs: 10, seed: 1 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next().and_then(|n| n.parse().ok());
        match (word.as_str(), number) {
            ("--programs", Some(n)) => plan.programs = n,
            ("--inputs", Some(n)) => plan.inputs = n,
            ("--seed", Some(n)) => plan.seed = n,
            _ => {
                eprintln!("usage: differential [--programs N] [--inputs M] [--seed S]");
                return ExitCode::from(2);
            }
        }
    }
    match run(plan) {
        Ok(counts) => {
            print!("{counts}");
            ExitCode::SUCCESS
        }
        Err(disagreement) => {
            eprintln!("{disagreement}");
            ExitCode::FAILURE
        }
    }
}
