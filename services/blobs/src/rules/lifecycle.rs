//! Lifecycle: rules for what becomes of versions and uploads with time, what S3 refuses in them, and when something is due.
//!
//! Something is due at the midnight (UTC) that follows its age, as S3 rounds; the length of a day is an argument, so that tests need not
//! wait for one. There is one storage class, so transitions are refused by name.

use std::collections::HashSet;

use bole_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::setting::Setting;
use super::tags::{On, Tag, Tags};
use super::{calendar, names};
use crate::error::{Code, Error, Result, shown};
use crate::limits::{DAYS_MAX, KEY_BYTES_MAX, LIFECYCLE_RULES_MAX, NEWER_VERSIONS_MAX, RULE_ID_CHARS_MAX};

/// A bucket's rules. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifecycle(pub Vec<Rule>);

impl Setting for Lifecycle {
    const NAME: &'static str = "lifecycle configuration";
    const VERSION: u32 = 1;
}

/// A rule, with the elements of S3's document. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `ID`, unique; given by [`Lifecycle::name`] where the document has none.
    pub id: Option<String>,
    /// `Status`.
    pub enabled: bool,
    /// What it is about.
    pub filter: Filter,
    /// `Expiration`: of current versions and lone delete markers.
    pub expiration: Option<Expiration>,
    /// `NoncurrentVersionExpiration`.
    pub noncurrent: Option<Noncurrent>,
    /// `AbortIncompleteMultipartUpload`, in days.
    pub abort_days: Option<u32>,
    /// Storage classes of `Transition` and `NoncurrentVersionTransition`; refused by [`Lifecycle::check`], so never stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<String>,
}

/// How a document says a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `Prefix` in the rule itself, as old documents have it.
    Legacy,
    /// `Filter` with one condition or none.
    #[default]
    Single,
    /// `Filter` with `And`.
    And,
}

/// Which objects a rule is about: those of which all is true. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// For saying the same document again.
    pub form: Form,
    /// What keys begin with.
    pub prefix: Option<String>,
    /// Tags that objects have.
    pub tags: Vec<Tag>,
    /// `ObjectSizeGreaterThan`.
    pub size_greater: Option<u64>,
    /// `ObjectSizeLessThan`.
    pub size_less: Option<u64>,
}

/// When current versions expire; one of the three. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiration {
    /// After so many days.
    pub days: Option<u32>,
    /// From a midnight on, in milliseconds since 1970.
    pub date_ms: Option<u64>,
    /// Whether delete markers without other versions are removed.
    pub expired_object_delete_marker: Option<bool>,
}

/// When noncurrent versions expire. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noncurrent {
    /// So many days after they became noncurrent.
    pub days: u32,
    /// `NewerNoncurrentVersions`: how many of the newest of them stay.
    pub newer: Option<u32>,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, text)
}

fn contradictory(text: &str) -> Error {
    Error::new(Code::InvalidRequest, text)
}

fn check_days(days: u32, action: &str) -> Result<()> {
    if (1..=DAYS_MAX).contains(&days) {
        return Ok(());
    }
    Err(invalid(format!(
        "'Days' for {action} action must be a positive integer, at most {DAYS_MAX}; it is {days}"
    )))
}

impl Lifecycle {
    /// Gives ids to the rules that have none: `rule-N`, N as small as is free.
    pub fn name(&mut self) {
        let mut taken: HashSet<String> = self.0.iter().filter_map(|rule| rule.id.clone()).collect();
        let mut number = 0_usize;
        for rule in self.0.iter_mut().filter(|rule| rule.id.as_ref().is_none_or(String::is_empty)) {
            let id = loop {
                number += 1;
                let id = format!("rule-{number}");
                if taken.insert(id.clone()) {
                    break id;
                }
            };
            rule.id = Some(id);
        }
    }

    /// Checks a configuration that a client sent.
    pub fn check(&self) -> Result<()> {
        if self.0.is_empty() || self.0.len() > LIFECYCLE_RULES_MAX {
            let text =
                format!("A lifecycle has 1 to {LIFECYCLE_RULES_MAX} rules; this one has {}", self.0.len());
            return Err(Error::new(Code::MalformedXML, text));
        }
        let mut ids = HashSet::new();
        self.0.iter().try_for_each(|rule| {
            rule.check()?;
            match rule.id.as_ref().filter(|id| !id.is_empty()) {
                Some(id) if !ids.insert(id) => Err(invalid(format!(
                    "Rule ID must be unique. Found same ID for more than one rule: \"{}\"",
                    shown(id)
                ))),
                _ => Ok(()),
            }
        })
    }
}

impl Rule {
    fn check(&self) -> Result<()> {
        if self.id.as_ref().is_some_and(|id| id.chars().count() > RULE_ID_CHARS_MAX) {
            return Err(invalid(format!("ID length should not exceed allowed limit of {RULE_ID_CHARS_MAX}")));
        }
        if let Some(class) = self.transitions.first() {
            let shown = shown(class);
            return Err(Error::new(
                Code::NotImplemented,
                format!("Transition to storage class {shown}: there is one storage class, STANDARD"),
            ));
        }
        if self.expiration.is_none() && self.noncurrent.is_none() && self.abort_days.is_none() {
            return Err(contradictory("At least one action needs to be specified in a rule."));
        }
        self.filter.check()?;
        if let Some(expiration) = &self.expiration {
            expiration.check()?;
            if expiration.expired_object_delete_marker.is_some() && self.filter.is_of_objects() {
                return Err(contradictory(
                    "ExpiredObjectDeleteMarker cannot be specified with Object Tags or Object Sizes.",
                ));
            }
        }
        if let Some(noncurrent) = &self.noncurrent {
            check_days(noncurrent.days, "NoncurrentVersionExpiration")?;
            if let Some(newer) = noncurrent.newer.filter(|newer| !(1..=NEWER_VERSIONS_MAX).contains(newer)) {
                return Err(invalid(format!(
                    "'NewerNoncurrentVersions' must be between 1 and {NEWER_VERSIONS_MAX}; it is {newer}"
                )));
            }
        }
        if let Some(days) = self.abort_days {
            check_days(days, "AbortIncompleteMultipartUpload")?;
            if self.filter.is_of_objects() {
                return Err(contradictory(
                    "AbortIncompleteMultipartUpload cannot be specified with Object Tags or Object Sizes.",
                ));
            }
        }
        Ok(())
    }

    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}

impl Filter {
    /// Whether it asks for what only objects have, and neither delete markers nor uploads.
    fn is_of_objects(&self) -> bool {
        !self.tags.is_empty() || self.size_greater.is_some() || self.size_less.is_some()
    }

    fn check(&self) -> Result<()> {
        let malformed = |text: &str| Err(Error::new(Code::MalformedXML, text));
        let conditions = usize::from(self.prefix.is_some())
            + self.tags.len()
            + usize::from(self.size_greater.is_some())
            + usize::from(self.size_less.is_some());
        match self.form {
            Form::Legacy if self.is_of_objects() || self.prefix.is_none() => {
                return malformed("A rule has either Prefix or Filter");
            }
            Form::Single if conditions > 1 => return malformed("A Filter with several conditions needs And"),
            Form::And if conditions == 0 => return malformed("And has no condition"),
            Form::Legacy | Form::Single | Form::And => {}
        }
        if self.prefix.as_ref().is_some_and(|prefix| prefix.len() > KEY_BYTES_MAX) {
            return Err(contradictory("The maximum size of a prefix is 1024."));
        }
        if let (Some(greater), Some(less)) = (self.size_greater, self.size_less)
            && less <= greater.saturating_add(1)
        {
            return Err(contradictory(
                "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan' by more than one byte.",
            ));
        }
        Tags(self.tags.clone()).check(On::Object)
    }

    fn accepts(&self, version: &Version<'_>) -> bool {
        let is_object = matches!(version.standing, Standing::Current | Standing::Noncurrent { .. });
        self.prefix.as_ref().is_none_or(|prefix| version.key.starts_with(prefix.as_str()))
            && (is_object || !self.is_of_objects())
            && self.tags.iter().all(|tag| version.tags.contains(tag))
            && self.size_greater.is_none_or(|size| version.size > size)
            && self.size_less.is_none_or(|size| version.size < size)
    }
}

impl Expiration {
    fn check(&self) -> Result<()> {
        match (self.days, self.date_ms, self.expired_object_delete_marker) {
            (Some(days), None, None) => check_days(days, "Expiration"),
            (None, Some(date_ms), None) if date_ms % 86_400_000 != 0 => {
                let text = calendar::format_iso(Timestamp(date_ms));
                Err(invalid(format!("'Date' must be at midnight GMT; it is {text}")))
            }
            (None, Some(_), None) | (None, None, Some(_)) => Ok(()),
            _ => Err(Error::new(
                Code::MalformedXML,
                "Expiration has exactly one of Days, Date and ExpiredObjectDeleteMarker",
            )),
        }
    }
}

/// A version, a delete marker or an upload, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// The object's key.
    pub key: &'a str,
    /// Bytes.
    pub size: u64,
    /// Its tags.
    pub tags: &'a [Tag],
    /// When it was made; for an upload, when it was begun.
    pub created: Timestamp,
    /// What it is.
    pub standing: Standing,
}

/// What a version is among those of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The current one, and no delete marker.
    Current,
    /// A delete marker that is the current version, and whether it is the only one.
    DeleteMarker {
        /// Whether there is no other version of the key.
        alone: bool,
    },
    /// Not the current one; it may be a delete marker.
    Noncurrent {
        /// When the next version was made.
        since: Timestamp,
        /// How many noncurrent versions of the key are newer.
        newer: u32,
    },
    /// A multipart upload that is not completed.
    Upload,
}

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is deleted as by a client that names no version: with versioning, a delete marker is put before it.
    Expire,
    /// The version, or the delete marker, is removed for good.
    Remove,
    /// The upload is aborted.
    Abort,
}

/// Something that is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due<'a> {
    /// From when on.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// By which rule.
    pub rule_id: &'a str,
}

/// How long a day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    ms: u64,
}

impl Default for Day {
    fn default() -> Self {
        Self::of_seconds(86_400)
    }
}

impl Day {
    /// A day of so many seconds, at least one.
    pub const fn of_seconds(seconds: u64) -> Self {
        Self { ms: if seconds == 0 { 1_000 } else { seconds.saturating_mul(1_000) } }
    }

    /// In milliseconds.
    pub const fn milliseconds(self) -> u64 {
        self.ms
    }

    /// The midnight at or before `now`.
    pub const fn midnight(self, now: Timestamp) -> Timestamp {
        Timestamp(now.0 / self.ms * self.ms)
    }

    /// The midnight that follows `days` after `from`.
    fn after(self, from: Timestamp, days: u32) -> Timestamp {
        let aged = from.0.saturating_add(self.ms.saturating_mul(u64::from(days)));
        Timestamp((aged / self.ms).saturating_add(1).saturating_mul(self.ms))
    }
}

impl Lifecycle {
    /// What is due first for a version, from all enabled rules; nothing if no rule is about it. Where several are due at once, removing
    /// goes before expiring.
    pub fn due(&self, version: &Version<'_>, day: Day) -> Option<Due<'_>> {
        let rules = self.0.iter().filter(|rule| rule.enabled && rule.filter.accepts(version));
        rules
            .filter_map(|rule| rule.due(version, day))
            .min_by_key(|due| (due.at, due.action == Action::Expire))
    }
}

impl Rule {
    fn due(&self, version: &Version<'_>, day: Day) -> Option<Due<'_>> {
        let (at, action) = match version.standing {
            Standing::Current => (self.expires(version.created, day)?, Action::Expire),
            Standing::DeleteMarker { alone: false } => return None,
            Standing::DeleteMarker { alone: true } => {
                let expiration = self.expiration.as_ref()?;
                let at = match expiration.expired_object_delete_marker {
                    Some(true) => version.created,
                    Some(false) => return None,
                    None => self.expires(version.created, day)?,
                };
                (at, Action::Remove)
            }
            Standing::Noncurrent { since, newer } => {
                let noncurrent = self.noncurrent.as_ref().filter(|rule| newer >= rule.newer.unwrap_or(0))?;
                (day.after(since, noncurrent.days), Action::Remove)
            }
            Standing::Upload => (day.after(version.created, self.abort_days?), Action::Abort),
        };
        Some(Due { at, action, rule_id: self.id() })
    }

    fn expires(&self, created: Timestamp, day: Day) -> Option<Timestamp> {
        let expiration = self.expiration.as_ref()?;
        expiration.days.map(|days| day.after(created, days)).or(expiration.date_ms.map(Timestamp))
    }
}

/// `x-amz-expiration` of a current version; nothing where none is due.
pub fn expiration_header(due: &Due<'_>) -> Option<String> {
    let (date, id) = (calendar::format_http(due.at), names::url_encode(due.rule_id));
    (due.action == Action::Expire).then(|| format!("expiry-date=\"{date}\", rule-id=\"{id}\""))
}

/// `x-amz-abort-date` and `x-amz-abort-rule-id` of an upload; nothing where it is not aborted.
pub fn abort_headers(due: &Due<'_>) -> Option<(String, String)> {
    let headers = || (calendar::format_http(due.at), names::url_encode(due.rule_id));
    (due.action == Action::Abort).then(headers)
}

#[cfg(test)]
mod tests;
