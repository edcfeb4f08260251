//! Publishing `policies/`: every module in the order of its imports, then every approval, then in force.
//! Invariant: nothing is approved by a department whose data it does not touch. Must not know: cities, custody.

use crate::crypto::Digest;
use crate::demo::DemoFault;
use crate::demo::actors::Departments;
use crate::demo::progress::Progress;
use crate::demo::report::PolicyFact;
use crate::demo::session::Session;
use crate::transaction::{Envelope, Payload};
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::package::{Package, compile};
use guiju_compiler::source::SourceFile;
use std::path::Path;

/// Reads every `.gj` file below `folder`, in the order of their names.
pub(super) fn read_sources(folder: &Path) -> Result<Vec<SourceFile>, DemoFault> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "gj") {
                found.push(SourceFile { name: path.display().to_string(), text: std::fs::read_to_string(&path)? });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Compiles the sources together; a fault shows the diagnostics.
pub(super) fn compile_all(sources: &[SourceFile]) -> Result<Package, DemoFault> {
    let compiled = compile(sources);
    compiled.package.ok_or_else(|| {
        let shown: Vec<String> = compiled.diagnostics.iter().map(|d| render::plain(sources, d, Language::Zh)).collect();
        DemoFault::Stopped(shown.join("\n"))
    })
}

/// Publishes and approves all modules; returns the policies in force.
pub(super) fn publish(
    session: &Session,
    departments: &Departments,
    sources: &[SourceFile],
    package: &Package,
) -> Result<Vec<PolicyFact>, DemoFault> {
    let order = import_order(package);
    let mut progress = Progress::start("发布与批准 publishing", order.len() as u64);
    let mut facts = Vec::new();
    for index in order {
        let module = &package.modules[index];
        let publisher = departments.named(publisher_of(package, index)?)?;
        let source = sources[usize::from(module.file.0)].text.clone();
        let signed = session.sign(publisher, &[], Payload::Publish { source })?;
        let id = session.submit(&Envelope { transaction: signed, capsules: Vec::new() }, None)?;
        expect_done(&module.name, session.await_block(id)?.1)?;
        let mut active = crate::transaction::Height(0);
        for name in &module.departments {
            let department = departments.named(name)?;
            let payload = Payload::Approve { source: Digest(module.source_hash), meaning: Digest(module.meaning_hash) };
            let signed = session.sign(department, &[], payload)?;
            let id = session.submit(&Envelope { transaction: signed, capsules: Vec::new() }, None)?;
            let (height, outcome) = session.await_block(id)?;
            expect_done(&module.name, outcome)?;
            active = active.max(height.next());
        }
        for policy in package.policies.iter().filter(|p| p.module == module.name) {
            facts.push(PolicyFact {
                name: policy.name.clone(),
                version: policy.version,
                hash: Digest(module.source_hash).hex(),
                active_height: active.0,
            });
        }
        progress.advance(1);
    }
    progress.finish();
    Ok(facts)
}

fn expect_done(module: &str, outcome: String) -> Result<(), DemoFault> {
    if outcome == "done" {
        return Ok(());
    }
    Err(DemoFault::Stopped(format!("publishing {module}: {outcome}")))
}

/// A module is published by the first department that has something in it.
fn publisher_of(package: &Package, index: usize) -> Result<&str, DemoFault> {
    let module = &package.modules[index];
    let policy = package.policies.iter().find(|p| p.module == module.name).and_then(|p| p.by.first());
    let sharing = package.sharings.iter().find(|s| s.module == module.name).map(|s| &s.owner);
    policy
        .or(sharing)
        .or(module.departments.first())
        .map(String::as_str)
        .ok_or_else(|| DemoFault::Stopped(format!("module {} belongs to no department", module.name)))
}

/// Indices of the modules, imported ones first.
fn import_order(package: &Package) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    // Imports are acyclic (the compiler refuses cycles), so each pass places one module at least.
    while order.len() < package.modules.len() {
        let before = order.len();
        for (index, module) in package.modules.iter().enumerate() {
            let ready = |name: &String| order.iter().any(|done| package.modules[*done].name == *name);
            if !order.contains(&index) && module.imports.iter().all(ready) {
                order.push(index);
            }
        }
        assert!(order.len() > before, "a compiled package has no import cycle");
    }
    order
}
