//! What the fuzz targets need stays true: their dictionary has every word of the grammar. Must not know: the fuzzer.

use std::collections::BTreeSet;

/// Words of the grammar's keywords, both languages, as libFuzzer wants them.
fn keywords() -> BTreeSet<String> {
    let grammar = include_str!("../../compiler/src/grammar.pest");
    let mut words = BTreeSet::new();
    for line in grammar.lines().filter(|l| l.starts_with("k_")) {
        let Some((_, rule)) = line.split_once("@{ (") else { continue };
        let Some((alternatives, _)) = rule.rsplit_once(") ~ !id") else { continue };
        for alternative in alternatives.split('|') {
            let parts: Vec<&str> = alternative.split('"').skip(1).step_by(2).collect();
            words.insert(escaped(&parts.join(" ")));
        }
    }
    words
}

fn escaped(word: &str) -> String {
    word.bytes().map(|b| if b.is_ascii() { char::from(b).to_string() } else { format!("\\x{b:02X}") }).collect()
}

#[test]
fn the_dictionary_has_every_keyword() {
    let dictionary = include_str!("../fuzz/keywords.dict");
    let written: BTreeSet<&str> = dictionary.lines().filter_map(|l| l.strip_prefix('"')?.strip_suffix('"')).collect();
    let words = keywords();
    assert!(words.len() > 200, "{}", words.len());
    let missing: Vec<String> = words.iter().filter(|w| !written.contains(w.as_str())).map(|w| format!("\"{w}\"")).collect();
    assert!(missing.is_empty(), "add to tests/fuzz/keywords.dict:\n{}", missing.join("\n"));
}
