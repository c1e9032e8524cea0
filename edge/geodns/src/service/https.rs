//! Queries by HTTPS (RFC 8484), HTTP/1.1 and HTTP/2: `/dns-query`, POST with the message as its body, or GET with it in `dns`.

use crate::answer::{Outcome, Transport};
use crate::limits;
use crate::service::Service;
use base64ct::{Base64UrlUnpadded, Encoding};
use bole_net::Connection;
use bole_net::safety::HostOriginGuard;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

/// The path of queries.
const PATH: &str = "/dns-query";
/// What their bodies and those of answers are.
const MEDIA_TYPE: &str = "application/dns-message";
/// Queries of one connection that are answered at a time.
const STREAMS_MAX: u32 = 100;

/// Answers a connection's requests until it ends or a stop is asked for.
pub(super) async fn serve(connection: Connection, service: Arc<Service>, guard: Arc<HostOriginGuard>) {
    let (peer, shutdown) = (connection.peer.ip(), connection.shutdown.clone());
    let idle = service.config.idle_timeout;
    let answer = hyper::service::service_fn(move |request| {
        let (service, guard) = (service.clone(), guard.clone());
        async move { Ok::<_, Infallible>(answer(request, peer, &service, &guard).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(16 << 10);
    let http2 = &mut builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX).max_header_list_size(16 << 10);
    http2.keep_alive_interval(idle).keep_alive_timeout(idle);
    let running = builder.serve_connection(TokioIo::new(connection.stream), answer);
    let mut running = std::pin::pin!(running);
    let ended = tokio::select! {
        ended = running.as_mut() => ended,
        () = shutdown.requested() => {
            running.as_mut().graceful_shutdown();
            running.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection by https ended: {error}");
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: IpAddr,
    service: &Service,
    guard: &HostOriginGuard,
) -> Response<Full<Bytes>> {
    match message(request, guard).await {
        Ok(message) => {
            let client = service.client(peer, Transport::Https);
            let mut out = Vec::new();
            let outcome =
                service.answer(&service.content(), &message, &client, &mut service.random(), &mut out);
            let Outcome::Sent(sent) = outcome else {
                return refused(StatusCode::BAD_REQUEST, "the message is no query that is answered by HTTPS");
            };
            let answer = Response::builder()
                .header(CONTENT_TYPE, MEDIA_TYPE)
                .header(CACHE_CONTROL, format!("max-age={}", if sent.ttl == u32::MAX { 0 } else { sent.ttl }))
                .body(Full::from(out));
            answer.unwrap_or_else(|_| refused(StatusCode::INTERNAL_SERVER_ERROR, "the answer has no form"))
        }
        Err((status, reason)) => refused(status, reason),
    }
}

/// The message that a request carries, or why it carries none.
async fn message(
    request: Request<Incoming>,
    guard: &HostOriginGuard,
) -> Result<Bytes, (StatusCode, &'static str)> {
    let header =
        |name| request.headers().get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok());
    let authority = request.uri().authority().map(hyper::http::uri::Authority::as_str);
    if let Err(foreign) = guard.check(authority.or(header(HOST)), header(ORIGIN)) {
        let status = StatusCode::from_u16(foreign.status).unwrap_or(StatusCode::FORBIDDEN);
        return Err((status, "this is no name of the server, or a page of another site asks"));
    }
    if request.uri().path() != PATH {
        return Err((StatusCode::NOT_FOUND, "queries are asked at /dns-query"));
    }
    let accepts = |accept: &str| {
        accept.contains(MEDIA_TYPE) || accept.contains("*/*") || accept.contains("application/*")
    };
    if !header(ACCEPT).is_none_or(accepts) {
        return Err((StatusCode::NOT_ACCEPTABLE, "answers are application/dns-message"));
    }
    if request.method() == Method::GET {
        let query = request.uri().query().unwrap_or_default();
        let text = query.split('&').find_map(|part| part.strip_prefix("dns="));
        let text = text.filter(|text| text.len() <= limits::STREAM_QUERY_BYTES_MAX * 4 / 3 + 4);
        let message = text.and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
        return message
            .map(Bytes::from)
            .ok_or((StatusCode::BAD_REQUEST, "`dns` is the message in base64url without padding"));
    }
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "queries come by GET or POST"));
    }
    if header(CONTENT_TYPE) != Some(MEDIA_TYPE) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is application/dns-message"));
    }
    let body = Limited::new(request.into_body(), limits::STREAM_QUERY_BYTES_MAX).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "the message is too long"))
}

fn refused(status: StatusCode, reason: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{reason}\n")));
    *response.status_mut() = status;
    response
}
