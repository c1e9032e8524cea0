//! What is decided: who came in and what changes on the request's way, or what is answered instead.

use crate::signature::digest::BodyCheck;
use bytes::Bytes;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use serde_json::{Map, Value};

/// The decision.
#[derive(Debug)]
pub enum Verdict {
    /// The request goes on.
    Admit(Box<Identity>),
    /// 401: who asks has not shown who it is, or not rightly.
    Challenge(Answer),
    /// It may not, or it cannot be said whether it may.
    Refuse(Answer),
    /// To the provider, or back from it.
    Redirect(Answer),
    /// The answer of the server that was asked.
    Reply(Answer),
}

/// An answer of the gateway's own.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, without `Content-Length`.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Why, in a word, for metrics and the access log.
    pub reason: &'static str,
}

/// Who asks, and what changes on the request's way.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The login that found out; none without credentials.
    pub login: Option<String>,
    /// Who it is: a consumer of the document, a user of the node, or what a token's claim names.
    pub consumer: Option<String>,
    /// Whether that is a user of the node.
    pub user: bool,
    /// The groups it is in.
    pub groups: Vec<String>,
    /// Limits that count for it, which the gateway applies.
    pub limits: Vec<String>,
    /// Who goes first under overload, which the gateway applies.
    pub priority: Option<u8>,
    /// Claims of its token or session.
    pub claims: Map<String, Value>,
    /// Headers to take out of the request, before `set_headers`.
    pub strip_headers: Vec<HeaderName>,
    /// Parameters to take out of its query, by their decoded names.
    pub strip_query: Vec<String>,
    /// Headers to put in.
    pub set_headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers to add to the response: cookies of the session.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// What the body must be. The gateway gives it each piece and must not let the request end as if it were whole before
    /// [`BodyCheck::finish`] has said so.
    pub body: Option<BodyCheck>,
}

/// Why a request does not come in, with what its client may know.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    /// For the client: never with what it sent, nor with what it should have sent.
    pub(crate) detail: String,
    pub(crate) challenges: Vec<HeaderValue>,
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str, detail: impl Into<String>) -> Self {
        Self { status, reason, detail: detail.into(), challenges: Vec::new(), retry_after: None }
    }

    /// 400.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 401.
    pub(crate) fn credentials(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason, detail)
    }

    /// 403.
    pub(crate) fn forbidden(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, detail)
    }

    /// 503.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        Self { retry_after: Some(5), ..refusal }
    }

    pub(crate) fn with_challenge(mut self, challenge: &str) -> Self {
        self.challenges.extend(HeaderValue::from_str(challenge));
        self
    }

    /// As a problem of RFC 9457.
    pub(crate) fn verdict(self) -> Verdict {
        let title = self.status.canonical_reason().unwrap_or("Refused");
        let body = serde_json::json!({
            "type": format!("urn:bole:gateway:{}", self.reason), "title": title, "status": self.status.as_u16(), "detail": self.detail
        });
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for challenge in self.challenges {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let answer =
            Answer { status: self.status, headers, body: body.to_string().into(), reason: self.reason };
        if self.status == StatusCode::UNAUTHORIZED {
            Verdict::Challenge(answer)
        } else {
            Verdict::Refuse(answer)
        }
    }
}

/// What a login says of a request.
pub(crate) enum Found {
    /// It has none of its credentials.
    Nothing,
    /// It has, and they are right.
    Somebody(Box<Claimed>),
    /// It has, and they are not.
    Refused(Refusal),
    /// Something else is answered.
    Answered(Verdict),
}

/// Who credentials say it is.
#[derive(Default)]
pub(crate) struct Claimed {
    pub(crate) consumer: Option<String>,
    pub(crate) user: bool,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) set: Vec<(HeaderName, HeaderValue)>,
    pub(crate) response: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<BodyCheck>,
}

impl Found {
    pub(crate) fn consumer(name: &str) -> Self {
        Self::Somebody(Box::new(Claimed { consumer: Some(name.to_owned()), ..Claimed::default() }))
    }
}

/// A text between quotes in a challenge (RFC 9110, `quoted-string`); what cannot be there becomes `?`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => out.push('?'),
        }
    }
    out.push('"');
    out
}
