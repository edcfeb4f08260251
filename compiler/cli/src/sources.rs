//! Sources from paths. Owns the walk through folders and the reading of files.
//! Invariant: files come in sorted order, each once; what is read is bounded. Must not know: what sources say.

use crate::report::Report;
use guiju_compiler::source::{SOURCE_BYTES_MAX, SourceFile};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most files that one run takes.
const FILES_MAX: usize = 4096;
/// Deepest folder below a given path.
const FOLDERS_MAX: usize = 32;

/// Why no sources could be had; already reported.
pub(crate) struct Unreadable;

/// Reads every `*.gj` at or below `paths`, sorted by path.
pub(crate) fn read(paths: &[PathBuf], report: &mut Report) -> Result<Vec<SourceFile>, Unreadable> {
    let mut found = BTreeSet::new();
    for path in paths {
        collect(path, FOLDERS_MAX, true, &mut found).map_err(|fault| complain(report, path, &fault))?;
    }
    if found.is_empty() {
        report.complain("没有找到 `*.gj` 文件", "found no `*.gj` file");
        return Err(Unreadable);
    }
    let mut files = Vec::with_capacity(found.len());
    for path in &found {
        files.push(read_one(path).map_err(|fault| complain(report, path, &fault))?);
    }
    Ok(files)
}

fn complain(report: &mut Report, path: &Path, fault: &io::Error) -> Unreadable {
    let path = path.display();
    report.complain(&format!("{path}: 读不了: {fault}"), &format!("{path}: cannot be read: {fault}"));
    Unreadable
}

fn collect(path: &Path, depth: usize, named: bool, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    // A link is followed only where a person named it, so that a link to a parent cannot loop.
    let kind = if named { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    if kind.is_dir() {
        let deeper = depth.checked_sub(1).ok_or_else(|| io::Error::other("folders nest too deep"))?;
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
        entries.sort();
        for entry in entries {
            collect(&entry, deeper, false, found)?;
        }
        return Ok(());
    }
    if named || path.extension().is_some_and(|extension| extension == "gj") {
        found.insert(path.to_path_buf());
        if found.len() > FILES_MAX {
            return Err(io::Error::other(format!("more than {FILES_MAX} files")));
        }
    }
    Ok(())
}

/// Reads one file, at most a little more than the compiler accepts: it will refuse the excess with its own words.
fn read_one(path: &Path) -> io::Result<SourceFile> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SOURCE_BYTES_MAX as u64 + 4).read_to_end(&mut bytes)?;
    if bytes.len() > SOURCE_BYTES_MAX {
        // The cut may fall inside a character.
        while std::str::from_utf8(&bytes).is_err() && bytes.len() > SOURCE_BYTES_MAX {
            bytes.pop();
        }
    }
    let text = String::from_utf8(bytes).map_err(|fault| {
        let at = fault.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8 at byte {at} / 第 {at} 字节不是 UTF-8"))
    })?;
    Ok(SourceFile { name: path.display().to_string(), text })
}
