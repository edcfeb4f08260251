//! Information flow: what every value and guard depends on, and what an answer can tell. Invariant: dependence is never
//! under-stated: values, guards, presence and the keys by which evidence was found all count.
//! Must not know: lowering, the ledger.

use super::bits::millibits_of;
use super::report::Report;
use crate::ast::ClassWord;
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{Access, Body, Key, Node, Policy, Start, TypedExpr, Written};
use guiju_runtime::value::{Class, GroupType, Type};
use std::collections::BTreeSet;

/// What something depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependence {
    /// Inputs.
    pub(crate) inputs: BTreeSet<usize>,
    /// Evidence, and what its keys depend on.
    pub(crate) evidence: BTreeSet<usize>,
    /// Sealed fields read: evidence and path.
    pub(crate) fields: BTreeSet<(usize, Vec<usize>)>,
    /// Definitions, transitively.
    pub(crate) definitions: BTreeSet<usize>,
    /// Highest class.
    pub(crate) class: Option<ClassWord>,
    /// Inputs that do more than find evidence.
    pub(crate) direct: BTreeSet<usize>,
    /// Inputs that flow into the value itself, but for truth values and enums, whose few values are counted apart.
    pub(crate) chosen: BTreeSet<usize>,
}

impl Dependence {
    /// The class, public if nothing is read.
    pub(crate) fn class(&self) -> ClassWord {
        self.class.unwrap_or(ClassWord::Public)
    }

    /// Whether anything read is not public.
    pub(crate) fn is_secret(&self) -> bool {
        self.class() > ClassWord::Public
    }

    fn add(&mut self, other: &Self) {
        self.direct.extend(&other.direct);
        self.inputs.extend(&other.inputs);
        self.evidence.extend(&other.evidence);
        self.fields.extend(other.fields.iter().cloned());
        self.definitions.extend(&other.definitions);
        self.class = self.class.max(other.class);
    }
}

/// Dependence of every part of a policy.
pub(crate) struct Flow {
    /// Of evidence, through keys.
    pub(crate) evidence: Vec<Dependence>,
    /// Of definitions.
    pub(crate) definitions: Vec<Dependence>,
    /// Evidence from open registers, such as the calendar of holidays.
    open: BTreeSet<usize>,
}

/// Whether all that a record holds is public.
fn all_public(group: &GroupType) -> bool {
    group.fields.iter().all(|field| match &field.ty {
        Type::Group(inside) => all_public(inside),
        Type::List { element, .. } => match &**element {
            Type::Group(inside) => all_public(inside),
            _ => field.class == Some(Class::Public),
        },
        _ => field.class == Some(Class::Public),
    })
}

impl Flow {
    /// Works out dependence of evidence and definitions, in order.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut flow = Self { evidence: Vec::new(), definitions: Vec::new(), open: BTreeSet::new() };
        for (i, e) in policy.evidence.iter().enumerate() {
            let mut d = Dependence::default();
            for key in &e.keys {
                match key {
                    Key::One(x) => d.add(&flow.expr(x)),
                    Key::Each { list, filter, value, .. } => {
                        d.add(&flow.access(list));
                        d.add(&flow.expr(value));
                        if let Some(f) = filter {
                            d.add(&flow.expr(f));
                        }
                    }
                }
            }
            // A record whose every field is public, found by what the published text says: there is nothing to find out.
            let fixed = d.inputs.is_empty() && d.evidence.is_empty();
            d.evidence.insert(i);
            // A key names whom the question is about.
            d.direct.clear();
            if fixed && all_public(&e.schema.group) {
                flow.open.insert(i);
            } else {
                // Whether a record exists is itself told.
                d.class = d.class.max(Some(ClassWord::ResultOnly));
            }
            flow.evidence.push(d);
        }
        for (i, definition) in policy.definitions.iter().enumerate() {
            let mut d = Dependence::default();
            match &definition.body {
                Body::Value { base, exceptions } => {
                    flow.value_into(&mut d, base);
                    for e in exceptions {
                        d.add(&flow.expr(&e.guard));
                        flow.value_into(&mut d, &e.value);
                    }
                }
                Body::Table { columns, rows, empty, .. } => {
                    columns.iter().for_each(|c| d.add(&flow.expr(c)));
                    rows.iter().map(|r| &r.value).chain(empty).for_each(|v| flow.value_into(&mut d, v));
                }
            }
            d.definitions.insert(i);
            if definition.ty == Type::Boolean {
                d.chosen.clear();
            }
            flow.definitions.push(d);
        }
        flow
    }

    fn value_into(&self, d: &mut Dependence, value: &TypedExpr) {
        let v = self.expr(value);
        d.add(&v);
        d.chosen.extend(&v.chosen);
    }

    fn access(&self, access: &Access) -> Dependence {
        let mut d = Dependence::default();
        if let Start::Input(i) = access.start {
            d.inputs.insert(i);
            d.direct.insert(i);
        }
        if let Some((e, path)) = &access.reads {
            if let Some(of) = self.evidence.get(*e) {
                d.add(of);
            }
            d.evidence.insert(*e);
            if !path.is_empty() {
                d.fields.insert((*e, path.clone()));
            }
            // Of an open register nothing is guarded; of any other the existence of a record is, whatever its field's class.
            if !self.open.contains(e) {
                d.class = d.class.max(Some(access.class.max(ClassWord::ResultOnly)));
            }
        }
        d
    }

    /// What an expression depends on.
    pub(crate) fn expr(&self, expr: &TypedExpr) -> Dependence {
        let mut d = Dependence::default();
        match &expr.node {
            Node::Load(a) | Node::PresentBinding(a) => {
                d = self.access(a);
                if let Start::Input(i) = a.start
                    && !matches!(expr.ty, Type::Enum(_) | Type::Boolean)
                {
                    d.chosen.insert(i);
                }
            }
            Node::Definition(i, _) => {
                if let Some(of) = self.definitions.get(*i) {
                    d.add(of);
                    d.chosen = of.chosen.clone();
                }
            }
            Node::If(c, a, b) => {
                d.add(&self.expr(c));
                self.value_into(&mut d, a);
                self.value_into(&mut d, b);
            }
            Node::Quantified(q) => {
                d.add(&self.access(&q.list));
                if let Some(c) = &q.condition {
                    d.add(&self.expr(c));
                }
                for v in [&q.value, &q.empty].into_iter().flatten() {
                    self.value_into(&mut d, v);
                }
            }
            _ => {
                for part in expr.parts() {
                    self.value_into(&mut d, part);
                }
            }
        }
        if expr.ty == Type::Boolean {
            d.chosen.clear();
        }
        d
    }
}

/// Checks releases, and fills in computed bits.
pub(crate) fn check(policy: &mut Policy, flow: &Flow, report: &mut Report) {
    let outcomes: Vec<Dependence> = (0..policy.outcomes.len()).map(|i| of_outcome(policy, i, flow)).collect();
    for (i, d) in outcomes.iter().enumerate() {
        let outcome = &policy.outcomes[i];
        if d.class() > ClassWord::Public && policy.releases.iter().all(|r| r.outcome != i) {
            report.add(
                Diagnostic::new(
                    Code::NoRelease,
                    outcome.span,
                    format!("结论 `{}` 依据不公开的数据，却没有写公开什么", outcome.name),
                    format!(
                        "outcome `{}` depends on data that is not public, but nothing says what is released",
                        outcome.name
                    ),
                )
                .help(
                    format!("写上 `公开 {} 至多 … 比特`", outcome.name),
                    format!("add `release {} up to … bits`", outcome.name),
                ),
            );
        }
    }
    for k in 0..policy.releases.len() {
        let release = policy.releases[k].clone();
        let d = &outcomes[release.outcome];
        let outcome = &policy.outcomes[release.outcome];
        let answers = answers(policy, release.outcome, release.reasons, release.missing, d);
        let computed = millibits_of(answers);
        policy.releases[k].computed_millibits = computed;
        if computed > release.declared_millibits {
            report.add(
                Diagnostic::new(
                    Code::ReleaseTooSmall,
                    release.span,
                    format!(
                        "`{}` 的回答有 {answers} 种，可透露 {} 比特，多于声明的 {} 比特",
                        outcome.name,
                        show(computed),
                        show(release.declared_millibits)
                    ),
                    format!(
                        "answers to `{}` are of {answers} kinds and can tell {} bits, more than the declared {}",
                        outcome.name,
                        show(computed),
                        show(release.declared_millibits)
                    ),
                )
                .help(
                    format!("写 `至多 {} 比特`，或少公开一些", show(computed)),
                    format!("write `up to {} bits`, or release less", show(computed)),
                ),
            );
        }
    }
}

/// How many answers can be told apart.
fn answers(policy: &Policy, outcome: usize, reasons: bool, missing: bool, d: &Dependence) -> u64 {
    let arms = &policy.outcomes[outcome].arms;
    // A reason goes out with its citation.
    let known: BTreeSet<(usize, Option<_>)> = arms
        .iter()
        .map(|a| (a.value, reasons.then(|| (&a.reason, a.citation.as_ref().map(|c| (&c.source, &c.article))))))
        .collect();
    let unknowns = u32::try_from(d.evidence.len()).unwrap_or(u32::MAX);
    // Any record may be missing outside its declaration of completeness, so every binding can be unknown.
    let undetermined = match (unknowns, missing) {
        (0, _) => 0,
        (n, true) => (1u64 << n.min(32)) - 1,
        (_, false) => 1,
    };
    known.len() as u64 + undetermined
}

/// Millibits as bits, with three decimals at most.
pub(crate) fn show(millibits: u32) -> String {
    let text = format!("{}.{:03}", millibits / 1000, millibits % 1000);
    let cut = text.trim_end_matches('0');
    if cut.ends_with('.') { format!("{cut}0") } else { cut.to_owned() }
}

/// What an outcome depends on: every arm's guard tells on every answer.
pub(crate) fn of_outcome(policy: &Policy, outcome: usize, flow: &Flow) -> Dependence {
    let mut d = Dependence::default();
    for guard in policy.outcomes[outcome].arms.iter().filter_map(|a| a.guard.as_ref()) {
        d.add(&flow.expr(guard));
    }
    // An answer, not a refusal, confirms the as-of date that was claimed.
    if let Some((i, path)) = &policy.as_of {
        d.add(&flow.evidence[*i]);
        d.fields.insert((*i, path.clone()));
    }
    // A written value that is unknown leaves its outcome undetermined, so it counts.
    for write in policy.writes.iter().filter(|w| w.outcome == outcome) {
        write.fields.iter().for_each(|(_, w)| written(w, &mut |e| d.add(&flow.expr(e))));
        if let Some(i) = write.supersedes {
            d.add(&flow.evidence[i]);
        }
    }
    d
}

/// Visits the expressions of a written value.
pub(crate) fn written(value: &Written, visit: &mut dyn FnMut(&TypedExpr)) {
    match value {
        Written::Expr(e) => visit(e),
        Written::Absent => {}
        Written::Group(fields) => fields.iter().for_each(|(_, w)| written(w, visit)),
        Written::List(items) => items.iter().for_each(|w| written(w, visit)),
    }
}
