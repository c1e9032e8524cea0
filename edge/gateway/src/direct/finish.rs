//! The end of a request on the direct way: what its client is told if it failed, what is learned, counted and logged.

use super::call::{Call, Course};
use super::upload::Trouble;
use super::{After, Direct, lines};
use crate::access_log::Told;
use crate::clock;
use crate::connection::client::Client;
use crate::connection::wire::Wire;
use crate::error::Problem;
use crate::proxy::response::judged;
use crate::upstream::Place;
use bole_edge_core::balance::Ending;
use bole_edge_core::health::outlier::Answer;
use bole_edge_core::limits::{Decision, headers};
use bole_gateway_routes::forwarded::Trusted;
use http::{Method, StatusCode};
use std::future::poll_fn;
use std::io::IoSlice;
use std::task::Poll;
use std::time::Duration;

impl Direct {
    /// Whether what a client says of others is believed.
    pub fn trusts(&self, client: &Client) -> bool {
        Trusted(&self.config.trusted_proxies).contains(client.address.ip().to_canonical())
    }
}

/// `Retry-After`.
fn seconds(wait: Duration) -> Option<String> {
    let (admitted, remaining, full_after) = (false, 0, wait);
    headers::retry_after(&Decision { admitted, remaining, full_after, retry_after: Some(wait) })
}

/// Sends bytes; `false` if they did not all go within `patience`.
async fn put(wire: &mut Wire, bytes: &[u8], patience: Duration) -> bool {
    let (mut sent, until) = (0, clock::now() + patience);
    poll_fn(|context| {
        while sent < bytes.len() {
            match wire.poll_put(context, &[IoSlice::new(&bytes[sent..])]) {
                Poll::Ready(Ok(more)) if more > 0 => sent += more,
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return wire.poll_until(context, until).map(|()| false),
            }
        }
        match wire.poll_put_all(context) {
            Poll::Ready(all) => Poll::Ready(all.is_ok()),
            Poll::Pending => wire.poll_until(context, until).map(|()| false),
        }
    })
    .await
}

/// Why a request does not begin.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What is wrong.
    pub trouble: Trouble,
    /// After which time to ask again.
    pub wait: Option<Duration>,
}

impl Call {
    /// Says of the route's limits what there is to say.
    pub(super) fn limited(&self, fields: &mut Vec<u8>) {
        let joined = |member: fn(&(String, String)) -> &String| {
            self.rates.iter().map(|rate| member(rate).as_str()).collect::<Vec<_>>().join(", ")
        };
        lines::put(fields, b"ratelimit-policy", joined(|rate| &rate.0).as_bytes());
        lines::put(fields, b"ratelimit", joined(|rate| &rate.1).as_bytes());
    }

    /// Answers what did not begin. The connection goes on if nothing of the request is unread.
    pub(super) async fn refuse(
        self,
        refusal: Refusal,
        direct: &Direct,
        (wire, client): (&mut Wire, &Client),
        last: bool,
    ) -> After {
        let problem = refusal.trouble.problem;
        if matches!(problem, Problem::TooManyAtOnce | Problem::BreakerOpen) {
            self.upstream.counters.refused.add(1);
        }
        let begun = problem == Problem::NoInstance;
        let last = last || begun || self.close || !wire.is_over() || *direct.closing.borrow();
        let limited = matches!(problem, Problem::RateLimited | Problem::LimitUnknown);
        let mut course = Course::new(Place::Free, None, None);
        course.problem = Some(refusal.trouble);
        self.send(&mut course, direct, wire, (refusal.wait, last)).await;
        self.finish(course, direct, client, (0, !limited));
        if last { After::Close } else { After::Next }
    }

    /// Sends what tells the problem of a request.
    async fn send(
        &self,
        course: &mut Course,
        direct: &Direct,
        wire: &mut Wire,
        (wait, last): (Option<Duration>, bool),
    ) {
        let Some(Trouble { problem, detail }) = &course.problem else { return };
        let body = problem.body(detail.as_deref(), &[]);
        let mut answer = self.problem(*problem, body.len(), (wait, last));
        let bodyless = self.request.method == Method::HEAD;
        if !bodyless {
            answer.extend_from_slice(body.as_bytes());
        }
        course.status = problem.row().status;
        if put(wire, &answer, direct.config.limits.write_timeout).await && !bodyless {
            course.response_bytes = body.len() as u64;
        }
    }

    /// Answers what cannot be tried again.
    pub(super) async fn give_up(&self, course: &mut Course, direct: &Direct, wire: &mut Wire) -> After {
        let trouble = course.problem.clone().unwrap_or_else(|| Problem::Internal.into());
        let problem = trouble.problem;
        if let Some(pass) = course.pass.take().filter(|_| problem.is_upstream()) {
            clock::with_random(|random| pass.ended(false, clock::now(), random));
        }
        if problem.row().status == 0 || course.begun {
            return After::Cut;
        }
        course.problem = Some(trouble);
        self.send(course, direct, wire, (None, true)).await;
        After::Close
    }

    /// The head that tells a problem.
    fn problem(&self, problem: Problem, length: usize, (wait, last): (Option<Duration>, bool)) -> Vec<u8> {
        let mut fields = Vec::with_capacity(256);
        lines::put(&mut fields, b"Content-Type", b"application/problem+json");
        lines::put(&mut fields, b"Cache-Control", b"no-store");
        if let Some(seconds) = wait.and_then(seconds) {
            lines::put(&mut fields, b"Retry-After", seconds.as_bytes());
        }
        lines::put(&mut fields, b"x-request-id", self.request_id.as_bytes());
        if !self.rates.is_empty() {
            self.limited(&mut fields);
        }
        let changes = &self.route.change.response_headers;
        if !changes.is_empty() {
            self.with_values(|values| lines::change(&mut fields, |map| changes.apply(map, values)));
        }
        let status = problem.row().status;
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default()).into_bytes();
        head.extend_from_slice(&fields);
        lines::put(&mut head, b"Content-Length", length.to_string().as_bytes());
        lines::date(&mut head);
        lines::put(&mut head, b"Connection", if last { b"close" } else { b"keep-alive" });
        head.extend_from_slice(b"\r\n");
        head
    }

    /// Ends it.
    pub(super) fn finish(
        &self,
        mut course: Course,
        direct: &Direct,
        client: &Client,
        (request_bytes, entered): (u64, bool),
    ) {
        let took = clock::now().saturating_sub(self.began);
        let problem = course.problem.as_ref().map(|trouble| trouble.problem);
        if let Some(problem) = problem {
            direct.problems.add(problem);
        }
        if direct.log.is_on() {
            self.tell(&course, direct, client, (request_bytes, entered, took));
        }
        let status = course.status;
        let overload = matches!(status, 429 | 503 | 504) || problem.is_some_and(Problem::is_upstream);
        let answered = course.attempt.as_ref().and_then(|attempt| Some((attempt.began, attempt.answered?)));
        let latency = answered.map(|(began, answered)| answered.saturating_sub(began));
        course.place.leave(latency.unwrap_or(took), overload);
        if let Some(attempt) = course.attempt.take()
            && let Some(answered) = attempt.answered
        {
            // A client that went away says nothing of the instance; one that answered is as fast as its head was.
            let failed = judged(status) != Answer::Good;
            attempt.lease.finish(if failed { Ending::Failure } else { Ending::Success }, answered);
        }
        self.route.counters.answered(status, took);
    }

    fn tell(
        &self,
        course: &Course,
        direct: &Direct,
        client: &Client,
        (bytes, entered, took): (u64, bool, Duration),
    ) {
        let attempt = course.attempt.as_ref();
        direct.log.write(&Told {
            client: self.ip,
            status: course.status,
            request_bytes: bytes,
            response_bytes: course.response_bytes,
            took,
            route: Some(&self.route.name),
            service: entered.then_some(&*self.upstream.name),
            instance: attempt.map(|attempt| &*attempt.live.member.spec.name),
            tries: course.tried.len(),
            problem: course.problem.as_ref().map(|trouble| trouble.problem.row().name),
            request_id: &self.request_id,
            trace: Some(self.trace),
            tls: client.tls.as_ref().map(|tls| tls.version),
            upstream: attempt
                .and_then(|attempt| attempt.answered.map(|answered| answered.saturating_sub(attempt.began))),
            ..Told::of(&self.request)
        });
    }
}
