//! Execution of a decided block. Owns the order in which a block's parts take effect: revocations of the block before,
//! transactions, then expiry, then activation. Invariant: pure and total: a transaction that cannot take effect is recorded as invalid and changes nothing
//! else; the sum of points is zero after every block. Must not know: who decided the block.

use super::backing::{Backing, Batch};
use super::overlay::Overlay;
use super::requests::{Pending, RequestState, RequestStatus, Seen, TransactionOutcome};
use super::{Applied, Head, Ledger, attest, keys, points, submission, tree};
use crate::block::{Block, Certificate, CertifiedBlock};
use crate::codec::{Decode, Encode};
use crate::custodians::ChangeFault;
use crate::publication;
use crate::state::feed::CustodyFeed;
use crate::transaction::{
    CustodianChange, DepartmentId, Height, Payload, SealedRecord, SignedTransaction, Signer, TransactionId,
    VerifiedTransaction,
};

/// A block in execution.
pub(super) struct Execution<'a, B: Backing> {
    pub(super) ledger: &'a Ledger<B>,
    pub(super) state: Overlay<'a, B>,
    pub(super) feed: CustodyFeed,
    pub(super) height: Height,
    /// Shanghai date of the block.
    pub(super) day: i32,
    /// The last sequence number given.
    pub(super) sequence: u64,
    /// Records filed so far in the block.
    pub(super) place: u32,
    /// Whether an approval came or went, so that activation must be looked at.
    publication_moved: bool,
}

impl<B: Backing> Ledger<B> {
    /// What `block`, decided by `certificate`, changes. The ledger itself stays as it is until [`Ledger::adopt`].
    ///
    /// # Panics
    /// If the store lacks what the ledger wrote earlier, or the points do not sum to zero: the process must end.
    pub fn execute(&self, block: &Block, certificate: &Certificate) -> Applied {
        let header = &block.header;
        let day = header.time.shanghai_day();
        let mut run = Execution {
            ledger: self,
            state: Overlay::new(&self.backing),
            feed: CustodyFeed { height: header.height, time: header.time, day, ..CustodyFeed::default() },
            height: header.height,
            day,
            sequence: self.head.sequence,
            place: 0,
            publication_moved: false,
        };
        run.refuse_revoked();
        let outcomes = block.transactions.iter().map(|t| (t.body.id(), run.transaction(t))).collect();
        run.close();
        assert_eq!(points::sum(&run.state), 0, "points are moved between accounts, never made");
        let head = Head { height: header.height, block: header.digest(), time: header.time, sequence: run.sequence };
        run.state.put(keys::HEAD.to_vec(), &head);
        let (feed, changes) = (run.feed, run.state.into_changes());
        let update = tree::update(&self.backing, header.height, &changes);
        let batch = Batch {
            height: header.height,
            block: CertifiedBlock { block: block.clone(), certificate: certificate.clone() },
            state: changes.into_iter().collect(),
            tree_nodes: update.entries,
            state_root: update.root,
            feed: feed.to_bytes(),
        };
        Applied { height: header.height, state_root: update.root, batch, feed, outcomes }
    }
}

impl<B: Backing> Execution<'_, B> {
    fn transaction(&mut self, signed: &SignedTransaction) -> TransactionOutcome {
        let id = signed.body.id();
        // Not noted as seen: whoever sends another's body with a bad signature must not use it up.
        let verified = match self.ledger.admissible(signed, self.height) {
            Ok(verified) => verified,
            Err(refusal) => return TransactionOutcome::Invalid(refusal.to_string()),
        };
        if self.state.has(&keys::seen(id)) {
            return TransactionOutcome::Invalid("交易已执行 / already executed".to_owned());
        }
        let outcome = match self.payload(&verified) {
            Ok(outcome) => {
                self.state.keep();
                outcome
            }
            Err(reason) => {
                self.state.drop_changes();
                TransactionOutcome::Invalid(clipped(reason))
            }
        };
        // Not noted as seen either: whoever strips a contract of a countersignature must not use it up.
        if matches!(outcome, TransactionOutcome::Invalid(_)) && self.lacks_countersignature(&verified) {
            return outcome;
        }
        self.state.put(keys::seen(id), &Seen { height: self.height, outcome: outcome.clone() });
        self.state.put_bytes(keys::forget(signed.body.valid_until.next(), id), Vec::new());
        self.state.keep();
        outcome
    }

    /// Does what the payload says. On an error the caller drops the state's changes; the feed is touched last.
    fn payload(&mut self, verified: &VerifiedTransaction) -> Result<TransactionOutcome, String> {
        match (&verified.body().payload, verified.body().sender) {
            (Payload::Attest { attestations }, Signer::Custodian(custodian)) => {
                attest::attest(self, custodian, attestations)?;
            }
            (Payload::Erase { records, basis }, Signer::Department(sender)) => self.erase(sender, records, basis)?,
            (Payload::Destroyed { records }, Signer::Custodian(custodian)) => self.destroyed(custodian, records)?,
            (Payload::Custodians(change), Signer::Custodian(_)) => self.custodians(verified, change)?,
            (Payload::Request(request), Signer::Department(asker)) => return self.ask(verified, asker, request),
            (Payload::Submit { records }, Signer::Department(sender)) => self.submit(sender, records)?,
            (Payload::Publish { source }, Signer::Department(sender)) => {
                let ledger = self.ledger;
                publication::publish(
                    &mut self.state,
                    &ledger.compilations,
                    &ledger.genesis,
                    sender,
                    source,
                    self.height,
                )?;
            }
            (Payload::Approve { source, meaning }, Signer::Department(sender)) => {
                publication::approve(&mut self.state, sender, *source, *meaning)?;
                self.publication_moved = true;
            }
            (Payload::Withdraw { source }, Signer::Department(sender)) => {
                publication::withdraw(&mut self.state, sender, *source)?;
                self.publication_moved = true;
            }
            (_, sender) => return Err(super::Refusal::SenderMayNot(sender).to_string()),
        }
        Ok(TransactionOutcome::Done)
    }

    /// Others keep custody from the next block on: in this one the present custodians' signatures still count.
    fn custodians(&mut self, verified: &VerifiedTransaction, change: &CustodianChange) -> Result<(), String> {
        let ledger = self.ledger;
        let followed = ledger.custodians.follow(&ledger.genesis, change, verified.custodians());
        let set = followed.map_err(|fault| fault.to_string())?;
        if self.state.has(&keys::custodians(set.epoch)) {
            return Err(ChangeFault::Epoch.to_string());
        }
        self.state.put(keys::custodians(set.epoch), &set);
        self.state.put(keys::CUSTODIANS.to_vec(), &set);
        self.feed.custodians = Some(set);
        Ok(())
    }

    fn submit(&mut self, sender: DepartmentId, records: &[SealedRecord]) -> Result<(), String> {
        let (first, mut filed) = (self.place, Vec::with_capacity(records.len()));
        for record in records {
            let checked = submission::check(
                &self.state,
                &self.ledger.register,
                &self.ledger.genesis,
                sender,
                record,
                self.height,
            );
            if let Err(reason) = checked {
                self.place = first;
                return Err(reason);
            }
            let id = submission::file(&mut self.state, record, self.height, &mut self.place);
            filed.push((id, record.clone()));
        }
        self.feed.records.append(&mut filed);
        Ok(())
    }

    /// What happens after the last transaction.
    fn close(&mut self) {
        self.expire();
        if self.publication_moved {
            let activated = publication::activate(&mut self.state, self.height);
            self.feed.modules.extend(activated);
            self.state.put_bytes(keys::PUBLICATION_MOVED.to_vec(), vec![1]);
        }
        for (key, _) in self.state.scan(&keys::forgets(self.height)) {
            if let Ok(id) = TransactionId::from_bytes(&key[key.len().saturating_sub(32)..]) {
                self.state.remove(keys::seen(id));
            }
            self.state.remove(key);
        }
        self.state.keep();
    }

    fn expire(&mut self) {
        for (key, value) in self.state.scan(&keys::expiries(self.height)) {
            self.state.remove(key);
            let Ok(id) = TransactionId::from_bytes(&value) else { continue };
            let Some(mut status) = self.state.read::<RequestStatus>(&keys::request(id)) else { continue };
            if status.state != RequestState::Pending || !self.state.has(&keys::pending(id)) {
                continue;
            }
            status.state = RequestState::Expired { height: self.height };
            self.state.put(keys::request(id), &status);
            attest::clear(&mut self.state, id);
            self.feed.expired.push(id);
        }
        self.state.keep();
    }

    /// Notes a permitted request as pending.
    pub(super) fn wait(&mut self, id: TransactionId, pending: &Pending) {
        self.state.put(keys::pending(id), pending);
        if pending.contract {
            self.state.put(keys::pending_contract(pending.sequence), &id);
        } else {
            self.state.put(keys::expiry(pending.expires, pending.sequence), &id);
        }
    }
}

/// A reason short enough to be stored.
fn clipped(mut reason: String) -> String {
    let mut end = reason.len().min(2048);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}
