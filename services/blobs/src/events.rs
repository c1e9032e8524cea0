//! Events: what an entry's happenings are to those who listen, and the requests that bring them into streams.
//!
//! An event is a record in a topic, appended in the batch of the entry that it tells of: both are there after a crash, or neither. The rules
//! ([`crate::rules::events`]) say who hears of what, and how it is written.
//!
//! # Invariants
//! - Nobody's put fails because of a topic. An event that its topic does not take is left out, counted and logged.
//! - Events of one key are in one partition, in the order in which they happened.
//! - Who may not write to a topic cannot have events sent there.

use std::sync::Arc;

use bole_shard::Error as ShardError;
use bole_shard::participant::{Participant, Request};
use bytes::Bytes;

use crate::entry::{Happened, Kind};
use crate::error::{Code, Error as Refusal, Result as Refused, shown};
use crate::objects::{buckets, settings};
use crate::rows::{Bucket, Seq, Versioning};
use crate::rules::events::{self, Event, Notifications};
use crate::state::{Plan, Result};

/// How S3 names itself where it does something on its own.
const SERVICE: &str = "s3.amazonaws.com";

/// Who asks for a change, for the events that tell of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The canonical id; nothing for the anonymous.
    pub requester: Option<&'a str>,
    /// The address that the request came from.
    pub source_address: &'a str,
    /// The request's id.
    pub request_id: &'a str,
}

impl<'a> From<Option<&'a str>> for Asker<'a> {
    fn from(requester: Option<&'a str>) -> Self {
        Self { requester, ..Self::default() }
    }
}

/// Whether a user of that name may write to a topic.
pub type MayWrite = Box<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// The streams that events go to.
pub struct Streams {
    /// Takes records into topics; its operation is `publish`.
    pub participant: Arc<dyn Participant>,
    /// Whether a user may write to a topic.
    pub may_write: MayWrite,
}

/// What an operation's happening is called, if anybody can hear of it.
pub const fn event_of(kind: Kind) -> Option<Event> {
    Some(match kind {
        Kind::Put => Event::CreatedPut,
        Kind::Copied => Event::CreatedCopy,
        Kind::Completed => Event::CreatedMultipart,
        Kind::Removed => Event::RemovedDelete,
        Kind::MarkerMade => Event::RemovedMarker,
        Kind::Expired => Event::ExpiredDelete,
        Kind::MarkerExpired => Event::ExpiredMarker,
        Kind::TagsPut => Event::TagsPut,
        Kind::TagsDeleted => Event::TagsDelete,
        Kind::AclPut => Event::AclPut,
        Kind::BucketCreated
        | Kind::BucketDeleted
        | Kind::SettingChanged
        | Kind::LockChanged
        | Kind::UploadBegun
        | Kind::PartPut
        | Kind::UploadAborted
        | Kind::Housekeeping => return None,
    })
}

/// The topic that an ARN names: `arn:bole:streams:::TOPIC`, or in the words of S3's own services, `arn:aws:sns:REGION:ACCOUNT:TOPIC` and `arn:aws:sqs:…`, since tools check that form.
/// Region and account may be empty; an account is the node's. Refuses: `InvalidArgument`.
pub fn topic_of<'a>(arn: &'a str, account: &str) -> Refused<&'a str> {
    let wrong = |why: &str| {
        let text = format!(
            "The ARN \"{}\" is not well formed: {why}. Topics of streams are arn:bole:streams:::TOPIC, arn:aws:sns:REGION:{account}:TOPIC or arn:aws:sqs:REGION:{account}:TOPIC",
            shown(arn)
        );
        Refusal::new(Code::InvalidArgument, text)
    };
    let fields: Vec<&str> = arn.split(':').collect();
    let [arn_, partition, service, _region, owner, topic] = fields[..] else {
        return Err(wrong("it has not six fields"));
    };
    if arn_ != "arn" || !matches!((partition, service), ("bole", "streams") | ("aws", "sns" | "sqs")) {
        return Err(wrong("it names no topic"));
    }
    if !owner.is_empty() && owner != account {
        return Err(wrong("the account is another one"));
    }
    if topic.is_empty() || topic.contains('/') {
        return Err(wrong("it has no name of a topic"));
    }
    Ok(topic)
}

/// A record with a key, as streams take it.
pub fn publish(topic: &str, key: &str, value: String) -> Request {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let arguments = vec![Bytes::from_static(b"kv"), key, value.into()];
    Request { operation: "publish".to_owned(), dataset: topic.to_owned(), arguments }
}

/// Whether somebody listens to a bucket.
pub(crate) fn are_heard(plan: &Plan<'_>, bucket: &Bucket) -> Result<bool> {
    let heard: Option<Notifications> = settings::of(plan, bucket)?;
    Ok(heard.is_some_and(|heard| !heard.0.is_empty()))
}

/// The records that tell of what a plan decided.
pub(crate) fn told(plan: &Plan<'_>, asker: &Asker<'_>) -> Result<Vec<Request>> {
    let mut requests = Vec::new();
    let mut last: Option<(&str, Bucket, Notifications)> = None;
    for (index, happened) in plan.has_happened().iter().enumerate() {
        let Some(event) = event_of(happened.kind) else { continue };
        if last.as_ref().is_none_or(|(name, ..)| *name != happened.bucket) {
            let bucket = buckets::get(plan, &happened.bucket)?;
            let heard: Option<Notifications> = settings::of(plan, &bucket)?;
            last = Some((&happened.bucket, bucket, heard.unwrap_or_default()));
        }
        let Some((_, bucket, heard)) = &last else { continue };
        for notification in heard.of(event, &happened.key) {
            let record = record(plan, asker, event, happened, bucket, index);
            let version =
                (bucket.versioning != Versioning::Off).then(|| happened.version.map(|id| id.to_string()));
            let version = version.flatten();
            let record = events::Happened { version_id: version.as_deref(), ..record };
            // It was looked at when it was configured.
            let Ok(topic) = topic_of(&notification.destination, &bucket.account) else { continue };
            let key = format!("{}/{}", happened.bucket, happened.key);
            requests.push(publish(topic, &key, events::message(&record, notification)));
        }
    }
    Ok(requests)
}

fn record<'a>(
    plan: &Plan<'_>,
    asker: &Asker<'a>,
    event: Event,
    happened: &'a Happened,
    bucket: &'a Bucket,
    index: usize,
) -> events::Happened<'a> {
    let by_itself = matches!(event, Event::ExpiredDelete | Event::ExpiredMarker);
    let Asker { requester, source_address, request_id } = *asker;
    events::Happened {
        event,
        at: plan.now(),
        region: &bucket.region,
        requester: if by_itself { Some(SERVICE) } else { requester },
        source_address: if by_itself { SERVICE } else { source_address },
        request_id,
        bucket: &happened.bucket,
        bucket_owner: &bucket.owner,
        key: &happened.key,
        object: happened.object.as_ref().map(|(bytes, etag)| (*bytes, etag.as_str())),
        version_id: None,
        sequence: Seq::new(plan.offset(), index as u32).0,
    }
}

/// Says that a destination does not take what it is to be sent, when it is configured.
pub(crate) fn unreachable(request: &Request, error: &ShardError) -> Refusal {
    let text = format!(
        "Unable to validate the following destination configurations: topic \"{}\": {error}",
        shown(&request.dataset)
    );
    Refusal::new(Code::InvalidArgument, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_topics() {
        for (arn, expected) in [
            ("arn:bole:streams:::photos.created", Ok("photos.created")),
            ("arn:aws:sns:us-east-1:000000000000:photos", Ok("photos")),
            ("arn:aws:sqs:eu-west-1::photos", Ok("photos")),
            ("arn:aws:sns:us-east-1:111111111111:photos", Err("the account is another one")),
            ("arn:aws:lambda:us-east-1:000000000000:photos", Err("it names no topic")),
            ("arn:aws:sns:us-east-1:000000000000:", Err("it has no name")),
            ("arn:aws:sns:us-east-1:000000000000:a/b", Err("it has no name")),
            ("arn:aws:sns:us-east-1:000000000000:a:b", Err("it has not six fields")),
            ("photos", Err("it has not six fields")),
        ] {
            match (topic_of(arn, "000000000000"), expected) {
                (found, Ok(topic)) => assert_eq!(found, Ok(topic), "{arn}"),
                (found, Err(why)) => {
                    let refusal = found.expect_err(arn);
                    assert_eq!(refusal.code, Code::InvalidArgument);
                    assert!(refusal.message.contains(why), "{refusal}");
                }
            }
        }
    }
}
