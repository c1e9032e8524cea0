//! The thread that writes to the disk tier, behind a bounded queue.

use super::codec::Record;
use super::{DiskCounters, Files};
use crate::limits::DISK_QUEUE_MAX;
use crate::object::{Object, Piece};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// For how long nothing is written after a write failed.
const OFF: Duration = Duration::from_secs(30);

/// What is to be done.
pub(super) enum Job {
    Write { object: Arc<Object>, slice: u32, piece: Piece },
    Remove { object: u64, last: u32 },
    Flush(SyncSender<()>),
}

pub(super) struct Writer {
    queue: SyncSender<Job>,
    counters: Arc<DiskCounters>,
}

impl Writer {
    pub(super) fn start(files: Arc<Files>, counters: Arc<DiskCounters>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(DISK_QUEUE_MAX);
        let seen = counters.clone();
        // Ends when the tier, and with it the queue, is dropped; what is queued is written first.
        std::thread::Builder::new().name("cdn-disk".to_owned()).spawn(move || run(&files, &jobs, &seen))?;
        Ok(Self { queue, counters })
    }

    /// Queues a job, unless the queue is full: a cache may forget to write, and what is not removed is evicted some time, as ids are not used again.
    pub(super) fn send(&self, job: Job) {
        if self.queue.try_send(job).is_err() {
            self.counters.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.send(Job::Flush(done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

fn run(files: &Files, jobs: &Receiver<Job>, counters: &DiskCounters) {
    let mut off_until: Option<Instant> = None;
    for job in jobs {
        match job {
            Job::Remove { object, last } => files.remove_object(object, last),
            Job::Flush(done) => drop(done.send(())),
            Job::Write { .. } if off_until.is_some_and(|until| Instant::now() < until) => {
                counters.skipped.fetch_add(1, Ordering::Relaxed);
            }
            Job::Write { object, slice, piece } => match files.write(&Record::of(&object, slice), &piece) {
                Ok(()) => {
                    off_until = None;
                    counters.writes.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    counters.failed.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, seconds = OFF.as_secs(), "the cache's disk tier cannot be written to; it is left alone for a while");
                    off_until = Some(Instant::now() + OFF);
                }
            },
        }
    }
}
