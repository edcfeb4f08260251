//! Runs the differential test for as long as one likes, or hunts mutants:
//! `cargo run --release -p guiju-tests --bin differential -- --programs 20000 --inputs 50 --seed 7 --threads 2 [--mutants]`.

use guiju_tests::differential::{Level, Plan, hunt, run};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let mut plan = Plan { programs: 10_000, inputs: 50, seed: 1, threads: 2 };
    let mut mutants = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--mutants" {
            mutants = true;
            continue;
        }
        let number = words.next().and_then(|n| n.parse().ok());
        match (word.as_str(), number) {
            ("--programs", Some(n)) => plan.programs = n,
            ("--inputs", Some(n)) => plan.inputs = n,
            ("--seed", Some(n)) => plan.seed = n,
            ("--threads", Some(n)) => plan.threads = n,
            _ => {
                eprintln!("usage: differential [--programs N] [--inputs M] [--seed S] [--threads T] [--mutants]");
                return ExitCode::from(2);
            }
        }
    }
    let mut good = true;
    for (level, title) in [(Level::Form, "the intermediate form"), (Level::Source, "sources")] {
        let start = Instant::now();
        println!("== {title}: seed {}, {} inputs a program, {} threads", plan.seed, plan.inputs, plan.threads);
        if mutants {
            match hunt(level, plan, u64::MAX) {
                Ok(found) => {
                    good &= found.0.iter().all(|m| m.first.is_some());
                    print!("{found}");
                }
                Err(why) => {
                    eprintln!("{why}");
                    return ExitCode::FAILURE;
                }
            }
        } else {
            match run(level, plan) {
                Ok(counts) => print!("{counts}"),
                Err(disagreement) => {
                    eprintln!("{disagreement}");
                    return ExitCode::FAILURE;
                }
            }
        }
        println!("{} s", start.elapsed().as_secs());
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
