//! The whole way from sources to a package. Owns the bounds on how much is given at once, how far a broken source is
//! checked, and turns lowering faults into findings. Invariant: never panics, and its work is bounded by counts, so that
//! every node accepts the same sources.
//! Must not know: files, clocks, the ledger.

mod echo;
mod stack;

use crate::ast::{self, PolicyKind};
use crate::check::report::Report;
use crate::check::scope::Declared;
use crate::check::{self, CheckedModule};
use crate::diagnostics::{Code, Diagnostic};
use crate::hash;
use crate::lower::{self, LowerFault};
use crate::package::{Compiled, ModuleInfo, Package, Policy, Sharing};
use crate::proofs;
use crate::source::{FileId, SourceFile, Span};
use crate::testing;
use crate::work::{Kind, WORK_MAX, Work};
use guiju_runtime::value::Type;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most files of one compilation.
pub const FILES_MAX: usize = 256;

/// Most bytes of all files of one compilation together: what a node reads at once takes it about a second.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Compiles all modules given, resolving imports among them.
///
/// It runs on a stack of its own size whoever calls it. A fault of the compiler itself becomes a refusal (`E0999`), the same
/// on every node that runs it, and ends no process.
pub fn compile(files: &[SourceFile]) -> Compiled {
    compile_within(files, WORK_MAX)
}

/// As `compile`, but with at most so many weighted units of work: for those who look at what happens when it runs out.
pub fn compile_within(files: &[SourceFile], work_max: u64) -> Compiled {
    stack::own(|| compile_here(files, work_max)).unwrap_or_else(|| {
        let (zh, en) = ("编译器出错：请把这些源文件报告给开发者", "the compiler failed: please report these sources");
        let finding = Diagnostic::new(Code::Internal, Span::default(), zh, en);
        Compiled { package: None, diagnostics: vec![finding], work: Work::default() }
    })
}

fn compile_here(files: &[SourceFile], work_max: u64) -> Compiled {
    let mut report = Report::within(work_max);
    let package = parse(files, &mut report).and_then(|modules| build(files, &modules, &mut report));
    let (refused, work) = (report.refused(), report.work);
    Compiled { package: package.filter(|_| !refused), diagnostics: report.into_findings(), work }
}

fn parse(files: &[SourceFile], report: &mut Report) -> Option<Vec<ast::Module>> {
    if files.len() > FILES_MAX {
        let at = Span::default();
        report.add(Diagnostic::new(
            Code::TooLarge,
            at,
            format!("至多 {FILES_MAX} 个文件"),
            format!("at most {FILES_MAX} files"),
        ));
        return None;
    }
    if files.iter().map(|file| file.text.len()).sum::<usize>() > BYTES_MAX && files.len() > 1 {
        report.add(
            Diagnostic::new(
                Code::TooLarge,
                Span::default(),
                format!("全部文件合计至多 {BYTES_MAX} 字节"),
                format!("all files together have at most {BYTES_MAX} bytes"),
            )
            .help("分几次编译互不引用的模块", "compile modules that do not import one another separately"),
        );
        return None;
    }
    let mut modules = Vec::new();
    for (i, file) in files.iter().enumerate() {
        report.work.add(Kind::Bytes, file.text.len() as u64);
        let (module, findings) = crate::parse::parse(FileId(i as u16), file);
        findings.into_iter().for_each(|f| report.add(f));
        modules.extend(module);
    }
    if !report.refused() {
        return (modules.len() == files.len()).then_some(modules);
    }
    // What could be read of broken sources is checked too, for its findings alone.
    let mut own = report.part();
    check::check(&modules, &mut own);
    report.count_on(&own);
    let unread = modules.len() < files.len();
    echo::without(own.into_findings(), files, &modules, unread).into_iter().for_each(|f| report.add(f));
    None
}

fn build(files: &[SourceFile], modules: &[ast::Module], report: &mut Report) -> Option<Package> {
    let mut own = report.part();
    let checked = check::check(modules, &mut own);
    report.count_on(&own);
    let found = own.into_findings();
    let own = echo::without(found.clone(), files, modules, false);
    // INVARIANT: silence never accepts. Two faults may each look like the other's echo; then both are told.
    let told = own.iter().any(Diagnostic::is_error) || !found.iter().any(Diagnostic::is_error);
    (if told { own } else { found }).into_iter().for_each(|f| report.add(f));
    let checked = checked?;
    let mut package = Package {
        modules: Vec::new(),
        schemas: Vec::new(),
        policies: Vec::new(),
        sharings: Vec::new(),
        tests: Vec::new(),
        properties: Vec::new(),
    };
    for (i, module) in checked.iter().enumerate() {
        let policies = lower_policies(module, report);
        for policy in &policies {
            if !report.may_begin(&policy.name, policy.checked.span) {
                break;
            }
            if !policy.checked.faults.is_empty() {
                proofs::show_faults(policy, modules[i].language, report);
                continue;
            }
            let mut own = report.part();
            let minimal = !report.tells(Code::MergeableRows, policy.checked.span.file);
            proofs::check(policy, modules[i].language, minimal, &mut own);
            own.drop_echoes(&policy.checked.older);
            own.refuse_dead_transitions(&policy.checked.transitions);
            report.merge(own);
        }
        let sharings = lower_sharings(module, &modules[i], report);
        package.modules.push(info(module, &files[i], FileId(i as u16), &policies, &sharings));
        for name in &module.scope.own {
            if let Some(Declared::Certificate(s)) = module.scope.declared.get(name) {
                package.schemas.push(s.clone());
            }
        }
        package.policies.extend(policies);
        package.sharings.extend(sharings);
    }
    if report.refused() {
        return None;
    }
    for (i, module) in checked.iter().enumerate() {
        let tests = testing::facts::tests(&modules[i], &module.scope, &package.policies, report);
        package.tests.extend(tests);
        let properties = testing::property::properties(&modules[i], &module.scope, &package.policies, report);
        package.properties.extend(properties);
    }
    Some(package)
}

fn lower_policies(module: &CheckedModule, report: &mut Report) -> Vec<Arc<Policy>> {
    let mut all = Vec::new();
    for (policy, flow) in &module.policies {
        if !report.may_begin(&policy.name, policy.span) {
            break;
        }
        match lower::policy(policy, flow) {
            Ok(p) => {
                report.work.add(Kind::Nodes, p.nodes);
                all.push(Arc::new(p));
            }
            Err(fault) => report.add(lower_fault(&policy.name, policy.span, fault)),
        }
    }
    all
}

fn lower_sharings(module: &CheckedModule, tree: &ast::Module, report: &mut Report) -> Vec<Arc<Sharing>> {
    let mut all = Vec::new();
    for sharing in &module.sharings {
        match lower::sharing(sharing) {
            Ok(s) => all.push(Arc::new(s)),
            Err(fault) => report.add(lower_fault(&sharing.name, tree.name.span, fault)),
        }
    }
    all
}

fn lower_fault(name: &str, span: Span, fault: LowerFault) -> Diagnostic {
    match fault {
        LowerFault::TooLarge(why) => Diagnostic::new(
            Code::TooLarge,
            span,
            format!("`{name}` 超过语言允许的规模（{why}）"),
            format!("`{name}` is larger than the language allows ({why})"),
        )
        .help("减小列表上限，或拆成几条策略", "lower the bounds of lists, or split the policy"),
        LowerFault::Internal(why) => Diagnostic::new(
            Code::Internal,
            span,
            format!("编译器内部错误，请报告：{why}"),
            format!("a fault of the compiler, please report it: {why}"),
        ),
    }
}

fn info(
    module: &CheckedModule,
    file: &SourceFile,
    id: FileId,
    policies: &[Arc<Policy>],
    sharings: &[Arc<Sharing>],
) -> ModuleInfo {
    let mut departments: BTreeSet<String> = BTreeSet::new();
    let mut types: BTreeMap<String, Type> = BTreeMap::new();
    let mut parts: BTreeMap<String, [u8; 32]> = BTreeMap::new();
    for (name, declared) in &module.scope.declared {
        match declared {
            Declared::Enum(e) => {
                types.insert(name.clone(), Type::Enum(e.clone()));
            }
            Declared::Group(g) => {
                types.insert(name.clone(), Type::Group(g.clone()));
            }
            Declared::Certificate(s) => {
                if module.scope.own.contains(name) {
                    departments.insert(s.owner.clone());
                }
                parts.insert(format!("certificate {name}"), hash::schema(s));
            }
        }
    }
    for formula in module.scope.own_formulas.iter().filter_map(|name| module.scope.formulas.get(name)) {
        parts.insert(format!("formula {}", formula.name), hash::formula(formula));
    }
    for m in &module.scope.mappings {
        parts.insert(format!("mapping {} to {}", m.from.name, m.to.name), hash::mapping(m));
    }
    for p in policies {
        departments.extend(p.by.iter().cloned());
        departments.extend(p.reads.iter().map(|r| r.owner.clone()));
        departments.extend(p.writes.iter().map(|w| w.schema.owner.clone()));
        let kind = match p.kind {
            PolicyKind::Policy => "policy",
            PolicyKind::Verification => "verification",
            PolicyKind::Contract => "contract",
        };
        parts.insert(format!("{kind} {} {}", p.name, p.version), p.meaning_hash);
    }
    for s in sharings {
        departments.insert(s.owner.clone());
        parts.insert(format!("sharing {}", s.name), s.meaning_hash);
    }
    ModuleInfo {
        name: module.scope.module.clone(),
        file: id,
        source_hash: hash::source(&file.text),
        meaning_hash: hash::module(&module.scope.module, &types, &parts),
        departments: departments.into_iter().collect(),
        imports: module.imports.clone(),
    }
}
