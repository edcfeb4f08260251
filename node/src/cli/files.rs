//! Files that commands are given. Owns how they are read. Invariant: what a device or a pipe says of its length is not relied
//! on. Must not know: what they are for.

use crate::genesis::Genesis;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Largest genesis file, in bytes.
const GENESIS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The genesis in a file. Errors say why there is none, not where.
pub(super) fn read_genesis(path: &Path) -> Result<Genesis, String> {
    let bytes = read_bounded(path, GENESIS_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| "不是 UTF-8 文本 / it is not UTF-8 text".to_owned())?;
    Genesis::parse(&text).map_err(|e| e.to_string())
}

/// The whole file, if it has at most `max` bytes.
pub(super) fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let unreadable = |e: std::io::Error| format!("无法读取 / cannot be read: {e}");
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max {
        return Err("文件过大 / the file is too large".to_owned());
    }
    Ok(bytes)
}
