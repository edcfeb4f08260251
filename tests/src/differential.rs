//! The differential test: random programs over random evidence, run by both engines. Owns the comparison and the counts.
//! Invariant: everything follows from the seed; a disagreement names the seed that shows it again.
//! Must not know: policies' text, ledgers.

mod evidence;
mod program;

use guiju_compiler::ir::{self, Expr, Program};
use guiju_compiler::{codegen, interpret};
use guiju_runtime::evaluate::{Evaluation, Scalar};
use guiju_runtime::frame::Frame;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How much to try.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Programs.
    pub programs: u64,
    /// Frames each.
    pub inputs: u64,
    /// Where random numbers start; program `i` starts at `seed + i`.
    pub seed: u64,
}

/// What was tried.
#[derive(Debug, Default)]
pub struct Counts {
    /// Distinct programs.
    pub programs: u64,
    /// Runs compared.
    pub runs: u64,
    /// Programs in which each kind of expression stood.
    pub covered: BTreeMap<String, u64>,
    /// Outputs that were known, unknown and absent.
    pub states: [u64; 3],
    /// Guards that were false, true and not known.
    pub truths: [u64; 3],
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} programs, {} runs, no disagreement", self.programs, self.runs)?;
        writeln!(f, "outputs known {} unknown {} absent {}", self.states[0], self.states[1], self.states[2])?;
        writeln!(f, "guards false {} true {} not known {}", self.truths[0], self.truths[1], self.truths[2])?;
        self.covered.iter().try_for_each(|(name, count)| writeln!(f, "{count:>8} programs have {name}"))
    }
}

/// The two engines left different things, or one refused a program.
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

/// Random numbers of a test: the same on every machine.
pub struct Random(ChaCha8Rng);

impl Random {
    /// Numbers that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any word.
    pub fn word(&mut self) -> i64 {
        self.0.next_u64() as i64
    }

    /// Below `bound`, which is at least 1. The bias is of no account here.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, if there are any.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }

    /// A word in `low ..= high`, often a bound or next to one.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (i128::from(high) - i128::from(low) + 1) as u128;
        let offset = match self.below(8) {
            0 => 0,
            1 => span - 1,
            2 => 1 % span,
            _ => u128::from(self.0.next_u64()) % span,
        };
        (i128::from(low) + offset as i128) as i64
    }
}

/// Runs the plan. Stops at the first disagreement.
pub fn run(plan: Plan) -> Result<Counts, Disagreement> {
    let mut counts = Counts::default();
    let mut seen = BTreeSet::new();
    let mut native = Evaluation::default();
    let mut seed = plan.seed;
    while counts.programs < plan.programs {
        let mut random = Random::new(seed);
        let subject = program::Subject::new(&mut random);
        // Two seeds can give one small program; it counts once.
        if seen.insert(subject.program.to_string()) {
            compare(plan.inputs, &subject, &mut random, &mut native, &mut counts)
                .map_err(|what| Disagreement { seed, what })?;
        }
        seed = seed.wrapping_add(1);
    }
    Ok(counts)
}

fn compare(
    inputs: u64,
    subject: &program::Subject,
    random: &mut Random,
    native: &mut Evaluation,
    counts: &mut Counts,
) -> Result<(), String> {
    let program = &subject.program;
    let refused = |why: &dyn fmt::Display| format!("refused: {why}\n{program}");
    ir::verify(program).map_err(|why| refused(&why))?;
    let module = codegen::native(program).map_err(|why| refused(&why))?;
    for name in constructs(program) {
        *counts.covered.entry(name).or_default() += 1;
    }
    for _ in 0..inputs {
        let frame = evidence::frame(random, subject);
        let meant = interpret::run(program, frame.words());
        // What was left from the last run must not show through.
        native.outputs.fill(Scalar { word: -1, state: 77 });
        native.trace.fill(77);
        module.run(&frame, native).map_err(|why| refused(&why))?;
        if *native != meant {
            return Err(difference(program, &frame, &meant, native));
        }
        counts.runs += 1;
        for output in &meant.outputs {
            counts.states[usize::from(output.state)] += 1;
        }
        for truth in &meant.trace {
            counts.truths[usize::from(*truth)] += 1;
        }
    }
    counts.programs += 1;
    Ok(())
}

fn difference(program: &Program, frame: &Frame, meant: &Evaluation, native: &Evaluation) -> String {
    format!("{program}\nframe {:?}\ninterpreter {meant:?}\nnative      {native:?}", frame.words())
}

/// Names of the kinds of expression, operator and fold that stand in a program.
fn constructs(program: &Program) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut waiting: Vec<&Expr> = program.steps.iter().map(|s| &s.expr).collect();
    while let Some(expr) = waiting.pop() {
        let (name, parts): (String, Vec<&Expr>) = match expr {
            Expr::Const(kind, _) => (format!("const {kind}"), vec![]),
            Expr::Load(kind, _) => (format!("load {kind}"), vec![]),
            Expr::Step(..) => ("step".to_owned(), vec![]),
            Expr::Not(a) => ("not".to_owned(), vec![a]),
            Expr::And(a, b) => ("and".to_owned(), vec![a, b]),
            Expr::Or(a, b) => ("or".to_owned(), vec![a, b]),
            Expr::Binary(op, a, b) => (op.to_string(), vec![a, b]),
            Expr::MonthOf(a) => ("month_of".to_owned(), vec![a]),
            Expr::Select(_, a, b, c) => ("select".to_owned(), vec![a, b, c]),
            Expr::Present(a) => ("present".to_owned(), vec![a]),
            Expr::PresentAt(_) => ("present_at".to_owned(), vec![]),
            Expr::Default(_, a, b) => ("default".to_owned(), vec![a, b]),
            Expr::Demand(_, a) => ("demand".to_owned(), vec![a]),
            Expr::Fold { fold, var, filter, value, empty, .. } => {
                let nested = if var.0 > 0 { " nested" } else { "" };
                (format!("{fold}{nested}"), [filter, value, empty].into_iter().flatten().map(|e| &**e).collect())
            }
        };
        names.insert(name);
        waiting.extend(parts);
    }
    names
}
