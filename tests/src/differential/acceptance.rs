//! What acceptance promises of a policy, tried on facts: every operation is exact, every definition stays in its declared
//! range, a decision over facts that are all known is made, and no more answers come than the release declares bits for. Owns these promises for random policies.
//! Invariant: it looks at results only, so a fault of a proof shows however the proof was made. Must not know: proofs.

use super::{Random, facts};
use guiju_compiler::ast::HitWord;
use guiju_compiler::explain::explain;
use guiju_compiler::interpret;
use guiju_compiler::ir::Program;
use guiju_compiler::package::{GuardInfo, Policy, RuleInfo};
use guiju_compiler::typed::{Body, Definition, domain};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::trace::Truth;
use guiju_runtime::value::Fact;
use std::collections::BTreeSet;

/// Tries `inputs` inputs; tells the first promise that was not kept.
pub(super) fn keep(random: &mut Random, policy: &Policy, words: &[i64], inputs: u64) -> Result<(), String> {
    let mut answers: Vec<BTreeSet<String>> = vec![BTreeSet::new(); policy.releases.len()];
    for i in 0..inputs {
        // Half of them leave nothing unknown.
        let known = i % 2 == 0;
        let mut facts = if known { facts::known(random, policy, words) } else { facts::facts(random, policy, words) };
        // An asker knows what was asked.
        for input in facts.iter_mut().skip(1).take(policy.inputs.len()).filter(|fact| **fact == Fact::Unknown) {
            *input = Fact::Absent;
        }
        let frame = facts::put(policy, &facts);
        let evaluation = interpret::run_exactly(&policy.program, frame.words())
            .map_err(|why| broken(policy, &facts, &format!("{why:?}")))?;
        let program =
            Program { outputs: policy.rules.iter().map(|rule| rule.step).collect(), ..policy.program.clone() };
        for (rule, value) in policy.rules.iter().zip(interpret::run(&program, frame.words()).outputs) {
            let (low, high) = domain(&rule.ty);
            if let Some(word) = value.get().filter(|word| !(low..=high).contains(word)) {
                return Err(broken(policy, &facts, &format!("{} is {word}, beyond {low}..{high}", rule.name)));
            }
        }
        for outcome in &policy.outcomes {
            let decided = evaluation.outputs.get(outcome.output).and_then(|s| s.get());
            if known && decided.is_none() {
                return Err(broken(policy, &facts, &format!("{} is undetermined", outcome.name)));
            }
        }
        if known && let Some(name) = uncovered(policy, &evaluation) {
            return Err(broken(policy, &facts, &format!("no row of {name} matches, or several")));
        }
        // What it takes to explain is much, so one input in eight is answered as a node would.
        if i % 8 < 2 {
            let explanation = explain(policy, frame.words(), &evaluation);
            for (release, answers) in policy.releases.iter().zip(&mut answers) {
                let Some(o) = explanation.outcomes.get(release.outcome) else { continue };
                let reason = o.reason.as_ref().filter(|_| release.reasons);
                let missing = Some(&o.missing).filter(|_| release.missing);
                answers.insert(format!("{:?} {reason:?} {missing:?}", o.value));
            }
        }
    }
    for (release, answers) in policy.releases.iter().zip(&answers) {
        if millibits(answers.len()) > release.computed_millibits {
            let told = release.computed_millibits;
            return Err(format!("{}: {told} thousandths of a bit are too few for {answers:?}", policy.name));
        }
    }
    Ok(())
}

/// What one of so many answers tells, in thousandths of a bit, rounded down.
#[expect(clippy::float_arithmetic, reason = "an estimate beside the compiler's whole numbers, made in another way")]
fn millibits(answers: usize) -> u32 {
    ((answers.max(1) as f64).log2() * 1000.0) as u32
}

/// A table of which no row matches though one should, or several though one at most may.
fn uncovered<'a>(policy: &'a Policy, evaluation: &Evaluation) -> Option<&'a str> {
    let matching = |rule: &RuleInfo| {
        let holds = |guard: &&GuardInfo| evaluation.trace.get(guard.trace.0 as usize) == Some(&Truth::True.byte());
        rule.guards.iter().filter(holds).count()
    };
    let fits = |(rule, definition): (&RuleInfo, &Definition)| match &definition.body {
        Body::Table { hit: HitWord::Unique, .. } => matching(rule) == 1,
        Body::Table { hit: HitWord::Count, .. } | Body::Table { empty: Some(_), .. } | Body::Value { .. } => true,
        Body::Table { .. } => matching(rule) > 0,
    };
    let mut tables = policy.rules.iter().zip(&policy.checked.definitions);
    tables.find(|pair| !fits(*pair)).map(|(rule, _)| rule.name.as_str())
}

fn broken(policy: &Policy, facts: &[Fact], what: &str) -> String {
    let named: Vec<String> =
        policy.layout.roots.iter().zip(facts).map(|(root, fact)| format!("{} = {fact:?}", root.name)).collect();
    format!("{}: {what} with\n{}\n{}", policy.name, named.join("\n"), policy.program)
}
