//! The formatter on any bytes: what it accepts it leaves alone the second time, translating there and back changes
//! nothing, and it never has to admit that it would have changed a meaning.
#![no_main]

use guiju_compiler::ast::Language;
use guiju_compiler::diagnostics::Code;
use guiju_compiler::format::format;
use guiju_compiler::source::SourceFile;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    guiju_fuzz::mutate(data, size, max_size, seed)
});

fn again(text: &str, language: Option<Language>) -> String {
    let source = SourceFile { name: "0.gj".to_owned(), text: text.to_owned() };
    format(&source, language).unwrap_or_else(|why| panic!("{why:?}\n{text}"))
}

fuzz_target!(|bytes: &[u8]| {
    match format(&guiju_fuzz::source(bytes), None) {
        Ok(plain) => {
            assert_eq!(again(&plain, None), plain, "formatting twice is formatting once");
            let zh = again(&plain, Some(Language::Zh));
            let en = again(&zh, Some(Language::En));
            assert_eq!(again(&en, Some(Language::Zh)), zh, "there and back");
        }
        Err(why) => assert!(why.iter().all(|d| d.code != Code::FormatterFault), "{why:?}"),
    }
});
