//! The contract of [`Durable`] as cases that each state on disk runs, on a journal in memory whose fsyncs come by hand.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, LogId, Offset, Position};
use bole_log::{Journal, MemoryJournal};

use super::{Durable, DurableLocked, DurableShard};
use crate::{Error, Hosted, Runtime, runtime};

/// The log of the state under test.
pub const LOG: LogId = LogId(16);

/// Small enough for a few effects to fill it.
const OVERLAY_BYTES_MAX: usize = 1_000;

/// A state under test, in a place of its own.
pub trait Subject {
    /// The state.
    type State: Durable;
    /// For the runtime's own files.
    fn disk(&self) -> Arc<dyn Disk>;
    /// Opens what is in the place, as a start does after the process before it was killed: the one that was opened before is gone.
    fn open(&self) -> Self::State;
    /// An effect that adds a number; none is added twice.
    fn effect(&self, number: u64) -> <Self::State as Durable>::Effect;
    /// The numbers that a reader sees, in rising order.
    fn seen(&self, locked: &DurableLocked<'_, Self::State>) -> Vec<u64>;
    /// Loses what is on the disk, or makes it unreadable.
    fn damage(&self);
}

/// Runs all cases, each on a fresh subject.
pub fn run<S: Subject>(fresh: impl Fn() -> S) {
    let cases: [(&str, fn(&S)); 6] = [
        ("an effect is visible at once, and in the store when it is fsynced", visible),
        ("the overlay is bounded, and drains", bounded),
        ("after a kill, the log brings back what the store does not have", killed),
        ("what was persisted is not needed from the log", persisted),
        ("a store that is lost is rebuilt from a whole log", rebuilt),
        ("a store that is lost is not served where the log was trimmed", refused),
    ];
    for (name, case) in cases {
        let subject = fresh();
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&subject)));
        assert!(passed.is_ok(), "case failed: {name}");
    }
}

struct Node<'a, S: Subject> {
    subject: &'a S,
    journal: Arc<MemoryJournal>,
    runtime: Runtime,
    shard: Arc<DurableShard<S::State>>,
}

impl<'a, S: Subject> Node<'a, S> {
    fn open(subject: &'a S, journal: Arc<MemoryJournal>) -> Self {
        let shared = Arc::clone(&journal) as Arc<dyn Journal>;
        let clock = Arc::new(ManualClock::new());
        let root = Path::new("/suite/checkpoints").to_owned();
        let runtime = Runtime::new(shared, subject.disk(), clock, root, runtime::Config::default());
        let shard =
            Arc::new(DurableShard::new(LOG, "default/test/state#0", subject.open(), OVERLAY_BYTES_MAX));
        let hosted = runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>);
        hosted.expect("a fresh runtime has room for a shard");
        let node = Self { subject, journal, runtime, shard };
        node.run(node.runtime.recover(&[])).expect("a journal in memory is read and appended to");
        node
    }

    fn new(subject: &'a S) -> Self {
        Self::open(subject, Arc::new(MemoryJournal::by_hand()))
    }

    /// Runs a future, with an fsync whenever it waits.
    #[track_caller]
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        for turn in 0..10_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            self.journal.sync();
            if turn > 2 {
                // A thread of the store has something to do on the disk.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        panic!("it waits for something that never comes");
    }

    fn push(&self, number: u64, class: Durability) -> Result<Position, Error> {
        let mut transaction = self.runtime.transaction();
        loop {
            self.run(self.shard.admit(&mut transaction, 100))?;
            let mut locked = self.shard.lock()?;
            match locked.push(&mut transaction, class, self.subject.effect(number)) {
                Err(Error::Wait { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let position = transaction.append()?;
                    locked.appended(position);
                    return Ok(position);
                }
            }
        }
    }

    #[track_caller]
    fn push_all(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.push(number, Durability::Sync).expect("there is room");
        }
    }

    fn settle(&self) -> bool {
        self.shard.settle(&*self.journal).expect("the store takes what is fsynced")
    }

    #[track_caller]
    fn sees(&self, numbers: std::ops::Range<u64>) {
        let locked = self.shard.lock().expect("it is served");
        assert_eq!(self.subject.seen(&locked), numbers.collect::<Vec<_>>());
    }

    fn stand(&self) -> Offset {
        self.shard.lock().expect("it is served").store().stand().next
    }

    fn checkpoint(&self) {
        self.run(self.runtime.checkpoint_all()).expect("there is room");
    }

    /// The journal after a power cut that kept no more than it had to.
    fn cut(self) -> (&'a S, Arc<MemoryJournal>) {
        let kept = self.journal.reached(Durability::Sync);
        (self.subject, Arc::new(self.journal.crash(kept)))
    }
}

fn visible<S: Subject>(subject: &S) {
    let node = Node::new(subject);
    node.settle();
    let before = node.stand();
    node.push(0, Durability::Async).expect("there is room");
    node.sees(0..1);
    assert!(node.settle(), "it is not fsynced");
    assert_eq!(node.stand(), before, "and so not in the store");
    node.journal.sync();
    assert!(!node.settle());
    assert_eq!(node.stand(), before.next());
    node.sees(0..1);
    assert!(node.push(1, Durability::Memory).is_err(), "what is on disk is not of class memory");
}

fn bounded<S: Subject>(subject: &S) {
    let node = Node::new(subject);
    for number in 0..200 {
        node.push(number, Durability::Async).expect("there is room");
        let bytes = node.shard.lock().expect("it is served").overlay_bytes();
        assert!(bytes <= OVERLAY_BYTES_MAX + 200, "{bytes} bytes in the overlay");
    }
    node.sees(0..200);
    node.journal.sync();
    assert!(!node.settle());
    assert_eq!(node.shard.lock().expect("it is served").overlay_bytes(), 0);
    node.sees(0..200);
}

fn killed<S: Subject>(subject: &S) {
    let node = Node::new(subject);
    node.push_all(0..20);
    node.journal.sync();
    node.settle();
    node.push_all(20..25);
    let (subject, journal) = node.cut();
    let node = Node::open(subject, journal);
    node.sees(0..20);
    node.push_all(20..30);
    node.sees(0..30);
}

fn persisted<S: Subject>(subject: &S) {
    let node = Node::new(subject);
    node.push_all(0..20);
    node.journal.sync();
    node.checkpoint();
    let persisted = node.shard.checkpointed();
    assert!(persisted >= Offset(20), "{persisted}");
    assert!(node.journal.first(LOG) <= persisted, "nothing above it is trimmed");
    node.push_all(20..25);
    assert_eq!(node.shard.checkpointed(), persisted, "until the next checkpoint");
    node.journal.sync();
    let (subject, journal) = node.cut();
    let state = subject.open();
    assert!(state.stand().next >= persisted, "{:?}", state.stand());
    drop(state);
    Node::open(subject, journal).sees(0..25);
}

fn rebuilt<S: Subject>(subject: &S) {
    let node = Node::new(subject);
    // Held back, as for a feed.
    node.runtime.pins().keep(LOG);
    node.push_all(0..20);
    node.journal.sync();
    node.checkpoint();
    assert_eq!(node.journal.first(LOG), Offset::ZERO);
    let (subject, journal) = node.cut();
    subject.damage();
    let node = Node::open(subject, journal);
    assert!(!node.shard.needs_rebuild());
    node.sees(0..20);
    node.push_all(20..25);
    node.journal.sync();
    node.checkpoint();
    let (subject, journal) = node.cut();
    Node::open(subject, journal).sees(0..25);
}

fn refused<S: Subject>(subject: &S) {
    let node = Node::new(subject);
    node.push_all(0..20);
    node.journal.sync();
    node.checkpoint();
    assert!(node.journal.first(LOG) > Offset::ZERO);
    node.push_all(20..25);
    node.journal.sync();
    let (subject, journal) = node.cut();
    subject.damage();
    let first = journal.first(LOG);
    let node = Node::open(subject, journal);
    assert!(node.shard.needs_rebuild());
    let Err(error) = node.shard.lock().map(drop) else { panic!("it is served") };
    let text = error.to_string();
    let begins = format!("the log begins at offset {first}");
    assert!(text.contains("`bole check`") && text.contains(&begins), "{text}");
    node.checkpoint();
    assert_eq!(node.journal.first(LOG), first, "nothing is trimmed");
}
