//! The terms under which a stored answer may be used: how old it is, how long it is fresh, how long it may be used stale.
//! Worked out once, when the answer is stored or updated, so that a hit costs no parsing.

use crate::directive::Seconds;
use crate::field;
use crate::target::{self, Effective};
use crate::time::{SECONDS_MAX, Time, delta_seconds};
use http::StatusCode;
use http::header::{self, HeaderMap};

/// What a deployment decides about answers that say nothing, or whose origin is away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Heuristic freshness as a fraction of the time since `Last-Modified` (RFC 9111 §4.2.2). 0 turns it off. Default 0.1.
    pub heuristic_fraction: f64,
    /// The longest heuristic freshness. Default: a day.
    pub heuristic_seconds_max: u64,
    /// How long a stale answer may be used while the origin cannot be reached, where nothing forbids it (RFC 9111 §4.2.4). Default: an hour.
    pub disconnected_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { heuristic_fraction: 0.1, heuristic_seconds_max: 86_400, disconnected_seconds: 3_600 }
    }
}

/// The terms of one stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Terms {
    /// Age when it was received (RFC 9111 §4.2.3, `corrected_initial_age`).
    pub initial_age: u64,
    /// When it was received.
    pub received: Time,
    /// Seconds for which it is fresh, counted in age.
    pub lifetime: u64,
    /// Never used without asking the origin (RFC 9111 §5.2.2.4).
    pub no_cache: bool,
    /// Never used stale (RFC 9111 §5.2.2.2, §5.2.2.8, §5.2.2.10).
    pub no_stale: bool,
    /// Seconds after the lifetime in which it may be used while it is being validated (RFC 5861 §3).
    pub while_revalidate: u64,
    /// Seconds after the lifetime in which it may be used when the origin fails (RFC 5861 §4).
    pub if_error: u64,
    /// Seconds after the lifetime in which it may be used when the origin cannot be reached.
    pub if_disconnected: u64,
    /// A reload by a user need not ask the origin while it is fresh (RFC 8246 §2).
    pub immutable: bool,
}

impl Terms {
    /// The terms of an answer with this head, asked for and received at these times.
    pub fn of(
        status: StatusCode,
        headers: &HeaderMap,
        asked: Time,
        received: Time,
        settings: &Settings,
    ) -> Self {
        let effective = target::effective(headers);
        let directives = &effective.directives;
        let no_stale = directives.must_revalidate
            || directives.proxy_revalidate
            || directives.s_maxage != Seconds::Absent
            || directives.no_cache;
        let age = Age::of(headers, asked, received);
        let lifetime =
            if age.unreadable { 0 } else { lifetime(status, headers, &effective, received, settings) };
        let stale = |seconds: Seconds| if no_stale { 0 } else { seconds.given().unwrap_or(0) };
        Self {
            initial_age: age.seconds,
            received,
            lifetime,
            no_cache: directives.no_cache,
            no_stale,
            while_revalidate: stale(directives.stale_while_revalidate),
            if_error: stale(directives.stale_if_error),
            if_disconnected: if no_stale { 0 } else { settings.disconnected_seconds },
            immutable: directives.immutable,
        }
    }

    /// The age now (RFC 9111 §4.2.3, `current_age`).
    pub fn age(&self, now: Time) -> u64 {
        self.initial_age.saturating_add(now.since(self.received)).min(SECONDS_MAX)
    }

    /// Whether the age is below the lifetime (RFC 9111 §4.2).
    pub fn is_fresh(&self, now: Time) -> bool {
        self.lifetime > self.age(now)
    }

    /// Seconds for which it stays fresh; 0 when stale.
    pub fn fresh_for(&self, now: Time) -> u64 {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// Seconds by which the age is over the lifetime; 0 while fresh.
    pub fn stale_for(&self, now: Time) -> u64 {
        self.age(now).saturating_sub(self.lifetime)
    }

    /// The same answer from now on stale, as by a soft purge: it may be used by the grace that it had, counted from now.
    #[must_use]
    pub fn expired(&self, now: Time) -> Self {
        Self { lifetime: self.lifetime.min(self.age(now)), ..*self }
    }
}

/// The age of an answer on arrival.
struct Age {
    seconds: u64,
    /// There is an `Age` that says no single number.
    unreadable: bool,
}

impl Age {
    /// RFC 9111 §4.2.3. An `Age` that is no single number of seconds would have to be ignored or cut to its first member (§5.1, both
    /// SHOULD); that would call answers fresh whose age nobody knows, so such an answer is stale instead.
    fn of(headers: &HeaderMap, asked: Time, received: Time) -> Self {
        let apparent = Time::of_field(headers, &header::DATE).map_or(0, |date| received.since(date));
        let given = field::single(headers, &header::AGE)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.trim_matches([' ', '\t']))
            .and_then(delta_seconds);
        let unreadable = given.is_none() && headers.contains_key(header::AGE);
        let corrected = given.unwrap_or(0).saturating_add(received.since(asked));
        Self { seconds: apparent.max(corrected).min(SECONDS_MAX), unreadable }
    }
}

/// Statuses whose answers may be fresh by heuristics (RFC 9110 §15.1). 206 takes part only through the representation that it belongs to.
pub fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// The lifetime that the response states itself, where it states one (RFC 9111 §4.2.1): `s-maxage`, `max-age`, `Expires` less `Date`.
pub fn explicit_lifetime(headers: &HeaderMap, effective: &Effective, received: Time) -> Option<u64> {
    let directives = &effective.directives;
    let stated = directives.s_maxage.cautious().or_else(|| directives.max_age.cautious());
    if stated.is_some() || effective.targeted || !headers.contains_key(header::EXPIRES) {
        return stated;
    }
    // An `Expires` that is no date, or several, is in the past (§5.3).
    let Some(expires) = Time::of_field(headers, &header::EXPIRES) else { return Some(0) };
    let date = Time::of_field(headers, &header::DATE).unwrap_or(received);
    Some(expires.since(date).min(SECONDS_MAX))
}

fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    effective: &Effective,
    received: Time,
    settings: &Settings,
) -> u64 {
    if let Some(seconds) = explicit_lifetime(headers, effective, received) {
        return seconds;
    }
    if !is_heuristically_cacheable(status) && !effective.directives.public {
        return 0;
    }
    // §4.2.2: a fraction of the time for which the representation did not change.
    let Some(modified) = Time::of_field(headers, &header::LAST_MODIFIED) else { return 0 };
    let date = Time::of_field(headers, &header::DATE).unwrap_or(received);
    let seconds = date.since(modified) as f64 * settings.heuristic_fraction.clamp(0.0, 1.0);
    (seconds as u64).min(settings.heuristic_seconds_max)
}
