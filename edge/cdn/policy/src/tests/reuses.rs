//! RFC 9111 §4, §5.2.1, RFC 5861, RFC 8246: whether a stored answer is used.

use super::{NOW, fields};
use crate::reuse::Cause::{Request, Stale};
use crate::reuse::Reuse::{Fresh, StaleAccepted, StaleWhileRevalidate, Validate};
use crate::reuse::{Reuse, Wish};
use crate::status::{Forward, Status};
use crate::terms::{Settings, Terms};
use crate::time::Time;
use http::StatusCode;

fn terms(response: &str) -> Terms {
    let headers = fields(&format!("cache-control: {response}"));
    Terms::of(StatusCode::OK, &headers, NOW, NOW, &Settings::default())
}

#[test]
fn decisions() {
    // Section, stored, seconds later, request, decision.
    let rows: &[(&str, &str, i64, &str, Reuse)] = &[
        ("4.2 fresh", "max-age=60", 59, "", Fresh),
        ("4.2 no longer", "max-age=60", 60, "", Validate(Stale)),
        ("5.2.2.4 no-cache", "max-age=60, no-cache", 0, "", Validate(Stale)),
        ("5.2.1.4 no-cache", "max-age=60", 0, "cache-control: no-cache", Validate(Request)),
        ("5.4 Pragma", "max-age=60", 0, "pragma: no-cache", Validate(Request)),
        ("5.4 Pragma beside Cache-Control", "max-age=60", 0, "pragma: no-cache\ncache-control: foo", Fresh),
        ("5.4 another Pragma", "max-age=60", 0, "pragma: foo", Fresh),
        ("5.2.1.1 max-age kept", "max-age=60", 10, "cache-control: max-age=10", Fresh),
        ("5.2.1.1 max-age passed", "max-age=60", 11, "cache-control: max-age=10", Validate(Request)),
        ("5.2.1.1 max-age=0", "max-age=60", 0, "cache-control: max-age=0", Validate(Request)),
        ("5.2.1.1 no number", "max-age=60", 0, "cache-control: max-age=x", Validate(Request)),
        ("5.2.1.3 min-fresh kept", "max-age=60", 10, "cache-control: min-fresh=50", Fresh),
        ("5.2.1.3 min-fresh passed", "max-age=60", 11, "cache-control: min-fresh=50", Validate(Request)),
        ("5.2.1.2 max-stale", "max-age=60", 70, "cache-control: max-stale=10", StaleAccepted),
        ("5.2.1.2 max-stale passed", "max-age=60", 71, "cache-control: max-stale=10", Validate(Stale)),
        ("5.2.1.2 any", "max-age=60", 7_000, "cache-control: max-stale", StaleAccepted),
        (
            "5.2.2.2 must-revalidate",
            "max-age=60, must-revalidate",
            61,
            "cache-control: max-stale",
            Validate(Stale),
        ),
        (
            "5.2.2.8 proxy-revalidate",
            "max-age=60, proxy-revalidate",
            61,
            "cache-control: max-stale",
            Validate(Stale),
        ),
        ("5.2.2.10 s-maxage", "s-maxage=60", 61, "cache-control: max-stale", Validate(Stale)),
        ("5861 3", "max-age=60, stale-while-revalidate=30", 89, "", StaleWhileRevalidate),
        ("5861 3 passed", "max-age=60, stale-while-revalidate=30", 90, "", Validate(Stale)),
        (
            "5861 3 not with no-cache",
            "max-age=60, stale-while-revalidate=30",
            70,
            "cache-control: no-cache",
            Validate(Request),
        ),
        (
            "5861 3 not with max-age",
            "max-age=60, stale-while-revalidate=30",
            70,
            "cache-control: max-age=90",
            Validate(Stale),
        ),
        ("8246 2 reload", "max-age=60, immutable", 0, "cache-control: no-cache", Fresh),
        ("8246 2 reload by max-age", "max-age=60, immutable", 5, "cache-control: max-age=0", Fresh),
        (
            "8246 2 only while fresh",
            "max-age=60, immutable",
            60,
            "cache-control: no-cache",
            Validate(Request),
        ),
    ];
    for (name, stored, later, request, expected) in rows {
        let decision = Wish::read(&fields(request)).decide(&terms(stored), Time(NOW.0 + later));
        assert_eq!(decision, *expected, "{name}");
    }
}

#[test]
fn standing_in_for_an_origin() {
    // Section, stored, seconds later, request, on an error, on no connection.
    let rows: &[(&str, &str, i64, &str, bool, bool)] = &[
        ("5861 4 no leave", "max-age=60", 70, "", false, true),
        ("5861 4 leave", "max-age=60, stale-if-error=30", 89, "", true, true),
        ("5861 4 leave has passed", "max-age=60, stale-if-error=30", 90, "", false, true),
        ("5861 4 leave of the request", "max-age=60", 70, "cache-control: stale-if-error=30", true, true),
        ("4.2.4 too long ago", "max-age=60", 60 + 3_600, "", false, false),
        ("5.2.2.2 must-revalidate", "max-age=60, must-revalidate, stale-if-error=30", 70, "", false, false),
        ("5.2.2.8 proxy-revalidate", "max-age=60, proxy-revalidate", 70, "", false, false),
        ("5.2.2.10 s-maxage", "s-maxage=60, stale-if-error=30", 70, "", false, false),
        ("5.2.2.4 no-cache", "max-age=60, no-cache", 10, "", false, false),
        (
            "5.2.1.4 no-cache of the request",
            "max-age=60, stale-if-error=30",
            70,
            "cache-control: no-cache",
            false,
            false,
        ),
    ];
    for (name, stored, later, request, on_error, disconnected) in rows {
        let (wish, now, terms) = (Wish::read(&fields(request)), Time(NOW.0 + later), terms(stored));
        assert_eq!(wish.allows_on_error(&terms, now), *on_error, "{name}");
        assert_eq!(wish.allows_disconnected(&terms, now), *disconnected, "{name}");
    }
}

#[test]
fn a_soft_purge_leaves_the_grace() {
    let now = Time(NOW.0 + 5);
    let purged = terms("max-age=60, stale-while-revalidate=30").expired(now);
    let wish = Wish::default();
    assert_eq!(wish.decide(&purged, now), StaleWhileRevalidate);
    assert_eq!(wish.decide(&purged, Time(now.0 + 30)), Validate(Stale));
}

#[test]
fn cache_status() {
    let rows: &[(Status, &str)] = &[
        (Status { hit: true, ttl: Some(5), ..Status::default() }, "Bole; hit; ttl=5"),
        (
            Status {
                forward: Some(Forward::Stale),
                forward_status: Some(304),
                ttl: Some(-2),
                ..Status::default()
            },
            "Bole; fwd=stale; fwd-status=304; ttl=-2",
        ),
        (
            Status { forward: Some(Forward::UriMiss), stored: true, collapsed: true, ..Status::default() },
            "Bole; fwd=uri-miss; stored; collapsed",
        ),
        (
            Status { forward: Some(Forward::Bypass), detail: Some("fat-get"), ..Status::default() },
            "Bole; fwd=bypass; detail=fat-get",
        ),
    ];
    for (status, expected) in rows {
        assert_eq!(status.member("Bole"), *expected);
    }
}
