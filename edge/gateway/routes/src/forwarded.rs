//! Who the client is, and what the service is told of it: `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `Forwarded` (RFC 7239).
//!
//! What a request says of its client counts only if it comes from a network that is trusted, which is a setting of the gateway and
//! not part of its document: the document says what is served, not who stands before the gateway. From anybody else such headers are taken out.
//! Addresses are read from the right: each trusted one vouches for the one before it, and the first that is not trusted is the client.

use crate::limits::FORWARDED_MAX;
use bole_gateway_document::network::Network;
use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Networks whose word on the client counts.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'n>(pub &'n [Network]);

/// A connection, and what its request named.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Who connected.
    pub peer: IpAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The request's host in lower case, without a port.
    pub host: &'a str,
    /// The request's port.
    pub port: u16,
}

/// The client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether its own connection, perhaps to somebody before the gateway, is encrypted.
    pub tls: bool,
}

/// What the service is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Headers that are taken out first.
    pub remove: Vec<HeaderName>,
    /// Headers that are put in.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

impl Trusted<'_> {
    /// Whether an address is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Says who the client is of a request that came from `peer`.
    pub fn client(&self, headers: &HeaderMap, peer: IpAddr, tls: bool) -> Client {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return Client { address: peer, tls };
        }
        let heard = heard(headers);
        let address = self.chain(peer, &heard).last().copied().unwrap_or(peer);
        Client { address, tls: heard.tls.unwrap_or(tls) }
    }

    /// From the peer back to the first that nobody vouches for.
    fn chain(&self, peer: IpAddr, heard: &Heard) -> Vec<IpAddr> {
        let mut chain = vec![peer];
        for address in heard.addresses.iter().rev() {
            if !chain.last().is_some_and(|last| self.contains(*last)) {
                break;
            }
            chain.push(address.to_canonical());
        }
        chain
    }

    /// What makes the headers say the same of the client for the service.
    pub fn tell(&self, headers: &HeaderMap, hop: Hop<'_>) -> Told {
        let peer = hop.peer.to_canonical();
        let trusted = self.contains(peer);
        let heard = if trusted { heard(headers) } else { Heard::default() };
        let mut chain = self.chain(peer, &heard);
        chain.reverse();
        let tls = heard.tls.unwrap_or(hop.tls);
        Told { remove: said(headers, trusted), set: tell(&chain, tls, hop, heard) }
    }
}

/// What a trusted peer says.
#[derive(Default)]
struct Heard {
    addresses: Vec<IpAddr>,
    tls: Option<bool>,
    host: Option<HeaderValue>,
    port: Option<HeaderValue>,
}

fn heard(headers: &HeaderMap) -> Heard {
    let own = headers.contains_key(FOR);
    let addresses = if own { listed(headers, &FOR, address) } else { listed(headers, &FORWARDED, element) };
    let proto = |text: &[u8]| match text {
        b"https" | b"wss" => Some(true),
        b"http" | b"ws" => Some(false),
        _ => None,
    };
    let host = headers.get(HOST).filter(|host| {
        let read = host.to_str().ok().and_then(bole_gateway_document::host::HostPort::parse);
        read.is_some() && headers.get_all(HOST).iter().count() == 1
    });
    let port = headers.get(PORT).filter(|port| port.to_str().is_ok_and(|port| port.parse::<u16>().is_ok()));
    Heard {
        addresses,
        tls: headers.get(PROTO).and_then(|value| proto(value.as_bytes())),
        host: host.cloned(),
        port: port.cloned(),
    }
}

/// Addresses from right to left until one that is none, then in their order again.
fn listed(headers: &HeaderMap, name: &HeaderName, read: fn(&str) -> Option<IpAddr>) -> Vec<IpAddr> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    let items = values.iter().rev().flat_map(|value| value.rsplit(','));
    let mut addresses: Vec<_> =
        items.map(|item| read(item.trim())).take(FORWARDED_MAX).map_while(|item| item).collect();
    addresses.reverse();
    addresses
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:80"`.
fn element(text: &str) -> Option<IpAddr> {
    let node = text.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
}

/// What was said, also where an underscore stands for a hyphen: programs that get headers as variables cannot tell the two. The
/// prefix that a trusted proxy took off stays.
fn said(headers: &HeaderMap, trusted: bool) -> Vec<HeaderName> {
    headers.keys().filter(|name| is_said(name.as_str(), trusted)).cloned().collect()
}

/// Whether a header, in lower case, says something of the client, and is taken out before the gateway says it.
pub fn is_said(name: &str, trusted: bool) -> bool {
    let told = [&FOR, &PROTO, &HOST, &PORT, &REAL_IP, &FORWARDED, &PREFIX];
    let is = |name: &str| told.iter().any(|known| known.as_str() == name);
    match name.as_bytes().first() {
        Some(b'x' | b'f') if name.contains('_') => is(&name.replace('_', "-")),
        Some(b'x' | b'f') => is(name) && !(trusted && name == PREFIX.as_str()),
        _ => false,
    }
}

fn tell(chain: &[IpAddr], tls: bool, hop: Hop<'_>, heard: Heard) -> Vec<(HeaderName, HeaderValue)> {
    let proto = if tls { "https" } else { "http" };
    let (mut list, mut elements) = (String::new(), String::new());
    for (index, address) in chain.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(list, "{comma}{address}");
        let _ = match address {
            IpAddr::V4(address) => write!(elements, "{comma}for={address}"),
            IpAddr::V6(address) => write!(elements, "{comma}for=\"[{address}]\""),
        };
    }
    let own = if hop.tls { 443 } else { 80 };
    let host = if hop.port == own { hop.host.to_owned() } else { format!("{}:{}", hop.host, hop.port) };
    let host = heard.host.or_else(|| HeaderValue::from_str(&host).ok().filter(|_| !hop.host.is_empty()));
    if let Some(text) = host.as_ref().and_then(|host| host.to_str().ok()) {
        let quote = if text.contains([':', '[']) { "\"" } else { "" };
        let _ = write!(elements, ";host={quote}{text}{quote}");
    }
    let _ = write!(elements, ";proto={proto}");
    let port = heard.port.unwrap_or_else(|| HeaderValue::from(hop.port));
    let value = |text: String| HeaderValue::try_from(text).expect("addresses and a checked host are a value");
    let mut told = vec![
        (FOR, value(list)),
        (FORWARDED, value(elements)),
        (PROTO, HeaderValue::from_static(proto)),
        (PORT, port),
    ];
    told.extend(host.map(|host| (HOST, host)));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a service is told of a request from `peer` with these headers.
    fn told(peer: &str, sent: &[(&'static str, &'static str)]) -> (Client, HeaderMap) {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).expect("it is a network"));
        let trusted = Trusted(&networks);
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = peer.parse().expect("an address");
        let hop = Hop { peer, tls: false, host: "a.com", port: 8080 };
        let client = trusted.client(&headers, peer, false);
        let told = trusted.tell(&headers, hop);
        for name in &told.remove {
            headers.remove(name);
        }
        headers.extend(told.set);
        (client, headers)
    }

    #[test]
    fn the_client_is_the_first_that_nobody_vouches_for() {
        let rows: &[(&str, &[(&str, &str)], &str, &str)] = &[
            ("192.0.2.1", &[], "192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", &[("x-forwarded-for", "1.2.3.4")], "192.0.2.1", "192.0.2.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.2.3.4")], "1.2.3.4", "1.2.3.4, 10.0.0.1"),
            ("::ffff:10.0.0.1", &[("x-forwarded-for", "1.2.3.4")], "1.2.3.4", "1.2.3.4, 10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "9.9.9.9, 1.2.3.4")], "1.2.3.4", "1.2.3.4, 10.0.0.1"),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "1.2.3.4,10.0.0.2")],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.2, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "9.9.9.9"), ("x-forwarded-for", "1.2.3.4")],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.1",
            ),
            ("10.0.0.1", &[("x-forwarded-for", "1.2.3.4, unknown")], "10.0.0.1", "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.2.3.4:99")], "1.2.3.4", "1.2.3.4, 10.0.0.1"),
            (
                "10.0.0.1",
                &[("forwarded", "for=\"[2001:db8::1]:9\";proto=https")],
                "2001:db8::1",
                "2001:db8::1, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[("forwarded", "proto=http;For=1.2.3.4, for=10.0.0.2")],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.2, 10.0.0.1",
            ),
            ("10.0.0.1", &[("forwarded", "for=_hidden")], "10.0.0.1", "10.0.0.1"),
            ("fd00::1", &[("x-forwarded-for", "fd00::2")], "fd00::2", "fd00::2, fd00::1"),
        ];
        for (peer, sent, address, list) in rows {
            let (client, headers) = told(peer, sent);
            assert_eq!(
                (client.address.to_string().as_str(), &headers[FOR]),
                (*address, &HeaderValue::from_static(list))
            );
        }
    }

    #[test]
    fn headers_say_one_thing_and_only_what_is_trusted() {
        let sent = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "public.com"),
            ("x-forwarded-port", "443"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("x-forwarded-for", "1.2.3.4"),
        ];
        let text =
            |headers: &HeaderMap, name: HeaderName| headers[name].to_str().expect("it is text").to_owned();
        let (client, headers) = told("10.0.0.1", &sent);
        assert!(client.tls);
        assert_eq!(text(&headers, FORWARDED), "for=1.2.3.4, for=10.0.0.1;host=public.com;proto=https");
        assert_eq!(
            (text(&headers, PROTO), text(&headers, HOST), text(&headers, PORT)),
            ("https".into(), "public.com".into(), "443".into())
        );
        let (client, headers) = told("192.0.2.1", &sent);
        assert!(!client.tls && !headers.contains_key(REAL_IP) && !headers.contains_key("x_forwarded_for"));
        assert_eq!(text(&headers, FORWARDED), "for=192.0.2.1;host=\"a.com:8080\";proto=http");
        assert_eq!(
            (text(&headers, PROTO), text(&headers, HOST), text(&headers, PORT)),
            ("http".into(), "a.com:8080".into(), "8080".into())
        );
        let (_, headers) = told("10.0.0.1", &[("x-forwarded-prefix", "/a")]);
        assert_eq!(headers[PREFIX], "/a");
        let (_, headers) = told("192.0.2.1", &[("x-forwarded-prefix", "/a")]);
        assert!(!headers.contains_key(PREFIX));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_or_passed_over(value in "[ -~]{0,60}", name in "(x-forwarded-for|forwarded|x-forwarded-host)") {
            let networks = [Network::parse("0.0.0.0/0").expect("it is a network")];
            let trusted = Trusted(&networks);
            let mut headers = HeaderMap::new();
            let name: HeaderName = name.parse().expect("a name");
            headers.insert(name, HeaderValue::from_str(value.trim()).expect("a value"));
            let peer = "1.1.1.1".parse().expect("an address");
            trusted.client(&headers, peer, true);
            trusted.tell(&headers, Hop { peer, tls: true, host: "a", port: 443 });
        }
    }
}
