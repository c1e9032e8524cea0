//! Requests of the gateway's own, made for one of a client: fetches of the cache, copies for a mirror, requests that several clients share or that are made
//! twice. Such a request has no client, but goes through the same phases as any other (balancing, breaker, retries, deadlines, changes of the
//! request), and its answer comes here instead of to a connection. What stands before the service was decided on by the request that it is made for.
//!
//! This is the only place that uses the proxy library's sub-requests. Who drops an answer, or does not wait for it, is a client that went away: the
//! request ends, and says nothing of the instance.

mod connection;
pub mod race;

use crate::connection::client::{Client, Exchange};
use crate::error::Problem;
use crate::proxy::Proxy;
use crate::proxy::context::Context;
use crate::routing::{Asked, host_of};
use crate::state::{Route, State};
use crate::trace;
use crate::upstream::Upstream;
use bole_cdn::{Body, BodyError, Response};
use bytes::Bytes;
use connection::Written;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method};
use parking_lot::Mutex;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_http::RequestHeader;
use pingora_proxy::subrequest::{BodyMode, Ctx};
use pingora_proxy::{HttpProxy, SubrequestSpawner};
use race::Race;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender};

/// The proxy, for requests of its own.
pub type Engine = OnceLock<Weak<HttpProxy<Proxy>>>;

/// Fields of one connection (RFC 9110, section 7.6.1), which are no part of what is asked.
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// What such a request has from the one that it is made for.
pub struct Facts {
    /// What it is answered by.
    pub state: Arc<State>,
    /// The route that took it.
    pub route: Arc<Route>,
    /// The service that is asked.
    pub upstream: Arc<Upstream>,
    /// Who asked.
    pub client: Arc<Client>,
    /// Whose request it is.
    pub ip: IpAddr,
    /// What it asks for.
    pub asked: Asked,
    /// The host as it was named.
    pub host: String,
    /// What the route's pattern found.
    pub rest: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// The query.
    pub query: Option<String>,
    /// The client's headers, if the route needs them.
    pub came: Option<Box<HeaderMap>>,
    /// Its name in logs.
    pub request_id: String,
    /// Who asks.
    pub who: Option<Box<bole_gateway_access::Identity>>,
    /// Its place in a trace.
    pub trace: Option<trace::Parent>,
}

impl Facts {
    /// Of a request that is under way, for this service.
    pub fn of(context: &Context, upstream: &Arc<Upstream>, request: &RequestHeader) -> Option<Self> {
        Some(Self {
            state: context.state.clone()?,
            route: context.route.clone()?,
            upstream: upstream.clone(),
            client: context.exchange.as_ref()?.client.clone(),
            ip: context.ip,
            asked: context.asked.clone(),
            host: host_of(request).to_owned(),
            rest: context.rest.clone(),
            groups: context.groups.clone(),
            query: context.query.clone(),
            came: context.came.clone(),
            request_id: context.request_id.clone(),
            who: context.on_behalf(),
            trace: context.trace,
        })
    }

    /// Path and query, as they were asked for.
    pub fn target(&self) -> String {
        let path = &self.asked.path;
        self.query.as_ref().map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
    }
}

/// Which instance answered. In the extensions of an answer.
#[derive(Clone, Debug, Default)]
pub struct By {
    /// Its name.
    pub instance: Option<Arc<str>>,
    /// How many were tried.
    pub tries: usize,
    /// From the begin of its try to the head of its answer.
    pub took: Duration,
}

/// What such a request carries through the library.
pub struct Inner {
    /// From the request that it is made for.
    pub facts: Arc<Facts>,
    /// Why it was not answered.
    pub problem: Arc<Mutex<Option<Problem>>>,
    /// Who answered.
    pub by: Arc<Mutex<By>>,
    /// The race that it runs in, and whether it is the second to start.
    pub race: Option<(Arc<Race>, bool)>,
}

/// What is asked.
pub struct Question {
    method: Method,
    head: Vec<u8>,
    body: Bytes,
}

impl Question {
    /// A request of this head and body. Values of headers were read from bytes, or made by us; so none has a line feed.
    pub fn new(method: &Method, target: &str, host: &str, headers: &HeaderMap, body: Bytes) -> Self {
        let mut head = Vec::with_capacity(1_024);
        let mut push = |parts: &[&[u8]]| parts.iter().for_each(|part| head.extend_from_slice(part));
        push(&[method.as_str().as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\nHost: "]);
        push(&[host.as_bytes(), b"\r\n"]);
        for (name, value) in headers {
            if ![header::HOST, header::CONTENT_LENGTH, header::COOKIE].contains(name) {
                push(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
            }
        }
        // HTTP/2 may cut a cookie into several fields, HTTP/1.1 must not (RFC 9113, section 8.2.3).
        let cookies: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if !cookies.is_empty() {
            push(&[b"cookie: ", &cookies.join(&b"; "[..]), b"\r\n"]);
        }
        if !is_bodyless(method) || !body.is_empty() {
            push(&[b"content-length: ", body.len().to_string().as_bytes(), b"\r\n"]);
        }
        push(&[b"\r\n"]);
        Self { method: method.clone(), head, body }
    }

    /// Whether it may be made twice at the same time: it changes nothing, and its body is not waited for.
    pub fn is_safe(&self) -> bool {
        is_bodyless(&self.method) && self.body.is_empty()
    }
}

/// Methods that change nothing, and have no body as a rule.
fn is_bodyless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The fields of a request without those of its connection.
pub fn fields(request: &RequestHeader) -> HeaderMap {
    let mut fields = request.headers.clone();
    leave_connection(&mut fields, &[header::AUTHORIZATION, header::COOKIE, header::HOST]);
    fields.remove(header::HOST);
    fields
}

/// Takes out the fields of a connection, but for `kept`, which nobody may call such.
fn leave_connection(fields: &mut HeaderMap, kept: &[HeaderName]) {
    let named: Vec<HeaderName> = fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().filter(|name| !kept.contains(name)).chain(&OF_CONNECTION) {
        fields.remove(name);
    }
}

/// Makes a request once, its service's retries included. It ends early if the returned future or the answer's body is dropped.
///
/// # Errors
/// Why nobody answered.
pub async fn once(
    engine: &Weak<HttpProxy<Proxy>>,
    facts: &Arc<Facts>,
    question: &Question,
    race: Option<(Arc<Race>, bool)>,
) -> Result<Response, Problem> {
    let exchange = Exchange::new(facts.client.clone(), false);
    let (problem, by) = (Arc::<Mutex<Option<Problem>>>::default(), Arc::<Mutex<By>>::default());
    let inner = Inner { facts: facts.clone(), problem: problem.clone(), by: by.clone(), race };
    let answered = carried(engine, question, &exchange, Some(inner)).await;
    let mut response =
        answered.map_err(|why| why.or_else(|| *problem.lock()).unwrap_or(Problem::UpstreamClosed))?;
    let kept = [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::SET_COOKIE];
    leave_connection(response.headers_mut(), &kept);
    response.extensions_mut().insert(by.lock().clone());
    Ok(response)
}

/// Carries a request through the library. Without `inner` it is as any client's, and all that stands before a service is asked.
///
/// # Errors
/// Why nobody answered; `None`: the request ended without an answer.
pub async fn carried(
    engine: &Weak<HttpProxy<Proxy>>,
    question: &Question,
    exchange: &Arc<Exchange>,
    inner: Option<Inner>,
) -> Result<Response, Option<Problem>> {
    let engine = engine.upgrade().ok_or(Some(Problem::Internal))?;
    let mut template = ServerSession::new_http1(Box::new(Written::new(question.head.clone(), exchange)));
    if !matches!(template.read_request().await, Ok(true)) {
        return Err(Some(Problem::BadRequest));
    }
    let mode = if question.is_safe() { BodyMode::NoBody } else { BodyMode::ExpectBody };
    let context = Ctx::builder().body_mode(mode).user_ctx(Box::new(inner)).build();
    let (prepared, handle) = SubrequestSpawner::new(engine).create_subrequest(&template, context);
    // It ends by itself: with the answer, with the service's deadlines, or because nobody takes the answer.
    tokio::spawn(prepared.run());
    // Held until the end of the body: a closed channel would be a client that went away.
    let (sender, mut tasks) = (handle.tx, handle.rx);
    if !question.body.is_empty() {
        // There is room for it; a request that has ended already tells why below.
        let _ = sender.send(HttpTask::Body(Some(question.body.clone()), true)).await;
    }
    let (head, end) = loop {
        let task = tokio::select! {
            biased;
            task = tasks.recv() => task,
            // What comes after the end of a request is an error: it ends the try, and the failure phase sees why.
            () = exchange.overdue() => {
                let _ = sender.try_send(HttpTask::Trailer(None));
                continue;
            }
        };
        match task {
            Some(HttpTask::Header(head, _)) if head.status.is_informational() => {}
            Some(HttpTask::Header(head, end)) => break (head, end),
            Some(_) => return Err(Some(Problem::UpstreamGarbage)),
            None => return Err(None),
        }
    };
    let bodyless = end
        || question.method == Method::HEAD
        || matches!(head.status.as_u16(), 204 | 304)
        || head.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    let body = if bodyless { Body::empty() } else { body(tasks, sender) };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    response.headers_mut().clone_from(&head.headers);
    Ok(response)
}

/// The rest of an answer. One that ends without saying so was cut off.
fn body(tasks: Receiver<HttpTask>, sender: Sender<HttpTask>) -> Body {
    let pieces = futures_util::stream::unfold(Some((tasks, sender)), |state| async move {
        let (mut tasks, sender) = state?;
        loop {
            let (piece, end): (Option<Bytes>, bool) = match tasks.recv().await {
                Some(HttpTask::Body(piece, end)) => (piece, end),
                Some(HttpTask::Trailer(_) | HttpTask::Done) => (None, true),
                Some(_) | None => {
                    return Some((Err(BodyError::Origin("it broke off".to_owned())), None));
                }
            };
            match piece.filter(|piece| !piece.is_empty()) {
                Some(piece) => return Some((Ok(piece), (!end).then_some((tasks, sender)))),
                None if end => return None,
                None => {}
            }
        }
    });
    Body::stream(pieces)
}
