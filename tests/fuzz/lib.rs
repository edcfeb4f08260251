//! What the fuzz targets share: bytes as sources, the shipped data standard, and mutation by words and lines. Owns how
//! bytes become a project. Invariant: the same bytes are always the same project. Must not know: what is being tested.

use guiju_compiler::package::{Package, compile};
use guiju_compiler::source::SourceFile;
use guiju_runtime::value::Type;
use std::sync::{Arc, LazyLock};

/// Texts of one project: the input is cut at NUL bytes; bytes that are no UTF-8 are replaced, so that a cut inside a
/// character does not hide the rest.
pub fn sources(bytes: &[u8]) -> Vec<SourceFile> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\0')
        .take(8)
        .enumerate()
        .map(|(i, text)| SourceFile { name: format!("{i}.gj"), text: text.to_owned() })
        .collect()
}

/// The text of one module.
pub fn source(bytes: &[u8]) -> SourceFile {
    SourceFile { name: "0.gj".to_owned(), text: String::from_utf8_lossy(bytes).into_owned() }
}

/// The shipped data standard, so that a lone policy finds what it imports.
pub fn standard() -> SourceFile {
    SourceFile { name: "standard.gj".to_owned(), text: include_str!("../../policies/standard.gj").to_owned() }
}

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let package: Package = compile(&[standard()]).package.expect("the shipped standard compiles");
    let schemas = package.schemas.iter().map(|s| Type::Group(Arc::clone(&s.group)));
    let lists = package.schemas.iter().map(|s| Type::List { element: Box::new(Type::Group(s.group.clone())), max: 4 });
    let scalars = [
        Type::Boolean,
        Type::Integer { low: i64::MIN, high: i64::MAX, unit: None },
        Type::Integer { low: -3, high: 3, unit: None },
        Type::Date,
        Type::Month,
        Type::Text { max: 8 },
    ];
    schemas.clone().chain(lists).chain(scalars).collect()
});

/// One of the types evidence can have, by number, so that an input keeps its type while its other bytes change.
pub fn type_number(n: u8) -> &'static Type {
    &TYPES[usize::from(n) % TYPES.len()]
}

/// Ends of the pieces that a text is made of: words of letters, single signs, blanks.
fn pieces(text: &str) -> Vec<&str> {
    let class = |c: char| if c.is_alphanumeric() || c == '_' { 0 } else if c.is_whitespace() { 1 } else { 2 };
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        let now = class(c);
        if last.is_some_and(|l| l != now || now == 2) {
            pieces.push(&text[start..at]);
            start = at;
        }
        last = Some(now);
    }
    pieces.push(&text[start..]);
    pieces
}

/// The words of the grammar's keywords in both languages, read from the grammar itself, and signs.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let grammar = include_str!("../../compiler/src/grammar.pest");
    let keywords = grammar.lines().filter(|l| l.starts_with("k_")).flat_map(|l| l.split('"').skip(1).step_by(2));
    let signs = ["=>", "..", "≠", "<=", "//", "@", "|", "{", "}", "(", ")", "[", "]", "：", "｛", "｜", "“", "”", "?", "-", "*"];
    let literals = ["0", "1", "9223372036854775807", "2020-02-29", "2017-03", "\"\\", "e\u{301}", "⼾", "戶", "\u{202E}", "\u{200B}"];
    keywords.chain(signs).chain(literals).collect()
});

/// A mutation that keeps words whole: one to four times a piece is dropped, doubled, or replaced by another piece of the
/// same text or a word of the language, or a run of pieces is copied. Half of the mutations are left to libFuzzer's own, by bytes.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if seed % 2 == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let mut state = u64::from(seed) | 1 << 40;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    let text = String::from_utf8_lossy(&data[..size]).into_owned();
    let mut pieces: Vec<&str> = pieces(&text);
    for _ in 0..1 + next(4) {
        let (a, b, n) = (next(pieces.len()), next(pieces.len()), 1 + next(12));
        match next(8) {
            5 => pieces.splice(a..a, [" ", WORDS[next(WORDS.len())], " "]).for_each(drop),
            6 => pieces[a] = WORDS[next(WORDS.len())],
            _ if pieces.len() < 2 => break,
            0 => drop(pieces.remove(a)),
            1 => pieces.insert(a, pieces[b]),
            2 => pieces[a] = pieces[b],
            3 => pieces.swap(a, b),
            _ => {
                let run: Vec<&str> = pieces[a..(a + n).min(pieces.len())].to_vec();
                pieces.splice(b..b, run).for_each(drop);
            }
        }
    }
    let out = pieces.concat();
    let length = out.len().min(max_size).min(data.len());
    data[..length].copy_from_slice(&out.as_bytes()[..length]);
    length
}
