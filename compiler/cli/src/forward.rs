//! Words that `guiju-node` answers: `verify`, `audit`, `replay`, `client`. Owns finding it.
//! Invariant: its arguments, streams and exit code pass through unchanged. Must not know: what it does.

use guiju_compiler::ast::Language;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const WORDS: [&str; 4] = ["verify", "audit", "replay", "client"];

/// Runs `guiju-node` if the first argument is one of its words; `None` otherwise.
pub(crate) fn forward(arguments: &[OsString], language: Language) -> Option<ExitCode> {
    let word = arguments.first()?;
    if !WORDS.iter().any(|known| word == known) {
        return None;
    }
    let Some(program) = find() else {
        let word = word.to_string_lossy();
        match language {
            Language::Zh => eprintln!(
                "`guiju {word}` 由 `guiju-node` 执行, 但找不到它\n改法: 用 `cargo install --path node` 安装, 或把它放在 `guiju` 旁边"
            ),
            Language::En => eprintln!(
                "`guiju {word}` is run by `guiju-node`, which is not installed\nhelp: install it with `cargo install --path node`, or put it beside `guiju`"
            ),
        }
        return Some(ExitCode::from(2));
    };
    match Command::new(&program).args(arguments).status() {
        // Killed by a signal: no code of its own.
        Ok(status) => {
            Some(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::from(2), ExitCode::from))
        }
        Err(fault) => {
            eprintln!("{}: {fault}", program.display());
            Some(ExitCode::from(2))
        }
    }
}

/// `guiju-node` beside this executable, else on the search path.
fn find() -> Option<PathBuf> {
    let name = format!("guiju-node{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|own| own.parent().map(|folder| folder.join(&name)));
    let searched = std::env::var_os("PATH")
        .map(|paths| std::env::split_paths(&paths).map(|folder| folder.join(&name)).collect::<Vec<_>>())
        .unwrap_or_default();
    beside.into_iter().chain(searched).find(|candidate| candidate.is_file())
}
