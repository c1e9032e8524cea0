//! Write-behind sinks: a topic whose records are written to another service, the newest of each key, in batches.
//!
//! A topic with `sink.target` set has a sink. It reads committed, durable records, collects the newest of each key in a [`batch`], and commits that as one
//! outbox: the writes, and its own position as an offset of group `sink.TOPIC`. Both are in one batch of the journal, so each record takes effect exactly
//! once, whatever stops the node. What a target is, only its service knows: `service/dataset`, and the operations `set` (key, value) and `del` (key), or, where the service makes
//! batches of its own for that, the kernel's [`Upserts`](bole_shard::participant::upserts::Upserts).
//!
//! Reading order: this file (what is set, what can be seen) → [`batch`] (which write a key comes to) → [`pump`] (positions, reading, committing; no clock and no
//! tasks, so that the crash harness drives it) → [`worker`] (when, and what follows an error).
//!
//! # Invariants
//! - A position never passes a record that was not written. A record that cannot be written stops the sink, with the reason in [`Status`].
//! - Memory of a sink: one batch (`sink.batch.bytes`), and the records of one read.

pub mod batch;
pub mod pump;
pub mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use bole_shard::participant::{Participants, Request};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::Error;
use crate::protocol::ErrorCode;
use crate::settings::Settings;

/// What the names of sinks' groups begin with.
const GROUP_PREFIX: &str = "sink.";

/// The operation for a record with a value: key, value.
pub const SET: &str = "set";
/// The operation for a record without one: key.
pub const DELETE: &str = "del";

/// The group in which the sink of a topic keeps its position.
pub fn group_of(topic: &str) -> String {
    format!("{GROUP_PREFIX}{topic}")
}

/// The topic whose sink keeps its position in a group, if it is the name of such a group.
pub fn topic_of(group: &str) -> Option<&str> {
    group.strip_prefix(GROUP_PREFIX)
}

/// Where records go: `service/dataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The service.
    pub service: String,
    /// The dataset within it.
    pub dataset: String,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((service, dataset)) if !service.is_empty() && !dataset.is_empty() => {
                Ok(Self { service: service.to_owned(), dataset: dataset.to_owned() })
            }
            _ => Err("SERVICE/DATASET such as keyspace/0 or sql/bole/orders, or nothing".to_owned()),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.service, self.dataset)
    }
}

impl Target {
    fn request(&self, operation: &str, arguments: Vec<Bytes>) -> Request {
        Request { operation: operation.to_owned(), dataset: self.dataset.clone(), arguments }
    }
}

/// What is set for a topic's sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// See `sink.target`; `None`: the topic has no sink.
    pub target: Option<Target>,
    /// See `sink.key.prefix`.
    pub key_prefix: String,
    /// See `sink.paused`.
    pub paused: bool,
    /// See `sink.interval.ms`.
    pub interval_ms: u64,
    /// See `sink.batch.records`.
    pub records_max: usize,
    /// See `sink.batch.bytes`.
    pub bytes_max: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            target: None,
            key_prefix: String::new(),
            paused: false,
            interval_ms: 1_000,
            records_max: 1_000,
            bytes_max: 256 << 10,
        }
    }
}

/// Which targets there are. Nobody can be reached before [`Targets::set`]. It keeps nobody open: those who take part know the topics in their turn.
#[derive(Default)]
pub struct Targets(OnceLock<Weak<Participants>>);

impl Targets {
    /// The services that take part in batches, once.
    pub fn set(&self, participants: &Arc<Participants>) {
        let first = self.0.set(Arc::downgrade(participants)).is_ok();
        assert!(first, "a service is opened once over its topics");
    }

    /// Whether the sink that `settings` ask for can have its target. Errors: `InvalidConfig`, with the value.
    pub fn check(&self, settings: &Settings) -> Result<(), Error> {
        let Some(target) = &settings.sink.target else { return Ok(()) };
        let refused = |why: String| {
            Err(Error::refused(ErrorCode::InvalidConfig, format!("sink.target is \"{target}\": {why}")))
        };
        let Some(participants) = self.0.get().and_then(Weak::upgrade) else {
            return refused("no service takes records".to_owned());
        };
        if let Some(upserts) = participants.upserts(&target.service) {
            if !settings.sink.key_prefix.is_empty() {
                let prefix = &settings.sink.key_prefix;
                return refused(format!(
                    "keys are not texts there, so sink.key.prefix cannot be \"{prefix}\""
                ));
            }
            return upserts.check(&target.dataset).or_else(|error| refused(error.to_string()));
        }
        for request in [
            target.request(SET, vec![Bytes::from_static(b"key"), Bytes::from_static(b"value")]),
            target.request(DELETE, vec![Bytes::from_static(b"key")]),
        ] {
            if let Err(error) = participants.outbox().send(&target.service, request) {
                return refused(error.to_string());
            }
        }
        Ok(())
    }
}

/// What identity's policies call that which a sink with this target changes, where the target's service says so.
pub fn resource(participants: &Participants, target: &str) -> Option<(String, String)> {
    let target: Target = target.parse().ok()?;
    let resource = participants.upserts(&target.service)?.resource(&target.dataset);
    Some((target.service, resource))
}

/// What a sink does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It writes what comes.
    #[default]
    Running,
    /// `sink.paused` is set.
    Paused,
    /// It tries again and again to write the next record; the reason.
    Failing(String),
}

impl State {
    /// One word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failing(_) => "failing",
        }
    }
}

/// A sink as it can be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The topic.
    pub topic: String,
    /// Where its records go.
    pub target: String,
    /// What it does.
    pub state: State,
    /// Records between its position and the end of the topic, as of its last look.
    pub lag: u64,
}

/// The sinks of a node as they can be seen, by topic.
#[derive(Default)]
pub struct Sinks(Mutex<BTreeMap<String, Status>>);

impl Sinks {
    /// All of them.
    pub fn all(&self) -> Vec<Status> {
        self.0.lock().values().cloned().collect()
    }

    /// The state of the sink of a topic, if it has one.
    pub fn state(&self, topic: &str) -> Option<State> {
        self.0.lock().get(topic).map(|status| status.state.clone())
    }

    fn put(&self, status: Status) {
        self.0.lock().insert(status.topic.clone(), status);
    }

    fn remove(&self, topic: &str) {
        self.0.lock().remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_a_service_and_a_dataset() {
        for (text, sound) in [
            ("keyspace/0", true),
            ("sql/shop/orders", true),
            ("keyspace", false),
            ("/0", false),
            ("a/", false),
        ] {
            let target = text.parse::<Target>();
            assert_eq!(
                target.as_ref().ok().map(ToString::to_string).as_deref() == Some(text),
                sound,
                "{target:?}"
            );
        }
        assert_eq!(topic_of(&group_of("orders")), Some("orders"));
    }
}
