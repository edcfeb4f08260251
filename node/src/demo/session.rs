//! A department at work: seals, signs, hands in, waits, opens. Owns retries over gateways.
//! Invariant: a transaction is handed in again unchanged, so that it can never act twice.
//! Must not know: how nodes decide.

use crate::client::{ClientFault, Gateway, RequestView};
use crate::custody::answer::{Answer, open_answer};
use crate::custody::arguments::{self, Arguments, seal_request};
use crate::demo::DemoFault;
use crate::demo::actors::Department;
use crate::entropy::{random, system_rng};
use crate::genesis::Genesis;
use crate::transaction::{Envelope, Exchange, Height, Payload, Request, SignedTransaction, Transaction, TransactionId};
use guiju_compiler::package::{Package, Policy};
use guiju_runtime::date::Date;
use guiju_runtime::json::fact_to_json;
use guiju_runtime::value::Fact;
use serde_json::Value;
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

/// How long a transaction stays valid, in blocks.
const VALID_BLOCKS: u64 = 2_000;
/// Longest wait for one request.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// How often a waiting client looks.
const LOOK_EVERY: Duration = Duration::from_millis(8);

/// A question as a department puts it.
pub struct Question<'a> {
    /// Who asks.
    pub asker: &'a Department,
    /// Who else signs: every department of a contract's 由.
    pub cosigners: Vec<&'a Department>,
    /// The policy.
    pub policy: String,
    /// Which exchange.
    pub exchange: Exchange,
    /// For what.
    pub purpose: String,
    /// By what right, and the case.
    pub basis: String,
    /// An as-of date earlier than today, in days since 1970-01-01.
    pub as_of: Option<i32>,
    /// The policy's inputs.
    pub inputs: Vec<(String, Value)>,
}

/// What came back.
pub enum Reply {
    /// An answer, opened.
    Answered {
        /// The request.
        id: TransactionId,
        /// Height at which it became final.
        height: Height,
        /// The answer.
        answer: Answer,
        /// From sending to opening.
        took: Duration,
    },
    /// Refused before any record was opened.
    Refused {
        /// The request.
        id: TransactionId,
        /// The sharing policy.
        policy: String,
        /// Its clause.
        clause: String,
    },
}

/// The gateways that can be used at the moment, and the chain.
pub struct Session {
    genesis: Genesis,
    gateways: RwLock<Vec<Gateway>>,
    turn: Mutex<usize>,
}

impl Session {
    /// A session with the chain of `genesis` through `gateways`.
    pub fn new(genesis: Genesis, gateways: Vec<Gateway>) -> Self {
        Self { genesis, gateways: RwLock::new(gateways), turn: Mutex::new(0) }
    }

    /// The chain's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Replaces the gateways, after a node was killed or came back.
    pub fn use_gateways(&self, gateways: Vec<Gateway>) {
        *self.gateways.write().expect("no thread panics while it holds this") = gateways;
    }

    /// A gateway, in turn.
    pub fn any_gateway(&self) -> Gateway {
        let gateways = self.gateways.read().expect("no thread panics while it holds this");
        let mut turn = self.turn.lock().expect("no thread panics while it holds this");
        *turn = turn.wrapping_add(1);
        gateways[*turn % gateways.len()].clone()
    }

    /// Signs a payload for the chain as `sender` and all of `cosigners`.
    pub fn sign(
        &self,
        sender: &Department,
        cosigners: &[&Department],
        payload: Payload,
    ) -> Result<SignedTransaction, DemoFault> {
        let now = self.height()?;
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&random()?[..16]);
        let body = Transaction {
            chain: self.genesis.chain_id(),
            sender: sender.signer(),
            nonce,
            valid_until: Height(now.0 + VALID_BLOCKS),
            payload,
        };
        let mut keys = vec![(sender.signer(), &sender.signing)];
        keys.extend(cosigners.iter().map(|d| (d.signer(), &d.signing)));
        Ok(SignedTransaction::sign(body, &keys))
    }

    /// Hands an envelope in, at `preferred` or whichever gateway takes it.
    pub fn submit(&self, envelope: &Envelope, preferred: Option<&Gateway>) -> Result<TransactionId, DemoFault> {
        let since = Instant::now();
        let mut gateway = preferred.cloned().unwrap_or_else(|| self.any_gateway());
        loop {
            match gateway.submit(envelope) {
                Ok(id) => return Ok(id),
                // Known already: an earlier try got through although its reply did not.
                Err(ClientFault::Refused { code, .. }) if code == "already-executed" => {
                    return Ok(envelope.transaction.body.id());
                }
                // Full: wait for blocks to be made.
                Err(ClientFault::Refused { code, .. }) if code == "busy" || code == "sender-busy" => {}
                Err(ClientFault::Unreachable(_)) => {}
                Err(fault) => return Err(fault.into()),
            }
            if since.elapsed() > ANSWER_WITHIN {
                return Err(DemoFault::Stopped("no gateway took a transaction".to_owned()));
            }
            std::thread::sleep(LOOK_EVERY * 4);
            gateway = self.any_gateway();
        }
    }

    /// Waits until a transaction is in a block; returns its height and what became of it.
    pub fn await_block(&self, id: TransactionId) -> Result<(Height, String), DemoFault> {
        let since = Instant::now();
        loop {
            match self.any_gateway().transaction(id) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) | Err(ClientFault::Unreachable(_)) => {}
                Err(fault) => return Err(fault.into()),
            }
            if since.elapsed() > ANSWER_WITHIN {
                return Err(DemoFault::Stopped(format!("transaction {id} came into no block")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Asks and waits for the reply.
    pub fn ask(&self, question: &Question<'_>, preferred: Option<&Gateway>) -> Result<Reply, DemoFault> {
        let since = Instant::now();
        let request = self.seal(question)?;
        let signed = self.sign(question.asker, &question.cosigners, Payload::Request(request))?;
        let id = self.submit(&Envelope { transaction: signed, capsules: Vec::new() }, preferred)?;
        loop {
            match self.any_gateway().request(id) {
                Ok(RequestView::Finalised { height, result }) => {
                    let answer =
                        open_answer(&question.asker.sealing, self.genesis.chain_id(), id, question.asker.id, &result)
                            .map_err(|fault| DemoFault::Stopped(format!("an answer does not open: {fault}")))?;
                    return Ok(Reply::Answered { id, height, answer, took: since.elapsed() });
                }
                Ok(RequestView::Refused { policy, clause }) => return Ok(Reply::Refused { id, policy, clause }),
                Ok(RequestView::Expired) => return Err(DemoFault::Stopped(format!("request {id} expired"))),
                Ok(RequestView::Invalid(why)) => {
                    return Err(DemoFault::Stopped(format!("request {id} was not valid: {why}")));
                }
                Ok(RequestView::Unknown | RequestView::Pending) | Err(ClientFault::Unreachable(_)) => {}
                Err(fault) => return Err(fault.into()),
            }
            if since.elapsed() > ANSWER_WITHIN {
                return Err(DemoFault::Stopped(format!("request {id} was not answered")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn seal(&self, question: &Question<'_>) -> Result<Request, DemoFault> {
        let public = arguments::Question {
            policy: &question.policy,
            exchange: question.exchange,
            purpose: &question.purpose,
            basis: &question.basis,
            as_of: question.as_of,
        };
        let secret = Arguments { inputs: question.inputs.clone(), secret: random()?.into() };
        let (chain, custody_key) = (self.genesis.chain_id(), &self.genesis.custody_key);
        seal_request(&mut system_rng()?, chain, question.asker.id, custody_key, public, &secret)
            .map_err(|fault| DemoFault::Stopped(format!("a question cannot be sealed: {fault}")))
    }

    /// The height of some node that answers.
    pub fn height(&self) -> Result<Height, DemoFault> {
        let since = Instant::now();
        loop {
            match self.any_gateway().status() {
                Ok(status) => return Ok(status.height),
                Err(ClientFault::Unreachable(_)) if since.elapsed() < ANSWER_WITHIN => {
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }
}

/// A policy's inputs as they are sealed.
pub fn as_json(policy: &Policy, inputs: Vec<(String, Fact)>) -> Vec<(String, Value)> {
    let ty = |name: &str| policy.inputs.iter().find(|(n, _)| n == name).map(|(_, ty)| ty);
    inputs
        .into_iter()
        .filter_map(|(name, fact)| {
            let value = fact_to_json(ty(&name)?, &fact);
            Some((name, value))
        })
        .collect()
}

/// The version of a policy in force on a day.
pub fn in_force<'a>(package: &'a Package, name: &str, day: Date) -> Result<&'a Policy, DemoFault> {
    package
        .policies
        .iter()
        .filter(|p| p.name == name && p.in_force_on(day))
        .max_by_key(|p| p.version)
        .map(AsRef::as_ref)
        .ok_or_else(|| DemoFault::Stopped(format!("no version of {name} is in force on {day}")))
}

/// Runs `jobs` on `workers` threads, in no order; stops at the first fault. `each` is called with the job.
pub fn in_parallel<T: Sync>(
    jobs: &[T],
    workers: usize,
    each: impl Fn(&T) -> Result<(), DemoFault> + Sync,
) -> Result<(), DemoFault> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let fault = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let stop = fault.lock().expect("no thread panics while it holds this").is_some();
                    let Some(job) = jobs.get(index).filter(|_| !stop) else { break };
                    if let Err(found) = each(job) {
                        fault.lock().expect("no thread panics while it holds this").get_or_insert(found);
                    }
                }
            });
        }
    });
    fault.into_inner().expect("all threads ended").map_or(Ok(()), Err)
}
