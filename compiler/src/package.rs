//! What compilation yields: policies, sharing policies, schemas and tests, ready to run, with what people must be told
//! about them. Invariant: a `Package` exists only if every module in it passed every check, and its programs passed
//! `ir::verify`. Must not know: syntax, the ledger, files, clocks.

use crate::ast::{ClassWord, ExchangeWord, HitWord, Limit, PolicyKind};
use crate::diagnostics::Diagnostic;
use crate::ir::{self, ListPlace, LoopVar, TraceId};
use crate::source::{FileId, Span};
use crate::typed;
use crate::work::Work;
use guiju_runtime::date::Date;
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::{Frame, Interner, Layout};
use guiju_runtime::module::Module;
use guiju_runtime::value::{Fact, Schema, Type, Value};
use std::sync::Arc;

pub use crate::compile::{FILES_MAX, compile, compile_within};

/// Everything that a set of modules declares.
#[derive(Clone, Debug)]
pub struct Package {
    /// Modules, in the order of the given sources.
    pub modules: Vec<ModuleInfo>,
    /// Certificate types of all modules, by module and then declaration order.
    pub schemas: Vec<Arc<Schema>>,
    /// Policies, verifications and contracts.
    pub policies: Vec<Arc<Policy>>,
    /// Sharing policies.
    pub sharings: Vec<Arc<Sharing>>,
    /// Tests in the files.
    pub tests: Vec<Test>,
    /// Properties in the files.
    pub properties: Vec<crate::testing::property::Property>,
}

/// One module.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// Full dotted name.
    pub name: String,
    /// The file it was read from.
    pub file: FileId,
    /// BLAKE3 of the source bytes.
    pub source_hash: [u8; 32],
    /// Hash of the canonical meaning: names, structure, literals, citations, reasons, releases and imported schemas;
    /// neither layout, comments nor keyword language.
    pub meaning_hash: [u8; 32],
    /// Departments whose data its policies read or write, and the `由` of everything in it; sorted.
    pub departments: Vec<String>,
    /// Full names of the modules it imports; sorted.
    pub imports: Vec<String>,
}

/// A policy, verification or contract in one version.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name, e.g. `购房资格`.
    pub name: String,
    /// Full name of its module.
    pub module: String,
    /// Kind.
    pub kind: PolicyKind,
    /// Version number.
    pub version: u32,
    /// Departments that own it.
    pub by: Vec<String>,
    /// First day in force.
    pub effective_from: Date,
    /// Last day in force; `None`: open.
    pub effective_to: Option<Date>,
    /// Hash of its canonical meaning, imported schemas included.
    pub meaning_hash: [u8; 32],
    /// What the asker supplies.
    pub inputs: Vec<(String, Type)>,
    /// Which inputs may be absent, by index.
    pub input_optional: Vec<bool>,
    /// What sealed records supply.
    pub evidence: Vec<Evidence>,
    /// The sealed field that proves an earlier as-of date: evidence index and field path.
    pub as_of: Option<(usize, Vec<usize>)>,
    /// Roots: `基准日`, inputs, evidence, in that order.
    pub layout: Layout,
    /// What it computes.
    pub program: ir::Program,
    /// Outcomes in order.
    pub outcomes: Vec<Outcome>,
    /// Releases in order.
    pub releases: Vec<Release>,
    /// Writes in order; empty unless a contract.
    pub writes: Vec<Write>,
    /// What each trace point explains, indexed by `TraceId`.
    pub points: Vec<TracePoint>,
    /// Definitions, rules and tables in evaluation order, for explanations.
    pub rules: Vec<RuleInfo>,
    /// Certificate types read, with the fields.
    pub reads: Vec<Read>,
    /// Worst-case cost of one evaluation in counted units: IR nodes, those inside folds times the list's bound.
    pub cost: u64,
    /// Nodes of the program and of the keys of evidence.
    pub nodes: u64,
    /// The checked tree it was lowered from, so that people are shown the very meaning that was hashed.
    pub checked: Arc<typed::Policy>,
}

/// An evidence binding.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The binding's name.
    pub name: String,
    /// Certificate type.
    pub schema: Arc<Schema>,
    /// Whether all records are taken (a list) or the newest.
    pub all: bool,
    /// Whether it may be absent. Without it an absent record counts as unknown.
    pub optional: bool,
    /// Most records; 1 unless `all`.
    pub max: u32,
    /// Path of the filed field.
    pub field: Vec<String>,
    /// Keys to look up.
    pub keys: Vec<KeyTerm>,
    /// What of it is needed, by field path; the record itself first.
    pub needs: Vec<Need>,
    /// Index in `layout.roots`.
    pub root: usize,
}

/// A key of kind Text, evaluated with `interpret::run_expr` over the frame built so far. Uses `基准日`, inputs and
/// earlier evidence only, never steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTerm {
    /// One key.
    One(ir::Expr),
    /// A key for each element of a list.
    Each {
        /// The list.
        list: ListPlace,
        /// The element's variable.
        var: LoopVar,
        /// Which elements.
        filter: Option<ir::Expr>,
        /// The key.
        value: ir::Expr,
    },
}

/// A citation, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CitationText {
    /// Title and number of the law.
    pub source: String,
    /// Short name in the file.
    pub short: String,
    /// Article; may be empty.
    pub article: String,
    /// What is reconstructed, from what.
    pub note: Option<String>,
}

/// An outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// Index in `program.outputs` of the value (an Enum word, index into `values`; not known: undetermined).
    pub output: usize,
    /// Arms in order.
    pub arms: Vec<OutcomeArm>,
    /// Index in `program.outputs` of the index of the arm that decided (an Integer word).
    pub arm_output: usize,
    /// Evidence indices the outcome depends on, through values, guards and keys; sorted.
    pub evidence: Vec<usize>,
    /// Indices into `Policy::rules` it depends on, transitively; sorted.
    pub rules: Vec<usize>,
    /// Highest class of data it depends on.
    pub class: ClassWord,
}

/// An arm of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeArm {
    /// Index into the outcome's values.
    pub value: u16,
    /// Where its guard's truth is recorded; `None` is `其余`.
    pub trace: Option<TraceId>,
    /// Reason shown to people.
    pub reason: Option<String>,
    /// Citation.
    pub citation: Option<CitationText>,
}

/// What may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Index of the outcome.
    pub outcome: usize,
    /// Whether the reason leaves with it.
    pub reasons: bool,
    /// Whether the names of missing evidence leave with it.
    pub missing: bool,
    /// Declared bound, in thousandths of a bit.
    pub declared_millibits: u32,
    /// What an answer can tell, in thousandths of a bit, rounded up; at most the declared bound.
    pub computed_millibits: u32,
}

/// A record that a contract writes.
#[derive(Clone, Debug)]
pub struct Write {
    /// Certificate type.
    pub schema: Arc<Schema>,
    /// Evidence whose record it replaces.
    pub supersedes: Option<usize>,
    /// Index of the outcome.
    pub outcome: usize,
    /// Value of the outcome at which it is written.
    pub value: u16,
    /// Field index and value, in field order.
    pub fields: Vec<(usize, WriteTerm)>,
    /// Whether fields not named keep the replaced record's values.
    pub rest_kept: bool,
}

/// A written value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteTerm {
    /// Index in `program.outputs`. Known whenever the outcome has the write's value; an optional field may be absent.
    Output(usize),
    /// 无
    Absent,
    /// A group, by field index.
    Group(Vec<(usize, WriteTerm)>),
    /// A list.
    List(Vec<WriteTerm>),
}

/// What a trace point records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointKind {
    /// The value of a boolean rule.
    Base,
    /// The guard of an exception.
    Exception,
    /// The guard of a table row.
    Row,
    /// The guard of an outcome's arm.
    Arm,
    /// The guard of a sharing clause.
    Clause,
    /// Where a fault shows; only in a policy that is refused.
    Fault,
}

/// A trace point, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracePoint {
    /// Kind.
    pub kind: PointKind,
    /// Name of the rule, table or outcome.
    pub rule: String,
    /// Exception or clause label, row number from 1, the arm's value, or the fault's index.
    pub label: String,
    /// Citation.
    pub citation: Option<CitationText>,
    /// Highest class of data its truth depends on.
    pub class: ClassWord,
    /// Where it is written.
    pub span: Span,
}

/// A definition, rule or table, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Citation of the base or the whole table.
    pub citation: Option<CitationText>,
    /// Highest class of data it depends on.
    pub class: ClassWord,
    /// The step of the program that gives its value.
    pub step: ir::StepId,
    /// Trace point of its own value, for booleans.
    pub value: Option<TraceId>,
    /// Guards in the order they are tried: exceptions (innermost after their parent) or rows.
    pub guards: Vec<GuardInfo>,
    /// Hit policy, of a table: one row decides, or all that match make up the result.
    pub table: Option<HitWord>,
}

/// A guard of a rule, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardInfo {
    /// Where its truth is recorded.
    pub trace: TraceId,
    /// Index into `RuleInfo::guards` of the exception it is an exception to.
    pub parent: Option<usize>,
}

/// A part of a record that a policy needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The field as a dotted path; empty: whether the record is there, or how many are.
    pub field: String,
    /// What for; at least one, ascending.
    pub uses: Vec<Use>,
}

/// What a part of a record is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// To decide an outcome.
    Decides,
    /// To write another record.
    Writes,
    /// To find other evidence.
    Finds,
    /// To prove the as-of date.
    Dates,
}

/// What a policy reads of a certificate type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Certificate type.
    pub schema: String,
    /// Department that owns it.
    pub owner: String,
    /// Fields, as dotted paths; sorted.
    pub fields: Vec<String>,
}

/// A sharing policy.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Its name.
    pub name: String,
    /// Full name of its module.
    pub module: String,
    /// Department that owns the data.
    pub owner: String,
    /// Certificate type.
    pub schema: String,
    /// Clauses in order.
    pub clauses: Vec<SharingClauseInfo>,
    /// Output 0: index of the deciding clause, −1 for none. Forbid wins; the default is no.
    pub program: ir::Program,
    /// Roots: `基准日`, asker (Text), exchange (Enum in `ExchangeWord` order), purpose (Text).
    pub layout: Layout,
    /// Hash of its canonical meaning.
    pub meaning_hash: [u8; 32],
}

/// A clause of a sharing policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingClauseInfo {
    /// Its label.
    pub label: String,
    /// Whether it permits.
    pub permit: bool,
    /// Citation.
    pub citation: Option<CitationText>,
    /// How much an asker may learn of each subject.
    pub limit: Option<Limit>,
    /// Points an asker pays for one declared read.
    pub points: u32,
    /// Exchanges; empty means any.
    pub exchanges: Vec<ExchangeWord>,
    /// Grantees; empty means any.
    pub to: Vec<String>,
    /// Purposes; empty means any.
    pub purposes: Vec<String>,
}

/// A test in a file. Facts of the test it builds on are already merged in.
#[derive(Clone, Debug)]
pub struct Test {
    /// Title.
    pub title: String,
    /// Full name of its module.
    pub module: String,
    /// Policy under test.
    pub policy: String,
    /// Index in `Package::policies` of the version in force on that day.
    pub policy_index: usize,
    /// As-of date.
    pub on: Date,
    /// Facts by root index of the policy's layout. Roots not given are unknown.
    pub facts: Vec<(usize, Fact)>,
    /// Expectations in order.
    pub expect: Vec<Expected>,
    /// Where it is written.
    pub span: Span,
}

/// The result of compilation: a package unless some diagnostic is an error.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The package.
    pub package: Option<Package>,
    /// Errors, warnings and notes, in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// What the compilation took, counted.
    pub work: Work,
}

/// An expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Outcome index and value index; `None` is undetermined.
    Outcome(usize, Option<u16>),
    /// A reason that some outcome must give.
    Reason(String),
    /// Names of missing evidence, sorted.
    Missing(Vec<String>),
}

/// Name of an exchange as a sharing frame's enum word.
fn exchange_word(exchange: ExchangeWord) -> u16 {
    match exchange {
        ExchangeWord::Verification => 0,
        ExchangeWord::Detail => 1,
        ExchangeWord::Evaluation => 2,
        ExchangeWord::Contract => 3,
    }
}

impl Policy {
    /// Whether it is in force on `day`; both ends of its interval are.
    pub fn in_force_on(&self, day: Date) -> bool {
        self.effective_from <= day && self.effective_to.is_none_or(|last| day <= last)
    }

    /// Whether it reads the field of the certificate type at a dotted path, or anything inside it.
    pub fn reads_field(&self, schema: &str, field: &str) -> bool {
        let inside =
            |read: &String| read.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.reads.iter().filter(|r| r.schema == schema).flat_map(|r| &r.fields).any(inside)
    }

    /// Its version and interval, as people are shown them: `3 (2017-03-16..2017-05-02)`.
    pub fn interval(&self) -> String {
        let last = self.effective_to.map_or(String::new(), |last| last.to_string());
        format!("{} ({}..{last})", self.version, self.effective_from)
    }
}

impl Sharing {
    /// Index of the clause that decides, if any does; permitted exactly if that clause permits. `module` is this sharing
    /// policy's own native code; a text that could be no department or purpose is decided by no clause.
    pub fn decide(&self, module: &Module, asker: &str, exchange: ExchangeWord, purpose: &str) -> Option<usize> {
        let frame = self.frame(asker, exchange, purpose)?;
        let mut out = Evaluation::default();
        module.run(&frame, &mut out).ok()?;
        self.clause_of(&out)
    }

    /// As `decide`, by the reference interpreter.
    pub fn interpret(&self, asker: &str, exchange: ExchangeWord, purpose: &str) -> Option<usize> {
        let frame = self.frame(asker, exchange, purpose)?;
        self.clause_of(&crate::interpret::run(&self.program, frame.words()))
    }

    fn clause_of(&self, out: &Evaluation) -> Option<usize> {
        let index = usize::try_from(out.outputs.first()?.get()?).ok()?;
        (index < self.clauses.len()).then_some(index)
    }

    fn frame(&self, asker: &str, exchange: ExchangeWord, purpose: &str) -> Option<Frame> {
        let mut interner = Interner::new(&self.program.literals);
        let mut frame = Frame::new(&self.layout);
        let facts = [Value::Text(asker.into()), Value::Enum(exchange_word(exchange)), Value::Text(purpose.into())];
        for (i, value) in facts.into_iter().enumerate() {
            frame.put(&self.layout, i + 1, &Fact::Known(value), &mut interner).ok()?;
        }
        Some(frame)
    }
}
