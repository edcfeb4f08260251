//! A node's data folder. Owns its layout, the configuration file and the key files.
//! Invariant: a folder opens only if every file in it that this module owns parses whole, and no key file can be
//! read by others. Must not know: what the keys sign, the ledger's content.
//!
//! ```text
//! DIR/config.toml    addresses and names          DIR/ledger/     the ledger (fjall)
//! DIR/genesis.toml   the chain                    DIR/guard.log   its witness
//! DIR/keys/*.key     seeds in hex, mode 0600      DIR/wal/        the consensus log
//! DIR/custody/       the custodian's capsules
//! ```

use crate::crypto::{hex, unhex};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Largest configuration or genesis file, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// `config.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Name for people and logs.
    pub name: String,
    /// Where peers reach us (UDP); they know it from the genesis file.
    pub listen: SocketAddr,
    /// Where clients reach the gateway (TCP). Its HTTP is for this host or a proxy on it.
    pub gateway: SocketAddr,
    /// Number of the custodian that this node runs, if it runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custodian: Option<u16>,
    /// `error`, `warn`, `info` (default), `debug` or `trace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// The key files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyName {
    /// Signs votes and proposals (Ed25519 seed).
    Consensus,
    /// Identifies the node to its peers (Ed25519 seed).
    Transport,
    /// Signs a custodian's attestations (Ed25519 seed).
    Custodian,
    /// The custodian's share of the custody key (Ristretto255 scalar).
    Share,
    /// Opens custody's index: handle keys and meters (X25519 secret).
    Index,
    /// Opens what other custodians send (X25519 secret).
    Sealing,
    /// Opens what custodians seal for the auditor (X25519 secret); on no node.
    Auditor,
}

impl KeyName {
    fn file(self) -> &'static str {
        match self {
            Self::Consensus => "consensus.key",
            Self::Transport => "transport.key",
            Self::Custodian => "custodian.key",
            Self::Share => "share.key",
            Self::Index => "index.key",
            Self::Sealing => "sealing.key",
            Self::Auditor => "auditor.key",
        }
    }
}

/// Why a data folder cannot be used. The operator is at fault, or the disk.
#[derive(Debug)]
pub enum FolderError {
    /// A file cannot be read or written.
    Io(PathBuf, io::Error),
    /// The configuration does not parse.
    Config(PathBuf, String),
    /// A key file is not 64 hexadecimal digits.
    Key(PathBuf),
    /// A key file can be read by others than its owner.
    KeyExposed(PathBuf, u32),
    /// The folder to be initialised holds a node already.
    NotEmpty(PathBuf),
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, e) => {
                write!(f, "无法读写 / cannot read or write {}: {e}", path.display())
            }
            Self::Config(path, e) => {
                write!(f, "配置文件有误 / the configuration is wrong: {}: {e}", path.display())
            }
            Self::Key(path) => {
                write!(f, "密钥文件须为64位十六进制 / a key file must be 64 hexadecimal digits: {}", path.display())
            }
            Self::KeyExposed(path, mode) => write!(
                f,
                "密钥文件可被他人读取,请执行 chmod 600 / a key file is open to others (mode {mode:o}), use chmod 600: {}",
                path.display()
            ),
            Self::NotEmpty(path) => {
                write!(f, "目录中已有节点 / the folder holds a node already: {}", path.display())
            }
        }
    }
}

impl std::error::Error for FolderError {}

/// An opened data folder.
#[derive(Clone, Debug)]
pub struct DataFolder {
    root: PathBuf,
    config: NodeConfig,
    genesis: String,
}

impl DataFolder {
    /// Opens an initialised folder.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let path = root.join("config.toml");
        let config = toml::from_str(&read_text(&path)?).map_err(|e| FolderError::Config(path, e.to_string()))?;
        let genesis = read_text(&root.join("genesis.toml"))?;
        Ok(Self { root: root.to_owned(), config, genesis })
    }

    /// The folder itself; the store and the guard log are directly in it.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The configuration.
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }
    /// Text of the genesis file.
    pub fn genesis(&self) -> &str {
        &self.genesis
    }
    /// Writes another configuration in the place of the present one, for the next start.
    pub fn configure(&self, config: &NodeConfig) -> Result<(), FolderError> {
        write_config(&self.root, config)
    }
    /// The key files.
    pub fn keys(&self) -> Keys {
        Keys::at(&self.root.join("keys"))
    }
    /// Folder of the consensus log.
    pub fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }
    /// The custodian's own folder.
    pub fn custody(&self) -> PathBuf {
        self.root.join("custody")
    }

    /// The 32 bytes of a key file. Errors if it is missing, malformed or open to others.
    pub fn key(&self, name: KeyName) -> Result<[u8; 32], FolderError> {
        self.keys().read(name)
    }
}

/// A folder of key files.
#[derive(Clone, Debug)]
pub struct Keys(PathBuf);

impl Keys {
    /// The folder at `path`, whether there is one or not.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder at `path`, made if there is none.
    pub fn make(path: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(|e| FolderError::Io(path.to_owned(), e))?;
        Ok(Self::at(path))
    }

    /// The 32 bytes of a key file. Errors if it is missing, malformed or open to others.
    pub fn read(&self, name: KeyName) -> Result<[u8; 32], FolderError> {
        self.read_file(name.file())
    }

    fn read_file(&self, file: &str) -> Result<[u8; 32], FolderError> {
        let path = self.0.join(file);
        let mode = fs::metadata(&path).map_err(|e| FolderError::Io(path.clone(), e))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(FolderError::KeyExposed(path, mode & 0o777));
        }
        let text = read_text(&path)?;
        unhex(text.trim_end()).and_then(|b| b.try_into().ok()).ok_or(FolderError::Key(path))
    }

    /// As [`Keys::read`]; `None` if there is no such file.
    pub fn find(&self, name: KeyName) -> Result<Option<[u8; 32]>, FolderError> {
        self.find_file(name.file())
    }

    fn find_file(&self, file: &str) -> Result<Option<[u8; 32]>, FolderError> {
        match self.read_file(file) {
            Err(FolderError::Io(_, e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// The custodian's share of an epoch of custodians, as [`Keys::find`]; that of the founding ones is
    /// [`KeyName::Share`].
    pub fn find_share(&self, epoch: u32) -> Result<Option<[u8; 32]>, FolderError> {
        self.find_file(&share_file(epoch))
    }

    /// Writes the share of an epoch, as [`Keys::write`].
    pub fn write_share(&self, epoch: u32, secret: &[u8; 32]) -> Result<(), FolderError> {
        self.write_file(&share_file(epoch), secret)
    }

    /// Removes the shares of all earlier epochs, as [`Keys::wipe`].
    pub fn wipe_shares_before(&self, epoch: u32) -> Result<(), FolderError> {
        (0..epoch).try_for_each(|earlier| self.wipe_file(&share_file(earlier)))
    }

    /// Removes a key file, overwritten first, if there is one; what the disk keeps of it beneath is its own affair.
    pub fn wipe(&self, name: KeyName) -> Result<(), FolderError> {
        self.wipe_file(name.file())
    }

    fn wipe_file(&self, file: &str) -> Result<(), FolderError> {
        let path = self.0.join(file);
        let io = |e| FolderError::Io(path.clone(), e);
        if path.exists() {
            let mut file = OpenOptions::new().write(true).open(&path).map_err(io)?;
            file.write_all(&[b'0'; 64]).and_then(|()| file.sync_all()).map_err(io)?;
            fs::remove_file(&path).map_err(io)?;
        }
        Ok(())
    }

    /// Writes a key file, durably. Errors if there is one: a key is never overwritten.
    pub fn write(&self, name: KeyName, secret: &[u8; 32]) -> Result<(), FolderError> {
        self.write_file(name.file(), secret)
    }

    fn write_file(&self, file: &str, secret: &[u8; 32]) -> Result<(), FolderError> {
        let path = self.0.join(file);
        let io = |e| FolderError::Io(path.clone(), e);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(io)?;
        writeln!(file, "{}", hex(secret)).and_then(|()| file.sync_all()).map_err(io)
    }
}

fn share_file(epoch: u32) -> String {
    match epoch {
        0 => KeyName::Share.file().to_owned(),
        later => format!("share-{later}.key"),
    }
}

/// Makes `root` a node's data folder. Errors if it is one already; an interrupted attempt leaves no `config.toml`,
/// which is written last, so it can be repeated after removing the folder.
pub fn init_data_folder(
    root: &Path,
    config: &NodeConfig,
    genesis: &str,
    keys: &[(KeyName, [u8; 32])],
) -> Result<DataFolder, FolderError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |e| FolderError::Io(path, e)
    };
    if root.join("config.toml").exists() {
        return Err(FolderError::NotEmpty(root.to_owned()));
    }
    for folder in [root.to_owned(), root.join("wal"), root.join("custody")] {
        fs::create_dir_all(&folder).map_err(io(&folder))?;
    }
    let folder = Keys::make(&root.join("keys"))?;
    for (name, secret) in keys {
        folder.write(*name, secret)?;
    }
    let path = root.join("genesis.toml");
    fs::write(&path, genesis).map_err(io(&path))?;
    write_config(root, config)?;
    DataFolder::open(root)
}

fn write_config(root: &Path, config: &NodeConfig) -> Result<(), FolderError> {
    let text = toml::to_string(config).expect("names, addresses and numbers are always TOML");
    let path = root.join("config.toml");
    fs::write(&path, text).map_err(|e| FolderError::Io(path, e))
}

/// The file's text, if it is not over its bound. What a device says of its length is not relied on.
fn read_text(path: &Path) -> Result<String, FolderError> {
    let io = |e| FolderError::Io(path.to_owned(), e);
    let mut text = String::new();
    File::open(path).map_err(io)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(FolderError::Config(path.to_owned(), "文件过大 / the file is too large".to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NodeConfig {
        NodeConfig {
            name: "node-1".to_owned(),
            listen: "127.0.0.1:9001".parse().expect("an address"),
            gateway: "127.0.0.1:8001".parse().expect("an address"),
            custodian: Some(1),
            log: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let root = dir.path().join("n");
        init_data_folder(&root, &config(), "name = 'x'", &[(KeyName::Transport, [7; 32])]).expect("initialises");
        let folder = DataFolder::open(&root).expect("opens");
        assert_eq!(folder.config(), &config());
        assert_eq!(folder.genesis(), "name = 'x'");
        assert_eq!(folder.key(KeyName::Transport).expect("reads"), [7; 32]);
        assert!(matches!(folder.key(KeyName::Consensus), Err(FolderError::Io(..))));
        assert!(matches!(init_data_folder(&root, &config(), "", &[]), Err(FolderError::NotEmpty(_))));
    }

    #[test]
    fn exposed_or_malformed_keys_and_unknown_settings_are_refused() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let folder =
            init_data_folder(dir.path(), &config(), "", &[(KeyName::Consensus, [1; 32])]).expect("initialises");
        let key = dir.path().join("keys/consensus.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("sets");
        assert!(matches!(folder.key(KeyName::Consensus), Err(FolderError::KeyExposed(_, 0o640))));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("sets");
        fs::write(&key, "zz").expect("writes");
        assert!(matches!(folder.key(KeyName::Consensus), Err(FolderError::Key(_))));
        let path = dir.path().join("config.toml");
        let text = fs::read_to_string(&path).expect("reads") + "gatway = '127.0.0.1:1'\n";
        fs::write(&path, text).expect("writes");
        let refused = DataFolder::open(dir.path()).expect_err("refused").to_string();
        assert!(refused.contains("gatway"), "{refused}");
    }
}
