//! The custodian: takes the ledger's feeds in order and answers permitted requests in order. Owns its whole state.
//! Invariant: what a custodian signs depends on the ledger's order and the capsules alone, so a restarted one signs the
//! same; a request is evaluated once nothing that it hangs on is open (`ahead`), which need not be in order.
//! Must not know: pipes, files, the node.

use super::ahead::{AHEAD_MAX, Ahead, price};
use super::answer::{Refusal, Verdict};
use super::arguments::{Arguments, open_arguments};
use super::budget::{Meters, Moment, open_meter};
use super::capsules::{CapsuleFault, CapsuleStore};
use super::decide::{Decision, Sealed, Sealer, decide};
use super::envelope::{EnvelopeError, SealingSecret, capsule_id};
use super::erasures::Erasures;
use super::handles::HandleKey;
use super::library::{Library, Loaded};
use super::openings::{Given, OpeningMessage, Openings, Wanted};
use super::plan::{Allowance, Gathered, Hold, Sources, gather, inputs};
use super::protocol::{CAPSULES_MAX, CustodyOrder, CustodyReport};
use super::records::{Origin, Records};
use super::seat::{Seat, ShareShelf, Standing};
use crate::codec::{Encode as _, Writer};
use crate::crypto::{Digest, Keypair, PublicKey, Purpose};
use crate::custodians::CustodianSet;
use crate::genesis::Genesis;
use crate::state::feed::{CustodyFeed, FinalisedRequest, PermittedRequest};
use crate::transaction::{
    ATTESTATIONS_MAX, Attestation, CapsuleId, ChainId, CustodianId, DepartmentId, Destruction, Height, Payload,
    RecordId, SignedTransaction, Signer, Transaction, TransactionId, attested_bytes, destroyed_bytes,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Largest batch of attestations, in bytes; a transaction must stay below its own bound.
const BATCH_BYTES_MAX: usize = 160 * 1024;
/// How long an attestation may wait for a block.
const VALID_BLOCKS: u64 = 1_000;
/// Blocks after which a result that is not final yet is sent again.
pub(super) const RESEND_BLOCKS: u64 = 64;
/// Ticks without a block after which the same is done: an idle chain makes none.
const RESEND_TICKS: u32 = 5;
/// Lines of the audit log that may wait to be written.
const AUDIT_LINES_MAX: usize = 65_536;

/// A custodian's keys.
pub struct CustodianKeys {
    /// Its number in the register.
    pub id: CustodianId,
    /// Signs attestations.
    pub signing: Keypair,
    /// Its shares of the custody key.
    pub shares: Box<dyn ShareShelf>,
    /// Opens custody's index: handle keys and meters.
    pub index: SealingSecret,
    /// Opens what other custodians give.
    pub sealing: SealingSecret,
}

/// What the audit log says of one request; never about whom it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// The request.
    pub request: TransactionId,
    /// Its policy; empty where the custodian does not know the request.
    pub policy: String,
    /// Its purpose; empty likewise.
    pub purpose: String,
    /// What came of it.
    pub decision: String,
}

struct Open {
    request: Arc<PermittedRequest>,
    /// The result and the height at which it was last sent, once evaluated.
    attested: Option<(Attestation, Height)>,
    /// Records that its evaluation wrote ahead of the ledger.
    written: Vec<RecordId>,
    /// What it waits for others to open.
    lacks: Vec<Wanted>,
    /// Whether other custodians are asked for what they gave for it.
    asking: bool,
}

/// A custodian.
pub struct Custodian<C: CapsuleStore> {
    keys: CustodianKeys,
    genesis: Genesis,
    chain: ChainId,
    handle_keys: BTreeMap<String, HandleKey>,
    departments: BTreeMap<String, DepartmentId>,
    library: Library,
    records: Records,
    capsules: C,
    meters: Meters,
    erasures: Erasures,
    seat: Seat,
    openings: Openings,
    open: BTreeMap<u64, Open>,
    height: Height,
    caught_up: bool,
    /// Capsules last asked for, and the height then: asked for again only with the next block.
    wanted: (Vec<CapsuleId>, Height),
    /// Ticks since results were last sent again or a block came.
    ticks: u32,
    /// Whether what was given for those that wait is to be sent again now.
    nudge: bool,
    audit: VecDeque<AuditLine>,
}

impl<C: CapsuleStore> Custodian<C> {
    /// A custodian at height 0. Errors if the genesis' handle keys do not open with its index key, or a share cannot be
    /// read.
    pub fn new(genesis: Genesis, keys: CustodianKeys, capsules: C) -> Result<Self, EnvelopeError> {
        let (mut handle_keys, mut departments) = (BTreeMap::new(), BTreeMap::new());
        for department in &genesis.departments {
            let key = HandleKey::open(&keys.index, department.id, &department.handle_key_sealed)?;
            handle_keys.insert(department.name.clone(), key);
            departments.insert(department.name.clone(), department.id);
        }
        let chain = genesis.chain_id();
        let seat = Seat::take(&genesis, CustodianSet::founding(&genesis), &keys);
        let (seat, openings) = seat.map_err(|_| EnvelopeError::Malformed)?;
        Ok(Self {
            keys,
            genesis,
            chain,
            handle_keys,
            departments,
            library: Library::default(),
            records: Records::default(),
            capsules,
            meters: Meters::default(),
            erasures: Erasures::default(),
            seat,
            openings,
            open: BTreeMap::new(),
            height: Height(0),
            caught_up: false,
            wanted: (Vec::new(), Height(0)),
            ticks: 0,
            nudge: false,
            audit: VecDeque::new(),
        })
    }

    /// Takes one order. Errors if the capsule store fails: the process must end then.
    pub fn handle(&mut self, order: CustodyOrder) -> Result<Vec<CustodyReport>, CapsuleFault> {
        match order {
            CustodyOrder::Feed(feed) => {
                self.feed(feed)?;
                self.proceed()
            }
            CustodyOrder::CaughtUp => {
                self.caught_up = true;
                self.wipe_earlier_shares()?;
                self.ask_others();
                self.proceed()
            }
            CustodyOrder::Tick => {
                self.wanted = (Vec::new(), Height(0));
                self.ticks = self.ticks.saturating_add(1);
                self.ask_others();
                self.proceed()
            }
            CustodyOrder::Capsules(capsules) => {
                // A capsule is what its id says, whoever sent it.
                let whole: Vec<_> = capsules.into_iter().filter(|(id, bytes)| capsule_id(bytes) == *id).collect();
                self.capsules.put(&whole)?;
                self.proceed()
            }
            CustodyOrder::Opening { from, message } => self.opening(from, &message),
            CustodyOrder::Want { capsules, from } => {
                let mut held = Vec::new();
                for id in capsules {
                    held.extend(self.capsules.get(id)?.map(|bytes| (id, bytes)));
                }
                Ok(if held.is_empty() { vec![] } else { vec![CustodyReport::Have { to: from, capsules: held }] })
            }
        }
    }

    /// Lines of the audit log since the last call.
    pub fn take_audit(&mut self) -> Vec<AuditLine> {
        self.audit.drain(..).collect()
    }

    /// How it stands to the present custodians.
    pub fn standing(&self) -> Standing {
        self.seat.standing
    }

    fn feed(&mut self, feed: CustodyFeed) -> Result<(), CapsuleFault> {
        if feed.height <= self.height {
            return Ok(());
        }
        self.height = feed.height;
        self.ticks = 0;
        for module in &feed.modules {
            self.library.activate(module, feed.height);
        }
        for (index, (id, record)) in (0..).zip(&feed.records) {
            self.records.file(*id, record, Origin::Submitted(feed.height), index);
        }
        for request in feed.requests {
            let request = Arc::new(request);
            let open = Open { request, attested: None, written: Vec::new(), lacks: Vec::new(), asking: false };
            self.open.insert(open.request.sequence, open);
        }
        for finalised in &feed.finalised {
            self.finalise(finalised);
        }
        for id in &feed.expired {
            self.expire(*id);
        }
        for erased in &feed.erased {
            self.records.erase(erased.record, erased.sequence);
        }
        self.erasures.feed(&feed.erased, &feed.destroyed, self.keys.id);
        if let Some(set) = feed.custodians {
            self.follow(set)?;
        }
        self.meters.prune(feed.day);
        self.openings.prune(feed.height);
        Ok(())
    }

    /// Others keep custody from now on, this one perhaps among them: whatever is not final begins anew, with other shares.
    /// What was attested is evaluated again too, because newcomers need everybody's part in it.
    fn follow(&mut self, set: CustodianSet) -> Result<(), CapsuleFault> {
        (self.seat, self.openings) = Seat::take(&self.genesis, set, &self.keys)?;
        for open in self.open.values_mut() {
            open.lacks.clear();
            open.attested = None;
            open.asking = true;
        }
        self.wipe_earlier_shares()
    }

    /// Only once all that the ledger has is known: a later epoch's share may be waiting for its turn.
    fn wipe_earlier_shares(&mut self) -> Result<(), CapsuleFault> {
        if self.caught_up && self.seat.is_taken() {
            self.keys.shares.wipe_before(self.seat.set.epoch)?;
        }
        Ok(())
    }

    /// Takes what another custodian gives; answers with this one's part if that is asked for.
    fn opening(&mut self, from: PublicKey, message: &OpeningMessage) -> Result<Vec<CustodyReport>, CapsuleFault> {
        // What is not for this custodian, or by nobody, changes nothing.
        let Ok(asked) = self.openings.receive(message, from, self.height) else { return Ok(Vec::new()) };
        // One that is slower asks early, and is answered once this one has come so far; anything else is refused.
        let pending = |id: &TransactionId| self.open.values().any(|o| o.request.id == *id && o.attested.is_none());
        let refused: Vec<TransactionId> = asked.beyond.into_iter().filter(|id| !pending(id)).collect();
        for request in refused {
            let decision = format!("opens nothing for custodian {}: not given for this request", message.from.0);
            self.line(AuditLine { request, policy: String::new(), purpose: String::new(), decision });
        }
        let mut reports = self.proceed()?;
        let answers = self.openings.answers(&asked.given, message.from);
        reports.extend(answers.into_iter().map(|message| CustodyReport::Opening { to: Some(from), message }));
        Ok(reports)
    }

    /// The ledger's word on a request: what it wrote takes the place of what this custodian had written ahead.
    fn finalise(&mut self, finalised: &FinalisedRequest) {
        let Some(open) = self.open.remove(&finalised.sequence) else { return };
        let digest = finalised.result.digest(finalised.id);
        let own = open.attested.as_ref().map(|(attestation, _)| attestation.digest);
        if own.is_some_and(|own| own != digest) {
            // t custodians agree on something else: this one, or they, are at fault. A person must look.
            self.log(&open.request, "diverged from the final result".to_owned());
        }
        if own != Some(digest) {
            for id in open.written {
                self.records.unfile(id);
            }
            for (index, record) in (0..).zip(&finalised.result.writes) {
                let origin = Origin::Written(open.request.height, finalised.sequence);
                self.records.file(record.id(), record, origin, index);
            }
        }
        self.openings.forget(finalised.id, self.height);
        let charges = open_meter(&self.keys.index, self.chain, finalised.id, &finalised.result.meter);
        let moment = Moment { sequence: finalised.sequence, day: open.request.day };
        self.meters.settle(open.request.asker, moment, &charges.unwrap_or_default());
    }

    fn expire(&mut self, id: TransactionId) {
        let found = self.open.iter().find(|(_, open)| open.request.id == id).map(|(sequence, _)| *sequence);
        if let Some(open) = found.and_then(|sequence| self.open.remove(&sequence)) {
            self.openings.forget(id, self.height);
            self.meters.forget(open.request.asker, open.request.sequence);
        }
    }

    /// Evaluates what can be evaluated and reports it, if this custodian has a seat and knows all that the ledger has.
    fn proceed(&mut self) -> Result<Vec<CustodyReport>, CapsuleFault> {
        if !self.caught_up || !self.seat.is_taken() {
            return Ok(Vec::new());
        }
        let (mut reports, mut attestations) = (Vec::new(), Vec::new());
        let (mut given, mut lacking) = (Vec::new(), BTreeSet::new());
        let mut ahead = Ahead::default();
        for sequence in self.waiting() {
            match self.evaluate_together(sequence, &ahead, &mut given) {
                Ok(attestation) => {
                    attestations.push(self.first_sent(sequence, attestation));
                    continue;
                }
                Err(Hold::Fault(fault)) => return Err(fault),
                Err(Hold::Capsules(capsules)) => lacking.extend(capsules),
                Err(Hold::Unsettled | Hold::Openings | Hold::Refused(..)) => {}
            }
            let Some(open) = self.open.get(&sequence) else { continue };
            if let Some(loaded) = self.loaded(&open.request) {
                ahead.add(&loaded, open.request.asker);
            }
        }
        self.tell(given, &mut reports);
        let wanted = (lacking.into_iter().take(CAPSULES_MAX).collect::<Vec<_>>(), self.height);
        if wanted != self.wanted && !wanted.0.is_empty() {
            self.wanted = wanted;
            reports.push(CustodyReport::Want(self.wanted.0.clone()));
        }
        let idle = self.ticks >= RESEND_TICKS;
        if idle {
            self.ticks = 0;
        }
        let destroyed = self.destroy(idle)?;
        if !destroyed.is_empty() {
            reports.push(CustodyReport::Transaction(self.transaction(Payload::Destroyed { records: destroyed })));
        }
        attestations.extend(self.due_again(idle));
        for attestations in batches(attestations) {
            reports.push(CustodyReport::Transaction(self.transaction(Payload::Attest { attestations })));
        }
        Ok(reports)
    }

    /// Destroys capsules of erased records that no request under way sees any more, and says so.
    fn destroy(&mut self, idle: bool) -> Result<Vec<Destruction>, CapsuleFault> {
        let due = self.erasures.due(self.open.keys().next().copied(), self.height, idle);
        let mut said = Vec::with_capacity(due.len());
        for record in due {
            let Some(capsule) = self.records.get(record).map(|record| record.capsule) else { continue };
            self.capsules.erase(capsule)?;
            let bytes = destroyed_bytes(self.chain, record, capsule);
            said.push(Destruction { record, signature: self.keys.signing.sign(Purpose::Erasure, &bytes) });
        }
        Ok(said)
    }

    /// The first requests that are not evaluated yet, in order.
    fn waiting(&self) -> Vec<u64> {
        let waiting = self.open.iter().filter(|(_, open)| open.attested.is_none()).map(|(sequence, _)| *sequence);
        waiting.take(AHEAD_MAX).collect()
    }

    /// Tells the others what is given. What is new goes out at once, what was given before only when time has passed:
    /// messages never answer messages.
    fn tell(&mut self, given: Vec<Given>, reports: &mut Vec<CustodyReport>) {
        let nudge = std::mem::take(&mut self.nudge);
        if given.is_empty() && !nudge {
            return;
        }
        let asking: BTreeSet<TransactionId> = self.open.values().filter(|o| o.asking).map(|o| o.request.id).collect();
        let (asked, plain): (Vec<Given>, Vec<Given>) = given.into_iter().partition(|g| asking.contains(&g.request()));
        let mut messages = self.openings.messages(&plain, false, nudge);
        messages.extend(self.openings.messages(&asked, true, nudge));
        if nudge {
            let waiting = self.waiting().into_iter().filter_map(|sequence| self.open.get(&sequence));
            let again: Vec<Given> = waiting.flat_map(|open| self.openings.given(open.request.id)).collect();
            messages.extend(self.openings.messages(&again, true, true));
        }
        reports.extend(messages.into_iter().map(|(to, message)| CustodyReport::Opening { to, message }));
    }

    /// An attestation as it is first sent. Of n custodians with threshold t, n − t + 1 bring the result along: any t that
    /// agree have one of them among them. Sent again, every custodian brings it.
    fn first_sent(&self, sequence: u64, attestation: Attestation) -> Attestation {
        let set = &self.seat.set;
        let all = set.custodians.len() as u64;
        let carriers = all.saturating_sub(u64::from(set.threshold)) + 1;
        let own = set.custodians.iter().take_while(|c| c.id != self.keys.id).count() as u64;
        let brings = (sequence % all.max(1) + own) % all.max(1) < carriers;
        Attestation { result: attestation.result.filter(|_| brings), ..attestation }
    }

    /// Results that the ledger has not made final for long, to be sent again.
    fn due_again(&mut self, idle: bool) -> Vec<Attestation> {
        let now = self.height;
        let mut due = Vec::new();
        for open in self.open.values_mut() {
            if let Some((attestation, sent)) = &mut open.attested
                && (idle || now.0 >= sent.0.saturating_add(RESEND_BLOCKS))
            {
                *sent = now;
                due.push(attestation.clone());
            }
        }
        due
    }

    /// What others gave may have been lost on the way, or before this custodian was started: whatever is pending asks for it
    /// from now on.
    fn ask_others(&mut self) {
        self.nudge = true;
        self.open.values_mut().filter(|open| open.attested.is_none()).for_each(|open| open.asking = true);
    }

    /// Evaluates a request as far as custodians have opened what it comes to, giving this one's part of each.
    fn evaluate_together(&mut self, sequence: u64, ahead: &Ahead, given: &mut Vec<Given>) -> Result<Attestation, Hold> {
        let request = match self.open.get(&sequence) {
            Some(open) => open.request.clone(),
            None => return Err(Hold::Unsettled),
        };
        loop {
            let mut lacks =
                self.open.get_mut(&sequence).map(|open| std::mem::take(&mut open.lacks)).unwrap_or_default();
            for custodian in self.openings.advance(&request, &mut lacks) {
                self.log(&request, format!("wrong opening by custodian {}", custodian.0));
            }
            let mut waits = !lacks.is_empty();
            if !waits {
                let done = self.evaluate(&request, ahead);
                let Err(Hold::Openings) = done else { return done };
                let fresh;
                (lacks, fresh) = self.openings.give();
                given.extend(fresh);
                waits = lacks.is_empty();
            }
            // Others' parts of what it lacks now may have come already: another turn tells.
            if let Some(open) = self.open.get_mut(&sequence) {
                open.lacks = lacks;
            }
            if waits {
                return Err(Hold::Openings);
            }
        }
    }

    fn loaded(&self, request: &PermittedRequest) -> Option<Arc<Loaded>> {
        self.library.policy(request.module, request.version, &request.request.policy)
    }

    fn evaluate(&mut self, request: &PermittedRequest, ahead: &Ahead) -> Result<Attestation, Hold> {
        self.openings.begin(request);
        let loaded = self.loaded(request);
        let arguments = open_arguments(&self.openings, self.chain, request.asker, &request.request);
        if loaded.is_some() && arguments.as_ref().err() == Some(&EnvelopeError::Waiting) {
            return Err(Hold::Openings);
        }
        if loaded.as_ref().is_some_and(|loaded| ahead.may_change(loaded)) {
            return Err(Hold::Unsettled);
        }
        let mut contested = Vec::new();
        let decision = match (&loaded, &arguments) {
            (None, _) => Decision::refused(Refusal::NoSuchPolicy, Vec::new()),
            (_, Err(fault)) => Decision::refused(Refusal::Arguments(fault.to_string()), Vec::new()),
            (Some(loaded), Ok(arguments)) => match self.gather(loaded, request, arguments, ahead) {
                Ok(gathered) => {
                    contested.clone_from(&gathered.contested);
                    decide(loaded, &gathered)
                }
                Err(Hold::Refused(refusal, charges)) => Decision::refused(refusal, charges),
                Err(hold) => return Err(hold),
            },
        };
        let word = match &decision.verdict {
            Verdict::Decided { .. } => "decided",
            Verdict::Refused(refusal) => refusal.word(),
        };
        let charges = decision.charges.clone();
        let sealer = Sealer { genesis: &self.genesis, chain: self.chain, handle_keys: &self.handle_keys };
        // Sealing fails only for a department key of low order, which the genesis file is at fault for.
        let Ok(sealed) = sealer.seal(request, loaded.as_deref(), arguments.as_ref().ok(), decision) else {
            return Err(Hold::Unsettled);
        };
        self.log(request, word.to_owned());
        for id in contested {
            self.log(request, format!("contested record {id}"));
        }
        let moment = Moment { sequence: request.sequence, day: request.day };
        self.meters.charge(request.asker, moment, &charges);
        self.attest(request, sealed)
    }

    fn gather(
        &self,
        loaded: &Loaded,
        request: &PermittedRequest,
        arguments: &Arguments,
        ahead: &Ahead,
    ) -> Result<Gathered, Hold> {
        let policy = &loaded.policy;
        let inputs = inputs(loaded, arguments).map_err(|what| Hold::Refused(Refusal::Arguments(what), Vec::new()))?;
        let asker = self.genesis.department(request.asker).map_or("", |d| d.name.as_str());
        let question = &request.request;
        let allowance = Allowance {
            limits: self.library.limit(policy, request.height, asker, question.exchange, &question.purpose),
            price: price(loaded),
            ahead: ahead.charges(request.asker),
        };
        let sources = Sources {
            chain: self.chain,
            opener: &self.openings,
            handle_keys: &self.handle_keys,
            departments: &self.departments,
            library: &self.library,
            records: &self.records,
            capsules: &self.capsules,
            meters: &self.meters,
        };
        gather(&sources, loaded, request, &inputs, allowance)
    }

    /// Signs a result; what it writes is seen by later requests from now on.
    fn attest(&mut self, request: &PermittedRequest, sealed: Sealed) -> Result<Attestation, Hold> {
        let Sealed { result, capsules } = sealed;
        let held: Vec<(CapsuleId, Vec<u8>)> = capsules.into_iter().map(|bytes| (capsule_id(&bytes), bytes)).collect();
        if !held.is_empty() {
            self.capsules.put(&held)?;
        }
        let mut written = Vec::new();
        for (index, record) in (0..).zip(&result.writes) {
            let id = record.id();
            self.records.file(id, record, Origin::Written(request.height, request.sequence), index);
            written.push(id);
        }
        let digest = result.digest(request.id);
        let bytes = attested_bytes(self.chain, request.id, digest);
        let signature = self.keys.signing.sign(Purpose::Attestation, &bytes);
        let attestation = Attestation { request: request.id, digest, signature, result: Some(result) };
        if let Some(open) = self.open.get_mut(&request.sequence) {
            open.attested = Some((attestation.clone(), self.height));
            open.written = written;
        }
        Ok(attestation)
    }

    fn transaction(&self, payload: Payload) -> SignedTransaction {
        let mut out = Writer::default();
        out.u16(self.keys.id.0);
        self.height.encode(&mut out);
        payload.encode(&mut out);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&Digest::of("guiju/1/custody/nonce", &out.into_bytes()).0[..16]);
        let sender = Signer::Custodian(self.keys.id);
        let valid_until = Height(self.height.0.saturating_add(VALID_BLOCKS));
        let body = Transaction { chain: self.chain, sender, nonce, valid_until, payload };
        SignedTransaction::sign(body, &[(sender, &self.keys.signing)])
    }

    fn log(&mut self, request: &PermittedRequest, decision: String) {
        let question = &request.request;
        let (policy, purpose) = (question.policy.clone(), question.purpose.clone());
        self.line(AuditLine { request: request.id, policy, purpose, decision });
    }

    fn line(&mut self, line: AuditLine) {
        if self.audit.len() < AUDIT_LINES_MAX {
            self.audit.push_back(line);
        }
    }
}

/// Attestations in transactions of bounded size.
fn batches(attestations: Vec<Attestation>) -> Vec<Vec<Attestation>> {
    let mut batches: Vec<Vec<Attestation>> = Vec::new();
    let mut size = 0;
    for attestation in attestations {
        let bytes = attestation.to_bytes().len();
        let full = batches.last().is_none_or(|b| b.len() >= ATTESTATIONS_MAX || size + bytes > BATCH_BYTES_MAX);
        if full {
            batches.push(Vec::new());
            size = 0;
        }
        size += bytes;
        if let Some(batch) = batches.last_mut() {
            batch.push(attestation);
        }
    }
    batches
}
