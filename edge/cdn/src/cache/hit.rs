//! The shortest way: a stored answer that needs nobody. It is fresh, whole, in memory (its own or, of files of the disk tier, the system's), and asked for by a request that wishes nothing of a cache. It
//! is found without waiting and comes as the bytes of a head and pieces of a body, so that a caller who writes HTTP/1 need not build a message.
//!
//! Whatever is not as plain as that is no hit here, and goes through [`Cache::handle_as`], which decides it.

use super::Cache;
use crate::counters::Counters;
use crate::key::{KEY_BYTES_MAX, Key};
use crate::limits::SLICE_BYTES;
use crate::message::Manner;
use crate::object::{Object, Standing, slice_of};
use crate::shared::Shared;
use bole_cdn_policy::status::Status;
use bole_cdn_policy::{Reuse, Wish};
use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Longest body. While it is sent its pieces cannot make room for others.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// Slices that are read from the disk for one answer: each takes its checksums' time.
const READ_AT_ONCE_MAX: usize = 2;

/// Fields that say nothing to a cache but by the `Vary` of an answer. A request with any other, as conditions, ranges, directives or credentials, is not
/// plain.
const PLAIN: [&str; 24] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "connection",
    "cookie",
    "dnt",
    "host",
    "keep-alive",
    "origin",
    "priority",
    "referer",
    "save-data",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "traceparent",
    "upgrade-insecure-requests",
    "user-agent",
];

/// What is asked for, by `GET` or `HEAD` without a body.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The name, in lower case.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The path.
    pub path: &'a str,
    /// What follows its question mark.
    pub query: Option<&'a str>,
}

/// A stored answer with all its bytes.
#[derive(Debug)]
pub struct Hit {
    /// Its status.
    pub status: StatusCode,
    /// Its fields as `name: value` with CR LF after each: all but `age`, `cache-status` and `content-length`.
    pub fields: Bytes,
    /// Its age in seconds.
    pub age: u64,
    /// This cache's member of `Cache-Status`.
    pub cache_status: String,
    /// The body, part by part.
    pub parts: Vec<Part>,
    counters: Arc<Counters>,
}

/// A part of a body.
#[derive(Debug)]
pub struct Part {
    /// Its bytes.
    pub bytes: Bytes,
    /// The file that holds them as well, and where they begin in it.
    pub file: Option<(Arc<Shared>, u64)>,
}

impl Hit {
    /// Bytes of its body.
    pub fn body_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes.len() as u64).sum()
    }

    /// Counts it, and that so many bytes of its body were sent.
    pub fn sent(&self, bytes: u64) {
        Counters::add(&self.counters.requests);
        Counters::add(&self.counters.hits);
        self.counters.bytes_served.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Cache {
    /// The stored answer to a plain request, at once and without asking anybody. `None`: there may be one all the same, which
    /// [`Cache::handle_as`] finds. `by_file`: the caller can send files, so one of the long parts that are in none yet is put into one.
    pub fn hit(
        &self,
        manner: Manner<'_>,
        target: &Target<'_>,
        fields: &HeaderMap,
        by_file: bool,
    ) -> Option<Hit> {
        let inner = &*self.0;
        let is_short = target.path.len() + target.query.map_or(0, str::len) <= KEY_BYTES_MAX;
        let is_plain = fields.keys().all(|name| PLAIN.binary_search(&name.as_str()).is_ok());
        if !is_short || !is_plain || !inner.in_sync.load(Ordering::Acquire) {
            return None;
        }
        let key = Key::of_target(target, manner.space)?;
        let object = inner.resource_at_once(&key)?.select(fields)?;
        if inner.purges.standing(&object) != Standing::Kept {
            return None;
        }
        let (now, meta) = (inner.now(), object.meta());
        let whole = object.whole().filter(|whole| *whole <= BODY_BYTES_MAX)?;
        if Wish::default().decide(&meta.terms, now) != Reuse::Fresh || meta.status != StatusCode::OK {
            return None;
        }
        let parts = self.parts(&object, whole, by_file)?;
        inner.asked_again(&object);
        let age = meta.terms.age(now);
        let ttl = meta.terms.lifetime as i64 - age as i64;
        let status = Status { hit: true, ttl: Some(ttl), ..Status::default() };
        let hide = !inner.config.show_targeted;
        Some(Hit {
            status: meta.status,
            fields: meta.lines(hide),
            age,
            cache_status: status.member(&inner.config.name),
            parts,
            counters: inner.hosts.of(key.host()),
        })
    }

    /// All bytes of an object, if all are in memory, or most of them and the system has the rest of the disk's files in memory.
    fn parts(&self, object: &Object, whole: u64, mut by_file: bool) -> Option<Vec<Part>> {
        let mut parts = Vec::with_capacity(whole.div_ceil(SLICE_BYTES) as usize);
        let (mut at, mut read) = (0, 0);
        while at < whole {
            let slice = slice_of(at);
            let piece = match self.0.memory.piece(object.id, slice) {
                Some(piece) if by_file && piece.shared.is_none() => {
                    // A copy of one slice is as much as others should wait for.
                    by_file = false;
                    self.0.memory.share(object.id, slice, piece)
                }
                Some(piece) => piece,
                None if read == READ_AT_ONCE_MAX => return None,
                None => {
                    read += 1;
                    self.0.piece_at_once(object.id, slice)?
                }
            };
            let bytes = piece.from(at)?;
            let file = piece.shared.map(|file| (file, at - piece.start));
            at += bytes.len() as u64;
            if at < whole && !at.is_multiple_of(SLICE_BYTES) {
                return None;
            }
            parts.push(Part { bytes, file });
        }
        (at == whole).then_some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;

    #[test]
    fn the_table_of_plain_fields_can_be_searched() {
        assert!(PLAIN.is_sorted());
    }

    #[test]
    fn keys_of_targets_are_those_of_their_urls() {
        for (url, host, port) in [
            ("http://example.com/", "example.com", 80),
            ("https://example.com/a%2Fb?x=1", "example.com", 443),
            ("http://example.com:8080/a?", "example.com", 8_080),
            ("https://example.com.:80/a?b?c", "example.com.", 80),
            ("http://127.0.0.1:443//a", "127.0.0.1", 443),
        ] {
            let uri: Uri = url.parse().expect("a URL");
            let scheme = uri.scheme_str().expect("an absolute one");
            let target = Target { scheme, host, port, path: uri.path(), query: uri.query() };
            for space in ["", "space 1"] {
                assert_eq!(Key::of_target(&target, space), Key::within(&uri, space).ok(), "{url}");
            }
        }
        for host in ["", ".", "[::1]", "::1"] {
            let target = Target { scheme: "http", host, port: 80, path: "/", query: None };
            assert_eq!(Key::of_target(&target, ""), None, "{host}");
        }
    }
}
