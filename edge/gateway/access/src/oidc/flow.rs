//! The way of a browser to the provider and back, and out again. What a login needs to know when the browser comes back is in a
//! sealed cookie of that browser: who was not sent from here does not come in here (login CSRF).

use crate::limits;
use crate::oidc::provider::{self, Expected, NoTokens, error_code};
use crate::oidc::session::{self, Session};
use crate::oidc::{Oidc, seal};
use crate::parts::{Parts, random};
use crate::request::{RequestFacts, form, parameter};
use crate::token::source::Fetched;
use crate::verdict::{Answer, Refusal, Verdict};
use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Between a cookie's name and the beginning of a state.
pub(crate) const LOGIN: &str = "_login_";
/// Of a state, in the cookie's name.
const STATE_PREFIX: usize = 8;

/// A login under way.
#[derive(Serialize, Deserialize)]
struct Begun {
    state: String,
    nonce: String,
    verifier: String,
    back: String,
    authority: String,
    until_ms: u64,
}

type Cookies = Vec<(HeaderName, HeaderValue)>;

fn purpose(oidc: &Oidc) -> Vec<u8> {
    format!("login\n{}\n{}\n{}", oidc.name, oidc.issuer, oidc.client_id).into_bytes()
}

fn drawn(parts: &Parts) -> String {
    Base64UrlUnpadded::encode_string(&random::<32>(&*parts.entropy))
}

/// A path of this host, whatever the request's target was: `//host` and its like lead elsewhere, and are not come back to.
pub(crate) fn own_path(target: &str) -> &str {
    let elsewhere = !target.starts_with('/')
        || target[1..].starts_with(['/', '\\'])
        || target.len() > limits::RETURN_BYTES_MAX
        || target.bytes().any(|byte| byte == b'\\' || !(b'!'..=b'~').contains(&byte));
    if elsewhere { "/" } else { target }
}

fn redirect(to: &str, cookies: Cookies, reason: &'static str) -> Verdict {
    let Ok(mut location) = HeaderValue::from_str(to) else {
        return Refusal::new(StatusCode::BAD_GATEWAY, "provider", "the provider's address is none").verdict();
    };
    // It may hold a state, or an id token.
    location.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for (name, value) in cookies {
        headers.append(name, value);
    }
    Verdict::Redirect(Answer { status: StatusCode::FOUND, headers, body: Bytes::new(), reason })
}

fn with_query(endpoint: &str, query: &str) -> String {
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{separator}{query}")
}

fn redirect_uri(oidc: &Oidc, facts: &RequestFacts<'_>) -> String {
    format!("{}://{}{}", facts.scheme(), facts.authority, oidc.callback)
}

fn unavailable() -> Verdict {
    Refusal::unavailable("the provider of logins cannot be reached now").verdict()
}

/// Sends a browser to the provider.
pub(crate) async fn start(oidc: &Oidc, facts: &RequestFacts<'_>, parts: &Parts) -> Verdict {
    let Some(fetched) = oidc.source.get(parts).await else { return unavailable() };
    let endpoint =
        fetched.discovered.as_ref().and_then(|discovered| discovered.authorization_endpoint.as_deref());
    let Some(endpoint) = endpoint else { return unavailable() };
    let begun = Begun {
        state: drawn(parts),
        nonce: drawn(parts),
        verifier: drawn(parts),
        back: own_path(&facts.target()).to_owned(),
        authority: facts.authority.to_owned(),
        until_ms: parts.now_ms() + limits::LOGIN_TTL.as_millis() as u64,
    };
    let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(&begun.verifier));
    let query = form(&[
        ("response_type", "code"),
        ("client_id", &oidc.client_id),
        ("redirect_uri", &redirect_uri(oidc, facts)),
        ("scope", &oidc.scope),
        ("state", &begun.state),
        ("nonce", &begun.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let bytes = serde_json::to_vec(&begun).expect("invariant: a login is JSON");
    let sealed = seal::seal(parts, &purpose(oidc), &bytes);
    let name = login_cookie(oidc, &begun.state);
    let mut cookies = forgotten(oidc, facts);
    cookies.push(session::set(&name, &sealed, limits::LOGIN_TTL.as_secs(), facts));
    redirect(&with_query(endpoint, &query), cookies, "login")
}

fn login_cookie(oidc: &Oidc, state: &str) -> String {
    format!("{}{LOGIN}{}", oidc.cookie, state.get(..STATE_PREFIX).unwrap_or_default())
}

/// Ends logins that were never finished, once there are many.
fn forgotten(oidc: &Oidc, facts: &RequestFacts<'_>) -> Cookies {
    let prefix = format!("{}{LOGIN}", oidc.cookie);
    let names: Vec<&str> =
        facts.cookies().map(|(name, _)| name).filter(|name| name.starts_with(&prefix)).collect();
    let token = |name: &&&str| {
        name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let many = names.len() >= limits::LOGINS_MAX;
    names.iter().filter(token).filter(|_| many).map(|name| session::set(name, "", 0, facts)).collect()
}

/// What the browser that comes back was sent with.
fn begun(oidc: &Oidc, state: &str, facts: &RequestFacts<'_>, parts: &Parts) -> Option<Begun> {
    let sealed = facts.cookie(&login_cookie(oidc, state))?;
    let (bytes, _) = seal::open(parts, &purpose(oidc), sealed)?;
    let begun: Begun = serde_json::from_slice(&bytes).ok()?;
    let same =
        bool::from(begun.state.as_bytes().ct_eq(state.as_bytes())) && begun.authority == facts.authority;
    (same && parts.now_ms() < begun.until_ms).then_some(begun)
}

/// A browser comes back. `None` if it was another login's, or nobody's.
pub(crate) async fn callback(oidc: &Oidc, facts: &RequestFacts<'_>, parts: &Parts) -> Option<Verdict> {
    let query = facts.query().unwrap_or_default();
    let state = parameter(query, "state").ok().flatten()?;
    let begun = begun(oidc, &state, facts, parts)?;
    let mut over = vec![session::set(&login_cookie(oidc, &state), "", 0, facts)];
    Some(match finish(oidc, &begun, facts, parts).await {
        Ok(session) => {
            over.extend(session::cookies(oidc, &session, facts, parts));
            redirect(own_path(&begun.back), over, "login")
        }
        Err(refusal) => with_cookies(refusal.verdict(), over),
    })
}

fn with_cookies(mut verdict: Verdict, cookies: Cookies) -> Verdict {
    if let Verdict::Refuse(answer) | Verdict::Challenge(answer) = &mut verdict {
        for (name, value) in cookies {
            answer.headers.append(name, value);
        }
    }
    verdict
}

async fn finish(
    oidc: &Oidc,
    begun: &Begun,
    facts: &RequestFacts<'_>,
    parts: &Parts,
) -> Result<Session, Refusal> {
    let query = facts.query().unwrap_or_default();
    let one = |name: &str| {
        parameter(query, name).map_err(|_| Refusal::malformed("the provider's answer is ambiguous"))
    };
    let failed = |error: &str| {
        tracing::warn!("login {:?}: a browser came back, and was not let in: {error}", oidc.name);
        Refusal::new(StatusCode::BAD_GATEWAY, "provider", "the login failed at its provider; try again")
    };
    let fetched = oidc.source.get(parts).await;
    let fetched =
        fetched.ok_or_else(|| Refusal::unavailable("the provider of logins cannot be reached now"))?;
    let discovered = fetched.discovered.clone().ok_or_else(|| failed("it was not discovered"))?;
    // RFC 9207: an answer of another provider is not brought to this one.
    match one("iss")? {
        Some(issuer) if issuer != oidc.issuer => return Err(failed("the answer is of another issuer")),
        None if discovered.authorization_response_iss_parameter_supported => {
            return Err(failed("the answer does not name its issuer"));
        }
        _ => {}
    }
    if let Some(error) = one("error")? {
        let code = error_code(&error);
        tracing::info!("login {:?}: the provider did not let a browser in: {code}", oidc.name);
        return Err(Refusal::forbidden("provider", format!("the provider did not let you in: {code}")));
    }
    let code = one("code")?.ok_or_else(|| Refusal::malformed("the provider's answer has no code"))?;
    let uri = redirect_uri(oidc, facts);
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", uri.as_str()),
        ("code_verifier", begun.verifier.as_str()),
    ];
    let tokens = provider::tokens(oidc, &discovered, &grant, parts).await;
    let tokens = tokens.map_err(|error: NoTokens| failed(error.text()))?;
    opened(oidc, begun, tokens, &fetched, parts).await.map_err(|error| failed(&error))
}

/// The session of tokens that are right.
async fn opened(
    oidc: &Oidc,
    begun: &Begun,
    tokens: provider::Tokens,
    fetched: &Fetched,
    parts: &Parts,
) -> Result<Session, String> {
    let text = tokens.id_token.as_deref().ok_or("the token endpoint gave no id token")?;
    let expected = Expected::Login { nonce: &begun.nonce };
    let id = provider::id_token(oidc, text, &tokens.access_token, &expected, fetched, parts).await?;
    let discovered = fetched.discovered.as_ref().ok_or("it was not discovered")?;
    let claims = provider::wanted(oidc, &id, &tokens.access_token, discovered, &Map::new(), parts).await;
    let subject = id.get("sub").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let now_ms = parts.now_ms();
    let refresh_at_ms = tokens.expires_in.map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1_000)));
    let (id_token, refresh_token) = (tokens.id_token, tokens.refresh_token);
    Ok(Session { subject, claims, id_token, refresh_token, refresh_at_ms, begun_ms: now_ms, seen_ms: now_ms })
}

/// Ends the session here, and sends the browser to end it at the provider. `None` without a session.
pub(crate) async fn logout(oidc: &Oidc, facts: &RequestFacts<'_>, parts: &Parts) -> Option<Verdict> {
    let (session, _) = session::shown(oidc, facts, parts, parts.now_ms())?;
    let cookies = session::ended(oidc, facts, 0);
    let fetched = oidc.source.get(parts).await;
    let discovered = fetched.and_then(|fetched| fetched.discovered);
    let endpoint = discovered.as_ref().and_then(|discovered| discovered.end_session_endpoint.as_deref());
    let Some(endpoint) = endpoint else { return Some(redirect("/", cookies, "logout")) };
    let home = format!("{}://{}/", facts.scheme(), facts.authority);
    let mut pairs = vec![("client_id", oidc.client_id.as_str()), ("post_logout_redirect_uri", home.as_str())];
    if let Some(id_token) = &session.id_token {
        pairs.push(("id_token_hint", id_token));
    }
    Some(redirect(&with_query(endpoint, &form(&pairs)), cookies, "logout"))
}

/// Where who logs out without a session is sent.
pub(crate) fn home() -> Verdict {
    redirect("/", Vec::new(), "logout")
}

/// What paths of the gateway's own may be asked: pages of others cannot log a browser out, nor post to it.
pub(crate) fn check(facts: &RequestFacts<'_>, logout: bool) -> Result<(), Refusal> {
    if facts.head.method != Method::GET {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path is asked by GET only"));
    }
    let site = facts.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    if logout && site == Some(b"cross-site") {
        return Err(Refusal::forbidden("cross-site", "another site cannot end this session"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::own_path;
    use proptest::prelude::*;

    #[test]
    fn browsers_come_back_to_this_host() {
        for (target, expected) in [
            ("/a?b=c", "/a?b=c"),
            ("/", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\\b", "/"),
            ("https://evil.example/", "/"),
            ("", "/"),
            ("/a b", "/"),
            ("/\t/evil.example", "/"),
        ] {
            assert_eq!(own_path(target), expected, "{target}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_the_way_back_is_a_path(target in ".{0,30}") {
            let path = own_path(&target);
            prop_assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'));
        }
    }
}
