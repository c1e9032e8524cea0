//! A browser's login at an `OpenID` provider (`OpenID` Connect Core 1.0): authorization code with PKCE (RFC 7636), a session in
//! sealed cookies, refreshed by refresh tokens, ended by logout at the provider as well (`OpenID` Connect RP-Initiated Logout 1.0).
//!
//! The gateway keeps no session: what a browser shows is all there is. So a session ends when it is over, when its provider
//! refuses to refresh it, or when its browser forgets it; it cannot be taken back from here, but for all at once by new keys.

pub(crate) mod flow;
pub(crate) mod provider;
pub(crate) mod refresh;
pub(crate) mod seal;
pub(crate) mod session;

use crate::limits;
use crate::login::claim_headers;
use crate::oidc::refresh::Refreshed;
use crate::oidc::session::Session;
use crate::parts::Parts;
use crate::problem::Problems;
use crate::request::RequestFacts;
use crate::secret::{Clear, clear};
use crate::token::claims;
use crate::token::source::{Place, Source, check_url};
use crate::verdict::{Claimed, Found, Refusal, quoted};
use bole_gateway_document::access::Oidc as Settings;
use http::header::{HeaderName, HeaderValue};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Oidc {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    client_secret: Option<Clear>,
    pub(crate) callback: String,
    pub(crate) logout: String,
    scope: String,
    pub(crate) cookie: String,
    session: Duration,
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// Claims that a session keeps.
    wanted: BTreeSet<String>,
    pub(crate) source: Arc<Source>,
}

fn check_path(what: &str, path: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
    if path.len() < 2 || !path.starts_with('/') || path.starts_with("//") || !path.bytes().all(plain) {
        return Err(format!("{what} {path:?} is no path of a-z A-Z 0-9 . _ ~ - that begins with one /"));
    }
    Ok(())
}

fn check(settings: &Settings) -> Result<(), String> {
    check_url(&settings.issuer)?;
    check_path("callback", &settings.callback)?;
    check_path("logout", &settings.logout)?;
    if settings.callback == settings.logout {
        return Err("callback and logout are the same path".to_owned());
    }
    if settings.client_id.is_empty() {
        return Err("client_id is empty".to_owned());
    }
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if settings.cookie.is_empty() || settings.cookie.len() > 64 || !settings.cookie.bytes().all(token) {
        return Err(format!("cookie {:?} is not 1 to 64 of a-z A-Z 0-9 _ -", settings.cookie));
    }
    let session = settings.session.0;
    if session < Duration::from_mins(1) || session > limits::SESSION_MAX {
        return Err("session is not between 1m and 30d".to_owned());
    }
    if let Some(scope) =
        settings.scopes.iter().find(|scope| scope.is_empty() || scope.contains([' ', '"', '\\']))
    {
        return Err(format!("{scope:?} is no scope; write one for each entry"));
    }
    Ok(())
}

impl Oidc {
    pub(crate) fn new(
        name: &str,
        settings: &Settings,
        parts: &Parts,
        problems: &mut Problems,
    ) -> Option<Self> {
        let at = format!("logins.{name}");
        problems.take(&at, check(settings))?;
        let headers = problems.take(&at, claim_headers(&settings.headers));
        let secret = settings.client_secret.as_ref();
        let secret = secret.map(|secret| problems.take(&at, clear(&secret.0, &*parts.secrets)));
        let client_secret = match secret {
            Some(None) => return None,
            Some(secret) => secret,
            None => None,
        };
        let mut scopes: Vec<&str> = vec!["openid"];
        scopes.extend(settings.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
        let headers = headers?;
        let wanted = headers.iter().map(|(_, claim)| claim.clone()).chain(["groups".to_owned()]).collect();
        Some(Self {
            name: name.to_owned(),
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret,
            callback: settings.callback.clone(),
            logout: settings.logout.clone(),
            scope: scopes.join(" "),
            cookie: settings.cookie.clone(),
            session: settings.session.0,
            headers,
            wanted,
            source: parts.memory.source(&Place::Issuer(settings.issuer.clone())),
        })
    }

    pub(crate) fn challenge(&self) -> String {
        format!("OpenID realm={}", quoted(&self.name))
    }

    /// Whether a cookie is this login's: of a session, or of a login under way.
    pub(crate) fn owns_cookie(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.cookie.as_str()) else { return false };
        let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        rest.is_empty() || rest.strip_prefix('.').is_some_and(number) || rest.starts_with(flow::LOGIN)
    }

    pub(crate) async fn decide(self: &Arc<Self>, facts: &RequestFacts<'_>, parts: &Parts) -> Found {
        let now_ms = parts.now_ms();
        let Some((mut session, mut renew)) = session::shown(self, facts, parts, now_ms) else {
            return Found::Nothing;
        };
        if session.refresh_token.is_some() && session.refresh_at_ms.is_some_and(|at| now_ms >= at) {
            match refresh::refresh(self, &session, parts).await {
                Refreshed::Session(fresh) => {
                    session = (*fresh).clone();
                    renew = true;
                }
                Refreshed::Over => return Found::Nothing,
                Refreshed::Failed => {
                    let grace = limits::REFRESH_GRACE.as_millis() as u64;
                    if session.refresh_at_ms.is_some_and(|at| now_ms >= at.saturating_add(grace)) {
                        return Found::Refused(Refusal::unavailable("the session cannot be renewed now"));
                    }
                }
            }
        }
        let old = now_ms.saturating_sub(session.seen_ms) >= self.session.as_millis() as u64 / 10;
        let mut response = Vec::new();
        if renew || old {
            session.seen_ms = now_ms;
            response = session::cookies(self, &session, facts, parts);
        }
        Found::Somebody(Box::new(self.claimed(session, response)))
    }

    fn claimed(&self, session: Session, response: Vec<(HeaderName, HeaderValue)>) -> Claimed {
        let groups = claims::texts(&session.claims, "groups").into_iter().map(str::to_owned).collect();
        let mut all = session.claims;
        all.insert("sub".to_owned(), session.subject.clone().into());
        let set = claims::headers(&self.headers, &all);
        Claimed { consumer: Some(session.subject), groups, claims: all, set, response, ..Claimed::default() }
    }
}
