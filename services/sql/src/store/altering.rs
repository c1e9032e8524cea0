//! Commits that change the catalog, so that who opens a snapshot knows without a look into it that it has the catalog of today.
//!
//! # Invariants
//! - Such a commit has begun before SQLite shows its rows, and is done when the catalog of today has them (or SQLite refused it).
//! - One at a time, by the holder of the ticket.

use std::sync::atomic::{AtomicU64, Ordering};

/// See the module.
#[derive(Default)]
pub(crate) struct Altering {
    begun: AtomicU64,
    done: AtomicU64,
}

/// One that is on its way. Dropped when it is done.
pub(crate) struct OnItsWay<'a>(&'a Altering);

impl Altering {
    pub(crate) fn begin(&self) -> OnItsWay<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        OnItsWay(self)
    }

    /// To be asked before the catalog of today is taken and then a snapshot is opened.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Whether none has begun but those that were done then: the snapshot has that catalog.
    pub(crate) fn is_still(&self, done: u64) -> bool {
        self.begun.load(Ordering::SeqCst) == done
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        // After a panic nobody knows which catalog the rows have: snapshots are looked into from then on.
        if !std::thread::panicking() {
            self.0.done.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_known_only_where_no_commit_overlaps_it() {
        let altering = Altering::default();
        let before = altering.done();
        assert!(altering.is_still(before));
        let on_its_way = altering.begin();
        assert!(!altering.is_still(before), "begun since");
        assert!(!altering.is_still(altering.done()), "not done");
        drop(on_its_way);
        assert!(!altering.is_still(before), "done since");
        assert!(altering.is_still(altering.done()));
    }

    #[test]
    fn after_a_panic_none_is_known() {
        let altering = Altering::default();
        let panicked = std::panic::catch_unwind(|| {
            let _on_its_way = altering.begin();
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        drop(altering.begin());
        assert!(!altering.is_still(altering.done()));
    }
}
