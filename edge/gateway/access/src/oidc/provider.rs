//! What is asked of a provider in the background: tokens for a code or a refresh token, and claims. Its id tokens are checked as
//! `OpenID` Connect Core 1.0, section 3.1.3.7, says.

use crate::limits;
use crate::oidc::Oidc;
use crate::parts::Parts;
use crate::request::{encoded, form};
use crate::token::keys::Mismatch;
use crate::token::source::{Discovered, Fetched};
use crate::token::{self, Unverified, claims};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;

/// Bytes of a subject (`OpenID` Connect Core, section 2, allows 255).
const SUBJECT_BYTES_MAX: usize = 255;
/// Bytes of a claim, as JSON, that a session keeps.
const CLAIM_BYTES_MAX: usize = 4 << 10;

/// An answer of the token endpoint.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    token_type: String,
    pub(crate) expires_in: Option<u64>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(…)")
    }
}

/// Why there are no tokens.
#[derive(Debug)]
pub(crate) enum NoTokens {
    /// The provider says that the code or refresh token is not good (any more).
    Refused(String),
    /// Anything else, for operators.
    Failed(String),
}

impl NoTokens {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Refused(text) | Self::Failed(text) => text,
        }
    }
}

/// Asks the token endpoint.
pub(crate) async fn tokens(
    oidc: &Oidc,
    discovered: &Discovered,
    grant: &[(&str, &str)],
    parts: &Parts,
) -> Result<Tokens, NoTokens> {
    let request = token_request(oidc, discovered, grant).map_err(NoTokens::Failed)?;
    let answer = parts.fetch.fetch(request).await.map_err(|error| NoTokens::Failed(error.to_string()))?;
    let (status, body) = (answer.status(), answer.into_body());
    if body.len() > limits::FETCHED_BYTES_MAX {
        return Err(NoTokens::Failed("the token endpoint answered too much".to_owned()));
    }
    if status != StatusCode::OK {
        let code = serde_json::from_slice::<Value>(&body).ok();
        let code =
            code.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str).unwrap_or_default();
        let text = format!("the token endpoint answered {status}, error {:?}", error_code(code));
        return Err(if code == "invalid_grant" { NoTokens::Refused(text) } else { NoTokens::Failed(text) });
    }
    // The error of serde would show a piece of the body.
    let tokens: Tokens = serde_json::from_slice(&body)
        .map_err(|_| NoTokens::Failed("the token endpoint's answer is not what RFC 6749 says".to_owned()))?;
    if !tokens.token_type.eq_ignore_ascii_case("bearer") {
        return Err(NoTokens::Failed("the token endpoint's tokens are not of the type Bearer".to_owned()));
    }
    Ok(tokens)
}

/// A code of an error as RFC 6749 has them; what is none is left out, since it may come from anybody.
pub(crate) fn error_code(code: &str) -> &str {
    let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if plain { code } else { "" }
}

fn token_request(
    oidc: &Oidc,
    discovered: &Discovered,
    grant: &[(&str, &str)],
) -> Result<Request<Bytes>, String> {
    let endpoint = discovered.token_endpoint.as_ref().ok_or("the provider has no token endpoint")?;
    let mut pairs = grant.to_vec();
    let mut request = Request::post(endpoint.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json");
    let secret = oidc.client_secret.as_ref().map(|secret| std::str::from_utf8(&secret.0));
    let secret = secret.transpose().map_err(|_| "the client's secret is no text")?;
    let methods = discovered.token_endpoint_auth_methods_supported.as_deref();
    let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|known| known == method));
    match secret {
        None => pairs.push(("client_id", &oidc.client_id)),
        Some(secret) if methods.is_none() || takes("client_secret_basic") => {
            let both = format!("{}:{}", encoded(&oidc.client_id), encoded(secret));
            let header = HeaderValue::from_str(&format!("Basic {}", Base64::encode_string(both.as_bytes())));
            let mut header = header.expect("invariant: base64 is ASCII");
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        Some(secret) if takes("client_secret_post") => {
            pairs.extend([("client_id", oidc.client_id.as_str()), ("client_secret", secret)]);
        }
        Some(_) => {
            return Err("the provider takes neither client_secret_basic nor client_secret_post".to_owned());
        }
    }
    request.body(form(&pairs).into()).map_err(|error| error.to_string())
}

/// What an id token must say besides being the provider's.
pub(crate) enum Expected<'a> {
    /// Of a login: this nonce, and this access token by its hash.
    Login { nonce: &'a str },
    /// Of a refresh (section 12.2): the same subject.
    Refresh { subject: &'a str },
}

/// The claims of an id token. The error is for operators.
pub(crate) async fn id_token(
    oidc: &Oidc,
    text: &str,
    access_token: &str,
    expected: &Expected<'_>,
    fetched: &Fetched,
    parts: &Parts,
) -> Result<Map<String, Value>, &'static str> {
    let token = token::read(text)?;
    let allowed = token::algorithms(true);
    let mut checked = fetched.keys.verify(&token, &allowed);
    if checked == Err(Mismatch::UnknownKey)
        && let Some(newer) = oidc.source.get_newer(parts, fetched).await
    {
        checked = newer.keys.verify(&token, &allowed);
    }
    checked.map_err(|mismatch| match mismatch {
        Mismatch::UnknownKey => "the id token's key is not among the provider's",
        Mismatch::Algorithm => "the id token's algorithm is not taken",
        Mismatch::Signature => "the id token's signature is wrong",
    })?;
    check(oidc, token, access_token, expected, parts.now_ms())
}

fn check(
    oidc: &Oidc,
    token: Unverified<'_>,
    access_token: &str,
    expected: &Expected<'_>,
    now_ms: u64,
) -> Result<Map<String, Value>, &'static str> {
    let said = &token.claims;
    let text = |claim: &str| said.get(claim).and_then(Value::as_str);
    if text("iss") != Some(&oidc.issuer) {
        return Err("the id token is of another issuer");
    }
    let audiences = claims::texts(said, "aud");
    if !audiences.contains(&oidc.client_id.as_str()) {
        return Err("the id token is for another client");
    }
    let party = said.get("azp");
    if (audiences.len() > 1 && party.is_none())
        || party.is_some_and(|party| party.as_str() != Some(&oidc.client_id))
    {
        return Err("the id token was issued to another client");
    }
    claims::timely(said, now_ms, limits::CLOCK_SKEW.as_millis() as u64)?;
    if !said.contains_key("iat") {
        return Err("the id token does not say when it was issued");
    }
    let subject = text("sub").filter(|subject| (1..=SUBJECT_BYTES_MAX).contains(&subject.len()));
    let subject = subject.filter(|subject| !subject.chars().any(char::is_control));
    let subject = subject.ok_or("the id token names no subject of at most 255 bytes")?;
    match expected {
        Expected::Login { nonce } => {
            let shown = text("nonce").unwrap_or_default();
            if !bool::from(shown.as_bytes().ct_eq(nonce.as_bytes())) {
                return Err("the id token is of another login (nonce)");
            }
        }
        Expected::Refresh { subject: same } if subject == *same => {}
        Expected::Refresh { .. } => return Err("the refreshed id token is of another subject"),
    }
    if let Some(hash) = said.get("at_hash")
        && hash.as_str() != Some(&half_hash(token.algorithm, access_token))
    {
        return Err("the id token is of another access token (at_hash)");
    }
    Ok(token.claims)
}

/// The left half of a hash (section 3.1.3.6).
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    let hash = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => Sha384::digest(text).to_vec(),
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => Sha512::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    Base64UrlUnpadded::encode_string(&hash[..hash.len() / 2])
}

/// The claims that a session keeps: of the id token and, for those that are not in it, of the userinfo endpoint (section 5.3).
/// Those that it had are kept where neither says anything because the provider could not be asked.
pub(crate) async fn wanted(
    oidc: &Oidc,
    id: &Map<String, Value>,
    access_token: &str,
    discovered: &Discovered,
    before: &Map<String, Value>,
    parts: &Parts,
) -> Map<String, Value> {
    let fits = |value: &Value| value.to_string().len() <= CLAIM_BYTES_MAX;
    let pick = |from: &Map<String, Value>| -> Map<String, Value> {
        let row =
            |claim: &String| Some((claim.clone(), from.get(claim).filter(|value| fits(value))?.clone()));
        oidc.wanted.iter().filter_map(row).collect()
    };
    let mut kept = pick(id);
    let missing = oidc.wanted.iter().any(|claim| claim != "sub" && !id.contains_key(claim));
    let Some(endpoint) = discovered.userinfo_endpoint.as_ref().filter(|_| missing) else { return kept };
    let more = match user_info(endpoint, id, access_token, parts).await {
        Ok(more) => pick(&more),
        Err(error) => {
            tracing::warn!("login {:?}: the provider did not tell claims: {error}", oidc.name);
            before.clone()
        }
    };
    for (claim, value) in more {
        kept.entry(claim).or_insert(value);
    }
    kept
}

async fn user_info(
    endpoint: &str,
    id: &Map<String, Value>,
    access_token: &str,
    parts: &Parts,
) -> Result<Map<String, Value>, String> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {access_token}"))
        .map_err(|_| "the access token is no text")?;
    bearer.set_sensitive(true);
    let request = Request::get(endpoint).header(AUTHORIZATION, bearer).header(ACCEPT, "application/json");
    let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
    let answer = parts.fetch.fetch(request).await.map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK || answer.body().len() > limits::FETCHED_BYTES_MAX {
        return Err(format!(
            "the userinfo endpoint answered {} and {} bytes",
            answer.status(),
            answer.body().len()
        ));
    }
    let claims = crate::json::object(answer.body()).map_err(|_| "userinfo is no JSON object".to_owned())?;
    // Section 5.3.2: else the answer may be of another.
    if claims.get("sub").is_none() || claims.get("sub") != id.get("sub") {
        return Err("userinfo is of another subject".to_owned());
    }
    Ok(claims)
}
