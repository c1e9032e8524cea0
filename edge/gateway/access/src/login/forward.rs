//! Another server decides (forward auth): it is asked with the request's head, by GET, and lets in with 2xx. What else it
//! answers is the client's answer; what it does not answer in time is refused.

use crate::limits;
use crate::login::header_name;
use crate::parts::Parts;
use crate::request::RequestFacts;
use crate::verdict::{Answer, Claimed, Found, Refusal, Verdict};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Forward {
    url: Uri,
    pub(crate) headers: Vec<HeaderName>,
    timeout: Duration,
}

/// Headers of the request that are not shown to it: those of the connection and of the body, those that would make its answer one of a
/// cache, and those that it gets from the gateway.
const NOT_ASKED: [&str; 21] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "expect",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "forwarded",
    "accept-encoding",
    "http2-settings",
];

/// Headers of its answer that are of its connection.
const NOT_ANSWERED: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

/// Headers that `Connection` names are of the connection too (RFC 9110, section 7.6.1).
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("connection").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

impl Forward {
    pub(crate) fn new(url: &str, headers: &[String], timeout: Duration) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(format!("{url:?} is no http or https URL"));
        }
        if timeout.is_zero() {
            return Err("timeout is 0: nothing would ever be let in".to_owned());
        }
        let headers = headers.iter().map(|name| header_name(name)).collect::<Result<_, _>>()?;
        Ok(Self { url: uri, headers, timeout })
    }

    pub(crate) async fn decide(&self, facts: &RequestFacts<'_>, parts: &Parts, login: &str) -> Found {
        let asked = parts.fetch.fetch(self.question(facts));
        let answer = match tokio::time::timeout(self.timeout, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return refused(login, &error.to_string()),
            Err(_) => return refused(login, "it did not answer in time"),
        };
        if answer.status().is_success() {
            let copied = self.headers.iter().flat_map(|name| {
                answer.headers().get_all(name).iter().map(move |value| (name.clone(), value.clone()))
            });
            return Found::Somebody(Box::new(Claimed { set: copied.collect(), ..Claimed::default() }));
        }
        if answer.status().is_informational() {
            return refused(login, "it answered with an interim status");
        }
        Found::Answered(passed_on(answer, login))
    }

    fn question(&self, facts: &RequestFacts<'_>) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.url.clone();
        let connection = named_by_connection(facts.headers());
        let headers = request.headers_mut();
        for (name, value) in facts.headers() {
            let text = name.as_str();
            let ours = text.starts_with("x-forwarded-") || text == "x-real-ip" || text == "x-original-url";
            if !ours && !NOT_ASKED.contains(&text) && !connection.iter().any(|named| named == text) {
                headers.append(name.clone(), value.clone());
            }
        }
        let told = [
            ("x-forwarded-method", facts.head.method.as_str().to_owned()),
            ("x-forwarded-proto", facts.scheme().to_owned()),
            ("x-forwarded-host", facts.authority.to_owned()),
            ("x-forwarded-uri", facts.target()),
            ("x-forwarded-for", facts.client.to_canonical().to_string()),
        ];
        for (name, value) in told {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        request
    }
}

fn refused(login: &str, why: &str) -> Found {
    tracing::warn!("login {login:?}: whom it asks gave no answer: {why}");
    Found::Refused(Refusal::unavailable("who decides on this request cannot be asked now"))
}

fn passed_on(answer: http::Response<Bytes>, login: &str) -> Verdict {
    let (head, body) = answer.into_parts();
    if body.len() > limits::FORWARD_BODY_MAX {
        let (bytes, most) = (body.len(), limits::FORWARD_BODY_MAX);
        tracing::warn!("login {login:?}: the answer has {bytes} bytes; at most {most} go on to a client");
        return Refusal::new(
            StatusCode::BAD_GATEWAY,
            "forward",
            "who decides on this request answered too much",
        )
        .verdict();
    }
    let connection = named_by_connection(&head.headers);
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        let of_connection =
            NOT_ANSWERED.contains(&name.as_str()) || connection.iter().any(|named| named == name.as_str());
        if !of_connection {
            headers.append(name.clone(), value.clone());
        }
    }
    Verdict::Reply(Answer { status: head.status, headers, body, reason: "forward" })
}
