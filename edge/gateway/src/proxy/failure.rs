//! What went wrong with a try, whether there is another one, and what the client is told in the end.

use super::Proxy;
use super::context::Context;
use crate::clock;
use crate::error::Problem;
use bole_edge_core::balance::Ending;
use bole_edge_core::health::outlier::Answer;
use http::Method;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::{FailToProxy, Session};
use tracing::debug;

/// What an error of the library means.
fn meaning(error: &Error) -> Problem {
    let upstream = *error.esource() == ErrorSource::Upstream;
    match error.etype() {
        ErrorType::ConnectTimedout => Problem::ConnectTimeout,
        ErrorType::TLSHandshakeFailure
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::InvalidCert
        | ErrorType::TLSWantX509Lookup => Problem::TlsFailed,
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::SocketError
        | ErrorType::BindError
        | ErrorType::HandshakeError => Problem::ConnectFailed,
        ErrorType::ReadTimedout if upstream => Problem::FirstByteTimeout,
        ErrorType::WriteTimedout if upstream => Problem::WriteTimeout,
        ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::InvalidH2 if upstream => {
            Problem::UpstreamGarbage
        }
        _ if upstream => Problem::UpstreamClosed,
        ErrorType::ReadTimedout => Problem::BodyTimeout,
        ErrorType::InvalidHTTPHeader => Problem::BadRequest,
        ErrorType::ReadError
        | ErrorType::WriteError
        | ErrorType::ConnectionClosed
        | ErrorType::H2Error
        | ErrorType::WriteTimedout => Problem::ClientGone,
        _ => Problem::Internal,
    }
}

/// Methods that may be sent twice (RFC 9110, section 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

impl Proxy {
    /// Whether the request may be tried once more; takes it from the budget if so. `untouched` is whether no byte of it has reached
    /// an instance.
    pub(super) fn may_try_again(&self, session: &Session, context: &mut Context, untouched: bool) -> bool {
        let Some(upstream) = context.upstream.clone() else { return false };
        let tries = context.tried.len() as u32;
        let left = tries <= upstream.document.retries.attempts && tries < self.config.limits.tries_max;
        let safe = untouched || is_idempotent(&session.req_header().method);
        let whole = !session.as_ref().retry_buffer_truncated()
            && context.request_bytes <= upstream.document.retries.body_max.0;
        let unseen = session
            .response_written()
            .is_none_or(|head| head.status.is_informational() && head.status != 101);
        let in_time = context.last.is_none_or(|last| last > clock::now());
        if !(left && safe && whole && unseen && in_time) {
            return false;
        }
        if !upstream.protection.budget.lock().retry(clock::now()) {
            upstream.counters.retries_refused.add(1);
            context.because(|| "the budget of retries is used".to_owned());
            return false;
        }
        upstream.counters.retries.add(1);
        context.request_bytes = 0;
        context.request_done = false;
        context.begin_again();
        true
    }

    /// No connection to the instance.
    pub(super) fn unreachable(
        &self,
        session: &Session,
        context: &mut Context,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let problem = meaning(&error);
        debug!("{} cannot be reached: {error}", instance(context));
        self.blame(context, problem);
        context.problem = Some((problem, None));
        let again = self.may_try_again(session, context, true);
        error.set_retry(again);
        error
    }

    /// The try failed after a connection was there.
    pub(super) fn failed(
        &self,
        peer: &HttpPeer,
        session: &Session,
        context: &mut Context,
        mut error: Box<Error>,
        reused: bool,
    ) -> Box<Error> {
        error.retry.decide_reuse(reused);
        if std::mem::take(&mut context.again) {
            context.end_try(None);
            context.attempt = None;
            error.set_retry(true);
            return error;
        }
        let problem = self.cause(context, &error);
        debug!("{}: {}: {error}", instance(context), problem.row().name);
        context.problem.get_or_insert((problem, None));
        if !problem.is_upstream() {
            error.set_retry(false);
            return error;
        }
        self.blame(context, problem);
        // An instance of HTTP/2 says itself that it did not look at a request.
        let http2 = peer.get_alpn().is_some_and(|alpn| *alpn != ALPN::H1);
        let untouched = http2 && error.retry();
        let worth = !matches!(problem, Problem::ResponseTooLarge | Problem::TotalTimeout);
        let again = worth && self.may_try_again(session, context, untouched);
        error.set_retry(again);
        error
    }

    /// What is behind an error: what was decided before, what was wrong with the client's bytes, a deadline, or what the error says.
    fn cause(&self, context: &Context, error: &Error) -> Problem {
        if let Some((problem, _)) = &context.problem {
            return *problem;
        }
        let exchange = context.exchange.as_ref();
        if let Some(refused) = exchange.and_then(|exchange| exchange.refused()) {
            return refused.problem;
        }
        if exchange.is_some_and(|exchange| exchange.has_expired()) {
            return context.overdue;
        }
        let begun = context.attempt.as_ref().is_some_and(|attempt| attempt.answered.is_some());
        match meaning(error) {
            Problem::FirstByteTimeout if begun => Problem::ReadTimeout,
            problem => problem,
        }
    }

    /// Counts a failure against the instance.
    fn blame(&self, context: &mut Context, problem: Problem) {
        context.end_try(Some(problem.row().name));
        let (Some(upstream), Some(attempt)) = (context.upstream.clone(), context.attempt.take()) else {
            return;
        };
        upstream.counters.failures.add(1);
        context.because(|| format!("{} at {}", problem.row().name, attempt.live.member.spec.name));
        if problem != Problem::ResponseTooLarge {
            upstream.set.count(&attempt.live, Answer::GatewayError);
            attempt.lease.finish(Ending::Failure, clock::now());
        }
    }

    /// Answers what cannot be tried again.
    pub(super) async fn give_up(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Context,
    ) -> FailToProxy {
        let problem = self.cause(context, error);
        let detail =
            context.exchange.as_ref().and_then(|exchange| exchange.refused()).map(|refused| refused.detail);
        if context.problem.as_ref().is_none_or(|(known, _)| *known != problem) {
            context.problem = Some((problem, detail.map(str::to_owned)));
        }
        if let Some(exchange) = &context.exchange {
            exchange.set_deadline(None);
        }
        if let Some(pass) = context.pass.take().filter(|_| problem.is_upstream()) {
            clock::with_random(|random| pass.ended(false, clock::now(), random));
        }
        let begun = session
            .response_written()
            .is_some_and(|head| !head.status.is_informational() || head.status == 101);
        if let Some(inner) = &context.inner {
            *inner.problem.lock() = Some(problem);
        } else if problem.row().status > 0 && !begun {
            session.set_keepalive(None);
            if let Err(error) = self.tell(session, context).await {
                debug!("the client does not hear of {}: {error}", problem.row().name);
            } else if let Err(error) = session.as_downstream_mut().finish_body().await {
                debug!("the client may not hear of {}: {error}", problem.row().name);
            }
        }
        FailToProxy { error_code: problem.row().status, can_reuse_downstream: false }
    }
}

fn instance(context: &Context) -> &str {
    context.attempt.as_ref().map_or("no instance", |attempt| &attempt.live.member.spec.name)
}
