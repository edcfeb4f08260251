//! Faults put into programs on purpose, so that the differential test is shown to find them. Owns the kinds of fault and
//! the hunt. Invariant: a mutant passes `ir::verify`; a kind counts as found only if both engines left different things
//! for one of its mutants. A mutant that no input tells apart may mean the same, and is counted as not told apart.
//! Must not know: how engines work.

mod alter;

use super::{Counts, Level, Plan, Random, accepted, evidence, facts, program, source};
use alter::KINDS;
use guiju_compiler::codegen;
use guiju_compiler::interpret;
use guiju_compiler::ir::{self, Program};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::Frame;
use std::fmt;

/// What became of one kind of fault.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was done wrong.
    pub kind: &'static str,
    /// Programs it was put into.
    pub injected: u64,
    /// Programs in which the run told it apart.
    pub told: u64,
    /// Pairs that were run until it was first told apart, over all its programs.
    pub first: Option<u64>,
    /// Pairs run.
    pub pairs: u64,
}

/// What became of all kinds.
#[derive(Clone, Debug)]
pub struct Mutants(pub Vec<Found>);

impl fmt::Display for Mutants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>8} {:>8} {:>12}", "fault", "injected", "found in", "first, pairs")?;
        for found in &self.0 {
            let first = found.first.map_or("not found".to_owned(), |n| n.to_string());
            writeln!(f, "{:<44} {:>8} {:>8} {first:>12}", found.kind, found.injected, found.told)?;
        }
        let all = self.0.iter().filter(|m| m.first.is_some()).count();
        writeln!(f, "{all} of {} kinds found", self.0.len())
    }
}

/// Puts each kind of fault into native code only, once in each program that has a place for it, and runs the plan's inputs;
/// a kind that was found in `enough` programs is not put in again. One thread.
pub fn hunt(level: Level, plan: Plan, enough: u64) -> Result<Mutants, String> {
    let mut found: Vec<Found> =
        KINDS.iter().map(|k| Found { kind: k.name, injected: 0, told: 0, first: None, pairs: 0 }).collect();
    for i in 0..plan.programs {
        if found.iter().all(|f| f.told >= enough) {
            break;
        }
        let mut random = Random::new(plan.seed.wrapping_add(i));
        let (programs, frames) = subject(level, &mut random, plan.inputs)?;
        for (program, frames) in programs.iter().zip(&frames) {
            let meant: Vec<Evaluation> = frames.iter().map(|f| interpret::run(program, f.words())).collect();
            for (kind, found) in KINDS.iter().zip(&mut found) {
                if found.told < enough
                    && let Some(mutant) = alter::mutant(kind, program, &mut random)
                    && ir::verify(&mutant).is_ok()
                {
                    judge(&mutant, frames, &meant, found)?;
                }
            }
        }
    }
    Ok(Mutants(found))
}

fn subject(level: Level, random: &mut Random, inputs: u64) -> Result<(Vec<Program>, Vec<Vec<Frame>>), String> {
    if level == Level::Form {
        let subject = program::Subject::new(random);
        let frames = (0..inputs).map(|_| evidence::frame(random, &subject)).collect();
        return Ok((vec![subject.program], vec![frames]));
    }
    let module = source::module(random);
    let Some(package) = accepted(&module, &mut Counts::default())? else { return Ok((Vec::new(), Vec::new())) };
    let frames = (package.policies.iter())
        .map(|p| (0..inputs).map(|_| facts::frame(random, p, &module.words)).collect())
        .collect();
    Ok((package.policies.iter().map(|p| p.program.clone()).collect(), frames))
}

fn judge(mutant: &Program, frames: &[Frame], meant: &[Evaluation], found: &mut Found) -> Result<(), String> {
    let module = codegen::native(mutant).map_err(|why| format!("{why}\n{mutant}"))?;
    let mut native = Evaluation::default();
    found.injected += 1;
    for (frame, meant) in frames.iter().zip(meant) {
        found.pairs += 1;
        module.run(frame, &mut native).map_err(|why| why.to_string())?;
        if native != *meant {
            found.told += 1;
            found.first = found.first.or(Some(found.pairs));
            break;
        }
    }
    Ok(())
}
