//! The HTTP door: connections from our listeners, served by hyper and the protocol's library.
//!
//! A request passes, in this order: the guard against foreign hosts (promise P8), what the library would take and we do not, what its signature must
//! cover and what stands for headers (`signed.rs`), the CORS preflight, its signature, the access check, its operation. Requests for websites and forms go ways
//! of their own (`website.rs`, `forms.rs`), and so do those for temporary credentials, after their signature (`sts.rs`). Every answer has a request id, and the
//! headers of CORS where a bucket's rules say so; what is told of it is in `trace.rs`.
//!
//! Origins of other sites are not refused here: S3's clients in browsers are pages of other sites by their nature. What such a page reads is what a
//! bucket's CORS rules let it read, and what it does it signs or anybody may do.

pub mod anybody;
mod asked;
mod auth;
mod cors;
mod forms;
mod framed;
pub mod known;
mod pace;
mod signed;
mod sts;
mod trace;
mod website;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bole_net::Connection;
use bole_net::metrics::ServiceMetrics;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, EXPECT, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Error};

use self::trace::{Seen, Trace, Traced};
use crate::access::request::{Arrived, Head};
use crate::error::{Code, Error, Result};
use crate::limits::{HEAD_BYTES_MAX, HEAD_TIMEOUT, HEADERS_MAX, XML_BYTES_MAX};
use crate::metrics::Metrics;
use crate::operations::{BareEtag, Operations, encryption};
use crate::service::Service;
use asked::Asked;
use framed::Framed;
use pace::Paced;

/// The door of a service. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    service: Arc<Service>,
    library: S3Service,
    requests: Arc<AtomicU64>,
    /// In front of the ids of this opening's requests.
    opening: u32,
    /// Where requests are counted, if they are.
    metrics: Option<Metrics>,
}

impl Door {
    /// The door of an open service.
    pub fn new(service: &Arc<Service>) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = XML_BYTES_MAX;
        // The door reads forms itself: the library would have their files in memory.
        config.form_max_parts = 0;
        config.presigned_url_max_skew_time_secs =
            u32::try_from(service.config.clock_skew.as_secs()).unwrap_or(u32::MAX);
        let mut builder = S3ServiceBuilder::new(Operations(Arc::clone(service)));
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_auth(auth::Guard(Arc::clone(service)));
        builder.set_access(auth::Guard(Arc::clone(service)));
        builder.set_validation(auth::Guard(Arc::clone(service)));
        builder.set_host(service.domains.clone());
        builder.set_route(sts::Route(Arc::clone(service)));
        let (requests, opening) = (Arc::default(), rand::random());
        Self { service: Arc::clone(service), library: builder.build(), requests, opening, metrics: None }
    }

    /// Counts requests among the metrics of a node's service. Once for a service.
    #[must_use]
    pub fn measured(mut self, metrics: &ServiceMetrics) -> Self {
        self.metrics = Some(Metrics::new(metrics));
        self
    }

    /// Serves one connection of a [`bole_net::Listener`] until its client goes or a stop is asked for.
    pub async fn serve(self, connection: Connection) {
        let peer = connection.peer;
        let is_secure = connection.stream.is_secured();
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
        let io = TokioIo::new(Paced::new(connection.stream));
        let answer = service_fn(move |request: Request<Incoming>| {
            let door = self.clone();
            async move { door.answer(request, peer, is_secure).await }
        });
        let mut serving = std::pin::pin!(builder.serve_connection(io, answer));
        let mut stop = std::pin::pin!(connection.shutdown.requested());
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = &mut stop => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection of the blobs ended");
        }
    }

    /// What is known of a request before it is read.
    fn arrived(&self, peer: std::net::SocketAddr, is_secure: bool) -> Arrived {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let request_id = format!("{:08X}{number:08X}", self.opening);
        Arrived { peer, is_secure, at: self.service.clock.now(), request_id }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: std::net::SocketAddr,
        is_secure: bool,
    ) -> std::result::Result<Response<Traced>, s3s::HttpError> {
        let arrived = self.arrived(peer, is_secure);
        let id = arrived.request_id.clone();
        let (method, origin) = (request.method().clone(), request.headers().get("origin").cloned());
        let entered = self.enter(&mut request);
        let head = Head { uri: request.uri(), headers: request.headers() };
        let (waits, is_asked) = (request.headers().contains_key(EXPECT), Arc::new(AtomicBool::new(false)));
        // There is no `100 Continue` for a body of no bytes.
        let is_empty = request.body().is_end_stream();
        let site = website::bucket(&self.service, &head);
        let bucket = site.clone().or_else(|| cors::bucket(&self.service, &head));
        let is_sts = sts::is_asked(&self.service, &method, &head);
        let known_as = match (site.is_some(), is_sts, method == Method::OPTIONS) {
            (_, _, true) => trace::PREFLIGHT,
            (true, ..) => trace::WEBSITE,
            (_, true, _) => trace::SECURITY_TOKEN,
            _ => trace::OTHER,
        };
        let trace = Trace::new(&request, &arrived, bucket.as_deref(), known_as);
        let seen = trace.seen();
        let mut response = match entered {
            Err(error) => refusal(error)?,
            Ok(()) if method == Method::OPTIONS => {
                cors::preflight(&self.service, &head, bucket.as_deref()).or_else(refusal)?
            }
            Ok(()) => {
                let way = Way { site: site.as_deref(), bucket: bucket.as_deref(), seen: &seen };
                self.pass(request, arrived, way, Arc::clone(&is_asked)).await?
            }
        };
        if waits && (is_empty || !is_asked.load(Ordering::Relaxed)) {
            // Whether the body still comes is the client's choice (RFC 9110, section 10.1.1), and the next request would be taken for it. And botocore remembers of
            // the connection that an answer came in place of `100 Continue`, and takes the next one for that again.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let (Some(origin), Some(bucket)) = (&origin, &bucket)
            && method != Method::OPTIONS
        {
            cors::mark(&self.service, bucket, origin, &method, response.headers_mut());
        }
        finish(&mut response, &id, &self.service.config.region);
        if is_sts {
            sts::finish(&mut response, &id);
        }
        Ok(trace.answer(self, response))
    }

    /// The way of a request that may come in.
    async fn pass(
        &self,
        request: Request<Incoming>,
        arrived: Arrived,
        way: Way<'_>,
        is_asked: Arc<AtomicBool>,
    ) -> std::result::Result<Response<Body>, s3s::HttpError> {
        if let Some(bucket) = way.site {
            return website::answer(self, bucket, &request, &arrived, way.seen).await;
        }
        if forms::is_form(request.method(), &Head { uri: request.uri(), headers: request.headers() }) {
            let posted = forms::post(&self.service, way.bucket, request, arrived, way.seen).await;
            return posted.or_else(forms::refusal);
        }
        self.call(request, arrived, way.seen.clone(), is_asked).await
    }

    /// What is refused before the library sees it, and what it would not see.
    fn enter(&self, request: &mut Request<Incoming>) -> Result<()> {
        let head = Head { uri: request.uri(), headers: request.headers() };
        self.check(&head)?;
        signed::check_region(&head, &self.service.config.region)?;
        signed::check(&head)?;
        let uri = request.uri().clone();
        signed::complete(&uri, request.headers_mut())
    }

    fn check(&self, head: &Head<'_>) -> Result<()> {
        for host in head.headers.get_all(HOST) {
            let host = String::from_utf8_lossy(host.as_bytes());
            self.service.guard.check(Some(&host), None).map_err(|foreign| {
                Error::new(Code::AccessDenied, format!("{}; `blobs.domains` has the names", foreign.reason))
            })?;
        }
        if !head.headers.contains_key(HOST) {
            return Err(Error::new(Code::InvalidRequest, "The request has no Host"));
        }
        // The library does not look at the time of these, so that they would be good for ever. Presigned URLs of that version expire.
        if head.header("authorization").is_some_and(|value| value.starts_with("AWS ")) {
            let text = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
            return Err(Error::new(Code::InvalidRequest, text));
        }
        Ok(())
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        arrived: Arrived,
        seen: Seen,
        is_asked: Arc<AtomicBool>,
    ) -> std::result::Result<Response<Body>, s3s::HttpError> {
        let is_chunked = request
            .headers()
            .get("x-amz-content-sha256")
            .is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
        let (mut parts, body) = request.into_parts();
        for name in encryption::KEY_HEADERS {
            // Whatever logs a request does not show these.
            if let Some(value) = parts.headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        parts.extensions.insert(arrived);
        parts.extensions.insert(seen);
        let body = Asked::new(body, is_asked);
        let body = if is_chunked {
            Body::http_body_unsync(Framed::new(body, self.service.bodies.framed.clone()))
        } else {
            Body::http_body_unsync(body)
        };
        self.library.call(Request::from_parts(parts, body)).await
    }
}

/// Where a request goes.
#[derive(Clone, Copy)]
struct Way<'a> {
    /// The bucket whose website it is for.
    site: Option<&'a str>,
    bucket: Option<&'a str>,
    seen: &'a Seen,
}

/// An error as the library writes it.
fn refusal(error: Error) -> std::result::Result<Response<Body>, s3s::HttpError> {
    S3Error::from(error).to_http_response().map_err(|error| s3s::HttpError::new(Box::new(error)))
}

/// What the library leaves out of its refusal.
const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";

fn replace(response: &mut Response<Body>, text: String) {
    response.headers_mut().remove(hyper::header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(text);
}

/// What every answer has.
fn finish(response: &mut Response<Body>, id: &str, region: &str) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if is_error && let Some(text) = response.body().bytes() {
        // The library's errors do not say the request; what cannot be found in the log helps nobody.
        let text = String::from_utf8_lossy(&text);
        if let Some(before) = text.strip_suffix("</Error>") {
            let more = if before.ends_with("<Code>SignatureDoesNotMatch</Code>") {
                format!("<Message>{WRONG_SIGNATURE}</Message>")
            } else if before.contains("<Code>AuthorizationHeaderMalformed</Code>") {
                format!("<Region>{region}</Region>")
            } else {
                String::new()
            };
            replace(response, format!("{before}{more}<RequestId>{id}</RequestId></Error>"));
        }
    }
    if response.extensions().get::<BareEtag>().is_some()
        && let Some(text) = response.body().bytes()
    {
        let text = String::from_utf8_lossy(&text);
        let bare = text.replace("&quot;", "\"").replace("<ETag>\"", "<ETag>").replace("\"</ETag>", "</ETag>");
        replace(response, bare);
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        *response.body_mut() = Body::empty();
    }
    let headers: &mut HeaderMap = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert("x-amz-request-id", value.clone());
        headers.insert("x-amz-id-2", value);
    }
    headers.insert(hyper::header::SERVER, HeaderValue::from_static("Bole"));
}
