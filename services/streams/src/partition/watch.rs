//! Who waits for records of a partition: a fetch that found too few registers, and is woken once.

use std::sync::Arc;

use tokio::sync::Notify;

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
