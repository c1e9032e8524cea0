//! The instance's answer: what it says of the instance, and what the client sees of it.

use super::Proxy;
use super::context::Context;
use super::request::{STICKY_COOKIE, field, token_text};
use super::target::decided;
use crate::clock;
use crate::dress;
use crate::error::Problem;
use crate::inner::By;
use bole_edge_core::balance::{Kind, Token};
use bole_edge_core::health::outlier::Answer;
use bytes::Bytes;
use http::header;
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// What an answer says of the instance.
pub(super) fn judged(status: u16) -> Answer {
    match status {
        502..=504 => Answer::GatewayError,
        500.. => Answer::Failure,
        _ => Answer::Good,
    }
}

impl Proxy {
    /// The head of an answer came.
    pub(super) fn answered(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        let status = response.status.as_u16();
        if status < 200 && status != 101 {
            return Ok(());
        }
        if let Some(exchange) = &context.exchange {
            exchange.go_on();
        }
        if let Some(call) = &mut context.grpc_web {
            call.response(response)?;
        }
        let Some(upstream) = context.upstream.clone() else { return Ok(()) };
        let now = clock::now();
        if let Some(record) = &mut context.record {
            record.answered(status);
        }
        if let Some(attempt) = &mut context.attempt {
            attempt.answered = Some(now);
            if let Some(inner) = &context.inner {
                let instance = Some(attempt.live.member.spec.name.clone());
                let took = now.saturating_sub(attempt.began);
                *inner.by.lock() = By { instance, tries: context.tried.len(), took };
            }
            attempt.counted = true;
            upstream.counters.seconds.record(now.saturating_sub(attempt.began));
            // Who is asked second would tell what is quick, not what is slow.
            if !context.inner.as_ref().is_some_and(|inner| matches!(inner.race, Some((_, true)))) {
                upstream.took(now.saturating_sub(attempt.began));
            }
            upstream.set.count(&attempt.live, judged(status));
        }
        if upstream.document.retries.statuses.contains(&status) && self.may_try_again(session, context, false)
        {
            context.because(|| format!("status {status} is tried again"));
            let mut error = decided(Problem::UpstreamClosed).into_up();
            error.set_retry(true);
            context.again = true;
            return Err(error);
        }
        let good = judged(status) == Answer::Good;
        if let Some(pass) = context.pass.take() {
            clock::with_random(|random| pass.ended(good, now, random));
        }
        if status == 101 {
            self.upgraded(context)?;
        } else {
            context.wait_between(upstream.document.timeouts.read.0, Problem::ReadTimeout);
        }
        context.look_at_answer(&session.req_header().method, response);
        let most = context.route.as_ref().and_then(|route| route.document.response_body_max);
        let length = field(&response.headers, "content-length").and_then(|text| text.parse::<u64>().ok());
        if most.is_some_and(|most| length.is_some_and(|length| length > most.0)) {
            context.problem = Some((Problem::ResponseTooLarge, None));
            return Err(decided(Problem::ResponseTooLarge).into_up());
        }
        Ok(())
    }

    fn upgraded(&self, context: &mut Context) -> Result<()> {
        let Some(exchange) = context.exchange.clone() else { return Ok(()) };
        if let Err(refused) = exchange.upgrade() {
            context.problem = Some((refused.problem, Some(refused.detail.to_owned())));
            return Err(decided(refused.problem).into_down());
        }
        // A connection of another protocol is no request whose time can be over.
        context.last = None;
        context.wait_between(self.config.limits.upgraded_idle_timeout, Problem::ReadTimeout);
        Ok(())
    }

    /// Follows the body of the answer.
    pub(super) fn response_body(&self, body: Option<&Bytes>, end: bool, context: &mut Context) -> Result<()> {
        context.look_at_piece(body, end);
        context.response_bytes += body.map_or(0, Bytes::len) as u64;
        if let Some(exchange) = &context.exchange {
            if end { exchange.set_deadline(None) } else { exchange.touch() }
        }
        let most = context.route.as_ref().and_then(|route| route.document.response_body_max);
        if most.is_some_and(|most| context.response_bytes > most.0) {
            context.problem = Some((Problem::ResponseTooLarge, None));
            return Err(decided(Problem::ResponseTooLarge).into_up());
        }
        if context.last.is_some_and(|last| last <= clock::now()) && !end {
            context.problem = Some((Problem::TotalTimeout, None));
            return Err(decided(Problem::TotalTimeout).into_up());
        }
        Ok(())
    }

    /// What the client sees of the head.
    pub(super) fn respond(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        // An answer to the gateway itself is as the service gave it.
        if context.inner.is_some() || (response.status.is_informational() && response.status != 101) {
            return Ok(());
        }
        if *self.closing.borrow() {
            session.set_keepalive(None);
        }
        if session.req_header().version == http::Version::HTTP_10 {
            // It knows no chunks: its answer ends with the connection if no length says where.
            response.remove_header(&header::TRANSFER_ENCODING);
            if !response.headers.contains_key(header::CONTENT_LENGTH) {
                session.set_keepalive(None);
            }
        }
        if context.route.is_some() {
            self.changed(session, context, response);
        }
        if let Some((token, cookie)) = bound(context) {
            response.append_header(header::SET_COOKIE, cookie)?;
            context.sticky = Some(token);
        }
        self.decorate(response, context)
    }

    /// What every answer tells.
    pub(crate) fn decorate(&self, head: &mut ResponseHeader, context: &Context) -> Result<()> {
        if !context.request_id.is_empty() {
            head.insert_header("x-request-id", context.request_id.as_str())?;
        }
        if !context.rates.is_empty() {
            let joined = |member: fn(&(String, String)) -> &String| {
                context.rates.iter().map(|rate| member(rate).as_str()).collect::<Vec<_>>().join(", ")
            };
            head.insert_header("ratelimit-policy", joined(|rate| &rate.0))?;
            head.insert_header("ratelimit", joined(|rate| &rate.1))?;
        }
        if let Some(route) = &context.route {
            let changes = &route.change.response_headers;
            if !changes.is_empty() {
                context.with_values(route, |values| {
                    dress::change(head, |headers| changes.apply(headers, values))
                })?;
            }
            if let (Some(cors), Some(came)) = (&route.cors, &context.came) {
                dress::change(head, |headers| cors.apply(came, headers))?;
            }
        }
        context.thank(head)?;
        if let Some(explain) = &context.explain {
            let explain: String = explain.chars().filter(|letter| (' '..='~').contains(letter)).collect();
            head.insert_header("x-bole-explain", explain)?;
        }
        Ok(())
    }
}

/// The cookie that binds the client to the instance that answered, if it is not bound to it already.
fn bound(context: &Context) -> Option<(Token, String)> {
    let upstream = context.upstream.as_ref()?;
    if upstream.set.balancer.settings().algorithm != Kind::Sticky {
        return None;
    }
    let token = context.attempt.as_ref()?.lease.endpoint().token();
    if context.sticky == Some(token) {
        return None;
    }
    let settings = upstream.document.balance.cookie.as_ref();
    let name = settings.map_or(STICKY_COOKIE, |cookie| cookie.name.as_str());
    let secure = context.exchange.as_ref().is_some_and(|exchange| exchange.client.tls.is_some());
    let mut cookie = format!("{name}={}; Path=/; HttpOnly; SameSite=Lax", token_text(token));
    if secure {
        cookie.push_str("; Secure");
    }
    if let Some(age) = settings.and_then(|cookie| cookie.max_age) {
        cookie = format!("{cookie}; Max-Age={}", age.0.as_secs());
    }
    Some((token, cookie))
}
