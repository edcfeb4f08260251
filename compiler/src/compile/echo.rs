//! Which findings only repeat an earlier fault: a name is unknown because what declares it is broken, a table has a gap
//! because a row could not be read. Owns what is silent when, so that the checks need not know that anything is missing.
//! Invariant: a finding is dropped only where another error is kept. Must not know: how a check finds anything.

use crate::ast::{self, Clause, Item};
use crate::check::dotted;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::{SourceFile, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The findings of the checks that say something of their own. `unread` tells that some file has no tree at all.
pub(super) fn without(
    findings: Vec<Diagnostic>,
    files: &[SourceFile],
    modules: &[ast::Module],
    unread: bool,
) -> Vec<Diagnostic> {
    let seen = Seen::of(&findings, modules, unread);
    findings.into_iter().filter(|finding| !seen.is_echo(finding, files)).collect()
}

/// What is lost in one file, as another or the same file may name it.
#[derive(Default)]
struct Lost {
    names: BTreeSet<String>,
    any: bool,
    schema: bool,
}

struct Seen<'a> {
    modules: BTreeMap<u16, &'a ast::Module>,
    by_name: BTreeMap<String, u16>,
    lost: BTreeMap<u16, Lost>,
    /// Clauses with an error of their own: place, name.
    clauses: Vec<(Span, &'a str)>,
    unread: bool,
}

impl<'a> Seen<'a> {
    fn of(findings: &[Diagnostic], modules: &'a [ast::Module], unread: bool) -> Self {
        let mut seen = Self {
            modules: modules.iter().map(|module| (module.span.file.0, module)).collect(),
            by_name: modules.iter().map(|module| (dotted(&module.name), module.span.file.0)).collect(),
            lost: BTreeMap::new(),
            clauses: Vec::new(),
            unread,
        };
        // Sorted, so that one search finds the errors inside a span.
        let errors: BTreeSet<(u16, u32)> = findings
            .iter()
            .filter(|finding| finding.is_error())
            .map(|finding| (finding.primary.file.0, finding.primary.start))
            .collect();
        let faulty = |span: Span| errors.range((span.file.0, span.start)..(span.file.0, span.end)).next().is_some();
        for module in modules {
            let mut lost =
                Lost { names: module.broken.names.clone(), any: module.broken.any, schema: module.broken.schema };
            for import in module.imports.iter().filter(|import| faulty(import.span)) {
                lost.names.extend(import.names.iter().map(|name| name.text.clone()));
                lost.schema = true;
            }
            for item in &module.items {
                let name = match item {
                    Item::Enum(item) => &item.name,
                    Item::Group(item) => &item.name,
                    Item::Certificate(item) => &item.name,
                    // Only its name is lost: nothing else is about a formula.
                    Item::Formula(formula) => {
                        if faulty(formula.span) {
                            lost.names.insert(formula.name.text.clone());
                        }
                        continue;
                    }
                    Item::Policy(policy) => {
                        let named = policy.clauses.iter().filter_map(named);
                        seen.clauses.extend(named.filter(|(span, _)| faulty(*span)));
                        continue;
                    }
                    Item::Sharing(_) | Item::Test(_) | Item::Property(_) | Item::Cases(_) | Item::Mapping(_) => {
                        continue;
                    }
                };
                if faulty(item.span()) {
                    lost.names.insert(name.text.clone());
                    lost.schema = true;
                }
            }
            seen.lost.insert(module.span.file.0, lost);
        }
        seen
    }

    /// The file and those it imports.
    fn readable(&self, file: u16) -> Vec<(u16, &'a ast::Module)> {
        let imports = self.modules.get(&file).map_or(&[][..], |module| &module.imports);
        let imported = imports.iter().filter_map(|import| self.by_name.get(&dotted(&import.module)));
        std::iter::once(&file).chain(imported).filter_map(|file| Some((*file, *self.modules.get(file)?))).collect()
    }

    /// What is lost in the file and in those it imports.
    fn visible(&self, file: u16) -> impl Iterator<Item = &Lost> {
        self.readable(file).into_iter().filter_map(|(file, _)| self.lost.get(&file))
    }

    fn is_echo(&self, finding: &Diagnostic, files: &[SourceFile]) -> bool {
        let at = finding.primary;
        match finding.code {
            Code::UnknownModule => self.unread || self.visible(at.file.0).any(|lost| lost.any),
            Code::UnknownName => self.is_lost_name(at, files),
            Code::VersionGap if self.unread => true,
            // In a declaration it is told, unless something of it could not be read.
            Code::BadSchema | Code::BadTerm if self.declares(at) => self.is_incomplete(at, |m| m.broken.schema),
            code if of_parts(code) => false,
            // Whether this holds depends on what is missing.
            _ => self.is_incomplete(at, |module| self.lost.get(&module.span.file.0).is_some_and(|lost| lost.schema)),
        }
    }

    fn is_lost_name(&self, at: Span, files: &[SourceFile]) -> bool {
        let text = files.get(at.file.0 as usize).and_then(|file| file.text.get(at.start as usize..at.end as usize));
        let Some(text) = text else { return false };
        let item = self.item(at);
        let nameless = self.modules.get(&at.file.0).is_some_and(|module| {
            module.broken.nameless.iter().any(|lost| item.is_some_and(|item| within(*lost, item)))
        });
        let clause = self
            .clauses
            .iter()
            .any(|(span, name)| *name == text && !within(at, *span) && item.is_some_and(|item| within(*span, item)));
        // A name that an import asks for in vain is lost to the rest of its file, not to the import itself.
        let asked = self.modules.get(&at.file.0).is_some_and(|m| m.imports.iter().any(|i| within(at, i.span)));
        let lost = self.readable(at.file.0).into_iter().filter(|(file, _)| !asked || *file != at.file.0);
        let mut lost = lost.filter_map(|(file, _)| self.lost.get(&file));
        nameless || clause || lost.any(|lost| lost.any || lost.names.contains(text))
    }

    /// Whether parts are missing from the item, or `schema` says so of what the items of its file are about.
    fn is_incomplete(&self, at: Span, schema: impl Fn(&ast::Module) -> bool) -> bool {
        let Some(module) = self.modules.get(&at.file.0) else { return false };
        let parts = self.item(at).is_some_and(|item| module.broken.parts.iter().any(|part| within(*part, item)));
        parts || self.readable(at.file.0).into_iter().any(|(_, module)| schema(module))
    }

    /// The item that a place is in.
    fn item_at(&self, at: Span) -> Option<&'a Item> {
        let module = self.modules.get(&at.file.0)?;
        let before = module.items.partition_point(|item| item.span().start <= at.start);
        module.items.get(before.checked_sub(1)?).filter(|item| within(at, item.span()))
    }

    fn item(&self, at: Span) -> Option<Span> {
        self.item_at(at).map(Item::span)
    }

    /// Whether the place is in an enum, a group or a certificate.
    fn declares(&self, at: Span) -> bool {
        !matches!(
            self.item_at(at),
            Some(
                Item::Policy(_)
                    | Item::Sharing(_)
                    | Item::Test(_)
                    | Item::Property(_)
                    | Item::Cases(_)
                    | Item::Mapping(_)
                    | Item::Formula(_)
            )
        )
    }
}

/// Whether a finding is about what stands there, whatever else is missing.
fn of_parts(code: Code) -> bool {
    let family = code.as_str();
    match code {
        Code::BadSchema | Code::BadTerm | Code::BadKey => false,
        _ => ["E02", "E03", "E06"].iter().any(|start| family.starts_with(start)),
    }
}

fn within(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.start < outer.end
}

/// The place and name of a clause that others can name.
fn named(clause: &Clause) -> Option<(Span, &str)> {
    match clause {
        Clause::Input(clause) => Some((clause.span, &clause.name.text)),
        Clause::Evidence(clause) => Some((clause.span, &clause.name.text)),
        Clause::Definition(clause) => Some((clause.span, &clause.name.text)),
        Clause::Table(clause) => Some((clause.span, &clause.name.text)),
        Clause::Outcome(clause) => Some((clause.span, &clause.name.text)),
        Clause::Transition(clause) => Some((clause.span, &clause.title.text)),
        Clause::AsOf(_) | Clause::Release(_) | Clause::Write(_) => None,
    }
}
