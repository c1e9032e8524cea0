//! Where keys are fetched from: a URL, or an issuer whose discovery document (`OpenID` Connect Discovery 1.0, section 4) names it.
//!
//! Keys are fetched when they are first needed, again in the background as they grow old, and when a token names a key
//! that is not among them; the last as often as once in [`limits::KEYS_UNKNOWN_INTERVAL`] only, whatever clients send. While fetches fail the
//! old keys stay, until they are too old.

use crate::limits;
use crate::parts::Parts;
use crate::token::keys::KeySet;
use bole_net::tasks::{self, OnFailure};
use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode, Uri};
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Keys(String),
    Issuer(String),
}

/// What a provider says of itself (`OpenID` Connect Discovery 1.0, section 3).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Discovered {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    pub(crate) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// What was fetched.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: Arc<KeySet>,
    /// Of an issuer.
    pub(crate) discovered: Option<Arc<Discovered>>,
    hash: [u8; 32],
    at: Duration,
}

#[derive(Debug, Default)]
struct State {
    fetched: Option<Fetched>,
    tried: Option<Duration>,
    /// When a token last caused an attempt by naming a key that is not known.
    unknown: Option<Duration>,
    failed: bool,
}

impl State {
    /// Whether a new attempt may be made, `interval` after the last one that did not fail.
    fn may_try(&self, now: Duration, interval: Duration) -> bool {
        let interval = if self.failed { limits::KEYS_RETRY_INTERVAL } else { interval };
        self.tried.is_none_or(|tried| now.saturating_sub(tried) >= interval)
    }
}

/// A place with what was found there.
#[derive(Debug)]
pub(crate) struct Source {
    place: Place,
    state: Mutex<State>,
    /// Held while one fetch is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Source {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, state: Mutex::default(), turn: Arc::default() }
    }

    /// What is known, fetched first if nothing is. `None`: it cannot be had now.
    pub(crate) async fn get(self: &Arc<Self>, parts: &Parts) -> Option<Fetched> {
        if let Some(fetched) = self.known(parts) {
            return Some(fetched);
        }
        let due = |state: &State, now| known(state, now).is_none() && state.may_try(now, Duration::ZERO);
        self.fetch_if(parts, due, false).await;
        self.known(parts)
    }

    /// What is known after a token named a key that is not in `seen`.
    pub(crate) async fn get_newer(self: &Arc<Self>, parts: &Parts, seen: &Fetched) -> Option<Fetched> {
        let generation = seen.keys.generation;
        let same = move |state: &State| {
            state.fetched.as_ref().is_none_or(|fetched| fetched.keys.generation == generation)
        };
        // Fetches that no token caused do not count: an issuer may change its keys right after one.
        let due = move |state: &State, now: Duration| {
            let pause = |asked| now.saturating_sub(asked) >= limits::KEYS_UNKNOWN_INTERVAL;
            same(state) && state.unknown.is_none_or(pause) && state.may_try(now, Duration::ZERO)
        };
        // Where no attempt may be made now, only one that is under way is waited for.
        if due(&self.state.lock(), parts.clock.monotonic()) || self.turn.try_lock().is_err() {
            self.fetch_if(parts, due, true).await;
        }
        self.known(parts).filter(|fetched| fetched.keys.generation != generation)
    }

    /// Fetches again what has grown old.
    pub(crate) async fn tend(self: &Arc<Self>, parts: &Parts) {
        let due = |state: &State, now: Duration| {
            let old = |fetched: &Fetched| now.saturating_sub(fetched.at) >= limits::KEYS_REFRESH;
            state.fetched.as_ref().is_some_and(old) && state.may_try(now, limits::KEYS_RETRY_INTERVAL)
        };
        if due(&self.state.lock(), parts.clock.monotonic()) {
            self.fetch_if(parts, due, false).await;
        }
    }

    fn known(&self, parts: &Parts) -> Option<Fetched> {
        known(&self.state.lock(), parts.clock.monotonic())
    }

    /// Fetches if `due`, one at a time. The fetch goes on when the request that asked for it is gone, so that clients that go
    /// away early cannot keep keys from ever coming. `unknown`: a token that names an unknown key is why.
    async fn fetch_if(
        self: &Arc<Self>,
        parts: &Parts,
        due: impl Fn(&State, Duration) -> bool,
        unknown: bool,
    ) {
        let fetch = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            {
                let (now, mut state) = (parts.clock.monotonic(), self.state.lock());
                if !due(&state, now) {
                    return;
                }
                state.tried = Some(now);
                if unknown {
                    state.unknown = Some(now);
                }
            }
            let (source, parts) = (Arc::clone(self), parts.clone());
            let task = tasks::spawn("gateway keys", OnFailure::Log, async move {
                let _turn = turn;
                source.fetch(&parts).await;
            });
            let _ = task.await;
        };
        let _ = tokio::time::timeout(limits::KEYS_WAIT, fetch).await;
    }

    async fn fetch(&self, parts: &Parts) {
        // Until it is known otherwise: a fetch that panics or is given up has failed.
        self.state.lock().failed = true;
        match fetched(&self.place, parts).await {
            Ok((bytes, discovered)) => self.keep(&bytes, discovered, parts.clock.monotonic()),
            Err(error) => Err(error),
        }
        .unwrap_or_else(|error| {
            let (Place::Keys(place) | Place::Issuer(place)) = &self.place;
            tracing::warn!("the keys of tokens could not be fetched from {place}: {error}");
        });
    }

    fn keep(&self, bytes: &[u8], discovered: Option<Discovered>, now: Duration) -> Result<(), String> {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let same = self.state.lock().fetched.clone().filter(|fetched| fetched.hash == hash);
        // Tokens that the same keys have verified stay verified.
        let keys = same.map_or_else(|| KeySet::read(bytes).map(Arc::new), |fetched| Ok(fetched.keys))?;
        let mut state = self.state.lock();
        state.fetched = Some(Fetched { keys, discovered: discovered.map(Arc::new), hash, at: now });
        state.failed = false;
        Ok(())
    }
}

fn known(state: &State, now: Duration) -> Option<Fetched> {
    let fresh = |fetched: &&Fetched| now.saturating_sub(fetched.at) < limits::KEYS_STALE;
    state.fetched.as_ref().filter(fresh).cloned()
}

async fn fetched(place: &Place, parts: &Parts) -> Result<(Bytes, Option<Discovered>), String> {
    match place {
        Place::Keys(url) => Ok((get(parts, url).await?, None)),
        Place::Issuer(issuer) => {
            let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
            let discovered = discovery(issuer, &get(parts, &url).await?)?;
            Ok((get(parts, &discovered.jwks_uri).await?, Some(discovered)))
        }
    }
}

/// Reads a discovery document: it must be the issuer's own, and lead to nowhere less secure.
pub(crate) fn discovery(issuer: &str, bytes: &[u8]) -> Result<Discovered, String> {
    let read: Result<Discovered, _> = serde_json::from_slice(bytes);
    let discovered = read.map_err(|error| format!("the discovery document: {error}"))?;
    if discovered.issuer != issuer {
        return Err(format!("the discovery document is of the issuer {:?}", discovered.issuer));
    }
    let endpoints = [
        Some(&discovered.jwks_uri),
        discovered.authorization_endpoint.as_ref(),
        discovered.token_endpoint.as_ref(),
        discovered.userinfo_endpoint.as_ref(),
        discovered.end_session_endpoint.as_ref(),
    ];
    for endpoint in endpoints.into_iter().flatten() {
        let least = if issuer.starts_with("https:") { "https" } else { "http" };
        let uri: Option<Uri> = endpoint.parse().ok();
        let scheme = uri.as_ref().and_then(Uri::scheme_str).unwrap_or_default();
        if scheme != "https" && scheme != least {
            return Err(format!("the discovery document names {endpoint:?}, which is no {least} URL"));
        }
    }
    Ok(discovered)
}

async fn get(parts: &Parts, url: &str) -> Result<Bytes, String> {
    let request = Request::get(url).header(ACCEPT, "application/json").body(Bytes::new());
    let answer = parts.fetch.fetch(request.map_err(|error| error.to_string())?).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("{url} answered {}", answer.status()));
    }
    let bytes = answer.into_body();
    if bytes.len() > limits::FETCHED_BYTES_MAX {
        return Err(format!(
            "{url} has {} bytes; at most {} are taken",
            bytes.len(),
            limits::FETCHED_BYTES_MAX
        ));
    }
    Ok(bytes)
}

/// Checks a URL of a document: https, or http to this machine only.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let local =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if local => Ok(()),
        Some("http") => Err(format!(
            "{url:?} is http: who stands in between could give keys of its own; use https, or http to this machine"
        )),
        _ => Err(format!("{url:?} is no https URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discovery_document_is_the_issuers_own() {
        let document = |issuer: &str, keys: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}"}}"#);
        for (issuer, text, right) in [
            ("https://a", document("https://a", "https://a/keys"), true),
            ("https://a", document("https://a", "https://keys.b/keys"), true),
            ("https://a", document("https://b", "https://a/keys"), false),
            ("https://a", document("https://a/", "https://a/keys"), false),
            ("https://a", document("https://a", "http://a/keys"), false),
            ("https://a", document("https://a", "file:///keys"), false),
            ("http://127.0.0.1", document("http://127.0.0.1", "http://127.0.0.1/keys"), true),
            ("https://a", r#"{"issuer":"https://a"}"#.to_owned(), false),
            ("https://a", "x".to_owned(), false),
        ] {
            assert_eq!(discovery(issuer, text.as_bytes()).is_ok(), right, "{text}");
        }
    }

    #[test]
    fn keys_come_by_https() {
        for (url, right) in [
            ("https://example.com/keys", true),
            ("http://127.0.0.1:9/keys", true),
            ("http://localhost/keys", true),
            ("http://[::1]/keys", true),
            ("http://example.com/keys", false),
            ("http://127.0.0.1.example.com/keys", false),
            ("ftp://example.com", false),
            ("/keys", false),
            ("", false),
        ] {
            assert_eq!(check_url(url).is_ok(), right, "{url}");
        }
    }
}
