//! Objects: put, copied, deleted.

use s3s::{S3Request, S3Response, TrailingHeaders, dto, s3_error};

use super::encryption::{Told, own, told};
use super::forms::AtLeast;
use super::headers::{
    announced, attributes, conditions, etag, is_true, marker_headers, modified, refuse_unsupported, shown,
    text, version,
};
use super::{Answer, caller, document};
use crate::access::{Caller, facts};
use crate::bodies::incoming::{Announced, Received, receive};
use crate::error::{Code, Error, Result};
use crate::objects::bodies::NewBody;
use crate::objects::expiry::Stored;
use crate::objects::{copies, deletes, put as puts};
use crate::rows::{Checksum, Version};
use crate::rules::checksums::Algorithm;
use crate::rules::conditions::DeleteConditions;
use crate::rules::encryption;
use crate::service::Service;
use crate::state::Plan;

/// Reads the body of a request, compared with what its headers and trailers say.
pub(super) async fn read_body(
    service: &Service,
    body: Option<dto::StreamingBlob>,
    announced: Announced,
    trailers: Option<TrailingHeaders>,
) -> std::result::Result<Received, s3s::S3Error> {
    let trailer = move |algorithm: Algorithm| {
        let value = |headers: &hyper::HeaderMap| text(headers, algorithm.header()).map(str::to_owned);
        trailers.as_ref()?.read(value).flatten()
    };
    let body = body.unwrap_or_else(|| dto::StreamingBlob::from(s3s::Body::empty()));
    Ok(receive(&service.bodies, body, announced, &trailer).await?)
}

pub(super) async fn put(
    service: &Service,
    request: S3Request<dto::PutObjectInput>,
) -> Answer<dto::PutObjectOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    let load = |plan: &Plan<'_>| attributes(plan, &input.bucket, &headers, &caller, input.metadata.as_ref());
    // What is wrong with the head is said before the body is read.
    let attributes = service.blobs.prepare(load).await?;
    crate::rules::names::key(input.key.as_bytes())?;
    let mut announced = announced(&headers, input.content_length)?;
    announced.at_least = request.extensions.get::<AtLeast>().map(|least| least.0);
    let key = encryption::customer_key(&own(&headers))?.map(|(key, _)| key);
    announced.seal = service.seal(attributes.encryption.as_ref(), key.as_ref())?;
    let received = read_body(service, input.body, announced, request.trailing_headers).await?;
    let put = puts::Put {
        bucket: &input.bucket,
        key: &input.key,
        body: (&received).into(),
        md5: received.md5,
        checksum: received.checksum.as_ref().map(Checksum::whole),
        attributes,
        conditions: conditions(&headers, ""),
    };
    let bytes = put.body.logged_bytes() + 4 * 1_024;
    let run = |plan: &mut Plan<'_>| Ok((puts::put(plan, &put)?, Stored::named(plan, put.bucket)?));
    let made = service.blobs.change(caller.asker(), bytes, run).await;
    let (made, rules) = made.inspect_err(|error| {
        if !error.may_have_happened() {
            service.give_up(&received);
        }
    })?;
    let sum = shown(put.checksum.as_ref());
    let Told { server, customer_algorithm, customer_key_md5 } = told(put.attributes.encryption.as_ref());
    Ok(S3Response::new(dto::PutObjectOutput {
        server_side_encryption: server,
        sse_customer_algorithm: customer_algorithm,
        sse_customer_key_md5: customer_key_md5,
        expiration: rules.expiration(put.key, &made.version, service.blobs.day())?,
        e_tag: made.version.object().and_then(|object| etag(object.etag.text())),
        version_id: made.id.map(|id| id.to_string()),
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_type: sum.kind,
        ..Default::default()
    }))
}

/// What a directive of a copy says: whether to take what the request says in place of what the source has.
fn replaces(headers: &hyper::HeaderMap, name: &str) -> Result<bool> {
    match text(headers, name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => {
            let shown = crate::error::shown(other);
            Err(Error::new(Code::InvalidArgument, format!("{name} is COPY or REPLACE, not \"{shown}\"")))
        }
    }
}

pub(super) async fn copy(
    service: &Service,
    request: S3Request<dto::CopyObjectInput>,
) -> Answer<dto::CopyObjectOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    let dto::CopySource::Bucket { bucket, key, version_id } = &input.copy_source else {
        return Err(s3_error!(NotImplemented, "There are no access points to copy from"));
    };
    if let Some(name) = text(&headers, "x-amz-checksum-algorithm") {
        let name = Algorithm::parse(name)?.name();
        return Err(s3_error!(
            NotImplemented,
            "x-amz-checksum-algorithm ({name}) of a copy is not supported: a copy has its source's checksum"
        ));
    }
    let load = |plan: &Plan<'_>| attributes(plan, &input.bucket, &headers, &caller, input.metadata.as_ref());
    let mut copy = copies::Copy {
        from: copies::From {
            bucket,
            key,
            version: version(version_id.as_deref())?,
            conditions: conditions(&headers, "x-amz-copy-source-"),
            read: None,
        },
        bucket: &input.bucket,
        key: &input.key,
        conditions: conditions(&headers, ""),
        attributes: service.blobs.prepare(load).await?,
        replace_meta: replaces(&headers, "x-amz-metadata-directive")?,
        replace_tags: replaces(&headers, "x-amz-tagging-directive")?,
        digests: None,
        body: None,
    };
    let resealed = super::copies::reseal(service, &headers, &mut copy).await?;
    let bytes = 16 * 1_024 + copy.body.as_ref().map_or(0, NewBody::logged_bytes);
    let run = |plan: &mut Plan<'_>| Ok((copies::copy(plan, &copy)?, Stored::named(plan, copy.bucket)?));
    let copied = service.blobs.change(caller.asker(), bytes, run).await;
    let (copied, rules) = copied.inspect_err(|error| {
        if let Some(received) = resealed.filter(|_| !error.may_have_happened()) {
            service.give_up(&received);
        }
    })?;
    let Some(object) = copied.made.version.object() else {
        return Err(s3_error!(InternalError, "a copy made no object"));
    };
    let sum = shown(object.checksum.as_ref());
    let result = dto::CopyObjectResult {
        checksum_crc32: sum.crc32,
        checksum_crc32c: sum.crc32c,
        checksum_crc64nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_type: sum.kind,
        e_tag: etag(object.etag.text()),
        last_modified: modified(copied.made.version.created_ms),
    };
    let Told { server, customer_algorithm, customer_key_md5 } = told(object.encryption.as_ref());
    Ok(S3Response::new(dto::CopyObjectOutput {
        server_side_encryption: server,
        sse_customer_algorithm: customer_algorithm,
        sse_customer_key_md5: customer_key_md5,
        expiration: rules.expiration(copy.key, &copied.made.version, service.blobs.day())?,
        copy_object_result: Some(result),
        copy_source_version_id: copied.source_id.map(|id| id.to_string()),
        version_id: copied.made.id.map(|id| id.to_string()),
        ..Default::default()
    }))
}

/// The canonical id of who owns a delete marker that the caller makes.
async fn owner_of_marker(service: &Service, caller: &Caller, bucket: &str) -> crate::state::Result<String> {
    let owner = |plan: &Plan<'_>| Ok(crate::objects::buckets::get(plan, bucket)?.owner);
    match caller.canonical() {
        Some(canonical) => Ok(canonical.to_owned()),
        None => service.blobs.read(owner).await,
    }
}

pub(super) async fn delete(
    service: &Service,
    request: S3Request<dto::DeleteObjectInput>,
) -> Answer<dto::DeleteObjectOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    let delete = deletes::Delete {
        key: &input.key,
        version: version(input.version_id.as_deref())?,
        conditions: DeleteConditions {
            if_match: text(&headers, "if-match"),
            if_match_modified: input
                .if_match_last_modified_time
                .as_ref()
                .map(|time| crate::protocol::settings::read_time("x-amz-if-match-last-modified-time", time))
                .transpose()?,
            if_match_size: size(input.if_match_size)?,
        },
    };
    // That the caller may bypass governance was judged with the request.
    let bypass = is_true(&headers, "x-amz-bypass-governance-retention");
    let owner = owner_of_marker(service, &caller, &input.bucket).await?;
    let run = |plan: &mut Plan<'_>| deletes::delete(plan, &input.bucket, &delete, &owner, bypass);
    let deleted = service.blobs.change(caller.asker(), 4 * 1_024, run).await?;
    let output = dto::DeleteObjectOutput {
        delete_marker: deleted.is_marker.then_some(true),
        version_id: deleted.version.map(|id| id.to_string()),
        ..Default::default()
    };
    Ok(S3Response::with_status(output, hyper::StatusCode::NO_CONTENT))
}

fn size(size: Option<i64>) -> Result<Option<u64>> {
    let wrong = |_| Error::new(Code::InvalidArgument, "A size is not negative");
    size.map(u64::try_from).transpose().map_err(wrong)
}

/// What is asked of one of many, with the texts that it borrows.
struct Asked {
    key: String,
    version: Option<crate::rows::VersionId>,
    etag: Option<String>,
    modified: Option<bole_base::Timestamp>,
    size: Option<u64>,
}

fn asked(object: dto::ObjectIdentifier) -> Result<Asked> {
    let time = object.last_modified_time.as_ref();
    let etag = object.e_tag.map(|etag| format!("\"{}\"", etag.value()));
    Ok(Asked {
        key: object.key,
        version: version(object.version_id.as_deref())?,
        etag,
        modified: time
            .map(|time| crate::protocol::settings::read_time("LastModifiedTime", time))
            .transpose()?,
        size: size(object.size)?,
    })
}

impl Asked {
    fn delete(&self) -> deletes::Delete<'_> {
        let conditions = DeleteConditions {
            if_match: self.etag.as_deref(),
            if_match_modified: self.modified,
            if_match_size: self.size,
        };
        deletes::Delete { key: &self.key, version: self.version, conditions }
    }
}

pub(super) async fn delete_many(
    service: &Service,
    request: S3Request<dto::DeleteObjectsInput>,
) -> Answer<dto::DeleteObjectsOutput> {
    let caller = caller(&request)?;
    let (input, headers) = (request.input, request.headers);
    let bypass = is_true(&headers, "x-amz-bypass-governance-retention");
    let asked = input.delete.objects.into_iter().map(asked).collect::<Result<Vec<_>>>()?;
    let deletes: Vec<_> = asked.iter().map(Asked::delete).collect();
    let may = judge_many(service, &caller, &input.bucket, &deletes, bypass).await?;
    let owner = owner_of_marker(service, &caller, &input.bucket).await?;
    let position =
        |delete: &deletes::Delete<'_>| deletes.iter().position(|other| std::ptr::eq(other, delete));
    let allowed = |delete: &deletes::Delete<'_>| match position(delete).and_then(|at| may.get(at)) {
        Some(Ok(())) => Ok(bypass),
        Some(Err(refused)) => Err(refused.clone()),
        None => Err(Error::new(Code::InternalError, "a delete was not judged")),
    };
    let outcomes =
        service.blobs.delete_many(caller.asker(), &input.bucket, &deletes, &owner, allowed).await?;
    let quiet = input.delete.quiet.unwrap_or(false);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (delete, outcome) in deletes.iter().zip(outcomes) {
        let (key, version_id) = (Some(delete.key.to_owned()), delete.version.map(|id| id.to_string()));
        match outcome {
            Ok(_) if quiet => {}
            Ok(done) => deleted.push(dto::DeletedObject {
                delete_marker: done.is_marker.then_some(true),
                delete_marker_version_id: done.version.filter(|_| done.is_marker).map(|id| id.to_string()),
                key,
                version_id,
            }),
            Err(refused) => errors.push(dto::Error {
                code: Some(refused.code.name().to_owned()),
                key,
                message: Some(refused.message),
                version_id,
            }),
        }
    }
    Ok(document(dto::DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..Default::default()
    }))
}

/// Whether the caller may delete each of many keys or versions. Refusals are told once what they were judged by is durable (promise P2).
async fn judge_many(
    service: &Service,
    caller: &Caller,
    bucket: &str,
    deletes: &[deletes::Delete<'_>],
    bypass: bool,
) -> crate::state::Result<Vec<Result<()>>> {
    let known = service.blobs.look(|plan| service.facts.bucket(&service.blobs, plan, bucket))?;
    let (known, mut seen) = (known.value, known.position);
    let known = known.as_ref().map(|known| &known.bucket);
    let mut judge = |delete: &deletes::Delete<'_>| {
        let load = |plan: &Plan<'_>| facts::object(plan, bucket, delete.key, delete.version);
        let object = service.blobs.look(load)?;
        seen = object.position;
        let object = object.value;
        let resource = format!("{bucket}/{}", delete.key);
        let action = if delete.version.is_some() { "DeleteObjectVersion" } else { "DeleteObject" };
        let actions = [Some(action), bypass.then_some("BypassGovernanceRetention")];
        let mut actions = actions.into_iter().flatten();
        Ok(actions.try_for_each(|action| service.judge(caller, action, known, &resource, object.as_ref())))
    };
    let judged = deletes.iter().map(&mut judge).collect::<crate::state::Result<Vec<_>>>()?;
    if judged.iter().any(Result::is_err) {
        service.blobs.durable(seen).await?;
    }
    Ok(judged)
}

/// What a request that names a delete marker is told with its error.
pub(super) fn with_marker(mut error: s3s::S3Error, marker: Option<&Version>) -> s3s::S3Error {
    if let Some(marker) = marker {
        error.set_headers(marker_headers(Some(marker.id().to_string())));
    }
    error
}

/// Refuses what a request for an object asks and nothing here does.
pub(super) fn check_read(headers: &hyper::HeaderMap) -> Result<()> {
    super::encryption::refuse_requested(headers)?;
    refuse_unsupported(headers)
}
