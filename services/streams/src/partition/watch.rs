//! Who waits for records of a partition: a fetch that found too few registers, and is woken once.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::readable::Source;

/// One that waits for records of some partitions. When it goes, however that comes, no partition remembers it.
pub struct Watching {
    watcher: Arc<Notify>,
    sources: Vec<Source>,
}

impl Watching {
    /// Waits for nothing yet.
    pub fn new(sources: Vec<Source>) -> Self {
        Self { watcher: Arc::new(Notify::new()), sources }
    }

    /// Asks every partition and feed to wake it at its next change. A quarantined one never will.
    pub fn register(&self) {
        self.sources.iter().for_each(|source| source.watch(&self.watcher));
    }

    /// What is woken.
    pub fn watcher(&self) -> &Arc<Notify> {
        &self.watcher
    }

    /// Ready when a partition has changed since [`Watching::register`].
    pub async fn woken(&self) {
        self.watcher.notified().await;
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.sources.iter().for_each(|source| source.unwatch(&self.watcher));
    }
}

/// Who waits for records of one partition.
#[derive(Debug, Default)]
pub struct Watchers(Vec<Arc<Notify>>);

impl Watchers {
    /// Wakes `watcher` at the next change. Registering twice is the same as once.
    pub fn add(&mut self, watcher: &Arc<Notify>) {
        if !self.0.iter().any(|known| Arc::ptr_eq(known, watcher)) {
            self.0.push(Arc::clone(watcher));
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets `watcher`.
    pub fn remove(&mut self, watcher: &Arc<Notify>) {
        self.0.retain(|known| !Arc::ptr_eq(known, watcher));
    }

    /// Wakes all that wait, and forgets them.
    pub fn wake(&mut self) {
        for watcher in self.0.drain(..) {
            watcher.notify_one();
        }
    }
}
