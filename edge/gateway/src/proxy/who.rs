//! Who asks: what the logins of a document say of a request, and what becomes of that: answers of theirs, headers for the
//! instance, cookies for the client, a body that must be what was signed.

use super::Proxy;
use super::context::Context;
use super::target::decided;
use crate::answer;
use crate::connection::client::Client;
use crate::dress;
use crate::error::Problem;
use crate::rates::Rate;
use crate::routing::Asked;
use crate::state::{Route, State};
use bole_gateway_access::{Answer, BodyCheck, Identity, RequestFacts, Verdict};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// What is checked of a body as it comes: each piece is held back until the next one is there, so that the last never goes on
/// before all of it was right.
pub struct Held {
    check: BodyCheck,
    piece: Bytes,
}

/// Host and, if it is not the scheme's own, port.
fn authority(asked: &Asked) -> Cow<'_, str> {
    let own = if asked.tls { 443 } else { 80 };
    if asked.port == own || asked.host.is_empty() {
        Cow::Borrowed(&asked.host)
    } else {
        Cow::Owned(format!("{}:{}", asked.host, asked.port))
    }
}

fn facts<'a>(
    request: &'a RequestHeader,
    authority: &'a str,
    (ip, secured): (IpAddr, bool),
    client: &'a Client,
) -> RequestFacts<'a> {
    let certificate = client.tls.as_ref().and_then(|tls| tls.certificate.as_deref());
    RequestFacts { head: request, tls: secured, authority, client: ip, certificate }
}

/// A query without some parameters; nothing if nothing is left of it.
fn without(query: &str, names: &[String]) -> Option<String> {
    let named = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !names.iter().any(|own| *bole_gateway_routes::request::decoded(name) == *own.as_bytes())
    };
    let left: Vec<&str> = query.split('&').filter(named).collect();
    (!left.is_empty()).then(|| left.join("&"))
}

fn strip(headers: &mut HeaderMap, who: &Identity) {
    for name in &who.strip_headers {
        headers.remove(name);
    }
    for (name, _) in &who.set_headers {
        headers.remove(name);
    }
    for (name, value) in &who.set_headers {
        headers.append(name, value.clone());
    }
}

impl Proxy {
    /// Whether the request is for a file that an authority was told to look for. It is before all routes; the answer is in the context.
    pub(super) fn proof(&self, context: &mut Context, asked: &Asked) -> bool {
        let file = self.acme.as_ref().and_then(|acme| acme.proofs().file(&asked.host, &asked.path));
        let Some(file) = file else { return false };
        let content_type = HeaderValue::from_static("application/octet-stream");
        context.own_answer = Some(Box::new(Answer {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, content_type)]),
            body: file.into(),
            reason: "proof",
        }));
        true
    }

    /// Asks whether the path is the gateway's own (a callback, a logout). `true` if it is; the answer is in the context.
    pub(super) async fn own_path(
        &self,
        session: &Session,
        context: &mut Context,
        client: &Client,
        (state, asked): (&State, &Asked),
    ) -> bool {
        let Some(access) = state.access.as_ref().filter(|access| access.has_sessions()) else { return false };
        let authority = authority(asked);
        let facts = facts(session.req_header(), &authority, (context.ip, context.secured), client);
        let Some(verdict) = access.own(&facts).await else { return false };
        self.judged(context, verdict)
    }

    /// Asks who it is, and whether it may come in. `true` if that is answered; the answer is in the context.
    pub(super) async fn who(
        &self,
        session: &mut Session,
        context: &mut Context,
        client: &Client,
        route: &Route,
    ) -> Result<bool, (Problem, Option<String>)> {
        let Some(access) = context.state.as_ref().and_then(|state| state.access.clone()) else {
            return Ok(false);
        };
        if route.document.login.is_empty() && !access.has_sessions() {
            return Ok(false);
        }
        let verdict = {
            let authority = authority(&context.asked);
            let from = (context.ip, context.secured);
            let facts = facts(session.req_header(), &authority, from, client);
            access.decide(&route.name, &facts).await
        };
        if self.judged(context, verdict) {
            return Ok(true);
        }
        let no_body = session.is_body_empty();
        if no_body
            && let Some(check) = context.who.as_mut().and_then(|who| who.body.take())
            && check.finish().is_err()
        {
            return Err((Problem::BodyWrong, None));
        }
        Ok(false)
    }

    /// `true` if something is answered instead of going on.
    fn judged(&self, context: &mut Context, verdict: Verdict) -> bool {
        let (answer, result) = match verdict {
            Verdict::Admit(who) => {
                if let Some(login) = &who.login {
                    self.logins.admitted.add(1);
                    let consumer = who.consumer.as_deref().unwrap_or("nobody");
                    context.because(|| format!("login {login}, consumer {consumer}"));
                }
                context.admit(who);
                return false;
            }
            Verdict::Challenge(answer) => (answer, &self.logins.challenged),
            Verdict::Refuse(answer) => (answer, &self.logins.refused),
            Verdict::Redirect(answer) => (answer, &self.logins.redirected),
            Verdict::Reply(answer) => (answer, &self.logins.replied),
        };
        result.add(1);
        context.because(|| format!("login: {}", answer.reason));
        context.reason = Some(answer.reason);
        context.own_answer = Some(Box::new(answer));
        true
    }

    /// Sends the answer of a login.
    pub(super) async fn send_own(
        &self,
        session: &mut Session,
        context: &Context,
        answer: Answer,
    ) -> Result<()> {
        let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len() + 2))?;
        for (name, value) in &answer.headers {
            head.append_header(name.clone(), value.clone())?;
        }
        self.decorate(&mut head, context)?;
        answer::send(session, head, answer.body).await
    }
}

impl Context {
    /// Who asks is known from now on, also if that is nobody.
    fn admit(&mut self, who: Box<Identity>) {
        if let (false, Some(query)) = (who.strip_query.is_empty(), &self.query) {
            let left = without(query, &who.strip_query);
            self.query_stripped = left != self.query;
            self.query = left;
        }
        if let Some(came) = &mut self.came {
            strip(came, &who);
        }
        self.who = Some(who);
    }

    /// Who asks, if a login said so.
    pub fn consumer(&self) -> Option<&str> {
        self.who.as_ref()?.consumer.as_deref()
    }

    /// Limits of who asks, but for those that the route has as well.
    pub(super) fn own_rates(&self, route: &Route) -> Vec<Arc<Rate>> {
        let (Some(who), Some(state)) = (&self.who, &self.state) else { return Vec::new() };
        let fresh = |name: &&String| route.rates.iter().all(|rate| rate.name != **name);
        who.limits.iter().filter(fresh).filter_map(|name| state.rates.get(name).cloned()).collect()
    }

    /// Takes out and puts in what the instance sees of who asks.
    pub(super) fn introduce(&self, request: &mut RequestHeader) -> Result<()> {
        let Some(who) = &self.who else { return Ok(()) };
        if who.strip_headers.is_empty() && who.set_headers.is_empty() {
            return Ok(());
        }
        dress::change(request, |headers| strip(headers, who))
    }

    /// The same for a request that is answered from the cache or by what it fetches.
    pub fn introduce_to(&self, headers: &mut HeaderMap) {
        if let Some(who) = &self.who {
            strip(headers, who);
        }
    }

    /// Who asks, for a request that the cache makes of this one: its headers are changed already.
    pub fn on_behalf(&self) -> Option<Box<Identity>> {
        let who = self.who.as_ref()?;
        Some(Box::new(Identity { consumer: who.consumer.clone(), ..Identity::default() }))
    }

    /// What the client is given by who it is: cookies of its session.
    pub(super) fn thank(&self, head: &mut ResponseHeader) -> Result<()> {
        for (name, value) in self.who.iter().flat_map(|who| &who.response_headers) {
            head.append_header(name.clone(), value.clone())?;
        }
        Ok(())
    }

    /// Holds back each piece of a body that was signed until the next is there, and the last until all of it was right.
    pub(super) fn hold(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<()> {
        let Some(check) = self.who.as_ref().and_then(|who| who.body.as_ref()) else { return Ok(()) };
        let held = self.held.get_or_insert_with(|| Held { check: check.clone(), piece: Bytes::new() });
        let piece = body.take().unwrap_or_default();
        held.check.update(&piece);
        if !end {
            *body = Some(if piece.is_empty() { piece } else { std::mem::replace(&mut held.piece, piece) });
            return Ok(());
        }
        let Some(Held { check, piece: before }) = self.held.take() else { return Ok(()) };
        if check.finish().is_err() {
            self.problem = Some((Problem::BodyWrong, None));
            return Err(decided(Problem::BodyWrong).into_down());
        }
        let mut whole = BytesMut::from(&before[..]);
        whole.extend_from_slice(&piece);
        *body = (!whole.is_empty()).then(|| whole.freeze());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_out_by_their_decoded_names() {
        let names = ["key".to_owned(), "a b".to_owned()];
        for (query, left) in [
            ("key=1", None),
            ("key", None),
            ("x=1&k%65y=2&a+b=3&y", Some("x=1&y")),
            ("keys=1&=2&", Some("keys=1&=2&")),
        ] {
            assert_eq!(without(query, &names).as_deref(), left, "{query}");
        }
    }
}
