//! Conditions of requests (RFC 9110 §13) against a stored answer, as far as a cache answers them (RFC 9111 §4.3.2).

use crate::field;
use crate::time::Time;
use http::header::{self, HeaderMap, HeaderValue};

/// Seconds that must lie between `Last-Modified` and `Date` for the former to be a strong validator (RFC 9110 §8.8.2.2).
const STRONG_AFTER_SECONDS: u64 = 60;

/// An entity tag (RFC 9110 §8.8.3), with its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads one entity tag. What is not quoted is taken as it stands: origins send such tags, and only an equal one matches.
    pub fn read(value: &'a [u8]) -> Self {
        let value = value.trim_ascii();
        match value.strip_prefix(b"W/") {
            Some(opaque) => Self { weak: true, opaque },
            None => Self { weak: false, opaque: value },
        }
    }

    /// RFC 9110 §8.8.3.2: both strong and alike.
    pub fn strongly_equals(&self, other: &Tag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// RFC 9110 §8.8.3.2: alike, strong or not.
    pub fn weakly_equals(&self, other: &Tag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Whether it is a quoted strong tag.
    pub fn is_strong(&self) -> bool {
        !self.weak && self.opaque.len() >= 2 && self.opaque.starts_with(b"\"") && self.opaque.ends_with(b"\"")
    }
}

/// The strong validator of an answer: what its parts must share to be combined (RFC 9110 §15.3.7.3), and what `If-Range` may name.
pub fn strong_validator(headers: &HeaderMap) -> Option<&HeaderValue> {
    if let Some(tag) = field::single(headers, &header::ETAG) {
        return Tag::read(tag.as_bytes()).is_strong().then_some(tag);
    }
    let modified = Time::of_field(headers, &header::LAST_MODIFIED)?;
    let date = Time::of_field(headers, &header::DATE)?;
    (date.since(modified) >= STRONG_AFTER_SECONDS).then(|| headers.get(header::LAST_MODIFIED)).flatten()
}

/// Whether the request carries a condition that only an origin may answer: `If-Match`, `If-Unmodified-Since` (RFC 9111 §4.3.2).
pub fn is_for_origin(request: &HeaderMap) -> bool {
    request.contains_key(header::IF_MATCH) || request.contains_key(header::IF_UNMODIFIED_SINCE)
}

/// Whether the request may be answered by 304 with this stored 200 (RFC 9110 §13.2.2, steps 3 and 4; RFC 9111 §4.3.2).
/// `received` is when the answer was stored; it stands in for a missing date.
pub fn is_not_modified(request: &HeaderMap, stored: &HeaderMap, received: Time) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        return none_match(request, stored);
    }
    let Some(since) = Time::of_field(request, &header::IF_MODIFIED_SINCE) else { return false };
    let changed = Time::of_field(stored, &header::LAST_MODIFIED)
        .or_else(|| Time::of_field(stored, &header::DATE))
        .unwrap_or(received);
    changed <= since
}

fn none_match(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let stored = field::single(stored, &header::ETAG).map(HeaderValue::as_bytes).map(Tag::read);
    let mut lines = request.get_all(header::IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
    lines.any(|line| {
        line.trim_ascii() == b"*"
            || tags(line).any(|tag| stored.is_some_and(|stored| Tag::read(tag).weakly_equals(&stored)))
    })
}

/// The entity tags of a line: separated at commas outside of quotes (a tag has no escapes, RFC 9110 §8.8.3).
fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|tag| !tag.is_empty())
}

/// Whether `Range` holds for this stored answer: there is no `If-Range`, or it names its strong validator (RFC 9110 §13.1.5).
pub fn range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if !request.contains_key(header::IF_RANGE) {
        return true;
    }
    let Some(named) = field::single(request, &header::IF_RANGE) else { return false };
    let named = named.as_bytes().trim_ascii();
    if named.starts_with(b"\"") || named.starts_with(b"W/") {
        let tag = field::single(stored, &header::ETAG);
        return tag.is_some_and(|tag| Tag::read(tag.as_bytes()).strongly_equals(&Tag::read(named)));
    }
    let without_tag = !stored.contains_key(header::ETAG) || strong_date(stored);
    without_tag
        && strong_date(stored)
        && stored.get(header::LAST_MODIFIED).is_some_and(|date| date.as_bytes() == named)
}

/// Whether `Last-Modified` is a strong validator here (RFC 9110 §8.8.2.2).
fn strong_date(stored: &HeaderMap) -> bool {
    let modified = Time::of_field(stored, &header::LAST_MODIFIED);
    let date = Time::of_field(stored, &header::DATE);
    matches!((modified, date), (Some(modified), Some(date)) if date.since(modified) >= STRONG_AFTER_SECONDS)
}
