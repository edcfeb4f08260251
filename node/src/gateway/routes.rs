//! The routes. Invariant: every path parameter is parsed before anything is read; waits are bounded.
//! Must not know: how the core decides.

use super::answer::Problem;
use super::requests;
use super::{BODY_BYTES_MAX, Gateway, REQUEST_TIMEOUT, Submission, WAIT_MAX};
use crate::block::Header;
use crate::codec::{Decode, Reader};
use crate::crypto::{Digest, PublicKey, hex, unhex};
use crate::publication::ModuleEntry;
use crate::receipt::{self, Unready};
use crate::state::keys;
use crate::store::{StoreError, View};
use crate::transaction::{DepartmentId, Envelope, Height, RecordId, TransactionId};
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Longest key of a state entry that can be asked for, in bytes.
const KEY_BYTES_MAX: usize = 512;
/// Most modules listed.
const MODULES_MAX: usize = 4096;

pub(super) type Shared = State<Arc<Gateway>>;

pub(super) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/transactions", post(submit))
        .route("/v1/transactions/{id}", get(requests::transaction))
        .route("/v1/requests/{id}", get(requests::request))
        .route("/v1/status", get(status))
        .route("/v1/blocks/{height}", get(block))
        .route("/v1/modules", get(modules))
        .route("/v1/receipts/{id}", get(receipt))
        .route("/v1/deletions/{id}", get(deletion))
        .route("/v1/state/{key}", get(state_value))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::not_found())
        .layer(middleware::from_fn_with_state(gateway.clone(), bounded))
        .with_state(gateway)
}

/// Bounds how many requests are worked on, and for how long.
async fn bounded(State(gateway): Shared, request: Request, next: Next) -> Response {
    let Ok(_slot) = gateway.slots.try_acquire() else {
        return Problem::busy().into_response();
    };
    match timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    }
}

async fn submit(State(gateway): Shared, request: Request) -> Result<Json<Value>, Problem> {
    let envelope = Envelope::from_bytes(&read_body(request).await?).map_err(|e| {
        let (zh, en) = (e.zh(), e.en());
        Problem::malformed(&format!("请求体不是交易信封:{zh}"), &format!("the body is not an encoded envelope: {en}"))
    })?;
    let (reply, verdict) = oneshot::channel();
    gateway.submissions.try_send(Submission { envelope, reply }).map_err(|e| match e {
        mpsc::error::TrySendError::Full(_) => Problem::busy(),
        mpsc::error::TrySendError::Closed(_) => Problem::stopping(),
    })?;
    match timeout(WAIT_MAX, verdict).await {
        Ok(Ok(Ok(id))) => Ok(Json(json!({ "id": id.to_string() }))),
        Ok(Ok(Err(rejection))) => Err(rejection.into()),
        Ok(Err(_)) => Err(Problem::stopping()),
        Err(_) => Err(Problem::unsure()),
    }
}

/// Refuses by the stated length before reading, and by the bytes that come otherwise.
async fn read_body(request: Request) -> Result<Vec<u8>, Problem> {
    let stated = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|n| n > BODY_BYTES_MAX as u64) {
        return Err(Problem::too_large(BODY_BYTES_MAX));
    }
    let body: Body = request.into_body();
    let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
    Ok(bytes.map_err(|_| Problem::too_large(BODY_BYTES_MAX))?.to_vec())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Answer only once the height is above this.
    above: Option<u64>,
    /// Milliseconds to wait for news; what is known is answered after that.
    wait_ms: Option<u64>,
}

impl Wait {
    pub(super) fn time(&self) -> Duration {
        Duration::from_millis(self.wait_ms.unwrap_or(0)).min(WAIT_MAX)
    }
}

pub(super) type Waiting = Result<Query<Wait>, axum::extract::rejection::QueryRejection>;

pub(super) fn wait_of(query: Waiting) -> Result<Wait, Problem> {
    query.map(|Query(wait)| wait).map_err(|e| Problem::malformed("查询参数有误", &e.body_text()))
}

async fn status(State(gateway): Shared, query: Waiting) -> Result<Json<Value>, Problem> {
    let wait = wait_of(query)?;
    let mut progress = gateway.progress.clone();
    if let Some(above) = wait.above {
        // Both running out of time and the node's stopping are answered with what is known.
        let _ = timeout(wait.time(), progress.wait_for(|p| p.head.height.0 > above)).await;
    }
    let now = *progress.borrow();
    let header = match gateway.store.block_bytes(now.head.height)? {
        // The header comes first in a certified block's encoding; the rest is not needed.
        Some(bytes) => Header::decode(&mut Reader::new(&bytes)).ok(),
        None => None,
    };
    let name = |key: &PublicKey| gateway.validators.get(key);
    Ok(Json(json!({
        "name": gateway.name,
        "chain": gateway.chain.to_string(),
        "height": now.head.height.0,
        "block": now.head.block.hex(),
        "time": header.as_ref().map(|h| h.time.0),
        "proposer": header.as_ref().and_then(|h| name(&h.proposer)),
        "next_proposer": name(&now.proposer),
        "state_root": now.state_root.hex(),
        "pending": now.pending,
        "peers": now.peers,
    })))
}

async fn block(State(gateway): Shared, Path(height): Path<String>) -> Result<Response, Problem> {
    let height = height.parse().map_err(|_| Problem::malformed("高度须为整数", "the height must be a whole number"))?;
    bytes_or_not_found(gateway.store.block_bytes(Height(height))?)
}

async fn state_value(State(gateway): Shared, Path(key): Path<String>) -> Result<Json<Value>, Problem> {
    let key = unhex(&key)
        .filter(|key| key.len() <= KEY_BYTES_MAX)
        .ok_or_else(|| Problem::malformed("键须为十六进制", "the key must be hexadecimal"))?;
    let value = gateway.store.view()?.state(&key)?.ok_or_else(Problem::not_found)?;
    Ok(Json(json!({ "value": hex(&value) })))
}

fn bytes_or_not_found(bytes: Option<Vec<u8>>) -> Result<Response, Problem> {
    let bytes = bytes.ok_or_else(Problem::not_found)?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

pub(super) fn id_of(text: &str) -> Result<TransactionId, Problem> {
    unhex(text)
        .and_then(|bytes| bytes.try_into().ok())
        .map(|bytes| TransactionId(Digest(bytes)))
        .ok_or_else(|| Problem::malformed("编号须为64位十六进制", "an id must be 64 hexadecimal digits"))
}

/// Published modules, with who approved them and from when they are in force.
async fn modules(State(gateway): Shared) -> Result<Json<Value>, Problem> {
    let entries = gateway.store.view()?.state_with_prefix(keys::MODULES, MODULES_MAX)?;
    let numbers = |departments: &[DepartmentId]| departments.iter().map(|d| d.0).collect::<Vec<_>>();
    let mut modules = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let entry = ModuleEntry::from_bytes(&value).map_err(|_| StoreError::Damaged("module"))?;
        modules.push(json!({
            "name": entry.name,
            "hash": hex(key.strip_prefix(keys::MODULES).unwrap_or(&key)),
            "meaning": entry.meaning.hex(),
            "publisher": entry.publisher.0,
            "published": entry.height.0,
            "concerned": numbers(&entry.departments),
            "approved": numbers(&entry.approvals),
            "active": entry.active_from.map(|h| h.0),
            "replaced_by": entry.replaced_by.map(|hash| hash.hex()),
        }));
    }
    Ok(Json(Value::Array(modules)))
}

/// A receipt's file, once the block after the decision exists.
async fn receipt(State(gateway): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    assembled(&gateway, id_of(&id)?, |view, id| Ok(receipt::assemble(view, id)?.to_file())).await
}

/// A deletion certificate's file, once all custodians have destroyed the record's capsule and the block after that exists.
async fn deletion(State(gateway): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    assembled(&gateway, id_of(&id)?, |view, id| Ok(receipt::certificate_of(view, RecordId(id.0))?.to_file())).await
}

/// A file put together from the ledger as it is now, off the threads that serve.
async fn assembled(
    gateway: &Gateway,
    id: TransactionId,
    file: fn(&View, TransactionId) -> Result<Vec<u8>, Unready>,
) -> Result<Response, Problem> {
    let view = gateway.store.view()?;
    let assembled = tokio::task::spawn_blocking(move || file(&view, id));
    let assembled = assembled.await.map_err(|_| Problem::stopping())?;
    let bytes = assembled.map_err(|unready| Problem::not_ready(&unready.to_string()))?;
    bytes_or_not_found(Some(bytes))
}
