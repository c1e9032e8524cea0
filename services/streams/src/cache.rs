//! How many bytes of batches stay in memory for readers: the oldest go first, over all partitions together.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::partition::Partition;

/// The batches in memory, in order of their arrival.
pub struct Cache {
    bytes_max: u64,
    kept: Mutex<Kept>,
    full: Notify,
}

#[derive(Default)]
struct Kept {
    order: VecDeque<Row>,
    bytes: u64,
}

struct Row {
    partition: Weak<Partition>,
    end: i64,
    bytes: u64,
}

impl Cache {
    /// An empty cache of `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, kept: Mutex::default(), full: Notify::new() }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        self.kept.lock().bytes
    }

    /// Notes a batch of `bytes` bytes that ends before offset `end`.
    pub fn add(&self, partition: &Arc<Partition>, end: i64, bytes: u64) {
        let mut kept = self.kept.lock();
        kept.bytes += bytes;
        match kept.order.back_mut() {
            // Batches that follow each other in one partition go together.
            Some(last)
                if last.bytes < (64 << 10)
                    && std::ptr::addr_eq(last.partition.as_ptr(), Arc::as_ptr(partition)) =>
            {
                last.end = end;
                last.bytes += bytes;
            }
            _ => kept.order.push_back(Row { partition: Arc::downgrade(partition), end, bytes }),
        }
        if kept.bytes > self.bytes_max {
            self.full.notify_one();
        }
    }

    /// Waits until there is too much, and says which partition has the oldest batches, up to which offset. The batches count as gone: who
    /// is told lets them go.
    pub async fn next_out(&self) -> (Arc<Partition>, i64) {
        loop {
            {
                let mut kept = self.kept.lock();
                while kept.bytes > self.bytes_max {
                    let Some(row) = kept.order.pop_front() else { break };
                    kept.bytes -= row.bytes;
                    if let Some(partition) = row.partition.upgrade() {
                        return (partition, row.end);
                    }
                }
            }
            self.full.notified().await;
        }
    }
}
