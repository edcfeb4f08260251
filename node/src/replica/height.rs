//! One height, from waking to commitment. Owns the replica's dealings with the consensus driver.
//! Invariant: bodies are logged before a verdict on them is; a decided block is executed once and handed out to be
//! committed; nothing is fed to the driver while a block is being committed.
//! Must not know: gossip, catching up beyond applying the next certified block.

use super::events::{Action, NodeId, PeerMessage, TimerId};
use super::ledger::LedgerApi;
use super::{ABSENT_PROPOSER_MS, EARLY_MESSAGES_MAX, Phase, Replica, STATUS_PAUSE_MS};
use crate::block::{Block, Certificate, CertifiedBlock, Header, Timestamp, transactions_root};
use crate::consensus::context::ValidatorSet;
use crate::consensus::driver::{Candidate, DriverFault, Output, Step};
use crate::consensus::{ConsensusMessage, WalRecord, makes_final};
use crate::crypto::{Digest, PublicKey};
use crate::custody::protocol::CustodyOrder;
use crate::state::BlockFault;
use crate::transaction::{Height, SignedTransaction};
use std::collections::VecDeque;
use std::sync::Arc;

impl<L: LedgerApi> Replica<L> {
    /// Takes up what the write-ahead log holds of the height in progress.
    pub(super) fn recover(&mut self) {
        let height = self.next_height();
        let mut records = std::mem::take(&mut self.recovered);
        records.retain(|record| record.height() >= height);
        if let Some(above) = records.iter().find(|record| record.height() > height) {
            let reason = format!(
                "账本落后于共识日志,已提交的区块丢失 / the ledger is at {} but the write-ahead log is at {}: \
                 a committed block is missing; repair the ledger before this node votes",
                self.ledger.height(),
                above.height()
            );
            self.halt(reason);
            return;
        }
        if records.is_empty() {
            return;
        }
        for record in &records {
            if let WalRecord::Body(block) = record {
                self.bodies.keep(block.clone(), true, None);
            }
            if let Some((round, block)) = record.own_value(self.config.key.public()) {
                self.own_values.entry(round).or_insert(block);
            }
        }
        self.start_height(records);
    }

    /// Brings the replica to rest after an event: applies certified blocks, wakes the height, proposes.
    pub(super) fn settle(&mut self) {
        if self.halted {
            return;
        }
        self.apply_certified();
        if matches!(self.phase, Phase::Idle) && !self.halted && (!self.mempool.is_empty() || self.woken_by_peer()) {
            self.start_height(Vec::new());
        }
        self.propose_if_due();
        self.catch_up();
    }

    /// Whether a message kept for this height is a validator's; others were kept unchecked and go now.
    fn woken_by_peer(&mut self) -> bool {
        let height = self.next_height();
        let driver = &mut self.driver;
        for messages in self.early.values_mut() {
            messages.retain(|message| message.height() > height || driver.is_authentic(message));
        }
        self.early.values().flatten().any(|message| message.height() == height)
    }

    fn start_height(&mut self, records: Vec<WalRecord>) {
        let height = self.next_height();
        self.phase = Phase::Running;
        let outputs = self.driver.start(height, self.validators.clone(), records);
        self.perform(outputs);
        let mut waiting = Vec::new();
        for messages in self.early.values_mut() {
            let (now, later): (Vec<_>, Vec<_>) = messages.drain(..).partition(|m| m.height() <= height);
            messages.extend(later);
            waiting.extend(now.into_iter().filter(|message| message.height() == height));
        }
        self.early.retain(|_, messages| !messages.is_empty());
        for message in waiting {
            self.feed(message);
        }
    }

    fn feed(&mut self, message: ConsensusMessage) {
        if matches!(self.phase, Phase::Running) && !self.halted && message.height() == self.driver.height() {
            let outputs = self.driver.message(message);
            self.perform(outputs);
        }
    }

    pub(super) fn on_consensus(&mut self, from: NodeId, message: ConsensusMessage) {
        let (height, next) = (message.height(), self.next_height());
        if height < next {
            self.tell_height(from);
            return;
        }
        if height > next {
            // Whoever works on a height has committed the one before.
            self.catchup.saw(from, Height(height.0 - 1));
            if height == next.next() {
                self.keep_early(from, message);
            }
            return;
        }
        match self.phase {
            Phase::Running => self.feed(message),
            Phase::Idle => {
                if self.driver.is_authentic(&message) {
                    self.keep_early(from, message);
                }
            }
            Phase::Committing(_) => {}
        }
    }

    fn keep_early(&mut self, from: NodeId, message: ConsensusMessage) {
        let messages = self.early.entry(from).or_default();
        if messages.len() >= EARLY_MESSAGES_MAX {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    pub(super) fn on_body(&mut self, from: NodeId, block: Block) {
        let (height, next) = (block.header.height, self.next_height());
        if height != next && height != next.next() {
            return;
        }
        let candidates = self.bodies.arrive(from, block);
        if matches!(self.phase, Phase::Running) {
            for candidate in candidates {
                let outputs = self.judge(&candidate);
                self.perform(outputs);
            }
        }
    }

    pub(super) fn on_wait_over(&mut self, height: Height, round: u32, step: Step) {
        if !matches!(self.phase, Phase::Running) || height != self.driver.height() {
            return;
        }
        if step == Step::Rebroadcast {
            // The core sends votes again; proposal and body can have been lost as well.
            self.resend_proposal();
        }
        let outputs = self.driver.elapsed(step, round);
        self.perform(outputs);
    }

    fn resend_proposal(&mut self) {
        let Some((proposal, digest)) = self.driver.own_proposal() else { return };
        self.flush();
        self.broadcast(PeerMessage::Consensus(proposal));
        self.broadcast_body(self.driver.round(), &digest);
    }

    fn broadcast_body(&mut self, round: u32, digest: &Digest) {
        if let Some(body) = self.bodies.get(digest) {
            let block = body.block.clone();
            self.broadcast(PeerMessage::Body { round, block });
        }
    }

    /// Tells a peer that has just been connected what it may have missed of this height.
    pub(super) fn introduce(&mut self, peer: NodeId) {
        if matches!(self.phase, Phase::Running) {
            self.flush();
            for message in self.driver.statements() {
                self.send(peer, PeerMessage::Consensus(message));
            }
            if let Some((_, digest)) = self.driver.own_proposal()
                && let Some(body) = self.bodies.get(&digest)
            {
                let message = PeerMessage::Body { round: self.driver.round(), block: body.block.clone() };
                self.send(peer, message);
            }
        }
        self.gossip_to(peer);
    }

    /// Turns outputs into actions, and verdicts on bodies back into outputs, in order.
    fn perform(&mut self, outputs: Result<Vec<Output>, DriverFault>) {
        let mut queue: VecDeque<Output> = match outputs {
            Ok(outputs) => outputs.into(),
            Err(fault) => return self.halt(fault.to_string()),
        };
        let mut candidates = VecDeque::new();
        loop {
            while let Some(output) = queue.pop_front() {
                if let Some(candidate) = self.perform_one(output) {
                    candidates.push_back(candidate);
                }
            }
            let Some(candidate) = candidates.pop_front() else { break };
            if self.halted || !matches!(self.phase, Phase::Running) {
                break;
            }
            match self.judge(&candidate) {
                Ok(outputs) => queue.extend(outputs),
                Err(fault) => return self.halt(fault.to_string()),
            }
        }
    }

    /// Does one output; gives a candidate whose body is here and waits for a verdict.
    fn perform_one(&mut self, output: Output) -> Option<Candidate> {
        let height = self.driver.height();
        match output {
            Output::Append(record) => self.append(record),
            Output::Publish(message) => {
                self.flush();
                self.broadcast(PeerMessage::Consensus(message));
            }
            Output::Schedule { step, round, after_ms } => {
                // Nothing is waited for once the height is decided.
                if matches!(self.phase, Phase::Running) {
                    let absent = step == Step::Propose && self.is_absent(self.validators.proposer(height, round));
                    let after_ms = if absent { after_ms.min(ABSENT_PROPOSER_MS) } else { after_ms };
                    self.set_timer(TimerId::Consensus { height, round, step }, after_ms);
                }
            }
            Output::Cancel { step, round } => {
                self.cancel_timer(TimerId::Consensus { height, round, step });
                if step == Step::Propose && self.awaiting == Some(round) {
                    self.awaiting = None;
                }
            }
            Output::CancelAll => self.cancel_waits(),
            Output::RoundStarted { .. } => {}
            Output::BuildBlock { round } => self.awaiting = Some(round),
            Output::Wanted(candidate) => {
                if candidate.proposer() != self.config.key.public() && self.bodies.want(candidate.clone()) {
                    return Some(candidate);
                }
            }
            Output::Resend { round, block } => {
                self.flush();
                self.broadcast_body(round, &block);
            }
            Output::Decided(certificate) => self.on_decided(certificate),
            Output::Equivocation(validator) => *self.equivocations.entry(validator).or_default() += 1,
        }
        None
    }

    /// Whether a validator is another node that cannot be reached. Waits are no matter of safety, so each node may
    /// shorten its own: a dead proposer then costs less than a slow one.
    fn is_absent(&self, validator: PublicKey) -> bool {
        let node = self.config.peers.iter().find(|(_, key)| **key == validator).map(|(node, _)| node);
        node.is_some_and(|node| !self.connected.contains(node))
    }

    /// A peer is gone: if it is the proposer waited for, wait no longer than for an absent one.
    pub(super) fn stop_waiting_for(&mut self, peer: NodeId) {
        let (height, round) = (self.driver.height(), self.driver.round());
        let id = TimerId::Consensus { height, round, step: Step::Propose };
        let waited_for = self.config.peers.get(&peer) == Some(&self.validators.proposer(height, round));
        if matches!(self.phase, Phase::Running) && waited_for && self.timers.contains(&id) {
            self.set_timer(id, ABSENT_PROPOSER_MS);
        }
    }

    fn cancel_waits(&mut self) {
        self.awaiting = None;
        let waits: Vec<_> = self.timers.iter().copied().filter(|id| matches!(id, TimerId::Consensus { .. })).collect();
        for id in waits {
            self.cancel_timer(id);
        }
    }

    /// The ledger's verdict on a candidate's body, logged with the body before it is acted on. It is of the block alone and
    /// holds for every proposal of it, so who proposes it in which round must not enter: a liar could otherwise have an
    /// honest block judged wrong by proposing it out of turn.
    fn judge(&mut self, candidate: &Candidate) -> Result<Vec<Output>, DriverFault> {
        let now = self.now;
        let Some(body) = self.bodies.get_mut(&candidate.block()) else { return Ok(Vec::new()) };
        let valid = match body.valid {
            Some(valid) => valid,
            None => match self.ledger.validate(&body.block, now) {
                Ok(()) => true,
                // Not yet is not never: the round passes without our vote, and a later round's proposal is judged anew.
                Err(BlockFault::TooEarly) => return Ok(Vec::new()),
                Err(_) => false,
            },
        };
        body.valid = Some(valid);
        if valid && !body.logged {
            body.logged = true;
            let record = WalRecord::Body(body.block.clone());
            self.append(record);
        }
        self.driver.judge(candidate, valid)
    }

    /// Proposes if it is our turn: what an earlier run proposed in this round, or pending transactions, or, so that a
    /// height once opened ends, from round 1 on an empty block.
    fn propose_if_due(&mut self) {
        let Some(round) = self.awaiting else { return };
        if self.halted || !matches!(self.phase, Phase::Running) {
            return;
        }
        let proposed = self.own_values.get(&round).copied().filter(|digest| self.bodies.get(digest).is_some());
        let digest = match proposed {
            Some(digest) => digest,
            None => {
                if self.mempool.is_empty() && round == 0 {
                    return;
                }
                let Some(block) = self.build_block() else { return };
                let digest = block.digest();
                self.append(WalRecord::Body(block.clone()));
                self.bodies.keep(block, true, Some(true));
                digest
            }
        };
        self.awaiting = None;
        self.own_values.insert(round, digest);
        let outputs = self.driver.propose(round, digest);
        self.perform(outputs);
        self.flush();
        self.broadcast_body(round, &digest);
    }

    /// A block that this node's own ledger accepts; `None` if not even an empty one is (the clock is far off).
    fn build_block(&mut self) -> Option<Block> {
        let block = self.block_of(self.mempool.for_block());
        if self.ledger.validate(&block, self.now).is_ok() {
            return Some(block);
        }
        // Some pending transaction is not admissible any more: sort out which, at the cost of checking all.
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for transaction in block.transactions {
            match self.ledger.admit(&transaction) {
                Ok(_) => good.push(transaction),
                Err(_) => bad.push(transaction.body.id()),
            }
        }
        for id in bad {
            self.mempool.remove(&id);
        }
        let block = self.block_of(good);
        if self.ledger.validate(&block, self.now).is_ok() {
            return Some(block);
        }
        let empty = self.block_of(Vec::new());
        self.ledger.validate(&empty, self.now).is_ok().then_some(empty)
    }

    fn block_of(&self, transactions: Vec<SignedTransaction>) -> Block {
        let after_parent = Timestamp(self.ledger.last_time().0.saturating_add(1));
        let header = Header {
            chain: self.ledger.chain(),
            height: self.next_height(),
            parent: self.ledger.last_block(),
            time: self.now.max(after_parent),
            proposer: self.config.key.public(),
            state_root: self.ledger.state_root(),
            transactions_root: transactions_root(&transactions),
        };
        Block { header, transactions }
    }

    fn on_decided(&mut self, certificate: Certificate) {
        match self.bodies.take(&certificate.block) {
            Some(block) => self.commit(block, &certificate),
            // The core decides only on a body judged valid, and those are kept and logged; so this is a defect.
            None => self.halt(format!("已决定区块的正文缺失 / no body of the decided block {}", certificate.block)),
        }
    }

    fn commit(&mut self, block: Block, certificate: &Certificate) {
        self.cancel_waits();
        let applied = Arc::new(self.ledger.execute(&block, certificate));
        self.phase = Phase::Committing(Arc::clone(&applied));
        self.to_commit = Some(applied);
    }

    /// Applies the next certified block that a peer sent, if one waits.
    fn apply_certified(&mut self) {
        if matches!(self.phase, Phase::Committing(_)) {
            return;
        }
        let Some((from, certified)) = self.catchup.next(self.next_height()) else { return };
        if !self.is_final(&certified) {
            self.catchup.distrust(from);
            return;
        }
        // More than two thirds accepted the block's time; this node's clock has no say in it any more.
        let now = self.now.max(certified.block.header.time);
        if let Err(fault) = self.ledger.validate(&certified.block, now) {
            let height = certified.block.header.height;
            self.halt(format!(
                "多数节点已提交本节点认为无效的区块 / two thirds committed block {height}, which is invalid here: {fault}"
            ));
            return;
        }
        self.commit(certified.block, &certified.certificate);
    }

    fn is_final(&self, certified: &CertifiedBlock) -> bool {
        let CertifiedBlock { block, certificate } = certified;
        transactions_root(&block.transactions) == block.header.transactions_root
            && makes_final(self.ledger.chain(), &self.validators.keys(), &block.header, certificate)
    }

    pub(super) fn on_committed(&mut self, height: Height) {
        let Phase::Committing(applied) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            self.halt(format!("未在提交的高度被报告已提交 / height {height} reported committed while none was being"));
            return;
        };
        if applied.height != height {
            self.halt(format!("提交高度不符 / height {height} committed instead of {}", applied.height));
            return;
        }
        self.ledger.adopt(&applied);
        self.validators = ValidatorSet::new(self.ledger.validators());
        self.actions.push(Action::Custody(CustodyOrder::Feed(applied.feed.clone())));
        self.actions.push(Action::TruncateWal(height));
        for (id, _) in &applied.outcomes {
            self.mempool.remove(id);
        }
        self.mempool.expire(self.next_height());
        self.bodies.forget(height);
        self.own_values.clear();
        self.unsynced = false;
        if self.now.0.saturating_sub(self.status_sent.0) >= STATUS_PAUSE_MS {
            self.status_sent = self.now;
            self.broadcast(PeerMessage::Status { height });
        }
    }
}
