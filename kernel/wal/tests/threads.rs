//! Many threads on a real disk: every acknowledgement holds, nothing is lost or doubled, and nobody waits forever.

#![expect(clippy::unwrap_used, reason = "a harness of tests: a failed step fails the test")]

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bole_base::{Durability, Epoch, LogId, Offset, Position, RealDisk, SystemClock};
use bole_wal::{Batch, Config, Driver, EntryHeader, Error, PayloadKind, Wal};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls in this thread until the answer is there.
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

fn appender(wal: &Wal, log: u64, count: u64) {
    let class = if log.is_multiple_of(2) { Durability::Sync } else { Durability::Async };
    let mut batch = Batch::new();
    for offset in 0..count {
        batch.clear();
        let header = EntryHeader {
            log: LogId(log),
            offset: Offset(offset),
            epoch: Epoch(1),
            hlc: 0,
            origin: 0,
            kind: PayloadKind(1),
            version: 1,
            flags: 0,
        };
        batch.push(&header, class, |out| out.resize(out.len() + (offset % 900) as usize, log as u8));
        wait(|context| wal.poll_admit(wal.batch_cost(batch.bytes().len()), context)).unwrap();
        let end = wal.append(&batch).unwrap();
        wal.write_queued().unwrap();
        wait(|context| wal.poll_reached(class, end, context)).unwrap();
        assert!(wal.reached(class) >= end);
    }
}

/// Follows a log, checks that it has no holes, and trims what it has seen, so that the appenders go on.
fn follower(wal: &Wal, log: u64, count: u64) {
    let mut next = 0;
    while next < count {
        wait(|context| wal.poll_tail(LogId(log), Offset(next), context)).unwrap();
        let end = wal.read(LogId(log), Offset(next), |entry| {
            assert_eq!(entry.header.offset, Offset(next));
            assert!(entry.payload.iter().all(|byte| *byte == log as u8));
            next += 1;
            !next.is_multiple_of(7)
        });
        let end = end.unwrap();
        assert_eq!((end.gap, end.next), (None, Offset(next)));
        // Whatever is left behind would pin its segment until the journal is at its bound and everybody waits.
        wal.trim(LogId(log), Offset(next));
    }
}

#[test]
fn appenders_and_followers_agree() {
    const COUNT: u64 = 1_500;
    let dir = tempfile::tempdir().unwrap();
    let config = Config { sync_interval: std::time::Duration::from_millis(20), ..Config::small() };
    let open = || Wal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), dir.path(), config.clone());
    let wal = Arc::new(open().unwrap());
    let driver = Driver::start(Arc::clone(&wal)).unwrap();
    thread::scope(|scope| {
        for log in 20..26 {
            let wal = &wal;
            scope.spawn(move || appender(wal, log, COUNT));
            scope.spawn(move || follower(wal, log, COUNT));
        }
    });
    driver.stop().unwrap();
    assert!(wal.metrics().snapshot().segments_recycled > 0, "segments went round");
    drop((driver, wal));
    let wal = open().unwrap();
    let mut next = [None; 6];
    wal.replay(&mut |entry| {
        let slot = &mut next[(entry.header.log.0 - 20) as usize];
        assert!(slot.is_none_or(|next| next == entry.header.offset.0), "replay has a hole");
        *slot = Some(entry.header.offset.0 + 1);
        Ok::<(), Error>(())
    })
    .unwrap();
    // What was trimmed may be there again or not; what is there goes up to the end of its log.
    assert!(next.iter().flatten().all(|next| *next == COUNT));
}

#[test]
fn who_waits_for_an_fsync_need_not_wait_for_the_interval() {
    const ASYNC: u64 = 21;
    let dir = tempfile::tempdir().unwrap();
    let config = Config { sync_interval: std::time::Duration::from_hours(1), ..Config::small() };
    let wal = Wal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), dir.path(), config).unwrap();
    let wal = Arc::new(wal);
    let driver = Driver::start(Arc::clone(&wal)).unwrap();
    appender(&wal, ASYNC, 50);
    let end = wal.reached(Durability::Async);
    assert!(wal.reached(Durability::Sync) < end, "nobody has asked yet");
    wal.want_sync(Position(u64::MAX));
    wait(|context| wal.poll_reached(Durability::Sync, end, context)).unwrap();
    driver.stop().unwrap();
}

/// A batch of one entry.
fn batch(offset: u64) -> Batch {
    let mut batch = Batch::new();
    let header = EntryHeader {
        log: LogId(7),
        offset: Offset(offset),
        epoch: Epoch(1),
        hlc: 0,
        origin: 0,
        kind: PayloadKind(1),
        version: 1,
        flags: 0,
    };
    batch.push(&header, Durability::Sync, |out| out.push(1));
    batch
}

#[derive(Default)]
struct Rings(std::sync::atomic::AtomicUsize);

impl bole_wal::Hooks for Rings {
    fn sync_wanted(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
    fn wake_wanted(&self) {}
    fn space_wanted(&self) {}
}

#[test]
fn who_awaits_a_batch_fsyncs_it_and_nobody_is_rung_for() {
    let dir = tempfile::tempdir().unwrap();
    let wal =
        Wal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), dir.path(), Config::default()).unwrap();
    let rings = Arc::new(Rings::default());
    wal.set_hooks(Arc::clone(&rings) as Arc<dyn bole_wal::Hooks>);
    let count = || rings.0.load(std::sync::atomic::Ordering::SeqCst);
    let append = |awaited: bool, offset| {
        let mut batch = batch(offset);
        if awaited {
            batch.set_awaited();
        }
        assert!(wal.try_admit(wal.batch_cost(batch.bytes().len())).unwrap());
        wal.append(&batch).unwrap()
    };
    let end = append(true, 0);
    assert_eq!(count(), 0, "nobody is rung for");
    assert!(wal.sync_is_wanted(), "though it is wanted");
    wal.sync_here(end).unwrap();
    assert!(wal.reached(Durability::Sync) >= end);
    assert_eq!(count(), 0);
    wal.sync_here(end).unwrap();
    append(false, 1);
    assert_eq!(count(), 1, "what nobody awaits is rung for");
}
