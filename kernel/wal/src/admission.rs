//! Promise P5: a batch is admitted only into bytes that are allocated, zero-filled and free.
//!
//! `credit` counts the bytes of frames that fit behind the end of the queue: the rest of the active segment and all
//! spares, less what is admitted and not appended yet. Each segment counts for its capacity; a frame that starts inside the
//! capacity may reach beyond it, and these bytes are given back when the segment is left. `queued` counts what is
//! admitted or queued and not yet written.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::waiters::Space;

/// Whether bytes were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// The queue is full; a write makes room.
    QueueFull,
    /// Allocated space is used up; a spare or trim makes room.
    NoSpace,
}

/// The accounts of space. See the module's description.
pub(crate) struct Admission {
    credit: AtomicI64,
    queued: AtomicI64,
    queue_max: i64,
    held: i64,
    full: AtomicBool,
    full_text: Mutex<String>,
    pub(crate) space: Space,
}

impl Admission {
    pub(crate) fn new(queue_max: u64, held: u64) -> Self {
        Self {
            credit: AtomicI64::new(0),
            queued: AtomicI64::new(0),
            queue_max: queue_max as i64,
            held: held as i64,
            full: AtomicBool::new(false),
            full_text: Mutex::new(String::new()),
            space: Space::default(),
        }
    }

    /// Takes `bytes`, leaving the held space alone unless `privileged`.
    pub(crate) fn take(&self, bytes: u64, privileged: bool) -> Taken {
        let bytes = bytes as i64;
        let queue_max = self.queue_max;
        // One batch that is larger than the bound passes when nothing else is queued.
        let fits = |queued: i64| (queued == 0 || queued + bytes <= queue_max).then_some(queued + bytes);
        if self.queued.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).is_err() {
            return Taken::QueueFull;
        }
        let floor = if privileged { 0 } else { self.held };
        let fits = |credit: i64| (credit - bytes >= floor).then_some(credit - bytes);
        if self.credit.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).is_err() {
            self.queued.fetch_sub(bytes, Ordering::SeqCst);
            self.space.wake();
            return Taken::NoSpace;
        }
        Taken::Yes
    }

    /// Gives back bytes that were taken and not appended.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.queued.fetch_sub(bytes as i64, Ordering::SeqCst);
        self.add_credit(bytes);
    }

    /// Counts queued bytes that nobody asked for: a seal.
    pub(crate) fn force_queued(&self, bytes: u64) {
        self.queued.fetch_add(bytes as i64, Ordering::SeqCst);
    }

    /// Queued bytes were written.
    pub(crate) fn written(&self, bytes: u64) {
        self.queued.fetch_sub(bytes as i64, Ordering::SeqCst);
        self.space.wake();
    }

    /// Allocated space was added.
    pub(crate) fn add_credit(&self, bytes: u64) {
        self.credit.fetch_add(bytes as i64, Ordering::SeqCst);
        self.space.wake();
    }

    /// Bytes that may be appended before a spare is needed.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.credit.load(Ordering::SeqCst).max(0) as u64
    }

    pub(crate) fn queued_bytes(&self) -> u64 {
        self.queued.load(Ordering::SeqCst).max(0) as u64
    }

    /// The disk has no room for a spare; `text` says so to operators.
    pub(crate) fn set_full(&self, text: &str) {
        text.clone_into(&mut self.full_text.lock());
        self.full.store(true, Ordering::SeqCst);
        self.space.wake();
    }

    pub(crate) fn clear_full(&self) {
        self.full.store(false, Ordering::SeqCst);
    }

    pub(crate) fn full(&self) -> Option<String> {
        self.full.load(Ordering::SeqCst).then(|| self.full_text.lock().clone())
    }
}
