//! The settings of buckets. Documents are read and shown by [`crate::protocol::settings`]; what they mean together with other settings is checked
//! under the lock under which they are put.

use s3s::{S3Request, S3Response, dto};

use super::headers::requested_acl;
use super::{Answer, caller};
use crate::error::{Code, Error};
use crate::objects::{buckets, settings};
use crate::protocol::settings as document;
use crate::rows::Versioning;
use crate::rules::acl::{Acl, Canned, On, Ownership, PublicAccessBlock, Requested};
use crate::rules::cors::Cors;
use crate::rules::encryption::DefaultEncryption;
use crate::rules::lifecycle::Lifecycle;
use crate::rules::lock::Configuration;
use crate::rules::logging::Logging;
use crate::rules::policy::{Kind, Policy, Stored};
use crate::rules::setting;
use crate::rules::tags::{On as TagsOn, Tags};
use crate::rules::website::Website;
use crate::service::Service;
use crate::state::Plan;

/// Bytes that are logged with a setting beside its document.
const AROUND_BYTES: usize = 256;

/// Puts a document that needs nothing checked together with others.
async fn put<T: settings::Kept, I>(
    service: &Service,
    request: &S3Request<I>,
    bucket: &str,
    kept: &T,
) -> Result<(), s3s::S3Error> {
    let caller = caller(request)?;
    let bytes = setting::encode(kept).len() + AROUND_BYTES;
    Ok(service.blobs.change(caller.canonical(), bytes, |plan| settings::put(plan, bucket, kept)).await?)
}

async fn delete<T: settings::Kept, I>(
    service: &Service,
    request: &S3Request<I>,
    bucket: &str,
) -> Result<(), s3s::S3Error> {
    let caller = caller(request)?;
    let delete = |plan: &mut Plan<'_>| settings::delete::<T>(plan, bucket);
    Ok(service.blobs.change(caller.canonical(), AROUND_BYTES, delete).await?)
}

macro_rules! plain {
    ($($kept:ty: $delete:ident $delete_input:ident $delete_output:ident;)*) => {
        $(
            pub(super) async fn $delete(
                service: &Service,
                request: S3Request<dto::$delete_input>,
            ) -> Answer<dto::$delete_output> {
                delete::<$kept, _>(service, &request, &request.input.bucket).await?;
                Ok(S3Response::new(dto::$delete_output::default()))
            }
        )*
    };
}

plain! {
    DefaultEncryption: delete_encryption DeleteBucketEncryptionInput DeleteBucketEncryptionOutput;
    Cors: delete_cors DeleteBucketCorsInput DeleteBucketCorsOutput;
    Lifecycle: delete_lifecycle DeleteBucketLifecycleInput DeleteBucketLifecycleOutput;
    Ownership: delete_ownership DeleteBucketOwnershipControlsInput DeleteBucketOwnershipControlsOutput;
    Stored: delete_policy DeleteBucketPolicyInput DeleteBucketPolicyOutput;
    Tags: delete_tags DeleteBucketTaggingInput DeleteBucketTaggingOutput;
    Website: delete_website DeleteBucketWebsiteInput DeleteBucketWebsiteOutput;
    PublicAccessBlock: delete_block DeletePublicAccessBlockInput DeletePublicAccessBlockOutput;
}

macro_rules! shown {
    ($($get:ident $input:ident $output:ident $show:expr;)*) => {
        $(
            pub(super) async fn $get(
                service: &Service,
                request: S3Request<dto::$input>,
            ) -> Answer<dto::$output> {
                let found = service.blobs.read(|plan| settings::get(plan, &request.input.bucket)).await?;
                Ok(S3Response::new($show(found)))
            }
        )*
    };
}

shown! {
    get_encryption GetBucketEncryptionInput GetBucketEncryptionOutput |found: DefaultEncryption| {
        let server_side_encryption_configuration = Some(document::lock::show_encryption(&found));
        dto::GetBucketEncryptionOutput { server_side_encryption_configuration }
    };
    get_cors GetBucketCorsInput GetBucketCorsOutput document::cors::show;
    get_lifecycle GetBucketLifecycleConfigurationInput GetBucketLifecycleConfigurationOutput document::lifecycle::show;
    get_ownership GetBucketOwnershipControlsInput GetBucketOwnershipControlsOutput |found: Ownership| {
        let ownership_controls = Some(document::access::show_ownership(found));
        dto::GetBucketOwnershipControlsOutput { ownership_controls }
    };
    get_policy GetBucketPolicyInput GetBucketPolicyOutput |found: Stored| {
        dto::GetBucketPolicyOutput { policy: Some(found.text) }
    };
    get_tags GetBucketTaggingInput GetBucketTaggingOutput |found: Tags| {
        dto::GetBucketTaggingOutput { tag_set: document::tags::show(found) }
    };
    get_website GetBucketWebsiteInput GetBucketWebsiteOutput document::website::show;
    get_block GetPublicAccessBlockInput GetPublicAccessBlockOutput |found: PublicAccessBlock| {
        let public_access_block_configuration = Some(document::access::show_block(found));
        dto::GetPublicAccessBlockOutput { public_access_block_configuration }
    };
}

macro_rules! documents {
    ($($put:ident $input:ident $output:ident $field:ident $read:expr;)*) => {
        $(
            pub(super) async fn $put(
                service: &Service,
                request: S3Request<dto::$input>,
            ) -> Answer<dto::$output> {
                let kept = $read(request.input.$field.clone())?;
                put(service, &request, &request.input.bucket, &kept).await?;
                Ok(S3Response::new(dto::$output::default()))
            }
        )*
    };
}

documents! {
    put_encryption PutBucketEncryptionInput PutBucketEncryptionOutput server_side_encryption_configuration
        |sent| document::lock::read_encryption(&sent);
    put_cors PutBucketCorsInput PutBucketCorsOutput cors_configuration document::cors::read;
    put_tags PutBucketTaggingInput PutBucketTaggingOutput tagging |sent| document::tags::read(sent, TagsOn::Bucket);
    put_website PutBucketWebsiteInput PutBucketWebsiteOutput website_configuration document::website::read;
    put_block PutPublicAccessBlockInput PutPublicAccessBlockOutput public_access_block_configuration
        |sent| Ok::<_, Error>(document::access::read_block(&sent));
}

pub(super) async fn put_lifecycle(
    service: &Service,
    request: S3Request<dto::PutBucketLifecycleConfigurationInput>,
) -> Answer<dto::PutBucketLifecycleConfigurationOutput> {
    let input = &request.input;
    let minimum = input.transition_default_minimum_object_size.as_ref();
    document::lifecycle::check_transition_minimum(
        minimum.map(dto::TransitionDefaultMinimumObjectSize::as_str),
    )?;
    let missing = || Error::new(Code::MalformedXML, "The body has no LifecycleConfiguration");
    let kept = document::lifecycle::read(input.lifecycle_configuration.clone().ok_or_else(missing)?)?;
    put(service, &request, &input.bucket, &kept).await?;
    Ok(S3Response::new(dto::PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(
            document::lifecycle::TRANSITION_MINIMUM.to_owned().into(),
        ),
    }))
}

/// Ownership without ACLs needs a bucket whose own ACL says nothing more.
pub(super) async fn put_ownership(
    service: &Service,
    request: S3Request<dto::PutBucketOwnershipControlsInput>,
) -> Answer<dto::PutBucketOwnershipControlsOutput> {
    let caller = caller(&request)?;
    let ownership = document::access::read_ownership(&request.input.ownership_controls)?;
    let name = &request.input.bucket;
    let change = |plan: &mut Plan<'_>| {
        let bucket = buckets::get(plan, name)?;
        if let Some(acl) = settings::of::<Acl>(plan, &bucket)?
            && ownership.check(&acl, &bucket.owner).is_err()
        {
            let text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
            return Err(Error::new(Code::InvalidRequest, text).into());
        }
        settings::put(plan, name, &ownership)
    };
    service.blobs.change(caller.canonical(), AROUND_BYTES, change).await?;
    Ok(S3Response::new(dto::PutBucketOwnershipControlsOutput::default()))
}

pub(super) async fn put_policy(
    service: &Service,
    request: S3Request<dto::PutBucketPolicyInput>,
) -> Answer<dto::PutBucketPolicyOutput> {
    let (caller, input) = (caller(&request)?, request.input);
    let policy = Policy::parse(&input.policy, Kind::Bucket(&input.bucket))?;
    let is_public = policy.is_public();
    let owner_may_be_denied = input.confirm_remove_self_bucket_access.unwrap_or(false);
    let stored = Stored { text: input.policy, owner_may_be_denied };
    let change = |plan: &mut Plan<'_>| {
        let bucket = buckets::get(plan, &input.bucket)?;
        let block: PublicAccessBlock = settings::of(plan, &bucket)?.unwrap_or_default();
        block.check_policy(is_public)?;
        settings::put(plan, &input.bucket, &stored)
    };
    service.blobs.change(caller.canonical(), stored.text.len() * 2 + AROUND_BYTES, change).await?;
    Ok(S3Response::with_status(dto::PutBucketPolicyOutput::default(), hyper::StatusCode::NO_CONTENT))
}

pub(super) async fn get_policy_status(
    service: &Service,
    request: S3Request<dto::GetBucketPolicyStatusInput>,
) -> Answer<dto::GetBucketPolicyStatusOutput> {
    let name = &request.input.bucket;
    let stored: Stored = service.blobs.read(|plan| settings::get(plan, name)).await?;
    let is_public = Policy::parse(&stored.text, Kind::Bucket(name))?.is_public();
    let policy_status = Some(dto::PolicyStatus { is_public: Some(is_public) });
    Ok(S3Response::new(dto::GetBucketPolicyStatusOutput { policy_status }))
}

pub(super) async fn get_acl(
    service: &Service,
    request: S3Request<dto::GetBucketAclInput>,
) -> Answer<dto::GetBucketAclOutput> {
    let look = |plan: &Plan<'_>| {
        let bucket = buckets::get(plan, &request.input.bucket)?;
        let private = || Canned::Private.acl(On::Bucket, &bucket.owner, &bucket.owner);
        Ok(settings::of::<Acl>(plan, &bucket)?.unwrap_or_else(private))
    };
    let acl = service.blobs.read(look).await?;
    Ok(S3Response::new(dto::GetBucketAclOutput {
        grants: Some(document::access::show_grants(&acl)),
        owner: Some(document::access::show_owner(&acl.owner, None)),
    }))
}

pub(super) async fn put_acl(
    service: &Service,
    mut request: S3Request<dto::PutBucketAclInput>,
) -> Answer<dto::PutBucketAclOutput> {
    let caller = caller(&request)?;
    let requested = requested_acl(&request.headers)?;
    let sent = request.input.access_control_policy.take();
    let name = &request.input.bucket;
    let change = |plan: &mut Plan<'_>| {
        let bucket = buckets::get(plan, name)?;
        let acl = match (&sent, &requested) {
            (Some(sent), Requested::Nothing) => document::access::read_acl(sent.clone(), &bucket.owner)?,
            (Some(_), _) => {
                return Err(Error::new(Code::InvalidRequest, "This request does not support content").into());
            }
            (None, Requested::Nothing) => {
                let text = "Your request was missing a required header: x-amz-acl, x-amz-grant-… or a body";
                return Err(Error::new(Code::InvalidRequest, text).into());
            }
            (None, requested) => requested.acl(On::Bucket, &bucket.owner, &bucket.owner),
        };
        settings::of::<Ownership>(plan, &bucket)?.unwrap_or_default().check(&acl, &bucket.owner)?;
        settings::of::<PublicAccessBlock>(plan, &bucket)?.unwrap_or_default().check_acl(&acl)?;
        settings::put(plan, name, &acl)
    };
    service.blobs.change(caller.canonical(), 16 * 1_024, change).await?;
    Ok(S3Response::new(dto::PutBucketAclOutput::default()))
}

pub(super) async fn put_lock(
    service: &Service,
    request: S3Request<dto::PutObjectLockConfigurationInput>,
) -> Answer<dto::PutObjectLockConfigurationOutput> {
    let (caller, input) = (caller(&request)?, request.input);
    let missing = || Error::new(Code::MalformedXML, "The body has no ObjectLockConfiguration");
    let configuration = document::lock::read(&input.object_lock_configuration.ok_or_else(missing)?)?;
    let put = |plan: &mut Plan<'_>| settings::put_object_lock(plan, &input.bucket, &configuration);
    service.blobs.change(caller.canonical(), AROUND_BYTES, put).await?;
    Ok(S3Response::new(dto::PutObjectLockConfigurationOutput::default()))
}

pub(super) async fn get_lock(
    service: &Service,
    request: S3Request<dto::GetObjectLockConfigurationInput>,
) -> Answer<dto::GetObjectLockConfigurationOutput> {
    let name = &request.input.bucket;
    let look = |plan: &Plan<'_>| {
        let bucket = buckets::get(plan, name)?;
        // A bucket that was made with object lock has it without a document.
        let kept = settings::of::<Configuration>(plan, &bucket)?;
        if bucket.object_lock { Ok(kept.unwrap_or_default()) } else { settings::get(plan, name) }
    };
    let configuration = service.blobs.read(look).await?;
    let object_lock_configuration = Some(document::lock::show(&configuration));
    Ok(S3Response::new(dto::GetObjectLockConfigurationOutput { object_lock_configuration }))
}

pub(super) async fn put_versioning(
    service: &Service,
    request: S3Request<dto::PutBucketVersioningInput>,
) -> Answer<dto::PutBucketVersioningOutput> {
    let (caller, input) = (caller(&request)?, request.input);
    let enabled = document::lock::read_versioning(&input.versioning_configuration)?;
    let set = |plan: &mut Plan<'_>| buckets::set_versioning(plan, &input.bucket, enabled);
    service.blobs.change(caller.canonical(), AROUND_BYTES, set).await?;
    Ok(S3Response::new(dto::PutBucketVersioningOutput::default()))
}

pub(super) async fn get_versioning(
    service: &Service,
    request: S3Request<dto::GetBucketVersioningInput>,
) -> Answer<dto::GetBucketVersioningOutput> {
    let bucket = service.blobs.read(|plan| buckets::get(plan, &request.input.bucket)).await?;
    let enabled = match bucket.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some(true),
        Versioning::Suspended => Some(false),
    };
    Ok(S3Response::new(document::lock::show_versioning(enabled)))
}

/// A bucket's log goes into a bucket that its caller may put into.
pub(super) async fn put_logging(
    service: &Service,
    request: S3Request<dto::PutBucketLoggingInput>,
) -> Answer<dto::PutBucketLoggingOutput> {
    let (caller, input) = (caller(&request)?, &request.input);
    match document::logging::read(input.bucket_logging_status.clone())? {
        None => delete::<Logging, _>(service, &request, &input.bucket).await?,
        Some(logging) => {
            service.check_target(&caller, &logging)?;
            put(service, &request, &input.bucket, &logging).await?;
        }
    }
    Ok(S3Response::new(dto::PutBucketLoggingOutput::default()))
}

pub(super) async fn get_logging(
    service: &Service,
    request: S3Request<dto::GetBucketLoggingInput>,
) -> Answer<dto::GetBucketLoggingOutput> {
    let look = |plan: &Plan<'_>| {
        let bucket = buckets::get(plan, &request.input.bucket)?;
        settings::of::<Logging>(plan, &bucket)
    };
    Ok(S3Response::new(document::logging::show(service.blobs.read(look).await?)))
}
