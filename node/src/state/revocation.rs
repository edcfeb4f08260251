//! Requests under way when a grant is revoked. Owns the second look at them, in the block after the one that revoked it.
//! Invariant: whichever is ordered first, finalisation or revocation, wins; a contract under way goes on, because later
//! requests may rest on what it writes. Must not know: how grants are published.

use super::backing::Backing;
use super::execute::Execution;
use super::requests::{DEFAULT_CLAUSE, Pending, RequestState, RequestStatus};
use super::{attest, keys};
use crate::codec::Decode as _;
use crate::publication::{Question, Verdict};
use crate::transaction::{DepartmentId, TransactionId};

/// A grant that is no more: the sharing policy, its clause, the owner.
type Revoked = (String, String, DepartmentId);

impl<B: Backing> Execution<'_, B> {
    /// Before the block's own transactions: refuses what is under way and no longer permitted.
    pub(super) fn refuse_revoked(&mut self) {
        if !self.state.has(keys::PUBLICATION_MOVED) {
            return;
        }
        self.state.remove(keys::PUBLICATION_MOVED.to_vec());
        for (key, value) in self.state.scan(keys::PENDING) {
            let id = TransactionId::from_bytes(&key[key.len().saturating_sub(32)..]);
            let (Ok(id), Ok(pending)) = (id, Pending::from_bytes(&value)) else { continue };
            let status = self.state.read::<RequestStatus>(&keys::request(id));
            let Some(mut status) = status.filter(|_| !pending.contract) else { continue };
            let Some((policy, clause, owner)) = self.revoked(&status, &pending) else { continue };
            let clause = format!("在途撤回 revoked under way: {clause}");
            status.state = RequestState::Refused { policy, clause, owner };
            self.state.put(keys::request(id), &status);
            self.state.remove(keys::expiry(pending.expires, pending.sequence));
            attest::clear(&mut self.state, id);
            self.feed.expired.push(id);
        }
        self.state.keep();
    }

    fn revoked(&self, status: &RequestStatus, pending: &Pending) -> Option<Revoked> {
        let (register, genesis) = (&self.ledger.register, &self.ledger.genesis);
        if let Some(department) = register.withdrawn_by(status.module) {
            return Some((status.policy.clone(), "策略已撤回 / the policy was withdrawn".to_owned(), department));
        }
        let asker = genesis.department(status.asker).map(|d| d.name.as_str()).unwrap_or_default();
        let question = Question { asker, exchange: status.exchange, purpose: &status.purpose };
        let facts = register.version(status.module, &status.policy, status.version)?;
        facts.reads.iter().find_map(|read| {
            let owner = genesis.department_named(&read.owner)?.id;
            match register.gate(&read.owner, &read.schema, &question, self.height) {
                Verdict::Permitted { .. } => None,
                Verdict::Forbidden { policy, clause } => Some((policy, clause, owner)),
                // An owner that signed the request has no price in it.
                Verdict::NoClause { .. } if pending.prices.iter().all(|(paid, _)| *paid != owner) => None,
                Verdict::NoClause { policy } => Some((policy, DEFAULT_CLAUSE.to_owned(), owner)),
            }
        })
    }
}
