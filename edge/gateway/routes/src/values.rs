//! What templates and keys stand for in one request.

use crate::request::{decoded, pairs};
use crate::table::Parts;
use bole_gateway_document::service::KeySource;
use bole_gateway_document::template::{Part, Template};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use std::borrow::Cow;
use std::net::IpAddr;

/// What is known of a request when it is changed.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The client's address.
    pub client_ip: IpAddr,
    /// Who the client is, once a login said so.
    pub consumer: Option<&'a str>,
    /// The route's name.
    pub route: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The request's host, without a port.
    pub host: &'a str,
    /// The request's path, in the spelling that was matched.
    pub path: &'a str,
    /// Its query as it came.
    pub query: Option<&'a str>,
    /// The headers that placeholders read.
    pub headers: &'a HeaderMap,
    /// The parts of the path.
    pub parts: &'a Parts<'a>,
}

impl<'a> Values<'a> {
    fn part(&self, part: &'a Part) -> Cow<'a, [u8]> {
        let text: &str = match part {
            Part::Text(text) => text,
            Part::ClientIp => return Cow::Owned(self.client_ip.to_string().into_bytes()),
            Part::Consumer => self.consumer.unwrap_or_default(),
            Part::Route => self.route,
            Part::RequestId => self.request_id,
            Part::Host => self.host,
            Part::Path => self.path,
            Part::Query => self.query.unwrap_or_default(),
            Part::Rest => self.parts.rest,
            Part::Header(name) => {
                return Cow::Borrowed(self.headers.get(name).map_or(b"", HeaderValue::as_bytes));
            }
            Part::Group(number) => self.parts.groups.get(number - 1).copied().unwrap_or_default(),
        };
        Cow::Borrowed(text.as_bytes())
    }

    /// The text of a template.
    pub fn render(&self, template: &'a Template) -> Vec<u8> {
        template.parts.iter().map(|part| self.part(part)).collect::<Vec<_>>().concat()
    }

    /// The text of a template as a header's value. What no header has (controls in a consumer's name) is percent-encoded, so that
    /// nothing ends the line.
    pub fn header(&self, template: &'a Template) -> HeaderValue {
        let text = self.render(template);
        let plain = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7F);
        let text = if text.iter().all(plain) { text } else { encoded(&text, plain) };
        HeaderValue::from_bytes(text.trim_ascii()).expect("only bytes that a value may have are left")
    }

    /// The key of a request; nothing if it has none. The bytes of keys from different sources may be the same.
    pub fn key(&self, source: &'a KeySource) -> Option<Cow<'a, [u8]>> {
        match source {
            KeySource::Ip => Some(match self.client_ip {
                IpAddr::V4(address) => Cow::Owned(address.octets().to_vec()),
                IpAddr::V6(address) => Cow::Owned(address.octets().to_vec()),
            }),
            KeySource::Consumer => self.consumer.map(|name| Cow::Borrowed(name.as_bytes())),
            KeySource::Path => Some(Cow::Borrowed(self.path.as_bytes())),
            KeySource::All => Some(Cow::Borrowed(b"")),
            KeySource::Header(name) => self.headers.get(name).map(|value| Cow::Borrowed(value.as_bytes())),
            KeySource::Cookie(name) => cookie(self.headers, name).map(Cow::Borrowed),
            KeySource::Query(name) => {
                let named = |(key, _): &(&str, &str)| *decoded(key) == *name.as_bytes();
                pairs(self.query).find(named).map(|(_, value)| decoded(value))
            }
        }
    }
}

/// The value of a cookie (RFC 6265, section 5.4); the first of several.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let values = headers.get_all(COOKIE).iter();
    let mut cookies = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    cookies.find_map(|cookie| {
        let rest = cookie.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=").map(<[u8]>::trim_ascii)
    })
}

/// Percent-encodes all bytes that are not plain.
pub(crate) fn encoded(bytes: &[u8], plain: impl Fn(&u8) -> bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if plain(byte) {
            text.push(*byte);
        } else {
            let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
            text.extend([b'%', digit(byte >> 4), digit(*byte)]);
        }
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bole_gateway_document::template::Use;

    /// Values of a request that tests change.
    pub(crate) fn values<'a>(headers: &'a HeaderMap, parts: &'a Parts<'a>) -> Values<'a> {
        Values {
            client_ip: "192.0.2.1".parse().expect("an address"),
            consumer: Some("shop"),
            route: "r",
            request_id: "17",
            host: "a.com",
            path: "/x/y",
            query: Some("q=1&p=a%20b"),
            headers,
            parts,
        }
    }

    #[test]
    fn templates_become_values_of_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("v"));
        let parts = Parts { rest: "y", groups: vec!["one"] };
        for (text, expected) in [
            ("", ""),
            ("a {client_ip} {consumer} {route} {request_id}", "a 192.0.2.1 shop r 17"),
            ("{host}{path}?{query}", "a.com/x/y?q=1&p=a%20b"),
            ("{rest}-{1}-{2}-{header.x-a}-{header.x-b}", "y-one--v-"),
        ] {
            let template = Template::parse(text, Use::Value).expect("it is one");
            assert_eq!(values(&headers, &parts).header(&template), expected, "{text}");
        }
        let evil = Values { consumer: Some("a\r\nb: c\0"), ..values(&headers, &parts) };
        let template = Template::parse("{consumer}", Use::Value).expect("it is one");
        assert_eq!(evil.header(&template), "a%0D%0Ab: c%00");
    }

    #[test]
    fn keys_come_from_their_sources() {
        let mut headers = HeaderMap::new();
        headers.insert("x-tenant", HeaderValue::from_static("t"));
        headers.append(COOKIE, HeaderValue::from_static("ab=1; a=2"));
        headers.append(COOKIE, HeaderValue::from_static("b=3;a=4"));
        let parts = Parts::default();
        for (source, expected) in [
            (KeySource::Ip, Some(&[192, 0, 2, 1][..])),
            (KeySource::Consumer, Some(b"shop")),
            (KeySource::Path, Some(b"/x/y")),
            (KeySource::All, Some(b"")),
            (KeySource::Header("x-tenant".into()), Some(b"t")),
            (KeySource::Header("x-other".into()), None),
            (KeySource::Cookie("a".into()), Some(b"2")),
            (KeySource::Cookie("b".into()), Some(b"3")),
            (KeySource::Cookie("c".into()), None),
            (KeySource::Query("p".into()), Some(b"a b")),
            (KeySource::Query("x".into()), None),
        ] {
            assert_eq!(values(&headers, &parts).key(&source).as_deref(), expected, "{source:?}");
        }
    }
}
