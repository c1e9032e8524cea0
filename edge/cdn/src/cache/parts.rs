//! Bodies of 206 answers: one range or several (RFC 9110 §15.3.7), and the part of a wider answer that was asked for.

use super::reader::BodyReader;
use crate::message::{Body, BodyError, Response};
use bole_cdn_policy::partial;
use bole_cdn_policy::range::{self, Asked, ContentRange, Spec};
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

/// `multipart/byteranges`: its type, its length and its body.
pub(super) fn several(
    readers: Vec<(BodyReader, (u64, u64))>,
    whole: u64,
    content_type: Option<&HeaderValue>,
    boundary: u128,
) -> (HeaderValue, u64, Body) {
    let boundary = format!("{boundary:032x}");
    let mut length = 0;
    let mut bodies = Vec::new();
    for (reader, (start, end)) in readers {
        let mut text = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(content_type) = content_type {
            text.extend_from_slice(b"Content-Type: ");
            text.extend_from_slice(content_type.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        let range = ContentRange { start, end, whole: Some(whole) }.value();
        text.extend_from_slice(b"Content-Range: ");
        text.extend_from_slice(range.as_bytes());
        text.extend_from_slice(b"\r\n\r\n");
        length += text.len() as u64 + (end - start);
        bodies.push(Body::whole(text));
        bodies.push(reader.into_body());
    }
    let last = format!("\r\n--{boundary}--\r\n");
    length += last.len() as u64;
    bodies.push(Body::whole(last));
    let value = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}"))
        .unwrap_or_else(|_| HeaderValue::from_static("multipart/byteranges"));
    (value, length, until_error(stream::iter(bodies).flatten()))
}

/// A stream that ends with its first error.
fn until_error(stream: impl futures_util::Stream<Item = Result<Bytes, BodyError>> + Send + 'static) -> Body {
    Body::stream(stream.scan(false, |failed, item| {
        let done = std::mem::replace(failed, item.is_err());
        future::ready((!done).then_some(item))
    }))
}

/// Fields of a 206 with one range.
pub(super) fn one(headers: &mut HeaderMap, (start, end): (u64, u64), whole: u64) {
    headers.insert(header::CONTENT_RANGE, ContentRange { start, end, whole: Some(whole) }.value());
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
}

/// What was asked for of a 206 that the cache asked wider. As it is when that cannot be told.
pub(super) fn narrowed(response: Response, asked: &[Spec]) -> Response {
    let Some(part) = partial::part_of(response.headers()) else { return response };
    let Some(whole) = part.whole else { return response };
    let (mut head, body) = response.into_parts();
    let Asked::One(start, end) = range::ask(Some(asked), whole) else {
        head.status = StatusCode::RANGE_NOT_SATISFIABLE;
        head.headers.insert(header::CONTENT_RANGE, range::unsatisfied(whole));
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
        return Response::from_parts(head, Body::empty());
    };
    let (start, end) = (start.max(part.start), end.min(part.end));
    one(&mut head.headers, (start, end), whole);
    let body = body.scan(part.start, move |at, chunk| {
        let cut = chunk.map(|chunk| {
            let first = *at;
            *at += chunk.len() as u64;
            let from = start.saturating_sub(first).min(chunk.len() as u64);
            let to = end.saturating_sub(first).clamp(from, chunk.len() as u64);
            chunk.slice(from as usize..to as usize)
        });
        future::ready(Some(cut))
    });
    let body = body.filter(|chunk| future::ready(chunk.as_ref().map_or(true, |chunk| !chunk.is_empty())));
    Response::from_parts(head, until_error(body))
}
