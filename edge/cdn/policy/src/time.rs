//! Points in time and spans in whole seconds, as HTTP counts them, and its three forms of dates.

use http::header::{HeaderMap, HeaderName};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest span that is told apart (RFC 9111 §1.2.2: larger values mean this one).
pub const SECONDS_MAX: u64 = 1 << 31;

/// A point in time: seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub i64);

impl Time {
    /// Seconds from `earlier` to this point; 0 when it is not later.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// The date of a field that is to hold exactly one (RFC 9110 §5.6.7). `None`: absent, repeated, or no date.
    pub fn of_field(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value.to_str().ok()?)
    }

    /// Reads an IMF-fixdate, an RFC 850 date or an asctime date.
    pub fn parse(text: &str) -> Option<Self> {
        let time = httpdate::parse_http_date(text.trim_matches([' ', '\t'])).ok()?;
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).ok()?,
            Err(before) => -i64::try_from(before.duration().as_secs()).ok()?,
        };
        Some(Self(seconds))
    }

    /// The point as an IMF-fixdate. Points that the form cannot say are moved to its limits.
    pub fn format(self) -> String {
        const YEAR_9999_END: i64 = 253_402_300_799;
        let seconds = self.0.clamp(0, YEAR_9999_END).unsigned_abs();
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

/// Reads `delta-seconds` (RFC 9111 §1.2.2): digits only; too large means [`SECONDS_MAX`].
pub fn delta_seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse::<u64>().map_or(SECONDS_MAX, |seconds| seconds.min(SECONDS_MAX)))
}
