//! `guiju fmt`: canonical layout, in place or as a check. Owns the writing of sources.
//! Invariant: a file changes whole or not at all, and only if its new text means the same. Must not know: layout.

use crate::Ending;
use crate::command::{Fmt, MessageLanguage};
use crate::report::Report;
use crate::sources;
use guiju_compiler::format::format;
use std::fs;
use std::io;
use std::path::Path;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Fmt, report: &mut Report) -> Ending {
    let Ok(files) = sources::read(&arguments.paths, report) else { return Ending::Usage };
    let language = arguments.lang.map(MessageLanguage::pick);
    let mut ending = Ending::Well;
    for file in &files {
        let text = match format(file, language) {
            Ok(text) => text,
            Err(diagnostics) => {
                report.diagnostics(std::slice::from_ref(file), &diagnostics);
                ending = Ending::Fault;
                continue;
            }
        };
        if text == file.text {
            continue;
        }
        if arguments.check {
            report.line(&format!("{}: 需要格式化", file.name), &format!("{}: needs formatting", file.name));
            ending = Ending::Fault;
            continue;
        }
        if let Err(fault) = replace(Path::new(&file.name), &text) {
            report.complain(
                &format!("{}: 写不了: {fault}", file.name),
                &format!("{}: cannot be written: {fault}", file.name),
            );
            return report.end(Ending::Usage);
        }
        report.line(&format!("{}: 已格式化", file.name), &format!("{}: formatted", file.name));
    }
    report.end(ending)
}

/// Writes beside the file and renames, so that a crash leaves the old or the new text.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let beside = path.with_extension("gj.new");
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, fs::metadata(&path)?.permissions())?;
    fs::rename(&beside, &path)
}
