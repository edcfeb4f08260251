//! The policies a custodian can run. Owns the compiled modules of the ledger, each with native code where that agrees
//! with the interpreter. Invariant: a policy is compiled from the very source its module hash names, and native code is
//! used only after it agreed with the interpreter on the module's own tests and on boundary frames.
//! Must not know: records, keys, requests in progress.

use super::budget::Limits;
use crate::crypto::Digest;
use crate::publication::{CompiledModule, exchange_word};
use crate::state::feed::ActivatedModule;
use crate::transaction::{Exchange, Height};
use guiju_compiler::package::{Policy, Sharing, Test, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::{codegen, interpret};
use guiju_runtime::date::Date;
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::module::Module;
use guiju_runtime::value::{Fact, IdentifierKind, Schema, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A policy ready to run.
pub(super) struct Loaded {
    pub(super) policy: Arc<Policy>,
    native: Option<Module>,
    /// Source hashes of the modules it rests on, its own included, by full name.
    pub(super) standards: BTreeMap<String, Digest>,
}

impl Loaded {
    /// Evaluates the policy over `frame`.
    pub(super) fn run(&self, frame: &Frame) -> Evaluation {
        let mut evaluation = Evaluation::default();
        let ran = self.native.as_ref().is_some_and(|native| native.run(frame, &mut evaluation).is_ok());
        if ran { evaluation } else { interpret::run(&self.policy.program, frame.words()) }
    }
}

struct Source {
    name: String,
    text: String,
}

/// All modules that are or were in force.
#[derive(Default)]
pub(super) struct Library {
    sources: BTreeMap<Digest, Source>,
    policies: BTreeMap<(Digest, u32), Vec<Arc<Loaded>>>,
    schemas: BTreeMap<(Digest, String), Arc<Schema>>,
    /// Sharing policies by the module that holds them and the height that activated it: a newer module of a name
    /// replaces an older for requests ordered after it, so that a request long pending finds what it found before.
    sharings: BTreeMap<String, BTreeMap<Height, Vec<Arc<Sharing>>>>,
}

impl Library {
    /// Takes a module in that the ledger activated. A module that does not compile here cannot be on an honest ledger of
    /// this edition; its policies are then not to be had.
    pub(super) fn activate(&mut self, module: &ActivatedModule, height: Height) {
        let imports = module.imports.iter().filter_map(|hash| self.sources.get(hash).map(|s| s.text.clone()));
        let mut texts: Vec<String> = imports.collect();
        if texts.len() < module.imports.len() || CompiledModule::source_hash(&module.source) != module.hash {
            return;
        }
        texts.push(module.source.clone());
        let files: Vec<SourceFile> = texts.into_iter().map(|text| SourceFile { name: String::new(), text }).collect();
        let Some(package) = compile(&files).package else { return };
        let Some(name) = package.modules.last().map(|m| m.name.clone()) else { return };
        let mut standards: BTreeMap<String, Digest> = BTreeMap::new();
        for hash in &module.imports {
            if let Some(source) = self.sources.get(hash) {
                standards.insert(source.name.clone(), *hash);
            }
        }
        standards.insert(name.clone(), module.hash);
        self.sources.insert(module.hash, Source { name: name.clone(), text: module.source.clone() });
        for schema in package.schemas.iter().filter(|s| s.module == name) {
            self.schemas.insert((module.hash, schema.name.clone()), schema.clone());
        }
        for (index, policy) in package.policies.iter().enumerate().filter(|(_, p)| p.module == name) {
            let tests = package.tests.iter().filter(|t| t.policy_index == index);
            let native = native(policy, tests);
            let loaded = Loaded { policy: policy.clone(), native, standards: standards.clone() };
            self.policies.entry((module.hash, policy.version)).or_default().push(Arc::new(loaded));
        }
        let own = package.sharings.iter().filter(|s| s.module == name).cloned().collect();
        self.sharings.entry(name).or_default().insert(height, own);
    }

    /// The policy that a request names, of the module and version the ledger found for it.
    pub(super) fn policy(&self, module: Digest, version: u32, name: &str) -> Option<Arc<Loaded>> {
        let full = |p: &Policy| format!("{}.{}", p.module, p.name);
        let found = self.policies.get(&(module, version))?;
        found.iter().find(|l| l.policy.name == name || full(&l.policy) == name).cloned()
    }

    /// The certificate type `name` as the module with source hash `standard` declares it.
    pub(super) fn schema(&self, standard: Digest, name: &str) -> Option<&Arc<Schema>> {
        self.schemas.get(&(standard, name.to_owned()))
    }

    /// The least that the clauses permitting this question, ordered at `height`, allow to be learned of each subject; none:
    /// no limit. A module is in force from the block after its activation on.
    pub(super) fn limit(
        &self,
        policy: &Policy,
        height: Height,
        asker: &str,
        exchange: Exchange,
        purpose: &str,
    ) -> Option<Limits> {
        let mut least: Option<Limits> = None;
        let in_force = self.sharings.values().filter_map(|versions| versions.range(..height).next_back());
        let sharings: Vec<&Arc<Sharing>> = in_force.flat_map(|(_, sharings)| sharings).collect();
        for read in &policy.reads {
            for sharing in sharings.iter().filter(|s| s.schema == read.schema && s.owner == read.owner) {
                let clause =
                    sharing.interpret(asker, exchange_word(exchange), purpose).and_then(|i| sharing.clauses.get(i));
                if let Some(limit) = clause.filter(|c| c.permit).and_then(|c| c.limit) {
                    let limits = Limits::of(limit.millibits_per_day, limit.millibits_per_ninety_days);
                    least = Some(least.map_or(limits, |least| least.and(limits)));
                }
            }
        }
        least
    }
}

/// Native code, if it agrees with the interpreter on every test's facts, on nothing known, on everything absent, on least
/// and greatest values, and on these with each root in turn unknown.
fn native<'a>(policy: &Policy, tests: impl Iterator<Item = &'a Test>) -> Option<Module> {
    let module = codegen::native(&policy.program).ok()?;
    let mut frames = vec![Frame::new(&policy.layout)];
    let absent: Vec<(usize, Fact)> = (0..policy.layout.roots.len()).map(|root| (root, Fact::Absent)).collect();
    frames.push(frame_of(policy, &absent));
    for high in [false, true] {
        let known: Vec<(usize, Fact)> =
            policy.layout.roots.iter().map(|root| Fact::Known(extreme(&root.ty, high))).enumerate().collect();
        frames.push(frame_of(policy, &known));
        for left_out in 0..known.len() {
            let rest: Vec<_> = known.iter().filter(|(root, _)| *root != left_out).cloned().collect();
            frames.push(frame_of(policy, &rest));
        }
    }
    frames.extend(tests.map(|test| frame_of(policy, &test.facts)));
    let agrees = |frame: &Frame| {
        let mut evaluation = Evaluation::default();
        module.run(frame, &mut evaluation).is_ok() && evaluation == interpret::run(&policy.program, frame.words())
    };
    frames.iter().all(agrees).then_some(module)
}

/// The least or the greatest value of a type: empty or full lists, optional fields absent or known.
fn extreme(ty: &Type, high: bool) -> Value {
    let pick = |low: i64, top: i64| if high { top } else { low };
    match ty {
        Type::Boolean => Value::Boolean(high),
        Type::Integer { low, high: top, .. }
        | Type::Decimal { low, high: top, .. }
        | Type::Money { low, high: top } => Value::Integer(pick(*low, *top)),
        Type::Date => Value::Date(if high { Date::MAX } else { Date::MIN }),
        Type::Month => Value::Month(if high { Date::MAX } else { Date::MIN }.month()),
        Type::Text { max } => Value::Text("极".repeat(if high { *max as usize } else { 0 })),
        Type::Identifier(kind) => Value::Text(sample(*kind).to_owned()),
        Type::Enum(of) => Value::Enum(if high { of.variants.len().saturating_sub(1) as u16 } else { 0 }),
        Type::Group(group) => Value::Group(
            group
                .fields
                .iter()
                .map(|f| if f.optional && !high { Fact::Absent } else { Fact::Known(extreme(&f.ty, high)) })
                .collect(),
        ),
        Type::List { element, max } => Value::List(vec![extreme(element, high); if high { *max as usize } else { 0 }]),
    }
}

/// A well-formed identifier that is nobody's: region prefix 3299 is not assigned.
fn sample(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::CitizenId => "32990219850612001X",
        IdentifierKind::CreditCode => "11100000000013338W",
        IdentifierKind::CertificateId => "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
        IdentifierKind::UnitCode => "329902001001GB00001F00000001",
    }
}

fn frame_of(policy: &Policy, facts: &[(usize, Fact)]) -> Frame {
    let mut interner = Interner::new(&policy.program.literals);
    let mut frame = Frame::new(&policy.layout);
    for (root, fact) in facts {
        // A fact that does not fit leaves its root unknown, which is a frame to compare on as good as any.
        let _ = frame.put(&policy.layout, *root, fact, &mut interner);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use guiju_runtime::identifier;

    #[test]
    fn extremes_fit_their_types() {
        for kind in [
            IdentifierKind::CitizenId,
            IdentifierKind::CreditCode,
            IdentifierKind::CertificateId,
            IdentifierKind::UnitCode,
        ] {
            assert_eq!(identifier::check(kind, sample(kind)), Ok(()));
        }
        let text = include_str!("tests/law/standard.gj").to_owned();
        let package = compile(&[SourceFile { name: String::new(), text }]).package.expect("compiles");
        for schema in &package.schemas {
            let ty = Type::Group(schema.group.clone());
            for high in [false, true] {
                assert_eq!(guiju_runtime::schema::check_value(&ty, &extreme(&ty, high)), Ok(()), "{}", schema.name);
            }
        }
    }

    /// The shipped law: engines agree on every boundary frame and test, so custodians run it natively.
    #[test]
    fn shipped_policies_run_natively() {
        fn read(folder: &std::path::Path, files: &mut Vec<SourceFile>) {
            let mut entries: Vec<_> =
                std::fs::read_dir(folder).expect("reads").map(|e| e.expect("reads").path()).collect();
            entries.sort();
            for path in entries {
                if path.is_dir() {
                    read(&path, files);
                } else if path.extension().is_some_and(|e| e == "gj") {
                    let text = std::fs::read_to_string(&path).expect("reads");
                    files.push(SourceFile { name: path.display().to_string(), text });
                }
            }
        }
        let mut files = Vec::new();
        read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies"), &mut files);
        let package = compile(&files).package.expect("compiles");
        assert!(package.policies.len() >= 10);
        for (index, policy) in package.policies.iter().enumerate() {
            let tests = package.tests.iter().filter(|t| t.policy_index == index);
            assert!(native(policy, tests).is_some(), "{} {}", policy.name, policy.version);
        }
    }
}
