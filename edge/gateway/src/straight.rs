//! Requests of HTTP/1.1 that are answered from stored answers at once, without the proxy library: nothing is asked of anybody, and nothing of the
//! request or the answer is changed on the way. What is not as plain as that (see [`is_plain`] for routes, `bole_cdn`'s `hit` for requests and answers)
//! goes its usual way; both ways decide by the same functions.

use crate::access_log::{Log, Told};
use crate::cached::{self, Store, packed};
use crate::clock;
use crate::config::Config;
use crate::connection::client::Client;
use crate::connection::head::{Framing, Head};
use crate::connection::wire::Wire;
use crate::otel::Tracer;
use crate::otel::span::{self, of_request};
use crate::proxy::meaning;
use crate::routing::Asked;
use crate::state::{Action, Route, State};
use crate::tls::Certificates;
use crate::trace::{self, Parent};
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use bole_cdn::Manner;
use bole_cdn::cache::hit::{Hit, Part, Target};
use bole_gateway_acme::proof;
use bole_gateway_document::route as document;
use bole_gateway_routes::forwarded::Trusted;
use http::Method;
use http::header::{self, HeaderName, HeaderValue};
use pingora_http::RequestHeader;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// What such answers are made of.
pub struct Straight {
    /// What requests are answered by, now.
    pub state: Arc<ArcSwap<State>>,
    /// Settings.
    pub config: Arc<Config>,
    /// To see that a connection may carry a request for a host.
    pub certificates: Arc<Certificates>,
    /// Finished requests.
    pub log: Arc<Log>,
    /// Takes spans, if anybody wants them.
    pub tracer: Option<Arc<Tracer>>,
    /// What is stored of answers, if anything is.
    pub store: Option<Store>,
}

/// A request with what is stored for it.
struct Found {
    request: RequestHeader,
    route: Arc<Route>,
    service: Arc<Upstream>,
    hit: Hit,
    /// The path of the route as the document has it, if somebody may want to know.
    path: Option<String>,
}

/// Whether nothing stands between the requests of a route and what is stored, and nothing is changed in its answers. A field of the document that
/// is new must be decided on here.
pub fn is_plain(route: &document::Route) -> bool {
    let document::Route {
        // Which requests it takes: the table has found it.
        hosts: _,
        path: _,
        paths: _,
        methods: _,
        headers: _,
        query: _,
        protocol: _,
        priority: _,
        encoded_slashes: _,
        enabled: _,
        // What is stored under: the space says it.
        service,
        rewrite: _,
        request_headers: _,
        query_changes: _,
        // About bodies, fetches, and waiting: there is nothing of these.
        request_body_max: _,
        response_body_max: _,
        timeout: _,
        collapse: _,
        upgrade: _,
        // What is stored was compressed already.
        compression: _,
        // Who has not logged in is nobody in particular.
        login_optional: _,
        cache,
        login,
        allow,
        allow_networks,
        deny_networks,
        limits,
        shed_priority,
        split,
        split_key: _,
        redirect: _,
        reply: _,
        files: _,
        openapi: _,
        bucket: _,
        mirror,
        response_headers,
        cors,
        grpc_web,
    } = route;
    let lists = [login, allow, allow_networks, deny_networks, limits];
    let asks = lists.iter().any(|list| !list.is_empty()) || shed_priority.is_some();
    let images = cache.as_ref().is_some_and(|cache| cache.images.is_some());
    let changes = images || *response_headers != document::Headers::default() || cors.is_some() || *grpc_web;
    let one = service.is_some() && split.is_empty() && mirror.is_none();
    cached::is_on(route) && one && !asks && !changes
}

impl Straight {
    /// Answers the request that `head` is of, if that can be done at once. `None`: nothing was done. Else whether the connection goes on; `last` is
    /// whether it must not.
    ///
    /// # Errors
    /// The answer could not be sent whole.
    pub async fn answer(
        &self,
        wire: &mut Wire,
        head: &Head,
        client: &Client,
        last: bool,
    ) -> Option<io::Result<bool>> {
        let began = clock::now();
        let store = self.store.as_ref().filter(|_| !self.config.explain)?;
        if head.framing != Framing::None || head.upgrade || head.expects {
            return None;
        }
        let found = self.find(store, read(wire.found(head))?, client, wire.takes_files())?;
        let id = trace::request_id();
        let mut answer = Vec::with_capacity(found.hit.fields.len() + 192);
        found.write_head(&mut answer, &id, last);
        let bodyless = found.request.method == Method::HEAD;
        let parts: &[Part] = if bodyless { &[] } else { &found.hit.parts };
        let counters = &found.route.counters;
        counters.in_flight.add(1);
        let sent = wire.answer(head, &answer, parts, self.config.limits.write_timeout).await;
        counters.in_flight.add(-1);
        let took = clock::now().saturating_sub(began);
        counters.answered(found.hit.status.as_u16(), took);
        let body_bytes = if bodyless || sent.is_err() { 0 } else { found.hit.body_bytes() };
        found.hit.sent(body_bytes);
        if self.log.is_on() || self.tracer.is_some() {
            self.tell(&found, client, (&id, (began, took)), body_bytes, sent.is_err());
        }
        Some(sent.map(|()| !last))
    }

    fn find(&self, store: &Store, request: RequestHeader, client: &Client, by_file: bool) -> Option<Found> {
        meaning::check(&request, &self.config.limits).ok()?;
        let state = self.state.load();
        let asked = Asked::of(&request, client.tls.is_some()).ok()?;
        let tls = client.tls.as_ref();
        // Proofs for authorities come before all that services say.
        if asked.path.starts_with(proof::PATH)
            || tls.is_some_and(|tls| !self.certificates.are_alike(tls.server_name.as_deref(), &asked.host))
            || state.access.as_ref().is_some_and(|access| access.has_sessions())
        {
            return None;
        }
        let way = asked.find(&request, &state.table)?;
        let route = &state.routes[way.route.index];
        let Action::Service(upstream) = &route.action else { return None };
        if !route.is_plain || state.described.contains_key(&*upstream.name) {
            return None;
        }
        let target = Target {
            scheme: if asked.tls { "https" } else { "http" },
            host: &asked.host,
            port: asked.port,
            path: &asked.path,
            query: request.uri.query(),
        };
        let manner = Manner { space: route.spaces.get(&*upstream.name)?, authenticated: false };
        let hit = match &route.document.compression {
            Some(settings) => {
                let mut fields = request.headers.clone();
                packed::settle(settings, &mut fields);
                store.cache.hit(manner, &target, &fields, by_file)?
            }
            None => store.cache.hit(manner, &target, &request.headers, by_file)?,
        };
        let path = self.tracer.as_ref().and_then(|_| way.pattern().map(ToString::to_string));
        Some(Found { route: route.clone(), service: upstream.clone(), hit, request, path })
    }

    fn tell(
        &self,
        found: &Found,
        client: &Client,
        (id, (began, took)): (&str, (Duration, Duration)),
        body_bytes: u64,
        broke_off: bool,
    ) {
        let headers = &found.request.headers;
        let trusted = Trusted(&self.config.trusted_proxies);
        let from = trusted.client(headers, client.address.ip(), client.tls.is_some());
        let parent = Parent::of(headers);
        let own = match &self.tracer {
            Some(tracer) => tracer.sampler().begin(parent, client.trusted),
            None => Parent::passed_on(parent),
        };
        let told = Told {
            client: from.address,
            status: found.hit.status.as_u16(),
            response_bytes: body_bytes,
            took,
            route: Some(&found.route.name),
            service: Some(&found.service.name),
            problem: broke_off.then(|| crate::error::Problem::ClientGone.row().name),
            request_id: id,
            trace: Some(own),
            tls: client.tls.as_ref().map(|tls| tls.version),
            cache: Some(&found.hit.cache_status),
            ..Told::of(&found.request)
        };
        self.log.write(&told);
        if let Some(tracer) = self.tracer.as_ref().filter(|_| own.flags & 1 == 1) {
            let (parent, secured) = (parent.map(|parent| parent.span), from.tls);
            let began = clock::epoch() + began;
            let path = found.path.as_deref();
            tracer.take(vec![of_request(&told, &span::Asked { own, parent, client, secured, path, began })]);
        }
    }
}

impl Found {
    fn write_head(&self, head: &mut Vec<u8>, id: &str, last: bool) {
        let hit = &self.hit;
        head.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        head.extend_from_slice(&hit.fields);
        // Writing to memory does not fail.
        let _ = write!(
            head,
            "content-length: {}\r\nage: {}\r\ncache-status: {}\r\nx-request-id: {id}\r\n",
            hit.body_bytes(),
            hit.age,
            hit.cache_status
        );
        head.extend_from_slice(if last { b"connection: close\r\n\r\n" } else { b"\r\n" });
    }
}

/// Reads a head that was found to have one meaning, if it is of a request that may be answered here: `GET` or `HEAD` of a path, in HTTP/1.1, on a
/// connection that is to be kept.
fn read(head: &[u8]) -> Option<RequestHeader> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let (method, rest) = lines.next()?.split_once(' ')?;
    let target = rest.strip_suffix(" HTTP/1.1").filter(|target| target.starts_with('/'))?;
    let method = match method {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        _ => return None,
    };
    let mut request = RequestHeader::build_no_case(method, target.as_bytes(), Some(16)).ok()?;
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = value.trim_matches([' ', '\t']);
        if name == header::CONNECTION && !value.eq_ignore_ascii_case("keep-alive") {
            return None;
        }
        request.append_header(name, HeaderValue::from_str(value).ok()?).ok()?;
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_requests_are_read_and_others_are_left() {
        let read = |text: &str| read(text.replace('|', "\r\n").as_bytes());
        let request = read("GET /a?b HTTP/1.1|Host: x|Accept:  a, b |Accept: c||").expect("a plain request");
        assert_eq!((request.method.as_str(), request.uri.query()), ("GET", Some("b")));
        let values: Vec<_> = request.headers.get_all("accept").iter().collect();
        assert_eq!(values, ["a, b", "c"]);
        assert!(read("HEAD / HTTP/1.1|Host: x|Connection: Keep-Alive||").is_some());
        for other in [
            "POST / HTTP/1.1|Host: x||",
            "GET / HTTP/1.0|Host: x||",
            "GET http://x/ HTTP/1.1|Host: x||",
            "GET * HTTP/1.1|Host: x||",
            "GET / HTTP/1.1|Host: x|Connection: close||",
            "GET / HTTP/1.1|Host: x|Connection: keep-alive, x||",
        ] {
            assert!(read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn only_routes_without_anything_between_are_plain() {
        let plain = document::Route {
            service: Some("a".to_owned()),
            cache: Some(document::Cache::default()),
            ..document::Route::default()
        };
        assert!(is_plain(&plain));
        let list = || vec!["x".to_owned()];
        for other in [
            document::Route { cache: None, ..plain.clone() },
            document::Route { login: list(), ..plain.clone() },
            document::Route { limits: list(), ..plain.clone() },
            document::Route { deny_networks: list(), ..plain.clone() },
            document::Route { shed_priority: Some(1), ..plain.clone() },
            document::Route { cors: Some(document::Cors::default()), ..plain.clone() },
            document::Route { grpc_web: true, ..plain.clone() },
            document::Route {
                response_headers: document::Headers { remove: list(), ..document::Headers::default() },
                ..plain.clone()
            },
        ] {
            assert!(!is_plain(&other), "{other:?}");
        }
    }
}
