//! Sources that try to harm, compiled on a small stack and on a large one. Invariant: never a panic, never a fault of the
//! compiler, the same verdict on both stacks. The larger sizes and the clock are the program `hostile`'s.

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
    for (name, code) in [("parentheses", "E0105"), ("minuses", "E0105"), ("module-cycle", "E0213"), ("bidi", "E0205")] {
        assert!(refused(name).is_some_and(|codes| codes.contains(&code)), "{name}: {:?}", refused(name));
    }
    assert_eq!(small, on_a_stack_of(16 << 20), "the verdict hangs on the stack");
}
