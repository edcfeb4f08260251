//! The register in memory: published modules with their compiled form, as of the last adopted block.
//! Invariant: it is derived from committed state alone, so a restart rebuilds it equal. Must not know: execution.

use super::ModuleEntry;
use super::compilation::{Compilations, CompiledModule, PolicyFacts};
use super::gate::{Question, Verdict};
use crate::codec::Decode;
use crate::crypto::Digest;
use crate::state::{Backing, keys};
use crate::transaction::DepartmentId;
use crate::transaction::Height;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Published modules.
#[derive(Default)]
pub struct Register {
    entries: BTreeMap<Digest, ModuleEntry>,
    compiled: BTreeMap<Digest, Arc<CompiledModule>>,
}

/// A policy in force.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    /// Full name of its module.
    pub module: &'a str,
    /// Source hash of its module.
    pub source: Digest,
    /// Meaning hash of its module.
    pub meaning: Digest,
    /// The policy.
    pub policy: &'a PolicyFacts,
}

impl Register {
    /// The register that committed state holds.
    pub(crate) fn load<B: Backing>(backing: &B, compilations: &Compilations) -> Self {
        let mut register = Self::default();
        for (key, value) in backing.scan(keys::MODULES) {
            if let Some(hash) = key.strip_prefix(keys::MODULES) {
                register.update(hash, Some(&value), backing, compilations);
            }
        }
        register
    }

    /// Takes a changed entry. A source that this build of the compiler no longer accepts is kept without compiled form:
    /// its policies are then not in force here, which shows as a differing state root.
    pub(crate) fn update<B: Backing>(
        &mut self,
        hash: &[u8],
        value: Option<&[u8]>,
        backing: &B,
        compilations: &Compilations,
    ) {
        let Ok(hash) = Digest::from_bytes(hash) else { return };
        let Some(entry) = value.and_then(|bytes| ModuleEntry::from_bytes(bytes).ok()) else {
            self.entries.remove(&hash);
            self.compiled.remove(&hash);
            return;
        };
        if let Entry::Vacant(place) = self.compiled.entry(hash) {
            let text = |hash: &Digest| backing.get(&keys::source(*hash)).and_then(|b| String::from_utf8(b).ok());
            let texts: Option<Vec<String>> = entry.imports.iter().map(text).collect();
            if let (Some(source), Some(texts)) = (text(&hash), texts)
                && let Ok(module) = compilations.compile(hash, &source, &entry.imports, &texts)
            {
                place.insert(module);
            }
        }
        self.entries.insert(hash, entry);
    }

    /// Every published module.
    pub fn entries(&self) -> &BTreeMap<Digest, ModuleEntry> {
        &self.entries
    }

    /// A module's compiled form.
    pub fn compiled(&self, source: Digest) -> Option<&Arc<CompiledModule>> {
        self.compiled.get(&source)
    }

    /// Whether a module's declarations are in force at `height`: active, not replaced, and nothing it rests on withdrawn.
    pub fn in_force(&self, source: Digest, height: Height) -> bool {
        let standing = |hash: &Digest| self.entries.get(hash).is_some_and(|e| e.active_from.is_some());
        self.entries.get(&source).is_some_and(|entry| {
            entry.active_from.is_some_and(|from| from <= height)
                && entry.replaced_by.is_none()
                && entry.imports.iter().all(standing)
        })
    }

    /// The department that withdrew its approval of a module, or of one that it rests on; `None` if none did. A module that
    /// was replaced is not withdrawn.
    pub fn withdrawn_by(&self, source: Digest) -> Option<DepartmentId> {
        let entry = self.entries.get(&source)?;
        let modules = std::iter::once(entry).chain(entry.imports.iter().filter_map(|hash| self.entries.get(hash)));
        let mut withdrawn = modules.filter(|module| module.active_from.is_none());
        withdrawn.find_map(|module| module.departments.iter().find(|d| !module.approvals.contains(d)).copied())
    }

    fn active(&self, height: Height) -> impl Iterator<Item = (Digest, &ModuleEntry, &CompiledModule)> {
        self.entries
            .iter()
            .filter(move |(hash, _)| self.in_force(**hash, height))
            .filter_map(|(hash, entry)| Some((*hash, entry, self.compiled.get(hash)?.as_ref())))
    }

    /// The policy called `name` (short, or with its module) whose effective interval contains the day `as_of`; of several
    /// versions the highest.
    pub fn policy(&self, name: &str, as_of: i32, height: Height) -> Option<InForce<'_>> {
        let candidates = self.active(height).flat_map(|(source, entry, module)| {
            module.policies.iter().map(move |policy| InForce {
                module: &module.name,
                source,
                meaning: entry.meaning,
                policy,
            })
        });
        candidates
            .filter(|found| found.policy.is_called(name, found.module) && found.policy.covers(as_of))
            .max_by_key(|found| (found.policy.version, found.source))
    }

    /// Version `version` of the policy whose last name is that of `name`, as the module `source` holds it, in force or not.
    /// Versions of one policy may lie in several modules, so only the last part of a full name is compared.
    pub fn version(&self, source: Digest, name: &str, version: u32) -> Option<&PolicyFacts> {
        let short = name.rsplit('.').next().unwrap_or(name);
        self.compiled.get(&source)?.policies.iter().find(|p| p.name == short && p.version == version)
    }

    /// What `owner`'s sharing policies in force say about reading `schema`: forbid wins, the first permit decides the price,
    /// the default is no.
    pub fn gate(&self, owner: &str, schema: &str, question: &Question<'_>, height: Height) -> Verdict {
        let gates = self.active(height).flat_map(|(_, _, module)| module.gates.iter());
        let mut verdict = Verdict::NoClause { policy: String::new() };
        for gate in gates.filter(|gate| gate.owner() == owner && gate.schema() == schema) {
            match (gate.judge(question), &verdict) {
                (forbidden @ Verdict::Forbidden { .. }, _) => return forbidden,
                (said, Verdict::NoClause { .. }) => verdict = said,
                (_, _) => {}
            }
        }
        verdict
    }

    /// Owner of the certificate type `schema` as the module `standard` declares it.
    pub fn schema_owner(&self, standard: Digest, schema: &str) -> Option<&str> {
        self.compiled.get(&standard).and_then(|module| module.schemas.get(schema)).map(String::as_str)
    }

    /// Whether some policy of `module` writes certificate type `schema` of `owner`.
    pub fn may_write(&self, module: Digest, schema: &str, owner: &str) -> bool {
        let Some(module) = self.compiled.get(&module) else { return false };
        module.policies.iter().flat_map(|p| &p.writes).any(|(s, o)| s == schema && o == owner)
    }
}
