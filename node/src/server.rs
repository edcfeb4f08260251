//! The loop around the replica. Owns the one task that calls it, its timers, and the order of its actions.
//! Invariant: actions are done strictly in the order given, each finished before the next begins; at the first
//! storage error nothing further is done and the process ends. Must not know: how any decision is made.

use crate::block::Timestamp;
use crate::codec::{Decode, Encode};
use crate::consensus::WalRecord;
use crate::courier;
use crate::crypto::{Keypair, PublicKey};
use crate::custody::protocol::CustodyReport;
use crate::custody_link::CustodyLink;
use crate::data_folder::{DataFolder, FolderError, KeyName};
use crate::gateway::{self, GatewayConfig, Progress, Submission};
use crate::genesis::{Genesis, GenesisError};
use crate::mempool::{MempoolLimits, Rejection};
use crate::network::{Arrivals, Class, Inbox, Message, Network, NetworkConfig, NetworkError, NetworkEvent};
use crate::replica::{Action, Event, NodeId, PeerMessage, Replica, ReplicaConfig, TimerId};
use crate::state::Ledger;
use crate::store::{self, Store, StoreError};
use crate::transaction::{Height, TransactionId};
use crate::wal_file::{WalError, WalFile};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// Transactions handed in that may wait for the core.
const SUBMISSIONS_MAX: usize = 256;
/// Calls awaiting an answer above which abandoned ones are looked for.
const TICKETS_SWEEP: usize = 1024;

/// Why the node stopped other than by request.
#[derive(Debug)]
pub enum ServerError {
    /// The data folder, as the operator left it, cannot be used.
    Folder(FolderError),
    /// The genesis file is wrong.
    Genesis(GenesisError),
    /// This node's keys are not a validator's in the genesis file.
    NotAValidator,
    /// The ledger failed.
    Store(StoreError),
    /// The consensus log failed.
    Wal(WalError),
    /// A record of the consensus log is whole but means nothing to this program.
    WalRecord,
    /// The mesh cannot start.
    Network(NetworkError),
    /// The gateway's address cannot be listened on.
    Gateway(std::io::Error),
    /// The replica stopped, because to go on could break a promise.
    Halted(String),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(e) => e.fmt(f),
            Self::Genesis(e) => e.fmt(f),
            Self::NotAValidator => write!(
                f,
                "本节点的密钥不在创世文件的验证者名单中 / this node's keys are not a validator's in the genesis file"
            ),
            Self::Store(e) => e.fmt(f),
            Self::Wal(e) => e.fmt(f),
            Self::WalRecord => {
                write!(f, "共识日志含有无法识别的记录 / the consensus log holds a record this program does not know")
            }
            Self::Network(e) => e.fmt(f),
            Self::Gateway(e) => write!(f, "网关无法监听 / the gateway cannot listen: {e}"),
            Self::Halted(why) => write!(f, "节点已停机以免违背承诺 / the node halted to keep its promises: {why}"),
        }
    }
}

impl std::error::Error for ServerError {}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {$(
        impl From<$error> for ServerError {
            fn from(e: $error) -> Self { Self::$variant(e) }
        }
    )*};
}
from!(Folder(FolderError), Genesis(GenesisError), Store(StoreError), Wal(WalError), Network(NetworkError));

impl Message for PeerMessage {
    fn class(&self) -> Class {
        match self {
            Self::Consensus(_) | Self::Status { .. } => Class::Consensus,
            Self::Opening(_) => Class::Custody,
            Self::Body { .. } => Class::Body,
            Self::SyncRequest { .. } | Self::SyncResponse(_) | Self::Capsules(_) | Self::WantCapsules(_) => Class::Sync,
            Self::Transaction(_) => Class::Transaction,
        }
    }
}

/// A node's parts, opened and started.
struct Server {
    replica: Replica<Ledger<Store>>,
    store: Store,
    wal: WalFile,
    network: Network,
    custody: Option<CustodyLink>,
    timers: BTreeMap<TimerId, Instant>,
    tickets: BTreeMap<u64, oneshot::Sender<Result<TransactionId, Rejection>>>,
    next_ticket: u64,
    connected: BTreeSet<PublicKey>,
    progress: watch::Sender<Progress>,
}

/// Runs the node in `folder` until `stop` completes. `program` is this executable, for starting the custodian.
pub async fn run(folder: DataFolder, program: PathBuf, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
    let genesis = Genesis::parse(folder.genesis())?;
    let chain = genesis.chain_id();
    let consensus = Keypair::from_seed(folder.key(KeyName::Consensus)?);
    let transport = Keypair::from_seed(folder.key(KeyName::Transport)?);
    check_registered(&genesis, &consensus, &transport)?;

    // Storage first: nothing is said to anybody before it is known to be whole.
    let store = Store::open(folder.root(), chain)?;
    let height = store.head()?.height;
    let (wal, entries) = WalFile::open(&folder.wal(), height)?;
    let records = entries.iter().map(|e| WalRecord::from_bytes(&e.payload)).collect::<Result<Vec<_>, _>>();
    let records = records.map_err(|_| ServerError::WalRecord)?;
    tracing::info!(name = folder.config().name, chain = %chain, %height, records = records.len(), "storage is open");

    let node = NodeId(transport.public());
    let others = || genesis.validators.iter().filter(|v| v.transport_key != node.0);
    let replica = ReplicaConfig {
        key: consensus,
        node,
        peers: others().map(|v| (NodeId(v.transport_key), v.consensus_key)).collect(),
        mempool: MempoolLimits::default(),
    };
    let peers = others().map(|v| (v.transport_key, v.address)).collect();
    let listen = folder.config().listen;
    let ledger = Ledger::open(genesis.clone(), store.clone());
    check_head(&ledger, &store.head()?)?;
    let replica = Replica::new(replica, ledger, records);

    let (network, inbox, arrivals) = Network::start(NetworkConfig { key: transport, chain, listen, peers })?;
    network.set_height(height);
    let (custody, reports) = start_custodian(program, &folder, &store, height, &network, arrivals);
    let (submit, submissions) = mpsc::channel(SUBMISSIONS_MAX);
    let connected = BTreeSet::new();
    let (progress, watcher) = watch::channel(progress_of(&replica, &store, &connected)?);
    let gateway = gateway::start(GatewayConfig {
        address: folder.config().gateway,
        name: folder.config().name.clone(),
        chain,
        store: store.clone(),
        submissions: submit,
        progress: watcher,
        validators: genesis.validators.iter().map(|v| (v.consensus_key, v.name.clone())).collect(),
    })
    .await
    .map_err(ServerError::Gateway)?;

    let mut server = Server {
        replica,
        store,
        wal,
        network,
        custody,
        timers: BTreeMap::new(),
        tickets: BTreeMap::new(),
        next_ticket: 0,
        connected,
        progress,
    };
    let ended = server.serve(inbox, submissions, reports, stop).await;
    gateway.abort();
    if let Some(custody) = server.custody {
        custody.stop().await;
    }
    server.network.stop().await;
    tracing::info!("stopped");
    ended
}

/// Starts the custodian, if the node has one, and the courier between it and the mesh.
fn start_custodian(
    program: PathBuf,
    folder: &DataFolder,
    store: &Store,
    height: Height,
    network: &Network,
    arrivals: Arrivals<PeerMessage>,
) -> (Option<CustodyLink>, mpsc::Receiver<CustodyReport>) {
    if folder.config().custodian.is_none() {
        courier::discard(arrivals);
        return (None, mpsc::channel(1).1);
    }
    let (link, reports) = CustodyLink::start(program, folder.root().to_owned(), store.clone(), height);
    let reports = courier::start(arrivals, link.orders(), reports, network.outbox().clone());
    (Some(link), reports)
}

/// The ledger must have read the very head that the store holds: state that does not read is no genesis state.
fn check_head(ledger: &Ledger<Store>, head: &store::Head) -> Result<(), ServerError> {
    let rooted = head.height == Height(0) || ledger.state_root() == head.state_root;
    if ledger.height() == head.height && ledger.last_block() == head.block && rooted {
        return Ok(());
    }
    Err(StoreError::Damaged("head of the ledger's state").into())
}

/// Both keys must be one validator's.
fn check_registered(genesis: &Genesis, consensus: &Keypair, transport: &Keypair) -> Result<(), ServerError> {
    let (consensus, transport) = (consensus.public(), transport.public());
    let registered = genesis.validators.iter().any(|v| v.consensus_key == consensus && v.transport_key == transport);
    if registered { Ok(()) } else { Err(ServerError::NotAValidator) }
}

impl Server {
    /// The loop. It runs on the thread that called, so its disk writes hold up nobody but itself.
    async fn serve(
        &mut self,
        mut inbox: Inbox<PeerMessage>,
        mut submissions: mpsc::Receiver<Submission>,
        mut reports: mpsc::Receiver<CustodyReport>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        let mut stop = std::pin::pin!(stop);
        let mut reporting = true;
        self.step(Event::Started)?;
        loop {
            let due = self.timers.values().min().copied();
            let event = tokio::select! {
                () = &mut stop => return Ok(()),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    match self.due_timer() {
                        Some(id) => Event::Timer(id),
                        None => continue,
                    }
                }
                event = inbox.recv() => match event {
                    Some(event) => self.network_event(event),
                    None => return Ok(()),
                },
                // Both senders live as long as this loop, or were never there.
                Some(submission) = submissions.recv() => self.submitted(submission),
                report = reports.recv(), if reporting => match report {
                    Some(report) => Event::Custody(report),
                    None => {
                        reporting = false;
                        continue;
                    }
                },
            };
            self.step(event)?;
        }
    }

    /// Hands one event to the replica and does what it says, and what follows from that.
    fn step(&mut self, event: Event) -> Result<(), ServerError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.replica.handle(now(), event) {
                if let Some(event) = self.perform(action)? {
                    events.push_back(event);
                }
            }
        }
        let progress = progress_of(&self.replica, &self.store, &self.connected)?;
        self.progress.send_if_modified(|old| {
            let changed = *old != progress;
            *old = progress;
            changed
        });
        Ok(())
    }

    /// Does one action to its end. Returns the event that reports it, if there is one.
    fn perform(&mut self, action: Action) -> Result<Option<Event>, ServerError> {
        match action {
            Action::Append(record) => self.wal.append(record.height(), &record.to_bytes())?,
            Action::SyncWal => self.wal.sync()?,
            Action::TruncateWal(height) => self.wal.truncate(height)?,
            Action::Send { to, message } => self.network.outbox().send(to.0, &message),
            Action::Broadcast(message) => self.network.outbox().broadcast(&message),
            Action::SetTimer { id, after_ms } => {
                self.timers.insert(id, Instant::now() + Duration::from_millis(after_ms));
            }
            Action::CancelTimer(id) => {
                self.timers.remove(&id);
            }
            Action::Commit(applied) => {
                self.store.commit(&applied.batch)?;
                let height = applied.height;
                self.network.set_height(height);
                if let Some(custody) = &self.custody {
                    custody.committed(height);
                }
                tracing::debug!(%height, transactions = applied.batch.block.block.transactions.len(), "committed");
                return Ok(Some(Event::Committed { height }));
            }
            Action::Reply { ticket, result } => {
                if let Some(client) = self.tickets.remove(&ticket) {
                    // A client that has gone needs no answer.
                    let _ = client.send(result);
                }
            }
            Action::Custody(order) => {
                if let Some(custody) = &self.custody {
                    custody.order(order);
                }
            }
            Action::Halt { reason } => return Err(ServerError::Halted(reason)),
        }
        Ok(None)
    }

    fn network_event(&mut self, event: NetworkEvent<PeerMessage>) -> Event {
        match event {
            NetworkEvent::Connected(peer) => {
                self.connected.insert(peer);
                Event::Connected(NodeId(peer))
            }
            NetworkEvent::Disconnected(peer) => {
                self.connected.remove(&peer);
                Event::Disconnected(NodeId(peer))
            }
            NetworkEvent::Message { from, message } => Event::Message { from: NodeId(from), message },
        }
    }

    fn submitted(&mut self, submission: Submission) -> Event {
        if self.tickets.len() >= TICKETS_SWEEP {
            self.tickets.retain(|_, client| !client.is_closed());
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.tickets.insert(ticket, submission.reply);
        Event::Submitted { ticket, envelope: submission.envelope }
    }

    /// The timer that is due longest.
    fn due_timer(&mut self) -> Option<TimerId> {
        let now = Instant::now();
        let id = self.timers.iter().filter(|(_, at)| **at <= now).min_by_key(|(_, at)| **at).map(|(id, _)| *id)?;
        self.timers.remove(&id);
        Some(id)
    }
}

fn progress_of(
    replica: &Replica<Ledger<Store>>,
    store: &Store,
    connected: &BTreeSet<PublicKey>,
) -> Result<Progress, ServerError> {
    Ok(Progress {
        head: store.head()?,
        state_root: replica.ledger().state_root(),
        proposer: replica.proposer().unwrap_or_else(|| replica.next_proposer()),
        pending: replica.pending(),
        peers: connected.len(),
    })
}

/// The node's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
