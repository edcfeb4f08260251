//! What became of a transaction or a request, as JSON. Owns the words `done`, `pending`, `refused`, `finalised`,
//! `expired`, `invalid`, `forgotten`.
//! Invariant: it says only what the ledger holds in public; answers stay sealed. Must not know: how they came to be.

use super::answer::Problem;
use super::routes::{Shared, Waiting, id_of, wait_of};
use crate::codec::{Decode, Reader};
use crate::crypto::hex;
use crate::state::{RequestState, RequestStatus, TransactionOutcome, keys};
use crate::store::{StoreError, View};
use crate::transaction::{Exchange, Height, TransactionId};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

/// `GET /v1/transactions/{id}`: which block holds it, and what became of it there.
pub(super) async fn transaction(State(gateway): Shared, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = id_of(&id)?;
    let view = gateway.store.view()?;
    let (height, index) = view.find(id)?.ok_or_else(Problem::not_found)?;
    let mut answer = json!({ "id": id.to_string(), "height": height.0, "index": index });
    let fields = answer.as_object_mut().expect("it was made as an object");
    match outcome(&view, id)? {
        Some(outcome) => describe(&outcome, "outcome", fields),
        // The ledger keeps outcomes while the transaction could be sent again, and no longer.
        None => {
            fields.insert("outcome".to_owned(), "forgotten".into());
        }
    }
    Ok(Json(answer))
}

/// `GET /v1/requests/{id}`: a request's public status; with `wait_ms`, once it is more than pending.
pub(super) async fn request(
    State(gateway): Shared,
    Path(id): Path<String>,
    query: Waiting,
) -> Result<Json<Value>, Problem> {
    let (id, wait) = (id_of(&id)?, wait_of(query)?);
    let until = Instant::now() + wait.time();
    let mut progress = gateway.progress.clone();
    loop {
        progress.borrow_and_update();
        let answer = status(&gateway.store.view()?, id)?;
        let settled = answer.as_ref().is_some_and(|answer| answer["state"] != "pending");
        // Both running out of time and the node's stopping are answered with what is known.
        if settled || !matches!(timeout_at(until, progress.changed()).await, Ok(Ok(()))) {
            return answer.map(Json).ok_or_else(Problem::not_found);
        }
    }
}

fn status(view: &View, id: TransactionId) -> Result<Option<Value>, StoreError> {
    let Some(bytes) = view.state(&keys::request(id))? else {
        // No request came of it: either there is no such transaction, or it was not valid in its block.
        let Some(outcome) = outcome(view, id)? else { return Ok(None) };
        let mut fields = Map::from_iter([("id".to_owned(), id.to_string().into())]);
        describe(&outcome, "state", &mut fields);
        return Ok(Some(Value::Object(fields)));
    };
    let status = RequestStatus::from_bytes(&bytes).map_err(|_| StoreError::Damaged("request status"))?;
    let mut answer = json!({
        "id": id.to_string(),
        "sequence": status.sequence,
        "height": status.height.0,
        "asker": status.asker.0,
        "exchange": word(status.exchange),
        "policy_asked": status.policy,
        "version": status.version,
        "module": status.module.hex(),
        "meaning": status.meaning.hex(),
        "purpose": status.purpose,
        "basis": status.basis,
        "as_of_day": status.as_of,
        "block_day": status.day,
    });
    let more = match status.state {
        RequestState::Pending => json!({ "state": "pending" }),
        RequestState::Refused { policy, clause, owner } => {
            json!({ "state": "refused", "policy": policy, "clause": clause, "owner": owner.0 })
        }
        RequestState::Expired { height } => json!({ "state": "expired", "expired_height": height.0 }),
        RequestState::Finalised { height, digest, custodians, .. } => {
            let result = view.state(&keys::result(id))?.ok_or(StoreError::Damaged("result of a final request"))?;
            json!({
                "state": "finalised",
                "finalised_height": height.0,
                "digest": digest.hex(),
                "custodians": custodians.iter().map(|c| c.0).collect::<Vec<_>>(),
                "result": hex(&result),
            })
        }
    };
    if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
    Ok(Some(answer))
}

/// A transaction's entry among the executed: the height, then what became of it.
fn outcome(view: &View, id: TransactionId) -> Result<Option<TransactionOutcome>, StoreError> {
    let Some(bytes) = view.state(&keys::seen(id))? else { return Ok(None) };
    let mut input = Reader::new(&bytes);
    match (Height::decode(&mut input), TransactionOutcome::decode(&mut input)) {
        (Ok(_), Ok(outcome)) => Ok(Some(outcome)),
        _ => Err(StoreError::Damaged("outcome of a transaction")),
    }
}

fn describe(outcome: &TransactionOutcome, field: &str, fields: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match outcome {
        TransactionOutcome::Done => put(field, "done".into()),
        TransactionOutcome::Pending(sequence) => {
            put("sequence", (*sequence).into());
            put(field, "pending".into())
        }
        TransactionOutcome::Refused { policy, clause, owner } => {
            put("policy", policy.as_str().into());
            put("clause", clause.as_str().into());
            put("owner", owner.0.into());
            put(field, "refused".into())
        }
        TransactionOutcome::Invalid(reason) => {
            put("reason", reason.as_str().into());
            put(field, "invalid".into())
        }
    };
}

fn word(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Verification => "verification",
        Exchange::Detail => "detail",
        Exchange::Evaluation => "evaluation",
        Exchange::Contract => "contract",
    }
}
