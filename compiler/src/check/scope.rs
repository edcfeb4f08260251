//! What a module declares and imports: enums, groups, certificates, legal sources. Owns turning type expressions into
//! types. Invariant: every type in a scope is closed (no unknown names), its ranges are not empty, and groups nest at most
//! [`GROUP_DEPTH_MAX`] deep. Must not know: policies' bodies.

use super::mapping;
use super::numbers::{number_type, written};
use super::report::{Report, nearest};
use super::term;
use crate::ast::{self, ClassWord, LiteralKind, TypeKind, name_and_version};
use crate::diagnostics::{Code, Diagnostic};
use crate::package::CitationText;
use crate::source::Span;
use crate::typed::{Formula, MONEY_UNIT, Mapping};
use guiju_runtime::date::Date;
use guiju_runtime::number::{self, MONEY_SCALE};
use guiju_runtime::value::{Class, EnumType, Field, GroupType, IdentifierKind, Schema, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Deepest nesting of groups in one another.
const GROUP_DEPTH_MAX: usize = 6;
/// Most elements of a list.
const LIST_MAX: u32 = 4096;
/// Greatest magnitude of a number in a declared range: beyond it no exact sum is promised.
pub(crate) const NUMBER_MAX: i64 = 1 << 53;
/// Most variants of an enum.
const VARIANTS_MAX: usize = 4096;

/// Something declared at the top of a module that types can name.
#[derive(Clone, Debug)]
pub(crate) enum Declared {
    /// An enum.
    Enum(Arc<EnumType>),
    /// A group.
    Group(Arc<GroupType>),
    /// A certificate.
    Certificate(Arc<Schema>),
}

/// Names that one module's items see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Full module name.
    pub(crate) module: String,
    /// Declared here or imported.
    pub(crate) declared: BTreeMap<String, Declared>,
    /// Names declared here (not imported).
    pub(crate) own: Vec<String>,
    /// Policies declared here, by name.
    pub(crate) own_policies: BTreeSet<String>,
    /// Policies imported: name and module. Several modules may each hold versions of one name.
    pub(crate) policies: BTreeSet<(String, String)>,
    /// Formulas by name, declared here or imported; those of a linked older version go by its version.
    pub(crate) formulas: BTreeMap<String, Arc<Formula>>,
    /// Formulas declared here.
    pub(crate) own_formulas: BTreeSet<String>,
    /// Mappings between code lists, declared here or in modules imported from.
    pub(crate) mappings: Vec<Arc<Mapping>>,
    /// Legal sources by short name.
    pub(crate) sources: BTreeMap<String, (String, Option<String>)>,
}

impl Scope {
    /// Enums that have a variant of this name.
    pub(crate) fn enums_with(&self, variant: &str) -> Vec<Arc<EnumType>> {
        // A bare name stands for its highest version; older ones are asked for by their type.
        let of = |bare: bool| {
            let named = self.declared.iter().filter(move |(name, _)| name_and_version(name).1.is_none() == bare);
            named.filter_map(|(_, d)| match d {
                Declared::Enum(e) if e.variants.iter().any(|(v, _)| v == variant) => Some(e.clone()),
                _ => None,
            })
        };
        let found: Vec<Arc<EnumType>> = of(true).collect();
        if found.is_empty() { of(false).collect() } else { found }
    }

    /// The certificate of this name, or a finding.
    pub(crate) fn certificate(&self, name: &ast::Name, report: &mut Report) -> Option<Arc<Schema>> {
        if let Some(Declared::Certificate(s)) = self.declared.get(&name.text) {
            return Some(s.clone());
        }
        let known =
            self.declared.iter().filter(|(_, d)| matches!(d, Declared::Certificate(_))).map(|(n, _)| n.as_str());
        report.add(unknown(name, "证书", "certificate", known));
        None
    }

    /// A citation as people read it, or a finding.
    pub(crate) fn cite(&self, citation: Option<&ast::Citation>, report: &mut Report) -> Option<CitationText> {
        let citation = citation?;
        let Some((title, note)) = self.sources.get(&citation.source.text) else {
            let known = self.sources.keys().map(String::as_str);
            report.add(unknown(&citation.source, "依据", "legal source", known));
            return None;
        };
        Some(CitationText {
            source: title.clone(),
            short: citation.source.text.clone(),
            article: citation.article.clone(),
            note: note.clone(),
        })
    }

    /// Resolves a type expression. The flag says whether it was optional.
    pub(crate) fn resolve(&self, ty: &ast::TypeExpr, report: &mut Report) -> Option<(Type, bool)> {
        let resolved = match &ty.kind {
            TypeKind::Boolean => Type::Boolean,
            TypeKind::Integer { low, high, unit } => {
                check_range(*low, *high, ty.span, report)?;
                Type::Integer { low: *low, high: *high, unit: unit.as_ref().map(unit_name) }
            }
            TypeKind::Decimal { low, high, unit } => decimal_type(low, high, unit.as_ref(), ty.span, report)?,
            TypeKind::Money { low, high } => {
                let (low, high) = (fen(low, report)?, fen(high, report)?);
                check_range(low, high, ty.span, report)?;
                Type::Money { low, high }
            }
            TypeKind::Date => Type::Date,
            TypeKind::Month => Type::Month,
            TypeKind::Text { max } => Type::Text { max: *max },
            TypeKind::CitizenId => Type::Identifier(IdentifierKind::CitizenId),
            TypeKind::CreditCode => Type::Identifier(IdentifierKind::CreditCode),
            TypeKind::CertificateId => Type::Identifier(IdentifierKind::CertificateId),
            TypeKind::UnitCode => Type::Identifier(IdentifierKind::UnitCode),
            TypeKind::Named(name) => match self.declared.get(&name.text) {
                Some(Declared::Enum(e)) => Type::Enum(e.clone()),
                Some(Declared::Group(g)) => Type::Group(g.clone()),
                _ => {
                    let known = self.declared.iter().filter(|(_, d)| !matches!(d, Declared::Certificate(_)));
                    report.add(unknown(name, "类型", "type", known.map(|(n, _)| n.as_str())));
                    return None;
                }
            },
            TypeKind::List { element, max } => return self.resolve_list(ty, element, *max, report),
        };
        if ty.optional && !is_scalar(&resolved) {
            report.add(Diagnostic::new(
                Code::BadSchema,
                ty.span,
                "只有标量类型可以带 `?`",
                "only scalar types may be optional",
            ));
            return None;
        }
        Some((resolved, ty.optional))
    }

    fn resolve_list(
        &self,
        ty: &ast::TypeExpr,
        element: &ast::TypeExpr,
        max: u32,
        report: &mut Report,
    ) -> Option<(Type, bool)> {
        let (inner, inner_optional) = self.resolve(element, report)?;
        let fault = if inner_optional || ty.optional {
            Some(("列表及其元素不能带 `?`", "neither a list nor its elements may be optional"))
        } else if matches!(inner, Type::List { .. }) {
            Some(("列表的元素不能是列表", "the element of a list cannot be a list"))
        } else if max == 0 || max > LIST_MAX {
            Some(("列表上限须在 1 与 4096 之间", "the bound of a list must be between 1 and 4096"))
        } else {
            None
        };
        if let Some((zh, en)) = fault {
            report.add(Diagnostic::new(Code::BadSchema, ty.span, zh, en));
            return None;
        }
        Some((Type::List { element: Box::new(inner), max }, false))
    }

    fn fields(&self, items: &[ast::FieldItem], report: &mut Report) -> Option<Vec<Field>> {
        let mut fields: Vec<Field> = Vec::new();
        let mut good = true;
        for item in items {
            let Some((ty, optional)) = self.resolve(&item.ty, report) else {
                good = false;
                continue;
            };
            let grouped = matches!(&ty, Type::Group(_))
                || matches!(&ty, Type::List { element, .. } if matches!(**element, Type::Group(_)));
            if grouped == item.class.is_some() {
                let (zh, en) = if grouped {
                    ("组和组的列表不带公开级别，级别写在组的字段上", "a group has no class of its own: its fields have")
                } else {
                    ("字段缺少公开级别", "the field has no disclosure class")
                };
                let help = if grouped {
                    ("去掉级别", "remove the class")
                } else {
                    (
                        "写上 `公开`、`仅结果`、`凭授权` 或 `不出`",
                        "write `public`, `result_only`, `by_grant` or `never`",
                    )
                };
                report.add(Diagnostic::new(Code::BadSchema, item.span, zh, en).help(help.0, help.1));
                good = false;
            }
            if fields.iter().any(|f| f.name == item.name.text) {
                report.add(duplicate(&item.name));
                good = false;
            }
            fields.push(Field { name: item.name.text.clone(), ty, optional, class: item.class.map(class_of) });
        }
        if items.is_empty() || items.len() > 256 {
            return None;
        }
        good.then_some(fields)
    }
}

/// Declares a module's own names into `scope`, which already holds its imports.
pub(crate) fn declare(module: &ast::Module, scope: &mut Scope, report: &mut Report) {
    for source in &module.sources {
        let entry = (source.title.clone(), source.note.clone());
        if scope.sources.insert(source.name.text.clone(), entry).is_some() {
            report.add(duplicate(&source.name));
        }
    }
    for item in &module.items {
        if let ast::Item::Enum(e) = item {
            declare_enum(e, scope, report);
        }
    }
    mapping::bare_names(scope);
    mapping::declare(module, scope, report);
    declare_groups(module, scope, report);
    for item in &module.items {
        if let ast::Item::Certificate(c) = item {
            declare_certificate(c, scope, report);
        }
    }
}

fn insert(scope: &mut Scope, name: &ast::Name, declared: Declared, report: &mut Report) {
    if scope.declared.contains_key(&name.text) {
        report.add(duplicate(name));
        return;
    }
    scope.own.push(name.text.clone());
    scope.declared.insert(name.text.clone(), declared);
}

fn declare_enum(item: &ast::EnumItem, scope: &mut Scope, report: &mut Report) {
    if item.variants.is_empty() || item.variants.len() > VARIANTS_MAX {
        report.add(Diagnostic::new(
            Code::BadSchema,
            item.span,
            "枚举须有 1 至 4096 个取值",
            "an enum has from 1 to 4096 variants",
        ));
        return;
    }
    let mut variants: Vec<(String, Option<String>)> = Vec::new();
    for (name, code) in &item.variants {
        let same_code = code.is_some() && variants.iter().any(|(_, c)| c == code);
        if same_code || variants.iter().any(|(n, _)| *n == name.text) {
            report.add(duplicate(name));
        }
        variants.push((name.text.clone(), code.clone()));
    }
    if mapping::taken(scope, &item.name.text) {
        report.add(duplicate(&item.name));
        return;
    }
    insert(scope, &item.name, Declared::Enum(Arc::new(EnumType { name: item.name.text.clone(), variants })), report);
}

/// Groups may name groups declared later, so they are resolved in rounds, each resolving those whose parts are known.
fn declare_groups(module: &ast::Module, scope: &mut Scope, report: &mut Report) {
    let mut waiting: Vec<&ast::GroupItem> =
        module.items.iter().filter_map(|i| if let ast::Item::Group(g) = i { Some(g) } else { None }).collect();
    for _ in 0..GROUP_DEPTH_MAX {
        let names: Vec<String> = waiting.iter().map(|g| g.name.text.clone()).collect();
        let (ready, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|g| !g.fields.iter().any(|f| mentions(&f.ty, &names)));
        for group in ready {
            let Some(fields) = scope.fields(&group.fields, report) else {
                bad_fields(group.span, report);
                continue;
            };
            let term = term::declared(group.term.as_ref(), &fields, report);
            let declared = Declared::Group(Arc::new(GroupType { name: group.name.text.clone(), fields, term }));
            insert(scope, &group.name, declared, report);
        }
        waiting = rest;
    }
    for group in waiting {
        report.add(Diagnostic::new(
            Code::Cycle,
            group.name.span,
            format!("组 `{}` 包含自身，或嵌套超过 {GROUP_DEPTH_MAX} 层", group.name.text),
            format!("group `{}` contains itself, or nests deeper than {GROUP_DEPTH_MAX}", group.name.text),
        ));
    }
}

fn mentions(ty: &ast::TypeExpr, names: &[String]) -> bool {
    match &ty.kind {
        TypeKind::Named(n) => names.contains(&n.text),
        TypeKind::List { element, .. } => mentions(element, names),
        _ => false,
    }
}

fn bad_fields(span: Span, report: &mut Report) {
    if !report.refused() {
        report.add(Diagnostic::new(
            Code::BadSchema,
            span,
            "须有 1 至 256 个字段",
            "there must be from 1 to 256 fields",
        ));
    }
}

fn declare_certificate(item: &ast::CertificateItem, scope: &mut Scope, report: &mut Report) {
    let Some(fields) = scope.fields(&item.fields, report) else {
        bad_fields(item.span, report);
        return;
    };
    let term = term::declared(item.term.as_ref(), &fields, report);
    let group = Arc::new(GroupType { name: item.name.text.clone(), fields, term });
    let mut filed_under = Vec::new();
    for path in &item.filed_under {
        match field_through_lists(&Type::Group(group.clone()), &path.parts) {
            Some(Type::Text { .. } | Type::Identifier(_)) => {
                filed_under.push(path.parts.iter().map(|p| p.text.clone()).collect());
            }
            _ => report.add(Diagnostic::new(
                Code::BadSchema,
                path.span,
                "归档字段须是证书中的文本或标识字段，且不可缺省",
                "a certificate is filed under a required text or identifier field of its own",
            )),
        }
    }
    if filed_under.is_empty() {
        report.add(
            Diagnostic::new(
                Code::BadSchema,
                item.name.span,
                "证书没有归档字段",
                "the certificate is filed under nothing",
            )
            .help("写上 `归档 字段`", "write `filed_under field`"),
        );
    }
    let complete_from = item.complete_from.as_ref().and_then(|d| literal_date(d, report));
    let schema = Schema {
        name: item.name.text.clone(),
        module: scope.module.clone(),
        owner: item.by.text.clone(),
        filed_under,
        complete_from,
        group,
    };
    insert(scope, &item.name, Declared::Certificate(Arc::new(schema)), report);
}

/// The type at the end of a path that may pass through lists; `None` if there is none or it may be absent.
pub(crate) fn field_through_lists(ty: &Type, parts: &[ast::Name]) -> Option<Type> {
    let mut at = ty.clone();
    for part in parts {
        let group = match &at {
            Type::Group(g) => g.clone(),
            Type::List { element, .. } => match &**element {
                Type::Group(g) => g.clone(),
                _ => return None,
            },
            _ => return None,
        };
        let field = group.fields.iter().find(|f| f.name == part.text)?;
        if field.optional {
            return None;
        }
        at = field.ty.clone();
    }
    Some(match at {
        Type::List { element, .. } => *element,
        other => other,
    })
}

/// The date a literal names, or a finding.
pub(crate) fn literal_date(literal: &ast::Literal, report: &mut Report) -> Option<Date> {
    if let LiteralKind::Date(y, m, d) = literal.kind {
        if let Some(date) = Date::new(y, m, d) {
            return Some(date);
        }
        report.add(Diagnostic::new(
            Code::BadLiteral,
            literal.span,
            format!("没有 {y:04}-{m:02}-{d:02} 这一天"),
            format!("there is no day {y:04}-{m:02}-{d:02}"),
        ));
    } else {
        report.add(Diagnostic::new(Code::TypeMismatch, literal.span, "此处应为日期", "a date is wanted here"));
    }
    None
}

/// The unit that a name means: money's has a name in each language.
fn unit_name(name: &ast::Name) -> String {
    if name.text == "yuan" { MONEY_UNIT.to_owned() } else { name.text.clone() }
}

/// `小数 0.00..1.00`: both bounds say how many digits are kept.
fn decimal_type(
    low: &ast::Literal,
    high: &ast::Literal,
    unit: Option<&ast::Name>,
    span: Span,
    report: &mut Report,
) -> Option<Type> {
    match (&low.kind, &high.kind) {
        (LiteralKind::Decimal(l, scale), LiteralKind::Decimal(h, other)) if scale == other => {
            check_range(*l, *h, span, report)?;
            Some(number_type(*l, *h, *scale, unit.map(unit_name)))
        }
        _ => {
            report.add(
                Diagnostic::new(
                    Code::BadSchema,
                    span,
                    "小数的上下限须写出同样多的小数位，至少一位",
                    "both bounds of a decimal show the same number of decimals, at least one",
                )
                .help("例如 `小数 0.000..1.000`：保留三位", "for example `decimal 0.000..1.000`, which keeps three"),
            );
            None
        }
    }
}

/// A bound of money in 分, or a finding.
fn fen(literal: &ast::Literal, report: &mut Report) -> Option<i64> {
    let wrong = |zh: String, en: String| Diagnostic::new(Code::UnitMismatch, literal.span, zh, en);
    match (&literal.kind, written(&literal.kind)) {
        (LiteralKind::Money(..), Some((word, MONEY_SCALE))) => Some(word),
        (LiteralKind::Money(..), _) => {
            report.add(
                wrong("金额最小到分".into(), "money is declared in whole fen".into()).help(
                    "更细的单价用 `小数 0.0000..9.9999 [元]`",
                    "a finer price is `decimal 0.0000..9.9999 [yuan]`",
                ),
            );
            None
        }
        (kind, _) => {
            let (zh, en) = match kind {
                // Amounts used to be written as a number of 分.
                LiteralKind::Integer(n) => {
                    let yuan = number::show(*n, MONEY_SCALE);
                    (
                        format!("写 `{n} 元`；若原以分计，写 `{yuan} 元`"),
                        format!("write `{n} yuan`, or `{yuan} yuan` if it counts fen"),
                    )
                }
                _ => ("在数后写 `元`、`万元` 或 `分`".into(), "write `yuan`, `wan_yuan` or `fen` after it".into()),
            };
            report.add(wrong("金额没有写单位".into(), "the amount has no unit".into()).help(zh, en));
            None
        }
    }
}

fn check_range(low: i64, high: i64, span: Span, report: &mut Report) -> Option<()> {
    if low > high {
        report.add(Diagnostic::new(
            Code::BadSchema,
            span,
            "范围下限大于上限",
            "the range's low end is above its high end",
        ));
        return None;
    }
    if low < -NUMBER_MAX || high > NUMBER_MAX {
        report.add(Diagnostic::new(
            Code::Overflow,
            span,
            "范围超过 2 的 53 次方",
            "the range goes beyond 2 to the 53rd",
        ));
        return None;
    }
    Some(())
}

/// Whether a value of the type is one word.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    !matches!(ty, Type::Group(_) | Type::List { .. })
}

/// The runtime's class for a written one.
fn class_of(word: ClassWord) -> Class {
    match word {
        ClassWord::Public => Class::Public,
        ClassWord::ResultOnly => Class::ResultOnly,
        ClassWord::ByGrant => Class::ByGrant,
        ClassWord::Never => Class::Never,
    }
}

/// "nothing here is called so", with what may have been meant.
pub(crate) fn unknown<'a>(name: &ast::Name, zh: &str, en: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let finding = Diagnostic::new(
        Code::UnknownName,
        name.span,
        format!("没有名为 `{}` 的{zh}", name.text),
        format!("no {en} is called `{}`", name.text),
    );
    match nearest(&name.text, known) {
        Some(near) => finding.help(format!("是否想写 `{near}`？"), format!("did you mean `{near}`?")),
        None => finding,
    }
}

/// "declared twice".
pub(crate) fn duplicate(name: &ast::Name) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        name.span,
        format!("`{}` 在此范围内已经声明", name.text),
        format!("`{}` is already declared in this scope", name.text),
    )
    .help("换一个名称", "choose another name")
}
