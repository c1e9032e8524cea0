//! Requests of HTTP/1.1 that go to an instance without the proxy library: what most routes do (find a service, change the path and headers, balance,
//! try again, watch over time) is done here by the same functions as in the phases of [`crate::proxy`], and heads are passed on as text. Which routes
//! and services these are is decided field by field ([`plain`]); all else goes its usual way, as if nobody had looked.
//!
//! ```text
//! head ─► ask: read ─► find: route, service, place, instance ─► call: tries ─► relay: both bodies at once ─► finish
//! ```
//!
//! Until [`Direct::find`] says yes nothing was counted or changed, and what it cannot do is not refused here but left.
//!
//! Reading order: [`plain`] → [`lines`] → [`ask`] → [`reply`] → [`pool`] → [`out`] → [`relay`] → [`call`] → [`finish`] → this file.

pub mod ask;
pub mod call;
pub mod finish;
pub mod lines;
pub mod out;
pub mod plain;
pub mod pool;
pub mod relay;
pub mod reply;

use crate::access_log::Log;
use crate::clock;
use crate::config::{Config, Network};
use crate::connection::RefusedCounters;
use crate::connection::client::Client;
use crate::connection::head::{Framing, Head};
use crate::connection::wire::Wire;
use crate::proxy::meaning;
use crate::proxy::request::{field, is_id, key, share};
use crate::routing::Asked;
use crate::state::{Action, Route, State};
use crate::tls::Certificates;
use crate::trace;
use crate::upstream::Upstream;
use arc_swap::ArcSwap;
use ask::{Ask, Habit};
use bole_edge_core::balance::Request;
use bole_edge_core::hash;
use bole_gateway_document::service::KeySource;
use bole_gateway_routes::Found;
use bole_gateway_routes::forwarded::Trusted;
use call::{Call, Course, Under};
use pool::Keeper;
use std::sync::Arc;
use tokio::sync::watch;

/// What all requests on this way share.
pub struct Direct {
    /// What requests are answered by, now.
    pub state: Arc<ArcSwap<State>>,
    /// Settings.
    pub config: Arc<Config>,
    /// To see that a connection may carry a request for a host.
    pub certificates: Arc<Certificates>,
    /// Finished requests.
    pub log: Arc<Log>,
    /// Problems by kind.
    pub problems: RefusedCounters,
    /// Turns true when the gateway closes.
    pub closing: watch::Receiver<bool>,
    /// Bounds the connections that are kept.
    pub keeper: Arc<Keeper>,
}

/// What becomes of a client's connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The next request.
    Next,
    /// It is closed, so that the client can still read the answer.
    Close,
    /// It is cut: an answer broke off, or the client is gone.
    Cut,
}

impl Direct {
    /// Forwards the request that `head` is of, if that can be done here. `None`: nothing was done. `last`: the connection must not go on.
    pub async fn forward(
        &self,
        wire: &mut Wire,
        head: &Head,
        client: &Client,
        habit: &mut Habit,
        last: bool,
    ) -> Option<After> {
        if !self.config.direct || self.config.explain || head.upgrade || head.expects {
            return None;
        }
        let under = self.find(ask::read(wire.found(head))?, head.framing, client, habit)?;
        wire.take(head);
        // What a request needs in memory, a connection that waits for the next one does not.
        Some(Box::pin(under.run(self, wire, client, last)).await)
    }

    /// Finds what a request needs to begin: a route and a service of this way, a place there, and an instance.
    fn find(&self, ask: Ask, framing: Framing, client: &Client, habit: &mut Habit) -> Option<Under> {
        let began = clock::now();
        let Ask { request, text, close } = ask;
        meaning::check(&request, &self.config.limits).ok()?;
        let state = self.state.load();
        let asked = Asked::of(&request, client.tls.is_some()).ok()?;
        let tls = client.tls.as_ref();
        if tls.is_some_and(|tls| !self.certificates.are_alike(tls.server_name.as_deref(), &asked.host))
            || state.access.as_ref().is_some_and(|access| access.has_sessions())
        {
            return None;
        }
        let found = asked.find(&request, &state.table)?;
        let route = &state.routes[found.route.index];
        let from =
            Trusted(&self.config.trusted_proxies).client(&request.headers, client.address.ip(), asked.tls);
        if !route.is_direct || !is_let_in(route, from.address) || self.is_too_large(route, framing) {
            return None;
        }
        let upstream = match &route.action {
            Action::Service(upstream) => upstream,
            Action::Split(services) => {
                services.get(share(found.route.split.as_ref()?, route, &request, (from.address, None)))?
            }
            _ => return None,
        };
        if !upstream.is_direct {
            return None;
        }
        let (rest, groups) = values(route, &found, &asked);
        let given = field(&request.headers, "x-request-id").filter(|id| client.trusted && is_id(id));
        let request_id = given.map_or_else(trace::request_id, str::to_owned);
        let trace = trace::Parent::continued(trace::Parent::of(&request.headers));
        habit.learn(&self.config.trusted_proxies, &request, client, &asked);
        let key = key_of(upstream, &request, from.address);
        let (route, upstream) = (route.clone(), upstream.clone());
        let ip = from.address;
        let told = habit.told();
        let call = Call {
            began,
            request,
            text,
            framing,
            close,
            asked,
            rest,
            groups,
            ip,
            key,
            request_id,
            trace,
            told,
            route,
            upstream,
        };
        call.enter()
    }

    fn is_too_large(&self, route: &Route, framing: Framing) -> bool {
        let Framing::Length(length) = framing else { return false };
        length > body_max(route, &self.config)
    }
}

/// Bytes of a request's body at most.
fn body_max(route: &Route, config: &Config) -> u64 {
    route.document.request_body_max.map_or(config.limits.request_body_bytes_max, |size| size.0)
}

fn is_let_in(route: &Route, ip: std::net::IpAddr) -> bool {
    let within = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
    !within(&route.deny) && (route.allow.is_empty() || within(&route.allow))
}

/// What `*` stood for in the route's path, and its groups, if anything of the route reads them.
fn values(route: &Route, found: &Found<'_>, asked: &Asked) -> (String, Vec<String>) {
    if !route.reads_values() {
        return (String::new(), Vec::new());
    }
    let parts = found.parts(&asked.path);
    (parts.rest.to_owned(), parts.groups.iter().map(|group| (*group).to_owned()).collect())
}

/// The hash of what requests are kept together by, if the service wants that.
fn key_of(upstream: &Upstream, request: &pingora_http::RequestHeader, ip: std::net::IpAddr) -> Option<u64> {
    let balance = &upstream.document.balance;
    let keyed = upstream.set.balancer.settings().algorithm.row().keyed || balance.key.is_some();
    keyed.then(|| hash::of(0, &key(balance.key.as_ref().unwrap_or(&KeySource::Ip), request, (ip, None))))
}

impl Call {
    /// Asks what protects the service, and picks the first instance. Nothing is left of it if there is none.
    fn enter(self) -> Option<Under> {
        let protection = &self.upstream.protection;
        let place = protection.gate.enter()?;
        let now = self.began;
        let pass = match &protection.breaker {
            Some(breaker) => Some(breaker.admit(now).ok()?),
            None => None,
        };
        let target = self.target()?;
        let picked = self.upstream.set.pick(Request { key: self.key, sticky: None, avoid: &[] })?;
        protection.budget.lock().request(now);
        let total = self.route.document.timeout.or(self.upstream.document.timeouts.total);
        let last = total.map(|total| now + total.0);
        Some(Under { course: Course::new(place, pass, last), target, picked, call: self })
    }
}
