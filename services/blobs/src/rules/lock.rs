//! Object lock: how long a version may not be deleted, who may shorten that, legal holds.
//!
//! It is about versions: a delete that names none puts a delete marker and is always allowed. Retention in governance mode gives way to
//! those who may bypass it and ask for that; compliance mode to nobody; a legal hold to nobody while it is on.

use bole_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::calendar;
use super::lifecycle::Day;
use super::setting::Setting;
use crate::error::{Code, Error, Result, shown};
use crate::limits::DAYS_MAX;

/// How strict a retention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// It may be bypassed by who is allowed to.
    Governance,
    /// It may not.
    Compliance,
}

impl Mode {
    /// As headers and documents say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Result<Self> {
        [Self::Governance, Self::Compliance].into_iter().find(|mode| mode.name() == name).ok_or_else(|| {
            let shown = shown(name);
            Error::new(Code::MalformedXML, format!("Unknown wormMode directive: \"{shown}\""))
        })
    }
}

/// A version's retention. *Persisted.*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How strict.
    pub mode: Mode,
    /// Until when, in milliseconds since 1970.
    pub until_ms: u64,
}

/// What locks a version. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Its retention.
    pub retention: Option<Retention>,
    /// Whether it is held; nothing where nobody ever said.
    #[serde(with = "hold")]
    pub legal_hold: Option<bool>,
}

/// A legal hold in one byte: 0 where nobody said, 1 while it is on, 2 when it was taken off. *Persisted*; 0 and 1 are what `bool` was. In JSON as it is.
mod hold {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    pub(super) fn serialize<S: Serializer>(hold: &Option<bool>, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return hold.serialize(to);
        }
        let byte: u8 = match hold {
            None => 0,
            Some(true) => 1,
            Some(false) => 2,
        };
        byte.serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<bool>, D::Error> {
        if from.is_human_readable() {
            return Option::deserialize(from);
        }
        match u8::deserialize(from)? {
            0 => Ok(None),
            1 => Ok(Some(true)),
            2 => Ok(Some(false)),
            other => Err(de::Error::custom(format!("a legal hold is 0, 1 or 2, not {other}"))),
        }
    }
}

impl Setting for Lock {
    const NAME: &'static str = "lock of an object";
    const VERSION: u32 = 1;
}

/// How long new versions are kept, where their put does not say. *Persisted.*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultRetention {
    /// How strict.
    pub mode: Mode,
    /// Days, if not years.
    pub days: Option<u32>,
    /// Years, of 365 days each, if not days.
    pub years: Option<u32>,
}

/// A bucket's object lock, which is on. *Persisted.*
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// For new versions.
    pub default: Option<DefaultRetention>,
}

impl Setting for Configuration {
    const NAME: &'static str = "object lock configuration";
    const VERSION: u32 = 1;
}

fn days_of(default: &DefaultRetention) -> Result<u32> {
    let (number, unit, days_each) = match (default.days, default.years) {
        (Some(days), None) => (days, "Days", 1),
        (None, Some(years)) => (years, "Years", 365),
        _ => {
            let text = "DefaultRetention has either Days or Years";
            return Err(Error::new(Code::MalformedXML, text));
        }
    };
    if number == 0 {
        return Err(Error::new(
            Code::InvalidRetentionPeriod,
            format!("Default retention period must be a positive integer value: {unit} is 0"),
        ));
    }
    number.checked_mul(days_each).filter(|days| *days <= DAYS_MAX).ok_or_else(|| {
        let text =
            format!("Default retention period too large: {unit} is {number}; {DAYS_MAX} days are allowed");
        Error::new(Code::InvalidRetentionPeriod, text)
    })
}

impl Configuration {
    /// Checks a configuration that a client sent. Object lock needs versions, and is for ever.
    pub fn check(&self, has_versioning: bool) -> Result<()> {
        if !has_versioning {
            return Err(Error::new(
                Code::InvalidBucketState,
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            ));
        }
        self.default.as_ref().map_or(Ok(()), |default| days_of(default).map(|_| ()))
    }

    /// The lock of a new version: what its put says, and else the default.
    pub fn at_put(&self, asked: Lock, now: Timestamp, day: Day) -> Result<Lock> {
        if asked.retention.is_some() {
            return Ok(asked);
        }
        let Some(default) = &self.default else { return Ok(asked) };
        let until_ms = now.0.saturating_add(day.milliseconds().saturating_mul(u64::from(days_of(default)?)));
        Ok(Lock { retention: Some(Retention { mode: default.mode, until_ms }), ..asked })
    }
}

/// Reads what a put's headers say: mode and date go together, the date is in the future, and the bucket has object lock.
pub fn requested(
    mode: Option<&str>,
    until: Option<&str>,
    hold: Option<&str>,
    bucket_has_lock: bool,
    now: Timestamp,
) -> Result<Lock> {
    if mode.is_none() && until.is_none() && hold.is_none() {
        return Ok(Lock::default());
    }
    if !bucket_has_lock {
        return Err(Error::new(Code::InvalidRequest, "Bucket is missing Object Lock Configuration"));
    }
    let retention = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            let mode = Mode::parse(mode).map_err(in_header)?;
            let until = calendar::parse_iso(until).ok_or_else(|| {
                let shown = shown(until);
                let text =
                    format!("The retain until date must be provided in ISO 8601 format; it is \"{shown}\"");
                Error::new(Code::InvalidArgument, text)
            })?;
            let retention = Retention { mode, until_ms: until.0 };
            retention.check(now)?;
            Some(retention)
        }
        (Some(_), None) | (None, Some(_)) => {
            let text = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
            return Err(Error::new(Code::InvalidArgument, text));
        }
    };
    let legal_hold = hold.map(is_held).transpose().map_err(in_header)?;
    Ok(Lock { retention, legal_hold })
}

/// What is a wrong document in a body is a wrong argument in a header.
fn in_header(error: Error) -> Error {
    Error { code: Code::InvalidArgument, ..error }
}

/// Reads a legal hold's status.
pub fn is_held(status: &str) -> Result<bool> {
    match status {
        "ON" => Ok(true),
        "OFF" => Ok(false),
        _ => {
            let shown = shown(status);
            let text = format!("Legal Hold must be either of 'ON' or 'OFF'; it is \"{shown}\"");
            Err(Error::new(Code::MalformedXML, text))
        }
    }
}

impl Retention {
    /// Refuses a date that is not in the future.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        if self.until_ms > now.0 {
            return Ok(());
        }
        let until = calendar::format_iso(Timestamp(self.until_ms));
        Err(Error::new(
            Code::InvalidArgument,
            format!("The retain until date must be in the future! It is {until}"),
        ))
    }
}

fn locked() -> Error {
    Error::new(Code::AccessDenied, "Access Denied because object protected by object lock.")
}

impl Lock {
    /// Whether the version may be deleted. `bypass`: the request asks to bypass governance, and may.
    pub fn check_delete(&self, now: Timestamp, bypass: bool) -> Result<()> {
        let is_free = match self.active(now) {
            None => true,
            Some(retention) => retention.mode == Mode::Governance && bypass,
        };
        if is_free && self.legal_hold != Some(true) { Ok(()) } else { Err(locked()) }
    }

    /// Whether the version may be given this retention, or none. An active one may be extended by all; shortened, weakened or
    /// taken away only in governance mode and with `bypass`. An expired one binds nobody.
    pub fn check_retention(&self, new: Option<&Retention>, now: Timestamp, bypass: bool) -> Result<()> {
        if let Some(new) = new {
            new.check(now)?;
        }
        let Some(old) = self.active(now) else { return Ok(()) };
        let extends = new.is_some_and(|new| new.mode == old.mode && new.until_ms >= old.until_ms);
        let may = extends || (old.mode == Mode::Governance && bypass);
        if may { Ok(()) } else { Err(locked()) }
    }

    fn active(&self, now: Timestamp) -> Option<Retention> {
        self.retention.filter(|retention| retention.until_ms > now.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::setting;

    const NOW: Timestamp = Timestamp(1_000_000);
    const SOON: u64 = 2_000_000;
    const LATER: u64 = 3_000_000;
    const PAST: u64 = 500_000;

    #[expect(clippy::unnecessary_wraps, reason = "as the rows have it")]
    const fn governance(until_ms: u64) -> Option<Retention> {
        Some(Retention { mode: Mode::Governance, until_ms })
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the rows have it")]
    const fn compliance(until_ms: u64) -> Option<Retention> {
        Some(Retention { mode: Mode::Compliance, until_ms })
    }

    #[test]
    fn deletes() {
        // Retention, hold; without and with bypass.
        for (retention, legal_hold, expected) in [
            (None, None, [true, true]),
            (None, Some(true), [false, false]),
            (governance(SOON), None, [false, true]),
            (governance(SOON), Some(true), [false, false]),
            (governance(PAST), None, [true, true]),
            (governance(NOW.0), None, [true, true]),
            (compliance(SOON), None, [false, false]),
            (compliance(PAST), None, [true, true]),
            (compliance(PAST), Some(true), [false, false]),
            (None, Some(false), [true, true]),
        ] {
            let lock = Lock { retention, legal_hold };
            let found = [false, true].map(|bypass| lock.check_delete(NOW, bypass).is_ok());
            assert_eq!(found, expected, "{lock:?}");
            assert_eq!(setting::decode(&setting::encode(&lock)), Ok(lock));
            let bytes = postcard::to_stdvec(&lock).unwrap();
            assert_eq!(postcard::from_bytes(&bytes), Ok(lock));
            // As rows had it before a hold that was taken off was told.
            if let None | Some(true) = legal_hold {
                assert_eq!(bytes, postcard::to_stdvec(&(lock.retention, legal_hold.is_some())).unwrap());
            }
        }
    }

    #[test]
    fn changes_of_retention() {
        for (old, new, expected) in [
            (None, governance(SOON), [true, true]),
            (None, None, [true, true]),
            (None, governance(PAST), [false, false]),
            (governance(SOON), governance(LATER), [true, true]),
            (governance(SOON), governance(SOON), [true, true]),
            (governance(LATER), governance(SOON), [false, true]),
            (governance(SOON), None, [false, true]),
            (governance(SOON), compliance(LATER), [false, true]),
            (compliance(SOON), compliance(LATER), [true, true]),
            (compliance(LATER), compliance(SOON), [false, false]),
            (compliance(SOON), governance(LATER), [false, false]),
            (compliance(SOON), None, [false, false]),
            (compliance(PAST), governance(SOON), [true, true]),
            (compliance(PAST), None, [true, true]),
        ] {
            let lock = Lock { retention: old, legal_hold: Some(true) };
            let found = [false, true].map(|bypass| lock.check_retention(new.as_ref(), NOW, bypass).is_ok());
            assert_eq!(found, expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn configurations() {
        let default = |days, years| DefaultRetention { mode: Mode::Compliance, days, years };
        for (default, until, expected) in [
            (None, None, None),
            (Some(default(Some(1), None)), Some(NOW.0 + 86_400_000), None),
            (Some(default(None, Some(1))), Some(NOW.0 + 365 * 86_400_000), None),
            (Some(default(None, Some(100))), Some(NOW.0 + 36_500 * 86_400_000), None),
            (Some(default(Some(0), None)), None, Some(Code::InvalidRetentionPeriod)),
            (Some(default(None, Some(0))), None, Some(Code::InvalidRetentionPeriod)),
            (Some(default(Some(36_501), None)), None, Some(Code::InvalidRetentionPeriod)),
            (Some(default(None, Some(u32::MAX))), None, Some(Code::InvalidRetentionPeriod)),
            (Some(default(Some(1), Some(1))), None, Some(Code::MalformedXML)),
            (Some(default(None, None)), None, Some(Code::MalformedXML)),
        ] {
            let configuration = Configuration { default };
            let checked = configuration.check(true).err().map(|error| error.code);
            assert_eq!(checked, expected, "{configuration:?}");
            if expected.is_none() {
                let lock = configuration.at_put(Lock::default(), NOW, Day::default()).unwrap();
                assert_eq!(lock.retention.map(|retention| retention.until_ms), until, "{configuration:?}");
                let asked = Lock { retention: governance(SOON), legal_hold: Some(true) };
                assert_eq!(configuration.at_put(asked, NOW, Day::default()), Ok(asked));
                assert_eq!(setting::decode(&setting::encode(&configuration)), Ok(configuration));
            }
        }
        assert_eq!(Configuration::default().check(false).unwrap_err().code, Code::InvalidBucketState);
    }

    #[test]
    fn headers() {
        let date = Some("2026-01-01T00:00:00Z");
        let until = 1_767_225_600_000;
        for (mode, until_text, hold, expected) in [
            (None, None, None, Ok(Lock::default())),
            (None, None, Some("ON"), Ok(Lock { retention: None, legal_hold: Some(true) })),
            (
                Some("GOVERNANCE"),
                date,
                Some("OFF"),
                Ok(Lock { retention: governance(until), legal_hold: Some(false) }),
            ),
            (Some("COMPLIANCE"), date, None, Ok(Lock { retention: compliance(until), legal_hold: None })),
            (Some("governance"), date, None, Err(Code::InvalidArgument)),
            (Some("GOVERNANCE"), None, None, Err(Code::InvalidArgument)),
            (None, date, None, Err(Code::InvalidArgument)),
            (Some("GOVERNANCE"), Some("soon"), None, Err(Code::InvalidArgument)),
            (Some("GOVERNANCE"), Some("1970-01-01T00:00:00Z"), None, Err(Code::InvalidArgument)),
            (None, None, Some("on"), Err(Code::InvalidArgument)),
        ] {
            let found = requested(mode, until_text, hold, true, NOW).map_err(|error| error.code);
            assert_eq!(found, expected, "{mode:?} {until_text:?} {hold:?}");
            let without = requested(mode, until_text, hold, false, NOW).map_err(|error| error.code);
            let is_plain = mode.is_none() && until_text.is_none() && hold.is_none();
            assert_eq!(without, if is_plain { Ok(Lock::default()) } else { Err(Code::InvalidRequest) });
        }
        assert_eq!(is_held("on").unwrap_err().code, Code::MalformedXML);
        assert_eq!(Mode::parse("NONE").unwrap_err().code, Code::MalformedXML);
    }
}
