//! The formatter on shipped sources with comments and blank lines put between random tokens. Invariant: what is formatted
//! is stable, keeps every comment in its order, means the same, and comes back from the other language unchanged.

use crate::recovery::{Dice, pieces, seed_and_rounds, shipped};
use guiju_compiler::ast::Language;
use guiju_compiler::format::format;
use guiju_compiler::parse::parse;
use guiju_compiler::source::{FileId, SourceFile};

/// The source with a comment or blank lines between two of its tokens: at the first of three places drawn where it stays a
/// source, which it does not inside a row.
fn remarked(file: &SourceFile, dice: &mut Dice) -> SourceFile {
    let ends: Vec<usize> = pieces(&file.text).into_iter().map(|(_, end)| end).collect();
    for _ in 0..3 {
        let at = ends[dice.below(ends.len())];
        let more = [" // 注\n", "\n\n// 注\n", "\n\n\n"][dice.below(3)];
        let text = format!("{}{more}{}", &file.text[..at], &file.text[at..]);
        if well_formed(&text) {
            return SourceFile { name: file.name.clone(), text };
        }
    }
    file.clone()
}

fn well_formed(text: &str) -> bool {
    let file = SourceFile { name: "t.gj".into(), text: text.to_owned() };
    let (module, found) = parse(FileId(0), &file);
    module.is_some() && found.is_empty()
}

fn comments(file: &SourceFile) -> Vec<String> {
    let module = parse(FileId(0), file).0.expect("well formed");
    module.comments.into_iter().map(|comment| comment.text).collect()
}

#[test]
fn comments_between_any_tokens_are_kept_and_layout_is_stable() {
    let (seed, rounds) = seed_and_rounds(60);
    let mut dice = Dice(seed);
    let files: Vec<SourceFile> = shipped().into_iter().flatten().collect();
    for round in 0..rounds {
        let file = remarked(&files[dice.below(files.len())], &mut dice);
        let place = || format!("seed {seed} round {round} in {}", file.name);
        let text = format(&file, None).unwrap_or_else(|fault| panic!("{}: {fault:?}", place()));
        let once = SourceFile { name: file.name.clone(), text };
        assert_eq!(comments(&once), comments(&file), "{}", place());
        let twice = format(&once, None).expect("it was just written");
        assert!(twice == once.text, "{} is not stable:\n{}", place(), difference(&once.text, &twice));
        let there = format(&once, Some(Language::En)).expect("it translates");
        let back = format(&SourceFile { name: file.name.clone(), text: there }, Some(Language::Zh)).expect("and back");
        assert!(back == once.text, "{} is not translated back:\n{}", place(), difference(&once.text, &back));
    }
}

/// The first lines that differ.
fn difference(one: &str, other: &str) -> String {
    let pairs = one.lines().zip(other.lines());
    let first = pairs.enumerate().find(|(_, (a, b))| a != b);
    first.map_or("a line more or less".to_owned(), |(at, (a, b))| format!("{}: {a}\n{}: {b}", at + 1, at + 1))
}
