//! RFC 9111 §3: what is stored, and what of it; §4.4: what is invalidated.

use super::{NOW, fields};
use crate::invalidate;
use crate::store::{Asked, Refusal, kept_fields, storable};
use crate::terms::Settings;
use http::{Method, StatusCode, Uri};

fn check(method: &str, request: &str, status: u16, response: &str) -> Option<Refusal> {
    let (method, uri) = (method.parse::<Method>().unwrap(), "http://h/a/b?q".parse::<Uri>().unwrap());
    let headers = fields(request);
    let asked = Asked { method: &method, uri: &uri, headers: &headers, authenticated: false, at: NOW };
    let status = StatusCode::from_u16(status).unwrap();
    storable(&asked, status, &fields(response), NOW, &Settings::default()).err()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn storability() {
    use Refusal as R;
    const FRESH: &str = "cache-control: max-age=60";
    let rows: &[(&str, &str, &str, u16, &str, Option<R>)] = &[
        ("3 GET with freshness", "GET", "", 200, FRESH, None),
        ("3 nothing allows it", "GET", "", 200, "", Some(R::NoUse)),
        (
            "3 a status without a default, nothing allows it",
            "GET",
            "",
            201,
            "etag: \"a\"",
            Some(R::NotAllowed),
        ),
        ("3 a validator alone, to be validated", "GET", "", 200, "etag: \"a\"", None),
        ("3 any final status with freshness", "GET", "", 599, FRESH, None),
        ("3 500 with freshness", "GET", "", 500, FRESH, None),
        ("3 304 is no answer of its own", "GET", "", 304, FRESH, Some(R::Status)),
        ("3 HEAD", "HEAD", "", 200, FRESH, Some(R::Method)),
        ("3 PUT", "PUT", "", 200, FRESH, Some(R::Method)),
        ("3 unknown method", "FOO", "", 200, FRESH, Some(R::Method)),
        ("9110 9.3.3 POST", "POST", "", 200, FRESH, Some(R::Method)),
        (
            "9110 9.3.3 POST of itself",
            "POST",
            "",
            200,
            "cache-control: max-age=60\ncontent-location: /a/b?q",
            None,
        ),
        (
            "9110 9.3.3 POST of another",
            "POST",
            "",
            200,
            "cache-control: max-age=60\ncontent-location: /a",
            Some(R::Method),
        ),
        (
            "9110 9.3.3 POST without freshness",
            "POST",
            "",
            200,
            "content-location: /a/b?q\netag: \"a\"",
            Some(R::Method),
        ),
        ("5.2.2.5 no-store", "GET", "", 200, "cache-control: max-age=60, no-store", Some(R::NoStore)),
        ("5.2.2.5 in any case", "GET", "", 200, "cache-control: No-StOrE, max-age=6", Some(R::NoStore)),
        (
            "5.2.1.5 no-store of the request",
            "GET",
            "cache-control: no-store",
            200,
            FRESH,
            Some(R::RequestNoStore),
        ),
        ("5.2.2.7 private", "GET", "", 200, "cache-control: private, max-age=60", Some(R::Private)),
        ("5.2.2.7 private with fields", "GET", "", 200, "cache-control: private=\"a\", max-age=60", None),
        (
            "5.2.2.7 private with what is no name",
            "GET",
            "",
            200,
            "cache-control: private=\"(\", max-age=60",
            Some(R::Private),
        ),
        ("5.2.2.3 understood", "GET", "", 200, "cache-control: max-age=60, no-store, must-understand", None),
        (
            "5.2.2.3 not understood",
            "GET",
            "",
            599,
            "cache-control: max-age=60, must-understand",
            Some(R::MustUnderstand),
        ),
        ("3.5 authorized", "GET", "authorization: x", 200, FRESH, Some(R::Authorization)),
        ("3.5 public", "GET", "authorization: x", 200, "cache-control: max-age=60, public", None),
        (
            "3.5 must-revalidate",
            "GET",
            "authorization: x",
            200,
            "cache-control: max-age=60, must-revalidate",
            None,
        ),
        ("3.5 s-maxage", "GET", "authorization: x", 200, "cache-control: s-maxage=60", None),
        (
            "3.5 s-maxage that is no number",
            "GET",
            "authorization: x",
            200,
            "cache-control: s-maxage=x, max-age=60\netag: \"a\"",
            Some(R::Authorization),
        ),
        (
            "3.5 proxy-revalidate is not enough",
            "GET",
            "authorization: x",
            200,
            "cache-control: max-age=60, proxy-revalidate",
            Some(R::Authorization),
        ),
        ("4.1 Vary: *", "GET", "", 200, "cache-control: max-age=60\nvary: a, *", Some(R::VaryAny)),
        (
            "3.4 206 with a range",
            "GET",
            "range: bytes=0-4",
            206,
            "cache-control: max-age=60\ncontent-range: bytes 0-4/10\ncontent-length: 5",
            None,
        ),
        ("3.4 206 without", "GET", "", 206, FRESH, Some(R::Partial)),
        (
            "3.4 206 that contradicts itself",
            "GET",
            "",
            206,
            "cache-control: max-age=60\ncontent-range: bytes 4-9/10\ncontent-length: 5",
            Some(R::Partial),
        ),
        ("stale, with grace", "GET", "", 200, "cache-control: max-age=0, stale-while-revalidate=5", None),
        ("stale, no use", "GET", "", 200, "cache-control: max-age=0", Some(R::NoUse)),
        ("4.2.2 heuristics", "GET", "", 200, "last-modified: {-1000}", None),
        (
            "4.2.2 not what may be one user's",
            "GET",
            "cookie: a",
            200,
            "last-modified: {-1000}",
            Some(R::Cookies),
        ),
        (
            "4.2.2 not what sets a cookie",
            "GET",
            "",
            200,
            "last-modified: {-1000}\nset-cookie: a=b",
            Some(R::Cookies),
        ),
        (
            "7.3 cookies with freshness stated",
            "GET",
            "cookie: a",
            200,
            "cache-control: max-age=60\nset-cookie: a=b",
            None,
        ),
        (
            "9213 no-store beside fresh Cache-Control",
            "GET",
            "",
            200,
            "cdn-cache-control: no-store\ncache-control: max-age=60",
            Some(R::NoStore),
        ),
        (
            "9213 fresh beside no-store",
            "GET",
            "",
            200,
            "cdn-cache-control: max-age=60\ncache-control: no-store",
            None,
        ),
        (
            "9213 not parsed beside no-store",
            "GET",
            "",
            200,
            "cdn-cache-control: max-age=60, &\ncache-control: no-store",
            Some(R::NoStore),
        ),
        (
            "9213 wrong type beside no-store",
            "GET",
            "",
            200,
            "cdn-cache-control: max-age=\"60\"\ncache-control: no-store",
            Some(R::NoStore),
        ),
        (
            "9213 private",
            "GET",
            "",
            200,
            "cdn-cache-control: private\ncache-control: max-age=60",
            Some(R::Private),
        ),
        ("9213 a flag that is off", "GET", "", 200, "cdn-cache-control: max-age=60, no-store=?0", None),
    ];
    for (name, method, request, status, response, expected) in rows {
        assert_eq!(check(method, request, *status, response), *expected, "{name}");
    }
}

#[test]
fn fields_that_are_kept() {
    let response = "connection: close, x-hop\nx-hop: 1\nkeep-alive: 5\ntransfer-encoding: chunked\nproxy-authenticate: x\nupgrade: y\nte: z\n\
        cache-control: no-cache=\"set-cookie\", private=\"x-user\", max-age=5\nset-cookie: a=b\nx-user: me\nx-kept: 1\ndate: {+0}";
    let mut kept: Vec<String> = kept_fields(&fields(response)).keys().map(ToString::to_string).collect();
    kept.sort();
    assert_eq!(kept, ["cache-control", "date", "x-kept"]);
}

#[test]
fn invalidation() {
    // Method, status, fields, what is dropped.
    let rows: &[(&str, &str, u16, &str, &[&str])] = &[
        ("4.4 POST", "POST", 200, "", &["http://h/a/b?q"]),
        ("4.4 unknown methods are unsafe", "M-SEARCH", 204, "", &["http://h/a/b?q"]),
        ("4.4 redirections too", "DELETE", 303, "", &["http://h/a/b?q"]),
        ("4.4 not errors", "PUT", 500, "", &[]),
        ("4.4 not safe methods", "GET", 200, "location: /x", &[]),
        ("4.4 OPTIONS is safe", "OPTIONS", 200, "", &[]),
        ("4.4 Location", "POST", 201, "location: /x", &["http://h/a/b?q", "http://h/x"]),
        (
            "4.4 Content-Location, relative",
            "PUT",
            200,
            "content-location: c?d#e",
            &["http://h/a/b?q", "http://h/a/c?d"],
        ),
        (
            "4.4 the same origin, said otherwise",
            "PUT",
            200,
            "location: http://H:80/x",
            &["http://h/a/b?q", "http://H:80/x"],
        ),
        ("4.4 not another host", "PUT", 200, "location: http://other/x", &["http://h/a/b?q"]),
        ("4.4 not another scheme", "PUT", 200, "location: https://h/x", &["http://h/a/b?q"]),
        ("4.4 not another port", "PUT", 200, "location: //h:81/x", &["http://h/a/b?q"]),
        ("3986 5.2.4", "PUT", 200, "location: ../x/./y/..", &["http://h/a/b?q", "http://h/x/"]),
    ];
    let uri: Uri = "http://h/a/b?q".parse().unwrap();
    for (name, method, status, response, expected) in rows {
        let status = StatusCode::from_u16(*status).unwrap();
        let dropped = invalidate::targets(&method.parse().unwrap(), &uri, status, &fields(response));
        let expected: Vec<Uri> = expected.iter().map(|uri| uri.parse().unwrap()).collect();
        assert_eq!(dropped, expected, "{name}");
    }
}
