//! Images in the size and format that a request wishes in its query, made while they are fetched and stored as they are answered.
//!
//! The parameters are taken out of the query, and what they come to is put into a field that only the gateway sets ([`FIELD`]), by which variants vary.
//! They are stored under the URL of the original, in a space of their own: what purges or changes that reaches them all. A wish is [reduced](wish) to few
//! sizes and qualities, and the cache keeps at most 64 variants of a URL, so nobody fills it with sizes.
//!
//! What cannot be made (damaged, animated, too large, too busy) is answered with the original.

use super::packed;
use crate::compression;
use crate::proxy::context::Context;
use crate::state::Route;
use async_trait::async_trait;
use bole_cdn::{Body, Origin, OriginError, Request, Response};
use bole_cdn_images::{Fit, Kept, Limits, Variant, Wish, variant};
use bole_gateway_document::route::Images;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What tells variants apart.
const FIELD: HeaderName = HeaderName::from_static("bole-image");
/// The parameters.
const PARAMETERS: [&str; 5] = ["width", "height", "dpr", "fit", "quality"];
/// Images that are made at once: each takes a thread, and memory up to the library's bound of 512 MiB.
const AT_ONCE_MAX: usize = 2;
/// How long an image waits for its turn and its making; then the original is answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// Originals that are read at once, up to the library's bound of 32 MiB each, those that wait for their turn among them.
const READ_MAX: usize = 16;

static READ: Semaphore = Semaphore::const_new(READ_MAX);
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// Where variants are stored of what is stored in a space.
pub fn space(originals: &str) -> Arc<str> {
    format!("{originals} images").into()
}

/// What a request wishes, if its route makes images and its query says anything of them; and takes that out of the query.
pub(super) fn wish(route: &Route, context: &mut Context, fields: &HeaderMap) -> Option<Wish> {
    let settings = route.document.cache.as_ref()?.images.as_ref()?;
    let (wish, rest) = reduced(settings, context.query.as_deref()?, accepts_webp(fields))?;
    context.query = rest;
    Some(wish)
}

fn accepts_webp(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("image/webp"));
        let refused = |part: &str| {
            part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        };
        named && !parts.any(refused)
    })
}

/// The wish in a query, in sizes and qualities that there are, and what else is in the query. Values that are none are as if absent.
fn reduced(settings: &Images, query: &str, webp: bool) -> Option<(Wish, Option<String>)> {
    let (mut own, mut others) = ([None; PARAMETERS.len()], Vec::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match PARAMETERS.iter().position(|own| *own == name) {
            Some(at) => own[at] = Some(value),
            None => others.push(pair),
        }
    }
    if own.iter().all(Option::is_none) {
        return None;
    }
    let [width, height, dpr, fit, quality] = own;
    let dpr =
        dpr.and_then(|text| text.parse::<f64>().ok()).filter(|dpr| (0.1..=8.0).contains(dpr)).unwrap_or(1.0);
    let size = |text: Option<&str>| {
        let pixels = (f64::from(text?.parse::<u32>().ok().filter(|pixels| *pixels > 0)?) * dpr).ceil();
        let next = settings.sizes.iter().find(|size| f64::from(**size) >= pixels);
        next.or(settings.sizes.last()).copied()
    };
    let quality = quality.and_then(|text| text.parse::<u8>().ok()).map_or(settings.quality, |wished| {
        let next = settings.qualities.iter().find(|quality| **quality >= wished);
        next.or(settings.qualities.last()).copied().unwrap_or(settings.quality)
    });
    let fit = if fit == Some("cover") { Fit::Cover } else { Fit::Contain };
    let wish = Wish { width: size(width), height: size(height), fit, quality, webp };
    Some((wish, Some(others.join("&")).filter(|others| !others.is_empty())))
}

/// Puts the wish where variants vary by it, in place of whatever a client put there. The whole image is made, whatever part of it is asked for.
pub(super) fn mark(wish: Option<Wish>, fields: &mut HeaderMap) {
    fields.remove(FIELD);
    let Some(wish) = wish else { return };
    for name in [header::RANGE, header::IF_RANGE, header::ACCEPT, header::ACCEPT_ENCODING] {
        fields.remove(name);
    }
    let value = HeaderValue::try_from(written(&wish));
    fields.insert(FIELD, value.expect("invariant: digits and letters are a value"));
}

fn written(wish: &Wish) -> String {
    let side = |side: Option<u32>| side.map_or_else(|| "-".to_owned(), |side| side.to_string());
    let fit = if wish.fit == Fit::Cover { "cover" } else { "contain" };
    let format = if wish.webp { "webp" } else { "any" };
    format!("{} {} {fit} {} {format}", side(wish.width), side(wish.height), wish.quality)
}

fn read(text: &str) -> Option<Wish> {
    let parts: Vec<&str> = text.split(' ').collect();
    let [width, height, fit, quality, format] = parts[..] else { return None };
    let fit = if fit == "cover" { Fit::Cover } else { Fit::Contain };
    let (width, height) = (width.parse().ok(), height.parse().ok());
    Some(Wish { width, height, fit, quality: quality.parse().ok()?, webp: format == "webp" })
}

/// A service whose images are answered as requests are [marked](mark).
pub(super) struct Imaged {
    /// The service.
    pub(super) inner: Arc<dyn Origin>,
}

#[async_trait]
impl Origin for Imaged {
    async fn fetch(&self, mut request: Request) -> Result<Response, OriginError> {
        let fields = request.headers_mut();
        let wish = fields.remove(FIELD).and_then(|text| read(text.to_str().ok()?));
        packed::translate(fields);
        let is_head = request.method() == Method::HEAD;
        if is_head {
            // Only the image itself says what its variant is.
            *request.method_mut() = Method::GET;
        }
        let mut response = self.inner.fetch(request).await?;
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
    let Ok(Ok(_reading)) = tokio::time::timeout(PATIENCE, READ.acquire()).await else {
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
                return match in_turn(original.clone(), wish, limits).await {
                    Ok(variant) => dressed(head, variant),
                    Err(kept) => left(head, original, &kept),
                };
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

/// Makes a variant on a thread for what blocks. One that takes too long goes on there, and keeps its turn.
async fn in_turn(original: Bytes, wish: Wish, limits: Limits) -> Result<Variant, Kept> {
    let busy = || Kept::Large(format!("it could not be made in {} s", PATIENCE.as_secs()));
    let work = async {
        let turn = TURNS.acquire().await.map_err(|_| busy())?;
        let made = tokio::task::spawn_blocking(move || {
            let made = variant(&original, &wish, &limits);
            drop(turn);
            made
        });
        made.await.map_err(|error| Kept::Damaged(error.to_string()))?
    };
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| busy())?
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
fn left(mut head: http::response::Parts, original: Bytes, kept: &Kept) -> Response {
    tracing::debug!(%kept, "an image is answered as it is");
    if !matches!(kept, Kept::Animated | Kept::Format | Kept::Colours) {
        vary(&mut head.headers);
    }
    Response::from_parts(head, Body::whole(original))
}

/// Says what a variant goes by. `Accept` is told to caches on the way: they know the whole query, but not what the client reads.
fn vary(fields: &mut HeaderMap) {
    fields.append(header::VARY, HeaderValue::from_static("accept, bole-image"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_become_sizes_that_there_are() {
        let settings = Images::default();
        for (query, expected, rest) in [
            ("width=100", "128 - contain 80 any", None),
            ("width=128&a=b", "128 - contain 80 any", Some("a=b")),
            ("a=b&width=100&dpr=2&c", "256 - contain 80 any", Some("a=b&c")),
            ("width=99999&height=1&fit=cover", "2560 64 cover 80 any", None),
            ("width=0&height=-1&quality=1", "- - contain 50 any", None),
            ("width=x&quality=100&dpr=900", "- - contain 90 any", None),
        ] {
            let (wish, left) = reduced(&settings, query, false).expect(query);
            assert_eq!((written(&wish).as_str(), left.as_deref()), (expected, rest), "{query}");
            assert_eq!(read(&written(&wish)), Some(wish), "{query}");
        }
        for query in ["", "a=b", "Width=100", "maxwidth=100"] {
            assert_eq!(reduced(&settings, query, true), None, "{query}");
        }
    }

    #[test]
    fn clients_say_whether_they_read_webp() {
        for (accept, expected) in [
            ("image/avif,image/webp,*/*;q=0.8", true),
            ("IMAGE/WEBP;q=0.1", true),
            ("image/webp;q=0", false),
            ("image/*", false),
            ("*/*", false),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(accepts_webp(&fields), expected, "{accept}");
        }
    }
}
