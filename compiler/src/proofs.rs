//! Proofs over a whole policy: that arms cover everything once, that exceptions never contradict one another, that each
//! rule can decide. Owns the order in which they are tried and what is said when the counted budget ends.
//! Invariant: a policy without findings here decides on every input that is wholly known, by exactly one arm, and each
//! definition's value follows from stated precedence alone. Must not know: syntax, files.

mod arms;
mod exceptions;
mod needs;
mod operations;
mod rules;
mod tables;

use crate::ast::Language;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::package::Policy;
use crate::prove::{Point, Prover};
use crate::source::Span;
use crate::typed::FaultShown;
use crate::witness::{self, Shows};
use crate::work::Kind;

/// One policy under proof.
struct Proof<'a> {
    policy: &'a Policy,
    prover: Prover<'a>,
    language: Language,
    /// Witnesses shown so far, which number their titles.
    shown: usize,
    /// Steps taken in finding facts for them.
    sought: u64,
}

/// Most findings of one policy that facts are sought for; later ones show words.
const TESTS_MAX: usize = 16;

/// Proves one policy; findings carry a test in the file's language. What is read for nothing is told if `minimal`: where rows
/// of a table were found to say one thing, it only follows from that.
pub(crate) fn check(policy: &Policy, language: Language, minimal: bool, report: &mut Report) {
    let mut proof = Proof { policy, prover: Prover::new(&policy.checked), language, shown: 0, sought: 0 };
    for index in 0..policy.checked.definitions.len() {
        exceptions::check(&mut proof, index, report);
        rules::check(&mut proof, index, report);
    }
    for index in 0..policy.checked.outcomes.len() {
        arms::check(&mut proof, index, report);
    }
    if minimal {
        needs::check(&mut proof, report);
    }
    proof.count(report);
}

/// Lets the findings on a policy's faults, which `report` has, show tests. Nothing else is proved of such a policy: what
/// rests on a table with a fault would be told twice.
pub(crate) fn show_faults(policy: &Policy, language: Language, report: &mut Report) {
    let mut proof = Proof { policy, prover: Prover::new(&policy.checked), language, shown: 0, sought: 0 };
    for (index, fault) in policy.checked.faults.iter().enumerate().take(TESTS_MAX) {
        match &fault.shown {
            FaultShown::Table { table, points, named } => {
                tables::check(&mut proof, fault.finding, (table, points, named), report);
            }
            FaultShown::Operation { when, plainer } => {
                operations::check(&mut proof, fault.finding, index, (when, plainer), report);
            }
        }
    }
    proof.count(report);
}

/// What came of a search for facts that show a fault.
enum Found {
    /// A test that shows it.
    Test(String),
    /// No facts do.
    Unreachable,
    /// None within the counted budget.
    Nothing,
}

/// A witness with a word on it.
fn remark(witness: Option<String>, text: &str) -> String {
    witness.map_or_else(|| text.to_owned(), |witness| format!("{witness}\n{text}"))
}

impl Proof<'_> {
    fn nothing_found(&self) -> &'static str {
        match self.language {
            Language::Zh => "// 在限定的步数内没有找到这样的事实",
            Language::En => "// no such facts were found within the counted bound",
        }
    }

    /// Attaches the point as a ready-made test, or as words if it cannot be made one.
    fn with_witness(&mut self, finding: Diagnostic, point: &Point, shows: Shows<'_>) -> Diagnostic {
        let title = self.title();
        let test = self.concrete(point, &title, shows);
        finding.witness(test.unwrap_or_else(|| witness::words(point, self.language)))
    }

    /// A ready-made test of the point, if facts are found that show what they should.
    fn concrete(&mut self, point: &Point, title: &str, shows: Shows<'_>) -> Option<String> {
        if self.shown > TESTS_MAX {
            return None;
        }
        witness::concrete(self.policy, point, title, self.language, shows, &mut self.sought)
    }

    /// Adds what was done to the work of the compilation.
    fn count(&self, report: &mut Report) {
        report.work.add(Kind::Proofs, self.prover.taken());
        report.work.add(Kind::Witnesses, self.sought);
    }

    /// The title of the next test.
    fn title(&mut self) -> String {
        self.shown += 1;
        let word = if self.language == Language::Zh { "反例" } else { "counterexample" };
        format!("{word} {} {}", self.policy.name, self.shown)
    }

    /// What is said when a question is not answered.
    fn spent(&self, span: Span, name: &str) -> Diagnostic {
        Diagnostic::new(
            Code::ProofTooLarge,
            span,
            format!("`{name}` 太复杂，在限定的步数内无法证明"),
            format!("`{name}` is too intricate to prove within the counted bound"),
        )
        .help(
            "把相互比较的条件写在一起，或减少条件的个数",
            "write conditions on the same facts next to one another, or use fewer",
        )
    }
}
