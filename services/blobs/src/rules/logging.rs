//! Access logs of a bucket: where they go, and their lines in S3's format ("Amazon S3 server access log format" in its user guide).

use bole_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::setting::Setting;
use super::{calendar, names};
use crate::error::{Code, Error, Result};
use crate::limits::KEY_BYTES_MAX;

/// Characters of what follows a prefix in the key of a log object: `2026-01-02-03-04-05-0123456789ABCDEF`.
const NAME_CHARS: usize = 36;

/// Where a bucket's logs go, with the elements of S3's document. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// `TargetBucket`.
    pub target: String,
    /// `TargetPrefix`.
    pub prefix: String,
}

impl Setting for Logging {
    const NAME: &'static str = "logging configuration";
    const VERSION: u32 = 1;
}

impl Logging {
    /// Checks names and bounds.
    pub fn check(&self) -> Result<()> {
        names::check_bucket(&self.target)?;
        let (bytes, max) = (self.prefix.len(), KEY_BYTES_MAX - NAME_CHARS);
        if bytes <= max {
            return Ok(());
        }
        Err(Error::new(Code::InvalidArgument, format!("TargetPrefix has {bytes} bytes; {max} are allowed")))
    }

    /// The key of a log object that is delivered at a time; `unique`: of no other.
    pub fn key(&self, at: Timestamp, unique: u64) -> String {
        let time = calendar::format_iso(at);
        let time = time.split('.').next().unwrap_or_default().replace(['T', ':'], "-");
        format!("{}{time}-{unique:016X}", self.prefix)
    }
}

/// A request that was answered. Texts that there are none of are empty.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The canonical id of the bucket's owner.
    pub owner: String,
    /// The bucket.
    pub bucket: String,
    /// When the request came.
    pub at: Timestamp,
    /// From where.
    pub peer: String,
    /// The ARN of who made it.
    pub requester: String,
    /// Its id.
    pub request_id: String,
    /// What it was.
    pub operation: String,
    /// The object's key.
    pub key: String,
    /// Method and target, as they came.
    pub request: String,
    /// The status of the answer.
    pub status: u16,
    /// S3's code of an error.
    pub error: String,
    /// Bytes of the answer's body.
    pub sent: u64,
    /// Bytes of the object.
    pub object_bytes: Option<u64>,
    /// Milliseconds from the request's head to the end of its answer.
    pub total_ms: u64,
    /// Milliseconds to the answer's head.
    pub turnaround_ms: u64,
    /// `Referer`.
    pub referer: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// The version that was named.
    pub version: String,
    /// `SigV4` or `SigV2`.
    pub signature: &'static str,
    /// `AuthHeader` or `QueryString`.
    pub authentication: &'static str,
    /// `Host`.
    pub host: String,
}

/// A text that has no quotes, as what it may have of a client's.
fn bare(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { names::url_encode(text) }
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let clean = |character: char| match character {
        '"' => "%22".to_owned(),
        control if control.is_control() => format!("%{:02X}", u32::from(control)),
        other => other.to_string(),
    };
    if text.is_empty() {
        "\"-\"".to_owned()
    } else {
        format!("\"{}\"", text.chars().map(clean).collect::<String>())
    }
}

/// `[02/Jan/2026:03:04:05 +0000]`
fn time(at: Timestamp) -> String {
    // Sun, 02 Jan 2026 03:04:05 GMT
    let text = calendar::format_http(at);
    let parts: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, clock, _] = parts[..] else { return "-".to_owned() };
    format!("[{day}/{month}/{year}:{clock} +0000]")
}

impl std::fmt::Display for Line {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let bytes = |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
        let sent = bytes(Some(self.sent).filter(|sent| *sent > 0));
        write!(
            formatter,
            "{} {} {} {} {} {} {} {} {} {} {} {sent} {} {} {} {} {} {} {} {} - {} {} - - -",
            word(&self.owner),
            self.bucket,
            time(self.at),
            word(&self.peer),
            word(&self.requester),
            self.request_id,
            self.operation,
            bare(&self.key),
            quoted(&self.request),
            self.status,
            word(&self.error),
            bytes(self.object_bytes),
            self.total_ms,
            self.turnaround_ms,
            quoted(&self.referer),
            quoted(&self.user_agent),
            bare(&self.version),
            self.request_id,
            word(self.signature),
            word(self.authentication),
            bare(&self.host),
        )
    }
}

/// What S3 calls an operation in its logs: `REST.GET.OBJECT`. Operations that have no name of their own are named by their method and whether a key
/// was named.
pub fn operation(name: &str, method: &str, has_key: bool) -> String {
    let resource = match name {
        "CopyObject" => return "REST.COPY.OBJECT".to_owned(),
        "UploadPartCopy" => return "REST.COPY.PART".to_owned(),
        "DeleteObjects" => return "REST.POST.MULTI_OBJECT_DELETE".to_owned(),
        "Website" => return format!("WEBSITE.{method}.OBJECT"),
        "Preflight" => return "REST.OPTIONS.PREFLIGHT".to_owned(),
        "CreateMultipartUpload" | "ListMultipartUploads" => "UPLOADS",
        "CompleteMultipartUpload" | "AbortMultipartUpload" | "ListParts" => "UPLOAD",
        "UploadPart" => "PART",
        "ListObjectVersions" => "BUCKETVERSIONS",
        "GetBucketPolicy" | "PutBucketPolicy" | "DeleteBucketPolicy" => "BUCKETPOLICY",
        "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => "OBJECT_TAGGING",
        "GetBucketTagging" | "PutBucketTagging" | "DeleteBucketTagging" => "TAGGING",
        "GetBucketLogging" | "PutBucketLogging" => "LOGGING_STATUS",
        "GetBucketAcl" | "PutBucketAcl" | "GetObjectAcl" | "PutObjectAcl" => "ACL",
        "GetBucketVersioning" | "PutBucketVersioning" => "VERSIONING",
        "GetBucketLocation" => "LOCATION",
        "GetBucketCors" | "PutBucketCors" | "DeleteBucketCors" => "CORS",
        "GetBucketWebsite" | "PutBucketWebsite" | "DeleteBucketWebsite" => "WEBSITE",
        "GetObjectAttributes" => "OBJECT_ATTRIBUTES",
        _ if has_key => "OBJECT",
        _ => "BUCKET",
    };
    format!("REST.{method}.{resource}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::setting;

    #[test]
    fn configurations_are_checked_and_name_keys() {
        let logging =
            |target: &str, prefix: &str| Logging { target: target.to_owned(), prefix: prefix.to_owned() };
        for (document, is_good) in [
            (logging("logs", "a/"), true),
            (logging("logs", ""), true),
            (logging("L", ""), false),
            (logging("logs", &"x".repeat(KEY_BYTES_MAX - NAME_CHARS)), true),
            (logging("logs", &"x".repeat(KEY_BYTES_MAX - NAME_CHARS + 1)), false),
        ] {
            assert_eq!(document.check().is_ok(), is_good, "{document:?}");
            assert_eq!(setting::decode(&setting::encode(&document)), Ok(document));
        }
        let at = calendar::parse_iso("2026-01-02T03:04:05Z").unwrap();
        let key = logging("logs", "a/").key(at, 0x1f);
        assert_eq!(key, "a/2026-01-02-03-04-05-000000000000001F");
        assert_eq!(key.len(), 2 + NAME_CHARS);
    }

    #[test]
    fn lines_have_the_fields_in_their_order_and_stay_lines() {
        let line = Line {
            owner: "0a".to_owned(),
            bucket: "b".to_owned(),
            at: calendar::parse_iso("2026-01-02T03:04:05Z").unwrap(),
            peer: "192.0.2.3".to_owned(),
            requester: "arn:aws:iam::000000000000:user/ann".to_owned(),
            request_id: "3E57".to_owned(),
            operation: operation("GetObject", "GET", true),
            key: "a b\n".to_owned(),
            request: "GET /b/a%20b HTTP/1.1".to_owned(),
            status: 404,
            error: "NoSuchKey".to_owned(),
            sent: 113,
            total_ms: 7,
            turnaround_ms: 5,
            user_agent: "x\" y\r\n".to_owned(),
            signature: "SigV4",
            authentication: "AuthHeader",
            host: "localhost".to_owned(),
            ..Line::default()
        };
        assert_eq!(
            line.to_string(),
            "0a b [02/Jan/2026:03:04:05 +0000] 192.0.2.3 arn:aws:iam::000000000000:user/ann 3E57 REST.GET.OBJECT a%20b%0A \
             \"GET /b/a%20b HTTP/1.1\" 404 NoSuchKey 113 - 7 5 \"-\" \"x%22 y%0D%0A\" - 3E57 SigV4 - AuthHeader localhost - - -"
        );
        assert!(Line::default().to_string().contains(" - "));
    }

    #[test]
    fn operations_have_names() {
        for (name, method, has_key, expected) in [
            ("PutObject", "PUT", true, "REST.PUT.OBJECT"),
            ("ListObjectsV2", "GET", false, "REST.GET.BUCKET"),
            ("PutBucketPolicy", "PUT", false, "REST.PUT.BUCKETPOLICY"),
            ("UploadPart", "PUT", true, "REST.PUT.PART"),
            ("CopyObject", "PUT", true, "REST.COPY.OBJECT"),
            ("PostObject", "POST", true, "REST.POST.OBJECT"),
            ("Website", "HEAD", true, "WEBSITE.HEAD.OBJECT"),
            ("Other", "GET", false, "REST.GET.BUCKET"),
        ] {
            assert_eq!(operation(name, method, has_key), expected);
        }
    }
}
