//! Heads as text: fields one after the other, each with its CRLF.

use crate::connection::head::{Lines, split};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

/// Adds a field.
pub fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Adds a field that came as `line`, without more blanks than one around its value.
pub fn pass(out: &mut Vec<u8>, line: &[u8], (name, value): (&[u8], &[u8])) {
    if line.len() == name.len() + 2 + value.len() && line.get(name.len() + 1) == Some(&b' ') {
        out.reserve(line.len() + 2);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    } else {
        put(out, name, value);
    }
}

/// Adds the size of a chunk, and what ends its line (RFC 9112, section 7.1).
pub fn chunk(out: &mut Vec<u8>, size: usize) {
    // Writing to memory does not fail.
    let _ = write!(out, "{size:x}\r\n");
}

/// Adds the time in `Date`'s form. It is written once a second on each thread.
pub fn date(out: &mut Vec<u8>) {
    thread_local! {
        static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    DATE.with_borrow_mut(|(second, text)| {
        if *second != now || text.is_empty() {
            *text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(now));
            *second = now;
        }
        put(out, b"Date", text.as_bytes());
    });
}

/// The fields of a text, as far as they are some.
pub fn map(lines: &[u8]) -> HeaderMap {
    let fields = Lines(lines).filter_map(|line| {
        let (name, value) = split(line).ok()?;
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    let mut map = HeaderMap::with_capacity(16);
    for (name, value) in fields {
        map.append(name, value);
    }
    map
}

/// Changes the fields of a text. Those that stay as they are keep their place and how their names were written.
pub fn change(lines: &mut Vec<u8>, change: impl FnOnce(&mut HeaderMap)) {
    let before = map(lines);
    let mut after = before.clone();
    change(&mut after);
    let differs = |name: &HeaderName| !before.get_all(name).iter().eq(after.get_all(name).iter());
    let changed: Vec<&HeaderName> = before.keys().chain(after.keys()).filter(|name| differs(name)).collect();
    if changed.is_empty() {
        return;
    }
    let mut text = Vec::with_capacity(lines.len() + 256);
    for line in Lines(lines) {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if !changed.iter().any(|changed| changed.as_str().as_bytes().eq_ignore_ascii_case(name)) {
            text.extend_from_slice(line);
            text.extend_from_slice(b"\r\n");
        }
    }
    for name in after.keys().filter(|name| differs(name)) {
        after
            .get_all(name)
            .iter()
            .for_each(|value| put(&mut text, name.as_str().as_bytes(), value.as_bytes()));
    }
    *lines = text;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_keeps_its_place_and_its_case() {
        let mut lines = b"X-One: 1\r\nSet-Cookie: a\r\nX-TWO: 2\r\nset-cookie: b\r\nX-Three: 3\r\n".to_vec();
        change(&mut lines, |map| {
            map.remove("x-two");
            map.insert("x-three", HeaderValue::from_static("4"));
            map.append("x-new", HeaderValue::from_static("5"));
        });
        let text = String::from_utf8(lines.clone()).expect("text");
        assert_eq!(text, "X-One: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\nx-three: 4\r\nx-new: 5\r\n");
        change(&mut lines, |_| {});
        assert_eq!(String::from_utf8(lines).expect("text"), text);
    }

    #[test]
    fn dates_and_sizes_are_written_as_they_are_read() {
        let mut out = Vec::new();
        date(&mut out);
        let text = String::from_utf8(out).expect("text");
        let read = text.strip_prefix("Date: ").and_then(|text| httpdate::parse_http_date(text.trim()).ok());
        assert!(
            read.is_some_and(|at| at.elapsed().is_ok_and(|since| since < Duration::from_mins(1))),
            "{text}"
        );
        let mut out = Vec::new();
        chunk(&mut out, 4_096);
        assert_eq!(out, b"1000\r\n");
    }
}
