//! Making an answer of a stored one: conditions, ranges, `Age`, `Cache-Status`, and where its bytes come from.

use super::exchange::Exchange;
use super::parts;
use super::reader::BodyReader;
use crate::message::{Body, Response};
use crate::object::{Meta, Object, TAG_FIELDS};
use bole_cdn_policy::range::{self, Asked};
use bole_cdn_policy::status::Status;
use bole_cdn_policy::{condition, store};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::collections::HashMap;
use std::sync::Arc;

/// Fields of a representation that a 304 leaves out (RFC 9110 §15.4.5).
const NOT_IN_304: [HeaderName; 4] =
    [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_RANGE];

impl Exchange {
    /// Answers with a stored object. `None`: bytes of it are missing and cannot be had; it is then to be fetched anew.
    pub(super) async fn serve(&self, object: &Arc<Object>, mut status: Status) -> Option<Response> {
        let meta = object.meta();
        let kept = meta.headers();
        let mut headers = self.shown(object, &kept, &mut status);
        if self.is_read() && meta.status == StatusCode::OK {
            if condition::is_not_modified(&self.head.headers, &kept, meta.terms.received) {
                for name in &NOT_IN_304 {
                    headers.remove(name);
                }
                return Some(answer(StatusCode::NOT_MODIFIED, headers, Body::empty()));
            }
            if let Some(whole) = object.whole()
                && self.head.method == Method::GET
                && condition::range_holds(&self.head.headers, &kept)
            {
                let asked = range::ask(range::specs(&self.head.headers).as_deref(), whole);
                match asked {
                    Asked::Whole => {}
                    Asked::Unsatisfiable => {
                        headers.insert(header::CONTENT_RANGE, range::unsatisfied(whole));
                        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
                        return Some(answer(StatusCode::RANGE_NOT_SATISFIABLE, headers, Body::empty()));
                    }
                    Asked::One(start, end) => {
                        return self.serve_one(object, headers, (start, end), whole).await;
                    }
                    Asked::Several(ranges) => {
                        return self.serve_several(object, headers, &ranges, whole).await;
                    }
                }
            }
        }
        self.serve_whole(object, &meta, headers).await
    }

    fn shown(&self, object: &Object, kept: &HeaderMap, status: &mut Status) -> HeaderMap {
        let hide = self.hides_targeted();
        let mut headers = store::shown_fields(kept, hide);
        if hide {
            for name in &TAG_FIELDS {
                headers.remove(name);
            }
        }
        let standing = self.inner.purges.standing(object);
        let (now, terms) = (self.inner.now(), object.terms(standing));
        let age = terms.age(now);
        headers.remove(header::AGE);
        if status.hit || age > 0 {
            headers.insert(header::AGE, HeaderValue::from(age));
        }
        status.ttl = Some(terms.lifetime as i64 - age as i64);
        status.append(&self.inner.config.name, &mut headers);
        headers
    }

    async fn serve_whole(
        &self,
        object: &Arc<Object>,
        meta: &Meta,
        mut headers: HeaderMap,
    ) -> Option<Response> {
        let whole = object.whole();
        if let Some(whole) = whole
            && !has_no_body(meta.status)
        {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole));
        }
        if self.head.method == Method::HEAD || has_no_body(meta.status) {
            return Some(answer(meta.status, headers, Body::empty()));
        }
        let reader = self.reader(object, (0, whole)).await?;
        Some(answer(meta.status, headers, reader.into_body()))
    }

    async fn serve_one(
        &self,
        object: &Arc<Object>,
        mut headers: HeaderMap,
        (start, end): (u64, u64),
        whole: u64,
    ) -> Option<Response> {
        parts::one(&mut headers, (start, end), whole);
        let reader = self.reader(object, (start, Some(end))).await?;
        Some(answer(StatusCode::PARTIAL_CONTENT, headers, reader.into_body()))
    }

    async fn serve_several(
        &self,
        object: &Arc<Object>,
        mut headers: HeaderMap,
        ranges: &[(u64, u64)],
        whole: u64,
    ) -> Option<Response> {
        let mut readers = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            readers.push((self.reader(object, (*start, Some(*end))).await?, (*start, *end)));
        }
        let boundary = crate::key::hash(format!("{} {}", object.id, self.arrived).as_bytes());
        let content_type = headers.get(header::CONTENT_TYPE).cloned();
        let (kind, length, body) = parts::several(readers, whole, content_type.as_ref(), boundary);
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Some(answer(StatusCode::PARTIAL_CONTENT, headers, body))
    }

    /// A reader of a range that has its first bytes, or follows the fetch that will have them.
    async fn reader(&self, object: &Arc<Object>, (at, end): (u64, Option<u64>)) -> Option<BodyReader> {
        let mut reader = BodyReader {
            inner: self.inner.clone(),
            object: object.clone(),
            upstream: self.upstream(),
            counters: self.counters.clone(),
            at,
            end,
            pinned: HashMap::new(),
            follow: None,
            ready: None,
            refetches: 0,
        };
        reader.follow = self.begun.as_ref().filter(|fill| fill.start() <= at).map(|fill| fill.reader(at));
        if end == Some(at) || reader.follow() {
            return Some(reader);
        }
        let end = end?;
        if !object.is_strong() {
            reader.pinned = self.inner.pin(object, (at, end)).await?;
            return Some(reader);
        }
        reader.prime().await.ok()?;
        Some(reader)
    }
}

/// Statuses whose answers have no body (RFC 9110 §6.4.1).
fn has_no_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || status == StatusCode::RESET_CONTENT
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
