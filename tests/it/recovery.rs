//! Several faults in one file. Invariant: each independent fault is told once, whatever stands around it, and a fault in one
//! item changes nothing that is told of another.

use crate::diagnostics::{fixtures, source};
use guiju_compiler::ast::{Item, Language};
use guiju_compiler::diagnostics::{Code, Diagnostic, render};
use guiju_compiler::package::compile;
use guiju_compiler::parse::parse;
use guiju_compiler::source::{FileId, SourceFile, Span};
use std::path::Path;

#[test]
fn every_fault_of_a_file_is_told() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../suite/recovery/snapshots");
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    for path in fixtures("recovery") {
        let files = [source(&path)];
        let compiled = compile(&files);
        assert!(compiled.package.is_none(), "{} is accepted", files[0].name);
        let mut shown = String::new();
        for language in [Language::Zh, Language::En] {
            shown.push_str("――――――――\n");
            compiled.diagnostics.iter().for_each(|found| shown.push_str(&render::plain(&files, found, language)));
        }
        let stem = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        insta::assert_snapshot!(stem, shown);
    }
}

#[test]
fn a_file_lists_a_bounded_number_of_faults_and_says_how_many_more_there_are() {
    let faults: String = (0..200).map(|i| format!("    规则 甲{i} =\n")).collect();
    let text = format!("语言 zh\n模块 试\n策略 资格 版本 1 由 局 施行 2020-01-01 {{\n{faults}}}\n");
    let (_, found) = parse(FileId(0), &SourceFile { name: "t.gj".into(), text });
    assert_eq!(found.len(), 65);
    let (last, listed) = found.split_last().expect("there are some");
    assert!(listed.iter().all(|finding| finding.code == Code::Syntax));
    assert_eq!(last.code, Code::TooManyFaults);
    assert!(last.message.zh.contains("136") && last.message.en.contains("136"), "{last:?}");
}

#[test]
fn every_clause_word_is_a_place_to_go_on() {
    let grammar = include_str!("../../compiler/src/grammar.pest");
    let rule = |name: &str| {
        let line = grammar.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("no rule {name}")).split_once('=').expect("a rule has a body").1
    };
    let clauses = rule("clause").trim_matches(|c| "_{ }".contains(c)).split('|').map(str::trim);
    let mut words = 0;
    for clause in clauses {
        let keyword = rule(clause).split_whitespace().find(|word| word.starts_with("k_")).expect("a clause has one");
        let zh = rule(keyword).split('"').nth(1).expect("a keyword has a spelling");
        let clauses = format!("    输入 甲 乙\n    {zh} ,\n");
        let text = format!("语言 zh\n模块 试\n策略 资格 版本 1 由 局 施行 2020-01-01 {{\n{clauses}}}\n");
        let (_, found) = parse(FileId(0), &SourceFile { name: "t.gj".into(), text });
        assert_eq!(found.len(), 2, "`{zh}` is missing from `keyword::CLAUSES`: {found:?}");
        words += 1;
    }
    assert!(words >= 9, "only {words} clauses");
}

/// The shipped sources, in the order in which they are compiled: the upper folder, then each version of 购房资格 with the
/// data standard and, where it imports an earlier version, those from that one on.
pub(crate) fn shipped() -> Vec<Vec<SourceFile>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let sources = |folder: &Path| -> Vec<SourceFile> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("the shipped policies are there")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "gj"))
            .collect();
        paths.sort();
        paths.iter().map(|path| source(path)).collect()
    };
    let top = sources(&folder);
    let standard = top.iter().find(|file| file.name == "standard.gj").expect("the data standard is shipped").clone();
    let mut all = vec![top];
    let versions = sources(&folder.join("purchase"));
    let module = |file: &SourceFile| {
        let line = file.text.lines().find_map(|line| line.strip_prefix("模块 "));
        line.expect("a file names its module").to_owned()
    };
    for (at, file) in versions.iter().enumerate() {
        let imports = |earlier: &SourceFile| file.text.contains(&format!("引用 {} ", module(earlier)));
        let first = versions[..at].iter().position(imports).unwrap_or(at);
        all.push(std::iter::once(&standard).chain(&versions[first..=at]).cloned().collect());
    }
    assert!(all.iter().skip(1).any(|files| files.len() > 2), "a transition leads to an imported version");
    all
}

/// Tokens of a text as rough pieces: words, digits, texts, single marks.
pub(crate) fn pieces(text: &str) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            all.push((at, at + length));
        }
        at += length;
    }
    all
}

/// A fault in an item: one token less, or one more.
fn broken(text: &str, item: Span, dice: &mut Dice) -> String {
    const MORE: &[&str] =
        &["(", ")", "}", "{", "[", "\"", "|", "=", "当", "则", "且", "规则", "例外", "甲", "7", "@", ","];
    let inside = pieces(&text[item.start as usize..item.end as usize]);
    let (start, end) = inside[dice.below(inside.len())];
    let (start, end) = (item.start as usize + start, item.start as usize + end);
    if dice.below(2) == 0 {
        return format!("{}{}", &text[..start], &text[end..]);
    }
    // Behind the token: before the first one it would be no part of the item.
    format!("{} {} {}", &text[..end], MORE[dice.below(MORE.len())], &text[end..])
}

/// A small generator of its own: which faults it makes must not change with a library.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
    }
}

/// Seeds are given as `GUIJU_SEED`, for a run longer than the usual one as `GUIJU_ROUNDS`.
pub(crate) fn seed_and_rounds(rounds: usize) -> (u64, usize) {
    let given = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let rounds = given("GUIJU_ROUNDS").and_then(|value| usize::try_from(value).ok()).unwrap_or(rounds);
    (given("GUIJU_SEED").unwrap_or(20_260_401), rounds)
}

#[test]
fn a_fault_in_one_item_changes_nothing_told_of_another() {
    let (seed, rounds) = seed_and_rounds(60);
    let mut dice = Dice(seed);
    // A version that takes an older one for its transition does not stand alone, and beside it a gap would be told.
    let mut compilations = shipped();
    compilations.retain(|files| compile(files).diagnostics.is_empty());
    assert!(compilations.len() >= 5, "only {} compilations are without findings", compilations.len());
    let mut refused = 0;
    for round in 0..rounds {
        let files = &compilations[dice.below(compilations.len())];
        let file = dice.below(files.len());
        let id = FileId(u16::try_from(file).expect("small"));
        let module = parse(id, &files[file]).0.expect("shipped sources are well formed");
        let spans: Vec<Span> = module.items.iter().map(Item::span).collect();
        let at = dice.below(spans.len());
        let mut changed = files.clone();
        changed[file].text = broken(&files[file].text, spans[at], &mut dice);
        // A variant less is well formed; that what needs it is refused says nothing about recovery.
        if !parse(id, &changed[file]).1.iter().any(Diagnostic::is_error) {
            continue;
        }
        refused += 1;
        let compiled = compile(&changed);
        assert!(compiled.package.is_none() && !compiled.diagnostics.is_empty(), "seed {seed} round {round}");
        // The shipped sources are without findings, so that all there are must stand in the broken item.
        let moved = changed[file].text.len() as i64 - files[file].text.len() as i64;
        let (start, end) = (i64::from(spans[at].start), i64::from(spans[at].end) + moved);
        let strays = compiled.diagnostics.iter().filter(|found| {
            let place = i64::from(found.primary.start);
            found.primary.file != id || place < start || place >= end
        });
        let shown: String = strays.map(|found| render::plain(&changed, found, Language::En)).collect();
        let item = &changed[file].text[spans[at].start as usize..end as usize];
        assert!(shown.is_empty(), "seed {seed} round {round} in {}:\n{item}\n{shown}", files[file].name);
    }
    assert!(refused * 2 > rounds, "seed {seed}: only {refused} of {rounds} were faults");
}
