//! Which actions an operation of S3 needs, and on what: S3's "Required permissions for Amazon S3 API operations" as a table over all
//! operations of the protocol.

use super::action::{Level, level};

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The operation's name.
    pub operation: &'static str,
    /// The action that it always needs, without `s3:`. Those of other services keep their prefix; nothing here allows them but roles.
    pub action: &'static str,
    /// The action that it needs instead where the request names a version.
    pub versioned: Option<&'static str>,
    /// What it needs as well, under conditions.
    pub also: &'static [(When, &'static str)],
}

/// When an operation needs a further action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The request sets an ACL.
    Acl,
    /// The request sets tags.
    Tags,
    /// The request sets a retention.
    Retention,
    /// The request sets a legal hold.
    LegalHold,
    /// The request asks to bypass a retention in governance mode.
    Bypass,
    /// The new bucket is to have object lock.
    ObjectLock,
    /// The new bucket is to have a setting of ownership.
    Ownership,
    /// The request names a version.
    Versioned,
    /// The request names none.
    Unversioned,
    /// Always, on the source, where it is named without a version.
    Source,
    /// Always, on the source, where it is named with a version.
    SourceVersion,
    /// The source's tags are copied, and it is named without a version.
    SourceTags,
    /// The source's tags are copied, and it is named with a version.
    SourceVersionTags,
}

/// What of a request decides which actions it needs.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about a request")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It names a version.
    pub version: bool,
    /// It sets an ACL.
    pub acl: bool,
    /// The object that it makes has tags, set or copied.
    pub tags: bool,
    /// It sets a retention.
    pub retention: bool,
    /// It sets a legal hold.
    pub legal_hold: bool,
    /// It asks to bypass governance.
    pub bypass: bool,
    /// It makes a bucket with object lock.
    pub object_lock: bool,
    /// It makes a bucket with a setting of ownership.
    pub ownership: bool,
    /// It names a version of its source.
    pub source_version: bool,
    /// It copies its source's tags.
    pub source_tags: bool,
}

/// What an action is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All of the account's buckets.
    Account,
    /// The request's bucket.
    Bucket,
    /// The request's object.
    Object,
    /// The object that is copied.
    Source,
}

impl When {
    /// Whether it is so.
    const fn applies(self, facts: &Facts) -> bool {
        match self {
            Self::Acl => facts.acl,
            Self::Tags => facts.tags,
            Self::Retention => facts.retention,
            Self::LegalHold => facts.legal_hold,
            Self::Bypass => facts.bypass,
            Self::ObjectLock => facts.object_lock,
            Self::Ownership => facts.ownership,
            Self::Versioned => facts.version,
            Self::Unversioned => !facts.version,
            Self::Source => !facts.source_version,
            Self::SourceVersion => facts.source_version,
            Self::SourceTags => facts.source_tags && !facts.source_version,
            Self::SourceVersionTags => facts.source_tags && facts.source_version,
        }
    }

    const fn is_source(self) -> bool {
        matches!(self, Self::Source | Self::SourceVersion | Self::SourceTags | Self::SourceVersionTags)
    }
}

impl Row {
    /// The actions that a request needs, all of them, with what each is asked about.
    pub fn needed(&'static self, facts: Facts) -> impl Iterator<Item = (&'static str, Target)> {
        let first = self.versioned.filter(|_| facts.version).unwrap_or(self.action);
        let also =
            self.also.iter().filter(move |(when, _)| when.applies(&facts)).map(|(when, action)| {
                (*action, if when.is_source() { Target::Source } else { target(action) })
            });
        std::iter::once((first, target(first))).chain(also)
    }
}

fn target(action: &str) -> Target {
    match level(action) {
        Some(Level::Object) => Target::Object,
        Some(Level::Account) => Target::Account,
        None if action.ends_with("ListAllMyDirectoryBuckets") => Target::Account,
        Some(Level::Bucket) | None => Target::Bucket,
    }
}

/// The row of an operation.
pub fn find(operation: &str) -> Option<&'static Row> {
    OPERATIONS.binary_search_by_key(&operation, |row| row.operation).ok().map(|index| &OPERATIONS[index])
}

const NEW_OBJECT: &[(When, &str)] = &[
    (When::Acl, "PutObjectAcl"),
    (When::Tags, "PutObjectTagging"),
    (When::Retention, "PutObjectRetention"),
    (When::LegalHold, "PutObjectLegalHold"),
];
const SOURCE: &[(When, &str)] = &[(When::Source, "GetObject"), (When::SourceVersion, "GetObjectVersion")];
const COPY: &[(When, &str)] = &[
    (When::Source, "GetObject"),
    (When::SourceVersion, "GetObjectVersion"),
    (When::SourceTags, "GetObjectTagging"),
    (When::SourceVersionTags, "GetObjectVersionTagging"),
    (When::Acl, "PutObjectAcl"),
    (When::Tags, "PutObjectTagging"),
    (When::Retention, "PutObjectRetention"),
    (When::LegalHold, "PutObjectLegalHold"),
];
const BYPASS: &[(When, &str)] = &[(When::Bypass, "BypassGovernanceRetention")];

const fn row(
    operation: &'static str,
    action: &'static str,
    versioned: Option<&'static str>,
    also: &'static [(When, &'static str)],
) -> Row {
    Row { operation, action, versioned, also }
}

/// All operations, in order.
pub const OPERATIONS: &[Row] = &[
    row("AbortMultipartUpload", "AbortMultipartUpload", None, &[]),
    row("CompleteMultipartUpload", "PutObject", None, &[]),
    row("CopyObject", "PutObject", None, COPY),
    row(
        "CreateBucket",
        "CreateBucket",
        None,
        &[
            (When::Acl, "PutBucketAcl"),
            (When::ObjectLock, "PutBucketObjectLockConfiguration"),
            (When::ObjectLock, "PutBucketVersioning"),
            (When::Ownership, "PutBucketOwnershipControls"),
        ],
    ),
    row("CreateBucketMetadataTableConfiguration", "CreateBucketMetadataTableConfiguration", None, &[]),
    row("CreateMultipartUpload", "PutObject", None, NEW_OBJECT),
    row("CreateSession", "s3express:CreateSession", None, &[]),
    row("DeleteBucket", "DeleteBucket", None, &[]),
    row("DeleteBucketAnalyticsConfiguration", "PutAnalyticsConfiguration", None, &[]),
    row("DeleteBucketCors", "PutBucketCORS", None, &[]),
    row("DeleteBucketEncryption", "PutEncryptionConfiguration", None, &[]),
    row("DeleteBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", None, &[]),
    row("DeleteBucketInventoryConfiguration", "PutInventoryConfiguration", None, &[]),
    row("DeleteBucketLifecycle", "PutLifecycleConfiguration", None, &[]),
    row("DeleteBucketMetadataTableConfiguration", "DeleteBucketMetadataTableConfiguration", None, &[]),
    row("DeleteBucketMetricsConfiguration", "PutMetricsConfiguration", None, &[]),
    row("DeleteBucketOwnershipControls", "PutBucketOwnershipControls", None, &[]),
    row("DeleteBucketPolicy", "DeleteBucketPolicy", None, &[]),
    row("DeleteBucketReplication", "PutReplicationConfiguration", None, &[]),
    row("DeleteBucketTagging", "PutBucketTagging", None, &[]),
    row("DeleteBucketWebsite", "DeleteBucketWebsite", None, &[]),
    row("DeleteObject", "DeleteObject", Some("DeleteObjectVersion"), BYPASS),
    row("DeleteObjectTagging", "DeleteObjectTagging", Some("DeleteObjectVersionTagging"), &[]),
    row("DeleteObjects", "DeleteObject", Some("DeleteObjectVersion"), BYPASS),
    row("DeletePublicAccessBlock", "PutBucketPublicAccessBlock", None, &[]),
    row("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration", None, &[]),
    row("GetBucketAcl", "GetBucketAcl", None, &[]),
    row("GetBucketAnalyticsConfiguration", "GetAnalyticsConfiguration", None, &[]),
    row("GetBucketCors", "GetBucketCORS", None, &[]),
    row("GetBucketEncryption", "GetEncryptionConfiguration", None, &[]),
    row("GetBucketIntelligentTieringConfiguration", "GetIntelligentTieringConfiguration", None, &[]),
    row("GetBucketInventoryConfiguration", "GetInventoryConfiguration", None, &[]),
    row("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration", None, &[]),
    row("GetBucketLocation", "GetBucketLocation", None, &[]),
    row("GetBucketLogging", "GetBucketLogging", None, &[]),
    row("GetBucketMetadataTableConfiguration", "GetBucketMetadataTableConfiguration", None, &[]),
    row("GetBucketMetricsConfiguration", "GetMetricsConfiguration", None, &[]),
    row("GetBucketNotificationConfiguration", "GetBucketNotification", None, &[]),
    row("GetBucketOwnershipControls", "GetBucketOwnershipControls", None, &[]),
    row("GetBucketPolicy", "GetBucketPolicy", None, &[]),
    row("GetBucketPolicyStatus", "GetBucketPolicyStatus", None, &[]),
    row("GetBucketReplication", "GetReplicationConfiguration", None, &[]),
    row("GetBucketRequestPayment", "GetBucketRequestPayment", None, &[]),
    row("GetBucketTagging", "GetBucketTagging", None, &[]),
    row("GetBucketVersioning", "GetBucketVersioning", None, &[]),
    row("GetBucketWebsite", "GetBucketWebsite", None, &[]),
    row("GetObject", "GetObject", Some("GetObjectVersion"), &[]),
    row("GetObjectAcl", "GetObjectAcl", Some("GetObjectVersionAcl"), &[]),
    row(
        "GetObjectAttributes",
        "GetObject",
        Some("GetObjectVersion"),
        &[(When::Unversioned, "GetObjectAttributes"), (When::Versioned, "GetObjectVersionAttributes")],
    ),
    row("GetObjectLegalHold", "GetObjectLegalHold", None, &[]),
    row("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration", None, &[]),
    row("GetObjectRetention", "GetObjectRetention", None, &[]),
    row("GetObjectTagging", "GetObjectTagging", Some("GetObjectVersionTagging"), &[]),
    row("GetObjectTorrent", "GetObjectTorrent", Some("GetObjectVersionTorrent"), &[]),
    row("GetPublicAccessBlock", "GetBucketPublicAccessBlock", None, &[]),
    row("HeadBucket", "ListBucket", None, &[]),
    row("HeadObject", "GetObject", Some("GetObjectVersion"), &[]),
    row("ListBucketAnalyticsConfigurations", "GetAnalyticsConfiguration", None, &[]),
    row("ListBucketIntelligentTieringConfigurations", "GetIntelligentTieringConfiguration", None, &[]),
    row("ListBucketInventoryConfigurations", "GetInventoryConfiguration", None, &[]),
    row("ListBucketMetricsConfigurations", "GetMetricsConfiguration", None, &[]),
    row("ListBuckets", "ListAllMyBuckets", None, &[]),
    row("ListDirectoryBuckets", "s3express:ListAllMyDirectoryBuckets", None, &[]),
    row("ListMultipartUploads", "ListBucketMultipartUploads", None, &[]),
    row("ListObjectVersions", "ListBucketVersions", None, &[]),
    row("ListObjects", "ListBucket", None, &[]),
    row("ListObjectsV2", "ListBucket", None, &[]),
    row("ListParts", "ListMultipartUploadParts", None, &[]),
    row("PostObject", "PutObject", None, NEW_OBJECT),
    row("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration", None, &[]),
    row("PutBucketAcl", "PutBucketAcl", None, &[]),
    row("PutBucketAnalyticsConfiguration", "PutAnalyticsConfiguration", None, &[]),
    row("PutBucketCors", "PutBucketCORS", None, &[]),
    row("PutBucketEncryption", "PutEncryptionConfiguration", None, &[]),
    row("PutBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", None, &[]),
    row("PutBucketInventoryConfiguration", "PutInventoryConfiguration", None, &[]),
    row("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration", None, &[]),
    row("PutBucketLogging", "PutBucketLogging", None, &[]),
    row("PutBucketMetricsConfiguration", "PutMetricsConfiguration", None, &[]),
    row("PutBucketNotificationConfiguration", "PutBucketNotification", None, &[]),
    row("PutBucketOwnershipControls", "PutBucketOwnershipControls", None, &[]),
    row("PutBucketPolicy", "PutBucketPolicy", None, &[]),
    row("PutBucketReplication", "PutReplicationConfiguration", None, &[]),
    row("PutBucketRequestPayment", "PutBucketRequestPayment", None, &[]),
    row("PutBucketTagging", "PutBucketTagging", None, &[]),
    row("PutBucketVersioning", "PutBucketVersioning", None, &[]),
    row("PutBucketWebsite", "PutBucketWebsite", None, &[]),
    row("PutObject", "PutObject", None, NEW_OBJECT),
    row("PutObjectAcl", "PutObjectAcl", Some("PutObjectVersionAcl"), &[]),
    row("PutObjectLegalHold", "PutObjectLegalHold", None, &[]),
    row("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", None, &[]),
    row("PutObjectRetention", "PutObjectRetention", None, BYPASS),
    row("PutObjectTagging", "PutObjectTagging", Some("PutObjectVersionTagging"), &[]),
    row("PutPublicAccessBlock", "PutBucketPublicAccessBlock", None, &[]),
    row("RestoreObject", "RestoreObject", None, &[]),
    row("SelectObjectContent", "GetObject", Some("GetObjectVersion"), &[]),
    row("UploadPart", "PutObject", None, &[]),
    row("UploadPartCopy", "PutObject", None, SOURCE),
    row("WriteGetObjectResponse", "s3-object-lambda:WriteGetObjectResponse", None, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_row() {
        // As many as the protocol library's trait has methods.
        assert_eq!(OPERATIONS.len(), 99);
        assert!(OPERATIONS.is_sorted_by(|a, b| a.operation < b.operation));
        for row in OPERATIONS {
            let names = [Some(row.action), row.versioned].into_iter().flatten();
            for name in names.chain(row.also.iter().map(|(_, action)| *action)) {
                assert!(level(name).is_some() || name.contains(':'), "{} {name}", row.operation);
            }
        }
        let used = |name: &str| {
            OPERATIONS.iter().any(|row| {
                row.action == name
                    || row.versioned == Some(name)
                    || row.also.iter().any(|(_, action)| *action == name)
            })
        };
        for (name, _) in super::super::action::ACTIONS {
            assert!(used(name), "no operation needs {name}");
        }
    }

    #[test]
    fn requests_need_actions() {
        use Target::{Account, Bucket, Object, Source};
        let none = Facts::default();
        let rows: &[(&str, Facts, &[(&str, Target)])] = &[
            ("GetObject", none, &[("GetObject", Object)]),
            ("GetObject", Facts { version: true, ..none }, &[("GetObjectVersion", Object)]),
            ("HeadBucket", none, &[("ListBucket", Bucket)]),
            ("ListBuckets", none, &[("ListAllMyBuckets", Account)]),
            (
                "PutObject",
                Facts { acl: true, legal_hold: true, ..none },
                &[("PutObject", Object), ("PutObjectAcl", Object), ("PutObjectLegalHold", Object)],
            ),
            (
                "CopyObject",
                Facts { source_version: true, tags: true, ..none },
                &[("PutObject", Object), ("GetObjectVersion", Source), ("PutObjectTagging", Object)],
            ),
            ("UploadPartCopy", none, &[("PutObject", Object), ("GetObject", Source)]),
            (
                "DeleteObjects",
                Facts { version: true, bypass: true, ..none },
                &[("DeleteObjectVersion", Object), ("BypassGovernanceRetention", Object)],
            ),
            (
                "GetObjectAttributes",
                Facts { version: true, ..none },
                &[("GetObjectVersion", Object), ("GetObjectVersionAttributes", Object)],
            ),
            (
                "CreateBucket",
                Facts { object_lock: true, ..none },
                &[
                    ("CreateBucket", Bucket),
                    ("PutBucketObjectLockConfiguration", Bucket),
                    ("PutBucketVersioning", Bucket),
                ],
            ),
            ("DeleteBucketCors", none, &[("PutBucketCORS", Bucket)]),
            ("ListDirectoryBuckets", none, &[("s3express:ListAllMyDirectoryBuckets", Account)]),
        ];
        for (operation, facts, expected) in rows {
            let found: Vec<_> = find(operation).unwrap().needed(*facts).collect();
            assert_eq!(found, *expected, "{operation} {facts:?}");
        }
        assert_eq!(find("Frobnicate"), None);
    }
}
