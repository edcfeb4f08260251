//! Mutated fragments of the shipped sources and fixtures, given to the parser, the formatter and the compiler:
//! `cargo run --release -p guiju-tests --bin fuzz-syntax -- --executions 10000000 --seed 1 --threads 2`.
//! Not guided by coverage, so far faster than the targets in `tests/fuzz`. A panic names its input and ends the run.

use guiju_tests::promises;
use guiju_tests::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// A share of the work, and its name.
type Promise = (&'static str, fn(&str));

const PROMISES: [Promise; 4] = [
    ("parser", promises::parsing),
    ("parser", promises::parsing),
    ("formatter", promises::formatting),
    ("checker", promises::checking),
];

fn main() -> ExitCode {
    let (mut executions, mut seed, mut threads) = (1_000_000u64, 1u64, 2u64);
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder] = &given[..]
        && word == "--write-seeds"
    {
        return write_seeds(Path::new(folder));
    }
    let mut words = given.into_iter();
    while let Some(word) = words.next() {
        let number = words.next().and_then(|n| n.replace('_', "").parse().ok());
        match (word.as_str(), number) {
            ("--executions", Some(n)) => executions = n,
            ("--seed", Some(n)) => seed = n,
            ("--threads", Some(n)) => threads = n,
            _ => {
                eprintln!("usage: fuzz-syntax [--executions N] [--seed S] [--threads T] | --write-seeds FOLDER");
                return ExitCode::from(2);
            }
        }
    }
    let seeds = shipped();
    println!("{} fragments, {executions} executions from seed {seed} on {threads} threads", seeds.len());
    let start = Instant::now();
    let seeds = &seeds;
    let counts: Vec<Result<[u64; 4], ()>> = std::thread::scope(|scope| {
        let work = |thread: u64| share(seeds, seed.wrapping_add(thread), executions / threads.max(1));
        let started: Vec<_> = (0..threads.max(1)).map(|t| scope.spawn(move || work(t))).collect();
        started.into_iter().map(|t| t.join().unwrap_or(Err(()))).collect()
    });
    if counts.iter().any(Result::is_err) {
        return ExitCode::FAILURE;
    }
    let total = |i: usize| counts.iter().flatten().map(|c| c[i]).sum::<u64>();
    println!(
        "parser {}, formatter {}, checker {} executions without a panic, {} s",
        total(0) + total(1),
        total(2),
        total(3),
        start.elapsed().as_secs()
    );
    ExitCode::SUCCESS
}

/// Fragments of everything shipped.
fn shipped() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seeds = Vec::new();
    for folder in ["policies", "examples", "tests/suite"] {
        collect(&root.join(folder), &mut seeds);
    }
    seeds
}

/// Writes the fragments as files, where the coverage-guided targets begin: a fragment fits their length, as a whole file
/// often does not.
fn write_seeds(folder: &Path) -> ExitCode {
    let written =
        shipped().iter().enumerate().try_for_each(|(i, seed)| std::fs::write(folder.join(format!("{i:04}")), seed));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn share(seeds: &[String], seed: u64, executions: u64) -> Result<[u64; 4], ()> {
    let mut random = Random::new(seed);
    let mut counts = [0; 4];
    let mut text = String::new();
    for i in 0..executions {
        // Mutations pile up for a while, then a fresh fragment is taken.
        if text.is_empty() || text.len() > 3_000 || random.chance(12) {
            text.clone_from(&seeds[random.below(seeds.len())]);
        }
        text = promises::mutate(&text, &mut random);
        let which = (i % 4) as usize;
        let (name, promise) = PROMISES[which];
        if catch_unwind(AssertUnwindSafe(|| promise(&text))).is_err() {
            eprintln!("{name}, seed {seed}, execution {i}:\n{text}");
            return Err(());
        }
        counts[which] += 1;
    }
    Ok(counts)
}

fn collect(folder: &Path, seeds: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, seeds);
        } else if path.extension().is_some_and(|e| e == "gj")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            seeds.extend(promises::fragments(&text));
        }
    }
}
