//! What the replica exchanges beside consensus: transactions, certified blocks, capsules. Owns gossip and the
//! replica's part in catching up. Invariant: a transaction is forwarded only once the ledger has admitted it.
//! Must not know: rounds, votes.

use super::events::{Action, CAPSULES_MAX, NodeId, PeerMessage, SYNC_BLOCKS_MAX, SYNC_BYTES_MAX, TimerId};
use super::ledger::LedgerApi;
use super::{GOSSIP_MS, Phase, Replica, STATUS_PAUSE_MS, SYNC_ANSWER_MS, SYNC_PATIENCE_MS};
use crate::block::CertifiedBlock;
use crate::codec::Encode as _;
use crate::custody::envelope::capsule_id;
use crate::custody::protocol::{CustodyOrder, CustodyReport};
use crate::mempool::Rejection;
use crate::sync::Lag;
use crate::transaction::{CapsuleId, Envelope, Height, Payload, TransactionId};

/// Most transactions sent again in one turn, and to a peer that has just been connected.
const GOSSIP_MAX: usize = 64;

impl<L: LedgerApi> Replica<L> {
    pub(super) fn on_submitted(&mut self, ticket: u64, envelope: Envelope) {
        let result = self.take_in(envelope, true);
        self.actions.push(Action::Reply { ticket, result });
    }

    pub(super) fn on_gossip(&mut self, envelope: Envelope) {
        // What a peer forwards and this node refuses is the peer's loss; there is nobody to tell.
        let _ = self.take_in(envelope, false);
    }

    /// Admits a transaction to the mempool. Local ones are gossiped at once. Pending ones are taken again as they are.
    fn take_in(&mut self, envelope: Envelope, local: bool) -> Result<TransactionId, Rejection> {
        let id = envelope.transaction.body.id();
        if self.mempool.contains(&id) {
            return Ok(id);
        }
        self.mempool.has_room(&envelope)?;
        let capsules = capsules_of(&envelope)?;
        let verified = self.ledger.admit(&envelope.transaction).map_err(Rejection::Ledger)?;
        self.mempool.insert(verified, envelope.capsules.clone(), local);
        if !capsules.is_empty() {
            self.actions.push(Action::Custody(CustodyOrder::Capsules(capsules)));
        }
        if local {
            self.broadcast(PeerMessage::Transaction(envelope));
        }
        Ok(id)
    }

    pub(super) fn on_gossip_due(&mut self) {
        self.mempool.grow_older();
        for envelope in self.mempool.to_gossip(GOSSIP_MAX) {
            self.broadcast(PeerMessage::Transaction(envelope));
        }
        self.set_timer(TimerId::Gossip, GOSSIP_MS);
    }

    pub(super) fn gossip_to(&mut self, peer: NodeId) {
        for envelope in self.mempool.to_gossip(GOSSIP_MAX) {
            self.send(peer, PeerMessage::Transaction(envelope));
        }
    }

    /// Tells a peer that works on a height long decided how far the chain is, at most every so often.
    pub(super) fn tell_height(&mut self, peer: NodeId) {
        let last = self.status_sent_to.get(&peer).copied().unwrap_or_default();
        if self.now.0.saturating_sub(last.0) >= STATUS_PAUSE_MS {
            self.status_sent_to.insert(peer, self.now);
            self.send(peer, PeerMessage::Status { height: self.ledger.height() });
        }
    }

    pub(super) fn on_sync_request(&mut self, peer: NodeId, first: Height, count: u16) {
        let count = usize::from(count).min(SYNC_BLOCKS_MAX);
        let mut blocks: Vec<CertifiedBlock> = Vec::new();
        let (mut height, mut bytes) = (first.max(Height(1)), 0);
        while blocks.len() < count && height <= self.ledger.height() && bytes < SYNC_BYTES_MAX {
            let Some(certified) = self.ledger.certified_block(height) else { break };
            bytes += certified.to_bytes().len();
            blocks.push(certified);
            height = height.next();
        }
        if !blocks.is_empty() {
            self.send(peer, PeerMessage::SyncResponse(blocks));
        }
    }

    pub(super) fn on_sync_response(&mut self, peer: NodeId, blocks: Vec<CertifiedBlock>) {
        if self.catchup.in_flight() == Some(peer) {
            self.cancel_timer(TimerId::Sync);
        }
        // A block being committed is behind us already, though the ledger has not moved.
        self.catchup.receive(peer, self.ledger.height(), blocks);
    }

    pub(super) fn on_sync_due(&mut self) {
        match self.catchup.in_flight() {
            Some(silent) => self.catchup.distrust(silent),
            None => self.ask_for_blocks(),
        }
    }

    /// Asks for blocks when peers are ahead: at once if by several, after some patience if by one.
    pub(super) fn catch_up(&mut self) {
        if self.timers.contains(&TimerId::Sync) || self.halted {
            return;
        }
        match self.catchup.lag(self.reached()) {
            Lag::None => {}
            Lag::Slight => self.set_timer(TimerId::Sync, SYNC_PATIENCE_MS),
            Lag::Behind => self.ask_for_blocks(),
        }
    }

    fn ask_for_blocks(&mut self) {
        if self.catchup.lag(self.reached()) == Lag::None {
            return;
        }
        if let Some(peer) = self.catchup.ask(self.reached()) {
            let count = u16::try_from(SYNC_BLOCKS_MAX).expect("SYNC_BLOCKS_MAX is 32");
            self.send(peer, PeerMessage::SyncRequest { from: self.ledger.height().next(), count });
            self.set_timer(TimerId::Sync, SYNC_ANSWER_MS);
        }
    }

    /// The height this node has, counting a block that is being committed.
    fn reached(&self) -> Height {
        match &self.phase {
            Phase::Committing(applied) => applied.height,
            Phase::Idle | Phase::Running => self.ledger.height(),
        }
    }

    pub(super) fn on_capsules(&mut self, capsules: Vec<(CapsuleId, Vec<u8>)>) {
        self.actions.push(Action::Custody(CustodyOrder::Capsules(capsules)));
    }

    pub(super) fn on_want_capsules(&mut self, peer: NodeId, ids: Vec<CapsuleId>) {
        self.actions.push(Action::Custody(CustodyOrder::Want { capsules: ids, from: peer.0 }));
    }

    pub(super) fn on_custody(&mut self, report: CustodyReport) {
        match report {
            // Carried past the replica.
            CustodyReport::Opening { .. } => {}
            // The custodian is told by the ledger's feed what became of its results; a refusal needs no other word.
            CustodyReport::Transaction(transaction) => {
                let _ = self.take_in(Envelope { transaction, capsules: Vec::new() }, true);
            }
            CustodyReport::Want(ids) => {
                for ids in ids.chunks(CAPSULES_MAX) {
                    self.broadcast(PeerMessage::WantCapsules(ids.to_vec()));
                }
            }
            CustodyReport::Have { to, capsules } => {
                for capsules in capsules.chunks(CAPSULES_MAX) {
                    self.send(NodeId(to), PeerMessage::Capsules(capsules.to_vec()));
                }
            }
        }
    }
}

/// The capsules with the identities their records give them. An envelope brings one for each record, and no other.
fn capsules_of(envelope: &Envelope) -> Result<Vec<(CapsuleId, Vec<u8>)>, Rejection> {
    let ids: Vec<CapsuleId> = match &envelope.transaction.body.payload {
        Payload::Submit { records } => records.iter().map(|record| record.capsule).collect(),
        _ => Vec::new(),
    };
    if ids.len() != envelope.capsules.len() {
        return Err(Rejection::Capsules);
    }
    // A capsule is what its record says it is: with another, the record could be ordered and never be opened.
    if ids.iter().zip(&envelope.capsules).any(|(id, bytes)| capsule_id(bytes) != *id) {
        return Err(Rejection::Capsules);
    }
    Ok(ids.into_iter().zip(envelope.capsules.iter().cloned()).collect())
}
