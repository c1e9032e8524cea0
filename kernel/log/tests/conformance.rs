//! Both implementations of the journal run the one suite.

#![expect(clippy::unwrap_used, reason = "a harness of tests: a failed step fails the test")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bole_base::clock::ManualClock;
use bole_base::{Disk, RealDisk};
use bole_log::suite::{self, Subject};
use bole_log::{AttachmentId, Journal, LocalJournal, MemoryJournal};
use bole_wal::Config;
use tempfile::TempDir;

struct Local {
    dir: TempDir,
    journal: Arc<LocalJournal>,
    taken: Mutex<Vec<u64>>,
}

impl Local {
    fn open(dir: TempDir) -> Self {
        let config = Config { queue_bytes_max: 1 << 20, bytes_max: 16 << 20, spares: 8, ..Config::small() };
        let journal =
            LocalJournal::open(Arc::new(RealDisk), Arc::new(ManualClock::new()), dir.path(), config).unwrap();
        journal.wal().make_space().unwrap();
        Self { dir, journal: Arc::new(journal), taken: Mutex::default() }
    }
}

impl Subject for Local {
    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.journal) as Arc<dyn Journal>
    }

    fn sync(&self) {
        self.journal.wal().sync().unwrap();
    }

    fn reopen(self: Box<Self>) -> Box<dyn Subject> {
        let Self { dir, journal, .. } = *self;
        assert_eq!(Arc::strong_count(&journal), 1, "the old journal is gone");
        drop(journal);
        Box::new(Self::open(dir))
    }

    fn corrupt_attachment(&self, id: &AttachmentId) {
        let path: PathBuf = self.dir.path().join("attachments").join(format!("{:016x}", id.number));
        let file = RealDisk.open(&path).unwrap();
        file.write_all_at(60, &[0xFF]).unwrap();
    }

    fn set_space(&self, any: bool) {
        let mut taken = self.taken.lock().unwrap();
        for step in [10_000, 100, 10, 1] {
            while !any && self.journal.try_admit(step).unwrap() {
                taken.push(step);
            }
        }
        if any {
            taken.drain(..).for_each(|bytes| self.journal.return_admitted(bytes));
        }
    }
}

struct Memory {
    journal: Arc<MemoryJournal>,
}

impl Subject for Memory {
    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.journal) as Arc<dyn Journal>
    }

    fn sync(&self) {
        self.journal.sync();
    }

    fn reopen(self: Box<Self>) -> Box<dyn Subject> {
        Box::new(Self { journal: Arc::new(self.journal.crash(self.journal.end())) })
    }

    fn corrupt_attachment(&self, id: &AttachmentId) {
        self.journal.corrupt_attachment(id);
    }

    fn set_space(&self, any: bool) {
        self.journal.set_bytes_max(if any { 1 << 40 } else { 2_000 });
        if any {
            self.journal.return_admitted(1_500);
        } else {
            assert!(self.journal.try_admit(1_500).unwrap());
        }
    }
}

#[test]
fn local() {
    suite::run(&|| Box::new(Local::open(tempfile::tempdir().unwrap())));
}

#[test]
fn memory() {
    suite::run(&|| Box::new(Memory { journal: Arc::new(MemoryJournal::by_hand()) }));
}

#[test]
fn memory_that_is_durable_at_once() {
    let journal = MemoryJournal::new();
    let mut batch = bole_log::Batch::new();
    let header = bole_log::EntryHeader {
        log: bole_base::LogId(20),
        offset: bole_base::Offset(0),
        epoch: bole_base::Epoch(1),
        hlc: 0,
        origin: 0,
        kind: bole_log::PayloadKind(1),
        version: 1,
        flags: 0,
    };
    batch.push(&header, bole_base::Durability::Sync, |out| out.push(1));
    let end = journal.append(&batch).unwrap();
    assert_eq!(journal.reached(bole_base::Durability::Sync), end);
    assert_eq!(journal.tail(header.log), bole_base::Offset(1));
}
