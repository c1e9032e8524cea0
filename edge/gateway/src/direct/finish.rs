//! The end of a request on the direct way: what its client is told if it failed, what is learned, counted and logged.

use super::call::{Call, Course};
use super::{After, Direct, lines};
use crate::access_log::Told;
use crate::clock;
use crate::connection::client::Client;
use crate::connection::wire::Wire;
use crate::error::Problem;
use crate::proxy::response::judged;
use bole_edge_core::balance::Ending;
use bole_edge_core::health::outlier::Answer;
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

impl Call {
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
        let body = problem.body(trouble.detail.as_deref(), &[]);
        let mut answer = self.problem(problem, body.len());
        let bodyless = self.request.method == Method::HEAD;
        if !bodyless {
            answer.extend_from_slice(body.as_bytes());
        }
        course.status = problem.row().status;
        if put(wire, &answer, direct.config.limits.write_timeout).await && !bodyless {
            course.response_bytes = body.len() as u64;
        }
        After::Close
    }

    /// The head that tells a problem.
    fn problem(&self, problem: Problem, length: usize) -> Vec<u8> {
        let mut fields = Vec::with_capacity(256);
        lines::put(&mut fields, b"Content-Type", b"application/problem+json");
        lines::put(&mut fields, b"Cache-Control", b"no-store");
        lines::put(&mut fields, b"x-request-id", self.request_id.as_bytes());
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
        head.extend_from_slice(b"Connection: close\r\n\r\n");
        head
    }

    /// Ends it.
    pub(super) fn finish(&self, mut course: Course, direct: &Direct, client: &Client, request_bytes: u64) {
        let took = clock::now().saturating_sub(self.began);
        let problem = course.problem.as_ref().map(|trouble| trouble.problem);
        if let Some(problem) = problem {
            direct.problems.add(problem);
        }
        if direct.log.is_on() {
            self.tell(&course, direct, client, (request_bytes, took));
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

    fn tell(&self, course: &Course, direct: &Direct, client: &Client, (bytes, took): (u64, Duration)) {
        let attempt = course.attempt.as_ref();
        direct.log.write(&Told {
            client: self.ip,
            status: course.status,
            request_bytes: bytes,
            response_bytes: course.response_bytes,
            took,
            route: Some(&self.route.name),
            service: Some(&self.upstream.name),
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
