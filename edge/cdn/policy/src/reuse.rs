//! Whether a stored answer may be used for a request (RFC 9111 §4), given its [`Terms`] and what the request wishes.

use crate::directive::{Request, Seconds};
use crate::terms::Terms;
use crate::time::Time;
use http::header::HeaderMap;

/// What a request wishes of a cache (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Wish {
    /// Its directives.
    pub directives: Request,
}

/// What to do with a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Use it.
    Fresh,
    /// Use it though stale, because the request accepts that (§5.2.1.2).
    StaleAccepted,
    /// Use it though stale, and validate it meanwhile (RFC 5861 §3).
    StaleWhileRevalidate,
    /// Ask the origin first (§4.3).
    Validate(Cause),
}

/// Why the origin is asked though an answer is stored: the `fwd` of Cache-Status (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is stale, or `no-cache` forbids its use unasked.
    Stale,
    /// It is fresh, and the request wants newer.
    Request,
}

impl Wish {
    /// Reads the wish of a request.
    pub fn read(headers: &HeaderMap) -> Self {
        Self { directives: Request::read(headers) }
    }

    /// Whether the answer is 504 when nothing stored can be used (§5.2.1.7).
    pub fn only_if_cached(&self) -> bool {
        self.directives.only_if_cached
    }

    /// Decides about an answer with `terms`.
    pub fn decide(&self, terms: &Terms, now: Time) -> Reuse {
        if terms.no_cache {
            return Reuse::Validate(Cause::Stale);
        }
        let fresh = terms.is_fresh(now);
        // RFC 8246 §2: a reload need not reach the origin while an immutable answer is fresh.
        let reload = !(terms.immutable && fresh);
        if self.directives.no_cache && reload {
            return Reuse::Validate(Cause::Request);
        }
        let age = terms.age(now);
        if reload && self.directives.max_age.cautious().is_some_and(|max| age > max || max == 0) {
            return self.stale_or(terms, now, Cause::Request);
        }
        if self.directives.min_fresh.cautious().is_some_and(|min| terms.fresh_for(now) < min) {
            return Reuse::Validate(if fresh { Cause::Request } else { Cause::Stale });
        }
        if fresh {
            return Reuse::Fresh;
        }
        self.stale_or(terms, now, Cause::Stale)
    }

    /// Stale, or too old for the request: used only by somebody's leave (§4.2.4).
    fn stale_or(&self, terms: &Terms, now: Time, cause: Cause) -> Reuse {
        if terms.no_stale || cause == Cause::Request {
            return Reuse::Validate(cause);
        }
        let stale = terms.stale_for(now);
        if let Seconds::Given(accepted) = self.directives.max_stale
            && stale <= accepted
        {
            return Reuse::StaleAccepted;
        }
        // A request that limits age or freshness did not ask for a stale answer.
        let limited =
            self.directives.max_age != Seconds::Absent || self.directives.min_fresh != Seconds::Absent;
        if stale < terms.while_revalidate && !limited {
            return Reuse::StaleWhileRevalidate;
        }
        Reuse::Validate(cause)
    }

    /// Whether a stale answer may stand in when the origin answered with an error (RFC 5861 §4): by leave of the response or of the request.
    pub fn allows_on_error(&self, terms: &Terms, now: Time) -> bool {
        let leave = terms.if_error.max(self.directives.stale_if_error.given().unwrap_or(0));
        self.stands_in(terms, now, leave)
    }

    /// Whether it may stand in when the origin cannot be reached (RFC 9111 §4.2.4).
    pub fn allows_disconnected(&self, terms: &Terms, now: Time) -> bool {
        let leave = terms.if_error.max(terms.if_disconnected);
        let leave = leave.max(self.directives.stale_if_error.given().unwrap_or(0));
        self.stands_in(terms, now, leave)
    }

    fn stands_in(&self, terms: &Terms, now: Time, leave: u64) -> bool {
        !terms.no_stale && !terms.no_cache && !self.directives.no_cache && terms.stale_for(now) < leave
    }
}
