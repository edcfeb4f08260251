//! Restating a module without changing what it means: in the other language, in canonical layout, with definitions in
//! another order. Owns what must stay the same. Must not know: engines' insides.

use super::{Random, facts, source};
use guiju_compiler::ast::Language;
use guiju_compiler::format::format;
use guiju_compiler::interpret;
use guiju_compiler::package::{Package, Policy, compile};
use guiju_compiler::source::SourceFile;

fn file(text: &str) -> SourceFile {
    SourceFile { name: "甲.gj".to_owned(), text: text.to_owned() }
}

fn package(text: &str) -> Result<Package, String> {
    let compiled = compile(&[file(text)]);
    compiled.package.ok_or_else(|| format!("refused when restated: {:?}\n{text}", compiled.diagnostics.first()))
}

/// Restates and compares.
pub(super) fn restate(random: &mut Random, module: &source::Module, before: &Package) -> Result<(), String> {
    let plain = format(&file(&module.text), None).map_err(|d| format!("not formatted: {d:?}"))?;
    let english = format(&file(&plain), Some(Language::En)).map_err(|d| format!("not translated: {d:?}"))?;
    for text in [&plain, &english] {
        let after = package(text)?;
        for (a, b) in before.policies.iter().zip(&after.policies) {
            if (a.meaning_hash, &a.program) != (b.meaning_hash, &b.program) {
                return Err(format!("another meaning when restated as\n{text}"));
            }
        }
        let hashes = |p: &Package| p.modules.iter().map(|m| m.meaning_hash).collect::<Vec<_>>();
        if hashes(before) != hashes(&after) {
            return Err(format!("another module hash when restated as\n{text}"));
        }
    }
    let moved = package(&reordered(random, module))?;
    for (a, b) in before.policies.iter().zip(&moved.policies) {
        for _ in 0..8 {
            // Literals are numbered in the order they stand, so each program has its own frame of the same facts.
            let facts = facts::facts(random, a, &module.words);
            let run = |p: &Policy| interpret::run(&p.program, facts::put(p, &facts).words());
            let (x, y) = (run(a), run(b));
            for (o, p) in a.outcomes.iter().zip(&b.outcomes) {
                let (x, y) = (x.outputs.get(o.output), y.outputs.get(p.output));
                if x != y {
                    return Err(format!("{}: {x:?} then {y:?} with definitions in another order", o.name));
                }
            }
        }
    }
    Ok(())
}

/// The module with its definitions shuffled among the places where definitions stand.
fn reordered(random: &mut Random, module: &source::Module) -> String {
    let mut order: Vec<usize> = (0..module.definitions.len()).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    let mut out = String::new();
    let mut at = 0;
    for (place, from) in module.definitions.iter().zip(order) {
        out.push_str(&module.text[at..place.0]);
        let (start, end) = module.definitions[from];
        out.push_str(&module.text[start..end]);
        at = place.1;
    }
    out.push_str(&module.text[at..]);
    out
}
