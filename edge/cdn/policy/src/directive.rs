//! The directives of `Cache-Control` (RFC 9111 §5.2) of requests and responses.
//!
//! Names are compared without case, values may be tokens or quoted strings (§5.2), unknown directives are passed over (§5.2.3). A
//! number that cannot be read, or two different numbers for one directive, make an answer stale rather than fresh (§4.2.1).

use crate::field;
use crate::time::{SECONDS_MAX, delta_seconds};
use http::header::{self, HeaderMap};

/// What became of a directive that carries seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Seconds {
    /// Not given.
    #[default]
    Absent,
    /// Given once, or several times alike.
    Given(u64),
    /// Not a number, or several that differ: the cautious side is "stale" (§4.2.1).
    Invalid,
}

impl Seconds {
    /// The number, 0 for one that could not be read; `None` when the directive is absent.
    pub fn cautious(self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Given(seconds) => Some(seconds),
            Self::Invalid => Some(0),
        }
    }

    /// The number when it could be read.
    pub fn given(self) -> Option<u64> {
        if let Self::Given(seconds) = self { Some(seconds) } else { None }
    }

    pub(crate) fn add(&mut self, value: Option<u64>) {
        *self = match (*self, value) {
            (Self::Absent, Some(seconds)) => Self::Given(seconds),
            (Self::Given(before), Some(seconds)) if before == seconds => Self::Given(seconds),
            _ => Self::Invalid,
        };
    }
}

/// Directives of a response (§5.2.2, RFC 5861, RFC 8246).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one directive, which is there or not")]
pub struct Response {
    /// `max-age` (§5.2.2.1).
    pub max_age: Seconds,
    /// `s-maxage` (§5.2.2.10).
    pub s_maxage: Seconds,
    /// `stale-while-revalidate` (RFC 5861 §3).
    pub stale_while_revalidate: Seconds,
    /// `stale-if-error` (RFC 5861 §4).
    pub stale_if_error: Seconds,
    /// `must-revalidate` (§5.2.2.2).
    pub must_revalidate: bool,
    /// `proxy-revalidate` (§5.2.2.8).
    pub proxy_revalidate: bool,
    /// `must-understand` (§5.2.2.3).
    pub must_understand: bool,
    /// `no-cache` without field names (§5.2.2.4).
    pub no_cache: bool,
    /// Fields of `no-cache="…"`: they are not stored, so a reuse cannot show them unvalidated.
    pub no_cache_fields: Vec<String>,
    /// `no-store` (§5.2.2.5).
    pub no_store: bool,
    /// `private` without field names (§5.2.2.7).
    pub private: bool,
    /// Fields of `private="…"`: a shared cache does not store them.
    pub private_fields: Vec<String>,
    /// `public` (§5.2.2.9).
    pub public: bool,
    /// `immutable` (RFC 8246 §2).
    pub immutable: bool,
    /// `no-transform` (§5.2.2.6).
    pub no_transform: bool,
}

impl Response {
    /// Reads the `Cache-Control` of a response.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for (name, value) in pairs(headers) {
            directives.add(&name, value);
        }
        directives
    }

    fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(seconds) = self.seconds_mut(name) {
            seconds.add(value.and_then(number));
        } else if let Some(flag) = self.flag_mut(name) {
            *flag = true;
        } else if name == "no-cache" {
            qualified(value, &mut self.no_cache, &mut self.no_cache_fields);
        } else if name == "private" {
            qualified(value, &mut self.private, &mut self.private_fields);
        }
    }

    /// The place of a directive that carries seconds.
    pub(crate) fn seconds_mut(&mut self, name: &str) -> Option<&mut Seconds> {
        Some(match name {
            "max-age" => &mut self.max_age,
            "s-maxage" => &mut self.s_maxage,
            "stale-while-revalidate" => &mut self.stale_while_revalidate,
            "stale-if-error" => &mut self.stale_if_error,
            _ => return None,
        })
    }

    /// The place of a directive that is there or not.
    pub(crate) fn flag_mut(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "must-revalidate" => &mut self.must_revalidate,
            "proxy-revalidate" => &mut self.proxy_revalidate,
            "must-understand" => &mut self.must_understand,
            "no-store" => &mut self.no_store,
            "public" => &mut self.public,
            "immutable" => &mut self.immutable,
            "no-transform" => &mut self.no_transform,
            _ => return None,
        })
    }
}

/// Directives of a request (§5.2.1), with `Pragma: no-cache` (§5.4) where there is no `Cache-Control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Request {
    /// `max-age` (§5.2.1.1).
    pub max_age: Seconds,
    /// `max-stale` (§5.2.1.2); without a value any staleness is accepted.
    pub max_stale: Seconds,
    /// `min-fresh` (§5.2.1.3).
    pub min_fresh: Seconds,
    /// `no-cache` (§5.2.1.4).
    pub no_cache: bool,
    /// `no-store` (§5.2.1.5).
    pub no_store: bool,
    /// `only-if-cached` (§5.2.1.7).
    pub only_if_cached: bool,
    /// `stale-if-error` (RFC 5861 §4).
    pub stale_if_error: Seconds,
}

impl Request {
    /// Reads the `Cache-Control` and `Pragma` of a request.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        if !headers.contains_key(header::CACHE_CONTROL) {
            directives.no_cache = field::members(headers, &header::PRAGMA)
                .any(|member| member.eq_ignore_ascii_case("no-cache"));
            return directives;
        }
        for (name, value) in pairs(headers) {
            match name.as_str() {
                "max-age" => directives.max_age.add(value.and_then(number)),
                "max-stale" => {
                    directives.max_stale.add(value.map_or(Some(SECONDS_MAX), number));
                }
                "min-fresh" => directives.min_fresh.add(value.and_then(number)),
                "stale-if-error" => directives.stale_if_error.add(value.and_then(number)),
                "no-cache" => directives.no_cache = true,
                "no-store" => directives.no_store = true,
                "only-if-cached" => directives.only_if_cached = true,
                _ => {}
            }
        }
        directives
    }
}

/// Name in lower case and value of each directive. What has no token for a name is passed over.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (String, Option<&str>)> {
    field::members(headers, &header::CACHE_CONTROL).filter_map(|member| {
        let (name, value) =
            member.split_once('=').map_or((member, None), |(name, value)| (name, Some(value)));
        field::is_token(name).then(|| (name.to_ascii_lowercase(), value))
    })
}

/// Seconds as a token or a quoted string: both forms are to be accepted (§5.2).
fn number(value: &str) -> Option<u64> {
    match field::unquote(value) {
        Some(plain) => delta_seconds(&plain),
        None => delta_seconds(value),
    }
}

/// A directive that may name fields. Names that cannot be read make it unqualified, which forbids more (§5.2.2.4, §5.2.2.7).
fn qualified(value: Option<&str>, whole: &mut bool, fields: &mut Vec<String>) {
    let text = value.map(|value| field::unquote(value).unwrap_or_else(|| value.to_owned()));
    let named: Option<Vec<String>> =
        text.map(|text| field::split(&text, b',').map(str::to_ascii_lowercase).collect());
    match named {
        Some(named) if !named.is_empty() && named.iter().all(|name| field::is_token(name)) => {
            fields.extend(named);
        }
        _ => *whole = true,
    }
}
