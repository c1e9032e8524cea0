//! Moves high watermarks: whatever was appended becomes visible when the journal has made it durable, also when nobody waits for a reply.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_base::{Durability, Position};
use bole_log::Journal;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::partition::Partition;

/// The partitions of one durability class that have records which are not durable yet.
pub struct Advancer {
    class: Durability,
    waiting: Mutex<VecDeque<(Position, Arc<Partition>)>>,
    added: Notify,
}

impl Advancer {
    /// Nobody waits.
    pub fn new(class: Durability) -> Self {
        Self { class, waiting: Mutex::default(), added: Notify::new() }
    }

    /// Takes in a partition whose newest batch ends at `position` of the journal. Each is in at most once.
    pub fn add(&self, partition: &Arc<Partition>, position: Position) {
        if partition.advancing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.waiting.lock().push_back((position, Arc::clone(partition)));
        self.added.notify_one();
    }

    /// Works for ever: run it as a task. Ends when the journal has failed.
    pub async fn run(self: Arc<Self>, journal: Arc<dyn Journal>) {
        loop {
            let next = self.waiting.lock().front().map(|(position, _)| *position);
            let Some(position) = next else {
                self.added.notified().await;
                continue;
            };
            if poll_fn(|context| journal.poll_reached(self.class, position, context)).await.is_err() {
                return;
            }
            self.advance(journal.reached(self.class));
        }
    }

    fn advance(&self, reached: Position) {
        let ready: Vec<_> = {
            let mut waiting = self.waiting.lock();
            let count = waiting.iter().take_while(|(position, _)| *position <= reached).count();
            waiting.drain(..count).collect()
        };
        for (_, partition) in ready {
            // Cleared first: who appends from now on adds the partition again.
            partition.advancing.store(false, Ordering::Release);
            let Ok(mut locked) = partition.lock() else { continue };
            if let Some(next) = locked.state_mut().advance(reached) {
                drop(locked);
                self.add(&partition, next);
            }
        }
    }
}
