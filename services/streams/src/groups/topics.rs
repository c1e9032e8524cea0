//! What the coordinator needs to know of topics.

use std::sync::Arc;

use super::config::{Overrides, Sharing};

#[cfg(test)]
mod fake;
#[cfg(test)]
pub(crate) use fake::Fake;

/// A topic's id: a UUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub [u8; 16]);

/// One topic as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Partitions 0 to this exclusive.
    pub partitions: u32,
}

/// The topics of the node, and what operators set for groups. All methods are called with a group shard's lock held: they
/// answer from memory, never wait and never call the coordinator.
pub trait Topics: Send + Sync {
    /// A topic by name.
    fn by_name(&self, name: &str) -> Option<Topic>;
    /// A topic by id.
    fn by_id(&self, id: TopicId) -> Option<Topic>;
    /// All names, for subscriptions by pattern.
    fn names(&self) -> Vec<Arc<str>>;
    /// Rises with every change of what the other methods answer. Groups look at it with every heartbeat; so a change reaches a member
    /// within its heartbeat interval.
    fn version(&self) -> u64;
    /// What was set for one group.
    fn overrides(&self, _group: &str) -> Overrides {
        Overrides::default()
    }
    /// Whether the offsets of a group never expire: a part of the node keeps its position in it.
    fn keeps_offsets(&self, _group: &str) -> bool {
        false
    }
    /// What a topic asks of share groups. Of one that does not exist: nothing.
    fn sharing(&self, _topic: TopicId) -> Sharing {
        Sharing::default()
    }
}
