//! The versions of a key: where they are, how one is made and how one goes.

use crate::error::{Code, Error as Refusal};
use crate::rows::keys::{CURRENT, NULLS, VERSIONS};
use crate::rows::values;
use crate::rows::{Bucket, Seq, Version, VersionId, Versioning, What, keys};
use crate::state::{Error, Plan, Result};

use super::bodies;

/// A version, and where its row is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) version: Version,
    pub(super) is_current: bool,
}

/// The current version, unless it is a delete marker.
pub(super) fn current(plan: &Plan<'_>, bucket: &Bucket, key: &str) -> Result<Option<Version>> {
    plan.row(CURRENT, &keys::object(bucket.id, key))
}

/// The newest version that is not in `C`: if there is none there, the current one.
fn newest_other(plan: &Plan<'_>, bucket: &Bucket, key: &str) -> Result<Option<Version>> {
    let first = plan.first(VERSIONS, &keys::object(bucket.id, key))?;
    first.map(|(_, row)| values::decode(&row).map_err(Error::Row)).transpose()
}

/// The current version, which may be a delete marker.
pub(super) fn latest(plan: &Plan<'_>, bucket: &Bucket, key: &str) -> Result<Option<Placed>> {
    if let Some(version) = current(plan, bucket, key)? {
        return Ok(Some(Placed { version, is_current: true }));
    }
    Ok(newest_other(plan, bucket, key)?.map(|version| Placed { version, is_current: false }))
}

/// The seq of the null version, where that is in `V`.
fn null_other(plan: &Plan<'_>, bucket: &Bucket, key: &str) -> Result<Option<Seq>> {
    plan.row(NULLS, &keys::object(bucket.id, key))
}

/// The version of an id.
pub(super) fn find(plan: &Plan<'_>, bucket: &Bucket, key: &str, id: VersionId) -> Result<Option<Placed>> {
    if let Some(version) = current(plan, bucket, key)?.filter(|version| version.id() == id) {
        return Ok(Some(Placed { version, is_current: true }));
    }
    let seq = match id {
        VersionId::Seq(seq) => Some(seq),
        VersionId::Null => null_other(plan, bucket, key)?,
    };
    let Some(seq) = seq else { return Ok(None) };
    let version: Option<Version> = plan.row(VERSIONS, &keys::version(bucket.id, key, seq))?;
    // The seq of a null version is no id of it.
    let version = version.filter(|version| version.id() == id);
    Ok(version.map(|version| Placed { version, is_current: false }))
}

/// The version that a request is about: that of the id, or the current one. It may be a delete marker.
pub(super) fn asked(plan: &Plan<'_>, bucket: &Bucket, key: &str, id: Option<VersionId>) -> Result<Placed> {
    let found = match id {
        None => latest(plan, bucket, key)?,
        Some(id) => find(plan, bucket, key, id)?,
    };
    found.ok_or_else(|| match id {
        None => Refusal::new(Code::NoSuchKey, "The specified key does not exist.").into(),
        Some(_) => Refusal::new(Code::NoSuchVersion, "The specified version does not exist.").into(),
    })
}

/// As [`asked`], for requests that a delete marker is no answer to.
pub(super) fn asked_object(
    plan: &Plan<'_>,
    bucket: &Bucket,
    key: &str,
    id: Option<VersionId>,
) -> Result<Placed> {
    let placed = asked(plan, bucket, key, id)?;
    match (&placed.version.what, id) {
        (What::Object(_), _) => Ok(placed),
        (What::Marker, None) => {
            Err(Refusal::new(Code::NoSuchKey, "The specified key does not exist.").into())
        }
        (What::Marker, Some(_)) => {
            let text =
                "The specified method is not allowed against this resource: the version is a delete marker.";
            Err(Refusal::new(Code::MethodNotAllowed, text).into())
        }
    }
}

/// Writes a version anew where its row is: for tags, ACLs and locks.
pub(super) fn rewrite(plan: &mut Plan<'_>, bucket: &Bucket, key: &str, placed: &Placed) {
    let version = &placed.version;
    if placed.is_current {
        plan.put_row(CURRENT, keys::object(bucket.id, key), version);
    } else {
        plan.put_row(VERSIONS, keys::version(bucket.id, key, version.seq), version);
    }
}

/// Refuses what would overwrite a version that is locked. Only null versions are overwritten.
pub(super) fn check_overwrite(plan: &Plan<'_>, bucket: &Bucket, key: &str) -> Result<()> {
    let old = match bucket.versioning {
        Versioning::Off => current(plan, bucket, key)?,
        Versioning::Enabled => None,
        Versioning::Suspended => find(plan, bucket, key, VersionId::Null)?.map(|placed| placed.version),
    };
    if let Some(object) = old.as_ref().and_then(Version::object) {
        object.lock.check_delete(plan.now(), false)?;
    }
    Ok(())
}

/// Makes a version of what was decided; it is the current one from now on. What it overwrites was checked before.
pub(super) fn make(
    plan: &mut Plan<'_>,
    bucket: &Bucket,
    key: &str,
    owner: &str,
    what: What,
) -> Result<Version> {
    let row = keys::object(bucket.id, key);
    let old = current(plan, bucket, key)?;
    let is_null = bucket.versioning != Versioning::Enabled;
    if is_null && let Some(seq) = null_other(plan, bucket, key)? {
        let other: Version = plan.named_row(VERSIONS, &keys::version(bucket.id, key, seq))?;
        give_up(plan, &other)?;
        plan.delete(VERSIONS, keys::version(bucket.id, key, seq));
        plan.delete(NULLS, row.clone());
    }
    match old {
        Some(old) if is_null && old.is_null => give_up(plan, &old)?,
        Some(old) => {
            if old.is_null {
                plan.put_row(NULLS, row.clone(), &old.seq);
            }
            plan.put_row(VERSIONS, keys::version(bucket.id, key, old.seq), &old);
        }
        None => {}
    }
    let seq = plan.new_seq();
    let version = Version { seq, is_null, created_ms: plan.now().0, owner: owner.to_owned(), what };
    if version.object().is_some() {
        plan.put_row(CURRENT, row, &version);
    } else {
        plan.delete(CURRENT, row.clone());
        plan.put_row(VERSIONS, keys::version(bucket.id, key, seq), &version);
        if is_null {
            plan.put_row(NULLS, row, &seq);
        }
    }
    Ok(version)
}

/// Removes a version for good; the newest of those that are left is the current one then.
pub(super) fn remove(plan: &mut Plan<'_>, bucket: &Bucket, key: &str, placed: &Placed) -> Result<()> {
    let row = keys::object(bucket.id, key);
    let version = &placed.version;
    give_up(plan, version)?;
    if placed.is_current {
        plan.delete(CURRENT, row.clone());
    } else {
        plan.delete(VERSIONS, keys::version(bucket.id, key, version.seq));
        if version.is_null {
            plan.delete(NULLS, row.clone());
        }
        if current(plan, bucket, key)?.is_some() {
            return Ok(());
        }
    }
    // Buckets that never had versions have one row an object, and nothing to look for.
    if bucket.versioning == Versioning::Off {
        return Ok(());
    }
    if let Some(next) = newest_other(plan, bucket, key)?.filter(|next| next.object().is_some()) {
        plan.delete(VERSIONS, keys::version(bucket.id, key, next.seq));
        if next.is_null {
            plan.delete(NULLS, row.clone());
        }
        plan.put_row(CURRENT, row, &next);
    }
    Ok(())
}

fn give_up(plan: &mut Plan<'_>, version: &Version) -> Result<()> {
    version.object().map_or(Ok(()), |object| bodies::release(plan, &object.body))
}
