//! The parser on any bytes: it neither panics nor works without bound, and every finding points at characters of the
//! source and can be shown in both languages.
#![no_main]

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::render;
use guiju_compiler::parse::parse;
use guiju_compiler::source::FileId;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    guiju_fuzz::mutate(data, size, max_size, seed)
});

fuzz_target!(|bytes: &[u8]| {
    let source = guiju_fuzz::source(bytes);
    let (module, findings) = parse(FileId(0), &source);
    let text = &source.text;
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
});
