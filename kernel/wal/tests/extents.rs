//! Entries that name bytes in a service's files: fsynced before the journal, and looked for above the fsynced position.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::clock::ManualClock;
use bole_base::{Durability, Epoch, LogId, Offset, RealDisk};
use bole_wal::entry::FLAG_EXTENT;
use bole_wal::{Batch, Config, EntryHeader, EntryRef, Extents, PayloadKind, Wal};

/// Holds the extents that entries name by a number below `held`.
#[derive(Default)]
struct Numbered {
    held: AtomicU64,
    syncs: AtomicU64,
    rewritten: AtomicU64,
}

impl Extents for Numbered {
    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn hold(&self, entry: &EntryRef<'_>, rewrite: bool) -> io::Result<bool> {
        let held = u64::from(entry.payload[0]) < self.held.load(Ordering::SeqCst);
        self.rewritten.fetch_add(u64::from(rewrite && held), Ordering::SeqCst);
        Ok(held)
    }
}

fn open(dir: &Path, extents: &Arc<Numbered>) -> Wal {
    let mut config = Config::small();
    config.extents.add(Arc::clone(extents) as Arc<dyn Extents>);
    Wal::open(Arc::new(RealDisk), Arc::new(ManualClock::new()), dir, config).unwrap()
}

fn append(wal: &Wal, offset: u64, flags: u8) {
    let mut batch = Batch::new();
    let header = EntryHeader {
        log: LogId(20),
        offset: Offset(offset),
        epoch: Epoch(1),
        hlc: 0,
        origin: 0,
        kind: PayloadKind(1),
        version: 1,
        flags,
    };
    batch.push(&header, Durability::Async, |out| out.push(offset as u8));
    assert!(wal.try_admit(wal.batch_cost(batch.bytes().len())).unwrap());
    wal.append(&batch).unwrap();
    wal.write_queued().unwrap();
}

fn offsets(wal: &Wal) -> Vec<u64> {
    let mut found = Vec::new();
    let mut visit = |entry: &EntryRef<'_>| -> Result<(), bole_wal::Error> {
        found.push(entry.header.offset.0);
        Ok(())
    };
    wal.replay(&mut visit).unwrap();
    found
}

#[test]
fn a_tail_ends_where_a_named_extent_is_missing() {
    // Extents held at recovery, what is kept of entries 0 to 5 of which 1, 3 and 4 name extents; 0 and 1 were fsynced.
    for (held, kept) in [(9, 6), (5, 6), (4, 4), (3, 3), (2, 3), (0, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let extents = Arc::new(Numbered::default());
        let wal = open(dir.path(), &extents);
        append(&wal, 0, 0);
        append(&wal, 1, FLAG_EXTENT);
        let before = extents.syncs.load(Ordering::SeqCst);
        wal.sync().unwrap();
        assert!(extents.syncs.load(Ordering::SeqCst) > before, "extents are fsynced before the journal");
        append(&wal, 2, 0);
        append(&wal, 3, FLAG_EXTENT);
        append(&wal, 4, FLAG_EXTENT);
        append(&wal, 5, 0);
        drop(wal);
        extents.held.store(held, Ordering::SeqCst);
        let wal = open(dir.path(), &extents);
        assert_eq!(offsets(&wal), (0..kept).collect::<Vec<_>>(), "with {held} extents held");
        drop(wal);
        assert_eq!(offsets(&open(dir.path(), &extents)), (0..kept).collect::<Vec<_>>(), "and so it stays");
    }
}

#[test]
fn what_is_kept_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let extents = Arc::new(Numbered::default());
    let wal = open(dir.path(), &extents);
    wal.sync().unwrap();
    append(&wal, 0, FLAG_EXTENT);
    drop(wal);
    extents.held.store(9, Ordering::SeqCst);
    let _wal = open(dir.path(), &extents);
    assert_eq!(extents.rewritten.load(Ordering::SeqCst), 1);
}
