//! Which directives hold for this cache: those of `CDN-Cache-Control` when that field is valid, else those of `Cache-Control`
//! (RFC 9213 §2.2, §3.1).
//!
//! The targeted field is a Dictionary of structured fields. One that does not parse, or is empty, is as if absent (§2.1). Parameters and unknown
//! members are passed over. A member of the wrong type says nothing about what was meant; the whole field is then treated as one that does not parse, so that
//! `Cache-Control` decides, which is the reading that cannot keep an answer that its origin forbade there.

use crate::directive::Response;
use crate::structured::{Bare, Dictionary, Value};
use http::header::{HeaderMap, HeaderName};

/// The field that targets CDNs (RFC 9213 §3).
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The directives that hold, and whether they came by the targeted field: then `Expires` is not looked at either (§2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The directives.
    pub directives: Response,
    /// Whether `CDN-Cache-Control` gave them.
    pub targeted: bool,
}

/// The directives of a response that hold for a CDN's cache.
pub fn effective(headers: &HeaderMap) -> Effective {
    match targeted(headers) {
        Some(directives) => Effective { directives, targeted: true },
        None => Effective { directives: Response::read(headers), targeted: false },
    }
}

fn targeted(headers: &HeaderMap) -> Option<Response> {
    let lines: Vec<&str> = headers
        .get_all(CDN_CACHE_CONTROL)
        .iter()
        .map(|value| value.to_str())
        .collect::<Result<_, _>>()
        .ok()?;
    if lines.is_empty() {
        return None;
    }
    let dictionary = Dictionary::parse(&lines.join(", ")).ok()?;
    if dictionary.members.is_empty() {
        return None;
    }
    let mut directives = Response::default();
    for (name, value) in &dictionary.members {
        add(&mut directives, name, value)?;
    }
    Some(directives)
}

/// `None`: a known directive of a type that it cannot have.
fn add(directives: &mut Response, name: &str, value: &Value) -> Option<()> {
    if let Some(seconds) = directives.seconds_mut(name) {
        let Value::Item(Bare::Integer(number)) = value else { return None };
        // A negative number is an integer, and no freshness at all.
        seconds.add(u64::try_from(*number).ok().map(|number| number.min(crate::time::SECONDS_MAX)));
        return Some(());
    }
    if let Some(flag) = directives.flag_mut(name) {
        let Value::Item(Bare::Boolean(set)) = value else { return None };
        *flag = *set;
        return Some(());
    }
    match name {
        "no-cache" => qualified(value, &mut directives.no_cache, &mut directives.no_cache_fields),
        "private" => qualified(value, &mut directives.private, &mut directives.private_fields),
        _ => Some(()),
    }
}

/// `no-cache` and `private`: alone, or with the names of fields in a string.
fn qualified(value: &Value, whole: &mut bool, fields: &mut Vec<String>) -> Option<()> {
    match value {
        Value::Item(Bare::Boolean(set)) => *whole = *set,
        Value::Item(Bare::String(names)) => {
            fields.extend(crate::field::split(names, b',').map(str::to_ascii_lowercase));
        }
        _ => return None,
    }
    Some(())
}
