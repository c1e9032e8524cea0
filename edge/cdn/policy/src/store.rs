//! Whether a response may be stored, and what of it (RFC 9111 §3). The answer is no unless the response says yes.

use crate::directive::Request;
use crate::field;
use crate::target::{self, CDN_CACHE_CONTROL, Effective};
use crate::terms::{Settings, Terms, explicit_lifetime, is_heuristically_cacheable};
use crate::time::Time;
use crate::vary::Vary;
use http::header::{self, HeaderMap, HeaderName};
use http::uri::Uri;
use http::{Method, StatusCode};

/// Why a response is not stored; the text is the `detail` of Cache-Status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The method's answers are not cacheable here (§3, first condition).
    Method,
    /// The status is not final, or its meaning is not known (§3).
    Status,
    /// `must-understand`, and the status is not understood (§5.2.2.3).
    MustUnderstand,
    /// `no-store` of the response (§5.2.2.5).
    NoStore,
    /// `no-store` of the request (§5.2.1.5).
    RequestNoStore,
    /// `private` (§5.2.2.7).
    Private,
    /// The request was authorized, and the response does not allow to share its answer (§3.5).
    Authorization,
    /// Nothing in the response allows to store it (§3, last condition).
    NotAllowed,
    /// A 206 that says no range, or one that its length contradicts (§3.3, §3.4).
    Partial,
    /// `Vary: *` never matches (§4.1).
    VaryAny,
    /// It is stale on arrival and cannot be validated.
    NoUse,
    /// Heuristic freshness alone does not share what may be made for one user: the request had cookies or the response sets some.
    Cookies,
}

impl Refusal {
    /// A word for Cache-Status and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::MustUnderstand => "must-understand",
            Self::NoStore => "no-store",
            Self::RequestNoStore => "request-no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::NotAllowed => "not-allowed",
            Self::Partial => "partial",
            Self::VaryAny => "vary-any",
            Self::NoUse => "no-use",
            Self::Cookies => "cookies",
        }
    }
}

/// What is asked when a response came: the request that it answers, as far as storing looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, with scheme and authority.
    pub uri: &'a Uri,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// Somebody logged in for it, by whatever field.
    pub authenticated: bool,
    /// When it was sent.
    pub at: Time,
}

/// Statuses whose rules this cache implements ("understands", §3). 304 is an update and never an answer of its own.
fn is_understood(status: StatusCode) -> bool {
    matches!(status.as_u16(),
        200 | 201 | 202 | 203 | 204 | 205 | 206 | 300 | 301 | 302 | 303 | 307 | 308 | 400..=417 | 421 | 422 | 425 | 426
            | 428 | 429 | 431 | 451 | 500..=505 | 511)
}

/// Whether the response may be stored for the request's target, and under which terms.
pub fn storable(
    asked: &Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    received: Time,
    settings: &Settings,
) -> Result<Terms, Refusal> {
    let effective = target::effective(headers);
    let explicit = explicit_lifetime(headers, &effective, received);
    method(asked, status, headers, explicit)?;
    directives(status, &effective)?;
    if Request::read(asked.headers).no_store {
        return Err(Refusal::RequestNoStore);
    }
    authorization(asked, &effective)?;
    let allowed = effective.directives.public || explicit.is_some() || is_heuristically_cacheable(status);
    if !allowed {
        return Err(Refusal::NotAllowed);
    }
    if status == StatusCode::PARTIAL_CONTENT && crate::partial::part_of(headers).is_none() {
        return Err(Refusal::Partial);
    }
    if Vary::read(headers) == Vary::Any {
        return Err(Refusal::VaryAny);
    }
    if explicit.is_none()
        && !effective.directives.public
        && (headers.contains_key(header::SET_COOKIE) || asked.headers.contains_key(header::COOKIE))
    {
        return Err(Refusal::Cookies);
    }
    let terms = Terms::of(status, headers, asked.at, received, settings);
    if is_of_use(&terms, headers, received) { Ok(terms) } else { Err(Refusal::NoUse) }
}

/// §3: GET; HEAD updates only; POST with explicit freshness whose answer is a representation of the target itself (RFC 9110 §9.3.3).
fn method(
    asked: &Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    explicit: Option<u64>,
) -> Result<(), Refusal> {
    match *asked.method {
        Method::GET => Ok(()),
        Method::POST => {
            let itself = field::single(headers, &header::CONTENT_LOCATION)
                .and_then(|value| crate::invalidate::resolve(asked.uri, value))
                .is_some_and(|location| crate::invalidate::is_same_resource(&location, asked.uri));
            let good = status == StatusCode::OK && explicit.is_some() && itself;
            if good { Ok(()) } else { Err(Refusal::Method) }
        }
        _ => Err(Refusal::Method),
    }
}

fn directives(status: StatusCode, effective: &Effective) -> Result<(), Refusal> {
    if status.is_informational() || status == StatusCode::NOT_MODIFIED {
        return Err(Refusal::Status);
    }
    let directives = &effective.directives;
    if directives.must_understand {
        // §5.2.2.3: who understands the status may pass over `no-store`; who does not, must not store.
        if !is_understood(status) {
            return Err(Refusal::MustUnderstand);
        }
    } else if directives.no_store {
        return Err(Refusal::NoStore);
    }
    if directives.private {
        return Err(Refusal::Private);
    }
    Ok(())
}

/// §3.5: only where the response says that an authorized answer may be shared.
fn authorization(asked: &Asked<'_>, effective: &Effective) -> Result<(), Refusal> {
    let directives = &effective.directives;
    let shared = directives.must_revalidate || directives.public || directives.s_maxage.given().is_some();
    let authorized = asked.authenticated || asked.headers.contains_key(header::AUTHORIZATION);
    if authorized && !shared {
        return Err(Refusal::Authorization);
    }
    Ok(())
}

/// An answer that is stale at once is kept only if it can be validated or be used stale by somebody's leave.
fn is_of_use(terms: &Terms, headers: &HeaderMap, now: Time) -> bool {
    let validator = headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED);
    validator
        || (!terms.no_cache && (terms.is_fresh(now) || terms.while_revalidate > 0 || terms.if_error > 0))
}

/// The fields of a response that are kept (§3.1): not those of one connection, not those that `no-cache="…"` and `private="…"`
/// name, and not `Age` and the targeted field, which are this cache's to say.
pub fn kept_fields(headers: &HeaderMap) -> HeaderMap {
    let effective = target::effective(headers);
    let mut kept = headers.clone();
    field::strip_hop_by_hop(&mut kept);
    let named = effective.directives.no_cache_fields.iter().chain(&effective.directives.private_fields);
    for name in named {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            kept.remove(name);
        }
    }
    kept
}

/// The fields of a stored answer that are shown to a client; its `Age` is set by the caller. A cache that is the last CDN for its
/// clients hides the field that targets CDNs (`hide_targeted`); one behind another CDN passes it on (RFC 9213 §3.1).
pub fn shown_fields(kept: &HeaderMap, hide_targeted: bool) -> HeaderMap {
    let mut shown = kept.clone();
    if hide_targeted {
        shown.remove(CDN_CACHE_CONTROL);
    }
    shown
}
