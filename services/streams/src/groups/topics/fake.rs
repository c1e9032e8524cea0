//! Topics for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Topic, TopicId, Topics};
use crate::groups::config::{Overrides, Sharing};

/// Topics that a test makes and removes. The id of a topic is its number, counted from 1.
#[derive(Default)]
pub(crate) struct Fake {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    topics: BTreeMap<Arc<str>, Topic>,
    made: u64,
    version: u64,
    overrides: Overrides,
    sharing: Sharing,
}

impl Fake {
    pub(crate) fn new(topics: &[(&str, u32)]) -> Self {
        let fake = Self::default();
        topics.iter().for_each(|(name, partitions)| {
            fake.set(name, *partitions);
        });
        fake
    }

    /// Makes a topic, or changes how many partitions it has.
    pub(crate) fn set(&self, name: &str, partitions: u32) -> TopicId {
        let inner = &mut *self.inner.lock();
        inner.version += 1;
        if let Some(topic) = inner.topics.get_mut(name) {
            topic.partitions = partitions;
            return topic.id;
        }
        inner.made += 1;
        let id = Self::id(inner.made);
        inner.topics.insert(name.into(), Topic { id, name: name.into(), partitions });
        id
    }

    pub(crate) fn remove(&self, name: &str) {
        let inner = &mut *self.inner.lock();
        inner.version += 1;
        inner.topics.remove(name);
    }

    #[allow(dead_code)]
    pub(crate) fn set_overrides(&self, overrides: Overrides) {
        self.inner.lock().overrides = overrides;
    }

    /// What every topic asks of share groups.
    pub(crate) fn set_sharing(&self, sharing: Sharing) {
        self.inner.lock().sharing = sharing;
    }

    /// The id of the topic that was made as the `number`th.
    pub(crate) fn id(number: u64) -> TopicId {
        TopicId(u128::from(number).to_be_bytes())
    }
}

impl Topics for Fake {
    fn by_name(&self, name: &str) -> Option<Topic> {
        self.inner.lock().topics.get(name).cloned()
    }

    fn by_id(&self, id: TopicId) -> Option<Topic> {
        self.inner.lock().topics.values().find(|topic| topic.id == id).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.inner.lock().topics.keys().cloned().collect()
    }

    fn version(&self) -> u64 {
        self.inner.lock().version
    }

    fn overrides(&self, _group: &str) -> Overrides {
        self.inner.lock().overrides.clone()
    }

    fn sharing(&self, _topic: TopicId) -> Sharing {
        self.inner.lock().sharing.clone()
    }
}
