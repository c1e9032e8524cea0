//! What HTTP/2 can say and HTTP/1 was refused before, byte by byte ([`head`](crate::connection::head)): here the parsed head is
//! asked whether it has one meaning, so that both versions keep the same rules. Follows RFC 9113 (sections 8.2, 8.3) and RFC 9110
//! (sections 7.2, 10.1.1), and is stricter where they let a server choose.

use crate::error::Problem;
use crate::limits::Limits;
use bole_gateway_document::host;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{Method, Version};
use pingora_http::RequestHeader;

/// How a head is answered that has no meaning, or more than one.
pub type Refused = (Problem, Option<String>);

const fn refused(problem: Problem) -> Refused {
    (problem, None)
}

fn two_meanings(detail: &str) -> Refused {
    (Problem::BadRequest, Some(detail.to_owned()))
}

/// Checks a head.
///
/// # Errors
/// How it is answered if it has no meaning, or more than one.
pub fn check(request: &RequestHeader, limits: &Limits) -> Result<(), Refused> {
    if request.method == Method::TRACE || request.method == Method::CONNECT {
        return Err(refused(Problem::MethodRefused));
    }
    let path = request.raw_path();
    if path.len() > limits.target_bytes_max {
        return Err(refused(Problem::TargetTooLong));
    }
    if request.headers.len() > limits.head_fields_max {
        return Err(refused(Problem::HeadTooLarge));
    }
    let plain = |byte: &u8| (0x21..0x7F).contains(byte) && !b"\"#<>".contains(byte);
    if !path.iter().all(plain) {
        return Err(two_meanings("the target has bytes that must be percent-encoded"));
    }
    if request.version == Version::HTTP_2 { stream(request) } else { Ok(()) }
}

/// What only a stream can say: its frames are bounded by the library, but nobody has looked at its fields.
fn stream(request: &RequestHeader) -> Result<(), Refused> {
    let headers = &request.headers;
    one_host(request)?;
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let digits = length.as_bytes();
        let fits = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        if !fits || lengths.next().is_some() {
            return Err(two_meanings("Content-Length is not one number"));
        }
    }
    let of_connections = [CONNECTION, TRANSFER_ENCODING, UPGRADE];
    let others = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    let te = headers.get_all(TE).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    if te || of_connections.iter().chain(&others).any(|name| headers.contains_key(name)) {
        return Err(two_meanings("HTTP/2 has no headers of connections"));
    }
    if alike(headers) {
        return Err(two_meanings("a field frames the message where _ and - are the same"));
    }
    let mut expected = headers.get_all(EXPECT).iter();
    if expected.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(refused(Problem::Expectation));
    }
    Ok(())
}

/// `Host` and `:authority` name the same, once.
fn one_host(request: &RequestHeader) -> Result<(), Refused> {
    let mut named = request.headers.get_all(HOST).iter();
    let header = named.next();
    if named.next().is_some() {
        return Err(two_meanings("there are several Hosts"));
    }
    let target = request.uri.authority().map(Authority::as_str);
    let Some(header) = header else {
        return if target.is_some() {
            Ok(())
        } else {
            Err(two_meanings("there is neither :authority nor Host"))
        };
    };
    let header = header.to_str().map_err(|_| two_meanings("Host is not a host"))?;
    let own = if request.uri.scheme_str() == Some("https") { 443 } else { 80 };
    let read = |text| {
        let (name, port) = host::split(text)?;
        Some((host::spelled(name)?, port.unwrap_or(own)))
    };
    let header = read(header).ok_or_else(|| two_meanings("Host is not a host"))?;
    match target.map(read) {
        None => Ok(()),
        Some(Some(target)) if target == header => Ok(()),
        Some(_) => Err(two_meanings("Host and :authority name different hosts")),
    }
}

/// Programs that get headers as variables cannot tell `content_length` from what it looks like.
fn alike(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| matches!(name.as_str(), "content_length" | "transfer_encoding"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Problem::{BadRequest, Expectation, HeadTooLarge, MethodRefused, TargetTooLong};

    /// A request of HTTP/2 as `METHOD URL|name: value|…`.
    fn verdict(text: &str) -> Result<(), Problem> {
        let mut parts = text.split('|');
        let (method, target) = parts.next().and_then(|line| line.split_once(' ')).expect("a line");
        let mut request = RequestHeader::build(method, b"/", None).expect("a head");
        request.set_uri(target.parse().expect("a target"));
        request.set_version(Version::HTTP_2);
        for part in parts {
            let (name, value) = part.split_once(": ").expect("a header");
            let value = http::HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            request.append_header(name.to_owned(), value).expect("room");
        }
        check(&request, &Limits::default()).map_err(|(problem, _)| problem)
    }

    #[test]
    fn each_head_says_one_thing_or_is_refused() {
        let rows: &[(&str, Result<(), Problem>)] = &[
            ("GET http://a/x", Ok(())),
            ("GET /|host: a", Ok(())),
            ("GET http://a/|host: A|te: trailers|content-length: 0", Ok(())),
            ("GET http://a/|host: a:80", Ok(())),
            ("GET https://a/|host: a:443", Ok(())),
            ("POST http://a/|expect: 100-Continue", Ok(())),
            ("CONNECT http://a/", Err(MethodRefused)),
            ("TRACE http://a/", Err(MethodRefused)),
            ("GET /", Err(BadRequest)),
            ("GET http://a/|host: a|host: a", Err(BadRequest)),
            ("GET http://a/|host: b", Err(BadRequest)),
            ("GET http://a/|host: a:81", Err(BadRequest)),
            ("GET http://a/|host: ", Err(BadRequest)),
            ("GET http://a/|host: a b", Err(BadRequest)),
            ("GET http://a/|host: a@b", Err(BadRequest)),
            ("GET http://a/|host: a/b", Err(BadRequest)),
            ("GET http://a/|host: a,b", Err(BadRequest)),
            ("GET http://a/|host: a:x", Err(BadRequest)),
            ("GET http://a/|host: \u{e4}", Err(BadRequest)),
            ("GET http://u@a/|host: a", Err(BadRequest)),
            ("GET http://a/|content-length: x", Err(BadRequest)),
            ("GET http://a/|content-length: 1,1", Err(BadRequest)),
            ("GET http://a/|content-length: +1", Err(BadRequest)),
            ("GET http://a/|content-length: 1|content-length: 1", Err(BadRequest)),
            ("GET http://a/|transfer-encoding: chunked", Err(BadRequest)),
            ("GET http://a/|content_length: 1", Err(BadRequest)),
            ("GET http://a/|connection: close", Err(BadRequest)),
            ("GET http://a/|upgrade: websocket", Err(BadRequest)),
            ("GET http://a/|keep-alive: 1", Err(BadRequest)),
            ("GET http://a/|te: gzip", Err(BadRequest)),
            ("GET http://a/|expect: 200-ok", Err(Expectation)),
        ];
        for (text, expected) in rows {
            assert_eq!(verdict(text), *expected, "{text}");
        }
        let limits = Limits::default();
        let many = "|a: b".repeat(limits.head_fields_max + 1);
        assert_eq!(verdict(&format!("GET http://a/{many}")), Err(HeadTooLarge));
        let long = "b".repeat(limits.target_bytes_max);
        assert_eq!(verdict(&format!("GET http://a/?{long}")), Err(TargetTooLong));
    }
}
