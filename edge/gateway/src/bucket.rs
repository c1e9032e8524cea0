//! Routes that serve objects of a bucket of this node. Who keeps the buckets says what everybody may read; who asks here makes no difference to that, so
//! a route shows what is public, and its logins only make it less.
//!
//! ```text
//! /a/b   key PREFIXa/b; if there is none and there is PREFIXa/b/INDEX: to /a/b/
//! /a/    key PREFIXa/INDEX
//! none   the error document with 404, or a problem
//! ```
//!
//! What may not be read is as if it were not there.

use crate::error::Problem;
use crate::state::{Action, Workshop};
use async_trait::async_trait;
use bole_cdn::{Body, Response};
use bole_gateway_document::route as document;
use bole_net::Metrics;
use bole_net::metrics::Counter;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;

/// Reads buckets of this node.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Reads an object as everybody may, and answers as HTTP does (RFC 9110): 200, 206, 304, 403 or 404 (not there, or not for everybody), 412, 416, others. Of
    /// `headers` the conditions and the range count; `If-Range` does not. `HEAD` has no body.
    ///
    /// # Errors
    /// For the log of the node: it could not be read.
    async fn read(&self, ask: Ask<'_>) -> Result<Response, String>;
}

/// What is read, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// GET or HEAD.
    pub method: &'a Method,
    /// The bucket.
    pub bucket: &'a str,
    /// The key of its object.
    pub key: &'a str,
    /// Of the client's request.
    pub headers: &'a HeaderMap,
    /// Where the client is.
    pub client: SocketAddr,
    /// Whether its connection is encrypted.
    pub secured: bool,
}

/// Who asks a bucket, and how.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The method.
    pub method: &'a Method,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// Where the client is.
    pub client: SocketAddr,
    /// Whether its connection is encrypted.
    pub secured: bool,
}

/// What became of requests.
#[derive(Clone, Debug)]
pub struct Counters {
    /// There was an object.
    pub found: Counter,
    /// There was none.
    pub missing: Counter,
    /// There was none that everybody may read.
    pub denied: Counter,
    /// The bucket could not be read.
    pub failed: Counter,
}

impl Counters {
    fn new(metrics: &Metrics, route: &str) -> Self {
        let of = |result| {
            let labels = [("route", route), ("result", result)];
            metrics.counter("bole_gateway_bucket_reads", "Requests for objects of a bucket.", &labels)
        };
        Self { found: of("found"), missing: of("missing"), denied: of("denied"), failed: of("failed") }
    }
}

/// A bucket that a route shows.
pub struct Bucket {
    document: document::Bucket,
    objects: Arc<dyn Objects>,
    counters: Counters,
}

/// What a client gets.
pub enum Shown {
    /// This.
    Answer(Response),
    /// The same path with a slash, because links in the page are relative to it.
    Folder,
    /// This problem.
    Problem(Problem),
}

/// Fields of an object that clients see.
const SHOWN: [HeaderName; 11] = [
    header::ACCEPT_RANGES,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
];

/// The text of a path in its one spelling; `None`: it is no text.
fn decoded(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
                (digit(bytes.next())? << 4 | digit(bytes.next())?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// What a bucket is asked with. A range that holds only for one version of the object becomes a condition; one that cannot be put so is left out,
/// and the whole is answered, as is always right. `true`: if the condition does not hold, the whole is to be read.
fn conditions(headers: &HeaderMap) -> (HeaderMap, bool) {
    let mut asked = headers.clone();
    let Some(only) = asked.remove(header::IF_RANGE) else { return (asked, false) };
    let is_tag = only.as_bytes().starts_with(b"\"");
    if !asked.contains_key(header::RANGE) || !is_tag || asked.contains_key(header::IF_MATCH) {
        asked.remove(header::RANGE);
        return (asked, false);
    }
    asked.insert(header::IF_MATCH, only);
    (asked, true)
}

impl Bucket {
    /// What a route with a bucket does.
    ///
    /// # Errors
    /// Nobody reads buckets here; after the place in the route.
    pub fn of(route: &str, bucket: &document::Bucket, workshop: &Workshop) -> Result<Action, String> {
        let objects = workshop.objects.clone();
        let objects =
            objects.ok_or_else(|| ".bucket: this gateway has no buckets; take it out".to_owned())?;
        let bucket = Self::new(bucket, objects, &workshop.tools.metrics, route);
        Ok(Action::Bucket(Box::new(bucket)))
    }

    fn new(bucket: &document::Bucket, objects: Arc<dyn Objects>, metrics: &Metrics, route: &str) -> Self {
        Self { document: bucket.clone(), objects, counters: Counters::new(metrics, route) }
    }

    /// What is shown for a path in its one spelling.
    pub async fn show(&self, path: &str, visit: Visit<'_>) -> Shown {
        if !matches!(*visit.method, Method::GET | Method::HEAD) {
            return Shown::Problem(Problem::MethodNotAllowed);
        }
        let shown = self.find(path, visit).await;
        match &shown {
            Ok(Shown::Answer(answer)) if answer.status() != StatusCode::NOT_FOUND => {
                self.counters.found.add(1);
            }
            Ok(Shown::Folder) => self.counters.found.add(1),
            Err(problem) => {
                self.counters.failed.add(1);
                tracing::warn!("bucket {:?} cannot be read: {problem}", self.document.name);
            }
            // Counted where it is known why.
            Ok(_) => {}
        }
        shown.unwrap_or(Shown::Problem(Problem::BucketFailed))
    }

    async fn find(&self, path: &str, visit: Visit<'_>) -> Result<Shown, String> {
        let document::Bucket { prefix, index, error, .. } = &self.document;
        let Some(rest) = decoded(path.strip_prefix('/').unwrap_or(path)) else {
            self.counters.missing.add(1);
            return Ok(Shown::Problem(Problem::NotFound));
        };
        let is_folder = rest.is_empty() || rest.ends_with('/');
        let key = format!("{prefix}{rest}{}", if is_folder { index } else { "" });
        let (asked, is_range) = conditions(visit.headers);
        let mut response = self.read(visit, visit.method, &key, &asked).await?;
        if is_range && response.status() == StatusCode::PRECONDITION_FAILED {
            let mut whole = asked;
            whole.remove(header::IF_MATCH);
            whole.remove(header::RANGE);
            response = self.read(visit, visit.method, &key, &whole).await?;
        }
        let status = response.status();
        match status.as_u16() {
            200 | 206 | 304 => Ok(Shown::Answer(shown(response))),
            412 => Ok(Shown::Answer(empty(status))),
            416 => {
                self.counters.found.add(1);
                Ok(Shown::Problem(Problem::RangeNotSatisfiable))
            }
            // A key that is none has no object.
            400 | 403 | 404 => {
                let none = HeaderMap::new();
                if !is_folder {
                    let page = format!("{key}/{index}");
                    if self.read(visit, &Method::HEAD, &page, &none).await?.status() == StatusCode::OK {
                        return Ok(Shown::Folder);
                    }
                }
                let denied = status == StatusCode::FORBIDDEN;
                if denied { &self.counters.denied } else { &self.counters.missing }.add(1);
                let Some(error) = error else { return Ok(Shown::Problem(Problem::NotFound)) };
                let page = self.read(visit, visit.method, &format!("{prefix}{error}"), &none).await?;
                if page.status() != StatusCode::OK {
                    return Ok(Shown::Problem(Problem::NotFound));
                }
                let mut page = shown(page);
                *page.status_mut() = StatusCode::NOT_FOUND;
                // It stands for the object that is not there, and has no versions and parts of its own.
                for name in [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
                    page.headers_mut().remove(name);
                }
                Ok(Shown::Answer(page))
            }
            status => Err(format!("it answers {status}")),
        }
    }

    async fn read(
        &self,
        visit: Visit<'_>,
        method: &Method,
        key: &str,
        headers: &HeaderMap,
    ) -> Result<Response, String> {
        let Visit { client, secured, .. } = visit;
        self.objects.read(Ask { method, bucket: &self.document.name, key, headers, client, secured }).await
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Only with what clients see of objects.
fn shown(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let mut headers = HeaderMap::with_capacity(SHOWN.len() + 1);
    for name in SHOWN {
        if let Some(value) = head.headers.remove(&name) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    head.headers = headers;
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests;
