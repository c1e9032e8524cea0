//! Compressed forms in a real cache: what is stored, confirmed, and never mixed with the service's own bytes.

use super::body::packed;
use super::*;
use bole_base::clock::ManualClock;
use bole_cdn::{Body, BodyError, Cache, Config};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use std::io::Read as _;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];
const DATE: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

fn text() -> String {
    (0..5_000).map(|line| format!("line {line}\n")).collect::<Vec<_>>().concat()
}

fn unpacked(coding: &str, bytes: &[u8]) -> String {
    let mut plain = Vec::new();
    let read = match coding {
        "zstd" => zstd::stream::copy_decode(bytes, &mut plain).map(|()| 0),
        "br" => brotli::Decompressor::new(bytes, 4_096).read_to_end(&mut plain),
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain),
        _ => std::io::Cursor::new(bytes).read_to_end(&mut plain),
    };
    read.expect("the coding");
    String::from_utf8(plain).expect("text")
}

/// A service that compares tags as texts, answers ranges, and has `fields`.
struct Texts {
    fields: &'static [(&'static str, &'static str)],
    asked: Mutex<Vec<HeaderMap>>,
}

#[async_trait]
impl Origin for Texts {
    async fn fetch(&self, request: Request) -> Result<Response, OriginError> {
        self.asked.lock().push(request.headers().clone());
        let value = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let mut response = http::Response::builder();
        for (name, value) in self.fields {
            response = response.header(*name, *value);
        }
        let confirmed = value("if-none-match").is_some_and(|tags| tags.split(", ").any(|tag| tag == "\"a\""))
            || (value("if-none-match").is_none() && value("if-modified-since") == Some(DATE));
        if confirmed {
            let response = response.status(304).header("vary", "origin").body(Body::empty());
            return Ok(response.expect("a response"));
        }
        let text = text();
        let range = value("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let Some((from, to)) = range else {
            let response = response.header("content-length", text.len()).body(Body::whole(text));
            return Ok(response.expect("a response"));
        };
        let from: usize = from.parse().expect("a number");
        let to = to.parse().unwrap_or(usize::MAX).min(text.len() - 1);
        let response = response
            .status(206)
            .header("content-range", format!("bytes {from}-{to}/{}", text.len()))
            .header("content-length", to + 1 - from)
            .body(Body::whole(text[from..=to].to_owned()));
        Ok(response.expect("a response"))
    }
}

struct World {
    cache: Cache,
    clock: Arc<ManualClock>,
    texts: Arc<Texts>,
}

struct Seen {
    status: u16,
    fields: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn says(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn text(&self) -> String {
        unpacked(self.says("content-encoding"), &self.body)
    }
}

impl World {
    fn new(fields: &'static [(&'static str, &'static str)]) -> Self {
        let clock = Arc::new(ManualClock::new());
        let cache = Cache::open(Config::default(), clock.clone()).expect("a cache in memory");
        Self { cache, clock, texts: Arc::new(Texts { fields, asked: Mutex::default() }) }
    }

    fn times(&self) -> usize {
        self.texts.asked.lock().len()
    }

    async fn ask(&self, method: &str, fields: &[(&str, &str)]) -> Seen {
        let mut request = http::Request::builder().method(method).uri("http://h/a");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        let settings = Compression::default();
        settle(&settings, request.headers_mut());
        let origin = Arc::new(Packed { inner: self.texts.clone(), settings });
        let (head, body) = self.cache.handle(request, origin).await.into_parts();
        let body = body.collect(1 << 20).await.expect("a whole body");
        Seen { status: head.status.as_u16(), fields: head.headers, body }
    }
}

const TAGGED: &[(&str, &str)] =
    &[("cache-control", "max-age=60"), ("etag", "\"a\""), ("content-type", "text/plain")];

#[tokio::test]
async fn each_form_is_made_once_and_copies_of_it_are_confirmed() {
    let world = World::new(TAGGED);
    for (accept, coding, times) in [
        ("gzip, deflate, br", "br", 1),
        ("br;q=0.3", "br", 1),
        ("gzip", "gzip", 2),
        ("zstd, gzip", "zstd", 3),
        ("identity", "", 4),
        ("gzip;q=0", "", 4),
    ] {
        let seen = world.ask("GET", &[("accept-encoding", accept)]).await;
        assert_eq!((seen.says("content-encoding"), world.times()), (coding, times), "{accept}");
        assert_eq!((seen.text(), seen.says("vary")), (text(), "accept-encoding"), "{accept}");
        assert!(coding.is_empty() || seen.body.len() * 2 < text().len(), "{accept}");
    }
    let seen = world.ask("GET", &[("accept-encoding", "br"), ("if-none-match", "W/\"a\"")]).await;
    assert_eq!((seen.status, world.times()), (304, 4));
    let seen = world.ask("HEAD", &[("accept-encoding", "br")]).await;
    assert_eq!((seen.says("content-encoding"), world.times()), ("br", 4));
}

#[tokio::test]
async fn parts_are_of_the_bytes_of_the_service() {
    let world = World::new(TAGGED);
    // A part that is stored first does not answer for the whole.
    for _ in 0..2 {
        let seen = world.ask("GET", &[("accept-encoding", "br"), ("range", "bytes=7-20")]).await;
        assert_eq!((seen.status, seen.text()), (206, text()[7..=20].to_owned()));
    }
    assert_eq!(world.times(), 1);
    for _ in 0..2 {
        let seen = world.ask("GET", &[("accept-encoding", "br")]).await;
        assert_eq!((seen.says("content-encoding"), seen.text()), ("br", text()));
    }
    let ranged = [("accept-encoding", "br"), ("range", "bytes=7-20"), ("if-range", "W/\"a\"")];
    let seen = world.ask("GET", &ranged).await;
    assert_eq!((seen.status, seen.text()), (200, text()));
}

#[tokio::test]
async fn a_stale_form_is_confirmed_by_tag_or_date() {
    let dated: &[(&str, &str)] =
        &[("cache-control", "max-age=60"), ("last-modified", DATE), ("content-type", "text/plain")];
    for fields in [TAGGED, dated] {
        let world = World::new(fields);
        let first = world.ask("GET", &[("accept-encoding", "gzip")]).await;
        assert!(first.says("etag").starts_with("W/"), "{:?}", first.fields);
        world.clock.advance(Duration::from_mins(2));
        let seen = world.ask("GET", &[("accept-encoding", "gzip")]).await;
        assert!(seen.says("cache-status").contains("fwd-status=304"), "{:?}", seen.fields);
        assert_eq!((seen.says("content-encoding"), seen.text()), ("gzip", text()));
        let vary: Vec<_> = seen.fields.get_all("vary").iter().collect();
        assert_eq!(vary, ["origin", "accept-encoding"]);
        assert_eq!(world.times(), 2);
    }
}

#[test]
fn no_compressed_form_has_a_strong_validator() {
    for fields in [&[("etag", "\"a\"")][..], &[("last-modified", DATE)], &[("etag", "W/\"a\"")], &[]] {
        let mut response = http::Response::builder().header("content-type", "text/css");
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let response = response.body(Body::whole("text")).expect("a response");
        let packed = pack(response, Some(Coding::Gzip), false, &Compression::default());
        let fields = packed.headers();
        assert_eq!(fields["content-encoding"], "gzip");
        let weak = fields.get("etag").is_none_or(|tag| tag.as_bytes().starts_with(b"W/"));
        let dated = fields.contains_key("last-modified") && !fields.contains_key("etag");
        assert!(weak && !dated, "{fields:?}");
    }
}

#[test]
fn what_could_not_be_stored_is_left() {
    for (length, expected) in [("1023", false), ("1024", true), ("16777216", true), ("16777217", false)] {
        for (status, name, value) in [
            (200, header::CONTENT_LENGTH, length.to_owned()),
            (206, header::CONTENT_RANGE, format!("bytes 0-1/{length}")),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css"));
            fields.insert(name, HeaderValue::try_from(value).expect("a value"));
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(has_forms(&Compression::default(), status, &fields), expected, "{status} {length}");
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_ended() {
    for coding in ALL {
        let pieces = [Ok(Bytes::from_static(b"some text")), Err(BodyError::Lost)];
        let mut body = packed(Body::stream(stream::iter(pieces)), Encoder::new(coding).expect("a place"));
        let error = loop {
            match body.next().await.unwrap_or_else(|| panic!("{coding:?}: the end")) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error, BodyError::Lost);
        assert!(body.next().await.is_none());
    }
}

#[test]
fn what_came_is_sent_on_when_nothing_more_comes() {
    for coding in ALL {
        let pieces = stream::iter([Ok(Bytes::from_static(b"first line\n"))]).chain(stream::pending());
        let mut body = packed(Body::stream(pieces), Encoder::new(coding).expect("a place"));
        let mut context = Context::from_waker(Waker::noop());
        let mut bytes = Vec::new();
        while let Poll::Ready(piece) = body.poll_next_unpin(&mut context) {
            bytes.extend_from_slice(&piece.expect("no end").expect("no error"));
        }
        let mut plain = [0; 11];
        let read = match coding {
            Coding::Zstd => {
                zstd::stream::read::Decoder::new(&bytes[..]).expect("a decoder").read_exact(&mut plain)
            }
            Coding::Brotli => brotli::Decompressor::new(&bytes[..], 4_096).read_exact(&mut plain),
            Coding::Gzip => flate2::read::GzDecoder::new(&bytes[..]).read_exact(&mut plain),
        };
        assert!(read.is_ok() && &plain == b"first line\n", "{coding:?}: {read:?}");
    }
}
