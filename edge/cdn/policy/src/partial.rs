//! Parts of a representation: which are stored, and which may be combined (RFC 9111 §3.3, §3.4; RFC 9110 §15.3.7.3).

use crate::condition::strong_validator;
use crate::field;
use crate::range::ContentRange;
use http::header::HeaderMap;

/// The part that a 206 holds, when it says so without contradiction: one range whose length is that of the body, where the head gives both.
/// `multipart/byteranges` holds several and is not stored.
pub fn part_of(headers: &HeaderMap) -> Option<ContentRange> {
    let part = ContentRange::read(headers)?;
    let length = part.end - part.start;
    field::content_length(headers).is_none_or(|given| given == length).then_some(part)
}

/// Whether a 206 may be combined with what is stored of a representation: both have the same strong validator, and agree on the
/// length of the whole.
pub fn combines(stored: &HeaderMap, whole: Option<u64>, news: &HeaderMap) -> Option<ContentRange> {
    let part = part_of(news)?;
    let same = match (strong_validator(stored), strong_validator(news)) {
        (Some(stored), Some(news)) => stored == news,
        _ => false,
    };
    let agrees = matches!((whole, part.whole), (Some(stored), Some(news)) if stored == news);
    (same && agrees).then_some(part)
}
