//! Founding a chain on one machine: genesis, node keys, data folders. In this mode a dealer makes the custody key, hands
//! every custodian its share and forgets the whole; the index key, under which handles are found, goes to each of them.
//! Invariant: secret keys are written only into the folder of the node or person that holds them.
//! Must not know: what is published or asked later.

use crate::block::Timestamp;
use crate::crypto::Keypair;
use crate::custody::envelope::SealingSecret;
use crate::custody::threshold::DealtKey;
use crate::data_folder::{KeyName, NodeConfig, init_data_folder};
use crate::demo::DemoFault;
use crate::demo::actors::{Departments, random, system_rng};
use crate::demo::cluster::Site;
use crate::genesis::{CustodianEntry, DepartmentEntry, Genesis, ValidatorEntry};
use crate::transaction::CustodianId;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

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
    let custody = DealtKey::generate(&mut rng, THRESHOLD);
    let (index, auditor) = (SealingSecret::generate(&mut rng), SealingSecret::generate(&mut rng));
    let nodes = (0..NODES).map(|_| node_keys()).collect::<Result<Vec<_>, _>>()?;
    let mut entries = Vec::new();
    for department in departments.all() {
        let handle_key_sealed = department
            .handle_key
            .seal(&mut rng, &index.public(), department.id)
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
        name: "规矩演示链".to_owned(),
        time: now(),
        validators: (1..).zip(&nodes).map(|(number, keys)| validator(number, keys)).collect(),
        departments: entries,
        custodians: (1..).zip(&nodes).map(|(number, keys)| custodian(number, keys, &custody)).collect(),
        custody_threshold: THRESHOLD,
        custody_key: custody.public(),
        index_key: index.public(),
        auditor_key: auditor.public(),
        expiry_blocks: EXPIRY_BLOCKS,
    };
    let text = genesis.to_toml();
    std::fs::write(folder.join("genesis.toml"), &text)?;
    let mut sites = Vec::new();
    for (number, keys) in (1..).zip(&nodes) {
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
            (KeyName::Share, *custody.share(CustodianId(number)).to_bytes()),
            (KeyName::Index, *index.to_bytes()),
            (KeyName::Sealing, *keys.sealing.to_bytes()),
        ];
        init_data_folder(&site.folder, &config, &text, &secrets)?;
        sites.push(site);
    }
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

fn custodian(number: u16, keys: &NodeKeys, custody: &DealtKey) -> CustodianEntry {
    let id = CustodianId(number);
    CustodianEntry {
        id,
        name: format!("custodian{number}"),
        signing_key: keys.custodian.public(),
        share_key: custody.share(id).public(),
        sealing_key: keys.sealing.public(),
    }
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
