//! The whole compiler on any bytes, as one or several modules beside the shipped data standard: it never panics, says the
//! same twice, and refuses with an error or not at all.
#![no_main]

use guiju_compiler::diagnostics::Code;
use guiju_compiler::package::compile;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    guiju_fuzz::mutate(data, size, max_size, seed)
});

fuzz_target!(|bytes: &[u8]| {
    let mut files = guiju_fuzz::sources(bytes);
    if files.iter().any(|f| f.text.contains("南京.数据标准")) {
        files.push(guiju_fuzz::standard());
    }
    let first = compile(&files);
    assert_eq!(first.package.is_none(), first.diagnostics.iter().any(|d| d.is_error()), "{:?}", first.diagnostics);
    assert!(first.diagnostics.iter().all(|d| d.code != Code::Internal), "{:?}", first.diagnostics);
    // Twice is twice as slow, and what could differ differs soon: one input in eight.
    if bytes.len() % 8 == 0 {
        assert_eq!(first.diagnostics, compile(&files).diagnostics);
    }
});
