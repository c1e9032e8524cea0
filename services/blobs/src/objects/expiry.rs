//! What lifecycle does to a version or an upload, decided under the lock: the rules as they are now, about what is there now.

use std::ops::Bound;

use bole_base::Timestamp;
use bytes::Bytes;

use super::settings::{self, Kept};
use super::{buckets, deletes, multipart, versions};
use crate::counters::Done;
use crate::entry::Kind;
use crate::limits::NEWER_VERSIONS_MAX;
use crate::rows::keys::{SETTINGS, UPLOADS, VERSIONS};
use crate::rows::values;
use crate::rows::{Bucket, BucketId, Seq, Upload, UploadId, Version, keys};
use crate::rules::lifecycle::{self, Action, Day, Lifecycle, Standing};
use crate::rules::setting;
use crate::state::{Error, Plan, Result};

/// What may be due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// A current version that is an object.
    Current(String, Seq),
    /// Any other version, or a delete marker.
    Other(String, Seq),
    /// An upload.
    Upload(String, Seq),
}

/// A bucket's rules as they are stored, which may be none.
#[derive(Clone, Debug, Default)]
pub struct Stored(Option<Bytes>);

impl Stored {
    /// Of a bucket that was looked up in the same plan.
    pub fn of(plan: &Plan<'_>, bucket: &Bucket) -> Result<Self> {
        Ok(Self(plan.get(SETTINGS, &keys::setting(bucket.id, Lifecycle::NUMBER))?))
    }

    /// Of a bucket by name. Refuses: `NoSuchBucket`.
    pub fn named(plan: &Plan<'_>, bucket: &str) -> Result<Self> {
        Self::of(plan, &buckets::get(plan, bucket)?)
    }

    /// A CRC32C of them; nothing if there are none.
    pub fn crc(&self) -> Option<u32> {
        self.0.as_ref().map(|bytes| crc32c::crc32c(bytes))
    }

    /// The rules. Costs what reading the document does, so not under the lock where nothing depends on it.
    pub fn read(&self) -> Result<Lifecycle> {
        let read = self.0.as_ref().map(|bytes| setting::decode(bytes).map_err(Error::Row));
        Ok(read.transpose()?.unwrap_or_default())
    }

    /// `x-amz-expiration` of a version that is current; nothing where it does not expire.
    pub fn expiration(&self, key: &str, version: &Version, day: Day) -> Result<Option<String>> {
        if self.0.is_none() {
            return Ok(None);
        }
        let rules = self.read()?;
        let due = rules.due(&described(key, version, Standing::Current), day);
        Ok(due.as_ref().and_then(lifecycle::expiration_header))
    }

    /// `x-amz-abort-date` and `x-amz-abort-rule-id` of an upload; nothing where it is not aborted.
    pub fn abort(&self, key: &str, upload: &Upload, day: Day) -> Result<Option<(Timestamp, String)>> {
        if self.0.is_none() {
            return Ok(None);
        }
        let rules = self.read()?;
        let due = rules.due(&described_upload(key, upload), day);
        Ok(due.filter(|due| due.action == Action::Abort).map(|due| (due.at, due.rule_id.to_owned())))
    }
}

/// A version as rules look at it.
pub fn described<'a>(key: &'a str, version: &'a Version, standing: Standing) -> lifecycle::Version<'a> {
    let object = version.object();
    lifecycle::Version {
        key,
        size: object.map_or(0, |object| object.bytes),
        tags: object.map_or(&[][..], |object| &object.tags.0[..]),
        created: Timestamp(version.created_ms),
        standing,
    }
}

/// An upload as rules look at it.
pub fn described_upload<'a>(key: &'a str, upload: &'a Upload) -> lifecycle::Version<'a> {
    lifecycle::Version {
        key,
        size: 0,
        tags: &upload.tags.0,
        created: Timestamp(upload.created_ms),
        standing: Standing::Upload,
    }
}

/// Does what is due to as many of the candidates as go into one entry, and says to how many it looked. Nothing is done in a bucket that is another by now.
pub fn act(
    plan: &mut Plan<'_>,
    name: &str,
    id: BucketId,
    candidates: &[Candidate],
    day: Day,
) -> Result<(usize, Done)> {
    let all = (candidates.len(), Done::default());
    let bucket = match buckets::get(plan, name) {
        Err(Error::Refused(_)) => return Ok(all),
        bucket => bucket?,
    };
    let rules: Option<Lifecycle> = settings::of(plan, &bucket)?;
    let Some(rules) = rules.filter(|_| bucket.id == id) else { return Ok(all) };
    let bytes_max = deletes::bulk_bytes_max(plan, &bucket)?;
    let mut looked_at = 0;
    let mut acting = Acting { name, bucket: &bucket, rules: &rules, day, done: Done::default() };
    for candidate in candidates {
        if plan.bytes() >= bytes_max {
            break;
        }
        looked_at += 1;
        match candidate {
            Candidate::Current(key, seq) => acting.expire(plan, key, *seq)?,
            Candidate::Other(key, seq) => acting.remove(plan, key, *seq)?,
            Candidate::Upload(key, seq) => acting.abort(plan, key, *seq)?,
        }
    }
    Ok((looked_at, acting.done))
}

/// What is done in a bucket within one entry.
struct Acting<'a> {
    name: &'a str,
    bucket: &'a Bucket,
    rules: &'a Lifecycle,
    day: Day,
    done: Done,
}

impl Acting<'_> {
    fn is_due(&self, plan: &Plan<'_>, version: &lifecycle::Version<'_>) -> bool {
        self.rules.due(version, self.day).is_some_and(|due| due.at <= plan.now())
    }

    fn expire(&mut self, plan: &mut Plan<'_>, key: &str, seq: Seq) -> Result<()> {
        let current = versions::current(plan, self.bucket, key)?;
        let Some(version) = current.filter(|version| version.seq == seq) else { return Ok(()) };
        if !self.is_due(plan, &described(key, &version, Standing::Current)) {
            return Ok(());
        }
        match deletes::expire(plan, self.name, self.bucket, key) {
            Ok(()) => self.done.expired += 1,
            // What is locked is refused before anything is decided.
            Err(Error::Refused(_)) => self.done.locked += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn remove(&mut self, plan: &mut Plan<'_>, key: &str, seq: Seq) -> Result<()> {
        let version: Option<Version> = plan.row(VERSIONS, &keys::version(self.bucket.id, key, seq))?;
        let Some(version) = version else { return Ok(()) };
        let standing = self.standing(plan, key, &version)?;
        if !self.is_due(plan, &described(key, &version, standing)) {
            return Ok(());
        }
        if version.object().is_some_and(|object| object.lock.check_delete(plan.now(), false).is_err()) {
            self.done.locked += 1;
            return Ok(());
        }
        let id = version.id();
        versions::remove(plan, self.bucket, key, &versions::Placed { version, is_current: false })?;
        plan.happened(Kind::Expired, self.name, key).version = Some(id);
        self.done.removed += 1;
        Ok(())
    }

    fn abort(&mut self, plan: &mut Plan<'_>, key: &str, seq: Seq) -> Result<()> {
        let upload: Option<Upload> = plan.row(UPLOADS, &keys::upload(self.bucket.id, key, seq))?;
        let Some(upload) = upload else { return Ok(()) };
        if self.is_due(plan, &described_upload(key, &upload)) {
            multipart::abort(plan, self.name, key, UploadId(seq))?;
            self.done.aborted += 1;
        }
        Ok(())
    }

    /// What a version in `V` is among those of its key, as they were before this entry: what goes in the same entry is not newer than what stays.
    fn standing(&self, plan: &Plan<'_>, key: &str, version: &Version) -> Result<Standing> {
        let keeps =
            |rule: &lifecycle::Rule| rule.noncurrent.as_ref().is_some_and(|rule| rule.newer.is_some());
        // One more than a rule can ask for, since the first may be the current one.
        let count_max = if self.rules.0.iter().any(keeps) { NEWER_VERSIONS_MAX as usize + 1 } else { 0 };
        let prefix = keys::object(self.bucket.id, key);
        let row = keys::version(self.bucket.id, key, version.seq);
        let (newer, above) = plan.before(VERSIONS, &prefix, row, count_max)?;
        let current = versions::current(plan, self.bucket, key)?;
        let since = match (&newer, &current) {
            (Some((_, row)), _) => values::decode::<Version>(row).map_err(Error::Row)?.created_ms,
            (None, Some(current)) => current.created_ms,
            (None, None) => {
                let rows = plan.page(VERSIONS, &prefix, Bound::Included(prefix.clone()), 2)?;
                return Ok(Standing::DeleteMarker { alone: rows.entries.len() == 1 });
            }
        };
        let newer = above.saturating_sub(usize::from(current.is_none())) as u32;
        Ok(Standing::Noncurrent { since: Timestamp(since), newer })
    }
}
