//! The Unicode rules for names. Owns what a name may look like and which names look alike.
//! Invariant: an accepted name is in normal form C, has only identifier characters and does not mix scripts beyond
//! Han with Latin (UTS 39, Highly Restrictive). Must not know: grammar, scopes.

mod variants;

use crate::ast::Name;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use std::collections::BTreeMap;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_security::general_security_profile::IdentifierType;
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection, confusable_detection};

/// What is wrong with a name, if anything.
pub fn check(text: &str, span: Span) -> Option<Diagnostic> {
    if let Some(wide) = text.chars().find(|character| half_width(*character).is_some()) {
        let fixed: String = text.chars().map(|character| half_width(character).unwrap_or(character)).collect();
        return Some(
            Diagnostic::new(
                Code::NameCharacter,
                span,
                format!("`{text}` 里有全角字符 `{wide}`"),
                format!("`{text}` has the full-width character `{wide}`"),
            )
            .help(format!("写作 `{fixed}`"), format!("write `{fixed}`")),
        );
    }
    // A radical or compatibility form is told first: normalising it would give another character than the writer meant.
    if let Some(bad) = text.chars().find(|character| *character != '_' && !character.identifier_allowed()) {
        let mut diagnostic = Diagnostic::new(
            Code::NameCharacter,
            span,
            format!("名称里不能有 `{bad}` (U+{:04X})", u32::from(bad)),
            format!("a name may not have `{bad}` (U+{:04X})", u32::from(bad)),
        );
        if is_radical(bad) {
            diagnostic = diagnostic.help(
                "这是部首符号, 不是汉字; 用输入法重新输入该字",
                "this is a radical symbol, not an ideograph; type the character again",
            );
        }
        return Some(diagnostic);
    }
    if !is_nfc(text) {
        let fixed: String = text.nfc().collect();
        return Some(
            Diagnostic::new(
                Code::NotNormal,
                span,
                format!("`{text}` 不是 Unicode 规范形式 C"),
                format!("`{text}` is not in Unicode normal form C"),
            )
            .help(format!("写作 `{fixed}`"), format!("write `{fixed}`")),
        );
    }
    if !text.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return Some(
            Diagnostic::new(
                Code::MixedScript,
                span,
                format!("`{text}` 混用了不同的文字"),
                format!("`{text}` mixes scripts"),
            )
            .help("只用汉字、拉丁字母和数字", "use Han or Latin characters and digits only"),
        );
    }
    None
}

/// The half-width form of a full-width letter, digit or low line.
pub fn half_width(character: char) -> Option<char> {
    match character {
        '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}' | '\u{FF3F}' => {
            char::from_u32(u32::from(character) - 0xFEE0)
        }
        _ => None,
    }
}

/// Whether the character is a radical's symbol, which looks like an ideograph and is none.
pub(crate) fn is_radical(character: char) -> bool {
    matches!(character, '\u{2E80}'..='\u{2FDF}')
}

/// Whether the character hides or reorders text: controls of direction, default ignorables, other controls.
pub fn is_hidden(character: char) -> bool {
    let format = matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}');
    let control = character.is_control() && !matches!(character, '\n' | '\t' | '\r');
    format || control || character.identifier_type() == Some(IdentifierType::Default_Ignorable)
}

/// Ideographs that people misread and that Unicode's own table keeps apart: first of each group stands for all.
const LOOKALIKES: &[&[char]] = &[&['己', '已', '巳'], &['日', '曰'], &['土', '士'], &['未', '末']];

/// What a name looks like. Two different names with one skeleton must not share a scope.
pub fn skeleton(text: &str) -> String {
    confusable_detection::skeleton(text)
        .map(|character| {
            LOOKALIKES
                .iter()
                .find(|group| group.contains(&character))
                .and_then(|group| group.first())
                .copied()
                .unwrap_or(character)
        })
        .collect()
}

/// Names of one scope that look like an earlier, different name of it, or differ from one only as simplified and
/// traditional characters do. The same text twice is not reported here.
pub fn confusable<'a>(scope: impl IntoIterator<Item = &'a Name>) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    let mut forms: BTreeMap<String, &Name> = BTreeMap::new();
    let mut found = Vec::new();
    for name in scope {
        let first = *seen.entry(skeleton(&name.text)).or_insert(name);
        if first.text != name.text {
            found.push(
                Diagnostic::new(
                    Code::Confusable,
                    name.span,
                    format!("`{}` 与 `{}` 形近难辨", name.text, first.text),
                    format!("`{}` looks like `{}`", name.text, first.text),
                )
                .label(first.span, "另一个名称", "the other name")
                .help("给其中一个换个明显不同的名称", "give one of them a clearly different name"),
            );
            continue;
        }
        let simplified = name.text.chars().map(variants::simplified).collect();
        let first = *forms.entry(simplified).or_insert(name);
        if first.text != name.text {
            found.push(
                Diagnostic::new(
                    Code::VariantForms,
                    name.span,
                    format!("`{}` 与 `{}` 只有简繁之别", name.text, first.text),
                    format!(
                        "`{}` and `{}` differ only as simplified and traditional characters do",
                        name.text, first.text
                    ),
                )
                .label(first.span, "另一个名称", "the other name")
                .help(
                    "若是同一事物，统一写法；若不是，换一个名称",
                    "if they are one thing, write it one way; if not, rename one",
                ),
            );
        }
    }
    found
}

/// Keywords that people write without a space, longest first. `非` is left out: it starts many honest names.
const GLUE: &[(&str, Sides)] = &[
    ("不超过", Sides::Compares),
    ("超过", Sides::Compares),
    ("不满", Sides::Compares),
    ("或缺", Sides::Both),
    ("属于", Sides::Both),
    ("否则", Sides::Both),
    ("存在", Sides::Left),
    ("且", Sides::Either),
    ("或", Sides::Either),
    ("满", Sides::Compares),
    ("则", Sides::Both),
    ("当", Sides::Both),
];

/// What must be known around a keyword for it to count as glued.
#[derive(Clone, Copy)]
enum Sides {
    /// Text on both sides, one of them known.
    Either,
    /// Both sides known.
    Both,
    /// The left side known, the right side known or empty.
    Left,
    /// Both sides known; or a number on the right with the left side known or empty.
    Compares,
}

/// A keyword operator found inside what was written as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glued<'a> {
    /// Before the keyword, may be empty.
    pub left: &'a str,
    /// The keyword.
    pub keyword: &'static str,
    /// After the keyword, may be empty.
    pub right: &'a str,
}

impl Glued<'_> {
    /// The finding and its fix.
    pub fn diagnostic(&self, span: Span) -> Diagnostic {
        let Self { left, keyword, right } = self;
        let fixed = format!("{left} {keyword} {right}");
        let fixed = fixed.trim();
        Diagnostic::new(
            Code::GluedKeyword,
            span,
            format!("关键字“{keyword}”与名称连写, 被读成一个名称 `{left}{keyword}{right}`"),
            format!("the keyword `{keyword}` is glued to a name: `{left}{keyword}{right}` reads as one name"),
        )
        .help(format!("在“{keyword}”两侧加空格: `{fixed}`"), format!("put spaces around `{keyword}`: `{fixed}`"))
    }
}

/// Whether `word` is probably a keyword stuck to names. `known` answers whether a part is a name by itself. Only for
/// words that no one declared: `或有负债` is a fine name.
pub fn glued<'a>(word: &'a str, known: impl Fn(&str) -> bool) -> Option<Glued<'a>> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    for (keyword, sides) in GLUE {
        for (at, _) in word.match_indices(keyword) {
            let (left, right) = (&word[..at], &word[at + keyword.len()..]);
            let hit = match sides {
                Sides::Either => !left.is_empty() && !right.is_empty() && (known(left) || known(right)),
                Sides::Both => known(left) && known(right),
                Sides::Left => known(left) && (right.is_empty() || known(right)),
                Sides::Compares => {
                    (known(left) && (known(right) || right.is_empty()))
                        || (number(right) && (left.is_empty() || known(left)))
                }
            };
            if hit {
                return Some(Glued { left, keyword, right });
            }
        }
    }
    None
}
