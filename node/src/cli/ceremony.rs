//! `guiju-node ceremony`: custodians generate the custody key together, without a dealer. Owns the files: a folder of keys
//! that never leaves its custodian, and a board that anybody may keep. Invariant: no file is ever overwritten; nothing is
//! written if a step fails. Must not know: what makes a ceremony hold.

use super::{EXIT_CHECK, EXIT_CONFIG, EXIT_OK};
use crate::ceremony::{CeremonyFault, Confirmation, Dealing, MESSAGE_BYTES_MAX, Member, Outcome, Plan, check, confirm};
use crate::ceremony::{deal, finish};
use crate::codec::DecodeError;
use crate::crypto::{Keypair, hex};
use crate::custody::envelope::SealingSecret;
use crate::data_folder::{FolderError, KeyName, Keys};
use crate::entropy::{random, system_rng};
use crate::genesis::custody_toml;
use crate::transaction::CustodianId;
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Arguments of `ceremony`.
#[derive(Debug, Args)]
pub(super) struct Ceremony {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// 第一步:生成本方签名与接收密钥,打印供方案使用的公开条目 / Make this custodian's keys; print its entry for the plan
    Join {
        /// 密钥目录 / Folder of this custodian's keys; it never leaves this custodian
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// 编号,从 1 起 / The custodian's number, from 1
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        id: u16,
        /// 名称 / The custodian's name
        #[arg(long)]
        name: String,
    },
    /// 第二步:分发本方秘密的各份,写入公告板 / Deal parts of a fresh secret onto the board
    Deal(Place),
    /// 第三步:取回各方发给本方的份,写出份额与索引密钥,并确认结果 / Take the parts home, write the keys, confirm
    Finish(Place),
    /// 第四步:任何人核对公告板,打印创世文件中的托管部分 / Check the board; print custody's part of the genesis file
    Check {
        /// 仪式方案 / The plan
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// 公告板目录 / The board
        #[arg(long, value_name = "DIR")]
        board: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// 仪式方案 / The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// 密钥目录 / Folder of this custodian's keys
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// 公告板目录 / The board
    #[arg(long, value_name = "DIR")]
    board: PathBuf,
}

/// Why a step failed.
#[derive(Debug)]
enum StepFault {
    Ceremony(CeremonyFault),
    Keys(FolderError),
    File(PathBuf, std::io::Error),
    Text(PathBuf, DecodeError),
    Randomness(std::io::Error),
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ceremony(e) => e.fmt(f),
            Self::Keys(e) => e.fmt(f),
            Self::File(path, e) => write!(f, "无法读写 / cannot read or write {}: {e}", path.display()),
            Self::Text(path, e) => {
                write!(f, "文件不合格式 / not well-formed: {}: {} / {}", path.display(), e.zh(), e.en())
            }
            Self::Randomness(e) => e.fmt(f),
        }
    }
}

impl From<CeremonyFault> for StepFault {
    fn from(fault: CeremonyFault) -> Self {
        Self::Ceremony(fault)
    }
}
impl From<FolderError> for StepFault {
    fn from(fault: FolderError) -> Self {
        Self::Keys(fault)
    }
}

impl Ceremony {
    pub(super) fn run(self) -> u8 {
        let done = match self.step {
            Step::Join { keys, id, name } => join(&keys, CustodianId(id), name),
            Step::Deal(place) => place.deal(),
            Step::Finish(place) => place.finish(),
            Step::Check { plan, board } => read_plan(&plan).and_then(|plan| checked(&plan, &board)),
        };
        match done {
            Ok(text) => {
                print!("{text}");
                EXIT_OK
            }
            Err(fault) => {
                eprintln!("{fault}");
                if matches!(fault, StepFault::Ceremony(_)) { EXIT_CHECK } else { EXIT_CONFIG }
            }
        }
    }
}

/// Makes what keys are missing, so that it can be repeated.
fn join(keys: &Path, id: CustodianId, name: String) -> Result<String, StepFault> {
    let keys = Keys::make(keys)?;
    let kept = |name| match keys.find(name)? {
        Some(secret) => Ok(secret),
        None => {
            let secret = random().map_err(StepFault::Randomness)?;
            keys.write(name, &secret).map(|()| secret).map_err(StepFault::Keys)
        }
    };
    let signing = Keypair::from_seed(kept(KeyName::Custodian)?);
    let sealing = SealingSecret::from_bytes(kept(KeyName::Sealing)?);
    let member = Member { id, name, signing_key: signing.public(), sealing_key: sealing.public() };
    Ok(member.to_toml())
}

impl Place {
    fn open(&self) -> Result<(Plan, Keys, Keypair, CustodianId), StepFault> {
        let (plan, keys) = (read_plan(&self.plan)?, Keys::at(&self.keys));
        let signing = Keypair::from_seed(keys.read(KeyName::Custodian)?);
        let id = plan.member_with(&signing).ok_or(CeremonyFault::NotAMember)?.id;
        Ok((plan, keys, signing, id))
    }

    fn deal(&self) -> Result<String, StepFault> {
        let (plan, _, signing, id) = self.open()?;
        let dealing = deal(&plan, &signing, &mut system_rng().map_err(StepFault::Randomness)?)?;
        let path = dealing_path(&self.board, id);
        write_new(&path, &dealing.to_text())?;
        Ok(format!("已写出 / written: {}\n方案 / plan: {}\n", path.display(), plan.digest()))
    }

    fn finish(&self) -> Result<String, StepFault> {
        let (plan, folder, signing, id) = self.open()?;
        let sealing = SealingSecret::from_bytes(folder.read(KeyName::Sealing)?);
        let (keys, outcome) = finish(&plan, id, &sealing, &dealings(&plan, &self.board)?)?;
        // Repeated after a crash, it finds what it wrote; other keys are never overwritten.
        for (name, secret) in [(KeyName::Share, keys.share.to_bytes()), (KeyName::Index, keys.index.to_bytes())] {
            if folder.find(name)?.as_ref() != Some(&*secret) {
                folder.write(name, &secret)?;
            }
        }
        let (path, text) = (confirmation_path(&self.board, id), confirm(&outcome, id, &signing).to_text());
        if read_text(&path)?.as_ref() != Some(&text) {
            write_new(&path, &text)?;
        }
        Ok(format!("{}记录 / transcript: {}\n", told(&outcome), outcome.transcript))
    }
}

fn checked(plan: &Plan, board: &Path) -> Result<String, StepFault> {
    let mut confirmations = BTreeMap::new();
    for member in plan.members() {
        if let Some(text) = read_text(&confirmation_path(board, member.id))? {
            let word = Confirmation::from_text(&text);
            let word = word.map_err(|e| StepFault::Text(confirmation_path(board, member.id), e))?;
            confirmations.insert(member.id, word);
        }
    }
    let outcome = check(plan, &dealings(plan, board)?, &confirmations)?;
    Ok(custody_toml(plan.threshold(), outcome.custody_key, outcome.index_key, &outcome.entries(plan)))
}

fn told(outcome: &Outcome) -> String {
    format!(
        "托管公钥 / custody key: {}\n索引公钥 / index key: {}\n",
        hex(&outcome.custody_key),
        hex(&outcome.index_key)
    )
}

fn dealings(plan: &Plan, board: &Path) -> Result<BTreeMap<CustodianId, Dealing>, StepFault> {
    let mut dealings = BTreeMap::new();
    for member in plan.members() {
        let path = dealing_path(board, member.id);
        if let Some(text) = read_text(&path)? {
            dealings.insert(member.id, Dealing::from_text(&text).map_err(|e| StepFault::Text(path, e))?);
        }
    }
    Ok(dealings)
}

fn dealing_path(board: &Path, id: CustodianId) -> PathBuf {
    board.join(format!("dealing-{}.txt", id.0))
}

fn confirmation_path(board: &Path, id: CustodianId) -> PathBuf {
    board.join(format!("confirmation-{}.txt", id.0))
}

fn read_plan(path: &Path) -> Result<Plan, StepFault> {
    let missing = || StepFault::File(path.to_owned(), std::io::ErrorKind::NotFound.into());
    Ok(Plan::parse(&read_text(path)?.ok_or_else(missing)?)?)
}

/// The file's text; `None` if there is no file.
fn read_text(path: &Path) -> Result<Option<String>, StepFault> {
    let io = |e| StepFault::File(path.to_owned(), e);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io(e)),
    };
    let mut text = String::new();
    file.take(MESSAGE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() > MESSAGE_BYTES_MAX {
        return Err(StepFault::Text(path.to_owned(), DecodeError::TooLong));
    }
    Ok(Some(text))
}

fn write_new(path: &Path, text: &str) -> Result<(), StepFault> {
    let io = |e| StepFault::File(path.to_owned(), e);
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)
}
