//! What the headers of requests say: conditions, attributes of a new object, digests; and what of an object becomes headers.

use hyper::HeaderMap;
use s3s::dto;

use super::encryption;
use crate::access::Caller;
use crate::bodies::incoming::Announced;
use crate::error::{Code, Error, Result};
use crate::objects::put::Attributes;
use crate::objects::{buckets, settings};
use crate::protocol::settings::show_time;
use crate::rows::{Bucket, Checksum, Meta, Object};
use crate::rules::acl::{On, Ownership, Permission, PublicAccessBlock, Requested, grant_header};
use crate::rules::checksums::{Algorithm, Value, parse_content_md5};
use crate::rules::conditions::Conditions;
use crate::rules::encryption::DefaultEncryption;
use crate::rules::lock;
use crate::rules::tags::Tags;
use crate::state::{self, Plan};

/// The text of a header.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The conditions of a request; of the source of a copy, with its prefix.
pub(super) fn conditions<'a>(headers: &'a HeaderMap, prefix: &str) -> Conditions<'a> {
    let header = |name: &str| text(headers, &format!("{prefix}{name}"));
    Conditions {
        if_match: header("if-match"),
        if_none_match: header("if-none-match"),
        if_modified_since: header("if-modified-since"),
        if_unmodified_since: header("if-unmodified-since"),
    }
}

/// Headers that an object keeps.
const KEPT: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-website-redirect-location",
];

/// What an object keeps of its put's headers.
pub(super) fn meta(headers: &HeaderMap, user: Option<&dto::Metadata>) -> Meta {
    let kept = |name: &&str| {
        let value = text(headers, name)?;
        // How the body was sent is not what it is.
        let parts = value.split(',').map(str::trim).filter(|part| *part != "aws-chunked");
        let value =
            if *name == "content-encoding" { parts.collect::<Vec<_>>().join(",") } else { value.to_owned() };
        (!value.is_empty()).then(|| ((*name).to_owned(), value))
    };
    let pair = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
    let mut user: Vec<_> = user.into_iter().flatten().map(pair).collect();
    user.sort_unstable();
    Meta { headers: KEPT.iter().filter_map(kept).collect(), user }
}

/// What is asked for with a new object and is not done here, by name.
pub(super) fn refuse_unsupported(headers: &HeaderMap) -> Result<()> {
    if headers.contains_key("x-amz-write-offset-bytes") {
        return Err(Error::new(
            Code::NotImplemented,
            "x-amz-write-offset-bytes is not supported: objects are not appended to",
        ));
    }
    match text(headers, "x-amz-storage-class") {
        None | Some("STANDARD") => Ok(()),
        Some(other) => {
            let shown = crate::error::shown(other);
            Err(Error::new(
                Code::InvalidStorageClass,
                format!("There is one storage class, STANDARD, and not \"{shown}\""),
            ))
        }
    }
}

/// The ACL that headers ask for.
pub(super) fn requested_acl(headers: &HeaderMap) -> Result<Requested> {
    let permissions = [
        Permission::FullControl,
        Permission::Read,
        Permission::Write,
        Permission::ReadAcp,
        Permission::WriteAcp,
    ];
    let grants = permissions.into_iter().filter_map(|one| Some((one, text(headers, grant_header(one))?)));
    Requested::parse(text(headers, "x-amz-acl"), &grants.collect::<Vec<_>>())
}

/// Who owns a new object of the bucket and what ACL it has, from what the request and the bucket's settings say.
pub(super) fn attributes(
    plan: &Plan<'_>,
    bucket: &str,
    headers: &HeaderMap,
    caller: &Caller,
    user_meta: Option<&dto::Metadata>,
) -> state::Result<Attributes> {
    refuse_unsupported(headers)?;
    let row: Bucket = buckets::get(plan, bucket)?;
    let ownership: Ownership = settings::of(plan, &row)?.unwrap_or_default();
    let block: PublicAccessBlock = settings::of(plan, &row)?.unwrap_or_default();
    let requested = requested_acl(headers)?;
    // What the anonymous put belongs to the bucket's owner, whom they cannot lock out.
    let writer = caller.canonical().unwrap_or(&row.owner);
    let owner = ownership.owner(writer, &row.owner, &requested).to_owned();
    let acl = (requested != Requested::Nothing).then(|| requested.acl(On::Object, &owner, &row.owner));
    if let Some(acl) = &acl {
        ownership.check(acl, &row.owner)?;
        block.check_acl(acl)?;
    }
    let lock = lock::requested(
        text(headers, "x-amz-object-lock-mode"),
        text(headers, "x-amz-object-lock-retain-until-date"),
        text(headers, "x-amz-object-lock-legal-hold"),
        row.object_lock,
        plan.now(),
    )?;
    let tags = text(headers, "x-amz-tagging").map(Tags::parse_header).transpose()?.unwrap_or_default();
    let default: Option<DefaultEncryption> = settings::of(plan, &row)?;
    let encryption = encryption::requested(headers)?.encryption(default.as_ref());
    Ok(Attributes { owner, meta: meta(headers, user_meta), tags, lock, acl, encryption })
}

/// The checksum that headers announce, and the one that a trailer will have. Errors: they name several, or not one of S3's.
pub(super) fn announced(headers: &HeaderMap, length: Option<i64>) -> Result<Announced> {
    let missing =
        || Error::new(Code::MissingContentLength, "You must provide the Content-Length HTTP header.");
    let bytes = length.and_then(|length| u64::try_from(length).ok()).ok_or_else(missing)?;
    let named = text(headers, "x-amz-sdk-checksum-algorithm").map(Algorithm::parse).transpose()?;
    let mut found = Vec::new();
    for algorithm in Algorithm::ALL {
        if let Some(value) = text(headers, algorithm.header()) {
            found.push((algorithm, Some(Value::parse(algorithm, value)?)));
        }
    }
    for name in text(headers, "x-amz-trailer").unwrap_or_default().split(',') {
        found.extend(Algorithm::of_header(name.trim()).map(|algorithm| (algorithm, None)));
    }
    if found.len() > 1 {
        return Err(Error::new(
            Code::InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    let checksum = found.pop().or(named.map(|algorithm| (algorithm, None)));
    if let (Some(named), Some((algorithm, _))) = (named, &checksum)
        && named != *algorithm
    {
        return Err(Error::new(
            Code::InvalidRequest,
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        ));
    }
    let md5 = text(headers, "content-md5").map(parse_content_md5).transpose()?;
    Ok(Announced { bytes, md5, checksum, seal: None })
}

/// An ETag for a client.
#[expect(clippy::unnecessary_wraps, reason = "the library's fields are all optional, and callers fill them")]
pub(super) fn etag(text: String) -> Option<dto::ETag> {
    Some(dto::ETag::Strong(text))
}

/// A checksum for a client: its five fields, of which one has a value, and its type.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) kind: Option<dto::ChecksumType>,
}

/// A stored checksum for a client.
pub(super) fn shown(checksum: Option<&Checksum>) -> Shown {
    let mut shown = Shown::default();
    let Some((value, text)) = checksum.and_then(|sum| Some((sum.value()?, sum.text()?))) else {
        return shown;
    };
    let place = match value.algorithm() {
        Algorithm::Crc32 => &mut shown.crc32,
        Algorithm::Crc32c => &mut shown.crc32c,
        Algorithm::Crc64Nvme => &mut shown.crc64nvme,
        Algorithm::Sha1 => &mut shown.sha1,
        Algorithm::Sha256 => &mut shown.sha256,
    };
    *place = Some(text);
    let is_composite = checksum.is_some_and(|sum| sum.parts > 0);
    shown.kind = Some(dto::ChecksumType::from_static(if is_composite { "COMPOSITE" } else { "FULL_OBJECT" }));
    shown
}

/// The kept header of that name.
pub(super) fn kept(object: &Object, name: &str) -> Option<String> {
    let pair = object.meta.headers.iter().find(|(found, _)| found == name);
    pair.map(|(_, value)| value.clone())
}

/// Headers of a delete marker's answer.
pub(super) fn marker_headers(version: Option<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", hyper::header::HeaderValue::from_static("true"));
    if let Some(value) = version.and_then(|version| version.parse().ok()) {
        headers.insert("x-amz-version-id", value);
    }
    headers
}

/// When a version was made.
#[expect(clippy::unnecessary_wraps, reason = "the library's fields are all optional, and callers fill them")]
pub(super) fn modified(created_ms: u64) -> Option<dto::Timestamp> {
    Some(show_time(bole_base::Timestamp(created_ms)))
}

/// What of the request's query names a version.
pub(super) fn version(named: Option<&str>) -> Result<Option<crate::rows::VersionId>> {
    named.map(crate::rows::VersionId::parse).transpose()
}

/// Whether a header says `true`.
pub(super) fn is_true(headers: &HeaderMap, name: &str) -> bool {
    text(headers, name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}
