//! Requests that the library does not send to a service itself: they are answered from the cache, by another one's answer, or by a request of the
//! gateway's own that may be made twice.

use super::Proxy;
use super::context::Context;
use super::forward::target_of;
use crate::cached;
use crate::collapse::{self, Joined};
use crate::error::Problem;
use crate::inner::{self, By, Facts, Question, race};
use crate::state::Route;
use crate::upstream::Upstream;
use bole_cdn::Response;
use bole_net::tasks::{self, OnFailure};
use bytes::Bytes;
use http::HeaderMap;
use pingora_core::Result;
use pingora_proxy::Session;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detour {
    /// The cache, which may ask the service.
    Cache,
    /// Whoever asks the same at the same time.
    Collapse,
    /// The first of two instances.
    Hedge,
}

impl Detour {
    /// The way of a request, if it is one of these.
    pub(super) fn of(session: &mut Session, route: &Route, upstream: &Upstream) -> Option<Self> {
        let cached = cached::is_on(&route.document);
        let hedged = upstream.document.hedge_after.is_some();
        if !(cached || route.document.collapse || hedged) || !cached::takes(session) {
            return None;
        }
        Some(match (cached, route.document.collapse) {
            (true, _) => Self::Cache,
            (false, true) => Self::Collapse,
            (false, false) => Self::Hedge,
        })
    }
}

impl Proxy {
    /// Answers a request on its detour. `false`: it goes the usual way after all.
    pub(super) async fn detour(
        &self,
        session: &mut Session,
        context: &mut Context,
        route: &Arc<Route>,
        (detour, upstream): (Detour, &Arc<Upstream>),
    ) -> Result<bool> {
        let name = &upstream.name;
        if detour == Detour::Cache {
            context.because(|| format!("cache before service {name}"));
            self.stored(session, context, route, upstream).await?;
            context.upstream = Some(upstream.clone());
            return Ok(true);
        }
        context.because(|| format!("service {name}"));
        let head = session.req_header();
        let Some(facts) = Facts::of(context, upstream, head) else { return Ok(false) };
        let mut fields = inner::fields(head);
        context.introduce_to(&mut fields);
        let question = Question::new(&head.method, &facts.target(), &facts.host, &fields, Bytes::new());
        let (facts, engine) = (Arc::new(facts), self.engine.get().cloned().unwrap_or_default());
        let answered = match self.join(session, context, route, (detour, upstream, &fields)).await? {
            Some(Joined::Leader(flight)) => {
                route.collapsed.led.add(1);
                let (sender, answered) = oneshot::channel();
                let lead = collapse::lead(flight, engine, facts, question, fields, sender);
                tasks::spawn("gateway collapse", OnFailure::Log, lead);
                answered.await.unwrap_or(Err(Problem::Internal))
            }
            Some(Joined::Answered(response)) => {
                context.because(|| "another one's answer".to_owned());
                route.collapsed.shared.add(1);
                Ok(response)
            }
            Some(Joined::Alone) | None if upstream.document.hedge_after.is_none() => return Ok(false),
            Some(Joined::Alone) | None => race::ask(&engine, &facts, &question).await,
        };
        context.upstream = Some(upstream.clone());
        self.answer_inner(session, context, answered).await?;
        Ok(true)
    }

    /// Looks whether somebody asks the same. `None`: the request is not one of those that share answers.
    async fn join(
        &self,
        session: &Session,
        context: &Context,
        route: &Arc<Route>,
        (detour, upstream, fields): (Detour, &Upstream, &HeaderMap),
    ) -> Result<Option<Joined>> {
        let nobody = context.who.as_ref().is_none_or(|who| who.login.is_none() && who.set_headers.is_empty());
        if detour != Detour::Collapse || !nobody {
            return Ok(None);
        }
        let Some(told) = collapse::key_of(fields) else { return Ok(None) };
        let changes = &route.change.request_headers;
        let mut changed = HeaderMap::new();
        context.with_values(route, |values| changes.apply(&mut changed, values));
        let (asked, method) = (&context.asked, &session.req_header().method);
        let key = format!(
            "{:p} {} {method} {} {}:{} {} {} {told} {changed:?}",
            Arc::as_ptr(route),
            upstream.name,
            context.secured,
            asked.host,
            asked.port,
            asked.path,
            target_of(context, route)?,
        );
        let joined = self.flights.join(&key, fields, &route.collapsed.waiting).await;
        if matches!(joined, Joined::Alone) {
            route.collapsed.alone.add(1);
        }
        Ok(Some(joined))
    }

    /// Sends the answer of a request of the gateway's own.
    async fn answer_inner(
        &self,
        session: &mut Session,
        context: &mut Context,
        answered: Result<Response, Problem>,
    ) -> Result<()> {
        match answered {
            Ok(response) => {
                context.by = response.extensions().get::<By>().cloned();
                self.hand_out(session, context, response).await
            }
            Err(problem) => {
                context.problem = Some((problem, None));
                self.tell(session, context).await
            }
        }
    }
}
