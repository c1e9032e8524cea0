//! Routes with `collapse`: the same requests at the same time become one request to the service. The first one leads; the others wait for its answer, which
//! they get if it is for everybody.
//!
//! ```text
//! leader ─► service ─► head ─┬─ for its client only, or a failure ─► waiters go for themselves, each once
//!                            └─ for everybody ─► body ─┬─ whole ─► waiters get it
//!                                                      └─ too long, or broke off ─► waiters go for themselves
//! ```
//!
//! The leader gets its answer as it comes, whatever becomes of the others; if its client goes away, the request goes on for those who wait. Whoever comes
//! after the answer was whole begins anew: nothing is stored.
//!
//! Only `GET` and `HEAD` from clients that are nobody in particular: without a body, cookies, credentials, and an identity. What a request must have in common with
//! another is its method, scheme, host, path and query, and all fields but those that only say something of the client; of these, what the answer's
//! `Vary` names. Bounded: bytes of one answer and of all that are kept for waiters, waiters, and how long one waits.

use crate::error::Problem;
use crate::inner::{Facts, Question, race};
use crate::proxy::Proxy;
use bole_cdn::{Body, BodyError, Response};
use bole_net::Metrics;
use bole_net::metrics::{Counter, Gauge};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header::{self, HeaderMap, HeaderName};
use http::response::Parts;
use http::{HeaderValue, StatusCode};
use parking_lot::Mutex;
use pingora_proxy::HttpProxy;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, oneshot, watch};

/// Fields that say something of a client, its connection or its place in a trace. An answer that depends on one of them must say so in `Vary`; all
/// other fields are a part of what is asked.
const OF_CLIENTS: [&str; 22] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "dnt",
    "pragma",
    "priority",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "traceparent",
    "tracestate",
    "upgrade-insecure-requests",
    "user-agent",
    "x-forwarded-for",
    "x-real-ip",
    "x-request-id",
];

/// Fields that make a request somebody's.
const OF_SOMEBODY: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// What became of requests to a route that collapses them.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Asked the service, and others could wait for it.
    pub led: Counter,
    /// Got another one's answer.
    pub shared: Counter,
    /// Had waited, or could not wait, and asked for itself.
    pub alone: Counter,
    /// Wait now.
    pub waiting: Gauge,
}

impl Counters {
    /// Of a route of this name.
    pub fn new(metrics: &Metrics, route: &str) -> Self {
        let of = |result| {
            let labels = [("route", route), ("result", result)];
            metrics.counter("bole_gateway_collapsed", "Requests to routes that collapse them.", &labels)
        };
        let help = "Requests that wait for another one's answer.";
        let waiting = metrics.gauge("bole_gateway_collapse_waiting", help, &[("route", route)]);
        Self { led: of("led"), shared: of("shared"), alone: of("alone"), waiting }
    }
}

/// An answer for everybody who waits.
#[derive(Debug)]
pub struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// What the leader's request said.
    asked: HeaderMap,
}

impl Whole {
    /// Whether it answers a request with these fields as well (RFC 9110, section 12.5.5).
    fn fits(&self, fields: &HeaderMap) -> bool {
        let values = self.headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok());
        let named = values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
        // A coded body was chosen by what the leader accepts, also if the service does not say so.
        let coded = self.headers.contains_key(header::CONTENT_ENCODING).then_some("accept-encoding");
        named.chain(coded).all(|name| fields.get_all(name).iter().eq(self.asked.get_all(name).iter()))
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::whole(self.body.clone()));
        *response.status_mut() = self.status;
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

/// What waiters are told.
#[derive(Clone, Debug)]
enum Landed {
    Shared(Arc<Whole>),
    Alone,
}

type Landing = watch::Receiver<Option<Landed>>;

/// Requests that others can wait for.
#[derive(Debug)]
pub struct Flights {
    open: Mutex<HashMap<Arc<str>, Landing>>,
    waiters: AtomicUsize,
    kept: AtomicU64,
    bounds: Bounds,
}

/// What is spent on waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of an answer that are shared.
    pub body_bytes_max: u64,
    /// Bytes that are kept for waiters at a time, of all answers.
    pub kept_bytes_max: u64,
    /// Requests that wait at a time.
    pub waiters_max: usize,
    /// How long one waits.
    pub wait: std::time::Duration,
}

/// What a request is.
pub enum Joined {
    /// The first of its kind: it asks.
    Leader(Flight),
    /// Another one's answer is its own.
    Answered(Response),
    /// It must ask for itself.
    Alone,
}

/// The leader's request. When it is dropped nobody can wait for it any more, and those who do ask for themselves.
#[derive(Debug)]
pub struct Flight {
    flights: Arc<Flights>,
    key: Arc<str>,
    sender: watch::Sender<Option<Landed>>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.land(Landed::Alone);
    }
}

impl Flight {
    fn land(&self, landed: Landed) {
        let first = self.sender.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert(landed);
            first
        });
        if first {
            self.flights.open.lock().remove(&self.key);
        }
    }
}

struct Waiting<'f>(&'f AtomicUsize, &'f Gauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
        self.1.add(-1);
    }
}

impl Flights {
    /// None yet.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            waiters: AtomicUsize::new(0),
            kept: AtomicU64::new(0),
            bounds,
        })
    }

    /// Waits for the request of this key that is under way, which `waiting` shows, or begins it.
    pub async fn join(self: &Arc<Self>, key: &str, fields: &HeaderMap, waiting: &Gauge) -> Joined {
        let mut landing = {
            match self.open.lock().entry(key.into()) {
                Entry::Occupied(open) => open.get().clone(),
                Entry::Vacant(place) => {
                    let key = place.key().clone();
                    let (sender, landing) = watch::channel(None);
                    place.insert(landing);
                    return Joined::Leader(Flight { flights: self.clone(), key, sender });
                }
            }
        };
        let before = self.waiters.fetch_add(1, Ordering::AcqRel);
        waiting.add(1);
        let _waiting = Waiting(&self.waiters, waiting);
        if before >= self.bounds.waiters_max {
            return Joined::Alone;
        }
        let landed = tokio::time::timeout(self.bounds.wait, landing.wait_for(Option::is_some)).await;
        match landed.ok().and_then(Result::ok).and_then(|landed| landed.clone()) {
            Some(Landed::Shared(whole)) if whole.fits(fields) => Joined::Answered(whole.response()),
            _ => Joined::Alone,
        }
    }
}

/// Whether a field's value has a directive.
fn says(headers: &HeaderMap, directive: &[&str]) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().map(HeaderValue::as_bytes);
    values.flat_map(|value| value.split(|byte| *byte == b',')).any(|part| {
        let name = part.split(|byte| *byte == b'=').next().unwrap_or(part).trim_ascii();
        directive.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
    })
}

/// Whether the answer with this head is for everybody who asks the same, and short enough as far as it says.
fn is_shared(head: &Parts, body_bytes_max: u64) -> bool {
    let Parts { status, headers, .. } = head;
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let varies = headers.get_all(header::VARY).iter().any(|vary| vary.as_bytes().contains(&b'*'));
    let streams = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"));
    let asks = matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    !status.is_server_error()
        && !asks
        && !varies
        && !streams
        && *status != StatusCode::TOO_MANY_REQUESTS
        && !headers.contains_key(header::SET_COOKIE)
        && !says(headers, &["private", "no-store"])
        && length.is_none_or(|length| length <= body_bytes_max)
}

/// What must be the same in requests that share an answer, besides where they go. `None`: the request is somebody's.
pub fn key_of(fields: &HeaderMap) -> Option<String> {
    if OF_SOMEBODY.iter().any(|name| fields.contains_key(name)) {
        return None;
    }
    let mut told: Vec<(&str, &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| !OF_CLIENTS.contains(name))
        .collect();
    // Stable, so that values of one name stay in their order.
    told.sort_by_key(|(name, _)| *name);
    Some(format!(
        "{:?}",
        told.iter().map(|(name, value)| (name, value.escape_ascii().to_string())).collect::<Vec<_>>()
    ))
}

/// A piece of the leader's answer.
enum Piece {
    Bytes(Bytes),
    /// All that follows, as it comes.
    Rest(Body),
    Failed(BodyError),
}

/// Asks the service, and gives its answer to the leader as it comes, and to all who wait once it is whole.
pub async fn lead(
    flight: Flight,
    engine: Weak<HttpProxy<Proxy>>,
    facts: Arc<Facts>,
    question: Question,
    asked: HeaderMap,
    leader: oneshot::Sender<Result<Response, Problem>>,
) {
    let bounds = flight.flights.bounds;
    let response = match race::ask(&engine, &facts, &question).await {
        Ok(response) => response,
        Err(problem) => {
            drop(flight);
            let _ = leader.send(Err(problem));
            return;
        }
    };
    let (head, mut body) = response.into_parts();
    if !is_shared(&head, bounds.body_bytes_max) {
        drop(flight);
        let _ = leader.send(Ok(Response::from_parts(head, body)));
        return;
    }
    let (status, headers) = (head.status, head.headers.clone());
    // Not more than what is kept anyway; see the bound below.
    let (pieces, rest) = mpsc::unbounded_channel();
    let _ = leader.send(Ok(Response::from_parts(head, stream(rest))));
    let mut kept = Kept { of: &flight.flights.kept, bytes: BytesMut::new() };
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) if kept.put(&piece, &bounds) => {
                let _ = pieces.send(Piece::Bytes(piece));
            }
            Ok(piece) => {
                flight.land(Landed::Alone);
                let _ = pieces.send(Piece::Bytes(piece));
                let _ = pieces.send(Piece::Rest(body));
                return;
            }
            Err(error) => {
                let _ = pieces.send(Piece::Failed(error));
                return;
            }
        }
        if pieces.is_closed() && flight.sender.receiver_count() <= 1 {
            // The leader went away, and nobody waits (the one receiver is the table's).
            return;
        }
    }
    drop(pieces);
    let body = std::mem::take(&mut kept.bytes).freeze();
    flight.land(Landed::Shared(Arc::new(Whole { status, headers, body: body.clone(), asked })));
    kept.of.fetch_sub(body.len() as u64, Ordering::AcqRel);
}

/// Bytes that are kept for waiters, and counted.
struct Kept<'f> {
    of: &'f AtomicU64,
    bytes: BytesMut,
}

impl Kept<'_> {
    fn put(&mut self, piece: &Bytes, bounds: &Bounds) -> bool {
        let more = piece.len() as u64;
        if self.bytes.len() as u64 + more > bounds.body_bytes_max {
            return false;
        }
        if self.of.fetch_add(more, Ordering::AcqRel) + more > bounds.kept_bytes_max {
            self.of.fetch_sub(more, Ordering::AcqRel);
            return false;
        }
        self.bytes.extend_from_slice(piece);
        true
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes.len() as u64, Ordering::AcqRel);
    }
}

/// The leader's body. A channel that closes is its end.
fn stream(pieces: mpsc::UnboundedReceiver<Piece>) -> Body {
    enum From {
        Pieces(mpsc::UnboundedReceiver<Piece>),
        Rest(Body),
    }
    let next = |from: Option<From>| async move {
        let mut from = from?;
        loop {
            match from {
                From::Rest(mut body) => {
                    let piece = body.next().await?;
                    return Some((piece, Some(From::Rest(body))));
                }
                From::Pieces(mut pieces) => match pieces.recv().await? {
                    Piece::Bytes(piece) => return Some((Ok(piece), Some(From::Pieces(pieces)))),
                    Piece::Failed(error) => return Some((Err(error), None)),
                    Piece::Rest(body) => from = From::Rest(body),
                },
            }
        }
    };
    Body::stream(futures_util::stream::unfold(Some(From::Pieces(pieces)), next))
}

#[cfg(test)]
mod tests;
