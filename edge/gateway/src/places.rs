//! Places for work that costs much memory or time: a fixed number, some in use, and who waits for one. [`all`] lists those of a process.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Places of one kind, for the whole process.
pub struct Places {
    semaphore: Semaphore,
    most: usize,
    waiting: AtomicUsize,
}

impl Places {
    /// So many.
    pub const fn new(most: usize) -> Self {
        Self { semaphore: Semaphore::const_new(most), most, waiting: AtomicUsize::new(0) }
    }

    /// Takes a place, after those who wait already. Cancel safe.
    pub async fn take(&self) -> SemaphorePermit<'_> {
        let _waiting = Waiting::new(&self.waiting);
        self.semaphore.acquire().await.expect("invariant: places are never closed")
    }

    /// Takes a place if one is free.
    pub fn try_take(&self) -> Option<SemaphorePermit<'_>> {
        self.semaphore.try_acquire().ok()
    }

    fn usage(&self, name: &'static str) -> Usage {
        let in_use = self.most - self.semaphore.available_permits();
        Usage { name, in_use, waiting: self.waiting.load(Ordering::Relaxed), most: self.most }
    }
}

/// One who waits, until it has a place or gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How places of one kind are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What they are for.
    pub name: &'static str,
    /// Of them in use.
    pub in_use: usize,
    /// Who waits for one.
    pub waiting: usize,
    /// How many there are.
    pub most: usize,
}

/// Bodies that are compressed at once; further answers stay as they are. Each takes some MiB.
pub static ENCODERS: Places = Places::new(128);
/// Originals of images that are read at once, up to the library's bound of 32 MiB each, those that wait for their turn among them.
pub static ORIGINALS: Places = Places::new(16);
/// Images that are made at once: each takes a thread, and memory up to the library's bound of 512 MiB.
pub static IMAGES: Places = Places::new(2);
/// Images that are made as AVIF at once, which takes seconds of a core.
pub static AVIF: Places = Places::new(1);

/// All of them.
pub fn all() -> [Usage; 4] {
    [ENCODERS.usage("encoders"), ORIGINALS.usage("originals"), IMAGES.usage("images"), AVIF.usage("avif")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn places_are_counted_with_those_who_wait() {
        let places = Places::new(1);
        let usage = || {
            let usage = places.usage("test");
            (usage.in_use, usage.waiting)
        };
        let first = places.take().now_or_never().expect("a free place");
        assert_eq!(usage(), (1, 0));
        assert!(places.try_take().is_none());
        let mut second = Box::pin(places.take());
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(usage(), (1, 1));
        drop(second);
        assert_eq!(usage(), (1, 0));
        drop(first);
        assert_eq!(usage(), (0, 0));
        assert!(places.try_take().is_some());
    }
}
