//! From syntax trees to the checked tree. Owns the order in which modules are checked and what is unique across them.
//! Invariant: everything in the result satisfies the invariants of `typed.rs`; what is proved of whole policies is proved
//! after lowering, in `proofs.rs`. Must not know: programs, engines, files.

mod assign;
mod bits;
mod downgrade;
pub(crate) mod exceptions;
pub(crate) mod facts;
pub(crate) mod flow;
pub(crate) mod formula;
mod intervals;
mod link;
mod mapping;
mod names;
pub(crate) mod numbers;
mod operators;
mod outcomes;
pub(crate) mod policy;
mod probing;
pub(crate) mod refused;
mod rename;
pub(crate) mod report;
mod rolled;
pub(crate) mod scope;
mod sharing;
mod tables;
mod term;
pub(crate) mod types;
mod usage;
mod versions;
mod writes;

use crate::ast::{self, Clause, Item};
use crate::diagnostics::{Code, Diagnostic};
use crate::typed;
use flow::Flow;
use link::Linker;
use report::{Report, nearest};
use scope::Scope;
use std::collections::{BTreeMap, BTreeSet};

/// Most items of one module.
const ITEMS_MAX: usize = 1024;
/// Most imports of one module, and most names that they bring.
const IMPORTS_MAX: usize = 256;
const IMPORTED_MAX: usize = 4096;

/// A checked module.
pub(crate) struct CheckedModule {
    /// What its items see.
    pub(crate) scope: Scope,
    /// Names of modules it imports; sorted.
    pub(crate) imports: Vec<String>,
    /// Policies with what depends on what.
    pub(crate) policies: Vec<(typed::Policy, Flow)>,
    /// Sharing policies.
    pub(crate) sharings: Vec<typed::Sharing>,
}

/// Checks modules, given in the order of their files; the result is in the same order. Policies with findings of their own
/// may be missing from it; those in it are typed throughout, so that proofs over them can go on.
pub(crate) fn check(modules: &[ast::Module], report: &mut Report) -> Option<Vec<CheckedModule>> {
    let order = order(modules, report)?;
    let mut scopes: BTreeMap<String, Scope> = BTreeMap::new();
    for at in &order {
        let scope = declare(&modules[*at], &scopes, report);
        scopes.insert(scope.module.clone(), scope);
    }
    // Policies are checked even when a declaration is refused: the caller drops what only follows from that.
    let linker = Linker { modules, scopes: &scopes };
    let mut checked = Vec::new();
    for module in modules {
        let scope = scopes.get(&dotted(&module.name))?.clone();
        checked.push(check_module(module, scope, &linker, report));
    }
    versions::check(modules, &checked, report);
    Some(checked)
}

/// A path as text.
pub(crate) fn dotted(path: &ast::Path) -> String {
    let parts: Vec<&str> = path.parts.iter().map(|p| p.text.as_str()).collect();
    parts.join(".")
}

/// Indices of modules, imported ones first.
fn order(modules: &[ast::Module], report: &mut Report) -> Option<Vec<usize>> {
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    let mut bounded = true;
    for (i, module) in modules.iter().enumerate() {
        let name = dotted(&module.name);
        if by_name.insert(name.clone(), i).is_some() {
            report.add(Diagnostic::new(
                Code::DuplicateName,
                module.name.span,
                format!("模块 `{name}` 给出了两次"),
                format!("module `{name}` is given twice"),
            ));
        }
        bounded &= within_bounds(module, report);
    }
    // All that follows grows faster than the sources.
    if !bounded || by_name.len() < modules.len() {
        return None;
    }
    for import in modules.iter().flat_map(|m| &m.imports) {
        let wanted = dotted(&import.module);
        if !by_name.contains_key(&wanted) {
            let finding = Diagnostic::new(
                Code::UnknownModule,
                import.module.span,
                format!("没有模块 `{wanted}`"),
                format!("there is no module `{wanted}`"),
            );
            report.add(match nearest(&wanted, by_name.keys().map(String::as_str)) {
                Some(near) => finding.help(format!("是否想写 `{near}`？"), format!("did you mean `{near}`?")),
                None => finding.help("一并给出它的文件", "give its file too"),
            });
        }
    }
    let mut placed = vec![false; modules.len()];
    let mut order = Vec::new();
    loop {
        let ready = (0..modules.len()).find(|i| {
            !placed[*i]
                && modules[*i].imports.iter().all(|m| by_name.get(&dotted(&m.module)).is_none_or(|k| placed[*k]))
        });
        let Some(next) = ready else { break };
        placed[next] = true;
        order.push(next);
    }
    if let Some(stuck) = placed.iter().position(|p| !p) {
        report.add(Diagnostic::new(
            Code::Cycle,
            modules[stuck].name.span,
            "模块相互引用",
            "modules import one another in a circle",
        ));
        return None;
    }
    Some(order)
}

/// Whether a module declares and imports no more than is allowed; a finding if not.
fn within_bounds(module: &ast::Module, report: &mut Report) -> bool {
    let imported: usize = module.imports.iter().map(|import| import.names.len()).sum();
    let over = [
        (
            module.items.len() > ITEMS_MAX,
            format!("一个模块至多 {ITEMS_MAX} 项"),
            format!("a module has at most {ITEMS_MAX} items"),
        ),
        (
            module.imports.len() > IMPORTS_MAX || imported > IMPORTED_MAX,
            format!("一个模块至多引用 {IMPORTS_MAX} 次, 共 {IMPORTED_MAX} 个名称"),
            format!("a module has at most {IMPORTS_MAX} imports, of {IMPORTED_MAX} names in all"),
        ),
    ];
    let mut good = true;
    for (_, zh, en) in over.into_iter().filter(|(over, ..)| *over) {
        report.add(Diagnostic::new(Code::TooLarge, module.name.span, zh, en));
        good = false;
    }
    good
}

fn declare(module: &ast::Module, scopes: &BTreeMap<String, Scope>, report: &mut Report) -> Scope {
    let mut scope = Scope { module: dotted(&module.name), ..Scope::default() };
    for import in &module.imports {
        let Some(from) = scopes.get(&dotted(&import.module)) else { continue };
        for mapping in &from.mappings {
            if !scope.mappings.contains(mapping) {
                scope.mappings.push(mapping.clone());
            }
        }
        for name in &import.names {
            match from.declared.get(&name.text).filter(|_| from.own.contains(&name.text)) {
                Some(declared) => {
                    if scope.declared.insert(name.text.clone(), declared.clone()).is_some() {
                        report.add(scope::duplicate(name));
                    }
                    // The highest version under its bare name is there under its own name too.
                    if let scope::Declared::Enum(list) = declared {
                        scope.declared.insert(list.name.clone(), declared.clone());
                    }
                }
                None if from.own_formulas.contains(&name.text) => {
                    let formula = from.formulas.get(&name.text).cloned();
                    if formula.is_some_and(|f| scope.formulas.insert(name.text.clone(), f).is_some()) {
                        report.add(scope::duplicate(name));
                    }
                }
                None if from.own_policies.contains(&name.text) => {
                    scope.policies.insert((name.text.clone(), from.module.clone()));
                }
                None => {
                    let known = from.own.iter().chain(&from.own_formulas).chain(&from.own_policies).map(String::as_str);
                    report.add(scope::unknown(name, "可引用项", "importable item", known));
                }
            }
        }
    }
    scope::declare(module, &mut scope, report);
    scope.own_policies.extend(module.items.iter().filter_map(|item| match item {
        Item::Policy(policy) => Some(policy.name.text.clone()),
        _ => None,
    }));
    formula::declare(module, &mut scope, report);
    top_names(module, report);
    scope
}

/// Look-alike names among a module's top-level names, and within each policy.
fn top_names(module: &ast::Module, report: &mut Report) {
    let mut top: Vec<&ast::Name> = module.imports.iter().flat_map(|i| &i.names).collect();
    for item in &module.items {
        match item {
            Item::Enum(x) => {
                top.push(&x.name);
                crate::names::confusable(x.variants.iter().map(|(n, _)| n)).into_iter().for_each(|d| report.add(d));
            }
            Item::Group(x) => {
                top.push(&x.name);
                crate::names::confusable(x.fields.iter().map(|f| &f.name)).into_iter().for_each(|d| report.add(d));
            }
            Item::Certificate(x) => {
                top.push(&x.name);
                crate::names::confusable(x.fields.iter().map(|f| &f.name)).into_iter().for_each(|d| report.add(d));
            }
            Item::Policy(x) => {
                top.push(&x.name);
                crate::names::confusable(x.clauses.iter().flat_map(clause_names))
                    .into_iter()
                    .for_each(|d| report.add(d));
            }
            Item::Sharing(x) => top.push(&x.name),
            Item::Formula(x) => {
                top.push(&x.name);
                crate::names::confusable(x.parameters.iter().map(|(n, _)| n)).into_iter().for_each(|d| report.add(d));
            }
            Item::Test(_) | Item::Property(_) | Item::Cases(_) | Item::Mapping(_) => {}
        }
    }
    crate::names::confusable(top).into_iter().for_each(|d| report.add(d));
}

fn clause_names(clause: &Clause) -> Vec<&ast::Name> {
    match clause {
        Clause::Input(c) => vec![&c.name],
        Clause::Evidence(c) => vec![&c.name],
        Clause::Definition(c) => std::iter::once(&c.name).chain(c.exceptions.iter().map(|e| &e.label)).collect(),
        Clause::Table(c) => vec![&c.name],
        Clause::Outcome(c) => std::iter::once(&c.name).chain(&c.values).collect(),
        Clause::AsOf(_) | Clause::Release(_) | Clause::Write(_) | Clause::Transition(_) => Vec::new(),
    }
}

fn check_module(module: &ast::Module, scope: Scope, linker: &Linker, report: &mut Report) -> CheckedModule {
    let mut policies = Vec::new();
    let mut sharings: Vec<typed::Sharing> = Vec::new();
    for item in &module.items {
        match item {
            Item::Policy(p) => {
                // Each policy is judged by its own findings, so that one bad policy does not hide the next.
                if !report.may_begin(&p.name.text, p.name.span) {
                    break;
                }
                let mut own = report.part();
                if let Some(linked) = linker.link(p, &scope, &mut own) {
                    if let Some(mut policy) = policy::check(&linked.item, &linked.scope, &mut own) {
                        let flow = Flow::of(&policy);
                        flow::check(&mut policy, &flow, &mut own);
                        probing::check(&policy, &flow, &mut own);
                        downgrade::check(&policy, &flow, &mut own);
                        usage::check(&policy, &flow, &mut own);
                        policy.transitions = linked.transitions;
                        policy.older.clone_from(&linked.older);
                        policies.push((policy, flow));
                    }
                    own.drop_echoes(&linked.older);
                }
                report.merge(own);
            }
            Item::Sharing(s) => {
                if let Some(checked) = sharing::check(s, &scope, report) {
                    if sharings.iter().any(|x| x.name == checked.name) {
                        report.add(scope::duplicate(&s.name));
                    }
                    sharings.push(checked);
                }
            }
            _ => {}
        }
    }
    let imports: BTreeSet<String> = module.imports.iter().map(|i| dotted(&i.module)).collect();
    CheckedModule { scope, imports: imports.into_iter().collect(), policies, sharings }
}
