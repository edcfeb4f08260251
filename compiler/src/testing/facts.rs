//! Tests in a file: from written facts to facts of the policy's roots, and expectations to indices. Invariant: every fact of
//! a returned test fits its root's type. A field that the policy does not read may be left out; it gets a neutral value.
//! Must not know: engines.

use super::{cases, fault};
use crate::ast::{self, Expectation, ExprKind, FactExpr, FactMonths, Item, LiteralKind, name_and_version};
use crate::check::numbers::{is_number, word_as};
use crate::check::report::Report;
use crate::check::scope::{Scope, literal_date, unknown};
use crate::diagnostics::{Code, Diagnostic};
use crate::package::{Expected, Policy, Test};
use crate::source::Span;
use crate::witness::neutral;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::schema;
use guiju_runtime::value::{Fact, Type, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longest chain of tests that build on one another.
const LIKE_MAX: usize = 32;

/// The tests of one module.
pub(crate) fn tests(module: &ast::Module, scope: &Scope, policies: &[Arc<Policy>], report: &mut Report) -> Vec<Test> {
    // The tests of table tests' rows stand where their tables stand.
    let rows: Vec<Vec<ast::TestItem>> =
        module.items.iter().map(|i| if let Item::Cases(c) = i { cases::rows(c) } else { Vec::new() }).collect();
    let mut by_title: BTreeMap<&str, &ast::TestItem> = BTreeMap::new();
    let mut titles: BTreeSet<&str> = BTreeSet::new();
    for item in &module.items {
        let (title, span) = match item {
            Item::Test(t) => (&t.title, t.span),
            Item::Cases(c) => (&c.title, c.span),
            _ => continue,
        };
        if !titles.insert(title) {
            report.add(fault::title_twice(span, title));
        }
        match item {
            Item::Test(t) => {
                by_title.insert(title, t);
            }
            Item::Cases(c) if c.rows.is_empty() => {
                report.add(fault::no_rows(span));
            }
            _ => {}
        }
    }
    let tests = module.items.iter().zip(&rows).flat_map(|(item, rows)| match item {
        Item::Test(t) => std::slice::from_ref(t),
        _ => &rows[..],
    });
    tests.filter_map(|item| one(item, &by_title, scope, policies, report)).collect()
}

/// What a property starts from.
pub(super) struct Seed {
    /// Index of the version it speaks of.
    pub(super) policy_index: usize,
    /// The day that picked it.
    pub(super) on: Date,
    /// Facts by root.
    pub(super) facts: Vec<(usize, Fact)>,
}

/// The version that a property speaks of, the day that picked it, and the facts of the test it builds on.
pub(super) fn seed(
    module: &ast::Module,
    item: &ast::PropertyItem,
    scope: &Scope,
    policies: &[Arc<Policy>],
    report: &mut Report,
) -> Option<Seed> {
    let items: Vec<&ast::TestItem> =
        module.items.iter().filter_map(|i| if let Item::Test(t) = i { Some(t) } else { None }).collect();
    let by_title: BTreeMap<&str, &ast::TestItem> = items.iter().map(|t| (t.title.as_str(), *t)).collect();
    let on = literal_date(&item.on, report)?;
    let (index, policy) = version(&item.policy, item.on.span, on, scope, policies, report)?;
    let mut facts: BTreeMap<usize, Fact> = BTreeMap::from([(0, Fact::Known(Value::Date(on)))]);
    if item.like.is_some() {
        let start = ast::TestItem {
            title: item.title.clone(),
            policy: item.policy.clone(),
            on: item.on.clone(),
            like: item.like.clone(),
            facts: Vec::new(),
            expect: Vec::new(),
            span: item.span,
        };
        for written in chain(&start, &by_title, report)? {
            for (path, fact) in &written.facts {
                apply(policy, path, fact, &mut facts, report)?;
            }
        }
    }
    Some(Seed { policy_index: index, on, facts: facts.into_iter().collect() })
}

fn one(
    item: &ast::TestItem,
    by_title: &BTreeMap<&str, &ast::TestItem>,
    scope: &Scope,
    policies: &[Arc<Policy>],
    report: &mut Report,
) -> Option<Test> {
    let on = literal_date(&item.on, report)?;
    let (policy_index, policy) = version(&item.policy, item.on.span, on, scope, policies, report)?;
    let mut facts: BTreeMap<usize, Fact> = BTreeMap::from([(0, Fact::Known(Value::Date(on)))]);
    // One fault does not hide the next.
    let mut whole = true;
    let mut written_roots: BTreeSet<&str> = BTreeSet::new();
    for written in chain(item, by_title, report)? {
        for (path, fact) in &written.facts {
            written_roots.insert(&path.parts[0].text);
            whole &= apply(policy, path, fact, &mut facts, report).is_some();
        }
    }
    for (i, (name, _)) in policy.inputs.iter().enumerate() {
        let missing = match facts.get(&(i + 1)) {
            Some(Fact::Known(_)) => false,
            Some(Fact::Absent) | None => !policy.input_optional[i],
            Some(Fact::Unknown) => true,
        };
        if missing && (whole || !written_roots.contains(name.as_str())) {
            report.add(fault::lacks_input(item.span, name, &policy.layout.roots[i + 1].ty));
            whole = false;
            continue;
        }
        facts.entry(i + 1).or_insert(Fact::Absent);
    }
    let expect: Vec<Expected> = item.expect.iter().filter_map(|e| expected(policy, e, report)).collect();
    if item.expect.is_empty() {
        let first = policy.outcomes.first().and_then(|o| o.values.first().map(|v| (o.name.as_str(), v.as_str())));
        report.add(fault::expects_nothing(item.span, first));
    }
    (whole && expect.len() == item.expect.len()).then(|| Test {
        title: item.title.clone(),
        module: scope.module.clone(),
        policy: policy.name.clone(),
        policy_index,
        on,
        facts: facts.into_iter().collect(),
        expect,
        span: item.span,
    })
}

/// The version in force on the test's day, among those of its own module and of the modules that it imports the name from.
fn version<'a>(
    name: &ast::Name,
    at: Span,
    on: Date,
    scope: &Scope,
    policies: &'a [Arc<Policy>],
    report: &mut Report,
) -> Option<(usize, &'a Arc<Policy>)> {
    let in_sight =
        |p: &Policy| p.module == scope.module || scope.policies.contains(&(p.name.clone(), p.module.clone()));
    let mut versions: Vec<(usize, &Arc<Policy>)> =
        policies.iter().enumerate().filter(|(_, p)| p.name == name.text && in_sight(p)).collect();
    if versions.is_empty() {
        let names = policies.iter().filter(|p| in_sight(p)).map(|p| p.name.as_str());
        report.add(unknown(name, "策略", "policy", names));
        return None;
    }
    if let Some(found) = versions.iter().find(|(_, p)| p.in_force_on(on)) {
        return Some(*found);
    }
    versions.sort_by_key(|(_, p)| p.effective_from);
    let intervals: Vec<String> = versions.iter().map(|(_, p)| p.interval()).collect();
    let intervals = intervals.join(", ");
    report.add(
        Diagnostic::new(
            Code::NoVersion,
            at,
            format!("`{}` 在 {on} 没有施行的版本", name.text),
            format!("no version of `{}` is in force on {on}", name.text),
        )
        .help(
            format!("施行过的有 {intervals}; 改日期，或补上该时期的版本"),
            format!("there are {intervals}; change the date or add a version for it"),
        ),
    );
    None
}

/// The test and those it builds on, farthest first.
fn chain<'a>(
    item: &'a ast::TestItem,
    by_title: &BTreeMap<&str, &'a ast::TestItem>,
    report: &mut Report,
) -> Option<Vec<&'a ast::TestItem>> {
    let mut chain = vec![item];
    let mut at = item;
    while let Some(like) = &at.like {
        let Some(next) = by_title.get(like.as_str()) else {
            report.add(fault::no_such_test(at.span, like, by_title.keys().copied()));
            return None;
        };
        if chain.len() >= LIKE_MAX {
            report.add(fault::circular(item.span, LIKE_MAX));
            return None;
        }
        at = next;
        chain.push(at);
    }
    chain.reverse();
    Some(chain)
}

fn apply(
    policy: &Policy,
    path: &ast::Path,
    fact: &FactExpr,
    facts: &mut BTreeMap<usize, Fact>,
    report: &mut Report,
) -> Option<()> {
    let Some(root) = policy.layout.roots.iter().position(|r| r.name == path.parts[0].text).filter(|r| *r > 0) else {
        report.add(unknown(
            &path.parts[0],
            "输入或取证",
            "input or evidence",
            policy.layout.roots.iter().skip(1).map(|r| r.name.as_str()),
        ));
        return None;
    };
    let builder = Builder { policy, root, month: None };
    let ty = policy.layout.roots[root].ty.clone();
    if path.parts.len() == 1 {
        let fact = builder.fact(fact, &ty, true, &mut Vec::new(), path.span, report)?;
        facts.insert(root, fact);
        return Some(());
    }
    let mut value = facts.remove(&root).unwrap_or(Fact::Unknown);
    let set = builder.set(&mut value, &ty, &path.parts[1..], fact, &mut Vec::new(), report);
    facts.insert(root, value);
    set
}

/// Builds facts of one root.
#[derive(Clone, Copy)]
pub(super) struct Builder<'a> {
    pub(super) policy: &'a Policy,
    pub(super) root: usize,
    /// Month of the element that is built by `每月`.
    pub(super) month: Option<YearMonth>,
}

impl Builder<'_> {
    /// Replaces one field inside a known group.
    fn set(
        &self,
        at: &mut Fact,
        ty: &Type,
        parts: &[ast::Name],
        fact: &FactExpr,
        path: &mut Vec<String>,
        report: &mut Report,
    ) -> Option<()> {
        let (first, rest) = parts.split_first()?;
        // A path goes through a list that has one element.
        if let (Type::List { element, .. }, Fact::Known(Value::List(items))) = (ty, &mut *at)
            && let [only] = &mut items[..]
        {
            let mut inside = Fact::Known(only.clone());
            let done = self.set(&mut inside, element, parts, fact, path, report);
            if let Fact::Known(value) = inside {
                *only = value;
            }
            return done;
        }
        let (Type::Group(group), Fact::Known(Value::Group(facts))) = (ty, at) else {
            report.add(fault::no_way(first.span));
            return None;
        };
        let Some(i) = group.fields.iter().position(|f| f.name == first.text) else {
            report.add(unknown(first, "字段", "field", group.fields.iter().map(|f| f.name.as_str())));
            return None;
        };
        path.push(first.text.clone());
        let field = &group.fields[i];
        let done = if rest.is_empty() {
            facts[i] = self.fact(fact, &field.ty, field.optional, path, first.span, report)?;
            Some(())
        } else {
            self.set(&mut facts[i], &field.ty, rest, fact, path, report)
        };
        path.pop();
        done
    }

    pub(super) fn fact(
        &self,
        fact: &FactExpr,
        ty: &Type,
        optional: bool,
        path: &mut Vec<String>,
        span: Span,
        report: &mut Report,
    ) -> Option<Fact> {
        let value = match (fact, ty) {
            (FactExpr::Absent(at), _) | (FactExpr::Unknown(at), _) if !optional => {
                report.add(fault::required(*at));
                return None;
            }
            (FactExpr::Absent(_), _) => return Some(Fact::Absent),
            (FactExpr::Unknown(_), _) => return Some(Fact::Unknown),
            (FactExpr::Value(e), _) => self.literal(e, ty, report)?,
            (FactExpr::MonthDay(day), _) => self.month_day(day, ty, report)?,
            (FactExpr::Group(given, at), Type::Group(group)) => {
                let mut facts = Vec::new();
                for (name, _) in given {
                    if group.fields.iter().all(|f| f.name != name.text) {
                        report.add(unknown(name, "字段", "field", group.fields.iter().map(|f| f.name.as_str())));
                        return None;
                    }
                }
                for field in &group.fields {
                    path.push(field.name.clone());
                    let fact = match given.iter().rfind(|(n, _)| n.text == field.name) {
                        Some((name, f)) => self.fact(f, &field.ty, field.optional, path, name.span, report)?,
                        None if field.optional => Fact::Absent,
                        None => self.left_out(&field.ty, path, *at, report)?,
                    };
                    path.pop();
                    facts.push(fact);
                }
                Value::Group(facts)
            }
            (FactExpr::List(items, _), Type::List { element, max }) => {
                let mut values = Vec::new();
                for item in items {
                    if let FactExpr::Months(months) = item {
                        let room = (*max as usize).saturating_sub(values.len());
                        values.extend(self.months(months, room, element, path, report)?);
                        continue;
                    }
                    match self.fact(item, element, false, path, span, report)? {
                        Fact::Known(v) => values.push(v),
                        Fact::Absent | Fact::Unknown => return None,
                    }
                }
                Value::List(values)
            }
            (FactExpr::Group(_, at) | FactExpr::List(_, at) | FactExpr::Months(FactMonths { span: at, .. }), _) => {
                report.add(fault::wanted(*at, ty));
                return None;
            }
        };
        if let Err(misfit) = schema::check_value(ty, &value) {
            report.add(fault::bad(
                span,
                format!("{}{}", misfit.path, misfit.reason.zh()),
                format!("{} {}", misfit.path, misfit.reason.en()).trim_start().to_owned(),
            ));
            return None;
        }
        Some(Fact::Known(value))
    }

    fn literal(&self, e: &ast::Expr, ty: &Type, report: &mut Report) -> Option<Value> {
        let value = match (&e.kind, ty) {
            (ExprKind::Literal(LiteralKind::Boolean(b)), Type::Boolean) => Some(Value::Boolean(*b)),
            (ExprKind::Literal(literal), ty) if is_number(ty) => word_as(literal, ty).map(Value::Integer),
            (ExprKind::Literal(LiteralKind::Date(y, m, d)), Type::Date) => Date::new(*y, *m, *d).map(Value::Date),
            (ExprKind::Literal(LiteralKind::Month(y, m)), Type::Month) => YearMonth::new(*y, *m).map(Value::Month),
            (ExprKind::Literal(LiteralKind::Text(t)), Type::Text { .. } | Type::Identifier(_)) => {
                Some(Value::Text(t.clone()))
            }
            (ExprKind::Path(p), Type::Enum(of)) => match &p.parts[..] {
                [name] => variant(of, name),
                [of_name, name] if of_name.text == name_and_version(&of.name).0 => variant(of, name),
                _ => None,
            },
            _ => None,
        };
        if value.is_none() {
            report.add(fault::wanted(e.span, ty));
        }
        value
    }

    /// A required field that was not written: neutral if the policy does not read it.
    fn left_out(&self, ty: &Type, path: &[String], span: Span, report: &mut Report) -> Option<Fact> {
        let dotted = path.join(".");
        let evidence = self.policy.evidence.iter().find(|e| e.root == self.root);
        let read = evidence.is_some_and(|e| self.policy.reads_field(&e.schema.name, &dotted));
        match neutral(ty) {
            Some(value) if !read => Some(Fact::Known(value)),
            _ => {
                report.add(fault::lacks_field(span, &dotted, ty));
                None
            }
        }
    }
}

fn variant(of: &guiju_runtime::value::EnumType, name: &ast::Name) -> Option<Value> {
    let index = of.variants.iter().position(|(v, _)| *v == name.text)?;
    u16::try_from(index).ok().map(Value::Enum)
}

fn expected(policy: &Policy, e: &Expectation, report: &mut Report) -> Option<Expected> {
    Some(match e {
        Expectation::Outcome(name, value) => {
            let Some(outcome) = policy.outcomes.iter().position(|o| o.name == name.text) else {
                report.add(unknown(name, "结论", "outcome", policy.outcomes.iter().map(|o| o.name.as_str())));
                return None;
            };
            let values = &policy.outcomes[outcome].values;
            let value = match value {
                None => None,
                Some(v) => match values.iter().position(|x| *x == v.text) {
                    Some(i) => Some(i as u16),
                    None => {
                        report.add(unknown(v, "结论值", "value of the outcome", values.iter().map(String::as_str)));
                        return None;
                    }
                },
            };
            Expected::Outcome(outcome, value)
        }
        Expectation::Reason(text, span) => {
            let mut known = policy.outcomes.iter().flat_map(|o| &o.arms).filter_map(|a| a.reason.as_deref());
            if !known.clone().any(|reason| reason == text) {
                report.add(fault::no_such_reason(*span, text, &mut known));
                return None;
            }
            Expected::Reason(text.clone())
        }
        Expectation::Missing(names, _) => {
            for name in names {
                if policy.evidence.iter().all(|e| e.name != name.text) {
                    report.add(unknown(name, "取证", "evidence", policy.evidence.iter().map(|e| e.name.as_str())));
                    return None;
                }
            }
            let mut names: Vec<String> = names.iter().map(|n| n.text.clone()).collect();
            names.sort();
            Expected::Missing(names)
        }
    })
}
