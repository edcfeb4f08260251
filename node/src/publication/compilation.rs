//! Compiling published sources. Owns what the node keeps of a compiled module, and remembers compilations by what went in.
//! Invariant: the same source with the same imports gives the same module on every node; work is bounded by the compiler's
//! counts. Must not know: approvals, the ledger's keys.

use super::gate::Gate;
use crate::crypto::Digest;
use crate::transaction::Exchange;
use guiju_compiler::ast::PolicyKind;
use guiju_compiler::diagnostics::Diagnostic;
use guiju_compiler::package::{ModuleInfo, Package, Policy};
use guiju_compiler::source::{FileId, SourceFile};
use guiju_compiler::{hash, package, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What a policy reads of another's (or its own) certificate type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFacts {
    /// Certificate type.
    pub schema: String,
    /// Department that owns it.
    pub owner: String,
}

/// What the ledger needs to know of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFacts {
    /// Its name.
    pub name: String,
    /// Which exchange it serves.
    pub exchange: Exchange,
    /// Its version.
    pub version: u32,
    /// Departments in its 由.
    pub by: Vec<String>,
    /// First day in force, days since 1970-01-01.
    pub from: i32,
    /// Last day in force; `None`: open.
    pub to: Option<i32>,
    /// Hash of its meaning.
    pub meaning: Digest,
    /// Certificate types it reads.
    pub reads: Vec<ReadFacts>,
    /// Certificate types it writes, with their owners.
    pub writes: Vec<(String, String)>,
}

impl PolicyFacts {
    /// Whether the day `as_of` (days since 1970-01-01) lies in its effective interval.
    pub fn covers(&self, as_of: i32) -> bool {
        self.from <= as_of && self.to.is_none_or(|to| as_of <= to)
    }

    /// Whether `name`, short or with its module in front, means this policy of `module`.
    pub fn is_called(&self, name: &str, module: &str) -> bool {
        let full = name.strip_suffix(self.name.as_str()).and_then(|m| m.strip_suffix('.'));
        name == self.name || full == Some(module)
    }
}

/// A compiled module.
#[derive(Debug)]
pub struct CompiledModule {
    /// Full dotted name.
    pub name: String,
    /// Hash of its canonical meaning.
    pub meaning: Digest,
    /// Departments it concerns, sorted.
    pub departments: Vec<String>,
    /// Departments named in the 由 of what it declares.
    pub authors: BTreeSet<String>,
    /// Certificate types it declares, with their owners.
    pub schemas: BTreeMap<String, String>,
    /// Its policies.
    pub policies: Vec<PolicyFacts>,
    /// Its sharing policies, ready to judge.
    pub gates: Vec<Gate>,
}

impl CompiledModule {
    /// A module's identity: hash of its source text.
    pub fn source_hash(text: &str) -> Digest {
        Digest(hash::source(text))
    }

    /// Full names of the modules that a source imports directly, sorted. Errors: the first fault of its syntax.
    pub fn imports_of(text: &str) -> Result<Vec<String>, String> {
        let (module, diagnostics) =
            parse::parse(FileId(0), &SourceFile { name: "module.gj".to_owned(), text: text.to_owned() });
        let module = match (module, diagnostics.iter().find(|d| d.is_error())) {
            (Some(module), None) => module,
            (_, fault) => return Err(fault.map_or_else(|| "无法解析 / cannot be parsed".to_owned(), shown)),
        };
        let names = module
            .imports
            .iter()
            .map(|import| import.module.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("."));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn of(package: &Package, info: &ModuleInfo) -> Self {
        let own = |module: &str| module == info.name;
        let policies: Vec<_> = package.policies.iter().filter(|p| own(&p.module)).map(|p| facts(p)).collect();
        let gates: Vec<_> = package.sharings.iter().filter(|s| own(&s.module)).cloned().map(Gate::new).collect();
        let schemas: BTreeMap<_, _> =
            package.schemas.iter().filter(|s| own(&s.module)).map(|s| (s.name.clone(), s.owner.clone())).collect();
        let authors = policies.iter().flat_map(|p| p.by.iter().cloned());
        let authors = authors.chain(gates.iter().map(|g| g.owner().to_owned())).chain(schemas.values().cloned());
        Self {
            name: info.name.clone(),
            meaning: Digest(info.meaning_hash),
            departments: info.departments.clone(),
            authors: authors.collect(),
            schemas,
            policies,
            gates,
        }
    }
}

fn facts(policy: &Policy) -> PolicyFacts {
    PolicyFacts {
        name: policy.name.clone(),
        exchange: match policy.kind {
            PolicyKind::Policy => Exchange::Evaluation,
            PolicyKind::Verification => Exchange::Verification,
            PolicyKind::Contract => Exchange::Contract,
        },
        version: policy.version,
        by: policy.by.clone(),
        from: policy.effective_from.days(),
        to: policy.effective_to.map(|d| d.days()),
        meaning: Digest(policy.meaning_hash),
        reads: policy.reads.iter().map(|r| ReadFacts { schema: r.schema.clone(), owner: r.owner.clone() }).collect(),
        writes: policy.writes.iter().map(|w| (w.schema.name.clone(), w.schema.owner.clone())).collect(),
    }
}

fn shown(diagnostic: &Diagnostic) -> String {
    let message = &diagnostic.message;
    format!("{}: {} / {}: {}", diagnostic.code.as_str(), message.zh, diagnostic.code.as_str(), message.en)
}

/// Compilations remembered; more than a block can hold, since execution and adoption of one block are what they serve.
const REMEMBERED_MAX: usize = 64;

/// What a compilation depends on: the source, and every source it rests on.
type Ingredients = (Digest, Vec<Digest>);

/// Compilations done so far, so that execution and adoption of one block compile once.
#[derive(Default)]
pub struct Compilations(Mutex<BTreeMap<Ingredients, Arc<CompiledModule>>>);

impl Compilations {
    /// Compiles `text` with the sources it rests on (`imports` by hash, `texts` in the same order).
    /// Errors: the first fault found, as `code: Chinese / code: English`.
    pub fn compile(
        &self,
        source: Digest,
        text: &str,
        imports: &[Digest],
        texts: &[String],
    ) -> Result<Arc<CompiledModule>, String> {
        let ingredients = (source, imports.to_vec());
        // A panic elsewhere cannot leave the map half changed, so a poisoned lock is still good.
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&ingredients) {
            return Ok(known.clone());
        }
        let mut files: Vec<SourceFile> =
            imports.iter().zip(texts).map(|(hash, text)| SourceFile { name: hash.hex(), text: text.clone() }).collect();
        let file = FileId(u16::try_from(files.len()).expect("at most IMPORTS_MAX imports"));
        files.push(SourceFile { name: source.hex(), text: text.to_owned() });
        let compiled = package::compile(&files);
        let found = compiled.package.as_ref().and_then(|p| Some((p, p.modules.iter().find(|m| m.file == file)?)));
        let Some((package, info)) = found else {
            let fault = compiled.diagnostics.iter().find(|d| d.is_error());
            return Err(fault.map_or_else(|| "无法编译 / cannot be compiled".to_owned(), shown));
        };
        let module = Arc::new(CompiledModule::of(package, info));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(ingredients, module.clone());
        Ok(module)
    }
}
