//! Deletes: of the current version, which makes a delete marker where there are versions; of a version for good; of many keys.

use bole_base::Timestamp;

use super::{buckets, versions};
use crate::entry::Kind;
use crate::error::{Code, Error as Refusal, Result as Refused};
use crate::events::{self, Asker};
use crate::limits::{BULK_ENTRY_BYTES_MAX, BULK_KEYS_MAX};
use crate::rows::{Bucket, Version, VersionId, Versioning, What};
use crate::rules::conditions::{self, Current, DeleteConditions};
use crate::rules::names;
use crate::state::{Blobs, Error, Plan, Result};

/// A delete.
#[derive(Clone, Copy, Debug)]
pub struct Delete<'a> {
    /// The key.
    pub key: &'a str,
    /// The version that is to go for good; without one, the current one makes place for a delete marker.
    pub version: Option<VersionId>,
    /// What must hold of the version that goes.
    pub conditions: DeleteConditions<'a>,
}

/// What a delete did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The delete marker that was made, or the version that went, where there are versions.
    pub version: Option<VersionId>,
    /// Whether that is a delete marker.
    pub is_marker: bool,
}

/// Deletes a key or a version. One that is not there is deleted already. `owner`: of the marker. `bypass`: the request asks to bypass governance, and may.
/// Refuses: `NoSuchBucket`, `AccessDenied` for what is locked, `PreconditionFailed`.
pub fn delete(
    plan: &mut Plan<'_>,
    bucket: &str,
    delete: &Delete<'_>,
    owner: &str,
    bypass: bool,
) -> Result<Deleted> {
    let name = bucket;
    let bucket = buckets::get(plan, name)?;
    delete_in(plan, name, &bucket, delete, owner, bypass)
}

/// Deletes a current version that has expired: for good, or by a delete marker of the bucket's owner. Refuses: `AccessDenied` for what is locked.
pub(super) fn expire(plan: &mut Plan<'_>, name: &str, bucket: &Bucket, key: &str) -> Result<()> {
    let current = versions::current(plan, bucket, key)?;
    let kinds = (Kind::MarkerExpired, Kind::Expired);
    delete_current(plan, (name, bucket, key), current, &bucket.owner, kinds).map(drop)
}

/// Deletes the current version. `kinds`: what it is called that a delete marker was made, and that it was removed.
fn delete_current(
    plan: &mut Plan<'_>,
    (name, bucket, key): (&str, &Bucket, &str),
    current: Option<Version>,
    owner: &str,
    kinds: (Kind, Kind),
) -> Result<Deleted> {
    versions::check_overwrite(plan, bucket, key)?;
    if bucket.versioning != Versioning::Off {
        let marker = versions::make(plan, bucket, key, owner, What::Marker)?;
        plan.happened(kinds.0, name, key).version = Some(marker.id());
        return Ok(Deleted { version: Some(marker.id()), is_marker: true });
    }
    if let Some(version) = current {
        let placed = versions::Placed { version, is_current: true };
        versions::remove(plan, bucket, key, &placed)?;
        plan.happened(kinds.1, name, key).version = Some(VersionId::Null);
    }
    Ok(Deleted::default())
}

fn delete_in(
    plan: &mut Plan<'_>,
    name: &str,
    bucket: &Bucket,
    delete: &Delete<'_>,
    owner: &str,
    bypass: bool,
) -> Result<Deleted> {
    names::key(delete.key.as_bytes())?;
    let key = delete.key;
    let Some(id) = delete.version else {
        let current = versions::current(plan, bucket, key)?;
        check(&delete.conditions, current.as_ref())?;
        return delete_current(plan, (name, bucket, key), current, owner, (Kind::MarkerMade, Kind::Removed));
    };
    let placed = versions::find(plan, bucket, key, id)?;
    check(&delete.conditions, placed.as_ref().map(|placed| &placed.version))?;
    let Some(placed) = placed else {
        return Ok(Deleted { version: Some(id), is_marker: false });
    };
    if let Some(object) = placed.version.object() {
        object.lock.check_delete(plan.now(), bypass)?;
    }
    versions::remove(plan, bucket, key, &placed)?;
    plan.happened(Kind::Removed, name, key).version = Some(id);
    Ok(Deleted { version: Some(id), is_marker: placed.version.object().is_none() })
}

fn check(wanted: &DeleteConditions<'_>, version: Option<&Version>) -> Refused<()> {
    if *wanted == DeleteConditions::default() {
        return Ok(());
    }
    let object = version.and_then(|version| Some((version, version.object()?)));
    let etag = object.map(|(_, object)| object.etag.text());
    let current = object.zip(etag.as_deref()).map(|((version, object), etag)| {
        (Current { etag, modified: Timestamp(version.created_ms) }, object.bytes)
    });
    conditions::delete(wanted, current.as_ref().map(|(current, bytes)| (current, *bytes)))
}

impl Blobs {
    /// Deletes up to [`BULK_KEYS_MAX`] keys or versions in turn; what came of each. They are logged in as few entries as they fit in, and durable when this returns.
    /// `may` says for each whether it may be deleted, and whether governance may be bypassed for it.
    /// Errors: `NoSuchBucket`, `MalformedXML` for too many; those of journal and store, after which some may be deleted.
    pub async fn delete_many<'a>(
        &self,
        asker: impl Into<Asker<'a>>,
        bucket: &str,
        deletes: &[Delete<'_>],
        owner: &str,
        may: impl Fn(&Delete<'_>) -> Refused<bool>,
    ) -> Result<Vec<Refused<Deleted>>> {
        if deletes.len() > BULK_KEYS_MAX {
            let count = deletes.len();
            let text = format!("A bulk delete has {count} keys; {BULK_KEYS_MAX} are allowed");
            return Err(Refusal::new(Code::MalformedXML, text).into());
        }
        let asker = asker.into();
        let mut outcomes = Vec::with_capacity(deletes.len());
        let mut position = None;
        while outcomes.len() < deletes.len() {
            let rest = &deletes[outcomes.len()..];
            let some = |plan: &mut Plan<'_>| delete_some(plan, bucket, rest, owner, &may);
            let placed = self.append(asker, rest.len().min(100) * 100, some).await?;
            position = position.max(Some(placed.position));
            outcomes.extend(placed.value);
        }
        if let Some(position) = position {
            self.durable(position).await?;
        }
        Ok(outcomes)
    }
}

/// Bytes after which deletes go on in another entry. What is told of a delete is several times as long as what is logged of it, and goes into the same batch.
pub(super) fn bulk_bytes_max(plan: &Plan<'_>, bucket: &Bucket) -> Result<usize> {
    let are_heard = events::are_heard(plan, bucket)?;
    Ok(if are_heard { BULK_ENTRY_BYTES_MAX / 4 } else { BULK_ENTRY_BYTES_MAX })
}

/// Deletes as many as go into one entry.
fn delete_some(
    plan: &mut Plan<'_>,
    name: &str,
    deletes: &[Delete<'_>],
    owner: &str,
    may: &impl Fn(&Delete<'_>) -> Refused<bool>,
) -> Result<Vec<Refused<Deleted>>> {
    let bucket = buckets::get(plan, name)?;
    let bytes_max = bulk_bytes_max(plan, &bucket)?;
    let mut outcomes = Vec::new();
    for delete in deletes {
        if plan.bytes() >= bytes_max && !outcomes.is_empty() {
            break;
        }
        let outcome = match may(delete) {
            Ok(bypass) => delete_in(plan, name, &bucket, delete, owner, bypass),
            Err(refusal) => Err(refusal.into()),
        };
        outcomes.push(match outcome {
            Ok(deleted) => Ok(deleted),
            // A delete is refused before it decides anything.
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => return Err(error),
        });
    }
    Ok(outcomes)
}
