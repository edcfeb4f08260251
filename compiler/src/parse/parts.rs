//! Where the parts of an item begin: clauses, fields, variants, rows, arms, facts. Owns the signs by which a part is told
//! from what stands before it, used only once the grammar has refused the whole.
//! Invariant: parts are in order and do not overlap, and every one is found in one pass over the tokens.
//! Must not know: what a part says, whether it is well formed.
//!
//! A part begins at a word that nothing else may be (`定义`, `例外`, `期望`), or at the indent of its block. The indent
//! counts even inside a bracket, because a bracket left open is one of the faults to recover from.

use super::keyword;
use super::token::{Lexeme, Token};
use super::{Rule, token};

/// What kind of part a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Of a policy.
    Clause,
    /// Of a group or certificate.
    Field,
    /// Of an enum.
    Variant,
    /// Of a sharing policy.
    Permission,
    /// Of a test.
    TestLine,
    /// Of a definition or rule.
    Exception,
    /// Of a table.
    Row,
    /// Of an outcome.
    Arm,
    /// Of a write.
    WriteLine,
}

impl Kind {
    /// The grammar's rule for one part and nothing else.
    pub(super) fn rule(self) -> Rule {
        match self {
            Self::Clause => Rule::clause_alone,
            Self::Field => Rule::field_alone,
            Self::Variant => Rule::variant_alone,
            Self::Permission => Rule::permission_alone,
            Self::TestLine => Rule::test_line_alone,
            Self::Exception => Rule::exception_alone,
            Self::Row => Rule::row_alone,
            Self::Arm => Rule::arm_alone,
            Self::WriteLine => Rule::write_line_alone,
        }
    }

    /// The words of which each begins a part wherever it stands at the block's level or first on a line.
    fn openers(self) -> &'static [Rule] {
        match self {
            Self::Clause => keyword::CLAUSES,
            Self::Permission => &[Rule::k_permit, Rule::k_forbid],
            Self::TestLine => &[Rule::k_expect],
            Self::Exception => &[Rule::k_exception],
            Self::Field | Self::Variant | Self::Row | Self::Arm | Self::WriteLine => &[],
        }
    }
}

/// The parts of a whole item: their kind and their bytes. `None` for items that have none.
pub(super) fn of_item(text: &str) -> Option<Parts> {
    let all = token::lexemes(text);
    let word = &text[all.first()?.start..all.first()?.end];
    let is = |rules: &[Rule]| keyword::is_one_of(word, rules);
    let kind = if is(&[Rule::k_policy, Rule::k_verification, Rule::k_contract]) {
        Kind::Clause
    } else if is(&[Rule::k_group, Rule::k_certificate]) {
        Kind::Field
    } else if is(&[Rule::k_enum]) {
        Kind::Variant
    } else if is(&[Rule::k_sharing]) {
        Kind::Permission
    } else if is(&[Rule::k_test]) {
        Kind::TestLine
    } else {
        return None;
    };
    let from = all.iter().position(|lexeme| lexeme.token == Token::Mark('{'))?;
    let to = match all.last()?.token {
        Token::Mark('}') => all.len() - 1,
        _ => all.len(),
    };
    Some(Parts::split(text, kind, all.get(from + 1..to.max(from + 1))?))
}

/// The parts inside a clause: exceptions, rows, arms, written fields.
pub(super) fn of_clause(text: &str) -> Option<Parts> {
    let all = token::lexemes(text);
    let word = &text[all.first()?.start..all.first()?.end];
    let is = |rules: &[Rule]| keyword::is_one_of(word, rules);
    if is(&[Rule::k_define, Rule::k_rule]) {
        let from = all.iter().position(|lexeme| opens(text, lexeme, Kind::Exception))?;
        return Some(Parts::split(text, Kind::Exception, &all[from..]));
    }
    if is(&[Rule::k_table]) {
        let header = all.iter().position(row)?;
        let from = header + 1 + all[header + 1..].iter().position(row)?;
        return Some(Parts::split(text, Kind::Row, &all[from..]));
    }
    let (kind, block) = if is(&[Rule::k_outcome]) {
        (Kind::Arm, 1)
    } else if is(&[Rule::k_write]) {
        (Kind::WriteLine, 0)
    } else {
        return None;
    };
    let mut braces = all.iter().enumerate().filter(|(_, lexeme)| lexeme.token == Token::Mark('{'));
    let (from, _) = braces.nth(block)?;
    let to = match all.last()?.token {
        Token::Mark('}') => all.len() - 1,
        _ => all.len(),
    };
    Some(Parts::split(text, kind, all.get(from + 1..to.max(from + 1))?))
}

/// Parts found in a block.
pub(super) struct Parts {
    /// Their kind.
    pub(super) kind: Kind,
    /// First byte, and one past the last byte, of each.
    pub(super) places: Vec<(usize, usize)>,
}

impl Parts {
    fn split(text: &str, kind: Kind, block: &[Lexeme]) -> Self {
        let indent = block.first().and_then(|first| first.column);
        let mut places: Vec<(usize, usize)> = Vec::new();
        let mut depth = 0_usize;
        for (at, lexeme) in block.iter().enumerate() {
            let alike = match (indent, lexeme.column) {
                (Some(indent), Some(column)) => column <= indent && at_indent(text, lexeme, kind),
                _ => false,
            };
            // A keyword right behind an opener is a badly chosen name: `定义 表 : …`.
            let named = at > 0 && lexeme.column.is_none() && opens(text, &block[at - 1], kind);
            let opened = opens(text, lexeme, kind) && !named && (depth == 0 || lexeme.column.is_some());
            let follows = depth == 0 && begins(text, block, at, kind);
            if opened || alike || follows || at == 0 {
                places.push((lexeme.start, lexeme.end));
                depth = 0;
            }
            match lexeme.token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if let Some((_, end)) = places.last_mut() {
                *end = lexeme.end;
            }
        }
        Self { kind, places }
    }
}

fn row(lexeme: &Lexeme) -> bool {
    lexeme.token == Token::Mark('|') && lexeme.column.is_some()
}

fn opens(text: &str, lexeme: &Lexeme, kind: Kind) -> bool {
    match kind {
        Kind::Row => row(lexeme),
        _ => lexeme.token == Token::Word && keyword::is_one_of(&text[lexeme.start..lexeme.end], kind.openers()),
    }
}

/// Whether a token first on its line, no deeper than the block's first part, begins a part. A keyword there may only go
/// on with what stands before, as `且` or `例外` would.
fn at_indent(text: &str, lexeme: &Lexeme, kind: Kind) -> bool {
    let word = &text[lexeme.start..lexeme.end];
    match kind {
        Kind::Row | Kind::Exception => false,
        Kind::Arm => {
            lexeme.token == Token::Word
                && (!keyword::is_reserved(word) || keyword::is_one_of(word, &[Rule::k_when, Rule::k_otherwise]))
        }
        Kind::TestLine => lexeme.token == Token::Word || lexeme.token == Token::Mark('|'),
        Kind::WriteLine if keyword::is_one_of(word, &[Rule::k_otherwise]) => true,
        Kind::Clause if word == "as_of" => true,
        _ => lexeme.token == Token::Word && !keyword::is_reserved(word),
    }
}

/// Whether the tokens from `at` begin a part, judged by what follows them.
fn begins(text: &str, block: &[Lexeme], at: usize, kind: Kind) -> bool {
    let is = |place: usize, token: Token| block.get(place).is_some_and(|lexeme| lexeme.token == token);
    let word = |place: usize| block.get(place).filter(|l| l.token == Token::Word).map(|l| &text[l.start..l.end]);
    let before = |token: Token| at > 0 && is(at - 1, token);
    if block[at].token != Token::Word {
        return kind == Kind::Variant && before(Token::Mark(','));
    }
    match kind {
        Kind::Variant => before(Token::Mark(',')),
        Kind::Field => is(at + 1, Token::Mark(':')),
        Kind::WriteLine => is(at + 1, Token::Mark('=')),
        Kind::Arm => match word(at + 1) {
            Some(next) if keyword::is_one_of(next, &[Rule::k_otherwise]) => true,
            Some(next) => block[at].column.is_some() && keyword::is_one_of(next, &[Rule::k_when]),
            None => false,
        },
        Kind::TestLine => {
            let mut end = at + 1;
            while is(end, Token::Mark('.')) && is(end + 1, Token::Word) {
                end += 2;
            }
            let expected = at > 0 && word(at - 1).is_some_and(|w| keyword::is_one_of(w, &[Rule::k_expect]));
            is(end, Token::Mark('=')) && !expected && !before(Token::Mark('.'))
        }
        Kind::Clause | Kind::Permission | Kind::Exception | Kind::Row => false,
    }
}

/// The names that a broken part would have declared: its words before the first mark, or all of them in an enum. None
/// when no word stands there, and then nobody can know what the part was about.
pub(super) fn declared(text: &str, kind: Option<Kind>) -> Vec<String> {
    let all = token::lexemes(text);
    let whole = kind == Some(Kind::Variant)
        || all
            .first()
            .is_some_and(|first| keyword::is_one_of(&text[first.start..first.end], &[Rule::k_enum, Rule::k_import]));
    let ends = |lexeme: &&Lexeme| whole || !matches!(lexeme.token, Token::Mark(_));
    all.iter()
        .take_while(ends)
        .filter(|lexeme| lexeme.token == Token::Word)
        .map(|lexeme| &text[lexeme.start..lexeme.end])
        .filter(|word| !keyword::is_reserved(word))
        .map(str::to_owned)
        .collect()
}

/// Whether the brackets of a part match; if not, the bytes of the first one that does not.
pub(super) fn lone_bracket(text: &str) -> Option<(char, usize, usize)> {
    let mut open: Vec<(char, usize, usize)> = Vec::new();
    for lexeme in token::lexemes(text) {
        let Token::Mark(mark) = lexeme.token else { continue };
        let partner = match mark {
            '(' | '[' | '{' => {
                open.push((mark, lexeme.start, lexeme.end));
                continue;
            }
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => continue,
        };
        match open.pop() {
            Some((opened, _, _)) if opened == partner => {}
            _ => return Some((mark, lexeme.start, lexeme.end)),
        }
    }
    open.first().copied()
}

/// Whether a text in the part does not end on its line.
pub(super) fn has_open_text(text: &str) -> bool {
    token::lexemes(text).iter().any(|lexeme| lexeme.token == Token::OpenText)
}
