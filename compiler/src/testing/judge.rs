//! Judging properties. A claim is proved by the exact procedure where that answers, else tried on boundary inputs through
//! every engine asked for; the report says which. Invariant: "proved" is said only of claims that no wholly known input
//! refutes; a counterexample is shown only after a run of its facts refuted the claim. Must not know: syntax.

use super::boundary;
use super::property::{Kind, Property, PropertyClaim};
use super::{Engine, TestReport};
use crate::codegen;
use crate::diagnostics::Text;
use crate::interpret;
use crate::ir::TraceId;
use crate::package::Policy;
use crate::prove::{Point, Prover, Slope, Source, Verdict};
use crate::typed::{Access, Node, TypedExpr};
use crate::witness::{Case, Draft, value_of, word_of};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::module::Module;
use guiju_runtime::trace::Truth;
use guiju_runtime::value::Fact;

/// Most boundary inputs of one claim.
pub const BOUNDARY_INPUTS_MAX: usize = 2_000;

/// What refutes a claim: facts of one input, or of two that differ in one value.
type Counterexample = Vec<Vec<Fact>>;

/// Judges every claim of a property.
pub(super) fn judge(property: &Property, engine: Engine) -> TestReport {
    let mut report = TestReport {
        title: property.title.clone(),
        module: property.module.clone(),
        policy: property.policy.name.clone(),
        version: property.policy.version,
        span: property.span,
        failures: Vec::new(),
        explanation: None,
        reasons: None,
        notes: Vec::new(),
    };
    let native = match code(&property.policy, engine) {
        Ok(native) => native,
        Err(why) => {
            report.failures.push(why);
            return report;
        }
    };
    let mut prover = Prover::new(&property.policy.checked);
    for claim in &property.claims {
        let judged = match &claim.kind {
            // The copy in which a definition is free has its own code and its own prover.
            Kind::Monotone { freed: Some(policy), .. } => match code(policy, engine) {
                Ok(native) => {
                    let mut prover = Prover::new(&policy.checked);
                    Bench { property, claim, engine, native: native.as_ref() }.judge(&mut prover)
                }
                Err(why) => Err(why),
            },
            _ => Bench { property, claim, engine, native: native.as_ref() }.judge(&mut prover),
        };
        match judged {
            Ok(note) => report.notes.push(note),
            Err(failure) => report.failures.push(failure),
        }
    }
    report
}

/// Native code, if an engine asked for needs it.
fn code(policy: &Policy, engine: Engine) -> Result<Option<Module>, Text> {
    if engine == Engine::Interpret {
        return Ok(None);
    }
    codegen::native(&policy.program)
        .map(Some)
        .map_err(|why| Text::new(format!("生成机器码失败: {why}"), format!("native code could not be made: {why}")))
}

/// One claim and what it is run on.
struct Bench<'a> {
    property: &'a Property,
    claim: &'a PropertyClaim,
    engine: Engine,
    native: Option<&'a Module>,
}

impl Bench<'_> {
    /// The policy that the claim is judged on.
    fn policy(&self) -> &Policy {
        match &self.claim.kind {
            Kind::Monotone { freed: Some(policy), .. } => policy,
            _ => &self.property.policy,
        }
    }

    /// The seed's facts for that policy: a freed definition is one more input.
    fn seed(&self) -> Vec<(usize, Fact)> {
        let more = self.policy().inputs.len() - self.property.policy.inputs.len();
        let first = 1 + self.property.policy.inputs.len();
        self.property.seed.iter().map(|(r, f)| (if *r < first { *r } else { r + more }, f.clone())).collect()
    }

    fn judge(&self, prover: &mut Prover<'_>) -> Result<Text, Text> {
        let text = &self.claim.text;
        match self.prove(prover) {
            Some(None) => return Ok(Text::new(format!("{text}：已证明"), format!("{text}: proved"))),
            Some(Some(found)) => return Err(self.refuted(&found)),
            None => {}
        }
        match self.try_boundary() {
            Err(failure) => Err(failure),
            Ok(n) => Ok(Text::new(
                format!("{text}：未能证明，边界输入 {n} 个均成立"),
                format!("{text}: not proved, holds on {n} boundary inputs"),
            )),
        }
    }

    /// `Some(None)`: proved. `Some(Some(…))`: refuted by a run. `None`: not decided.
    fn prove(&self, prover: &mut Prover<'_>) -> Option<Option<Counterexample>> {
        let verdict = match &self.claim.kind {
            Kind::Implied { condition, outcome, value } => {
                prover.answers(Some(*condition), *outcome, usize::from(*value), false)
            }
            Kind::Never { condition, outcome, value } => {
                prover.answers(*condition, *outcome, usize::from(*value), true)
            }
            Kind::Monotone { outcome, falling, along, .. } => {
                return match prover.slope(*outcome, along, *falling) {
                    Slope::Proved => Some(None),
                    Slope::Refuted(point, words) => {
                        self.steps(&point, along, words).filter(|f| self.refutes(f)).map(Some)
                    }
                    Slope::Open => None,
                };
            }
        };
        match verdict {
            Verdict::Impossible => Some(None),
            Verdict::Spent => None,
            Verdict::Possible(point) => {
                let found = vec![self.draft(&point)?.finish()];
                self.refutes(&found).then_some(Some(found))
            }
        }
    }

    fn draft(&self, point: &Point) -> Option<Draft<'_>> {
        let mut draft = Draft::new(self.policy())?;
        draft.apply(point)?;
        Some(draft)
    }

    /// Two inputs that differ in the value at a path.
    fn steps(&self, point: &Point, along: &TypedExpr, words: (i64, i64)) -> Option<Counterexample> {
        let Node::Load(access) = &along.node else { return None };
        let mut found = Vec::new();
        for word in [words.0, words.1] {
            let mut draft = self.draft(point)?;
            draft.put(access, Fact::Known(value_of(&access.declared_type(), word)?))?;
            found.push(draft.finish());
        }
        Some(found)
    }

    /// Whether runs of these facts refute the claim.
    fn refutes(&self, found: &[Vec<Fact>]) -> bool {
        let runs: Option<Vec<Evaluation>> = found.iter().map(|f| self.interpret(f)).collect();
        match (runs.as_deref(), &self.claim.kind) {
            (Some([first, second]), Kind::Monotone { outcome, falling, .. }) => {
                match (self.answer(first, *outcome), self.answer(second, *outcome)) {
                    (Some(a), Some(b)) => self.falls(a, b, *falling),
                    _ => false,
                }
            }
            (Some([run]), _) => self.refuted_by(run),
            _ => false,
        }
    }

    fn falls(&self, before: usize, after: usize, falling: bool) -> bool {
        // The first value declared ranks highest.
        if falling { after < before } else { after > before }
    }

    fn refuted_by(&self, run: &Evaluation) -> bool {
        let holds = |condition: usize| {
            let trace = self.policy().rules.get(condition).and_then(|r| r.value);
            trace.is_some_and(|t| truth(run, t) == Truth::True)
        };
        match &self.claim.kind {
            Kind::Implied { condition, outcome, value } => {
                holds(*condition) && self.answer(run, *outcome).is_some_and(|a| a != usize::from(*value))
            }
            Kind::Never { condition, outcome, value } => {
                condition.is_none_or(holds) && self.answer(run, *outcome) == Some(usize::from(*value))
            }
            Kind::Monotone { .. } => false,
        }
    }

    /// Index of the value that an outcome has; `None`: undetermined.
    fn answer(&self, run: &Evaluation, outcome: usize) -> Option<usize> {
        let outcome = self.policy().outcomes.get(outcome)?;
        let word = run.outputs.get(outcome.output)?.get()?;
        usize::try_from(word).ok().filter(|i| *i < outcome.values.len())
    }

    fn try_boundary(&self) -> Result<usize, Text> {
        let Some(draft) = Draft::from_facts(self.policy(), &self.seed()) else { return Ok(0) };
        let seed = draft.finish();
        let along = match &self.claim.kind {
            Kind::Monotone { along, .. } => match &along.node {
                Node::Load(access) => Some(access),
                _ => None,
            },
            _ => None,
        };
        let mut tried = 0;
        for facts in boundary::inputs(self.policy(), &seed, BOUNDARY_INPUTS_MAX) {
            if tried >= BOUNDARY_INPUTS_MAX {
                break;
            }
            tried += match along {
                Some(access) => self.walk(&facts, access)?,
                None => {
                    let run = self.run(&facts)?;
                    if run.is_some_and(|r| self.refuted_by(&r)) {
                        return Err(self.refuted(&vec![facts]));
                    }
                    1
                }
            };
        }
        Ok(tried)
    }

    /// Walks one input along the path of a monotone claim. How many inputs that were.
    fn walk(&self, facts: &[Fact], access: &Access) -> Result<usize, Text> {
        let Kind::Monotone { outcome, falling, .. } = &self.claim.kind else { return Ok(0) };
        let mut before: Option<(usize, Vec<Fact>)> = None;
        let mut tried = 0;
        for value in boundary::along(self.policy(), facts, access) {
            let rooted: Vec<(usize, Fact)> = facts.iter().cloned().enumerate().collect();
            let Some(mut draft) = Draft::from_facts(self.policy(), &rooted) else { continue };
            // Only what is there can rise.
            if !draft.holds(access) || draft.put(access, value).is_none() {
                break;
            }
            let here = draft.finish();
            tried += 1;
            let answer = self.run(&here)?.and_then(|r| self.answer(&r, *outcome));
            if let (Some(now), Some((was, facts))) = (answer, &before)
                && self.falls(*was, now, *falling)
            {
                return Err(self.refuted(&vec![facts.clone(), here]));
            }
            if let Some(now) = answer {
                before = Some((now, here));
            }
        }
        Ok(tried.max(1))
    }

    fn frame(&self, facts: &[Fact]) -> Option<Frame> {
        let policy = self.policy();
        let mut interner = Interner::new(&policy.program.literals);
        let mut frame = Frame::new(&policy.layout);
        for (root, fact) in facts.iter().enumerate() {
            frame.put(&policy.layout, root, fact, &mut interner).ok()?;
        }
        Some(frame)
    }

    fn interpret(&self, facts: &[Fact]) -> Option<Evaluation> {
        Some(interpret::run(&self.policy().program, self.frame(facts)?.words()))
    }

    /// Runs an input through every engine asked for. `None`: the facts do not fit.
    fn run(&self, facts: &[Fact]) -> Result<Option<Evaluation>, Text> {
        let Some(frame) = self.frame(facts) else { return Ok(None) };
        let interpreted =
            (self.engine != Engine::Native).then(|| interpret::run(&self.policy().program, frame.words()));
        let compiled = match self.native {
            None => None,
            Some(module) => {
                let mut out = Evaluation::default();
                module.run(&frame, &mut out).map_err(|why| Text::new(why.to_string(), why.to_string()))?;
                Some(out)
            }
        };
        if let (Some(a), Some(b)) = (&interpreted, &compiled)
            && a != b
        {
            let case = self.case(self.policy(), facts, 1);
            return Err(Text::new(
                format!("解释执行与机器码结果不同:\n{case}"),
                format!("the interpreter and native code disagree:\n{case}"),
            ));
        }
        Ok(interpreted.or(compiled))
    }

    /// The counterexample as inputs of the policy itself, where a definition was freed and facts can be found that give it
    /// its values.
    fn settled(&self, found: &Counterexample) -> Option<Counterexample> {
        let Kind::Monotone { outcome, falling, along, freed: Some(freed) } = &self.claim.kind else { return None };
        let policy = &self.property.policy;
        let free = policy.inputs.len();
        let Node::Load(access) = &along.node else { return None };
        let index = policy.checked.definitions.iter().position(|d| d.name == access.path)?;
        let named = TypedExpr { node: Node::Definition(index, access.path.clone()), ..(**along).clone() };
        let mut settled = Vec::new();
        for facts in found {
            let Some(Fact::Known(value)) = facts.get(free + 1) else { return None };
            let kept: Vec<(usize, Fact)> = facts
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != free + 1)
                .map(|(i, f)| (if i > free { i - 1 } else { i }, f.clone()))
                .collect();
            let mut draft = Draft::from_facts(policy, &kept)?;
            let verdict = Prover::new(&policy.checked).pinned(&[], &[(&named, word_of(value)?)], &|s| match s {
                Source::Presence(..) => None,
                other => draft.pin(other),
            });
            let Verdict::Possible(point) = verdict else { return None };
            draft.apply(&point)?;
            settled.push(draft.finish());
        }
        let answers: Option<Vec<usize>> =
            settled.iter().map(|facts| self.answer(&crate::witness::run(policy, facts)?.0, *outcome)).collect();
        let answers = answers?;
        (freed.inputs.len() > free && self.falls(*answers.first()?, *answers.get(1)?, *falling)).then_some(settled)
    }

    fn refuted(&self, found: &Counterexample) -> Text {
        let cases: Vec<String> = match self.settled(found) {
            Some(settled) => {
                settled.iter().enumerate().map(|(i, f)| self.case(&self.property.policy, f, i + 1)).collect()
            }
            None => found.iter().enumerate().map(|(i, f)| self.case(self.policy(), f, i + 1)).collect(),
        };
        let cases = cases.join("\n");
        let text = &self.claim.text;
        Text::new(format!("{text}：不成立，反例\n{cases}"), format!("{text}: does not hold, counterexample\n{cases}"))
    }

    /// Facts as a test that passes on the policy as it stands.
    fn case(&self, policy: &Policy, facts: &[Fact], number: usize) -> String {
        let run = crate::witness::run(policy, facts).map(|(run, _)| run).unwrap_or_default();
        let expected = policy
            .outcomes
            .iter()
            .enumerate()
            .map(|(i, o)| (o.name.clone(), self.answer(&run, i).and_then(|v| o.values.get(v)).cloned()))
            .collect();
        let word = match self.property.language {
            crate::ast::Language::Zh => "反例",
            crate::ast::Language::En => "counterexample",
        };
        let title = format!("{} {word} {number}", self.property.title);
        // A freed definition is no fact of the policy: its value stands as a remark.
        let remark = (policy.inputs.len() > self.property.policy.inputs.len()).then_some(policy.inputs.len());
        Case { policy, title: &title, facts, expected, language: self.property.language, remark }.text()
    }
}

fn truth(run: &Evaluation, trace: TraceId) -> Truth {
    run.trace.get(trace.0 as usize).map_or(Truth::NotKnown, |b| Truth::of(*b))
}
