//! Buckets: made, deleted, told.

use s3s::{S3Request, S3Response, dto};

use super::headers::{requested_acl, text};
use super::{Answer, caller};
use crate::error::{Code, Error};
use crate::limits::PAGE_KEYS_MAX;
use crate::objects::{buckets, settings};
use crate::protocol::settings::access::show_owner;
use crate::protocol::settings::show_time;
use crate::rules::acl::{On, Ownership, Requested};
use crate::service::Service;

pub(super) async fn create(
    service: &Service,
    request: S3Request<dto::CreateBucketInput>,
) -> Answer<dto::CreateBucketOutput> {
    let caller = caller(&request)?;
    let user = Service::user(&caller)?;
    let configuration = request.input.create_bucket_configuration.unwrap_or_default();
    if configuration.location.is_some() || configuration.bucket.is_some() {
        return Err(Error::new(Code::NotImplemented, "There are no directory buckets").into());
    }
    let region = configuration.location_constraint.map(|region| region.as_str().to_owned());
    let ownership = text(&request.headers, "x-amz-object-ownership").map(Ownership::parse).transpose()?;
    let requested = requested_acl(&request.headers)?;
    let acl = (requested != Requested::Nothing)
        .then(|| requested.acl(On::Bucket, &user.canonical, &user.canonical));
    if let Some(acl) = &acl {
        ownership.unwrap_or_default().check(acl, &user.canonical)?;
    }
    let name = request.input.bucket;
    let create = buckets::Create {
        name: &name,
        owner: &user.canonical,
        account: &user.account,
        region: region.as_deref().unwrap_or(&service.config.region),
        object_lock: request.input.object_lock_enabled_for_bucket.unwrap_or(false),
    };
    let make = |plan: &mut crate::state::Plan<'_>| {
        buckets::create(plan, &create)?;
        if let Some(ownership) = &ownership {
            settings::put(plan, &name, ownership)?;
        }
        if let Some(acl) = &acl {
            settings::put(plan, &name, acl)?;
        }
        Ok(())
    };
    service.blobs.change(Some(user.canonical.as_str()), 1_024, make).await?;
    Ok(S3Response::new(dto::CreateBucketOutput { location: Some(format!("/{name}")) }))
}

pub(super) async fn delete(
    service: &Service,
    request: S3Request<dto::DeleteBucketInput>,
) -> Answer<dto::DeleteBucketOutput> {
    let (caller, name) = (caller(&request)?, request.input.bucket);
    service.blobs.change(caller.canonical(), 1_024, |plan| buckets::delete(plan, &name)).await?;
    Ok(S3Response::new(dto::DeleteBucketOutput::default()))
}

pub(super) async fn head(
    service: &Service,
    request: S3Request<dto::HeadBucketInput>,
) -> Answer<dto::HeadBucketOutput> {
    let bucket = service.blobs.read(|plan| buckets::get(plan, &request.input.bucket)).await?;
    let output = dto::HeadBucketOutput { bucket_region: Some(bucket.region), ..Default::default() };
    Ok(S3Response::new(output))
}

pub(super) async fn location(
    service: &Service,
    request: S3Request<dto::GetBucketLocationInput>,
) -> Answer<dto::GetBucketLocationOutput> {
    let bucket = service.blobs.read(|plan| buckets::get(plan, &request.input.bucket)).await?;
    // The oldest region is said by saying nothing.
    let region = Some(bucket.region).filter(|region| region != "us-east-1");
    let location_constraint = region.map(dto::BucketLocationConstraint::from);
    Ok(S3Response::new(dto::GetBucketLocationOutput { location_constraint }))
}

pub(super) async fn list(
    service: &Service,
    request: S3Request<dto::ListBucketsInput>,
) -> Answer<dto::ListBucketsOutput> {
    let caller = caller(&request)?;
    let user = Service::user(&caller)?;
    let input = request.input;
    let most = input.max_buckets.map_or(Ok(PAGE_KEYS_MAX), |most| match usize::try_from(most) {
        Ok(most @ 1..=10_000) => Ok(most.min(PAGE_KEYS_MAX)),
        _ => Err(Error::new(Code::InvalidArgument, format!("max-buckets is 1 to 10,000, not {most}"))),
    })?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let region = input.bucket_region;
    let mut after = input.continuation_token.as_deref().map(crate::rules::list::parse_token).transpose()?;
    let mut shown: Vec<dto::Bucket> = Vec::new();
    let token = loop {
        let is_shown = |bucket: &crate::rows::Bucket| {
            bucket.account == user.account && region.as_ref().is_none_or(|region| *region == bucket.region)
        };
        let list = |plan: &crate::state::Plan<'_>| buckets::list(plan, &prefix, after.as_deref(), is_shown);
        let (page, next) = service.blobs.read(list).await?;
        let left = most - shown.len();
        let is_cut = page.len() > left;
        let last = page.get(left.wrapping_sub(1)).map(|(name, _)| name.clone());
        shown.extend(page.into_iter().take(left).map(|(name, bucket)| dto::Bucket {
            bucket_region: Some(bucket.region),
            creation_date: Some(show_time(bole_base::Timestamp(bucket.created_ms))),
            name: Some(name),
        }));
        if is_cut {
            break last;
        }
        match next {
            Some(next) if shown.len() < most => after = Some(next),
            next => break next,
        }
    };
    Ok(S3Response::new(dto::ListBucketsOutput {
        buckets: Some(shown),
        continuation_token: token.as_deref().map(crate::rules::list::token),
        owner: Some(show_owner(&user.canonical, Some(&user.name))),
        prefix: input.prefix,
    }))
}
