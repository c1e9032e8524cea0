//! What is known of one request while it is under way.

use crate::clock;
use crate::connection::client::Exchange;
use crate::error::Problem;
use crate::state::{Route, State};
use crate::upstream::set::Live;
use crate::upstream::{Place, Upstream};
use bole_edge_core::balance::{Lease, Token};
use bole_edge_core::limits::breaker::Pass;
use bole_gateway_routes::table::Parts;
use bole_gateway_routes::{Found, Values};
use std::sync::Arc;
use std::time::Duration;

/// One try at an instance.
pub struct Attempt {
    /// Its request in flight there.
    pub lease: Lease,
    /// The instance.
    pub live: Arc<Live>,
    /// When it began.
    pub began: Duration,
    /// When the head of the answer came, if it did.
    pub answered: Option<Duration>,
    /// Whether what became of it has been counted.
    pub counted: bool,
}

/// A request.
#[expect(clippy::struct_excessive_bools, reason = "each is something that came about by itself")]
pub struct Context {
    /// When its head had come.
    pub began: Duration,
    /// The connection that it came on.
    pub exchange: Option<Arc<Exchange>>,
    /// What it is answered by, also if a newer document is in use meanwhile.
    pub state: Option<Arc<State>>,
    /// Whose request it is: behind trusted proxies, whom they say.
    pub ip: std::net::IpAddr,
    /// What it asks for.
    pub asked: crate::routing::Asked,
    /// What `*` stood for in the route's path, and what its groups did.
    pub rest: String,
    /// The groups.
    pub groups: Vec<String>,
    /// The headers as the client sent them, if the route needs them later.
    pub came: Option<Box<http::HeaderMap>>,
    /// The query as the client sent it.
    pub query: Option<String>,
    /// The answer to a preflight, if it is one.
    pub preflight: Option<http::Response<()>>,
    /// The route that took it.
    pub route: Option<Arc<Route>>,
    /// Names it in logs: 32 hexadecimal digits, or what a trusted proxy said.
    pub request_id: String,
    /// `traceparent` (W3C Trace Context).
    pub trace: Option<crate::trace::Parent>,
    /// What is noted for spans, if its trace is sampled and somebody wants them.
    pub record: Option<Box<crate::otel::record::Record>>,
    /// The service that it goes to.
    pub upstream: Option<Arc<Upstream>>,
    /// Its place among those of the service.
    pub place: Option<Place>,
    /// Its way through the breaker.
    pub pass: Option<Pass>,
    /// The try that is under way, or was the last.
    pub attempt: Option<Attempt>,
    /// Where it has been tried.
    pub tried: Vec<Token>,
    /// The hash of what it is kept together by.
    pub key: Option<u64>,
    /// Where its client was before.
    pub sticky: Option<Token>,
    /// When all of it must be over.
    pub last: Option<Duration>,
    /// What it means if the deadline that was set last passes.
    pub overdue: Problem,
    /// Who asks, if that was looked at.
    pub who: Option<Box<bole_gateway_access::Identity>>,
    /// Whether its client's own connection, perhaps to somebody before the gateway, is encrypted.
    pub secured: bool,
    /// Parameters were taken out of the query.
    pub query_stripped: bool,
    /// What is answered in place of going on.
    pub own_answer: Option<Box<bole_gateway_access::Answer>>,
    /// Why, in a word.
    pub reason: Option<&'static str>,
    /// What is looked at for the service's description.
    pub watch: Option<Box<super::described::Watch>>,
    /// What does not fit it.
    pub misfits: Vec<bole_gateway_openapi::Misfit>,
    /// What is held back of a body that was signed.
    pub held: Option<super::who::Held>,
    /// Why the gateway answers itself.
    pub problem: Option<(Problem, Option<String>)>,
    /// It has been decided that the error that comes is tried again.
    pub again: bool,
    /// The body of the request has come whole.
    pub request_done: bool,
    /// Bytes of the bodies.
    pub request_bytes: u64,
    /// Of the answer's.
    pub response_bytes: u64,
    /// Members of `RateLimit-Policy` and `RateLimit`.
    pub rates: Vec<(String, String)>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Why things came about, if that is told.
    pub explain: Option<String>,
    /// The route counts it as under way.
    pub open: bool,
    /// It is a call of gRPC-Web.
    pub grpc_web: Option<crate::grpc_web::Call>,
    /// It is the gateway's own, made for another request.
    pub inner: Option<crate::inner::Inner>,
    /// The library does not send it to this service itself.
    pub detour: Option<(super::detour::Detour, Arc<Upstream>)>,
    /// Which instance answered a request that was made for it.
    pub by: Option<crate::inner::By>,
    /// Its copy, until its body is whole.
    pub copy: Option<Box<crate::mirror::Copy>>,
    /// What the cache says of the answer.
    pub cache_status: Option<http::HeaderValue>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Of a request of which only the head has come.
    pub fn new() -> Self {
        Self {
            began: clock::now(),
            exchange: None,
            state: None,
            ip: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            asked: crate::routing::Asked::default(),
            rest: String::new(),
            groups: Vec::new(),
            came: None,
            query: None,
            preflight: None,
            route: None,
            request_id: String::new(),
            trace: None,
            record: None,
            upstream: None,
            place: None,
            pass: None,
            attempt: None,
            tried: Vec::new(),
            key: None,
            sticky: None,
            last: None,
            overdue: Problem::Internal,
            who: None,
            secured: false,
            query_stripped: false,
            own_answer: None,
            reason: None,
            watch: None,
            misfits: Vec::new(),
            held: None,
            problem: None,
            again: false,
            request_done: false,
            request_bytes: 0,
            response_bytes: 0,
            rates: Vec::new(),
            retry_after: None,
            explain: None,
            open: false,
            grpc_web: None,
            inner: None,
            detour: None,
            by: None,
            copy: None,
            cache_status: None,
        }
    }

    /// Notes the path of the route that was found, as the document has it, if somebody may want to know.
    pub fn found(&mut self, found: &Found<'_>) {
        if let Some(record) = &mut self.record {
            record.path = found.pattern().map(ToString::to_string);
        }
    }

    /// Adds to why things came about, if that is told.
    pub fn because(&mut self, say: impl FnOnce() -> String) {
        if let Some(explain) = &mut self.explain {
            if !explain.is_empty() {
                explain.push_str(", ");
            }
            explain.push_str(&say());
        }
    }

    /// Who asks: the address, and who logged in there.
    pub fn whom(&self) -> (std::net::IpAddr, Option<&str>) {
        (self.ip, self.consumer())
    }

    /// What templates of the route stand for.
    pub fn with_values<T>(&self, route: &Route, work: impl FnOnce(&Values<'_>) -> T) -> T {
        let none = http::HeaderMap::new();
        let parts = Parts { rest: &self.rest, groups: self.groups.iter().map(String::as_str).collect() };
        work(&Values {
            client_ip: self.ip,
            consumer: self.consumer(),
            route: &route.name,
            request_id: &self.request_id,
            host: &self.asked.host,
            path: &self.asked.path,
            query: self.query.as_deref(),
            headers: self.came.as_deref().unwrap_or(&none),
            parts: &parts,
        })
    }

    /// The stream gives up when `span` is over, or all of the request's time is.
    pub fn wait_at_most(&mut self, span: Duration, overdue: Problem) {
        let at = clock::now() + span;
        let (at, overdue) = match self.last {
            Some(last) if last < at => (last, Problem::TotalTimeout),
            _ => (at, overdue),
        };
        self.overdue = overdue;
        if let Some(exchange) = &self.exchange {
            exchange.set_deadline(Some(at));
        }
    }

    /// The stream gives up only when all of the request's time is over.
    pub fn wait_for_all(&mut self) {
        self.overdue = Problem::TotalTimeout;
        if let Some(exchange) = &self.exchange {
            exchange.set_deadline(self.last);
        }
    }

    /// The stream gives up when nothing goes on for `span`, or all of the request's time is over.
    pub fn wait_between(&mut self, span: Duration, overdue: Problem) {
        self.overdue = overdue;
        if let Some(exchange) = &self.exchange {
            exchange.set_stretch(span, self.last);
        }
    }
}
