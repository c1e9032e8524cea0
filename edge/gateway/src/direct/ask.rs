//! The head of a request: as it is read, and as the instance sees it.

use super::call::Call;
use super::lines;
use crate::config::Network;
use crate::connection::client::Client;
use crate::connection::head::{Framing, Lines, parts};
use crate::proxy::forward::{OWN, host_for};
use crate::routing::{Asked, host_of};
use crate::trace;
use crate::upstream::set::Member;
use bole_gateway_routes::Values;
use bole_gateway_routes::forwarded::{Hop, Trusted, is_said};
use bole_gateway_routes::table::Parts;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Uri};
use pingora_http::RequestHeader;
use std::sync::Arc;

/// A request's head.
pub struct Ask {
    /// As what asks for it reads it.
    pub request: RequestHeader,
    /// Its fields, as the client wrote them.
    pub text: Bytes,
    /// The client wants the connection to end with the answer.
    pub close: bool,
}

/// Fields of a connection, which end here (RFC 9110, section 7.6.1); what asks for another protocol goes the usual way.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Reads a head that was found to have one meaning, if it is of a request that may go this way: of a path, in HTTP/1.1, whose `Connection` takes
/// nothing out.
pub fn read(head: &[u8]) -> Option<Ask> {
    let line = memchr::memchr(b'\n', head)? + 1;
    let mut words = head[..line - 2].split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if version != b"HTTP/1.1" || !target.starts_with(b"/") {
        return None;
    }
    let method = Method::from_bytes(method).ok()?;
    let text = Bytes::copy_from_slice(&head[line..head.len() - 2]);
    let fields = memchr::memchr_iter(b'\n', &text).count();
    let mut request = RequestHeader::build_no_case(method, target, Some(fields)).ok()?;
    let mut close = false;
    for field in Lines(&text) {
        let (name, value) = parts(field);
        let name = HeaderName::from_bytes(name).ok()?;
        if name == header::CONNECTION {
            let closes = value.eq_ignore_ascii_case(b"close");
            if !closes && !value.eq_ignore_ascii_case(b"keep-alive") {
                return None;
            }
            close |= closes;
        }
        // All values are parts of one piece of memory.
        request.append_header(name, HeaderValue::from_maybe_shared(text.slice_ref(value)).ok()?).ok()?;
    }
    Some(Ask { request, text, close })
}

/// What services are told of the client by each request for a host on a connection, so that it is put together once.
#[derive(Debug, Default)]
pub struct Habit {
    of: Option<(String, u16)>,
    told: Arc<[u8]>,
}

impl Habit {
    /// Puts together what services are told, unless it is known.
    pub fn learn(&mut self, trusted: &[Network], request: &RequestHeader, client: &Client, asked: &Asked) {
        let trusted = Trusted(trusted);
        let known = self.of.as_ref().is_some_and(|(host, port)| *host == asked.host && *port == asked.port);
        let peer = client.address.ip();
        let says = trusted.contains(peer.to_canonical());
        if known && !says {
            return;
        }
        let hop = Hop { peer, tls: client.tls.is_some(), host: &asked.host, port: asked.port };
        let told = trusted.tell(&request.headers, hop);
        let mut text = Vec::with_capacity(256);
        for (name, value) in &told.set {
            lines::put(&mut text, name.as_str().as_bytes(), value.as_bytes());
        }
        self.told = text.into();
        // What a trusted proxy says may be another thing with each request.
        self.of = (!says).then(|| (asked.host.clone(), asked.port));
    }

    /// It.
    pub fn told(&self) -> Arc<[u8]> {
        self.told.clone()
    }
}

impl Call {
    /// What templates of the route stand for.
    pub fn with_values<T>(&self, work: impl FnOnce(&Values<'_>) -> T) -> T {
        let parts = Parts { rest: &self.rest, groups: self.groups.iter().map(String::as_str).collect() };
        work(&Values {
            client_ip: self.ip,
            consumer: None,
            route: &self.route.name,
            request_id: &self.request_id,
            host: &self.asked.host,
            path: &self.asked.path,
            query: self.request.uri.query(),
            headers: &self.request.headers,
            parts: &parts,
        })
    }

    /// Path and query that the instance sees, if they are not the client's; nothing at all if they cannot be sent.
    pub fn target(&self) -> Option<Option<String>> {
        let change = &self.route.change;
        let rewrites = change.rewrite.is_some() || !change.query.is_empty();
        let hosted = host_for(&self.upstream, &self.route, None).is_some();
        if !rewrites && !hosted && !self.asked.respelled {
            return Some(None);
        }
        let target = self.with_values(|values| change.target(values)).ok()?;
        let sent = Uri::try_from(target).ok()?;
        Some(Some(sent.path_and_query()?.as_str().to_owned()))
    }

    /// The head as an instance sees it.
    pub fn head(&self, target: Option<&str>, instance: &Member, trusted: bool) -> Vec<u8> {
        let mut head = Vec::with_capacity(self.text.len() + self.told.len() + 256);
        head.extend_from_slice(self.request.method.as_str().as_bytes());
        head.push(b' ');
        head.extend_from_slice(target.map_or(self.request.raw_path(), str::as_bytes));
        head.extend_from_slice(b" HTTP/1.1\r\n");
        let changes = &self.route.change.request_headers;
        if changes.is_empty() {
            self.fields(&mut head, instance, trusted);
        } else {
            let mut fields = Vec::with_capacity(self.text.len() + self.told.len() + 256);
            self.fields(&mut fields, instance, trusted);
            self.with_values(|values| lines::change(&mut fields, |map| changes.apply(map, values)));
            head.extend_from_slice(&fields);
        }
        if self.framing == Framing::Chunked {
            lines::put(&mut head, b"Transfer-Encoding", b"chunked");
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    fn fields(&self, out: &mut Vec<u8>, instance: &Member, trusted: bool) {
        let host = host_for(&self.upstream, &self.route, Some(instance));
        lines::put(out, b"Host", host.as_deref().unwrap_or_else(|| host_of(&self.request)).as_bytes());
        let traced =
            self.request.headers.contains_key("tracestate") && trace::keeps_state(&self.request.headers);
        for line in Lines(&self.text) {
            let (name, value) = parts(line);
            if stays(name, trusted, traced) {
                lines::pass(out, line, (name, value));
            }
        }
        out.extend_from_slice(&self.told);
        lines::put(out, b"x-request-id", self.request_id.as_bytes());
        lines::put(out, b"traceparent", self.trace.text().as_bytes());
    }
}

/// Whether the instance sees a field of the client's.
fn stays(name: &[u8], trusted: bool, traced: bool) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b'c' | b'k' | b'p' | b'u') => !HOP_BY_HOP.iter().any(|known| is(known)),
        Some(b'h') => !is("host") && !HOP_BY_HOP.iter().any(|known| is(known)),
        Some(b't') => {
            !is("traceparent") && (traced || !is("tracestate")) && !HOP_BY_HOP.iter().any(|known| is(known))
        }
        Some(b'x' | b'f') => {
            let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
            lower != "x-request-id" && !OWN.contains(&&*lower) && !is_said(&lower, trusted)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_this_way_are_read_and_others_are_left() {
        let read = |text: &str| read(text.replace('|', "\r\n").as_bytes());
        let ask = read("PATCH /a?b HTTP/1.1|Host: x|Accept:  a, b |Accept: c|Connection: Keep-Alive||")
            .expect("a plain request");
        assert_eq!((ask.request.method.as_str(), ask.request.uri.query()), ("PATCH", Some("b")));
        let values: Vec<_> = ask.request.headers.get_all("accept").iter().collect();
        assert_eq!(
            (&values[..], ask.close),
            (&["a, b", "c"].map(HeaderValue::from_static).iter().collect::<Vec<_>>()[..], false)
        );
        assert!(read("GET / HTTP/1.1|Host: x|Connection: close||").is_some_and(|ask| ask.close));
        for other in [
            "GET / HTTP/1.0|Host: x||",
            "GET http://x/ HTTP/1.1|Host: x||",
            "OPTIONS * HTTP/1.1|Host: x||",
            "GET / HTTP/1.1|Host: x|Connection: keep-alive, x||",
            "GET / HTTP/1.1|Host: x|Connection: x-hop||",
            "GET / HTTP/1.1|Host: x|Connection: close|Connection: x-hop||",
        ] {
            assert!(read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn instances_see_what_is_the_clients_alone() {
        for name in [
            "Accept",
            "Cookie",
            "content-length",
            "X-Own",
            "Forward",
            "user-agent",
            "Content-Type",
            "Upgrade-Insecure-Requests",
        ] {
            assert!(stays(name.as_bytes(), false, false), "{name}");
        }
        for name in HOP_BY_HOP.iter().chain(&OWN).chain(&[
            "host",
            "Traceparent",
            "X-Request-Id",
            "X_Forwarded_For",
            "x-forwarded-prefix",
            "Forwarded",
            "X-Real-IP",
            "tracestate",
        ]) {
            assert!(!stays(name.to_uppercase().as_bytes(), false, false), "{name}");
        }
        assert!(stays(b"X-Forwarded-Prefix", true, false) && stays(b"TraceState", false, true));
    }
}
