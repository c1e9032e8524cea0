//! Who listens to the buckets, what they were told, and rules by which everything has expired.

use std::collections::BTreeSet;

use bole_base::LogId;
use bole_blobs::rules::events::{self, Notification, Notifications};
use bole_blobs::rules::lifecycle::{Expiration, Lifecycle, Rule};
use bole_shard::participant::suite::FakeTopics;

use super::model::{BUCKETS, Events, KEYS};

/// Topics with their logs, on both sides of the blobs'.
pub const TOPICS: [(&str, LogId); 2] = [("below", LogId(8)), ("above", LogId(1 << 40))];

/// One bucket's events are in a log below the blobs', the others' in one above.
pub fn everybody_hears(bucket: &str) -> Notifications {
    let topic = if bucket == BUCKETS[2] { TOPICS[1].0 } else { TOPICS[0].0 };
    let events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"];
    Notifications(vec![Notification {
        id: "all".to_owned(),
        kind: events::Kind::Topic,
        destination: format!("arn:bole:streams:::{topic}"),
        events: events.map(str::to_owned).to_vec(),
        prefix: None,
        suffix: None,
    }])
}

/// All current versions are due at any time.
pub fn all_expire() -> Lifecycle {
    let expiration = Some(Expiration { date_ms: Some(0), ..Expiration::default() });
    Lifecycle(vec![Rule { enabled: true, expiration, ..Rule::default() }])
}

/// How many events there are of each key. None is there twice.
pub fn count(topics: &FakeTopics) -> Result<Events, String> {
    let mut events = Events::new();
    let mut order = BTreeSet::new();
    for value in TOPICS.iter().flat_map(|(name, _)| topics.values(name)) {
        let message: serde_json::Value = serde_json::from_slice(&value).map_err(|error| error.to_string())?;
        let about = &message["Records"][0]["s3"];
        let place = |all: &[&str], one: &serde_json::Value| all.iter().position(|name| one == name);
        let bucket = place(&BUCKETS, &about["bucket"]["name"]);
        let key = place(&KEYS, &about["object"]["key"]);
        let (Some(bucket), Some(key)) = (bucket, key) else {
            return Err(format!("an event of nothing that there is: {message}"));
        };
        let sequencer = about["object"]["sequencer"].as_str().unwrap_or_default().to_owned();
        if !order.insert(sequencer) {
            return Err(format!("an event is there twice: {message}"));
        }
        *events.entry((bucket, key)).or_default() += 1;
    }
    Ok(events)
}
