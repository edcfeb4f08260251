//! `guiju-node audit`: what was asked on a chain, by whom, on which basis, and what came of it. Owns the source of the
//! blocks, the filters and the page. Must not know: how a chain is checked.

use super::files::read_genesis;
use super::{EXIT_CHECK, EXIT_CONFIG, EXIT_OK};
use crate::audit::AuditFault;
use crate::audit::replay::{Act, AuditedAct, AuditedRequest, Fate, Replay};
use crate::block::{CertifiedBlock, Timestamp};
use crate::client::{ClientFault, Gateway};
use crate::codec::Decode as _;
use crate::custody::envelope::SealingSecret;
use crate::data_folder::{FolderError, KeyName, Keys};
use crate::genesis::Genesis;
use crate::store::{Store, StoreError};
use crate::transaction::{Exchange, Height};
use clap::{ArgGroup, Args};
use guiju_runtime::date::Date;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["data", "gateway"])))]
pub(super) struct Audit {
    /// 创世文件 / The chain's genesis file
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// 自已停止节点的数据目录读取 / Read the blocks in the data folder of a node that is stopped
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// 自运行节点的网关读取 / Read them from a running node's gateway
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<SocketAddr>,
    /// 审计方密钥目录:可知关于谁、结果与比特数 / The auditor's folder of keys: tells about whom, what came of it, how many bits
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// 自此高度 / From this height on
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// 至此高度 / Up to this height
    #[arg(long, default_value_t = u64::MAX)]
    to: u64,
    /// 只列此部门所问 / Only what this department asked
    #[arg(long, value_name = "NAME")]
    asker: Option<String>,
    /// 只列输入中有此值者,如公民身份号码;须有密钥 / Only what has this value among its inputs; needs the keys
    #[arg(long, value_name = "VALUE", requires = "keys")]
    about: Option<String>,
    /// 每行一个 JSON / One JSON document a line
    #[arg(long)]
    json: bool,
}

/// Why there is no audit.
#[derive(Debug)]
enum Fault {
    Genesis(String),
    Keys(FolderError),
    Store(StoreError),
    Client(ClientFault),
    Block(Height),
    Chain(AuditFault),
    Page(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis(why) => f.write_str(why),
            Self::Keys(e) => e.fmt(f),
            Self::Store(e) => e.fmt(f),
            Self::Client(e) => e.fmt(f),
            Self::Block(h) => write!(f, "高度 {h} 的区块不合格式 / block {h} is not well-formed"),
            Self::Chain(e) => write!(f, "账本不成立 / the chain does not hold: {e}"),
            Self::Page(e) => write!(f, "无法写出 / cannot be written: {e}"),
        }
    }
}

macro_rules! from_fault {
    ($($source:ty => $variant:ident),*) => {$(
        impl From<$source> for Fault {
            fn from(fault: $source) -> Self { Self::$variant(fault) }
        }
    )*};
}
from_fault!(FolderError => Keys, StoreError => Store, ClientFault => Client, AuditFault => Chain, io::Error => Page);

impl Audit {
    pub(super) fn run(self) -> u8 {
        match self.audit() {
            Ok(()) => EXIT_OK,
            // Whoever reads only the first lines has them.
            Err(Fault::Page(e)) if e.kind() == io::ErrorKind::BrokenPipe => EXIT_OK,
            Err(fault) => {
                eprintln!("{fault}");
                if matches!(fault, Fault::Chain(_) | Fault::Block(_)) { EXIT_CHECK } else { EXIT_CONFIG }
            }
        }
    }

    fn audit(&self) -> Result<(), Fault> {
        let unread = |why: String| Fault::Genesis(format!("{}: {why}", self.genesis.display()));
        let genesis = read_genesis(&self.genesis).map_err(unread)?;
        let secret = match &self.keys {
            Some(keys) => Some(SealingSecret::from_bytes(Keys::at(keys).read(KeyName::Auditor)?)),
            None => None,
        };
        let source = self.source(&genesis)?;
        let mut replay = Replay::new(genesis);
        while let Some(block) = source.block(replay.height().next())? {
            replay.read(&block)?;
        }
        let found = replay.requests(secret.as_ref())?;
        let found: Vec<AuditedRequest> = found.into_iter().filter(|request| self.lists(request)).collect();
        self.page(&replay, &found, &mut io::stdout().lock())
    }

    fn source(&self, genesis: &Genesis) -> Result<Source, Fault> {
        match &self.data {
            Some(folder) => Ok(Source::Store(Store::open(folder, genesis.chain_id())?)),
            None => Ok(Source::Gateway(Gateway::new(self.gateway.expect("the command line names one of the two")))),
        }
    }

    fn lists(&self, request: &AuditedRequest) -> bool {
        let has = |wanted: &str| {
            let inputs = request.told.iter().flat_map(|told| &told.inputs);
            inputs.clone().any(|(_, value)| value.as_str() == Some(wanted))
        };
        (self.from..=self.to).contains(&request.height.0)
            && self.asker.as_ref().is_none_or(|asker| *asker == request.asker)
            && self.about.as_ref().is_none_or(|about| has(about))
    }

    fn page(&self, replay: &Replay, found: &[AuditedRequest], out: &mut impl io::Write) -> Result<(), Fault> {
        // What a department asked, or what was asked about somebody, is asked apart from who changed what.
        let all = self.asker.is_none() && self.about.is_none();
        let acts = replay.acts().iter().filter(|act| all && (self.from..=self.to).contains(&act.height.0));
        if self.json {
            for act in acts {
                writeln!(out, "{}", act_as_json(act))?;
            }
            for request in found {
                writeln!(out, "{}", as_json(request))?;
            }
            return Ok(out.flush()?);
        }
        for act in acts {
            write_act(act, out)?;
        }
        for request in found {
            write_request(request, out)?;
        }
        write_totals(replay, found, self.keys.is_some(), out)?;
        Ok(out.flush()?)
    }
}

/// Where blocks come from.
enum Source {
    Store(Store),
    Gateway(Gateway),
}

impl Source {
    fn block(&self, height: Height) -> Result<Option<CertifiedBlock>, Fault> {
        match self {
            Self::Store(store) => {
                let bytes = store.block_bytes(height)?;
                bytes.map(|bytes| CertifiedBlock::from_bytes(&bytes).map_err(|_| Fault::Block(height))).transpose()
            }
            Self::Gateway(gateway) => Ok(gateway.block(height)?),
        }
    }
}

fn exchange(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Verification => "证照核对 verification",
        Exchange::Detail => "详情查询 detail",
        Exchange::Evaluation => "评估结果 evaluation",
        Exchange::Contract => "合约 contract",
    }
}

/// Date and time of day in Asia/Shanghai.
fn at(time: Timestamp) -> String {
    let date = Date::from_days(i64::from(time.shanghai_day())).map_or_else(String::new, |date| date.to_string());
    // 8 hours ahead of UTC, without summer time since 1991.
    let second = (time.0 / 1000 + 8 * 3600) % 86_400;
    format!("{date} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

fn bits(millibits: u64) -> String {
    format!("{}.{:03}", millibits / 1000, millibits % 1000)
}

fn write_act(act: &AuditedAct, out: &mut impl io::Write) -> io::Result<()> {
    let what = match &act.act {
        Act::Published(source) => format!("发布模块 publishes module {source}"),
        Act::Approved(source) => format!("批准模块 approves module {source}"),
        Act::Withdrawn(source) => format!("撤回批准 withdraws its approval of module {source}"),
        Act::Erased { records, basis } => format!("删除 erases {records} 条记录 records, 依据 basis {basis}"),
        Act::Custodians { epoch, threshold, numbers } => {
            let numbers: Vec<String> = numbers.iter().map(|id| id.0.to_string()).collect();
            format!(
                "第 {epoch} 届受托方 custodians of epoch {epoch}: {}, 门限 threshold {threshold}",
                numbers.join(",")
            )
        }
    };
    writeln!(out, "高度 height {}  {}  {}  {what}", act.height, at(act.time), act.by.join("、"))?;
    act.invalid.iter().try_for_each(|why| writeln!(out, "  无效 invalid: {why}"))
}

fn act_as_json(act: &AuditedAct) -> Value {
    let (kind, about) = match &act.act {
        Act::Published(source) => ("publish", json!({ "module": source.hex() })),
        Act::Approved(source) => ("approve", json!({ "module": source.hex() })),
        Act::Withdrawn(source) => ("withdraw", json!({ "module": source.hex() })),
        Act::Erased { records, basis } => ("erase", json!({ "records": records, "basis": basis })),
        Act::Custodians { epoch, threshold, numbers } => {
            let numbers: Vec<u16> = numbers.iter().map(|id| id.0).collect();
            ("custodians", json!({ "epoch": epoch, "threshold": threshold, "custodians": numbers }))
        }
    };
    json!({
        "transaction": act.transaction.to_string(),
        "height": act.height.0,
        "time_ms": act.time.0,
        "by": act.by,
        "act": kind,
        "about": about,
        "invalid": act.invalid,
    })
}

fn write_request(request: &AuditedRequest, out: &mut impl io::Write) -> io::Result<()> {
    let AuditedRequest { height, time, asker, policy, version, purpose, basis, .. } = request;
    let kind = exchange(request.exchange);
    writeln!(out, "高度 height {height}  {}  {asker}  {kind}  {policy} 版本 version {version}", at(*time))?;
    writeln!(out, "  目的 purpose {purpose} · 依据 basis {basis} · 请求 request {}", request.request)?;
    match &request.fate {
        Fate::Invalid(why) => writeln!(out, "  无效 invalid: {why}")?,
        Fate::Refused { policy, clause, owner } => {
            writeln!(out, "  拒绝 refused: {owner} · {policy} 「{clause}」")?;
        }
        Fate::Pending => writeln!(out, "  待办 pending")?,
        Fate::Expired { height } => writeln!(out, "  过期 expired: 高度 height {height}")?,
        Fate::Finalised { height, custodians } => {
            let who: Vec<String> = custodians.iter().map(|c| c.0.to_string()).collect();
            writeln!(out, "  办结 finalised: 高度 height {height}, 受托方 custodians {}", who.join(","))?;
        }
    }
    let Some(told) = &request.told else { return Ok(()) };
    let inputs: Vec<String> = told.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let outcomes: Vec<String> = told.outcomes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    writeln!(out, "  关于 about {} → {}", inputs.join(" "), outcomes.join(" "))?;
    writeln!(out, "  涉及 {} 人 persons, 至多 at most {} 比特 bits", told.persons, bits(told.millibits))
}

/// By asker: how many of each kind, and how many bits at most.
fn write_totals(replay: &Replay, found: &[AuditedRequest], told: bool, out: &mut impl io::Write) -> io::Result<()> {
    let mut totals: BTreeMap<&str, (BTreeMap<&str, u64>, u64)> = BTreeMap::new();
    for request in found {
        let of = totals.entry(&request.asker).or_default();
        *of.0.entry(word(&request.fate)).or_default() += 1;
        of.1 += request.told.as_ref().map_or(0, |told| told.millibits);
    }
    writeln!(
        out,
        "\n账本成立至高度 {0} / the chain holds up to height {0}; 列出 listed {1}",
        replay.height(),
        found.len()
    )?;
    for (asker, (fates, millibits)) in totals {
        let fates: Vec<String> = fates.iter().map(|(fate, count)| format!("{fate} {count}")).collect();
        let at_most = if told { format!(" · 至多 at most {} 比特 bits", bits(millibits)) } else { String::new() };
        writeln!(out, "  {asker}: {}{at_most}", fates.join(" · "))?;
    }
    Ok(())
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Invalid(_) => "invalid",
        Fate::Refused { .. } => "refused",
        Fate::Pending => "pending",
        Fate::Finalised { .. } => "finalised",
        Fate::Expired { .. } => "expired",
    }
}

fn as_json(request: &AuditedRequest) -> Value {
    let fate = match &request.fate {
        Fate::Invalid(why) => json!({ "reason": why }),
        Fate::Refused { policy, clause, owner } => json!({ "policy": policy, "clause": clause, "owner": owner }),
        Fate::Pending => json!({}),
        Fate::Expired { height } => json!({ "height": height.0 }),
        Fate::Finalised { height, custodians } => {
            json!({ "height": height.0, "custodians": custodians.iter().map(|c| c.0).collect::<Vec<_>>() })
        }
    };
    let told = request.told.as_ref().map(|told| {
        let pairs = |list: &[(String, String)]| list.iter().cloned().collect::<BTreeMap<_, _>>();
        let inputs: BTreeMap<String, Value> = told.inputs.iter().cloned().collect();
        json!({
            "inputs": inputs,
            "outcomes": pairs(&told.outcomes),
            "persons": told.persons,
            "millibits": told.millibits,
        })
    });
    json!({
        "request": request.request.to_string(),
        "height": request.height.0,
        "time_ms": request.time.0,
        "asker": request.asker,
        "exchange": format!("{:?}", request.exchange).to_lowercase(),
        "policy": request.policy,
        "version": request.version,
        "purpose": request.purpose,
        "basis": request.basis,
        "state": word(&request.fate),
        "fate": fate,
        "told": told,
    })
}
