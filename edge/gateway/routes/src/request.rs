//! A request as routes see it.

use bole_gateway_document::path::Path;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use std::borrow::Cow;

/// The head of a request that has one meaning: one host, one path, one length.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its host in lower case, without a port; empty if it has none (HTTP/1.0).
    pub host: &'a str,
    /// The port that the client named; its scheme's own if it named none.
    pub port: Option<u16>,
    /// Its path.
    pub path: &'a Path<'a>,
    /// Its query, as it came, without `?`.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
}

impl<'a> Request<'a> {
    /// Whether it is a call of gRPC; gRPC-web is not.
    pub fn is_grpc(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
    }

    /// The values of a parameter of the query, decoded as forms are.
    pub fn parameters<'n>(&self, name: &'n str) -> impl Iterator<Item = Cow<'a, [u8]>> + use<'a, 'n> {
        let named = move |(key, _): &(&str, &str)| *decoded(key) == *name.as_bytes();
        pairs(self.query).filter(named).map(|(_, value)| decoded(value))
    }
}

/// Parameters of a query as they came: name and value, which is empty without `=`.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    parts.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A name or value of a form (WHATWG URL, `application/x-www-form-urlencoded`): `+` is a blank; `%` without two digits stays.
pub fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn parameters_are_decoded_as_forms_are() {
        for (text, expected) in [
            ("a", "a"),
            ("a+b", "a b"),
            ("%41%2b", "A+"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%4", "%4"),
            ("", ""),
        ] {
            assert_eq!(*decoded(text), *expected.as_bytes(), "{text}");
        }
        let all: Vec<_> = pairs(Some("a=1&&b&c=&a=2=3")).collect();
        assert_eq!(all, [("a", "1"), ("b", ""), ("c", ""), ("a", "2=3")]);
        assert_eq!(pairs(None).count(), 0);
    }

    #[test]
    fn grpc_is_known_by_its_type() {
        let path = Path::of("/").expect("a path");
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;a=b", true),
            ("application/grpc-web", false),
            ("application/grpcx", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let (method, headers) = (&Method::POST, &headers);
            let request =
                Request { method, host: "a", port: None, path: &path, query: None, headers, tls: false };
            assert_eq!(request.is_grpc(), expected, "{kind}");
        }
    }
}
