//! Going on after a fault. Owns the second look at an item that the grammar refused: its parts are parsed one by one, each
//! broken one is reported and painted over with blanks, and what is left is parsed again.
//! Invariant: a refused item has at least one finding, and each byte is parsed at most seven times, however many faults
//! there are: with its item, its clause and its row or arm, then with what is left of the clause and, twice, of the item.
//! Must not know: the tree, what a part says.

use super::message;
use super::node::Builder;
use super::parts::{self, Kind};
use super::{Rule, grammar::Grammar, scan::Chunk};
use crate::diagnostics::{Code, Diagnostic};
use pest::Parser;
use pest::error::{Error, InputLocation};

/// Reports what is wrong with each part of an item that the grammar refused with `error`, or whose brackets do not match.
/// Gives the item without the broken parts if the grammar takes it then; it is as long as the original, so that places
/// stay right.
pub(super) fn item(builder: &Builder, text: &str, chunk: &Chunk, error: Option<&Error<Rule>>) -> Option<String> {
    let look = Look { builder, text, base: 0, unbalanced: chunk.unbalanced.as_ref() };
    let mut left = text.as_bytes().to_vec();
    let found = parts::of_item(text);
    let head = found.as_ref().and_then(|found| found.places.first()).map_or(text.len(), |(start, _)| *start);
    let mut faults = 0;
    for place in found.iter().flat_map(|found| &found.places) {
        let kind = found.as_ref().map_or(Kind::Clause, |found| found.kind);
        faults += usize::from(look.part(kind, *place, &mut left));
    }
    if faults == 0 {
        match (&chunk.unbalanced, error) {
            (Some(unbalanced), _) => builder.report(unbalanced.clone()),
            (None, Some(error)) => builder.report(message::syntax(builder, text, error)),
            _ if builder.spent.get() => {}
            (None, None) => {} // an unclosed text, which the scan reported
        }
        return None;
    }
    if builder.spent.get() {
        return None;
    }
    let left = String::from_utf8(left).ok()?;
    match Grammar::parse(Rule::entry, &left) {
        Ok(_) => Some(left),
        Err(error) => {
            // Behind the head only what is painted over can be missed.
            if position(&error) < head {
                builder.report(message::syntax(builder, &left, &error));
            }
            None
        }
    }
}

/// A text of which parts are looked at.
struct Look<'a> {
    builder: &'a Builder,
    text: &'a str,
    /// Where it starts in the text given to the builder.
    base: usize,
    /// What the scan found about brackets in the item.
    unbalanced: Option<&'a Diagnostic>,
}

impl Look<'_> {
    /// Looks at one part. Says whether it is broken, and then paints over it, or over those of its own parts that are.
    fn part(&self, kind: Kind, (start, end): (usize, usize), left: &mut [u8]) -> bool {
        let part = &self.text[start..end];
        let lost = || self.builder.lose(part, Some(kind), self.builder.span_of(self.base + start, self.base + end));
        if parts::has_open_text(part) {
            // The scan reported it.
            paint(&mut left[start..end]);
            lost();
            return true;
        }
        let Err(fault) = self.fault(kind, part, start) else { return false };
        let mut rest = part.as_bytes().to_vec();
        let mut echoes = false;
        if kind == Kind::Clause
            && let Some(inner) = parts::of_clause(part)
        {
            let look = Look { text: part, base: self.base + start, ..*self };
            let broken: Vec<bool> = inner.places.iter().map(|place| look.part(inner.kind, *place, &mut rest)).collect();
            if broken.contains(&true) {
                let rest = String::from_utf8(rest).unwrap_or_default();
                let first = inner.places.first().map_or(0, |(start, _)| *start);
                match self.fault(kind, &rest, start) {
                    Ok(()) => {
                        left[start..end].copy_from_slice(rest.as_bytes());
                        return true;
                    }
                    Err(fault) if fault.at >= first => echoes = true,
                    Err(fault) => {
                        self.builder.report(fault.finding);
                        echoes = true;
                    }
                }
            }
        }
        if !echoes {
            self.builder.report(fault.finding);
        }
        paint(&mut left[start..end]);
        lost();
        true
    }

    /// What is wrong with a part that starts at `start`.
    fn fault(&self, kind: Kind, part: &str, start: usize) -> Result<(), Box<Fault>> {
        let here = self.base + start;
        if let Some((mark, from, to)) = parts::lone_bracket(part) {
            let span = self.builder.span_of(here + from, here + to);
            let whole = self.builder.span_of(here, here + part.len());
            let finding = match self.unbalanced {
                Some(known) if whole.start <= known.primary.start && known.primary.start < whole.end => known.clone(),
                _ => lone(mark, span),
            };
            return Err(Box::new(Fault { at: from, finding }));
        }
        if self.builder.spent.get() {
            return Ok(());
        }
        let offset = self.builder.offset.get();
        self.builder.offset.set(offset.saturating_add(u32::try_from(here).unwrap_or(u32::MAX)));
        let result = match Grammar::parse(kind.rule(), part) {
            Err(error) if !message::spent(self.builder, part, &error) => {
                Err(Box::new(Fault { at: position(&error), finding: message::syntax(self.builder, part, &error) }))
            }
            _ => Ok(()),
        };
        self.builder.offset.set(offset);
        result
    }
}

/// What is wrong with a part, and where in it.
struct Fault {
    at: usize,
    finding: Diagnostic,
}

fn lone(mark: char, span: crate::source::Span) -> Diagnostic {
    if matches!(mark, '(' | '[' | '{') {
        Diagnostic::new(
            Code::Unbalanced,
            span,
            format!("`{mark}` 没有配对的结束括号"),
            format!("`{mark}` is never closed"),
        )
    } else {
        Diagnostic::new(Code::Unbalanced, span, format!("多余的 `{mark}`"), format!("`{mark}` closes nothing"))
    }
}

fn position(error: &Error<Rule>) -> usize {
    match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    }
}

/// Blanks as many bytes as there were; line ends stay, so that rows stay rows.
fn paint(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}
