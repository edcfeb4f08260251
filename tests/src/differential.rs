//! The differential test: random programs over random evidence, run by both engines; programs of the intermediate form
//! directly, and programs that the compiler made of random sources. Owns the comparison and the counts.
//! Invariant: everything follows from the seeds; a disagreement names the seed that shows it again. Must not know: ledgers.

mod acceptance;
mod coverage;
mod evidence;
mod facts;
mod meaning;
mod mutant;
mod program;
mod slips;
mod source;

pub use mutant::{Found, Mutants, hunt};

pub use super::random::Random;
use guiju_compiler::ir::{self, Program};
use guiju_compiler::package::{Package, Policy, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::{codegen, explain, interpret};
use guiju_runtime::evaluate::{Evaluation, Scalar};
use guiju_runtime::frame::Frame;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Where programs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Made in the intermediate form, over frames that may hold anything.
    Form,
    /// Compiled from random sources, over facts that fit.
    Source,
}

/// How much to try.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Programs, one a seed.
    pub programs: u64,
    /// Frames each.
    pub inputs: u64,
    /// Program `i` is made from `seed + i`.
    pub seed: u64,
    /// Threads; they share the seeds out and change nothing else.
    pub threads: u64,
}

/// What was tried.
#[derive(Debug, Default)]
pub struct Counts {
    /// Programs made.
    pub made: u64,
    /// Distinct programs that were run, by hash.
    pub distinct: BTreeSet<u64>,
    /// Runs compared: pairs of a program and a frame.
    pub runs: u64,
    /// Programs in which each kind of expression stood.
    pub covered: BTreeMap<String, u64>,
    /// Outputs that were known, unknown and absent.
    pub states: [u64; 3],
    /// Guards that were false, true and not known.
    pub truths: [u64; 3],
    /// Sources that the checker refused, by the first error's code.
    pub refused: BTreeMap<String, u64>,
    /// Sources translated, reformatted and reordered without a change in meaning.
    pub restated: u64,
    /// Sources with a slip of the author that the checker refused, and that it accepted.
    pub slips: [u64; 2],
    /// Questions put to sharing policies.
    pub shared: u64,
}

impl Counts {
    /// Sources that the checker accepted.
    pub fn accepted(&self) -> u64 {
        self.made - self.refused.values().sum::<u64>()
    }

    /// Kinds of expression that no program had.
    pub fn never(&self) -> Vec<String> {
        coverage::all().into_iter().filter(|name| !self.covered.contains_key(name)).collect()
    }

    fn merge(&mut self, other: Self) {
        self.made += other.made;
        self.distinct.extend(other.distinct);
        self.runs += other.runs;
        other.covered.into_iter().for_each(|(name, n)| *self.covered.entry(name).or_default() += n);
        other.refused.into_iter().for_each(|(code, n)| *self.refused.entry(code).or_default() += n);
        for i in 0..3 {
            self.states[i] += other.states[i];
            self.truths[i] += other.truths[i];
        }
        for i in 0..2 {
            self.slips[i] += other.slips[i];
        }
        self.restated += other.restated;
        self.shared += other.shared;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = self.accepted();
        let percent = accepted * 100 / self.made.max(1);
        writeln!(
            f,
            "{} programs made, {accepted} accepted ({percent} %), {} distinct, {} pairs of program and input, no disagreement",
            self.made,
            self.distinct.len(),
            self.runs
        )?;
        writeln!(f, "outputs known {} unknown {} absent {}", self.states[0], self.states[1], self.states[2])?;
        writeln!(f, "guards false {} true {} not known {}", self.truths[0], self.truths[1], self.truths[2])?;
        if self.restated + self.shared > 0 {
            writeln!(f, "{} restated with the same meaning, {} questions of sharing", self.restated, self.shared)?;
            writeln!(f, "slips of an author: {} refused, {} accepted and harmless", self.slips[0], self.slips[1])?;
        }
        self.refused.iter().try_for_each(|(code, count)| writeln!(f, "{count:>8} refused with {code}"))?;
        self.covered.iter().try_for_each(|(name, count)| writeln!(f, "{count:>8} programs have {name}"))?;
        self.never().iter().try_for_each(|name| writeln!(f, "   never programs have {name}"))
    }
}

/// The two engines left different things, a meaning changed in restating, or an engine refused a program.
#[derive(Debug)]
pub struct Disagreement {
    /// Seed of the program and its frames.
    pub seed: u64,
    /// What happened, with the program and the frame.
    pub what: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

/// Runs the plan. Each thread stops at its first disagreement; the one of the lowest seed is given.
pub fn run(level: Level, plan: Plan) -> Result<Counts, Disagreement> {
    let threads = plan.threads.max(1);
    let work = |thread: u64| -> Result<Counts, Disagreement> {
        let mut counts = Counts::default();
        let mut i = thread;
        while i < plan.programs {
            let seed = plan.seed.wrapping_add(i);
            one(level, &mut Random::new(seed), plan.inputs, &mut counts).map_err(|what| Disagreement { seed, what })?;
            i += threads;
        }
        Ok(counts)
    };
    let results: Vec<Result<Counts, Disagreement>> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|t| scope.spawn(move || work(t))).collect();
        started.into_iter().map(|t| t.join().unwrap_or_else(|why| std::panic::resume_unwind(why))).collect()
    });
    let mut counts = Counts::default();
    let mut worst: Option<Disagreement> = None;
    for result in results {
        match result {
            Ok(some) => counts.merge(some),
            Err(d) if worst.as_ref().is_none_or(|w| d.seed < w.seed) => worst = Some(d),
            Err(_) => {}
        }
    }
    worst.map_or(Ok(counts), Err)
}

/// One program of each level from the bytes of a fuzzer: the first byte says which.
pub fn run_bytes(bytes: &[u8]) -> Result<(), Disagreement> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
    let level = if first % 4 == 0 { Level::Form } else { Level::Source };
    one(level, &mut Random::from_bytes(rest), 8, &mut Counts::default()).map_err(|what| Disagreement { seed: 0, what })
}

fn one(level: Level, random: &mut Random, inputs: u64, counts: &mut Counts) -> Result<(), String> {
    counts.made += 1;
    if level == Level::Form {
        let subject = program::Subject::new(random);
        let program = &subject.program;
        return pairs(program, inputs, counts, || evidence::frame(random, &subject)).map(|_| ());
    }
    let mut module = source::module(random);
    // One in three has a slip in it: the checker finds it, or it does no harm.
    let slipped = if random.chance(33) { slips::slip(random, &module.text) } else { None };
    let right = slipped.is_none();
    module.text = slipped.unwrap_or(module.text);
    let package = accepted(&module, counts)?;
    if !right {
        counts.slips[usize::from(package.is_some())] += 1;
    }
    let Some(package) = package else { return Ok(()) };
    for policy in &package.policies {
        let last = pairs(&policy.program, inputs, counts, || facts::frame(random, policy, &module.words))
            .map_err(|what| format!("{what}\n{}", module.text))?;
        if let Some((frame, evaluation)) = last {
            explained(policy, &frame, &evaluation)?;
        }
        acceptance::keep(random, policy, &module.words, inputs).map_err(|what| format!("{what}\n{}", module.text))?;
    }
    shared(&package, counts)?;
    if right && random.chance(20) {
        meaning::restate(random, &module, &package).map_err(|what| format!("{what}\n{}", module.text))?;
        counts.restated += 1;
    }
    Ok(())
}

/// The package of a random module; `None` if it was refused, which is counted.
fn accepted(module: &source::Module, counts: &mut Counts) -> Result<Option<Package>, String> {
    let compiled = compile(&[SourceFile { name: "甲.gj".to_owned(), text: module.text.clone() }]);
    match (compiled.package, compiled.diagnostics.iter().find(|d| d.is_error())) {
        (Some(package), None) => Ok(Some(package)),
        (None, Some(first)) => {
            if std::env::var_os("GUIJU_SHOW_REFUSED").is_some() {
                eprintln!("{} {}\n{}", first.code.as_str(), first.message.zh, module.text);
            }
            *counts.refused.entry(first.code.as_str().to_owned()).or_default() += 1;
            Ok(None)
        }
        (package, _) => {
            Err(format!("a package {} an error\n{}", if package.is_some() { "with" } else { "without" }, module.text))
        }
    }
}

/// Runs a program on frames by both engines; gives the last frame and what it came to.
fn pairs(
    program: &Program,
    inputs: u64,
    counts: &mut Counts,
    mut frame: impl FnMut() -> Frame,
) -> Result<Option<(Frame, Evaluation)>, String> {
    let refused = |why: &dyn fmt::Display| format!("refused: {why}\n{program}");
    ir::verify(program).map_err(|why| refused(&why))?;
    let mut hasher = DefaultHasher::new();
    program.to_string().hash(&mut hasher);
    // Two seeds can give one small program; it counts once.
    if counts.distinct.insert(hasher.finish()) {
        for name in coverage::constructs(program) {
            *counts.covered.entry(name).or_default() += 1;
        }
    }
    let module = codegen::native(program).map_err(|why| refused(&why))?;
    let mut native = Evaluation::default();
    let cost = ir::verify::cost(program);
    let mut last = None;
    for _ in 0..inputs {
        let frame = frame();
        let meant = interpret::run(program, frame.words());
        // What was left from the last run must not show through.
        native.outputs.fill(Scalar { word: -1, state: 77 });
        native.trace.fill(77);
        module.run(&frame, &mut native).map_err(|why| refused(&why))?;
        if native != meant {
            return Err(difference(program, &frame, &meant, &native));
        }
        let spent = interpret::spent(program, frame.words());
        if spent > cost {
            return Err(format!("{spent} units were spent of {cost}\n{program}\nframe {:?}", frame.words()));
        }
        counts.runs += 1;
        for output in &meant.outputs {
            counts.states[usize::from(output.state)] += 1;
        }
        for truth in &meant.trace {
            counts.truths[usize::from(*truth)] += 1;
        }
        last = Some((frame, meant));
    }
    Ok(last)
}

fn difference(program: &Program, frame: &Frame, meant: &Evaluation, native: &Evaluation) -> String {
    format!("{program}\nframe {:?}\ninterpreter {meant:?}\nnative      {native:?}", frame.words())
}

/// An explanation can be given of whatever a policy decided, and names the value that was decided.
fn explained(policy: &Policy, frame: &Frame, evaluation: &Evaluation) -> Result<(), String> {
    let explanation = explain::explain(policy, frame.words(), evaluation);
    for (outcome, explained) in policy.outcomes.iter().zip(&explanation.outcomes) {
        let word = evaluation.outputs.get(outcome.output).and_then(|s| s.get());
        let value = word.and_then(|w| outcome.values.get(usize::try_from(w).ok()?));
        if value != explained.value.as_ref() {
            return Err(format!("{}: decided {value:?}, explained {:?}", outcome.name, explained.value));
        }
    }
    Ok(())
}

/// Both engines answer every question of every sharing policy alike.
fn shared(package: &Package, counts: &mut Counts) -> Result<(), String> {
    use guiju_compiler::ast::ExchangeWord::{Contract, Detail, Evaluation, Verification};
    for sharing in &package.sharings {
        let module = codegen::native(&sharing.program).map_err(|why| why.to_string())?;
        for asker in ["局0", "局1", "局外"] {
            for exchange in [Verification, Detail, Evaluation, Contract] {
                for purpose in ["审核", "营销", "别的"] {
                    let native = sharing.decide(&module, asker, exchange, purpose);
                    if native != sharing.interpret(asker, exchange, purpose) {
                        return Err(format!("sharing {}: {asker} {exchange:?} {purpose}: {native:?}", sharing.name));
                    }
                    counts.shared += 1;
                }
            }
        }
    }
    Ok(())
}
