//! Which answers are compressed, and how: on their way to a client ([`Compressor`], a module of the proxy library) or once for all as they are stored
//! (`cached/packed.rs`).
//!
//! What was compressed is another representation (RFC 9110, section 8.8.3.3): its validator is weak, what the service says of bytes and digests is
//! taken out, and `Vary` says what it goes by. A stream always ends as its format says, which the library's own module does not do for Brotli.

use crate::clock;
use crate::places;
use async_trait::async_trait;
use bole_gateway_document::route::Compression;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use pingora_core::modules::http::{HttpModule, HttpModuleBuilder, Module};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use std::any::Any;
use std::io;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

/// How hard: what is quick.
const ZSTD_LEVEL: i32 = 3;
const BROTLI_LEVEL: u32 = 3;
const GZIP_LEVEL: u32 = 4;
/// Brotli's window, in bits: 512 KiB. A client needs as much.
const BROTLI_WINDOW: u32 = 19;
/// Brotli's buffer, in bytes.
const BROTLI_BUFFER: usize = 4 << 10;

impl Coding {
    const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// As `Content-Encoding` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The coding that a client gets: what it prefers, and of what it likes alike the first of the settings.
    pub fn chosen(settings: &Compression, fields: &HeaderMap) -> Option<Self> {
        let accepted = accepted(fields);
        let wanted = |coding: Self| {
            let place = settings.algorithms.iter().position(|own| own == coding.name())?;
            let of = |name: &str| accepted.iter().find(|(own, _)| own == name).map(|(_, quality)| *quality);
            let quality = of(coding.name()).or_else(|| of("*"))?;
            (quality > 0).then_some((quality, place, coding))
        };
        let best = Self::ALL.into_iter().filter_map(wanted);
        best.min_by_key(|(quality, place, _)| (std::cmp::Reverse(*quality), *place))
            .map(|(.., coding)| coding)
    }
}

/// Codings with their qualities in thousandths (RFC 9110, section 12.5.3).
fn accepted(fields: &HeaderMap) -> Vec<(String, u32)> {
    let values = fields.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let read = |coding: &str| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality = quality.map_or(Some(1.0), |quality| quality.parse::<f64>().ok())?;
        Some((name, (quality.clamp(0.0, 1.0) * 1_000.0) as u32))
    };
    values.flat_map(|value| value.split(',')).filter_map(read).collect()
}

/// Whether an answer is of a type that is compressed, is not small, and may be changed. Streams of events never are: each must go on at once.
pub fn fits(settings: &Compression, status: StatusCode, fields: &HeaderMap) -> bool {
    let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let kind = text(header::CONTENT_TYPE).unwrap_or("").split(';').next().unwrap_or("").trim();
    let is_of_type = |own: &String| match own.strip_suffix("/*") {
        Some(family) => kind.split('/').next().is_some_and(|before| before.eq_ignore_ascii_case(family)),
        None => own.eq_ignore_ascii_case(kind),
    };
    let mut controls =
        fields.get_all(header::CACHE_CONTROL).iter().filter_map(|control| control.to_str().ok());
    let is_fixed = controls.any(|control| control.to_ascii_lowercase().contains("no-transform"));
    let is_small = length.is_some_and(|length| length < settings.least.0);
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let is_whole = status != StatusCode::PARTIAL_CONTENT && !fields.contains_key(header::CONTENT_RANGE);
    let is_plain = !fields.contains_key(header::CONTENT_ENCODING);
    let is_flowing = kind.eq_ignore_ascii_case("text/event-stream");
    let may_be = has_body && is_whole && is_plain && !is_small && !is_fixed && !is_flowing;
    may_be && settings.types.iter().any(is_of_type)
}

/// Fields about the bytes of a representation.
const OF_BYTES: [HeaderName; 6] = [
    header::ACCEPT_RANGES,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// Takes out what is said of the bytes as the service sent them.
pub fn forget_bytes(fields: &mut HeaderMap) {
    OF_BYTES.iter().for_each(|name| drop(fields.remove(name)));
}

/// Says in a head that the body is compressed.
pub fn tell(fields: &mut HeaderMap, coding: Coding) {
    forget_bytes(fields);
    weaken(fields);
    fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
}

/// Makes the validator one that says nothing of bytes.
pub fn weaken(fields: &mut HeaderMap) {
    let Some(tag) = fields.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else { return };
    if let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        fields.insert(header::ETAG, weak);
    }
}

/// Says in a head that it goes by what a client accepts.
pub fn vary(fields: &mut HeaderMap) {
    let mut told = fields.get_all(header::VARY).iter().filter_map(|vary| vary.to_str().ok());
    let mut members = told.by_ref().flat_map(|vary| vary.split(','));
    if !members
        .any(|member| matches!(member.trim(), "*") || member.trim().eq_ignore_ascii_case("accept-encoding"))
    {
        fields.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Compresses one body.
pub struct Encoder {
    kind: Kind,
    _place: SemaphorePermit<'static>,
}

enum Kind {
    /// By Zstandard.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    /// By Brotli.
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    /// By gzip.
    Gzip(GzEncoder<Vec<u8>>),
}

impl Encoder {
    /// At the beginning of a body. `None`: too many run, or there is no memory for it.
    pub fn new(coding: Coding) -> Option<Self> {
        let place = places::ENCODERS.try_take()?;
        let out = Vec::new();
        let kind = match coding {
            Coding::Zstd => Kind::Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).ok()?),
            Coding::Brotli => {
                let writer = brotli::CompressorWriter::new(out, BROTLI_BUFFER, BROTLI_LEVEL, BROTLI_WINDOW);
                Kind::Brotli(Box::new(writer))
            }
            Coding::Gzip => Kind::Gzip(GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL))),
        };
        Some(Self { kind, _place: place })
    }

    fn writer(&mut self) -> &mut dyn io::Write {
        match &mut self.kind {
            Kind::Zstd(encoder) => encoder,
            Kind::Brotli(encoder) => &mut **encoder,
            Kind::Gzip(encoder) => encoder,
        }
    }

    /// What came out since the last time.
    fn take(&mut self) -> Bytes {
        let out = match &mut self.kind {
            Kind::Zstd(encoder) => encoder.get_mut(),
            Kind::Brotli(encoder) => encoder.get_mut(),
            Kind::Gzip(encoder) => encoder.get_mut(),
        };
        std::mem::take(out).into()
    }

    /// Takes a piece, and gives what is there of the compressed bytes: often nothing yet.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(piece)?;
        Ok(self.take())
    }

    /// Gives all that was taken by now, at the cost of some bytes.
    pub fn flush(&mut self) -> io::Result<Bytes> {
        self.writer().flush()?;
        Ok(self.take())
    }

    /// Ends the body, and gives the rest.
    pub fn finish(self) -> io::Result<Bytes> {
        let out = match self.kind {
            Kind::Zstd(encoder) => encoder.finish()?,
            Kind::Brotli(encoder) => encoder.into_inner(),
            Kind::Gzip(encoder) => encoder.finish()?,
        };
        Ok(out.into())
    }
}

/// Between two pieces; one that comes later than this after the last is not held back for the next.
const PAUSE: Duration = Duration::from_millis(20);

/// Compresses an answer on its way to the client, if it was told to.
#[derive(Default)]
pub struct Compressor {
    wanted: Option<(Compression, Option<Coding>)>,
    encoder: Option<Encoder>,
    /// When the last piece came.
    last: Option<Duration>,
}

impl Compressor {
    /// Answers that fit are compressed as a request with these fields wants it.
    pub fn want(&mut self, settings: &Compression, fields: &HeaderMap) {
        self.wanted = Some((settings.clone(), Coding::chosen(settings, fields)));
    }

    fn begin(&mut self, head: &mut ResponseHeader) -> Result<()> {
        let Some((settings, coding)) = self.wanted.take() else { return Ok(()) };
        if !fits(&settings, head.status, &head.headers) {
            return Ok(());
        }
        crate::dress::change(head, vary)?;
        let Some(coding) = coding else { return Ok(()) };
        let Some(encoder) = Encoder::new(coding) else { return Ok(()) };
        self.encoder = Some(encoder);
        crate::dress::change(head, |fields| tell(fields, coding))?;
        // HTTP/2 has frames for it, and takes this out.
        head.insert_header(header::TRANSFER_ENCODING, "chunked")
    }

    /// Compresses a piece. One that nothing came right before goes on at once, so that an answer that grows slowly is not held back.
    fn piece(&mut self, piece: &[u8]) -> Result<Bytes> {
        let Some(encoder) = &mut self.encoder else { return Ok(Bytes::new()) };
        let now = clock::now();
        let is_slow = self.last.replace(now).is_none_or(|last| now.saturating_sub(last) >= PAUSE);
        let packed = encoder.push(piece).map_err(failed)?;
        if !is_slow {
            return Ok(packed);
        }
        let rest = encoder.flush().map_err(failed)?;
        Ok(if packed.is_empty() { rest } else { [packed, rest].concat().into() })
    }

    fn end(&mut self) -> Result<Option<Bytes>> {
        self.encoder.take().map(Encoder::finish).transpose().map_err(failed)
    }
}

fn failed(error: io::Error) -> Box<Error> {
    Error::because(ErrorType::InternalError, "an answer cannot be compressed", error)
}

#[async_trait]
impl HttpModule for Compressor {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    async fn response_header_filter(&mut self, head: &mut ResponseHeader, end: bool) -> Result<()> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS || end {
            self.wanted = None;
        } else if !head.status.is_informational() {
            self.begin(head)?;
        }
        Ok(())
    }

    fn response_body_filter(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<()> {
        if self.encoder.is_none() {
            return Ok(());
        }
        let mut packed = match body.take() {
            Some(piece) if !piece.is_empty() => self.piece(&piece)?,
            _ => Bytes::new(),
        };
        if end && let Some(rest) = self.end()? {
            packed = if packed.is_empty() { rest } else { [packed, rest].concat().into() };
        }
        *body = Some(packed);
        Ok(())
    }

    fn response_done_filter(&mut self) -> Result<Option<Bytes>> {
        self.end()
    }
}

/// Makes one for each request, which does nothing until it is told to.
pub struct Compressors;

impl HttpModuleBuilder for Compressors {
    fn order(&self) -> i16 {
        // After whatever else changes a body.
        i16::MIN / 2
    }

    fn init(&self) -> Module {
        Box::new(Compressor::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_like_best() {
        let settings = Compression::default();
        for (accepted, expected) in [
            ("", None),
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip;q=1.0, br;q=0.5", Some("gzip")),
            ("br, gzip", Some("br")),
            ("*", Some("zstd")),
            ("*, zstd;q=0", Some("br")),
            ("zstd;q=0, identity", None),
            ("GZIP;Q=0.1", Some("gzip")),
        ] {
            let mut fields = HeaderMap::new();
            if let Ok(value) = accepted.parse() {
                fields.insert(header::ACCEPT_ENCODING, value);
            }
            assert_eq!(Coding::chosen(&settings, &fields).map(Coding::name), expected, "{accepted}");
        }
    }

    fn map(fields: &str) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields.split('|').filter_map(|line| line.split_once(": ")) {
            let (name, value) = (name.parse::<HeaderName>(), value.parse());
            map.append(name.expect("a name"), value.expect("a value"));
        }
        map
    }

    #[test]
    fn only_large_texts_that_may_be_changed_are_compressed() {
        for (status, fields, expected) in [
            (200, "content-type: text/html; charset=utf-8", true),
            (200, "content-type: TEXT/css|content-length: 1024", true),
            (404, "content-type: application/json", true),
            (200, "content-type: text/html|content-length: 1023", false),
            (200, "content-type: image/png", false),
            (200, "", false),
            (200, "content-type: text/event-stream", false),
            (200, "content-type: text/html|content-encoding: br", false),
            (200, "content-type: text/html|cache-control: public|cache-control: No-Transform", false),
            (206, "content-type: text/html|content-range: bytes 0-1/2", false),
            (204, "content-type: text/html", false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(fits(&Compression::default(), status, &map(fields)), expected, "{status} {fields}");
        }
    }

    #[test]
    fn heads_say_what_the_bytes_are() {
        let mut fields =
            map("etag: \"a\"|content-length: 9|content-md5: x|accept-ranges: bytes|vary: Origin");
        tell(&mut fields, Coding::Brotli);
        vary(&mut fields);
        vary(&mut fields);
        assert_eq!(fields, map("etag: W/\"a\"|content-encoding: br|vary: Origin|vary: accept-encoding"));
    }

    #[test]
    fn streams_end_as_their_formats_say() {
        let text = "hello, hello ".repeat(20_000);
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding).expect("memory");
            let mut packed = Vec::new();
            for piece in text.as_bytes().chunks(7_000) {
                packed.extend_from_slice(&encoder.push(piece).expect("memory"));
            }
            packed.extend_from_slice(&encoder.flush().expect("memory"));
            packed.extend_from_slice(&encoder.finish().expect("memory"));
            let unpack = |bytes: &[u8]| {
                let mut out = Vec::new();
                let read = match coding {
                    Coding::Zstd => zstd::stream::copy_decode(bytes, &mut out).map(|()| 0),
                    Coding::Brotli => {
                        io::Read::read_to_end(&mut brotli::Decompressor::new(bytes, 4_096), &mut out)
                    }
                    Coding::Gzip => io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut out),
                };
                read.map(|_| out)
            };
            assert!(unpack(&packed).expect("a whole stream") == text.as_bytes(), "{coding:?}");
            assert!(unpack(&packed[..packed.len() - 1]).is_err(), "{coding:?} tells that it was cut off");
        }
    }
}
