//! Arbitrary bytes as the heads of a request and of its response: every decision is taken without a panic.
//! `src/tests/properties.rs` has the same as a property.
#![no_main]

use bole_cdn_policy::{Terms, Time, Wish, condition, invalidate, partial, range, store, terms, validate, vary};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

/// Lines of a letter for the name and the value; an empty line ends the head.
fn head(lines: &mut dyn Iterator<Item = &[u8]>) -> HeaderMap {
    const NAMES: [&str; 18] = [
        "cache-control", "cdn-cache-control", "age", "date", "expires", "last-modified", "etag", "vary", "range",
        "content-range", "content-length", "if-none-match", "if-modified-since", "if-range", "pragma", "location",
        "accept-language", "connection",
    ];
    let mut headers = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let name = HeaderName::from_static(NAMES[usize::from(line[0]) % NAMES.len()]);
        if let Ok(value) = HeaderValue::from_bytes(&line[1..]) {
            headers.append(name, value);
        }
    }
    headers
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (request, response) = (head(&mut lines), head(&mut lines));
    let uri = "http://h/a?b".parse().expect("a proper URI");
    let now = Time(1_767_225_600);
    let settings = terms::Settings::default();
    let asked = store::Asked { method: &Method::GET, uri: &uri, headers: &request, authenticated: false, at: now };
    let _ = store::storable(&asked, StatusCode::OK, &response, now, &settings);
    let terms = Terms::of(StatusCode::OK, &response, now, now, &settings);
    Wish::read(&request).decide(&terms, now);
    condition::is_not_modified(&request, &response, now);
    condition::range_holds(&request, &response);
    invalidate::targets(&Method::PUT, &uri, StatusCode::OK, &response);
    partial::combines(&request, Some(10), &response);
    range::ask(range::specs(&request).as_deref(), 1_000);
    let mut conditional = request.clone();
    validate::add_validators(&mut conditional, &response);
    validate::updated(&response, &request);
    if let Some(selection) = vary::Selection::of(&vary::Vary::read(&response), &request) {
        assert!(selection.matches(&request, &response));
    }
});
