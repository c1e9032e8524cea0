//! Copies: of an object, and of a range of one into a part of an upload. No byte is moved: the copy is on the same chunks. Where it is encrypted otherwise than its
//! source, or a part of an encrypted one, its bytes come with it, sealed anew.

use std::ops::Range;

use bole_base::Timestamp;

use super::bodies::NewBody;
use super::put::{self, Attributes, Made};
use super::{bodies, buckets, multipart, versions};
use crate::entry::Kind;
use crate::error::{Code, Error as Refusal};
use crate::rows::{Bucket, Checksum, Etag, Object, Part, Seq, UploadId, Version, VersionId};
use crate::rules::conditions::{self, Conditions, Current};
use crate::rules::encryption::Encryption;
use crate::rules::names;
use crate::state::{Plan, Result};

/// What is copied.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// Its bucket.
    pub bucket: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Which version, if not the current one.
    pub version: Option<VersionId>,
    /// What must hold of it.
    pub conditions: Conditions<'a>,
    /// The version whose bytes were read for the digests that come with the request; with another one they are wrong, and the copy is refused with `OperationAborted`.
    pub read: Option<Seq>,
}

/// A copy of an object.
#[derive(Clone, Debug)]
pub struct Copy<'a> {
    /// What is copied.
    pub from: From<'a>,
    /// Into which bucket.
    pub bucket: &'a str,
    /// Under which key.
    pub key: &'a str,
    /// What must hold of the target's current version.
    pub conditions: Conditions<'a>,
    /// What the copy is besides its body. Without [`Copy::replace_meta`] its headers are the source's, without [`Copy::replace_tags`] its tags.
    pub attributes: Attributes,
    /// Whether its headers are those in `attributes`.
    pub replace_meta: bool,
    /// Whether its tags are those in `attributes`.
    pub replace_tags: bool,
    /// MD5 and checksum of the body, where they were computed anew, together with [`From::read`]; without them the source's stay.
    pub digests: Option<([u8; 16], Option<Checksum>)>,
    /// Its bytes, where they were sealed anew, together with [`From::read`] and the digests.
    pub body: Option<NewBody>,
}

/// What a copy made, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What was made.
    pub made: Made,
    /// The version that was copied.
    pub source: Version,
    /// Its id, where its bucket has or had versions.
    pub source_id: Option<VersionId>,
}

/// Copies an object. Refuses: as [`put::put`], and as [`super::read::open`] and conditions do of the source; `InvalidRequest` for a copy onto itself that changes nothing.
pub fn copy(plan: &mut Plan<'_>, copy: &Copy<'_>) -> Result<Copied> {
    let (source_bucket, source) = source(plan, &copy.from)?;
    let Some(object) = source.object() else { return Err(gone().into()) };
    let bucket = buckets::get(plan, copy.bucket)?;
    names::key(copy.key.as_bytes())?;
    put::check_size(object.bytes)?;
    let itself = copy.from.version.is_none() && source_bucket.id == bucket.id && copy.from.key == copy.key;
    if itself && !copy.replace_meta && copy.attributes.encryption == object.encryption {
        let text = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(Refusal::new(Code::InvalidRequest, text).into());
    }
    if copy.body.is_none() {
        check_same(object, copy.attributes.encryption.as_ref())?;
    }
    let mut attributes = copy.attributes.clone();
    if !copy.replace_meta {
        attributes.meta = object.meta.clone();
    }
    if !copy.replace_tags {
        attributes.tags = object.tags.clone();
    }
    let lock = attributes.check(plan, &bucket)?;
    put::check_write(plan, &bucket, copy.key, &copy.conditions)?;
    let body = if let Some(body) = &copy.body {
        body.check(attributes.encryption.as_ref())?;
        bodies::take(plan, body)?
    } else {
        let is_sealed = object.encryption.is_some();
        bodies::copy(plan, &object.body, object.bytes, &(0..object.bytes), is_sealed)?
    };
    let (etag, checksum) = match &copy.digests {
        Some((md5, checksum)) => (Etag::of(*md5), checksum.clone()),
        None => (object.etag, object.checksum.clone()),
    };
    let new = put::object(&attributes, lock, Object { etag, checksum, body, ..object.clone() });
    let made = put::make(plan, Kind::Copied, copy.bucket, &bucket, copy.key, &attributes.owner, new)?;
    let has_versions = source_bucket.versioning != crate::rows::Versioning::Off;
    let source_id = has_versions.then(|| source.id());
    Ok(Copied { made, source, source_id })
}

/// The source, judged.
fn source(plan: &Plan<'_>, from: &From<'_>) -> Result<(Bucket, Version)> {
    let bucket = buckets::get(plan, from.bucket)?;
    let version = versions::asked_object(plan, &bucket, from.key, from.version)?.version;
    let etag = version.object().map(|object| object.etag.text()).unwrap_or_default();
    let current = Current { etag: &etag, modified: Timestamp(version.created_ms) };
    conditions::copy_source(&from.conditions, &current)?;
    if from.read.is_some_and(|seq| seq != version.seq) {
        return Err(changed().into());
    }
    Ok((bucket, version))
}

/// Bytes that are encrypted otherwise are another body. Whoever asks looked at the source before; it is another one by now.
fn check_same(object: &Object, wanted: Option<&Encryption>) -> Result<()> {
    if object.encryption.as_ref() == wanted { Ok(()) } else { Err(changed().into()) }
}

fn changed() -> Refusal {
    let text = "A conflicting operation is in progress against this resource: the source was overwritten while it was read. Please try again.";
    Refusal::new(Code::OperationAborted, text)
}

fn gone() -> Refusal {
    Refusal::new(Code::NoSuchKey, "The specified key does not exist.")
}

/// A copy into a part.
#[derive(Clone, Debug)]
pub struct CopyPart<'a> {
    /// What is copied. Its `read` says of which version the digests are.
    pub from: From<'a>,
    /// Which of its bytes; nothing for all.
    pub range: Option<Range<u64>>,
    /// The upload's bucket.
    pub bucket: &'a str,
    /// The upload's key.
    pub key: &'a str,
    /// The upload.
    pub upload: UploadId,
    /// The part's number.
    pub number: u16,
    /// Its bytes, where it or its source is encrypted.
    pub body: Option<NewBody>,
    /// The MD5 of the range.
    pub md5: [u8; 16],
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// Copies a range into a part. Refuses: as [`multipart::put_part`], and as copies do of the source; `InvalidRange`.
pub fn copy_part(plan: &mut Plan<'_>, copy: &CopyPart<'_>) -> Result<Part> {
    let (_, source) = source(plan, &copy.from)?;
    let Some(object) = source.object() else { return Err(gone().into()) };
    let range = copy.range.clone().unwrap_or(0..object.bytes);
    if range.end > object.bytes || range.start > range.end {
        let text = format!(
            "Range specified is not valid for source object of size {}: it is {} to {}",
            object.bytes, range.start, range.end
        );
        return Err(Refusal::new(Code::InvalidRange, text).into());
    }
    let upload = multipart::upload(plan, copy.bucket, copy.key, copy.upload)?;
    if copy.body.is_none() && (object.encryption.is_some() || upload.encryption.is_some()) {
        return Err(changed().into());
    }
    multipart::check_part(&upload, copy.number, range.end - range.start, copy.checksum.as_ref())?;
    let body = match &copy.body {
        Some(body) => {
            body.check(upload.encryption.as_ref())?;
            bodies::take(plan, body)?
        }
        None => bodies::copy(plan, &object.body, object.bytes, &range, false)?,
    };
    multipart::make_part(
        plan,
        copy.bucket,
        copy.key,
        &upload,
        copy.number,
        Part {
            seq: Seq::default(),
            created_ms: 0,
            bytes: range.end - range.start,
            md5: copy.md5,
            checksum: copy.checksum.clone(),
            body,
        },
    )
}
