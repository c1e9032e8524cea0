//! Requests that a consumer's secret has signed.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod world;

use base64ct::{Base64, Encoding};
use bole_base::Clock;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::time::Duration;
use world::{World, admitted, facts, get, request, status};

const DOCUMENT: &str = r#"
[services.s]
instances = ["127.0.0.1:1"]
[consumers.shop]
signing = { shop-1 = "env:SECRET" }
[logins.signed.signature]
components = ["content-digest"]
[logins.plainly-signed.signature]
[routes.signed]
service = "s"
login = ["signed"]
[routes.plainly-signed]
service = "s"
login = ["plainly-signed"]
"#;

/// Signs by the secret of `shop-1`.
fn sign(
    method: &str,
    target: &str,
    covered: &str,
    params: &str,
    secret: &str,
    mut headers: HeaderMap,
) -> http::request::Parts {
    let (path, query) = target.split_once('?').map_or((target, ""), |(path, query)| (path, query));
    let mut base = String::new();
    for name in covered.split(' ').filter(|name| !name.is_empty()) {
        let value = match name {
            "\"@method\"" => method.to_owned(),
            "\"@path\"" => path.to_owned(),
            "\"@authority\"" => "api.example.com".to_owned(),
            "\"@query\"" => format!("?{query}"),
            field => headers[field.trim_matches('"')].to_str().unwrap().to_owned(),
        };
        base = format!("{base}{name}: {value}\n");
    }
    base = format!("{base}\"@signature-params\": ({covered}){params}");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(base.as_bytes());
    let signature = Base64::encode_string(&mac.finalize().into_bytes());
    headers.insert("signature-input", format!("sig=({covered}){params}").parse().unwrap());
    headers.insert("signature", format!("sig=:{signature}:").parse().unwrap());
    let mut head = request(method, target, &[]);
    head.headers = headers;
    head
}

const SECRET: &str = "environment-secret-0123456789abcdef";
const PLAIN: &str = "\"@method\" \"@path\" \"@authority\"";

#[tokio::test]
async fn signatures_are_checked() {
    let world = World::new();
    let access = world.access(DOCUMENT);
    let now = world.clock.now().0 / 1_000;
    let with_query = format!("{PLAIN} \"@query\"");
    let good = format!(";created={now};keyid=\"shop-1\"");
    for (covered, target, params, secret, expected) in [
        (PLAIN, "/a", good.clone(), SECRET, 0),
        (&with_query, "/a?b=c", good.clone(), SECRET, 0),
        (PLAIN, "/a", format!("{good};alg=\"hmac-sha256\""), SECRET, 0),
        (PLAIN, "/a", format!("{good};expires={}", now + 1), SECRET, 0),
        // What is not signed could be changed.
        (PLAIN, "/a?b=c", good.clone(), SECRET, 401),
        ("\"@method\" \"@path\"", "/a", good.clone(), SECRET, 401),
        ("", "/a", good.clone(), SECRET, 401),
        (PLAIN, "/a", good.clone(), "another secret", 401),
        (PLAIN, "/a", format!(";created={now};keyid=\"shop-2\""), SECRET, 401),
        (PLAIN, "/a", format!(";created={now}"), SECRET, 401),
        (PLAIN, "/a", ";keyid=\"shop-1\"".to_owned(), SECRET, 401),
        (PLAIN, "/a", format!("{good};alg=\"rsa-pss-sha512\""), SECRET, 401),
        (PLAIN, "/a", format!(";created={};keyid=\"shop-1\"", now - 301), SECRET, 401),
        (PLAIN, "/a", format!(";created={};keyid=\"shop-1\"", now + 301), SECRET, 401),
        (PLAIN, "/a", format!(";created={};keyid=\"shop-1\"", i64::MAX / 10_000), SECRET, 401),
        (PLAIN, "/a", format!("{good};expires={now}"), SECRET, 401),
        (PLAIN, "/a", format!("{good};nonce=1"), SECRET, 400),
    ] {
        let head = sign("GET", target, covered, &params, secret, HeaderMap::new());
        let verdict = access.decide("plainly-signed", &facts(&head)).await;
        assert_eq!(status(&verdict), expected, "{covered} {target} {params}: {verdict:?}");
    }
    for headers in [
        &[("signature", "sig=:AAAA:")][..],
        &[("signature-input", "sig=()"), ("signature", "sig=AAAA")],
        &[("signature-input", "sig=();"), ("signature", "sig=:AAAA:")],
        &[("signature-input", "a=()"), ("signature", "b=:AAAA:")],
        &[("signature-input", "a=(), b=()"), ("signature", "a=:AAAA:, b=:AAAA:")],
    ] {
        assert_eq!(status(&get(&access, "plainly-signed", "/", headers).await), 400, "{headers:?}");
    }
    assert_eq!(status(&get(&access, "plainly-signed", "/", &[]).await), 401);
}

#[tokio::test]
async fn a_signature_counts_once() {
    let world = World::new();
    let access = world.access(DOCUMENT);
    let now = world.clock.now().0 / 1_000;
    let plain = format!(";created={now};keyid=\"shop-1\"");
    let nonce = format!("{plain};nonce=\"n\"");
    let head = |method: &str, params: &str| sign(method, "/a", PLAIN, params, SECRET, HeaderMap::new());
    for (method, params, expected) in [
        ("GET", &plain, 0),
        ("GET", &plain, 0),
        ("POST", &plain, 0),
        ("POST", &plain, 401),
        ("GET", &nonce, 0),
        ("GET", &nonce, 401),
        ("PUT", &nonce, 401),
    ] {
        let head = head(method, params);
        assert_eq!(
            status(&access.decide("plainly-signed", &facts(&head)).await),
            expected,
            "{method} {params}"
        );
    }
    // A new document does not forget.
    let again = world.access(DOCUMENT);
    let replayed = head("POST", &plain);
    assert_eq!(status(&again.decide("plainly-signed", &facts(&replayed)).await), 401);
    world.clock.advance(Duration::from_secs(301));
    assert_eq!(status(&again.decide("plainly-signed", &facts(&replayed)).await), 401);
}

#[tokio::test]
async fn a_body_that_is_signed_is_checked() {
    let world = World::new();
    let access = world.access(DOCUMENT);
    let now = world.clock.now().0 / 1_000;
    let digest = Base64::encode_string(&Sha256::digest(b"body"));
    let headers = HeaderMap::from_iter([(
        "content-digest".parse().unwrap(),
        format!("sha-256=:{digest}:").parse().unwrap(),
    )]);
    let params = format!(";created={now};keyid=\"shop-1\"");
    let head = sign("POST", "/a", &format!("{PLAIN} \"content-digest\""), &params, SECRET, headers.clone());
    let identity = admitted(access.decide("signed", &facts(&head)).await);
    for (body, right) in [("body", true), ("bod", false)] {
        let mut check = identity.body.clone().unwrap();
        check.update(body.as_bytes());
        assert_eq!(check.finish().is_ok(), right);
    }
    let head = sign("POST", "/a", PLAIN, &params, SECRET, headers);
    assert_eq!(status(&access.decide("signed", &facts(&head)).await), 401);
}
