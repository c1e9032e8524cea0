//! Signed tokens of another system (JWT, RFC 7519), checked against its public keys (RFC 7517) or a shared secret.
//!
//! The keys are given as text; where they come from is the node's. A key fixes its family of algorithms: a token that names another one is
//! refused, whatever its header says, and so is one without a signature.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::RwLock;
use serde_json::{Map, Value};
use tokio::sync::Notify;

/// How far the clocks of the issuer and of this node may differ, in milliseconds; Kafka's default.
const CLOCK_SKEW_MS: i64 = 30_000;
/// Keys that are kept; more are refused.
const KEYS_MAX: usize = 64;
/// Bytes of a shared secret: at least as many as the digest has (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// What tokens have to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The claim `iss`.
    pub issuer: String,
    /// One of the claim `aud`.
    pub audience: String,
    /// The claim that names the user.
    pub user_claim: String,
    /// A word that the claim `scope` or `scp` has to hold; `None`: any.
    pub scope: Option<String>,
}

/// Checks tokens.
pub struct Verifier {
    settings: Settings,
    secret: Option<DecodingKey>,
    keys: RwLock<Arc<Vec<Key>>>,
    /// Told when a token named a key that is not known: the issuer may have a new one.
    pub unknown_key: Notify,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

/// What a good token says.
#[derive(Debug, PartialEq, Eq)]
pub struct Token {
    /// Who the client is.
    pub subject: String,
    /// Until when, in milliseconds since the Unix epoch.
    pub expires_ms: i64,
    /// All that it says.
    pub claims: Map<String, Value>,
}

impl Token {
    /// The words of a claim that is a text, words between commas or spaces, or a list of texts.
    pub fn words(&self, claim: &str) -> Vec<&str> {
        let texts = words(self.claims.get(claim), false);
        texts.flat_map(|text| text.split([',', ' '])).filter(|word| !word.is_empty()).collect()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Verifier({:?})", self.settings)
    }
}

impl Verifier {
    /// A verifier without public keys. `secret`: of HS256, if tokens may be signed by it. Errors: the secret is too short.
    pub fn new(settings: Settings, secret: Option<&[u8]>) -> Result<Self, String> {
        if let Some(short) = secret.filter(|secret| secret.len() < SECRET_BYTES_MIN) {
            let bytes = short.len();
            return Err(format!("the secret has {bytes} bytes; HS256 needs {SECRET_BYTES_MIN} at least"));
        }
        let secret = secret.map(DecodingKey::from_secret);
        Ok(Self { settings, secret, keys: RwLock::default(), unknown_key: Notify::new() })
    }

    /// Replaces the public keys by those of a JSON Web Key Set that are for RS256, RS384, RS512, ES256 or ES384 signatures: how many. Errors:
    /// there are none, or too many.
    pub fn set_keys(&self, json: &str) -> Result<usize, String> {
        let value: Value = serde_json::from_str(json).map_err(|error| format!("not JSON: {error}"))?;
        let rows = value["keys"].as_array().ok_or("the key set has no \"keys\"")?;
        // A key of a kind that nobody here knows is no reason to refuse the others.
        let known = rows.iter().filter_map(|row| serde_json::from_value::<Jwk>(row.clone()).ok());
        let keys: Vec<Key> = JwkSet { keys: known.collect() }.keys.iter().filter_map(Key::of).collect();
        if keys.is_empty() || keys.len() > KEYS_MAX {
            let count = keys.len();
            return Err(format!(
                "the key set has {count} public keys for signatures; 1 to {KEYS_MAX} are allowed"
            ));
        }
        let count = keys.len();
        *self.keys.write() = Arc::new(keys);
        Ok(count)
    }

    /// Checks a token at a time. The error says what is wrong, for the client.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<Token, String> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|error| format!("the token's header: {error}"))?;
        let claims = self.claims(token, header.alg, header.kid.as_deref())?;
        let (subject, expires_ms) = self.check(&claims, now_ms)?;
        Ok(Token { subject, expires_ms, claims })
    }

    /// Who tokens have to be of.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    fn claims(
        &self,
        token: &str,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Result<Map<String, Value>, String> {
        let read = |key: &DecodingKey| {
            let mut validation = Validation::new(algorithm);
            // The claims are checked below, against our clock.
            (validation.validate_exp, validation.validate_aud) = (false, false);
            validation.required_spec_claims.clear();
            jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation).map(|token| token.claims)
        };
        if algorithm == Algorithm::HS256 {
            let secret = self.secret.as_ref().ok_or("tokens of HS256 are not taken")?;
            return read(secret).map_err(|error| format!("the token: {error}"));
        }
        let keys = Arc::clone(&self.keys.read());
        let fits = |key: &&Key| {
            key.algorithms.contains(&algorithm)
                && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        };
        let mut last = None;
        for key in keys.iter().filter(fits) {
            match read(&key.decoding) {
                Ok(claims) => return Ok(claims),
                Err(error) => last = Some(error),
            }
        }
        self.unknown_key.notify_one();
        Err(last.map_or_else(
            || format!("no key for {algorithm:?} with the id \"{}\" is known", id.unwrap_or_default()),
            |error| format!("the token: {error}"),
        ))
    }

    fn check(&self, claims: &Map<String, Value>, now_ms: i64) -> Result<(String, i64), String> {
        let Settings { issuer, audience, user_claim, scope } = &self.settings;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(issuer) {
            return Err("the token is of another issuer".to_owned());
        }
        if !words(claims.get("aud"), false).any(|word| word == audience) {
            return Err("the token is for another audience".to_owned());
        }
        let expires_ms = time_ms(claims.get("exp")).ok_or("the token has no time at which it expires")?;
        if now_ms >= expires_ms.saturating_add(CLOCK_SKEW_MS) {
            return Err("the token has expired".to_owned());
        }
        for claim in ["nbf", "iat"] {
            let from = claims.get(claim).map(|value| time_ms(Some(value)).ok_or(claim)).transpose();
            let from = from.map_err(|claim| format!("the token's claim {claim} is no time"))?;
            if from.is_some_and(|from| now_ms.saturating_add(CLOCK_SKEW_MS) < from) {
                return Err("the token is not good yet".to_owned());
            }
        }
        if let Some(scope) = scope {
            let mut scopes = words(claims.get("scope"), true).chain(words(claims.get("scp"), true));
            if !scopes.any(|word| word == scope) {
                return Err(format!("the token lacks the scope \"{scope}\""));
            }
        }
        let subject = text(user_claim).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| format!("the token's claim {user_claim} names no user"))?;
        Ok((subject.to_owned(), expires_ms))
    }
}

/// The texts of a claim that is one or a list of them; `split`: a text is words between spaces.
fn words(claim: Option<&Value>, split: bool) -> impl Iterator<Item = &str> {
    let texts: Vec<&str> = match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().flat_map(move |text| {
        let parts = if split { text.split(' ').collect() } else { vec![text] };
        parts.into_iter()
    })
}

/// A claim in seconds, as milliseconds.
fn time_ms(claim: Option<&Value>) -> Option<i64> {
    let seconds = claim?.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
    Some((seconds * 1e3) as i64)
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        let family: &[(KeyAlgorithm, Algorithm)] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[
                (KeyAlgorithm::RS256, Algorithm::RS256),
                (KeyAlgorithm::RS384, Algorithm::RS384),
                (KeyAlgorithm::RS512, Algorithm::RS512),
            ],
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => &[(KeyAlgorithm::ES256, Algorithm::ES256)],
                EllipticCurve::P384 => &[(KeyAlgorithm::ES384, Algorithm::ES384)],
                _ => &[],
            },
            // Secrets have no place in a set of public keys.
            _ => &[],
        };
        let named = jwk.common.key_algorithm;
        let algorithms: Vec<Algorithm> = family
            .iter()
            .filter(|(name, _)| named.is_none_or(|named| named == *name))
            .map(|(_, algorithm)| *algorithm)
            .collect();
        let key = DecodingKey::from_jwk(jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { id: jwk.common.key_id.clone(), algorithms, decoding: key })
    }
}

#[cfg(test)]
mod tests;
