//! The HTTP door: connections from our listeners, served by hyper and axum's routes.
//!
//! A request passes, in this order: the guard against foreign web pages (promise P8), media types, authentication, its handler. Every
//! answer is JSON of the negotiated type, errors included.

mod handlers;
mod reply;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query as Parameters, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use bole_net::Connection;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use crate::access::{Action, Credentials, Refusal};
use crate::limits::{HEAD_BYTES_MAX, HEAD_TIMEOUT};
use crate::operations::subject_name;
use crate::protocol::media;
use crate::protocol::query::Query;
use crate::{Error, Service};

/// All requests of the registry.
pub fn router(service: Arc<Service>) -> Router {
    handlers::routes()
        .fallback(async || Error::NoSuchPage)
        .method_not_allowed_fallback(async || Error::Method)
        .layer(middleware::from_fn_with_state(Arc::clone(&service), enter))
        .with_state(service)
}

/// Serves one connection of a [`bole_net::Listener`] until its client goes or a stop is asked for.
pub async fn serve(router: Router, connection: Connection) {
    let peer = connection.peer;
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    let io = TokioIo::new(connection.stream);
    let mut serving = std::pin::pin!(builder.serve_connection(io, TowerToHyperService::new(router)));
    let mut stop = std::pin::pin!(connection.shutdown.requested());
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = &mut stop => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection of the schema registry ended");
    }
}

/// What every request passes, and what every answer gets.
async fn enter(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let accepted = media::negotiate(text(request.headers(), header::ACCEPT).as_deref());
    let kind = *accepted.as_ref().unwrap_or(&media::VERSIONED);
    let admitted = match accepted {
        Ok(_) => admit(&service, &mut request).await,
        Err(error) => Err(error),
    };
    let response = match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    service.metrics.answered(response.status().as_u16());
    reply::finish(response, kind)
}

async fn admit(service: &Service, request: &mut Request) -> Result<(), Error> {
    let headers = request.headers();
    check_host(service, headers)?;
    media::check_content(text(headers, header::CONTENT_TYPE).as_deref())?;
    let credentials = credentials(headers)?;
    let (action, subject) = intent(request.method(), request.uri().path())?;
    let authorized = service.authenticator.authorize(credentials.as_ref(), action, subject.as_deref());
    authorized.await.map_err(|refusal| match refusal {
        Refusal::Unauthenticated => Error::Unauthenticated,
        Refusal::Denied(reason) => Error::Denied(reason),
    })?;
    let parameters = Parameters::<BTreeMap<String, String>>::try_from_uri(request.uri());
    let Parameters(parameters) = parameters.map_err(|error| Error::Body(error.body_text()))?;
    request.extensions_mut().insert(Query::new(parameters)?);
    Ok(())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Every Host and every Origin must be ours.
fn check_host(service: &Service, headers: &HeaderMap) -> Result<(), Error> {
    let all = |name: HeaderName| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let (hosts, origins) = (all(header::HOST), all(header::ORIGIN));
    let foreign = |foreign: bole_net::safety::Foreign| Error::Foreign {
        status: foreign.status,
        reason: foreign.reason,
    };
    service.guard.check(hosts.first().map(String::as_str), None).map_err(foreign)?;
    for host in &hosts {
        service.guard.check(Some(host), None).map_err(foreign)?;
    }
    for origin in &origins {
        service.guard.check(hosts.first().map(String::as_str), Some(origin)).map_err(foreign)?;
    }
    Ok(())
}

fn credentials(headers: &HeaderMap) -> Result<Option<Credentials>, Error> {
    let Some(value) = text(headers, header::AUTHORIZATION) else { return Ok(None) };
    Credentials::from_header(&value).map(Some).ok_or(Error::Unauthenticated)
}

/// What a request wants to do, and to which subject.
fn intent(method: &Method, path: &str) -> Result<(Action, Option<String>), Error> {
    let mut parts = path.split('/').skip(1);
    let (family, second, third) = (parts.next(), parts.next(), parts.next());
    let given = match family {
        Some("subjects" | "config" | "mode") => second,
        Some("compatibility") => third,
        _ => None,
    };
    let given = given.filter(|name| !name.is_empty()).map(decoded).transpose()?;
    let subject = given.map(|name| subject_name(&name)).transpose()?;
    let looks_up = family == Some("subjects") && third.is_none() && method == Method::POST;
    let reads =
        method == Method::GET || method == Method::HEAD || family == Some("compatibility") || looks_up;
    Ok((if reads { Action::Read } else { Action::Write }, subject))
}

/// A part of a path, percent-decoded (RFC 3986, section 2.1), as the routes decode it.
fn decoded(part: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::Body("the path is not UTF-8".to_owned()))
}

impl axum::response::IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, _) = self.wire();
        if status >= 500 {
            tracing::warn!(error = %self, "a request to the schema registry failed");
        }
        let status = StatusCode::from_u16(status).expect("the table has valid statuses");
        let mut response = reply::json(status, &crate::protocol::answer::ErrorAnswer::from(&self));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"bole\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents() {
        let subject = |name: &str| Some(name.to_owned());
        for (method, path, expected) in [
            (Method::GET, "/subjects", (Action::Read, None)),
            (Method::GET, "/schemas/ids/1", (Action::Read, None)),
            (Method::POST, "/subjects/a", (Action::Read, subject("a"))),
            (Method::POST, "/subjects/a%2Fb/versions", (Action::Write, subject("a/b"))),
            (Method::DELETE, "/subjects/a", (Action::Write, subject("a"))),
            (Method::DELETE, "/subjects/:.:a/versions/1", (Action::Write, subject("a"))),
            (Method::PUT, "/config", (Action::Write, None)),
            (Method::PUT, "/mode/a", (Action::Write, subject("a"))),
            (Method::POST, "/compatibility/subjects/a/versions", (Action::Read, subject("a"))),
            (Method::PUT, "/unknown", (Action::Write, None)),
        ] {
            assert_eq!(intent(&method, path).unwrap(), expected, "{method} {path}");
        }
        for path in ["/subjects/:.other:a", "/subjects/%ff", "/config/%00"] {
            assert!(intent(&Method::GET, path).is_err(), "{path}");
        }
    }
}
