//! Progress for a person: bars on a terminal, plain lines elsewhere, always on stderr.
//! Invariant: stdout is never touched. Must not know: what is being counted.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;

/// One task's progress.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    title: String,
    total: u64,
    done: u64,
}

impl Progress {
    /// Starts a task of `total` parts.
    pub(super) fn start(title: &str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:36} {bar:40} {pos}/{len} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style).with_message(title.to_owned())
        });
        if bar.is_none() {
            eprintln!("{title} …");
        }
        Self { bar, title: title.to_owned(), total, done: 0 }
    }

    /// Notes that `parts` more are done.
    pub(super) fn advance(&mut self, parts: u64) {
        self.done += parts;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        }
    }

    /// Ends the task.
    pub(super) fn finish(self) {
        match self.bar {
            Some(bar) => bar.finish(),
            None => eprintln!("{} {}/{}", self.title, self.done, self.total),
        }
    }
}
