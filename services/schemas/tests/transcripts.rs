//! Requests and answers, one file a subject matter. A line `GET /path` or `POST /path BODY` is sent; the next line is the status and, if there is one, the
//! answer: JSON that must be equal, or behind `~` text that must be in it. Each file begins with an empty registry.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod support;

use std::path::Path;
use std::sync::Arc;

use bole_schemas::access::{Action, Authenticator, Credentials, Open, Refusal};
use futures_util::future::BoxFuture;
use support::Registry;

fn run(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let registry = Registry::start(Arc::new(Open));
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mut exchanges = 0;
    while let Some((number, request)) = lines.next() {
        let at = format!("{}:{}: {request}", path.display(), number + 1);
        let mut parts = request.splitn(3, ' ');
        let (method, target) = (parts.next().unwrap(), parts.next().unwrap_or_else(|| panic!("{at}")));
        let (_, expected) = lines.next().unwrap_or_else(|| panic!("{at}: no answer is given"));
        let (status, body) = expected.split_once(' ').unwrap_or((expected, ""));
        let (found, _, answer) =
            registry.send(method, target, "", parts.next().unwrap_or_default().as_bytes());
        assert_eq!(found.to_string(), status, "{at}\n{answer}");
        exchanges += 1;
        if let Some(part) = body.strip_prefix('~') {
            assert!(answer.contains(part), "{at}\n{answer}");
        } else if !body.is_empty() {
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(
                value(&answer).unwrap_or_else(|error| panic!("{at}: {answer}: {error}")),
                value(body).unwrap(),
                "{at}"
            );
        }
    }
    assert!(exchanges > 5, "{} has {exchanges} exchanges", path.display());
}

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "the transcripts are there");
    files.iter().for_each(|file| run(file));
}

#[test]
fn media_types_hosts_and_origins() {
    let registry = Registry::start(Arc::new(Open));
    for (headers, status, kind) in [
        ("", 200, "application/vnd.schemaregistry.v1+json"),
        ("accept: application/json\r\n", 200, "application/json"),
        ("accept: text/html\r\n", 406, "application/vnd.schemaregistry.v1+json"),
        ("content-type: text/plain\r\n", 415, "application/vnd.schemaregistry.v1+json"),
        ("host: evil.example\r\n", 421, "application/vnd.schemaregistry.v1+json"),
        (
            "host: localhost:8081\r\norigin: http://evil.example\r\n",
            403,
            "application/vnd.schemaregistry.v1+json",
        ),
        (
            "host: localhost:8081\r\norigin: http://localhost:8081\r\norigin: null\r\n",
            403,
            "application/vnd.schemaregistry.v1+json",
        ),
        (
            "host: localhost:8081\r\norigin: http://localhost:3000\r\n",
            200,
            "application/vnd.schemaregistry.v1+json",
        ),
    ] {
        let (found, media, body) = registry.send("GET", "/subjects", headers, b"");
        assert_eq!((found, media.as_str()), (status, kind), "{headers}: {body}");
        let is_error = body.contains("error_code");
        assert_eq!(is_error, status != 200, "{headers}: {body}");
    }
}

/// Knows one user, who may read everything and write one subject.
struct One;

impl Authenticator for One {
    fn authorize<'a>(
        &'a self,
        credentials: Option<&'a Credentials>,
        action: Action,
        subject: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            if credentials.is_none_or(|given| given.user != "u" || given.password != "p:w") {
                return Err(Refusal::Unauthenticated);
            }
            if action == Action::Read || subject == Some("mine") {
                return Ok(());
            }
            Err(Refusal::Denied("only the subject \"mine\" may be written".to_owned()))
        })
    }
}

#[test]
fn users_may_do_what_they_may() {
    let registry = Registry::start(Arc::new(One));
    let good = "authorization: Basic dTpwOnc=\r\n";
    let schema = b"{\"schema\":\"\\\"int\\\"\"}";
    for (method, path, headers, status, part) in [
        ("GET", "/subjects", "", 401, "\"error_code\":401"),
        ("GET", "/subjects", "authorization: Basic dTp4\r\n", 401, "Unauthorized"),
        ("GET", "/subjects", "authorization: Bearer x\r\n", 401, "Unauthorized"),
        ("GET", "/subjects", good, 200, "[]"),
        ("POST", "/subjects/other/versions", good, 403, "\"error_code\":40301"),
        ("POST", "/subjects/mine/versions", good, 200, "{\"id\":1}"),
        ("POST", "/subjects/:.:mine/versions", good, 200, "{\"id\":1}"),
        ("POST", "/compatibility/subjects/mine/versions", good, 200, "true"),
        ("POST", "/subjects/mine", good, 200, "\"version\":1"),
        ("PUT", "/config", good, 403, "mine"),
        ("DELETE", "/subjects/other", good, 403, "mine"),
        ("DELETE", "/subjects/mine", good, 200, "[1]"),
    ] {
        let (found, _, body) = registry.send(method, path, headers, schema);
        assert_eq!(found, status, "{method} {path}: {body}");
        assert!(body.contains(part), "{method} {path}: {body}");
    }
}
