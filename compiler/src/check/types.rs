//! Typing of expressions: names to things, variants by wanted type, presence by what is known at the place, and the range
//! of every integer. Invariant: a `TypedExpr` it returns is sound by the invariant of `typed.rs`; `None` always comes with
//! a finding. Must not know: what the expression is for.

use super::facts::{Facts, told_by};
use super::report::{Report, nearest};
use super::scope::{Declared, Scope, is_scalar};
use crate::ast::{self, ClassWord, ExprKind, LiteralKind};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Access, Constant, Evidence, Input, Node, Start, TypedExpr, show_type, show_type_en};
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::identifier;
use guiju_runtime::value::{Class, EnumType, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of a definition before and after it is checked.
#[derive(Clone, Debug)]
pub(crate) struct DefinitionHead {
    /// Index in evaluation order.
    pub(crate) index: usize,
    /// Declared type.
    pub(crate) ty: Type,
    /// May be absent.
    pub(crate) optional: bool,
    /// What its truth and its falsity tell, for boolean definitions without exceptions.
    pub(crate) tells: Option<(Facts, Facts)>,
}

/// The values that a policy's expressions can name.
pub(crate) struct Values<'a> {
    /// The module's names.
    pub(crate) scope: &'a Scope,
    /// Inputs.
    pub(crate) inputs: Vec<Input>,
    /// Evidence declared so far.
    pub(crate) evidence: Vec<Evidence>,
    /// Definitions and tables by name.
    pub(crate) definitions: BTreeMap<String, DefinitionHead>,
    /// Names of the outcomes, which no expression reads.
    pub(crate) outcomes: BTreeSet<String>,
}

/// The element of a quantifier being checked.
#[derive(Clone, Debug)]
struct Variable {
    name: String,
    ty: Type,
    reads: Option<(usize, Vec<usize>)>,
    class: ClassWord,
}

/// Types expressions at one place.
pub(crate) struct Typer<'a> {
    pub(crate) values: &'a Values<'a>,
    pub(crate) report: &'a mut Report,
    pub(crate) facts: Facts,
    variables: Vec<Variable>,
}

/// What a path leads to.
pub(crate) struct Place {
    pub(crate) access: Access,
    pub(crate) ty: Type,
    pub(crate) optional: bool,
}

impl<'a> Typer<'a> {
    /// A typer where `facts` hold.
    pub(crate) fn new(values: &'a Values<'a>, report: &'a mut Report, facts: Facts) -> Self {
        Self { values, report, facts, variables: Vec::new() }
    }

    /// What `expr` tells when it is `truth`.
    pub(crate) fn tells(&self, expr: &TypedExpr, truth: bool) -> Facts {
        told_by(expr, truth, &|i| self.values.definitions.values().find(|d| d.index == i).and_then(|d| d.tells.clone()))
    }

    /// Types `expr` with `extra` facts known beside the present ones.
    pub(crate) fn knowing<T>(&mut self, extra: &Facts, inside: impl FnOnce(&mut Self) -> T) -> T {
        let with = self.facts.clone().and(extra);
        let before = std::mem::replace(&mut self.facts, with);
        let result = inside(self);
        self.facts = before;
        result
    }

    pub(crate) fn fail<T>(&mut self, finding: Diagnostic) -> Option<T> {
        self.report.add(finding);
        None
    }

    /// Types an expression that must be present.
    pub(crate) fn present(&mut self, expr: &ast::Expr, wanted: Option<&Type>) -> Option<TypedExpr> {
        let typed = self.infer(expr, wanted)?;
        if typed.optional {
            let text = typed.canonical();
            return self.fail(
                Diagnostic::new(
                    Code::MayBeAbsent,
                    expr.span,
                    format!("`{text}` 可能为无，不能直接使用"),
                    format!("`{text}` may be absent and cannot be used as it is"),
                )
                .help(
                    format!("先判断 `{text} 存在 且 …`，或写 `{text} 或缺 …`"),
                    format!("test `{text} present and …` first, or write `{text} default …`"),
                ),
            );
        }
        Some(typed)
    }

    /// Types a boolean.
    pub(crate) fn boolean(&mut self, expr: &ast::Expr) -> Option<TypedExpr> {
        let typed = self.present(expr, Some(&Type::Boolean))?;
        if typed.ty != Type::Boolean {
            return self.mismatch(expr.span, &Type::Boolean, &typed.ty);
        }
        Some(typed)
    }

    /// "another type is wanted".
    pub(crate) fn mismatch<T>(&mut self, span: Span, wanted: &Type, found: &Type) -> Option<T> {
        self.fail(Diagnostic::new(
            Code::TypeMismatch,
            span,
            format!("此处应为 `{}`，却是 `{}`", show_type(wanted), show_type(found)),
            format!("`{}` is wanted here, not `{}`", show_type_en(wanted), show_type_en(found)),
        ))
    }

    /// Types any expression. `wanted` helps to resolve variants and literals; it is not enforced.
    pub(crate) fn infer(&mut self, expr: &ast::Expr, wanted: Option<&Type>) -> Option<TypedExpr> {
        let mut typed = match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal, expr.span, wanted)?,
            ExprKind::Path(path) => self.path_value(path, wanted)?,
            ExprKind::Not(a) => {
                let a = self.boolean(a)?;
                make(Node::Not(Box::new(a)), Type::Boolean, expr.span)
            }
            ExprKind::And(a, b) => {
                let a = self.boolean(a)?;
                let known = self.tells(&a, true);
                let b = self.knowing(&known, |t| t.boolean(b))?;
                make(Node::And(Box::new(a), Box::new(b)), Type::Boolean, expr.span)
            }
            ExprKind::Or(a, b) => {
                let a = self.boolean(a)?;
                let known = self.tells(&a, false);
                let b = self.knowing(&known, |t| t.boolean(b))?;
                make(Node::Or(Box::new(a), Box::new(b)), Type::Boolean, expr.span)
            }
            ExprKind::Compare(op, a, b) => self.compare(*op, a, b, expr.span)?,
            ExprKind::In(a, list) => self.membership(a, list, expr.span)?,
            ExprKind::Present(a) => self.presence(a, expr.span)?,
            ExprKind::Convert(a, list) => self.convert(a, list, expr.span)?,
            ExprKind::Absent(a) => {
                let present = self.presence(a, expr.span)?;
                make(Node::Not(Box::new(present)), Type::Boolean, expr.span)
            }
            ExprKind::InForce(a) => self.in_force(a, expr.span)?,
            ExprKind::InPast(a, months) => self.in_past(a, *months, expr.span)?,
            ExprKind::Default(a, b) => self.default_value(a, b, wanted, expr.span)?,
            ExprKind::Add(..) | ExprKind::Subtract(..) | ExprKind::Multiply(..) => self.arithmetic(expr)?,
            ExprKind::Divide(..) => self.bare_quotient(expr.span)?,
            ExprKind::Round(rounding, value, digits) => self.rounding(*rounding, value, *digits, expr.span)?,
            ExprKind::Shift(a, n, unit) => self.shift(a, *n, *unit, expr.span)?,
            ExprKind::Rolled(date, days) => self.rolled(date, days, expr.span)?,
            ExprKind::If(c, a, b) => self.choice(c, a, b, wanted, expr.span)?,
            ExprKind::Call(function, args) => self.call(*function, args, expr.span)?,
            ExprKind::Apply(formula, args) => self.apply(formula, args, expr.span)?,
            ExprKind::Quantified { .. } => self.quantified(expr, wanted)?,
        };
        self.narrow(&mut typed);
        Some(typed)
    }

    /// Narrows a number's range by what is known here.
    fn narrow(&self, typed: &mut TypedExpr) {
        let (Type::Integer { low, high, .. } | Type::Decimal { low, high, .. } | Type::Money { low, high }) =
            &mut typed.ty
        else {
            return;
        };
        if let Node::Constant(_) = typed.node {
            return;
        }
        let (low_ref, high_ref) = (low, high);
        let before = (*low_ref, *high_ref);
        let probe = TypedExpr { node: typed.node.clone(), ty: Type::Boolean, optional: false, span: typed.span };
        if let Some((l, h)) = self.facts.range(&probe.canonical()) {
            let narrowed = (before.0.max(l), before.1.min(h));
            // An empty range means the place is never reached; keeping the old one stays sound.
            if narrowed.0 <= narrowed.1 {
                (*low_ref, *high_ref) = narrowed;
            }
        }
    }

    /// Types a literal.
    pub(crate) fn literal(&mut self, literal: &LiteralKind, span: Span, wanted: Option<&Type>) -> Option<TypedExpr> {
        let (constant, ty) = match literal {
            LiteralKind::Boolean(b) => (Constant::Word(i64::from(*b)), Type::Boolean),
            LiteralKind::Integer(_) | LiteralKind::Decimal(..) | LiteralKind::Money(..) => {
                return self.number_literal(literal, span, wanted);
            }
            LiteralKind::Date(y, m, d) => match Date::new(*y, *m, *d) {
                Some(date) => (Constant::Word(i64::from(date.days())), Type::Date),
                None => {
                    let day = format!("{y:04}-{m:02}-{d:02}");
                    return self.fail(Diagnostic::new(
                        Code::BadLiteral,
                        span,
                        format!("没有 {day} 这一天"),
                        format!("there is no day {day}"),
                    ));
                }
            },
            LiteralKind::Month(y, m) => match YearMonth::new(*y, *m) {
                Some(month) => (Constant::Word(i64::from(month.index())), Type::Month),
                None => {
                    let month = format!("{y:04}-{m:02}");
                    return self.fail(Diagnostic::new(
                        Code::BadLiteral,
                        span,
                        format!("没有 {month} 这个月"),
                        format!("there is no month {month}"),
                    ));
                }
            },
            LiteralKind::Text(text) => {
                if let Some(Type::Identifier(kind)) = wanted {
                    if let Err(fault) = identifier::check(*kind, text) {
                        return self.fail(Diagnostic::new(Code::BadLiteral, span, fault.zh(), fault.en()));
                    }
                    (Constant::Text(text.clone()), Type::Identifier(*kind))
                } else {
                    let max = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                    (Constant::Text(text.clone()), Type::Text { max })
                }
            }
        };
        Some(make(Node::Constant(constant), ty, span))
    }

    /// A path as a scalar value: evidence, definition, or variant.
    fn path_value(&mut self, path: &ast::Path, wanted: Option<&Type>) -> Option<TypedExpr> {
        if let Some(variant) = self.variant(path, wanted) {
            return variant;
        }
        if let [name] = &path.parts[..]
            && let Some(head) = self.values.definitions.get(&name.text)
        {
            let optional = head.optional && !self.facts.is_present(&name.text);
            let node = Node::Definition(head.index, name.text.clone());
            return Some(TypedExpr { node, ty: head.ty.clone(), optional, span: path.span });
        }
        let place = self.place(path)?;
        if !is_scalar(&place.ty) {
            let text = &place.access.path;
            return self.fail(
                Diagnostic::new(
                    Code::TypeMismatch,
                    path.span,
                    format!("`{text}` 是 `{}`，此处应为单个值", show_type(&place.ty)),
                    format!("`{text}` is `{}`, a single value is wanted here", show_type_en(&place.ty)),
                )
                .help(
                    "取其字段，或用 `存在`、`计数` 等遍历列表",
                    "take a field of it, or go through the list with `exists`, `count` …",
                ),
            );
        }
        Some(TypedExpr { node: Node::Load(place.access), ty: place.ty, optional: place.optional, span: path.span })
    }

    /// The path as a variant, if it is one: `None` if it names a value.
    fn variant(&mut self, path: &ast::Path, wanted: Option<&Type>) -> Option<Option<TypedExpr>> {
        let of = |e: &Arc<EnumType>, name: &str, span| {
            let index = e.variants.iter().position(|(v, _)| v == name)?;
            Some(make(Node::Constant(Constant::Word(index as i64)), Type::Enum(e.clone()), span))
        };
        match &path.parts[..] {
            [name] => {
                let wanted_enum = match wanted {
                    Some(Type::Enum(e)) => Some(e),
                    _ => None,
                };
                if let Some(ty) = self.type_of_name(&name.text)
                    && wanted_enum
                        .is_none_or(|e| ty == Type::Enum(e.clone()) || !e.variants.iter().any(|(v, _)| *v == name.text))
                {
                    return None;
                }
                if let Some(found) = wanted_enum.and_then(|e| of(e, &name.text, path.span)) {
                    return Some(Some(found));
                }
                let enums = self.values.scope.enums_with(&name.text);
                match &enums[..] {
                    [only] => Some(of(only, &name.text, path.span)),
                    [first, second, ..] => Some(
                        self.fail(
                            Diagnostic::new(
                                Code::AmbiguousVariant,
                                path.span,
                                format!("`{}` 在 `{}` 与 `{}` 中都有", name.text, first.name, second.name),
                                format!("both `{1}` and `{2}` have `{0}`", name.text, first.name, second.name),
                            )
                            .help(
                                format!("写 `{}.{}`", first.name, name.text),
                                format!("write `{}.{}`", first.name, name.text),
                            ),
                        ),
                    ),
                    [] => Some(self.unknown_value(name, wanted_enum)),
                }
            }
            [first, second] if self.type_of_name(&first.text).is_none() => {
                let Some(Declared::Enum(e)) = self.values.scope.declared.get(&first.text) else { return None };
                let e = e.clone();
                Some(match of(&e, &second.text, path.span) {
                    Some(found) => Some(found),
                    None => self.unknown_value(second, Some(&e)),
                })
            }
            _ => None,
        }
    }

    fn unknown_value<T>(&mut self, name: &ast::Name, wanted: Option<&Arc<EnumType>>) -> Option<T> {
        if self.values.outcomes.contains(&name.text) {
            return self.fail(
                Diagnostic::new(
                    Code::OutcomeRead,
                    name.span,
                    format!("`{}` 是结论，式子里不能引用结论", name.text),
                    format!("`{}` is an outcome, and no expression reads an outcome", name.text),
                )
                .help(
                    "把两处都要的条件写成 `规则`，各处引用它",
                    "write the condition that both need as a `rule`, and name it in both places",
                ),
            );
        }
        let mut known: Vec<String> = vec!["基准日".into(), "as_of".into()];
        known.extend(self.variables.iter().map(|v| v.name.clone()));
        known.extend(self.values.inputs.iter().map(|i| i.name.clone()));
        known.extend(self.values.evidence.iter().map(|e| e.name.clone()));
        known.extend(self.values.definitions.keys().cloned());
        if let Some(e) = wanted {
            known.extend(e.variants.iter().map(|(v, _)| v.clone()));
        }
        let finding = Diagnostic::new(
            Code::UnknownName,
            name.span,
            format!("没有名为 `{}` 的值", name.text),
            format!("no value is called `{}`", name.text),
        );
        let near = nearest(&name.text, known.iter().map(String::as_str)).map(str::to_owned);
        self.fail(match near {
            Some(near) => finding.help(format!("是否想写 `{near}`？"), format!("did you mean `{near}`?")),
            None => finding,
        })
    }

    /// The type of a value's name, if it is one.
    fn type_of_name(&self, name: &str) -> Option<Type> {
        if let Some(v) = self.variables.iter().rev().find(|v| v.name == name) {
            return Some(v.ty.clone());
        }
        if name == "基准日" || name == "as_of" {
            return Some(Type::Date);
        }
        if let Some(input) = self.values.inputs.iter().find(|i| i.name == name) {
            return Some(input.ty.clone());
        }
        if let Some(e) = self.values.evidence.iter().find(|e| e.name == name) {
            return Some(evidence_type(e));
        }
        self.values.definitions.get(name).map(|d| d.ty.clone())
    }

    /// Whether the expression is a bare name that only a wanted type can resolve.
    pub(crate) fn is_bare_variant(&self, expr: &ast::Expr) -> bool {
        matches!(&expr.kind, ExprKind::Path(p) if p.parts.len() == 1 && self.type_of_name(&p.parts[0].text).is_none())
    }

    /// Resolves a path that starts at a value (not a definition), passing through groups only.
    pub(crate) fn place(&mut self, path: &ast::Path) -> Option<Place> {
        let first = &path.parts[0];
        let (start, name, start_ty, mut reads, mut class, mut optional) = self.start(first)?;
        let mut ty = start_ty.clone();
        let mut fields = Vec::new();
        let mut text = name;
        for part in &path.parts[1..] {
            let Type::Group(group) = &ty else {
                return self.fail(Diagnostic::new(
                    Code::TypeMismatch,
                    part.span,
                    format!("`{text}` 是 `{}`，没有字段", show_type(&ty)),
                    format!("`{text}` is `{}` and has no fields", show_type_en(&ty)),
                ));
            };
            let Some(index) = group.fields.iter().position(|f| f.name == part.text) else {
                let finding =
                    super::scope::unknown(part, "字段", "field", group.fields.iter().map(|f| f.name.as_str()));
                return self.fail(finding);
            };
            let field = &group.fields[index];
            text = format!("{text}.{}", part.text);
            fields.push(index);
            if let Some((_, path)) = &mut reads {
                path.push(index);
            }
            class = class.max(field.class.map_or(ClassWord::Public, word_of));
            optional |= field.optional && !self.facts.is_present(&text);
            ty = field.ty.clone();
        }
        if class == ClassWord::Never {
            return self.fail(
                Diagnostic::new(
                    Code::NeverLeaves,
                    path.span,
                    format!("`{text}` 的级别是 `不出`，策略不能读取"),
                    format!("`{text}` is of class `never`: no policy may read it"),
                )
                .help("改用级别较低的字段", "use a field of a lower class"),
            );
        }
        Some(Place { access: Access { start, fields, path: text, start_ty, reads, class }, ty, optional })
    }

    #[expect(clippy::type_complexity, reason = "one private step of `place`, taken apart at once")]
    fn start(
        &mut self,
        first: &ast::Name,
    ) -> Option<(Start, String, Type, Option<(usize, Vec<usize>)>, ClassWord, bool)> {
        let name = first.text.clone();
        if let Some(depth) = self.variables.iter().rposition(|v| v.name == name) {
            let v = &self.variables[depth];
            return Some((Start::Variable(depth as u8), name, v.ty.clone(), v.reads.clone(), v.class, false));
        }
        if name == "基准日" || name == "as_of" {
            return Some((Start::AsOf, "基准日".into(), Type::Date, None, ClassWord::Public, false));
        }
        if let Some(i) = self.values.inputs.iter().position(|i| i.name == name) {
            let input = &self.values.inputs[i];
            let optional = input.optional && !self.facts.is_present(&name);
            return Some((Start::Input(i), name, input.ty.clone(), None, ClassWord::Public, optional));
        }
        if let Some(i) = self.values.evidence.iter().position(|e| e.name == name) {
            let e = &self.values.evidence[i];
            let optional = e.optional && !e.all && !self.facts.is_present(&name);
            return Some((
                Start::Evidence(i),
                name,
                evidence_type(e),
                Some((i, Vec::new())),
                ClassWord::Public,
                optional,
            ));
        }
        if self.values.definitions.contains_key(&name) {
            return self.fail(Diagnostic::new(
                Code::TypeMismatch,
                first.span,
                format!("`{name}` 是定义的值，没有字段，也不是列表"),
                format!("`{name}` is a defined value: it has no fields and is no list"),
            ));
        }
        self.unknown_value(first, None)
    }

    /// Runs `inside` with a variable bound; refuses shadowing and too many levels.
    pub(crate) fn with_variable<T>(
        &mut self,
        name: &ast::Name,
        ty: Type,
        list: &Access,
        inside: impl FnOnce(&mut Self, u8) -> Option<T>,
    ) -> Option<T> {
        if self.type_of_name(&name.text).is_some() {
            let finding = super::scope::duplicate(name);
            return self.fail(finding);
        }
        let depth = self.variables.len();
        if depth >= usize::from(crate::ir::FOLD_DEPTH_MAX) {
            return self.fail(Diagnostic::new(
                Code::TooLarge,
                name.span,
                "列表遍历嵌套超过 4 层",
                "loops over lists nest deeper than 4",
            ));
        }
        self.variables.push(Variable { name: name.text.clone(), ty, reads: list.reads.clone(), class: list.class });
        let result = inside(self, depth as u8);
        self.variables.pop();
        result
    }
}

/// A present expression.
pub(crate) fn make(node: Node, ty: Type, span: Span) -> TypedExpr {
    TypedExpr { node, ty, optional: false, span }
}

/// The type of an evidence binding.
pub(crate) fn evidence_type(e: &Evidence) -> Type {
    let group = Type::Group(e.schema.group.clone());
    if e.all { Type::List { element: Box::new(group), max: e.max } } else { group }
}

/// The written class for a runtime's.
pub(crate) fn word_of(class: Class) -> ClassWord {
    match class {
        Class::Public => ClassWord::Public,
        Class::ResultOnly => ClassWord::ResultOnly,
        Class::ByGrant => ClassWord::ByGrant,
        Class::Never => ClassWord::Never,
    }
}
