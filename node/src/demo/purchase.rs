//! 购房资格 for the applicants and 户籍核验 for citizens, with nodes killed meanwhile. Owns the order of outages and load.
//! Invariant: while a node is down, decisions go on through the others. Must not know: how a decision is made.

use crate::city::{Applicant, City};
use crate::custody::answer::{Answer, OutcomeLine, Verdict};
use crate::demo::DemoFault;
use crate::demo::actors::Departments;
use crate::demo::cluster::Cluster;
use crate::demo::progress::Progress;
use crate::demo::report::{AnswerFact, Facts, KillFact};
use crate::demo::session::{Question, Reply, Session, as_json, in_force, in_parallel};
use crate::transaction::{Exchange, TransactionId};
use guiju_compiler::package::Package;
use guiju_runtime::date::Date;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Questions in flight.
const WORKERS: usize = 8;
/// Decisions that must be final while a node is down before it is started again.
const WHILE_DOWN: u64 = 60;
/// Answers shown in full of each outcome.
const SHOWN: usize = 2;

/// What the evaluations and verifications left for later steps.
pub(super) struct Decided {
    /// Requests with an answer, for receipts.
    pub(super) requests: Vec<TransactionId>,
    /// Latencies of evaluations, in microseconds.
    pub(super) evaluations: Vec<u64>,
    /// Latencies of verifications, in microseconds.
    pub(super) verifications: Vec<u64>,
}

/// Asks for every applicant while nodes are killed and started again: once whichever proposed last, once another.
pub(super) fn decide(
    session: &Session,
    departments: &Departments,
    cluster: &mut Cluster,
    package: &Package,
    city: &City,
    facts: &mut Facts,
) -> Result<Decided, DemoFault> {
    let finished = AtomicU64::new(0);
    let tally =
        Mutex::new((Decided { requests: vec![], evaluations: vec![], verifications: vec![] }, std::mem::take(facts)));
    let progress = Mutex::new(Progress::start("评估与核验 evaluating, verifying", city.applicants.len() as u64 * 2));
    let (load_ended, outages_ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let (load, outages) = std::thread::scope(|scope| {
        let outages = scope.spawn(|| {
            let kills = outages(session, cluster, &finished, &load_ended);
            outages_ended.store(true, Ordering::Relaxed);
            kills
        });
        let load = in_parallel(&city.applicants, WORKERS, |applicant| {
            let (id, answer, took) = evaluate(session, departments, package, applicant)?;
            finished.fetch_add(1, Ordering::Relaxed);
            let (_, word, verified) = verify(session, departments, package, city, applicant)?;
            finished.fetch_add(1, Ordering::Relaxed);
            let mut tally = tally.lock().expect("no thread panics while it holds this");
            count(&mut tally.1, answer);
            *tally.1.verifications.entry(word).or_default() += 1;
            tally.0.requests.push(id);
            tally.0.evaluations.push(took);
            tally.0.verifications.push(verified);
            progress.lock().expect("no thread panics while it holds this").advance(2);
            Ok(())
        });
        // A slow machine comes to the end of the applicants before the outages are over: some are asked about again.
        let load = load.and_then(|()| {
            in_parallel(&city.applicants, WORKERS, |applicant| {
                if !outages_ended.load(Ordering::Relaxed) {
                    verify(session, departments, package, city, applicant)?;
                    finished.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        });
        load_ended.store(true, Ordering::Relaxed);
        (load, outages.join())
    });
    load?;
    let kills = outages.map_err(|_| DemoFault::Stopped("the outages stopped short".to_owned()))??;
    progress.into_inner().expect("all threads ended").finish();
    let (decided, counted) = tally.into_inner().expect("all threads ended");
    *facts = counted;
    facts.restart.killed = kills.len() as u64;
    facts.restart.catch_up_ms = kills.iter().map(|k| k.catch_up_ms).max().unwrap_or(0);
    facts.restart.decisions_while_down = kills.iter().map(|k| k.decisions_while_down).min().unwrap_or(0);
    facts.restart.nodes = kills;
    Ok(decided)
}

fn outages(
    session: &Session,
    cluster: &mut Cluster,
    finished: &AtomicU64,
    load_ended: &AtomicBool,
) -> Result<Vec<KillFact>, DemoFault> {
    let mut kills: Vec<KillFact> = Vec::new();
    for proposer in [true, false] {
        wait_for(finished, finished.load(Ordering::Relaxed) + 40, load_ended);
        let index = if proposer {
            cluster.proposer()?
        } else {
            let last = kills.last().map_or("", |k| k.node.as_str());
            (0..cluster.len()).find(|i| cluster.name(*i) != last).expect("four nodes")
        };
        let node = cluster.name(index).to_owned();
        let before = finished.load(Ordering::Relaxed);
        cluster.kill(index)?;
        session.use_gateways(cluster.running());
        wait_for(finished, before + WHILE_DOWN, load_ended);
        let decisions_while_down = finished.load(Ordering::Relaxed) - before;
        let catch_up = cluster.restart(index)?;
        session.use_gateways(cluster.running());
        kills.push(KillFact {
            node,
            was_proposer: proposer,
            decisions_while_down,
            catch_up_ms: u64::try_from(catch_up.as_millis()).unwrap_or(u64::MAX),
        });
    }
    Ok(kills)
}

fn wait_for(finished: &AtomicU64, goal: u64, load_ended: &AtomicBool) {
    while finished.load(Ordering::Relaxed) < goal && !load_ended.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn evaluate(
    session: &Session,
    departments: &Departments,
    package: &Package,
    applicant: &Applicant,
) -> Result<(TransactionId, AnswerFact, u64), DemoFault> {
    let policy = in_force(package, "购房资格", applicant.as_of)?;
    let question = Question {
        asker: departments.named("住房保障和房产局")?,
        cosigners: vec![],
        policy: "购房资格".to_owned(),
        exchange: Exchange::Evaluation,
        purpose: "购房资格审核".to_owned(),
        basis: format!("购房资格审核 {}", applicant.contract),
        as_of: Some(applicant.as_of.days()),
        inputs: as_json(policy, applicant.inputs(policy)?),
    };
    match session.ask(&question, None)? {
        Reply::Answered { id, answer, took, .. } => {
            let shown = shown(applicant, answer)?;
            Ok((id, shown, micros(took)))
        }
        Reply::Refused { policy, clause, .. } => {
            Err(DemoFault::Stopped(format!("an evaluation was refused by {policy} {clause}")))
        }
    }
}

fn shown(applicant: &Applicant, answer: Answer) -> Result<AnswerFact, DemoFault> {
    let (outcomes, missing) = match answer.verdict {
        Verdict::Decided { outcomes, missing, .. } => (outcomes, missing),
        Verdict::Refused(refusal) => return Err(DemoFault::Stopped(refusal.message())),
    };
    let reason = |line: &OutcomeLine| {
        let citation = line.citation.as_ref().map(|c| format!(" ({c})")).unwrap_or_default();
        line.reason.as_ref().map(|reason| format!("{reason}{citation}"))
    };
    Ok(AnswerFact {
        case: applicant.contract.clone(),
        as_of: Date::from_days(i64::from(answer.as_of)).map_or_else(String::new, |d| d.to_string()),
        version: answer.version,
        outcome: outcomes.first().and_then(|o| o.value.clone()).unwrap_or_else(|| "待定".to_owned()),
        reasons: outcomes.iter().filter_map(reason).collect(),
        missing,
    })
}

/// Asks the household register about an applicant: the request, the answer's word and how long it took.
pub(super) fn verify(
    session: &Session,
    departments: &Departments,
    package: &Package,
    city: &City,
    applicant: &Applicant,
) -> Result<(TransactionId, String, u64), DemoFault> {
    let policy = in_force(package, "户籍核验", super::today())?;
    let resident = city
        .residents
        .iter()
        .find(|r| r.citizen == applicant.citizen)
        .ok_or_else(|| DemoFault::Stopped("an applicant is no resident of the city".to_owned()))?;
    let claimed = resident.district.as_deref().unwrap_or(&applicant.district);
    let question = Question {
        asker: departments.named("住房保障和房产局")?,
        cosigners: vec![],
        policy: "户籍核验".to_owned(),
        exchange: Exchange::Verification,
        purpose: "购房资格审核".to_owned(),
        basis: format!("购房资格审核 {}", applicant.contract),
        as_of: None,
        inputs: as_json(policy, resident.inputs(policy, claimed)?),
    };
    match session.ask(&question, None)? {
        Reply::Answered { id, answer, took, .. } => match answer.verdict {
            Verdict::Decided { outcomes, .. } => {
                let word = outcomes.first().and_then(|o| o.value.clone()).unwrap_or_else(|| "待定".to_owned());
                Ok((id, word, micros(took)))
            }
            Verdict::Refused(refusal) => Err(DemoFault::Stopped(refusal.message())),
        },
        Reply::Refused { policy, clause, .. } => {
            Err(DemoFault::Stopped(format!("a verification was refused by {policy} {clause}")))
        }
    }
}

fn count(facts: &mut Facts, answer: AnswerFact) {
    match answer.outcome.as_str() {
        "符合" => facts.outcomes.eligible += 1,
        "不符合" => facts.outcomes.ineligible += 1,
        _ => facts.outcomes.undetermined += 1,
    }
    for reason in &answer.reasons {
        *facts.reasons.entry(reason.clone()).or_default() += 1;
    }
    if facts.answers.iter().filter(|a| a.outcome == answer.outcome).count() < SHOWN {
        facts.answers.push(answer);
    }
}

/// A duration in whole microseconds.
pub(super) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
