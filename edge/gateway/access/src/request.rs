//! What is known of a request when it is decided whether it may come in: its head, and whom it comes from.

use http::HeaderMap;
use http::header::{COOKIE, HeaderName};
use http::request;
use std::fmt::Write as _;
use std::net::IpAddr;

/// A request before its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// Method, target and headers as the client sent them.
    pub head: &'a request::Parts,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Host, and port if it is not the scheme's own, in lower case: from `:authority` or `Host`, whichever the gateway routes by.
    pub authority: &'a str,
    /// The client, as the gateway knows it after the PROXY protocol and trusted proxies.
    pub client: IpAddr,
    /// The client's certificate in DER, whose chain the TLS handshake has verified.
    pub certificate: Option<&'a [u8]>,
}

impl<'a> RequestFacts<'a> {
    pub(crate) fn headers(&self) -> &'a HeaderMap {
        &self.head.headers
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    pub(crate) fn path(&self) -> &'a str {
        match self.head.uri.path() {
            "" => "/",
            path => path,
        }
    }

    pub(crate) fn query(&self) -> Option<&'a str> {
        self.head.uri.query()
    }

    /// Path and query.
    pub(crate) fn target(&self) -> String {
        let query = self.query().map_or_else(String::new, |query| format!("?{query}"));
        format!("{}{query}", self.path())
    }

    /// The one value of a header. `Err` if there are several.
    pub(crate) fn one(&self, name: &HeaderName) -> Result<Option<&'a [u8]>, Several> {
        let mut values = self.headers().get_all(name).iter();
        let first = values.next();
        if values.next().is_some() { Err(Several) } else { Ok(first.map(http::HeaderValue::as_bytes)) }
    }

    /// The cookies, name and value, in order.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let values = self.headers().get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
    }

    /// A cookie's value; the first, if there are several of the name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&'a str> {
        self.cookies().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Whether the client is a browser that shows a page, and so can be sent to log in.
    pub(crate) fn shows_pages(&self) -> bool {
        let text =
            |name: &str| self.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let safe = matches!(self.head.method, http::Method::GET | http::Method::HEAD);
        let script = text("x-requested-with").eq_ignore_ascii_case("xmlhttprequest")
            || !matches!(text("sec-fetch-mode"), "" | "navigate")
            || !matches!(text("sec-fetch-dest"), "" | "document" | "iframe");
        let html = text("accept").split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            !refused
                && (kind.eq_ignore_ascii_case("text/html")
                    || kind.eq_ignore_ascii_case("application/xhtml+xml"))
        });
        safe && html && !script
    }
}

/// Where one value may be, there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Several;

/// The value of a parameter of a query, decoded (`application/x-www-form-urlencoded`). `Err` if there are several, or it is no
/// UTF-8.
pub(crate) fn parameter(query: &str, name: &str) -> Result<Option<String>, Several> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(key).as_deref() == Some(name.as_bytes()) {
            let value = decoded(value).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Several)?;
            if found.replace(value).is_some() {
                return Err(Several);
            }
        }
    }
    Ok(found)
}

/// Undoes form encoding. `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| (digit as char).to_digit(16));
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    Some(bytes)
}

/// Encodes all but unreserved characters (RFC 3986).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A body or query of form-encoded pairs.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// The `Cookie` headers without the cookies for which `ours` says so: `None` if there are none of them.
pub(crate) fn without_cookies(facts: &RequestFacts<'_>, ours: impl Fn(&str) -> bool) -> Option<String> {
    if !facts.cookies().any(|(name, _)| ours(name)) {
        return None;
    }
    let kept: Vec<String> = facts
        .cookies()
        .filter(|(name, _)| !ours(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(kept.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn browsers_that_show_pages_are_told_from_scripts() {
        for (method, headers, page) in [
            ("GET", vec![("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], true),
            ("GET", vec![("accept", "text/html"), ("sec-fetch-mode", "navigate")], true),
            ("POST", vec![("accept", "text/html")], false),
            ("GET", vec![("accept", "*/*")], false),
            ("GET", vec![], false),
            ("GET", vec![("accept", "application/json, text/html;q=0")], false),
            ("GET", vec![("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")], false),
            ("GET", vec![("accept", "text/html"), ("sec-fetch-mode", "cors")], false),
        ] {
            let mut request = http::Request::builder().method(method).uri("/");
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let client = "127.0.0.1".parse().unwrap();
            let facts =
                RequestFacts { head: &head, tls: true, authority: "example.com", client, certificate: None };
            assert_eq!(facts.shows_pages(), page, "{method} {headers:?}");
        }
    }

    #[test]
    fn parameters_are_decoded_and_must_be_single() {
        assert_eq!(parameter("a=1&b=x%20y+z&c", "b"), Ok(Some("x y z".to_owned())));
        assert_eq!(parameter("a=1&c", "c"), Ok(Some(String::new())));
        assert_eq!(parameter("a=1", "b"), Ok(None));
        assert_eq!(parameter("a=1&%61=2", "a"), Err(Several));
        assert_eq!(parameter("a=%ff", "a"), Err(Several));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".{0,40}") {
            prop_assert_eq!(decoded(&encoded(&text)), Some(text.clone().into_bytes()));
            let _ = decoded(&text);
            prop_assert_eq!(parameter(&form(&[("a", &text), ("b", "2")]), "a"), Ok(Some(text)));
        }
    }
}
