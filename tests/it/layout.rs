//! The formatter on fixtures: `suite/fmt/*.gj` with its canonical text as a snapshot. Invariant: formatting is
//! idempotent, keeps every comment, and survives every shipped source.

use crate::diagnostics::{fixtures, source};
use guiju_compiler::format::format;
use guiju_compiler::parse::parse;
use guiju_compiler::source::{FileId, SourceFile};

fn comments(source: &SourceFile) -> Vec<String> {
    let module = parse(FileId(0), source).0.expect("fixtures are well formed");
    module.comments.into_iter().map(|comment| comment.text).collect()
}

#[test]
fn fixtures_have_their_canonical_layout() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../suite/fmt/snapshots");
    settings.set_omit_expression(true);
    let _guard = settings.bind_to_scope();
    for path in fixtures("fmt").into_iter().chain(fixtures("parse")) {
        let original = source(&path);
        let text = format(&original, None).unwrap_or_else(|fault| panic!("{}: {fault:?}", original.name));
        let again = SourceFile { name: original.name.clone(), text: text.clone() };
        assert_eq!(format(&again, None).as_ref(), Ok(&text), "{} is not stable", original.name);
        assert_eq!(comments(&again), comments(&original), "{} lost a comment", original.name);
        insta::assert_snapshot!(path.file_stem().expect("a file has a name").to_string_lossy().into_owned(), text);
    }
}

#[test]
fn a_refused_source_is_not_formatted() {
    for path in fixtures("diagnostics") {
        let original = source(&path);
        assert!(format(&original, None).is_err(), "{} was formatted", original.name);
    }
}
