//! Documents as people write them.

use super::Document;
use super::service::{Concurrency, HostHeader, Instance, KeySource, Probe, Protocol};

const WHOLE: &str = r#"
[services.orders]
instances = ["127.0.0.1:9001", { address = "127.0.0.1:9002", weight = 2, zone = "a" }]
protocol = "http/2"
host = { name = "orders.internal" }
balance = { algorithm = "maglev", key = { header = "x-tenant" } }
health = { probe = { http = { path = "/healthz" } }, interval = "1s" }
concurrency = { max = 100 }

[services.other]
dns = { name = "other.internal", port = 80 }
health = { probe = "tcp" }

[routes.orders]
hosts = ["api.example.com"]
path = "/orders/*"
split = [{ service = "orders", weight = 9 }, { service = "other", weight = 1 }]
headers = { x-version = "~^v[12]$" }
request_headers = { set = { x-client = "{client_ip}" } }
login = ["tokens"]
limits = ["ip"]

[logins.tokens.jwt]
issuer = "https://login.example.com"

[logins.keys.key]
header = "x-api-key"

[consumers.shop]
keys = ["env:SHOP_KEY"]

[limits.ip]
bucket = { limit = 100, period = "1m" }

[certificates.main]
certificate = "cert.pem"
key = "key.pem"
"#;

#[test]
fn a_document_says_what_was_written() {
    let document = Document::from_toml(WHOLE).expect("it has the shape");
    let orders = &document.services["orders"];
    assert_eq!(orders.instances[0], Instance::new("127.0.0.1:9001"));
    assert_eq!((orders.instances[1].weight, orders.instances[1].zone.as_deref()), (2, Some("a")));
    assert_eq!(orders.protocol, Protocol::Http2);
    assert_eq!(orders.host, HostHeader::Name("orders.internal".into()));
    assert_eq!(orders.balance.key, Some(KeySource::Header("x-tenant".into())));
    assert_eq!(orders.concurrency, Some(Concurrency::Max(100)));
    let probe = &document.services["other"].health.as_ref().expect("it has one").probe;
    assert_eq!(probe, &Probe::Tcp);
    assert_eq!(document.routes["orders"].split[0].service, "orders");
}

#[test]
fn toml_and_json_give_the_document_back() {
    let document = Document::from_toml(WHOLE).expect("it has the shape");
    let json = serde_json::to_vec(&document).expect("a document is JSON");
    assert_eq!(Document::from_json(&json).expect("its own"), document);
    let toml = toml::to_string(&document).expect("a document is TOML");
    assert_eq!(Document::from_toml(&toml).expect("its own"), document);
}

#[test]
fn secrets_are_not_printed() {
    let document = Document::from_toml("[consumers.a]\nkeys = [\"clear\"]").expect("it has the shape");
    assert!(!format!("{document:?}").contains("clear"));
}

#[test]
fn each_secret_is_found() {
    let text = "[consumers.a]\nkeys = [\"k\"]\npassword = \"p\"\nsigning = { id = \"s\" }\n\
                [logins.t.jwt]\nsecret = \"j\"\n\
                [logins.o.oidc]\nissuer = \"https://i\"\nclient_id = \"c\"\nclient_secret = \"o\"\n";
    let mut document = Document::from_toml(text).expect("it has the shape");
    let mut found: Vec<String> = document
        .secrets()
        .map(|(part, name, purpose, secret)| format!("{part} {name} {purpose:?} {}", secret.0))
        .collect();
    found.sort();
    let expected = [
        "consumers a Key k",
        "consumers a Password p",
        "consumers a Shared s",
        "logins o Shared o",
        "logins t Shared j",
    ];
    assert_eq!(found, expected);
}
