//! Objects: read, and told.

use bole_base::Timestamp;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, dto, s3_error};

use super::encryption::{Told, own, told};
use super::headers::{conditions, etag, kept, modified, shown, text, version};
use super::objects::{check_read, with_marker};
use super::{Answer, caller};
use crate::bodies::outgoing;
use crate::error::{Code, Error};
use crate::objects::read::{self, Open};
use crate::protocol::settings::lock::show_hold;
use crate::protocol::settings::show_time;
use crate::rows::{Object, PartInfo, Version, VersionId, Versioning};
use crate::rules::conditions::{self as rules, Current, Read};
use crate::rules::encryption::{self, Key};
use crate::rules::range::{Selected, select};
use crate::service::Service;

/// An object that is there and whose conditions hold, and what of it is wanted.
struct Wanted {
    open: Open,
    selected: Selected,
    /// The client's key for it.
    key: Option<Key>,
    /// Headers that are the same for GET and HEAD.
    head: dto::HeadObjectOutput,
}

/// What GET and HEAD ask alike.
struct Asked<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
    part_number: Option<i32>,
    wants_checksum: bool,
}

async fn wanted(service: &Service, headers: &hyper::HeaderMap, asked: &Asked<'_>) -> Result<Wanted, S3Error> {
    check_read(headers)?;
    let id = version(asked.version)?;
    let open = match service.blobs.open(asked.bucket, asked.key, id).await {
        Ok(open) => open,
        Err(error) => return Err(missing(service, error, asked, id)),
    };
    let Some(object) = open.version.object() else {
        return Err(s3_error!(InternalError, "an open version is no object"));
    };
    let part_number = asked.part_number.map(|number| {
        let text = format!("Part number must be an integer between 1 and 10000, inclusive; it is {number}");
        u32::try_from(number).map_err(|_| Error::new(Code::InvalidArgument, text))
    });
    let sizes: Vec<u64> = open.parts.iter().map(|part| part.bytes).collect();
    let sizes = if sizes.is_empty() { vec![object.bytes] } else { sizes };
    let mut head = describe(&open.version, object, open.bucket.versioning);
    let key = encryption::read(object.encryption.as_ref(), &own(headers))?;
    check_conditions(headers, object, open.version.created_ms, &head)?;
    head.expiration = open.rules.expiration(asked.key, &open.version, service.blobs.day())?;
    let selected = select(text(headers, "range"), part_number.transpose()?, object.bytes, &sizes)?;
    if asked.wants_checksum && selected == Selected::Whole {
        let sum = shown(object.checksum.as_ref());
        head.checksum_crc32 = sum.crc32;
        head.checksum_crc32c = sum.crc32c;
        head.checksum_crc64nvme = sum.crc64nvme;
        head.checksum_sha1 = sum.sha1;
        head.checksum_sha256 = sum.sha256;
        head.checksum_type = sum.kind;
    }
    let bytes = match selected {
        Selected::Whole => object.bytes,
        Selected::Part(span) => {
            head.content_range = Some(span.content_range(object.bytes));
            span.length()
        }
    };
    head.content_length = i64::try_from(bytes).ok();
    head.parts_count =
        asked.part_number.and_then(|_| i32::try_from(open.parts.len()).ok()).filter(|parts| *parts > 0);
    Ok(Wanted { open, selected, key, head })
}

/// The error, with what a delete marker's answer has.
fn missing(
    service: &Service,
    error: crate::state::Error,
    asked: &Asked<'_>,
    id: Option<VersionId>,
) -> S3Error {
    let found = service.blobs.look(|plan| read::head(plan, asked.bucket, asked.key, id));
    let marker = found.ok().map(|found| found.value.version).filter(|version| version.object().is_none());
    with_marker(error.into(), marker.as_ref())
}

fn check_conditions(
    headers: &hyper::HeaderMap,
    object: &Object,
    created_ms: u64,
    head: &dto::HeadObjectOutput,
) -> Result<(), S3Error> {
    let etag = object.etag.text();
    let current = Current { etag: &etag, modified: Timestamp(created_ms) };
    match rules::read(&conditions(headers, ""), &current)? {
        Read::Proceed => Ok(()),
        Read::Failed => {
            let text = "At least one of the pre-conditions you specified did not hold";
            Err(Error::new(Code::PreconditionFailed, text).into())
        }
        Read::NotModified => {
            let mut error = S3Error::new(S3ErrorCode::NotModified);
            error.set_status_code(hyper::StatusCode::NOT_MODIFIED);
            let mut told = hyper::HeaderMap::new();
            let mut tell = |name: &'static str, value: Option<String>| {
                if let Some(value) = value.and_then(|value| value.parse().ok()) {
                    told.insert(name, value);
                }
            };
            tell("etag", Some(format!("\"{etag}\"")));
            tell("last-modified", Some(crate::rules::calendar::format_http(Timestamp(created_ms))));
            tell("cache-control", head.cache_control.clone());
            tell("x-amz-version-id", head.version_id.clone());
            error.set_headers(told);
            Err(error)
        }
    }
}

/// What headers say of an object.
fn describe(version: &Version, object: &Object, versioning: Versioning) -> dto::HeadObjectOutput {
    let metadata: dto::Metadata = object.meta.user.iter().cloned().collect();
    let expires = kept(object, "expires");
    let expires = expires.and_then(|text| dto::Timestamp::parse(dto::TimestampFormat::HttpDate, &text).ok());
    let lock = &object.lock;
    let Told { server, customer_algorithm, customer_key_md5 } = told(object.encryption.as_ref());
    dto::HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: kept(object, "cache-control"),
        content_disposition: kept(object, "content-disposition"),
        content_encoding: kept(object, "content-encoding"),
        content_language: kept(object, "content-language"),
        content_type: Some(kept(object, "content-type").unwrap_or_else(|| "binary/octet-stream".to_owned())),
        e_tag: etag(object.etag.text()),
        expires,
        last_modified: modified(version.created_ms),
        metadata: (!metadata.is_empty()).then_some(metadata),
        object_lock_legal_hold_status: lock.legal_hold.and_then(|held| show_hold(held).status),
        object_lock_mode: lock.retention.map(|held| dto::ObjectLockMode::from_static(held.mode.name())),
        object_lock_retain_until_date: lock.retention.map(|held| show_time(Timestamp(held.until_ms))),
        server_side_encryption: server,
        sse_customer_algorithm: customer_algorithm,
        sse_customer_key_md5: customer_key_md5,
        version_id: (versioning != Versioning::Off).then(|| version.id().to_string()),
        website_redirect_location: kept(object, "x-amz-website-redirect-location"),
        ..Default::default()
    }
}

const fn status(selected: Selected) -> Option<hyper::StatusCode> {
    match selected {
        Selected::Whole => None,
        Selected::Part(_) => Some(hyper::StatusCode::PARTIAL_CONTENT),
    }
}

pub(super) async fn head(
    service: &Service,
    request: S3Request<dto::HeadObjectInput>,
) -> Answer<dto::HeadObjectOutput> {
    let input = &request.input;
    let asked = Asked {
        bucket: &input.bucket,
        key: &input.key,
        version: input.version_id.as_deref(),
        part_number: input.part_number,
        wants_checksum: input.checksum_mode.is_some(),
    };
    let Wanted { open, selected, head, .. } = wanted(service, &request.headers, &asked).await?;
    let mut response = S3Response::new(head);
    let tags = open.version.object().map_or(0, |object| object.tags.0.len());
    if tags > 0 {
        response.headers.insert("x-amz-tagging-count", tags.into());
    }
    response.status = status(selected);
    Ok(response)
}

pub(super) async fn get(
    service: &Service,
    request: S3Request<dto::GetObjectInput>,
) -> Answer<dto::GetObjectOutput> {
    let caller = caller(&request)?;
    let input = &request.input;
    let asked = Asked {
        bucket: &input.bucket,
        key: &input.key,
        version: input.version_id.as_deref(),
        part_number: input.part_number,
        wants_checksum: input.checksum_mode.is_some(),
    };
    let Wanted { open, selected, key, head } = wanted(service, &request.headers, &asked).await?;
    let overrides = input.response_cache_control.is_some()
        || input.response_content_disposition.is_some()
        || input.response_content_encoding.is_some()
        || input.response_content_language.is_some()
        || input.response_content_type.is_some()
        || input.response_expires.is_some();
    if overrides && caller.user.is_none() {
        let text = "Request specific response headers cannot be used for anonymous GET requests.";
        return Err(Error::new(Code::InvalidRequest, text).into());
    }
    let tags = open.version.object().map_or(0, |object| object.tags.0.len());
    let range = match selected {
        Selected::Whole => 0..open.version.object().map_or(0, |object| object.bytes),
        Selected::Part(span) => span.first..span.end,
    };
    let place = format!("{}/{}", input.bucket, input.key);
    let pieces = service.pieces(&open, &range, key.as_ref(), &place)?;
    let body = outgoing::open(&service.bodies, pieces, Box::new(open), Some(service.damaged(place))).await?;
    let output = with_overrides(output(head, tags), request.input);
    let mut response = S3Response::new(dto::GetObjectOutput {
        body: Some(dto::StreamingBlob::from(s3s::Body::http_body_unsync(body))),
        ..output
    });
    response.status = status(selected);
    Ok(response)
}

/// What a HEAD says, as a GET says it.
fn output(head: dto::HeadObjectOutput, tags: usize) -> dto::GetObjectOutput {
    dto::GetObjectOutput {
        accept_ranges: head.accept_ranges,
        cache_control: head.cache_control,
        checksum_crc32: head.checksum_crc32,
        checksum_crc32c: head.checksum_crc32c,
        checksum_crc64nvme: head.checksum_crc64nvme,
        checksum_sha1: head.checksum_sha1,
        checksum_sha256: head.checksum_sha256,
        checksum_type: head.checksum_type,
        content_disposition: head.content_disposition,
        content_encoding: head.content_encoding,
        content_language: head.content_language,
        content_length: head.content_length,
        content_range: head.content_range,
        content_type: head.content_type,
        e_tag: head.e_tag,
        expiration: head.expiration,
        expires: head.expires,
        last_modified: head.last_modified,
        metadata: head.metadata,
        object_lock_legal_hold_status: head.object_lock_legal_hold_status,
        object_lock_mode: head.object_lock_mode,
        object_lock_retain_until_date: head.object_lock_retain_until_date,
        parts_count: head.parts_count,
        server_side_encryption: head.server_side_encryption,
        sse_customer_algorithm: head.sse_customer_algorithm,
        sse_customer_key_md5: head.sse_customer_key_md5,
        tag_count: i32::try_from(tags).ok().filter(|tags| *tags > 0),
        version_id: head.version_id,
        website_redirect_location: head.website_redirect_location,
        ..Default::default()
    }
}

fn with_overrides(output: dto::GetObjectOutput, input: dto::GetObjectInput) -> dto::GetObjectOutput {
    dto::GetObjectOutput {
        cache_control: input.response_cache_control.or(output.cache_control),
        content_disposition: input.response_content_disposition.or(output.content_disposition),
        content_encoding: input.response_content_encoding.or(output.content_encoding),
        content_language: input.response_content_language.or(output.content_language),
        content_type: input.response_content_type.or(output.content_type),
        expires: input.response_expires.or(output.expires),
        ..output
    }
}

/// What `x-amz-object-attributes` may name.
const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

pub(super) async fn attributes(
    service: &Service,
    request: S3Request<dto::GetObjectAttributesInput>,
) -> Answer<dto::GetObjectAttributesOutput> {
    check_read(&request.headers)?;
    let input = request.input;
    let asked = Asked {
        bucket: &input.bucket,
        key: &input.key,
        version: input.version_id.as_deref(),
        part_number: None,
        wants_checksum: false,
    };
    let id = version(asked.version)?;
    let open = match service.blobs.open(asked.bucket, asked.key, id).await {
        Ok(open) => open,
        Err(error) => return Err(missing(service, error, &asked, id)),
    };
    let Some(object) = open.version.object() else {
        return Err(s3_error!(InternalError, "an open version is no object"));
    };
    encryption::read(object.encryption.as_ref(), &own(&request.headers))?;
    // Clients send a list in one header, which the library takes for one name.
    let asked: Vec<&str> =
        input.object_attributes.iter().flat_map(|asked| asked.as_str().split(',')).map(str::trim).collect();
    if let Some(name) = asked.iter().find(|name| !KNOWN.contains(name)) {
        let shown = crate::error::shown(name);
        return Err(Error::new(
            Code::InvalidArgument,
            format!("Invalid attribute name specified: \"{shown}\""),
        )
        .into());
    }
    let wants = |name: &str| asked.contains(&name);
    let sum = shown(object.checksum.as_ref());
    let checksum = dto::Checksum {
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_type: sum.kind,
    };
    let after = input.part_number_marker.unwrap_or(0);
    let most = input.max_parts.map_or(1_000, |most| usize::try_from(most).unwrap_or(0).min(1_000));
    let has_parts = wants("ObjectParts") && !open.parts.is_empty();
    let mut response = S3Response::new(dto::GetObjectAttributesOutput {
        checksum: (wants("Checksum") && object.checksum.is_some()).then_some(checksum),
        e_tag: wants("ETag").then(|| etag(object.etag.text())).flatten(),
        last_modified: modified(open.version.created_ms),
        object_parts: has_parts.then(|| parts(&open.parts, after, most)),
        object_size: wants("ObjectSize").then(|| i64::try_from(object.bytes).unwrap_or(i64::MAX)),
        storage_class: wants("StorageClass").then(|| dto::StorageClass::from_static("STANDARD")),
        version_id: (open.bucket.versioning != Versioning::Off).then(|| open.version.id().to_string()),
        ..Default::default()
    });
    response.extensions.insert(BareEtag);
    Ok(response)
}

/// Said of an answer whose ETag is written without quotation marks, as S3 does in this one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BareEtag;

fn parts(all: &[PartInfo], after: i32, most: usize) -> dto::GetObjectAttributesParts {
    let above: Vec<_> = all.iter().filter(|part| i32::from(part.number) > after).collect();
    let page = &above[..most.min(above.len())];
    let show = |part: &&PartInfo| {
        let sum = shown(part.checksum.as_ref());
        dto::ObjectPart {
            checksum_crc32: sum.crc32,
            checksum_crc32c: sum.crc32c,
            checksum_crc64nvme: sum.crc64nvme,
            checksum_sha1: sum.sha1,
            checksum_sha256: sum.sha256,
            part_number: Some(i32::from(part.number)),
            size: i64::try_from(part.bytes).ok(),
        }
    };
    dto::GetObjectAttributesParts {
        is_truncated: Some(page.len() < above.len()),
        max_parts: i32::try_from(most).ok(),
        next_part_number_marker: page.last().map(|part| i32::from(part.number)),
        part_number_marker: Some(after),
        parts: Some(page.iter().map(show).collect()),
        total_parts_count: i32::try_from(all.len()).ok(),
    }
}
