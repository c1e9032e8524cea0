//! RFC 9111 §4.2: freshness and age.

use super::{NOW, fields};
use crate::terms::{Settings, Terms};
use http::StatusCode;

fn terms(status: u16, lines: &str) -> Terms {
    let status = StatusCode::from_u16(status).expect("a row has a proper status");
    Terms::of(status, &fields(lines), NOW, NOW, &Settings::default())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn lifetimes() {
    // Section, status, response, seconds of freshness on arrival.
    let rows: &[(&str, u16, &str, u64)] = &[
        ("5.2.2.1 max-age", 200, "cache-control: max-age=60", 60),
        ("5.2 names without case", 200, "cache-control: MaX-aGe=60", 60),
        ("5.2 quoted form", 200, "cache-control: max-age=\"60\"", 60),
        ("5.2 single quotes are no quotes", 200, "cache-control: max-age='60'", 0),
        ("5.2.3 extensions are passed over", 200, "cache-control: foo, max-age=60, bar=\"max-age=5\"", 60),
        (
            "5.2 a directive in a quoted string is none",
            200,
            "cache-control: ext=\"max-age=60\", max-age=1",
            1,
        ),
        ("1.2.2 leading zeros", 200, "cache-control: max-age=0060", 60),
        ("1.2.2 overflow", 200, "cache-control: max-age=99999999999999999999999", 1 << 31),
        ("4.2.1 no number", 200, "cache-control: max-age=60a", 0),
        ("4.2.1 decimal", 200, "cache-control: max-age=60.0", 0),
        ("4.2.1 negative", 200, "cache-control: max-age=-60", 0),
        ("5.2 no space before =", 200, "cache-control: max-age =60", 0),
        ("4.2.1 twice alike", 200, "cache-control: max-age=60\ncache-control: max-age=60", 60),
        ("4.2.1 twice, different", 200, "cache-control: max-age=60, max-age=30", 0),
        ("4.2.1 s-maxage first", 200, "cache-control: max-age=60, s-maxage=5", 5),
        ("4.2.1 s-maxage first, any order", 200, "cache-control: s-maxage=90, max-age=1", 90),
        ("4.2.1 s-maxage before Expires", 200, "cache-control: max-age=0, s-maxage=90\nexpires: {-10}", 90),
        ("5.3 Expires less Date", 200, "expires: {+100}\ndate: {+40}", 60),
        ("5.3 Expires without Date", 200, "expires: {+100}", 100),
        ("5.3 Expires with a Date that is none", 200, "expires: {+100}\ndate: foo", 100),
        ("5.3 max-age before Expires", 200, "expires: {+100}\ncache-control: max-age=7", 7),
        ("5.3 Expires in the past", 200, "expires: {-1}\ndate: {+0}", 0),
        ("5.3 Expires that is no date", 200, "expires: 0\nlast-modified: {-864000}", 0),
        ("5.3 two Expires", 200, "expires: {+100}\nexpires: {+100}", 0),
        ("5.6.7 asctime", 200, "expires: Thu Jan  1 00:01:00 2026", 60),
        ("5.6.7 RFC 850", 200, "expires: Thursday, 01-Jan-26 00:01:00 GMT", 60),
        ("4.2.2 a tenth since Last-Modified", 200, "last-modified: {-1000}\ndate: {+0}", 100),
        ("4.2.2 at most a day", 200, "last-modified: {-86400000}\ndate: {+0}", 86_400),
        ("4.2.2 not without Last-Modified", 200, "date: {+0}", 0),
        ("4.2.2 204", 204, "last-modified: {-1000}", 100),
        ("4.2.2 404", 404, "last-modified: {-1000}", 100),
        ("4.2.2 405", 405, "last-modified: {-1000}", 100),
        ("4.2.2 414", 414, "last-modified: {-1000}", 100),
        ("4.2.2 501", 501, "last-modified: {-1000}", 100),
        ("4.2.2 not 403", 403, "last-modified: {-1000}", 0),
        ("4.2.2 public makes any status do", 599, "last-modified: {-1000}\ncache-control: public", 100),
        ("4.2.3 an Age that is no number", 200, "cache-control: max-age=60\nage: abc", 0),
        ("4.2.3 a negative Age", 200, "cache-control: max-age=60\nage: -1", 0),
        ("4.2.3 two Ages", 200, "cache-control: max-age=60\nage: 0\nage: 0", 0),
        ("4.2.3 an Age with a parameter", 200, "cache-control: max-age=60\nage: 7;a=1", 0),
        (
            "9213 2.2 CDN-Cache-Control first",
            200,
            "cdn-cache-control: max-age=5\ncache-control: max-age=60",
            5,
        ),
        ("9213 2.2 longer too", 200, "cdn-cache-control: max-age=90\ncache-control: max-age=6", 90),
        ("9213 2.2 without Expires", 200, "cdn-cache-control: public\nexpires: {+60}", 0),
        ("9213 2.1 not parsed", 200, "cdn-cache-control: max-age=5, &&&\ncache-control: max-age=60", 60),
        ("9213 2.1 wrong type", 200, "cdn-cache-control: max-age=\"5\"\ncache-control: max-age=60", 60),
        ("9213 2.1 decimal", 200, "cdn-cache-control: max-age=5.0\ncache-control: max-age=60", 60),
        ("9213 2.1 empty", 200, "cdn-cache-control:\ncache-control: max-age=60", 60),
        ("9213 2.1 parameters", 200, "cdn-cache-control: max-age=5;a=b\ncache-control: max-age=60", 5),
        ("9213 2.1 unknown member", 200, "cdn-cache-control: foo=(1 2), max-age=5", 5),
        (
            "9213 2.1 names are keys, in lower case",
            200,
            "cdn-cache-control: MAX-AGE=5\ncache-control: max-age=60",
            60,
        ),
        ("8941 4.2.2 the last value of a key", 200, "cdn-cache-control: max-age=5, max-age=9", 9),
    ];
    for (name, status, response, expected) in rows {
        assert_eq!(terms(*status, response).lifetime, *expected, "{name}");
    }
}

#[test]
fn ages() {
    // Section, response, seconds between request and response, age on arrival.
    let rows: &[(&str, &str, i64, u64)] = &[
        ("4.2.3 Age", "age: 30", 0, 30),
        ("4.2.3 Age and the delay of the response", "age: 30", 5, 35),
        ("4.2.3 apparent age", "date: {-40}", 0, 40),
        ("4.2.3 the larger counts", "date: {-40}\nage: 30", 0, 40),
        ("4.2.3 a Date in the future", "date: {+40}", 0, 0),
        ("4.2.3 nothing", "", 0, 0),
        ("9213 with Age", "cdn-cache-control: max-age=9\nage: 30", 0, 30),
    ];
    for (name, response, delay, expected) in rows {
        let asked = crate::Time(NOW.0 - delay);
        let terms = Terms::of(StatusCode::OK, &fields(response), asked, NOW, &Settings::default());
        assert_eq!(terms.initial_age, *expected, "{name}");
        assert_eq!(terms.age(crate::Time(NOW.0 + 10)), expected + 10, "{name}, later");
        assert_eq!(terms.age(crate::Time(NOW.0 - 10)), *expected, "{name}, clock set back");
    }
}

#[test]
fn leave_to_be_stale() {
    // Section, response, (while revalidating, on error).
    let rows: &[(&str, &str, (u64, u64))] = &[
        ("5861 3", "cache-control: max-age=1, stale-while-revalidate=10", (10, 0)),
        ("5861 4", "cache-control: max-age=1, stale-if-error=20", (0, 20)),
        ("5.2.2.2", "cache-control: max-age=1, must-revalidate, stale-if-error=20", (0, 0)),
        ("5.2.2.8", "cache-control: max-age=1, proxy-revalidate, stale-while-revalidate=9", (0, 0)),
        ("5.2.2.10", "cache-control: s-maxage=1, stale-if-error=20", (0, 0)),
        ("5.2.2.4", "cache-control: max-age=1, no-cache, stale-if-error=20", (0, 0)),
        ("not a number", "cache-control: max-age=1, stale-if-error=x", (0, 0)),
        ("9213", "cdn-cache-control: max-age=1, stale-if-error=20\ncache-control: must-revalidate", (0, 20)),
    ];
    for (name, response, expected) in rows {
        let terms = terms(200, response);
        assert_eq!((terms.while_revalidate, terms.if_error), *expected, "{name}");
        assert_eq!(terms.if_disconnected > 0, !terms.no_stale, "{name}");
    }
}
