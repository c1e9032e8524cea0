//! The first phase: what the request means, which route takes it, whether it is let in; and what the gateway answers by itself.

use super::context::Context;
use super::detour::Detour;
use super::forward::path_of;
use super::target::decided;
use super::{Proxy, meaning};
use crate::answer;
use crate::cached;
use crate::compression::Compressor;
use crate::config::Network;
use crate::connection::client::{Client, Exchange};
use crate::error::Problem;
use crate::inner::Inner;
use crate::otel::record::Record;
use crate::routing::Asked;
use crate::state::{Action, Route};
use crate::upstream::Upstream;
use crate::{clock, grpc_web, trace};
use bole_edge_core::balance::{Kind, Token};
use bole_edge_core::hash;
use bole_edge_core::limits::headers;
use bole_gateway_document::service::KeySource;
use bole_gateway_routes::cors::Cors;
use bole_gateway_routes::forwarded::Trusted;
use bole_gateway_routes::split::Split;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// A header of one value, as text.
pub fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A cookie of this name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// What requests are kept together, or counted, by. A request that has none goes by its client's address.
pub fn key<'a>(
    source: &KeySource,
    request: &'a RequestHeader,
    (ip, consumer): (IpAddr, Option<&str>),
) -> Cow<'a, [u8]> {
    let found = match source {
        // Marked, so that nobody's name is another's address.
        KeySource::Consumer => {
            return Cow::Owned(match consumer {
                Some(name) => [b"@", name.as_bytes()].concat(),
                None => ip.to_string().into_bytes(),
            });
        }
        KeySource::Ip => None,
        KeySource::All => Some(&b""[..]),
        KeySource::Path => Some(request.uri.path().as_bytes()),
        KeySource::Header(name) => request.headers.get(name).map(http::HeaderValue::as_bytes),
        KeySource::Cookie(name) => cookie(&request.headers, name).map(str::as_bytes),
        KeySource::Query(name) => {
            let mut pairs =
                request.uri.query().unwrap_or("").split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(own, _)| own == name).map(|(_, value)| value.as_bytes())
        }
    };
    match found {
        Some(key) => Cow::Borrowed(key),
        None => Cow::Owned(ip.to_string().into_bytes()),
    }
}

/// The name of an instance in a cookie.
pub(super) fn token_text(token: Token) -> String {
    format!("{:016x}", token.0)
}

fn token(text: &str) -> Option<Token> {
    u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16).map(Token)
}

impl Proxy {
    /// Decides on a request. `true` if it has been answered.
    pub(super) async fn begin(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        let Some(exchange) = Exchange::of(session).cloned() else {
            return Error::e_explain(ErrorType::InternalError, "a request has no connection");
        };
        context.exchange = Some(exchange.clone());
        if let Some(inner) = inner(session) {
            return self.begin_inner(session, context, inner);
        }
        context.explain = self.config.explain.then(String::new);
        let client = exchange.client.clone();
        self.name(session, context, &client);
        let from = Trusted(&self.config.trusted_proxies);
        let (peer, tls) = (client.address.ip(), client.tls.is_some());
        let from = from.client(&session.req_header().headers, peer, tls);
        (context.ip, context.secured) = (from.address, from.tls);
        let decided = match meaning::check(session.req_header(), &self.config.limits) {
            Ok(()) => self.route(session, context, &client).await,
            Err(refused) => Err(refused),
        };
        match decided {
            Ok(true) => self.here(session, context).await,
            Ok(false) => Ok(false),
            Err((problem, detail)) => {
                context.problem = Some((problem, detail));
                self.tell(session, context).await?;
                Ok(true)
            }
        }
    }

    /// Decides on a request of the gateway's own: all that stands before the service was asked by the one that it is made for.
    fn begin_inner(&self, session: &Session, context: &mut Context, inner: Inner) -> Result<bool> {
        let facts = inner.facts.clone();
        context.ip = facts.ip;
        context.asked = Asked { respelled: false, ..facts.asked.clone() };
        context.rest.clone_from(&facts.rest);
        context.groups.clone_from(&facts.groups);
        context.query.clone_from(&facts.query);
        context.came.clone_from(&facts.came);
        context.request_id.clone_from(&facts.request_id);
        context.trace = facts.trace;
        if let (Some(_), Some(trace)) = (&self.tracer, facts.trace) {
            context.record = Record::of(trace, None);
        }
        context.who.clone_from(&facts.who);
        context.state = Some(facts.state.clone());
        context.route = Some(facts.route.clone());
        if facts.route.document.grpc_web {
            context.grpc_web = grpc_web::Call::of(&session.req_header().headers);
        }
        context.inner = Some(inner);
        self.enter(session, context, &facts.route, &facts.upstream).map(|()| false).map_err(|problem| {
            let error = decided(problem.0);
            context.problem = Some(problem);
            error
        })
    }

    /// Gives the request its id and its place in a trace.
    fn name(&self, session: &Session, context: &mut Context, client: &Client) {
        let headers = &session.req_header().headers;
        let given = field(headers, "x-request-id").filter(|id| client.trusted && is_id(id));
        context.request_id = given.map_or_else(trace::request_id, str::to_owned);
        let parent = trace::Parent::of(headers);
        context.trace = Some(match &self.tracer {
            None => trace::Parent::passed_on(parent),
            Some(tracer) => {
                let own = tracer.sampler().begin(parent, client.trusted);
                context.record = Record::of(own, parent);
                own
            }
        });
    }

    /// Finds the route and asks what stands before it. `true` if the gateway answers by itself.
    async fn route(
        &self,
        session: &mut Session,
        context: &mut Context,
        client: &Client,
    ) -> Result<bool, (Problem, Option<String>)> {
        let state = self.state.load_full();
        let request = session.req_header();
        let asked = Asked::of(request, client.tls.is_some())?;
        let tls = client.tls.as_ref();
        if tls.is_some_and(|tls| !self.certificates.are_alike(tls.server_name.as_deref(), &asked.host)) {
            return Err((Problem::Misdirected, None));
        }
        if self.proof(context, &asked) || self.own_path(session, context, client, (&state, &asked)).await {
            return Ok(true);
        }
        let request = session.req_header();
        let found = asked.find(request, &state.table).ok_or((Problem::NoRoute, None))?;
        let route = state.routes[found.route.index].clone();
        context.found(&found);
        let parts = found.parts(&asked.path);
        parts.rest.clone_into(&mut context.rest);
        context.groups = parts.groups.iter().map(|group| (*group).to_owned()).collect();
        context.query = request.uri.query().map(str::to_owned);
        if route.needs_headers() {
            context.came = Some(Box::new(request.headers.clone()));
        }
        if let Some(cors) =
            route.cors.as_ref().filter(|_| Cors::is_preflight(&request.method, &request.headers))
        {
            context.preflight = Some(cors.preflight(&request.headers));
        }
        context.asked = asked;
        context.because(|| format!("route {}", route.name));
        context.state = Some(state.clone());
        route.counters.in_flight.add(1);
        context.open = true;
        context.route = Some(route.clone());
        if route.document.grpc_web {
            context.grpc_web = grpc_web::Call::of(&request.headers);
        }
        if context.preflight.is_some() {
            return Ok(true);
        }
        let ip = context.ip;
        let split = found.route.split.as_ref();
        let within = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        if within(&route.deny) || (!route.allow.is_empty() && !within(&route.allow)) {
            return Err((Problem::NetworkDenied, None));
        }
        if self.who(session, context, client, &route).await? {
            return Ok(true);
        }
        let share = split.map(|split| share(split, &route, session.req_header(), context.whom()).to_owned());
        self.rates(session, context, &route).await?;
        self.shed(&route, context)?;
        self.bounds(session, &route)?;
        if !(cached::is_on(&route.document) && cached::takes(session)) {
            compress(session, &route);
        }
        let upstream = match (&route.action, &share) {
            (Action::Service(upstream), _) => upstream,
            (Action::Split(services), Some(share)) => services.get(share).ok_or((Problem::Internal, None))?,
            _ => return Ok(true),
        };
        self.described(session, context, &route, &upstream.name)?;
        self.mirror(session, context, &route);
        if let Some(detour) = Detour::of(session, &route, upstream) {
            context.detour = Some((detour, upstream.clone()));
            return Ok(true);
        }
        self.enter(session, context, &route, upstream)?;
        Ok(false)
    }

    /// Counts the request under the route's limits, all of which must admit.
    async fn rates(
        &self,
        session: &Session,
        context: &mut Context,
        route: &Route,
    ) -> Result<(), (Problem, Option<String>)> {
        let own = context.own_rates(route);
        for rate in route.rates.iter().chain(&own) {
            let key = key(&rate.key, session.req_header(), context.whom());
            let verdict = rate.take(&route.name, &key).await;
            let name = &rate.name;
            context
                .because(|| format!("limit {name} {}", if verdict.admitted { "admits" } else { "refuses" }));
            if rate.shadow {
                route.counters.limited_in_shadow.add(u64::from(!verdict.admitted));
                continue;
            }
            context.rates.extend(verdict.headers);
            if !verdict.admitted {
                route.counters.limited.add(1);
                context.retry_after = verdict.retry_after;
                let problem = if verdict.unknown { Problem::LimitUnknown } else { Problem::RateLimited };
                return Err((problem, Some(format!("the limit {:?} is reached", rate.name))));
            }
        }
        Ok(())
    }

    /// Refuses the less important while requests wait too long.
    fn shed(&self, route: &Route, context: &Context) -> Result<(), (Problem, Option<String>)> {
        let own = context.who.as_ref().and_then(|who| who.priority);
        let Some(priority) = route.document.shed_priority.or(own) else { return Ok(()) };
        let ticket = match context.consumer() {
            Some(name) => hash::of(1, name.as_bytes()),
            None => hash::of(0, context.ip.to_string().as_bytes()),
        };
        let now = clock::now();
        let mut shedder = self.shedder.lock();
        shedder.waited(self.lag.now());
        if shedder.admit(priority, ticket, now) { Ok(()) } else { Err((Problem::Shed, None)) }
    }

    fn bounds(&self, session: &mut Session, route: &Route) -> Result<(), (Problem, Option<String>)> {
        let most =
            route.document.request_body_max.map_or(self.config.limits.request_body_bytes_max, |size| size.0);
        let length =
            field(&session.req_header().headers, "content-length").and_then(|text| text.parse::<u64>().ok());
        if length.is_some_and(|length| length > most) {
            return Err((Problem::BodyTooLarge, Some(format!("at most {most} bytes are taken"))));
        }
        if session.is_upgrade_req() && route.document.upgrade == Some(false) {
            return Err((Problem::UpgradeRefused, None));
        }
        Ok(())
    }

    /// Asks what protects the service.
    fn enter(
        &self,
        session: &Session,
        context: &mut Context,
        route: &Route,
        upstream: &Arc<Upstream>,
    ) -> Result<(), (Problem, Option<String>)> {
        let name = &upstream.name;
        context.because(|| format!("service {name}"));
        context.upstream = Some(upstream.clone());
        let protection = &upstream.protection;
        if let Some(breaker) = &protection.breaker {
            match breaker.admit(clock::now()) {
                Ok(pass) => context.pass = Some(pass),
                Err(wait) => {
                    upstream.counters.refused.add(1);
                    context.retry_after = Some(wait);
                    return Err((Problem::BreakerOpen, None));
                }
            }
        }
        let Some(place) = protection.gate.enter() else {
            upstream.counters.refused.add(1);
            return Err((Problem::TooManyAtOnce, None));
        };
        context.place = Some(place);
        // The second of a race is a retry, and counts as one.
        if !context.inner.as_ref().is_some_and(|inner| matches!(inner.race, Some((_, true)))) {
            protection.budget.lock().request(clock::now());
        }
        let balance = &upstream.document.balance;
        let request = session.req_header();
        let kind = upstream.set.balancer.settings().algorithm;
        if kind.row().keyed || balance.key.is_some() {
            let key = key(balance.key.as_ref().unwrap_or(&KeySource::Ip), request, context.whom());
            context.key = Some(hash::of(0, &key));
        }
        if kind == Kind::Sticky {
            let name = balance.cookie.as_ref().map_or(STICKY_COOKIE, |cookie| cookie.name.as_str());
            context.sticky = cookie(&request.headers, name).and_then(token);
        }
        let total = route.document.timeout.or(upstream.document.timeouts.total);
        context.last = total.map(|total| clock::now() + total.0);
        context.wait_for_all();
        Ok(())
    }

    /// Answers what no service answers.
    async fn here(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        if let Some(answer) = context.own_answer.take() {
            self.send_own(session, context, *answer).await?;
            return Ok(true);
        }
        let Some(route) = context.route.clone() else { return Ok(false) };
        if let Some(preflight) = context.preflight.take() {
            // It carries its permission itself.
            return own(session, preflight).await;
        }
        if let Some((detour, upstream)) = context.detour.take() {
            if self.detour(session, context, &route, (detour, &upstream)).await? {
                return Ok(true);
            }
            let entered = self.enter(session, context, &route, &upstream);
            let Err(problem) = entered else { return Ok(false) };
            context.problem = Some(problem);
            self.tell(session, context).await?;
            return Ok(true);
        }
        let (mut head, body) = match &route.action {
            Action::Service(_) | Action::Split(_) => return Ok(false),
            Action::Reply(reply) => reply.head()?,
            Action::Redirect(redirect) => {
                let answer = context.with_values(&route, |values| redirect.answer(values));
                let mut head = pingora_http::ResponseHeader::build(answer.status(), Some(4))?;
                for (name, value) in answer.headers() {
                    head.append_header(name.clone(), value.clone())?;
                }
                (head, Bytes::new())
            }
            Action::Api(title) => {
                let (head, body) = self.api(context, title)?;
                (head, body)
            }
            Action::Bucket(bucket) => {
                self.show(session, context, &route, bucket).await?;
                return Ok(true);
            }
            Action::Files(files) => {
                let dress = |head: &mut pingora_http::ResponseHeader| self.decorate(head, context);
                let Ok(path) = path_of(context, &route) else {
                    context.problem = Some((Problem::BadRequest, None));
                    self.tell(session, context).await?;
                    return Ok(true);
                };
                let answered = files.answer(session, (&path, &context.asked.path), &dress).await?;
                if let Err(problem) = answered {
                    context.problem = Some((problem, None));
                    self.tell(session, context).await?;
                }
                return Ok(true);
            }
        };
        self.decorate(&mut head, context)?;
        answer::send(session, head, body).await?;
        Ok(true)
    }

    /// Answers with the problem of the request.
    pub(crate) async fn tell(&self, session: &mut Session, context: &Context) -> Result<()> {
        let (problem, detail) = context
            .problem
            .as_ref()
            .map_or((Problem::Internal, None), |(problem, detail)| (*problem, detail.as_deref()));
        let (mut head, body) = answer::problem(problem, detail, &context.misfits)?;
        if let Some(wait) = context.retry_after {
            let decision = bole_edge_core::limits::Decision {
                admitted: false,
                remaining: 0,
                full_after: wait,
                retry_after: Some(wait),
            };
            if let Some(seconds) = headers::retry_after(&decision) {
                head.insert_header(header::RETRY_AFTER, seconds)?;
            }
        }
        if problem == Problem::MethodNotAllowed {
            head.insert_header(header::ALLOW, "GET, HEAD")?;
        }
        if let Some(status) = &context.cache_status {
            head.insert_header("cache-status", status.clone())?;
        }
        self.decorate(&mut head, context)?;
        answer::send(session, head, body).await
    }
}

/// What a request of the gateway's own carries.
fn inner(session: &mut Session) -> Option<Inner> {
    let carried = session.subrequest_ctx.as_mut()?.user_ctx_mut()?.downcast_mut::<Option<Inner>>()?;
    carried.take()
}

/// Lets the answer be compressed as the route and the client want it.
fn compress(session: &mut Session, route: &Route) {
    let Some(settings) = &route.document.compression else { return };
    let fields = session.req_header().headers.clone();
    if let Some(compressor) = session.downstream_modules_ctx.get_mut::<Compressor>() {
        compressor.want(settings, &fields);
    }
}

/// The cookie of the algorithm `sticky` where the document names none.
pub(super) const STICKY_COOKIE: &str = "gateway_instance";

/// What another proxy may call a request: short and plain.
pub fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
}

/// Sends an answer without a body.
async fn own(session: &mut Session, answer: http::Response<()>) -> Result<bool> {
    let mut head = pingora_http::ResponseHeader::build(answer.status(), Some(answer.headers().len()))?;
    for (name, value) in answer.headers() {
        head.append_header(name.clone(), value.clone())?;
    }
    answer::send(session, head, Bytes::new()).await?;
    Ok(true)
}

/// The share of a split that gets the request: by what the route says keeps clients together, or by chance.
pub fn share<'s>(
    split: &'s Split,
    route: &Route,
    request: &RequestHeader,
    whom: (IpAddr, Option<&str>),
) -> &'s str {
    match &route.document.split_key {
        Some(source) => split.of_key(&key(source, request, whom)),
        None => clock::with_random(|random| split.draw(random)),
    }
}
