//! A request's way into the order: which policy is in force, and whether every owner's gate permits the question.
//! Invariant: a request is numbered only if the owner of every certificate type it reads permits it; otherwise nothing is
//! opened, and the clause that refused is on the ledger. Must not know: arguments, records, keys.

use super::backing::Backing;
use super::execute::Execution;
use super::keys;
use super::requests::{DEFAULT_CLAUSE, Pending, RequestState, RequestStatus, TransactionOutcome};
use crate::publication::{InForce, Question, Verdict};
use crate::state::feed::PermittedRequest;
use crate::transaction::{DepartmentId, Exchange, Height, Payload, Request, TransactionId, VerifiedTransaction};

/// A refusing clause and its owner.
struct Barred {
    policy: String,
    clause: String,
    owner: DepartmentId,
}

impl<B: Backing> Execution<'_, B> {
    /// Orders, or refuses, a request. Errors are reasons for which the request is invalid, and say whose fault it is.
    pub(super) fn ask(
        &mut self,
        verified: &VerifiedTransaction,
        asker: DepartmentId,
        request: &Request,
    ) -> Result<TransactionOutcome, String> {
        let as_of = request.as_of.unwrap_or(self.day);
        if as_of > self.day {
            return Err("基准日晚于区块日期 / the as-of date is after the block's date".to_owned());
        }
        let found = self.ledger.register.policy(&request.policy, as_of, self.height).ok_or_else(|| {
            format!("该日无此生效策略:{} / no such policy is in force on that day: {}", request.policy, request.policy)
        })?;
        if found.policy.exchange != request.exchange {
            return Err("交换类型与策略不符 / the exchange does not match the policy".to_owned());
        }
        if request.exchange == Exchange::Contract {
            self.countersigned(verified, &found)?;
        }
        let id = verified.id();
        let verdict = self.gate(verified, asker, request, &found)?;
        let mut status = self.status(id, asker, request, &found, as_of);
        Ok(match verdict {
            Err(Barred { policy, clause, owner }) => {
                status.state = RequestState::Refused { policy: policy.clone(), clause: clause.clone(), owner };
                self.state.put(keys::request(id), &status);
                TransactionOutcome::Refused { policy, clause, owner }
            }
            Ok(prices) => {
                self.sequence += 1;
                status.sequence = self.sequence;
                self.state.put(keys::request(id), &status);
                self.permit(&status, request, prices);
                TransactionOutcome::Pending(status.sequence)
            }
        })
    }

    fn status(
        &self,
        tx: TransactionId,
        asker: DepartmentId,
        request: &Request,
        found: &InForce<'_>,
        as_of: i32,
    ) -> RequestStatus {
        RequestStatus {
            sequence: 0,
            height: self.height,
            tx,
            asker,
            exchange: request.exchange,
            policy: format!("{}.{}", found.module, found.policy.name),
            version: found.policy.version,
            module: found.source,
            meaning: found.meaning,
            purpose: request.purpose.clone(),
            basis: request.basis.clone(),
            as_of,
            day: self.day,
            state: RequestState::Pending,
        }
    }

    fn permit(&mut self, status: &RequestStatus, request: &Request, prices: Vec<(DepartmentId, u32)>) {
        let pending = Pending {
            sequence: status.sequence,
            contract: request.exchange == Exchange::Contract,
            expires: Height(self.height.0.saturating_add(self.ledger.genesis.expiry_blocks)),
            prices,
            ready: None,
        };
        self.wait(status.tx, &pending);
        self.feed.requests.push(PermittedRequest {
            sequence: status.sequence,
            id: status.tx,
            asker: status.asker,
            request: request.clone(),
            module: status.module,
            version: status.version,
            as_of: status.as_of,
            day: status.day,
            height: status.height,
        });
    }

    /// Whether this is a contract of a policy in force, or a change of custodians, that lacks a signature it needs.
    pub(super) fn lacks_countersignature(&self, verified: &VerifiedTransaction) -> bool {
        let request = match &verified.body().payload {
            Payload::Request(request) => request,
            Payload::Custodians(_) => return verified.custodians().count() < self.ledger.custodians.enough(),
            _ => return false,
        };
        let as_of = request.as_of.unwrap_or(self.day);
        request.exchange == Exchange::Contract
            && self
                .ledger
                .register
                .policy(&request.policy, as_of, self.height)
                .is_some_and(|found| self.countersigned(verified, &found).is_err())
    }

    /// A contract needs the signature of every department in its 由.
    fn countersigned(&self, verified: &VerifiedTransaction, found: &InForce<'_>) -> Result<(), String> {
        for name in &found.policy.by {
            let signed = self.ledger.genesis.department_named(name).is_some_and(|d| verified.signed_by(d.id));
            if !signed {
                return Err(format!("合约缺少{name}的签名 / the contract lacks the signature of {name}"));
            }
        }
        Ok(())
    }

    /// Asks the gate of every owner whose records the policy reads: prices, or the first refusal in reading order.
    fn gate(
        &self,
        verified: &VerifiedTransaction,
        asker: DepartmentId,
        request: &Request,
        found: &InForce<'_>,
    ) -> Result<Result<Vec<(DepartmentId, u32)>, Barred>, String> {
        let genesis = &self.ledger.genesis;
        let name = genesis.department(asker).map(|d| d.name.as_str()).unwrap_or_default();
        let question = Question { asker: name, exchange: request.exchange, purpose: &request.purpose };
        let mut prices = Vec::new();
        for read in &found.policy.reads {
            let owner = genesis.department_named(&read.owner).ok_or_else(|| {
                format!("部门未登记:{} / the department is not registered: {}", read.owner, read.owner)
            })?;
            match self.ledger.register.gate(&read.owner, &read.schema, &question, self.height) {
                Verdict::Permitted { points } => prices.push((owner.id, points)),
                // An owner that signed the request has agreed to it; a prohibition holds for its author too.
                Verdict::NoClause { .. } if verified.signed_by(owner.id) => {}
                Verdict::NoClause { policy } => {
                    return Ok(Err(Barred { policy, clause: DEFAULT_CLAUSE.to_owned(), owner: owner.id }));
                }
                Verdict::Forbidden { policy, clause } => return Ok(Err(Barred { policy, clause, owner: owner.id })),
            }
        }
        Ok(Ok(prices))
    }
}
