//! The admin door's own API, called without a socket.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, Request, StatusCode, header};
use bole_console::node::{Asked, Call, Door, Endpoint, Fault, Reply};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Node, broken};
use crate::admin::Credentials;
use crate::admin::listener::Peer;

/// The largest answer that is read; a status with 100,000 shards has about 10 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl Door for Node {
    fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.address)
    }

    fn verify<'a>(&'a self, user: &'a str, password: &'a str) -> Asked<'a, bool> {
        Box::pin(async move {
            let credentials = Credentials { user: user.to_owned(), password: password.to_owned() };
            let verified = self.authenticator.verify(&credentials).await;
            verified.map_err(|error| Fault::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))
        })
    }

    fn stamp(&self, user: &str) -> Option<u64> {
        self.authenticator.stamp(user)
    }

    fn call<'a>(&'a self, call: Call<'a>) -> Asked<'a, Reply> {
        Box::pin(async move {
            let Call { user, peer, method, path, media, body } = call;
            let mut request = Request::builder().method(method).uri(&path);
            if !body.is_empty() {
                request = request.header(header::CONTENT_TYPE, media);
            }
            let request = request.body(Body::from(body));
            let mut request =
                request.map_err(|error| Fault::wrong(format!("{path} cannot be asked for: {error}")))?;
            let known = user.map(std::sync::Arc::from);
            request.extensions_mut().insert(ConnectInfo(Peer { address: peer, known }));
            let response = self.api.clone().oneshot(request).await.map_err(|never| match never {})?;
            let (head, body) = response.into_parts();
            let body =
                to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|error| broken("the API's answer", error))?;
            if !head.status.is_success() {
                return Err(refusal(head.status, &body));
            }
            let text = |name| text_of(&head.headers, name);
            let media = text(header::CONTENT_TYPE).unwrap_or_default();
            Ok(Reply { media, etag: text(header::ETAG), body: body.to_vec() })
        })
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.clone()
    }
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// What the API says of a refusal: `{"error": "…", "problems": […]}`, where a problem is a text, or a line with its text.
fn refusal(status: StatusCode, body: &[u8]) -> Fault {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let message =
        said["error"].as_str().or(status.canonical_reason()).unwrap_or("no reason given").to_owned();
    let problem =
        |problem: &Value| match (problem.as_str(), problem["line"].as_u64(), problem["text"].as_str()) {
            (Some(text), ..) | (None, None, Some(text)) => text.to_owned(),
            (None, Some(line), Some(text)) => format!("line {line}: {text}"),
            _ => problem.to_string(),
        };
    let problems = said["problems"].as_array().into_iter().flatten().map(problem).collect();
    Fault { status, message, problems }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_the_api_said() {
        let body = br#"{"error": "no", "problems": ["one", {"line": 7, "text": "two"}, {"text": "three"}]}"#;
        let fault = refusal(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!((fault.message.as_str(), fault.status.as_u16()), ("no", 422));
        assert_eq!(fault.problems, ["one", "line 7: two", "three"]);
        assert_eq!(refusal(StatusCode::NOT_FOUND, b"").message, "Not Found");
    }
}
