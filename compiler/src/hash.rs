//! Hashes of sources and of meaning. Owns the canonical text that meaning hashes are taken of.
//! Invariant: two policies hash alike exactly if they have the same names, structure, literals, citations, reasons and
//! releases and read the same schemas; layout, comments and keyword language never matter.
//! Must not know: the ledger, IR.

use crate::package::CitationText;
use crate::typed::{self, Body, Formula, Key, Written, show_type};
use guiju_runtime::value::{Field, GroupType, Schema, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// BLAKE3 of the bytes of a source.
pub fn source(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// A canonical text being hashed: every part is preceded by its length, so that no two sequences of parts agree.
struct Canon(blake3::Hasher);

impl Canon {
    fn new(kind: &str) -> Self {
        let mut canon = Self(blake3::Hasher::new_derive_key("guiju meaning 1"));
        canon.part(kind);
        canon
    }

    fn part(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, n: impl ToString) {
        self.part(&n.to_string());
    }

    fn parts<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a String>) {
        self.number(texts.len());
        texts.for_each(|t| self.part(t));
    }

    fn option(&mut self, text: Option<&str>) {
        match text {
            Some(t) => {
                self.part("some");
                self.part(t);
            }
            None => self.part("none"),
        }
    }

    fn citation(&mut self, c: Option<&CitationText>) {
        self.option(c.map(|c| c.source.as_str()));
        if let Some(c) = c {
            self.part(&c.article);
            self.option(c.note.as_deref());
        }
    }

    /// What something rests on: its own citation, and those of the formulas written out in it, of which nothing else is left.
    fn rests_on(&mut self, c: Option<&CitationText>, formulas: &[Arc<Formula>]) {
        self.citation(c);
        for formula in formulas {
            // No name or number begins so.
            self.part("@formula");
            self.part(&formula.name);
            self.citation(formula.citation.as_ref());
        }
    }

    fn ty(&mut self, ty: &Type) {
        match ty {
            Type::Enum(e) => {
                self.part("enum");
                self.part(&e.name);
                self.number(e.variants.len());
                for (name, code) in &e.variants {
                    self.part(name);
                    self.option(code.as_deref());
                }
            }
            Type::Group(g) => self.group(g),
            Type::List { element, max } => {
                self.part("list");
                self.number(max);
                self.ty(element);
            }
            scalar => self.part(&show_type(scalar)),
        }
    }

    fn group(&mut self, g: &GroupType) {
        self.part("group");
        self.part(&g.name);
        self.number(g.fields.len());
        g.fields.iter().for_each(|f| self.field(f));
        if let Some(term) = &g.term {
            self.part(&format!("{term:?}"));
        }
    }

    fn field(&mut self, f: &Field) {
        self.part(&f.name);
        self.number(f.optional);
        self.part(&format!("{:?}", f.class));
        self.ty(&f.ty);
    }

    fn finish(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// Meaning of a certificate type.
pub fn schema(s: &Schema) -> [u8; 32] {
    let mut c = Canon::new("schema");
    c.part(&s.name);
    c.part(&s.module);
    c.part(&s.owner);
    c.number(s.filed_under.len());
    s.filed_under.iter().for_each(|f| c.parts(f.iter()));
    c.option(s.complete_from.map(|d| d.to_string()).as_deref());
    c.group(&s.group);
    c.finish()
}

/// Meaning of a policy.
pub(crate) fn policy(p: &typed::Policy) -> [u8; 32] {
    let mut c = Canon::new("policy");
    c.part(&format!("{:?}", p.kind));
    c.part(&p.name);
    c.part(&p.module);
    c.number(p.version);
    c.parts(p.by.iter());
    c.part(&p.effective_from.to_string());
    c.option(p.effective_to.map(|d| d.to_string()).as_deref());
    if p.lapses {
        c.part("lapses");
    }
    c.part(&format!("{:?}", p.as_of));
    c.number(p.inputs.len());
    for i in &p.inputs {
        c.part(&i.name);
        c.number(i.optional);
        c.ty(&i.ty);
    }
    c.number(p.evidence.len());
    p.evidence.iter().for_each(|e| evidence(&mut c, e));
    c.number(p.definitions.len());
    p.definitions.iter().for_each(|d| definition(&mut c, d));
    c.number(p.outcomes.len());
    p.outcomes.iter().for_each(|o| outcome(&mut c, o));
    c.number(p.releases.len());
    for r in &p.releases {
        c.part(&p.outcomes[r.outcome].name);
        c.number(r.reasons);
        c.number(r.missing);
        c.number(r.declared_millibits);
    }
    c.number(p.writes.len());
    for w in &p.writes {
        c.part(&hex(&schema(&w.schema)));
        c.option(w.supersedes.map(|i| p.evidence[i].name.as_str()));
        c.part(&p.outcomes[w.outcome].name);
        c.part(&p.outcomes[w.outcome].values[w.value]);
        c.number(w.rest_kept);
        fields(&mut c, &w.fields);
    }
    c.finish()
}

fn evidence(c: &mut Canon, e: &typed::Evidence) {
    c.part(&e.name);
    c.part(&hex(&schema(&e.schema)));
    c.number(e.all);
    c.number(e.optional);
    c.number(e.max);
    c.parts(e.field.iter());
    c.number(e.keys.len());
    for key in &e.keys {
        match key {
            Key::One(x) => {
                c.part("one");
                c.part(&x.canonical());
            }
            Key::Each { list, filter, value, .. } => {
                c.part("each");
                c.part(&list.path);
                c.option(filter.as_ref().map(|f| f.canonical()).as_deref());
                c.part(&value.canonical());
            }
        }
    }
}

fn definition(c: &mut Canon, d: &typed::Definition) {
    c.part(&d.name);
    c.ty(&d.ty);
    c.number(d.optional);
    c.rests_on(d.citation.as_ref(), &d.formulas);
    match &d.body {
        Body::Value { base, exceptions } => {
            c.part("value");
            c.part(&base.canonical());
            c.number(exceptions.len());
            for e in exceptions {
                c.part(&e.label);
                c.option(e.of.map(|i| exceptions[i].label.as_str()));
                c.number(e.before.len());
                e.before.iter().for_each(|i| c.part(&exceptions[*i].label));
                c.part(&e.guard.canonical());
                c.part(&e.value.canonical());
                c.rests_on(e.citation.as_ref(), &e.formulas);
            }
        }
        Body::Table { hit, columns, rows, empty, .. } => {
            c.part(&format!("table {hit:?}"));
            if let Some(empty) = empty {
                c.part("empty");
                c.part(&empty.canonical());
            }
            c.number(columns.len());
            columns.iter().for_each(|x| c.part(&x.canonical()));
            c.number(rows.len());
            for row in rows {
                c.part(&format!("{:?}", row.cells));
                c.part(&row.value.canonical());
                c.rests_on(row.citation.as_ref(), &row.formulas);
            }
        }
    }
}

fn outcome(c: &mut Canon, o: &typed::Outcome) {
    c.part(&o.name);
    c.parts(o.values.iter());
    c.part(&format!("{:?}", o.hit));
    c.number(o.arms.len());
    for arm in &o.arms {
        c.part(&o.values[arm.value]);
        c.option(arm.guard.as_ref().map(typed::TypedExpr::canonical).as_deref());
        c.option(arm.reason.as_deref());
        c.rests_on(arm.citation.as_ref(), &arm.formulas);
    }
}

fn fields(c: &mut Canon, fields: &[(usize, Written)]) {
    c.number(fields.len());
    for (i, w) in fields {
        c.number(i);
        written(c, w);
    }
}

fn written(c: &mut Canon, w: &Written) {
    match w {
        Written::Expr(e) => {
            c.part("expr");
            c.part(&e.canonical());
        }
        Written::Absent => c.part("absent"),
        Written::Group(f) => {
            c.part("group");
            fields(c, f);
        }
        Written::List(items) => {
            c.part("list");
            c.number(items.len());
            items.iter().for_each(|w| written(c, w));
        }
    }
}

/// Meaning of a sharing policy.
pub(crate) fn sharing(s: &typed::Sharing) -> [u8; 32] {
    let mut c = Canon::new("sharing");
    c.part(&s.name);
    c.part(&s.module);
    c.part(&s.owner);
    c.part(&s.schema);
    c.number(s.clauses.len());
    for clause in &s.clauses {
        c.number(clause.permit);
        c.part(&clause.label);
        c.part(&format!("{:?}", clause.exchanges));
        c.parts(clause.to.iter());
        c.parts(clause.purposes.iter());
        c.part(&format!("{:?}", clause.limit.map(|l| (l.millibits_per_day, l.millibits_per_ninety_days))));
        c.number(clause.points);
        c.citation(clause.citation.as_ref());
    }
    c.finish()
}

/// Meaning of a formula. Policies that use it have it written out in theirs.
pub(crate) fn formula(f: &Formula) -> [u8; 32] {
    let mut c = Canon::new("formula");
    c.number(f.parameters.len());
    for parameter in &f.parameters {
        c.part(&parameter.name);
        c.number(parameter.optional);
        c.ty(&parameter.ty);
    }
    c.ty(&f.ty);
    c.part(&f.body.canonical());
    c.citation(f.citation.as_ref());
    c.finish()
}

/// Meaning of a mapping between code lists.
pub(crate) fn mapping(m: &typed::Mapping) -> [u8; 32] {
    let mut c = Canon::new("mapping");
    c.ty(&Type::Enum(m.from.clone()));
    c.ty(&Type::Enum(m.to.clone()));
    c.number(m.targets.len());
    m.targets.iter().for_each(|t| c.number(t));
    c.finish()
}

/// Meaning of a module: everything it declares and the schemas it imports, each under its name.
pub(crate) fn module(name: &str, types: &BTreeMap<String, Type>, parts: &BTreeMap<String, [u8; 32]>) -> [u8; 32] {
    let mut c = Canon::new("module");
    c.part(name);
    c.number(types.len());
    for (name, ty) in types {
        c.part(name);
        c.ty(ty);
    }
    c.number(parts.len());
    for (name, hash) in parts {
        c.part(name);
        c.part(&hex(hash));
    }
    c.finish()
}

/// A hash as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
