//! Tokens in `Authorization: Bearer` (RFC 6750), checked as RFC 8725 advises.

use crate::limits;
use crate::login::{authorization, claim_headers};
use crate::memory::Verified;
use crate::parts::Parts;
use crate::problem::Problems;
use crate::request::RequestFacts;
use crate::secret::clear;
use crate::token::keys::{KeySet, Mismatch};
use crate::token::source::{Place, Source, check_url};
use crate::token::{self, Unverified, claims};
use crate::verdict::{Claimed, Found, Refusal, quoted};
use bole_gateway_document::access::Jwt as Settings;
use http::StatusCode;
use http::header::HeaderName;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::sync::Arc;

/// Bytes of a name that a token gives its consumer.
const CONSUMER_BYTES_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Jwt {
    name: String,
    settings: Settings,
    keys: Keys,
    allowed: Vec<Algorithm>,
    /// With the issuer: what was verified for others does not count.
    allowed_names: Vec<u8>,
    skew_ms: u64,
    pub(crate) strip: bool,
    pub(crate) headers: Vec<(HeaderName, String)>,
}

#[derive(Debug)]
enum Keys {
    Here(Arc<KeySet>),
    There(Arc<Source>),
}

impl Jwt {
    pub(crate) fn new(
        name: &str,
        settings: &Settings,
        parts: &Parts,
        problems: &mut Problems,
    ) -> Option<Self> {
        let at = format!("logins.{name}");
        let keys = problems.take(&at, keys(settings, parts));
        let allowed = problems.take(&at, allowed(settings));
        let headers = problems.take(&at, claim_headers(&settings.headers));
        let skew = settings.clock_skew.map_or(limits::CLOCK_SKEW, |skew| skew.0);
        if skew.as_secs() > 3_600 {
            problems.add(&at, "clock_skew is above an hour: clocks are not that far apart");
        }
        let mut settings = settings.clone();
        // Its key is in `keys`.
        settings.secret = None;
        let skew_ms = skew.as_millis() as u64;
        let (strip, name, allowed) = (settings.strip, name.to_owned(), allowed?);
        let allowed_names = format!("{allowed:?} {:?}", settings.issuer).into_bytes();
        Some(Self { name, settings, keys: keys?, allowed, allowed_names, skew_ms, strip, headers: headers? })
    }

    /// Where its keys come from.
    pub(crate) fn source(&self) -> Option<&Arc<Source>> {
        match &self.keys {
            Keys::There(source) => Some(source),
            Keys::Here(_) => None,
        }
    }

    pub(crate) fn challenge(&self) -> String {
        format!("Bearer realm={}", quoted(&self.name))
    }

    /// `others`: a token of another issuer may be another login's.
    pub(crate) async fn decide(
        &self,
        facts: &RequestFacts<'_>,
        parts: &Parts,
        others: bool,
    ) -> Result<Found, Refusal> {
        let malformed = |refusal: Refusal| self.error(refusal, "invalid_request");
        let Some(text) = authorization(facts, "Bearer").map_err(malformed)? else {
            return Ok(Found::Nothing);
        };
        let Some(verified) = self.verify(text, parts, others).await? else { return Ok(Found::Nothing) };
        let consumer = self.check(&verified.claims, parts.now_ms())?;
        let groups = claims::texts(&verified.claims, "groups").into_iter().map(str::to_owned).collect();
        Ok(Found::Somebody(Box::new(Claimed {
            consumer: Some(consumer),
            groups,
            set: claims::headers(&self.headers, &verified.claims),
            claims: verified.claims.clone(),
            ..Claimed::default()
        })))
    }

    /// The claims of a token that one of the keys has signed; `None` if it is of an issuer that another login may know.
    async fn verify(
        &self,
        text: &str,
        parts: &Parts,
        others: bool,
    ) -> Result<Option<Arc<Verified>>, Refusal> {
        let (memory, now_ms) = (&parts.memory, parts.now_ms());
        if text.len() > limits::CREDENTIAL_BYTES_MAX {
            return Err(self.invalid("the token is too long"));
        }
        let key = memory.fingerprint(&[self.name.as_bytes(), &self.allowed_names, text.as_bytes()]);
        let known = memory.tokens.lock().get(&key, now_ms).cloned();
        // What cannot be read, or is another login's, costs no fetch.
        let read = || token::read(text).map_err(|error| self.invalid(error));
        let token = if known.is_some() { None } else { Some(read()?) };
        if others && token.as_ref().is_some_and(|token| self.is_of_another(token)) {
            return Ok(None);
        }
        let (fetched, mut set) = match &self.keys {
            Keys::Here(set) => (None, Arc::clone(set)),
            Keys::There(source) => {
                let fetched = source.get(parts).await.ok_or_else(unavailable)?;
                let set = Arc::clone(&fetched.keys);
                (Some(fetched), set)
            }
        };
        if let Some(known) = known.filter(|known| known.generation == set.generation) {
            return Ok(Some(known));
        }
        let token = token.map_or_else(read, Ok)?;
        let mut checked = set.verify(&token, &self.allowed);
        if let (Err(Mismatch::UnknownKey), Keys::There(source), Some(seen)) = (checked, &self.keys, &fetched)
            && let Some(newer) = source.get_newer(parts, seen).await
        {
            set = newer.keys;
            checked = set.verify(&token, &self.allowed);
        }
        checked.map_err(|mismatch| {
            self.invalid(match mismatch {
                Mismatch::UnknownKey => "the token's key is not known here",
                Mismatch::Algorithm => "the token's algorithm is not taken",
                Mismatch::Signature => "the token's signature is wrong",
            })
        })?;
        let until =
            claims::timely(&token.claims, now_ms, self.skew_ms).map_err(|error| self.invalid(error))?;
        let verified = Arc::new(Verified { generation: set.generation, claims: token.claims });
        let until = until.min(now_ms + limits::TOKEN_TTL.as_millis() as u64);
        // The claims in memory are about as large again.
        memory.tokens.lock().insert(key, Arc::clone(&verified), until, text.len() * 2, now_ms);
        Ok(Some(verified))
    }

    fn is_of_another(&self, token: &Unverified<'_>) -> bool {
        let issuer = token.claims.get("iss").and_then(Value::as_str);
        self.settings.issuer.as_deref().is_some_and(|wanted| issuer.is_some_and(|issuer| issuer != wanted))
    }

    /// What the login asks of claims, on each request; the consumer's name.
    fn check(&self, claims: &Map<String, Value>, now_ms: u64) -> Result<String, Refusal> {
        let settings = &self.settings;
        claims::timely(claims, now_ms, self.skew_ms).map_err(|error| self.invalid(error))?;
        if let Some(issuer) = &settings.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(self.invalid("the token is of another issuer"));
        }
        let audiences = claims::texts(claims, "aud");
        if !settings.audiences.is_empty()
            && !settings.audiences.iter().any(|wanted| audiences.contains(&wanted.as_str()))
        {
            return Err(self.invalid("the token is for another audience"));
        }
        for (claim, value) in &settings.claims {
            if !claims::has(claims, claim, value) {
                let refusal =
                    Refusal::forbidden("claim", "a claim of the token is not what this login asks for");
                return Err(self.error(refusal, "insufficient_scope"));
            }
        }
        let scopes = claims::scopes(claims);
        if !settings.scopes.iter().all(|wanted| scopes.contains(&wanted.as_str())) {
            let refusal = Refusal::forbidden("scope", "the token lacks a scope that this login asks for");
            return Err(self.error(refusal, "insufficient_scope"));
        }
        let claim = settings.consumer_claim.as_deref().unwrap_or("sub");
        let consumer = claims.get(claim).and_then(Value::as_str);
        let good = |name: &&str| {
            (1..=CONSUMER_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        consumer.filter(good).map(str::to_owned).ok_or_else(|| self.invalid("the token names nobody"))
    }

    fn invalid(&self, detail: &'static str) -> Refusal {
        self.error(Refusal::credentials("token", detail), "invalid_token")
    }

    /// With its challenge (RFC 6750, section 3).
    fn error(&self, refusal: Refusal, code: &str) -> Refusal {
        let mut challenge =
            format!("{}, error=\"{code}\", error_description={}", self.challenge(), quoted(&refusal.detail));
        if refusal.status == StatusCode::FORBIDDEN && !self.settings.scopes.is_empty() {
            let _ = write!(challenge, ", scope={}", quoted(&self.settings.scopes.join(" ")));
        }
        refusal.with_challenge(&challenge)
    }
}

fn unavailable() -> Refusal {
    Refusal::unavailable("the keys of tokens cannot be had now")
}

/// Exactly one place of keys.
fn keys(settings: &Settings, parts: &Parts) -> Result<Keys, String> {
    let Settings { issuer, keys_url, keys_file, secret, .. } = settings;
    if [keys_url.is_some(), keys_file.is_some(), secret.is_some()].iter().filter(|is| **is).count() > 1 {
        return Err("of keys_url, keys_file and secret only one says where keys are".to_owned());
    }
    let there = |place| Ok(Keys::There(parts.memory.source(&place)));
    match (keys_url, keys_file, secret, issuer) {
        (Some(url), ..) => {
            check_url(url)?;
            there(Place::Keys(url.clone()))
        }
        (_, Some(path), ..) => {
            let bytes = parts.secrets.file(path);
            let bytes =
                bytes.map_err(|error| format!("keys_file {} cannot be read: {error}", path.display()))?;
            KeySet::read(&bytes).map(|set| Keys::Here(Arc::new(set)))
        }
        (_, _, Some(secret), _) => {
            let secret = clear(&secret.0, &*parts.secrets)?;
            let (bytes, least) = (secret.0.len(), secret_bytes_min(settings));
            if bytes < least {
                return Err(format!(
                    "the secret has {bytes} bytes; its algorithms need {least} at least (RFC 7518, section 3.2)"
                ));
            }
            Ok(Keys::Here(Arc::new(KeySet::secret(&secret.0))))
        }
        (None, None, None, Some(issuer)) => {
            check_url(issuer)?;
            there(Place::Issuer(issuer.clone()))
        }
        (None, None, None, None) => {
            Err("nothing says where keys are: write issuer, keys_url, keys_file or secret".to_owned())
        }
    }
}

/// As many bytes as the digest has.
fn secret_bytes_min(settings: &Settings) -> usize {
    let bytes = |name: &String| match name.as_str() {
        "HS512" => 64,
        "HS384" => 48,
        _ => 32,
    };
    settings.algorithms.iter().map(bytes).max().unwrap_or(32)
}

fn allowed(settings: &Settings) -> Result<Vec<Algorithm>, String> {
    let public = settings.secret.is_none();
    if settings.algorithms.is_empty() {
        return Ok(if public { token::algorithms(true) } else { vec![Algorithm::HS256] });
    }
    let read = |name: &String| match token::algorithm(name) {
        None => Err(format!(
            "the algorithm {name:?} is not taken; RS256, PS256, ES256, EdDSA, HS256 and their like are"
        )),
        Some((_, of_public)) if of_public != public => {
            let kind = if public { "public keys" } else { "a secret" };
            Err(format!("the algorithm {name:?} does not go with {kind}"))
        }
        Some((algorithm, _)) => Ok(algorithm),
    };
    settings.algorithms.iter().map(read).collect()
}
