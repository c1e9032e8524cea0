//! Variants: which stored answer of a target was selected by a request like this one (RFC 9111 §4.1).
//!
//! Field values are compared after normalisation: lines joined, whitespace around members dropped; for `Accept`, `Accept-Encoding`, `Accept-Language`
//! and `Accept-Charset` also case, the order of members of equal weight, and weights of 1, none of which carry meaning there (RFC 9110 §12.4.2, §12.5).

use crate::field;
use http::header::{self, GetAll, HeaderMap, HeaderName, HeaderValue};

/// The `Vary` of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vary {
    /// No field selected it.
    Nothing,
    /// `*`, or a value that cannot be read: no other request matches.
    Any,
    /// These fields, sorted, each once.
    Fields(Vec<HeaderName>),
}

impl Vary {
    /// Reads the `Vary` of a response.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for value in headers.get_all(header::VARY) {
            let Ok(line) = value.to_str() else { return Self::Any };
            for member in field::split(line, b',') {
                match HeaderName::from_bytes(member.as_bytes()) {
                    Ok(name) if member != "*" => names.push(name),
                    _ => return Self::Any,
                }
            }
        }
        names.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        names.dedup();
        if names.is_empty() { Self::Nothing } else { Self::Fields(names) }
    }
}

/// The selecting fields of the request that an answer was stored for, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selection {
    /// Each field of `Vary` with its value; `None`: the request did not have it.
    pub fields: Vec<(HeaderName, Option<String>)>,
}

impl Selection {
    /// The selection of a request by a response's `Vary`. `None` for [`Vary::Any`].
    pub fn of(vary: &Vary, request: &HeaderMap) -> Option<Self> {
        match vary {
            Vary::Any => None,
            Vary::Nothing => Some(Self::default()),
            Vary::Fields(names) => {
                let fields = names.iter().map(|name| (name.clone(), normalised(name, request)));
                Some(Self { fields: fields.collect() })
            }
        }
    }

    /// Whether a request selects the answer that has this selection. `stored` are the fields of the answer.
    pub fn matches(&self, request: &HeaderMap, stored: &HeaderMap) -> bool {
        self.fields.iter().all(|(name, value)| {
            let asked = normalised(name, request);
            asked == *value || (*name == header::ACCEPT_LANGUAGE && prefers(request, stored))
        })
    }
}

/// Whether the language that a request likes best is the one of the stored answer: then any selection by `Accept-Language` (RFC 9110
/// §12.5.4) ends at it. Only for one best language and an answer in exactly one.
fn prefers(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(language) =
        field::single(stored, &header::CONTENT_LANGUAGE).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let ranges = weighted(&joined(&request.get_all(header::ACCEPT_LANGUAGE)));
    let Some((_, best)) = ranges.first() else { return false };
    let mut liked = ranges.iter().filter(|(_, weight)| weight == best).map(|(range, _)| range.as_str());
    let range = liked.next();
    *best > 0
        && liked.next().is_none()
        && range.is_some_and(|range| range.eq_ignore_ascii_case(language.trim()))
}

/// The value of a field for comparison; `None` when the request does not have it.
fn normalised(name: &HeaderName, request: &HeaderMap) -> Option<String> {
    if !request.contains_key(name) {
        return None;
    }
    let text = joined(&request.get_all(name));
    let negotiated =
        [header::ACCEPT, header::ACCEPT_CHARSET, header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE]
            .contains(name);
    if !negotiated {
        return Some(field::split(&text, b',').collect::<Vec<_>>().join(","));
    }
    let ranges = weighted(&text).into_iter().map(|(range, weight)| match weight {
        1_000 => range,
        _ => format!("{range};q={weight}"),
    });
    Some(ranges.collect::<Vec<_>>().join(","))
}

/// All lines of a field as one list (RFC 9110 §5.3).
fn joined(lines: &GetAll<'_, HeaderValue>) -> String {
    lines.iter().map(text_of).collect::<Vec<_>>().join(",")
}

/// Bytes outside of ASCII are kept apart from each other, one character a byte.
fn text_of(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

/// Members in lower case with their weights in thousandths, best first, alike ones in order of their text.
fn weighted(text: &str) -> Vec<(String, u32)> {
    let mut ranges: Vec<(String, u32)> = field::split(text, b',')
        .map(|member| {
            let mut weight = 1_000;
            let mut parts = Vec::new();
            for part in field::split(member, b';') {
                match part.split_once('=') {
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
                        weight = thousandths(value.trim());
                    }
                    _ => parts.push(part.to_ascii_lowercase()),
                }
            }
            (parts.join(";"), weight)
        })
        .collect();
    ranges.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    ranges.dedup();
    ranges
}

/// `qvalue` (RFC 9110 §12.4.2); what is none counts as a weight of its own, so that it equals no proper one.
fn thousandths(text: &str) -> u32 {
    const UNREADABLE: u32 = 1_001;
    let value: f64 = text.parse().unwrap_or(f64::NAN);
    if (0.0..=1.0).contains(&value) { (value * 1_000.0).round() as u32 } else { UNREADABLE }
}
