//! Multipart uploads: begun, filled, told, completed, given up.

use std::ops::Range;

use s3s::{S3Request, S3Response, dto};

use super::copies::{Target, moved};
use super::encryption::{Told, own, refuse_requested, told};
use super::headers::{
    announced, attributes, conditions, etag, modified, refuse_unsupported, shown, text, version,
};
use super::objects::read_body;
use super::{Answer, caller, document};
use crate::bodies::digests::digests;
use crate::bodies::incoming::Received;
use crate::error::{Code, Error, Result};
use crate::limits::{PART_BYTES_MIN, PUT_BYTES_MAX};
use crate::objects::bodies::NewBody;
use crate::objects::copies;
use crate::objects::expiry::Stored;
use crate::objects::multipart::{self, Listed};
use crate::objects::read::Open;
use crate::protocol::settings::access::show_owner;
use crate::protocol::settings::show_time;
use crate::rows::{Checksum, Part, Upload, UploadId, Versioning};
use crate::rules::checksums::{Algorithm, Type, Value, parse_composite};
use crate::rules::encryption;
use crate::service::Service;
use crate::state::Plan;

pub(super) async fn begin(
    service: &Service,
    request: S3Request<dto::CreateMultipartUploadInput>,
) -> Answer<dto::CreateMultipartUploadOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    let load = |plan: &Plan<'_>| attributes(plan, &input.bucket, &headers, &caller, input.metadata.as_ref());
    let attributes = service.blobs.prepare(load).await?;
    let algorithm = text(&headers, "x-amz-checksum-algorithm").map(Algorithm::parse).transpose()?;
    let kind = text(&headers, "x-amz-checksum-type").map(Type::parse).transpose()?;
    let checksum = match algorithm {
        Some(algorithm) => Some((algorithm, algorithm.multipart_type(kind)?)),
        None if kind.is_some() => {
            let text =
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
            return Err(Error::new(Code::InvalidRequest, text).into());
        }
        None => None,
    };
    let Told { server, customer_algorithm, customer_key_md5 } = told(attributes.encryption.as_ref());
    let initiator = caller.canonical().unwrap_or(&attributes.owner).to_owned();
    let begin = multipart::Begin {
        bucket: &input.bucket,
        key: &input.key,
        initiator: &initiator,
        attributes,
        checksum,
    };
    let begun =
        |plan: &mut Plan<'_>| Ok((multipart::begin(plan, &begin)?, Stored::named(plan, begin.bucket)?));
    let (upload, rules) = service.blobs.change(caller.canonical(), 8 * 1_024, begun).await?;
    let (abort_date, abort_rule_id) = aborts(service, &rules, &input.key, &upload)?;
    Ok(document(dto::CreateMultipartUploadOutput {
        server_side_encryption: server,
        sse_customer_algorithm: customer_algorithm,
        sse_customer_key_md5: customer_key_md5,
        abort_date,
        abort_rule_id,
        checksum_algorithm: checksum
            .map(|(algorithm, _)| dto::ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: checksum.map(|(_, kind)| dto::ChecksumType::from_static(kind.name())),
        upload_id: Some(upload.id().to_string()),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    }))
}

/// When a rule of lifecycle aborts an upload, and which.
fn aborts(
    service: &Service,
    rules: &Stored,
    key: &str,
    upload: &Upload,
) -> crate::state::Result<(Option<dto::Timestamp>, Option<String>)> {
    Ok(rules.abort(key, upload, service.blobs.day())?.map(|(at, id)| (show_time(at), id)).unzip())
}

fn number(asked: i32) -> Result<u16> {
    u16::try_from(asked).ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| {
        let text = format!("Part number must be an integer between 1 and 10000, inclusive; it is {asked}");
        Error::new(Code::InvalidArgument, text)
    })
}

pub(super) async fn put_part(
    service: &Service,
    request: S3Request<dto::UploadPartInput>,
) -> Answer<dto::UploadPartOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    refuse_unsupported(&headers)?;
    refuse_requested(&headers)?;
    let (upload, number) = (UploadId::parse(&input.upload_id)?, number(input.part_number)?);
    let look = |plan: &Plan<'_>| multipart::upload(plan, &input.bucket, &input.key, upload);
    let there = service.blobs.prepare(look).await?;
    let key = encryption::part(there.encryption.as_ref(), &own(&headers))?;
    let mut announced = announced(&headers, input.content_length)?;
    announced.seal = service.seal(there.encryption.as_ref(), key.as_ref())?;
    if announced.checksum.is_none() {
        // What the upload's checksum is made of is computed, whether the client says it for each part or not.
        announced.checksum = there.algorithm().map(|(algorithm, _)| (algorithm, None));
    }
    let received = read_body(service, input.body, announced, request.trailing_headers).await?;
    let put = multipart::PutPart {
        bucket: &input.bucket,
        key: &input.key,
        upload,
        number,
        body: (&received).into(),
        md5: received.md5,
        checksum: received.checksum.as_ref().map(Checksum::whole),
    };
    let bytes = put.body.logged_bytes() + 1_024;
    let part = service.blobs.change(caller.canonical(), bytes, |plan| multipart::put_part(plan, &put)).await;
    let part = part.inspect_err(|error| {
        if !error.may_have_happened() {
            service.give_up(&received);
        }
    })?;
    let sum = shown(part.checksum.as_ref());
    let Told { server, customer_algorithm, customer_key_md5 } = told(there.encryption.as_ref());
    Ok(S3Response::new(dto::UploadPartOutput {
        server_side_encryption: server,
        sse_customer_algorithm: customer_algorithm,
        sse_customer_key_md5: customer_key_md5,
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        e_tag: etag(crate::rules::checksums::etag(&part.md5)),
        ..Default::default()
    }))
}

/// The range that is copied of a source of so many bytes.
fn copied_range(headers: &hyper::HeaderMap, bytes: u64) -> Result<Range<u64>> {
    let range = match text(headers, "x-amz-copy-source-range") {
        None => 0..bytes,
        Some(header) => {
            let span = crate::rules::range::copy_source(header, bytes)?;
            span.first..span.end
        }
    };
    if range.end - range.start > PUT_BYTES_MAX {
        let text = format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {PUT_BYTES_MAX}"
        );
        return Err(Error::new(Code::InvalidRequest, text));
    }
    Ok(range)
}

fn copied(part: &Part) -> dto::CopyPartResult {
    let sum = shown(part.checksum.as_ref());
    dto::CopyPartResult {
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        e_tag: etag(crate::rules::checksums::etag(&part.md5)),
        last_modified: modified(part.created_ms),
    }
}

/// The digests of a range, and its bytes where they are sealed anew: where it or the part is encrypted.
async fn copied_bytes(
    service: &Service,
    headers: &hyper::HeaderMap,
    source: Open,
    range: &Range<u64>,
    target: Target<'_>,
    place: String,
) -> std::result::Result<([u8; 16], Option<Value>, Option<Received>), s3s::S3Error> {
    let is_encrypted = source.version.object().is_some_and(|object| object.encryption.is_some());
    if is_encrypted || target.encryption.is_some() {
        let received = moved(service, headers, source, range, target, place).await?;
        return Ok((received.md5, received.checksum.clone(), Some(received)));
    }
    encryption::read(None, &super::encryption::source(headers))?;
    let pieces = service.pieces(&source, range, None, &place)?;
    let damaged = service.damaged(place);
    let hold = Box::new(source);
    let (md5, checksum) = digests(&service.bodies, pieces, hold, target.algorithm, damaged).await?;
    Ok((md5, checksum, None))
}

/// Copies into a part: the bytes stay where they are, and are read once for their digests. What is encrypted, or is to be, is sealed anew.
pub(super) async fn copy_part(
    service: &Service,
    request: S3Request<dto::UploadPartCopyInput>,
) -> Answer<dto::UploadPartCopyOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    refuse_unsupported(&headers)?;
    refuse_requested(&headers)?;
    let dto::CopySource::Bucket { bucket, key, version_id } = &input.copy_source else {
        return Err(Error::new(Code::NotImplemented, "There are no access points to copy from").into());
    };
    let (upload, number) = (UploadId::parse(&input.upload_id)?, number(input.part_number)?);
    let look = |plan: &Plan<'_>| multipart::upload(plan, &input.bucket, &input.key, upload);
    let there = service.blobs.prepare(look).await?;
    let own_key = encryption::part(there.encryption.as_ref(), &own(&headers))?;
    let algorithm = there.algorithm().map(|(algorithm, _)| algorithm);
    let version = version(version_id.as_deref())?;
    let source = service.blobs.open(bucket, key, version).await?;
    let bytes = source.version.object().map_or(0, |object| object.bytes);
    let range = copied_range(&headers, bytes)?;
    let (read, has_versions) = (source.version.seq, source.bucket.versioning != Versioning::Off);
    let source_id = has_versions.then(|| source.version.id().to_string());
    let place = format!("{bucket}/{key}");
    let target = Target { encryption: there.encryption.as_ref(), key: own_key.as_ref(), algorithm };
    let (md5, checksum, kept) = copied_bytes(service, &headers, source, &range, target, place).await?;
    let from = copies::From {
        bucket,
        key,
        version,
        conditions: conditions(&headers, "x-amz-copy-source-"),
        read: Some(read),
    };
    let copy = copies::CopyPart {
        from,
        range: Some(range),
        bucket: &input.bucket,
        key: &input.key,
        upload,
        number,
        body: kept.as_ref().map(NewBody::from),
        md5,
        checksum: checksum.as_ref().map(Checksum::whole),
    };
    let run = |plan: &mut Plan<'_>| copies::copy_part(plan, &copy);
    let logged = 64 * 1_024 + copy.body.as_ref().map_or(0, NewBody::logged_bytes);
    let part = service.blobs.change(caller.canonical(), logged, run).await;
    let part = part.inspect_err(|error| {
        if let Some(received) = kept.filter(|_| !error.may_have_happened()) {
            service.give_up(&received);
        }
    })?;
    let Told { server, customer_algorithm, customer_key_md5 } = told(there.encryption.as_ref());
    Ok(S3Response::new(dto::UploadPartCopyOutput {
        server_side_encryption: server,
        sse_customer_algorithm: customer_algorithm,
        sse_customer_key_md5: customer_key_md5,
        copy_part_result: Some(copied(&part)),
        copy_source_version_id: source_id,
        ..Default::default()
    }))
}

/// The one checksum of five fields. Errors: there are several.
fn one_checksum(fields: [(Algorithm, Option<String>); 5]) -> Result<Option<(Algorithm, String)>> {
    let mut found = fields.into_iter().filter_map(|(algorithm, text)| Some((algorithm, text?)));
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::new(Code::InvalidRequest, "There is more than one checksum"));
    }
    Ok(first)
}

fn listed(part: dto::CompletedPart) -> Result<Listed> {
    let missing = |what: &str| Error::new(Code::MalformedXML, format!("A Part has no {what}"));
    let checksum = one_checksum([
        (Algorithm::Crc32, part.checksum_crc32),
        (Algorithm::Crc32c, part.checksum_crc32c),
        (Algorithm::Crc64Nvme, part.checksum_crc64nvme),
        (Algorithm::Sha1, part.checksum_sha1),
        (Algorithm::Sha256, part.checksum_sha256),
    ])?;
    Ok(Listed {
        number: number(part.part_number.ok_or_else(|| missing("PartNumber"))?)?,
        etag: part.e_tag.ok_or_else(|| missing("ETag"))?.value().to_owned(),
        checksum: checksum.map(|(algorithm, text)| Value::parse(algorithm, &text)).transpose()?,
    })
}

pub(super) async fn complete(
    service: &Service,
    request: S3Request<dto::CompleteMultipartUploadInput>,
) -> Answer<dto::CompleteMultipartUploadOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    // The parts are sealed already; a key that comes all the same is to be one.
    refuse_requested(&headers)?;
    encryption::customer_key(&own(&headers))?;
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let parts = parts.into_iter().map(listed).collect::<Result<Vec<_>>>()?;
    let checksum = one_checksum([
        (Algorithm::Crc32, input.checksum_crc32),
        (Algorithm::Crc32c, input.checksum_crc32c),
        (Algorithm::Crc64Nvme, input.checksum_crc64nvme),
        (Algorithm::Sha1, input.checksum_sha1),
        (Algorithm::Sha256, input.checksum_sha256),
    ])?;
    let bytes = input.mpu_object_size.map(u64::try_from).transpose();
    let complete = multipart::Complete {
        bucket: &input.bucket,
        key: &input.key,
        upload: UploadId::parse(&input.upload_id)?,
        parts: &parts,
        checksum: checksum.map(|(algorithm, text)| parse_composite(algorithm, &text)).transpose()?,
        bytes: bytes
            .map_err(|_| Error::new(Code::InvalidArgument, "x-amz-mp-object-size is not negative"))?,
        conditions: conditions(&headers, ""),
        part_bytes_min: PART_BYTES_MIN,
    };
    let logged = 4 * 1_024 + parts.len() * 256;
    let run = |plan: &mut Plan<'_>| {
        let made = if let Some(made) = service.completed.again(plan, &complete)? {
            made
        } else {
            let made = multipart::complete(plan, &complete)?;
            service.completed.keep(&complete, &made);
            made
        };
        Ok((made, Stored::named(plan, complete.bucket)?))
    };
    let (made, rules) = service.blobs.change(caller.asker(), logged, run).await?;
    let sum = shown(made.version.object().and_then(|object| object.checksum.as_ref()));
    let encryption = made.version.object().and_then(|object| object.encryption.as_ref());
    Ok(document(dto::CompleteMultipartUploadOutput {
        server_side_encryption: told(encryption).server,
        expiration: rules.expiration(complete.key, &made.version, service.blobs.day())?,
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_type: sum.kind,
        e_tag: made.version.object().and_then(|object| etag(object.etag.text())),
        location: Some(format!("/{}/{}", input.bucket, crate::rules::names::url_encode(&input.key))),
        version_id: made.id.map(|id| id.to_string()),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    }))
}

pub(super) async fn abort(
    service: &Service,
    request: S3Request<dto::AbortMultipartUploadInput>,
) -> Answer<dto::AbortMultipartUploadOutput> {
    let (caller, input) = (caller(&request)?, request.input);
    if input.if_match_initiated_time.is_some() {
        return Err(Error::new(
            Code::NotImplemented,
            "x-amz-if-match-initiated-time is for directory buckets",
        )
        .into());
    }
    let id = UploadId::parse(&input.upload_id)?;
    let abort = |plan: &mut Plan<'_>| multipart::abort(plan, &input.bucket, &input.key, id);
    service.blobs.change(caller.canonical(), 4 * 1_024, abort).await?;
    let output = dto::AbortMultipartUploadOutput::default();
    Ok(S3Response::with_status(output, hyper::StatusCode::NO_CONTENT))
}

fn show_part((number, part): (u16, Part)) -> dto::Part {
    let sum = shown(part.checksum.as_ref());
    dto::Part {
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        e_tag: etag(crate::rules::checksums::etag(&part.md5)),
        last_modified: modified(part.created_ms),
        part_number: Some(i32::from(number)),
        size: i64::try_from(part.bytes).ok(),
    }
}

pub(super) async fn list(
    service: &Service,
    request: S3Request<dto::ListPartsInput>,
) -> Answer<dto::ListPartsOutput> {
    let input = request.input;
    refuse_unsupported(&request.headers)?;
    let id = UploadId::parse(&input.upload_id)?;
    let most = input.max_parts.map(|most| most.to_string());
    let most = crate::rules::list::max_keys("max-parts", most.as_deref())?;
    let after = input.part_number_marker.unwrap_or(0);
    let above = u16::try_from(after.max(0)).unwrap_or(u16::MAX);
    let look = |plan: &Plan<'_>| {
        let upload = multipart::upload(plan, &input.bucket, &input.key, id)?;
        let (parts, more) = multipart::list_parts(plan, &upload, above, most)?;
        Ok((upload, parts, more, Stored::named(plan, &input.bucket)?))
    };
    let (upload, parts, more, rules) = service.blobs.read(look).await?;
    let (abort_date, abort_rule_id) = aborts(service, &rules, &input.key, &upload)?;
    let algorithm = upload.algorithm();
    Ok(document(dto::ListPartsOutput {
        abort_date,
        abort_rule_id,
        checksum_algorithm: algorithm
            .map(|(algorithm, _)| dto::ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: algorithm.map(|(_, kind)| dto::ChecksumType::from_static(kind.name())),
        initiator: Some(dto::Initiator { display_name: None, id: Some(upload.initiator.clone()) }),
        is_truncated: Some(more),
        max_parts: i32::try_from(most).ok(),
        next_part_number_marker: Some(parts.last().map_or(0, |(number, _)| i32::from(*number))),
        owner: Some(show_owner(&upload.owner, None)),
        part_number_marker: Some(after),
        parts: Some(parts.into_iter().map(show_part).collect()),
        storage_class: Some(dto::StorageClass::from_static("STANDARD")),
        upload_id: Some(input.upload_id),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    }))
}
