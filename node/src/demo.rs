//! The main job, for real: four node processes decide real policies over sealed records while nodes are killed.
//! Owns the order of the steps. Invariant: every fact in its report was measured or read back from the nodes.
//! Must not know: how any step works inside.

pub mod actors;
pub mod cluster;
mod erasure;
mod founding;
mod handover;
mod progress;
mod publish;
mod purchase;
mod race;
mod receipts;
pub mod report;
pub mod session;
mod town;

use crate::audit::{AuditFault, Auditor};
use crate::city::{self, CityFault};
use crate::client::ClientFault;
use crate::data_folder::FolderError;
use crate::transaction::Exchange;
use actors::Departments;
use cluster::Cluster;
use guiju_compiler::package::Package;
use guiju_runtime::date::Date;
use report::{ExchangeFact, Facts, NodeFact, RefusalFact};
use session::{Question, Reply, Session, as_json, in_force};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the policies to publish.
    pub policies: PathBuf,
    /// Where the data folders stay; `None`: a temporary folder that is removed.
    pub keep: Option<PathBuf>,
    /// Persons of the synthetic city.
    pub persons: u32,
    /// Seed of the city and of the order in the race. Keys are never derived from it.
    pub seed: u64,
}

/// Why the demo stopped.
#[derive(Debug)]
pub enum DemoFault {
    /// A file or process could not be used.
    Io(std::io::Error),
    /// A gateway refused or broke off.
    Client(ClientFault),
    /// A data folder could not be made.
    Folder(FolderError),
    /// The blocks do not hold.
    Audit(AuditFault),
    /// The city does not fit the data standard.
    City(CityFault),
    /// Something did not go as it must; the text says what.
    Stopped(String),
}

impl fmt::Display for DemoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "文件或进程错误 / a file or process could not be used: {e}"),
            Self::Client(e) => write!(f, "{e}"),
            Self::Folder(e) => write!(f, "{e}"),
            Self::Audit(e) => write!(f, "{e}"),
            Self::City(e) => write!(f, "{e}"),
            Self::Stopped(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for DemoFault {}

macro_rules! from_fault {
    ($($source:ty => $variant:ident),*) => {$(
        impl From<$source> for DemoFault {
            fn from(fault: $source) -> Self { Self::$variant(fault) }
        }
    )*};
}
from_fault!(std::io::Error => Io, ClientFault => Client, FolderError => Folder, AuditFault => Audit, CityFault => City);

/// Runs the main job and returns what it found out. Errors if a step could not be carried out; promises that were
/// carried out and broken are in [`Facts::broken_promises`].
pub fn run(options: &Options) -> Result<Facts, DemoFault> {
    let folder = Workplace::open(options.keep.as_deref())?;
    let since = Instant::now();
    let sources = publish::read_sources(&options.policies)?;
    let package = publish::compile_all(&sources)?;
    let city = city::generate(options.seed, options.persons, &package)?;
    let departments = Departments::generate()?;
    let founded = founding::found(folder.path(), &departments)?;
    let mut cluster = Cluster::start(founded.sites.clone())?;
    let session = Session::new(founded.genesis.clone(), cluster.running());

    let mut facts = Facts { seed: options.seed, persons: u64::from(options.persons), ..Facts::default() };
    facts.policies = publish::publish(&session, &departments, &sources, &package)?;
    let submitted = town::submit(&session, &departments, &package, &city)?;
    facts.records = submitted.records;
    facts.refused.push(forbidden(&session, &departments, &package, &city)?);
    let decided = purchase::decide(&session, &departments, &mut cluster, &package, &city, &mut facts)?;
    let raced = race::run(&session, &departments, &cluster, &package, &city, options.seed)?;

    // Every node has every block before one of them is read.
    cluster.level()?;
    let auditor = Auditor { genesis: session.genesis(), secret: &founded.auditor };
    let (race, seized) = race::read_back(&auditor, &cluster.gateway(0), &city)?;
    facts.race = race;
    let (liens, lien_checks) = race::check_liens(&session, &departments, &package, &city, &seized)?;
    facts.liens = liens;

    let (handed, asked) = handover::run(&session, &departments, &mut cluster, &package, &city)?;
    facts.handover = handed;
    facts.erasure = erasure::run(&session, &departments, &package, &city, &submitted.filed, folder.path())?;

    let level = cluster.level()?;
    facts.nodes = (0..cluster.len())
        .zip(&level)
        .map(|(index, status)| NodeFact {
            id: cluster.name(index).to_owned(),
            height: status.height.0,
            state_root: status.state_root.clone(),
        })
        .collect();
    facts.blocks = level.first().map_or(0, |status| status.height.0);
    let requests: Vec<_> = asked.iter().chain(&decided.requests).chain(&raced.requests).copied().collect();
    facts.receipts = receipts::write_and_verify(&cluster.gateway(1), &requests, folder.path())?;
    for (name, latencies) in [
        ("submission", submitted.latencies),
        ("evaluation", [decided.evaluations, lien_checks].concat()),
        ("verification", decided.verifications),
        ("contract", raced.contracts),
    ] {
        facts.exchanges.insert(name.to_owned(), ExchangeFact::of(latencies));
    }
    facts.wall_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(facts)
}

/// The housing bureau asks for a purpose that the owners' sharing policies forbid.
fn forbidden(
    session: &Session,
    departments: &Departments,
    package: &Package,
    city: &city::City,
) -> Result<RefusalFact, DemoFault> {
    let resident = city.residents.first().ok_or(DemoFault::Stopped("the city has no residents".to_owned()))?;
    let policy = in_force(package, "户籍核验", today())?;
    let question = Question {
        asker: departments.named("住房保障和房产局")?,
        cosigners: vec![],
        policy: "户籍核验".to_owned(),
        exchange: Exchange::Verification,
        purpose: "商业营销".to_owned(),
        basis: "楼盘推广".to_owned(),
        as_of: None,
        inputs: as_json(policy, resident.inputs(policy, "玄武区")?),
    };
    match session.ask(&question, None)? {
        Reply::Refused { policy, clause, .. } => Ok(RefusalFact { policy, clause }),
        Reply::Answered { .. } => Err(DemoFault::Stopped("a forbidden question was answered".to_owned())),
    }
}

/// The civil date in Asia/Shanghai.
fn today() -> Date {
    let day = founding::now().shanghai_day();
    Date::from_days(i64::from(day)).unwrap_or(Date::MIN)
}

/// The folder of the run, removed at the end unless it is to be kept.
struct Workplace {
    path: PathBuf,
    kept: bool,
}

impl Workplace {
    fn open(keep: Option<&Path>) -> Result<Self, DemoFault> {
        let path = keep
            .map_or_else(|| std::env::temp_dir().join(format!("guiju-demo-{}", std::process::id())), Path::to_path_buf);
        if path.exists() && std::fs::read_dir(&path)?.next().is_some() {
            return Err(DemoFault::Stopped(format!(
                "目录非空,请换一个 / the folder is not empty, name another: {}",
                path.display()
            )));
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, kept: keep.is_some() })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if !self.kept {
            // Leftovers in the temporary folder harm nobody; there is no one left to tell.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
