//! What is told of a request once it was answered: to the metrics, and to the access log of its bucket.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bole_base::Kind;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::{Method, Request, Response};
use s3s::Body;

use super::Door;
use crate::access::User;
use crate::access::request::{Arrived, Head};
use crate::error::Code;
use crate::metrics::{self, Answered, Metrics};
use crate::rules::logging::{self, Line, Logging};
use crate::rules::policy::principal;
use crate::service::Service;

/// Names for what is no operation of S3's.
pub(super) const WEBSITE: &str = metrics::OTHERS[0];
pub(super) const SECURITY_TOKEN: &str = metrics::OTHERS[1];
pub(super) const PREFLIGHT: &str = metrics::OTHERS[2];
pub(super) const OTHER: &str = metrics::OTHERS[3];

/// What is found out about a request on its way: put among its extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<OnceLock<Found>>);

#[derive(Debug)]
struct Found {
    operation: usize,
    requester: Option<String>,
    key: String,
}

impl Seen {
    /// The request is an operation of S3's, on a key if it names one. The first word counts.
    pub(super) fn is(&self, operation: &str, user: Option<&User>, key: &str) {
        let requester = user.map(|user| principal::arn(&user.account, &user.name));
        // Told again of a page that has others in its place.
        let _ = self.0.set(Found { operation: metrics::index(operation), requester, key: key.to_owned() });
    }
}

/// A request that is being answered.
pub(super) struct Trace {
    begun: Instant,
    method: Method,
    /// What it is without a word of the operation's.
    known_as: &'static str,
    bucket: Option<String>,
    received: u64,
    seen: Seen,
    /// The request's side of a line, for whoever writes one.
    line: Line,
}

impl Trace {
    /// `known_as`: what it counts as if nothing else is found out.
    pub(super) fn new(
        request: &Request<impl HttpBody>,
        arrived: &Arrived,
        bucket: Option<&str>,
        known_as: &'static str,
    ) -> Self {
        let head = Head { uri: request.uri(), headers: request.headers() };
        Self {
            begun: Instant::now(),
            method: request.method().clone(),
            known_as,
            bucket: bucket.map(str::to_owned),
            received: request.body().size_hint().exact().unwrap_or(0),
            seen: Seen::default(),
            line: line(request.method(), &head, arrived),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// The answer, which tells when it has ended.
    pub(super) fn answer(self, door: &Door, response: Response<Body>) -> Response<Traced> {
        let is_error = response.status().is_client_error() || response.status().is_server_error();
        let error = if is_error { error_code(&response) } else { String::new() };
        let failure = is_error.then(|| kind(&error, response.status().as_u16()));
        let found = self.seen.0.get();
        let is_own = matches!(self.known_as, WEBSITE | SECURITY_TOKEN | PREFLIGHT);
        let operation =
            found.filter(|_| !is_own).map_or_else(|| metrics::index(self.known_as), |found| found.operation);
        let line = self.bucket.as_deref().and_then(|bucket| {
            let (logging, owner) = door.service.logging(bucket)?;
            Some((logging, self.line(bucket, owner, operation, error, &response)))
        });
        let report = Report {
            service: Arc::clone(&door.service),
            metrics: door.metrics.clone(),
            begun: self.begun,
            answered: Answered {
                operation,
                status: response.status().as_u16(),
                failure,
                elapsed: Duration::ZERO,
                received: self.received,
                sent: 0,
            },
            line,
        };
        response.map(|body| Traced { body, report })
    }

    /// A line as far as it is known when the answer begins.
    fn line(
        &self,
        bucket: &str,
        owner: String,
        operation: usize,
        error: String,
        response: &Response<Body>,
    ) -> Line {
        let found = self.seen.0.get();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let key = found.map(|found| found.key.clone()).unwrap_or_default();
        let name = metrics::names().nth(operation).unwrap_or_default();
        let total = header("content-range").and_then(|range| range.rsplit('/').next()?.parse().ok());
        let is_read = matches!(name, "GetObject" | "HeadObject" | "Website");
        let length = header("content-length").filter(|_| is_read).and_then(|length| length.parse().ok());
        Line {
            owner,
            bucket: bucket.to_owned(),
            requester: found.and_then(|found| found.requester.clone()).unwrap_or_default(),
            operation: logging::operation(name, self.method.as_str(), !key.is_empty()),
            key,
            status: response.status().as_u16(),
            error,
            object_bytes: total.or(length).or((name == "PutObject").then_some(self.received)),
            turnaround_ms: self.begun.elapsed().as_millis() as u64,
            ..self.line.clone()
        }
    }
}

/// What a request's head says for a line.
fn line(method: &Method, head: &Head<'_>, arrived: &Arrived) -> Line {
    let header = |name: &str| head.header(name).unwrap_or_default().to_owned();
    let is_old = head.parameter("AWSAccessKeyId").is_some();
    let in_query = is_old || head.parameter("X-Amz-Signature").is_some();
    let in_header = head.headers.contains_key("authorization");
    // What a presigned URL has in its query is a secret for as long as it is good.
    let target = if in_query { head.uri.path().to_owned() } else { head.uri.to_string() };
    Line {
        at: arrived.at,
        peer: arrived.peer.ip().to_canonical().to_string(),
        request_id: arrived.request_id.clone(),
        request: format!("{method} {target} HTTP/1.1"),
        referer: header("referer"),
        user_agent: header("user-agent"),
        version: head.parameter("versionId").unwrap_or_default(),
        signature: match (is_old, in_query || in_header) {
            (true, _) => "SigV2",
            (false, true) => "SigV4",
            (false, false) => "",
        },
        authentication: match (in_query, in_header) {
            (true, _) => "QueryString",
            (false, true) => "AuthHeader",
            (false, false) => "",
        },
        host: header("host"),
        ..Line::default()
    }
}

/// S3's code in the body of an error.
fn error_code(response: &Response<Body>) -> String {
    let text = response.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    // A page has it in a list.
    let code = code.or_else(|| text.split_once("<li>Code: ").and_then(|(_, rest)| rest.split_once("</li>")));
    code.map(|(code, _)| code.to_owned()).unwrap_or_default()
}

fn kind(code: &str, status: u16) -> Kind {
    let known = Code::ALL.iter().find(|known| known.name() == code);
    known.map_or_else(
        || match status {
            403 => Kind::Denied,
            404 => Kind::NotFound,
            409 | 412 => Kind::Conflict,
            503 => Kind::Unavailable,
            500.. => Kind::Internal,
            _ => Kind::InvalidInput,
        },
        |code| code.kind(),
    )
}

/// Told when it is dropped.
struct Report {
    service: Arc<Service>,
    metrics: Option<Metrics>,
    begun: Instant,
    answered: Answered,
    line: Option<(Logging, Line)>,
}

impl Drop for Report {
    fn drop(&mut self) {
        self.answered.elapsed = self.begun.elapsed();
        if let Some(metrics) = &self.metrics {
            metrics.record(&self.answered);
        }
        if let Some((logging, line)) = &mut self.line {
            (line.sent, line.total_ms) = (self.answered.sent, self.answered.elapsed.as_millis() as u64);
            self.service.logs.push(&line.bucket, logging, &line.to_string(), self.service.clock.now());
        }
    }
}

/// The body of an answer, counted. What is told of the request is told when it has gone, or was given up.
pub(super) struct Traced {
    body: Body,
    report: Report,
}

impl HttpBody for Traced {
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.report.answered.sent += data.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
