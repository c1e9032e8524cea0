//! What clients can ask for: the protocol library's trait, one file a family. Each operation turns its input into a call of [`crate::objects`], and what
//! comes back into its output; what the library parsed and nothing here honours is refused by name.
//!
//! [`TABLE`] has all operations of the protocol; those that are refused say why.

mod buckets;
mod copies;
mod details;
pub(crate) mod encryption;
pub(crate) mod forms;
mod headers;
mod lists;
mod multipart;
mod notifications;
mod objects;
mod reads;
mod settings;

pub(crate) use reads::BareEtag;

use std::sync::Arc;

use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto, s3_error};

use crate::access::Caller;
use crate::error::{Code, Error};
use crate::service::Service;

/// An operation's answer.
type Answer<T> = Result<S3Response<T>, S3Error>;

/// The service as the library calls it.
#[derive(Clone)]
pub(crate) struct Operations(pub(crate) Arc<Service>);

/// An operation of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Why it is refused; nothing where it is served.
    pub refused: Option<&'static str>,
}

/// Refuses an operation of the table that is not served, by its name and with the reason.
pub(crate) fn check_served(operation: &str) -> crate::error::Result<()> {
    match TABLE.iter().find(|row| row.name == operation).and_then(|row| row.refused) {
        None => Ok(()),
        Some(why) => Err(not_served(operation, why)),
    }
}

fn not_served(operation: &str, why: &str) -> Error {
    Error::new(Code::NotImplemented, format!("{operation} is not supported: {why}"))
}

/// Said of an answer whose document has names of objects, which may have characters that XML has not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document;

/// An answer that has names of objects.
fn document<T>(output: T) -> S3Response<T> {
    let mut response = S3Response::new(output);
    response.extensions.insert(Document);
    response
}

/// The caller, whom the access check put among the request's extensions.
fn caller<T>(request: &S3Request<T>) -> S3Result<Arc<Caller>> {
    let caller = request.extensions.get::<Arc<Caller>>().cloned();
    caller.ok_or_else(|| s3_error!(InternalError, "the request was not judged"))
}

macro_rules! operations {
    (
        served { $($name:ident $method:ident $input:ident $output:ident $path:path;)* }
        refused { $($other:ident $refuse:ident $other_input:ident $other_output:ident $why:literal;)* }
    ) => {
        /// All operations, first those that are served.
        pub const TABLE: &[Row] = &[
            $(Row { name: stringify!($name), refused: None },)*
            $(Row { name: stringify!($other), refused: Some($why) },)*
        ];

        #[async_trait::async_trait]
        impl S3 for Operations {
            $(
                async fn $method(&self, request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                    $path(&self.0, request).await
                }
            )*
            $(
                async fn $refuse(&self, _: S3Request<dto::$other_input>) -> S3Result<S3Response<dto::$other_output>> {
                    Err(not_served(stringify!($other), $why).into())
                }
            )*
        }
    };
}

operations! {
    served {
        AbortMultipartUpload abort_multipart_upload AbortMultipartUploadInput AbortMultipartUploadOutput multipart::abort;
        CompleteMultipartUpload complete_multipart_upload CompleteMultipartUploadInput CompleteMultipartUploadOutput multipart::complete;
        CopyObject copy_object CopyObjectInput CopyObjectOutput objects::copy;
        CreateBucket create_bucket CreateBucketInput CreateBucketOutput buckets::create;
        CreateMultipartUpload create_multipart_upload CreateMultipartUploadInput CreateMultipartUploadOutput multipart::begin;
        DeleteBucket delete_bucket DeleteBucketInput DeleteBucketOutput buckets::delete;
        DeleteBucketCors delete_bucket_cors DeleteBucketCorsInput DeleteBucketCorsOutput settings::delete_cors;
        DeleteBucketEncryption delete_bucket_encryption DeleteBucketEncryptionInput DeleteBucketEncryptionOutput settings::delete_encryption;
        DeleteBucketLifecycle delete_bucket_lifecycle DeleteBucketLifecycleInput DeleteBucketLifecycleOutput settings::delete_lifecycle;
        DeleteBucketOwnershipControls delete_bucket_ownership_controls DeleteBucketOwnershipControlsInput DeleteBucketOwnershipControlsOutput settings::delete_ownership;
        DeleteBucketPolicy delete_bucket_policy DeleteBucketPolicyInput DeleteBucketPolicyOutput settings::delete_policy;
        DeleteBucketTagging delete_bucket_tagging DeleteBucketTaggingInput DeleteBucketTaggingOutput settings::delete_tags;
        DeleteBucketWebsite delete_bucket_website DeleteBucketWebsiteInput DeleteBucketWebsiteOutput settings::delete_website;
        DeleteObject delete_object DeleteObjectInput DeleteObjectOutput objects::delete;
        DeleteObjectTagging delete_object_tagging DeleteObjectTaggingInput DeleteObjectTaggingOutput details::delete_tags;
        DeleteObjects delete_objects DeleteObjectsInput DeleteObjectsOutput objects::delete_many;
        DeletePublicAccessBlock delete_public_access_block DeletePublicAccessBlockInput DeletePublicAccessBlockOutput settings::delete_block;
        GetBucketAcl get_bucket_acl GetBucketAclInput GetBucketAclOutput settings::get_acl;
        GetBucketCors get_bucket_cors GetBucketCorsInput GetBucketCorsOutput settings::get_cors;
        GetBucketEncryption get_bucket_encryption GetBucketEncryptionInput GetBucketEncryptionOutput settings::get_encryption;
        GetBucketLifecycleConfiguration get_bucket_lifecycle_configuration GetBucketLifecycleConfigurationInput GetBucketLifecycleConfigurationOutput settings::get_lifecycle;
        GetBucketLocation get_bucket_location GetBucketLocationInput GetBucketLocationOutput buckets::location;
        GetBucketLogging get_bucket_logging GetBucketLoggingInput GetBucketLoggingOutput settings::get_logging;
        GetBucketNotificationConfiguration get_bucket_notification_configuration GetBucketNotificationConfigurationInput GetBucketNotificationConfigurationOutput notifications::get;
        GetBucketOwnershipControls get_bucket_ownership_controls GetBucketOwnershipControlsInput GetBucketOwnershipControlsOutput settings::get_ownership;
        GetBucketPolicy get_bucket_policy GetBucketPolicyInput GetBucketPolicyOutput settings::get_policy;
        GetBucketPolicyStatus get_bucket_policy_status GetBucketPolicyStatusInput GetBucketPolicyStatusOutput settings::get_policy_status;
        GetBucketTagging get_bucket_tagging GetBucketTaggingInput GetBucketTaggingOutput settings::get_tags;
        GetBucketVersioning get_bucket_versioning GetBucketVersioningInput GetBucketVersioningOutput settings::get_versioning;
        GetBucketWebsite get_bucket_website GetBucketWebsiteInput GetBucketWebsiteOutput settings::get_website;
        GetObject get_object GetObjectInput GetObjectOutput reads::get;
        GetObjectAcl get_object_acl GetObjectAclInput GetObjectAclOutput details::get_acl;
        GetObjectAttributes get_object_attributes GetObjectAttributesInput GetObjectAttributesOutput reads::attributes;
        GetObjectLegalHold get_object_legal_hold GetObjectLegalHoldInput GetObjectLegalHoldOutput details::get_legal_hold;
        GetObjectLockConfiguration get_object_lock_configuration GetObjectLockConfigurationInput GetObjectLockConfigurationOutput settings::get_lock;
        GetObjectRetention get_object_retention GetObjectRetentionInput GetObjectRetentionOutput details::get_retention;
        GetObjectTagging get_object_tagging GetObjectTaggingInput GetObjectTaggingOutput details::get_tags;
        GetPublicAccessBlock get_public_access_block GetPublicAccessBlockInput GetPublicAccessBlockOutput settings::get_block;
        HeadBucket head_bucket HeadBucketInput HeadBucketOutput buckets::head;
        HeadObject head_object HeadObjectInput HeadObjectOutput reads::head;
        ListBuckets list_buckets ListBucketsInput ListBucketsOutput buckets::list;
        ListMultipartUploads list_multipart_uploads ListMultipartUploadsInput ListMultipartUploadsOutput lists::uploads;
        ListObjectVersions list_object_versions ListObjectVersionsInput ListObjectVersionsOutput lists::versions;
        ListObjects list_objects ListObjectsInput ListObjectsOutput lists::objects;
        ListObjectsV2 list_objects_v2 ListObjectsV2Input ListObjectsV2Output lists::objects_v2;
        ListParts list_parts ListPartsInput ListPartsOutput multipart::list;
        PostObject post_object PostObjectInput PostObjectOutput forms::post;
        PutBucketAcl put_bucket_acl PutBucketAclInput PutBucketAclOutput settings::put_acl;
        PutBucketCors put_bucket_cors PutBucketCorsInput PutBucketCorsOutput settings::put_cors;
        PutBucketEncryption put_bucket_encryption PutBucketEncryptionInput PutBucketEncryptionOutput settings::put_encryption;
        PutBucketLifecycleConfiguration put_bucket_lifecycle_configuration PutBucketLifecycleConfigurationInput PutBucketLifecycleConfigurationOutput settings::put_lifecycle;
        PutBucketLogging put_bucket_logging PutBucketLoggingInput PutBucketLoggingOutput settings::put_logging;
        PutBucketNotificationConfiguration put_bucket_notification_configuration PutBucketNotificationConfigurationInput PutBucketNotificationConfigurationOutput notifications::put;
        PutBucketOwnershipControls put_bucket_ownership_controls PutBucketOwnershipControlsInput PutBucketOwnershipControlsOutput settings::put_ownership;
        PutBucketPolicy put_bucket_policy PutBucketPolicyInput PutBucketPolicyOutput settings::put_policy;
        PutBucketTagging put_bucket_tagging PutBucketTaggingInput PutBucketTaggingOutput settings::put_tags;
        PutBucketVersioning put_bucket_versioning PutBucketVersioningInput PutBucketVersioningOutput settings::put_versioning;
        PutBucketWebsite put_bucket_website PutBucketWebsiteInput PutBucketWebsiteOutput settings::put_website;
        PutObject put_object PutObjectInput PutObjectOutput objects::put;
        PutObjectAcl put_object_acl PutObjectAclInput PutObjectAclOutput details::put_acl;
        PutObjectLegalHold put_object_legal_hold PutObjectLegalHoldInput PutObjectLegalHoldOutput details::put_legal_hold;
        PutObjectLockConfiguration put_object_lock_configuration PutObjectLockConfigurationInput PutObjectLockConfigurationOutput settings::put_lock;
        PutObjectRetention put_object_retention PutObjectRetentionInput PutObjectRetentionOutput details::put_retention;
        PutObjectTagging put_object_tagging PutObjectTaggingInput PutObjectTaggingOutput details::put_tags;
        PutPublicAccessBlock put_public_access_block PutPublicAccessBlockInput PutPublicAccessBlockOutput settings::put_block;
        UploadPart upload_part UploadPartInput UploadPartOutput multipart::put_part;
        UploadPartCopy upload_part_copy UploadPartCopyInput UploadPartCopyOutput multipart::copy_part;
    }
    refused {
        CreateBucketMetadataTableConfiguration create_bucket_metadata_table_configuration CreateBucketMetadataTableConfigurationInput CreateBucketMetadataTableConfigurationOutput "there are no metadata tables";
        CreateSession create_session CreateSessionInput CreateSessionOutput "there are no directory buckets";
        DeleteBucketAnalyticsConfiguration delete_bucket_analytics_configuration DeleteBucketAnalyticsConfigurationInput DeleteBucketAnalyticsConfigurationOutput "there is no storage class analysis";
        DeleteBucketIntelligentTieringConfiguration delete_bucket_intelligent_tiering_configuration DeleteBucketIntelligentTieringConfigurationInput DeleteBucketIntelligentTieringConfigurationOutput "there is one storage class";
        DeleteBucketInventoryConfiguration delete_bucket_inventory_configuration DeleteBucketInventoryConfigurationInput DeleteBucketInventoryConfigurationOutput "there are no inventories";
        DeleteBucketMetadataTableConfiguration delete_bucket_metadata_table_configuration DeleteBucketMetadataTableConfigurationInput DeleteBucketMetadataTableConfigurationOutput "there are no metadata tables";
        DeleteBucketMetricsConfiguration delete_bucket_metrics_configuration DeleteBucketMetricsConfigurationInput DeleteBucketMetricsConfigurationOutput "metrics of the node are at its admin address";
        DeleteBucketReplication delete_bucket_replication DeleteBucketReplicationInput DeleteBucketReplicationOutput "there is no replication of buckets";
        GetBucketAccelerateConfiguration get_bucket_accelerate_configuration GetBucketAccelerateConfigurationInput GetBucketAccelerateConfigurationOutput "there is no acceleration";
        GetBucketAnalyticsConfiguration get_bucket_analytics_configuration GetBucketAnalyticsConfigurationInput GetBucketAnalyticsConfigurationOutput "there is no storage class analysis";
        GetBucketIntelligentTieringConfiguration get_bucket_intelligent_tiering_configuration GetBucketIntelligentTieringConfigurationInput GetBucketIntelligentTieringConfigurationOutput "there is one storage class";
        GetBucketInventoryConfiguration get_bucket_inventory_configuration GetBucketInventoryConfigurationInput GetBucketInventoryConfigurationOutput "there are no inventories";
        GetBucketMetadataTableConfiguration get_bucket_metadata_table_configuration GetBucketMetadataTableConfigurationInput GetBucketMetadataTableConfigurationOutput "there are no metadata tables";
        GetBucketMetricsConfiguration get_bucket_metrics_configuration GetBucketMetricsConfigurationInput GetBucketMetricsConfigurationOutput "metrics of the node are at its admin address";
        GetBucketReplication get_bucket_replication GetBucketReplicationInput GetBucketReplicationOutput "there is no replication of buckets";
        GetBucketRequestPayment get_bucket_request_payment GetBucketRequestPaymentInput GetBucketRequestPaymentOutput "nobody pays";
        GetObjectTorrent get_object_torrent GetObjectTorrentInput GetObjectTorrentOutput "there are no torrents";
        ListBucketAnalyticsConfigurations list_bucket_analytics_configurations ListBucketAnalyticsConfigurationsInput ListBucketAnalyticsConfigurationsOutput "there is no storage class analysis";
        ListBucketIntelligentTieringConfigurations list_bucket_intelligent_tiering_configurations ListBucketIntelligentTieringConfigurationsInput ListBucketIntelligentTieringConfigurationsOutput "there is one storage class";
        ListBucketInventoryConfigurations list_bucket_inventory_configurations ListBucketInventoryConfigurationsInput ListBucketInventoryConfigurationsOutput "there are no inventories";
        ListBucketMetricsConfigurations list_bucket_metrics_configurations ListBucketMetricsConfigurationsInput ListBucketMetricsConfigurationsOutput "metrics of the node are at its admin address";
        ListDirectoryBuckets list_directory_buckets ListDirectoryBucketsInput ListDirectoryBucketsOutput "there are no directory buckets";
        PutBucketAccelerateConfiguration put_bucket_accelerate_configuration PutBucketAccelerateConfigurationInput PutBucketAccelerateConfigurationOutput "there is no acceleration";
        PutBucketAnalyticsConfiguration put_bucket_analytics_configuration PutBucketAnalyticsConfigurationInput PutBucketAnalyticsConfigurationOutput "there is no storage class analysis";
        PutBucketIntelligentTieringConfiguration put_bucket_intelligent_tiering_configuration PutBucketIntelligentTieringConfigurationInput PutBucketIntelligentTieringConfigurationOutput "there is one storage class";
        PutBucketInventoryConfiguration put_bucket_inventory_configuration PutBucketInventoryConfigurationInput PutBucketInventoryConfigurationOutput "there are no inventories";
        PutBucketMetricsConfiguration put_bucket_metrics_configuration PutBucketMetricsConfigurationInput PutBucketMetricsConfigurationOutput "metrics of the node are at its admin address";
        PutBucketReplication put_bucket_replication PutBucketReplicationInput PutBucketReplicationOutput "there is no replication of buckets";
        PutBucketRequestPayment put_bucket_request_payment PutBucketRequestPaymentInput PutBucketRequestPaymentOutput "nobody pays";
        RestoreObject restore_object RestoreObjectInput RestoreObjectOutput "there is one storage class";
        SelectObjectContent select_object_content SelectObjectContentInput SelectObjectContentOutput "there is no SQL over objects";
        WriteGetObjectResponse write_get_object_response WriteGetObjectResponseInput WriteGetObjectResponseOutput "there are no functions";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::policy::operation::OPERATIONS;

    #[test]
    fn the_table_has_every_operation_once() {
        let mut names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
        names.sort_unstable();
        assert_eq!(names, OPERATIONS.iter().map(|row| row.operation).collect::<Vec<_>>());
        assert!(TABLE.is_sorted_by_key(|row| (row.refused.is_some(), row.name)));
    }
}
