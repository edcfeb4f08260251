//! Founding a chain on one machine: genesis, node keys, data folders. The custodians generate the custody key together, as
//! they would on their own machines; nobody has it.
//! Invariant: secret keys are written only into the folder of the node or person that holds them.
//! Must not know: what is published or asked later.

use crate::block::Timestamp;
use crate::ceremony::{self, CeremonyFault, Keys, Member, Outcome, Plan};
use crate::crypto::Keypair;
use crate::custody::envelope::SealingSecret;
use crate::data_folder::{KeyName, Keys as KeyFolder, NodeConfig, init_data_folder};
use crate::demo::DemoFault;
use crate::demo::actors::Departments;
use crate::demo::cluster::Site;
use crate::entropy::{random, system_rng};
use crate::genesis::{DepartmentEntry, Genesis, ValidatorEntry};
use crate::transaction::CustodianId;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of the demo's chain.
const CHAIN: &str = "规矩演示链";
/// Nodes of the demo; each is validator and custodian, so one of them may be Byzantine.
const NODES: u16 = 4;
/// Custodians that must agree on a result.
const THRESHOLD: u16 = 3;
/// Blocks after which an unanswered evaluation expires.
const EXPIRY_BLOCKS: u64 = 2_000;

/// A founded chain.
pub(super) struct Founded {
    /// Its genesis.
    pub(super) genesis: Genesis,
    /// Where its nodes are.
    pub(super) sites: Vec<Site>,
    /// The auditor's key.
    pub(super) auditor: SealingSecret,
}

struct NodeKeys {
    consensus: Keypair,
    transport: Keypair,
    custodian: Keypair,
    sealing: SealingSecret,
    listen: SocketAddr,
    gateway: SocketAddr,
}

/// Makes keys, genesis and one data folder a node below `folder`.
pub(super) fn found(folder: &Path, departments: &Departments) -> Result<Founded, DemoFault> {
    let mut rng = system_rng()?;
    let auditor = SealingSecret::generate(&mut rng);
    let nodes = (0..NODES).map(|_| node_keys()).collect::<Result<Vec<_>, _>>()?;
    let (plan, custody) = custody(&nodes, &mut rng)?;
    let outcome = &custody.first().ok_or_else(|| DemoFault::Stopped("no custodians".to_owned()))?.1;
    let mut entries = Vec::new();
    for department in departments.all() {
        let handle_key_sealed = department
            .handle_key
            .seal(&mut rng, &outcome.index_key, department.id)
            .map_err(|fault| DemoFault::Stopped(format!("a handle key cannot be sealed: {fault}")))?;
        entries.push(DepartmentEntry {
            id: department.id,
            name: department.name.clone(),
            code: department.code.clone(),
            signing_key: department.signing.public(),
            sealing_key: department.sealing.public(),
            handle_key_sealed,
        });
    }
    let genesis = Genesis {
        name: CHAIN.to_owned(),
        time: now(),
        validators: (1..).zip(&nodes).map(|(number, keys)| validator(number, keys)).collect(),
        departments: entries,
        custodians: outcome.entries(&plan),
        custody_threshold: THRESHOLD,
        custody_key: outcome.custody_key,
        index_key: outcome.index_key,
        auditor_key: auditor.public(),
        expiry_blocks: EXPIRY_BLOCKS,
    };
    let text = genesis.to_toml();
    std::fs::write(folder.join("genesis.toml"), &text)?;
    let mut sites = Vec::new();
    for ((number, keys), (custodian, _)) in (1..).zip(&nodes).zip(&custody) {
        let site = Site { name: node_name(number), folder: folder.join(node_name(number)), gateway: keys.gateway };
        let config = NodeConfig {
            name: site.name.clone(),
            listen: keys.listen,
            gateway: keys.gateway,
            custodian: Some(number),
            log: Some("warn".to_owned()),
        };
        let secrets = [
            (KeyName::Consensus, keys.consensus.seed()),
            (KeyName::Transport, keys.transport.seed()),
            (KeyName::Custodian, keys.custodian.seed()),
            (KeyName::Share, *custodian.share.to_bytes()),
            (KeyName::Index, *custodian.index.to_bytes()),
            (KeyName::Sealing, *keys.sealing.to_bytes()),
        ];
        init_data_folder(&site.folder, &config, &text, &secrets)?;
        sites.push(site);
    }
    KeyFolder::make(&folder.join("auditor"))?.write(KeyName::Auditor, &auditor.to_bytes())?;
    Ok(Founded { genesis, sites, auditor })
}

fn node_name(number: u16) -> String {
    format!("node{number}")
}

fn validator(number: u16, keys: &NodeKeys) -> ValidatorEntry {
    ValidatorEntry {
        name: node_name(number),
        consensus_key: keys.consensus.public(),
        transport_key: keys.transport.public(),
        address: keys.listen,
    }
}

/// The custodians' ceremony, each with its own keys: what each takes home, and the outcome that all confirm.
fn custody(nodes: &[NodeKeys], rng: &mut impl CryptoRng) -> Result<(Plan, Vec<(Keys, Outcome)>), DemoFault> {
    let member = |(number, keys): (u16, &NodeKeys)| Member {
        id: CustodianId(number),
        name: format!("custodian{number}"),
        signing_key: keys.custodian.public(),
        sealing_key: keys.sealing.public(),
    };
    let failed = |fault: CeremonyFault| DemoFault::Stopped(fault.to_string());
    let plan = Plan::new(CHAIN.to_owned(), THRESHOLD, (1..).zip(nodes).map(member).collect(), None).map_err(failed)?;
    let (mut dealings, mut confirmations, mut homes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (number, keys) in (1..).zip(nodes) {
        dealings.insert(CustodianId(number), ceremony::deal(&plan, &keys.custodian, None, rng).map_err(failed)?);
    }
    for (number, keys) in (1..).zip(nodes) {
        let id = CustodianId(number);
        let home = ceremony::finish(&plan, id, &keys.sealing, &dealings).map_err(failed)?;
        confirmations.insert(id, ceremony::confirm(&home.1, id, &keys.custodian));
        homes.push(home);
    }
    ceremony::check(&plan, &dealings, &confirmations).map_err(failed)?;
    Ok((plan, homes))
}

fn node_keys() -> Result<NodeKeys, DemoFault> {
    Ok(NodeKeys {
        consensus: Keypair::from_seed(random()?),
        transport: Keypair::from_seed(random()?),
        custodian: Keypair::from_seed(random()?),
        sealing: SealingSecret::from_bytes(random()?),
        listen: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?,
        gateway: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?,
    })
}

/// The time now.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
