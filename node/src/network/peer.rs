//! One peer: the connection we dial to it, and the connections we accept from it.
//! Invariant: at most one connection each way; a connection carries one stream a class; whatever breaks the protocol
//! closes the connection and nothing else. Must not know: what messages mean.

use super::frame::{self, Fault, Hello};
use super::queue::Queue;
use super::{Class, Message, NetworkEvent, Senders, identity};
use crate::crypto::{Digest, PublicKey};
use crate::transaction::{ChainId, Height};
use quinn::{Connection, RecvStream, SendStream};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Handshakes of strangers in flight.
pub(super) const HANDSHAKES_MAX: usize = 64;
/// Handshakes in flight above which an address must prove itself first.
const RETRY_ABOVE: usize = 16;
/// Both Hellos must have passed by then.
const HELLO_TIMEOUT: Duration = Duration::from_secs(3);
/// One attempt to connect; short, so that a peer that comes back is found soon.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that takes nothing off a stream for this long is reconnected.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// What all peers' tasks share.
pub(super) struct Shared<M> {
    pub(super) endpoint: quinn::Endpoint,
    pub(super) chain: ChainId,
    pub(super) instance: u64,
    pub(super) height: Arc<AtomicU64>,
    pub(super) senders: Senders<M>,
}

impl<M> Shared<M> {
    fn hello(&self) -> Hello {
        Hello { chain: self.chain, height: Height(self.height.load(Ordering::Relaxed)), instance: self.instance }
    }
}

/// One peer of the register.
pub(super) struct Peer {
    key: PublicKey,
    address: SocketAddr,
    client: quinn::ClientConfig,
    queues: [Queue; 5],
    connected: AtomicBool,
    /// Instance in the last Hello we accepted from it, and a signal that there was one.
    seen: AtomicU64,
    came_back: Notify,
    accepted: Mutex<Option<Connection>>,
}

impl Peer {
    pub(super) fn new(key: PublicKey, address: SocketAddr, client: quinn::ClientConfig) -> Self {
        Self {
            key,
            address,
            client,
            queues: Class::ALL.map(|class| Queue::new(class.outgoing())),
            connected: AtomicBool::new(false),
            seen: AtomicU64::new(0),
            came_back: Notify::new(),
            accepted: Mutex::new(None),
        }
    }

    /// Queues an encoded message. What a peer can ask for again is not kept for one that is away.
    pub(super) fn push(&self, class: Class, frame: Arc<[u8]>) {
        let away = !self.connected.load(Ordering::Relaxed);
        if away && matches!(class, Class::Sync | Class::Transaction | Class::Custody) {
            return;
        }
        let dropped = self.queues[class as usize].push(frame);
        if dropped > 0 && !away {
            tracing::warn!(peer = ?self.key, ?class, dropped, "outgoing queue is full");
        }
    }
}

/// Keeps one connection to `peer` alive, for ever.
pub(super) async fn dial<M: Message>(shared: Arc<Shared<M>>, peer: Arc<Peer>) {
    let mut backoff = BACKOFF_MIN;
    let mut attempt = 0u64;
    loop {
        match connect(&shared, &peer).await {
            Ok((connection, hello)) => {
                backoff = BACKOFF_MIN;
                tracing::info!(peer = ?peer.key, height = hello.height.0, "connected");
                peer.connected.store(true, Ordering::Relaxed);
                if !report(&shared, NetworkEvent::Connected(peer.key)).await {
                    return;
                }
                let fault = serve(&peer, &connection, hello.instance).await;
                tracing::info!(peer = ?peer.key, %fault, "disconnected");
                connection.close(fault.code(), b"");
                peer.connected.store(false, Ordering::Relaxed);
                peer.queues[Class::Sync as usize].clear();
                peer.queues[Class::Transaction as usize].clear();
                peer.queues[Class::Custody as usize].clear();
                if !report(&shared, NetworkEvent::Disconnected(peer.key)).await {
                    return;
                }
            }
            Err(fault) => tracing::debug!(peer = ?peer.key, %fault, "cannot connect"),
        }
        attempt += 1;
        tokio::select! {
            () = sleep(jittered(backoff, shared.instance, peer.key, attempt)) => {
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
            // It dialled us, so it is there: answer at once.
            () = peer.came_back.notified() => backoff = BACKOFF_MIN,
        }
    }
}

async fn report<M>(shared: &Shared<M>, event: NetworkEvent<M>) -> bool {
    shared.senders.of(Class::Consensus).send(event).await.is_ok()
}

/// Half to all of `backoff`, so that nodes started together do not dial in step.
fn jittered(backoff: Duration, instance: u64, key: PublicKey, attempt: u64) -> Duration {
    let mut seed = key.0.to_vec();
    seed.extend_from_slice(&instance.to_be_bytes());
    seed.extend_from_slice(&attempt.to_be_bytes());
    let dice = u32::from(Digest::of("guiju/1/backoff", &seed).0[0]);
    backoff / 2 + backoff * dice / 510
}

async fn connect<M>(shared: &Shared<M>, peer: &Peer) -> Result<(Connection, Hello), Fault> {
    let lost = |e: String| Fault::Lost(e);
    let connecting =
        shared.endpoint.connect_with(peer.client.clone(), peer.address, "guiju").map_err(|e| lost(e.to_string()))?;
    let connection = timeout(DIAL_TIMEOUT, connecting)
        .await
        .map_err(|_| Fault::Late("handshake"))?
        .map_err(|e| lost(e.to_string()))?;
    let greet = async {
        let (mut send, mut recv) = connection.open_bi().await.map_err(|e| lost(e.to_string()))?;
        frame::write_hello(&mut send, &shared.hello()).await?;
        frame::read_hello(&mut recv, shared.chain).await
    };
    match timeout(HELLO_TIMEOUT, greet).await.unwrap_or(Err(Fault::Late("Hello"))) {
        Ok(hello) => Ok((connection, hello)),
        Err(fault) => {
            connection.close(fault.code(), b"");
            Err(fault)
        }
    }
}

/// Writes the queues to the connection until it must be given up; says why.
async fn serve(peer: &Arc<Peer>, connection: &Connection, instance: u64) -> Fault {
    let mut writers = JoinSet::new();
    for class in Class::ALL {
        let (peer, connection) = (peer.clone(), connection.clone());
        writers.spawn(async move { write(&peer, &connection, class).await });
    }
    loop {
        tokio::select! {
            Some(fault) = writers.join_next() => {
                return fault.unwrap_or_else(|e| Fault::Lost(e.to_string()));
            }
            reason = connection.closed() => return Fault::Lost(reason.to_string()),
            () = peer.came_back.notified() => {
                if peer.seen.load(Ordering::Acquire) != instance {
                    return Fault::Lost("the peer was restarted".to_owned());
                }
            }
        }
    }
}

async fn write(peer: &Peer, connection: &Connection, class: Class) -> Fault {
    match write_class(peer, connection, class).await {
        Ok(never) => match never {},
        Err(fault) => fault,
    }
}

async fn write_class(peer: &Peer, connection: &Connection, class: Class) -> Result<std::convert::Infallible, Fault> {
    let mut stream: SendStream = connection.open_uni().await.map_err(|e| Fault::Lost(e.to_string()))?;
    // Lower classes give way when the congestion window is short.
    stream.set_priority(-i32::from(class.tag())).map_err(|e| Fault::Lost(e.to_string()))?;
    stream.write_all(&[class.tag()]).await.map_err(|e| Fault::Lost(e.to_string()))?;
    loop {
        let bytes = peer.queues[class as usize].pop().await;
        timeout(DRAIN_TIMEOUT, frame::write_frame(&mut stream, &bytes))
            .await
            .map_err(|_| Fault::Late("the peer does not read"))??;
    }
}

/// Accepts connections, for ever.
pub(super) async fn accept<M: Message>(shared: Arc<Shared<M>>, peers: Arc<BTreeMap<PublicKey, Arc<Peer>>>) {
    let slots = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let mut readers = JoinSet::new();
    while let Some(incoming) = shared.endpoint.accept().await {
        while readers.try_join_next().is_some() {}
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        if HANDSHAKES_MAX - slots.available_permits() > RETRY_ABOVE && !incoming.remote_address_validated() {
            // Cannot fail: an address that was validated is not asked again.
            let _ = incoming.retry();
            continue;
        }
        let (shared, peers) = (shared.clone(), peers.clone());
        readers.spawn(async move {
            let Ok(connecting) = incoming.accept() else { return };
            let Ok(Ok(connection)) = timeout(HELLO_TIMEOUT, connecting).await else { return };
            let Some(peer) = identity::peer_key(&connection).and_then(|key| peers.get(&key)).cloned() else {
                return connection.close(quinn::VarInt::from_u32(3), b"");
            };
            match timeout(HELLO_TIMEOUT, answer(&shared, &connection)).await {
                Ok(Ok(hello)) => admit(&peer, &connection, hello),
                Ok(Err(fault)) => {
                    tracing::warn!(peer = ?peer.key, %fault, "refused");
                    return connection.close(fault.code(), b"");
                }
                Err(_) => return connection.close(Fault::Late("Hello").code(), b""),
            }
            drop(slot);
            let fault = read(&shared, &peer, &connection).await;
            if let Fault::Garbage(_) = fault {
                tracing::warn!(peer = ?peer.key, %fault, "closing its connection");
            }
            connection.close(fault.code(), b"");
        });
    }
}

async fn answer<M>(shared: &Shared<M>, connection: &Connection) -> Result<Hello, Fault> {
    let (mut send, mut recv) = connection.accept_bi().await.map_err(|e| Fault::Lost(e.to_string()))?;
    let hello = frame::read_hello(&mut recv, shared.chain).await?;
    frame::write_hello(&mut send, &shared.hello()).await?;
    // Finishing fails only on a closed stream, which reading will notice.
    let _ = send.finish();
    Ok(hello)
}

/// The newest connection of a peer replaces the one before.
fn admit(peer: &Peer, connection: &Connection, hello: Hello) {
    let old = peer.accepted.lock().unwrap_or_else(PoisonError::into_inner).replace(connection.clone());
    if let Some(old) = old {
        old.close(quinn::VarInt::from_u32(0), b"replaced");
    }
    peer.seen.store(hello.instance, Ordering::Release);
    peer.came_back.notify_one();
}

/// Reads the peer's streams until the connection must be given up; says why.
async fn read<M: Message>(shared: &Arc<Shared<M>>, peer: &Arc<Peer>, connection: &Connection) -> Fault {
    let mut streams = JoinSet::new();
    let mut open = BTreeSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => {
                let mut stream = match stream {
                    Ok(stream) => stream,
                    Err(e) => return Fault::Lost(e.to_string()),
                };
                let class = match timeout(HELLO_TIMEOUT, read_class(&mut stream)).await {
                    Ok(Ok(class)) => class,
                    Ok(Err(fault)) => return fault,
                    Err(_) => return Fault::Late("stream without a class"),
                };
                if !open.insert(class) {
                    return Fault::Garbage(format!("a second stream of {class:?}"));
                }
                let (shared, key) = (shared.clone(), peer.key);
                streams.spawn(async move { read_messages(&shared, key, stream, class).await });
            }
            Some(fault) = streams.join_next() => {
                return fault.unwrap_or_else(|e| Fault::Lost(e.to_string()));
            }
        }
    }
}

async fn read_class(stream: &mut RecvStream) -> Result<Class, Fault> {
    let mut tag = [0];
    stream.read_exact(&mut tag).await.map_err(|e| Fault::Lost(e.to_string()))?;
    Class::of_tag(tag[0]).ok_or_else(|| Fault::Garbage(format!("no such class {}", tag[0])))
}

async fn read_messages<M: Message>(shared: &Shared<M>, from: PublicKey, mut stream: RecvStream, class: Class) -> Fault {
    loop {
        let bytes = match frame::read_frame(&mut stream, class.frame_bytes_max()).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Fault::Lost("stream ended".to_owned()),
            Err(fault) => return fault,
        };
        let message = match M::from_bytes(&bytes) {
            Ok(message) if message.class() == class => message,
            Ok(message) => {
                return Fault::Garbage(format!("a message of {:?} on {class:?}", message.class()));
            }
            Err(e) => return Fault::Garbage(format!("{class:?}: {e}")),
        };
        // A full inbox stops the stream's reading, and so, through flow control, the peer's writing.
        if shared.senders.of(class).send(NetworkEvent::Message { from, message }).await.is_err() {
            return Fault::Lost("stopping".to_owned());
        }
    }
}
