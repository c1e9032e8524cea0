//! Files of a folder: whole, in part, or not at all if the client has them. No path leads out of the folder, by dots, by encoding or by
//! a link; names that begin with a dot are not shown, except `.well-known`.

use crate::error::Problem;
use bole_gateway_document::route as document;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes that are read at a time.
const PIECE: u64 = 64 << 10;

/// A folder.
#[derive(Debug)]
pub struct Files {
    /// Without links.
    root: PathBuf,
    index: String,
    fallback: Option<String>,
}

/// A file that was found.
struct Found {
    file: File,
    size: u64,
    modified: SystemTime,
    media_type: &'static str,
}

/// By the end of the name.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("xml", "application/xml"),
    ("pdf", "application/pdf"),
    ("wasm", "application/wasm"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("ico", "image/x-icon"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
];

fn media_type(path: &Path) -> &'static str {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or("").to_ascii_lowercase();
    let row = MEDIA_TYPES.iter().find(|(own, _)| *own == end);
    row.map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// The parts of a path, decoded; `None` for one that could mean something else to somebody.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        let mut decoded = Vec::with_capacity(part.len());
        let mut bytes = part.bytes();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'%' => {
                    let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
                    (digit(bytes.next())? << 4 | digit(bytes.next())?) as u8
                }
                byte => byte,
            });
        }
        let part = String::from_utf8(decoded).ok()?;
        let hidden = part.starts_with('.') && part != ".well-known";
        if hidden || part.contains(['/', '\\', '\0']) {
            return None;
        }
        parts.push(part);
    }
    let last = parts.len() - 1;
    let empty_inside = parts[..last].iter().any(String::is_empty);
    (!empty_inside).then_some(parts)
}

impl Files {
    /// Opens a folder.
    ///
    /// # Errors
    /// What is wrong with it, after its place.
    pub fn new(files: &document::Files) -> Result<Self, String> {
        let root = files.root.canonicalize();
        let root = root.map_err(|error| format!(".files.root: {}: {error}", files.root.display()))?;
        if !root.is_dir() {
            return Err(format!(".files.root: {} is not a folder", root.display()));
        }
        for (field, name) in [("index", Some(&files.index)), ("fallback", files.fallback.as_ref())] {
            let within =
                name.is_none_or(|name| parts(&format!("/{}", name.trim_start_matches('/'))).is_some());
            if !within {
                return Err(format!(".files.{field}: {name:?} is no path within the folder"));
            }
        }
        Ok(Self { root, index: files.index.clone(), fallback: files.fallback.clone() })
    }

    /// The file of a path. Blocks on it.
    fn find(&self, path: &str) -> Option<Found> {
        let mut wanted = self.root.clone();
        wanted.extend(parts(path)?.iter().filter(|part| !part.is_empty()));
        let open = |wanted: &Path| self.open(wanted);
        if path.ends_with('/') {
            return open(&wanted.join(&self.index));
        }
        open(&wanted)
    }

    fn find_or_fallback(&self, path: &str) -> Option<Found> {
        self.find(path).or_else(|| {
            let fallback = self.fallback.as_ref()?;
            self.open(&self.root.join(fallback.trim_start_matches('/')))
        })
    }

    /// Whether the path is a folder: its answer is the same path with a slash, because links in the page are relative to it.
    fn is_folder(&self, path: &str) -> bool {
        let Some(parts) = parts(path) else { return false };
        let mut wanted = self.root.clone();
        wanted.extend(parts);
        let wanted = wanted.canonicalize();
        wanted.is_ok_and(|wanted| {
            wanted.starts_with(&self.root) && wanted.is_dir() && wanted.join(&self.index).is_file()
        })
    }

    fn open(&self, wanted: &Path) -> Option<Found> {
        let path = wanted.canonicalize().ok().filter(|path| path.starts_with(&self.root))?;
        let file = File::open(&path).ok()?;
        let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let modified = about.modified().unwrap_or(UNIX_EPOCH);
        Some(Found { file, size: about.len(), modified, media_type: media_type(wanted) })
    }

    /// Answers a request with the file of a path in its one spelling, which the client may know by another.
    ///
    /// # Errors
    /// What the client is told instead.
    pub async fn answer(
        self: &Arc<Self>,
        session: &mut Session,
        (path, known): (&str, &str),
        dress: &(dyn Fn(&mut ResponseHeader) -> pingora_core::Result<()> + Sync),
    ) -> pingora_core::Result<Result<(), Problem>> {
        let method = session.req_header().method.clone();
        if method != http::Method::GET && method != http::Method::HEAD {
            return Ok(Err(Problem::MethodNotAllowed));
        }
        let (files, asked) = (self.clone(), path.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            if !asked.ends_with('/') && files.is_folder(&asked) {
                Err(())
            } else {
                Ok(files.find_or_fallback(&asked))
            }
        });
        let found = match found.await {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) => return Ok(Err(Problem::NotFound)),
            Ok(Err(())) => return folder(session, known).await.map(Ok),
            Err(_) => return Ok(Err(Problem::Internal)),
        };
        let tag = found.tag();
        if !changed(&session.req_header().headers, &tag, found.modified) {
            let mut head = ResponseHeader::build(304, Some(4))?;
            found.describe(&mut head, &tag)?;
            dress(&mut head)?;
            super::send(session, head, Bytes::new()).await?;
            return Ok(Ok(()));
        }
        let range = range(&session.req_header().headers, &tag, found.modified, found.size);
        let (status, first, length) = match range {
            Range::Whole => (200, 0, found.size),
            Range::Part(first, last) => (206, first, last - first + 1),
            Range::Outside => return outside(session, found.size).await.map(Ok),
        };
        let mut head = ResponseHeader::build(status, Some(8))?;
        found.describe(&mut head, &tag)?;
        head.insert_header(header::CONTENT_TYPE, found.media_type)?;
        head.insert_header(header::ACCEPT_RANGES, "bytes")?;
        head.insert_header(header::CONTENT_LENGTH, length)?;
        head.insert_header("x-content-type-options", "nosniff")?;
        if status == 206 {
            let range = format!("bytes {first}-{}/{}", first + length - 1, found.size);
            head.insert_header(header::CONTENT_RANGE, range)?;
        }
        dress(&mut head)?;
        if !session.is_body_empty() {
            session.set_keepalive(None);
        }
        let end = method == http::Method::HEAD || length == 0;
        session.write_response_header(Box::new(head), end).await?;
        if !end {
            write(session, found.file, first, length).await?;
        }
        Ok(Ok(()))
    }
}

/// Sends so many bytes of a file.
async fn write(session: &mut Session, mut file: File, first: u64, length: u64) -> pingora_core::Result<()> {
    let (mut at, end) = (first, first + length);
    while at < end {
        let wanted = PIECE.min(end - at);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; wanted as usize];
            let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut piece));
            read.map(|()| (file, piece))
        });
        let read = read.await.map_err(|error| internal(&error))?;
        // A file that was cut meanwhile cannot be sent to the end that was promised.
        let piece;
        (file, piece) = read.map_err(|error| internal(&error))?;
        at += wanted;
        session.write_response_body(Some(piece.into()), at == end).await?;
    }
    Ok(())
}

fn internal(error: &dyn std::fmt::Display) -> Box<pingora_core::Error> {
    pingora_core::Error::explain(pingora_core::ErrorType::FileReadError, error.to_string())
}

async fn folder(session: &mut Session, path: &str) -> pingora_core::Result<()> {
    let mut head = ResponseHeader::build(308, Some(2))?;
    let query = session.req_header().uri.query().map_or(String::new(), |query| format!("?{query}"));
    head.insert_header(header::LOCATION, format!("/{}/{query}", path.trim_start_matches('/')))?;
    super::send(session, head, Bytes::new()).await
}

async fn outside(session: &mut Session, size: u64) -> pingora_core::Result<()> {
    let (mut head, body) = super::problem(Problem::RangeNotSatisfiable, None, &[])?;
    head.insert_header(header::CONTENT_RANGE, format!("bytes */{size}"))?;
    super::send(session, head, body).await
}

impl Found {
    /// Changes with the file.
    fn tag(&self) -> String {
        let at = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        format!("\"{at:x}-{:x}\"", self.size)
    }

    fn describe(&self, head: &mut ResponseHeader, tag: &str) -> pingora_core::Result<()> {
        head.insert_header(header::ETAG, tag)?;
        head.insert_header(header::LAST_MODIFIED, httpdate::fmt_http_date(self.modified))
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whole seconds, which is what dates in headers have.
fn is_newer(modified: SystemTime, than: SystemTime) -> bool {
    modified.duration_since(than).is_ok_and(|newer| newer >= Duration::from_secs(1))
}

/// Whether the client does not have the file as it is (RFC 9110, section 13.2.2).
fn changed(headers: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    if let Some(known) = text(headers, header::IF_NONE_MATCH) {
        let mut known = known.split(',').map(|known| known.trim().trim_start_matches("W/"));
        return !known.any(|known| known == "*" || known == tag);
    }
    let since =
        text(headers, header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
    since.is_none_or(|since| is_newer(modified, since))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From the one to the other, both included.
    Part(u64, u64),
    Outside,
}

/// The part that is asked for (RFC 9110, section 14.2). Several at once are answered with the whole, as is allowed.
fn range(headers: &HeaderMap, tag: &str, modified: SystemTime, size: u64) -> Range {
    if let Some(condition) = text(headers, header::IF_RANGE) {
        let date = httpdate::parse_http_date(condition).ok();
        let same = condition == tag || date.is_some_and(|date| !is_newer(modified, date));
        if !same {
            return Range::Whole;
        }
    }
    let Some(spec) = text(headers, header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Range::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else { return Range::Whole };
    let number =
        |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first, last) {
        ("", last) => match number(last) {
            Some(0) => Range::Outside,
            Some(_) if size == 0 => Range::Outside,
            Some(length) => Range::Part(size - length.min(size), size - 1),
            None => Range::Whole,
        },
        (first, last) => {
            let last = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            match number(first).zip(last) {
                Some((first, last)) if first > last => Range::Whole,
                Some((first, _)) if first >= size => Range::Outside,
                Some((first, last)) => Range::Part(first, last.min(size - 1)),
                None => Range::Whole,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_within_the_folder() {
        for (path, expected) in [
            ("/", Some(vec![""])),
            ("/a/b.txt", Some(vec!["a", "b.txt"])),
            ("/a%20b/", Some(vec!["a b", ""])),
            ("/.well-known/x", Some(vec![".well-known", "x"])),
            ("/..", None),
            ("/a/../b", None),
            ("/%2e%2e/b", None),
            ("/a%2fb", None),
            ("/a%5cb", None),
            ("/a%00", None),
            ("/a%", None),
            ("/a%zz", None),
            ("/%ff", None),
            ("//a", None),
            ("/.git/config", None),
            ("a", None),
        ] {
            let expected = expected.map(|parts| parts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(parts(path), expected, "{path}");
        }
    }

    #[test]
    fn parts_are_those_that_were_asked_for() {
        let modified = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ask = |fields: &[(&'static str, &str)], size| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, value.parse().expect("a value"));
            }
            range(&headers, "\"t\"", modified, size)
        };
        for (spec, size, expected) in [
            ("bytes=0-4", 10, Range::Part(0, 4)),
            ("bytes=5-", 10, Range::Part(5, 9)),
            ("bytes=-3", 10, Range::Part(7, 9)),
            ("bytes=-30", 10, Range::Part(0, 9)),
            ("bytes=9-99", 10, Range::Part(9, 9)),
            ("bytes=10-", 10, Range::Outside),
            ("bytes=-0", 10, Range::Outside),
            ("bytes=0-", 0, Range::Outside),
            ("bytes=4-2", 10, Range::Whole),
            ("bytes=0-1,3-4", 10, Range::Whole),
            ("bytes=+1-2", 10, Range::Whole),
            ("items=0-1", 10, Range::Whole),
        ] {
            assert_eq!(ask(&[("range", spec)], size), expected, "{spec} of {size}");
        }
        assert_eq!(ask(&[("range", "bytes=0-1"), ("if-range", "\"t\"")], 9), Range::Part(0, 1));
        assert_eq!(ask(&[("range", "bytes=0-1"), ("if-range", "\"u\"")], 9), Range::Whole);
    }
}
