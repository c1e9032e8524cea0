//! An origin that answers by a function, and requests in one line.

use async_trait::async_trait;
use bole_base::clock::ManualClock;
use bole_cdn::{Body, Cache, Config, Origin, OriginError, Request, Response};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::request::Parts;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Semaphore;

type Answer = Box<dyn Fn(&Parts) -> Result<Response, OriginError> + Send + Sync>;

/// An origin that notes what it was asked, and answers when it is let.
pub(crate) struct FakeOrigin {
    answer: Answer,
    pub(crate) asked: Mutex<Vec<Parts>>,
    /// One permit an answer.
    pub(crate) gate: Semaphore,
}

impl FakeOrigin {
    /// An origin that answers at once.
    pub(crate) fn new(
        answer: impl Fn(&Parts) -> Result<Response, OriginError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::gated(answer, Semaphore::MAX_PERMITS)
    }

    /// An origin that answers so many requests, and more when it gets permits.
    pub(crate) fn gated(
        answer: impl Fn(&Parts) -> Result<Response, OriginError> + Send + Sync + 'static,
        permits: usize,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default(), gate: Semaphore::new(permits) })
    }

    pub(crate) fn times(&self) -> usize {
        self.asked.lock().len()
    }
}

#[async_trait]
impl Origin for FakeOrigin {
    async fn fetch(&self, request: Request) -> Result<Response, OriginError> {
        let (head, body) = request.into_parts();
        body.collect(1 << 20).await.map_err(|error| OriginError(error.to_string()))?;
        self.asked.lock().push(head.clone());
        self.gate.acquire().await.map_err(|error| OriginError(error.to_string()))?.forget();
        (self.answer)(&head)
    }
}

/// A response with lines of fields, in chunks of 1,000 bytes with its length.
pub(crate) fn response(status: u16, lines: &str, body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let mut response = http::Response::builder().status(StatusCode::from_u16(status).unwrap());
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        response = response.header(name, value.trim());
    }
    if !lines.contains("content-length") {
        response = response.header("content-length", body.len());
    }
    let chunks: Vec<_> = body.chunks(1_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    response.body(Body::stream(stream::iter(chunks))).unwrap()
}

/// A request from a line such as `GET /a`, for the host `h`, and lines of fields.
pub(crate) fn request(line: &str, fields: &str) -> Request {
    let (method, target) = line.split_once(' ').unwrap();
    let target = if target.starts_with('/') { format!("http://h{target}") } else { target.to_owned() };
    let mut request = http::Request::builder().method(method).uri(target);
    for line in fields.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        request = request.header(name, value.trim());
    }
    request.body(Body::empty()).unwrap()
}

/// An answer with its body read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Result<Bytes, bole_cdn::BodyError>,
}

impl Seen {
    /// The member of Cache-Status that this cache added.
    pub(crate) fn cache_status(&self) -> &str {
        self.headers.get_all("cache-status").iter().next_back().unwrap().to_str().unwrap()
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().starts_with("Bole; hit")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.as_ref().unwrap()).into_owned()
    }
}

/// Asks the cache, and reads the whole answer.
pub(crate) async fn ask(cache: &Cache, origin: &Arc<FakeOrigin>, line: &str, fields: &str) -> Seen {
    send(cache, origin, request(line, fields)).await
}

pub(crate) async fn send(cache: &Cache, origin: &Arc<FakeOrigin>, request: Request) -> Seen {
    let (head, body) = cache.handle(request, origin.clone()).await.into_parts();
    Seen { status: head.status.as_u16(), headers: head.headers, body: body.collect(64 << 20).await }
}

/// A cache in memory, and its clock.
pub(crate) fn cache() -> (Cache, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (Cache::open(Config::default(), clock.clone()).unwrap(), clock)
}

/// Waits until a condition holds; fails after a time that no sound run needs.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(std::time::Duration::from_mins(1), wait).await.is_ok(), "never: {what}");
}
