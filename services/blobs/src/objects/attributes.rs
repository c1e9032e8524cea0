//! What of a version can be changed after it was made: tags, its ACL, its locks. Neither its id nor its time changes by that.

use super::{buckets, versions};
use crate::entry::Kind;
use crate::error::{Code, Error as Refusal};
use crate::rows::{Bucket, Object, Version, VersionId, What};
use crate::rules::acl::Acl;
use crate::rules::lock::{Lock, Retention};
use crate::rules::tags::{On, Tags};
use crate::state::{Plan, Result};

/// Which version of which key.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// The version, if not the current one.
    pub version: Option<VersionId>,
}

/// A version with what can be changed of it. Refuses: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`; `MethodNotAllowed` for a delete marker that is named.
pub fn get(plan: &Plan<'_>, which: &Which<'_>) -> Result<(Bucket, Version)> {
    let bucket = buckets::get(plan, which.bucket)?;
    let version = versions::asked_object(plan, &bucket, which.key, which.version)?.version;
    Ok((bucket, version))
}

/// The lock of a version. Refuses: as [`get`], and `InvalidRequest` where the bucket has no object lock.
pub fn lock(plan: &Plan<'_>, which: &Which<'_>) -> Result<Lock> {
    let (bucket, version) = get(plan, which)?;
    check_has_lock(&bucket)?;
    Ok(version.object().map(|object| object.lock).unwrap_or_default())
}

fn check_has_lock(bucket: &Bucket) -> Result<()> {
    if bucket.object_lock {
        return Ok(());
    }
    Err(Refusal::new(Code::InvalidRequest, "Bucket is missing Object Lock Configuration").into())
}

/// Changes a version; its id, where the bucket has or had versions.
fn edit(
    plan: &mut Plan<'_>,
    which: &Which<'_>,
    kind: Kind,
    change: impl FnOnce(&Plan<'_>, &Bucket, &mut Object) -> Result<()>,
) -> Result<Option<VersionId>> {
    let bucket = buckets::get(plan, which.bucket)?;
    let mut placed = versions::asked_object(plan, &bucket, which.key, which.version)?;
    if let What::Object(object) = &mut placed.version.what {
        change(plan, &bucket, object)?;
    }
    versions::rewrite(plan, &bucket, which.key, &placed);
    let id = placed.version.id();
    plan.happened(kind, which.bucket, which.key).version = Some(id);
    Ok((bucket.versioning != crate::rows::Versioning::Off).then_some(id))
}

/// Puts a version's tags. Refuses: as [`get`], and what tags do.
pub fn put_tags(plan: &mut Plan<'_>, which: &Which<'_>, tags: &Tags) -> Result<Option<VersionId>> {
    tags.check(On::Object)?;
    edit(plan, which, Kind::TagsPut, |_, _, object| {
        object.tags = tags.clone();
        Ok(())
    })
}

/// Deletes a version's tags. Refuses: as [`get`].
pub fn delete_tags(plan: &mut Plan<'_>, which: &Which<'_>) -> Result<Option<VersionId>> {
    edit(plan, which, Kind::TagsDeleted, |_, _, object| {
        object.tags = Tags::default();
        Ok(())
    })
}

/// Puts a version's ACL, which was checked. Refuses: as [`get`].
pub fn put_acl(plan: &mut Plan<'_>, which: &Which<'_>, acl: &Acl) -> Result<Option<VersionId>> {
    edit(plan, which, Kind::AclPut, |_, _, object| {
        object.acl = Some(acl.clone());
        Ok(())
    })
}

/// Puts a version's retention, or takes it away. `bypass`: the request asks to bypass governance, and may. Refuses: as [`lock`], and what a lock does.
pub fn put_retention(
    plan: &mut Plan<'_>,
    which: &Which<'_>,
    retention: Option<Retention>,
    bypass: bool,
) -> Result<Option<VersionId>> {
    edit(plan, which, Kind::LockChanged, |plan, bucket, object| {
        check_has_lock(bucket)?;
        object.lock.check_retention(retention.as_ref(), plan.now(), bypass)?;
        object.lock.retention = retention;
        Ok(())
    })
}

/// Puts a version's legal hold. Refuses: as [`lock`].
pub fn put_legal_hold(plan: &mut Plan<'_>, which: &Which<'_>, is_held: bool) -> Result<Option<VersionId>> {
    edit(plan, which, Kind::LockChanged, |_, bucket, object| {
        check_has_lock(bucket)?;
        object.lock.legal_hold = Some(is_held);
        Ok(())
    })
}
