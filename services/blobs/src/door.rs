//! The HTTP door: connections from our listeners, served by hyper and the protocol's library.
//!
//! A request passes, in this order: the guard against foreign hosts (promise P8), what the library would take and we do not, the CORS preflight,
//! its signature, the access check, its operation. Every answer has a request id, and the headers of CORS where a bucket's rules say so.
//!
//! Origins of other sites are not refused here: S3's clients in browsers are pages of other sites by their nature. What such a page reads is what a
//! bucket's CORS rules let it read, and what it does it signs or anybody may do.

mod auth;
mod cors;
mod framed;
mod pace;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_net::Connection;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Error};

use crate::access::request::{Arrived, Head};
use crate::error::{Code, Error, Result};
use crate::limits::{
    FORM_FIELD_BYTES_MAX, FORM_FIELDS_BYTES_MAX, FORM_FILE_BYTES_MAX, FORM_PARTS_MAX, HEAD_BYTES_MAX,
    HEAD_TIMEOUT, HEADERS_MAX, XML_BYTES_MAX,
};
use crate::operations::{Operations, encryption};
use crate::service::Service;
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
}

impl Door {
    /// The door of an open service.
    pub fn new(service: &Arc<Service>) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = XML_BYTES_MAX;
        config.post_object_max_file_size = FORM_FILE_BYTES_MAX;
        config.form_max_field_size = FORM_FIELD_BYTES_MAX;
        config.form_max_fields_size = FORM_FIELDS_BYTES_MAX;
        config.form_max_parts = FORM_PARTS_MAX;
        config.presigned_url_max_skew_time_secs =
            u32::try_from(service.config.clock_skew.as_secs()).unwrap_or(u32::MAX);
        let mut builder = S3ServiceBuilder::new(Operations(Arc::clone(service)));
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_auth(auth::Guard(Arc::clone(service)));
        builder.set_access(auth::Guard(Arc::clone(service)));
        builder.set_validation(auth::Guard(Arc::clone(service)));
        builder.set_host(service.domains.clone());
        let (requests, opening) = (Arc::default(), rand::random());
        Self { service: Arc::clone(service), library: builder.build(), requests, opening }
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

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: std::net::SocketAddr,
        is_secure: bool,
    ) -> std::result::Result<Response<Body>, s3s::HttpError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08X}{number:08X}", self.opening);
        let at = self.service.clock.now();
        let arrived = Arrived { peer, is_secure, at, request_id: id.clone() };
        let (method, origin) = (request.method().clone(), request.headers().get("origin").cloned());
        let head = Head { uri: request.uri(), headers: request.headers() };
        let bucket = cors::bucket(&self.service, &head);
        let mut response = match self.enter(&head) {
            Err(error) => refusal(error)?,
            Ok(()) if method == Method::OPTIONS => {
                cors::preflight(&self.service, &head, bucket.as_deref()).or_else(refusal)?
            }
            Ok(()) => self.call(request, arrived).await?,
        };
        if let (Some(origin), Some(bucket)) = (&origin, &bucket)
            && method != Method::OPTIONS
        {
            cors::mark(&self.service, bucket, origin, &method, response.headers_mut());
        }
        finish(&mut response, &id);
        Ok(response)
    }

    /// What is refused before the library sees it.
    fn enter(&self, head: &Head<'_>) -> Result<()> {
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
        let has_token = head.headers.contains_key("x-amz-security-token")
            || head.parameter("X-Amz-Security-Token").is_some();
        if has_token {
            return Err(Error::new(
                Code::InvalidToken,
                "The provided token is malformed or otherwise invalid.",
            ));
        }
        Ok(())
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        arrived: Arrived,
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
        let body = if is_chunked {
            Body::http_body_unsync(Framed::new(body, self.service.bodies.framed.clone()))
        } else {
            Body::from(body)
        };
        self.library.call(Request::from_parts(parts, body)).await
    }
}

/// An error as the library writes it.
fn refusal(error: Error) -> std::result::Result<Response<Body>, s3s::HttpError> {
    S3Error::from(error).to_http_response().map_err(|error| s3s::HttpError::new(Box::new(error)))
}

/// What every answer has.
fn finish(response: &mut Response<Body>, id: &str) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if is_error && let Some(text) = response.body().bytes() {
        // The library's errors do not say the request; what cannot be found in the log helps nobody.
        let text = String::from_utf8_lossy(&text);
        if let Some(before) = text.strip_suffix("</Error>") {
            let body = format!("{before}<RequestId>{id}</RequestId></Error>");
            response.headers_mut().remove(hyper::header::CONTENT_LENGTH);
            *response.body_mut() = Body::from(body);
        }
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
