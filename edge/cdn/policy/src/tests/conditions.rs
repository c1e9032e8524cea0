//! RFC 9110 §13 against stored answers; RFC 9111 §3.2 and §4.3: validation and updates.

use super::{NOW, fields};
use crate::condition::{is_not_modified, range_holds, strong_validator};
use crate::validate::{Head, add_validators, compare_head, updated};

#[test]
fn not_modified() {
    let rows: &[(&str, &str, &str, bool)] = &[
        ("13.1.2 strong", "etag: \"a\"", "if-none-match: \"a\"", true),
        ("13.1.2 another", "etag: \"a\"", "if-none-match: \"b\"", false),
        ("13.1.2 weak comparison", "etag: W/\"a\"", "if-none-match: \"a\"", true),
        ("13.1.2 weak both", "etag: W/\"a\"", "if-none-match: W/\"a\"", true),
        ("13.1.2 list, first", "etag: \"a\"", "if-none-match: \"a\", \"b\"", true),
        ("13.1.2 list, last", "etag: \"a\"", "if-none-match: \"b\", \"c\",\"a\"", true),
        ("13.1.2 list over lines", "etag: \"a\"", "if-none-match: \"b\"\nif-none-match: \"a\"", true),
        ("13.1.2 a comma in a tag", "etag: \"a,b\"", "if-none-match: \"x\", \"a,b\"", true),
        ("13.1.2 not a part of a tag", "etag: \"a\"", "if-none-match: \"x,\"a\",y\"", false),
        ("13.1.2 any", "etag: \"a\"", "if-none-match: *", true),
        ("13.1.2 any, without a tag", "", "if-none-match: *", true),
        ("8.8.3 no quotes, alike", "etag: a", "if-none-match: a", true),
        ("8.8.3 no quotes against quotes", "etag: \"a\"", "if-none-match: a", false),
        (
            "13.2.2 tags before dates",
            "etag: \"a\"\nlast-modified: {-10}",
            "if-none-match: \"b\"\nif-modified-since: {+0}",
            false,
        ),
        (
            "13.2.2 tags before dates, the other way",
            "etag: \"a\"\nlast-modified: {-10}",
            "if-none-match: \"a\"\nif-modified-since: {-90}",
            true,
        ),
        ("13.1.3 same date", "last-modified: {-10}", "if-modified-since: {-10}", true),
        ("13.1.3 later", "last-modified: {-10}", "if-modified-since: {-5}", true),
        ("13.1.3 earlier", "last-modified: {-10}", "if-modified-since: {-11}", false),
        ("13.1.3 no date", "last-modified: {-10}", "if-modified-since: x", false),
        ("4.3.2 by Date", "date: {-10}", "if-modified-since: {-5}", true),
        ("4.3.2 by Date, earlier", "date: {-10}", "if-modified-since: {-3000}", false),
        ("4.3.2 by the time of receipt", "", "if-modified-since: {+0}", true),
        ("no condition", "etag: \"a\"", "", false),
    ];
    for (name, stored, request, expected) in rows {
        assert_eq!(is_not_modified(&fields(request), &fields(stored), NOW), *expected, "{name}");
    }
}

#[test]
fn if_range() {
    let rows: &[(&str, &str, &str, bool)] = &[
        ("13.1.5 absent", "etag: \"a\"", "", true),
        ("13.1.5 strong", "etag: \"a\"", "if-range: \"a\"", true),
        ("13.1.5 another", "etag: \"a\"", "if-range: \"b\"", false),
        ("13.1.5 weak never", "etag: W/\"a\"", "if-range: W/\"a\"", false),
        ("13.1.5 date, strong", "last-modified: {-90}\ndate: {+0}", "if-range: {-90}", true),
        ("8.8.2.2 date, weak", "last-modified: {-9}\ndate: {+0}", "if-range: {-9}", false),
        ("13.1.5 later date", "last-modified: {-90}\ndate: {+0}", "if-range: {-80}", false),
        ("13.1.5 no tag stored", "", "if-range: \"a\"", false),
    ];
    for (name, stored, request, expected) in rows {
        assert_eq!(range_holds(&fields(request), &fields(stored)), *expected, "{name}");
    }
}

#[test]
fn validators() {
    let stored = fields("etag: W/\"a\"\nlast-modified: {-90}");
    let mut request =
        fields("if-none-match: \"client\"\nif-match: \"x\"\nrange: bytes=0-1\nif-range: \"y\"\nfoo: 1");
    assert!(add_validators(&mut request, &stored));
    assert_eq!(request, fields("foo: 1\nif-none-match: W/\"a\"\nif-modified-since: {-90}"), "4.3.1");
    let mut request = fields("if-none-match: \"client\"");
    assert!(!add_validators(&mut request, &fields("")));
    assert_eq!(request, fields(""));
    let strong: &[(&str, Option<&str>)] = &[
        ("etag: \"a\"", Some("\"a\"")),
        ("etag: W/\"a\"\nlast-modified: {-90}\ndate: {+0}", None),
        ("etag: a", None),
        ("last-modified: {-9}\ndate: {+0}", None),
        ("", None),
    ];
    for (stored, expected) in strong {
        let stored = fields(stored);
        assert_eq!(strong_validator(&stored).map(|value| value.to_str().unwrap()), *expected);
    }
}

#[test]
fn updates() {
    // Section, stored, 304, stored afterwards.
    let rows: &[(&str, &str, &str, &str)] = &[
        ("3.2 what does not come stays", "a: 1\nb: 1", "b: 2", "a: 1\nb: 2"),
        ("3.2 all lines of a name", "a: 1\na: 2", "a: 3", "a: 3"),
        ("3.2 lines that come", "a: 1", "a: 2\na: 3", "a: 2\na: 3"),
        ("3.2 Content-Length", "content-length: 5", "content-length: 10", "content-length: 5"),
        ("3.2 Content-Encoding", "content-encoding: gzip", "content-encoding: br", "content-encoding: gzip"),
        ("3.2 Content-Range", "content-range: bytes 0-1/2", "content-range: x", "content-range: bytes 0-1/2"),
        ("3.2 Content-Type", "content-type: a/b", "content-type: a/c", "content-type: a/c"),
        ("4.3.4 the tag that was asked for", "etag: \"a\"", "etag: \"b\"", "etag: \"a\""),
        ("3.1 not fields of a connection", "a: 1", "connection: b\nb: 2\nkeep-alive: 1", "a: 1"),
        ("4.2.3 the age begins anew", "age: 100", "b: 1", "b: 1"),
    ];
    for (name, stored, news, expected) in rows {
        assert_eq!(updated(&fields(stored), &fields(news)), fields(expected), "{name}");
    }
}

#[test]
fn heads() {
    let rows: &[(&str, &str, &str, Head)] = &[
        ("4.3.5 alike", "etag: \"a\"\ncontent-length: 5", "etag: \"a\"\ncontent-length: 5", Head::Update),
        ("4.3.5 says less", "etag: \"a\"\ncontent-length: 5", "foo: 1", Head::Update),
        ("4.3.5 another tag", "etag: \"a\"", "etag: \"b\"", Head::Stale),
        ("4.3.5 another length", "content-length: 5", "content-length: 6", Head::Stale),
        ("4.3.5 another date", "last-modified: {-9}", "last-modified: {-8}", Head::Stale),
    ];
    for (name, stored, news, expected) in rows {
        assert_eq!(compare_head(&fields(stored), &fields(news)), *expected, "{name}");
    }
}
