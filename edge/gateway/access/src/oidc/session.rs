//! Sessions in cookies. One that is too long for a cookie is cut: the first says how many there are.

use crate::limits;
use crate::oidc::{Oidc, seal};
use crate::parts::Parts;
use crate::request::RequestFacts;
use http::header::{HeaderName, HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// What a browser's cookie holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Whose it is.
    #[serde(rename = "s")]
    pub(crate) subject: String,
    /// The claims that are needed.
    #[serde(rename = "c", default, skip_serializing_if = "Map::is_empty")]
    pub(crate) claims: Map<String, Value>,
    /// For the logout at the provider.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// When the access token ends and the session is refreshed, if it can be.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_at_ms: Option<u64>,
    #[serde(rename = "b")]
    pub(crate) begun_ms: u64,
    /// When the cookie was last given out.
    #[serde(rename = "v")]
    pub(crate) seen_ms: u64,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Session(…)")
    }
}

/// What session cookies of a login are for.
fn purpose(oidc: &Oidc) -> Vec<u8> {
    format!("session\n{}\n{}\n{}", oidc.name, oidc.issuer, oidc.client_id).into_bytes()
}

/// The session that a request shows, unless it is over, and whether its cookie has to be sealed anew.
pub(crate) fn shown(
    oidc: &Oidc,
    facts: &RequestFacts<'_>,
    parts: &Parts,
    now_ms: u64,
) -> Option<(Session, bool)> {
    let text = joined(&oidc.cookie, facts)?;
    let (bytes, current) = seal::open(parts, &purpose(oidc), &text)?;
    let session: Session = serde_json::from_slice(&bytes).ok()?;
    let after = |from: u64, span: std::time::Duration| now_ms >= from.saturating_add(span.as_millis() as u64);
    let over = after(session.seen_ms, oidc.session) || after(session.begun_ms, limits::SESSION_MAX);
    (!over).then_some((session, !current))
}

/// `N.text` in the cookie, and the rest of it in `cookie.1` to `cookie.N-1`.
fn joined(cookie: &str, facts: &RequestFacts<'_>) -> Option<String> {
    let (count, first) = facts.cookie(cookie)?.split_once('.')?;
    let count: usize = count.parse().ok().filter(|count| (1..=limits::COOKIE_CHUNKS_MAX).contains(count))?;
    let mut whole = first.to_owned();
    for number in 1..count {
        whole.push_str(facts.cookie(&format!("{cookie}.{number}"))?);
    }
    Some(whole)
}

/// The cookies of a session, and the ends of those that it no longer needs.
pub(crate) fn cookies(
    oidc: &Oidc,
    session: &Session,
    facts: &RequestFacts<'_>,
    parts: &Parts,
) -> Vec<(HeaderName, HeaderValue)> {
    let text = sealed(oidc, session, parts);
    // With room for its name and its number.
    let room = limits::COOKIE_BYTES_MAX - oidc.cookie.len() - 8;
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(room).collect();
    let mut rows = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let piece = String::from_utf8_lossy(piece);
        let max_age = oidc.session.as_secs();
        rows.push(match number {
            0 => set(&oidc.cookie, &format!("{}.{piece}", pieces.len()), max_age, facts),
            number => set(&format!("{}.{number}", oidc.cookie), &piece, max_age, facts),
        });
    }
    rows.extend(ended(oidc, facts, pieces.len()));
    rows
}

/// Sealed, with as much of it as there is room for.
fn sealed(oidc: &Oidc, session: &Session, parts: &Parts) -> String {
    let room = (limits::COOKIE_BYTES_MAX - oidc.cookie.len() - 8) * limits::COOKIE_CHUNKS_MAX;
    let mut session = session.clone();
    for less in [Less::All, Less::IdToken, Less::RefreshToken, Less::Claims] {
        match less {
            Less::All => {}
            Less::IdToken => session.id_token = None,
            Less::RefreshToken => session.refresh_token = None,
            Less::Claims => session.claims.clear(),
        }
        let bytes = serde_json::to_vec(&session).expect("invariant: a session is JSON");
        let text = seal::seal(parts, &purpose(oidc), &bytes);
        if text.len() <= room {
            if !matches!(less, Less::All | Less::IdToken) {
                tracing::warn!("login {:?}: a session is too large for cookies and was cut", oidc.name);
            }
            return text;
        }
    }
    // A subject is at most 256 bytes: this is never reached with one that was checked.
    String::new()
}

enum Less {
    All,
    IdToken,
    RefreshToken,
    Claims,
}

/// Ends the session's cookies from number `from` on that the browser has.
pub(crate) fn ended(oidc: &Oidc, facts: &RequestFacts<'_>, from: usize) -> Vec<(HeaderName, HeaderValue)> {
    let name = |number: usize| match number {
        0 => oidc.cookie.clone(),
        number => format!("{}.{number}", oidc.cookie),
    };
    let names = (from..limits::COOKIE_CHUNKS_MAX).map(name).filter(|name| facts.cookie(name).is_some());
    names.map(|name| set(&name, "", 0, facts)).collect()
}

/// A cookie of the gateway's own.
pub(crate) fn set(
    name: &str,
    value: &str,
    max_age: u64,
    facts: &RequestFacts<'_>,
) -> (HeaderName, HeaderValue) {
    let secure = if facts.tls { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&text).expect("invariant: names and base64 are ASCII");
    value.set_sensitive(true);
    (SET_COOKIE, value)
}
