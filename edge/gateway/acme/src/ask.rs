//! How authorities are asked: the library's requests, sent through whoever opens the gateway, and what their answers mean.

use crate::error::Failure;
use crate::limits;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Sends requests to one authority.
///
/// Whoever implements it bounds the time and the answer's size, checks certificates, and follows no redirect.
#[async_trait]
pub trait Ask: Send + Sync + 'static {
    /// Sends `request`, whose URI is absolute, and gives the answer whole. The error names the host and what went wrong.
    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String>;
}

/// Opens a way to an authority whose own server's certificate is of one of the authorities in the file; of the machine's without.
pub type Open = Arc<dyn Fn(Option<PathBuf>) -> Arc<dyn Ask> + Send + Sync>;

/// The requests of one try.
#[derive(Clone)]
pub(crate) struct Line(Arc<Inner>);

struct Inner {
    ask: Arc<dyn Ask>,
    /// What the last answer that was an error said of when to come again.
    retry_after: Mutex<Option<Duration>>,
}

impl Line {
    pub(crate) fn new(ask: Arc<dyn Ask>) -> Self {
        Self(Arc::new(Inner { ask, retry_after: Mutex::new(None) }))
    }

    /// What became of a try that the library gave up.
    pub(crate) fn failure(&self, error: Error) -> Failure {
        let retry_after = *self.0.retry_after.lock();
        match error {
            Error::Api(problem) => Failure::Refused { text: told(&problem), retry_after },
            Error::Timeout(_) => {
                Failure::Unreached(format!("the authority was not done within {:?}", limits::POLL_TIMEOUT))
            }
            other if retry_after.is_some() => {
                Failure::Refused { text: bounded(&other.to_string()), retry_after }
            }
            Error::Json(error) => Failure::Unreached(format!(
                "the authority's answer cannot be read: {}",
                bounded(&error.to_string())
            )),
            other => Failure::Unreached(bounded(&other.to_string())),
        }
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|never| Error::Other(never.into()))?.to_bytes();
        // The directory's own URL is the operator's; all others are what the authority says.
        if parts.uri.scheme_str() != Some("https") {
            return Err(Error::Other(
                format!("the authority names {}, which is not https", bounded(&parts.uri.to_string())).into(),
            ));
        }
        let (method, host) = (parts.method.clone(), parts.uri.host().unwrap_or_default().to_owned());
        let answer = self
            .0
            .ask
            .ask(Request::from_parts(parts, body))
            .await
            .map_err(|error| Error::Other(error.into()))?;
        let (parts, body) = answer.into_parts();
        if parts.status.as_u16() >= 400 {
            *self.0.retry_after.lock() = retry_after(&parts.headers, SystemTime::now());
            let problem = problem(&method, parts.status, &body);
            let told = || Error::Other(format!("{host} answered {}", parts.status).into());
            match problem {
                // The library reads these itself.
                Some(_) if method == Method::POST => {}
                Some(problem) => return Err(Error::Api(problem)),
                None => return Err(told()),
            }
        }
        Ok(BytesResponse { parts, body: Box::new(body) })
    }
}

impl HttpClient for Line {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}

/// The problem that an answer tells, if it tells one (RFC 7807).
fn problem(method: &Method, status: StatusCode, body: &[u8]) -> Option<Problem> {
    if *method == Method::HEAD || status.as_u16() < 400 {
        return None;
    }
    let problem: Problem = serde_json::from_slice(body).ok()?;
    (problem.r#type.is_some() || problem.detail.is_some()).then_some(problem)
}

/// When to come again (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// What an authority says, for people.
pub(crate) fn told(problem: &Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or("no type");
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    let mut text = format!("{kind}: {}", problem.detail.as_deref().unwrap_or("no more is said"));
    for part in &problem.subproblems {
        text.push_str("; ");
        text.push_str(&part.to_string());
    }
    bounded(&text)
}

/// A text of others: without what would break a line or a terminal, and not too long.
pub(crate) fn bounded(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars().map(|character| if character.is_control() { ' ' } else { character }) {
        if kept.len() + character.len_utf8() > limits::TOLD_BYTES_MAX {
            kept.push('…');
            break;
        }
        kept.push(character);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_to_come_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, expected) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-7", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]);
            let got = retry_after(&headers, now).map(|after| after.as_secs());
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn texts_of_authorities_are_bounded_and_of_one_line() {
        assert_eq!(bounded("a\nb\u{1b}[31m"), "a b [31m");
        let long = bounded(&"ä".repeat(1_000));
        assert!(long.len() <= limits::TOLD_BYTES_MAX + "…".len() && long.ends_with('…'));
    }
}
