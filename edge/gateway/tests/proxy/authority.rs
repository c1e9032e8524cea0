//! Certificates that authorities are asked for, as clients see them: what is kept is shown at once, nothing is shown for hosts that wait.

use crate::support::*;
use crate::tls::{Authority, ask, connect, shown};
use async_trait::async_trait;
use bole_gateway::config::{Config, Parts};
use bole_gateway_acme::Keeper;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keeps in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Keeper for Memory {
    async fn load(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.0.lock().get(name).cloned())
    }

    async fn keep(&self, name: &str, text: String) -> Result<(), String> {
        self.0.lock().insert(name.to_owned(), text);
        Ok(())
    }

    async fn forget(&self, name: &str) -> Result<(), String> {
        self.0.lock().remove(name);
        Ok(())
    }

    async fn names(&self) -> Result<Vec<String>, String> {
        Ok(self.0.lock().keys().cloned().collect())
    }
}

/// Nobody listens there.
const DIRECTORY: &str = "https://127.0.0.1:1/directory";

fn wanted(name: &str, hosts: &str, more: &str) -> String {
    format!(
        "[certificates.{name}]\nhosts = [{hosts}]\nacme = {{ directory = \"{DIRECTORY}\", terms_agreed = true }}\n{more}\n"
    )
}

fn secured(config: &mut Config) {
    config.https = vec!["127.0.0.1:0".parse().unwrap()];
}

#[tokio::test]
async fn what_is_kept_is_shown_and_who_waits_is_shown_nothing() {
    let authority = Authority::new();
    authority.make("files", &["files.example"]);
    let (kept, _) = authority.make("kept", &["kept.example"]);
    let read = |name: &str| std::fs::read_to_string(authority.path(name)).unwrap();
    let memory = Arc::new(Memory::default());
    let record = serde_json::json!({
        "issued": {
            "directory": DIRECTORY,
            "profile": null,
            "hosts": ["kept.example"],
            "chain": read("kept.pem"),
            "key": read("kept.key"),
        },
        "pending": null,
    });
    memory.0.lock().insert("certificate/kept".to_owned(), record.to_string());
    let closed = format!("client_authorities = \"{}\"", authority.path("ca.pem").display());
    let text = format!(
        "{}{}{}[routes.a]\nreply = {{ status = 200, body = \"ok\" }}\n",
        authority.written("files", ""),
        wanted("kept", "\"kept.example\", \"later.example\"", ""),
        wanted("waits", "\"waits.example\"", &closed),
    );
    let parts = Parts { keeper: Some(memory), ..Parts::default() };
    let gateway = gateway_with(&text, parts, secured).await;
    let address = gateway.https()[0];
    let mut stream = connect(address, &authority, "kept.example", b"http/1.1", None).await.unwrap();
    assert_eq!(shown(&stream), kept.to_vec());
    assert_eq!(status(&ask(&mut stream, "kept.example").await.unwrap()), 200);
    // What asks clients for certificates is not to be come by on another host's connection, also where nobody can come yet.
    assert_eq!(status(&ask(&mut stream, "waits.example").await.unwrap()), 421);
    for name in ["waits.example", "later.example", "unknown.example"] {
        let refused = connect(address, &authority, name, b"http/1.1", None).await.unwrap_err();
        assert!(refused.to_string().contains("UnrecognisedName"), "{name}: {refused}");
    }
    until("the order fails, and says so", || {
        let status = gateway.certificates();
        status.get("waits").is_some_and(|status| {
            status.last_error.as_ref().is_some_and(|error| error.contains("127.0.0.1:1"))
        })
    })
    .await;
    // Another document that waits for none of them keeps none of them.
    gateway.apply(read_document("[routes.a]\nreply = { status = 200 }\n")).await.unwrap();
    assert!(connect(address, &authority, "kept.example", b"http/1.1", None).await.is_err());
}

fn read_document(text: &str) -> bole_gateway_document::Document {
    crate::support::read(text)
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let text = wanted("c", "\"a.example\"", "");
    for (keeps, secures, expected) in [
        (false, true, "certificates.c.acme: this gateway has nowhere to keep certificates"),
        (true, false, "certificates.c.acme: this gateway has no door with TLS"),
    ] {
        let parts = Parts { keeper: keeps.then(|| Arc::new(Memory::default()) as _), ..Parts::default() };
        let gateway = gateway_with("", parts, |config| {
            if secures {
                secured(config);
            }
        })
        .await;
        let refused = gateway.apply(read_document(&text)).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}
