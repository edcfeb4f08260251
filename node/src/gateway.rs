//! The HTTP gateway for clients on this host. Owns routes, bounds and JSON shapes; with its folder it is the only
//! place that names axum.
//! Invariant: it never changes state; it reads one consistent view of the store a request, hands transactions to the
//! core with a bounded wait, and every refusal is JSON `{code, zh, en}`. Must not know: consensus, peers, keys.
//!
//! | Route | Answer |
//! |---|---|
//! | `POST /v1/transactions` (body: encoded envelope) | `{id}` once pending |
//! | `GET /v1/transactions/{id}` | where it is on the ledger: `{height, index, outcome}` |
//! | `GET /v1/requests/{id}?wait_ms=` | a request's status, with the sealed result when final |
//! | `GET /v1/status?above=&wait_ms=` | height, block, state root, proposers by name |
//! | `GET /v1/blocks/{height}` | encoded certified block |
//! | `GET /v1/modules` | published modules |
//! | `GET /v1/state/{key in hex}` | `{value}`, in hex |

mod answer;
mod listener;
mod requests;
mod routes;

use crate::crypto::{Digest, PublicKey};
use crate::mempool::Rejection;
use crate::store::{Head, Store};
use crate::transaction::{ChainId, Envelope, TransactionId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Largest request body, in bytes: an envelope with the largest transaction and all its capsules.
pub const BODY_BYTES_MAX: usize = 640 * 1024;
/// Requests worked on at once.
const REQUESTS_MAX: usize = 256;
/// Connections open at once.
const CONNECTIONS_MAX: usize = 512;
/// A request must be read and answered in this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that a client can ask to wait for news.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// A transaction handed in, and who waits for the verdict.
pub struct Submission {
    /// The transaction and its capsules.
    pub envelope: Envelope,
    /// Told whether it is pending now.
    pub reply: oneshot::Sender<Result<TransactionId, Rejection>>,
}

/// What the gateway needs to know of the core at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The newest block, durable.
    pub head: Head,
    /// State root after it (of the genesis state too, which the store does not know).
    pub state_root: Digest,
    /// Who proposes in the round in progress, or will propose first at the next height.
    pub proposer: PublicKey,
    /// Transactions pending.
    pub pending: usize,
    /// Peers connected.
    pub peers: usize,
}

/// What the gateway is given.
pub struct GatewayConfig {
    /// Where to listen (TCP).
    pub address: SocketAddr,
    /// The node's name.
    pub name: String,
    /// The chain.
    pub chain: ChainId,
    /// The ledger, for reading.
    pub store: Store,
    /// To the core.
    pub submissions: mpsc::Sender<Submission>,
    /// From the core.
    pub progress: watch::Receiver<Progress>,
    /// The validators' names, by consensus key.
    pub validators: BTreeMap<PublicKey, String>,
}

/// Shared by all requests.
struct Gateway {
    name: String,
    chain: ChainId,
    store: Store,
    submissions: mpsc::Sender<Submission>,
    progress: watch::Receiver<Progress>,
    validators: BTreeMap<PublicKey, String>,
    slots: Semaphore,
}

/// Starts listening. The task runs until it is aborted. Errors if the address cannot be listened on.
pub async fn start(config: GatewayConfig) -> std::io::Result<JoinHandle<()>> {
    let listener = tokio::net::TcpListener::bind(config.address).await?;
    let gateway = Arc::new(Gateway {
        name: config.name,
        chain: config.chain,
        store: config.store,
        submissions: config.submissions,
        progress: config.progress,
        validators: config.validators,
        slots: Semaphore::new(REQUESTS_MAX),
    });
    let router = routes::router(gateway);
    let listener = listener::Bounded::new(listener, CONNECTIONS_MAX);
    Ok(tokio::spawn(async move {
        // Accepting goes on through errors; serving ends only with the task.
        let _ = axum::serve(listener, router).await;
    }))
}
