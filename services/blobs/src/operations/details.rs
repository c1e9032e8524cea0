//! What of an object can be changed after it was put: tags, its ACL, its locks.

use s3s::{S3Request, S3Response, dto};

use super::headers::{is_true, requested_acl, version};
use super::{Answer, caller};
use crate::error::{Code, Error};
use crate::objects::attributes::{self, Which};
use crate::objects::settings;
use crate::protocol::settings as document;
use crate::rows::Versioning;
use crate::rules::acl::{Canned, On, Ownership, PublicAccessBlock, Requested};
use crate::rules::tags::On as TagsOn;
use crate::service::Service;
use crate::state::Plan;

/// Bytes that are logged for a change of details: the version's row, with what it keeps.
const LOGGED_BYTES: usize = 16 * 1_024;

macro_rules! which {
    ($input:expr) => {
        Which { bucket: &$input.bucket, key: &$input.key, version: version($input.version_id.as_deref())? }
    };
}

pub(super) async fn get_tags(
    service: &Service,
    request: S3Request<dto::GetObjectTaggingInput>,
) -> Answer<dto::GetObjectTaggingOutput> {
    let which = which!(request.input);
    let (bucket, found) = service.blobs.read(|plan| attributes::get(plan, &which)).await?;
    let tags = found.object().map(|object| object.tags.clone()).unwrap_or_default();
    Ok(S3Response::new(dto::GetObjectTaggingOutput {
        tag_set: document::tags::show(tags),
        version_id: (bucket.versioning != Versioning::Off).then(|| found.id().to_string()),
    }))
}

pub(super) async fn put_tags(
    service: &Service,
    request: S3Request<dto::PutObjectTaggingInput>,
) -> Answer<dto::PutObjectTaggingOutput> {
    let caller = caller(&request)?;
    let tags = document::tags::read(request.input.tagging.clone(), TagsOn::Object)?;
    let which = which!(request.input);
    let put = |plan: &mut Plan<'_>| attributes::put_tags(plan, &which, &tags);
    let id = service.blobs.change(caller.asker(), LOGGED_BYTES, put).await?;
    Ok(S3Response::new(dto::PutObjectTaggingOutput { version_id: id.map(|id| id.to_string()) }))
}

pub(super) async fn delete_tags(
    service: &Service,
    request: S3Request<dto::DeleteObjectTaggingInput>,
) -> Answer<dto::DeleteObjectTaggingOutput> {
    let caller = caller(&request)?;
    let which = which!(request.input);
    let delete = |plan: &mut Plan<'_>| attributes::delete_tags(plan, &which);
    let id = service.blobs.change(caller.asker(), LOGGED_BYTES, delete).await?;
    Ok(S3Response::new(dto::DeleteObjectTaggingOutput { version_id: id.map(|id| id.to_string()) }))
}

pub(super) async fn get_acl(
    service: &Service,
    request: S3Request<dto::GetObjectAclInput>,
) -> Answer<dto::GetObjectAclOutput> {
    let which = which!(request.input);
    let (bucket, found) = service.blobs.read(|plan| attributes::get(plan, &which)).await?;
    let private = || Canned::Private.acl(On::Object, &found.owner, &bucket.owner);
    let acl = found.object().and_then(|object| object.acl.clone()).unwrap_or_else(private);
    Ok(S3Response::new(dto::GetObjectAclOutput {
        grants: Some(document::access::show_grants(&acl)),
        owner: Some(document::access::show_owner(&acl.owner, None)),
        ..Default::default()
    }))
}

pub(super) async fn put_acl(
    service: &Service,
    mut request: S3Request<dto::PutObjectAclInput>,
) -> Answer<dto::PutObjectAclOutput> {
    let caller = caller(&request)?;
    let requested = requested_acl(&request.headers)?;
    let sent = request.input.access_control_policy.take();
    let which = which!(request.input);
    let put = |plan: &mut Plan<'_>| {
        let (bucket, found) = attributes::get(plan, &which)?;
        let acl = match (&sent, &requested) {
            (Some(sent), Requested::Nothing) => document::access::read_acl(sent.clone(), &found.owner)?,
            (None, Requested::Nothing) | (Some(_), _) => {
                let text = "The ACL is either in headers (x-amz-acl, x-amz-grant-…) or in the body";
                return Err(Error::new(Code::InvalidRequest, text).into());
            }
            (None, requested) => requested.acl(On::Object, &found.owner, &bucket.owner),
        };
        settings::of::<Ownership>(plan, &bucket)?.unwrap_or_default().check(&acl, &bucket.owner)?;
        settings::of::<PublicAccessBlock>(plan, &bucket)?.unwrap_or_default().check_acl(&acl)?;
        attributes::put_acl(plan, &which, &acl)
    };
    service.blobs.change(caller.asker(), LOGGED_BYTES, put).await?;
    Ok(S3Response::new(dto::PutObjectAclOutput::default()))
}

pub(super) async fn get_retention(
    service: &Service,
    request: S3Request<dto::GetObjectRetentionInput>,
) -> Answer<dto::GetObjectRetentionOutput> {
    let which = which!(request.input);
    let lock = service.blobs.read(|plan| attributes::lock(plan, &which)).await?;
    let missing = || {
        let text = "The specified object does not have a ObjectLock configuration";
        Error::new(Code::NoSuchObjectLockConfiguration, text)
    };
    let retention = document::lock::show_retention(&lock.retention.ok_or_else(missing)?);
    Ok(S3Response::new(dto::GetObjectRetentionOutput { retention: Some(retention) }))
}

pub(super) async fn put_retention(
    service: &Service,
    request: S3Request<dto::PutObjectRetentionInput>,
) -> Answer<dto::PutObjectRetentionOutput> {
    let caller = caller(&request)?;
    let missing = || Error::new(Code::MalformedXML, "The body has no Retention");
    let retention = document::lock::read_retention(request.input.retention.as_ref().ok_or_else(missing)?)?;
    let bypass = is_true(&request.headers, "x-amz-bypass-governance-retention");
    let which = which!(request.input);
    let put = |plan: &mut Plan<'_>| {
        if let Some(retention) = &retention {
            retention.check(plan.now())?;
        }
        attributes::put_retention(plan, &which, retention, bypass)
    };
    service.blobs.change(caller.asker(), LOGGED_BYTES, put).await?;
    Ok(S3Response::new(dto::PutObjectRetentionOutput::default()))
}

pub(super) async fn get_legal_hold(
    service: &Service,
    request: S3Request<dto::GetObjectLegalHoldInput>,
) -> Answer<dto::GetObjectLegalHoldOutput> {
    let which = which!(request.input);
    let lock = service.blobs.read(|plan| attributes::lock(plan, &which)).await?;
    let legal_hold = Some(document::lock::show_hold(lock.legal_hold == Some(true)));
    Ok(S3Response::new(dto::GetObjectLegalHoldOutput { legal_hold }))
}

pub(super) async fn put_legal_hold(
    service: &Service,
    request: S3Request<dto::PutObjectLegalHoldInput>,
) -> Answer<dto::PutObjectLegalHoldOutput> {
    let caller = caller(&request)?;
    let missing = || Error::new(Code::MalformedXML, "The body has no LegalHold");
    let is_held = document::lock::read_hold(request.input.legal_hold.as_ref().ok_or_else(missing)?)?;
    let which = which!(request.input);
    let put = |plan: &mut Plan<'_>| attributes::put_legal_hold(plan, &which, is_held);
    service.blobs.change(caller.asker(), LOGGED_BYTES, put).await?;
    Ok(S3Response::new(dto::PutObjectLegalHoldOutput::default()))
}
