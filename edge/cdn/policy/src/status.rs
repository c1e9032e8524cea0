//! `Cache-Status` (RFC 9211): one member that says what this cache did with a request.

use crate::reuse::Cause;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write;

/// The field's name.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request went on to the origin (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// The cache was not asked.
    Bypass,
    /// The method is always passed on.
    Method,
    /// Nothing is stored for the target.
    UriMiss,
    /// What is stored for the target was selected by other requests.
    VaryMiss,
    /// A part of what is asked for is missing.
    Partial,
    /// What is stored is fresh; the request wanted newer.
    Request,
    /// What is stored is stale.
    Stale,
}

impl Forward {
    /// The token of RFC 9211.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Partial => "partial",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

impl From<Cause> for Forward {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Stale => Self::Stale,
            Cause::Request => Self::Request,
        }
    }
}

/// What the cache did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// Answered without the origin.
    pub hit: bool,
    /// Went to the origin, and why.
    pub forward: Option<Forward>,
    /// The status that the origin answered with, where the client got another.
    pub forward_status: Option<u16>,
    /// Seconds for which the answer stays fresh; negative: since when it is stale.
    pub ttl: Option<i64>,
    /// The answer was stored.
    pub stored: bool,
    /// The request waited for another one's answer.
    pub collapsed: bool,
    /// More, as a token.
    pub detail: Option<&'static str>,
}

impl Status {
    /// The member for a cache called `name`, which must be a token.
    pub fn member(&self, name: &str) -> String {
        let mut text = name.to_owned();
        if self.hit {
            text.push_str("; hit");
        }
        if let Some(forward) = self.forward {
            text.push_str("; fwd=");
            text.push_str(forward.token());
        }
        if let Some(status) = self.forward_status {
            let _ = write!(text, "; fwd-status={status}");
        }
        if let Some(ttl) = self.ttl {
            let _ = write!(text, "; ttl={ttl}");
        }
        if self.stored {
            text.push_str("; stored");
        }
        if self.collapsed {
            text.push_str("; collapsed");
        }
        if let Some(detail) = self.detail {
            text.push_str("; detail=");
            text.push_str(detail);
        }
        text
    }

    /// Appends the member, after those of caches nearer to the origin (RFC 9211 §2).
    pub fn append(&self, name: &str, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.member(name)) {
            headers.append(CACHE_STATUS, value);
        }
    }
}
