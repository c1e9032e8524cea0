//! The last phase: what is learned of the instance, counted, and logged.

use super::Proxy;
use super::context::Context;
use super::response::judged;
use crate::access_log::Told;
use crate::clock;
use crate::error::Problem;
use crate::otel::span::{Asked, of_request};
use bole_edge_core::balance::Ending;
use bole_edge_core::health::outlier::Answer;
use pingora_core::Error;
use pingora_proxy::Session;
use std::time::Duration;

impl Proxy {
    /// Ends a request.
    pub(super) fn finish(&self, session: &Session, error: Option<&Error>, context: &mut Context) {
        let now = clock::now();
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        let took = now.saturating_sub(context.began);
        if error.is_some() && context.problem.is_none() {
            context.problem = Some((Problem::ClientGone, None));
        }
        let problem = context.problem.as_ref().map(|(problem, _)| *problem);
        // A request of the cache's own is told of by the one that it is made for.
        let is_told = context.inner.is_none();
        if let Some(problem) = problem.filter(|_| is_told) {
            self.problems.add(problem);
        }
        if let Some(place) = context.place.take() {
            let overload = matches!(status, 429 | 503 | 504) || problem.is_some_and(Problem::is_upstream);
            let latency = context
                .attempt
                .as_ref()
                .and_then(|attempt| attempt.answered.map(|at| at.saturating_sub(attempt.began)));
            place.leave(latency.unwrap_or(took), overload);
        }
        context.end_try(problem.map(|problem| problem.row().name));
        if is_told && (self.log.is_on() || context.record.is_some()) {
            self.told(session, context, status, took);
        } else if let (Some(tracer), Some(record)) = (&self.tracer, &mut context.record) {
            tracer.take(record.take_spans());
        }
        if let Some(attempt) = context.attempt.take() {
            let failed = judged(status) != Answer::Good;
            // A client that went away says nothing of the instance; one that answered is as fast as its head was.
            if let Some(answered) = attempt.answered {
                attempt.lease.finish(if failed { Ending::Failure } else { Ending::Success }, answered);
            }
        }
        if let Some(route) = context.route.as_ref().filter(|_| is_told) {
            route.counters.answered(status, took);
            if std::mem::take(&mut context.open) {
                route.counters.in_flight.add(-1);
            }
        }
        if let Some(error) = error {
            tracing::debug!(request_id = context.request_id, "the request ended early: {error}");
        }
    }

    /// Tells of a request where somebody wants to know: in the access log, and as spans.
    fn told(&self, session: &Session, context: &mut Context, status: u16, took: Duration) {
        let spans = context.record.as_mut().map(|record| record.take_spans());
        let context = &*context;
        let attempt = context.attempt.as_ref();
        let exchange = context.exchange.as_ref();
        let problem = context.problem.as_ref().map(|(problem, _)| problem.row().name);
        let told = Told {
            client: context.ip,
            request: session.req_header(),
            status,
            request_bytes: context.request_bytes,
            response_bytes: session.body_bytes_sent() as u64,
            took,
            route: context.route.as_ref().map(|route| &*route.name),
            service: context.upstream.as_ref().map(|upstream| &*upstream.name),
            instance: attempt
                .map(|attempt| &*attempt.live.member.spec.name)
                .or_else(|| context.by.as_ref()?.instance.as_deref()),
            tries: context.by.as_ref().map_or(context.tried.len(), |by| by.tries),
            login: context.who.as_ref().and_then(|who| who.login.as_deref()),
            consumer: context.consumer(),
            problem: problem.or(context.reason),
            request_id: &context.request_id,
            trace: context.trace,
            tls: exchange.and_then(|exchange| exchange.client.tls.as_ref()).map(|tls| tls.version),
            cache: context.cache_status.as_ref().and_then(|status| status.to_str().ok()),
            upstream: attempt
                .and_then(|attempt| attempt.answered.map(|answered| answered.saturating_sub(attempt.began))),
        };
        self.log.write(&told);
        if let (Some(tracer), Some(record), Some(own), Some(exchange), Some(mut spans)) =
            (&self.tracer, &context.record, context.trace, exchange, spans)
        {
            let asked = Asked {
                own,
                parent: record.parent,
                client: &exchange.client,
                secured: context.secured,
                path: record.path.as_deref(),
                began: record.epoch + context.began,
            };
            spans.push(of_request(&told, &asked));
            tracer.take(spans);
        }
    }
}
