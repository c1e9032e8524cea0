//! What holds for any bytes in any field: no panic, and what was read is written alike.

use super::NOW;
use crate::range::{Asked, ContentRange, ask, specs};
use crate::structured::{Bare, Dictionary, Value};
use crate::{Terms, Time, Wish, condition, invalidate, partial, store, target, validate, vary};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use proptest::prelude::*;

const NAMES: [&str; 18] = [
    "cache-control",
    "cdn-cache-control",
    "age",
    "date",
    "expires",
    "last-modified",
    "etag",
    "vary",
    "range",
    "content-range",
    "content-length",
    "if-none-match",
    "if-modified-since",
    "if-range",
    "pragma",
    "location",
    "accept-language",
    "connection",
];

/// Heads of fields that a cache reads, with values near to those it expects.
pub(super) fn heads() -> impl Strategy<Value = HeaderMap> {
    let near = prop_oneof![
        Just(",".to_owned()),
        Just("\"".to_owned()),
        Just("=".to_owned()),
        Just("max-age".to_owned()),
        Just("no-cache".to_owned()),
        Just("bytes".to_owned()),
        Just("-".to_owned()),
        Just("/".to_owned()),
        Just("*".to_owned()),
        Just(";q=".to_owned()),
        Just("s-maxage=".to_owned()),
        Just(NOW.format()),
        "[0-9]{1,22}",
        "[ -~]{0,6}",
    ];
    let value = prop_oneof![
        prop::collection::vec(near, 0..9).prop_map(|parts| parts.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..24),
    ];
    prop::collection::vec((0..NAMES.len(), value), 0..8).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(NAMES[name]), value);
            }
        }
        headers
    })
}

proptest! {
    #[test]
    fn no_head_panics(request in heads(), response in heads(), status in 100u16..1000, later in any::<i64>()) {
        let (method, uri) = (Method::GET, "http://h/a?b".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let settings = crate::terms::Settings::default();
        let asked = store::Asked { method: &method, uri: &uri, headers: &request, authenticated: false, at: NOW };
        let stored = store::storable(&asked, status, &response, Time(later), &settings);
        let terms = Terms::of(status, &response, NOW, Time(later), &settings);
        prop_assert!(stored.is_err() || stored == Ok(terms));
        Wish::read(&request).decide(&terms, Time(later));
        condition::is_not_modified(&request, &response, NOW);
        condition::range_holds(&request, &response);
        invalidate::targets(&Method::PUT, &uri, status, &response);
        partial::combines(&request, Some(10), &response);
        let mut conditional = request.clone();
        validate::add_validators(&mut conditional, &response);
        let updated = validate::updated(&store::kept_fields(&response), &request);
        prop_assert!(!updated.contains_key("connection"));
        if let Some(selection) = vary::Selection::of(&vary::Vary::read(&response), &request) {
            prop_assert!(selection.matches(&request, &response));
        }
    }

    #[test]
    fn nothing_forbidden_is_stored(request in heads(), mut response in heads()) {
        response.insert("cache-control", HeaderValue::from_static("max-age=60, no-store"));
        response.remove(&target::CDN_CACHE_CONTROL);
        let uri = "http://h/".parse().unwrap();
        let asked = store::Asked { method: &Method::GET, uri: &uri, headers: &request, authenticated: false, at: NOW };
        prop_assert!(store::storable(&asked, StatusCode::OK, &response, NOW, &crate::terms::Settings::default()).is_err());
    }

    #[test]
    fn ranges_are_inside(head in heads(), length in 0u64..50) {
        match ask(specs(&head).as_deref(), length) {
            Asked::One(start, end) => prop_assert!(start < end && end <= length),
            Asked::Several(ranges) => {
                prop_assert!(ranges.iter().all(|(start, end)| start < end && *end <= length));
                prop_assert!(ranges.iter().map(|(start, end)| end - start).sum::<u64>() <= length);
            }
            Asked::Whole | Asked::Unsatisfiable => {}
        }
    }

    #[test]
    fn content_ranges_round_trip(start in 0u64..1 << 40, length in 1u64..1 << 40, after in prop::option::of(0u64..1 << 40)) {
        let range = ContentRange { start, end: start + length, whole: after.map(|after| start + length + after) };
        let mut headers = HeaderMap::new();
        headers.insert("content-range", range.value());
        prop_assert_eq!(ContentRange::read(&headers), Some(range));
    }

    #[test]
    fn dates_round_trip(seconds in 0i64..253_402_300_799) {
        prop_assert_eq!(Time::parse(&Time(seconds).format()), Some(Time(seconds)));
    }

    #[test]
    fn dictionaries_round_trip(members in prop::collection::btree_map("[a-z*][a-z0-9_.*-]{0,6}", bares(), 0..6)) {
        let text = members.iter().map(|(key, bare)| format!("{key}={};p=1", written(bare))).collect::<Vec<_>>().join(" , ");
        let expected = members.into_iter().map(|(key, bare)| (key, Value::Item(bare))).collect::<Vec<_>>();
        prop_assert_eq!(Dictionary::parse(&text).unwrap().members, expected);
    }

    #[test]
    fn no_text_panics(text in "[ -~]{0,40}") {
        let _ = Dictionary::parse(&text);
        let _ = Time::parse(&text);
    }
}

fn bares() -> impl Strategy<Value = Bare> {
    prop_oneof![
        (-999_999_999_999_999i64..=999_999_999_999_999).prop_map(Bare::Integer),
        "[ -~]{0,8}".prop_map(Bare::String),
        "[A-Za-z*][a-z:/.]{0,6}".prop_map(Bare::Token),
        any::<bool>().prop_map(Bare::Boolean),
        (0i64..1 << 40).prop_map(Bare::Date),
    ]
}

fn written(bare: &Bare) -> String {
    match bare {
        Bare::Integer(number) => number.to_string(),
        Bare::Decimal(number) => format!("{number:.3}"),
        Bare::String(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Bare::Token(text) => text.clone(),
        Bare::Bytes(text) => format!(":{text}:"),
        Bare::Boolean(set) => format!("?{}", u8::from(*set)),
        Bare::Date(seconds) => format!("@{seconds}"),
    }
}
