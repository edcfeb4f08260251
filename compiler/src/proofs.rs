//! Proofs over a whole policy: that arms cover everything once, that exceptions never contradict one another, that each
//! rule can decide. Owns the order in which they are tried and what is said when the counted budget ends.
//! Invariant: a policy without findings here decides on every input that is wholly known, by exactly one arm, and each
//! definition's value follows from stated precedence alone. Must not know: syntax, files.

mod arms;
mod exceptions;
mod rules;
mod tables;

use crate::ast::Language;
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::package::Policy;
use crate::prove::{Point, Prover};
use crate::source::Span;
use crate::witness::{self, Shows};

/// One policy under proof.
struct Proof<'a> {
    policy: &'a Policy,
    prover: Prover<'a>,
    language: Language,
    /// Witnesses shown so far, which number their titles.
    shown: usize,
}

/// Proves one policy; findings carry a test in the file's language.
pub(crate) fn check(policy: &Policy, language: Language, report: &mut Report) {
    let mut proof = Proof { policy, prover: Prover::new(&policy.checked), language, shown: 0 };
    for index in 0..policy.checked.definitions.len() {
        exceptions::check(&mut proof, index, report);
        rules::check(&mut proof, index, report);
    }
    for index in 0..policy.checked.outcomes.len() {
        arms::check(&mut proof, index, report);
    }
}

/// Lets the findings on a policy's tables, which `report` has, show tests. Nothing else is proved of such a policy: what
/// rests on a table with a fault would be told twice.
pub(crate) fn show_faults(policy: &Policy, language: Language, report: &mut Report) {
    tables::check(&mut Proof { policy, prover: Prover::new(&policy.checked), language, shown: 0 }, report);
}

impl Proof<'_> {
    /// Attaches the point as a ready-made test, or as words if it cannot be made one.
    fn with_witness(&mut self, finding: Diagnostic, point: &Point, shows: Shows<'_>) -> Diagnostic {
        let title = self.title();
        finding.witness(witness::test(self.policy, point, &title, self.language, shows))
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
