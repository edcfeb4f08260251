//! One pass over the text before pest. Owns comments, brackets, depth, hidden characters, names' form, and the cut into
//! top-level items. Invariant: iterative and linear; after it, no chunk nests deeper than [`DEPTH_MAX`].
//! Must not know: the grammar beyond which words open items and clauses.

use super::keyword;
use super::token::{self, Token};
use crate::ast::{Comment, DEPTH_MAX};
use crate::diagnostics::{Code, Diagnostic};
use crate::names;
use crate::source::{FileId, Span};
use pest::unicode::XID_START;
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::is_nfc;

/// A top-level item's bytes, without blanks and comments around it.
pub(super) struct Chunk {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte of its last token.
    pub(super) end: usize,
    /// The first bracket without its partner. Reported unless one of the chunk's parts explains it.
    pub(super) unbalanced: Option<Diagnostic>,
    /// Whether a text in it does not end on its line, which was reported.
    pub(super) open_text: bool,
    /// Whether it nests too deep to be parsed, which was reported.
    pub(super) too_deep: bool,
}

impl Chunk {
    fn new(start: usize, end: usize) -> Self {
        Self { start, end, unbalanced: None, open_text: false, too_deep: false }
    }
}

/// Less indent than this is none: what stands there is no part of an item.
const MARGIN: usize = 2;

/// What the pass found.
pub(super) struct Scan {
    /// Items in order; text before the first item word is a chunk too.
    pub(super) chunks: Vec<Chunk>,
    /// Comments in order.
    pub(super) comments: Vec<Comment>,
    /// Findings.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Scans a whole file.
pub(super) fn scan(file: FileId, text: &str) -> Scan {
    let mut scanner = Scanner {
        file,
        text,
        at: 0,
        line_start: true,
        line: 0,
        levels: vec![0],
        nested: 0,
        open: Vec::new(),
        prefix_run: 0,
        words: BTreeMap::new(),
        declared: BTreeSet::new(),
        last_word: None,
        last_mark: None,
        closed: false,
        scan: Scan { chunks: Vec::new(), comments: Vec::new(), diagnostics: Vec::new() },
    };
    scanner.hidden();
    scanner.run();
    scanner.close_chunk();
    scanner.check_words();
    scanner.scan
}

struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    /// No token on this line yet.
    line_start: bool,
    /// Where this line starts.
    line: usize,
    /// Nesting words met in each open bracket, outermost first.
    levels: Vec<usize>,
    /// Their sum.
    nested: usize,
    /// Open brackets of this chunk.
    open: Vec<(char, usize)>,
    /// `非` in a row.
    prefix_run: usize,
    /// Where each different word first stands.
    words: BTreeMap<&'a str, usize>,
    /// Words that the file declares as names.
    declared: BTreeSet<&'a str>,
    /// The word before the current token, if that was one.
    last_word: Option<&'a str>,
    /// The mark before the current token, to know an article after `@name`.
    last_mark: Option<char>,
    /// Whether the token before the current one closed the last open bracket with `}`: the item is complete.
    closed: bool,
    scan: Scan,
}

impl<'a> Scanner<'a> {
    fn span(&self, start: usize, end: usize) -> Span {
        let clamp = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        Span { file: self.file, start: clamp(start), end: clamp(end) }
    }

    /// Reports characters that hide or reorder text, wherever they are.
    fn hidden(&mut self) {
        for (at, character) in self.text.char_indices().filter(|(_, character)| names::is_hidden(*character)) {
            let mut diagnostic = Diagnostic::new(
                Code::HiddenCharacter,
                self.span(at, at + character.len_utf8()),
                format!("这里有看不见或改变文字方向的字符 U+{:04X}", u32::from(character)),
                format!("here is a character that hides or reorders text, U+{:04X}", u32::from(character)),
            );
            diagnostic = if at == 0 && character == '\u{FEFF}' {
                diagnostic.help("保存为不带 BOM 的 UTF-8", "save the file as UTF-8 without a byte order mark")
            } else {
                diagnostic.help("删除该字符", "delete it")
            };
            self.scan.diagnostics.push(diagnostic);
        }
    }

    fn run(&mut self) {
        while self.at < self.text.len() {
            let start = self.at;
            let Some(character) = self.text[start..].chars().next() else { break };
            if character == '\n' {
                self.at += 1;
                (self.line_start, self.line) = (true, self.at);
                continue;
            }
            if character.is_whitespace() || names::is_hidden(character) {
                self.at += character.len_utf8();
                continue;
            }
            let token = self.token();
            self.take(token, start);
            self.line_start = self.line_start && token == Token::Comment;
        }
    }

    /// Moves past one token.
    fn token(&mut self) -> Token {
        let start = self.at;
        let (token, end) = token::token(self.text, start);
        self.at = end;
        match token {
            Token::Text => self.check_text(start),
            Token::OpenText => self.unclosed_text(start),
            _ => {}
        }
        token
    }

    fn unclosed_text(&mut self, start: usize) {
        let span = self.span(start, self.at);
        self.scan.diagnostics.push(
            Diagnostic::new(Code::BadText, span, "文本缺少结束的引号", "the text has no closing quote")
                .help("文本不能换行; 在行尾补上引号", "a text may not span lines; close it on this line"),
        );
    }

    fn check_text(&mut self, start: usize) {
        if !is_nfc(&self.text[start..self.at]) {
            let span = self.span(start, self.at);
            self.scan.diagnostics.push(Diagnostic::new(
                Code::NotNormal,
                span,
                "文本不是 Unicode 规范形式 C",
                "the text is not in Unicode normal form C",
            ));
        }
    }

    /// Files one token from `start` to here.
    fn take(&mut self, token: Token, start: usize) {
        let text = self.text;
        let word = &text[start..self.at];
        if token == Token::Comment {
            let body = word.trim_start_matches('/').trim().to_owned();
            let comment = Comment {
                text: body,
                span: self.span(start, start + word.trim_end().len()),
                own_line: self.line_start,
            };
            self.scan.comments.push(comment);
            return;
        }
        if token == Token::Word
            && self.line_start
            && (start == self.line || self.open.is_empty())
            && keyword::opens_item(word)
        {
            self.close_chunk();
            self.scan.chunks.push(Chunk::new(start, self.at));
        } else if self.scan.chunks.is_empty() {
            self.scan.chunks.push(Chunk::new(start, self.at));
        } else if self.closed && self.line_start && start < self.line + MARGIN {
            // What follows a complete item at the margin is another, whose own first word is wrong.
            self.close_chunk();
            self.scan.chunks.push(Chunk::new(start, self.at));
        }
        if token == Token::Word && self.last_mark == Some('@') {
            self.at = token::article(text, self.at).unwrap_or(self.at);
        }
        if let Some(chunk) = self.scan.chunks.last_mut() {
            chunk.end = self.at;
            chunk.open_text |= token == Token::OpenText;
        }
        match token {
            Token::Word => self.word(word, start),
            Token::Mark(mark) => self.mark(mark, start),
            _ => {}
        }
        self.closed = token == Token::Mark('}') && self.open.is_empty();
        if token != Token::Word || !matches!(word, "非" | "not") {
            self.prefix_run = 0;
        }
        self.last_mark = if let Token::Mark(mark) = token { Some(mark) } else { None };
        self.last_word = if token == Token::Word { Some(word) } else { None };
    }

    fn word(&mut self, word: &'a str, start: usize) {
        self.words.entry(word).or_insert(start);
        let text = self.text;
        let item = self.scan.chunks.last().map_or("", |chunk| &text[chunk.start..]);
        if self.last_word.is_some_and(keyword::declares) || item.starts_with("枚举") || item.starts_with("enum") {
            self.declared.insert(word);
        }
        if keyword::opens_clause(word) || keyword::opens_item(word) {
            self.reset_level();
        }
        if matches!(word, "非" | "not") {
            self.prefix_run += 1;
        }
        if keyword::nests(word)
            && let Some(level) = self.levels.last_mut()
        {
            *level += 1;
            self.nested += 1;
        }
        self.check_depth(start);
    }

    fn mark(&mut self, mark: char, start: usize) {
        match mark {
            '(' | '[' | '{' => {
                self.open.push((mark, start));
                self.levels.push(0);
                self.check_depth(start);
            }
            ')' | ']' | '}' => self.close(mark, start),
            ',' | ';' | '|' => self.reset_level(),
            ':' => self.declared.extend(self.last_word),
            _ => {}
        }
    }

    fn reset_level(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.nested -= std::mem::take(level);
        }
    }

    fn close(&mut self, mark: char, start: usize) {
        let partner = match mark {
            ')' => '(',
            ']' => '[',
            _ => '{',
        };
        match self.open.last() {
            Some((open, _)) if *open == partner => {
                self.open.pop();
                self.nested -= self.levels.pop().unwrap_or(0);
            }
            Some((open, at)) => {
                let (open, at) = (*open, *at);
                let here = self.span(start, self.at);
                let there = self.bracket(at);
                self.unbalanced(
                    Diagnostic::new(
                        Code::Unbalanced,
                        here,
                        format!("`{mark}` 与前面的 `{open}` 不配对"),
                        format!("`{mark}` does not match the earlier `{open}`"),
                    )
                    .label(there, "在此打开", "opened here"),
                );
                self.open.pop();
                self.nested -= self.levels.pop().unwrap_or(0);
            }
            None => {
                let here = self.span(start, self.at);
                self.unbalanced(Diagnostic::new(
                    Code::Unbalanced,
                    here,
                    format!("多余的 `{mark}`"),
                    format!("`{mark}` closes nothing"),
                ));
            }
        }
    }

    /// The bracket at `at`, which may be a full-width one of three bytes.
    fn bracket(&self, at: usize) -> Span {
        self.span(at, at + self.text[at..].chars().next().map_or(1, char::len_utf8))
    }

    /// Reports the first unmatched bracket of a chunk; later ones follow from it.
    fn unbalanced(&mut self, diagnostic: Diagnostic) {
        if let Some(chunk) = self.scan.chunks.last_mut() {
            chunk.unbalanced.get_or_insert(diagnostic);
        }
    }

    fn check_depth(&mut self, start: usize) {
        let depth = self.open.len() + self.nested + self.prefix_run;
        let Some(chunk) = self.scan.chunks.last_mut() else { return };
        if depth > DEPTH_MAX && !chunk.too_deep {
            chunk.too_deep = true;
            let here = self.span(start, self.at);
            self.scan.diagnostics.push(
                Diagnostic::new(
                    Code::TooDeep,
                    here,
                    format!("嵌套超过 {DEPTH_MAX} 层"),
                    format!("nested deeper than {DEPTH_MAX} levels"),
                )
                .help("用 `定义` 或 `规则` 给中间结果命名", "name parts of it with `define` or `rule`"),
            );
        }
    }

    /// Ends the current chunk: what is still open in it is never closed.
    fn close_chunk(&mut self) {
        if let Some((open, at)) = self.open.first().copied() {
            let here = self.bracket(at);
            self.unbalanced(Diagnostic::new(
                Code::Unbalanced,
                here,
                format!("`{open}` 没有配对的结束括号"),
                format!("`{open}` is never closed"),
            ));
        }
        self.open.clear();
        self.levels = vec![0];
        self.nested = 0;
        self.prefix_run = 0;
    }

    /// Judges each different word once, where it first stands.
    fn check_words(&mut self) {
        let known: BTreeSet<&str> = self.words.keys().copied().collect();
        let words: Vec<(&str, usize)> = self.words.iter().map(|(word, at)| (*word, *at)).collect();
        for (word, at) in words {
            if keyword::is_reserved(word) {
                continue;
            }
            let span = self.span(at, at + word.len());
            let fault = if word.starts_with(|character| !XID_START(character)) && word.chars().all(is_half_word) {
                None // the grammar says what is wrong with it
            } else {
                names::check(word, span)
            };
            let glue = || {
                if self.declared.contains(word) {
                    return None;
                }
                let is_known = |part: &str| known.contains(part) || keyword::is_reserved(part);
                names::glued(word, is_known).map(|glued| glued.diagnostic(span))
            };
            self.scan.diagnostics.extend(fault.or_else(glue));
        }
    }
}

fn is_half_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
