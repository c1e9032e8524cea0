//! A gateway's surroundings that tests drive: whom it asks, its clock, its keys.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::missing_panics_doc)]

use async_trait::async_trait;
use bole_base::clock::ManualClock;
use bole_gateway_access::parts::{Entropy, Nobody};
use bole_gateway_access::{
    Access, Answer, Fetch, FetchError, Identity, Memory, Parts, Policies, RequestFacts, Secrets, SessionKeys,
    Users, Verdict,
};
use bole_gateway_document::Document;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The clock's start, in seconds.
pub const NOW: u64 = 1_767_225_600;

type Handler = Box<dyn FnMut(Request<Bytes>) -> Result<Response<Bytes>, FetchError> + Send>;

/// Answers by URL without the query; what is not known cannot be reached.
#[derive(Default)]
pub struct Web {
    handlers: Mutex<HashMap<String, Handler>>,
    pub asked: Mutex<Vec<String>>,
}

impl Web {
    pub fn at(
        &self,
        url: &str,
        handler: impl FnMut(Request<Bytes>) -> Result<Response<Bytes>, FetchError> + Send + 'static,
    ) {
        self.handlers.lock().insert(url.to_owned(), Box::new(handler));
    }

    pub fn json(&self, url: &str, value: &serde_json::Value) {
        let bytes = Bytes::from(value.to_string());
        self.at(url, move |_| Ok(Response::new(bytes.clone())));
    }

    pub fn gone(&self, url: &str) {
        self.handlers.lock().remove(url);
    }

    pub fn count(&self, url: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == url).count()
    }
}

#[async_trait]
impl Fetch for Web {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let url = request.uri().to_string().split('?').next().unwrap().to_owned();
        self.asked.lock().push(url.clone());
        tokio::task::yield_now().await;
        let mut handlers = self.handlers.lock();
        let handler = handlers.get_mut(&url).ok_or_else(|| FetchError(format!("{url} cannot be reached")))?;
        handler(request)
    }
}

/// Bytes that count up: no two draws are alike.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self
                .0
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
                .wrapping_mul(0xd134_2543_de82_ef95);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub struct FakeSecrets;

impl Secrets for FakeSecrets {
    fn environment(&self, name: &str) -> Option<String> {
        (name == "SECRET").then(|| "environment-secret-0123456789abcdef".to_owned())
    }

    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// One user, `ann`, with the password `pencil`, who may use the route `open` only.
pub struct Ann;

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

pub struct World {
    pub web: Arc<Web>,
    pub clock: Arc<ManualClock>,
    pub parts: Parts,
}

impl World {
    pub fn new() -> Self {
        let (web, clock) = (Arc::new(Web::default()), Arc::new(ManualClock::new()));
        let entropy = Arc::new(Counting::default());
        let parts = Parts {
            fetch: Arc::clone(&web) as Arc<dyn Fetch>,
            users: Arc::new(Ann),
            policies: Arc::new(Ann),
            clock: clock.clone(),
            entropy: entropy.clone(),
            secrets: Arc::new(FakeSecrets),
            session_keys: SessionKeys { current: [7; 32], previous: None },
            memory: Arc::new(Memory::new(&*entropy)),
        };
        Self { web, clock, parts }
    }

    pub fn nobody(mut self) -> Self {
        self.parts.users = Arc::new(Nobody);
        self
    }

    pub fn access(&self, document: &str) -> Access {
        let document = Document::from_toml(document).unwrap_or_else(|error| panic!("{error}"));
        Access::new(&document, self.parts.clone()).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Of a document that nobody has checked before.
    pub fn problems(&self, document: &str) -> Vec<String> {
        let document: Document = toml::from_str(document).unwrap();
        let problems = Access::new(&document, self.parts.clone()).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }
}

/// A request with headers.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// What is known of it: over TLS, from 192.0.2.1, to `api.example.com`.
pub fn facts(head: &http::request::Parts) -> RequestFacts<'_> {
    let client = "192.0.2.1".parse().unwrap();
    RequestFacts { head, tls: true, authority: "api.example.com", client, certificate: None }
}

pub async fn get(access: &Access, route: &str, target: &str, headers: &[(&str, &str)]) -> Verdict {
    let head = request("GET", target, headers);
    access.decide(route, &facts(&head)).await
}

#[track_caller]
pub fn admitted(verdict: Verdict) -> Identity {
    match verdict {
        Verdict::Admit(identity) => *identity,
        other => panic!("not admitted: {other:?}"),
    }
}

/// The answer of what was not admitted.
#[track_caller]
pub fn answer(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Challenge(answer)
        | Verdict::Refuse(answer)
        | Verdict::Redirect(answer)
        | Verdict::Reply(answer) => answer,
        Verdict::Admit(identity) => panic!("admitted: {identity:?}"),
    }
}

/// `0` where it was admitted.
pub fn status(verdict: &Verdict) -> u16 {
    match verdict {
        Verdict::Admit(_) => 0,
        Verdict::Challenge(answer) => {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert!(answer.headers.contains_key("www-authenticate"), "{answer:?}");
            401
        }
        Verdict::Refuse(answer) | Verdict::Redirect(answer) | Verdict::Reply(answer) => {
            answer.status.as_u16()
        }
    }
}
