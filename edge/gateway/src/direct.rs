//! Requests of HTTP/1.1 that go to an instance without the proxy library: what most routes do (find a service, change the path and headers, balance,
//! try again, watch over time) is done here by the same functions as in the phases of [`crate::proxy`], and heads are passed on as text. Which routes
//! and services these are is decided field by field ([`plain`]); all else goes its usual way, as if nobody had looked.
//!
//! ```text
//! head ─► look: route, service ─► find: place, instance ─► call: tries ─► relay: both bodies at once ─► finish
//! ```
//!
//! Until `find` says yes nothing was counted or changed, and what it cannot do is not refused here but left.
//!
//! Reading order: [`plain`] → [`lines`] → [`ask`] → [`look`] → [`reply`] → [`pool`] → [`out`] → [`upload`] → [`relay`] → [`call`] → [`finish`] → this file.

pub mod ask;
pub mod call;
pub mod finish;
pub mod lines;
pub mod look;
pub mod out;
pub mod plain;
pub mod pool;
pub mod relay;
pub mod reply;
pub mod upload;

use crate::access_log::Log;
use crate::clock;
use crate::config::{Config, Network};
use crate::connection::RefusedCounters;
use crate::connection::client::Client;
use crate::connection::head::{Framing, Head};
use crate::connection::wire::Wire;
use crate::error::Problem;
use crate::proxy::request::{field, is_id, key};
use crate::state::Route;
use crate::trace;
use crate::upstream::Upstream;
use ask::{Ask, Habit};
use bole_edge_core::balance::Request;
use bole_edge_core::hash;
use bole_gateway_document::service::KeySource;
use call::{Call, Course, Under};
use finish::Refusal;
use look::Looked;
use pool::Keeper;
use std::sync::Arc;
use tokio::sync::watch;
use upload::Trouble;

/// What all requests on this way share.
pub struct Direct {
    /// Settings.
    config: Arc<Config>,
    /// Finished requests.
    log: Arc<Log>,
    /// Problems by kind.
    problems: RefusedCounters,
    /// Turns true when the gateway closes.
    closing: watch::Receiver<bool>,
    /// Bounds the connections that are kept.
    keeper: Arc<Keeper>,
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
    /// Of a gateway.
    pub fn new(
        config: Arc<Config>,
        log: Arc<Log>,
        problems: RefusedCounters,
        closing: watch::Receiver<bool>,
        keeper: Arc<Keeper>,
    ) -> Self {
        Self { config, log, problems, closing, keeper }
    }

    /// Forwards a request that was looked at, if that can be done here. `None`: nothing was done. `last`: the connection must not go on.
    pub async fn forward(
        &self,
        wire: &mut Wire,
        head: &Head,
        client: &Client,
        (looked, habit): (Box<Looked>, &mut Habit),
        last: bool,
    ) -> Option<After> {
        let call = self.find(looked, head.framing, client, habit)?;
        if call.route.rates.is_empty() {
            // Who refuses it is the usual way: nothing was done yet.
            let under = call.enter().ok()?;
            wire.take(head);
            return Some(under.run(self, wire, client, last).await);
        }
        wire.take(head);
        Some(self.counted(call, wire, client, last).await)
    }

    /// Carries a request out that its route's limits count. From here on it cannot go another way, which would count it once more.
    async fn counted(&self, mut call: Box<Call>, wire: &mut Wire, client: &Client, last: bool) -> After {
        if let Err(refused) = call.count().await {
            return call.refuse(refused, self, (wire, client), last).await;
        }
        match call.enter() {
            Ok(under) => under.run(self, wire, client, last).await,
            Err(refused) => {
                let (call, refused) = *refused;
                call.refuse(refused, self, (wire, client), last).await
            }
        }
    }

    /// Puts together what is known of a request, if its route and service are of this way.
    fn find(
        &self,
        looked: Box<Looked>,
        framing: Framing,
        client: &Client,
        habit: &mut Habit,
    ) -> Option<Box<Call>> {
        let Looked { began, ask, asked, ip, route, service, rest, groups, pattern: _ } = *looked;
        let upstream = service.filter(|service| service.is_direct)?;
        // Spans of tries are made in the phases.
        let is_on = self.config.direct && self.config.otel.is_none();
        let may_be = is_on && route.is_direct && is_let_in(&route, ip);
        if !may_be || self.is_too_large(&route, framing) {
            return None;
        }
        let Ask { request, text, close } = ask;
        let given = field(&request.headers, "x-request-id").filter(|id| client.trusted && is_id(id));
        let request_id = given.map_or_else(trace::request_id, str::to_owned);
        let trace = trace::Parent::passed_on(trace::Parent::of(&request.headers));
        habit.learn(&self.config.trusted_proxies, &request, client, &asked);
        let (key, told) = (key_of(&upstream, &request, ip), habit.told());
        Some(Box::new(Call {
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
            rates: Vec::new(),
        }))
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

/// The hash of what requests are kept together by, if the service wants that.
fn key_of(upstream: &Upstream, request: &pingora_http::RequestHeader, ip: std::net::IpAddr) -> Option<u64> {
    let balance = &upstream.document.balance;
    let keyed = upstream.set.balancer.settings().algorithm.row().keyed || balance.key.is_some();
    keyed.then(|| hash::of(0, &key(balance.key.as_ref().unwrap_or(&KeySource::Ip), request, (ip, None))))
}

impl Call {
    /// Counts the request under the route's limits, all of which must admit.
    async fn count(&mut self) -> Result<(), Refusal> {
        let route = self.route.clone();
        for rate in &route.rates {
            let verdict = {
                let key = key(&rate.key, &self.request, (self.ip, None));
                rate.take(&route.name, &key).await
            };
            if rate.shadow {
                route.counters.limited_in_shadow.add(u64::from(!verdict.admitted));
                continue;
            }
            self.rates.extend(verdict.headers);
            if !verdict.admitted {
                route.counters.limited.add(1);
                let problem = if verdict.unknown { Problem::LimitUnknown } else { Problem::RateLimited };
                let detail = Some(format!("the limit {:?} is reached", rate.name));
                return Err(Refusal { trouble: Trouble { problem, detail }, wait: verdict.retry_after });
            }
        }
        Ok(())
    }

    /// Asks what protects the service, and picks the first instance. If it is refused nothing is left of that.
    fn enter(self: Box<Self>) -> Result<Box<Under>, Box<(Box<Self>, Refusal)>> {
        let refused = |call: Box<Self>, problem: Problem, wait| {
            Box::new((call, Refusal { trouble: problem.into(), wait }))
        };
        let (upstream, now) = (self.upstream.clone(), clock::now());
        let protection = &upstream.protection;
        let Some(place) = protection.gate.enter() else {
            return Err(refused(self, Problem::TooManyAtOnce, None));
        };
        let pass = match protection.breaker.as_ref().map(|breaker| breaker.admit(now)) {
            None => None,
            Some(Ok(pass)) => Some(pass),
            Some(Err(wait)) => return Err(refused(self, Problem::BreakerOpen, Some(wait))),
        };
        let Some(target) = self.target() else { return Err(refused(self, Problem::BadRequest, None)) };
        let Some(picked) = upstream.set.pick(Request { key: self.key, sticky: None, avoid: &[] }) else {
            return Err(refused(self, Problem::NoInstance, None));
        };
        protection.budget.lock().request(now);
        let total = self.route.document.timeout.or(upstream.document.timeouts.total);
        let last = total.map(|total| now + total.0);
        Ok(Box::new(Under { course: Course::new(place, pass, last), target, picked, call: self }))
    }
}
