//! The gate: whether an owner's sharing policy permits a question, judged on public facts by every validator.
//! Invariant: native code judges only after it agreed with the interpreter on every combination its clauses tell apart;
//! otherwise the interpreter judges. Must not know: records, subjects, budgets (custody's guard does those).

use crate::transaction::Exchange;
use guiju_compiler::ast::ExchangeWord;
use guiju_compiler::codegen;
use guiju_compiler::package::Sharing;
use guiju_runtime::module::Module;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most combinations on which the two engines are compared.
const COMPARISONS_MAX: usize = 20_000;
const EXCHANGES: [ExchangeWord; 4] =
    [ExchangeWord::Verification, ExchangeWord::Detail, ExchangeWord::Evaluation, ExchangeWord::Contract];

/// The public facts of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Name of the department that asks.
    pub asker: &'a str,
    /// The exchange.
    pub exchange: Exchange,
    /// The purpose.
    pub purpose: &'a str,
}

/// What an owner's sharing policies say about one certificate type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A clause permits, for this many points.
    Permitted {
        /// Points an asker pays for the declared read.
        points: u32,
    },
    /// A clause forbids.
    Forbidden {
        /// The sharing policy, `module.policy`.
        policy: String,
        /// Its clause.
        clause: String,
    },
    /// No clause matches: the answer is no.
    NoClause {
        /// A sharing policy about the type, or empty if there is none.
        policy: String,
    },
}

/// Which engine judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Machine code.
    Native,
    /// The reference interpreter: native code could not be made here, or disagreed. Worth an alarm.
    Interpreter,
}

/// A sharing policy ready to judge.
#[derive(Debug)]
pub struct Gate {
    sharing: Arc<Sharing>,
    native: Option<Module>,
}

impl Gate {
    /// Compiles the sharing policy for this machine and compares the engines.
    pub fn new(sharing: Arc<Sharing>) -> Self {
        let native = codegen::native(&sharing.program).ok().filter(|module| agrees(&sharing, module));
        Self { sharing, native }
    }

    /// Which engine judges.
    pub fn engine(&self) -> Engine {
        if self.native.is_some() { Engine::Native } else { Engine::Interpreter }
    }

    /// Department that owns the data.
    pub fn owner(&self) -> &str {
        &self.sharing.owner
    }

    /// Certificate type it is about.
    pub fn schema(&self) -> &str {
        &self.sharing.schema
    }

    /// `module.policy`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.sharing.module, self.sharing.name)
    }

    /// What this one policy says.
    pub fn judge(&self, question: &Question<'_>) -> Verdict {
        let exchange = exchange_word(question.exchange);
        let clause = match &self.native {
            Some(module) => self.sharing.decide(module, question.asker, exchange, question.purpose),
            None => self.sharing.interpret(question.asker, exchange, question.purpose),
        };
        match clause.and_then(|index| self.sharing.clauses.get(index)) {
            Some(clause) if clause.permit => Verdict::Permitted { points: clause.points },
            Some(clause) => Verdict::Forbidden { policy: self.name(), clause: clause.label.clone() },
            None => Verdict::NoClause { policy: self.name() },
        }
    }
}

/// The exchange in the words of sharing policies.
pub(crate) fn exchange_word(exchange: Exchange) -> ExchangeWord {
    match exchange {
        Exchange::Verification => ExchangeWord::Verification,
        Exchange::Detail => ExchangeWord::Detail,
        Exchange::Evaluation => ExchangeWord::Evaluation,
        Exchange::Contract => ExchangeWord::Contract,
    }
}

/// Whether both engines decide alike for every asker and purpose that a clause names, and for one that none names.
fn agrees(sharing: &Sharing, module: &Module) -> bool {
    let names = |of: fn(&guiju_compiler::package::SharingClauseInfo) -> &[String]| {
        let mut all: BTreeSet<&str> = sharing.clauses.iter().flat_map(of).map(String::as_str).collect();
        all.insert("无名 / nobody");
        all
    };
    let (askers, purposes) = (names(|c| &c.to), names(|c| &c.purposes));
    let combinations = askers.iter().flat_map(|a| purposes.iter().flat_map(move |p| EXCHANGES.map(|e| (*a, e, *p))));
    combinations.take(COMPARISONS_MAX).all(|(asker, exchange, purpose)| {
        sharing.decide(module, asker, exchange, purpose) == sharing.interpret(asker, exchange, purpose)
    })
}
