//! Safe by default (P8): which addresses a node may listen on, and which web pages may reach an HTTP door.
//!
//! Plain functions over values; they open nothing and look nothing up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::error::{Error, Result};

/// An address that a node is about to listen on.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The service behind it.
    pub service: &'static str,
    /// The configuration option that holds the address.
    pub option: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// Whether its connections are encrypted.
    pub tls: bool,
}

/// Checks the doors of a node before it opens them. `authenticated` says that the default user is gone or changed. The
/// error names every door that must stay closed; the result is one warning for each that is open and not encrypted.
pub fn check(doors: &[Door], authenticated: bool) -> Result<Vec<String>> {
    let open: Vec<_> = doors.iter().filter(|door| !is_loopback(door.address.ip())).collect();
    if !authenticated && !open.is_empty() {
        let list: Vec<_> =
            open.iter().map(|door| format!("`{}` = \"{}\"", door.option, door.address)).collect();
        return Err(Error::Unsafe(format!(
            "refusing to listen beyond this machine while the user \"bole\" has its default password: {}; change its \
             password or remove it (`bole user`), or listen on 127.0.0.1",
            list.join(", ")
        )));
    }
    let warning = |door: &Door| {
        format!(
            "{} listens on {} without TLS: passwords and data can be read on the way; set a certificate, or change \
             `{}`",
            door.service, door.address, door.option
        )
    };
    Ok(open.into_iter().filter(|door| !door.tls).map(warning).collect())
}

/// Whether an address is reached from this machine only.
pub fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|inner| inner.is_loopback())
        }
    }
}

/// Refuses HTTP requests that a foreign web page made a browser send: those whose Host is not a name of this node (a
/// page whose name was made to point here, "DNS rebinding") and those whose Origin is another site.
///
/// Names of this node are `localhost`, loopback addresses, and what is configured: `name` or `address` (any port), or
/// `*.name` for the names below it.
#[derive(Clone, Debug, Default)]
pub struct HostOriginGuard {
    names: Vec<String>,
}

/// Why a request is refused, and with which status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// 421 (Misdirected Request, RFC 9110 section 15.5.20) for the Host, 403 for the Origin.
    pub status: u16,
    /// One sentence for the client.
    pub reason: String,
}

impl HostOriginGuard {
    /// Accepts loopback names and `names`.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let lower = |name: String| name.trim_matches(['[', ']']).to_ascii_lowercase();
        Self { names: names.into_iter().map(Into::into).map(lower).collect() }
    }

    /// Checks the values of a request's Host (or `:authority`) and Origin headers. Of several headers of a name, each
    /// must be checked.
    pub fn check(&self, host: Option<&str>, origin: Option<&str>) -> Result<(), Foreign> {
        let Some(host) = host else {
            return Err(Foreign { status: 421, reason: "the request has no Host".to_owned() });
        };
        if !authority_host(host).is_some_and(|name| self.knows(name)) {
            let shown = shorten(host);
            return Err(Foreign { status: 421, reason: format!("\"{shown}\" is not a name of this node") });
        }
        match origin {
            Some(origin) if !origin_host(origin).is_some_and(|name| self.knows(name)) => {
                let shown = shorten(origin);
                Err(Foreign { status: 403, reason: format!("pages of \"{shown}\" may not use this node") })
            }
            _ => Ok(()),
        }
    }

    fn knows(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let address =
            name.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| name.parse::<Ipv6Addr>().map(IpAddr::V6));
        if name == "localhost" || address.is_ok_and(is_loopback) {
            return true;
        }
        self.names.iter().any(|known| match known.strip_prefix('*') {
            Some(suffix) if suffix.len() > 1 => name.len() > suffix.len() && name.ends_with(suffix),
            _ => *known == name,
        })
    }
}

/// The host of `host[:port]` (RFC 3986 section 3.2, without user information), without an address's brackets; `None` if
/// it is not of that form.
fn authority_host(authority: &str) -> Option<&str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, after)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, after) = authority.split_at(end);
        let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        (is_name && !host.is_empty()).then_some((host, after))?
    };
    let digits = if port.is_empty() { return Some(host) } else { port.strip_prefix(':')? };
    // An empty port is allowed by the grammar and means the default.
    let is_port =
        digits.is_empty() || (digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok());
    is_port.then_some(host)
}

/// The host of an Origin (RFC 6454 section 7): `scheme://host[:port]`, of a web scheme.
fn origin_host(origin: &str) -> Option<&str> {
    let (scheme, authority) = origin.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if is_web { authority_host(authority) } else { None }
}

/// A header's value as far as it belongs into a message.
fn shorten(value: &str) -> String {
    value.chars().take(100).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn door(address: &str, tls: bool) -> Door {
        Door { service: "keyspace", option: "keyspace.listen", address: address.parse().unwrap(), tls }
    }

    #[test]
    fn addresses() {
        // Address, TLS, authenticated; then: may open, warnings.
        for (address, tls, authenticated, opens, warnings) in [
            ("127.0.0.1:6379", false, false, true, 0),
            ("127.9.9.9:6379", false, false, true, 0),
            ("[::1]:6379", false, false, true, 0),
            ("[::ffff:127.0.0.1]:6379", false, false, true, 0),
            ("0.0.0.0:6379", false, false, false, 0),
            ("[::]:6379", true, false, false, 0),
            ("10.0.0.7:6379", true, false, false, 0),
            ("10.0.0.7:6379", false, true, true, 1),
            ("10.0.0.7:6379", true, true, true, 0),
            ("[::ffff:10.0.0.7]:6379", false, false, false, 0),
            ("[fe80::1]:6379", false, true, true, 1),
        ] {
            let doors = [door("127.0.0.1:1", false), door(address, tls)];
            let result = check(&doors, authenticated);
            assert_eq!(result.as_ref().ok().map(Vec::len), opens.then_some(warnings), "{address} {result:?}");
            if let Err(error) = result {
                let text = error.to_string();
                assert!(text.contains("keyspace.listen") && text.contains(address), "{text}");
            }
        }
    }

    #[test]
    fn hosts_and_origins() {
        let guard = HostOriginGuard::new(["Bole.Example", "*.s3.example", "192.0.2.7", "[2001:db8::7]"]);
        for (host, origin, status) in [
            (Some("localhost"), None, 0),
            (Some("LOCALHOST:4280"), None, 0),
            (Some("127.0.0.1:4280"), Some("http://localhost:3000"), 0),
            (Some("[::1]"), None, 0),
            (Some("[::1]:4280"), Some("https://[::1]:4280"), 0),
            (Some("bole.example"), Some("https://bole.example"), 0),
            (Some("photos.s3.example:9000"), None, 0),
            (Some("192.0.2.7"), None, 0),
            (Some("[2001:db8::7]:80"), None, 0),
            (Some("localhost:"), None, 0),
            (None, None, 421),
            (Some(""), None, 421),
            (Some("evil.example"), None, 421),
            (Some("localhost.evil.example"), None, 421),
            (Some("s3.example"), None, 421),
            (Some(".s3.example"), None, 421),
            (Some("evils3.example"), None, 421),
            (Some("user@localhost"), None, 421),
            (Some("localhost:80:80"), None, 421),
            (Some("localhost:99999"), None, 421),
            (Some("localhost:+80"), None, 421),
            (Some("localhost/x"), None, 421),
            (Some("[::1"), None, 421),
            (Some("[localhost]"), None, 421),
            (Some("[::1]x"), None, 421),
            (Some("0.0.0.0"), None, 421),
            (Some("2130706433"), None, 421),
            (Some("192.0.2.8"), None, 421),
            (Some("localhost"), Some("null"), 403),
            (Some("localhost"), Some(""), 403),
            (Some("localhost"), Some("https://evil.example"), 403),
            (Some("localhost"), Some("http://localhost.evil.example"), 403),
            (Some("localhost"), Some("http://localhost@evil.example"), 403),
            (Some("localhost"), Some("file://localhost"), 403),
            (Some("localhost"), Some("http://localhost/path"), 403),
        ] {
            let found = guard.check(host, origin).err().map_or(0, |foreign| foreign.status);
            assert_eq!(found, status, "{host:?} {origin:?}");
        }
    }

    proptest! {
        /// Whatever is sent costs an answer, and only names that were allowed pass.
        #[test]
        fn no_header_breaks_the_guard(host in ".{0,40}", origin in ".{0,40}") {
            let guard = HostOriginGuard::default();
            if guard.check(Some(&host), Some(&origin)).is_ok() {
                prop_assert!(host.to_lowercase().starts_with("localhost") || host.starts_with("127.") || host.starts_with('['));
            }
        }
    }
}
