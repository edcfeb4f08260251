//! `guiju check`: what is wrong with sources. Invariant: well only if every module compiles. Must not know: how.

use crate::Ending;
use crate::command::Check;
use crate::report::Report;
use crate::sources;
use guiju_compiler::diagnostics::{Diagnostic, render};
use guiju_compiler::package::compile;
use guiju_compiler::work::KINDS;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Check, report: &mut Report) -> Ending {
    let Ok(files) = sources::read(&arguments.paths, report) else { return Ending::Usage };
    let compiled = compile(&files);
    let refused = compiled.diagnostics.iter().any(Diagnostic::is_error) || compiled.package.is_none();
    if arguments.json {
        for diagnostic in &compiled.diagnostics {
            let line = render::json(&files, diagnostic);
            report.line(&line, &line);
        }
    } else {
        report.diagnostics(&files, &compiled.diagnostics);
        let count = compiled.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        let files = files.len();
        if refused {
            report.complain(&format!("{files} 个文件, {count} 个错误"), &format!("files: {files}, errors: {count}"));
        } else {
            report.line(&format!("{files} 个文件, 没有错误"), &format!("files: {files}, no errors"));
        }
    }
    if arguments.work {
        for kind in KINDS {
            let (units, weight) = (compiled.work.of(kind), kind.weight());
            report
                .line(&format!("步数 {}: {units} × {weight}", kind.zh()), &format!("work {kind}: {units} × {weight}"));
        }
        let (total, max) = (compiled.work.total(), compiled.work.max());
        report.line(&format!("步数 共 {total}, 上限 {max}"), &format!("work in all: {total} of {max}"));
    }
    report.end(if refused { Ending::Fault } else { Ending::Well })
}
