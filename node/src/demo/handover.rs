//! Custody handed on while the chain runs: one bureau's custodian leaves, another's takes its place, everybody's share
//! changes, no record is sealed again. Owns the part of each operator. Invariant: every operator works with its own folder
//! of keys alone; what is asked afterwards needs the newcomer. Must not know: how shares are dealt.

use crate::ceremony::{self, CeremonyFault, Keys as HeldKeys, Member, Plan, Present};
use crate::city::City;
use crate::crypto::Keypair;
use crate::custodians::CustodianSet;
use crate::custody::envelope::SealingSecret;
use crate::data_folder::{DataFolder, KeyName, Keys};
use crate::demo::DemoFault;
use crate::demo::actors::Departments;
use crate::demo::cluster::Cluster;
use crate::demo::progress::Progress;
use crate::demo::purchase;
use crate::demo::report::HandoverFact;
use crate::demo::session::Session;
use crate::entropy::{random, system_rng};
use crate::threshold::KeyShare;
use crate::transaction::{CustodianId, Envelope, Height, SignedTransaction, Signer, TransactionId};
use guiju_compiler::package::Package;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Questions asked after the handover.
const ASKED: usize = 20;
/// The node whose custodian is replaced, and the one that is down while the newcomer is needed.
const LEAVING: usize = 3;
const DOWN: usize = 0;
/// Longest wait for custodians to wipe their shares of before.
const WIPED_WITHIN: Duration = Duration::from_secs(60);
/// How long the change may wait for a block.
const VALID_BLOCKS: u64 = 1_000;

/// Hands custody on and asks again, with one of those who stayed down. Returns what came of it and the requests.
pub(super) fn run(
    session: &Session,
    departments: &Departments,
    cluster: &mut Cluster,
    package: &Package,
    city: &City,
) -> Result<(HandoverFact, Vec<TransactionId>), DemoFault> {
    let mut progress = Progress::start("移交托管 handing custody on", ASKED as u64);
    let folders = (0..cluster.len())
        .map(|node| Ok(DataFolder::open(cluster.folder(node))?))
        .collect::<Result<Vec<_>, DemoFault>>()?;
    let newcomer = Newcomer { signing: Keypair::from_seed(random()?), sealing: SealingSecret::from_bytes(random()?) };
    let transaction = hand_on(session, cluster, &folders, &newcomer)?;
    let id = session.submit(&Envelope { transaction, capsules: Vec::new() }, None)?;
    let (height, outcome) = session.await_block(id)?;
    if outcome != "done" {
        return Err(DemoFault::Stopped(format!("the change of custodians came to {outcome}")));
    }
    // With one of three that stayed down, nothing is answered without the newcomer.
    cluster.kill(DOWN)?;
    session.use_gateways(cluster.running());
    let (mut requests, mut answered) = (Vec::new(), 0);
    for applicant in city.applicants.iter().take(ASKED) {
        let (id, _, _) = purchase::verify(session, departments, package, city, applicant)?;
        requests.push(id);
        answered += 1;
        progress.advance(1);
    }
    cluster.restart(DOWN)?;
    session.use_gateways(cluster.running());
    // A custodian wipes its share of before once it has heard of the change, the one that was down after its start.
    let since = Instant::now();
    let shares_left = loop {
        let left = folders.iter().filter(|folder| matches!(folder.keys().find_share(0), Ok(Some(_)))).count();
        if left == 0 || since.elapsed() > WIPED_WITHIN {
            break left;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    progress.finish();
    let (asked, shares_left) = (ASKED as u64, shares_left as u64);
    Ok((HandoverFact { epoch: 1, height: height.0, asked, answered, shares_left }, requests))
}

struct Newcomer {
    signing: Keypair,
    sealing: SealingSecret,
}

/// The ceremony, each with its own keys, and the change as those who stay sign it for the ledger.
fn hand_on(
    session: &Session,
    cluster: &mut Cluster,
    folders: &[DataFolder],
    newcomer: &Newcomer,
) -> Result<SignedTransaction, DemoFault> {
    let failed = |fault: CeremonyFault| DemoFault::Stopped(fault.to_string());
    let plan = plan(session, newcomer).map_err(failed)?;
    let staying: Vec<(CustodianId, &DataFolder)> = (1..).map(CustodianId).zip(folders).take(LEAVING).collect();
    let mut dealings = BTreeMap::new();
    for (id, folder) in &staying {
        let kept = held(&folder.keys())?;
        let dealing = ceremony::deal(&plan, &signing(folder)?, Some(&kept), &mut system_rng()?).map_err(failed)?;
        dealings.insert(*id, dealing);
    }
    let mut words = BTreeMap::new();
    for (id, folder) in &staying {
        let sealing = SealingSecret::from_bytes(folder.key(KeyName::Sealing)?);
        let (keys, outcome) = ceremony::finish(&plan, *id, &sealing, &dealings).map_err(failed)?;
        folder.keys().write_share(plan.epoch(), &keys.share.to_bytes())?;
        words.insert(*id, ceremony::confirm(&outcome, *id, &signing(folder)?));
    }
    let id = CustodianId(u16::try_from(folders.len() + 1).unwrap_or(u16::MAX));
    let (keys, outcome) = ceremony::finish(&plan, id, &newcomer.sealing, &dealings).map_err(failed)?;
    words.insert(id, ceremony::confirm(&outcome, id, &newcomer.signing));
    move_in(cluster, &folders[LEAVING], id, newcomer, &keys.share, plan.epoch())?;
    let outcome = ceremony::check(&plan, &dealings, &words).map_err(failed)?;
    let valid_until = Height(session.height()?.0 + VALID_BLOCKS);
    let chain = session.genesis().chain_id();
    let body = ceremony::transaction(&plan, &outcome, &words, chain, valid_until)
        .ok_or_else(|| DemoFault::Stopped("nothing is handed on".to_owned()))?;
    let signers = staying.iter().map(|(id, folder)| Ok((Signer::Custodian(*id), signing(folder)?)));
    let signers = signers.collect::<Result<Vec<_>, DemoFault>>()?;
    Ok(SignedTransaction::sign(body, &signers.iter().map(|(who, key)| (*who, key)).collect::<Vec<_>>()))
}

/// Who keeps custody now, and who will.
fn plan(session: &Session, newcomer: &Newcomer) -> Result<Plan, CeremonyFault> {
    let genesis = session.genesis();
    let present = Present::of(genesis, &CustodianSet::founding(genesis));
    let stays = present.custodians.iter().take(LEAVING).map(|custodian| Member {
        id: custodian.id,
        name: custodian.name.clone(),
        signing_key: custodian.signing_key,
        sealing_key: custodian.sealing_key,
    });
    let number = u16::try_from(present.custodians.len() + 1).unwrap_or(u16::MAX);
    let comes = Member {
        id: CustodianId(number),
        name: format!("custodian{number}"),
        signing_key: newcomer.signing.public(),
        sealing_key: newcomer.sealing.public(),
    };
    let members = stays.chain([comes]).collect();
    Plan::new(genesis.name.clone(), present.threshold, members, Some(present))
}

/// The newcomer's bureau takes over the node of the one that leaves, with keys of its own.
fn move_in(
    cluster: &mut Cluster,
    folder: &DataFolder,
    id: CustodianId,
    newcomer: &Newcomer,
    share: &KeyShare,
    epoch: u32,
) -> Result<(), DemoFault> {
    cluster.kill(LEAVING)?;
    let keys = folder.keys();
    for name in [KeyName::Custodian, KeyName::Sealing, KeyName::Share] {
        keys.wipe(name)?;
    }
    keys.write(KeyName::Custodian, &newcomer.signing.seed())?;
    keys.write(KeyName::Sealing, &newcomer.sealing.to_bytes())?;
    keys.write_share(epoch, &share.to_bytes())?;
    let mut config = folder.config().clone();
    config.custodian = Some(id.0);
    folder.configure(&config)?;
    cluster.restart(LEAVING)?;
    Ok(())
}

fn held(keys: &Keys) -> Result<HeldKeys, DemoFault> {
    let none = || DemoFault::Stopped("a custodian has no share".to_owned());
    let share = keys.find_share(0)?.and_then(KeyShare::from_bytes).ok_or_else(none)?;
    Ok(HeldKeys { share, index: SealingSecret::from_bytes(keys.read(KeyName::Index)?) })
}

fn signing(folder: &DataFolder) -> Result<Keypair, DemoFault> {
    Ok(Keypair::from_seed(folder.key(KeyName::Custodian)?))
}
