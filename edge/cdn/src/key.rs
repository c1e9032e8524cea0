//! What a stored answer is stored under, and which requests a cache must not touch because origins may see more in them than the key holds.

use crate::cache::hit::Target;
use crate::message::Body;
use bole_cdn_policy::invalidate::default_port;
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method, Uri};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::sync::Arc;

/// Longest key in bytes; requests with longer targets pass by the cache.
pub const KEY_BYTES_MAX: usize = 8_192;

/// Scheme, host and port in their one form, path and query byte by byte: `https://example.com/a%2Fb?x=1`. And a *space*: what is answered
/// from different places under one URL has different spaces, and is never mixed; purges do not look at them.
///
/// Path and query are compared as they were sent: `/a%2Fb` and `/a/b`, `//a` and `/a`, `/%61` and `/a` are different keys. Two keys for one resource cost a
/// fetch; one key for two resources would hand out the wrong one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The URL, and after a line feed the space, if there is one.
    text: Arc<str>,
    hash: u128,
    /// Where the URL ends.
    url: u32,
    host: (u16, u16),
}

/// The target of a request cannot be a key.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidTarget {
    /// Neither an absolute target nor one usable `Host`.
    #[error("the request names no host: send one Host field or an absolute target")]
    NoHost,
    /// Neither `http` nor `https`.
    #[error("the scheme is neither http nor https")]
    Scheme,
}

impl Key {
    /// The key of a target, in the space without a name.
    pub fn of(uri: &Uri) -> Result<Self, InvalidTarget> {
        Self::within(uri, "")
    }

    /// The key that `whole` tells.
    pub fn read(whole: &str) -> Option<Self> {
        let (url, space) = whole.split_once('\n').unwrap_or((whole, ""));
        Self::within(&url.parse().ok()?, space).ok()
    }

    /// The key of a target in a space, whose name has no line feed.
    pub fn within(uri: &Uri, space: &str) -> Result<Self, InvalidTarget> {
        let scheme = uri.scheme_str().ok_or(InvalidTarget::Scheme)?;
        let default = default_port(Some(scheme)).ok_or(InvalidTarget::Scheme)?;
        let host = uri.host().ok_or(InvalidTarget::NoHost)?.to_ascii_lowercase();
        let port = uri.port_u16().filter(|port| *port != default);
        Self::written(scheme, (&host, port), (uri.path(), uri.query()), space)
    }

    /// The key of a target that was read already. `None`: its host is an address of IPv6, or none.
    pub(crate) fn of_target(target: &Target<'_>, space: &str) -> Option<Self> {
        let default = default_port(Some(target.scheme))?;
        if target.host.contains([':', '[']) {
            return None;
        }
        let port = Some(target.port).filter(|port| *port != default);
        Self::written(target.scheme, (target.host, port), (target.path, target.query), space).ok()
    }

    fn written(
        scheme: &str,
        (host, port): (&str, Option<u16>),
        (path, query): (&str, Option<&str>),
        space: &str,
    ) -> Result<Self, InvalidTarget> {
        // One trailing dot only marks the name as complete.
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() {
            return Err(InvalidTarget::NoHost);
        }
        let room = scheme.len() + host.len() + path.len() + query.map_or(0, str::len) + space.len() + 16;
        let mut text = String::with_capacity(room);
        let mut push = |parts: &[&str]| parts.iter().for_each(|part| text.push_str(part));
        push(&[scheme, "://", host]);
        if let Some(port) = port {
            push(&[":", &port.to_string()]);
        }
        let bounds = (scheme.len() as u16 + 3, u16::try_from(text.len()).map_err(|_| InvalidTarget::NoHost)?);
        text.push_str(path);
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        let url = text.len() as u32;
        if !space.is_empty() {
            text.push('\n');
            text.push_str(space);
        }
        Ok(Self { hash: hash(text.as_bytes()), text: text.into(), url, host: bounds })
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.text[..self.url as usize]
    }

    /// URL and space: what [`Key::read`] reads.
    pub fn whole(&self) -> &str {
        &self.text
    }

    /// The hash of the key of this URL in the space without a name.
    pub fn url_hash(&self) -> u128 {
        if self.as_str().len() == self.text.len() { self.hash } else { hash(self.as_str().as_bytes()) }
    }

    /// Host, with the port where it is not the scheme's.
    pub fn host(&self) -> &str {
        &self.text[usize::from(self.host.0)..usize::from(self.host.1)]
    }

    /// 128 bits of `SipHash` with a fixed key; equal hashes are told apart by the text.
    pub const fn hash(&self) -> u128 {
        self.hash
    }
}

/// The hash of keys, of selections and of names of files.
pub(crate) fn hash(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(0x426f_6c65, 0x4344_4e31);
    hasher.write(bytes);
    hasher.finish128().as_u128()
}

/// Fields by which origins are known to answer something else for the same target, though no `Vary` says so. A request that has one
/// passes by the cache in both directions: it gets what the origin says, and nobody else does.
const UNKEYED: [&str; 11] = [
    "x-forwarded-host",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
];

/// How a request meets the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// GET or HEAD that may be answered from the cache.
    Look,
    /// Goes to the origin and nothing of it is stored; the word is the `detail` of Cache-Status.
    Pass(&'static str),
    /// Goes to the origin; its answer may make stored ones invalid, or be stored itself (POST).
    Change,
}

/// Decides from the head, and from whether there is a body, whose bytes no key can hold ("fat GET").
pub fn meeting(head: &Parts, body: &Body) -> Meeting {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Meeting::Change;
    }
    if !body.is_empty() || declares_body(&head.headers) {
        return Meeting::Pass("body");
    }
    if UNKEYED.iter().any(|name| unkeyed(head, name)) {
        return Meeting::Pass("unkeyed-field");
    }
    if bole_cdn_policy::condition::is_for_origin(&head.headers) {
        return Meeting::Pass("condition");
    }
    if head.headers.contains_key(header::UPGRADE) {
        return Meeting::Pass("upgrade");
    }
    if head.uri.path().len() + head.uri.query().map_or(0, str::len) > KEY_BYTES_MAX {
        return Meeting::Pass("long-target");
    }
    Meeting::Look
}

/// A field that repeats what the key holds says nothing new.
fn unkeyed(head: &Parts, name: &str) -> bool {
    let mut values =
        head.headers.get_all(HeaderName::from_bytes(name.as_bytes()).unwrap_or(header::VIA)).iter();
    let expected = if name.ends_with("host") {
        head.uri.authority().map(http::uri::Authority::as_str)
    } else if name == "x-forwarded-scheme" {
        head.uri.scheme_str()
    } else {
        None
    };
    values.any(|value| {
        !expected.is_some_and(|expected| value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()))
    })
}

fn declares_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
}
