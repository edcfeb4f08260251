//! Tokens, as far as cutting a file into parts needs them. Owns where a text, a comment and an article end.
//! Invariant: a token is never empty, and the tokens of a text are in order. Must not know: the grammar.

use super::keyword;
use pest::unicode::XID_CONTINUE;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A keyword or a name.
    Word,
    /// Digits.
    Number,
    /// A text with both its quotes.
    Text,
    /// A text whose line ends before its closing quote.
    OpenText,
    /// `//` to the end of the line.
    Comment,
    /// A single mark, brackets and separators in half width.
    Mark(char),
}

/// The token that starts at `start`, which is no blank, and where it ends.
pub(super) fn token(text: &str, start: usize) -> (Token, usize) {
    let rest = &text[start..];
    let first = rest.chars().next().unwrap_or(' ');
    if rest.starts_with("//") {
        return (Token::Comment, start + rest.find('\n').unwrap_or(rest.len()));
    }
    if first == '"' || first == '“' {
        return quoted(text, start, if first == '"' { '"' } else { '”' });
    }
    if first.is_ascii_digit() {
        return (Token::Number, start + rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count());
    }
    if XID_CONTINUE(first) {
        return (Token::Word, start + rest.find(|character| !XID_CONTINUE(character)).unwrap_or(rest.len()));
    }
    (Token::Mark(half_mark(first)), start + first.len_utf8())
}

/// A text from `start`; one that does not end on its line ends there.
fn quoted(text: &str, start: usize, close: char) -> (Token, usize) {
    let mut characters = text[start..].char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\n' {
            return (Token::OpenText, start + at);
        }
        if character == '\\' {
            if text[start + at + 1..].starts_with('\n') {
                continue;
            }
            characters.next();
        } else if character == close {
            return (Token::Text, start + at + character.len_utf8());
        }
    }
    (Token::OpenText, text.len())
}

/// Where the article after `@source` ends, if one starts at `at`: it may hold any marks, which are not brackets of the
/// source.
pub(super) fn article(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let blanks = rest.find(|character| !matches!(character, ' ' | '\t' | '\u{3000}')).unwrap_or(rest.len());
    let ends = |character: char| {
        character.is_whitespace() || matches!(character, '|' | '｜' | '{' | '}' | '｛' | '｝' | '"' | ',' | '，')
    };
    let article = &rest[blanks..];
    let article = &article[..article.find(ends).unwrap_or(article.len())];
    let word = &article[..article.find(|character| !XID_CONTINUE(character)).unwrap_or(article.len())];
    (blanks > 0 && !article.is_empty() && !article.starts_with("//") && !keyword::is_reserved(word))
        .then_some(at + blanks + article.len())
}

/// Brackets and separators in their half-width form.
fn half_mark(character: char) -> char {
    match character {
        '（' => '(',
        '）' => ')',
        '［' => '[',
        '］' => ']',
        '｛' => '{',
        '｝' => '}',
        '，' => ',',
        '：' => ':',
        '；' => ';',
        '｜' => '|',
        '＠' => '@',
        '＝' => '=',
        other => other,
    }
}

/// A token with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme {
    /// What it is.
    pub(super) token: Token,
    /// First byte.
    pub(super) start: usize,
    /// One past its last byte.
    pub(super) end: usize,
    /// Bytes before it on its line, if nothing but blanks stands there.
    pub(super) column: Option<usize>,
}

/// All tokens but comments; an article counts as part of the name that it follows.
pub(super) fn lexemes(text: &str) -> Vec<Lexeme> {
    let mut all: Vec<Lexeme> = Vec::new();
    let (mut at, mut line, mut fresh) = (0, 0, true);
    while let Some(character) = text[at..].chars().next() {
        if character == '\n' {
            at += 1;
            (line, fresh) = (at, true);
            continue;
        }
        if character.is_whitespace() {
            at += character.len_utf8();
            continue;
        }
        let (token, mut end) = token(text, at);
        if token != Token::Comment {
            if token == Token::Word && all.last().is_some_and(|last| last.token == Token::Mark('@')) {
                end = article(text, end).unwrap_or(end);
            }
            all.push(Lexeme { token, start: at, end, column: fresh.then_some(at - line) });
            fresh = false;
        }
        at = end;
    }
    all
}
