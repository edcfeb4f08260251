//! `guiju-node ceremony`: custodians generate the custody key together, and hand it on. Owns the files: a folder of keys
//! that never leaves its custodian, and a board that anybody may keep. Invariant: no file is ever overwritten; nothing is
//! written if a step fails. Must not know: what makes a ceremony hold.

use super::files::read_genesis;
use super::{EXIT_CHECK, EXIT_CONFIG, EXIT_OK};
use crate::ceremony::{
    CeremonyFault, Confirmation, Dealing, Endorsement, Keys as HeldKeys, MESSAGE_BYTES_MAX, Member, Outcome, Plan,
    Present, check, confirm, deal, finish, transaction,
};
use crate::client::{ClientFault, Gateway};
use crate::codec::{Decode as _, DecodeError};
use crate::crypto::{Keypair, hex};
use crate::custodians::CustodianSet;
use crate::custody::envelope::SealingSecret;
use crate::data_folder::{FolderError, KeyName, Keys};
use crate::entropy::{random, system_rng};
use crate::genesis::{Genesis, custody_toml};
use crate::state::keys::CUSTODIANS;
use crate::threshold::KeyShare;
use crate::transaction::{CustodianId, Envelope, Height, SignedTransaction};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after which pause, the ledger is asked what became of a change.
const LEDGER_POLLS: usize = 300;
const LEDGER_POLL: Duration = Duration::from_millis(100);

const NOTHING_HANDED_ON: StepFault =
    StepFault::Endorsements("方案没有 [present]:密钥是新生成的,写入创世文件即可 / the plan hands nothing on");

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
    Check(Board),
    /// 移交时:打印方案的 [present] 部分,即账本上的现任受托方 / When a key is handed on: print the plan's [present] part
    Present {
        /// 创世文件 / The chain's genesis file
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// 任一节点的网关 / Any node's gateway
        #[arg(long, value_name = "ADDRESS")]
        gateway: SocketAddr,
    },
    /// 移交时:现任受托方签署换届交易 / When a key is handed on: a present custodian signs the change for the ledger
    Endorse {
        #[command(flatten)]
        place: Place,
        /// 创世文件 / The chain's genesis file
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// 交易有效至此高度,各签署者须相同 / Last height at which it can be in a block; the same at all who sign
        #[arg(long, value_name = "HEIGHT")]
        valid_until: u64,
    },
    /// 移交时:集齐签署并提交账本 / When a key is handed on: gather the signatures and tell the ledger
    Submit {
        #[command(flatten)]
        board: Board,
        /// 创世文件 / The chain's genesis file
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// 任一节点的网关 / Any node's gateway
        #[arg(long, value_name = "ADDRESS")]
        gateway: SocketAddr,
    },
}

#[derive(Debug, Args)]
struct Board {
    /// 仪式方案 / The plan
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// 公告板目录 / The board
    #[arg(long, value_name = "DIR")]
    board: PathBuf,
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
    Genesis(PathBuf, String),
    Endorsements(&'static str),
    Client(ClientFault),
    Ledger(String),
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
            Self::Genesis(path, e) => write!(f, "{}: {e}", path.display()),
            Self::Endorsements(what) => f.write_str(what),
            Self::Client(e) => e.fmt(f),
            Self::Ledger(what) => write!(f, "账本未接受 / the ledger does not take it: {what}"),
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
            Step::Check(board) => board.printed(),
            Step::Present { genesis, gateway } => present(&genesis, gateway),
            Step::Endorse { place, genesis, valid_until } => place.endorse(&genesis, Height(valid_until)),
            Step::Submit { board, genesis, gateway } => board.submit(&genesis, gateway),
        };
        match done {
            Ok(text) => {
                print!("{text}");
                EXIT_OK
            }
            Err(fault) => {
                eprintln!("{fault}");
                let checked = matches!(
                    fault,
                    StepFault::Ceremony(_) | StepFault::Endorsements(_) | StepFault::Client(_) | StepFault::Ledger(_)
                );
                if checked { EXIT_CHECK } else { EXIT_CONFIG }
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

/// The present custodians as a node tells them; a plan that names others than deal could not be carried out.
fn present(genesis: &Path, gateway: SocketAddr) -> Result<String, StepFault> {
    let genesis = genesis_of(genesis)?;
    let set = present_set(&genesis, &Gateway::new(gateway))?;
    Ok(Present::of(&genesis, &set).to_toml())
}

fn present_set(genesis: &Genesis, gateway: &Gateway) -> Result<CustodianSet, StepFault> {
    Ok(match gateway.state(CUSTODIANS).map_err(StepFault::Client)? {
        Some(bytes) => CustodianSet::from_bytes(&bytes).map_err(|e| StepFault::Text(PathBuf::from("state"), e))?,
        None => CustodianSet::founding(genesis),
    })
}

impl Place {
    fn open(&self) -> Result<(Plan, Keys, Keypair), StepFault> {
        let (plan, keys) = (read_plan(&self.plan)?, Keys::at(&self.keys));
        let signing = Keypair::from_seed(keys.read(KeyName::Custodian)?);
        Ok((plan, keys, signing))
    }

    fn deal(&self) -> Result<String, StepFault> {
        let (plan, folder, signing) = self.open()?;
        let kept = match plan.present() {
            Some(present) => kept(&folder, present.epoch)?,
            None => None,
        };
        let mut rng = system_rng().map_err(StepFault::Randomness)?;
        let dealing = deal(&plan, &signing, kept.as_ref(), &mut rng)?;
        let path = dealing_path(&self.board, dealing.dealer());
        write_new(&path, &dealing.to_text())?;
        Ok(format!("已写出 / written: {}\n方案 / plan: {}\n", path.display(), plan.digest()))
    }

    fn finish(&self) -> Result<String, StepFault> {
        let (plan, folder, signing) = self.open()?;
        let id = plan.member_with(&signing).ok_or(CeremonyFault::NotAMember)?.id;
        let sealing = SealingSecret::from_bytes(folder.read(KeyName::Sealing)?);
        let (keys, outcome) = finish(&plan, id, &sealing, &dealings(&plan, &self.board)?)?;
        // Repeated after a crash, it finds what it wrote; other keys are never overwritten, and nothing is written beside them.
        let (share, index) = (keys.share.to_bytes(), keys.index.to_bytes());
        let (kept_share, kept_index) = (folder.find_share(plan.epoch())?, folder.find(KeyName::Index)?);
        if kept_index.is_none_or(|kept| kept == *index) && kept_share.is_none() {
            folder.write_share(plan.epoch(), &share)?;
        }
        if kept_index.is_none() && kept_share.is_none_or(|kept| kept == *share) {
            folder.write(KeyName::Index, &index)?;
        }
        if folder.find_share(plan.epoch())? != Some(*share) || folder.find(KeyName::Index)? != Some(*index) {
            return Err(CeremonyFault::OtherKeys.into());
        }
        write_same(&confirmation_path(&self.board, id), &confirm(&outcome, id, &signing).to_text())?;
        Ok(format!("{}记录 / transcript: {}\n", told(&outcome), outcome.transcript))
    }

    fn endorse(&self, genesis: &Path, valid_until: Height) -> Result<String, StepFault> {
        let (plan, _, signing) = self.open()?;
        let present = plan.present().ok_or(NOTHING_HANDED_ON)?;
        let own = present.custodians.iter().find(|custodian| custodian.signing_key == signing.public());
        let id = own.ok_or(CeremonyFault::NotAMember)?.id;
        let (outcome, confirmations) = stood(&plan, &self.board)?;
        let chain = genesis_of(genesis)?.chain_id();
        let body = transaction(&plan, &outcome, &confirmations, chain, valid_until).ok_or(NOTHING_HANDED_ON)?;
        let path = endorsement_path(&self.board, id);
        write_same(&path, &Endorsement::sign(&body, id, &signing).to_text())?;
        Ok(format!("已写出 / written: {}\n", path.display()))
    }
}

impl Board {
    fn printed(&self) -> Result<String, StepFault> {
        let plan = read_plan(&self.plan)?;
        let (outcome, _) = stood(&plan, &self.board)?;
        let part = custody_toml(plan.threshold(), outcome.custody_key, outcome.index_key, &outcome.entries(&plan));
        Ok(format!("# 第 {0} 届 / epoch {0}\n{part}", outcome.epoch))
    }

    fn submit(&self, genesis: &Path, gateway: SocketAddr) -> Result<String, StepFault> {
        let plan = read_plan(&self.plan)?;
        let present = plan.present().ok_or(NOTHING_HANDED_ON)?;
        let (outcome, confirmations) = stood(&plan, &self.board)?;
        let mut endorsements = Vec::new();
        for custodian in &present.custodians {
            let path = endorsement_path(&self.board, custodian.id);
            if let Some(text) = read_text(&path)? {
                endorsements.push(Endorsement::from_text(&text).map_err(|e| StepFault::Text(path, e))?);
            }
        }
        let none = "公告板上没有签署 / there is no endorsement on the board";
        let valid_until = endorsements.first().ok_or(StepFault::Endorsements(none))?.valid_until();
        if endorsements.iter().any(|endorsement| endorsement.valid_until() != valid_until) {
            let differ = "各签署的有效高度不同 / endorsements name different heights";
            return Err(StepFault::Endorsements(differ));
        }
        if endorsements.len() < usize::from(present.threshold) {
            let few = "签署的现任受托方不足门限 / fewer present custodians have endorsed than open together";
            return Err(StepFault::Endorsements(few));
        }
        let genesis = genesis_of(genesis)?;
        let body = transaction(&plan, &outcome, &confirmations, genesis.chain_id(), valid_until);
        let body = body.ok_or(NOTHING_HANDED_ON)?;
        let signatures = endorsements.iter().map(Endorsement::signature).collect();
        let envelope = Envelope { transaction: SignedTransaction { body, signatures }, capsules: Vec::new() };
        let gateway = Gateway::new(gateway);
        let id = gateway.submit(&envelope).map_err(StepFault::Client)?;
        for _ in 0..LEDGER_POLLS {
            if present_set(&genesis, &gateway)?.epoch >= plan.epoch() {
                return Ok(format!("第 {0} 届已接任 / epoch {0} keeps custody\n", plan.epoch()));
            }
            match gateway.transaction(id).map_err(StepFault::Client)? {
                Some((_, outcome)) if outcome != "done" => return Err(StepFault::Ledger(outcome)),
                _ => std::thread::sleep(LEDGER_POLL),
            }
        }
        Err(StepFault::Ledger("尚未入块 / it is in no block yet".to_owned()))
    }
}

/// What the dealt-on key's holder keeps; `None`: it has no share of that epoch.
fn kept(folder: &Keys, epoch: u32) -> Result<Option<HeldKeys>, StepFault> {
    let share = folder.find_share(epoch)?.and_then(KeyShare::from_bytes);
    let index = SealingSecret::from_bytes(folder.read(KeyName::Index)?);
    Ok(share.map(|share| HeldKeys { share, index }))
}

/// What stands on the board, with every member's word for it.
fn stood(plan: &Plan, board: &Path) -> Result<(Outcome, BTreeMap<CustodianId, Confirmation>), StepFault> {
    let mut confirmations = BTreeMap::new();
    for member in plan.members() {
        let path = confirmation_path(board, member.id);
        if let Some(text) = read_text(&path)? {
            confirmations.insert(member.id, Confirmation::from_text(&text).map_err(|e| StepFault::Text(path, e))?);
        }
    }
    let outcome = check(plan, &dealings(plan, board)?, &confirmations)?;
    Ok((outcome, confirmations))
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
    for dealer in plan.dealer_ids() {
        let path = dealing_path(board, dealer);
        if let Some(text) = read_text(&path)? {
            dealings.insert(dealer, Dealing::from_text(&text).map_err(|e| StepFault::Text(path, e))?);
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

fn endorsement_path(board: &Path, id: CustodianId) -> PathBuf {
    board.join(format!("endorsement-{}.txt", id.0))
}

fn genesis_of(path: &Path) -> Result<Genesis, StepFault> {
    read_genesis(path).map_err(|why| StepFault::Genesis(path.to_owned(), why))
}

/// Writes a file, or finds it as it is to be.
fn write_same(path: &Path, text: &str) -> Result<(), StepFault> {
    if read_text(path)?.as_deref() == Some(text) { Ok(()) } else { write_new(path, text) }
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
