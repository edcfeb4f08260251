//! From a point of a proof to a test that a person can paste. Owns the rule that a test is printed only after the
//! interpreter has run its facts and shown the very thing that the finding speaks of.
//! Invariant: a printed test is in the syntax and keyword language of the file, names every fact that the policy reads,
//! and its expectations are what the policy answers as it stands. Must not know: what is proved, diagnostics.

mod draft;
mod elements;
mod print;
mod synthetic;

pub(crate) use draft::{Draft, value_of, word_of};
pub(crate) use print::{Case, value_text};
pub(crate) use synthetic::neutral;

use crate::ast::Language;
use crate::explain::explain;
use crate::interpret;
use crate::ir::TraceId;
use crate::package::Policy;
use crate::prove::Point;
use crate::typed::{show_word, show_word_en};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::trace::Truth;
use guiju_runtime::value::Fact;

/// What a run must show for its facts to be a witness.
#[derive(Clone, Copy)]
pub(crate) enum Shows<'a> {
    /// All these guards hold.
    AllTrue(&'a [TraceId]),
    /// None of these guards holds.
    AllFalse(&'a [TraceId]),
}

impl Shows<'_> {
    fn shown(&self, evaluation: &Evaluation) -> bool {
        let all = |traces: &[TraceId], truth: Truth| {
            traces.iter().all(|t| evaluation.trace.get(t.0 as usize).is_some_and(|b| Truth::of(*b) == truth))
        };
        match self {
            Self::AllTrue(traces) => all(traces, Truth::True),
            Self::AllFalse(traces) => all(traces, Truth::False),
        }
    }
}

/// A ready-made test of the point, if its facts show what they should. The steps taken to find elements of lists are added
/// to `sought`.
pub(crate) fn concrete(
    policy: &Policy,
    point: &Point,
    title: &str,
    language: Language,
    shows: Shows<'_>,
    sought: &mut u64,
) -> Option<String> {
    let mut draft = Draft::new(policy)?;
    let applied = draft.apply(point);
    *sought += draft.taken();
    applied?;
    let facts = draft.finish();
    let evaluation = run(policy, &facts)?;
    if !shows.shown(&evaluation.0) {
        return None;
    }
    let explanation = explain(policy, evaluation.1.words(), &evaluation.0);
    let expected = explanation.outcomes.iter().map(|o| (o.name.clone(), o.value.clone())).collect();
    Some(Case { policy, title, facts: &facts, expected, language, remark: None }.text())
}

/// Runs facts of the roots, in order, through the interpreter.
pub(crate) fn run(policy: &Policy, facts: &[Fact]) -> Option<(Evaluation, Frame)> {
    let mut interner = Interner::new(&policy.program.literals);
    let mut frame = Frame::new(&policy.layout);
    for (root, fact) in facts.iter().enumerate() {
        frame.put(&policy.layout, root, fact, &mut interner).ok()?;
    }
    Some((interpret::run(&policy.program, frame.words()), frame))
}

/// The words of a point, with the remark that they could not be made facts.
pub(crate) fn words(point: &Point, language: Language) -> String {
    let mut out = String::new();
    for (source, key, word) in &point.words {
        let shown = match source.expression() {
            Some(e) => match point.text(*word).filter(|_| print::is_text(&e.ty)) {
                Some(text) => format!("{text:?}"),
                None if language == Language::En => show_word_en(&e.ty, *word),
                None => show_word(&e.ty, *word),
            },
            None => word.to_string(),
        };
        out.push_str(&format!("// {key} = {shown}\n"));
    }
    out.push_str(match (language, point.exact) {
        (Language::Zh, true) => "// 以上是条件的取值，未能化为具体事实",
        (Language::En, true) => "// these are words of the conditions; they could not be made facts",
        (Language::Zh, false) => "// 以上是条件的取值，其中有的未经打开，未必有这样的事实",
        (Language::En, false) => {
            "// these are words of the conditions; some were not opened, so there may be no such facts"
        }
    });
    out
}
