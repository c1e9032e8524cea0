//! Multipart uploads. Completion moves no byte: the object is on the chunks of the parts that the list names, and the others are given up.

use std::ops::Bound;

use super::bodies::{self, NewBody};
use super::buckets;
use super::put::{self, Attributes, Made};
use crate::entry::Kind;
use crate::error::{Code, Error as Refusal, Result as Refused, shown};
use crate::limits::{OBJECT_BYTES_MAX, PARTS_MAX};
use crate::rows::ids::no_such_upload;
use crate::rows::keys::{PARTS, UPLOADS};
use crate::rows::values::{self, algorithm_of, number_of};
use crate::rows::{
    Bucket, Checksum, Etag, Meta, Object, Part, PartInfo, Pieces, Seq, Upload, UploadId, keys,
};
use crate::rules::checksums::{self, Algorithm, EtagHasher, Type, Value};
use crate::rules::conditions::Conditions;
use crate::rules::lock::Lock;
use crate::rules::names;
use crate::rules::tags::Tags;
use crate::state::{Error, Plan, Result};

/// A new upload.
#[derive(Clone, Debug)]
pub struct Begin<'a> {
    /// Into which bucket.
    pub bucket: &'a str,
    /// Under which key.
    pub key: &'a str,
    /// The canonical id of who begins it.
    pub initiator: &'a str,
    /// What the object is besides its body.
    pub attributes: Attributes,
    /// The algorithm of its checksums, and of what that of the object is.
    pub checksum: Option<(Algorithm, Type)>,
}

/// Begins an upload. Refuses: as [`put::put`], and what [`Algorithm::multipart_type`] does.
pub fn begin(plan: &mut Plan<'_>, begin: &Begin<'_>) -> Result<Upload> {
    let bucket = buckets::get(plan, begin.bucket)?;
    names::key(begin.key.as_bytes())?;
    begin.attributes.check(plan, &bucket)?;
    if let Some((algorithm, kind)) = begin.checksum {
        algorithm.multipart_type(Some(kind))?;
    }
    let Attributes { owner, meta, tags, lock, acl, encryption } = begin.attributes.clone();
    let upload = Upload {
        seq: plan.new_seq(),
        created_ms: plan.now().0,
        owner,
        initiator: begin.initiator.to_owned(),
        checksum: begin.checksum.map(|(algorithm, kind)| (number_of(algorithm), kind == Type::Composite)),
        meta,
        tags,
        lock,
        acl,
        encryption,
    };
    plan.put_row(UPLOADS, keys::upload(bucket.id, begin.key, upload.seq), &upload);
    plan.happened(Kind::UploadBegun, begin.bucket, begin.key);
    Ok(upload)
}

impl Upload {
    /// Its id for clients.
    pub const fn id(&self) -> UploadId {
        UploadId(self.seq)
    }

    /// The algorithm of its checksums, and of what that of the object is.
    pub fn algorithm(&self) -> Option<(Algorithm, Type)> {
        let (number, is_composite) = self.checksum?;
        let kind = if is_composite { Type::Composite } else { Type::FullObject };
        Some((algorithm_of(number)?, kind))
    }
}

/// An upload in progress. Refuses: `NoSuchBucket`, `NoSuchUpload`.
pub fn upload(plan: &Plan<'_>, bucket: &str, key: &str, id: UploadId) -> Result<Upload> {
    let bucket = buckets::get(plan, bucket)?;
    find(plan, &bucket, key, id)
}

fn find(plan: &Plan<'_>, bucket: &Bucket, key: &str, id: UploadId) -> Result<Upload> {
    let row = plan.row(UPLOADS, &keys::upload(bucket.id, key, id.0))?;
    row.ok_or_else(|| no_such_upload().into())
}

/// A part that came.
#[derive(Clone, Debug)]
pub struct PutPart<'a> {
    /// The upload's bucket.
    pub bucket: &'a str,
    /// The upload's key.
    pub key: &'a str,
    /// The upload.
    pub upload: UploadId,
    /// Its number: 1 to 10,000.
    pub number: u16,
    /// Its body.
    pub body: NewBody,
    /// Its MD5.
    pub md5: [u8; 16],
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// Puts a part in place of what had its number. Refuses: `NoSuchBucket`, `NoSuchUpload`, `InvalidArgument` for a number, `EntityTooLarge`, `InvalidRequest` for a
/// checksum of another algorithm than the upload's.
pub fn put_part(plan: &mut Plan<'_>, put: &PutPart<'_>) -> Result<Part> {
    let upload = upload(plan, put.bucket, put.key, put.upload)?;
    check_part(&upload, put.number, put.body.bytes(), put.checksum.as_ref())?;
    put.body.check(upload.encryption.as_ref())?;
    let body = bodies::take(plan, &put.body)?;
    make_part(
        plan,
        put.bucket,
        put.key,
        &upload,
        put.number,
        Part {
            seq: Seq::default(),
            created_ms: 0,
            bytes: put.body.bytes(),
            md5: put.md5,
            checksum: put.checksum.clone(),
            body,
        },
    )
}

pub(super) fn check_part(
    upload: &Upload,
    number: u16,
    bytes: u64,
    checksum: Option<&Checksum>,
) -> Result<()> {
    if !(1..=PARTS_MAX).contains(&u32::from(number)) {
        let text =
            format!("Part number must be an integer between 1 and {PARTS_MAX}, inclusive; it is {number}");
        return Err(Refusal::new(Code::InvalidArgument, text).into());
    }
    put::check_size(bytes)?;
    let wanted = upload.algorithm().map(|(algorithm, _)| algorithm);
    let found = checksum.and_then(Checksum::value).map(|value| value.algorithm());
    if let (Some(wanted), Some(found)) = (wanted, found)
        && wanted != found
    {
        let text = format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            wanted.name().to_lowercase(),
            found.name().to_lowercase()
        );
        return Err(Refusal::new(Code::InvalidRequest, text).into());
    }
    Ok(())
}

/// Writes a part whose body was taken in, in place of what had its number.
pub(super) fn make_part(
    plan: &mut Plan<'_>,
    bucket: &str,
    key: &str,
    upload: &Upload,
    number: u16,
    part: Part,
) -> Result<Part> {
    let row = keys::part(upload.seq, number);
    if let Some(old) = plan.row::<Part>(PARTS, &row)? {
        bodies::release(plan, &old.body)?;
    }
    let part = Part { seq: plan.new_seq(), created_ms: plan.now().0, ..part };
    plan.put_row(PARTS, row, &part);
    plan.happened(Kind::PartPut, bucket, key);
    Ok(part)
}

/// Parts by number, above `after`, at most `max`; whether there are more.
pub fn list_parts(
    plan: &Plan<'_>,
    upload: &Upload,
    after: u16,
    max: usize,
) -> Result<(Vec<(u16, Part)>, bool)> {
    let start = Bound::Excluded(keys::part(upload.seq, after));
    let page = plan.page(PARTS, &keys::seq(upload.seq), start, max)?;
    let parts = page.entries.iter().map(|(row, value)| read_part(row, value));
    Ok((parts.collect::<Result<_>>()?, page.more))
}

fn read_part(row: &[u8], value: &[u8]) -> Result<(u16, Part)> {
    let number = keys::read_part(row).ok_or_else(|| Error::Row("a part's row has no number".to_owned()))?;
    Ok((number, values::decode(value).map_err(Error::Row)?))
}

fn all_parts(plan: &Plan<'_>, upload: &Upload) -> Result<Vec<(u16, Part)>> {
    let rows = plan.all(PARTS, &keys::seq(upload.seq))?;
    rows.iter().map(|(row, value)| read_part(row, value)).collect()
}

/// A part of the list that a completion comes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub number: u16,
    /// Its ETag, with or without quotes.
    pub etag: String,
    /// Its checksum, if the client says it again.
    pub checksum: Option<Value>,
}

/// A completion.
#[derive(Clone, Debug)]
pub struct Complete<'a> {
    /// The upload's bucket.
    pub bucket: &'a str,
    /// The upload's key.
    pub key: &'a str,
    /// The upload.
    pub upload: UploadId,
    /// The parts of the object.
    pub parts: &'a [Listed],
    /// The object's checksum, if the client says it, and of how many parts' checksums it is one, where it says that.
    pub checksum: Option<(Value, Option<u32>)>,
    /// The object's size, if the client says it.
    pub bytes: Option<u64>,
    /// What must hold of the current version.
    pub conditions: Conditions<'a>,
    /// The least that each part but the last has: S3's is [`PART_BYTES_MIN`](crate::limits::PART_BYTES_MIN).
    pub part_bytes_min: u64,
}

/// Completes an upload. Refuses: `NoSuchBucket`, `NoSuchUpload`, `MalformedXML`, `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, `EntityTooLarge`, `BadDigest`,
/// `InvalidRequest`, and what conditions and object lock do.
pub fn complete(plan: &mut Plan<'_>, complete: &Complete<'_>) -> Result<Made> {
    let bucket = buckets::get(plan, complete.bucket)?;
    let upload = find(plan, &bucket, complete.key, complete.upload)?;
    let there = all_parts(plan, &upload)?;
    let chosen = choose(&there, complete.parts)?;
    let bytes = check_sizes(&chosen, complete)?;
    let checksum = checksum(&upload, &chosen, complete.checksum.as_ref())?;
    let attributes = Attributes {
        owner: upload.owner.clone(),
        meta: upload.meta.clone(),
        tags: upload.tags.clone(),
        lock: upload.lock,
        acl: upload.acl.clone(),
        encryption: upload.encryption.clone(),
    };
    let lock = completed_lock(plan, &bucket, &attributes)?;
    put::check_write(plan, &bucket, complete.key, &complete.conditions)?;

    let mut made = Pieces::default();
    let mut md5 = EtagHasher::default();
    for (number, part) in &chosen {
        md5.update(&part.md5);
        let pieces = bodies::pieces(plan, &part.body, part.bytes)?;
        if let crate::rows::Body::Pieces(seq) = part.body {
            plan.delete(keys::PIECES, keys::seq(seq));
        }
        made.pieces.extend(pieces.pieces);
        made.parts.push(PartInfo { number: *number, bytes: part.bytes, checksum: part.checksum.clone() });
    }
    bodies::check_sound(plan, &made.pieces)?;
    let etag = Etag { md5: md5.finish(), parts: chosen.len() as u16 };
    let is_chosen = |number: u16| chosen.binary_search_by_key(&number, |(number, _)| *number).is_ok();
    for (_, part) in there.iter().filter(|(number, _)| !is_chosen(*number)) {
        bodies::release(plan, &part.body)?;
    }
    forget(plan, &bucket, complete.key, &upload, &there);
    let body = bodies::keep(plan, &made)?;
    let object = put::object(
        &attributes,
        lock,
        Object {
            bytes,
            etag,
            checksum,
            body,
            meta: Meta::default(),
            tags: Tags::default(),
            lock,
            acl: None,
            encryption: None,
        },
    );
    put::make(plan, Kind::Completed, complete.bucket, &bucket, complete.key, &attributes.owner, object)
}

/// The lock of the object. A date that has passed since the upload was begun binds nobody, and is no reason to lose the upload.
fn completed_lock(plan: &Plan<'_>, bucket: &Bucket, attributes: &Attributes) -> Result<Lock> {
    let asked = attributes.lock;
    let is_over = asked.retention.is_some_and(|retention| retention.until_ms <= plan.now().0);
    if is_over { Ok(asked) } else { attributes.check(plan, bucket) }
}

/// The parts that a list names: there, in order, and with the ETags that it says.
fn choose<'p>(there: &'p [(u16, Part)], listed: &[Listed]) -> Refused<Vec<&'p (u16, Part)>> {
    if listed.is_empty() || listed.len() > PARTS_MAX as usize {
        let count = listed.len();
        let text = format!(
            "The XML you provided was not well-formed: the list of parts has {count}; 1 to {PARTS_MAX} are allowed"
        );
        return Err(Refusal::new(Code::MalformedXML, text));
    }
    if let Some(pair) = listed.windows(2).find(|pair| pair[0].number >= pair[1].number) {
        let text = format!(
            "The list of parts was not in ascending order: part {} is before part {}.",
            pair[0].number, pair[1].number
        );
        return Err(Refusal::new(Code::InvalidPartOrder, text));
    }
    let choose = |listed: &Listed| {
        let index = there.binary_search_by_key(&listed.number, |(number, _)| *number).ok();
        let found = index.map(|index| &there[index]);
        let fits = |part: &Part| {
            let etag = Etag::of(part.md5).text();
            let said = listed.etag.trim().trim_matches('"');
            let checksum = listed.checksum.as_ref();
            said == etag
                && checksum.is_none_or(|said| {
                    part.checksum.as_ref().and_then(Checksum::value).as_ref() == Some(said)
                })
        };
        found.filter(|(_, part)| fits(part)).ok_or_else(|| {
            let text = format!(
                "One or more of the specified parts could not be found: part {} with ETag \"{}\". The part may not have been uploaded, or the specified entity tag or checksum may not match the part's.",
                listed.number,
                shown(&listed.etag)
            );
            Refusal::new(Code::InvalidPart, text)
        })
    };
    listed.iter().map(choose).collect()
}

/// The object's size.
fn check_sizes(chosen: &[&(u16, Part)], complete: &Complete<'_>) -> Refused<u64> {
    let (least, said) = (complete.part_bytes_min, complete.bytes);
    let [but_last @ .., _] = chosen else { return Ok(0) };
    if let Some((number, part)) = but_last.iter().find(|(_, part)| part.bytes < least) {
        let text = format!(
            "Your proposed upload is smaller than the minimum allowed size: part {number} has {} bytes; all but the last have at least {least}",
            part.bytes
        );
        return Err(Refusal::new(Code::EntityTooSmall, text));
    }
    let bytes = chosen.iter().map(|(_, part)| part.bytes).sum();
    if bytes > OBJECT_BYTES_MAX {
        let text = format!("The object would have {bytes} bytes; {OBJECT_BYTES_MAX} are allowed");
        return Err(Refusal::new(Code::EntityTooLarge, text));
    }
    if let Some(said) = said.filter(|said| *said != bytes) {
        let text = format!(
            "The provided 'x-amz-mp-object-size' header does not match what was computed: it is {said}, and the parts have {bytes} bytes"
        );
        return Err(Refusal::new(Code::InvalidRequest, text));
    }
    Ok(bytes)
}

/// The object's checksum, compared with what the client says.
fn checksum(
    upload: &Upload,
    chosen: &[&(u16, Part)],
    said: Option<&(Value, Option<u32>)>,
) -> Refused<Option<Checksum>> {
    let Some((algorithm, kind)) = upload.algorithm() else {
        return match said {
            None => Ok(None),
            Some((said, _)) => Err(Refusal::new(
                Code::InvalidRequest,
                format!(
                    "The upload was created without a checksum algorithm, and its completion has one of {}",
                    said.algorithm().name()
                ),
            )),
        };
    };
    let mut values = Vec::with_capacity(chosen.len());
    for (number, part) in chosen {
        let value = part.checksum.as_ref().and_then(Checksum::value);
        let value = value.filter(|value| value.algorithm() == algorithm).ok_or_else(|| {
            let name = algorithm.name().to_lowercase();
            let text = format!(
                "The upload was created using a {name} checksum. Part {number} was uploaded without one."
            );
            Refusal::new(Code::InvalidRequest, text)
        })?;
        values.push((value, part.bytes));
    }
    let count = values.len() as u16;
    let (value, parts) = match kind {
        Type::FullObject => (checksums::combine(algorithm, &values), 0),
        Type::Composite => {
            let mut hasher = checksums::Hasher::new(algorithm);
            values.iter().for_each(|(value, _)| hasher.update(value.bytes()));
            (Some(hasher.finish()), count)
        }
    };
    let value = value.ok_or_else(|| {
        let text = format!("The checksums of parts by {} cannot be combined", algorithm.name());
        Refusal::new(Code::InvalidRequest, text)
    })?;
    if let Some((said, said_parts)) = said {
        value.check(said)?;
        if said_parts.is_some_and(|said| said != u32::from(parts)) {
            let text = format!("The checksum you specified is of another number of parts than {parts}");
            return Err(Refusal::new(Code::BadDigest, text));
        }
    }
    Ok(Some(Checksum::composite(&value, parts)))
}

fn forget(plan: &mut Plan<'_>, bucket: &Bucket, key: &str, upload: &Upload, parts: &[(u16, Part)]) {
    plan.delete(UPLOADS, keys::upload(bucket.id, key, upload.seq));
    plan.delete_parts(upload.seq, parts.last().map_or(0, |(number, _)| *number));
}

/// Gives an upload up, with all parts. Refuses: `NoSuchBucket`, `NoSuchUpload`.
pub fn abort(plan: &mut Plan<'_>, bucket: &str, key: &str, id: UploadId) -> Result<()> {
    let name = bucket;
    let bucket = buckets::get(plan, name)?;
    let upload = find(plan, &bucket, key, id)?;
    let parts = all_parts(plan, &upload)?;
    for (_, part) in &parts {
        bodies::release(plan, &part.body)?;
    }
    forget(plan, &bucket, key, &upload, &parts);
    plan.happened(Kind::UploadAborted, name, key);
    Ok(())
}
