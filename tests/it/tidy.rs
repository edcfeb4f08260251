//! The house rules that a machine can check. Owns the allowed edges between modules and the one importer of each
//! dependency. Invariant: it reads every source file of the workspace, so a new file is covered without being listed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines in a file before its in-file tests.
const FILE_LINES_MAX: usize = 620;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

fn sources() -> BTreeMap<String, String> {
    let root = root();
    let mut found = BTreeMap::new();
    for package in [
        "runtime/src",
        "compiler/src",
        "compiler/cli/src",
        "node/src",
        "tests/src",
        "tests/it",
        "tests/fuzz/fuzz_targets",
    ] {
        collect(&root, &root.join(package), &mut found);
    }
    assert!(found.len() > 60, "the walk found only {} files", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("source folders are readable") {
        let path = entry.expect("entries are readable").path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root).expect("below the root").display().to_string();
            found.insert(name, fs::read_to_string(&path).expect("sources are UTF-8"));
        }
    }
}

/// Lines of code, comments left out, so that a name in prose is no import.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, l)| (i + 1, l)).filter(|(_, l)| !l.trim_start().starts_with("//"))
}

fn offences(check: impl Fn(&str, &str) -> Vec<String>) {
    let all: Vec<String> = sources().iter().flat_map(|(name, text)| check(name, text)).collect();
    assert!(all.is_empty(), "{} offences:\n{}", all.len(), all.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    offences(|name, text| if text.starts_with("//!") { vec![] } else { vec![format!("{name}: no opening //!")] });
}

#[test]
fn files_stay_readable() {
    offences(|name, text| {
        let lines = text.split("\n#[cfg(test)]").next().unwrap_or(text).lines().count();
        if lines > FILE_LINES_MAX { vec![format!("{name}: {lines} lines")] } else { vec![] }
    });
}

#[test]
fn each_dependency_has_one_importing_module() {
    // Crate path prefix, and the only places that may name it.
    let importers: &[(&str, &[&str])] = &[
        ("pest", &["compiler/src/parse"]),
        ("cranelift", &["compiler/src/codegen"]),
        ("annotate_snippets", &["compiler/src/diagnostics/render.rs"]),
        ("unicode_security", &["compiler/src/names"]),
        ("fjall", &["node/src/store", "node/src/custody/capsules"]),
        ("quinn", &["node/src/network"]),
        ("rustls", &["node/src/network"]),
        ("axum", &["node/src/gateway"]),
        ("jmt", &["node/src/state/tree"]),
        ("arc_malachitebft", &["node/src/consensus"]),
        ("ed25519_dalek", &["node/src/crypto.rs"]),
        ("hpke", &["node/src/custody/envelope"]),
        ("chacha20poly1305", &["node/src/custody/envelope", "node/src/threshold"]),
        ("curve25519_dalek", &["node/src/threshold"]),
        ("ureq", &["node/src/client.rs"]),
        ("indicatif", &["node/src/demo/progress.rs"]),
        ("clap", &["node/src/cli", "compiler/cli/src"]),
    ];
    offences(|name, text| {
        if name.starts_with("tests/") {
            return vec![];
        }
        let mut found = vec![];
        for (line, content) in code(text) {
            for (dependency, places) in importers {
                let names_it = [format!("{dependency}::"), format!("{dependency}_")].iter().any(|needle| {
                    content.match_indices(needle.as_str()).any(|(at, _)| {
                        !content[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                            && (needle.ends_with("::")
                                || matches!(*dependency, "cranelift" | "arc_malachitebft" | "pest"))
                    })
                });
                if names_it && !places.iter().any(|place| name.starts_with(place)) {
                    found.push(format!("{name}:{line}: names {dependency}"));
                }
            }
        }
        found
    });
}

#[test]
fn the_pure_parts_touch_no_outside() {
    let pure = [
        "runtime/src/",
        "compiler/src/",
        "node/src/state",
        "node/src/replica",
        "node/src/mempool",
        "node/src/sync",
        "node/src/consensus",
        "node/src/transaction",
        "node/src/block",
        "node/src/codec",
        "node/src/threshold",
        "node/src/ceremony",
        "node/src/custodians",
    ];
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::time",
        "tokio::",
        "SystemTime",
        "Instant::",
        "getrandom::",
        "println!",
        "HashMap",
        "HashSet",
    ];
    offences(|name, text| {
        if !pure.iter().any(|p| name.starts_with(p)) || name.contains("tests") {
            return vec![];
        }
        let body = text.split("\n#[cfg(test)]").next().unwrap_or(text);
        code(body)
            .flat_map(|(line, content)| {
                // One file gives the compiler a stack of one size on every node; no result depends on its thread.
                let own_stack = |b: &str| b == "std::thread" && name == "compiler/src/compile/stack.rs";
                let found = banned.iter().filter(move |b| content.contains(**b) && !own_stack(b));
                found.map(move |b| format!("{name}:{line}: {b}"))
            })
            .collect()
    });
}

#[test]
fn arrows_run_one_way() {
    // Who must not name what: from DESIGN's table of places.
    let banned: &[(&str, &[&str])] = &[
        ("runtime/src/", &["guiju_compiler", "guiju_node"]),
        ("compiler/src/", &["guiju_node"]),
        ("compiler/src/codegen", &["crate::ast", "crate::check", "crate::interpret", "crate::parse"]),
        ("compiler/src/interpret", &["crate::ast", "crate::check", "crate::codegen", "crate::parse"]),
        ("compiler/src/format", &["crate::typed", "crate::check"]),
        ("compiler/src/parse", &["crate::typed", "crate::check", "crate::ir"]),
        ("node/src/threshold", &["crate::block", "crate::state", "crate::custody", "crate::genesis", "crate::store"]),
        (
            "node/src/transaction",
            &["crate::threshold", "crate::block", "crate::state", "crate::store", "crate::network"],
        ),
        ("node/src/state", &["crate::replica", "crate::store", "crate::network", "crate::gateway", "crate::server"]),
        ("node/src/replica", &["crate::store", "crate::network", "crate::gateway", "crate::server"]),
        ("node/src/store", &["crate::network", "crate::gateway", "crate::server", "crate::replica"]),
        ("node/src/network", &["crate::store", "crate::gateway", "crate::server", "crate::state"]),
    ];
    offences(|name, text| {
        let mut found = vec![];
        for (place, names) in banned.iter().filter(|(place, _)| name.starts_with(place)) {
            for (line, content) in code(text) {
                for banned in names.iter().filter(|b| content.contains(**b)) {
                    found.push(format!("{name}:{line}: {place} must not know {banned}"));
                }
            }
        }
        found
    });
}

#[test]
fn unsafe_stays_in_two_files() {
    offences(|name, text| {
        if ["compiler/src/codegen", "runtime/src/module.rs", "tests/it/tidy.rs"].iter().any(|p| name.starts_with(p)) {
            return vec![];
        }
        code(text)
            .filter(|(_, l)| l.contains("unsafe {") || l.contains("unsafe fn") || l.contains("unsafe impl"))
            .map(|(line, _)| format!("{name}:{line}: unsafe"))
            .collect()
    });
}

#[test]
fn no_test_is_skipped_and_no_name_is_empty() {
    offences(|name, text| {
        let marks = ["#[ignore", "#[should_panic", "todo!(", "unimplemented!("];
        let mut found: Vec<String> = code(text)
            .filter(|(_, l)| !name.ends_with("tidy.rs") && marks.iter().any(|m| l.contains(m)))
            .map(|(line, _)| format!("{name}:{line}: skipped or unfinished"))
            .collect();
        let stem = Path::new(name).file_stem().and_then(|s| s.to_str()).unwrap_or("");
        if ["utils", "util", "helpers", "helper", "common", "manager", "misc", "mod"].contains(&stem) {
            found.push(format!("{name}: a name that names nothing"));
        }
        found
    });
}

#[test]
fn the_top_level_is_fixed() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "CHANGELOG.md",
        "README.md",
        "compiler",
        "runtime",
        "node",
        "policies",
        "examples",
        "tests",
        "target",
    ];
    let extra: Vec<String> = fs::read_dir(root())
        .expect("the root is readable")
        .map(|e| e.expect("entries are readable").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !allowed.contains(&name.as_str()))
        .collect();
    assert!(extra.is_empty(), "unexpected at top level: {extra:?}");
}
