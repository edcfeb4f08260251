//! The QUIC mesh between nodes. Owns endpoints, connections and streams; with its folder it is the only place that
//! names quinn and rustls. Every node dials every peer and sends on the connection it dialled; what it receives
//! comes on the connections it accepted.
//! Invariant: bytes reach the core only from a key in the register, decoded whole, within the cap of their class;
//! sending never waits for a peer. Must not know: what messages mean, storage, ledger state.

mod frame;
mod identity;
mod peer;
mod queue;

use crate::block::BLOCK_BYTES_MAX;
use crate::codec::{Decode, Encode};
use crate::crypto::{Keypair, PublicKey};
use crate::transaction::{ChainId, Height};
use peer::{Peer, Shared};
use queue::{Limits, WhenFull};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Kinds of traffic. Each has a stream of its own in each direction, so that none waits behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Votes and proposals.
    Consensus,
    /// Proposed blocks.
    Body,
    /// Catching up, and capsules between custodians.
    Sync,
    /// Transaction gossip.
    Transaction,
    /// What custodians give of their shares.
    Custody,
}

impl Class {
    const ALL: [Self; 5] = [Self::Consensus, Self::Body, Self::Sync, Self::Transaction, Self::Custody];

    /// Largest frame of the class, in bytes.
    pub fn frame_bytes_max(self) -> usize {
        match self {
            // A message can carry a certificate of VALIDATORS_MAX signatures.
            Self::Consensus => 64 * 1024,
            Self::Body => BLOCK_BYTES_MAX + 64 * 1024,
            // A response stops taking blocks at 4 MiB, after one more.
            Self::Sync => 6 * BLOCK_BYTES_MAX,
            // A transaction of TRANSACTION_BYTES_MAX and the capsules of its records.
            Self::Transaction => 640 * 1024,
            // A sealed box of PARTIALS_MAX partial openings for each of CUSTODIANS_MAX custodians.
            Self::Custody => 5 << 20,
        }
    }

    fn tag(self) -> u8 {
        self as u8 + 1
    }

    fn of_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.tag() == tag)
    }

    fn outgoing(self) -> Limits {
        let (frames, bytes, when_full) = match self {
            Self::Consensus => (4096, 8 << 20, WhenFull::DropOldest),
            Self::Body => (64, 16 << 20, WhenFull::DropOldest),
            Self::Sync => (64, 16 << 20, WhenFull::DropNewest),
            Self::Transaction => (4096, 16 << 20, WhenFull::DropNewest),
            Self::Custody => (4096, 16 << 20, WhenFull::DropOldest),
        };
        Limits { frames, bytes, when_full }
    }

    /// Messages of the class that may wait for the core, all peers together.
    fn incoming(self) -> usize {
        match self {
            Self::Consensus => 1024,
            Self::Body => 16,
            Self::Sync => 8,
            Self::Transaction => 256,
            Self::Custody => 256,
        }
    }
}

/// What the mesh carries.
pub trait Message: Encode + Decode + Send + 'static {
    /// The stream the message travels on. One that arrives on another stream is a breach of protocol.
    fn class(&self) -> Class;
}

/// What the mesh tells the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEvent<M> {
    /// Messages to this peer now leave.
    Connected(PublicKey),
    /// The connection to this peer is gone; it is being dialled again.
    Disconnected(PublicKey),
    /// A peer said something.
    Message {
        /// Transport key of the peer, proven.
        from: PublicKey,
        /// What it said.
        message: M,
    },
}

/// Why the mesh cannot start. The configuration or the machine is at fault.
#[derive(Debug)]
pub enum NetworkError {
    /// The address cannot be listened on.
    Listen(SocketAddr, std::io::Error),
    /// The TLS library refused the configuration.
    Tls(String),
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, e) => write!(f, "无法监听 / cannot listen on {address}: {e}"),
            Self::Tls(e) => write!(f, "TLS 配置无效 / the TLS configuration is invalid: {e}"),
        }
    }
}

impl std::error::Error for NetworkError {}

/// Who we are and whom we talk to.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Our transport key.
    pub key: Keypair,
    /// The chain; a peer of another one is refused.
    pub chain: ChainId,
    /// Where we listen (UDP).
    pub listen: SocketAddr,
    /// Transport keys and addresses of the peers; our own key is ignored.
    pub peers: BTreeMap<PublicKey, SocketAddr>,
}

/// Where messages leave. Sending never waits.
#[derive(Clone)]
pub struct Outbox(Arc<BTreeMap<PublicKey, Arc<Peer>>>);

impl Outbox {
    /// Queues `message` for one peer. It is dropped if the peer is unknown, or its queue is full and says so.
    pub fn send<M: Message>(&self, to: PublicKey, message: &M) {
        if let Some(peer) = self.0.get(&to) {
            queue_for(message, std::iter::once(peer));
        }
    }

    /// Queues `message` for all peers.
    pub fn broadcast<M: Message>(&self, message: &M) {
        queue_for(message, self.0.values());
    }
}

fn queue_for<'a, M: Message>(message: &M, peers: impl Iterator<Item = &'a Arc<Peer>>) {
    let class = message.class();
    let bytes: Arc<[u8]> = message.to_bytes().into();
    if bytes.len() > class.frame_bytes_max() {
        // The peer would close the connection over it; our own core is at fault.
        tracing::error!(?class, bytes = bytes.len(), "a message over its class's cap was not sent");
        return;
    }
    for peer in peers {
        peer.push(class, bytes.clone());
    }
}

/// The running mesh. Dropping it closes everything.
pub struct Network {
    endpoint: quinn::Endpoint,
    outbox: Outbox,
    height: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Network {
    /// Listens, and starts dialling all peers. Messages of [`Class::Custody`] arrive apart from the rest; whoever does not
    /// want them must still take them. Must be called within a tokio runtime.
    pub fn start<M: Message>(config: NetworkConfig) -> Result<(Self, Inbox<M>, Arrivals<M>), NetworkError> {
        let tls = |e: rustls::Error| NetworkError::Tls(e.to_string());
        let transport = Arc::new(transport());
        let mut peers = BTreeMap::new();
        for (key, address) in config.peers.iter().filter(|(key, _)| **key != config.key.public()) {
            let mut client = identity::client_config(&config.key, *key).map_err(tls)?;
            client.transport_config(transport.clone());
            peers.insert(*key, Arc::new(Peer::new(*key, *address, client)));
        }
        let mut server = identity::server_config(&config.key, peers.keys().copied().collect()).map_err(tls)?;
        server.transport_config(transport);
        server.max_incoming(peer::HANDSHAKES_MAX);
        let endpoint =
            quinn::Endpoint::server(server, config.listen).map_err(|e| NetworkError::Listen(config.listen, e))?;
        let (inbox, custody, senders) = Inbox::new();
        let height = Arc::new(AtomicU64::new(0));
        let shared = Arc::new(Shared {
            endpoint: endpoint.clone(),
            chain: config.chain,
            instance: instance(),
            height: height.clone(),
            senders,
        });
        let peers = Arc::new(peers);
        let mut tasks = JoinSet::new();
        tasks.spawn(peer::accept(shared.clone(), peers.clone()));
        for peer in peers.values() {
            tasks.spawn(peer::dial(shared.clone(), peer.clone()));
        }
        Ok((Self { endpoint, outbox: Outbox(peers), height, _tasks: tasks }, inbox, custody))
    }

    /// Where messages leave.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Tells the height that our next Hellos state.
    pub fn set_height(&self, height: Height) {
        self.height.store(height.0, Ordering::Relaxed);
    }

    /// The address really listened on.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Tells all peers that we go, and waits a moment for it to leave.
    pub async fn stop(self) {
        self.endpoint.close(VarInt::from_u32(0), b"stopping");
        // The farewell is a courtesy: peers notice without it, only later.
        let _ = tokio::time::timeout(Duration::from_millis(500), self.endpoint.wait_idle()).await;
    }
}

/// Where messages of one class arrive.
pub type Arrivals<M> = mpsc::Receiver<NetworkEvent<M>>;

/// Where messages arrive but those of custody. Votes are taken before blocks, blocks before the rest.
pub struct Inbox<M> {
    consensus: mpsc::Receiver<NetworkEvent<M>>,
    body: mpsc::Receiver<NetworkEvent<M>>,
    sync: mpsc::Receiver<NetworkEvent<M>>,
    transaction: mpsc::Receiver<NetworkEvent<M>>,
}

/// The other ends of an [`Inbox`].
struct Senders<M>([mpsc::Sender<NetworkEvent<M>>; 5]);

impl<M> Senders<M> {
    fn of(&self, class: Class) -> &mpsc::Sender<NetworkEvent<M>> {
        &self.0[class as usize]
    }
}

impl<M: Message> Inbox<M> {
    fn new() -> (Self, Arrivals<M>, Senders<M>) {
        let (a, consensus) = mpsc::channel(Class::Consensus.incoming());
        let (b, body) = mpsc::channel(Class::Body.incoming());
        let (c, sync) = mpsc::channel(Class::Sync.incoming());
        let (d, transaction) = mpsc::channel(Class::Transaction.incoming());
        let (e, custody) = mpsc::channel(Class::Custody.incoming());
        (Self { consensus, body, sync, transaction }, custody, Senders([a, b, c, d, e]))
    }

    /// The next event but those of custody; `None` when the mesh has stopped. Cancelling loses nothing.
    pub async fn recv(&mut self) -> Option<NetworkEvent<M>> {
        tokio::select! {
            biased;
            event = self.consensus.recv() => event,
            event = self.body.recv() => event,
            event = self.sync.recv() => event,
            event = self.transaction.recv() => event,
        }
    }
}

/// Bounds of a connection. The library's own defaults leave the receive window unlimited.
fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .stream_receive_window(VarInt::from_u32(4 << 20))
        .receive_window(VarInt::from_u32(16 << 20))
        .send_window(8 << 20)
        .datagram_receive_buffer_size(None)
        .initial_rtt(Duration::from_millis(50))
        .keep_alive_interval(Some(Duration::from_secs(1)))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(10_000))));
    config
}

/// A number that differs between two runs of the node.
fn instance() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs() << 30 | u64::from(since.subsec_nanos())) ^ (u64::from(std::process::id()) << 44)
}

#[cfg(test)]
mod tests;
