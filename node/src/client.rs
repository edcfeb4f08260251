//! A department's client. Owns the gateway's HTTP from the caller's side (the only file naming ureq).
//! Invariant: what it returns was parsed from the gateway's bytes once; a gateway is never trusted with a key.
//! Must not know: how a node works inside.

use crate::block::CertifiedBlock;
use crate::codec::{Decode as _, Encode as _};
use crate::crypto::{hex, unhex};
use crate::transaction::{Envelope, Height, RecordId, SealedResult, TransactionId};
use serde_json::Value;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest wait for one HTTP exchange.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest body read from a gateway, in bytes.
const BODY_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why a call failed.
#[derive(Debug)]
pub enum ClientFault {
    /// The gateway could not be reached or broke off.
    Unreachable(String),
    /// The gateway refused, with its code and its texts in Chinese and English.
    Refused {
        /// Stable code.
        code: String,
        /// Text in Chinese.
        zh: String,
        /// Text in English.
        en: String,
    },
    /// The gateway answered with bytes that are no answer.
    Malformed(&'static str),
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "网关不可达 / the gateway cannot be reached: {why}"),
            Self::Refused { code, zh, en } => write!(f, "[{code}] {zh} / {en}"),
            Self::Malformed(what) => write!(f, "网关回复无法解析 / the gateway's reply cannot be read: {what}"),
        }
    }
}

impl std::error::Error for ClientFault {}

/// What a gateway says of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Last committed height.
    pub height: Height,
    /// State root after it, hexadecimal.
    pub state_root: String,
    /// Name of the validator whose turn it is to propose the next block.
    pub next_proposer: Option<String>,
}

/// What a gateway says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestView {
    /// Not in a block yet.
    Unknown,
    /// Permitted, not final.
    Pending,
    /// Refused by a sharing policy before any record was opened.
    Refused {
        /// The sharing policy.
        policy: String,
        /// Its clause.
        clause: String,
    },
    /// Final.
    Finalised {
        /// Height at which it became final.
        height: Height,
        /// The sealed result.
        result: SealedResult,
    },
    /// Expired without an answer.
    Expired,
    /// Its transaction was in a block but not valid there.
    Invalid(String),
}

/// One node's gateway.
#[derive(Clone)]
pub struct Gateway {
    base: String,
    agent: ureq::Agent,
}

impl Gateway {
    /// The gateway at `address`.
    pub fn new(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_idle_connections_per_host(64)
            .build();
        Self { base: format!("http://{address}"), agent: config.into() }
    }

    /// Hands an envelope in; returns once the node admitted it.
    pub fn submit(&self, envelope: &Envelope) -> Result<TransactionId, ClientFault> {
        let reply = self.agent.post(format!("{}/v1/transactions", self.base)).send(&envelope.to_bytes()[..]);
        self.json(reply)?;
        Ok(envelope.transaction.body.id())
    }

    /// The node's height and state root.
    pub fn status(&self) -> Result<NodeStatus, ClientFault> {
        let value = self.get_json("/v1/status")?;
        Ok(NodeStatus {
            height: Height(value["height"].as_u64().ok_or(ClientFault::Malformed("height"))?),
            state_root: text(&value, "state_root")?,
            next_proposer: value["next_proposer"].as_str().map(str::to_owned),
        })
    }

    /// Height of the block that holds a transaction, and what became of it (`done`, `pending`, `refused`, `invalid`).
    pub fn transaction(&self, id: TransactionId) -> Result<Option<(Height, String)>, ClientFault> {
        match self.get_json(&format!("/v1/transactions/{id}")) {
            Ok(value) => Ok(Some((
                Height(value["height"].as_u64().ok_or(ClientFault::Malformed("height"))?),
                text(&value, "outcome")?,
            ))),
            Err(ClientFault::Refused { code, .. }) if code == "not-found" => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// A request's state.
    pub fn request(&self, id: TransactionId) -> Result<RequestView, ClientFault> {
        let value = match self.get_json(&format!("/v1/requests/{id}")) {
            Err(ClientFault::Refused { code, .. }) if code == "not-found" => return Ok(RequestView::Unknown),
            other => other?,
        };
        match value["state"].as_str() {
            Some("pending") => Ok(RequestView::Pending),
            Some("expired") => Ok(RequestView::Expired),
            Some("refused") => {
                Ok(RequestView::Refused { policy: text(&value, "policy")?, clause: text(&value, "clause")? })
            }
            Some("invalid") => Ok(RequestView::Invalid(text(&value, "reason")?)),
            Some("finalised") => {
                let bytes = unhex(&text(&value, "result")?).ok_or(ClientFault::Malformed("result"))?;
                Ok(RequestView::Finalised {
                    height: Height(value["finalised_height"].as_u64().ok_or(ClientFault::Malformed("height"))?),
                    result: SealedResult::from_bytes(&bytes).map_err(|_| ClientFault::Malformed("result"))?,
                })
            }
            _ => Err(ClientFault::Malformed("state")),
        }
    }

    /// A decided block; `None` if the node does not have it.
    pub fn block(&self, height: Height) -> Result<Option<CertifiedBlock>, ClientFault> {
        let reply = self.agent.get(format!("{}/v1/blocks/{height}", self.base)).call().map_err(unreachable)?;
        if reply.status() == 404 {
            return Ok(None);
        }
        let bytes = reply.into_body().into_with_config().limit(BODY_BYTES_MAX).read_to_vec().map_err(unreachable)?;
        CertifiedBlock::from_bytes(&bytes).map(Some).map_err(|_| ClientFault::Malformed("block"))
    }

    /// The published modules, as the gateway lists them.
    pub fn modules(&self) -> Result<Vec<Value>, ClientFault> {
        match self.get_json("/v1/modules")? {
            Value::Array(modules) => Ok(modules),
            _ => Err(ClientFault::Malformed("modules")),
        }
    }

    /// A value of the committed state; `None` if there is none.
    pub fn state(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ClientFault> {
        match self.get_json(&format!("/v1/state/{}", hex(key))) {
            Ok(value) => unhex(&text(&value, "value")?).map(Some).ok_or(ClientFault::Malformed("value")),
            Err(ClientFault::Refused { code, .. }) if code == "not-found" => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// A receipt's bytes, assembled by the node.
    pub fn receipt(&self, id: TransactionId) -> Result<Vec<u8>, ClientFault> {
        self.file(&format!("/v1/receipts/{id}"), "receipt")?.ok_or(ClientFault::Malformed("receipt"))
    }

    /// A deletion certificate's bytes; `None` while it cannot be had.
    pub fn deletion(&self, record: RecordId) -> Result<Option<Vec<u8>>, ClientFault> {
        self.file(&format!("/v1/deletions/{record}"), "deletion")
    }

    /// The bytes of a file; `None` if the node has none.
    fn file(&self, path: &str, what: &'static str) -> Result<Option<Vec<u8>>, ClientFault> {
        let reply = self.agent.get(format!("{}{path}", self.base)).call().map_err(unreachable)?;
        match reply.status().as_u16() {
            200 => {
                let body = reply.into_body().into_with_config().limit(BODY_BYTES_MAX);
                body.read_to_vec().map(Some).map_err(unreachable)
            }
            404 => Ok(None),
            _ => Err(ClientFault::Malformed(what)),
        }
    }

    fn get_json(&self, path: &str) -> Result<Value, ClientFault> {
        self.json(self.agent.get(format!("{}{path}", self.base)).call())
    }

    fn json(&self, reply: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, ClientFault> {
        let reply = reply.map_err(unreachable)?;
        let refused = reply.status().as_u16() >= 400;
        let bytes = reply.into_body().into_with_config().limit(BODY_BYTES_MAX).read_to_vec().map_err(unreachable)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| ClientFault::Malformed("json"))?;
        if refused {
            return Err(ClientFault::Refused {
                code: text(&value, "code")?,
                zh: text(&value, "zh")?,
                en: text(&value, "en")?,
            });
        }
        Ok(value)
    }
}

fn unreachable(error: ureq::Error) -> ClientFault {
    ClientFault::Unreachable(error.to_string())
}

fn text(value: &Value, field: &'static str) -> Result<String, ClientFault> {
    value[field].as_str().map(str::to_owned).ok_or(ClientFault::Malformed(field))
}
