//! Sources that try to harm, compiled on a small stack and on a large one. Invariant: never a panic, never a fault of the
//! compiler, the same verdict on both stacks. The larger sizes and the clock are the program `hostile`'s.

use guiju_compiler::package::{compile, compile_within};
use guiju_compiler::work::Kind;
use guiju_tests::hostile::{ATTACKS, Verdict, run};
use std::thread;

/// Sizes that an unoptimised compiler gets through in a test run.
const SIZE_MAX: usize = 100;

fn on_a_stack_of(bytes: usize) -> Vec<(&'static str, usize, Verdict)> {
    let all = || {
        let mut verdicts = Vec::new();
        for attack in ATTACKS {
            let deep = attack.sizes.last() == Some(&1_000_000);
            for n in attack.sizes.iter().copied().filter(|n| *n <= SIZE_MAX || (deep && *n == 1_000_000)) {
                verdicts.push((attack.name, n, run(&attack.sources(n))));
            }
        }
        verdicts
    };
    thread::Builder::new().stack_size(bytes).spawn(all).expect("a thread starts").join().expect("no attack panics")
}

#[test]
fn no_source_harms_the_compiler() {
    let small = on_a_stack_of(2 << 20);
    for (name, n, verdict) in &small {
        assert!(verdict.accepted || !verdict.codes.is_empty(), "{name} × {n} is refused without a word");
        assert!(!verdict.codes.contains(&"E0999"), "{name} × {n}: {verdict:?}");
        assert!(verdict.findings <= 265, "{name} × {n}: {verdict:?}");
    }
    let refused = |name: &str| small.iter().rfind(|(attack, ..)| *attack == name).map(|(_, _, v)| v.codes.clone());
    for (name, code) in [
        ("parentheses", "E0105"),
        ("minuses", "E0105"),
        ("module-cycle", "E0213"),
        ("bidi", "E0205"),
        ("folds", "E0904"),
    ] {
        assert!(refused(name).is_some_and(|codes| codes.contains(&code)), "{name}: {:?}", refused(name));
    }
    let chain = small.iter().filter(|(attack, ..)| *attack == "module-chain");
    assert!(chain.clone().count() > 0 && chain.clone().all(|(_, _, v)| v.accepted), "{:?}", chain.collect::<Vec<_>>());
    assert_eq!(small, on_a_stack_of(16 << 20), "the verdict hangs on the stack");
}

/// Work is counted over a whole compilation, and where it runs out an item is named, at the same place every time.
#[test]
fn work_that_runs_out_names_the_item() {
    for name in ["costly-tables", "rules", "modules"] {
        let attack = ATTACKS.iter().find(|attack| attack.name == name).expect("an attack");
        let files = attack.sources(attack.sizes[0].max(3));
        let whole = compile(&files);
        assert!(whole.work.total() > 0 && whole.work.total() < whole.work.max(), "{name}: {:?}", whole.work);
        // A limit that is not reached changes nothing.
        assert_eq!(compile_within(&files, whole.work.total() + 1).diagnostics, whole.diagnostics, "{name}");
    }
    let attack = ATTACKS.iter().find(|attack| attack.name == "costly-tables").expect("an attack");
    let files = attack.sources(4);
    let bytes = compile(&files).work.of(Kind::Bytes) * Kind::Bytes.weight();
    let tables = compile(&files).work.of(Kind::Tables);
    let stopped = compile_within(&files, bytes + tables / 2);
    let told: Vec<&str> =
        stopped.diagnostics.iter().filter(|d| d.code.as_str() == "E0904").map(|d| d.message.zh.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("检查到 `策2` 为止"), "{told:?}");
    assert!(stopped.package.is_none());
    assert!(stopped.work.of(Kind::Tables) < tables);
    assert_eq!(compile_within(&files, bytes + tables / 2).diagnostics, stopped.diagnostics);
}
