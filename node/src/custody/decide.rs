//! From gathered evidence to a sealed result. Owns what leaves of an evaluation, and the records a contract writes.
//! Invariant: equal requests over equal evidence give equal bytes on every custodian, because everything random derives
//! from the request's secret; a refusal has the shape of an answer. Must not know: order, budgets, where records lie.

use super::answer::{Answer, OutcomeLine, Refusal, Verdict, seal_answer};
use super::arguments::Arguments;
use super::budget::{Charge, seal_meter};
use super::envelope::{EnvelopeError, RecordDraft, Use, pad, seal_record, seal_to};
use super::handles::{HandleKey, handles_of};
use super::library::Loaded;
use super::plan::Gathered;
use crate::audit::{AuditCopy, audit_binding};
use crate::codec::{Decode as _, Encode as _, Writer};
use crate::genesis::Genesis;
use crate::state::feed::PermittedRequest;
use crate::transaction::{ChainId, SealedRecord, SealedResult, WRITES_MAX};
use guiju_compiler::explain::explain;
use guiju_compiler::package::{CitationText, Policy, Write, WriteTerm};
use guiju_runtime::canonical;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::evaluate::Evaluation;
use guiju_runtime::frame::Interner;
use guiju_runtime::value::{Fact, Type, Value};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeMap;

/// Audit copies are padded to the next multiple of this many bytes.
const AUDIT_CLASS: usize = 1024;

/// Largest result: one must fit a transaction beside the batch it begins.
const RESULT_BYTES_MAX: usize = 160 * 1024;

/// What a request comes to.
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    pub(super) charges: Vec<Charge>,
    /// Records to write, not yet sealed.
    pub(super) drafts: Vec<Draft>,
}

/// A record to write.
pub(super) struct Draft {
    write: Write,
    supersedes: Option<crate::transaction::RecordId>,
    content: Value,
}

/// A sealed result with the capsules of the records it writes.
pub(super) struct Sealed {
    pub(super) result: SealedResult,
    pub(super) capsules: Vec<Vec<u8>>,
}

impl Decision {
    /// A refusal.
    pub(super) fn refused(refusal: Refusal, charges: Vec<Charge>) -> Self {
        Self { verdict: Verdict::Refused(refusal), charges, drafts: Vec::new() }
    }
}

/// Evaluates a policy on its evidence.
pub(super) fn decide(loaded: &Loaded, gathered: &Gathered) -> Decision {
    let policy = &loaded.policy;
    let evaluation = loaded.run(&gathered.frame);
    let charges = gathered.charges.clone();
    let drafts = match drafts(policy, &evaluation, gathered) {
        Ok(drafts) => drafts,
        Err(what) => return Decision::refused(Refusal::Write(what), charges),
    };
    let explanation = explain(policy, gathered.frame.words(), &evaluation);
    let (mut outcomes, mut missing) = (Vec::new(), Vec::new());
    for release in &policy.releases {
        let Some(outcome) = explanation.outcomes.get(release.outcome) else { continue };
        let shown = |text: Option<String>| text.filter(|_| release.reasons);
        outcomes.push(OutcomeLine {
            name: outcome.name.clone(),
            value: outcome.value.clone(),
            reason: shown(outcome.reason.clone()),
            citation: shown(outcome.citation.as_ref().map(cited)),
        });
        if release.missing {
            missing.extend(outcome.missing.iter().cloned());
        }
    }
    missing.sort_unstable();
    missing.dedup();
    let writes = u16::try_from(drafts.len()).unwrap_or(u16::MAX);
    Decision { verdict: Verdict::Decided { outcomes, missing, writes }, charges, drafts }
}

fn cited(citation: &CitationText) -> String {
    format!("{} {}", citation.source, citation.article).trim_end().to_owned()
}

fn drafts(policy: &Policy, evaluation: &Evaluation, gathered: &Gathered) -> Result<Vec<Draft>, String> {
    let mut drafts = Vec::new();
    for write in &policy.writes {
        let outcome = policy.outcomes.get(write.outcome);
        let decided = outcome.and_then(|o| evaluation.outputs.get(o.output)).and_then(|s| s.get());
        if decided != Some(i64::from(write.value)) {
            continue;
        }
        let old = write.supersedes.and_then(|index| gathered.found.get(index)?.as_ref());
        if write.supersedes.is_some() && old.is_none() {
            return Err(format!("{}: 没有可取代的记录 / no record to supersede", write.schema.name));
        }
        let fields = &write.schema.group.fields;
        let mut facts = match old {
            Some((_, Value::Group(facts))) if write.rest_kept => facts.clone(),
            _ => vec![Fact::Absent; fields.len()],
        };
        for (index, term) in &write.fields {
            let (Some(fact), Some(field)) = (facts.get_mut(*index), fields.get(*index)) else {
                return Err(write.schema.name.clone());
            };
            *fact = fact_of(&field.ty, term, evaluation, &gathered.interner)
                .ok_or_else(|| format!("{}.{}", write.schema.name, field.name))?;
        }
        let supersedes = old.map(|(id, _)| *id);
        drafts.push(Draft { write: write.clone(), supersedes, content: Value::Group(facts) });
    }
    if drafts.len() > WRITES_MAX {
        return Err(format!("写入过多 / more than {WRITES_MAX} writes"));
    }
    Ok(drafts)
}

fn fact_of(ty: &Type, term: &WriteTerm, evaluation: &Evaluation, interner: &Interner) -> Option<Fact> {
    Some(match (term, ty) {
        (WriteTerm::Absent, _) => Fact::Absent,
        (WriteTerm::Output(index), _) => {
            let scalar = evaluation.outputs.get(*index)?;
            match scalar.get() {
                Some(word) => Fact::Known(value_of(ty, word, interner)?),
                None if scalar.state == guiju_runtime::evaluate::ABSENT => Fact::Absent,
                None => return None,
            }
        }
        (WriteTerm::Group(terms), Type::Group(group)) => {
            let mut facts = vec![Fact::Absent; group.fields.len()];
            for (index, term) in terms {
                let field = group.fields.get(*index)?;
                *facts.get_mut(*index)? = fact_of(&field.ty, term, evaluation, interner)?;
            }
            Fact::Known(Value::Group(facts))
        }
        (WriteTerm::List(terms), Type::List { element, .. }) => {
            let values = terms.iter().map(|term| match fact_of(element, term, evaluation, interner)? {
                Fact::Known(value) => Some(value),
                Fact::Absent | Fact::Unknown => None,
            });
            Fact::Known(Value::List(values.collect::<Option<_>>()?))
        }
        _ => return None,
    })
}

fn value_of(ty: &Type, word: i64, interner: &Interner) -> Option<Value> {
    Some(match ty {
        Type::Boolean => Value::Boolean(word == 1),
        Type::Integer { .. } | Type::Decimal { .. } | Type::Money { .. } => Value::Integer(word),
        Type::Date => Value::Date(Date::from_days(word)?),
        Type::Month => Value::Month(YearMonth::from_index(word)?),
        Type::Text { .. } | Type::Identifier(_) => Value::Text(interner.text(word)?.to_owned()),
        Type::Enum(_) => Value::Enum(u16::try_from(word).ok()?),
        Type::Group(_) | Type::List { .. } => return None,
    })
}

/// Who seals, for which chain.
pub(super) struct Sealer<'a> {
    pub(super) genesis: &'a Genesis,
    pub(super) chain: ChainId,
    pub(super) handle_keys: &'a BTreeMap<String, HandleKey>,
}

impl Sealer<'_> {
    /// Seals a decision: the answer to the asker, the charges to custody, a copy to the auditor, each record to custody.
    /// A result that no transaction could carry becomes a refusal: it would hold up every later contract.
    pub(super) fn seal(
        &self,
        request: &PermittedRequest,
        loaded: Option<&Loaded>,
        arguments: Option<&Arguments>,
        decision: Decision,
    ) -> Result<Sealed, EnvelopeError> {
        let charges = decision.charges.clone();
        // Inputs that do not fit the policy's types are bounded by nothing an auditor's reader would accept.
        let misfit = matches!(decision.verdict, Verdict::Refused(Refusal::Arguments(_) | Refusal::NoSuchPolicy));
        let inputs = arguments.filter(|_| !misfit).map(|a| a.inputs.clone()).unwrap_or_default();
        let secret = arguments.map_or([0; 32], |a| *a.secret);
        let sealed = self.seal_whole(request, loaded, &secret, inputs, decision)?;
        // What cannot be read back could never be final, and every later contract would wait for it.
        let bytes = sealed.result.to_bytes();
        if bytes.len() <= RESULT_BYTES_MAX && SealedResult::from_bytes(&bytes).is_ok() {
            return Ok(sealed);
        }
        let refusal = Refusal::Write("结果过大 / the result is too large".to_owned());
        self.seal_whole(request, loaded, &secret, Vec::new(), Decision::refused(refusal, charges))
    }

    fn seal_whole(
        &self,
        request: &PermittedRequest,
        loaded: Option<&Loaded>,
        secret: &[u8; 32],
        inputs: Vec<(String, serde_json::Value)>,
        decision: Decision,
    ) -> Result<Sealed, EnvelopeError> {
        let Some(asker) = self.genesis.department(request.asker) else { return Err(EnvelopeError::BadRecipient) };
        let (policy, version) = (request.request.policy.clone(), request.version);
        let rng = |index: u32| self.rng(secret, request, index);
        let mut result =
            SealedResult { module: request.module, version, as_of: request.as_of, ..SealedResult::default() };
        let mut capsules = Vec::new();
        let mut verdict = decision.verdict;
        for (index, draft) in (16..).zip(&decision.drafts) {
            match self.write(&mut rng(index), loaded, draft) {
                Ok((record, capsule)) => {
                    result.writes.push(record);
                    capsules.push(capsule);
                }
                Err(what) => {
                    (verdict, result.writes, capsules) = (Verdict::Refused(Refusal::Write(what)), vec![], vec![]);
                    break;
                }
            }
        }
        let copy = AuditCopy {
            policy: policy.clone(),
            version,
            inputs,
            outcomes: plain(&verdict),
            persons: u32::try_from(decision.charges.len()).unwrap_or(u32::MAX),
            millibits: decision.charges.iter().map(|charge| u64::from(charge.millibits)).sum(),
        };
        let answer =
            Answer { policy, version, as_of: request.as_of, height: request.height, day: request.day, verdict };
        (result.answer_key, result.answer) =
            seal_answer(&mut rng(0), self.chain, request.id, (asker.id, &asker.sealing_key), &answer)?;
        result.meter = seal_meter(&mut rng(1), self.chain, request.id, &self.genesis.index_key, &decision.charges)?;
        let padded = pad(&copy.to_bytes(), AUDIT_CLASS);
        let binding = audit_binding(self.chain, request.id);
        (result.audit_key, result.audit) =
            seal_to(&mut rng(2), &self.genesis.auditor_key, Use::Audit, &binding, &padded)?;
        Ok(Sealed { result, capsules })
    }

    fn write(
        &self,
        rng: &mut ChaCha20Rng,
        loaded: Option<&Loaded>,
        draft: &Draft,
    ) -> Result<(SealedRecord, Vec<u8>), String> {
        let schema = &draft.write.schema;
        let named = |what: &str| format!("{}: {what}", schema.name);
        let owner = self.genesis.department_named(&schema.owner).ok_or_else(|| named("owner"))?;
        let key = self.handle_keys.get(&schema.owner).ok_or_else(|| named("handle key"))?;
        let standard = loaded.and_then(|l| l.standards.get(&schema.module)).ok_or_else(|| named("standard"))?;
        let ty = Type::Group(schema.group.clone());
        let fact = Fact::Known(draft.content.clone());
        let plaintext = canonical::encode(&ty, &fact).map_err(|misfit| named(&misfit.to_string()))?;
        let record = RecordDraft {
            owner: owner.id,
            schema: &schema.name,
            standard: *standard,
            handles: handles_of(key, schema, &draft.content),
            supersedes: draft.supersedes,
        };
        seal_record(rng, self.chain, &self.genesis.custody_key, record, &plaintext)
            .map_err(|fault| named(&fault.to_string()))
    }

    /// The randomness of one part of a result.
    fn rng(&self, secret: &[u8; 32], request: &PermittedRequest, index: u32) -> ChaCha20Rng {
        let mut out = Writer::default();
        out.raw(secret);
        self.chain.encode(&mut out);
        request.id.encode(&mut out);
        out.u32(index);
        ChaCha20Rng::from_seed(crate::crypto::Digest::of("guiju/1/custody/result-seed", &out.into_bytes()).0)
    }
}

/// Outcomes for the auditor.
fn plain(verdict: &Verdict) -> Vec<(String, String)> {
    match verdict {
        Verdict::Decided { outcomes, .. } => {
            outcomes.iter().map(|o| (o.name.clone(), o.value.clone().unwrap_or_else(|| "待定".to_owned()))).collect()
        }
        Verdict::Refused(refusal) => vec![("拒绝".to_owned(), refusal.word().to_owned())],
    }
}
