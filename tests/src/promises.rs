//! What must hold of any bytes given to the parser, the formatter and the compiler, and mutations that reach far into the
//! language. Owns the promises and the mutations; both the coverage-guided targets in `tests/fuzz` and the plain driver
//! `fuzz-syntax` use them. Invariant: a broken promise panics. Must not know: where bytes come from.

use super::random::Random;
use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::{Code, render};
use guiju_compiler::format::format;
use guiju_compiler::package::compile;
use guiju_compiler::parse::parse;
use guiju_compiler::source::{FileId, SourceFile};
use std::sync::LazyLock;

fn file(text: &str) -> SourceFile {
    SourceFile { name: "0.gj".to_owned(), text: text.to_owned() }
}

/// The parser neither panics nor refuses without a word; findings point at whole characters and can be shown.
pub fn parsing(text: &str) {
    let source = file(text);
    let (module, findings) = parse(FileId(0), &source);
    for span in findings.iter().flat_map(|f| std::iter::once(f.primary).chain(f.labels.iter().map(|(s, _)| *s))) {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(start <= end && text.is_char_boundary(start) && text.is_char_boundary(end), "{span:?}");
    }
    assert!(module.is_some() || findings.iter().any(|f| f.is_error()), "refused without a word");
    // Showing costs far more than parsing, so one finding is shown.
    if let Some(first) = findings.first() {
        for language in [Language::Zh, Language::En] {
            assert!(!render::plain(std::slice::from_ref(&source), first, language).is_empty());
        }
    }
}

/// What the formatter accepts it leaves alone the second time; translating there and back changes nothing; it never has to
/// admit that it would have changed a meaning.
pub fn formatting(text: &str) {
    let again = |text: &str, language| format(&file(text), language).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
    match format(&file(text), None) {
        Ok(plain) => {
            assert_eq!(again(&plain, None), plain, "formatting twice is formatting once");
            let zh = again(&plain, Some(Language::Zh));
            let en = again(&zh, Some(Language::En));
            assert_eq!(again(&en, Some(Language::Zh)), zh, "there and back");
        }
        Err(why) => assert!(why.iter().all(|d| d.code != Code::FormatterFault), "{why:?}"),
    }
}

/// The compiler gives a package exactly if there is no error, and says the same twice. Modules are cut at NUL; the
/// shipped data standard stands beside them if they name it.
pub fn checking(text: &str) {
    let mut files: Vec<SourceFile> = text.split('\0').take(8).map(file).collect();
    for (i, file) in files.iter_mut().enumerate() {
        file.name = format!("{i}.gj");
    }
    if text.contains("南京.数据标准") {
        files.push(file(include_str!("../../policies/standard.gj")));
    }
    let first = compile(&files);
    assert_eq!(first.package.is_none(), first.diagnostics.iter().any(|d| d.is_error()), "{:?}", first.diagnostics);
    assert!(first.diagnostics.iter().all(|d| d.code != Code::Internal), "{:?}", first.diagnostics);
    // Twice is twice as slow, and what could differ differs soon: one input in eight.
    if text.len().is_multiple_of(8) {
        assert_eq!(first.diagnostics, compile(&files).diagnostics);
    }
}

/// The words of the grammar's keywords in both languages, read from the grammar itself, with signs and hard letters.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let grammar = include_str!("../../compiler/src/grammar.pest");
    let keywords = grammar.lines().filter(|l| l.starts_with("k_")).flat_map(|l| l.split('"').skip(1).step_by(2));
    let signs = "=> .. ≠ <= // @ | { } ( ) [ ] : ： ｛ ｜ （ ” “ ? - * / \" \\ ,".split(' ');
    let letters =
        "0 1 9223372036854775807 0.10 2020-02-29 2017-03 甲 乙 申请人 e\u{301} ⼾ 戶 \u{202E} \u{200B} 𠀀".split(' ');
    keywords.chain(signs).chain(letters).collect()
});

/// The pieces that a text is made of: words of letters, single signs, blanks.
fn pieces(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        _ if c.is_alphanumeric() || c == '_' => 0,
        _ if c.is_whitespace() => 1,
        _ => 2,
    };
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

/// One to four times a piece is dropped, doubled, replaced or swapped with another of the text, a word of the language is
/// put in, or a run of pieces is copied; seldom single characters go.
pub fn mutate(text: &str, random: &mut Random) -> String {
    let mut pieces = pieces(text);
    for _ in 0..1 + random.below(4) {
        let (a, b) = (random.below(pieces.len()), random.below(pieces.len()));
        let word = WORDS[random.below(WORDS.len())];
        match random.below(9) {
            0 | 1 => pieces.splice(a..a, [" ", word, " "]).for_each(drop),
            2 | 3 => pieces[a] = word,
            4 if pieces.len() > 1 => drop(pieces.remove(a)),
            5 => pieces.insert(a, pieces[b]),
            6 => pieces[a] = pieces[b],
            7 => {
                let run = pieces[a..(a + 1 + random.below(12)).min(pieces.len())].to_vec();
                pieces.splice(b..b, run).for_each(drop);
            }
            _ => pieces.swap(a, b),
        }
    }
    let mut text = pieces.concat();
    if random.chance(15)
        && let Some((at, c)) = text.char_indices().nth(random.below(text.chars().count().max(1)))
    {
        text.replace_range(at..at + c.len_utf8(), "");
    }
    text
}

/// Small modules cut from whole ones: each item alone, and each clause of a policy in a policy of its own. Smaller inputs
/// are tried more often in the same time. The sources are in canonical layout.
pub fn fragments(source: &str) -> Vec<String> {
    let (head, clause) = if source.starts_with("语言 zh") {
        ("语言 zh\n模块 甲\n", "策略 乙 版本 1 由 局 施行 2020-01-01 {\n")
    } else {
        ("language en\nmodule a\n", "policy b version 1 by d effective 2020-01-01 {\n")
    };
    let mut items: Vec<String> = Vec::new();
    for line in source.lines() {
        let opens = !line.starts_with([' ', '}', '|']) && !line.is_empty();
        match items.last_mut() {
            Some(item) if !opens => item.extend([line, "\n"]),
            _ => items.push(format!("{line}\n")),
        }
    }
    let mut out = Vec::new();
    for item in &items {
        if item.len() < 400 {
            out.push(format!("{head}{item}"));
            continue;
        }
        let mut inner: Vec<String> = Vec::new();
        for line in item.lines().skip(1) {
            let opens =
                line.starts_with("    ") && !line.starts_with("     ") && !line.trim_start().starts_with(['|', '}']);
            match inner.last_mut() {
                Some(part) if !opens => part.extend([line, "\n"]),
                _ => inner.push(format!("{line}\n")),
            }
        }
        let policy = ["策略", "核验", "合约", "policy", "verification", "contract"].iter().any(|w| item.starts_with(w));
        let first = item.lines().next().unwrap_or_default();
        let opening = if policy { clause.to_owned() } else { format!("{first}\n") };
        out.extend(inner.iter().filter(|p| p.len() < 1_500).map(|p| format!("{head}{opening}{p}}}\n")));
    }
    out
}
