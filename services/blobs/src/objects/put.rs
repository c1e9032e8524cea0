//! Puts of objects.

use super::bodies::{self, NewBody};
use super::{buckets, settings, versions};
use crate::entry::Kind;
use crate::error::{Code, Error as Refusal};
use crate::limits::PUT_BYTES_MAX;
use crate::rows::{Bucket, Checksum, Etag, Meta, Object, Version, VersionId, Versioning, What};
use crate::rules::acl::Acl;
use crate::rules::conditions::{self, Conditions, Current};
use crate::rules::encryption::Encryption;
use crate::rules::lifecycle::Day;
use crate::rules::lock::{Configuration, Lock};
use crate::rules::names;
use crate::rules::tags::{On, Tags};
use crate::state::{Plan, Result};
use bole_base::Timestamp;

/// What a new object is besides its body.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// The canonical id of its owner.
    pub owner: String,
    /// Its headers.
    pub meta: Meta,
    /// Its tags.
    pub tags: Tags,
    /// What its headers ask for; without a retention the bucket's default counts.
    pub lock: Lock,
    /// Its access control list.
    pub acl: Option<Acl>,
    /// How it is encrypted.
    pub encryption: Option<Encryption>,
}

impl Attributes {
    /// Checks bounds and documents, and that locks are asked for only where they can be. The lock with the bucket's default.
    pub(super) fn check(&self, plan: &Plan<'_>, bucket: &Bucket) -> Result<Lock> {
        self.meta.check()?;
        self.tags.check(On::Object)?;
        if !bucket.object_lock {
            if self.lock != Lock::default() {
                return Err(Refusal::new(
                    Code::InvalidRequest,
                    "Bucket is missing Object Lock Configuration",
                )
                .into());
            }
            return Ok(Lock::default());
        }
        if let Some(retention) = &self.lock.retention {
            retention.check(plan.now())?;
        }
        let configuration: Configuration = settings::of(plan, bucket)?.unwrap_or_default();
        Ok(configuration.at_put(self.lock, plan.now(), Day::default())?)
    }
}

/// A put.
#[derive(Clone, Debug)]
pub struct Put<'a> {
    /// Into which bucket.
    pub bucket: &'a str,
    /// Under which key.
    pub key: &'a str,
    /// The body.
    pub body: NewBody,
    /// Its MD5.
    pub md5: [u8; 16],
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// What else.
    pub attributes: Attributes,
    /// What must hold of the current version.
    pub conditions: Conditions<'a>,
}

/// A version that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The version.
    pub version: Version,
    /// Its id, where the bucket has or had versions; clients are not told otherwise.
    pub id: Option<VersionId>,
}

/// Puts an object. Refuses: `NoSuchBucket`, `EntityTooLarge`, `MetadataTooLarge`, and what names, conditions, tags and object lock do.
pub fn put(plan: &mut Plan<'_>, put: &Put<'_>) -> Result<Made> {
    let bucket = buckets::get(plan, put.bucket)?;
    names::key(put.key.as_bytes())?;
    let bytes = put.body.bytes();
    check_size(bytes)?;
    let lock = put.attributes.check(plan, &bucket)?;
    check_write(plan, &bucket, put.key, &put.conditions)?;
    put.body.check(put.attributes.encryption.as_ref())?;
    let body = bodies::take(plan, &put.body)?;
    let etag = Etag::of(put.md5);
    let object = object(
        &put.attributes,
        lock,
        Object {
            bytes,
            etag,
            checksum: put.checksum.clone(),
            body,
            meta: Meta::default(),
            tags: Tags::default(),
            lock,
            acl: None,
            encryption: None,
        },
    );
    make(plan, Kind::Put, put.bucket, &bucket, put.key, &put.attributes.owner, object)
}

/// Refuses a body that is larger than one put may be.
pub fn check_size(bytes: u64) -> Result<()> {
    if bytes <= PUT_BYTES_MAX {
        return Ok(());
    }
    let text = format!(
        "Your proposed upload exceeds the maximum allowed size: it has {bytes} bytes; {PUT_BYTES_MAX} are allowed"
    );
    Err(Refusal::new(Code::EntityTooLarge, text).into())
}

/// An object with its attributes.
pub(super) fn object(attributes: &Attributes, lock: Lock, body: Object) -> Object {
    Object {
        meta: attributes.meta.clone(),
        tags: attributes.tags.clone(),
        lock,
        acl: attributes.acl.clone(),
        encryption: attributes.encryption.clone(),
        ..body
    }
}

/// Judges what a write needs of what is there: its conditions, and locks on what it would overwrite.
pub(super) fn check_write(
    plan: &Plan<'_>,
    bucket: &Bucket,
    key: &str,
    wanted: &Conditions<'_>,
) -> Result<()> {
    if *wanted != Conditions::default() {
        let current = versions::current(plan, bucket, key)?;
        let etag = current.as_ref().and_then(Version::object).map(|object| object.etag.text());
        let current = current.as_ref().zip(etag.as_deref());
        let current =
            current.map(|(version, etag)| Current { etag, modified: Timestamp(version.created_ms) });
        conditions::write(wanted, current.as_ref())?;
    }
    versions::check_overwrite(plan, bucket, key)
}

/// Makes the version, and says so.
pub(super) fn make(
    plan: &mut Plan<'_>,
    kind: Kind,
    name: &str,
    bucket: &Bucket,
    key: &str,
    owner: &str,
    object: Object,
) -> Result<Made> {
    let told = (object.bytes, object.etag.text());
    let version = versions::make(plan, bucket, key, owner, What::Object(Box::new(object)))?;
    let happened = plan.happened(kind, name, key);
    (happened.version, happened.object) = (Some(version.id()), Some(told));
    let id = (bucket.versioning != Versioning::Off).then(|| version.id());
    Ok(Made { version, id })
}
