//! `guiju show`: what sources mean, as text to be compared between versions. Invariant: prints only what compiles.
//! Must not know: how the text is made.

use crate::Ending;
use crate::command::Show;
use crate::report::Report;
use crate::sources;
use guiju_compiler::package::{Package, compile};
use guiju_compiler::summary;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Show, report: &mut Report) -> Ending {
    let Ok(files) = sources::read(&arguments.paths, report) else { return Ending::Usage };
    let compiled = compile(&files);
    let refused = report.diagnostics(&files, &compiled.diagnostics);
    let Some(package) = compiled.package.filter(|_| !refused) else { return report.end(Ending::Fault) };
    let texts = texts(&package, arguments.policy.as_deref(), arguments.ir);
    if texts.is_empty()
        && let Some(name) = &arguments.policy
    {
        report.complain(&format!("这些文件里没有 `{name}`"), &format!("these files declare no `{name}`"));
        return report.end(Ending::Usage);
    }
    report.text(&texts.join("\n"));
    report.end(Ending::Well)
}

/// One text for each thing called `wanted`, or for everything: certificate types, sharing policies, policies.
fn texts(package: &Package, wanted: Option<&str>, ir: bool) -> Vec<String> {
    let is_wanted = |module: &str, name: &str| wanted.is_none_or(|w| w == name || w == format!("{module}.{name}"));
    let mut texts = Vec::new();
    // A certificate type is no program.
    for schema in package.schemas.iter().filter(|s| !ir && is_wanted(&s.module, &s.name)) {
        texts.push(summary::schema(schema));
    }
    for sharing in package.sharings.iter().filter(|s| is_wanted(&s.module, &s.name)) {
        texts.push(if ir { summary::sharing_program(sharing) } else { summary::sharing(sharing) });
    }
    for policy in package.policies.iter().filter(|p| is_wanted(&p.module, &p.name)) {
        texts.push(if ir { summary::program(policy) } else { summary::policy(policy) });
    }
    texts
}
