//! Notifications: which of a bucket's destinations hear of an operation, and S3's JSON for it.
//!
//! What a destination is (a stream, a queue) is the caller's; here it has a name.

use std::fmt::Write as _;

use bole_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::setting::Setting;
use super::{calendar, names};
use crate::error::{Code, Error, Result, shown};
use crate::limits::{DESTINATION_BYTES_MAX, KEY_BYTES_MAX, NOTIFICATIONS_MAX, RULE_ID_CHARS_MAX};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// By PUT.
    #[serde(rename = "s3:ObjectCreated:Put")]
    CreatedPut,
    /// By a form.
    #[serde(rename = "s3:ObjectCreated:Post")]
    CreatedPost,
    /// By a copy.
    #[serde(rename = "s3:ObjectCreated:Copy")]
    CreatedCopy,
    /// By the completion of a multipart upload.
    #[serde(rename = "s3:ObjectCreated:CompleteMultipartUpload")]
    CreatedMultipart,
    /// A version was deleted for good.
    #[serde(rename = "s3:ObjectRemoved:Delete")]
    RemovedDelete,
    /// A delete marker was put.
    #[serde(rename = "s3:ObjectRemoved:DeleteMarkerCreated")]
    RemovedMarker,
    /// Lifecycle deleted a version.
    #[serde(rename = "s3:LifecycleExpiration:Delete")]
    ExpiredDelete,
    /// Lifecycle put a delete marker.
    #[serde(rename = "s3:LifecycleExpiration:DeleteMarkerCreated")]
    ExpiredMarker,
    /// Tags were put.
    #[serde(rename = "s3:ObjectTagging:Put")]
    TagsPut,
    /// Tags were deleted.
    #[serde(rename = "s3:ObjectTagging:Delete")]
    TagsDelete,
    /// An ACL was put.
    #[serde(rename = "s3:ObjectAcl:Put")]
    AclPut,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 11] = [
        Self::CreatedPut,
        Self::CreatedPost,
        Self::CreatedCopy,
        Self::CreatedMultipart,
        Self::RemovedDelete,
        Self::RemovedMarker,
        Self::ExpiredDelete,
        Self::ExpiredMarker,
        Self::TagsPut,
        Self::TagsDelete,
        Self::AclPut,
    ];

    /// As configurations name it; records name it without `s3:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreatedPut => "s3:ObjectCreated:Put",
            Self::CreatedPost => "s3:ObjectCreated:Post",
            Self::CreatedCopy => "s3:ObjectCreated:Copy",
            Self::CreatedMultipart => "s3:ObjectCreated:CompleteMultipartUpload",
            Self::RemovedDelete => "s3:ObjectRemoved:Delete",
            Self::RemovedMarker => "s3:ObjectRemoved:DeleteMarkerCreated",
            Self::ExpiredDelete => "s3:LifecycleExpiration:Delete",
            Self::ExpiredMarker => "s3:LifecycleExpiration:DeleteMarkerCreated",
            Self::TagsPut => "s3:ObjectTagging:Put",
            Self::TagsDelete => "s3:ObjectTagging:Delete",
            Self::AclPut => "s3:ObjectAcl:Put",
        }
    }
}

/// Whether a name, or a family such as `s3:ObjectCreated:*`, means an event.
fn means(name: &str, event: Event) -> bool {
    match name.strip_suffix('*') {
        Some(family) if family.ends_with(':') => event.name().starts_with(family) && family != "s3:",
        _ => event.name() == name,
    }
}

/// A bucket's notifications. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notifications(pub Vec<Notification>);

impl Setting for Notifications {
    const NAME: &'static str = "notification configuration";
    const VERSION: u32 = 1;
}

/// What a document calls a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `QueueConfiguration`.
    Queue,
    /// `TopicConfiguration`.
    Topic,
    /// `CloudFunctionConfiguration`; refused, since there are no functions here.
    Function,
}

/// One destination's. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// `Id`.
    pub id: String,
    /// What the document calls it.
    pub kind: Kind,
    /// The destination's name, as the document has it.
    pub destination: String,
    /// Names of events, or of families of them.
    pub events: Vec<String>,
    /// What keys must begin with.
    pub prefix: Option<String>,
    /// What keys must end with.
    pub suffix: Option<String>,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, text)
}

impl Notifications {
    /// Checks a configuration that a client sent. Whether a destination is there is the caller's to check.
    pub fn check(&self) -> Result<()> {
        if self.0.len() > NOTIFICATIONS_MAX {
            let count = self.0.len();
            return Err(invalid(format!("There are {count} notifications; {NOTIFICATIONS_MAX} are allowed")));
        }
        self.0.iter().try_for_each(Notification::check)?;
        for (index, one) in self.0.iter().enumerate() {
            if let Some(other) = self.0[..index].iter().find(|other| one.overlaps(other)) {
                return Err(invalid(format!(
                    "Configurations overlap. Configurations on the same bucket cannot share a common event type: \"{}\" and \"{}\"",
                    shown(&other.id),
                    shown(&one.id)
                )));
            }
        }
        Ok(())
    }

    /// Those that hear of an event on a key.
    pub fn of(&self, event: Event, key: &str) -> impl Iterator<Item = &Notification> {
        self.0.iter().filter(move |notification| notification.hears(event, key))
    }
}

impl Notification {
    fn check(&self) -> Result<()> {
        if self.kind == Kind::Function {
            let text = "CloudFunctionConfiguration: there are no functions here; use QueueConfiguration or TopicConfiguration";
            return Err(Error::new(Code::NotImplemented, text));
        }
        if self.id.chars().count() > RULE_ID_CHARS_MAX {
            return Err(invalid(format!(
                "The Id of a notification has at most {RULE_ID_CHARS_MAX} characters"
            )));
        }
        if self.destination.is_empty() || self.destination.len() > DESTINATION_BYTES_MAX {
            return Err(invalid(format!("The ARN \"{}\" is not well formed", shown(&self.destination))));
        }
        if self.events.is_empty() || self.events.len() > Event::ALL.len() * 2 {
            return Err(invalid(format!("A notification names {} events", self.events.len())));
        }
        let is_known = |name: &&String| Event::ALL.iter().any(|event| means(name, *event));
        if let Some(name) = self.events.iter().find(|name| !is_known(name)) {
            return Err(invalid(format!("The event \"{}\" is not supported for notifications", shown(name))));
        }
        for filter in [&self.prefix, &self.suffix].into_iter().flatten() {
            if filter.len() > KEY_BYTES_MAX {
                let length = filter.len();
                return Err(invalid(format!("A filter has {length} bytes; {KEY_BYTES_MAX} are allowed")));
            }
        }
        Ok(())
    }

    fn hears(&self, event: Event, key: &str) -> bool {
        self.events.iter().any(|name| means(name, event))
            && key.starts_with(self.prefix.as_deref().unwrap_or_default())
            && key.ends_with(self.suffix.as_deref().unwrap_or_default())
    }

    /// Whether some event on some key is heard of by both. As S3 judges it: two prefixes have a key in common where one begins with the
    /// other, two suffixes where one ends with the other.
    fn overlaps(&self, other: &Self) -> bool {
        let both_mean = |event: &Event| {
            let heard = |notification: &Self| notification.events.iter().any(|name| means(name, *event));
            heard(self) && heard(other)
        };
        let text = |filter: &Option<String>| filter.clone().unwrap_or_default();
        let (prefix, other_prefix) = (text(&self.prefix), text(&other.prefix));
        let (suffix, other_suffix) = (text(&self.suffix), text(&other.suffix));
        Event::ALL.iter().any(both_mean)
            && (prefix.starts_with(&other_prefix) || other_prefix.starts_with(&prefix))
            && (suffix.ends_with(&other_suffix) || other_suffix.ends_with(&suffix))
    }
}

/// What a record tells of.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    /// What happened.
    pub event: Event,
    /// When.
    pub at: Timestamp,
    /// The region's name.
    pub region: &'a str,
    /// The canonical id of who did it; nothing for lifecycle and the anonymous.
    pub requester: Option<&'a str>,
    /// The address that the request came from.
    pub source_address: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The canonical id of the bucket's owner.
    pub bucket_owner: &'a str,
    /// The key.
    pub key: &'a str,
    /// Bytes and ETag (without quotes) of what is there now; nothing for deletions.
    pub object: Option<(u64, &'a str)>,
    /// The version's id, in a bucket with versions.
    pub version_id: Option<&'a str>,
    /// Rises with each event of a key.
    pub sequence: u64,
}

/// The message for a destination: S3's JSON, version 2.1, with one record (2.3 for the events that 2.1 has not).
pub fn message(happened: &Happened<'_>, notification: &Notification) -> String {
    let version = match happened.event {
        Event::ExpiredDelete | Event::ExpiredMarker | Event::TagsPut | Event::TagsDelete | Event::AclPut => {
            "2.3"
        }
        _ => "2.1",
    };
    let mut object =
        json!({ "key": form_encode(happened.key), "sequencer": format!("{:016X}", happened.sequence) });
    if let Some((size, etag)) = happened.object {
        object["size"] = json!(size);
        object["eTag"] = json!(etag);
    }
    if let Some(version_id) = happened.version_id {
        object["versionId"] = json!(version_id);
    }
    let record = json!({
        "eventVersion": version,
        "eventSource": "aws:s3",
        "awsRegion": happened.region,
        "eventTime": calendar::format_iso(happened.at),
        "eventName": happened.event.name().trim_start_matches("s3:"),
        "userIdentity": { "principalId": happened.requester.unwrap_or("Anonymous") },
        "requestParameters": { "sourceIPAddress": happened.source_address },
        "responseElements": { "x-amz-request-id": happened.request_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": notification.id,
            "bucket": {
                "name": happened.bucket,
                "ownerIdentity": { "principalId": happened.bucket_owner },
                "arn": format!("arn:aws:s3:::{}", happened.bucket),
            },
            "object": object,
        },
    });
    json!({ "Records": [record] }).to_string()
}

/// The message that S3 sends when a destination is configured.
pub fn test_message(bucket: &str, at: Timestamp, request_id: &str) -> String {
    let time = calendar::format_iso(at);
    json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": time, "Bucket": bucket, "RequestId": request_id })
        .to_string()
}

/// A key as records have it: url-encoded as in a form, with `+` for a space, slashes kept.
fn form_encode(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for (index, word) in key.split(' ').enumerate() {
        let plus = if index == 0 { "" } else { "+" };
        // Writing to a string cannot fail.
        let _ = write!(encoded, "{plus}{}", names::url_encode(word));
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::setting;

    fn notification(id: &str, events: &[&str], prefix: Option<&str>, suffix: Option<&str>) -> Notification {
        Notification {
            id: id.to_owned(),
            kind: Kind::Topic,
            destination: "arn:aws:sns:local:000000000000:t".to_owned(),
            events: events.iter().map(|name| (*name).to_owned()).collect(),
            prefix: prefix.map(str::to_owned),
            suffix: suffix.map(str::to_owned),
        }
    }

    #[test]
    fn configurations_are_checked() {
        let created = &["s3:ObjectCreated:*"][..];
        let one = |events: &[&str], prefix, suffix| notification("n", events, prefix, suffix);
        let all = one(created, None, None);
        for (notifications, expected) in [
            (vec![], ""),
            (vec![all.clone()], ""),
            (vec![all.clone(), one(&["s3:ObjectRemoved:*"], None, None)], ""),
            (vec![one(created, Some("a/"), None), one(created, Some("b/"), None)], ""),
            (vec![one(created, None, Some(".jpg")), one(created, None, Some(".png"))], ""),
            (vec![all.clone(), one(&["s3:ObjectCreated:Put"], None, None)], "Configurations overlap"),
            (vec![one(created, Some("a"), None), one(created, Some("ab"), None)], "Configurations overlap"),
            (vec![one(created, Some("a"), None), one(created, None, Some("b"))], "Configurations overlap"),
            (vec![one(&[], None, None)], "names 0 events"),
            (vec![one(&["s3:ObjectCreated"], None, None)], "event \"s3:ObjectCreated\" is not supported"),
            (vec![one(&["s3:*"], None, None)], "\"s3:*\" is not supported"),
            (vec![one(&["s3:Replication:*"], None, None)], "\"s3:Replication:*\" is not supported"),
            (vec![one(created, Some(&"a".repeat(1_025)), None)], "1025 bytes"),
            (vec![Notification { kind: Kind::Function, ..all.clone() }], "NotImplemented"),
            (vec![Notification { destination: String::new(), ..all.clone() }], "ARN"),
            (vec![Notification { id: "x".repeat(256), ..all.clone() }], "255 characters"),
            (vec![all; 101], "101 notifications"),
        ] {
            let notifications = Notifications(notifications);
            match notifications.check() {
                Ok(()) => {
                    assert_eq!(expected, "", "{notifications:?}");
                    assert_eq!(setting::decode(&setting::encode(&notifications)), Ok(notifications));
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(!expected.is_empty() && text.contains(expected), "{text} lacks {expected}");
                }
            }
        }
        for event in Event::ALL {
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
    }

    #[test]
    fn destinations_hear() {
        let notifications = Notifications(vec![
            notification("images", &["s3:ObjectCreated:*"], Some("img/"), Some(".jpg")),
            notification("gone", &["s3:ObjectRemoved:Delete", "s3:LifecycleExpiration:*"], None, None),
        ]);
        for (event, key, expected) in [
            (Event::CreatedPut, "img/a.jpg", &["images"][..]),
            (Event::CreatedMultipart, "img/a.jpg", &["images"]),
            (Event::CreatedPut, "img/a.png", &[]),
            (Event::CreatedPut, "a.jpg", &[]),
            (Event::RemovedDelete, "img/a.jpg", &["gone"]),
            (Event::RemovedMarker, "img/a.jpg", &[]),
            (Event::ExpiredMarker, "", &["gone"]),
            (Event::TagsPut, "img/a.jpg", &[]),
        ] {
            let found: Vec<_> = notifications.of(event, key).map(|found| found.id.as_str()).collect();
            assert_eq!(found, expected, "{event:?} {key}");
        }
    }

    #[test]
    fn messages_are_s3s() {
        let happened = Happened {
            event: Event::CreatedPut,
            at: Timestamp(951_827_696_789),
            region: "us-east-1",
            requester: Some("me"),
            source_address: "10.0.0.1",
            request_id: "r1",
            bucket: "photos",
            bucket_owner: "owner",
            key: "a b/c+é",
            object: Some((7, "abc")),
            version_id: Some("v1"),
            sequence: 255,
        };
        let notification = notification("n", &["s3:ObjectCreated:*"], None, None);
        let record = |happened: &Happened<'_>| {
            let message: serde_json::Value =
                serde_json::from_str(&super::message(happened, &notification)).unwrap();
            message["Records"][0].clone()
        };
        let expected = json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2000-02-29T12:34:56.789Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "me"}, "requestParameters": {"sourceIPAddress": "10.0.0.1"},
            "responseElements": {"x-amz-request-id": "r1"},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "n",
                "bucket": {"name": "photos", "ownerIdentity": {"principalId": "owner"}, "arn": "arn:aws:s3:::photos"},
                "object": {"key": "a+b/c%2B%C3%A9", "size": 7, "eTag": "abc", "versionId": "v1", "sequencer": "00000000000000FF"},
            },
        });
        assert_eq!(record(&happened), expected);
        let expired = Happened {
            event: Event::ExpiredDelete,
            requester: None,
            object: None,
            version_id: None,
            ..happened
        };
        let found = record(&expired);
        assert_eq!(
            (&found["eventVersion"], &found["eventName"]),
            (&json!("2.3"), &json!("LifecycleExpiration:Delete"))
        );
        assert_eq!(found["userIdentity"]["principalId"], "Anonymous");
        assert_eq!(found["s3"]["object"], json!({"key": "a+b/c%2B%C3%A9", "sequencer": "00000000000000FF"}));
        assert!(test_message("photos", Timestamp(0), "r").contains("\"Event\":\"s3:TestEvent\""));
    }
}
