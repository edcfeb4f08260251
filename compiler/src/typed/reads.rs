//! What an expression reads of inputs and evidence, definitions opened. Owns the walk alone: the keys by which evidence is
//! found are no part of it. Invariant: an element of a list is read where its list lies. Must not know: classes, diagrams.

use super::{Access, Body, Definition, Node, Start, TypedExpr};
use guiju_runtime::value::{GroupType, Type};
use std::collections::BTreeSet;

/// What is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    /// Inputs.
    pub(crate) inputs: BTreeSet<usize>,
    /// Evidence and path in it; without a path, whether it is there or how many there are.
    pub(crate) fields: BTreeSet<(usize, Vec<usize>)>,
    opened: BTreeSet<usize>,
}

impl Reads {
    /// Adds what an expression reads, with the definitions it names.
    pub(crate) fn add(&mut self, expr: &TypedExpr, definitions: &[Definition]) {
        let mut todo = vec![expr];
        while let Some(next) = todo.pop() {
            match &next.node {
                Node::Load(access) | Node::PresentBinding(access) => self.place(access),
                Node::Quantified(q) => self.place(&q.list),
                Node::Definition(index, _) if self.opened.insert(*index) => {
                    todo.extend(definitions.get(*index).map(expressions).unwrap_or_default());
                }
                _ => {}
            }
            todo.extend(next.parts());
        }
    }

    /// Adds a place.
    pub(crate) fn place(&mut self, access: &Access) {
        if let Start::Input(i) = access.start {
            self.inputs.insert(i);
        }
        self.fields.extend(access.reads.clone());
    }
}

/// The expressions of a definition.
fn expressions(definition: &Definition) -> Vec<&TypedExpr> {
    match &definition.body {
        Body::Value { base, exceptions } => {
            std::iter::once(base).chain(exceptions.iter().flat_map(|e| [&e.guard, &e.value])).collect()
        }
        Body::Table { columns, rows, empty, .. } => {
            columns.iter().chain(rows.iter().map(|r| &r.value)).chain(empty).collect()
        }
    }
}

/// The names along a path of field indices, through lists.
pub(crate) fn field_names(group: &GroupType, path: &[usize]) -> Vec<String> {
    let mut group = Some(group);
    let mut names = Vec::new();
    for index in path {
        let Some(field) = group.and_then(|g| g.fields.get(*index)) else { break };
        names.push(field.name.clone());
        let inside = match &field.ty {
            Type::List { element, .. } => &**element,
            other => other,
        };
        group = match inside {
            Type::Group(group) => Some(group),
            _ => None,
        };
    }
    names
}
