//! Mirrors: a share of a route's requests goes to another service as well, and what that answers is thrown away. A copy is made when the request's body
//! is whole, goes beside the request, and neither delays nor fails it. It is a request of the mirror's service, with that service's balancer, breaker,
//! retries and deadlines.
//!
//! Bounded: bytes of a body, copies at a time (begun with the body of the request), and time. What is beyond is dropped and counted.

use crate::clock;
use crate::inner::{self, Engine, Facts, Question};
use crate::proxy::Proxy;
use crate::proxy::context::Context;
use crate::state::Route;
use crate::upstream::Upstream;
use bole_net::Metrics;
use bole_net::metrics::Counter;
use bole_net::tasks::{self, OnFailure};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, header};
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of an answer that are read before the connection is given up: short answers leave it for the next request.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where copies of a route's requests go.
pub struct Mirror {
    /// The service.
    pub upstream: Arc<Upstream>,
    /// How many of the requests, 0 to 1.
    pub share: f64,
    /// What became of them.
    pub counters: Counters,
}

/// What became of copies.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Answered, by anything but a failure.
    pub answered: Counter,
    /// Not answered, or with a status of 500 or more.
    pub failed: Counter,
    /// Not made, because too many were under way.
    pub busy: Counter,
    /// Not made, because the body was too large.
    pub large: Counter,
}

impl Counters {
    /// Of a route of this name.
    pub fn new(metrics: &Metrics, route: &str) -> Self {
        let of = |result| {
            let labels = [("route", route), ("result", result)];
            metrics.counter("bole_gateway_mirrored", "Copies of requests for a mirror.", &labels)
        };
        Self { answered: of("answered"), failed: of("failed"), busy: of("busy"), large: of("large") }
    }
}

/// A copy that waits for the request's body to be whole.
pub struct Copy {
    facts: Arc<Facts>,
    counters: Counters,
    method: Method,
    headers: HeaderMap,
    body: BytesMut,
    permit: OwnedSemaphorePermit,
}

impl Proxy {
    /// Begins a copy of a request that goes on, if its route has a mirror and chance says so.
    pub(crate) fn mirror(&self, session: &mut Session, context: &mut Context, route: &Route) {
        let Some(mirror) = &route.mirror else { return };
        if session.is_upgrade_req() || !clock::with_random(|random| random.chance(mirror.share)) {
            return;
        }
        let Ok(permit) = self.mirrors.clone().try_acquire_owned() else { return mirror.counters.busy.add(1) };
        let bodyless = session.is_body_empty();
        let head = session.req_header();
        let Some(facts) = Facts::of(context, &mirror.upstream, head) else { return };
        let mut headers = inner::fields(head);
        context.introduce_to(&mut headers);
        headers.remove(header::EXPECT);
        let copy = Copy {
            facts: Arc::new(facts),
            counters: mirror.counters.clone(),
            method: head.method.clone(),
            headers,
            body: BytesMut::new(),
            permit,
        };
        context.because(|| format!("copy to service {}", mirror.upstream.name));
        if bodyless {
            copy.send(&self.engine, self.config.limits.mirror_timeout);
        } else {
            context.copy = Some(Box::new(copy));
        }
    }

    /// A piece of the request's body goes on.
    pub(crate) fn copy_piece(&self, piece: Option<&Bytes>, end: bool, context: &mut Context) {
        let Some(copy) = &mut context.copy else { return };
        let piece = piece.map_or(&b""[..], |piece| piece);
        if (copy.body.len() + piece.len()) as u64 > self.config.limits.mirror_body_bytes_max {
            copy.counters.large.add(1);
            context.copy = None;
            return;
        }
        copy.body.extend_from_slice(piece);
        if let Some(copy) = context.copy.take_if(|_| end) {
            copy.send(&self.engine, self.config.limits.mirror_timeout);
        }
    }
}

impl Copy {
    /// The body comes once more, from its beginning.
    pub fn begin_again(&mut self) {
        self.body.clear();
    }

    fn send(self, engine: &Engine, patience: Duration) {
        let engine = engine.get().cloned().unwrap_or_default();
        tasks::spawn("gateway mirror", OnFailure::Log, async move {
            let Self { facts, counters, method, headers, body, permit } = self;
            let question = Question::new(&method, &facts.target(), &facts.host, &headers, body.freeze());
            let asked = async {
                let response = inner::once(&engine, &facts, &question, None).await.ok()?;
                let status = response.status();
                let (mut body, mut bytes) = (response.into_body(), 0);
                while let Some(Ok(piece)) = body.next().await {
                    bytes += piece.len();
                    if bytes > ANSWER_BYTES_MAX {
                        break;
                    }
                }
                (!status.is_server_error()).then_some(())
            };
            match tokio::time::timeout(patience, asked).await {
                Ok(Some(())) => counters.answered.add(1),
                Ok(None) | Err(_) => counters.failed.add(1),
            }
            drop(permit);
        });
    }
}
