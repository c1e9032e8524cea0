//! Temporary credentials: asked for, used in headers and presigned URLs, narrowed, and ended.

use std::net::SocketAddr;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use bole_base::{Clock as _, SystemClock};
use bole_blobs::Config;
use bole_blobs::config::WebIdentity;
use bole_identity::Role;
use bole_identity::jwt::{Settings, Verifier};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::client::{Answer, Ask, ask, presigned};
use crate::node::Node;

/// Credentials of a session.
#[derive(Clone)]
struct Session {
    access_key: String,
    secret: String,
    token: String,
}

impl Session {
    fn of(answer: &Answer) -> Self {
        let element = |name| answer.element(name).unwrap_or_else(|| panic!("{name}: {}", answer.text()));
        Self {
            access_key: element("AccessKeyId"),
            secret: element("SecretAccessKey"),
            token: element("SessionToken"),
        }
    }

    fn keys(&self) -> (&str, &str) {
        (&self.access_key, &self.secret)
    }

    fn ask<'a>(&'a self, method: &'a str, target: &'a str) -> Ask<'a> {
        let asks = Ask { keys: Some(self.keys()), ..ask(method, target) };
        asks.header("x-amz-security-token", self.token.clone())
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

fn form<'a>(pairs: &[(&str, &str)]) -> Ask<'a> {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    let body = format!("Version=2011-06-15&{}", pairs.collect::<Vec<_>>().join("&"));
    let asks = ask("POST", "/").header("content-type", "application/x-www-form-urlencoded").body(body);
    Ask { service: "sts", ..asks }
}

fn assume(address: SocketAddr, more: &[(&str, &str)]) -> Session {
    let asked = [("Action", "AssumeRole"), ("RoleArn", "arn:xxx:xxx:xxx:xxxx"), ("RoleSessionName", "s")];
    let answer = form(&[&asked[..], more].concat()).send(address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    Session::of(&answer)
}

const READ_ONE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/open/*"}]}"#;

async fn run(node: &Node, rows: impl FnOnce(SocketAddr) + Send + 'static) {
    let address = node.address;
    tokio::task::spawn_blocking(move || rows(address)).await.unwrap();
}

fn set_up(address: SocketAddr) {
    assert_eq!(ask("PUT", "/bkt").send(address).status, 200);
    for target in ["/bkt/open/k", "/bkt/k"] {
        assert_eq!(ask("PUT", target).body("x").send(address).status, 200, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_has_its_users_rights_and_its_policy_narrows_them() {
    let node = Node::start().await;
    run(&node, |address| {
        set_up(address);
        let whole = assume(address, &[]);
        let narrow = assume(address, &[("Policy", READ_ONE)]);
        let host = address.to_string();
        for (session, method, path, status) in [
            (&whole, "GET", "/bkt/k", 200),
            (&whole, "PUT", "/bkt/new", 200),
            (&whole, "GET", "/", 200),
            (&narrow, "GET", "/bkt/open/k", 200),
            (&narrow, "HEAD", "/bkt/open/k", 200),
            (&narrow, "GET", "/bkt/k", 403),
            (&narrow, "PUT", "/bkt/open/k", 403),
            (&narrow, "DELETE", "/bkt/open/k", 403),
            (&narrow, "GET", "/bkt", 403),
            (&narrow, "GET", "/", 403),
        ] {
            let answer = session.ask(method, path).send(address);
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            if method == "GET" && path != "/" {
                let query = presigned(&host, path, session.keys(), Some(&session.token));
                let target = format!("{path}?{query}");
                let answer = ask("GET", &target).anonymous().send(address);
                assert_eq!(answer.status, status, "presigned {path}: {}", answer.text());
            }
        }
        // Each key of a bulk delete is judged by the policy.
        let delete = "<Delete><Object><Key>open/k</Key></Object></Delete>";
        let many = narrow.ask("POST", "/bkt?delete").body(delete).send(address);
        assert_eq!(many.element("Code").as_deref(), Some("AccessDenied"), "{}", many.text());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_belong_to_their_access_keys() {
    let node = Node::start().await;
    run(&node, |address| {
        set_up(address);
        let (one, other) = (assume(address, &[]), assume(address, &[]));
        let swapped = Session { token: other.token.clone(), ..one.clone() };
        let bare = Ask { keys: Some(one.keys()), ..ask("GET", "/bkt/k") };
        let lasting = ask("GET", "/bkt/k").header("x-amz-security-token", one.token.clone());
        let anonymous = ask("GET", "/bkt/k").anonymous().header("x-amz-security-token", one.token.clone());
        let forged = Session { secret: "x".repeat(40), ..one.clone() };
        let made_up = Session { access_key: "ASIAAAAAAAAAAAAAAAAA".to_owned(), ..one.clone() };
        for (asks, expected) in [
            (one.ask("GET", "/bkt/k"), (200, "")),
            (swapped.ask("GET", "/bkt/k"), (400, "InvalidToken")),
            (bare, (403, "InvalidAccessKeyId")),
            (lasting, (400, "InvalidToken")),
            (anonymous, (400, "InvalidToken")),
            (forged.ask("GET", "/bkt/k"), (403, "SignatureDoesNotMatch")),
            (made_up.ask("GET", "/bkt/k"), (403, "SignatureDoesNotMatch")),
        ] {
            let (status, code) = asks.send(address).outcome();
            assert_eq!((status, code.as_str()), expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_user() {
    let node = Node::start().await;
    let address = node.address;
    let session = tokio::task::spawn_blocking(move || {
        set_up(address);
        assume(address, &[])
    });
    let session = session.await.unwrap();
    let gone = node.identity.read(|directory| {
        let mut user = (**directory.user("bole").unwrap()).clone();
        user.enabled = false;
        directory.put_user(user).unwrap()
    });
    let gone = gone.unwrap();
    node.identity.change(|_| Ok(vec![gone.clone()])).await.unwrap();
    let status = tokio::task::spawn_blocking(move || session.ask("GET", "/bkt/k").send(address).outcome());
    assert_eq!(status.await.unwrap(), (400, "InvalidToken".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_is_honoured_or_refused() {
    let node = Node::start().await;
    run(&node, |address| {
        let long = format!("{{\"Version\":\"{}\"}}", "x".repeat(2_048));
        let session = assume(address, &[]);
        let rows: &[(&[(&str, &str)], u16, &str)] = &[
            (&[("Action", "AssumeRole"), ("DurationSeconds", "900")], 200, ""),
            (&[("Action", "AssumeRole"), ("DurationSeconds", "43200")], 200, ""),
            (&[("Action", "AssumeRole"), ("DurationSeconds", "899")], 400, "ValidationError"),
            (&[("Action", "AssumeRole"), ("DurationSeconds", "43201")], 400, "ValidationError"),
            (&[("Action", "AssumeRole"), ("DurationSeconds", "x")], 400, "ValidationError"),
            (&[("Action", "AssumeRole"), ("RoleSessionName", "a b")], 400, "ValidationError"),
            (&[("Action", "AssumeRole"), ("Policy", "{}")], 400, "MalformedPolicyDocument"),
            (&[("Action", "AssumeRole"), ("Policy", &long)], 400, "PackedPolicyTooLarge"),
            (&[("Action", "AssumeRole"), ("ExternalId", "x")], 400, "InvalidParameterValue"),
            (&[("Action", "AssumeRole"), ("RoleArn", "arn:aws:iam::000000000000:user/bole")], 200, ""),
            (
                &[("Action", "AssumeRole"), ("RoleArn", "arn:aws:iam::000000000000:user/ann")],
                403,
                "AccessDenied",
            ),
            (
                &[("Action", "AssumeRole"), ("RoleArn", "arn:aws:iam::000000000000:role/reader")],
                403,
                "AccessDenied",
            ),
            (
                &[("Action", "AssumeRole"), ("RoleArn", "arn:aws:iam::000000000000:role/administrator")],
                200,
                "",
            ),
            (&[("Action", "AssumeRole"), ("RoleArn", "arn:minio:iam:::role/x")], 403, "AccessDenied"),
            (&[("Action", "GetSessionToken")], 200, ""),
            (&[("Action", "GetSessionToken"), ("TokenCode", "1")], 400, "InvalidParameterValue"),
            (&[("Action", "GetCallerIdentity")], 200, ""),
            (&[("Action", "GetFederationToken")], 400, "InvalidAction"),
            (&[("Version", "2011-06-15")], 400, "ValidationError"),
            (
                &[("Action", "AssumeRoleWithWebIdentity"), ("WebIdentityToken", "x")],
                400,
                "InvalidIdentityToken",
            ),
        ];
        for (pairs, status, code) in rows {
            let answer = form(pairs).send(address);
            assert_eq!(answer.outcome(), (*status, (*code).to_owned()), "{pairs:?}: {}", answer.text());
            assert_eq!(*status == 200, !answer.text().contains("<ErrorResponse"), "{}", answer.text());
        }
        let identity = form(&[("Action", "GetCallerIdentity")]);
        let told = identity.clone().send(address);
        assert_eq!(told.element("Arn").as_deref(), Some("arn:aws:iam::000000000000:user/bole"));
        let again = Ask { keys: Some(session.keys()), ..form(&[("Action", "GetSessionToken")]) };
        let again = again.header("x-amz-security-token", session.token.clone());
        assert_eq!(again.send(address).outcome(), (403, "AccessDenied".to_owned()));
        let other_service = Ask { service: "s3", ..identity.clone() };
        assert_eq!(other_service.send(address).outcome(), (403, "SignatureDoesNotMatch".to_owned()));
        let uncovered = Ask { payload: Some("UNSIGNED-PAYLOAD"), ..identity.clone() };
        assert_eq!(uncovered.send(address).outcome(), (403, "SignatureDoesNotMatch".to_owned()));
        let unsigned = identity.clone().anonymous().send(address);
        assert_eq!(unsigned.outcome(), (403, "MissingAuthenticationToken".to_owned()));
        let wrong = Ask { keys: Some(("bole", "wrong")), ..identity }.send(address);
        assert_eq!(wrong.outcome(), (403, "SignatureDoesNotMatch".to_owned()));
        assert!(wrong.text().starts_with("<ErrorResponse"), "{}", wrong.text());
    })
    .await;
}

/// An issuer on this machine: what signs, and its keys.
struct Issuer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair, random }
    }

    fn keys(&self) -> String {
        let point = &self.pair.public_key().as_ref()[1..];
        let part = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": part(&point[..32]), "y": part(&point[32..]),
        });
        json!({ "keys": [key] }).to_string()
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&self.random, text.as_bytes()).unwrap();
        format!("{text}.{}", Base64UrlUnpadded::encode_string(signature.as_ref()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_an_issuer_become_roles() {
    let issuer = Issuer::new();
    let settings = Settings {
        issuer: "https://issuer.example".to_owned(),
        audience: "bole".to_owned(),
        user_claim: "sub".to_owned(),
        scope: None,
    };
    let verifier = Verifier::new(settings, None).unwrap();
    verifier.set_keys(&issuer.keys()).unwrap();
    let web = WebIdentity { verifier: Arc::new(verifier), roles_claim: "roles".to_owned() };
    let node = Node::with(Config { web_identity: Some(web), ..Config::default() }).await;
    let role = |name: &str, actions: &str| {
        let json = format!(
            r#"{{"name":"{name}","policies":[{{"name":"p","statements":[{{"effect":"allow","service":"blobs","actions":["{actions}"],"resources":["default/blobs/bkt/*"]}}]}}]}}"#
        );
        Role::parse(&json).unwrap()
    };
    for role in [role("readers", "GetObject"), role("writers", "PutObject")] {
        let entry = bole_identity::Directory::put_role(role).unwrap();
        node.identity.change(|_| Ok(vec![entry.clone()])).await.unwrap();
    }
    let identity = Arc::clone(&node.identity);
    let runtime = tokio::runtime::Handle::current();
    run(&node, move |address| {
        set_up(address);
        let now = SystemClock::new().now().0 / 1_000;
        let good = json!({ "alg": "ES256", "kid": "one" });
        let claims = |roles: Value| {
            json!({ "iss": "https://issuer.example", "aud": "bole", "sub": "ann@example", "exp": now + 600, "roles": roles })
        };
        let with = |token: &str, more: &[(&str, &str)]| {
            let pairs = [("Action", "AssumeRoleWithWebIdentity"), ("RoleSessionName", "ann"), ("WebIdentityToken", token)];
            form(&[&pairs[..], more].concat()).anonymous().send(address)
        };
        let both = issuer.token(&good, &claims(json!(["readers", "writers", "none"])));
        let told = with(&both, &[]);
        assert_eq!(told.element("SubjectFromWebIdentityToken").as_deref(), Some("ann@example"));
        let both_roles = Session::of(&told);
        let reader = Session::of(&with(&both, &[("RoleArn", "arn:aws:iam::000000000000:role/readers")]));
        let narrow = Session::of(&with(&both, &[("Policy", READ_ONE)]));
        let rows = [
            (&both_roles, "GET", "/bkt/k", 200),
            (&both_roles, "PUT", "/bkt/k", 200),
            (&both_roles, "DELETE", "/bkt/k", 403),
            (&both_roles, "GET", "/", 403),
            (&reader, "GET", "/bkt/k", 200),
            (&reader, "PUT", "/bkt/k", 403),
            (&narrow, "GET", "/bkt/open/k", 200),
            (&narrow, "PUT", "/bkt/open/k", 403),
        ];
        for (session, method, path, status) in rows {
            assert_eq!(session.ask(method, path).body("").send(address).status, status, "{method} {path}");
        }
        let none = json!({ "alg": "none" });
        let hs256 = json!({ "alg": "HS256", "kid": "one" });
        let rs256 = json!({ "alg": "RS256", "kid": "one" });
        let stale = json!({ "iss": "https://issuer.example", "aud": "bole", "sub": "ann", "exp": now - 600, "roles": "readers" });
        let other = json!({ "iss": "https://evil.example", "aud": "bole", "sub": "ann", "exp": now + 600, "roles": "readers" });
        for (token, status, code) in [
            (issuer.token(&none, &claims(json!("readers"))), 400, "InvalidIdentityToken"),
            (issuer.token(&hs256, &claims(json!("readers"))), 400, "InvalidIdentityToken"),
            (issuer.token(&rs256, &claims(json!("readers"))), 400, "InvalidIdentityToken"),
            (Issuer::new().token(&good, &claims(json!("readers"))), 400, "InvalidIdentityToken"),
            (issuer.token(&good, &stale), 400, "ExpiredTokenException"),
            (issuer.token(&good, &other), 400, "InvalidIdentityToken"),
            (issuer.token(&good, &claims(json!("nobody"))), 403, "AccessDenied"),
            (issuer.token(&good, &claims(json!(null))), 403, "AccessDenied"),
            ("x".to_owned(), 400, "InvalidIdentityToken"),
        ] {
            assert_eq!(with(&token, &[]).outcome(), (status, code.to_owned()), "{token}");
        }
        let wrong = with(&both, &[("RoleArn", "arn:aws:iam::000000000000:role/administrator")]);
        assert_eq!(wrong.outcome(), (403, "AccessDenied".to_owned()));
        // A role that is removed is gone from sessions as well.
        let entry = identity.read(|directory| directory.delete_role("writers").unwrap()).unwrap();
        runtime.block_on(identity.change(|_| Ok(vec![entry.clone()]))).unwrap();
        assert_eq!(both_roles.ask("PUT", "/bkt/k").send(address).status, 403);
        assert_eq!(both_roles.ask("GET", "/bkt/k").send(address).status, 200);
    })
    .await;
}
