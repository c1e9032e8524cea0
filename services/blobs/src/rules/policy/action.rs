//! The actions of S3 that policies name, and what each is on.

/// What an action is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All of an account's buckets.
    Account,
    /// A bucket: `arn:aws:s3:::bucket`.
    Bucket,
    /// An object: `arn:aws:s3:::bucket/key`.
    Object,
}

/// All actions, in order, without `s3:`.
pub const ACTIONS: &[(&str, Level)] = &[
    ("AbortMultipartUpload", Level::Object),
    ("BypassGovernanceRetention", Level::Object),
    ("CreateBucket", Level::Bucket),
    ("CreateBucketMetadataTableConfiguration", Level::Bucket),
    ("DeleteBucket", Level::Bucket),
    ("DeleteBucketMetadataTableConfiguration", Level::Bucket),
    ("DeleteBucketPolicy", Level::Bucket),
    ("DeleteBucketWebsite", Level::Bucket),
    ("DeleteObject", Level::Object),
    ("DeleteObjectTagging", Level::Object),
    ("DeleteObjectVersion", Level::Object),
    ("DeleteObjectVersionTagging", Level::Object),
    ("GetAccelerateConfiguration", Level::Bucket),
    ("GetAnalyticsConfiguration", Level::Bucket),
    ("GetBucketAcl", Level::Bucket),
    ("GetBucketCORS", Level::Bucket),
    ("GetBucketLocation", Level::Bucket),
    ("GetBucketLogging", Level::Bucket),
    ("GetBucketMetadataTableConfiguration", Level::Bucket),
    ("GetBucketNotification", Level::Bucket),
    ("GetBucketObjectLockConfiguration", Level::Bucket),
    ("GetBucketOwnershipControls", Level::Bucket),
    ("GetBucketPolicy", Level::Bucket),
    ("GetBucketPolicyStatus", Level::Bucket),
    ("GetBucketPublicAccessBlock", Level::Bucket),
    ("GetBucketRequestPayment", Level::Bucket),
    ("GetBucketTagging", Level::Bucket),
    ("GetBucketVersioning", Level::Bucket),
    ("GetBucketWebsite", Level::Bucket),
    ("GetEncryptionConfiguration", Level::Bucket),
    ("GetIntelligentTieringConfiguration", Level::Bucket),
    ("GetInventoryConfiguration", Level::Bucket),
    ("GetLifecycleConfiguration", Level::Bucket),
    ("GetMetricsConfiguration", Level::Bucket),
    ("GetObject", Level::Object),
    ("GetObjectAcl", Level::Object),
    ("GetObjectAttributes", Level::Object),
    ("GetObjectLegalHold", Level::Object),
    ("GetObjectRetention", Level::Object),
    ("GetObjectTagging", Level::Object),
    ("GetObjectTorrent", Level::Object),
    ("GetObjectVersion", Level::Object),
    ("GetObjectVersionAcl", Level::Object),
    ("GetObjectVersionAttributes", Level::Object),
    ("GetObjectVersionTagging", Level::Object),
    ("GetObjectVersionTorrent", Level::Object),
    ("GetReplicationConfiguration", Level::Bucket),
    ("ListAllMyBuckets", Level::Account),
    ("ListBucket", Level::Bucket),
    ("ListBucketMultipartUploads", Level::Bucket),
    ("ListBucketVersions", Level::Bucket),
    ("ListMultipartUploadParts", Level::Object),
    ("PutAccelerateConfiguration", Level::Bucket),
    ("PutAnalyticsConfiguration", Level::Bucket),
    ("PutBucketAcl", Level::Bucket),
    ("PutBucketCORS", Level::Bucket),
    ("PutBucketLogging", Level::Bucket),
    ("PutBucketNotification", Level::Bucket),
    ("PutBucketObjectLockConfiguration", Level::Bucket),
    ("PutBucketOwnershipControls", Level::Bucket),
    ("PutBucketPolicy", Level::Bucket),
    ("PutBucketPublicAccessBlock", Level::Bucket),
    ("PutBucketRequestPayment", Level::Bucket),
    ("PutBucketTagging", Level::Bucket),
    ("PutBucketVersioning", Level::Bucket),
    ("PutBucketWebsite", Level::Bucket),
    ("PutEncryptionConfiguration", Level::Bucket),
    ("PutIntelligentTieringConfiguration", Level::Bucket),
    ("PutInventoryConfiguration", Level::Bucket),
    ("PutLifecycleConfiguration", Level::Bucket),
    ("PutMetricsConfiguration", Level::Bucket),
    ("PutObject", Level::Object),
    ("PutObjectAcl", Level::Object),
    ("PutObjectLegalHold", Level::Object),
    ("PutObjectRetention", Level::Object),
    ("PutObjectTagging", Level::Object),
    ("PutObjectVersionAcl", Level::Object),
    ("PutObjectVersionTagging", Level::Object),
    ("PutReplicationConfiguration", Level::Bucket),
    ("RestoreObject", Level::Object),
];

/// What an action is on; nothing for what is not in the table. The name is without `s3:` and in the table's case.
pub fn level(action: &str) -> Option<Level> {
    ACTIONS.binary_search_by_key(&action, |(name, _)| name).ok().map(|index| ACTIONS[index].1)
}

/// Actions as a statement names them: `*`, or `s3:` and a name with wildcards, compared without case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What follows `s3:`, in lower case.
    lower: String,
}

impl Pattern {
    /// Reads it; nothing if it matches no action.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let name = if lower == "*" { "*" } else { lower.strip_prefix("s3:")? };
        let pattern = Self { lower: name.to_owned() };
        ACTIONS.iter().any(|(action, _)| pattern.matches(action)).then_some(pattern)
    }

    /// Whether it names that action (without `s3:`).
    pub fn matches(&self, action: &str) -> bool {
        glob(self.lower.as_bytes(), action.as_bytes())
    }
}

/// `*` and `?` as wildcards over ASCII without case; takes at most the product of the lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, position));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[position].to_ascii_lowercase() => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((after, begin)) = &mut star else { return false };
                *begin += 1;
                (at, position) = (*after, *begin);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found() {
        assert!(ACTIONS.is_sorted_by_key(|(name, _)| *name));
        for (name, expected) in [
            ("GetObject", Some(Level::Object)),
            ("ListBucket", Some(Level::Bucket)),
            ("ListAllMyBuckets", Some(Level::Account)),
            ("getobject", None),
            ("", None),
        ] {
            assert_eq!(level(name), expected, "{name}");
        }
        for (text, action, expected) in [
            ("s3:GetObject", "GetObject", Some(true)),
            ("S3:getobject", "GetObject", Some(true)),
            ("s3:GetObject", "GetObjectAcl", Some(false)),
            ("s3:GetObject*", "GetObjectAcl", Some(true)),
            ("s3:*Object", "PutObject", Some(true)),
            ("s3:???Object", "GetObject", Some(true)),
            ("s3:???Object", "DeleteObject", Some(false)),
            ("s3:*", "ListBucket", Some(true)),
            ("*", "ListBucket", Some(true)),
            ("s3:Frobnicate", "ListBucket", None),
            ("s3:", "ListBucket", None),
            ("sqs:*", "ListBucket", None),
            ("", "ListBucket", None),
        ] {
            assert_eq!(
                Pattern::parse(text).map(|pattern| pattern.matches(action)),
                expected,
                "{text} {action}"
            );
        }
    }
}
