//! Asking an origin whether a stored answer still holds, and what its answer does to it (RFC 9111 §3.2, §4.3).

use crate::condition::Tag;
use crate::field;
use http::header::{self, HeaderMap, HeaderName};

/// Fields that describe the stored bytes, or that only the whole answer may say; an update leaves them (RFC 9111 §3.2).
const NOT_UPDATED: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::ETAG,
    HeaderName::from_static("content-md5"),
];

/// Fields of a client's request that ask about a copy that the client has. A request on the cache's own behalf does not carry them on (§4.3.1).
const CONDITIONS: [HeaderName; 6] = [
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
];

/// Takes the client's conditions out of a request.
pub fn strip_conditions(request: &mut HeaderMap) {
    for name in &CONDITIONS {
        request.remove(name);
    }
}

/// Makes a request conditional on a stored answer (§4.3.1): its entity tag, its date of change. Returns whether it has either.
pub fn add_validators(request: &mut HeaderMap, stored: &HeaderMap) -> bool {
    strip_conditions(request);
    let tag = field::single(stored, &header::ETAG);
    let modified = field::single(stored, &header::LAST_MODIFIED);
    if let Some(tag) = tag {
        request.insert(header::IF_NONE_MATCH, tag.clone());
    }
    if let Some(modified) = modified {
        request.insert(header::IF_MODIFIED_SINCE, modified.clone());
    }
    tag.is_some() || modified.is_some()
}

/// The fields of a stored answer after a 304 or a HEAD updated it (§3.2): each field that came replaces the stored ones of that
/// name, but those that describe the stored bytes stay, and an `Age` that did not come is gone.
///
/// A 304 names no answer but the one whose validator was sent, because exactly one was sent; a foreign `ETag` in it is not taken over.
pub fn updated(stored: &HeaderMap, news: &HeaderMap) -> HeaderMap {
    let news = crate::store::kept_fields(news);
    let mut fields = stored.clone();
    fields.remove(header::AGE);
    for name in news.keys().filter(|name| !NOT_UPDATED.contains(name)) {
        fields.remove(name);
        for value in news.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    fields
}

/// What an answer to HEAD means for a stored answer to GET (§4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// The validators and the length agree: update it.
    Update,
    /// They disagree: what is stored is stale.
    Stale,
}

/// Compares the head of a 200 to HEAD with a stored 200 to GET.
pub fn compare_head(stored: &HeaderMap, news: &HeaderMap) -> Head {
    let same_tag = match (news.get(header::ETAG), stored.get(header::ETAG)) {
        (Some(news), Some(stored)) => Tag::read(news.as_bytes()).weakly_equals(&Tag::read(stored.as_bytes())),
        (None, _) => true,
        (Some(_), None) => false,
    };
    let same = |name: &HeaderName| match (news.get(name), stored.get(name)) {
        (Some(news), Some(stored)) => news == stored,
        _ => true,
    };
    let length = match (field::content_length(news), field::content_length(stored)) {
        (Some(news), Some(stored)) => news == stored,
        _ => true,
    };
    if same_tag && same(&header::LAST_MODIFIED) && length { Head::Update } else { Head::Stale }
}
