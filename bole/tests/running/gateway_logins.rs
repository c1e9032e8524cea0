//! Logins at the gateway of a real node: keys, users of identity as their policies let them, tokens whose issuer changes its keys,
//! limits by consumer, and documents that the gateway cannot carry out.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::node::Node;

/// Sends `GET path` with these header lines; the status and the whole answer.
fn get(address: &str, path: &str, lines: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {answer}")), answer)
}

#[track_caller]
fn check(node: &Node, rows: &[(&str, String, u16)]) {
    for (path, lines, expected) in rows {
        let (status, answer) = get(&node.gateway, path, lines);
        assert_eq!(status, *expected, "{path} {lines}: {answer}");
    }
}

fn basic(text: &str) -> String {
    format!("Authorization: Basic {}\r\n", Base64::encode_string(text.as_bytes()))
}

const DOCUMENT: &str = r#"
[logins.keys.key]
header = "x-api-key"
[logins.password.basic]
users = true
[consumers.acme]
keys = ["acme-key"]
password = "acme-password"
[consumers.other]
keys = ["other-key"]
[limits.each]
window = { limit = 2, period = "1h" }
key = "consumer"
[routes.shop]
path = "/shop"
reply = { status = 200, body = "in" }
login = ["keys", "password"]
response_headers = { set = { x-who = "{consumer}" } }
[routes.staff]
path = "/staff"
reply = { status = 200, body = "in" }
login = ["password"]
[routes.limited]
path = "/limited"
reply = { status = 200, body = "in" }
login = ["keys"]
limits = ["each"]
"#;

#[test]
fn consumers_and_users_come_in_as_document_and_policies_say() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let statement = json!({ "effect": "allow", "service": "gateway", "actions": ["invoke"], "resources": ["default/gateway/shop"] });
    let policies = json!([{ "name": "shop", "statements": [statement] }]).to_string();
    for (args, input) in [
        (&["role", "put", "shopper", "-"][..], policies.as_str()),
        (&["user", "add", "ann", "--role", "shopper"], "pencil-pencil\n"),
        (&["gateway", "apply", "-"], DOCUMENT),
    ] {
        let outcome = node.bole(args, input);
        assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
    }
    let key = |key: &str| format!("X-Api-Key: {key}\r\n");
    let rows = [
        ("/shop", String::new(), 401),
        ("/shop", key("wrong"), 401),
        ("/shop", key("acme-key"), 200),
        ("/shop", basic("acme:acme-password"), 200),
        ("/shop", basic("ann:pencil-pencil"), 200),
        ("/shop", basic("ann:wrong"), 401),
        ("/staff", basic("ann:pencil-pencil"), 403),
        ("/staff", basic("acme:acme-password"), 200),
        ("/staff", basic("bole:bolebole"), 200),
        ("/limited", key("acme-key"), 200),
        ("/limited", key("acme-key"), 200),
        ("/limited", key("acme-key"), 429),
        ("/limited", key("other-key"), 200),
    ];
    check(&node, &rows);
    let (_, answer) = get(&node.gateway, "/shop", &basic("ann:pencil-pencil"));
    assert!(answer.to_lowercase().contains("x-who: ann"), "{answer}");
    let outcome = node.bole(&["user", "set", "ann", "--disable"], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    check(&node, &[("/shop", basic("ann:pencil-pencil"), 401)]);
    // What is kept has no secret, and the same document once more changes nothing.
    let shown = node.bole(&["gateway", "show"], "").out;
    for secret in ["acme-key", "acme-password", "other-key"] {
        assert!(!shown.contains(&format!("\"{secret}\"")), "{shown}");
    }
    let outcome = node.bole(&["gateway", "apply", "-"], DOCUMENT);
    assert!(outcome.out.contains("0 objects changed"), "{outcome:?}");
}

/// A key pair with its public half as a key set has it.
struct Key(&'static str, Ed25519KeyPair);

impl Key {
    fn new(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        Self(id, Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn set(&self) -> Value {
        let x = Base64UrlUnpadded::encode_string(self.1.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": self.0, "x": x }] })
    }

    fn bearer(&self, audience: &str) -> String {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
        let claims =
            json!({ "iss": "https://issuer.example", "aud": audience, "sub": "ann", "exp": expires });
        let message = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": self.0 })), part(&claims));
        let signature = Base64UrlUnpadded::encode_string(self.1.sign(message.as_bytes()).as_ref());
        format!("Authorization: Bearer {message}.{signature}\r\n")
    }
}

/// Serves a text on a port of its own as long as the test runs.
fn served(text: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4_096];
            let _ = stream.read(&mut head);
            let body = text.lock().unwrap().clone();
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

#[test]
fn an_issuers_new_keys_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let (old, new) = (Key::new("old"), Key::new("new"));
    let keys = Arc::new(Mutex::new(old.set().to_string()));
    let document = format!(
        "[logins.tokens.jwt]\nissuer = \"https://issuer.example\"\nkeys_url = \"http://{}/keys\"\naudiences = [\"shop\"]\n\
         [routes.shop]\nreply = {{ status = 200 }}\nlogin = [\"tokens\"]\n",
        served(Arc::clone(&keys))
    );
    let outcome = node.bole(&["gateway", "apply", "-"], &document);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    check(
        &node,
        &[("/", old.bearer("shop"), 200), ("/", old.bearer("other"), 401), ("/", String::new(), 401)],
    );
    *keys.lock().unwrap() = new.set().to_string();
    check(&node, &[("/", new.bearer("shop"), 200), ("/", old.bearer("shop"), 401)]);
}

#[test]
fn what_the_gateway_cannot_carry_out_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let good = "[routes.a]\nreply = { status = 201 }\n";
    assert_eq!(node.bole(&["gateway", "apply", "-"], good).code, 0);
    let revision = || node.bole(&["gateway", "status"], "").out;
    let before = revision();
    let bad = "[routes.a]\nreply = { status = 202 }\n\
               [routes.mirrored]\npath = \"/m\"\nservice = \"s\"\nlogin = [\"l\"]\n[services.s]\ninstances = [\"127.0.0.1:1\"]\n\
               tls = { authorities = \"/nowhere/ca.pem\" }\n[logins.l.jwt]\nissuer = \"https://i.example\"\nkeys_file = \"/nowhere/keys.json\"\n\
               [certificates.c]\ncertificate = \"/nowhere/cert.pem\"\nkey = \"/nowhere/key.pem\"\n";
    for args in [&["gateway", "apply", "-", "--dry-run"][..], &["gateway", "apply", "-"]] {
        let outcome = node.bole(args, bad);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        for part in ["/nowhere/ca.pem", "/nowhere/keys.json", "/nowhere/cert.pem"] {
            assert!(outcome.errors.contains(part), "{part}: {outcome:?}");
        }
    }
    assert_eq!(get(&node.gateway, "/", "").0, 201);
    assert_eq!(revision(), before);
    let dry = node.bole(&["gateway", "apply", "-", "--dry-run"], "[routes.b]\nreply = { status = 203 }\n");
    assert_eq!(dry.code, 0, "{dry:?}");
    assert_eq!((get(&node.gateway, "/", "").0, revision()), (201, before));
}
