//! Custodians' results become final. Owns votes, candidates, the threshold and the order of contracts.
//! Invariant: one vote a custodian and request; contracts take effect strictly in the order of their sequence numbers; a
//! result takes effect once. Must not know: what is sealed in a result.

use super::backing::Backing;
use super::execute::Execution;
use super::overlay::Overlay;
use super::requests::{Pending, RequestState, RequestStatus, ResultSignatures, Vote};
use super::{keys, points, submission};
use crate::codec::Decode;
use crate::crypto::{Digest, Purpose, SUITE, Signature};
use crate::state::feed::FinalisedRequest;
use crate::transaction::{
    Attestation, CustodianId, Exchange, SealedRecord, SealedResult, TransactionId, attested_bytes,
};

/// Takes a custodian's attestations. Any wrong one makes the transaction invalid; those for requests already decided, and
/// second votes, are passed over, because custodians race.
pub(super) fn attest<B: Backing>(
    run: &mut Execution<'_, B>,
    custodian: CustodianId,
    attestations: &[Attestation],
) -> Result<(), String> {
    let key = run.ledger.custodians.get(custodian).map(|c| c.signing_key);
    let key = key.ok_or_else(|| "受托方未登记 / the custodian is not registered".to_owned())?;
    for attestation in attestations {
        let bytes = attested_bytes(run.ledger.chain, attestation.request, attestation.digest);
        if !key.verify(Purpose::Attestation, &bytes, &attestation.signature) {
            return Err("证明签名无效 / an attestation's signature does not verify".to_owned());
        }
        let status = run.state.read::<RequestStatus>(&keys::request(attestation.request));
        let status = status.ok_or_else(|| "没有这个请求 / there is no such request".to_owned())?;
        if let Some(result) = &attestation.result {
            if result.digest(attestation.request) != attestation.digest {
                return Err("结果与其摘要不符 / a result does not have its digest".to_owned());
            }
            check_policy(run, &status, result)?;
            check_writes(run, &status, result)?;
        }
    }
    for attestation in attestations {
        vote(run, custodian, attestation);
    }
    // Only now can nothing fail any more, so effects on the feed cannot outlive a dropped transaction.
    for attestation in attestations {
        if let Some(pending) = ready(run, attestation.request)
            && !pending.contract
        {
            finalise(run, attestation.request, pending);
        }
    }
    finalise_contracts(run);
    Ok(())
}

/// A result names the policy that decided: the one asked, in a version whose law is not after the block, and which reads
/// nothing that the gate did not judge.
fn check_policy<B: Backing>(
    run: &Execution<'_, B>,
    status: &RequestStatus,
    result: &SealedResult,
) -> Result<(), String> {
    let register = &run.ledger.register;
    let asked = register.version(status.module, &status.policy, status.version);
    let decided = register.version(result.module, &status.policy, result.version);
    let fits = asked.zip(decided).is_some_and(|(asked, decided)| {
        decided.exchange == status.exchange
            && result.as_of <= status.day
            && decided.covers(result.as_of)
            && decided.reads.iter().all(|read| asked.reads.contains(read))
    });
    if fits { Ok(()) } else { Err("结果所用策略不符 / the result is of another policy".to_owned()) }
}

/// Only a contract writes, and only types that its policy declares and whose owners approved its module.
fn check_writes<B: Backing>(
    run: &Execution<'_, B>,
    status: &RequestStatus,
    result: &SealedResult,
) -> Result<(), String> {
    if status.exchange != Exchange::Contract {
        return if result.writes.is_empty() {
            Ok(())
        } else {
            Err("非合约不得写入 / only a contract writes".to_owned())
        };
    }
    for record in &result.writes {
        let owner = run.ledger.genesis.department(record.owner).map(|d| d.name.as_str()).unwrap_or_default();
        if record.suite != SUITE || !run.ledger.register.may_write(status.module, &record.schema, owner) {
            return Err(format!(
                "合约无权写入证书“{}” / the contract may not write certificate type {}",
                record.schema, record.schema
            ));
        }
    }
    Ok(())
}

fn vote<B: Backing>(run: &mut Execution<'_, B>, custodian: CustodianId, attestation: &Attestation) {
    let id = attestation.request;
    // What is settled waits for its turn only, and keeps the signatures that settled it.
    if run.state.read::<Pending>(&keys::pending(id)).is_none_or(|pending| pending.ready.is_some()) {
        return;
    }
    let (key, epoch) = (keys::vote(id, custodian), run.ledger.custodians.epoch);
    match run.state.read::<Vote>(&key).filter(|earlier| earlier.epoch == epoch) {
        // A second vote changes nothing, but may bring the result that the first left out.
        Some(earlier) if earlier.digest != attestation.digest => return,
        Some(_) => {}
        None => {
            let (digest, signature) = (attestation.digest, attestation.signature);
            run.state.put(key, &Vote { epoch, digest, signature });
        }
    }
    let candidate = keys::candidate(id, attestation.digest);
    if let Some(result) = &attestation.result
        && !run.state.has(&candidate)
    {
        run.state.put(candidate, result);
    }
}

/// The request's pending entry if its result is attested by enough custodians and on the ledger.
fn ready<B: Backing>(run: &mut Execution<'_, B>, id: TransactionId) -> Option<Pending> {
    let mut pending = run.state.read::<Pending>(&keys::pending(id))?;
    if pending.ready.is_none() {
        let set = &run.ledger.custodians;
        let votes: Vec<Vote> = votes(&run.state, id, set.epoch).into_iter().map(|(_, vote)| vote).collect();
        let enough = |digest: &Digest| votes.iter().filter(|v| v.digest == *digest).count() >= set.enough();
        let digest = votes.iter().map(|v| v.digest).find(enough)?;
        if !run.state.has(&keys::candidate(id, digest)) {
            return None;
        }
        pending.ready = Some((digest, set.epoch));
        run.state.put(keys::pending(id), &pending);
    }
    Some(pending)
}

/// Votes on a request by custodians of one epoch.
fn votes<B: Backing>(state: &Overlay<'_, B>, id: TransactionId, epoch: u32) -> Vec<(CustodianId, Vote)> {
    let entries = state.scan(&keys::votes(id)).into_iter();
    entries
        .filter_map(|(key, value)| {
            let number = key[key.len().saturating_sub(2)..].try_into().ok()?;
            let vote = Vote::from_bytes(&value).ok().filter(|vote| vote.epoch == epoch)?;
            Some((CustodianId(u16::from_be_bytes(number)), vote))
        })
        .collect()
}

/// Finalises contracts from the head of the line on, up to the first that is not ready.
fn finalise_contracts<B: Backing>(run: &mut Execution<'_, B>) {
    for (_, value) in run.state.scan(keys::PENDING_CONTRACTS) {
        let Ok(id) = TransactionId::from_bytes(&value) else { return };
        let Some(pending) = ready(run, id) else { return };
        finalise(run, id, pending);
    }
}

/// Makes a ready result final: its writes take effect, its points are posted.
fn finalise<B: Backing>(run: &mut Execution<'_, B>, id: TransactionId, pending: Pending) {
    let Some((digest, epoch)) = pending.ready else { return };
    let (Some(mut status), Some(result)) = (
        run.state.read::<RequestStatus>(&keys::request(id)),
        run.state.read::<SealedResult>(&keys::candidate(id, digest)),
    ) else {
        return;
    };
    for record in &result.writes {
        if !run.state.has(&keys::record(record.id())) {
            file(run, record);
        }
    }
    for (owner, price) in &pending.prices {
        points::transfer(&mut run.state, status.asker, *owner, *price);
    }
    let signed: Vec<(CustodianId, Signature)> = votes(&run.state, id, epoch)
        .into_iter()
        .filter(|(_, vote)| vote.digest == digest)
        .map(|(custodian, vote)| (custodian, vote.signature))
        .collect();
    let custodians = signed.iter().map(|(custodian, _)| *custodian).collect();
    status.state = RequestState::Finalised { height: run.height, digest, epoch, custodians };
    run.state.put(keys::request(id), &status);
    run.state.put(keys::result(id), &result);
    run.state.put(keys::signatures(id), &ResultSignatures(signed));
    if pending.contract {
        run.state.remove(keys::pending_contract(pending.sequence));
    } else {
        run.state.remove(keys::expiry(pending.expires, pending.sequence));
    }
    clear(&mut run.state, id);
    run.feed.finalised.push(FinalisedRequest { id, sequence: pending.sequence, result });
}

fn file<B: Backing>(run: &mut Execution<'_, B>, record: &SealedRecord) {
    submission::file(&mut run.state, record, run.height, &mut run.place);
}

/// Forgets what a decided request no longer needs.
pub(super) fn clear<B: Backing>(state: &mut Overlay<'_, B>, id: TransactionId) {
    state.remove(keys::pending(id));
    for prefix in [keys::votes(id), keys::candidates(id)] {
        for (key, _) in state.scan(&prefix) {
            state.remove(key);
        }
    }
}
