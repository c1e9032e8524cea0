//! Uploads that were completed lately: a client that lost the answer asks again, and gets it again, as long as the version that it made is there.
//!
//! In memory, [`COMPLETED_KEPT_MAX`] of them: after a restart, and of those that are older, the answer is that there is no such upload.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::multipart::{Complete, Listed};
use super::put::Made;
use super::{buckets, versions};
use crate::limits::COMPLETED_KEPT_MAX;
use crate::rows::{Etag, Seq, UploadId, Version, VersionId, Versioning};
use crate::rules::checksums::EtagHasher;
use crate::state::{Plan, Result};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    upload: UploadId,
    /// Of bucket, key and the list of parts.
    asked: [u8; 16],
    /// What it made.
    version: (Seq, VersionId, Etag),
}

/// Those of a service.
#[derive(Debug, Default)]
pub struct Completed(Mutex<VecDeque<Kept>>);

fn digest(complete: &Complete<'_>) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(complete.bucket);
    add(complete.key);
    for Listed { number, etag, .. } in complete.parts {
        add(&number.to_string());
        add(etag.trim().trim_matches('"'));
    }
    hasher.finish()
}

fn told(version: &Version) -> Option<(Seq, VersionId, Etag)> {
    Some((version.seq, version.id(), version.object()?.etag))
}

impl Completed {
    /// Keeps a completion: in the step in which it is decided, so that nobody who asks after it misses it. One that comes to nothing after all names a version that is not there.
    pub fn keep(&self, complete: &Complete<'_>, made: &Made) {
        let Some(version) = told(&made.version) else { return };
        let kept = Kept { upload: complete.upload, asked: digest(complete), version };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.upload != kept.upload);
        if all.len() == COMPLETED_KEPT_MAX {
            all.pop_front();
        }
        all.push_back(kept);
    }

    /// What the same completion made before, if that is there still. Refuses: `NoSuchBucket`.
    pub fn again(&self, plan: &Plan<'_>, complete: &Complete<'_>) -> Result<Option<Made>> {
        let found = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().find(|kept| kept.upload == complete.upload).copied()
        };
        let Some(kept) = found else { return Ok(None) };
        let bucket = buckets::get(plan, complete.bucket)?;
        if kept.asked != digest(complete) {
            return Ok(None);
        }
        let id = Some(kept.version.1).filter(|_| bucket.versioning != Versioning::Off);
        let found = versions::asked(plan, &bucket, complete.key, id);
        let version = found.ok().map(|placed| placed.version);
        let version = version.filter(|version| told(version) == Some(kept.version));
        Ok(version.map(|version| Made { version, id }))
    }
}
