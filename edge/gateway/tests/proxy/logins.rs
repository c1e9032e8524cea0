//! Who may come in: a table of requests for each kind of login, through a gateway to an instance that shows what it saw.

use crate::support::*;
use async_trait::async_trait;
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use bole_gateway::Service;
use bole_gateway::config::{AccessLog, LogFormat, Parts};
use bole_gateway::logins::Logins;
use bole_gateway_access::{FetchError, Policies, Users};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// One user, `ann`, with the password `pencil`, who may use the route `open` only.
struct Ann;

#[async_trait]
impl Users for Ann {
    async fn verify(&self, user: &str, password: &str) -> Result<bool, FetchError> {
        Ok(user == "ann" && password == "pencil")
    }
}

impl Policies for Ann {
    fn allows(&self, user: &str, action: &str, resource: &str) -> bool {
        (user, action, resource) == ("ann", "invoke", "default/gateway/open")
    }
}

fn parts() -> Parts {
    let logins = Logins { users: Arc::new(Ann), policies: Arc::new(Ann), ..Logins::default() };
    Parts { logins, ..Parts::default() }
}

async fn guarded(backend: &Backend, document: &str) -> Service {
    let document = format!("[services.s]\ninstances = [\"{}\"]\n{document}", backend.address);
    gateway_with(&document, parts(), |_| {}).await
}

/// Sends `GET target` with these header lines; the answer in lower case.
async fn ask(gateway: &Service, target: &str, lines: &str) -> String {
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n")).await;
    client.answer().await.expect("an answer").to_lowercase()
}

/// Requests with what must, and what must not, be in the answer, which shows what the instance saw if it was 200.
async fn check(gateway: &Service, rows: &[(&str, &str, u16, &[&str], &[&str])]) {
    for (target, lines, expected, with, without) in rows {
        let answer = ask(gateway, target, lines).await;
        assert_eq!(status(&answer), *expected, "{target} {lines}: {answer}");
        for part in *with {
            assert!(answer.contains(part), "{part:?} for {target} {lines}: {answer}");
        }
        for part in *without {
            assert!(!answer.contains(part), "not {part:?} for {target} {lines}: {answer}");
        }
    }
}

#[tokio::test]
async fn keys_open_and_are_taken_out() {
    let backend = Backend::start(Behaviour::Echo).await;
    let document = r#"
[logins.header.key]
header = "x-api-key"
[logins.query.key]
query = "key"
[consumers.acme]
keys = ["acme-secret"]
groups = ["partners"]
[consumers.other]
keys = ["other-secret"]
[routes.open]
path = "/open"
service = "s"
[routes.header]
path = "/header"
service = "s"
login = ["header", "query"]
allow = ["@partners"]
request_headers = { set = { x-who = "{consumer}", x-key = "{header.x-api-key}" } }
[routes.optional]
path = "/optional"
service = "s"
login = ["header"]
login_optional = true
request_headers = { set = { x-who = "<{consumer}>" } }
"#;
    let gateway = guarded(&backend, document).await;
    let rows: &[(&str, &str, u16, &[&str], &[&str])] = &[
        ("/open", "", 200, &[], &[]),
        ("/header", "", 401, &["www-authenticate", "urn:bole:gateway:no-credentials", "x-request-id"], &[]),
        ("/header", "X-Api-Key: wrong\r\n", 401, &["www-authenticate"], &["wrong"]),
        ("/header", "X-Api-Key: acme-secret\r\n", 200, &["x-who: acme"], &["acme-secret", "x-api-key"]),
        ("/header?a=1&key=acme-secret&b=2", "", 200, &["get /header?a=1&b=2 http"], &["acme-secret"]),
        ("/header?k%65y=acme-secret", "", 200, &["get /header http"], &["acme-secret"]),
        ("/header", "X-Api-Key: other-secret\r\n", 403, &["urn:bole:gateway:not-allowed"], &["partners"]),
        ("/optional", "", 200, &["x-who: <>"], &[]),
        ("/optional", "X-Api-Key: wrong\r\n", 401, &[], &[]),
        ("/optional", "X-Api-Key: other-secret\r\n", 200, &["x-who: <other>"], &["other-secret"]),
    ];
    check(&gateway, rows).await;
    assert_eq!(backend.requests(), 6);
}

fn basic(text: &str) -> String {
    format!("Authorization: Basic {}\r\n", Base64::encode_string(text.as_bytes()))
}

#[tokio::test]
async fn passwords_of_consumers_and_users_open_as_policies_allow() {
    let backend = Backend::start(Behaviour::Echo).await;
    let document = r#"
[logins.password.basic]
realm = "Shop"
users = true
[consumers.acme]
password = "acme-password"
[routes.open]
path = "/open"
service = "s"
login = ["password"]
request_headers = { set = { x-who = "{consumer}" } }
[routes.closed]
path = "/closed"
service = "s"
login = ["password"]
"#;
    let gateway = guarded(&backend, document).await;
    let (acme, ann) = (basic("acme:acme-password"), basic("ann:pencil"));
    let (wrong, unknown) = (basic("acme:pencil"), basic("bob:pencil"));
    let rows: &[(&str, &str, u16, &[&str], &[&str])] = &[
        ("/open", "", 401, &["www-authenticate: basic realm=\"shop\""], &[]),
        ("/open", &acme, 200, &["x-who: acme"], &["authorization"]),
        ("/closed", &acme, 200, &[], &["authorization"]),
        ("/open", &ann, 200, &["x-who: ann"], &["authorization"]),
        ("/closed", &ann, 403, &["urn:bole:gateway:policy"], &["pencil"]),
        ("/open", &wrong, 401, &[], &[]),
        ("/open", &unknown, 401, &[], &[]),
        ("/open", "Authorization: Basic %\r\n", 400, &[], &[]),
    ];
    check(&gateway, rows).await;
}

fn part(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A key pair with its public half as a key set has it.
struct Key {
    id: &'static str,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        Self { id, pair: Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap() }
    }

    fn public(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": part(self.pair.public_key().as_ref()) })
    }

    fn bearer(&self, claims: &Value) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.id }).to_string();
        let message = format!("{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()));
        let signature = part(self.pair.sign(message.as_bytes()).as_ref());
        format!("Authorization: Bearer {message}.{signature}\r\n")
    }
}

/// What a server answers with this JSON.
fn json_answer(value: &Value) -> Behaviour {
    let body = value.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
    let text = format!("{head} {}\r\n\r\n{body}", body.len());
    Behaviour::Raw(Box::leak(text.into_boxed_str()).as_bytes())
}

#[tokio::test]
async fn tokens_open_and_an_issuers_new_keys_are_found() {
    let backend = Backend::start(Behaviour::Echo).await;
    let (old, new) = (Key::new("old"), Key::new("new"));
    let issuer = Backend::start(json_answer(&json!({ "keys": [old.public()] }))).await;
    let document = format!(
        r#"
[logins.tokens.jwt]
issuer = "https://issuer.example"
keys_url = "http://{}/keys"
audiences = ["orders"]
headers = {{ x-user = "sub" }}
strip = true
[consumers.ann]
groups = ["staff"]
[routes.all]
service = "s"
login = ["tokens"]
allow = ["@staff"]
"#,
        issuer.address
    );
    let gateway = guarded(&backend, &document).await;
    let claims = |aud: &str, sub: &str, in_seconds: i64| {
        let exp = now().saturating_add_signed(in_seconds);
        json!({ "iss": "https://issuer.example", "aud": aud, "sub": sub, "exp": exp })
    };
    let good = old.bearer(&claims("orders", "ann", 300));
    let spoofed = format!("{good}X-User: eve\r\n");
    let rows: &[(&str, &str, u16, &[&str], &[&str])] = &[
        ("/", "", 401, &["www-authenticate: bearer"], &[]),
        ("/", &good, 200, &["x-user: ann"], &["bearer"]),
        ("/", &spoofed, 200, &["x-user: ann"], &["eve"]),
        ("/", &old.bearer(&claims("other", "ann", 300)), 401, &["invalid_token"], &[]),
        ("/", &old.bearer(&claims("orders", "ann", -300)), 401, &["invalid_token"], &[]),
        ("/", &old.bearer(&claims("orders", "bob", 300)), 403, &["not-allowed"], &[]),
        ("/", "Authorization: Bearer x.y.z\r\n", 401, &["invalid_token"], &[]),
    ];
    check(&gateway, rows).await;
    assert_eq!(issuer.requests(), 1, "keys are fetched once");
    issuer.behave(json_answer(&json!({ "keys": [new.public()] })));
    let rows: &[(&str, &str, u16, &[&str], &[&str])] = &[
        ("/", &new.bearer(&claims("orders", "ann", 300)), 200, &["x-user: ann"], &[]),
        ("/", &good, 401, &[], &[]),
    ];
    check(&gateway, rows).await;
    assert_eq!(issuer.requests(), 2);
    // Without keys nobody comes in, and a new document with the same place does not ask again at once.
    issuer.behave(Behaviour::Status(500));
    gateway
        .apply(read(&format!("[services.s]\ninstances = [\"{}\"]\n{document}", backend.address)))
        .await
        .unwrap();
    check(&gateway, &[("/", &new.bearer(&claims("orders", "ann", 200)), 200, &[], &[])]).await;
}

/// The header lines of a request that `acme` signed, with a digest of `body`.
fn signed(method: &str, path: &str, body: &[u8]) -> String {
    let digest = Base64::encode_string(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
    let digest = format!("sha-256=:{digest}:");
    let nonce: u64 = rand::random();
    let params = format!(
        "(\"@method\" \"@path\" \"@authority\" \"content-digest\");created={};keyid=\"acme-1\";nonce=\"{nonce}\"",
        now()
    );
    let base = format!(
        "\"@method\": {method}\n\"@path\": {path}\n\"@authority\": a.example\n\"content-digest\": {digest}\n\"@signature-params\": {params}"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"acme-signing-secret-0123456789abcdef");
    let signature = Base64::encode_string(hmac::sign(&key, base.as_bytes()).as_ref());
    format!("Content-Digest: {digest}\r\nSignature-Input: sig={params}\r\nSignature: sig=:{signature}:\r\n")
}

#[tokio::test]
async fn signed_bodies_reach_the_instance_only_as_they_were_signed() {
    let backend = Backend::start(Behaviour::Echo).await;
    let document = r#"
[logins.signed.signature]
components = ["content-digest"]
[consumers.acme]
signing = { acme-1 = "acme-signing-secret-0123456789abcdef" }
[routes.all]
service = "s"
login = ["signed"]
"#;
    let gateway = guarded(&backend, document).await;
    let mut large = vec![b'a'; 300_000];
    large[299_999] = b'b';
    let mut wrong = large.clone();
    wrong[299_999] = b'c';
    let framed = |body: &[u8], chunked: bool| {
        if !chunked {
            return (format!("Content-Length: {}\r\n", body.len()), body.to_vec());
        }
        let mut bytes = Vec::new();
        for chunk in body.chunks(70_000) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        ("Transfer-Encoding: chunked\r\n".to_owned(), bytes)
    };
    for (is, was_signed, expected) in [
        (&b"hello"[..], &b"hello"[..], 200),
        (b"hellO", b"hello", 400),
        (b"", b"", 200),
        (b"", b"hello", 400),
        (&large, &large, 200),
        (&wrong, &large, 400),
    ] {
        for chunked in [false, true] {
            let whole = backend.requests();
            let (length, bytes) = framed(is, chunked);
            let mut client = Client::connect(gateway.http()[0]).await;
            let lines = signed("POST", "/p", was_signed);
            client.send(format!("POST /p HTTP/1.1\r\nHost: a.example\r\n{length}{lines}\r\n")).await;
            client.send(&bytes).await;
            let answer = client.answer().await.unwrap();
            let what = format!("{} bytes, chunked {chunked}", is.len());
            assert_eq!(status(&answer), expected, "{what}: {answer:.300}");
            if expected == 200 {
                let shown = answer.strip_suffix("\r\n0\r\n\r\n").unwrap_or(&answer);
                let last = &is[is.len().saturating_sub(5)..];
                assert!(shown.as_bytes().ends_with(last), "{what}: {answer:.300}");
            } else {
                assert!(answer.contains("body-wrong"), "{what}: {answer}");
                assert_eq!(backend.requests(), whole, "{what}: the instance got no whole request");
            }
        }
    }
    // The same signature once more is a repetition.
    let lines = signed("GET", "/p", b"");
    assert_eq!(status(&ask(&gateway, "/p", &lines).await), 200);
    assert_eq!(status(&ask(&gateway, "/p", &lines).await), 401);
}

#[tokio::test]
async fn another_server_decides() {
    let backend = Backend::start(Behaviour::Echo).await;
    let judge = Backend::start(Behaviour::Raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nRemote-User: ann\r\nX-Else: 1\r\n\r\n",
    ))
    .await;
    let document = format!(
        "[logins.judge.forward]\nurl = \"http://{}/auth\"\nheaders = [\"remote-user\"]\n[routes.all]\nservice = \"s\"\nlogin = [\"judge\"]\n",
        judge.address
    );
    let gateway = guarded(&backend, &document).await;
    let rows: &[(&str, &str, u16, &[&str], &[&str])] =
        &[("/x?y=1", "Remote-User: eve\r\nCookie: a=b\r\n", 200, &["remote-user: ann"], &["eve", "x-else"])];
    check(&gateway, rows).await;
    let asked = judge.seen()[0].to_lowercase();
    for part in
        ["get /auth http/1.1", "x-forwarded-uri: /x?y=1", "x-forwarded-host: a.example", "cookie: a=b"]
    {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    judge.behave(Behaviour::Raw(
        b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\nLocation: https://login.example/\r\n\r\nno",
    ));
    let rows: &[(&str, &str, u16, &[&str], &[&str])] =
        &[("/", "", 302, &["location: https://login.example/"], &[])];
    check(&gateway, rows).await;
    judge.behave(Behaviour::Close);
    check(&gateway, &[("/", "", 503, &["retry-after", "urn:bole:gateway:unavailable"], &[])]).await;
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn browsers_are_sent_to_the_provider_and_sessions_stay_with_the_gateway() {
    let backend = Backend::start(Behaviour::Echo).await;
    let provider = Backend::start(Behaviour::Hang).await;
    let issuer = format!("http://{}", provider.address);
    provider.behave(json_answer(&json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}/keys"), "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "keys": [Key::new("one").public()],
    })));
    let document = format!(
        r#"
[logins.web.oidc]
issuer = "{issuer}"
client_id = "gateway"
[routes.in]
path = "/in"
service = "s"
login = ["web"]
[routes.open]
path = "/open"
service = "s"
"#
    );
    let gateway = guarded(&backend, &document).await;
    let page = "Accept: text/html\r\n";
    let cookies = "Cookie: a=1; gateway_session=stolen; b=2\r\n";
    let to = format!("location: {issuer}/authorize");
    let rows: &[(&str, &str, u16, &[&str], &[&str])] = &[
        (
            "/in",
            page,
            302,
            &[&to, "set-cookie", "redirect_uri=http%3a%2f%2fa.example%2f.gateway%2fcallback"],
            &[],
        ),
        ("/in", "", 401, &["www-authenticate"], &["location"]),
        ("/open", cookies, 200, &["cookie: a=1; b=2"], &["stolen"]),
        ("/open", "Cookie: gateway_session=stolen\r\n", 200, &[], &["stolen", "cookie"]),
        ("/.gateway/callback?code=a&state=b", page, 400, &["urn:bole:gateway:malformed"], &[]),
        ("/.gateway/logout", page, 302, &["location: /"], &[]),
        ("/.gateway/other", page, 404, &["no-route"], &[]),
    ];
    check(&gateway, rows).await;
}

const OF_CONSUMERS: &str = r#"
[services.one]
instances = ["ONE"]
[services.two]
instances = ["TWO"]
[services.kept]
instances = ["ONE", "TWO"]
balance = { algorithm = "maglev", key = "consumer" }
[limits.each]
bucket = { limit = 3, period = "1h" }
key = "consumer"
[limits.small]
window = { limit = 1, period = "1h" }
key = "consumer"
[logins.keys.key]
header = "x-key"
[consumers.a]
keys = ["ka"]
[consumers.b]
keys = ["kb"]
limits = ["small"]
[consumers.c]
keys = ["kc"]
[routes.limited]
path = "/limited"
reply = { status = 200 }
login = ["keys"]
login_optional = true
limits = ["each"]
[routes.both]
path = "/both"
reply = { status = 200 }
login = ["keys"]
limits = ["small"]
[routes.split]
path = "/split"
split = [{ service = "one", weight = 1 }, { service = "two", weight = 1 }]
split_key = "consumer"
login = ["keys"]
[routes.kept]
path = "/kept"
service = "kept"
login = ["keys"]
"#;

#[tokio::test]
async fn consumers_have_limits_of_their_own_and_are_counted_each() {
    let (one, two) = (Backend::start(Behaviour::Echo).await, Backend::start(Behaviour::Echo).await);
    let document =
        OF_CONSUMERS.replace("ONE", &one.address.to_string()).replace("TWO", &two.address.to_string());
    let gateway = gateway(&document).await;
    for (target, key, expected) in [
        ("/limited", "ka", 200),
        ("/limited", "ka", 200),
        ("/limited", "ka", 200),
        ("/limited", "ka", 429),
        ("/limited", "kb", 200),
        ("/limited", "kb", 429),
        // Taken once, though route and consumer name it.
        ("/both", "kc", 200),
        ("/both", "kc", 429),
        ("/both", "ka", 200),
    ] {
        let answer = ask(&gateway, target, &format!("X-Key: {key}\r\n")).await;
        assert_eq!(status(&answer), expected, "{target} {key}: {answer}");
    }
    // Who shows nothing is counted by address.
    for expected in [200, 200, 200, 429] {
        assert_eq!(status(&ask(&gateway, "/limited", "").await), expected);
    }
    for target in ["/split", "/kept"] {
        for key in ["ka", "kc"] {
            let before = (one.requests(), two.requests());
            for _ in 0..12 {
                assert_eq!(status(&ask(&gateway, target, &format!("X-Key: {key}\r\n")).await), 200);
            }
            let came = (one.requests() - before.0, two.requests() - before.1);
            assert!(came == (12, 0) || came == (0, 12), "{target} {key}: {came:?}");
        }
    }
}

#[tokio::test]
async fn secrets_are_in_no_log_and_no_metric() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let backend = Backend::start(Behaviour::Echo).await;
    let document = format!(
        r#"
[services.s]
instances = ["{}"]
[logins.keys.key]
header = "x-key"
[logins.inquery.key]
query = "key"
[logins.password.basic]
[logins.tokens.jwt]
secret = "jwt-s3cret-0123456789-0123456789-0123456789"
[consumers.acme]
keys = ["key-s3cret"]
password = "password-s3cret"
[routes.all]
service = "s"
login = ["keys", "inquery", "password", "tokens"]
"#,
        backend.address
    );
    let parts = parts();
    let metrics = parts.metrics.clone();
    let log = AccessLog { file: Some(file.clone()), format: LogFormat::Json };
    let gateway = gateway_with(&document, parts, |config| {
        config.access_log = log;
        config.explain = true;
    })
    .await;
    let rows = [
        ("/a", "X-Key: key-s3cret\r\n".to_owned(), 200),
        ("/b", "X-Key: wrong-s3cret\r\n".to_owned(), 401),
        ("/c?key=key-s3cret", String::new(), 200),
        ("/d?key=wrong-s3cret", String::new(), 401),
        ("/e", basic("acme:password-s3cret"), 200),
        ("/f", basic("acme:wrong-s3cret"), 401),
        ("/g", "Authorization: Bearer s3cret.s3cret.s3cret\r\n".to_owned(), 401),
    ];
    for (target, lines, expected) in &rows {
        let answer = ask(&gateway, target, lines).await;
        assert_eq!(status(&answer), *expected, "{answer}");
        assert!(!answer.contains("s3cret"), "{answer}");
    }
    let lines = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
    until("all lines", || lines() == rows.len()).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let encoded = Base64::encode_string(b"acme:password-s3cret");
    assert!(!text.contains("s3cret") && !text.contains(&encoded), "{text}");
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&first["consumer"], &first["login"]), (&json!("acme"), &json!("keys")));
    let second: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert!(second["consumer"].is_null() && second["problem"] == "unknown-key", "{second}");
    let shown = metrics.render();
    assert!(!shown.contains("s3cret"), "{shown}");
    for line in [
        "bole_gateway_logins_total{result=\"admitted\"} 3",
        "bole_gateway_logins_total{result=\"challenged\"} 4",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[tokio::test]
async fn what_a_document_says_of_logins_must_be_right() {
    let gateway = gateway("").await;
    for (document, part) in [
        ("[routes.a]\nreply = { status = 200 }\nlogin = [\"none\"]\n", "routes.a.login[0]"),
        (
            "[logins.l.jwt]\nissuer = \"https://a\"\nkeys_file = \"/nowhere/keys.json\"\n[routes.a]\nreply = { status = 200 }\nlogin = [\"l\"]\n",
            "/nowhere/keys.json",
        ),
        ("[consumers.c]\nkeys = [\"env:SURELY_NOT_SET\"]\n", "SURELY_NOT_SET"),
    ] {
        let error = gateway.apply(read(document)).await.unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}
