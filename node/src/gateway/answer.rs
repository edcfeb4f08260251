//! Refusals as people and programs read them. Owns the JSON `{code, zh, en}` and its status codes.
//! Invariant: a code never changes its meaning; both languages are there. Must not know: routes.

use crate::mempool::Rejection;
use crate::store::StoreError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request was not answered.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    zh: String,
    en: String,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    zh: &'a str,
    en: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, zh: &str, en: &str) -> Self {
        Self { status, code, zh: zh.to_owned(), en: en.to_owned() }
    }

    /// `text` is Chinese and English around ` / `, as all messages of this program are.
    fn of_text(status: StatusCode, code: &'static str, text: &str) -> Self {
        let (zh, en) = text.split_once(" / ").unwrap_or((text, text));
        Self::new(status, code, zh, en)
    }

    pub(super) fn malformed(zh: &str, en: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", zh, en)
    }
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "没有找到", "there is no such thing")
    }
    /// It exists, or may, but cannot be told yet; the text says why.
    pub(super) fn not_ready(text: &str) -> Self {
        Self::of_text(StatusCode::NOT_FOUND, "not-ready", text)
    }
    pub(super) fn too_large(limit: usize) -> Self {
        let (zh, en) = (format!("请求超过 {limit} 字节"), format!("the request is over {limit} bytes"));
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", &zh, &en)
    }
    pub(super) fn timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "请求超时", "the request took too long")
    }
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "节点繁忙,请稍后再试", "the node is busy; try later")
    }
    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "节点正在停止", "the node is stopping")
    }
    /// The core did not say in time whether it took the transaction; it may have.
    pub(super) fn unsure() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "unsure",
            "节点未及时答复,交易可能已被接受,可重新提交同一交易",
            "the node did not answer in time and may have taken the transaction; submitting the same again is safe",
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a read for a client failed");
        Self::of_text(StatusCode::INTERNAL_SERVER_ERROR, "storage", &error.to_string())
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let (status, code) = match &rejection {
            Rejection::Ledger(refusal) => {
                return Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), &refusal.zh(), &refusal.en());
            }
            Rejection::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Rejection::Capsules => (StatusCode::BAD_REQUEST, "capsules"),
            Rejection::SenderBusy => (StatusCode::TOO_MANY_REQUESTS, "sender-busy"),
            Rejection::NodeBusy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
        };
        Self::of_text(status, code, &rejection.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body { code: self.code, zh: &self.zh, en: &self.en };
        (self.status, Json(body)).into_response()
    }
}
