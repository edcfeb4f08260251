//! Catching up. Owns which peers are ahead, the request in flight and certified blocks waiting to be applied.
//! Invariant: one request at a time; blocks waiting are bounded; a block is handed out only in ledger order.
//! Must not know: whether a certificate is true; the replica checks it against the validators of that height.
//!
//! Certified blocks are applied by the replica's own check of the certificate, not through the core: the core is
//! simply started anew at the next height. That is safe, since a certificate of more than two thirds is final
//! whatever this node has signed at the height, and it never signs at that height again.

use crate::block::CertifiedBlock;
use crate::replica::{NodeId, SYNC_BLOCKS_MAX};
use crate::transaction::Height;
use std::collections::BTreeMap;

/// What to do about being behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// No peer is known to be ahead, or a request is in flight.
    None,
    /// One block: consensus may well deliver it.
    Slight,
    /// More.
    Behind,
}

/// The state of catching up.
#[derive(Default)]
pub struct Catchup {
    heights: BTreeMap<NodeId, Height>,
    in_flight: Option<NodeId>,
    last_asked: Option<NodeId>,
    waiting: BTreeMap<Height, (NodeId, CertifiedBlock)>,
}

impl Catchup {
    /// A peer has committed `height`.
    pub fn saw(&mut self, peer: NodeId, height: Height) {
        let known = self.heights.entry(peer).or_insert(height);
        *known = (*known).max(height);
    }

    /// A peer cannot be reached, did not answer or lied: ask others until it says its height again.
    pub fn distrust(&mut self, peer: NodeId) {
        self.heights.remove(&peer);
        if self.in_flight == Some(peer) {
            self.in_flight = None;
        }
        self.waiting.retain(|_, (from, _)| *from != peer);
    }

    /// The peer being asked.
    pub fn in_flight(&self) -> Option<NodeId> {
        self.in_flight
    }

    /// How far behind `have` this node is known to be.
    pub fn lag(&self, have: Height) -> Lag {
        if self.in_flight.is_some() || !self.waiting.is_empty() {
            return Lag::None;
        }
        match self.heights.values().max() {
            Some(best) if best.0 > have.0.saturating_add(1) => Lag::Behind,
            Some(best) if best.0 > have.0 => Lag::Slight,
            _ => Lag::None,
        }
    }

    /// Chooses a peer that is ahead, each in turn, and marks it asked.
    pub fn ask(&mut self, have: Height) -> Option<NodeId> {
        if self.in_flight.is_some() {
            return None;
        }
        let ahead: Vec<_> = self.heights.iter().filter(|(_, h)| h.0 > have.0).map(|(peer, _)| *peer).collect();
        let after = ahead.iter().copied().find(|peer| self.last_asked.is_none_or(|last| *peer > last));
        let peer = after.or(ahead.first().copied())?;
        self.in_flight = Some(peer);
        self.last_asked = Some(peer);
        Some(peer)
    }

    /// A peer's answer. Unasked, empty, unordered or overlong ones are dropped.
    pub fn receive(&mut self, from: NodeId, have: Height, blocks: Vec<CertifiedBlock>) {
        if self.in_flight != Some(from) {
            return;
        }
        self.in_flight = None;
        let height = |at: usize| blocks.get(at).map(|certified| certified.block.header.height);
        // Consensus may have delivered some of them meanwhile; a gap would never close.
        let no_gap = height(0).is_some_and(|first| first <= have.next())
            && (1..blocks.len()).all(|at| height(at) == height(at - 1).map(Height::next));
        if blocks.len() > SYNC_BLOCKS_MAX || !no_gap {
            self.distrust(from);
            return;
        }
        self.waiting = blocks.into_iter().map(|c| (c.block.header.height, (from, c))).collect();
    }

    /// The block of `height`, if it waits, and who sent it; lower ones are dropped.
    pub fn next(&mut self, height: Height) -> Option<(NodeId, CertifiedBlock)> {
        self.waiting = self.waiting.split_off(&height);
        self.waiting.remove(&height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Block, Certificate, Header, Timestamp};
    use crate::crypto::{Digest, PublicKey};
    use crate::transaction::ChainId;

    fn peer(n: u8) -> NodeId {
        NodeId(PublicKey([n; 32]))
    }

    fn certified(height: u64) -> CertifiedBlock {
        let header = Header {
            chain: ChainId(Digest::default()),
            height: Height(height),
            parent: Digest::default(),
            time: Timestamp(height),
            proposer: PublicKey([1; 32]),
            state_root: Digest::default(),
            transactions_root: Digest::default(),
        };
        let block = Block { header, transactions: Vec::new() };
        let certificate =
            Certificate { height: Height(height), round: 0, block: block.digest(), signatures: Vec::new() };
        CertifiedBlock { block, certificate }
    }

    #[test]
    fn peers_ahead_are_asked_in_turn_and_one_at_a_time() {
        let mut catchup = Catchup::default();
        assert_eq!(catchup.lag(Height(3)), Lag::None);
        catchup.saw(peer(1), Height(4));
        assert_eq!(catchup.lag(Height(3)), Lag::Slight);
        catchup.saw(peer(2), Height(9));
        assert_eq!(catchup.lag(Height(3)), Lag::Behind);
        assert_eq!(catchup.ask(Height(3)), Some(peer(1)));
        assert_eq!(catchup.ask(Height(3)), None);
        assert_eq!(catchup.lag(Height(3)), Lag::None);
        catchup.distrust(peer(1));
        assert_eq!(catchup.ask(Height(3)), Some(peer(2)));
    }

    #[test]
    fn answers_are_taken_only_if_asked_for_and_without_gaps() {
        let mut catchup = Catchup::default();
        catchup.saw(peer(1), Height(9));
        catchup.receive(peer(1), Height(3), vec![certified(4)]);
        assert!(catchup.next(Height(4)).is_none(), "nobody asked");

        assert_eq!(catchup.ask(Height(3)), Some(peer(1)));
        catchup.receive(peer(1), Height(3), vec![certified(4), certified(6)]);
        assert!(catchup.next(Height(4)).is_none(), "a gap");
        assert_eq!(catchup.lag(Height(3)), Lag::None, "a liar is not asked again until it speaks");

        catchup.saw(peer(1), Height(9));
        assert_eq!(catchup.ask(Height(3)), Some(peer(1)));
        catchup.receive(peer(1), Height(4), vec![certified(4), certified(5), certified(6)]);
        assert_eq!(catchup.next(Height(5)).map(|(_, c)| c.block.header.height), Some(Height(5)));
        assert_eq!(catchup.next(Height(6)).map(|(_, c)| c.block.header.height), Some(Height(6)));
        assert!(catchup.next(Height(7)).is_none());
    }
}
