//! The course of one request: look, wait for others, ask the origin, store, answer.

mod origin;

use super::{Inner, refusal};
use crate::counters::Counters;
use crate::fill::Fill;
use crate::flight::{Boarding, Landed, wait};
use crate::key::{self, Key, Meeting};
use crate::message::{Body, ForCache, Origin, Response};
use crate::object::{Object, Standing};
use bole_cdn_policy::reuse::Cause;
use bole_cdn_policy::status::{Forward, Status};
use bole_cdn_policy::vary::{Selection, Vary};
use bole_cdn_policy::{Reuse, Wish};
use http::request::Parts;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often a request waits for others before it goes alone.
const ROUNDS_MAX: u32 = 8;

/// Where a request goes when it is not answered here.
#[derive(Clone)]
pub(super) struct Upstream {
    pub origin: Arc<dyn Origin>,
    pub head: Parts,
}

/// One request.
#[derive(Clone)]
pub(super) struct Exchange {
    pub inner: Arc<Inner>,
    pub head: Parts,
    pub key: Key,
    pub origin: Arc<dyn Origin>,
    pub counters: Arc<Counters>,
    /// When it came, in nanoseconds of the monotonic clock.
    pub arrived: u64,
    /// The fetch that this request began: its answer comes from there, also when the fetch has ended meanwhile.
    pub begun: Option<Arc<Fill>>,
    /// Somebody logged in for it.
    pub authenticated: bool,
}

/// What is known when a request goes to the origin.
struct Going {
    why: Forward,
    collapsed: bool,
    stale: Option<(Arc<Object>, Standing)>,
}

/// What looking came to.
enum Looked {
    Answer(Response),
    Go(Going),
}

impl Exchange {
    pub(super) fn new(inner: Arc<Inner>, head: Parts, key: Key, origin: Arc<dyn Origin>) -> Self {
        let (counters, arrived) = (inner.hosts.of(key.host()), inner.monotonic());
        Self { inner, head, key, origin, counters, arrived, begun: None, authenticated: false }
    }

    pub(super) fn upstream(&self) -> Upstream {
        Upstream { origin: self.origin.clone(), head: self.head.clone() }
    }

    /// Whether the client reads, so that conditions and ranges are about what is stored.
    pub(super) fn is_read(&self) -> bool {
        self.head.method == Method::GET || self.head.method == Method::HEAD
    }

    /// Whether what is answered goes into the cache again.
    pub(super) fn is_for_cache(&self) -> bool {
        self.head.extensions.get::<ForCache>().is_some()
    }

    /// Whether fields for caches are left out of answers.
    pub(super) fn hides_targeted(&self) -> bool {
        !self.inner.config.show_targeted && !self.is_for_cache()
    }

    pub(super) async fn run(self, body: Body) -> Response {
        if !self.is_for_cache() {
            Counters::add(&self.counters.requests);
        }
        match key::meeting(&self.head, &body) {
            Meeting::Pass(detail) => self.pass(body, detail).await,
            Meeting::Change => self.change(body).await,
            Meeting::Look => self.look().await,
        }
    }

    async fn look(self) -> Response {
        let wish = Wish::read(&self.head.headers);
        let mut collapsed = false;
        for _ in 0..ROUNDS_MAX {
            let going = match self.look_once(&wish, collapsed).await {
                Looked::Answer(response) => return response,
                Looked::Go(going) => going,
            };
            if wish.only_if_cached() {
                return self.not_cached();
            }
            if self.head.method == Method::HEAD {
                return self.ask_head(going).await;
            }
            if self.is_unshared() && going.stale.is_none() {
                return self.go(going, &wish, None).await;
            }
            match self.inner.flights.board(self.flight().await) {
                Boarding::First(pilot) => {
                    // Between looking and boarding another one may have landed.
                    match self.look_once(&wish, collapsed).await {
                        Looked::Answer(response) => return response,
                        Looked::Go(going) => return self.go(going, &wish, Some(pilot)).await,
                    }
                }
                Boarding::Later(flight) => {
                    if !std::mem::replace(&mut collapsed, true) {
                        Counters::add(&self.counters.collapsed);
                    }
                    match wait(flight).await {
                        Landed::Shared => {}
                        Landed::Unshared => return self.go(Going { collapsed, ..going }, &wish, None).await,
                        Landed::Failed(reason) => return self.failed(going, &wish, &reason).await,
                    }
                }
            }
        }
        let going = Going { why: Forward::UriMiss, collapsed, stale: None };
        self.go(going, &wish, None).await
    }

    /// Answers from the tiers, or says why not.
    async fn look_once(&self, wish: &Wish, collapsed: bool) -> Looked {
        let now = self.inner.now();
        let stored = self.inner.find(&self.key, &self.head.headers).await;
        let miss = if stored.others { Forward::VaryMiss } else { Forward::UriMiss };
        let Some((object, standing)) = stored.object else {
            return Looked::Go(Going { why: miss, collapsed, stale: None });
        };
        let terms = object.terms(standing);
        let reuse = match wish.decide(&terms, now) {
            // While this request waited, the origin confirmed it for another one.
            Reuse::Validate(Cause::Stale) if collapsed && object.is_confirmed_since(self.arrived) => {
                Reuse::Fresh
            }
            Reuse::StaleWhileRevalidate
                if !self.inner.config.stale_while_revalidate || self.is_for_cache() =>
            {
                Reuse::Validate(Cause::Stale)
            }
            Reuse::Fresh | Reuse::StaleAccepted | Reuse::StaleWhileRevalidate
                if !self.inner.in_sync.load(Ordering::Acquire) =>
            {
                Reuse::Validate(Cause::Stale)
            }
            reuse => reuse,
        };
        let cause = match reuse {
            Reuse::Fresh | Reuse::StaleAccepted => None,
            Reuse::StaleWhileRevalidate => {
                self.revalidate(&object, standing);
                None
            }
            // While this request waited, the origin failed for another one.
            Reuse::Validate(_)
                if collapsed
                    && object.has_failed_since(self.arrived)
                    && wish.allows_disconnected(&terms, now) =>
            {
                None
            }
            Reuse::Validate(cause) => Some(cause),
        };
        if let Some(cause) = cause {
            return Looked::Go(Going { why: cause.into(), collapsed, stale: Some((object, standing)) });
        }
        let status = Status { hit: true, collapsed, ..Status::default() };
        match self.serve(&object, status).await {
            Some(response) => {
                if !self.is_for_cache() {
                    Counters::add(&self.counters.hits);
                }
                if !terms.is_fresh(now) {
                    Counters::add(&self.counters.stale);
                }
                Looked::Answer(response)
            }
            None => Looked::Go(Going { why: Forward::Partial, collapsed, stale: None }),
        }
    }

    /// What others must want to go together: the key, and the fields that selected variants so far.
    async fn flight(&self) -> (u128, u128) {
        let resource = self.inner.resource(&self.key).await;
        let newest = resource.and_then(|resource| resource.variants().pop());
        let names =
            newest.map(|object| object.selection.fields.iter().map(|(name, _)| name.clone()).collect());
        let selection = names
            .filter(|names: &Vec<_>| !names.is_empty())
            .and_then(|names| Selection::of(&Vary::Fields(names), &self.head.headers));
        let selection = selection.map_or(0, |selection| key::hash(format!("{selection:?}").as_bytes()));
        // Ranges go together only where they are alike: one who waits for another's range would mostly wait in vain.
        let range = self.head.headers.get(http::header::RANGE).map_or(0, |range| key::hash(range.as_bytes()));
        (self.key.hash(), selection ^ range)
    }

    fn is_unshared(&self) -> bool {
        self.inner.unshared.get(&self.key.hash()).is_some_and(|until| self.inner.monotonic() < until)
    }

    fn mark_unshared(&self) {
        let until = self.inner.monotonic().saturating_add(self.inner.config.unshared.as_nanos() as u64);
        self.inner.unshared.insert(self.key.hash(), until);
    }

    /// Validates in the background, one at a time.
    fn revalidate(&self, object: &Arc<Object>, standing: Standing) {
        if object.revalidating.swap(true, Ordering::AcqRel) {
            return;
        }
        let (mut exchange, object) = (self.clone(), object.clone());
        exchange.head.method = Method::GET;
        for name in [http::header::CACHE_CONTROL, http::header::PRAGMA] {
            exchange.head.headers.remove(name);
        }
        // Nobody waits for it. When it fails the object stays as it is and the next request tries again.
        tokio::spawn(async move {
            let flight = exchange.flight().await;
            if let Boarding::First(pilot) = exchange.inner.flights.board(flight) {
                let going =
                    Going { why: Forward::Stale, collapsed: false, stale: Some((object.clone(), standing)) };
                drop(exchange.go(going, &Wish::default(), Some(pilot)).await);
            }
            object.revalidating.store(false, Ordering::Release);
        });
    }

    /// RFC 9111 §5.2.1.7.
    fn not_cached(&self) -> Response {
        let mut response = refusal(
            StatusCode::GATEWAY_TIMEOUT,
            "nothing stored can answer this only-if-cached request".to_owned(),
        );
        let status = Status { detail: Some("only-if-cached"), ..Status::default() };
        status.append(&self.inner.config.name, response.headers_mut());
        response
    }
}
