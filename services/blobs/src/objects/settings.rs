//! The settings of a bucket: documents of the rules, each under its number.

use bytes::Bytes;

use super::buckets;
use crate::entry::Kind;
use crate::error::{Code, Error as Refusal};
use crate::limits::STORED_SETTING_BYTES_MAX;
use crate::rows::keys::{BUCKETS, SETTINGS};
use crate::rows::{Bucket, Versioning, keys};
use crate::rules::setting::{self, Setting};
use crate::rules::{acl, cors, encryption, events, lifecycle, lock, logging, policy, tags, website};
use crate::state::{Error, Plan, Result};

/// A document that a bucket keeps.
pub trait Kept: Setting {
    /// Its number in rows. *Persisted.*
    const NUMBER: u8;
    /// What is said where there is none; nothing where there always is one.
    const MISSING: Code;
}

macro_rules! kept {
    ($($number:literal $document:ty, $missing:ident);* $(;)?) => {
        $(impl Kept for $document {
            const NUMBER: u8 = $number;
            const MISSING: Code = Code::$missing;
        })*

        #[cfg(test)]
        const NUMBERS: &[u8] = &[$($number),*];
    };
}

kept! {
    1 policy::Stored, NoSuchBucketPolicy;
    2 acl::Acl, NoSuchKey;
    3 acl::Ownership, OwnershipControlsNotFoundError;
    4 acl::PublicAccessBlock, NoSuchPublicAccessBlockConfiguration;
    5 lifecycle::Lifecycle, NoSuchLifecycleConfiguration;
    6 lock::Configuration, ObjectLockConfigurationNotFoundError;
    7 cors::Cors, NoSuchCORSConfiguration;
    8 website::Website, NoSuchWebsiteConfiguration;
    9 tags::Tags, NoSuchTagSet;
    10 events::Notifications, NoSuchKey;
    11 encryption::DefaultEncryption, ServerSideEncryptionConfigurationNotFoundError;
    12 logging::Logging, NoSuchKey;
}

/// A setting of a bucket, if it has it. For a bucket that was looked up in the same plan.
pub fn of<T: Kept>(plan: &Plan<'_>, bucket: &Bucket) -> Result<Option<T>> {
    let stored = plan.get(SETTINGS, &keys::setting(bucket.id, T::NUMBER))?;
    stored.map(|bytes| setting::decode(&bytes).map_err(Error::Row)).transpose()
}

/// A setting of a bucket. Refuses: `NoSuchBucket`; the setting's own code where there is none.
pub fn get<T: Kept>(plan: &Plan<'_>, name: &str) -> Result<T> {
    let bucket = buckets::get(plan, name)?;
    of(plan, &bucket)?.ok_or_else(|| {
        let text = format!("The bucket \"{name}\" has no {}.", T::NAME);
        Refusal::new(T::MISSING, text).into()
    })
}

/// Puts a setting that was checked. Refuses: `NoSuchBucket`; `InvalidRequest` for one that is too long to be logged.
pub fn put<T: Kept>(plan: &mut Plan<'_>, name: &str, document: &T) -> Result<()> {
    let bucket = buckets::get(plan, name)?;
    let stored = setting::encode(document);
    if stored.len() > STORED_SETTING_BYTES_MAX {
        let text = format!(
            "A {} of {} bytes is too long; {STORED_SETTING_BYTES_MAX} are allowed",
            T::NAME,
            stored.len()
        );
        return Err(Refusal::new(Code::InvalidRequest, text).into());
    }
    plan.put(SETTINGS, keys::setting(bucket.id, T::NUMBER), stored);
    plan.happened(Kind::SettingChanged, name, "");
    Ok(())
}

/// Deletes a setting, whether there is one or not. Refuses: `NoSuchBucket`.
pub fn delete<T: Kept>(plan: &mut Plan<'_>, name: &str) -> Result<()> {
    let bucket = buckets::get(plan, name)?;
    let key = keys::setting(bucket.id, T::NUMBER);
    if plan.get(SETTINGS, &key)?.is_some() {
        plan.delete(SETTINGS, key);
        plan.happened(Kind::SettingChanged, name, "");
    }
    Ok(())
}

/// Puts an object lock configuration, which turns object lock on for good. Refuses: `NoSuchBucket`, and what [`lock::Configuration::check`] does.
pub fn put_object_lock(plan: &mut Plan<'_>, name: &str, document: &lock::Configuration) -> Result<()> {
    let mut bucket = buckets::get(plan, name)?;
    document.check(bucket.versioning == Versioning::Enabled)?;
    put(plan, name, document)?;
    if !bucket.object_lock {
        bucket.object_lock = true;
        plan.put_row(BUCKETS, Bytes::copy_from_slice(name.as_bytes()), &bucket);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique() {
        let mut numbers = NUMBERS.to_vec();
        numbers.dedup();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    }
}
