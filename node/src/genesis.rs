//! The genesis file: who is on the chain and with which keys. Owns its TOML form, its canonical bytes and the chain id.
//! Invariant: a [`Genesis`] has distinct ids, names and keys, and `1 ≤ custody_threshold ≤ custodians`.
//! Must not know: ledger state, files, the network.

use crate::block::{Timestamp, VALIDATORS_MAX};
use crate::codec::{Encode, Writer};
use crate::crypto::{Digest, PublicKey, hex, unhex};
use crate::threshold::shares_fit;
use crate::transaction::{ChainId, CustodianId, DepartmentId, Signer, is_name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

pub use crate::transaction::{CUSTODIANS_MAX, CustodianEntry};

/// Most departments on a chain.
pub const DEPARTMENTS_MAX: usize = 1024;

/// A validator of the first set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorEntry {
    /// Name for people.
    pub name: String,
    /// Signs votes and proposals.
    pub consensus_key: PublicKey,
    /// Identifies its node on the network.
    pub transport_key: PublicKey,
    /// Where its node listens.
    pub address: SocketAddr,
}

/// A department.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentEntry {
    /// Its number.
    pub id: DepartmentId,
    /// Its name as policies write it, e.g. 公安局.
    pub name: String,
    /// 统一社会信用代码.
    pub code: String,
    /// Signs its transactions.
    pub signing_key: PublicKey,
    /// X25519 key to which answers are sealed.
    pub sealing_key: [u8; 32],
    /// The key of its handles, HPKE-sealed to custody's index.
    pub handle_key_sealed: Vec<u8>,
}

/// What every node agrees on before the first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Name of the chain.
    pub name: String,
    /// Time of the genesis state; the first block is later.
    pub time: Timestamp,
    /// The first validators; equal voting power.
    pub validators: Vec<ValidatorEntry>,
    /// The departments.
    pub departments: Vec<DepartmentEntry>,
    /// The custodians.
    pub custodians: Vec<CustodianEntry>,
    /// Equal attestations that make a result final.
    pub custody_threshold: u16,
    /// Ristretto255 key to which records and arguments are sealed; `custody_threshold` custodians open together.
    pub custody_key: [u8; 32],
    /// X25519 key of custody's index, to which handle keys and meters are sealed; every custodian has its secret.
    pub index_key: [u8; 32],
    /// X25519 key to which audit copies are sealed.
    pub auditor_key: [u8; 32],
    /// Blocks after which a pending evaluation expires.
    pub expiry_blocks: u64,
}

/// Why a genesis file was refused. Whoever wrote the file is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenesisError {
    /// Not TOML of the expected shape.
    Syntax(String),
    /// A field holds what it cannot hold.
    Field {
        /// Which field, of which entry.
        place: String,
        /// What is wrong, in Chinese and English.
        fault: &'static str,
    },
}

impl fmt::Display for GenesisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => write!(f, "创世文件格式错误 / the genesis file is malformed: {what}"),
            Self::Field { place, fault } => {
                write!(f, "创世文件中 {place} 有误 / the genesis file is wrong at {place}: {fault}")
            }
        }
    }
}

impl std::error::Error for GenesisError {}

impl Genesis {
    /// Reads the TOML form. Errors: see [`GenesisError`].
    pub fn parse(toml: &str) -> Result<Self, GenesisError> {
        let file: File = toml::from_str(toml).map_err(|e| GenesisError::Syntax(e.to_string()))?;
        let genesis = file.read()?;
        genesis.check()?;
        Ok(genesis)
    }

    /// The TOML form; [`Genesis::parse`] reads it back to an equal value.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&File::write(self)).expect("strings, integers and tables are always TOML")
    }

    /// The chain's identity: digest of the canonical bytes (the file's layout and comments do not matter).
    pub fn chain_id(&self) -> ChainId {
        ChainId(Digest::of("guiju/1/genesis", &self.to_bytes()))
    }

    /// The department with this name.
    pub fn department_named(&self, name: &str) -> Option<&DepartmentEntry> {
        self.departments.iter().find(|d| d.name == name)
    }

    /// The department with this number.
    pub fn department(&self, id: DepartmentId) -> Option<&DepartmentEntry> {
        self.departments.iter().find(|d| d.id == id)
    }

    /// The custodian with this number.
    pub fn custodian(&self, id: CustodianId) -> Option<&CustodianEntry> {
        self.custodians.iter().find(|c| c.id == id)
    }

    /// The key with which `signer` signs.
    pub fn key_of(&self, signer: Signer) -> Option<PublicKey> {
        match signer {
            Signer::Department(id) => self.department(id).map(|d| d.signing_key),
            Signer::Custodian(id) => self.custodian(id).map(|c| c.signing_key),
        }
    }

    /// Consensus keys of the first validators, in the file's order.
    pub fn validator_keys(&self) -> Vec<PublicKey> {
        self.validators.iter().map(|v| v.consensus_key).collect()
    }

    /// Whether `key` is a validator's consensus key.
    pub fn is_validator(&self, key: PublicKey) -> bool {
        self.validators.iter().any(|v| v.consensus_key == key)
    }

    /// The rules that the types cannot hold. Errors name the entry.
    pub fn check(&self) -> Result<(), GenesisError> {
        bounded("validators", self.validators.len(), VALIDATORS_MAX)?;
        bounded("departments", self.departments.len(), DEPARTMENTS_MAX)?;
        bounded("custodians", self.custodians.len(), CUSTODIANS_MAX)?;
        name("name", &self.name)?;
        let mut keys = BTreeSet::new();
        let mut names = BTreeSet::new();
        for v in &self.validators {
            name("validators.name", &v.name)?;
            fresh("validators.consensus_key", keys.insert(v.consensus_key))?;
            fresh("validators.transport_key", keys.insert(v.transport_key))?;
        }
        for d in &self.departments {
            name("departments.name", &d.name)?;
            fresh("departments.name", names.insert(d.name.as_str()))?;
            fresh("departments.signing_key", keys.insert(d.signing_key))?;
            if d.handle_key_sealed.len() > 1024 {
                return Err(field("departments.handle_key_sealed", "过长 / too long"));
            }
        }
        for c in &self.custodians {
            name("custodians.name", &c.name)?;
            fresh("custodians.signing_key", keys.insert(c.signing_key))?;
        }
        let departments: BTreeSet<_> = self.departments.iter().map(|d| d.id).collect();
        fresh("departments.id", departments.len() == self.departments.len())?;
        let custodians: BTreeSet<_> = self.custodians.iter().map(|c| c.id).collect();
        fresh("custodians.id", custodians.len() == self.custodians.len())?;
        if self.custody_threshold == 0 || usize::from(self.custody_threshold) > self.custodians.len() {
            return Err(field(
                "custody_threshold",
                "须在 1 与受托方数之间 / must be between 1 and the number of custodians",
            ));
        }
        let shares: Vec<_> = self.custodians.iter().map(|c| (c.id, c.share_key)).collect();
        if !shares_fit(&self.custody_key, self.custody_threshold, &shares) {
            return Err(field(
                "custodians.share_key",
                "各份额合不成托管公钥 / the shares do not make up the custody key",
            ));
        }
        if self.expiry_blocks == 0 || self.expiry_blocks > 1_000_000 {
            return Err(field("expiry_blocks", "须在 1 与 1000000 之间 / must be between 1 and 1000000"));
        }
        Ok(())
    }
}

fn field(place: &str, fault: &'static str) -> GenesisError {
    GenesisError::Field { place: place.to_owned(), fault }
}

fn bounded(place: &str, n: usize, max: usize) -> Result<(), GenesisError> {
    if n == 0 {
        return Err(field(place, "不能为空 / must not be empty"));
    }
    if n > max { Err(field(place, "过多 / too many")) } else { Ok(()) }
}

fn name(place: &str, text: &str) -> Result<(), GenesisError> {
    if is_name(text) {
        Ok(())
    } else {
        Err(field(place, "为空、过长或含控制字符 / empty, too long or with control characters"))
    }
}

fn fresh(place: &str, first: bool) -> Result<(), GenesisError> {
    if first { Ok(()) } else { Err(field(place, "重复 / appears twice")) }
}

impl Encode for Genesis {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.name);
        out.u64(self.time.0);
        out.list(&self.validators);
        out.list(&self.departments);
        out.list(&self.custodians);
        out.u16(self.custody_threshold);
        out.raw(&self.custody_key);
        out.raw(&self.index_key);
        out.raw(&self.auditor_key);
        out.u64(self.expiry_blocks);
    }
}
impl Encode for ValidatorEntry {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.name);
        self.consensus_key.encode(out);
        self.transport_key.encode(out);
        out.text(&self.address.to_string());
    }
}
impl Encode for DepartmentEntry {
    fn encode(&self, out: &mut Writer) {
        out.u16(self.id.0);
        out.text(&self.name);
        out.text(&self.code);
        self.signing_key.encode(out);
        out.raw(&self.sealing_key);
        out.bytes(&self.handle_key_sealed);
    }
}

// ---- the TOML form: the same facts with keys in hexadecimal ----

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    time_ms: u64,
    custody_threshold: u16,
    custody_key: String,
    index_key: String,
    auditor_key: String,
    expiry_blocks: u64,
    validators: Vec<ValidatorFile>,
    departments: Vec<DepartmentFile>,
    custodians: Vec<CustodianFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidatorFile {
    name: String,
    consensus_key: String,
    transport_key: String,
    address: SocketAddr,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DepartmentFile {
    id: u16,
    name: String,
    code: String,
    signing_key: String,
    sealing_key: String,
    handle_key_sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustodianFile {
    id: u16,
    name: String,
    signing_key: String,
    share_key: String,
    sealing_key: String,
}

/// Custody's part of a genesis file, as the founding custodians give it to whoever writes the rest.
pub fn custody_toml(
    threshold: u16,
    custody_key: [u8; 32],
    index_key: [u8; 32],
    custodians: &[CustodianEntry],
) -> String {
    let part = CustodyPart {
        custody_threshold: threshold,
        custody_key: hex(&custody_key),
        index_key: hex(&index_key),
        custodians: custodians.iter().map(CustodianFile::write).collect(),
    };
    toml::to_string_pretty(&part).expect("strings and integers are always TOML")
}

#[derive(Serialize)]
struct CustodyPart {
    custody_threshold: u16,
    custody_key: String,
    index_key: String,
    custodians: Vec<CustodianFile>,
}

impl File {
    fn read(self) -> Result<Genesis, GenesisError> {
        let validators = self.validators.into_iter().map(ValidatorFile::read).collect::<Result<_, _>>()?;
        let departments = self.departments.into_iter().map(DepartmentFile::read).collect::<Result<_, _>>()?;
        let custodians = self.custodians.into_iter().map(CustodianFile::read).collect::<Result<_, _>>()?;
        Ok(Genesis {
            name: self.name,
            time: Timestamp(self.time_ms),
            validators,
            departments,
            custodians,
            custody_threshold: self.custody_threshold,
            custody_key: key("custody_key", &self.custody_key)?,
            index_key: key("index_key", &self.index_key)?,
            auditor_key: key("auditor_key", &self.auditor_key)?,
            expiry_blocks: self.expiry_blocks,
        })
    }

    fn write(genesis: &Genesis) -> Self {
        Self {
            name: genesis.name.clone(),
            time_ms: genesis.time.0,
            custody_threshold: genesis.custody_threshold,
            custody_key: hex(&genesis.custody_key),
            index_key: hex(&genesis.index_key),
            auditor_key: hex(&genesis.auditor_key),
            expiry_blocks: genesis.expiry_blocks,
            validators: genesis.validators.iter().map(ValidatorFile::write).collect(),
            departments: genesis.departments.iter().map(DepartmentFile::write).collect(),
            custodians: genesis.custodians.iter().map(CustodianFile::write).collect(),
        }
    }
}

impl ValidatorFile {
    fn read(self) -> Result<ValidatorEntry, GenesisError> {
        Ok(ValidatorEntry {
            consensus_key: PublicKey(key("validators.consensus_key", &self.consensus_key)?),
            transport_key: PublicKey(key("validators.transport_key", &self.transport_key)?),
            address: self.address,
            name: self.name,
        })
    }
    fn write(v: &ValidatorEntry) -> Self {
        Self {
            name: v.name.clone(),
            consensus_key: hex(&v.consensus_key.0),
            transport_key: hex(&v.transport_key.0),
            address: v.address,
        }
    }
}

impl DepartmentFile {
    fn read(self) -> Result<DepartmentEntry, GenesisError> {
        Ok(DepartmentEntry {
            id: DepartmentId(self.id),
            signing_key: PublicKey(key("departments.signing_key", &self.signing_key)?),
            sealing_key: key("departments.sealing_key", &self.sealing_key)?,
            handle_key_sealed: unhex(&self.handle_key_sealed)
                .ok_or_else(|| field("departments.handle_key_sealed", "不是十六进制 / not hexadecimal"))?,
            name: self.name,
            code: self.code,
        })
    }
    fn write(d: &DepartmentEntry) -> Self {
        Self {
            id: d.id.0,
            name: d.name.clone(),
            code: d.code.clone(),
            signing_key: hex(&d.signing_key.0),
            sealing_key: hex(&d.sealing_key),
            handle_key_sealed: hex(&d.handle_key_sealed),
        }
    }
}

impl CustodianFile {
    pub(crate) fn read(self) -> Result<CustodianEntry, GenesisError> {
        Ok(CustodianEntry {
            id: CustodianId(self.id),
            signing_key: PublicKey(key("custodians.signing_key", &self.signing_key)?),
            share_key: key("custodians.share_key", &self.share_key)?,
            sealing_key: key("custodians.sealing_key", &self.sealing_key)?,
            name: self.name,
        })
    }
    pub(crate) fn write(c: &CustodianEntry) -> Self {
        Self {
            id: c.id.0,
            name: c.name.clone(),
            signing_key: hex(&c.signing_key.0),
            share_key: hex(&c.share_key),
            sealing_key: hex(&c.sealing_key),
        }
    }
}

fn key(place: &str, text: &str) -> Result<[u8; 32], GenesisError> {
    unhex(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| field(place, "须为 64 位十六进制 / must be 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::world::genesis;

    #[test]
    fn the_file_reads_back_and_its_layout_does_not_change_the_chain() {
        let genesis = genesis();
        let toml = genesis.to_toml();
        let again = Genesis::parse(&toml).expect("it was written by to_toml");
        assert_eq!(again, genesis);
        let commented = Genesis::parse(&format!("# 注释 / comment\n\n{toml}")).expect("comments are nothing");
        assert_eq!(commented.chain_id(), genesis.chain_id());
        let mut other = genesis.clone();
        other.expiry_blocks += 1;
        assert_ne!(other.chain_id(), genesis.chain_id());
    }

    #[test]
    fn entries_are_found_by_number_and_name() {
        let genesis = genesis();
        let police = genesis.department_named("公安局").expect("it is there");
        assert_eq!(genesis.department(police.id), Some(police));
        assert_eq!(genesis.key_of(Signer::Department(police.id)), Some(police.signing_key));
        assert_eq!(genesis.key_of(Signer::Custodian(CustodianId(99))), None);
        assert_eq!(genesis.department_named("无此局"), None);
        assert!(genesis.is_validator(genesis.validators[0].consensus_key));
        assert!(!genesis.is_validator(police.signing_key));
    }

    #[test]
    fn what_cannot_be_a_genesis_is_refused_with_the_place() {
        let place = |change: &dyn Fn(&mut Genesis)| {
            let mut genesis = genesis();
            change(&mut genesis);
            match Genesis::parse(&genesis.to_toml()) {
                Err(GenesisError::Field { place, .. }) => place,
                other => panic!("expected a fault, got {other:?}"),
            }
        };
        assert_eq!(place(&|g| g.validators.clear()), "validators");
        assert_eq!(place(&|g| g.departments[1].name = "公安局".to_owned()), "departments.name");
        assert_eq!(place(&|g| g.departments[1].id = g.departments[0].id), "departments.id");
        assert_eq!(place(&|g| g.custodians[1].signing_key = g.custodians[0].signing_key), "custodians.signing_key");
        assert_eq!(
            place(&|g| g.validators[0].transport_key = g.validators[0].consensus_key),
            "validators.transport_key"
        );
        assert_eq!(place(&|g| g.custody_threshold = 5), "custody_threshold");
        assert_eq!(place(&|g| g.custody_threshold = 0), "custody_threshold");
        assert_eq!(place(&|g| g.expiry_blocks = 0), "expiry_blocks");
        assert_eq!(place(&|g| g.name = "\u{7}".to_owned()), "name");
        let toml = genesis().to_toml();
        assert!(matches!(
            Genesis::parse(&toml.replacen("custody_key", "custody_kez", 1)),
            Err(GenesisError::Syntax(_))
        ));
        let short = toml.replacen(&hex(&genesis().custody_key), "0909", 1);
        assert!(matches!(Genesis::parse(&short), Err(GenesisError::Field { place, .. }) if place == "custody_key"));
    }
}
