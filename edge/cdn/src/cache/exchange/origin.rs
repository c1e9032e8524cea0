//! The part of a request's course that speaks with the origin, and what its answer does to what is stored.

use super::{Exchange, Going, Inner};
use crate::admission::Admission;
use crate::cache::reader::Filling;
use crate::cache::{fetch, parts, refusal};
use crate::counters::Counters;
use crate::fill::{Fill, Reader};
use crate::flight::{Landed, Pilot};
use crate::limits::{SLICE_BYTES, WINDOW_BYTES};
use crate::message::{Body, FreshAtMost, Request, Response, Unanswered};
use crate::object::{Meta, Object, Standing, TAG_FIELDS};
use bole_cdn_policy::range::{self, ContentRange, Spec};
use bole_cdn_policy::status::{Forward, Status};
use bole_cdn_policy::store::{self, Asked, Refusal};
use bole_cdn_policy::vary::{Selection, Vary};
use bole_cdn_policy::{Terms, Time, Wish, condition, field, invalidate, partial, validate};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Statuses by which an origin says that it fails now (RFC 5861 §4).
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// What was sent to the origin.
struct Sent {
    at: Time,
    epoch: u64,
    /// The client's range, where the origin was asked for more than that.
    widened: Option<Vec<Spec>>,
    /// With validators of what is stored.
    conditional: bool,
}

impl Exchange {
    /// Asks the origin for a GET and answers. With a pilot others wait for the outcome.
    pub(super) async fn go(&self, going: Going, wish: &Wish, pilot: Option<Pilot>) -> Response {
        let (request, sent) = self.request(&going, pilot.is_some());
        let answer = self.inner.exchange(&self.upstream(), request, &self.counters).await;
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                if let Some((object, _)) = &going.stale {
                    object.note_failure(self.inner.monotonic());
                }
                let shared = going.stale.is_some();
                land(pilot, if shared { Landed::Shared } else { Landed::Failed(error.to_string()) });
                return self.failed(going, wish, &error.to_string()).await;
            }
        };
        if let Some((object, standing)) = &going.stale {
            if sent.conditional && response.status() == StatusCode::NOT_MODIFIED {
                self.confirm(object, response.headers(), &sent);
                land(pilot, Landed::Shared);
                let status = Status {
                    forward: Some(going.why),
                    forward_status: Some(304),
                    collapsed: going.collapsed,
                    ..Status::default()
                };
                if let Some(response) = self.serve(object, status).await {
                    return response;
                }
                let again = Going { stale: None, ..going };
                return Box::pin(self.go(again, wish, None)).await;
            }
            let terms = object.terms(*standing);
            if is_failure(response.status()) && wish.allows_on_error(&terms, self.inner.now()) {
                object.note_failure(self.inner.monotonic());
                land(pilot, Landed::Shared);
                let status = Status {
                    forward: Some(going.why),
                    forward_status: Some(response.status().as_u16()),
                    detail: Some("stale-if-error"),
                    ..Status::default()
                };
                if let Some(stale) = self.serve(object, status).await {
                    Counters::add(&self.counters.stale);
                    return stale;
                }
                return self.relay(response, &going, None);
            }
        }
        self.take(response, going, sent, pilot).await
    }

    /// The request for the origin: with the validators of what is stored; else without the client's conditions, and with a range that is whole slices,
    /// so that the answer serves others too; and as it came where the answer cannot be shared anyway.
    fn request(&self, going: &Going, piloted: bool) -> (Request, Sent) {
        let mut request = self.upstream().get();
        let mut sent = Sent {
            at: self.inner.now(),
            epoch: self.inner.purges.epoch(),
            widened: None,
            conditional: false,
        };
        let headers = request.headers_mut();
        if let Some((object, _)) = going.stale.as_ref().filter(|(object, _)| self.inner.is_whole(object)) {
            sent.conditional = validate::add_validators(headers, &object.meta().headers());
            return (request, sent);
        }
        if !piloted && going.stale.is_none() {
            return (request, sent);
        }
        let specs = range::specs(headers);
        let (asked, if_range) = (headers.get(header::RANGE).cloned(), headers.get(header::IF_RANGE).cloned());
        validate::strip_conditions(headers);
        let (Some(specs), Some(asked)) = (specs, asked) else { return (request, sent) };
        let wide = match specs[..] {
            [Spec::FromTo(first, last)] if if_range.is_none() => {
                let end = (last / SLICE_BYTES).saturating_add(1).saturating_mul(SLICE_BYTES);
                Some(fetch::bytes_of(first / SLICE_BYTES * SLICE_BYTES, end))
            }
            [Spec::From(first)] if if_range.is_none() && first >= SLICE_BYTES => {
                let text = format!("bytes={}-", first / SLICE_BYTES * SLICE_BYTES);
                HeaderValue::try_from(text).ok()
            }
            _ => None,
        };
        if let Some(value) = if_range {
            headers.insert(header::IF_RANGE, value);
        }
        sent.widened = wide.is_some().then_some(specs);
        headers.insert(header::RANGE, wide.unwrap_or(asked));
        (request, sent)
    }

    /// Stores the answer if it may be, and answers with it.
    async fn take(&self, response: Response, going: Going, sent: Sent, pilot: Option<Pilot>) -> Response {
        let received = self.inner.now();
        match self.storable(&response, &sent, received) {
            Ok((terms, selection)) => {
                let (object, body, part) = self.object(response, terms, selection, sent.epoch);
                // From here on the fetch ends by itself, also when the client leaves; this place holds it until the client has one.
                let place = self.begin(&object, body, part);
                self.inner.put(object.clone()).await;
                let status = Status {
                    forward: Some(going.why),
                    stored: true,
                    collapsed: going.collapsed,
                    ..Status::default()
                };
                let answer = self.with(&place).serve(&object, status).await;
                land(pilot, Landed::Shared);
                drop(place);
                answer.unwrap_or_else(|| {
                    refusal(StatusCode::BAD_GATEWAY, "the origin's answer broke off".to_owned())
                })
            }
            Err(refused) => {
                if !is_failure(response.status())
                    && let Some((object, _)) = &going.stale
                {
                    // RFC 9111 §4.3.3: what is stored is no longer what the origin says.
                    self.inner.drop_object(object);
                }
                land(pilot, Landed::Unshared);
                if !matches!(refused, Refusal::RequestNoStore | Refusal::Authorization | Refusal::Cookies) {
                    self.mark_unshared();
                }
                let response = match &sent.widened {
                    Some(asked) if response.status() == StatusCode::PARTIAL_CONTENT => {
                        parts::narrowed(response, asked)
                    }
                    _ => response,
                };
                self.relay(response, &going, Some(refused.name()))
            }
        }
    }

    fn storable(
        &self,
        response: &Response,
        sent: &Sent,
        received: Time,
    ) -> Result<(Terms, Selection), Refusal> {
        let headers = response.headers();
        let asked = Asked {
            method: &self.head.method,
            uri: &self.head.uri,
            headers: &self.head.headers,
            authenticated: self.authenticated,
            at: sent.at,
        };
        let settings = &self.inner.config.terms;
        let mut terms = store::storable(&asked, response.status(), headers, received, settings)?;
        if let Some(FreshAtMost(seconds)) = response.extensions().get() {
            terms.lifetime = terms.lifetime.min(terms.initial_age.saturating_add(*seconds));
        }
        let selection = Selection::of(&Vary::read(headers), &self.head.headers).ok_or(Refusal::VaryAny)?;
        let part = partial::part_of(headers);
        let unknown_part = response.status() == StatusCode::PARTIAL_CONTENT
            && part.is_none_or(|part| !self.is_answered_by(part));
        let long = field::content_length(headers).is_some_and(|length| length > WINDOW_BYTES);
        if unknown_part || (long && condition::strong_validator(headers).is_none()) {
            return Err(Refusal::Partial);
        }
        if self.inner.begin_fill() { Ok((terms, selection)) } else { Err(Refusal::NoUse) }
    }

    /// Whether a part has what the client asked for, as far as there is such; an origin may send another.
    fn is_answered_by(&self, part: ContentRange) -> bool {
        let Some(whole) = part.whole else { return false };
        match range::ask(range::specs(&self.head.headers).as_deref(), whole) {
            range::Asked::One(start, end) => part.start <= start && end <= part.end,
            range::Asked::Unsatisfiable => true,
            range::Asked::Whole | range::Asked::Several(_) => false,
        }
    }

    /// A new object of a response, its body, and the part of the whole that this is.
    fn object(
        &self,
        response: Response,
        terms: Terms,
        selection: Selection,
        epoch: u64,
    ) -> (Arc<Object>, Body, Option<ContentRange>) {
        let (head, body) = response.into_parts();
        let part = partial::part_of(&head.headers).filter(|_| head.status == StatusCode::PARTIAL_CONTENT);
        let whole = part.map_or_else(|| field::content_length(&head.headers), |part| part.whole);
        let mut headers = store::kept_fields(&head.headers);
        if !headers.contains_key(header::DATE)
            && let Ok(received) = HeaderValue::try_from(terms.received.format())
        {
            // RFC 9110 §6.6.1: the time at which it was received stands in.
            headers.insert(header::DATE, received);
        }
        let mut status = head.status;
        if part.is_some() {
            // Stored as the whole of which parts are there (RFC 9111 §3.4).
            status = StatusCode::OK;
            headers.remove(header::CONTENT_RANGE);
            headers.remove(header::CONTENT_LENGTH);
        }
        let id = self.inner.next_object.fetch_add(1, Ordering::Relaxed);
        let confirmed = self.inner.monotonic();
        let meta = Meta::new(status, &headers, terms);
        let object = Object::new(id, self.key.clone(), selection, meta, epoch, confirmed);
        if let Some(whole) = whole {
            object.set_whole(whole);
        }
        if let Some(disk) = &self.inner.config.disk
            && (disk.admission == Admission::All || self.inner.seen.note(self.key.hash()))
        {
            object.let_on_disk();
        }
        Counters::add(&self.counters.fills);
        (Arc::new(object), body, part)
    }

    fn with(&self, place: &Reader) -> Self {
        Self { begun: Some(place.fill.clone()), ..self.clone() }
    }

    /// Lets the fetch of an object's bytes go on, and takes a place in it.
    fn begin(&self, object: &Arc<Object>, body: Body, part: Option<ContentRange>) -> Reader {
        let (start, end) = part.map_or_else(|| (0, object.whole()), |part| (part.start, Some(part.end)));
        let fill = Arc::new(Fill::new(start, end));
        let added = object.add_fill(&fill);
        debug_assert!(added.is_ok(), "a new object has no fetch");
        let place = fill.reader(start);
        let counters = self.counters.clone();
        let whole = part.is_none();
        self.inner.spawn_fill(Filling { object: object.clone(), fill, body, end, whole, counters });
        place
    }

    /// RFC 9111 §4.3.4: the stored answer is current, with these news.
    fn confirm(&self, object: &Arc<Object>, news: &HeaderMap, sent: &Sent) {
        let meta = object.meta();
        let headers = validate::updated(&meta.headers(), news);
        let terms = Terms::of(meta.status, &headers, sent.at, self.inner.now(), &self.inner.config.terms);
        object.renew(Meta::new(meta.status, &headers, terms), sent.epoch, self.inner.monotonic());
        Counters::add(&self.counters.confirmed);
        self.inner.renewed(object);
    }

    /// No answer from the origin: a stale one where that is allowed.
    pub(super) async fn failed(&self, going: Going, wish: &Wish, reason: &str) -> Response {
        if let Some((object, standing)) = &going.stale
            && wish.allows_disconnected(&object.terms(*standing), self.inner.now())
        {
            let status = Status {
                forward: Some(going.why),
                collapsed: going.collapsed,
                detail: Some("origin-unreachable"),
                ..Status::default()
            };
            if let Some(stale) = self.serve(object, status).await {
                Counters::add(&self.counters.stale);
                return stale;
            }
        }
        tracing::debug!(key = self.key.as_str(), reason, "the origin gave no answer");
        let mut response = refusal(StatusCode::BAD_GATEWAY, "the origin gave no answer".to_owned());
        response.extensions_mut().insert(Unanswered(reason.into()));
        let status = Status {
            forward: Some(going.why),
            collapsed: going.collapsed,
            detail: Some("origin-unreachable"),
            ..Status::default()
        };
        status.append(&self.inner.config.name, response.headers_mut());
        response
    }

    /// Passes a request by the cache.
    pub(super) async fn pass(&self, body: Body, detail: &'static str) -> Response {
        let going = Going { why: Forward::Bypass, collapsed: false, stale: None };
        let request = Request::from_parts(self.head.clone(), body);
        match self.inner.exchange(&self.upstream(), request, &self.counters).await {
            Ok(response) => self.relay(response, &going, Some(detail)),
            Err(error) => self.failed(going, &Wish::default(), &error.to_string()).await,
        }
    }

    /// HEAD goes through, and updates what is stored for GET (RFC 9111 §4.3.5).
    pub(super) async fn ask_head(&self, going: Going) -> Response {
        let request = Request::from_parts(self.head.clone(), Body::empty());
        let sent = Sent {
            at: self.inner.now(),
            epoch: self.inner.purges.epoch(),
            widened: None,
            conditional: false,
        };
        let response = match self.inner.exchange(&self.upstream(), request, &self.counters).await {
            Ok(response) => response,
            Err(error) => {
                return self.failed(going, &Wish::read(&self.head.headers), &error.to_string()).await;
            }
        };
        if let Some((object, _)) = &going.stale
            && response.status() == StatusCode::OK
        {
            let meta = object.meta();
            match validate::compare_head(&meta.headers(), response.headers()) {
                validate::Head::Update => self.confirm(object, response.headers(), &sent),
                validate::Head::Stale => {
                    object.set_standing(Standing::Soft(sent.at), self.inner.purges.epoch());
                }
            }
        }
        self.relay(response, &going, None)
    }

    /// A method that may change something: its answer makes stored ones invalid (RFC 9111 §4.4), and may itself be stored (POST).
    pub(super) async fn change(&self, body: Body) -> Response {
        let going = Going { why: Forward::Method, collapsed: false, stale: None };
        let request = Request::from_parts(self.head.clone(), body);
        let mut sent = Sent {
            at: self.inner.now(),
            epoch: self.inner.purges.epoch(),
            widened: None,
            conditional: false,
        };
        let response = match self.inner.exchange(&self.upstream(), request, &self.counters).await {
            Ok(response) => response,
            Err(error) => return self.failed(going, &Wish::default(), &error.to_string()).await,
        };
        let targets =
            invalidate::targets(&self.head.method, &self.head.uri, response.status(), response.headers());
        for target in &targets {
            self.inner.invalidate(target);
        }
        if self.head.method != Method::POST {
            return self.relay(response, &going, None);
        }
        sent.epoch = self.inner.purges.epoch();
        self.take_change(response, going, sent).await
    }

    async fn take_change(&self, response: Response, going: Going, sent: Sent) -> Response {
        match self.storable(&response, &sent, self.inner.now()) {
            Ok((terms, selection)) => {
                let (object, body, part) = self.object(response, terms, selection, sent.epoch);
                let place = self.begin(&object, body, part);
                self.inner.put(object.clone()).await;
                let status = Status { forward: Some(going.why), stored: true, ..Status::default() };
                let answer = self.with(&place).serve(&object, status).await;
                drop(place);
                answer.unwrap_or_else(|| {
                    refusal(StatusCode::BAD_GATEWAY, "the origin's answer broke off".to_owned())
                })
            }
            Err(_) => self.relay(response, &going, None),
        }
    }

    /// Hands the origin's answer through.
    fn relay(&self, mut response: Response, going: &Going, detail: Option<&'static str>) -> Response {
        let headers = response.headers_mut();
        field::strip_hop_by_hop(headers);
        if self.hides_targeted() {
            headers.remove(bole_cdn_policy::target::CDN_CACHE_CONTROL);
            for name in &TAG_FIELDS {
                headers.remove(name);
            }
        }
        let status =
            Status { forward: Some(going.why), collapsed: going.collapsed, detail, ..Status::default() };
        status.append(&self.inner.config.name, headers);
        response
    }
}

impl Inner {
    /// The head of an object changed.
    fn renewed(&self, object: &Arc<Object>) {
        if let Some(resource) = self.memory.resource(&object.key) {
            self.memory.put_resource(resource);
        }
        if let Some(disk) = self.disk.as_ref().filter(|_| object.is_for_disk()) {
            disk.write_head(object);
        }
    }
}

fn land(pilot: Option<Pilot>, how: Landed) {
    if let Some(pilot) = pilot {
        pilot.land(how);
    }
}
