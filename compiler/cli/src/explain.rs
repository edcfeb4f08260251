//! `guiju explain`: what a code means, why it matters and how to fix it. Invariant: it reads no file.
//! Must not know: how pages are written.

use crate::Ending;
use crate::command::Explain;
use crate::report::Report;
use guiju_compiler::diagnostics::Code;
use guiju_compiler::diagnostics::pages::{self, page};

/// Runs the subcommand.
pub(crate) fn run(arguments: &Explain, report: &mut Report) -> Ending {
    let Some(wanted) = &arguments.code else {
        for code in Code::ALL {
            let title = page(*code).title;
            report.line(&format!("{code} {}", title.zh), &format!("{code} {}", title.en));
        }
        return report.end(Ending::Well);
    };
    if wanted == "base" {
        report.text(pages::BASE);
        return report.end(Ending::Well);
    }
    match Code::parse(wanted) {
        Some(code) => {
            let text = page(code).plain(report.language);
            report.text(&text);
            report.end(Ending::Well)
        }
        None => {
            report.complain(
                &format!("没有代码 `{wanted}`; `guiju explain` 列出全部代码"),
                &format!("there is no code `{wanted}`; `guiju explain` lists all codes"),
            );
            report.end(Ending::Usage)
        }
    }
}
