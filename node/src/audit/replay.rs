//! The whole chain executed again from its blocks, by an auditor who trusts no node: every certificate, every state root and
//! every gate's ruling is found anew. Owns what an auditor is told of requests, denials included, and of who changed who may
//! do what.
//! Invariant: a block is read only if the chain before it leads to it; whoever left a block out, changed one or put one in is
//! found at that height. Must not know: where blocks come from, how the findings are shown.

use super::{AuditCopy, AuditFault, audit_binding};
use crate::block::{CertifiedBlock, Timestamp};
use crate::codec::Decode as _;
use crate::consensus::certificate::makes_final;
use crate::crypto::Digest;
use crate::custody::envelope::{SealingSecret, Use, unpad};
use crate::genesis::Genesis;
use crate::publication::CompiledModule;
use crate::state::{Ledger, MemoryBacking, RequestState, RequestStatus, TransactionOutcome};
use crate::transaction::{CustodianId, Exchange, Height, Payload, Request, Signer, TransactionId};
use serde_json::Value;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It broke a rule and asked nobody anything.
    Invalid(String),
    /// An owner's sharing policy refused it, before anything was opened.
    Refused {
        /// The sharing policy; empty if the owner has none for the type.
        policy: String,
        /// Its clause.
        clause: String,
        /// The owner.
        owner: String,
    },
    /// It waits.
    Pending,
    /// It was answered.
    Finalised {
        /// In which block.
        height: Height,
        /// By whom.
        custodians: Vec<CustodianId>,
    },
    /// It was not answered in time.
    Expired {
        /// In which block.
        height: Height,
    },
}

/// What only the auditor's key tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The inputs: about whom it was.
    pub inputs: Vec<(String, Value)>,
    /// What came of it.
    pub outcomes: Vec<(String, String)>,
    /// How many persons it reached.
    pub persons: u32,
    /// What the asker can have learned of all of them at most, in thousandths of a bit.
    pub millibits: u64,
}

/// A request as the chain tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditedRequest {
    /// Its identity.
    pub request: TransactionId,
    /// The block that ordered it.
    pub height: Height,
    /// The block's time.
    pub time: Timestamp,
    /// Who asked.
    pub asker: String,
    /// The exchange.
    pub exchange: Exchange,
    /// Full name of the policy; as it was asked for, if no policy was found.
    pub policy: String,
    /// Its version; 0 if none was found.
    pub version: u32,
    /// The purpose.
    pub purpose: String,
    /// Legal basis and case number.
    pub basis: String,
    /// What became of it.
    pub fate: Fate,
    /// What the auditor's key tells, of a request that was answered.
    pub told: Option<Told>,
}

/// A change of who may do what: a module, an approval, other custodians.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedAct {
    /// The transaction.
    pub transaction: TransactionId,
    /// Its block.
    pub height: Height,
    /// The block's time.
    pub time: Timestamp,
    /// Who signed it.
    pub by: Vec<String>,
    /// What it does.
    pub act: Act,
    /// Why it changed nothing, if it did not.
    pub invalid: Option<String>,
}

/// What an act is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A module was put on the ledger: the hash of its source.
    Published(Digest),
    /// A department approved one.
    Approved(Digest),
    /// A department withdrew its approval.
    Withdrawn(Digest),
    /// A department had records erased: how many, on which basis.
    Erased {
        /// How many.
        records: usize,
        /// The basis.
        basis: String,
    },
    /// Other custodians: their epoch, how many open together, and their numbers.
    Custodians {
        /// The epoch.
        epoch: u32,
        /// How many open together.
        threshold: u16,
        /// The numbers.
        numbers: Vec<CustodianId>,
    },
}

struct Asked {
    id: TransactionId,
    height: Height,
    time: Timestamp,
    asker: Signer,
    request: Request,
    outcome: TransactionOutcome,
}

/// The chain so far.
pub struct Replay {
    genesis: Genesis,
    backing: MemoryBacking,
    ledger: Ledger<MemoryBacking>,
    asked: Vec<Asked>,
    acts: Vec<AuditedAct>,
}

impl Replay {
    /// Nothing read yet.
    pub fn new(genesis: Genesis) -> Self {
        let backing = MemoryBacking::new();
        let ledger = Ledger::open(genesis.clone(), backing.clone());
        Self { genesis, backing, ledger, asked: Vec::new(), acts: Vec::new() }
    }

    /// The height that was read last.
    pub fn height(&self) -> Height {
        self.ledger.height()
    }

    /// Reads the next block. Errors: it does not follow, its certificate does not hold, or it names another state than the
    /// blocks before it lead to.
    pub fn read(&mut self, found: &CertifiedBlock) -> Result<(), AuditFault> {
        let (block, certificate) = (&found.block, &found.certificate);
        let height = self.height().next();
        let broken = |fault: crate::state::BlockFault| AuditFault::Refused(height, fault.to_string());
        self.ledger.validate(block, block.header.time).map_err(broken)?;
        let validators = self.genesis.validator_keys();
        if !makes_final(self.ledger.chain(), &validators, &block.header, certificate) {
            return Err(AuditFault::BadCertificate(height));
        }
        let applied = self.ledger.execute(block, certificate);
        self.backing.write(&applied.batch);
        self.ledger.adopt(&applied);
        for (transaction, (id, outcome)) in block.transactions.iter().zip(&applied.outcomes) {
            let (id, time) = (*id, block.header.time);
            if let Payload::Request(request) = &transaction.body.payload {
                let (asker, request, outcome) = (transaction.body.sender, request.clone(), outcome.clone());
                self.asked.push(Asked { id, height, time, asker, request, outcome });
            } else if let Some(act) = act(&transaction.body.payload) {
                let by = transaction.signatures.iter().map(|(who, _)| self.named(*who)).collect();
                let invalid = match outcome {
                    TransactionOutcome::Invalid(why) => Some(why.clone()),
                    _ => None,
                };
                self.acts.push(AuditedAct { transaction: id, height, time, by, act, invalid });
            }
        }
        Ok(())
    }

    fn named(&self, who: Signer) -> String {
        match who {
            Signer::Department(id) => self.genesis.department(id).map(|d| d.name.clone()).unwrap_or_default(),
            Signer::Custodian(id) => format!("受托方 custodian {}", id.0),
        }
    }

    /// Every change of who may do what, in the chain's order.
    pub fn acts(&self) -> &[AuditedAct] {
        &self.acts
    }

    /// Every request of the chain in its order, with what `secret`, the auditor's, tells of it.
    /// Errors: a copy that the custodians sealed for the auditor does not open.
    pub fn requests(&self, secret: Option<&SealingSecret>) -> Result<Vec<AuditedRequest>, AuditFault> {
        self.asked.iter().map(|asked| self.request(asked, secret)).collect()
    }

    fn request(&self, asked: &Asked, secret: Option<&SealingSecret>) -> Result<AuditedRequest, AuditFault> {
        let department = |id| self.genesis.department(id).map(|d| d.name.clone()).unwrap_or_default();
        let asker = self.named(asked.asker);
        let status = match &asked.outcome {
            TransactionOutcome::Invalid(_) => None,
            _ => self.ledger.request(asked.id),
        };
        let fate = match (&asked.outcome, status.as_ref().map(|status| &status.state)) {
            (TransactionOutcome::Invalid(why), _) => Fate::Invalid(why.clone()),
            (_, Some(RequestState::Refused { policy, clause, owner })) => {
                Fate::Refused { policy: policy.clone(), clause: clause.clone(), owner: department(*owner) }
            }
            (_, Some(RequestState::Finalised { height, custodians, .. })) => {
                Fate::Finalised { height: *height, custodians: custodians.clone() }
            }
            (_, Some(RequestState::Expired { height })) => Fate::Expired { height: *height },
            _ => Fate::Pending,
        };
        let told = match (&fate, secret) {
            (Fate::Finalised { .. }, Some(secret)) => Some(self.told(asked.id, secret)?),
            _ => None,
        };
        let named = |status: &RequestStatus| (status.policy.clone(), status.version);
        let (policy, version) = status.as_ref().map_or_else(|| (asked.request.policy.clone(), 0), named);
        Ok(AuditedRequest {
            request: asked.id,
            height: asked.height,
            time: asked.time,
            asker,
            exchange: asked.request.exchange,
            policy,
            version,
            purpose: asked.request.purpose.clone(),
            basis: asked.request.basis.clone(),
            fate,
            told,
        })
    }

    fn told(&self, id: TransactionId, secret: &SealingSecret) -> Result<Told, AuditFault> {
        let result = self.ledger.result(id).ok_or(AuditFault::BadCopy(id))?;
        let binding = audit_binding(self.ledger.chain(), id);
        let opened = secret.open(Use::Audit, &result.audit_key, &result.audit, &binding).ok();
        let plain = opened.and_then(|padded| unpad(&padded).ok());
        let copy = plain.and_then(|bytes| AuditCopy::from_bytes(&bytes).ok()).ok_or(AuditFault::BadCopy(id))?;
        let AuditCopy { inputs, outcomes, persons, millibits, .. } = copy;
        Ok(Told { inputs, outcomes, persons, millibits })
    }
}

/// What a payload changes of who may do what.
fn act(payload: &Payload) -> Option<Act> {
    Some(match payload {
        Payload::Publish { source } => Act::Published(CompiledModule::source_hash(source)),
        Payload::Approve { source, .. } => Act::Approved(*source),
        Payload::Withdraw { source } => Act::Withdrawn(*source),
        Payload::Custodians(change) => Act::Custodians {
            epoch: change.epoch,
            threshold: change.threshold,
            numbers: change.custodians.iter().map(|custodian| custodian.id).collect(),
        },
        Payload::Erase { records, basis } => Act::Erased { records: records.len(), basis: basis.clone() },
        Payload::Submit { .. } | Payload::Request(_) | Payload::Attest { .. } | Payload::Destroyed { .. } => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests;
