//! What the state says of a bucket and an object when it is asked who may do something to them.

use super::{Bucket, Object};
use crate::error::Code;
use crate::objects::{buckets, read, settings};
use crate::rows::VersionId;
use crate::rules::policy::{self, Kind, Policy};
use crate::state::{Error, Plan, Result};

/// A bucket; nothing if there is none.
pub fn bucket(plan: &Plan<'_>, name: &str) -> Result<Option<Bucket>> {
    let row = match buckets::get(plan, name) {
        Err(Error::Refused(refusal)) if refusal.code == Code::NoSuchBucket => return Ok(None),
        found => found?,
    };
    let stored: Option<policy::Stored> = settings::of(plan, &row)?;
    let policy = stored.as_ref().map(|stored| Policy::parse(&stored.text, Kind::Bucket(name))).transpose();
    let policy = policy.map_err(|error| Error::Row(format!("the policy of bucket \"{name}\": {error}")))?;
    Ok(Some(Bucket {
        name: name.to_owned(),
        policy,
        owner_may_be_denied: stored.is_some_and(|stored| stored.owner_may_be_denied),
        ownership: settings::of(plan, &row)?.unwrap_or_default(),
        acl: settings::of(plan, &row)?,
        block: settings::of(plan, &row)?.unwrap_or_default(),
        account: row.account,
        owner: row.owner,
    }))
}

/// An object; nothing if there is none, or if it is a delete marker.
pub fn object(
    plan: &Plan<'_>,
    bucket: &str,
    key: &str,
    version: Option<VersionId>,
) -> Result<Option<Object>> {
    let found = match read::head(plan, bucket, key, version) {
        Err(Error::Refused(_)) => return Ok(None),
        found => found?,
    };
    let owner = found.version.owner.clone();
    let object = found.version.object();
    Ok(object.map(|object| Object { owner, acl: object.acl.clone(), tags: object.tags.clone() }))
}
