//! What a request wishes of an image: read from its query and its `Accept`, [reduced](reduced) to few sizes, qualities and formats, and put into a field
//! by which variants vary.

use crate::proxy::context::Context;
use crate::state::Route;
use bole_cdn_images::{Fit, Wish};
use bole_gateway_document::route::Images;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// What tells variants apart.
pub(super) const FIELD: HeaderName = HeaderName::from_static("bole-image");
/// The parameters.
const PARAMETERS: [&str; 5] = ["width", "height", "dpr", "fit", "quality"];

/// What a request wishes, if its route makes images and its query says anything of them; and takes that out of the query.
pub(in crate::cached) fn wish(route: &Route, context: &mut Context, fields: &HeaderMap) -> Option<Wish> {
    let settings = route.document.cache.as_ref()?.images.as_ref()?;
    let (wish, rest) = reduced(settings, context.query.as_deref()?, Accepted::of(settings, fields))?;
    context.query = rest;
    Some(wish)
}

/// Formats that a client reads and a route makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Accepted {
    webp: bool,
    avif: bool,
}

impl Accepted {
    /// A format counts where it is named, and liked no less than JPEG if that is named; AVIF also no less than WebP (RFC 9110, section 12.5.1). Ranges of
    /// types name none: every client sends them.
    fn of(settings: &Images, fields: &HeaderMap) -> Self {
        let lines: Vec<&str> =
            fields.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
        let made = |name: &str| settings.formats.iter().any(|format| format == name);
        let quality =
            |kind: &str| lines.iter().flat_map(|line| line.split(',')).find_map(|range| of(range, kind));
        let jpeg = quality("image/jpeg").unwrap_or(0);
        let liked = |name: &str, kind: &str| {
            quality(kind).filter(|quality| made(name) && *quality > 0 && *quality >= jpeg)
        };
        let (webp, avif) = (liked("webp", "image/webp"), liked("avif", "image/avif"));
        Self { webp: webp.is_some(), avif: avif.is_some() && avif >= webp }
    }
}

/// The quality of a range, in thousandths, if it is of this type.
fn of(range: &str, kind: &str) -> Option<u32> {
    let mut parts = range.split(';').map(str::trim);
    parts.next().filter(|name| name.eq_ignore_ascii_case(kind))?;
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = quality.map_or(Some(1.0), |text| text.parse::<f64>().ok())?;
    Some((quality.clamp(0.0, 1.0) * 1_000.0) as u32)
}

/// The wish in a query, in sizes and qualities that there are, and what else is in the query. Values that are none are as if absent.
fn reduced(settings: &Images, query: &str, accepted: Accepted) -> Option<(Wish, Option<String>)> {
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
    let Accepted { webp, avif } = accepted;
    let wish = Wish { width: size(width), height: size(height), fit, quality, webp, avif };
    Some((wish, Some(others.join("&")).filter(|others| !others.is_empty())))
}

/// Puts the wish where variants vary by it, in place of whatever a client put there. The whole image is made, whatever part of it is asked for.
pub(in crate::cached) fn mark(wish: Option<Wish>, fields: &mut HeaderMap) {
    fields.remove(FIELD);
    let Some(wish) = wish else { return };
    for name in [header::RANGE, header::IF_RANGE, header::ACCEPT, header::ACCEPT_ENCODING] {
        fields.remove(name);
    }
    let value = HeaderValue::try_from(written(&wish));
    fields.insert(FIELD, value.expect("invariant: digits and letters are a value"));
}

/// A wish as text; the same wish is the same text.
pub(super) fn written(wish: &Wish) -> String {
    let side = |side: Option<u32>| side.map_or_else(|| "-".to_owned(), |side| side.to_string());
    let fit = if wish.fit == Fit::Cover { "cover" } else { "contain" };
    let format = match (wish.webp, wish.avif) {
        (false, false) => "any",
        (true, false) => "webp",
        (false, true) => "avif",
        (true, true) => "both",
    };
    format!("{} {} {fit} {} {format}", side(wish.width), side(wish.height), wish.quality)
}

/// The wish of a text.
pub(super) fn read(text: &str) -> Option<Wish> {
    let parts: Vec<&str> = text.split(' ').collect();
    let [width, height, fit, quality, format] = parts[..] else { return None };
    let fit = if fit == "cover" { Fit::Cover } else { Fit::Contain };
    let (width, height) = (width.parse().ok(), height.parse().ok());
    let (webp, avif) = (matches!(format, "webp" | "both"), matches!(format, "avif" | "both"));
    Some(Wish { width, height, fit, quality: quality.parse().ok()?, webp, avif })
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
            let (wish, left) = reduced(&settings, query, Accepted::default()).expect(query);
            assert_eq!((written(&wish).as_str(), left.as_deref()), (expected, rest), "{query}");
            for (webp, avif) in [(false, false), (true, false), (false, true), (true, true)] {
                let wish = Wish { webp, avif, ..wish };
                assert_eq!(read(&written(&wish)), Some(wish), "{query}");
            }
        }
        for query in ["", "a=b", "Width=100", "maxwidth=100"] {
            assert_eq!(reduced(&settings, query, Accepted::default()), None, "{query}");
        }
    }

    #[test]
    fn clients_say_which_formats_they_read_and_like() {
        let all = Images::default();
        let only_webp = Images { formats: vec!["webp".to_owned()], ..Images::default() };
        for (settings, accept, webp, avif) in [
            (&all, "image/avif,image/webp,*/*;q=0.8", true, true),
            (&all, "image/avif;q=0.5,image/webp;q=0.9", true, false),
            (&all, "image/avif;q=0.9, image/webp;q=0.5", true, true),
            (&all, "IMAGE/WEBP;q=0.1", true, false),
            (&all, "image/avif", false, true),
            (&all, "image/webp;q=0, image/avif;Q=0", false, false),
            (&all, "image/jpeg, image/webp;q=0.5, image/avif", false, true),
            (&all, "image/webp;q=x", false, false),
            (&all, "image/*", false, false),
            (&all, "*/*", false, false),
            (&only_webp, "image/avif,image/webp", true, false),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Accepted::of(settings, &fields), Accepted { webp, avif }, "{accept}");
        }
    }
}
