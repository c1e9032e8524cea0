//! Which instance gets the request, each time that it is tried.

use super::Proxy;
use super::context::{Attempt, Context};
use crate::clock;
use crate::connection::origin::Origin;
use crate::error::Problem;
use crate::upstream::set::Live;
use crate::upstream::{Upstream, peer};
use bole_edge_core::balance::{Lease, Request};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Duration;

/// An error that means what the context says.
pub(super) fn decided(problem: Problem) -> Box<Error> {
    Error::explain(ErrorType::HTTPStatus(problem.row().status), problem.row().name)
}

impl Proxy {
    pub(super) fn target(&self, session: &Session, context: &mut Context) -> Result<Box<HttpPeer>> {
        let (Some(upstream), Some(exchange)) = (context.upstream.clone(), context.exchange.clone()) else {
            return Err(decided(Problem::Internal));
        };
        let now = clock::now();
        if context.last.is_some_and(|last| last <= now) {
            context.problem = Some((Problem::TotalTimeout, None));
            return Err(decided(Problem::TotalTimeout));
        }
        let Some((lease, live)) = pick(context, &upstream) else {
            // What was tried said more than that nobody is left.
            context.problem.get_or_insert((Problem::NoInstance, None));
            return Err(decided(Problem::NoInstance));
        };
        context.because(|| format!("instance {}", live.member.spec.name));
        upstream.counters.tries.add(1);
        context.tried.push(lease.endpoint().token());
        if let Some((race, _)) = context.inner.as_ref().and_then(|inner| inner.race.as_ref()) {
            race.tried.lock().push(lease.endpoint().token());
        }
        context.problem = None;
        context.again = false;
        let mut target = Box::new(live.peer.clone());
        let timeouts = &upstream.document.timeouts;
        if let Some(last) = context.last {
            let left = last.saturating_sub(now).max(Duration::from_millis(1));
            let connect = timeouts.connect.0.min(left);
            target.options.connection_timeout = Some(connect);
            target.options.total_connection_timeout = Some(connect);
        }
        if !exchange.watched {
            // Of HTTP/2 only the library can wait for an answer; where a body is under way it must not wait for one yet.
            let first_byte = upstream.document.retries.per_try.unwrap_or(timeouts.first_byte).0;
            let longest = first_byte.max(timeouts.read.0);
            let left = context.last.map_or(longest, |last| last.saturating_sub(now).min(longest));
            let done = context.request_done
                || session.req_header().send_end_stream() == Some(true)
                || has_no_body(session);
            target.options.read_timeout = done.then_some(left.max(Duration::from_millis(1)));
        }
        if let Some(version) = upstream.document.proxy_protocol {
            let origin = Origin { client: exchange.client.address, local: exchange.client.local };
            peer::announce(&mut target, version, origin, timeouts.connect.0);
        }
        context.attempt = Some(Attempt { lease, live, began: now, answered: None, counted: false });
        context.begin_try(&session.req_header().method);
        Ok(target)
    }

    pub(super) fn connected(&self, _session: &Session, reused: bool, context: &mut Context) {
        if let (false, Some(upstream)) = (reused, &context.upstream) {
            upstream.counters.connects.add(1);
        }
        context.wait_for_all();
    }
}

/// An instance that was not tried for the request, if there is one. The second request of a race never goes where the first one went.
fn pick(context: &Context, upstream: &Upstream) -> Option<(Lease, Arc<Live>)> {
    let (key, sticky) = (context.key, context.sticky);
    let Some((race, is_second)) = context.inner.as_ref().and_then(|inner| inner.race.as_ref()) else {
        return upstream.set.pick(Request { key, sticky, avoid: &context.tried });
    };
    let tried = race.tried.lock().clone();
    let picked = upstream.set.pick(Request { key, sticky, avoid: &tried })?;
    (!*is_second || !tried.contains(&picked.0.endpoint().token())).then_some(picked)
}

fn has_no_body(session: &Session) -> bool {
    let request = session.req_header();
    let bodyless = matches!(request.method, http::Method::GET | http::Method::HEAD | http::Method::OPTIONS);
    bodyless && !request.headers.contains_key(http::header::CONTENT_LENGTH)
}
