//! Images in the size and format that a request wishes in its query, made while they are fetched and stored as they are answered.
//!
//! The parameters are taken out of the query, and what they come to is put into a field that only the gateway sets, by which variants vary ([`wish`]).
//! They are stored under the URL of the original, in a space of their own: what purges or changes that reaches them all. A wish is reduced to few
//! sizes and qualities, and the cache keeps at most 64 variants of a URL, so nobody fills it with sizes. The original is asked of the cache, so that all
//! variants have it of one fetch. [`making`] does the work, in turn.
//!
//! What cannot be made (damaged, animated, too large, too busy) is answered with the original.

mod making;
mod wish;

pub use making::counts;
pub(super) use wish::{mark, wish};

use super::packed;
use crate::compression;
use crate::places::ORIGINALS;
use async_trait::async_trait;
use bole_cdn::{
    Body, Cache, ForCache, FreshAtMost, Manner, Origin, OriginError, Request, Response, Unanswered,
};
use bole_cdn_images::{Kept, Limits, Variant, Wish};
use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use making::{Outcome, PATIENCE};
use std::sync::Arc;

/// For how long, in seconds, an image is answered that stands in for a better one.
const STAND_IN_SECONDS: u64 = 10;

/// Where variants are stored of what is stored in a space.
pub fn space(originals: &str) -> Arc<str> {
    format!("{originals} images").into()
}

/// A service whose images are answered as requests are [marked](mark).
pub(super) struct Imaged {
    /// The service.
    pub(super) inner: Arc<dyn Origin>,
    /// Where its originals are stored.
    pub(super) cache: Cache,
    /// In which space.
    pub(super) space: Arc<str>,
    /// Somebody logged in.
    pub(super) authenticated: bool,
}

impl Imaged {
    /// The original: stored, or fetched and stored.
    async fn original(&self, mut request: Request) -> Result<Response, OriginError> {
        request.extensions_mut().insert(ForCache);
        let manner = Manner { space: &self.space, authenticated: self.authenticated };
        let mut response = self.cache.handle_as(manner, request, self.inner.clone()).await;
        if let Some(Unanswered(reason)) = response.extensions().get() {
            return Err(OriginError(reason.to_string()));
        }
        // What it says of the original is not true of what is made.
        response.headers_mut().remove("cache-status");
        Ok(response)
    }
}

#[async_trait]
impl Origin for Imaged {
    async fn fetch(&self, mut request: Request) -> Result<Response, OriginError> {
        let fields = request.headers_mut();
        let wish = fields.remove(wish::FIELD).and_then(|text| wish::read(text.to_str().ok()?));
        packed::translate(fields);
        let is_head = request.method() == Method::HEAD;
        if is_head {
            // Only the image itself says what its variant is.
            *request.method_mut() = Method::GET;
        }
        let mut response = self.original(request).await?;
        if let Some(wish) = wish {
            response = made(response, wish).await;
        }
        if is_head {
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }
}

async fn made(response: Response, wish: Wish) -> Response {
    let (mut head, mut body) = response.into_parts();
    let limits = Limits::default();
    if head.status == StatusCode::NOT_MODIFIED && head.headers.contains_key(header::VARY) {
        vary(&mut head.headers);
    }
    if !may_be_made(head.status, &head.headers, &limits) {
        return Response::from_parts(head, body);
    }
    let Ok(_reading) = tokio::time::timeout(PATIENCE, ORIGINALS.take()).await else {
        vary(&mut head.headers);
        return Response::from_parts(head, body);
    };
    let mut bytes = BytesMut::new();
    while bytes.len() <= limits.bytes {
        match body.next().await {
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(error)) => return Response::from_parts(head, Body::stream(stream::iter([Err(error)]))),
            None => {
                let original = bytes.freeze();
                let Outcome { result, stands_in } = making::made(original.clone(), wish, limits).await;
                let response = match result {
                    Ok(variant) => dressed(head, variant),
                    Err(kept) => left(head, Body::whole(original), &kept),
                };
                return if stands_in { standing_in(response) } else { response };
            }
        }
    }
    // Too long, which its head did not say.
    let whole = stream::iter([Ok(bytes.freeze())]).chain(body);
    Response::from_parts(head, Body::stream(whole))
}

fn may_be_made(status: StatusCode, fields: &HeaderMap, limits: &Limits) -> bool {
    let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = text(header::CONTENT_TYPE).split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let is_image = ["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&kind.as_str());
    let fits = text(header::CONTENT_LENGTH).parse::<usize>().map_or(true, |length| length <= limits.bytes);
    let is_fixed = fields.get_all(header::CACHE_CONTROL).iter().any(|control| {
        String::from_utf8_lossy(control.as_bytes()).to_ascii_lowercase().contains("no-transform")
    });
    status == StatusCode::OK
        && is_image
        && fits
        && !is_fixed
        && !fields.contains_key(header::CONTENT_ENCODING)
}

fn dressed(mut head: http::response::Parts, variant: Variant) -> Response {
    vary(&mut head.headers);
    compression::forget_bytes(&mut head.headers);
    packed::weaken(&mut head.headers);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(variant.format.media_type()));
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(variant.bytes.len()));
    Response::from_parts(head, Body::whole(variant.bytes))
}

/// The original: for all wishes, where none can be fulfilled.
fn left(mut head: http::response::Parts, original: Body, kept: &Kept) -> Response {
    tracing::debug!(%kept, "an image is answered as it is");
    if !matches!(kept, Kept::Animated | Kept::Format | Kept::Colours) {
        vary(&mut head.headers);
    }
    Response::from_parts(head, original)
}

/// An answer that is soon asked for again. Without validators: with them the service would confirm it.
fn standing_in(mut response: Response) -> Response {
    for name in [header::ETAG, header::LAST_MODIFIED] {
        response.headers_mut().remove(name);
    }
    response.extensions_mut().insert(FreshAtMost(STAND_IN_SECONDS));
    response
}

/// Says what a variant goes by. `Accept` is told to caches on the way: they know the whole query, but not what the client reads.
fn vary(fields: &mut HeaderMap) {
    fields.append(header::VARY, HeaderValue::from_static("accept, bole-image"));
}
