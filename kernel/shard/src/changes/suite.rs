//! The contract of [`Changes`] as cases that each implementation runs, and a fake for those who read feeds.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};

use bole_base::{Epoch, LogId, Offset};
use bole_log::Gap;
use bytes::Bytes;
use parking_lot::Mutex;

use super::{Bounds, Change, Changes, Cursor, Details, Feed};
use crate::{Error, Pin, Pins};

/// A feed under test: one dataset with one shard at least, empty at first.
pub trait Subject {
    /// The feeds.
    fn changes(&self) -> &dyn Changes;
    /// The dataset to read.
    fn dataset(&self) -> String;
    /// Changes shard 0, visible but not durable yet. Returns the key and the details that the change shall show.
    fn write(&self, number: u64) -> (Option<Bytes>, Details);
    /// Makes everything durable.
    fn sync(&self);
    /// Checkpoints and trims all that may go. With `force`, after so many more writes that what is pinned or kept gives way once.
    fn trim(&self, force: bool);
    /// How far the offsets of two changes in successive entries are apart: more than 1 where offsets are split.
    fn offsets_per_entry(&self) -> u64 {
        1
    }
}

/// Runs all cases, each on a fresh subject.
pub fn run(fresh: &dyn Fn() -> Box<dyn Subject>) {
    let cases: [(&str, fn(&dyn Subject)); 6] = [
        ("durable changes come once, in order", order),
        ("the bounds are those of what can be read", bounds),
        ("what is kept stays, and gives way from its oldest end", keeps),
        ("the tail wakes when something is durable", tail),
        ("pins hold, and breaking one leaves a gap", pins),
        ("unknown datasets and shards are refused", unknown),
    ];
    for (name, case) in cases {
        let subject = fresh();
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&*subject)));
        assert!(passed.is_ok(), "case failed: {name}");
    }
}

/// Reads to the tail in pieces of `bytes_max`.
#[track_caller]
fn drain(subject: &dyn Subject, from: Cursor, bytes_max: usize) -> (Vec<Change>, Option<Gap>, Cursor) {
    let (mut all, mut gap, mut cursor) = (Vec::new(), None, from);
    loop {
        let feed = subject.changes().read(&subject.dataset(), 0, cursor, bytes_max).expect("a read");
        gap = gap.or(feed.gap);
        if feed.next.offset == cursor.offset {
            return (all, gap, cursor);
        }
        all.extend(feed.changes);
        cursor = feed.next;
    }
}

fn order(subject: &dyn Subject) {
    let (_, _, start) = drain(subject, Cursor::default(), usize::MAX);
    let mut written = Vec::new();
    for number in 0..20 {
        written.push(subject.write(number));
    }
    assert_eq!(drain(subject, start, usize::MAX).0, [], "what is not durable is not shown");
    subject.sync();
    for bytes_max in [1, 200, usize::MAX] {
        let (changes, gap, _) = drain(subject, start, bytes_max);
        assert_eq!(gap, None);
        assert!(changes.windows(2).all(|pair| pair[0].offset < pair[1].offset));
        let shown: Vec<_> = changes.into_iter().map(|change| (change.key, change.details)).collect();
        assert_eq!(shown, written);
    }
    let beyond = Cursor::at(Offset(1 << 40));
    assert!(subject.changes().read(&subject.dataset(), 0, beyond, 1).is_err());
}

fn bounds(subject: &dyn Subject) {
    let changes = subject.changes();
    let dataset = subject.dataset();
    assert!(changes.datasets().contains(&dataset));
    let look = || changes.bounds(&dataset, 0).expect("it has a feed");
    let start = look();
    assert_eq!(drain(subject, Cursor::at(start.first), usize::MAX).2.offset, start.tail);
    for number in 0..10 {
        subject.write(number);
    }
    assert_eq!(look(), start, "what is not durable is not there");
    subject.sync();
    let (read, _, end) = drain(subject, Cursor::at(start.tail), usize::MAX);
    assert_eq!(look(), Bounds { tail: end.offset, ..start });
    let mut times = Vec::new();
    let mut note = |offset, hlc| {
        times.push((offset, hlc));
        times.len() < 8
    };
    changes.times(&dataset, 0, start.tail, &mut note).expect("it is read");
    let shown = read.iter().map(|change| (change.offset, change.hlc)).take(8);
    assert_eq!(times, shown.collect::<Vec<_>>(), "times are those of the changes, until no more are wanted");
    subject.trim(false);
    let trimmed = look();
    assert!(trimmed.first > start.tail && trimmed.tail == end.offset, "{trimmed:?}");
    let (changes_left, gap, _) = drain(subject, Cursor::at(start.tail), usize::MAX);
    assert_eq!(gap, Some(Gap { from: start.tail, to: trimmed.first }));
    assert_eq!(changes_left.len() as u64, (trimmed.tail.0 - trimmed.first.0) / subject.offsets_per_entry());
    assert!(changes.bounds("no/such/dataset", 0).is_err());
    assert!(changes.times(&dataset, 0, Offset(1 << 40), &mut |_, _| true).is_err());
}

fn keeps(subject: &dyn Subject) {
    let changes = subject.changes();
    let dataset = subject.dataset();
    changes.keep(&dataset).expect("it has a feed");
    assert!(changes.keep("no/such/dataset").is_err());
    let look = || changes.bounds(&dataset, 0).expect("it has a feed");
    let start = look();
    let mut written = 0;
    for number in 0..10 {
        subject.write(number);
        written += 1;
    }
    subject.sync();
    subject.trim(false);
    assert_eq!(look().first, start.first, "it stays although nobody reads");
    subject.trim(true);
    let after = look();
    assert!(
        start.first < after.first && after.first < after.tail,
        "the oldest goes, the rest stays: {after:?}"
    );
    let (left, gap, _) = drain(subject, Cursor::at(start.tail), usize::MAX);
    assert!(gap.is_none_or(|gap| gap.to == after.first));
    assert!(left.len() >= written / 2, "{} of {written} are left, and what came since", left.len());
}

fn tail(subject: &dyn Subject) {
    let (_, _, start) = drain(subject, Cursor::default(), usize::MAX);
    let mut context = Context::from_waker(Waker::noop());
    let mut ready = || subject.changes().poll_ready(&subject.dataset(), 0, start, &mut context);
    assert!(ready().is_pending());
    subject.write(1);
    assert!(ready().is_pending());
    subject.sync();
    assert!(matches!(ready(), Poll::Ready(Ok(()))));
}

fn pins(subject: &dyn Subject) {
    let (_, _, start) = drain(subject, Cursor::default(), usize::MAX);
    let pin = subject.changes().pin(&subject.dataset(), 0, start.offset).expect("a pin");
    for number in 0..10 {
        subject.write(number);
    }
    subject.sync();
    subject.trim(false);
    assert!(!pin.is_broken());
    let (changes, gap, _) = drain(subject, start, usize::MAX);
    assert_eq!((changes.len(), gap), (10, None));
    let half = changes[5].offset;
    pin.advance(half);
    subject.trim(false);
    let (changes, gap, _) = drain(subject, start, usize::MAX);
    assert_eq!((changes.len(), gap), (5, Some(Gap { from: start.offset, to: half })));
    subject.trim(true);
    assert!(pin.is_broken());
    let (_, gap, _) = drain(subject, Cursor { offset: half, ..start }, usize::MAX);
    assert!(
        gap.is_some_and(|gap| gap.from == half && gap.to.0 > half.0 + 4 * subject.offsets_per_entry()),
        "{gap:?}"
    );
}

fn unknown(subject: &dyn Subject) {
    let refused = |outcome: Result<Feed, Error>, named: &str| match outcome {
        Err(Error::Refused(text)) => assert!(text.contains(named), "{text:?} names {named:?}"),
        other => panic!("{named} is refused, not {other:?}"),
    };
    let changes = subject.changes();
    refused(changes.read("no/such/dataset", 0, Cursor::default(), 1), "no/such/dataset");
    refused(changes.read(&subject.dataset(), 9_999, Cursor::default(), 1), "9999");
    assert!(changes.shards(&subject.dataset()).is_ok_and(|shards| shards >= 1));
    assert!(changes.shards("no/such/dataset").is_err());
    assert!(changes.pin("no/such/dataset", 0, Offset(0)).is_err());
}

/// Feeds for tests: changes that the test puts in, durable when it says so. Each dataset has one shard.
#[derive(Default)]
pub struct FakeChanges {
    pins: Pins,
    feeds: Mutex<BTreeMap<String, Log>>,
    wakers: Mutex<Vec<Waker>>,
}

#[derive(Default)]
struct Log {
    id: LogId,
    first: u64,
    durable: u64,
    changes: VecDeque<Change>,
}

impl Log {
    fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }
}

impl FakeChanges {
    /// Adds an empty dataset.
    pub fn add(&self, dataset: &str) {
        let mut feeds = self.feeds.lock();
        let id = LogId(LogId::FIRST_DATASET.0 + feeds.len() as u64);
        feeds.insert(dataset.to_owned(), Log { id, ..Log::default() });
    }

    /// Puts a change at the end of a dataset.
    pub fn push(
        &self,
        dataset: &str,
        operation: &'static str,
        key: Option<Bytes>,
        details: Details,
    ) -> Offset {
        let mut feeds = self.feeds.lock();
        let log = feeds.entry(dataset.to_owned()).or_default();
        let offset = Offset(log.end());
        log.changes.push_back(Change { offset, hlc: offset.0, operation, key, details });
        offset
    }

    /// Makes all changes durable.
    pub fn sync(&self) {
        self.feeds.lock().values_mut().for_each(|log| log.durable = log.end());
        std::mem::take(&mut *self.wakers.lock()).into_iter().for_each(Waker::wake);
    }

    /// Trims what is durable and not pinned; with `force`, breaks the pins.
    pub fn trim(&self, force: bool) {
        for log in self.feeds.lock().values_mut() {
            if force {
                self.pins.break_below(log.id, Offset(log.first + 1).min(Offset(log.durable)));
            }
            let below = self.pins.lowest(log.id).map_or(log.durable, |pin| pin.0.min(log.durable));
            while log.first < below {
                log.changes.pop_front();
                log.first += 1;
            }
        }
    }

    fn with<T>(&self, dataset: &str, shard: u32, look: impl FnOnce(&Log) -> T) -> Result<T, Error> {
        let feeds = self.feeds.lock();
        let log = feeds.get(dataset).filter(|_| shard == 0);
        log.map(look)
            .ok_or_else(|| Error::Refused(format!("dataset {dataset:?} has no feed for shard {shard}")))
    }
}

impl Changes for FakeChanges {
    fn datasets(&self) -> Vec<String> {
        self.feeds.lock().keys().cloned().collect()
    }

    fn bounds(&self, dataset: &str, shard: u32) -> Result<Bounds, Error> {
        self.with(dataset, shard, |log| Bounds { first: Offset(log.first), tail: Offset(log.durable) })
    }

    fn times(
        &self,
        dataset: &str,
        shard: u32,
        from: Offset,
        visit: &mut dyn FnMut(Offset, u64) -> bool,
    ) -> Result<(), Error> {
        let feed = self.read(dataset, shard, Cursor::at(from), usize::MAX)?;
        let _stopped =
            feed.changes.iter().try_for_each(|change| visit(change.offset, change.hlc).then_some(()));
        Ok(())
    }

    fn keep(&self, dataset: &str) -> Result<(), Error> {
        self.with(dataset, 0, |log| self.pins.keep(log.id))
    }

    fn shards(&self, dataset: &str) -> Result<u32, Error> {
        self.with(dataset, 0, |_| 1)
    }

    fn read(&self, dataset: &str, shard: u32, from: Cursor, bytes_max: usize) -> Result<Feed, Error> {
        self.with(dataset, shard, |log| {
            if from.offset.0 > log.durable {
                let (log, offset, tail) = (log.id, from.offset, Offset(log.durable));
                return Err(Error::Journal(bole_log::Error::BeyondTail { log, offset, tail }));
            }
            let start = from.offset.0.max(log.first);
            let gap = (start > from.offset.0).then_some(Gap { from: from.offset, to: Offset(start) });
            let (mut changes, mut bytes) = (Vec::new(), 0);
            let durable = log.changes.iter().filter(|change| change.offset.0 < log.durable);
            for change in durable.filter(|change| change.offset.0 >= start) {
                if bytes >= bytes_max {
                    break;
                }
                bytes += change.bytes();
                changes.push(change.clone());
            }
            let next = Cursor { offset: Offset(start + changes.len() as u64), epoch: Epoch(1) };
            Ok(Feed { gap, changes, next })
        })?
    }

    fn poll_ready(
        &self,
        dataset: &str,
        shard: u32,
        from: Cursor,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        match self.with(dataset, shard, |log| log.durable > from.offset.0) {
            Err(error) => Poll::Ready(Err(error)),
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => {
                self.wakers.lock().push(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn pin(&self, dataset: &str, shard: u32, from: Offset) -> Result<Pin, Error> {
        self.pins.pin(self.with(dataset, shard, |log| log.id)?, from)
    }
}
