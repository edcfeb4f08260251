//! From checked expressions to diagrams: definitions are opened with their exceptions and precedence, tables row by row,
//! `如果` by its condition. Invariant: on every input that is wholly known, the leaf that the input leads to has the word
//! the interpreter would compute, for some value of the terms that were not opened. Must not know: what the guards guard.

use super::diagram::{Leaf, Memo, NodeId, Spent, Store, TermId, VarId};
use super::term::{Source, Term, Terms, reach};
use super::{DEFINITION_STEPS_MAX, Pin, VARIABLES_MAX};
use crate::ast::{Compare, Function, Quantifier};
use crate::check::exceptions::siblings;
use crate::check::facts::mirror;
use crate::typed::{
    Access, Arithmetic, Body, Constant, Definition, Exception, Node, Policy, Quantified, Start, TypedExpr,
};
use guiju_runtime::date::Date;
use guiju_runtime::number;
use guiju_runtime::value::Type;
use std::collections::BTreeMap;

pub(super) type Built = Result<NodeId, Spent>;

/// What two leaves are combined by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pairing {
    Equal,
    Less,
    AtMost,
    Add,
    Subtract,
    Multiply,
}

/// Opens the expressions of one policy.
pub(crate) struct Opener<'a> {
    pub(super) policy: &'a Policy,
    pub(super) store: Store,
    pub(super) terms: Terms,
    /// What each variable is: a term, or the difference of two.
    pub(super) variables: Vec<(TermId, Option<TermId>)>,
    ids: BTreeMap<(TermId, Option<TermId>), VarId>,
    memos: BTreeMap<Pairing, Memo>,
    /// Texts compared with, numbered in order of arrival.
    pub(super) texts: Vec<String>,
    opened: Vec<NodeId>,
}

impl<'a> Opener<'a> {
    /// Opens expressions of this policy.
    pub(super) fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            store: Store::new(),
            terms: Terms::default(),
            variables: Vec::new(),
            ids: BTreeMap::new(),
            memos: BTreeMap::new(),
            texts: Vec::new(),
            opened: Vec::new(),
        }
    }

    /// The diagram of an expression's value. Definitions before it are opened first, so that recursion is no deeper than
    /// one expression nests.
    pub(super) fn open(&mut self, e: &TypedExpr) -> Built {
        self.open_definitions(e)?;
        self.value(e)
    }

    /// The diagram of where an expression has a word.
    pub(super) fn equals(&mut self, e: &TypedExpr, word: i64) -> Built {
        let value = self.open(e)?;
        if e.ty == Type::Boolean {
            return if word != 0 { Ok(value) } else { self.store.not(value) };
        }
        let word = self.store.leaf(Leaf::word(word));
        self.compare(Compare::Equal, value, word)
    }

    /// Where a diagram is true while its terms are what they are pinned to.
    pub(super) fn pin(&mut self, node: NodeId, pin: &dyn Fn(&Source) -> Option<Pin>) -> Built {
        let mut terms = std::collections::BTreeSet::new();
        for v in self.store.support(node) {
            let (term, other) = self.variables[v.0 as usize];
            terms.insert(term);
            terms.extend(other);
        }
        let mut all = node;
        for term in terms {
            let word = match pin(&self.terms.get(term).source) {
                None => continue,
                Some(Pin::Word(word)) => word,
                Some(Pin::Text(text)) => self.text(&text),
            };
            let variable = self.variable(term, None)?;
            let here = self.store.within(variable, &[(word, word)]);
            all = self.store.and(all, here)?;
        }
        Ok(all)
    }

    /// The diagram of the condition under which exception `k` of a definition decides: its guard and its parents'.
    pub(super) fn applies(&mut self, exceptions: &[Exception], k: usize) -> Built {
        let mut all = self.open(&exceptions[k].guard)?;
        let mut at = exceptions[k].of;
        while let Some(p) = at {
            let guard = self.open(&exceptions[p].guard)?;
            all = self.store.and(all, guard)?;
            at = exceptions[p].of;
        }
        Ok(all)
    }

    /// The diagram of where exceptions `i` and `j` have different consequences, each with its own exceptions.
    pub(super) fn consequences_differ(&mut self, definition: &Definition, i: usize, j: usize) -> Built {
        let Body::Value { exceptions, .. } = &definition.body else { return Ok(Store::FALSE) };
        for e in exceptions {
            self.open_definitions(&e.guard)?;
            self.open_definitions(&e.value)?;
        }
        let (a, b) = (self.value(&exceptions[i].value)?, self.value(&exceptions[j].value)?);
        let a = self.chain(exceptions, Some(i), a, &mut |o, e| o.value(e))?;
        let b = self.chain(exceptions, Some(j), b, &mut |o, e| o.value(e))?;
        let differ = self.compare(Compare::NotEqual, a, b)?;
        if !definition.optional {
            return Ok(differ);
        }
        let (a, b) = (self.present(&exceptions[i].value)?, self.present(&exceptions[j].value)?);
        let a = self.chain(exceptions, Some(i), a, &mut |o, e| o.present(e))?;
        let b = self.chain(exceptions, Some(j), b, &mut |o, e| o.present(e))?;
        let both = self.store.and(a, b)?;
        let differ = self.store.and(both, differ)?;
        let one = self.compare(Compare::NotEqual, a, b)?;
        self.store.or(one, differ)
    }

    /// The diagram of a definition.
    pub(super) fn definition(&mut self, index: usize) -> Built {
        while self.opened.len() <= index {
            let next = self.opened.len();
            let left = self.store.allow(0);
            let grant = left.min(DEFINITION_STEPS_MAX);
            self.store.allow(grant);
            let body = self.body(next);
            let unused = self.store.allow(0);
            self.store.allow(left.saturating_sub(grant - unused));
            let node = match body {
                Ok(node) => node,
                // Too intricate to open: whatever it yields is possible.
                Err(Spent) => self.shut(next)?,
            };
            self.opened.push(node);
        }
        Ok(self.opened[index])
    }

    fn open_definitions(&mut self, e: &TypedExpr) -> Result<(), Spent> {
        let mut todo = vec![e];
        let mut last = None;
        while let Some(next) = todo.pop() {
            if let Node::Definition(index, _) = &next.node {
                last = last.max(Some(*index));
            }
            todo.extend(next.parts());
        }
        if let Some(index) = last {
            self.definition(index)?;
        }
        Ok(())
    }

    fn body(&mut self, index: usize) -> Built {
        let policy = self.policy;
        let definition = &policy.definitions[index];
        match &definition.body {
            Body::Value { base, exceptions } => {
                let base = self.value(base)?;
                self.chain(exceptions, None, base, &mut |o, e| o.value(e))
            }
            Body::Table { hit, columns, rows, empty, .. } => {
                self.table(*hit, columns, rows, empty.as_ref(), &definition.ty)
            }
        }
    }

    /// A definition as a term of its own.
    fn shut(&mut self, index: usize) -> Built {
        let definition = &self.policy.definitions[index];
        let whole = TypedExpr {
            node: Node::Definition(index, definition.name.clone()),
            ty: definition.ty.clone(),
            optional: definition.optional,
            span: definition.span,
        };
        self.opaque(&whole)
    }

    /// The siblings that are exceptions to `parent`, over what holds without them.
    fn chain(
        &mut self,
        exceptions: &[Exception],
        parent: Option<usize>,
        without: NodeId,
        of: &mut dyn FnMut(&mut Self, &TypedExpr) -> Built,
    ) -> Built {
        let mut result = without;
        for k in siblings(exceptions, parent).into_iter().rev() {
            let own = of(self, &exceptions[k].value)?;
            let value = self.chain(exceptions, Some(k), own, of)?;
            let guard = self.value(&exceptions[k].guard)?;
            result = self.store.choose(guard, value, result)?;
        }
        Ok(result)
    }

    pub(super) fn value(&mut self, e: &TypedExpr) -> Built {
        self.store.step()?;
        Ok(match &e.node {
            Node::Constant(Constant::Word(w)) => self.store.leaf(Leaf::word(*w)),
            Node::Constant(Constant::Text(t)) => {
                let word = self.text(t);
                self.store.leaf(Leaf::word(word))
            }
            Node::Load(_) => self.term(e, Source::Path(e.clone()))?,
            Node::Definition(index, _) => self.definition(*index)?,
            Node::Not(a) => {
                let a = self.value(a)?;
                self.store.not(a)?
            }
            Node::And(a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.store.and(a, b)?
            }
            Node::Or(a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.store.or(a, b)?
            }
            Node::If(c, a, b) => {
                let (c, a, b) = (self.value(c)?, self.value(a)?, self.value(b)?);
                self.store.choose(c, a, b)?
            }
            Node::Scale(a, digits) => {
                let by = self.store.leaf(Leaf::word(number::power(*digits).ok_or(Spent)?));
                let a = self.value(a)?;
                self.pair(Pairing::Multiply, a, by)?
            }
            Node::Compare(op, a, b) => self.comparison(*op, a, b)?,
            Node::In(a, list) => {
                let a = self.value(a)?;
                let mut any = Store::FALSE;
                for item in list {
                    let item = self.value(item)?;
                    let same = self.compare(Compare::Equal, a, item)?;
                    any = self.store.or(any, same)?;
                }
                any
            }
            Node::Convert(a, mapping) => self.converted(a, mapping)?,
            Node::Present(a) => self.present(a)?,
            Node::PresentBinding(access) => self.presence(access)?,
            Node::Default(a, b) => {
                let (there, a, b) = (self.present(a)?, self.value(a)?, self.value(b)?);
                self.store.choose(there, a, b)?
            }
            Node::Arithmetic(op, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                let op = match op {
                    Arithmetic::Add => Pairing::Add,
                    Arithmetic::Subtract => Pairing::Subtract,
                    Arithmetic::Multiply => Pairing::Multiply,
                };
                self.pair(op, a, b)?
            }
            Node::Call(Function::MonthsBetween | Function::DaysBetween, args) if args.len() == 2 => {
                let (early, late) = (self.value(&args[0])?, self.value(&args[1])?);
                self.pair(Pairing::Subtract, late, early)?
            }
            Node::Quantified(q) => self.quantified(e, q)?,
            _ => self.opaque(e)?,
        })
    }

    pub(super) fn compare(&mut self, op: Compare, a: NodeId, b: NodeId) -> Built {
        match op {
            Compare::Equal => self.pair(Pairing::Equal, a, b),
            Compare::Less => self.pair(Pairing::Less, a, b),
            Compare::AtMost => self.pair(Pairing::AtMost, a, b),
            Compare::Greater => self.pair(Pairing::Less, b, a),
            Compare::AtLeast => self.pair(Pairing::AtMost, b, a),
            Compare::NotEqual => {
                let same = self.pair(Pairing::Equal, a, b)?;
                self.store.not(same)
            }
        }
    }

    /// Where two diagrams have one value.
    pub(super) fn same(&mut self, a: NodeId, b: NodeId) -> Built {
        self.pair(Pairing::Equal, a, b)
    }

    /// Where the first diagram's value is less.
    pub(super) fn less(&mut self, a: NodeId, b: NodeId) -> Built {
        self.pair(Pairing::Less, a, b)
    }

    pub(super) fn pair(&mut self, pairing: Pairing, a: NodeId, b: NodeId) -> Built {
        let mut memo = self.memos.remove(&pairing).unwrap_or_default();
        // The store is lent to the walk, so the rest of the opener is split off it.
        let mut store = std::mem::replace(&mut self.store, Store::new());
        let made = store.combine(a, b, &mut memo, &mut |store, x, y| {
            std::mem::swap(&mut self.store, store);
            let made = self.leaves(pairing, x, y);
            std::mem::swap(&mut self.store, store);
            made
        });
        self.store = store;
        self.memos.insert(pairing, memo);
        made
    }

    fn leaves(&mut self, pairing: Pairing, x: Leaf, y: Leaf) -> Built {
        match pairing {
            Pairing::Equal => self.test(Compare::Equal, x, y),
            Pairing::Less => self.test(Compare::Less, x, y),
            Pairing::AtMost => self.test(Compare::AtMost, x, y),
            Pairing::Add => {
                let negated = y.offset.checked_neg().map(|offset| Leaf { plus: y.minus, minus: y.plus, offset });
                self.sum("Add", x, y, negated.and_then(|n| difference(x, n)))
            }
            Pairing::Subtract => self.sum("Subtract", x, y, difference(x, y)),
            Pairing::Multiply => {
                let made = match (x.constant(), y.constant()) {
                    (Some(a), Some(b)) => a.checked_mul(b).map(Leaf::word),
                    (Some(0), _) | (_, Some(0)) => Some(Leaf::word(0)),
                    (Some(1), _) => Some(y),
                    (_, Some(1)) => Some(x),
                    _ => None,
                };
                self.sum("Multiply", x, y, made)
            }
        }
    }

    fn sum(&mut self, op: &str, x: Leaf, y: Leaf, made: Option<Leaf>) -> Built {
        let leaf = match made {
            Some(leaf) => leaf,
            None => Leaf::term(self.form(format!("({op} {} {})", self.leaf_key(x), self.leaf_key(y)))),
        };
        Ok(self.store.leaf(leaf))
    }

    /// `x op y` as a test of one variable.
    fn test(&mut self, op: Compare, x: Leaf, y: Leaf) -> Built {
        let form = match difference(x, y) {
            Some(form) => form,
            None => {
                let (a, b) = (self.form(self.leaf_key(x)), self.form(self.leaf_key(y)));
                Leaf { plus: Some(a), minus: Some(b), offset: 0 }
            }
        };
        let Some(bound) = form.offset.checked_neg() else { return Err(Spent) };
        let (term, other, op, word) = match (form.plus, form.minus) {
            (None, None) => return Ok(Store::truth(holds(op, form.offset, 0))),
            (Some(p), None) => (p, None, op, bound),
            (None, Some(m)) => (m, None, mirror(op), form.offset),
            (Some(p), Some(m)) if p < m => (p, Some(m), op, bound),
            (Some(p), Some(m)) => (m, Some(p), mirror(op), form.offset),
        };
        let variable = self.variable(term, other)?;
        let (low, high) = self.store.bounds(variable);
        let (below, above) = ((low, word.saturating_sub(1)), (word.saturating_add(1), high));
        let parts = match op {
            Compare::Equal => vec![(word, word)],
            Compare::NotEqual => vec![below, above],
            Compare::Less => vec![below],
            Compare::AtMost => vec![(low, word)],
            Compare::Greater => vec![above],
            Compare::AtLeast => vec![(word, high)],
        };
        self.store.step()?;
        Ok(self.store.within(variable, &parts))
    }

    fn leaf_key(&self, leaf: Leaf) -> String {
        let name = |t: Option<TermId>| t.map_or_else(String::new, |t| self.terms.get(t).key.clone());
        match (leaf.plus, leaf.minus, leaf.offset) {
            (Some(_), None, 0) => name(leaf.plus),
            _ => format!("[{} - {} + {}]", name(leaf.plus), name(leaf.minus), leaf.offset),
        }
    }

    fn form(&mut self, key: String) -> TermId {
        self.terms.intern(Term { key, low: i64::MIN, high: i64::MAX, source: Source::Form })
    }

    fn variable(&mut self, term: TermId, other: Option<TermId>) -> Result<VarId, Spent> {
        if let Some(known) = self.ids.get(&(term, other)) {
            return Ok(*known);
        }
        if self.variables.len() >= VARIABLES_MAX {
            return Err(Spent);
        }
        let (low, high) = (self.terms.get(term).low, self.terms.get(term).high);
        let (low, high) = match other {
            None => (low, high),
            Some(o) => {
                let o = self.terms.get(o);
                (low.saturating_sub(o.high), high.saturating_sub(o.low))
            }
        };
        let id = self.store.variable(low, high);
        self.variables.push((term, other));
        self.ids.insert((term, other), id);
        Ok(id)
    }

    /// A value that is not opened: truths as a test of their own, others as a leaf.
    fn term(&mut self, e: &TypedExpr, source: Source) -> Built {
        let policy = self.policy;
        let (mut low, mut high) = reach(e, &|i| policy.definitions.get(i).map(|d| d.ty.clone()));
        if let Node::Load(Access { start: Start::AsOf, .. }) = &e.node {
            low = i64::from(policy.effective_from.days());
            high = i64::from(policy.effective_to.unwrap_or(Date::MAX).days());
        }
        let key = match &source {
            Source::Count(q, satisfied) => count_key(q, *satisfied),
            _ => e.canonical(),
        };
        let count = matches!(source, Source::Count(..));
        if count {
            (low, high) = (0, source_max(&source));
        }
        let term = self.terms.intern(Term { key, low, high, source });
        if e.ty == Type::Boolean && !count {
            let variable = self.variable(term, None)?;
            return Ok(self.store.within(variable, &[(1, 1)]));
        }
        Ok(self.store.leaf(Leaf::term(term)))
    }

    fn opaque(&mut self, e: &TypedExpr) -> Built {
        self.term(e, Source::Opaque(e.clone()))
    }

    fn quantified(&mut self, e: &TypedExpr, q: &Quantified) -> Built {
        let inner = match q.quantifier {
            Quantifier::Exists | Quantifier::All => {
                let satisfied = q.quantifier == Quantifier::Exists;
                let count = self.term(e, Source::Count(Box::new(q.clone()), satisfied))?;
                let none = self.store.leaf(Leaf::word(0));
                let op = if satisfied { Compare::NotEqual } else { Compare::Equal };
                self.compare(op, count, none)?
            }
            Quantifier::Count => self.term(e, Source::Count(Box::new(q.clone()), true))?,
            _ => self.opaque(e)?,
        };
        let there = self.presence(&q.list)?;
        if there == Store::TRUE || !q.absent_is_empty {
            return Ok(inner);
        }
        let empty = match (q.quantifier, &q.empty) {
            (Quantifier::All, _) => Store::TRUE,
            (Quantifier::Max | Quantifier::Min, Some(d)) => self.value(d)?,
            _ => Store::FALSE,
        };
        self.store.choose(there, inner, empty)
    }

    /// Where an expression is present.
    fn present(&mut self, e: &TypedExpr) -> Built {
        match &e.node {
            Node::Load(access) => self.presence(access),
            Node::If(c, a, b) => {
                let (c, a, b) = (self.value(c)?, self.present(a)?, self.present(b)?);
                self.store.choose(c, a, b)
            }
            Node::Default(a, b) => {
                let (a, b) = (self.present(a)?, self.present(b)?);
                self.store.or(a, b)
            }
            Node::Definition(index, _) => {
                let policy = self.policy;
                match policy.definitions.get(*index) {
                    Some(d) if !d.optional => Ok(Store::TRUE),
                    Some(d) => match &d.body {
                        Body::Value { base, exceptions } => {
                            let base = self.present(base)?;
                            self.chain(exceptions, None, base, &mut |o, e| o.present(e))
                        }
                        Body::Table { .. } => Ok(Store::TRUE),
                    },
                    None => Err(Spent),
                }
            }
            _ if e.optional => {
                let there = TypedExpr {
                    node: Node::Present(Box::new(e.clone())),
                    ty: Type::Boolean,
                    optional: false,
                    span: e.span,
                };
                self.opaque(&there)
            }
            _ => Ok(Store::TRUE),
        }
    }

    /// Where everything on a path is there.
    pub(super) fn presence(&mut self, access: &Access) -> Built {
        let optional = match access.start {
            Start::Evidence(i) => self.policy.evidence.get(i).is_some_and(|e| e.optional),
            Start::Input(i) => self.policy.inputs.get(i).is_some_and(|i| i.optional),
            Start::AsOf | Start::Variable(_) => false,
        };
        let mut all = if optional { self.there(access, 0)? } else { Store::TRUE };
        let mut ty = &access.start_ty;
        for (k, index) in access.fields.iter().enumerate() {
            let Type::Group(group) = ty else { break };
            let Some(field) = group.fields.get(*index) else { break };
            if field.optional {
                let here = self.there(access, k + 1)?;
                all = self.store.and(all, here)?;
            }
            ty = &field.ty;
        }
        Ok(all)
    }

    fn there(&mut self, access: &Access, fields: usize) -> Built {
        let prefix: Vec<&str> = access.path.split('.').take(fields + 1).collect();
        let key = format!("present:{}", prefix.join("."));
        let source = Source::Presence(access.clone(), fields);
        let term = self.terms.intern(Term { key, low: 0, high: 1, source });
        let variable = self.variable(term, None)?;
        Ok(self.store.within(variable, &[(1, 1)]))
    }

    fn text(&mut self, text: &str) -> i64 {
        let at = self.texts.iter().position(|t| t == text).unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        at as i64
    }
}

/// `x - y`, if a leaf can hold it.
fn difference(x: Leaf, y: Leaf) -> Option<Leaf> {
    let offset = x.offset.checked_sub(y.offset)?;
    let mut plus: Vec<TermId> = [x.plus, y.minus].into_iter().flatten().collect();
    let mut minus: Vec<TermId> = [x.minus, y.plus].into_iter().flatten().collect();
    plus.retain(|t| match minus.iter().position(|m| m == t) {
        Some(at) => {
            minus.remove(at);
            false
        }
        None => true,
    });
    let single = |all: &[TermId]| (all.len() <= 1).then(|| all.first().copied());
    Some(Leaf { plus: single(&plus)?, minus: single(&minus)?, offset })
}

fn holds(op: Compare, x: i64, y: i64) -> bool {
    match op {
        Compare::Equal => x == y,
        Compare::NotEqual => x != y,
        Compare::Less => x < y,
        Compare::AtMost => x <= y,
        Compare::Greater => x > y,
        Compare::AtLeast => x >= y,
    }
}

/// A count's identity is its list and its condition, whether it was written as a count, `存在` or `所有`.
fn count_key(q: &Quantified, satisfied: bool) -> String {
    let condition = q.condition.as_ref().map_or_else(String::new, TypedExpr::canonical);
    format!("count {satisfied} {} {} {} {condition}", q.variable, q.depth, q.list.path)
}

fn source_max(source: &Source) -> i64 {
    match source {
        Source::Count(q, _) => i64::from(q.max),
        _ => i64::MAX,
    }
}
