//! Two bureaus act at once on the same units through different nodes: one registers seizures, one transfers titles.
//! Invariant: who won is read back from the blocks with the auditor's key, never from what the clients were told.
//! Must not know: how contracts are judged.

use crate::audit::{self, Auditor};
use crate::city::{City, RaceUnit};
use crate::client::Gateway;
use crate::custody::answer::Verdict;
use crate::demo::DemoFault;
use crate::demo::actors::Departments;
use crate::demo::cluster::Cluster;
use crate::demo::progress::Progress;
use crate::demo::purchase::micros;
use crate::demo::report::{LienFact, RaceFact};
use crate::demo::session::{Question, Reply, Session, as_json, in_force, in_parallel};
use crate::transaction::{Exchange, TransactionId};
use guiju_compiler::package::Package;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Contracts in flight on each side.
const WORKERS: usize = 4;
/// Names of the two contracts in `policies/transfer.gj`.
const SEIZURE: &str = "查封登记";
const TRANSFER: &str = "二手房转移登记";
/// Name of the policy in `policies/lien.gj`, and of the purpose it serves.
const LIEN: &str = "权利负担核查";

/// A contract's effect on a unit, as the blocks tell it.
type Seized = BTreeMap<String, bool>;

/// What the race left for later steps.
pub(super) struct Raced {
    /// Requests with an answer, for receipts.
    pub(super) requests: Vec<TransactionId>,
    /// Latencies, in microseconds.
    pub(super) contracts: Vec<u64>,
}

/// Runs the race.
pub(super) fn run(
    session: &Session,
    departments: &Departments,
    cluster: &Cluster,
    package: &Package,
    city: &City,
    seed: u64,
) -> Result<Raced, DemoFault> {
    let raced = Mutex::new(Raced { requests: vec![], contracts: vec![] });
    let total = city.race_units.len() as u64 * 2;
    let progress = Mutex::new(Progress::start("查封与转移竞争 racing", total));
    let side = |contract: &'static str, salt: u64, gateway: Gateway| {
        let units = shuffled(&city.race_units, seed ^ salt);
        in_parallel(&units, WORKERS, |unit| {
            let question = question(departments, package, contract, unit)?;
            match session.ask(&question, Some(&gateway))? {
                Reply::Answered { id, took, .. } => {
                    let mut raced = raced.lock().expect("no thread panics while it holds this");
                    raced.requests.push(id);
                    raced.contracts.push(micros(took));
                }
                Reply::Refused { policy, clause, .. } => {
                    return Err(DemoFault::Stopped(format!("{contract} was refused by {policy} {clause}")));
                }
            }
            progress.lock().expect("no thread panics while it holds this").advance(1);
            Ok(())
        })
    };
    let (registry, housing) = (cluster.gateway(0), cluster.gateway(cluster.len() - 1));
    std::thread::scope(|scope| {
        let seizures = scope.spawn(|| side(SEIZURE, 0x5e12, registry));
        let transfers = side(TRANSFER, 0x7a25, housing);
        let seizures = seizures.join().map_err(|_| DemoFault::Stopped("the seizures stopped short".to_owned()))?;
        seizures.and(transfers)
    })?;
    progress.into_inner().expect("all threads ended").finish();
    Ok(raced.into_inner().expect("all threads ended"))
}

/// Reads the race back: every contract in ledger order, opened with the auditor's key. Says of each unit whether it is
/// seized.
pub(super) fn read_back(
    auditor: &Auditor<'_>,
    gateway: &Gateway,
    city: &City,
) -> Result<(RaceFact, Seized), DemoFault> {
    let mut fact = RaceFact { units: city.race_units.len() as u64, ..RaceFact::default() };
    let mut units: Seized = city.race_units.iter().map(|u| (u.unit.clone(), false)).collect();
    let contracts = audit::contracts(auditor, |height| gateway.block(height).map_err(DemoFault::from))?;
    for contract in contracts {
        let unit = contract.inputs.iter().find(|(name, _)| name == "单元").and_then(|(_, v)| v.as_str());
        let Some(seized) = unit.and_then(|unit| units.get_mut(unit)) else { continue };
        // A contract that took effect wrote something; one that was judged against wrote nothing.
        if contract.writes.is_empty() {
            continue;
        }
        if contract.policy == SEIZURE {
            fact.seizures += 1;
            *seized = true;
        } else if contract.policy == TRANSFER {
            fact.transfers += 1;
            fact.transfers_after_seizure += u64::from(*seized);
        }
    }
    Ok((fact, units))
}

/// Asks 权利负担核查 for every raced unit, and compares each answer with what the blocks say.
pub(super) fn check_liens(
    session: &Session,
    departments: &Departments,
    package: &Package,
    city: &City,
    seized: &Seized,
) -> Result<(LienFact, Vec<u64>), DemoFault> {
    let policy = in_force(package, LIEN, super::today())?;
    let tally = Mutex::new((LienFact::default(), Vec::new()));
    in_parallel(&city.race_units, WORKERS, |unit| {
        let question = Question {
            asker: departments.named("住房保障和房产局")?,
            cosigners: vec![],
            policy: LIEN.to_owned(),
            exchange: Exchange::Evaluation,
            purpose: LIEN.to_owned(),
            basis: format!("{LIEN} {}", unit.title),
            as_of: None,
            inputs: as_json(policy, unit.inputs(policy)?),
        };
        let Reply::Answered { answer, took, .. } = session.ask(&question, None)? else {
            return Err(DemoFault::Stopped(format!("{LIEN} was refused")));
        };
        let Verdict::Decided { outcomes, .. } = answer.verdict else {
            return Err(DemoFault::Stopped(format!("{LIEN} was not decided")));
        };
        let outcome = outcomes.first().and_then(|o| o.value.clone()).unwrap_or_else(|| "待定".to_owned());
        let mut tally = tally.lock().expect("no thread panics while it holds this");
        tally.0.checked += 1;
        tally.0.agreeing += u64::from((outcome == "查封限制") == seized.get(&unit.unit).copied().unwrap_or(false));
        *tally.0.outcomes.entry(outcome).or_default() += 1;
        tally.1.push(micros(took));
        Ok(())
    })?;
    Ok(tally.into_inner().expect("all threads ended"))
}

fn question<'a>(
    departments: &'a Departments,
    package: &Package,
    contract: &str,
    unit: &RaceUnit,
) -> Result<Question<'a>, DemoFault> {
    let registry = departments.named("规划和自然资源局")?;
    let housing = departments.named("住房保障和房产局")?;
    let seizure = contract == SEIZURE;
    let policy = in_force(package, contract, super::today())?;
    let inputs = as_json(policy, unit.inputs(policy)?);
    Ok(Question {
        asker: if seizure { registry } else { housing },
        cosigners: if seizure { vec![] } else { vec![registry] },
        policy: contract.to_owned(),
        exchange: Exchange::Contract,
        purpose: "不动产登记".to_owned(),
        basis: format!("{contract} {}", unit.title),
        as_of: None,
        inputs,
    })
}

/// The units in an order that depends on the seed alone (Fisher–Yates).
fn shuffled(units: &[RaceUnit], seed: u64) -> Vec<RaceUnit> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut units = units.to_vec();
    for last in (1..units.len()).rev() {
        let other = usize::try_from(rng.next_u64() % (last as u64 + 1)).expect("below the length");
        units.swap(last, other);
    }
    units
}
