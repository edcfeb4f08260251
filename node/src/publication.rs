//! Publication: how a module's source becomes law on the ledger. Owns the module register's entries and their life:
//! published, approved by every department concerned, in force, replaced or withdrawn.
//! Invariant: a module is in force only while every department concerned stands by both its hashes and every module it
//! rests on is itself approved. Must not know: requests, records, blocks.

mod compilation;
mod gate;
mod register;

pub use self::compilation::{Compilations, CompiledModule, PolicyFacts, ReadFacts};
pub(crate) use self::gate::exchange_word;
pub use self::gate::{Engine, Gate, Question, Verdict};
pub use self::register::{InForce, Register};

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::genesis::{DEPARTMENTS_MAX, Genesis};
use crate::state::feed::{ActivatedModule, IMPORTS_MAX};
use crate::state::{Backing, Overlay, keys};
use crate::transaction::{DepartmentId, Height};
use std::collections::BTreeMap;

/// Longest module name, in bytes.
const MODULE_NAME_MAX: usize = 1024;

/// A published module in the register. Its source is under a key of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleEntry {
    /// Full dotted name.
    pub name: String,
    /// Who published it.
    pub publisher: DepartmentId,
    /// When.
    pub height: Height,
    /// Hash of its canonical meaning.
    pub meaning: Digest,
    /// Source hashes of every module it rests on, imported ones before those that import them.
    pub imports: Vec<Digest>,
    /// Departments that must approve it, ascending.
    pub departments: Vec<DepartmentId>,
    /// Departments that stand by it now, ascending.
    pub approvals: Vec<DepartmentId>,
    /// First height at which it is in force; `None` before the last approval and after a withdrawal.
    pub active_from: Option<Height>,
    /// The later module of the same name that took its place.
    pub replaced_by: Option<Digest>,
}

impl ModuleEntry {
    /// Whether every department concerned has approved.
    pub fn approved(&self) -> bool {
        self.approvals == self.departments
    }
}

impl Encode for ModuleEntry {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.name);
        out.u16(self.publisher.0);
        self.height.encode(out);
        self.meaning.encode(out);
        out.list(&self.imports);
        for list in [&self.departments, &self.approvals] {
            out.u16(u16::try_from(list.len()).expect("at most DEPARTMENTS_MAX departments"));
            list.iter().for_each(|d| out.u16(d.0));
        }
        out.option(self.active_from.as_ref());
        out.option(self.replaced_by.as_ref());
    }
}
impl Decode for ModuleEntry {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: input.text(MODULE_NAME_MAX)?,
            publisher: DepartmentId(input.u16()?),
            height: Height::decode(input)?,
            meaning: Digest::decode(input)?,
            imports: input.list(IMPORTS_MAX)?,
            departments: departments(input)?,
            approvals: departments(input)?,
            active_from: input.option()?,
            replaced_by: input.option()?,
        })
    }
}

fn departments(input: &mut Reader<'_>) -> Result<Vec<DepartmentId>, DecodeError> {
    let n = usize::from(input.u16()?);
    if n > DEPARTMENTS_MAX {
        return Err(DecodeError::TooLong);
    }
    let list = (0..n).map(|_| Ok(DepartmentId(input.u16()?))).collect::<Result<Vec<_>, DecodeError>>()?;
    if list.is_sorted_by(|a, b| a < b) { Ok(list) } else { Err(DecodeError::Malformed) }
}

fn entry<B: Backing>(state: &Overlay<'_, B>, source: Digest) -> Result<ModuleEntry, String> {
    state.read(&keys::module(source)).ok_or_else(|| format!("没有这个模块 / there is no such module: {source}"))
}

fn entries<B: Backing>(state: &Overlay<'_, B>) -> BTreeMap<Digest, ModuleEntry> {
    let found = state.scan(keys::MODULES).into_iter();
    found
        .filter_map(|(key, value)| {
            let hash = key.strip_prefix(keys::MODULES)?;
            Some((Digest(hash.try_into().ok()?), ModuleEntry::from_bytes(&value).ok()?))
        })
        .collect()
}

/// Publishes a source: compiles it against the published modules it imports and enters it in the register.
/// Errors are reasons in Chinese and English; the publisher is at fault.
pub(crate) fn publish<B: Backing>(
    state: &mut Overlay<'_, B>,
    compilations: &Compilations,
    genesis: &Genesis,
    publisher: DepartmentId,
    text: &str,
    height: Height,
) -> Result<(), String> {
    let source = CompiledModule::source_hash(text);
    if state.has(&keys::module(source)) {
        return Err("模块已发布 / the module is published already".to_owned());
    }
    let imports = closure(&entries(state), &CompiledModule::imports_of(text)?)?;
    let texts = imports.iter().map(|hash| source_text(state, *hash)).collect::<Result<Vec<_>, _>>()?;
    let compiled = compilations.compile(source, text, &imports, &texts)?;
    let name = genesis.department(publisher).map(|d| d.name.as_str()).unwrap_or_default();
    if !compiled.authors.is_empty() && !compiled.authors.contains(name) {
        return Err(format!("{name}不是该模块的署名部门 / {name} is not named in the module"));
    }
    let mut concerned = vec![publisher];
    for name in &compiled.departments {
        let known = genesis.department_named(name);
        let known = known.ok_or_else(|| format!("部门未登记:{name} / the department is not registered: {name}"))?;
        concerned.push(known.id);
    }
    concerned.sort_unstable();
    concerned.dedup();
    let entry = ModuleEntry {
        name: compiled.name.clone(),
        publisher,
        height,
        meaning: compiled.meaning,
        imports,
        departments: concerned,
        approvals: Vec::new(),
        active_from: None,
        replaced_by: None,
    };
    state.put_bytes(keys::source(source), text.as_bytes().to_vec());
    state.put(keys::module(source), &entry);
    Ok(())
}

fn source_text<B: Backing>(state: &Overlay<'_, B>, hash: Digest) -> Result<String, String> {
    let bytes = state.get(&keys::source(hash));
    bytes
        .and_then(|b| String::from_utf8(b).ok())
        .ok_or_else(|| format!("没有这个模块 / there is no such module: {hash}"))
}

/// Everything that modules named `names` rest on, themselves included, imported ones first. A name means the module in
/// force, or else the one published last. Modules are never recompiled against others than those they were approved with.
fn closure(entries: &BTreeMap<Digest, ModuleEntry>, names: &[String]) -> Result<Vec<Digest>, String> {
    let mut all: Vec<Digest> = Vec::new();
    for name in names {
        let rank = |e: &ModuleEntry| (e.active_from.is_some() && e.replaced_by.is_none(), e.height);
        let found = entries.iter().filter(|(_, e)| e.name == *name).max_by_key(|(hash, e)| (rank(e), **hash));
        let (hash, entry) =
            found.ok_or_else(|| format!("引用的模块未发布:{name} / the imported module is not published: {name}"))?;
        for hash in entry.imports.iter().chain([hash]) {
            if !all.contains(hash) {
                all.push(*hash);
            }
        }
    }
    if all.len() > IMPORTS_MAX {
        return Err(format!("引用的模块超过 {IMPORTS_MAX} 个 / more than {IMPORTS_MAX} modules are imported"));
    }
    let mut names = BTreeMap::new();
    for hash in &all {
        let Some(entry) = entries.get(hash) else { continue };
        if names.insert(entry.name.as_str(), *hash).is_some() {
            return Err(format!(
                "引用了模块“{}”的两个文本 / two texts of module {} are imported",
                entry.name, entry.name
            ));
        }
    }
    Ok(all)
}

/// Notes a department's approval. Errors are reasons; the sender is at fault.
pub(crate) fn approve<B: Backing>(
    state: &mut Overlay<'_, B>,
    department: DepartmentId,
    source: Digest,
    meaning: Digest,
) -> Result<(), String> {
    let mut entry = entry(state, source)?;
    if entry.meaning != meaning {
        return Err(format!("含义哈希不符,应为 {} / the meaning hash differs; it is {}", entry.meaning, entry.meaning));
    }
    if entry.replaced_by.is_some() {
        return Err("模块已被取代 / the module was replaced".to_owned());
    }
    if !entry.departments.contains(&department) {
        return Err("模块与该部门无关 / the module does not concern this department".to_owned());
    }
    match entry.approvals.binary_search(&department) {
        Ok(_) => Err("该部门已批准 / the department has approved already".to_owned()),
        Err(place) => {
            entry.approvals.insert(place, department);
            state.put(keys::module(source), &entry);
            Ok(())
        }
    }
}

/// Withdraws a department's approval. Errors are reasons; the sender is at fault.
pub(crate) fn withdraw<B: Backing>(
    state: &mut Overlay<'_, B>,
    department: DepartmentId,
    source: Digest,
) -> Result<(), String> {
    let mut entry = entry(state, source)?;
    let place = entry.approvals.binary_search(&department);
    let place = place.map_err(|_| "该部门未批准此模块 / the department has not approved the module".to_owned())?;
    entry.approvals.remove(place);
    entry.active_from = None;
    state.put(keys::module(source), &entry);
    Ok(())
}

/// Puts in force, from the next height on, every approved module whose imports are in force, and retires the modules of
/// the same name. Returns what became active, imports first.
pub(crate) fn activate<B: Backing>(state: &mut Overlay<'_, B>, height: Height) -> Vec<ActivatedModule> {
    let mut entries = entries(state);
    let mut activated = Vec::new();
    loop {
        let standing = |hash: &Digest| entries.get(hash).is_some_and(|e| e.active_from.is_some());
        let next = entries.iter().find(|(_, e)| {
            e.active_from.is_none() && e.replaced_by.is_none() && e.approved() && e.imports.iter().all(standing)
        });
        let Some((hash, name)) = next.map(|(hash, e)| (*hash, e.name.clone())) else { return activated };
        for (other, entry) in &mut entries {
            if *other == hash {
                entry.active_from = Some(height.next());
                let source = source_text(state, hash).unwrap_or_default();
                activated.push(ActivatedModule { source, hash, imports: entry.imports.clone() });
            } else if entry.name == name && entry.active_from.is_some() && entry.replaced_by.is_none() {
                entry.replaced_by = Some(hash);
            } else {
                continue;
            }
            state.put(keys::module(*other), entry);
        }
    }
}
