//! Finding and opening the evidence of one request, round by round. Owns the frame a policy runs on.
//! Invariant: no record is opened before the guard has let every person it is looked up by pass, and a record that does
//! not hold what its handles say is never used. Must not know: outcomes, sealing of results.

use super::answer::Refusal;
use super::arguments::Arguments;
use super::budget::{CHARGES_MAX, Charge, Limits, Meters, Moment, Ruling, SubjectTag};
use super::capsules::{CapsuleFault, CapsuleStore};
use super::envelope::{EnvelopeError, OpenCapsule, open_record};
use super::handles::{HandleKey, handle, handles_of};
use super::library::{Library, Loaded};
use super::records::{Place, Records, Viewpoint};
use crate::codec::{Encode as _, Writer};
use crate::crypto::Digest;
use crate::state::feed::PermittedRequest;
use crate::transaction::{CapsuleId, ChainId, DepartmentId, RecordId};
use guiju_compiler::interpret;
use guiju_compiler::package::{Evidence, KeyTerm};
use guiju_runtime::canonical;
use guiju_runtime::date::Date;
use guiju_runtime::evaluate::{ABSENT, KNOWN, Scalar};
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::json::fact_from_json;
use guiju_runtime::value::{Fact, IdentifierKind, Type, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What evidence-gathering works with.
pub(super) struct Sources<'a, C> {
    pub(super) chain: ChainId,
    pub(super) opener: &'a dyn OpenCapsule,
    /// Handle keys by the owner's name.
    pub(super) handle_keys: &'a BTreeMap<String, HandleKey>,
    /// Department numbers by name.
    pub(super) departments: &'a BTreeMap<String, DepartmentId>,
    pub(super) library: &'a Library,
    pub(super) records: &'a Records,
    pub(super) capsules: &'a C,
    pub(super) meters: &'a Meters,
}

/// The budget that applies to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// `None`: the clauses set no limit.
    pub(super) limits: Option<Limits>,
    /// What one answer can tell at most, in thousandths of a bit.
    pub(super) price: u32,
    /// What earlier requests of the asker that are not evaluated yet may add to any subject's meters, likewise.
    pub(super) ahead: u64,
}

/// Everything a policy runs on.
pub(super) struct Gathered {
    pub(super) frame: Frame,
    pub(super) interner: Interner,
    /// For each evidence binding: the record behind it and its content, where it is one known record.
    pub(super) found: Vec<Option<(RecordId, Value)>>,
    pub(super) charges: Vec<Charge>,
    /// Records that were found but cannot be used.
    pub(super) contested: Vec<RecordId>,
}

/// Why a request is not ready to be evaluated.
pub(super) enum Hold {
    /// These capsules are not here.
    Capsules(Vec<CapsuleId>),
    /// Too few custodians have opened what it needs.
    Openings,
    /// Earlier requests are not final, and the budget hangs on them.
    Unsettled,
    /// It will not be: the answer is a refusal.
    Refused(Refusal, Vec<Charge>),
    /// The store failed.
    Fault(CapsuleFault),
}

impl From<CapsuleFault> for Hold {
    fn from(fault: CapsuleFault) -> Self {
        Self::Fault(fault)
    }
}

/// Gathers the evidence of `request`, whose inputs are `inputs` in the policy's order.
pub(super) fn gather<C: CapsuleStore>(
    sources: &Sources<'_, C>,
    loaded: &Loaded,
    request: &PermittedRequest,
    inputs: &[Fact],
    allowance: Allowance,
) -> Result<Gathered, Hold> {
    let policy = &loaded.policy;
    let mut gathering = Gathering {
        sources,
        loaded,
        request,
        allowance,
        asked: asked(loaded, request, inputs),
        charged: BTreeSet::new(),
        gathered: Gathered {
            frame: Frame::new(&policy.layout),
            interner: Interner::new(&policy.program.literals),
            found: Vec::new(),
            charges: Vec::new(),
            contested: Vec::new(),
        },
    };
    let as_of = Date::from_days(i64::from(request.as_of)).map_or(Fact::Unknown, |d| Fact::Known(Value::Date(d)));
    gathering.put(0, &as_of)?;
    for (index, fact) in inputs.iter().enumerate() {
        gathering.put(index + 1, fact)?;
    }
    if policy.as_of.is_none() && request.as_of < request.day {
        return Err(Hold::Refused(Refusal::AsOfNotProved, Vec::new()));
    }
    for (index, evidence) in policy.evidence.iter().enumerate() {
        let fact = gathering.round(evidence)?;
        gathering.put(evidence.root, &fact)?;
        if let Some((_, path)) = policy.as_of.as_ref().filter(|(of, _)| *of == index)
            && request.as_of < request.day
            && date_at(&fact, path) != Some(request.as_of)
        {
            return Err(Hold::Refused(Refusal::AsOfNotProved, gathering.gathered.charges));
        }
    }
    Ok(gathering.gathered)
}

struct Gathering<'a, C> {
    sources: &'a Sources<'a, C>,
    loaded: &'a Loaded,
    request: &'a PermittedRequest,
    allowance: Allowance,
    /// Digest of the question and of everything looked up so far.
    asked: Digest,
    charged: BTreeSet<SubjectTag>,
    gathered: Gathered,
}

/// Subjects that a binding is looked up by; `None`: a key is not known.
type Subjects = Option<BTreeSet<String>>;

impl<C: CapsuleStore> Gathering<'_, C> {
    fn put(&mut self, root: usize, fact: &Fact) -> Result<(), Hold> {
        let gathered = &mut self.gathered;
        gathered
            .frame
            .put(&self.loaded.policy.layout, root, fact, &mut gathered.interner)
            .map_err(|fault| Hold::Refused(Refusal::Arguments(fault.to_string()), gathered.charges.clone()))
    }

    /// One binding: look up, pass the guard, open.
    fn round(&mut self, evidence: &Evidence) -> Result<Fact, Hold> {
        let from = Viewpoint { height: self.request.height, sequence: self.request.sequence };
        let subjects = self.subjects(evidence);
        let field = evidence.field.join(".");
        let Some(key) = self.sources.handle_keys.get(&evidence.schema.owner) else {
            self.gathered.found.push(None);
            return Ok(Fact::Unknown);
        };
        let schema = &evidence.schema;
        let owner = self.sources.departments.get(&schema.owner).copied();
        let mut found: BTreeSet<(Place, RecordId)> = BTreeSet::new();
        for (subject, owner) in subjects.iter().flatten().zip(std::iter::repeat(owner).flatten()) {
            let handle = handle(key, &schema.name, &field, subject);
            found.extend(self.sources.records.under(handle, owner, &schema.name, from));
        }
        // Newest last, whichever key it was found by.
        let mut ids: Vec<RecordId> = found.into_iter().map(|(_, id)| id).collect();
        if !evidence.all {
            ids.drain(..ids.len().saturating_sub(1));
        }
        self.note(evidence, &ids);
        self.guard(evidence, subjects.iter().flatten())?;
        let Some(subjects) = subjects else {
            self.gathered.found.push(None);
            return Ok(Fact::Unknown);
        };
        if !evidence.all && subjects.is_empty() {
            self.gathered.found.push(None);
            return Ok(Fact::Absent);
        }
        // More than the policy can take in: unknown, and not opened for nothing.
        if ids.len() > evidence.max as usize {
            self.gathered.found.push(None);
            return Ok(Fact::Unknown);
        }
        let values = self.open(evidence, key, &ids)?;
        let contested = values.len() < ids.len();
        Ok(self.fact(evidence, values, contested))
    }

    fn fact(&mut self, evidence: &Evidence, mut values: Vec<(RecordId, Value)>, contested: bool) -> Fact {
        let complete = evidence.schema.complete_from.is_some_and(|from| from.days() <= self.request.as_of);
        if evidence.all {
            self.gathered.found.push(None);
            if contested || !complete {
                return Fact::Unknown;
            }
            return Fact::Known(Value::List(values.into_iter().map(|(_, value)| value).collect()));
        }
        match (values.pop(), contested) {
            (Some((id, value)), false) => {
                self.gathered.found.push(Some((id, value.clone())));
                Fact::Known(value)
            }
            (None, false) if complete => {
                self.gathered.found.push(None);
                Fact::Absent
            }
            _ => {
                self.gathered.found.push(None);
                Fact::Unknown
            }
        }
    }

    fn subjects(&self, evidence: &Evidence) -> Subjects {
        let words = self.gathered.frame.words();
        let mut scalars: Vec<Scalar> = Vec::new();
        for key in &evidence.keys {
            match key {
                KeyTerm::One(expr) => {
                    scalars.push(interpret::run_expr(&self.loaded.policy.program, expr, words, &[]));
                }
                KeyTerm::Each { list, var, filter, value } => {
                    scalars.extend(interpret::run_each(list, *var, filter.as_ref(), value, words)?);
                }
            }
        }
        let mut subjects = BTreeSet::new();
        for scalar in scalars {
            match scalar.state {
                KNOWN => {
                    subjects.insert(self.gathered.interner.text(scalar.word)?.to_owned());
                }
                ABSENT => {}
                _ => return None,
            }
        }
        Some(subjects)
    }

    /// Adds what a round looked up to the question's digest: over unchanged records it stays the same.
    fn note(&mut self, evidence: &Evidence, ids: &[RecordId]) {
        let mut out = Writer::default();
        self.asked.encode(&mut out);
        out.text(&evidence.name);
        out.list(ids);
        self.asked = Digest::of("guiju/1/custody/question", &out.into_bytes());
    }

    /// Charges every person reached, before any record about them is opened.
    fn guard<'s>(&mut self, evidence: &Evidence, subjects: impl Iterator<Item = &'s String>) -> Result<(), Hold> {
        if !is_personal(evidence) {
            return Ok(());
        }
        let moment = Moment { sequence: self.request.sequence, day: self.request.day };
        let question = self.asked.0.first_chunk::<16>().copied().unwrap_or_default();
        for subject in subjects {
            let tag = tag(self.sources.chain, subject, self.sources.handle_keys);
            if !self.charged.insert(tag) {
                continue;
            }
            if self.gathered.charges.len() >= CHARGES_MAX {
                return Err(Hold::Refused(Refusal::BudgetExhausted, self.gathered.charges.clone()));
            }
            let charge = Charge { subject: tag, question, millibits: self.allowance.price };
            if let Some(limits) = self.allowance.limits {
                match self.sources.meters.rule(self.request.asker, moment, &charge, limits, self.allowance.ahead) {
                    Ruling::Within => {}
                    Ruling::Unsettled => return Err(Hold::Unsettled),
                    Ruling::Exhausted => {
                        return Err(Hold::Refused(Refusal::BudgetExhausted, self.gathered.charges.clone()));
                    }
                }
            }
            self.gathered.charges.push(charge);
        }
        Ok(())
    }

    /// Opens records, in order. One that does not open, does not fit its schema, or is filed under other handles than its
    /// content demands is contested: it is left out and remembered for the log.
    fn open(&mut self, evidence: &Evidence, key: &HandleKey, ids: &[RecordId]) -> Result<Vec<(RecordId, Value)>, Hold> {
        let (mut values, mut lacking, mut waiting) = (Vec::new(), Vec::new(), false);
        let ty = Type::Group(evidence.schema.group.clone());
        for id in ids {
            let Some(record) = self.sources.records.get(*id) else { continue };
            let Some(capsule) = self.sources.capsules.get(record.capsule)? else {
                lacking.push(record.capsule);
                continue;
            };
            // A record sealed under another data standard is readable only if that declared the type alike.
            let declared = self.sources.library.schema(record.standard, &record.schema);
            let alike = declared.is_some_and(|schema| schema.group == evidence.schema.group);
            let opened = open_record(self.sources.opener, self.sources.chain, record, &capsule);
            // All that the round needs is asked for together.
            if opened.as_ref().err() == Some(&EnvelopeError::Waiting) {
                waiting = true;
                continue;
            }
            match opened.ok().and_then(|plain| canonical::decode(&ty, &plain).ok()) {
                Some(Fact::Known(value)) if alike && handles_of(key, &evidence.schema, &value) == record.handles => {
                    values.push((*id, value));
                }
                _ => self.gathered.contested.push(*id),
            }
        }
        match (lacking.is_empty(), waiting) {
            (true, false) => Ok(values),
            (true, true) => Err(Hold::Openings),
            (false, _) => Err(Hold::Capsules(lacking)),
        }
    }
}

/// The inputs in the policy's order. Errors name the input at fault.
pub(super) fn inputs(loaded: &Loaded, arguments: &Arguments) -> Result<Vec<Fact>, String> {
    let policy = &loaded.policy;
    if let Some((name, _)) = arguments.inputs.iter().find(|(n, _)| !policy.inputs.iter().any(|(p, _)| p == n)) {
        return Err(format!("{name}: 策略没有这个输入 / the policy has no such input"));
    }
    let mut facts = Vec::new();
    for (index, (name, ty)) in policy.inputs.iter().enumerate() {
        let optional = policy.input_optional.get(index).copied().unwrap_or(false);
        let fact = match arguments.inputs.iter().find(|(n, _)| n == name) {
            Some((_, value)) => fact_from_json(ty, value).map_err(|fault| format!("{name}: {fault}"))?,
            None => Fact::Absent,
        };
        if fact == Fact::Absent && !optional {
            return Err(format!("{name}: 缺少输入 / the input is missing"));
        }
        facts.push(fact);
    }
    Ok(facts)
}

fn is_personal(evidence: &Evidence) -> bool {
    let mut ty = Type::Group(evidence.schema.group.clone());
    for name in &evidence.field {
        let group = match ty {
            Type::Group(group) => group,
            Type::List { element, .. } => match *element {
                Type::Group(group) => group,
                _ => return false,
            },
            _ => return false,
        };
        let Some(field) = group.fields.iter().find(|f| f.name == *name) else { return false };
        ty = field.ty.clone();
    }
    ty == Type::Identifier(IdentifierKind::CitizenId)
}

/// A subject's tag in the meters: keyed by all handle keys together, which only custodians have.
fn tag(chain: ChainId, subject: &str, keys: &BTreeMap<String, HandleKey>) -> SubjectTag {
    let mut out = Writer::default();
    chain.encode(&mut out);
    for key in keys.values() {
        out.raw(key.to_bytes().as_ref());
    }
    let key = Digest::of("guiju/1/custody/subject-key", &out.into_bytes());
    Digest::keyed(&key.0, "guiju/1/custody/subject", subject.as_bytes()).0
}

fn asked(loaded: &Loaded, request: &PermittedRequest, inputs: &[Fact]) -> Digest {
    let mut out = Writer::default();
    out.u16(request.asker.0);
    request.module.encode(&mut out);
    out.u32(request.version);
    out.text(&loaded.policy.name);
    out.i64(i64::from(request.as_of));
    for ((_, ty), input) in loaded.policy.inputs.iter().zip(inputs) {
        // Inputs were checked against their types, so they all encode.
        out.bytes(&canonical::encode(ty, input).unwrap_or_default());
    }
    Digest::of("guiju/1/custody/question", &out.into_bytes())
}

fn date_at(fact: &Fact, path: &[usize]) -> Option<i32> {
    let Fact::Known(value) = fact else { return None };
    match (value, path.split_first()) {
        (Value::Group(facts), Some((index, rest))) => date_at(facts.get(*index)?, rest),
        (Value::Date(date), None) => Some(date.days()),
        _ => None,
    }
}
