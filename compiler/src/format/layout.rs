//! Lines, indents, comments and display width. Owns where a comment goes when its line is rebuilt.
//! Invariant: every comment of the source is written once, in order. Must not know: what a line says.

use crate::ast::{Comment, Language};
use crate::parse::{Rule, spelling};
use unicode_width::UnicodeWidthStr;

/// Widest line that is kept on one line, in columns of a fixed-width display.
pub(super) const LINE_WIDTH_MAX: usize = 100;

/// Columns that `text` takes; ideographs take two.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` filled with blanks to `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `text` between quotes, escaped.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes lines and puts the source's comments between them.
pub(super) struct Writer<'a> {
    /// The source, to see blank lines and which words were chosen.
    pub(super) source: &'a str,
    /// Language of the keywords written.
    pub(super) language: Language,
    comments: std::iter::Peekable<std::slice::Iter<'a, Comment>>,
    out: String,
    indent: usize,
    /// Where in the source the last thing written ended; `None` right after an opening brace.
    last: Option<u32>,
}

impl<'a> Writer<'a> {
    /// For one module.
    pub(super) fn new(source: &'a str, comments: &'a [Comment], language: Language) -> Self {
        Self { source, language, comments: comments.iter().peekable(), out: String::new(), indent: 0, last: None }
    }

    /// A keyword in the output's language.
    pub(super) fn word(&self, rule: Rule) -> &'static str {
        spelling(rule, self.language).unwrap_or_default()
    }

    /// Columns taken by the current indent.
    pub(super) fn indent_width(&self) -> usize {
        self.indent * 4
    }

    /// Before a unit that starts at `start` and whose own line reaches to `end` in the source: writes the comments
    /// before it, and those inside it, which have no other place once the line is rebuilt.
    pub(super) fn before(&mut self, start: u32, end: u32) {
        self.comments_before(end);
        self.blank_line(start);
    }

    /// Writes the comments that start before `end`.
    pub(super) fn comments_before(&mut self, end: u32) {
        while let Some(comment) = self.comments.next_if(|comment| comment.span.start < end) {
            self.blank_line(comment.span.start);
            let text = comment_text(comment);
            self.raw_line(&text);
            self.last = Some(comment.span.end);
        }
    }

    /// Keeps one blank line where the source has some.
    fn blank_line(&mut self, start: u32) {
        let Some(last) = self.last else { return };
        let between = self.source.get(last as usize..start as usize).unwrap_or("");
        if between.matches('\n').count() >= 2 {
            self.separate();
        }
    }

    /// Makes sure that a blank line follows, unless nothing is written yet.
    pub(super) fn separate(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn raw_line(&mut self, text: &str) {
        for line in text.split('\n') {
            if !line.is_empty() {
                self.out.push_str(&"    ".repeat(self.indent));
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    /// Writes a unit (its lines relative to the current indent) that ends at `end`, with the comment behind it.
    pub(super) fn unit(&mut self, text: &str, end: u32) {
        self.raw_line(text);
        self.last = Some(end);
        let source = self.source;
        let behind = |comment: &&Comment| {
            comment.span.start >= end
                && !source.get(end as usize..comment.span.start as usize).unwrap_or("\n").contains('\n')
        };
        if let Some(comment) = self.comments.next_if(behind) {
            self.append(comment);
        }
    }

    fn append(&mut self, comment: &Comment) {
        self.out.pop();
        self.out.push(' ');
        self.out.push_str(&comment_text(comment));
        self.out.push('\n');
        self.last = Some(comment.span.end);
    }

    /// Opens a block with `head {`; `inside` is where its first part starts in the source, or where it ends.
    pub(super) fn open(&mut self, head: &str, inside: u32) {
        self.raw_line(&format!("{head} {{"));
        self.indent += 1;
        self.last = None;
        if let Some(comment) = self.comments.next_if(|comment| !comment.own_line && comment.span.start < inside) {
            self.append(comment);
            self.last = None;
        }
    }

    /// Goes one level in without a brace.
    pub(super) fn deeper(&mut self) {
        self.indent += 1;
    }

    /// Comes back from [`Self::deeper`].
    pub(super) fn shallower(&mut self) {
        self.indent = self.indent.saturating_sub(1);
    }

    /// Closes the block that ends at `end`.
    pub(super) fn close(&mut self, end: u32) {
        self.comments_before(end);
        self.shallower();
        self.unit("}", end);
    }

    /// All that was written, with the comments that are left.
    pub(super) fn finish(mut self) -> String {
        self.before(u32::MAX, u32::MAX);
        let mut out = self.out;
        while out.ends_with("\n\n") {
            out.pop();
        }
        out
    }
}

fn comment_text(comment: &Comment) -> String {
    if comment.text.is_empty() { "//".to_owned() } else { format!("// {}", comment.text) }
}

/// `open a, b close` on one line if it fits in `room` columns, else a part a line with a comma behind each.
pub(super) fn bracketed(open: &str, parts: &[String], close: &str, blank: &str, room: usize) -> String {
    if parts.is_empty() {
        return format!("{open}{blank}{close}");
    }
    let flat = format!("{open}{blank}{}{blank}{close}", parts.join(", "));
    if width(&flat) <= room && !flat.contains('\n') {
        return flat;
    }
    let mut out = format!("{open}\n");
    for part in parts {
        for line in part.split('\n') {
            out.push_str("    ");
            out.push_str(line);
            out.push('\n');
        }
        out.insert(out.len() - 1, ',');
    }
    out.push_str(close);
    out
}
