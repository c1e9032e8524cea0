//! Answers of the gateway's own: problems, fixed replies, redirects, files.

mod files;

pub use files::Files;

use crate::error::Problem;
use bole_gateway_document::route as document;
use bole_gateway_openapi::Misfit;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// Bytes of a fixed reply.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// A fixed reply.
pub struct Reply {
    status: StatusCode,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// Checks a reply.
    ///
    /// # Errors
    /// What is wrong with it, after its place.
    pub fn new(reply: &document::Reply) -> Result<Self, String> {
        let status =
            StatusCode::from_u16(reply.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let status = status.ok_or(format!(".reply.status: {} is not one of 200 to 599", reply.status))?;
        if reply.body.len() > REPLY_BYTES_MAX {
            return Err(format!(".reply.body: {} bytes are more than {REPLY_BYTES_MAX}", reply.body.len()));
        }
        let header = |(name, value): (&String, &String)| {
            let name =
                HeaderName::try_from(name).map_err(|error| format!(".reply.headers: {name:?}: {error}"))?;
            let value =
                HeaderValue::try_from(value).map_err(|error| format!(".reply.headers.{name}: {error}"))?;
            Ok((name, value))
        };
        let headers = reply.headers.iter().map(header).collect::<Result<Vec<_>, String>>()?;
        let mut headers = headers;
        if !reply.body.is_empty() && !headers.iter().any(|(name, _)| name == http::header::CONTENT_TYPE) {
            headers.push((http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")));
        }
        Ok(Self { status, body: Bytes::from(reply.body.clone()), headers })
    }

    /// Its head, and its body.
    pub fn head(&self) -> pingora_core::Result<(ResponseHeader, Bytes)> {
        let mut head = ResponseHeader::build(self.status, Some(self.headers.len() + 2))?;
        for (name, value) in &self.headers {
            head.append_header(name.clone(), value.clone())?;
        }
        Ok((head, self.body.clone()))
    }
}

/// The head and body that tell a problem.
pub fn problem(
    problem: Problem,
    detail: Option<&str>,
    misfits: &[Misfit],
) -> pingora_core::Result<(ResponseHeader, Bytes)> {
    let mut head = ResponseHeader::build(problem.row().status, Some(8))?;
    head.insert_header(http::header::CONTENT_TYPE, "application/problem+json")?;
    head.insert_header(http::header::CACHE_CONTROL, "no-store")?;
    Ok((head, problem.body(detail, misfits).into()))
}

/// Sends an answer. The connection goes on if nothing of the request is unread.
pub async fn send(session: &mut Session, mut head: ResponseHeader, body: Bytes) -> pingora_core::Result<()> {
    if !session.is_body_empty() {
        session.set_keepalive(None);
    }
    let without_body = head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED;
    if !without_body {
        head.insert_header(http::header::CONTENT_LENGTH, body.len())?;
    }
    let end = without_body || body.is_empty() || session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(head), end).await?;
    if !end {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
