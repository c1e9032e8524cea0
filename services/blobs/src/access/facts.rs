//! What the state says of a bucket and an object when it is asked who may do something to them.
//!
//! Of buckets it is kept in memory, since it is asked with each request and a policy takes long to read: for as long as no bucket was made, deleted or changed, which the state counts.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Bucket, Object};
use crate::error::Code;
use crate::limits::FACTS_BUCKETS_MAX;
use crate::objects::{buckets, read, settings};
use crate::rows::VersionId;
use crate::rules::logging::Logging;
use crate::rules::policy::{self, Kind, Policy};
use crate::state::{Blobs, Error, Plan, Result};

/// What is known of a bucket for each request.
#[derive(Debug)]
pub struct Known {
    /// For who may do what.
    pub bucket: Bucket,
    /// Where its access log goes, if it has one.
    pub logging: Option<Logging>,
}

/// What is known of buckets, as of one count of changes. At most [`FACTS_BUCKETS_MAX`] of them.
#[derive(Debug, Default)]
pub struct Cache(Mutex<(u64, HashMap<String, Arc<Known>>)>);

impl Cache {
    /// A bucket; nothing if there is none. For a plan that decided nothing yet.
    pub fn bucket(&self, blobs: &Blobs, plan: &Plan<'_>, name: &str) -> Result<Option<Arc<Known>>> {
        // The plan has the shard's lock, so the count is that of what it sees.
        let changes = blobs.counters().buckets();
        {
            let mut kept = self.0.lock();
            if kept.0 != changes {
                kept.0 = changes;
                kept.1.clear();
            }
            if let Some(known) = kept.1.get(name) {
                return Ok(Some(Arc::clone(known)));
            }
        }
        let Some(known) = known(plan, name)? else { return Ok(None) };
        let known = Arc::new(known);
        let mut kept = self.0.lock();
        if kept.1.len() >= FACTS_BUCKETS_MAX {
            kept.1.clear();
        }
        kept.1.insert(name.to_owned(), Arc::clone(&known));
        Ok(Some(known))
    }
}

fn known(plan: &Plan<'_>, name: &str) -> Result<Option<Known>> {
    let row = match buckets::get(plan, name) {
        Err(Error::Refused(refusal)) if refusal.code == Code::NoSuchBucket => return Ok(None),
        found => found?,
    };
    let stored: Option<policy::Stored> = settings::of(plan, &row)?;
    let policy = stored.as_ref().map(|stored| Policy::parse(&stored.text, Kind::Bucket(name))).transpose();
    let policy = policy.map_err(|error| Error::Row(format!("the policy of bucket \"{name}\": {error}")))?;
    let logging = settings::of(plan, &row)?;
    let bucket = Bucket {
        name: name.to_owned(),
        policy,
        owner_may_be_denied: stored.is_some_and(|stored| stored.owner_may_be_denied),
        ownership: settings::of(plan, &row)?.unwrap_or_default(),
        acl: settings::of(plan, &row)?,
        block: settings::of(plan, &row)?.unwrap_or_default(),
        account: row.account,
        owner: row.owner,
    };
    Ok(Some(Known { bucket, logging }))
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
