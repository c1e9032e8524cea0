//! The last phase: what is learned of the instance, counted, and logged.

use super::Proxy;
use super::context::Context;
use super::request::field;
use super::response::judged;
use crate::access_log::{Line, seconds};
use crate::clock;
use crate::error::Problem;
use crate::routing::host_of;
use bole_edge_core::balance::Ending;
use bole_edge_core::health::outlier::Answer;
use pingora_core::Error;
use pingora_proxy::Session;
use serde_json::Value;
use std::time::{Duration, SystemTime};

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
        let line = (is_told && self.log.is_on()).then(|| self.line(session, context, status, took));
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
        if let Some(line) = line {
            self.log.write(&line);
        }
        if let Some(error) = error {
            tracing::debug!(request_id = context.request_id, "the request ended early: {error}");
        }
    }

    fn line(&self, session: &Session, context: &Context, status: u16, took: Duration) -> Line {
        let request = session.req_header();
        let text = |text: &str| Value::from(text);
        let attempt = context.attempt.as_ref();
        let exchange = context.exchange.as_ref();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let upstream_seconds = attempt.and_then(|attempt| {
            attempt.answered.map(|answered| seconds(answered.saturating_sub(attempt.began)))
        });
        let problem = context.problem.as_ref().map(|(problem, _)| problem.row().name);
        let tls = exchange.and_then(|exchange| exchange.client.tls.as_ref()).map(|tls| tls.version);
        let fields = vec![
            ("time", Value::from(since.as_millis() as f64 / 1e3)),
            ("client", text(&context.ip.to_string())),
            ("method", text(request.method.as_str())),
            ("host", text(host_of(request))),
            ("path", text(request.uri.path())),
            ("version", format!("{:?}", request.version).into()),
            ("status", status.into()),
            ("request_bytes", context.request_bytes.into()),
            ("response_bytes", (session.body_bytes_sent() as u64).into()),
            ("seconds", seconds(took)),
            ("route", context.route.as_ref().map_or(Value::Null, |route| text(&route.name))),
            ("service", context.upstream.as_ref().map_or(Value::Null, |upstream| text(&upstream.name))),
            ("instance", attempt.map_or(Value::Null, |attempt| text(&attempt.live.member.spec.name))),
            ("tries", context.tried.len().into()),
            ("login", context.who.as_ref().and_then(|who| who.login.as_deref()).map_or(Value::Null, text)),
            ("consumer", context.consumer().map_or(Value::Null, text)),
            ("problem", problem.or(context.reason).map_or(Value::Null, text)),
            ("request_id", text(&context.request_id)),
            ("trace_id", context.trace.map_or(Value::Null, |trace| format!("{:032x}", trace.trace).into())),
            ("user_agent", field(&request.headers, "user-agent").map_or(Value::Null, text)),
            ("tls", tls.map_or(Value::Null, text)),
            (
                "cache",
                context
                    .cache_status
                    .as_ref()
                    .and_then(|status| status.to_str().ok())
                    .map_or(Value::Null, text),
            ),
            ("upstream_seconds", upstream_seconds.unwrap_or(Value::Null)),
        ];
        Line { fields }
    }
}
