//! `guiju test`: the tests in policy files. Invariant: well only if every test passes. Must not know: engines.

use crate::Ending;
use crate::command::{Test, TestEngine};
use crate::report::Report;
use crate::sources;
use guiju_compiler::package::compile;
use guiju_compiler::testing::{self, Engine};

/// Runs the subcommand.
pub(crate) fn run(arguments: &Test, report: &mut Report) -> Ending {
    let Ok(files) = sources::read(&arguments.paths, report) else { return Ending::Usage };
    let compiled = compile(&files);
    let refused = report.diagnostics(&files, &compiled.diagnostics);
    let Some(package) = compiled.package.filter(|_| !refused) else { return report.end(Ending::Fault) };
    let engine = match arguments.engine {
        TestEngine::Native => Engine::Native,
        TestEngine::Interpret => Engine::Interpret,
        TestEngine::Both => Engine::Both,
    };
    let tests = testing::run(&package, engine);
    let mut failed = 0;
    for test in &tests {
        for note in &test.notes {
            report.line(
                &format!("性质 \"{}\" {}", test.title, note.zh),
                &format!("property \"{}\" {}", test.title, note.en),
            );
        }
        if test.passed() {
            continue;
        }
        failed += 1;
        let place = files.get(usize::from(test.span.file.0)).map_or(String::new(), |file| {
            let (line, _) = file.line_column(test.span.start);
            format!("{}:{line}: ", file.name)
        });
        let what = format!("\"{}\" {} {}", test.title, test.policy, test.version);
        report.line(&format!("{place}未通过 {what}"), &format!("{place}failed {what}"));
        let text = test.text(report.language);
        for line in text.lines() {
            report.text(&format!("    {line}\n"));
        }
    }
    let passed = tests.len() - failed;
    report
        .line(&format!("测试 {passed} 个通过, {failed} 个未通过"), &format!("tests: {passed} passed, {failed} failed"));
    report.end(if failed > 0 { Ending::Fault } else { Ending::Well })
}
