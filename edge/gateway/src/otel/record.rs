//! What is noted on the way of a request that is sampled: the spans of its tries. Those of a request are made when it has ended.

use super::span::{Span, Tried, of_try};
use crate::clock;
use crate::proxy::context::Context;
use crate::trace::Parent;
use http::Method;
use rand::Rng as _;
use std::time::Duration;

/// Of one request.
#[derive(Debug, Default)]
pub struct Record {
    /// What is added to times of [`clock::now`] to count from 1970: the same for all spans, so that their order is kept.
    pub epoch: Duration,
    /// The client's span.
    pub parent: Option<u64>,
    /// The path of the route that took it.
    pub path: Option<String>,
    /// The try that is under way: its span, and what the instance answered.
    current: Option<(Parent, Option<u16>)>,
    /// Tries that have ended.
    spans: Vec<Span>,
    tries: usize,
    /// The path that instances were asked for.
    target: String,
    method: Method,
}

impl Record {
    /// Of a request with this parent, if its trace is sampled.
    pub fn of(own: Parent, parent: Option<Parent>) -> Option<Box<Self>> {
        let parent = parent.map(|parent| parent.span);
        (own.flags & 1 == 1).then(|| Box::new(Self { epoch: clock::epoch(), parent, ..Self::default() }))
    }

    /// What is asked of the instance of the try under way, without the query.
    pub fn asked(&mut self, method: &Method, path: &str) {
        path.clone_into(&mut self.target);
        self.method = method.clone();
    }

    /// The head of its answer came.
    pub fn answered(&mut self, status: u16) {
        if let Some((_, answered)) = &mut self.current {
            *answered = Some(status);
        }
    }

    /// Spans of all tries.
    pub fn take_spans(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.spans)
    }
}

impl Context {
    /// A try begins: its span is the one that the instance continues. What is asked of the instance may be said later, by [`Record::asked`].
    pub(crate) fn begin_try(&mut self, method: &Method) {
        if let (Some(record), Some(trace)) = (&mut self.record, self.trace) {
            record.asked(method, &self.asked.path);
            record.current = Some((Parent { span: rand::rng().random::<u64>().max(1), ..trace }, None));
            record.tries += 1;
        }
    }

    /// What an instance continues: the try, or without spans of tries the request.
    pub(crate) fn continued(&self) -> Option<Parent> {
        let current = self.record.as_ref().and_then(|record| record.current);
        current.map(|(span, _)| span).or(self.trace)
    }

    /// The try under way has ended, whether or not it was answered. To be called while the context still knows the instance.
    pub(crate) fn end_try(&mut self, problem: Option<&'static str>) {
        let (Some(record), Some(trace), Some(attempt), Some(upstream)) =
            (&mut self.record, self.trace, &self.attempt, &self.upstream)
        else {
            return;
        };
        let Some((own, status)) = record.current.take() else { return };
        let member = &attempt.live.member;
        let span = of_try(&Tried {
            own,
            request: trace.span,
            time: (record.epoch + attempt.began, record.epoch + clock::now()),
            method: &record.method,
            path: &record.target,
            secured: upstream.document.tls.is_some(),
            host: &member.host,
            address: member.address,
            names: (&member.spec.name, &upstream.name),
            before: record.tries - 1,
            status,
            problem,
        });
        record.spans.push(span);
    }
}
