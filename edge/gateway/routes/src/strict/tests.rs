//! Heads and what is made of them.

use super::*;
use bole_gateway_document::path;

/// A request as `VERSION METHOD TARGET|name: value|…`, where HTTP/2's target is a URL.
fn check(text: &str, tls: bool) -> Result<(String, u16, String, Body), Refused> {
    let mut parts = text.split('|');
    let line: Vec<_> = parts.next().expect("a line").split(' ').collect();
    let version = match line[0] {
        "1.0" => Version::HTTP_10,
        "1.1" => Version::HTTP_11,
        "2" => Version::HTTP_2,
        _ => Version::HTTP_3,
    };
    let mut headers = HeaderMap::new();
    for part in parts {
        let (name, value) = part.split_once(": ").expect("a header");
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    let method = Method::from_bytes(line[1].as_bytes()).expect("a method");
    let uri: Uri = line[2].parse().expect("a target");
    let head = Head { method: &method, uri: &uri, version, headers: &headers, tls };
    let checked = head.check()?;
    Ok((checked.host.to_string(), checked.port, checked.path.as_str().to_owned(), checked.body))
}

const REFUSED: &[(&str, Refused)] = &[
    ("3 GET /|host: a", Refused::Version),
    ("1.1 CONNECT a:80|host: a", Refused::MethodRefused),
    ("1.1 TRACE /|host: a", Refused::MethodRefused),
    ("2 CONNECT http://a/", Refused::MethodRefused),
    ("1.1 ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG /|host: a", Refused::Method),
    ("1.1 GET /", Refused::Host),
    ("1.1 GET /|host: a|host: a", Refused::Host),
    ("1.1 GET http://a/", Refused::Host),
    ("2 GET /", Refused::Host),
    ("1.1 GET /|host: ", Refused::HostSyntax),
    ("1.1 GET /|host: a b", Refused::HostSyntax),
    ("1.1 GET /|host: a@b", Refused::HostSyntax),
    ("1.1 GET /|host: a/b", Refused::HostSyntax),
    ("1.1 GET /|host: a,b", Refused::HostSyntax),
    ("1.1 GET /|host: a:x", Refused::HostSyntax),
    ("1.1 GET /|host: a:99999", Refused::HostSyntax),
    ("1.1 GET /|host: \u{e4}", Refused::HostSyntax),
    ("1.1 GET http://u@a/|host: a", Refused::HostSyntax),
    ("1.1 GET http://a/|host: b", Refused::HostsDisagree),
    ("1.1 GET http://a/|host: a:81", Refused::HostsDisagree),
    ("2 GET http://a/|host: b", Refused::HostsDisagree),
    ("1.1 GET ftp://a/|host: a", Refused::Target),
    ("1.1 GET a:80|host: a:80", Refused::Target),
    ("1.1 OPTIONS *|host: a", Refused::Path(path::Refused::NotAbsolute)),
    ("1.1 GET /%00|host: a", Refused::Path(path::Refused::Control)),
    ("1.1 GET /%2e%2e/a|host: a", Refused::Path(path::Refused::HiddenDots)),
    ("1.1 GET /|host: a|content-length: 1|content-length: 1", Refused::ContentLength),
    ("1.1 GET /|host: a|content-length: 1,1", Refused::ContentLength),
    ("1.1 GET /|host: a|content-length: +1", Refused::ContentLength),
    ("2 GET http://a/|content-length: x", Refused::ContentLength),
    ("1.1 GET /|host: a|content-length: 1|transfer-encoding: chunked", Refused::TwoLengths),
    ("1.0 GET /|transfer-encoding: chunked", Refused::TransferEncodingVersion),
    ("2 GET http://a/|transfer-encoding: chunked", Refused::TransferEncodingVersion),
    ("1.1 GET /|host: a|transfer-encoding: gzip", Refused::TransferEncoding),
    ("1.1 GET /|host: a|transfer-encoding: gzip, chunked", Refused::TransferEncoding),
    ("1.1 GET /|host: a|transfer-encoding: chunked|transfer-encoding: chunked", Refused::TransferEncoding),
    ("2 GET http://a/|connection: close", Refused::ConnectionHeader),
    ("2 GET http://a/|upgrade: websocket", Refused::ConnectionHeader),
    ("2 GET http://a/|keep-alive: 1", Refused::ConnectionHeader),
    ("2 GET http://a/|te: gzip", Refused::ConnectionHeader),
    ("1.1 GET /|host: a|expect: 200-ok", Refused::Expect),
];

const TAKEN: &[(&str, &str, u16, &str, Body)] = &[
    ("1.1 GET /|host: A.Example", "a.example", 80, "/", Body::None),
    ("1.1 GET /a//b?c|host: a:8080", "a", 8080, "/a/b", Body::None),
    ("1.1 GET http://a/|host: A:80", "a", 80, "/", Body::None),
    ("1.1 GET http://a?b|host: a", "a", 80, "/", Body::None),
    ("1.0 GET /", "", 80, "/", Body::None),
    ("1.0 GET http://a:81/", "a", 81, "/", Body::None),
    ("1.1 POST /|host: a|content-length: 7|expect: 100-Continue", "a", 80, "/", Body::Length(7)),
    ("1.1 POST /|host: a|content-length: 0", "a", 80, "/", Body::None),
    ("1.1 POST /|host: a|transfer-encoding: Chunked", "a", 80, "/", Body::Chunked),
    ("2 GET http://a/x", "a", 80, "/x", Body::Chunked),
    ("2 GET http://a/|host: a|te: trailers|content-length: 0", "a", 80, "/", Body::None),
    ("2 GET /|host: a", "a", 80, "/", Body::Chunked),
    ("1.1 GET /|host: [::1]:80", "[::1]", 80, "/", Body::None),
];

#[test]
fn each_head_says_one_thing_or_is_refused() {
    for (text, expected) in REFUSED {
        assert_eq!(check(text, false), Err(*expected), "{text}");
        assert!(expected.status().is_client_error() || expected.status() == 505, "{text}");
    }
    for (text, host, port, path, body) in TAKEN {
        let expected = ((*host).to_owned(), *port, (*path).to_owned(), *body);
        assert_eq!(check(text, false), Ok(expected), "{text}");
    }
    let (_, port, ..) = check("1.1 GET /|host: a", true).expect("it is right");
    assert_eq!(port, 443);
    let many = "|a: b".repeat(FIELDS_MAX);
    assert_eq!(check(&format!("1.1 GET /|host: a{many}"), false), Err(Refused::FieldsLarge));
    let long = "b".repeat(FIELDS_BYTES_MAX);
    assert_eq!(check(&format!("1.1 GET /|host: a|a: {long}"), false), Err(Refused::FieldsLarge));
    let long = "b".repeat(TARGET_BYTES_MAX);
    assert_eq!(check(&format!("1.1 GET /?{long}|host: a"), false), Err(Refused::TargetLong));
}
