//! Answers of routes with compression, as they are stored: once for each coding that clients get, compressed while they are fetched. A hit costs
//! no compression, and `Accept-Encoding` in its thousand spellings selects among four variants at most.
//!
//! Invariants: a compressed answer has no strong validator, not by its date either, so that no part of it is ever fetched by a range of the service's
//! bytes; parts are of the service's own bytes; whether an answer is compressed depends on its head and the request alone, and on whether too many
//! are being compressed.

mod body;

use crate::compression::{self, Coding, Encoder};
use async_trait::async_trait;
use bole_cdn::limits::WINDOW_BYTES;
use bole_cdn::{Origin, OriginError, Request, Response};
use bole_gateway_document::route::Compression;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use std::fmt::Write as _;
use std::sync::Arc;

/// Begins the tags, weak ones, of compressed answers whose service has only a date.
const DATED: &str = "\"date-";

/// Puts the one coding in place of what a client accepts that it is going to get if the answer can be compressed; nothing if that is none, as for
/// ranges.
pub fn settle(settings: &Compression, fields: &mut HeaderMap) {
    match chosen(settings, fields) {
        Some(coding) => {
            fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        None => {
            fields.remove(header::ACCEPT_ENCODING);
        }
    }
}

fn chosen(settings: &Compression, fields: &HeaderMap) -> Option<Coding> {
    let is_part = fields.contains_key(header::RANGE);
    Coding::chosen(settings, fields).filter(|_| !is_part)
}

/// An origin whose answers are compressed as the request, which was [settled](settle), says.
pub struct Packed {
    /// The service.
    pub inner: Arc<dyn Origin>,
    /// What is compressed.
    pub settings: Compression,
}

#[async_trait]
impl Origin for Packed {
    async fn fetch(&self, mut request: Request) -> Result<Response, OriginError> {
        let coding = chosen(&self.settings, request.headers());
        let is_head = request.method() == Method::HEAD;
        translate(request.headers_mut());
        let response = self.inner.fetch(request).await?;
        Ok(pack(response, coding, is_head, &self.settings))
    }
}

/// Conditions in the service's words: it knows no tag that was made of a date, and where it compares texts it knows only its own strong tag.
pub(super) fn translate(request: &mut HeaderMap) {
    let tags = request.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let Some(tag) = tags.filter(|tags| !tags.contains(',')).and_then(|tag| tag.trim().strip_prefix("W/"))
    else {
        return;
    };
    if tag.starts_with(DATED) {
        request.remove(header::IF_NONE_MATCH);
    } else if let Ok(both) = HeaderValue::try_from(format!("{tag}, W/{tag}")) {
        request.insert(header::IF_NONE_MATCH, both);
    }
}

fn pack(response: Response, coding: Option<Coding>, is_head: bool, settings: &Compression) -> Response {
    let (mut head, body) = response.into_parts();
    if head.status == StatusCode::NOT_MODIFIED {
        if head.headers.contains_key(header::VARY) {
            // It replaces what a stored form says, which is one of several.
            compression::vary(&mut head.headers);
        }
        if coding.is_some() {
            compression::weaken(&mut head.headers);
        }
        return Response::from_parts(head, body);
    }
    if !has_forms(settings, head.status, &head.headers) {
        return Response::from_parts(head, body);
    }
    compression::vary(&mut head.headers);
    let coding = coding.filter(|_| head.status != StatusCode::PARTIAL_CONTENT);
    let Some(coding) = coding else { return Response::from_parts(head, body) };
    // HEAD is told the same as GET.
    if is_head || body.is_empty() {
        tell(&mut head.headers, coding);
        return Response::from_parts(head, body);
    }
    // With too many others under way it stays as it is.
    let Some(encoder) = Encoder::new(coding) else { return Response::from_parts(head, body) };
    tell(&mut head.headers, coding);
    Response::from_parts(head, body::packed(body, encoder))
}

/// Whether an answer, or the whole that it is a part of, comes in several forms. A part must say so too, or it would answer for the compressed form.
/// What is too long to be stored without a strong validator has one form.
fn has_forms(settings: &Compression, status: StatusCode, fields: &HeaderMap) -> bool {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let text = |name| fields.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if status != StatusCode::PARTIAL_CONTENT {
        let length = text(header::CONTENT_LENGTH).and_then(number);
        return length.is_none_or(|length| length <= WINDOW_BYTES)
            && compression::fits(settings, status, fields);
    }
    let whole = text(header::CONTENT_RANGE)
        .and_then(|range| range.rsplit_once('/'))
        .and_then(|(_, whole)| number(whole));
    let mut whole_fields = fields.clone();
    whole_fields.remove(header::CONTENT_RANGE);
    whole_fields.remove(header::CONTENT_LENGTH);
    whole.is_some_and(|whole| (settings.least.0..=WINDOW_BYTES).contains(&whole))
        && compression::fits(settings, StatusCode::OK, &whole_fields)
}

/// The head of the compressed form.
fn tell(fields: &mut HeaderMap, coding: Coding) {
    compression::tell(fields, coding);
    weaken(fields);
}

/// Leaves no strong validator: a date alone may be one (RFC 9110, section 8.8.2.2), so there is a weak tag beside it.
pub(super) fn weaken(fields: &mut HeaderMap) {
    compression::weaken(fields);
    let date = fields.get(header::LAST_MODIFIED).filter(|_| !fields.contains_key(header::ETAG));
    let tag = date.and_then(|date| {
        let date = date.as_bytes().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        HeaderValue::try_from(format!("W/{DATED}{date}\"")).ok()
    });
    if let Some(tag) = tag {
        fields.insert(header::ETAG, tag);
    }
}

#[cfg(test)]
mod tests;
