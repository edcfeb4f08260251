//! Code lists in versions and the mappings between them. Owns which version a bare name means, and what makes a mapping
//! total and single-valued.
//! Invariant: unless something was refused, a mapping in a scope gives every code of its list exactly one code of the other. Must not know: policies.

use super::report::Report;
use super::scope::{Declared, Scope, duplicate, unknown};
use super::types::{Typer, make};
use crate::ast::{self, name_and_version};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Constant, Mapping, Node, TypedExpr, show_type, show_type_en};
use guiju_runtime::value::{EnumType, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most mappings that one module sees.
const MAPPINGS_MAX: usize = 256;
/// Codes named in one finding.
const NAMED_MAX: usize = 5;

/// Gives the bare name of each list with versions to the highest that is there.
pub(crate) fn bare_names(scope: &mut Scope) {
    let mut highest: BTreeMap<String, (u32, Arc<EnumType>, bool)> = BTreeMap::new();
    for (name, declared) in &scope.declared {
        let ((base, Some(version)), Declared::Enum(list)) = (name_and_version(name), declared) else { continue };
        let own = scope.own.contains(name);
        match highest.get(base) {
            Some((known, ..)) if *known > version => {}
            _ => {
                highest.insert(base.to_owned(), (version, list.clone(), own));
            }
        }
    }
    for (base, (_, list, own)) in highest {
        if own && !scope.own.contains(&base) {
            scope.own.push(base.clone());
        }
        scope.declared.insert(base, Declared::Enum(list));
    }
}

/// Whether the name of a new enum is taken: a name is of one list without versions, or of one with versions.
pub(crate) fn taken(scope: &Scope, name: &str) -> bool {
    let (base, version) = name_and_version(name);
    match scope.declared.get(base) {
        Some(Declared::Enum(list)) if version.is_some() => list.name == base,
        Some(_) => true,
        None => version.is_none() && scope.declared.keys().any(|k| k != base && name_and_version(k).0 == base),
    }
}

/// Declares a module's mappings; its enums are declared.
pub(crate) fn declare(module: &ast::Module, scope: &mut Scope, report: &mut Report) {
    for item in &module.items {
        let ast::Item::Mapping(item) = item else { continue };
        let Some(mapping) = mapping(item, scope, report) else { continue };
        let known = scope.mappings.iter().any(|m| m.from == mapping.from && m.to == mapping.to);
        if known || scope.mappings.len() >= MAPPINGS_MAX {
            report.add(duplicate(&item.from));
            continue;
        }
        scope.mappings.push(Arc::new(mapping));
    }
}

fn list(name: &ast::Name, scope: &Scope, report: &mut Report) -> Option<Arc<EnumType>> {
    if let Some(Declared::Enum(list)) = scope.declared.get(&name.text) {
        return Some(list.clone());
    }
    let lists = scope.declared.iter().filter(|(_, d)| matches!(d, Declared::Enum(_)));
    report.add(unknown(name, "代码表", "code list", lists.map(|(n, _)| n.as_str())));
    None
}

fn mapping(item: &ast::MappingItem, scope: &Scope, report: &mut Report) -> Option<Mapping> {
    let (from, to) = (list(&item.from, scope, report)?, list(&item.to, scope, report)?);
    let place = |list: &EnumType, name: &str| list.variants.iter().position(|(v, _)| v == name);
    let mut targets: Vec<Option<(u16, Span)>> = vec![None; from.variants.len()];
    let variant = |list: &EnumType, name: &ast::Name, report: &mut Report| {
        let found = place(list, &name.text);
        if found.is_none() {
            report.add(unknown(name, "代码", "code", list.variants.iter().map(|(v, _)| v.as_str())));
        }
        found
    };
    for (sources, target) in &item.pairs {
        let target = variant(&to, target, report).and_then(|t| u16::try_from(t).ok());
        for source in sources {
            let Some(index) = variant(&from, source, report) else {
                continue;
            };
            if let Some((_, first)) = targets[index] {
                report.add(twice(source, first));
            }
            // A fault in the target is told once, not once more as a code left out.
            targets[index] = Some((target.unwrap_or(0), source.span));
        }
    }
    if item.rest_same.is_some() {
        for (index, (name, _)) in
            from.variants.iter().enumerate().filter(|(i, _)| targets[*i].is_none()).collect::<Vec<_>>()
        {
            targets[index] = place(&to, name).and_then(|t| u16::try_from(t).ok()).map(|t| (t, item.span));
        }
    }
    let left: Vec<&str> =
        from.variants.iter().zip(&targets).filter(|(_, t)| t.is_none()).map(|((v, _), _)| v.as_str()).collect();
    if !left.is_empty() {
        report.add(left_out(item, &left, &to));
    }
    // A mapping at fault is refused already; it is kept so that what uses it is not blamed too.
    Some(Mapping { from, to, targets: targets.into_iter().map(|t| t.map_or(0, |(t, _)| t)).collect() })
}

fn twice(source: &ast::Name, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MappedTwice,
        source.span,
        format!("`{}` 换作了两次", source.text),
        format!("`{}` is mapped twice", source.text),
    )
    .label(first, "先有的一处", "the earlier place")
    .help("一个代码只能换作一个代码：删去其中一处", "a code becomes one code: remove one of them")
}

fn left_out(item: &ast::MappingItem, left: &[&str], to: &EnumType) -> Diagnostic {
    let named = left[..left.len().min(NAMED_MAX)].join("、");
    let more = if left.len() > NAMED_MAX { (" 等", " and others") } else { ("", "") };
    let (zh, en) = if item.rest_same.is_some() {
        (
            format!("`{}` 中没有同名的代码，须写明换作什么", to.name),
            format!("`{}` has no code of that name: say what each becomes", to.name),
        )
    } else {
        (
            "写明各换作什么，或以 `其余 同名` 结尾".to_owned(),
            "say what each becomes, or end with `rest same`".to_owned(),
        )
    };
    let span = item.from.span.to(item.to.span);
    Diagnostic::new(
        Code::MappingGap,
        span,
        format!("映射没有说 {named}{} 换作什么", more.0),
        format!("the mapping does not say what {named}{} should become", more.1),
    )
    .help(zh, en)
    .witness(format!("{} => …", left[0]))
}

impl Typer<'_> {
    /// `x 换作 X 版本 n`
    pub(super) fn convert(&mut self, x: &ast::Expr, to: &ast::Name, span: Span) -> Option<TypedExpr> {
        let target = list(to, self.values.scope, self.report)?;
        let typed = self.present(x, None)?;
        let Type::Enum(from) = &typed.ty else {
            return self.fail(Diagnostic::new(
                Code::NoMapping,
                typed.span,
                format!("`{}` 不是代码表，不能换作别的代码", show_type(&typed.ty)),
                format!("`{}` is no code list: it cannot become another code", show_type_en(&typed.ty)),
            ));
        };
        let from = from.clone();
        let found = self.values.scope.mappings.iter().find(|m| m.from == from && m.to == target).cloned();
        let Some(mapping) = found else {
            let finding = Diagnostic::new(
                Code::NoMapping,
                span,
                format!("没有从 `{}` 到 `{}` 的映射", from.name, target.name),
                format!("there is no mapping from `{}` to `{}`", from.name, target.name),
            );
            return self.fail(if from == target {
                finding.help("已是这张表的代码：删去 `换作`", "it is a code of that list already: remove `as`")
            } else {
                finding.help(
                    format!("写 `映射 {} 到 {} {{ … }}`，或引用写有它的模块", from.name, target.name),
                    format!(
                        "write `mapping {} to {} {{ … }}`, or import the module that has it",
                        from.name, target.name
                    ),
                )
            });
        };
        let ty = Type::Enum(target);
        let known = typed.word().and_then(|w| mapping.targets.get(usize::try_from(w).ok()?).copied());
        let node = match known {
            Some(word) => Node::Constant(Constant::Word(i64::from(word))),
            None => Node::Convert(Box::new(typed), mapping),
        };
        Some(make(node, ty, span))
    }
}
