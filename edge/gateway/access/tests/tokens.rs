//! Tokens: those that are good, and the attacks.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod world;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use bole_gateway_access::Access;
use jsonwebtoken::{Algorithm, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use serde_json::{Value, json};
use std::time::Duration;
use world::{NOW, World, admitted, answer, get, status};

const KEYS: &str = "https://issuer.example/keys";
const SECRET: &[u8] = b"environment-secret-0123456789abcdef";

const DOCUMENT: &str = r#"
[services.s]
instances = ["127.0.0.1:1"]
[logins.tokens.jwt]
issuer = "https://issuer.example"
audiences = ["api"]
keys_url = "https://issuer.example/keys"
headers = { x-email = "email" }
strip = true
[logins.only-rs256.jwt]
keys_url = "https://issuer.example/keys"
algorithms = ["RS256"]
[logins.scoped.jwt]
keys_url = "https://issuer.example/keys"
scopes = ["read", "write"]
claims = { tenant = "a" }
consumer_claim = "client_id"
[logins.secret.jwt]
secret = "env:SECRET"
[logins.discovered.jwt]
issuer = "https://discovered.example/"
[logins.key.key]
header = "x-api-key"
[consumers.ann]
groups = ["admins"]
keys = ["k"]
[routes.r]
service = "s"
login = ["tokens"]
[routes.rs256]
service = "s"
login = ["only-rs256"]
[routes.scoped]
service = "s"
login = ["scoped"]
[routes.secret]
service = "s"
login = ["secret"]
[routes.discovered]
service = "s"
login = ["discovered"]
[routes.both]
service = "s"
login = ["discovered", "tokens"]
login_optional = true
[routes.admins]
service = "s"
login = ["tokens", "key"]
allow = ["@admins"]
"#;

fn part(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn ec(id: &str, crv: &str, algorithm: &'static EcdsaSigningAlgorithm) -> (EncodingKey, Value) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at((pair.public_key().as_ref().len() - 1) / 2);
    let jwk = json!({"kty": "EC", "crv": crv, "kid": id, "x": part(x), "y": part(y)});
    (EncodingKey::from_ec_der(document.as_ref()), jwk)
}

fn ed(id: &str) -> (EncodingKey, Value) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": part(pair.public_key().as_ref())});
    (EncodingKey::from_ed_der(document.as_ref()), jwk)
}

/// A key that was made for these tests, by `openssl genrsa -traditional 2048`.
fn rsa(id: &str) -> (EncodingKey, Value) {
    let text = include_str!("fixtures/rsa-test-key.txt").replace('\n', "");
    let der = Base64::decode_vec(&text).unwrap();
    let pair = ring::rsa::KeyPair::from_der(&der).unwrap();
    let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
    let jwk = json!({"kty": "RSA", "use": "sig", "kid": id, "n": part(&public.n), "e": part(&public.e)});
    (EncodingKey::from_rsa_der(&der), jwk)
}

struct Issuer {
    rsa: EncodingKey,
    es256: EncodingKey,
    es384: EncodingKey,
    ed: EncodingKey,
    set: Value,
}

fn issuer() -> Issuer {
    let (rsa, rsa_public) = rsa("rsa");
    let (es256, es256_public) = ec("es256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
    let (es384, es384_public) = ec("es384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING);
    let (ed, ed_public) = ed("ed");
    let encryption = json!({"kty": "RSA", "use": "enc", "kid": "enc", "n": rsa_public["n"], "e": "AQAB"});
    let secret = json!({"kty": "oct", "kid": "oct", "k": part(SECRET)});
    let set = json!({"keys": [rsa_public, es256_public, es384_public, ed_public, encryption, secret, {"kty": "new"}]});
    Issuer { rsa, es256, es384, ed, set }
}

fn claims(change: &Value) -> Value {
    let mut claims = json!({"iss": "https://issuer.example", "aud": "api", "sub": "ann", "exp": NOW + 300, "email": "ann@example.com"});
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// A token with any header over any payload.
fn signed(header: &Value, payload: &[u8], algorithm: Algorithm, key: &EncodingKey) -> String {
    let message = format!("{}.{}", part(header.to_string().as_bytes()), part(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn token(kid: &str, algorithm: Algorithm, key: &EncodingKey, change: &Value) -> String {
    let header = json!({"alg": format!("{algorithm:?}"), "kid": kid, "typ": "JWT"});
    signed(&header, claims(change).to_string().as_bytes(), algorithm, key)
}

async fn show(access: &Access, route: &str, token: &str) -> bole_gateway_access::Verdict {
    get(access, route, "/", &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn tokens_of_each_algorithm_come_in() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let none = json!({});
    for (kid, algorithm, key) in [
        ("rsa", Algorithm::RS256, &issuer.rsa),
        ("rsa", Algorithm::RS384, &issuer.rsa),
        ("rsa", Algorithm::RS512, &issuer.rsa),
        ("rsa", Algorithm::PS256, &issuer.rsa),
        ("rsa", Algorithm::PS384, &issuer.rsa),
        ("rsa", Algorithm::PS512, &issuer.rsa),
        ("es256", Algorithm::ES256, &issuer.es256),
        ("es384", Algorithm::ES384, &issuer.es384),
        ("ed", Algorithm::EdDSA, &issuer.ed),
    ] {
        let token = token(kid, algorithm, key, &none);
        for _ in 0..2 {
            let identity = admitted(show(&access, "r", &token).await);
            assert_eq!(identity.consumer.as_deref(), Some("ann"), "{algorithm:?}");
            assert_eq!(identity.groups, ["admins"]);
            assert_eq!(
                identity.set_headers,
                [("x-email".parse().unwrap(), "ann@example.com".parse().unwrap())]
            );
            for name in ["x-email", "authorization"] {
                assert!(identity.strip_headers.contains(&name.parse().unwrap()));
            }
        }
    }
    // Without a key id, whichever key fits.
    let header = json!({"alg": "EdDSA"});
    let anonymous = signed(&header, claims(&none).to_string().as_bytes(), Algorithm::EdDSA, &issuer.ed);
    admitted(show(&access, "r", &anonymous).await);
    for algorithm in [Algorithm::HS256] {
        let token = token("x", algorithm, &EncodingKey::from_secret(SECRET), &none);
        admitted(show(&access, "secret", &token).await);
    }
    assert_eq!(world.web.count(KEYS), 1);
    assert_eq!(world.parts.memory.counts().tokens, 11);
}

async fn refused(access: &Access, rows: Vec<(&str, String)>) {
    for (name, token) in rows {
        let verdict = show(access, "r", &token).await;
        assert_eq!(status(&verdict), 401, "{name}: {verdict:?}");
        let answer = answer(verdict);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("Bearer realm=\"tokens\", error=\"invalid_token\""),
            "{name}: {challenge}"
        );
    }
}

#[tokio::test]
async fn claims_that_are_not_right_are_refused() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let claimed = |change: Value| token("rsa", Algorithm::RS256, &issuer.rsa, &change);
    admitted(show(&access, "r", &claimed(json!({}))).await);
    let rows = vec![
        ("expired", claimed(json!({"exp": NOW - 31}))),
        ("no exp", claimed(json!({"exp": null}))),
        ("exp as text", claimed(json!({"exp": "99999999999"}))),
        ("not yet", claimed(json!({"nbf": NOW + 31}))),
        ("of the future", claimed(json!({"iat": NOW + 31}))),
        ("another issuer", claimed(json!({"iss": "https://issuer.example/"}))),
        ("issuer in a list", claimed(json!({"iss": ["https://issuer.example"]}))),
        ("another audience", claimed(json!({"aud": "api2"}))),
        ("audience as a part", claimed(json!({"aud": ["other", "api "]}))),
        ("no audience", claimed(json!({"aud": null}))),
        ("nobody", claimed(json!({"sub": ""}))),
        ("sub no text", claimed(json!({"sub": 7}))),
        ("sub with a line end", claimed(json!({"sub": "ann\r\nx: y"}))),
    ];
    refused(&access, rows).await;
}

/// Each row is a token that somebody would like to be taken.
#[tokio::test]
async fn attacks_are_refused() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let none = json!({});
    let good = token("rsa", Algorithm::RS256, &issuer.rsa, &none);
    admitted(show(&access, "r", &good).await);
    let (mallory, mallory_public) = ec("es256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
    let payload = claims(&none).to_string();
    let hs = |secret: &[u8], header: &Value| {
        signed(header, payload.as_bytes(), Algorithm::HS256, &EncodingKey::from_secret(secret))
    };
    let rs = |header: Value| signed(&header, payload.as_bytes(), Algorithm::RS256, &issuer.rsa);
    let es = |header: Value| signed(&header, payload.as_bytes(), Algorithm::ES256, &mallory);
    let n = Base64UrlUnpadded::decode_vec(issuer.set["keys"][0]["n"].as_str().unwrap()).unwrap();
    let pieces: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (pieces[0], pieces[1], pieces[2]);
    let unsigned = |alg: &str| {
        format!("{}.{}.", part(json!({"alg": alg}).to_string().as_bytes()), part(payload.as_bytes()))
    };
    let rows = vec![
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg nOnE with a signature", format!("{}.{body}.{signature}", part(br#"{"alg":"nOnE"}"#))),
        ("alg missing", unsigned("")),
        ("no signature", format!("{head}.{body}.")),
        ("HS256 with the RSA modulus", hs(&n, &json!({"alg": "HS256", "kid": "rsa"}))),
        (
            "HS256 with the key set",
            hs(issuer.set["keys"][0].to_string().as_bytes(), &json!({"alg": "HS256", "kid": "rsa"})),
        ),
        ("HS256 with the oct key of the set", hs(SECRET, &json!({"alg": "HS256", "kid": "oct"}))),
        ("HS256 with an empty secret", hs(b"", &json!({"alg": "HS256"}))),
        ("RS256 header, EC key id", rs(json!({"alg": "RS256", "kid": "es256"}))),
        (
            "ES256 header over an RSA signature",
            format!("{}.{body}.{signature}", part(br#"{"alg":"ES256","kid":"rsa"}"#)),
        ),
        ("RS256 with the key for encryption", rs(json!({"alg": "RS256", "kid": "enc"}))),
        ("another's key under a known id", es(json!({"alg": "ES256", "kid": "es256"}))),
        ("embedded jwk", es(json!({"alg": "ES256", "jwk": mallory_public}))),
        ("jku", es(json!({"alg": "ES256", "kid": "m", "jku": "https://mallory.example/keys"}))),
        ("x5u", es(json!({"alg": "ES256", "kid": "m", "x5u": "https://mallory.example/cert"}))),
        ("x5c", es(json!({"alg": "ES256", "kid": "m", "x5c": ["AAAA"]}))),
        ("kid as a path", es(json!({"alg": "ES256", "kid": "../../dev/null"}))),
        ("kid no text", rs(json!({"alg": "RS256", "kid": 7}))),
    ];
    refused(&access, rows).await;
    assert!(!world.web.asked.lock().iter().any(|url| url.contains("mallory")));
}

#[tokio::test]
async fn tokens_of_another_shape_are_refused() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let payload = claims(&json!({})).to_string();
    let good = token("rsa", Algorithm::RS256, &issuer.rsa, &json!({}));
    let rs = |header: Value| signed(&header, payload.as_bytes(), Algorithm::RS256, &issuer.rsa);
    let pieces: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (pieces[0], pieces[1], pieces[2]);
    let rows = vec![
        ("crit", rs(json!({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": false}))),
        ("crit empty", rs(json!({"alg": "RS256", "kid": "rsa", "crit": []}))),
        ("alg twice", {
            let header = part(br#"{"alg":"none","alg":"RS256","kid":"rsa"}"#);
            let message = format!("{header}.{body}");
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &issuer.rsa, Algorithm::RS256).unwrap();
            format!("{message}.{signature}")
        }),
        ("sub twice", {
            let payload = payload.replacen("\"sub\"", "\"sub\":\"root\",\"sub\"", 1);
            signed(&json!({"alg": "RS256", "kid": "rsa"}), payload.as_bytes(), Algorithm::RS256, &issuer.rsa)
        }),
        (
            "another payload",
            format!("{head}.{}.{signature}", part(claims(&json!({"sub": "root"})).to_string().as_bytes())),
        ),
        ("payload with padding", format!("{head}.{body}=.{signature}")),
        ("signature with a bit more", format!("{good}A")),
        ("four parts", format!("{good}.AAAA")),
        ("encrypted", "a.b.c.d.e".to_owned()),
        ("empty", String::new()),
        ("huge", format!("{head}.{}.{signature}", "A".repeat(15 << 10))),
        (
            "payload no object",
            signed(&json!({"alg": "RS256", "kid": "rsa"}), b"[]", Algorithm::RS256, &issuer.rsa),
        ),
    ];
    refused(&access, rows).await;
    let longer = show(&access, "r", &"a".repeat(17 << 10)).await;
    assert_eq!(status(&longer), 400);
}

#[tokio::test]
async fn what_one_login_allows_another_does_not() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let none = json!({});
    let payload = claims(&none).to_string();
    for (algorithm, kid, key, expected) in [
        (Algorithm::RS256, "rsa", &issuer.rsa, 0),
        (Algorithm::PS256, "rsa", &issuer.rsa, 401),
        (Algorithm::RS384, "rsa", &issuer.rsa, 401),
        (Algorithm::ES256, "es256", &issuer.es256, 401),
    ] {
        let token = token(kid, algorithm, key, &none);
        admitted(show(&access, "r", &token).await);
        assert_eq!(status(&show(&access, "rs256", &token).await), expected, "{algorithm:?}");
    }
    let public = signed(&json!({"alg": "RS256"}), payload.as_bytes(), Algorithm::RS256, &issuer.rsa);
    assert_eq!(status(&show(&access, "secret", &public).await), 401);
}

#[tokio::test]
async fn claims_and_scopes_are_asked_for() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let base = json!({"client_id": "batch", "tenant": "a", "scope": "read write more"});
    for (change, expected) in [
        (json!({}), 0),
        (json!({"tenant": ["b", "a"]}), 0),
        (json!({"scope": null, "scp": ["read", "write"]}), 0),
        (json!({"scope": "read"}), 403),
        (json!({"scope": "readwrite"}), 403),
        (json!({"tenant": "ab"}), 403),
        (json!({"tenant": null}), 403),
        (json!({"client_id": null}), 401),
    ] {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let verdict = show(&access, "scoped", &token("ed", Algorithm::EdDSA, &issuer.ed, &all)).await;
        assert_eq!(status(&verdict), expected, "{change}");
        match expected {
            0 => assert_eq!(admitted(verdict).consumer.as_deref(), Some("batch")),
            403 => {
                let answer = answer(verdict);
                let challenge = answer.headers["www-authenticate"].to_str().unwrap();
                assert!(
                    challenge.contains("error=\"insufficient_scope\"")
                        && challenge.contains("scope=\"read write\"")
                );
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn verified_tokens_are_remembered_until_they_expire() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = world.access(DOCUMENT);
    let short = token("rsa", Algorithm::RS256, &issuer.rsa, &json!({"exp": NOW + 60}));
    admitted(show(&access, "r", &short).await);
    assert_eq!(world.parts.memory.counts().tokens, 1);
    world.clock.advance(Duration::from_secs(89));
    admitted(show(&access, "r", &short).await);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&show(&access, "r", &short).await), 401);
    // A token that was remembered for a login with more algorithms is nothing to one with fewer.
    let ps = token("rsa", Algorithm::PS256, &issuer.rsa, &json!({}));
    admitted(show(&access, "r", &ps).await);
    let stricter = world.access(&DOCUMENT.replace("audiences =", "algorithms = [\"RS256\"]\naudiences ="));
    assert_eq!(status(&show(&stricter, "r", &ps).await), 401);
}

#[tokio::test]
async fn keys_are_fetched_kept_and_changed() {
    let (world, first) = (World::new(), issuer());
    let access = world.access(DOCUMENT);
    let (new, new_public) = ec("new", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
    let long = json!({"exp": NOW + 1_000_000});
    let old_token = token("es256", Algorithm::ES256, &first.es256, &long);
    let new_token = token("new", Algorithm::ES256, &new, &long);
    // The issuer is away: what cannot be checked does not come in, and a flood makes no flood of fetches.
    for _ in 0..20 {
        assert_eq!(status(&show(&access, "r", &old_token).await), 503);
    }
    assert_eq!(world.web.count(KEYS), 1);
    world.web.json(KEYS, &first.set);
    world.clock.advance(Duration::from_secs(5));
    admitted(show(&access, "r", &old_token).await);
    assert_eq!(world.web.count(KEYS), 2);
    // A key that is not known: one fetch, and no more for a while.
    for _ in 0..20 {
        assert_eq!(status(&show(&access, "r", &new_token).await), 401);
    }
    assert_eq!(world.web.count(KEYS), 3);
    world.clock.advance(Duration::from_secs(30));
    for _ in 0..20 {
        assert_eq!(status(&show(&access, "r", &new_token).await), 401);
    }
    assert_eq!(world.web.count(KEYS), 4);
    // The issuer changes its keys: the new one is found, and the old one's remembered token no longer comes in.
    world.web.json(KEYS, &json!({"keys": [new_public]}));
    world.clock.advance(Duration::from_secs(30));
    admitted(show(&access, "r", &new_token).await);
    assert_eq!(world.web.count(KEYS), 5);
    assert_eq!(status(&show(&access, "r", &old_token).await), 401);
    // In the background, when they are old; while that fails the old ones stay, and not for ever.
    access.tend().await;
    assert_eq!(world.web.count(KEYS), 5);
    world.web.at(KEYS, |_| Ok(http::Response::new("{\"keys\":[]}".into())));
    world.clock.advance(Duration::from_mins(10));
    access.tend().await;
    access.tend().await;
    assert_eq!(world.web.count(KEYS), 6);
    admitted(show(&access, "r", &new_token).await);
    world.clock.advance(Duration::from_hours(24));
    assert_eq!(status(&show(&access, "r", &new_token).await), 503);
    // A new document finds what the old one fetched.
    world.web.json(KEYS, &json!({"keys": [new_public]}));
    world.clock.advance(Duration::from_secs(5));
    admitted(show(&access, "r", &new_token).await);
    let asked = world.web.count(KEYS);
    admitted(show(&world.access(DOCUMENT), "r", &new_token).await);
    assert_eq!(world.web.count(KEYS), asked);
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let access = std::sync::Arc::new(world.access(DOCUMENT));
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let token = token("ed", Algorithm::EdDSA, &issuer.ed, &json!({"n": number}));
            let access = access.clone();
            tokio::spawn(async move { status(&show(&access, "r", &token).await) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 0);
    }
    assert_eq!(world.web.count(KEYS), 1);
}

#[tokio::test]
async fn issuers_are_discovered_and_told_apart() {
    let (world, issuer) = (World::new(), issuer());
    world.web.json(KEYS, &issuer.set);
    let other = "https://discovered.example/";
    let (key, public) = ed("ed");
    world.web.json("https://discovered.example/jwks", &json!({"keys": [public]}));
    let discovery = json!({"issuer": other, "jwks_uri": "https://discovered.example/jwks"});
    world.web.json("https://discovered.example/.well-known/openid-configuration", &discovery);
    let access = world.access(DOCUMENT);
    let theirs = token("ed", Algorithm::EdDSA, &key, &json!({"iss": other}));
    let ours = token("ed", Algorithm::EdDSA, &issuer.ed, &json!({}));
    let nobodys = token("ed", Algorithm::EdDSA, &issuer.ed, &json!({"iss": "https://elsewhere.example"}));
    let forged = token("ed", Algorithm::EdDSA, &issuer.ed, &json!({"iss": other}));
    for (route, token, expected) in [
        ("discovered", &theirs, 0),
        ("discovered", &ours, 401),
        ("both", &theirs, 0),
        ("both", &ours, 0),
        ("both", &forged, 401),
        // Although that route lets in who shows nothing.
        ("both", &nobodys, 401),
    ] {
        assert_eq!(status(&show(&access, route, token).await), expected, "{route}");
    }
    assert_eq!(status(&get(&access, "both", "/", &[]).await), 0);
    let identity = admitted(get(&access, "both", "/", &[("x-email", "forged@example.com")]).await);
    assert!(identity.strip_headers.contains(&"x-email".parse().unwrap()));
    // Groups: of the document's consumer, and of the token.
    let grouped = token("ed", Algorithm::EdDSA, &issuer.ed, &json!({"sub": "eve", "groups": ["admins"]}));
    let plain = token("ed", Algorithm::EdDSA, &issuer.ed, &json!({"sub": "eve"}));
    for (token, expected) in [(&ours, 0), (&grouped, 0), (&plain, 403)] {
        assert_eq!(status(&show(&access, "admins", token).await), expected);
    }
}
