//! Sends spans to the collector in batches: OTLP over HTTP, protobuf, gzip.
//!
//! A batch goes when there are enough spans, or a second after the first of them. One batch is sent at a time. What may pass (no connection, no answer
//! in time, 429, 502, 503, 504) is tried again, each time after twice the time, or when the collector says (`Retry-After`), for a minute in
//! all; then the batch is lost, and counted. Meanwhile spans wait in the queue, whose bound is the tracer's.

use super::message::{self, Resource, Response};
use super::span::Span;
use super::{Config, Counters, Endpoint};
use crate::clock;
use crate::fetch::Web;
use bole_gateway_access::Fetch as _;
use bole_net::client::Tls;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use prost::Message as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

/// Spans of a batch; with those of the last request a few more.
const BATCH_SPANS: usize = 512;
/// How long the first span of a batch waits for others.
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// Before the second try of a batch.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Between two tries at most, also if the collector says more.
const RETRY_MOST: Duration = Duration::from_secs(30);
/// From the first try of a batch to its last.
const RETRY_FOR: Duration = Duration::from_mins(1);
/// Bytes of the file of headers.
const HEADERS_BYTES_MAX: usize = 64 << 10;
/// Letters of what a collector says that are logged.
const SAID_MAX: usize = 200;

/// What comes to an exporter.
pub(super) enum Item {
    /// Spans of a request.
    Spans(Vec<Span>),
    /// Somebody waits until all that came before was sent, or given up.
    Flush(oneshot::Sender<()>),
}

/// Sends spans.
pub struct Exporter {
    items: mpsc::Receiver<Item>,
    counters: Counters,
    endpoint: Endpoint,
    headers_file: Option<PathBuf>,
    headers: HeaderMap,
    resource: Resource,
    web: Web,
    /// The last batch was not taken: that is told once.
    fails: bool,
}

/// What a collector says of a batch.
enum Answer {
    /// It has it, but for so many spans.
    Taken(u64, String),
    /// It never will.
    Never(String),
    /// Perhaps later, perhaps then.
    Later(String, Option<Duration>),
}

/// Reads headers, one a line.
fn read_headers(path: &Path, text: &str) -> Result<HeaderMap, String> {
    let at = |number: usize, wrong: &str| format!("{}, line {}: {wrong}", path.display(), number + 1);
    if text.len() > HEADERS_BYTES_MAX {
        return Err(format!("{}: it is longer than {HEADERS_BYTES_MAX} bytes", path.display()));
    }
    let mut headers = HeaderMap::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (number, line) in lines {
        // What is in it is secret, and not told.
        let (name, value) = line.split_once(':').ok_or_else(|| at(number, "it is not \"Name: value\""))?;
        let name: HeaderName = name.trim().parse().map_err(|_| at(number, "the name is none of a header"))?;
        if [CONTENT_TYPE, CONTENT_ENCODING, http::header::CONTENT_LENGTH, http::header::HOST].contains(&name)
        {
            return Err(at(number, &format!("{name} is the gateway's to say")));
        }
        let value = HeaderValue::from_str(value.trim());
        let mut value = value.map_err(|_| at(number, "the value is none of a header"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Compresses a body. Writing to memory does not fail.
fn zipped(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4 + 64), Compression::fast());
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

impl Exporter {
    pub(super) fn open(
        config: &Config,
        items: mpsc::Receiver<Item>,
        counters: Counters,
    ) -> Result<Self, String> {
        let headers = match &config.headers_file {
            None => HeaderMap::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    format!("the headers of the collector cannot be read: {}: {error}", path.display())
                })?;
                read_headers(path, &text)?
            }
        };
        if !headers.is_empty() && !config.endpoint.is_private() {
            return Err(format!(
                "the headers of the collector are secret, and {} is neither https nor on this machine; choose an https URL",
                config.endpoint
            ));
        }
        let web = match &config.authorities {
            None => Web::default(),
            Some(path) => Web::with(Tls::load(Some(path), None).map_err(|error| error.to_string())?),
        };
        Ok(Self {
            items,
            counters,
            endpoint: config.endpoint.clone(),
            headers_file: config.headers_file.clone(),
            headers,
            resource: message::resource(&config.service_name),
            web,
            fails: false,
        })
    }

    /// Sends what comes until nobody can send any more.
    pub async fn run(mut self) {
        while let Some(item) = self.items.recv().await {
            let (spans, waiting) = self.gather(item).await;
            if !spans.is_empty() {
                self.send(spans).await;
            }
            if let Some(done) = waiting {
                // Who no longer waits has gone on.
                let _ = done.send(());
            }
        }
    }

    /// A batch that begins with this, and who waits for it.
    async fn gather(&mut self, first: Item) -> (Vec<Span>, Option<oneshot::Sender<()>>) {
        let until = Instant::now() + BATCH_DELAY;
        let mut batch = match first {
            Item::Spans(spans) => spans,
            Item::Flush(done) => return (Vec::new(), Some(done)),
        };
        while batch.len() < BATCH_SPANS {
            match timeout_at(until, self.items.recv()).await {
                Ok(Some(Item::Spans(more))) => batch.extend(more),
                Ok(Some(Item::Flush(done))) => return (batch, Some(done)),
                Ok(None) | Err(_) => break,
            }
        }
        (batch, None)
    }

    async fn send(&mut self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        let body = zipped(&message::request(&self.resource, spans).encode_to_vec());
        let (begun, mut pause) = (Instant::now(), RETRY_FIRST);
        loop {
            match self.post(body.clone()).await {
                Answer::Taken(rejected, why) => {
                    let rejected = rejected.min(count);
                    self.counters.sent.add(count - rejected);
                    self.counters.rejected.add(rejected);
                    if rejected > 0 {
                        self.tell(&format!("it did not want {rejected} of {count} spans: {why}"));
                    } else if std::mem::take(&mut self.fails) {
                        info!("the collector {} takes spans again", self.endpoint.authority());
                    }
                    return;
                }
                Answer::Never(why) => {
                    self.counters.rejected.add(count);
                    return self.tell(&why);
                }
                Answer::Later(why, after) => {
                    let jitter = clock::with_random(bole_edge_core::Random::unit).mul_add(0.4, 0.8);
                    let wait = after.unwrap_or_else(|| pause.mul_f64(jitter)).min(RETRY_MOST);
                    self.tell(&why);
                    if begun.elapsed() + wait > RETRY_FOR {
                        self.counters.lost.add(count);
                        return;
                    }
                    sleep(wait).await;
                    self.counters.retries.add(1);
                    pause = (pause * 2).min(RETRY_MOST);
                }
            }
        }
    }

    /// Told once until it goes well again.
    fn tell(&mut self, why: &str) {
        if !std::mem::replace(&mut self.fails, true) {
            warn!("spans do not get to the collector {}: {why}", self.endpoint.authority());
        }
    }

    async fn post(&mut self, body: Bytes) -> Answer {
        self.renew_headers().await;
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.traces().clone();
        *request.headers_mut() = self.headers.clone();
        let fields = request.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let agent = concat!("Bole-OTLP-Exporter/", env!("CARGO_PKG_VERSION"));
        fields.entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
        match self.web.fetch(request).await {
            Ok(answer) => read(&answer),
            Err(error) => Answer::Later(error.to_string(), None),
        }
    }

    /// Reads the file of headers anew, so that a secret can be changed. One that cannot be read changes nothing.
    async fn renew_headers(&mut self) {
        let Some(path) = self.headers_file.clone() else { return };
        let read =
            tokio::fs::read_to_string(&path).await.map_err(|error| format!("{}: {error}", path.display()));
        match read.and_then(|text| read_headers(&path, &text)) {
            Ok(headers) => self.headers = headers,
            Err(error) => self.tell(&error),
        }
    }
}

/// What an answer means (OTLP 1.x, "OTLP/HTTP Response").
fn read(answer: &http::Response<Bytes>) -> Answer {
    let status = answer.status();
    if status.is_success() {
        let partial = Response::decode(answer.body().clone()).unwrap_or_default().partial_success;
        let partial = partial.unwrap_or_default();
        let rejected = u64::try_from(partial.rejected_spans).unwrap_or(0);
        return Answer::Taken(rejected, partial.error_message.chars().take(SAID_MAX).collect());
    }
    let why = format!("it answers {status}");
    let passes = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if !passes.contains(&status) {
        return Answer::Never(why);
    }
    let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
    Answer::Later(why, after.and_then(|after| after.trim().parse().ok()).map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_secrets_are_not_told() {
        let path = Path::new("headers");
        let headers = read_headers(path, "Authorization: Bearer secret:1\n\nx-team : a\n").expect("headers");
        assert_eq!(headers.get("authorization").map(HeaderValue::as_bytes), Some(&b"Bearer secret:1"[..]));
        assert_eq!(headers.get("x-team").map(HeaderValue::as_bytes), Some(&b"a"[..]));
        assert!(!format!("{headers:?}").contains("secret"), "{headers:?}");
        for wrong in ["secret", "a\u{e9} b: secret", "a: secret\u{1}", "Host: secret", "ok: 1\nsecret"] {
            let error = read_headers(path, wrong).expect_err(wrong);
            assert!(error.starts_with("headers, line ") && !error.contains("secret"), "{error}");
        }
        assert!(read_headers(path, &"a: b\n".repeat(20_000)).is_err());
    }

    #[test]
    fn answers_mean_what_the_protocol_says() {
        let answer = |status: u16, after: Option<&str>, body: &'static [u8]| {
            let mut answer = http::Response::new(Bytes::from_static(body));
            *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            if let Some(after) = after {
                answer.headers_mut().insert(RETRY_AFTER, after.parse().expect("a value"));
            }
            match read(&answer) {
                Answer::Taken(rejected, why) => format!("taken {rejected} {why}"),
                Answer::Never(_) => "never".to_owned(),
                Answer::Later(_, after) => format!("later {after:?}"),
            }
        };
        for (status, after, body, expected) in [
            (200, None, &b""[..], "taken 0 "),
            (202, None, b"not protobuf", "taken 0 "),
            (200, None, b"\x0a\x07\x08\x03\x12\x03why", "taken 3 why"),
            (429, Some("7"), b"", "later Some(7s)"),
            (503, Some("soon"), b"", "later None"),
            (502, None, b"", "later None"),
            (504, None, b"", "later None"),
            (400, Some("7"), b"", "never"),
            (401, None, b"", "never"),
            (500, None, b"", "never"),
            (302, None, b"", "never"),
        ] {
            assert_eq!(answer(status, after, body), expected, "{status}");
        }
    }
}
