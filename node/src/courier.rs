//! Carries what custodians say to each other between the mesh and the custodian's pipe, past the replica, whose disk writes
//! it would wait behind. Invariant: it reads nothing, keeps nothing and never waits for either side; what is lost on the
//! way is asked for again by custodians. Must not know: consensus, the ledger, what is said.

use crate::custody::protocol::{CustodyOrder, CustodyReport};
use crate::network::{Arrivals, NetworkEvent, Outbox};
use crate::replica::PeerMessage;
use tokio::sync::mpsc;

/// Reports that may wait for the replica.
const REPORTS_MAX: usize = 256;

/// Starts carrying, until both sides have stopped. Returns the reports that are not for other custodians.
pub fn start(
    mut arrivals: Arrivals<PeerMessage>,
    orders: mpsc::Sender<CustodyOrder>,
    mut reports: mpsc::Receiver<CustodyReport>,
    outbox: Outbox,
) -> mpsc::Receiver<CustodyReport> {
    tokio::spawn(async move {
        while let Some(event) = arrivals.recv().await {
            let NetworkEvent::Message { from, message: PeerMessage::Opening(message) } = event else { continue };
            if orders.try_send(CustodyOrder::Opening { from, message }).is_err() && orders.is_closed() {
                return;
            }
        }
    });
    let (rest, received) = mpsc::channel(REPORTS_MAX);
    tokio::spawn(async move {
        while let Some(report) = reports.recv().await {
            match report {
                CustodyReport::Opening { to: None, message } => outbox.broadcast(&PeerMessage::Opening(message)),
                CustodyReport::Opening { to: Some(to), message } => outbox.send(to, &PeerMessage::Opening(message)),
                report => {
                    if rest.send(report).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    received
}

/// Takes what arrives at a node without a custodian, for nobody.
pub fn discard(mut arrivals: Arrivals<PeerMessage>) {
    tokio::spawn(async move { while arrivals.recv().await.is_some() {} });
}
