//! Byte ranges (RFC 9110 §14): what a request asks of a representation of known length, and `Content-Range`.

use crate::field;
use http::header::{self, HeaderMap, HeaderValue};

/// Ranges of one request that are answered apart. More, or a flood of overlapping ones, and the whole is sent (RFC 9110 §14.2
/// lets a server pass over such a `Range`).
pub const RANGES_MAX: usize = 16;

/// A range as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// `first-last`, both included.
    FromTo(u64, u64),
    /// `first-`.
    From(u64),
    /// `-length`: the last bytes.
    Last(u64),
}

impl Spec {
    /// The bytes of a representation of `length` bytes, end excluded; `None` when there are none.
    pub fn resolve(self, length: u64) -> Option<(u64, u64)> {
        let (start, end) = match self {
            Self::FromTo(first, last) => (first, last.saturating_add(1).min(length)),
            Self::From(first) => (first, length),
            Self::Last(count) => (length.saturating_sub(count), length),
        };
        (start < end).then_some((start, end))
    }
}

/// What a `Range` asks of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: no `Range`, one in another unit or form, or one that asks for too much.
    Whole,
    /// One range, end excluded.
    One(u64, u64),
    /// Several, ends excluded, in the order asked.
    Several(Vec<(u64, u64)>),
    /// None of the ranges has a byte (416).
    Unsatisfiable,
}

/// The specs of a `Range` in bytes. `None`: absent, repeated, another unit, or not well formed; it is then passed over (§14.2).
pub fn specs(headers: &HeaderMap) -> Option<Vec<Spec>> {
    let text = field::single(headers, &header::RANGE)?.to_str().ok()?;
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for part in set.split(',').map(|part| part.trim_matches([' ', '\t'])).filter(|part| !part.is_empty()) {
        // A list longer than any answer's is not read to its end.
        if specs.len() > RANGES_MAX {
            break;
        }
        specs.push(spec(part)?);
    }
    (!specs.is_empty()).then_some(specs)
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", count) => Some(Spec::Last(position(count)?)),
        (first, "") => Some(Spec::From(position(first)?)),
        (first, last) => {
            let (first, last) = (position(first)?, position(last)?);
            (first <= last).then_some(Spec::FromTo(first, last))
        }
    }
}

/// Digits; numbers beyond 64 bits mean the largest.
fn position(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// What the specs ask of a representation of `length` bytes.
pub fn ask(specs: Option<&[Spec]>, length: u64) -> Asked {
    let Some(specs) = specs else { return Asked::Whole };
    if specs.len() > RANGES_MAX {
        return Asked::Whole;
    }
    let ranges: Vec<_> = specs.iter().filter_map(|spec| spec.resolve(length)).collect();
    match ranges[..] {
        [] => Asked::Unsatisfiable,
        [(start, end)] => Asked::One(start, end),
        _ if overlaps(&ranges) => Asked::Whole,
        _ => Asked::Several(ranges),
    }
}

/// §14.2, §17.15: ranges that cover bytes twice ask for more than there is.
fn overlaps(ranges: &[(u64, u64)]) -> bool {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0].1 > pair[1].0)
}

/// A `Content-Range` (§14.4) of a 206: first byte, end excluded, and the length of the whole when it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
    /// The length of the whole.
    pub whole: Option<u64>,
}

impl ContentRange {
    /// Reads the `Content-Range` of a response. `None`: absent, repeated, not bytes, unsatisfied or contradictory.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let text = field::single(headers, &header::CONTENT_RANGE)?.to_str().ok()?;
        let (unit, rest) = text.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, whole) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (start, end) = (exact(first)?, exact(last)?.checked_add(1)?);
        let whole = if whole == "*" { None } else { Some(exact(whole)?) };
        (start < end && whole.is_none_or(|whole| end <= whole)).then_some(Self { start, end, whole })
    }

    /// The field's value.
    pub fn value(&self) -> HeaderValue {
        let whole = self.whole.map_or_else(|| "*".to_owned(), |whole| whole.to_string());
        let text = format!("bytes {}-{}/{whole}", self.start, self.end.saturating_sub(1));
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
    }
}

fn exact(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The value of `Content-Range` in a 416 (§15.5.17).
pub fn unsatisfied(length: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes */{length}"))
        .unwrap_or_else(|_| HeaderValue::from_static("bytes */0"))
}
