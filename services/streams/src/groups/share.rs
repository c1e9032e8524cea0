//! Share groups (KIP-932): members read the same partitions, and each record goes to one of them at a time.
//!
//! Reading order: this file (requests, and what stands beside the log) → [`heartbeat`] (who is in the group) → [`session`] (what a member fetches) →
//! [`acquire`] (which `window` is free) → [`acknowledge`] → [`locks`] (when time is over) → [`condemned`] (on the way to a dead-letter topic) → [`offsets`]
//! (what operators see and set).
//!
//! # What is durable
//! That a record was *acquired* is not logged: a crash gives it back, as if its lock had run out at once. What comes of it is logged before it is
//! answered: acknowledged, released, archived, each with the number of deliveries. So after a crash the delivery count of a record that
//! was acquired at that moment is one lower than what its reader saw; it is never lower by more, because the release that comes before every further delivery is logged.
//! When a record that came back may be acquired again is logged with its release, so a restart does not shorten the wait. That a record is *delayed* is
//! not: it follows from the record, and the next fetch finds it out again.
//!
//! Closing a session also takes one delivery back, as Kafka does: the reader has not looked at the record.
//!
//! # Invariants
//! A record is acquired by at most one member. The start (SPSO) never goes back, unless an operator sets it. Below it, nothing is remembered.

pub(crate) mod acknowledge;
pub(crate) mod acquire;
pub(crate) mod condemned;
pub(crate) mod heartbeat;
pub(crate) mod locks;
pub(crate) mod offsets;
pub(crate) mod session;
#[cfg(test)]
mod tests;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

pub use acknowledge::{AcknowledgeRequest, Acknowledgement, Batch};
pub use acquire::{AcquireRequest, Acquired};
pub use condemned::Letter;
pub use heartbeat::HeartbeatRequest;
pub use offsets::Offset;
pub use session::{Session, SessionRequest};

pub use super::state::share::Reason;

use super::error::{Code, Error};
use super::modern::get;
use super::spans::Spans;
use super::state::State;
use super::state::modern::{Kind, Record};
use super::state::share::Partition;
use super::topics::TopicId;
use crate::partition::watch::Watchers;

/// A partition of a topic.
pub type Place = (TopicId, i32);

/// Beside the partitions of one share group.
#[derive(Debug, Default)]
pub(crate) struct Live {
    sessions: HashMap<Arc<str>, session::Open>,
    partitions: HashMap<Place, Overlay>,
    /// Fetches that found nothing. At most one for each request under way.
    pub(crate) watchers: Watchers,
}

impl Live {
    /// Whether no member fetches and nothing is acquired.
    pub(crate) fn is_idle(&self) -> bool {
        self.sessions.is_empty()
            && self.watchers.is_empty()
            && self.partitions.values().all(|overlay| overlay.acquired.is_empty())
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

/// Who has a record, until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    member: Arc<str>,
    until_ms: u64,
    /// This delivery included.
    deliveries: u16,
}

/// What is known of a partition besides what is logged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    acquired: Spans<Lock>,
    /// Records that nobody may acquire before a time: milliseconds since the Unix epoch. They were never acquired, and nothing is logged of them.
    delayed: Spans<u64>,
    /// No record at or after this offset was ever acquired since the start of the node, nor decided about before.
    end: i64,
}

/// The share group. Errors: `GroupIdNotFound`.
fn record<'a>(state: &'a State, group: &str) -> Result<&'a Record, Error> {
    get(state, group, Kind::Share)
}

fn live<'a>(state: &'a State, group: &str) -> Option<&'a Live> {
    state.live.groups.get(group)?.share.as_deref()
}

pub(crate) fn live_mut<'a>(state: &'a mut State, group: &Arc<str>) -> &'a mut Live {
    state.live.groups.entry(Arc::clone(group)).or_default().share.get_or_insert_default()
}

/// What is beside a partition; after a restart, nothing is acquired.
fn overlay(state: &State, group: &str, place: Place, kept: &Partition) -> Overlay {
    let known = live(state, group).and_then(|live| live.partitions.get(&place)).cloned();
    let mut overlay = known.unwrap_or_default();
    let decided = kept.spans.last().map_or(kept.start, |last| last + 1);
    overlay.end = overlay.end.max(kept.start).max(decided);
    overlay
}

fn unknown_place(place: Place) -> Error {
    let topic = u128::from_be_bytes(place.0.0);
    Code::UnknownTopicOrPartition.because(format!("topic {topic:032x} has no partition {}", place.1))
}
