//! What can go wrong, and the one table from codes of errors to HTTP status. Codes are S3's.
//!
//! All errors of the rules are refusals: the request is wrong or not allowed, nothing was written, and the same request fails again. Codes that
//! are about time, space and defects come from what carries requests out.

use bole_base::Kind;

/// The result of a rule.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal: S3's code, and a text for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct Error {
    /// What kind of refusal.
    pub code: Code,
    /// What was wrong, with the value, for the client.
    pub message: String,
}

impl Error {
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A client's text as far as it belongs into a message: at most 120 characters, control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(120).flat_map(char::escape_default).collect()
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $status:literal $kind:ident),* $(,)?) => {
        /// S3's codes of errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As clients read it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// What a caller can do about it.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind),* }
            }
        }
    };
}

codes! {
    /// The bucket's ownership setting leaves no room for ACLs.
    AccessControlListNotSupported 400 InvalidInput,
    /// Not allowed.
    AccessDenied 403 Denied,
    /// No rule of CORS allows it.
    AccessForbidden 403 Denied,
    /// The signature is for a region that cannot be one.
    AuthorizationHeaderMalformed 400 InvalidInput,
    /// A digest does not fit the body.
    BadDigest 400 InvalidInput,
    /// More than may be.
    BadRequest 400 InvalidInput,
    /// Somebody else has a bucket of that name.
    BucketAlreadyExists 409 Conflict,
    /// The requester has it already.
    BucketAlreadyOwnedByYou 409 Conflict,
    /// There are objects, versions or uploads in the bucket.
    BucketNotEmpty 409 Conflict,
    /// The body is larger than it may be.
    EntityTooLarge 400 InvalidInput,
    /// A part is smaller than it may be.
    EntityTooSmall 400 InvalidInput,
    /// The session's time is over.
    ExpiredToken 400 InvalidInput,
    /// The body is not as long as was said.
    IncompleteBody 400 InvalidInput,
    /// Something went wrong here.
    InternalError 500 Io,
    /// There is no such access key.
    InvalidAccessKeyId 403 Denied,
    /// A header or parameter has a value that it may not have.
    InvalidArgument 400 InvalidInput,
    /// Not a bucket's name.
    InvalidBucketName 400 InvalidInput,
    /// The bucket is not in a state in which this is possible.
    InvalidBucketState 409 Conflict,
    /// `Content-MD5` or a checksum header is not what it should be.
    InvalidDigest 400 InvalidInput,
    /// The algorithm or key of an encryption is not supported.
    InvalidEncryptionAlgorithmError 400 InvalidInput,
    /// A part is not there, or not as the list says.
    InvalidPart 400 InvalidInput,
    /// The part number is not one of the object's.
    InvalidPartNumber 416 InvalidInput,
    /// The list of parts is not in order.
    InvalidPartOrder 400 InvalidInput,
    /// The policy of a form is not what it may be.
    InvalidPolicyDocument 400 InvalidInput,
    /// The range is not within the object.
    InvalidRange 416 InvalidInput,
    /// The request contradicts itself.
    InvalidRequest 400 InvalidInput,
    /// The retention's period is not what it may be.
    InvalidRetentionPeriod 400 InvalidInput,
    /// There is no such storage class here.
    InvalidStorageClass 400 InvalidInput,
    /// A tag is not what it may be.
    InvalidTag 400 InvalidInput,
    /// The bucket cannot take access logs.
    InvalidTargetBucketForLogging 400 InvalidInput,
    /// There is no such session.
    InvalidToken 400 InvalidInput,
    /// The path is not UTF-8.
    InvalidURI 400 InvalidInput,
    /// The key has more than 1,024 bytes.
    KeyTooLongError 400 InvalidInput,
    /// The grant header or ACL is not what it may be.
    MalformedACLError 400 InvalidInput,
    /// The form is not what it may be.
    MalformedPOSTRequest 400 InvalidInput,
    /// The policy is not what it may be.
    MalformedPolicy 400 InvalidInput,
    /// The document does not follow its schema.
    MalformedXML 400 InvalidInput,
    /// The fields before a form's file are more than may be.
    MaxPostPreDataLengthExceededError 400 InvalidInput,
    /// Metadata headers are more than may be.
    MetadataTooLarge 400 InvalidInput,
    /// Not with this.
    MethodNotAllowed 405 InvalidInput,
    /// The request does not say how long its body is.
    MissingContentLength 411 InvalidInput,
    /// There is no such bucket.
    NoSuchBucket 404 NotFound,
    /// The bucket has no policy.
    NoSuchBucketPolicy 404 NotFound,
    /// The bucket has no CORS rules.
    NoSuchCORSConfiguration 404 NotFound,
    /// There is no such key.
    NoSuchKey 404 NotFound,
    /// The bucket has no lifecycle.
    NoSuchLifecycleConfiguration 404 NotFound,
    /// The version has no retention, or its bucket no object lock.
    NoSuchObjectLockConfiguration 404 NotFound,
    /// The bucket has no blocks of public access.
    NoSuchPublicAccessBlockConfiguration 404 NotFound,
    /// The bucket has no tags.
    NoSuchTagSet 404 NotFound,
    /// There is no such upload.
    NoSuchUpload 404 NotFound,
    /// There is no such version.
    NoSuchVersion 404 NotFound,
    /// The bucket is no website.
    NoSuchWebsiteConfiguration 404 NotFound,
    /// Bole does not do this.
    NotImplemented 501 InvalidInput,
    /// The bucket has no object lock.
    ObjectLockConfigurationNotFoundError 404 NotFound,
    /// What the request is about was changed meanwhile.
    OperationAborted 409 Conflict,
    /// The bucket has no setting of ownership.
    OwnershipControlsNotFoundError 404 NotFound,
    /// A condition did not hold.
    PreconditionFailed 412 Conflict,
    /// The client was too slow.
    RequestTimeout 400 Unavailable,
    /// The bucket has no default encryption.
    ServerSideEncryptionConfigurationNotFoundError 404 NotFound,
    /// Not now.
    ServiceUnavailable 503 Unavailable,
    /// The signature is not what the secret key makes of the request.
    SignatureDoesNotMatch 403 Denied,
    /// A named limit is reached; later it may go.
    SlowDown 503 Limit,
    /// E-mail addresses name nobody here.
    UnresolvableGrantByEmailAddress 400 InvalidInput,
    /// The body does not have the digest that was signed.
    XAmzContentSHA256Mismatch 400 InvalidInput,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fit_their_kinds() {
        for code in Code::ALL {
            let fits = match code.status() {
                403 => code.kind() == Kind::Denied,
                404 => code.kind() == Kind::NotFound,
                409 | 412 => code.kind() == Kind::Conflict,
                500 => code.kind() == Kind::Io,
                503 => matches!(code.kind(), Kind::Limit | Kind::Unavailable),
                400 if *code == Code::RequestTimeout => code.kind() == Kind::Unavailable,
                400 | 405 | 411 | 416 | 501 => code.kind() == Kind::InvalidInput,
                _ => false,
            };
            assert!(fits, "{code:?} {} {:?}", code.status(), code.kind());
            assert_eq!(Error::new(*code, "why").to_string(), format!("{}: why", code.name()));
        }
    }
}
