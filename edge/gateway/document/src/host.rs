//! Hosts: names and addresses in one spelling, with or without a port, and the wildcards of routes and certificates.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of a name (RFC 1035, section 2.3.4, without the dot at the end).
const NAME_BYTES_MAX: usize = 253;

/// A host with or without a port: `example.com:8080`, `127.0.0.1`, `[::1]:80`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// In lower case, without a dot at the end; an IPv6 address in brackets.
    pub host: String,
    /// Its port.
    pub port: Option<u16>,
}

/// Which hosts a route or certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// The host or, of a wildcard, what follows `*.`.
    pub name: String,
    /// Whether it begins with `*.`: one label or more before the name.
    pub wildcard: bool,
    /// Only this port.
    pub port: Option<u16>,
}

/// Splits `host:port` in two, without looking at the host. `None` if what follows the colon is no port.
pub fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let colon = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').map(|at| at + 2).filter(|at| *at < text.len()),
        None => text.find(':'),
    };
    let Some(colon) = colon else { return Some((text, None)) };
    let port = text[colon..].strip_prefix(':')?;
    let plain = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| plain && *port != 0)?;
    Some((&text[..colon], Some(port)))
}

/// A host as it is compared: in lower case, without a dot at the end. `None` if it is neither a name nor an address.
pub fn spelled(host: &str) -> Option<Cow<'_, str>> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        let text = format!("[{address}]");
        return Some(if text == host { Cow::Borrowed(host) } else { Cow::Owned(text) });
    }
    if !is_name(host) {
        return None;
    }
    // What ends in a number is an address in four parts or nothing: `127.1` is the same host to some resolvers only.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) && host.parse::<Ipv4Addr>().is_err() {
        return None;
    }
    let lower = !host.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if lower { Cow::Borrowed(host) } else { Cow::Owned(host.to_ascii_lowercase()) })
}

/// Letters, digits, hyphens and, as it is found in internal names, underscores; labels of 1 to 63.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= NAME_BYTES_MAX && name.split('.').all(label)
}

impl HostPort {
    /// Reads a host with or without a port.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = split(text)?;
        Some(Self { host: spelled(host)?.into_owned(), port })
    }
}

impl HostPattern {
    /// Reads `example.com`, `*.example.com`, each with or without a port.
    pub fn parse(text: &str) -> Option<Self> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let HostPort { host, port } = HostPort::parse(rest)?;
        let address = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
        (!wildcard || !address).then_some(Self { name: host, wildcard, port })
    }

    /// Whether a host, in the spelling of [`spelled`], is among them.
    pub fn fits(&self, host: &str, port: Option<u16>) -> bool {
        let named = if self.wildcard {
            host.strip_suffix(self.name.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        } else {
            host == self.name
        };
        named && (self.port.is_none() || self.port == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_have_one_spelling_or_none() {
        for (text, expected) in [
            ("Example.COM", Some(("example.com", None))),
            ("example.com.", Some(("example.com", None))),
            ("example.com:8080", Some(("example.com", Some(8080)))),
            ("a_b.internal:1", Some(("a_b.internal", Some(1)))),
            ("127.0.0.1:80", Some(("127.0.0.1", Some(80)))),
            ("[0:0::1]:80", Some(("[::1]", Some(80)))),
            ("[::1]", Some(("[::1]", None))),
            ("localhost", Some(("localhost", None))),
            ("", None),
            (".", None),
            ("a..b", None),
            ("-a", None),
            ("ä.example", None),
            ("a b", None),
            ("a:", None),
            ("a:0", None),
            ("a:65536", None),
            ("a:+80", None),
            ("a:80:81", None),
            ("a@b", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]80", None),
            ("[x]", None),
            ("127.1", None),
            ("1.2.3.4.5", None),
            ("a/b", None),
            ("*.a", None),
        ] {
            let read = HostPort::parse(text);
            let read = read.as_ref().map(|read| (read.host.as_str(), read.port));
            assert_eq!(read, expected, "{text}");
        }
        assert_eq!(HostPort::parse(&"a".repeat(64)), None);
        assert_eq!(HostPort::parse(&"a.".repeat(127)[..253]).map(|read| read.host.len()), Some(253));
        assert_eq!(HostPort::parse(&"ab.".repeat(90)), None);
    }

    #[test]
    fn wildcards_take_one_label_or_more() {
        let rows: &[(&str, &[(&str, u16)], &[(&str, u16)])] = &[
            ("example.com", &[("example.com", 1)], &[("a.example.com", 1), ("example.org", 1)]),
            ("example.com:80", &[("example.com", 80)], &[("example.com", 81)]),
            (
                "*.example.com",
                &[("a.example.com", 1), ("a.b.example.com", 2)],
                &[("example.com", 1), ("aexample.com", 1), (".example.com", 1)],
            ),
            ("*.com:80", &[("a.com", 80)], &[("a.com", 81)]),
        ];
        for (text, taken, left) in rows {
            let pattern = HostPattern::parse(text).expect("it is one");
            assert!(taken.iter().all(|(host, port)| pattern.fits(host, Some(*port))), "{text}");
            assert!(!left.iter().any(|(host, port)| pattern.fits(host, Some(*port))), "{text}");
        }
        for text in ["*", "*.", "a.*", "*a.com", "*.*.com", "*.1.2.3.4", "*.[::1]", "http://a"] {
            assert_eq!(HostPattern::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_host_or_refused(text in ".*") {
            if let Some(read) = HostPort::parse(&text) {
                let written = read.port.map_or(read.host.clone(), |port| format!("{}:{port}", read.host));
                prop_assert_eq!(HostPort::parse(&written), Some(read));
            }
        }
    }
}
