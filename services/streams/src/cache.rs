//! How many bytes of batches stay in memory for readers: the oldest go first, over all partitions together. Who writes faster than the disk takes
//! waits when there is twice as much.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bole_base::Position;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::partition::Partition;

/// The batches in memory, in order of their arrival.
pub struct Cache {
    bytes_max: u64,
    kept: Mutex<Kept>,
    full: Notify,
    freed: Notify,
    /// Who waits for room by polling.
    waiting: Mutex<Vec<Waker>>,
}

#[derive(Default)]
struct Kept {
    order: VecDeque<Row>,
    bytes: u64,
    /// What was told to go and is not gone yet.
    going: u64,
}

struct Row {
    partition: Weak<Partition>,
    end: i64,
    position: Position,
    bytes: u64,
}

/// Batches that are to leave memory.
pub struct Going {
    /// Where they are.
    pub partition: Arc<Partition>,
    /// All below this offset.
    pub end: i64,
    /// They were appended before this position of the journal.
    pub position: Position,
    /// How many bytes they are; for [`Cache::gone`].
    pub bytes: u64,
}

impl Cache {
    /// An empty cache of `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            kept: Mutex::default(),
            full: Notify::new(),
            freed: Notify::new(),
            waiting: Mutex::default(),
        }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        let kept = self.kept.lock();
        kept.bytes + kept.going
    }

    /// Waits until a batch may come. May be dropped at any time.
    pub async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.has_room() {
                return;
            }
            freed.await;
        }
    }

    /// Whether a batch may come.
    pub fn has_room(&self) -> bool {
        self.bytes() <= 2 * self.bytes_max
    }

    /// Ready when a batch may come. May be dropped at any time.
    pub fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting.lock();
        if self.has_room() {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// What [`Cache::next_out`] told to go went, or cannot go.
    pub fn gone(&self, bytes: u64) {
        self.kept.lock().going -= bytes;
        self.freed.notify_waiters();
        std::mem::take(&mut *self.waiting.lock()).into_iter().for_each(Waker::wake);
    }

    /// Notes a batch of `bytes` bytes that ends before offset `end` and before `position` of the journal.
    pub fn add(&self, partition: &Arc<Partition>, end: i64, position: Position, bytes: u64) {
        let mut kept = self.kept.lock();
        kept.bytes += bytes;
        match kept.order.back_mut() {
            // Batches that follow each other in one partition go together.
            Some(last)
                if last.bytes < (64 << 10)
                    && std::ptr::addr_eq(last.partition.as_ptr(), Arc::as_ptr(partition)) =>
            {
                last.end = end;
                last.position = position;
                last.bytes += bytes;
            }
            _ => kept.order.push_back(Row { partition: Arc::downgrade(partition), end, position, bytes }),
        }
        if kept.bytes > self.bytes_max {
            self.full.notify_one();
        }
    }

    /// Waits until there is too much, and says which batches are the oldest. Who is told lets them go and says so by [`Cache::gone`].
    pub async fn next_out(&self) -> Going {
        loop {
            {
                let mut kept = self.kept.lock();
                while kept.bytes > self.bytes_max {
                    let Some(row) = kept.order.pop_front() else { break };
                    kept.bytes -= row.bytes;
                    if let Some(partition) = row.partition.upgrade() {
                        kept.going += row.bytes;
                        let Row { end, position, bytes, .. } = row;
                        return Going { partition, end, position, bytes };
                    }
                }
            }
            self.full.notified().await;
        }
    }
}
