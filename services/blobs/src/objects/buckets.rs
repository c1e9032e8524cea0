//! Buckets: made, deleted, told, with and without versions.

use std::ops::Bound;

use bytes::Bytes;

use crate::entry::Kind;
use crate::error::{Code, Error as Refusal, shown};
use crate::limits::PAGE_KEYS_MAX;
use crate::rows::keys::{BUCKETS, CURRENT, NULLS, OWN, SETTINGS, UPLOADS, VERSIONS};
use crate::rows::values;
use crate::rows::{Bucket, BucketId, Versioning, keys};
use crate::rules::names;
use crate::state::{Error, Plan, Result};

/// What is asked of a new bucket.
#[derive(Clone, Copy, Debug)]
pub struct Create<'a> {
    /// Its name.
    pub name: &'a str,
    /// The canonical id of its owner.
    pub owner: &'a str,
    /// The owner's account.
    pub account: &'a str,
    /// Where it is to be.
    pub region: &'a str,
    /// Whether versions can be locked; such a bucket has versions for ever.
    pub object_lock: bool,
}

/// Makes a bucket. Refuses: `InvalidBucketName`, `BucketAlreadyOwnedByYou`, `BucketAlreadyExists`.
pub fn create(plan: &mut Plan<'_>, create: &Create<'_>) -> Result<Bucket> {
    names::check_bucket(create.name)?;
    if let Some(there) = plan.row::<Bucket>(BUCKETS, create.name.as_bytes())? {
        let (code, whose) = if there.owner == create.owner {
            (Code::BucketAlreadyOwnedByYou, "you already own it")
        } else {
            (Code::BucketAlreadyExists, "somebody else owns it")
        };
        let text = format!(
            "The requested bucket name is not available: there is a bucket \"{}\", and {whose}.",
            create.name
        );
        return Err(Refusal::new(code, text).into());
    }
    let bucket = Bucket {
        id: BucketId(plan.new_seq().0),
        created_ms: plan.now().0,
        owner: create.owner.to_owned(),
        account: create.account.to_owned(),
        region: create.region.to_owned(),
        versioning: if create.object_lock { Versioning::Enabled } else { Versioning::Off },
        object_lock: create.object_lock,
        shard: 0,
    };
    plan.put_row(BUCKETS, Bytes::copy_from_slice(create.name.as_bytes()), &bucket);
    plan.happened(Kind::BucketCreated, create.name, "");
    Ok(bucket)
}

/// The bucket of a name. Refuses: `NoSuchBucket`.
pub fn get(plan: &Plan<'_>, name: &str) -> Result<Bucket> {
    plan.row(BUCKETS, name.as_bytes())?.ok_or_else(|| {
        let text = format!("The specified bucket does not exist: \"{}\"", shown(name));
        Refusal::new(Code::NoSuchBucket, text).into()
    })
}

/// Deletes a bucket with its settings. Refuses: `NoSuchBucket`; `BucketNotEmpty`, also while there are uploads, which are to be aborted first.
pub fn delete(plan: &mut Plan<'_>, name: &str) -> Result<()> {
    let bucket = get(plan, name)?;
    let prefix = keys::in_bucket(bucket.id);
    for (partition, what) in [
        (CURRENT, "objects"),
        (VERSIONS, "versions or delete markers"),
        (UPLOADS, "multipart uploads in progress"),
    ] {
        if plan.first(partition, &prefix)?.is_some() {
            let text =
                format!("The bucket you tried to delete is not empty: there are {what} in \"{name}\".");
            return Err(Refusal::new(Code::BucketNotEmpty, text).into());
        }
    }
    if plan.first(NULLS, &prefix)?.is_some() {
        return Err(Error::Row(format!("bucket \"{name}\" is empty, but for the number of a null version")));
    }
    for (row, _) in plan.all(SETTINGS, &prefix)? {
        plan.delete(SETTINGS, row);
    }
    plan.delete(OWN, keys::round(bucket.id));
    plan.delete(BUCKETS, Bytes::copy_from_slice(name.as_bytes()));
    plan.happened(Kind::BucketDeleted, name, "");
    Ok(())
}

/// Buckets by name whose names begin with `prefix`, above `after`, and whether there are more. At most [`PAGE_KEYS_MAX`] are looked at; `is_shown` says
/// which the requester may know of.
pub fn list(
    plan: &Plan<'_>,
    prefix: &str,
    after: Option<&str>,
    is_shown: impl Fn(&Bucket) -> bool,
) -> Result<(Vec<(String, Bucket)>, Option<String>)> {
    let start = match after.filter(|after| *after >= prefix) {
        None => Bound::Included(Bytes::copy_from_slice(prefix.as_bytes())),
        Some(after) => Bound::Excluded(Bytes::copy_from_slice(after.as_bytes())),
    };
    let page = plan.page(BUCKETS, prefix.as_bytes(), start, PAGE_KEYS_MAX)?;
    let mut buckets = Vec::new();
    let mut last = None;
    for (row, value) in &page.entries {
        let name = String::from_utf8(row.to_vec())
            .map_err(|_| Error::Row("a bucket's name is not UTF-8".to_owned()))?;
        let bucket: Bucket = values::decode(value).map_err(Error::Row)?;
        last = Some(name.clone());
        if is_shown(&bucket) {
            buckets.push((name, bucket));
        }
    }
    Ok((buckets, last.filter(|_| page.more)))
}

/// Sets whether puts make versions. Refuses: `NoSuchBucket`; `InvalidBucketState`, where versions can be locked.
pub fn set_versioning(plan: &mut Plan<'_>, name: &str, enabled: bool) -> Result<()> {
    let mut bucket = get(plan, name)?;
    if bucket.object_lock && !enabled {
        let text = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
        return Err(Refusal::new(Code::InvalidBucketState, text).into());
    }
    bucket.versioning = if enabled { Versioning::Enabled } else { Versioning::Suspended };
    plan.put_row(BUCKETS, Bytes::copy_from_slice(name.as_bytes()), &bucket);
    plan.happened(Kind::SettingChanged, name, "");
    Ok(())
}
