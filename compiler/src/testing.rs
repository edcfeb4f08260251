//! Running the tests in policy files. Owns what a failure tells. Invariant: a test passes only if every engine asked for
//! gives every expected answer, and engines agree on outcome and trace. Must not know: files, terminals.

mod boundary;
mod cases;
pub(crate) mod facts;
mod fault;
mod judge;
mod months;
pub mod property;

pub use judge::BOUNDARY_INPUTS_MAX;

use crate::ast::Language;
use crate::codegen;
use crate::diagnostics::Text;
use crate::explain::{Explanation, Reasons, explain, reasons};
use crate::interpret;
use crate::package::{Expected, Package, Policy, Test};
use crate::source::Span;
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::module::Module;
use std::collections::BTreeMap;

/// Which engines run the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The reference interpreter.
    Interpret,
    /// Native code.
    Native,
    /// Both, which must agree.
    Both,
}

/// What one test came to.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// Its title.
    pub title: String,
    /// Full name of its module.
    pub module: String,
    /// Policy and version tested.
    pub policy: String,
    /// Version in force on its day.
    pub version: u32,
    /// Where it is written.
    pub span: Span,
    /// What went wrong; empty: passed.
    pub failures: Vec<Text>,
    /// What is to be told though it passed: how each claim of a property was established.
    pub notes: Vec<Text>,
    /// What the policy answered; `None` if it could not run.
    pub explanation: Option<Explanation>,
    /// Why the policy decided as it did; of a test that failed and could run.
    pub reasons: Option<Reasons>,
}

impl TestReport {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The report as text for people: the failures, then the reasons.
    pub fn text(&self, language: Language) -> String {
        let mut out = String::new();
        for failure in &self.failures {
            out.push_str(failure.pick(language));
            out.push('\n');
        }
        if let Some(reasons) = &self.reasons {
            out.push_str(&reasons.text(language));
        }
        out
    }
}

/// Runs every test of the package, in order, then judges its properties.
pub fn run(package: &Package, engine: Engine) -> Vec<TestReport> {
    let mut modules: BTreeMap<usize, Result<Module, String>> = BTreeMap::new();
    let mut reports = Vec::new();
    for test in &package.tests {
        let Some(policy) = package.policies.get(test.policy_index) else { continue };
        let native = (engine != Engine::Interpret).then(|| {
            &*modules
                .entry(test.policy_index)
                .or_insert_with(|| codegen::native(&policy.program).map_err(|f| f.to_string()))
        });
        reports.push(one(policy, test, engine, native));
    }
    reports.extend(package.properties.iter().map(|p| judge::judge(p, engine)));
    reports
}

fn one(policy: &Policy, test: &Test, engine: Engine, native: Option<&Result<Module, String>>) -> TestReport {
    let mut report = TestReport {
        title: test.title.clone(),
        module: test.module.clone(),
        policy: policy.name.clone(),
        version: policy.version,
        span: test.span,
        failures: Vec::new(),
        notes: Vec::new(),
        explanation: None,
        reasons: None,
    };
    let frame = match frame(policy, test) {
        Ok(frame) => frame,
        Err(why) => {
            report.failures.push(Text::new(why.clone(), why));
            return report;
        }
    };
    let interpreted = (engine != Engine::Native).then(|| interpret::run(&policy.program, frame.words()));
    let compiled = match native {
        None => None,
        Some(Err(why)) => {
            report
                .failures
                .push(Text::new(format!("生成机器码失败: {why}"), format!("native code could not be made: {why}")));
            None
        }
        Some(Ok(module)) => {
            let mut out = Evaluation::default();
            match module.run(&frame, &mut out) {
                Ok(()) => Some(out),
                Err(why) => {
                    report.failures.push(Text::new(why.to_string(), why.to_string()));
                    None
                }
            }
        }
    };
    if let (Some(a), Some(b)) = (&interpreted, &compiled)
        && a != b
    {
        report.failures.push(Text::new("解释执行与机器码结果不同", "the interpreter and native code disagree"));
    }
    let Some(evaluation) = interpreted.or(compiled) else { return report };
    let explanation = explain(policy, frame.words(), &evaluation);
    for expected in &test.expect {
        report.failures.extend(compare(policy, expected, &explanation));
    }
    report.explanation = Some(explanation);
    report.reasons = (!report.passed()).then(|| reasons(policy, frame.words(), &evaluation));
    report
}

/// The frame of a test's facts; evidence not given is unknown.
fn frame(policy: &Policy, test: &Test) -> Result<Frame, String> {
    let mut interner = Interner::new(&policy.program.literals);
    let mut frame = Frame::new(&policy.layout);
    for (root, fact) in &test.facts {
        frame.put(&policy.layout, *root, fact, &mut interner).map_err(|f| f.to_string())?;
    }
    Ok(frame)
}

fn compare(policy: &Policy, expected: &Expected, found: &Explanation) -> Option<Text> {
    match expected {
        Expected::Outcome(index, value) => {
            let outcome = policy.outcomes.get(*index)?;
            let explained = found.outcomes.get(*index)?;
            let wanted = value.and_then(|v| outcome.values.get(usize::from(v)));
            if explained.value.as_ref() == wanted {
                return None;
            }
            let name = &outcome.name;
            let zh = |v: Option<&String>| v.cloned().unwrap_or_else(|| "待定".into());
            let en = |v: Option<&String>| v.cloned().unwrap_or_else(|| "undetermined".into());
            Some(Text::new(
                format!("期望 {name} = {}，实际是 {}", zh(wanted), zh(explained.value.as_ref())),
                format!("expected {name} = {}, found {}", en(wanted), en(explained.value.as_ref())),
            ))
        }
        Expected::Reason(reason) => {
            let given: Vec<&str> = found.outcomes.iter().filter_map(|o| o.reason.as_deref()).collect();
            if given.contains(&reason.as_str()) {
                return None;
            }
            let (zh, en) = if given.is_empty() {
                ("没有理由".to_owned(), "no reason".to_owned())
            } else {
                (given.join("；"), given.join("; "))
            };
            Some(Text::new(
                format!("期望理由 \"{reason}\"，实际是 {zh}"),
                format!("expected the reason \"{reason}\", found {en}"),
            ))
        }
        Expected::Missing(names) => {
            if *names == found.missing {
                return None;
            }
            let (want, have) = (names.join(", "), found.missing.join(", "));
            Some(Text::new(
                format!("期望缺证 {{ {want} }}，实际是 {{ {have} }}"),
                format!("expected missing {{ {want} }}, found {{ {have} }}"),
            ))
        }
    }
}
