//! What every [`Journal`] must do, as one suite that each implementation runs (feature `suite`). Single-threaded but for the
//! seal; the subject says how to make things durable and how to open again.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the cases are rows of one table, and some open their subject again"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bole_base::{Durability, Epoch, LogId, Offset, Position};

use crate::entry::BATCH_BYTES_MAX;
use crate::{AttachmentId, Batch, EntryHeader, Error, Gap, Journal, PayloadKind};

/// A journal under test, in which nothing is fsynced but by [`Subject::sync`].
pub trait Subject {
    /// The journal.
    fn journal(&self) -> Arc<dyn Journal>;
    /// Makes everything that was appended durable.
    fn sync(&self);
    /// Opens the journal again after everything was synced; the old one is gone.
    #[must_use]
    fn reopen(self: Box<Self>) -> Box<dyn Subject>;
    /// Changes a stored byte of an attachment.
    fn corrupt_attachment(&self, id: &AttachmentId);
    /// Takes or returns all space that is free, so that admission has to wait or is refused.
    fn set_space(&self, any: bool);
}

type Case = fn(Box<dyn Subject>);

/// Runs all cases, each on a fresh and empty journal.
pub fn run(fresh: &dyn Fn() -> Box<dyn Subject>) {
    let cases: [(&str, Case); 12] = [
        ("order and gapless reads", order_and_reads),
        ("acknowledgement order", acknowledgement_order),
        ("only durable entries are read", only_durable_is_read),
        ("gap after trim", gap_after_trim),
        ("tails wake their waiters", tails_wake),
        ("a batch over several logs", batch_over_logs),
        ("seal", seal),
        ("seal of an empty journal", seal_empty),
        ("attachments", attachments),
        ("admission", admission),
        ("replay", replay),
        ("too large a batch", too_large),
    ];
    for (name, case) in cases {
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(fresh())));
        assert!(passed.is_ok(), "case failed: {name}");
    }
}

/// Counts how often it was woken.
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn header(log: u64, offset: u64) -> EntryHeader {
    EntryHeader {
        log: LogId(log),
        offset: Offset(offset),
        epoch: Epoch(1),
        hlc: offset,
        origin: 0,
        kind: PayloadKind(1),
        version: 1,
        flags: 0,
    }
}

fn batch(entries: &[(u64, u64)], class: Durability) -> Batch {
    let mut batch = Batch::new();
    for (log, offset) in entries {
        let text = format!("{log}/{offset}");
        batch.push(&header(*log, *offset), class, |out| out.extend_from_slice(text.as_bytes()));
    }
    batch
}

#[track_caller]
fn append(journal: &dyn Journal, entries: &[(u64, u64)], class: Durability) -> Position {
    let batch = batch(entries, class);
    assert_eq!(journal.try_admit(journal.batch_cost(batch.bytes().len())), Ok(true));
    journal.append(&batch).expect("an admitted batch is appended")
}

/// The offsets that a read finds; their payloads are checked.
#[track_caller]
fn offsets(journal: &dyn Journal, log: u64, from: u64, bytes_max: usize) -> (Option<Gap>, Vec<u64>, u64) {
    let read = journal.read(LogId(log), Offset(from), bytes_max).expect("a read inside the log");
    for entry in &read.entries {
        assert_eq!(entry.payload, format!("{log}/{}", entry.header.offset).into_bytes());
    }
    (read.gap, read.entries.iter().map(|entry| entry.header.offset.0).collect(), read.next.0)
}

fn replayed(journal: &dyn Journal) -> Vec<(u64, u64)> {
    let mut seen = Vec::new();
    let visited = journal.replay(&mut |entry| {
        seen.push((entry.header.log.0, entry.header.offset.0));
        Ok(())
    });
    visited.expect("replay");
    seen
}

fn order_and_reads(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let mut last = Position::ZERO;
    for offset in 0..100 {
        let end = append(&*journal, &[(20 + offset % 3, offset / 3)], Durability::Sync);
        assert!(end > last, "positions rise");
        last = end;
    }
    subject.sync();
    check_reads(&*journal);
    drop(journal);
    check_reads(&*subject.reopen().journal());
}

fn check_reads(journal: &dyn Journal) {
    assert_eq!(journal.tail(LogId(20)), Offset(34));
    assert_eq!(journal.tail(LogId(21)), Offset(33));
    assert_eq!(journal.tail(LogId(99)), Offset(0));
    assert_eq!(offsets(journal, 20, 0, usize::MAX), (None, (0..34).collect(), 34));
    assert_eq!(offsets(journal, 22, 30, usize::MAX), (None, vec![30, 31, 32], 33));
    assert_eq!(offsets(journal, 21, 33, 1000), (None, vec![], 33));
    // Small reads chain without holes, and each gives at least one entry.
    let (mut next, mut seen) = (0, Vec::new());
    while next < 33 {
        let (gap, found, after) = offsets(journal, 21, next, 1);
        assert!(gap.is_none() && !found.is_empty());
        seen.extend(found);
        next = after;
    }
    assert_eq!(seen, (0..33).collect::<Vec<_>>());
    let beyond = journal.read(LogId(21), Offset(34), 10);
    assert_eq!(beyond, Err(Error::BeyondTail { log: LogId(21), offset: Offset(34), tail: Offset(33) }));
}

fn acknowledgement_order(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let alarm = Arc::new(Alarm(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    let first = append(&*journal, &[(20, 0)], Durability::Async);
    let second = append(&*journal, &[(20, 1)], Durability::Sync);
    assert!(journal.poll_reached(Durability::Memory, second, &mut context).is_ready());
    assert!(journal.poll_reached(Durability::Async, second, &mut context).is_pending());
    assert!(journal.poll_reached(Durability::Sync, first, &mut context).is_pending());
    journal.write_queued().expect("write");
    assert!(alarm.0.load(Ordering::SeqCst) > 0, "a write wakes those that wait for it");
    assert!(journal.reached(Durability::Async) >= second && journal.reached(Durability::Sync) < first);
    assert_eq!(journal.poll_reached(Durability::Async, second, &mut context), Poll::Ready(Ok(())));
    assert!(journal.poll_reached(Durability::Sync, second, &mut context).is_pending());
    let before = alarm.0.load(Ordering::SeqCst);
    subject.sync();
    assert!(alarm.0.load(Ordering::SeqCst) > before, "an fsync wakes those that wait for it");
    for position in [first, second] {
        assert_eq!(journal.poll_reached(Durability::Sync, position, &mut context), Poll::Ready(Ok(())));
    }
}

fn only_durable_is_read(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    append(&*journal, &[(20, 0)], Durability::Sync);
    subject.sync();
    append(&*journal, &[(20, 1)], Durability::Async);
    journal.write_queued().expect("write");
    assert_eq!(journal.tail(LogId(20)), Offset(1));
    assert_eq!(offsets(&*journal, 20, 0, usize::MAX), (None, vec![0], 1));
    subject.sync();
    assert_eq!(offsets(&*journal, 20, 1, usize::MAX), (None, vec![1], 2));
}

fn gap_after_trim(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    for offset in 0..10 {
        append(&*journal, &[(20, offset)], Durability::Sync);
    }
    subject.sync();
    journal.trim(LogId(20), Offset(4));
    journal.trim(LogId(20), Offset(2));
    assert_eq!(journal.first(LogId(20)), Offset(4));
    let end = journal.stretch_end(LogId(20));
    assert!(Offset(4) < end && end <= Offset(10), "{end}");
    let gap = |to| Some(Gap { from: Offset(1), to: Offset(to) });
    assert_eq!(offsets(&*journal, 20, 1, usize::MAX), (gap(4), (4..10).collect(), 10));
    assert_eq!(offsets(&*journal, 20, 6, usize::MAX).0, None);
    journal.trim(LogId(20), Offset(99));
    assert_eq!(offsets(&*journal, 20, 1, usize::MAX), (gap(10), vec![], 10));
    assert_eq!(journal.tail(LogId(20)), Offset(10));
    assert_eq!((journal.first(LogId(20)), journal.stretch_end(LogId(20))), (Offset(10), Offset(10)));
    append(&*journal, &[(20, 10)], Durability::Sync);
    subject.sync();
    assert_eq!(offsets(&*journal, 20, 10, usize::MAX), (None, vec![10], 11));
    journal.forget(LogId(20));
    assert_eq!(journal.tail(LogId(20)), Offset(0));
    assert_eq!((journal.first(LogId(20)), journal.stretch_end(LogId(20))), (Offset(0), Offset(0)));
    assert_eq!(replayed(&*journal), vec![]);
}

fn tails_wake(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let alarm = Arc::new(Alarm(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    assert!(journal.poll_tail(LogId(20), Offset(0), &mut context).is_pending());
    append(&*journal, &[(20, 0)], Durability::Async);
    journal.write_queued().expect("write");
    assert!(journal.poll_tail(LogId(20), Offset(0), &mut context).is_pending());
    subject.sync();
    assert!(alarm.0.load(Ordering::SeqCst) > 0);
    assert_eq!(journal.poll_tail(LogId(20), Offset(0), &mut context), Poll::Ready(Ok(Offset(1))));
    assert!(journal.poll_tail(LogId(20), Offset(1), &mut context).is_pending());
}

fn batch_over_logs(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    append(&*journal, &[(20, 0), (21, 0), (20, 1), (22, 0)], Durability::Sync);
    append(&*journal, &[(22, 1), (20, 2)], Durability::Async);
    assert_eq!(replayed(&*journal), vec![]);
    subject.sync();
    let all = vec![(20, 0), (21, 0), (20, 1), (22, 0), (22, 1), (20, 2)];
    assert_eq!(replayed(&*journal), all);
    assert_eq!(offsets(&*journal, 20, 0, usize::MAX), (None, vec![0, 1, 2], 3));
    drop(journal);
    assert_eq!(replayed(&*subject.reopen().journal()), all);
}

fn seal(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let appended = AtomicUsize::new(0);
    let end = std::thread::scope(|scope| {
        for log in 20..24 {
            let (journal, appended) = (&journal, &appended);
            scope.spawn(move || {
                // So many have room, however late the seal comes.
                for offset in 0..100 {
                    let batch = batch(&[(log, offset)], Durability::Async);
                    let admitted = journal.try_admit(journal.batch_cost(batch.bytes().len()));
                    match admitted.and_then(|admitted| {
                        if admitted { journal.append(&batch).map(Some) } else { Ok(None) }
                    }) {
                        Ok(Some(_)) => appended.fetch_add(1, Ordering::SeqCst),
                        Ok(None) => panic!("the test's journal is too small"),
                        Err(error) => return assert_eq!(error, Error::Sealed),
                    };
                    journal.write_queued().expect("write");
                }
            });
        }
        while appended.load(Ordering::SeqCst) < 40 {
            std::thread::yield_now();
        }
        let end = journal.seal().expect("seal");
        assert_eq!(journal.append(&batch(&[(30, 0)], Durability::Sync)), Err(Error::Sealed));
        end
    });
    assert!(journal.reached(Durability::Sync) >= end);
    let count = appended.load(Ordering::SeqCst);
    assert_eq!(
        replayed(&*journal).len(),
        count,
        "what was appended before the seal is there, and nothing else"
    );
    assert_eq!(journal.seal(), Ok(end));
    drop(journal);
    let journal = subject.reopen().journal();
    assert_eq!(replayed(&*journal).len(), count);
    assert_eq!(journal.seal(), Ok(end));
    assert_eq!(journal.append(&batch(&[(30, 0)], Durability::Sync)), Err(Error::Sealed));
    assert_eq!(journal.try_admit(1), Err(Error::Sealed));
}

fn seal_empty(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let end = journal.seal().expect("seal");
    assert_eq!(journal.append(&batch(&[(30, 0)], Durability::Sync)), Err(Error::Sealed));
    drop(journal);
    let journal = subject.reopen().journal();
    assert_eq!(journal.seal(), Ok(end));
    assert_eq!(replayed(&*journal), vec![]);
}

fn attachments(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let bytes = vec![7; 100_000];
    let kept = journal.put_attachment(&bytes, Durability::Sync).expect("put");
    let empty = journal.put_attachment(b"", Durability::Async).expect("put");
    let removed = journal.put_attachment(b"removed", Durability::Sync).expect("put");
    assert!(kept.number < empty.number && empty.number < removed.number);
    journal.remove_attachment(&removed).expect("remove");
    journal.remove_attachment(&removed).expect("removing twice is fine");
    assert!(matches!(journal.attachment(&removed), Err(Error::NoAttachment(_))));
    drop(journal);
    let subject = subject.reopen();
    let journal = subject.journal();
    assert_eq!(journal.attachment(&kept).expect("get"), bytes);
    assert_eq!(journal.attachment(&empty).expect("get"), b"".as_slice());
    assert_eq!(journal.attachments(), Ok(vec![kept, empty]));
    let next = journal.put_attachment(b"next", Durability::Sync).expect("put");
    assert!(next.number > removed.number, "numbers are never reused");
    let other = AttachmentId { length: 4, ..kept };
    assert!(matches!(journal.attachment(&other), Err(Error::Corrupt(_))));
    subject.corrupt_attachment(&kept);
    assert!(matches!(journal.attachment(&kept), Err(Error::Corrupt(_))));
}

fn admission(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let alarm = Arc::new(Alarm(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    assert_eq!(journal.poll_admit(100, &mut context), Poll::Ready(Ok(())));
    journal.return_admitted(100);
    subject.set_space(false);
    assert_eq!(journal.try_admit(1000), Ok(false));
    assert!(journal.poll_admit(1000, &mut context).is_pending());
    subject.set_space(true);
    assert!(alarm.0.load(Ordering::SeqCst) > 0, "returned space wakes who waits for it");
    assert_eq!(journal.poll_admit(1000, &mut context), Poll::Ready(Ok(())));
    journal.return_admitted(1000);
    // More than there can ever be is refused, not waited for.
    assert!(matches!(journal.try_admit(1 << 50), Ok(false) | Err(Error::Full(_))));
}

fn replay(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let mut expected = Vec::new();
    for offset in 0..50 {
        append(&*journal, &[(20, offset), (21, offset)], Durability::Async);
        expected.extend([(20, offset), (21, offset)]);
    }
    subject.sync();
    assert_eq!(replayed(&*journal), expected);
    let mut seen = 0;
    let stopped = journal.replay(&mut |_| {
        seen += 1;
        if seen == 3 { Err(Error::Corrupt("stop".to_owned())) } else { Ok(()) }
    });
    assert_eq!((stopped, seen), (Err(Error::Corrupt("stop".to_owned())), 3));
    journal.trim(LogId(21), Offset(10));
    expected.retain(|(log, offset)| *log != 21 || *offset >= 10);
    assert_eq!(replayed(&*journal), expected);
}

fn too_large(subject: Box<dyn Subject>) {
    let journal = subject.journal();
    let mut batch = Batch::new();
    batch.push(&header(20, 0), Durability::Sync, |out| out.resize(out.len() + BATCH_BYTES_MAX, 1));
    assert!(matches!(journal.append(&batch), Err(Error::BatchTooLarge { .. })));
    subject.sync();
    assert_eq!(replayed(&*journal), vec![]);
}
