//! `hostile [NAME]`: compiles the sources that try to harm and prints a line each. Owns the clock; fails past two seconds.

use guiju_tests::hostile::{ATTACKS, run};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let mut late = 0;
    println!("| attack | n | bytes | findings | codes | work | ms |");
    println!("|---|---:|---:|---:|---|---:|---:|");
    for attack in ATTACKS.iter().filter(|attack| only.as_ref().is_none_or(|name| name == attack.name)) {
        for n in attack.sizes {
            let files = attack.sources(*n);
            let start = Instant::now();
            let verdict = run(&files);
            let took = start.elapsed();
            late += usize::from(took > Duration::from_secs(2));
            let codes = if verdict.accepted { "accepted".to_owned() } else { verdict.codes.join(" ") };
            println!(
                "| {} | {n} | {} | {} | {codes} | {} | {} |",
                attack.name,
                verdict.bytes,
                verdict.findings,
                verdict.work,
                took.as_millis()
            );
        }
    }
    if late > 0 {
        println!("{late} took longer than two seconds");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
