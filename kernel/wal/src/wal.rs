//! The journal itself: append, positions, admission, seal. Passive: no thread, no wall clock; [`crate::Driver`] or a test
//! calls [`Wal::sync_due`] and [`Wal::make_space`].
//!
//! Locks, in the order in which they may be held: `syncing` → `writer` → `queue`, `spares`, `index`; `making` → `index` → `spares` → `retired`.
//! `append` takes only `queue`. No lock of the write path is held during an fsync but `syncing`.

mod space;
mod writing;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bole_base::{Clock, Disk, Durability, LogId, Offset, Position};
use parking_lot::Mutex;

use crate::admission::{Admission, Taken};
use crate::entry::Batch;
use crate::frame::{FRAME_HEADER_BYTES, FrameKind, frame_bytes};
use crate::index::{Index, LogInfo};
use crate::metrics::Metrics;
use crate::queue::{Before, Queue};
use crate::recovery::{self, Opened};
use crate::segment::{Segment, Spare};
use crate::waiters::{Positions, Tails};
use crate::{Config, Error};
use space::Making;
use writing::Writer;

/// What a journal asks of the threads that drive it. Called on hot paths: must be cheap and not block.
pub trait Hooks: Send + Sync {
    /// A batch of class `sync` waits, or a writer wants to hand its work on.
    fn sync_wanted(&self);
    /// [`Wal::wake_synced`] has something to do.
    fn wake_wanted(&self);
    /// Spares are missing or segments are free.
    fn space_wanted(&self);
}

type OnFailure = Box<dyn Fn(&str) + Send + Sync>;

/// One journal on disk. See the module's description.
pub struct Wal {
    config: Config,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    journal_id: [u8; 16],
    seed: u32,
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    syncing: Mutex<()>,
    index: Mutex<Index>,
    spares: Mutex<VecDeque<Spare>>,
    making: Mutex<Making>,
    retired: Mutex<Vec<Arc<Segment>>>,
    admission: Admission,
    /// Everything before it was handed to the operating system.
    written: AtomicU64,
    /// Everything before it was fsynced.
    synced: AtomicU64,
    /// The end of the newest batch of class `sync`.
    sync_wanted: AtomicU64,
    /// When the last fsync ended, in microseconds of the monotonic clock.
    synced_at: AtomicU64,
    sealed: AtomicBool,
    failure: OnceLock<String>,
    on_failure: OnceLock<OnFailure>,
    hooks: OnceLock<Arc<dyn Hooks>>,
    write_waiters: Positions,
    sync_waiters: Positions,
    tail_waiters: Tails,
    /// What was fsynced, and the logs whose tails moved by it, that nobody was woken for yet.
    untold: Mutex<(u64, Vec<u64>)>,
    hints: Mutex<crate::reader::Hints>,
    metrics: Metrics,
}

/// Where a journal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest byte that is kept.
    pub first: Position,
    /// Everything before it was fsynced.
    pub synced: Position,
    /// Everything before it was handed to the operating system.
    pub written: Position,
    /// Where the next batch starts.
    pub end: Position,
}

/// Sizes of a journal, for status and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Segments that hold frames.
    pub segments: u64,
    /// Spares that are ready.
    pub spares: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes of frames from the oldest kept one to the end.
    pub retained_bytes: u64,
    /// Bytes that may be admitted before another spare is needed.
    pub free_bytes: u64,
    /// Bytes that are admitted or queued and not yet written.
    pub queued_bytes: u64,
    /// The most bytes that the files may take.
    pub bytes_max: u64,
}

impl Wal {
    /// Opens the journal in `dir`, creating it where there is none. Runs recovery: when this returns, everything that
    /// can be read is fsynced.
    ///
    /// Errors: `Corrupt` with file and offset if bytes below the synced position are damaged; `Config`, `Full`, `Io`.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        config: Config,
    ) -> Result<Self, Error> {
        config.validate()?;
        let opened = recovery::open(disk.as_ref(), dir, &config)?;
        let wal = Self::assemble(disk, clock, dir, config, opened);
        wal.stamp()?;
        Ok(wal)
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        config: Config,
        opened: Opened,
    ) -> Self {
        let capacity = config.capacity();
        let admission = Admission::new(config.queue_bytes_max, config.held_bytes());
        admission.add_credit(opened.roll_at - opened.end.min(opened.roll_at));
        admission.add_credit(opened.spares.len() as u64 * capacity);
        let following = opened.spares.front().map_or(opened.next_generation, |spare| spare.generation);
        let generations = (opened.active.generation, following);
        let mut queue = Queue::new(opened.seed, capacity, generations, opened.end, opened.roll_at);
        queue.sealed = opened.sealed;
        queue.stamped = opened.stamped;
        let synced_at = AtomicU64::new(clock.monotonic().as_micros() as u64);
        Self {
            queue: Mutex::new(queue),
            writer: Mutex::new(Writer::new(Arc::clone(&opened.active), opened.end)),
            syncing: Mutex::new(()),
            index: Mutex::new(opened.index),
            spares: Mutex::new(opened.spares),
            making: Mutex::new(Making::new(opened.next_generation)),
            retired: Mutex::new(Vec::new()),
            admission,
            written: AtomicU64::new(opened.end),
            synced: AtomicU64::new(opened.end),
            sync_wanted: AtomicU64::new(0),
            synced_at,
            sealed: AtomicBool::new(opened.sealed),
            failure: OnceLock::new(),
            on_failure: OnceLock::new(),
            hooks: OnceLock::new(),
            write_waiters: Positions::default(),
            sync_waiters: Positions::default(),
            tail_waiters: Tails::default(),
            untold: Mutex::default(),
            hints: Mutex::default(),
            metrics: Metrics::new(config.record_writes),
            dir: dir.to_path_buf(),
            journal_id: opened.journal_id,
            seed: opened.seed,
            config,
            disk,
            clock,
        }
    }

    /// Says who drives the journal. Only the first call counts.
    pub fn set_hooks(&self, hooks: Arc<dyn Hooks>) {
        let _ = self.hooks.set(hooks);
    }

    /// What to call, once, when a write or fsync failed (promise P4). Only the first call counts.
    pub fn set_on_failure(&self, call: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.on_failure.set(Box::new(call));
    }

    /// The space that appending a batch of `batch_bytes` takes.
    pub fn batch_cost(&self, batch_bytes: usize) -> u64 {
        frame_bytes(batch_bytes)
    }

    /// Queues `batch` as one frame. The contract is that of `Journal::append` in `kernel/log`.
    pub fn append(&self, batch: &Batch) -> Result<Position, Error> {
        self.append_after(batch, None)
    }

    /// As [`Wal::append`]; `before` runs, in the thread that writes, before the frame is written. Its failure is final (promise P4).
    pub fn append_after(&self, batch: &Batch, before: Option<Before>) -> Result<Position, Error> {
        let body = batch.bytes();
        assert!(!body.is_empty(), "an appended batch has at least one entry");
        if body.len() > self.config.batch_bytes_max {
            return Err(Error::BatchTooLarge { bytes: body.len(), max: self.config.batch_bytes_max });
        }
        let body_crc = crc32c::crc32c(body);
        let synced = self.synced.load(Ordering::Acquire);
        self.check_failed()?;
        let mut queue = self.queue.lock();
        if queue.sealed {
            return Err(Error::Sealed);
        }
        if let Some(before) = before {
            queue.before_next(before);
        }
        let (end, overdrawn) = queue.push(FrameKind::Batch, body, body_crc, batch.count() as u16, synced);
        drop(queue);
        if overdrawn > 0 {
            self.admission.add_credit(overdrawn);
        }
        self.metrics.appends.fetch_add(1, Ordering::Relaxed);
        self.metrics.append_bytes.fetch_add(frame_bytes(body.len()), Ordering::Relaxed);
        if batch.class() == Durability::Sync {
            self.sync_wanted.fetch_max(end, Ordering::SeqCst);
            if let Some(hooks) = self.hooks.get().filter(|_| !batch.is_awaited()) {
                hooks.sync_wanted();
            }
        }
        Ok(Position(end))
    }

    /// Asks for an fsync of what was appended before `position`. The contract is that of `Journal::want_sync` in `kernel/log`.
    pub fn want_sync(&self, position: Position) {
        let end = self.queue.lock().end.min(position.0);
        if end > self.synced.load(Ordering::SeqCst) {
            self.sync_wanted.fetch_max(end, Ordering::SeqCst);
            if let Some(hooks) = self.hooks.get() {
                hooks.sync_wanted();
            }
        }
    }

    /// Ends the journal. The contract is that of `Journal::seal` in `kernel/log`.
    pub fn seal(&self) -> Result<Position, Error> {
        self.check_failed()?;
        let end = {
            let mut queue = self.queue.lock();
            if !queue.sealed {
                queue.sealed = true;
                self.sealed.store(true, Ordering::SeqCst);
                self.admission.force_queued(FRAME_HEADER_BYTES as u64);
                queue.push(FrameKind::Seal, &[], 0, 0, self.synced.load(Ordering::Acquire));
            }
            queue.end
        };
        self.sync()?;
        self.admission.space.wake();
        Ok(Position(end))
    }

    /// Whether the journal is sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::SeqCst)
    }

    /// Why the journal takes no more writes, if a write or fsync failed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn check_failed(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |text| Err(Error::Failed(text.clone())))
    }

    /// Makes a failure final and tells everybody.
    fn fail(&self, text: &str) -> Error {
        if self.failure.set(text.to_owned()).is_ok()
            && let Some(call) = self.on_failure.get()
        {
            call(text);
        }
        self.write_waiters.wake(u64::MAX);
        self.sync_waiters.wake(u64::MAX);
        self.tail_waiters.wake_all();
        self.admission.space.wake();
        Error::Failed(self.failure().unwrap_or(text).to_owned())
    }

    /// Takes space without waiting. The contract is that of `Journal::try_admit` in `kernel/log`.
    pub fn try_admit(&self, bytes: u64) -> Result<bool, Error> {
        self.admit(bytes, false)
    }

    /// As [`Wal::try_admit`], from the space that is held back for copies and for entries that free more than they take.
    pub fn try_admit_held(&self, bytes: u64) -> Result<bool, Error> {
        self.admit(bytes, true)
    }

    fn admit(&self, bytes: u64, privileged: bool) -> Result<bool, Error> {
        self.check_failed()?;
        if self.is_sealed() {
            return Err(Error::Sealed);
        }
        match self.admission.take(bytes, privileged) {
            Taken::Yes => Ok(true),
            Taken::QueueFull => Ok(false),
            Taken::NoSpace => self.explain_no_space(bytes),
        }
    }

    fn explain_no_space(&self, bytes: u64) -> Result<bool, Error> {
        let possible = self.config.spares as u64 * self.config.capacity() - self.config.held_bytes();
        if bytes > possible {
            let text = format!("{bytes} bytes were asked for at once; the journal admits at most {possible}");
            return Err(Error::Full(text));
        }
        if let Some(text) = self.admission.full() {
            return Err(Error::Full(text));
        }
        self.want_space();
        Ok(false)
    }

    /// Takes space when there is room. The contract is that of `Journal::poll_admit` in `kernel/log`.
    pub fn poll_admit(&self, bytes: u64, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        for registered in [false, true] {
            match self.try_admit(bytes) {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) if !registered => self.admission.space.register(context.waker()),
                Ok(false) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }

    /// Gives back admitted space that was not used.
    pub fn return_admitted(&self, bytes: u64) {
        self.admission.give_back(bytes);
    }

    /// The position up to which everything is durable in the sense of `class`.
    pub fn reached(&self, class: Durability) -> Position {
        Position(match class {
            Durability::Memory => u64::MAX,
            Durability::Async => self.written.load(Ordering::SeqCst),
            Durability::Sync => self.synced.load(Ordering::SeqCst),
        })
    }

    /// Ready when everything before `position` is durable in the sense of `class`.
    pub fn poll_reached(
        &self,
        class: Durability,
        position: Position,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        for registered in [false, true] {
            if self.reached(class) >= position {
                return Poll::Ready(Ok(()));
            }
            let written = if registered && class == Durability::Sync { self.write_early() } else { Ok(()) };
            if let Err(error) = written.and_then(|()| self.check_failed()) {
                return Poll::Ready(Err(error));
            }
            match class {
                _ if registered => {}
                Durability::Sync => self.sync_waiters.register(position.0, context.waker()),
                _ => self.write_waiters.register(position.0, context.waker()),
            }
        }
        Poll::Pending
    }

    /// The offset that the next durable entry of `log` will get.
    pub fn tail(&self, log: LogId) -> Offset {
        Offset(self.index.lock().tail(log))
    }

    /// The first offset of `log` that can be read; its tail if none can.
    pub fn first(&self, log: LogId) -> Offset {
        Offset(self.index.lock().first(log))
    }

    /// The offset below which what is retained of `log` lies in one segment, the oldest that holds any of it.
    pub fn first_segment_end(&self, log: LogId) -> Offset {
        Offset(self.index.lock().first_piece_end(log))
    }

    /// Ready when the durable tail of `log` is above `offset`.
    pub fn poll_tail(
        &self,
        log: LogId,
        offset: Offset,
        context: &mut Context<'_>,
    ) -> Poll<Result<Offset, Error>> {
        for registered in [false, true] {
            let tail = self.tail(log);
            if tail > offset {
                return Poll::Ready(Ok(tail));
            }
            if let Err(error) = self.check_failed() {
                return Poll::Ready(Err(error));
            }
            if !registered {
                self.tail_waiters.register(log.0, context.waker());
            }
        }
        Poll::Pending
    }

    /// Where the journal stands.
    pub fn positions(&self) -> Bounds {
        let first = self.index.lock().first_position();
        let synced = self.reached(Durability::Sync);
        let written = self.reached(Durability::Async);
        Bounds { first: Position(first), synced, written, end: Position(self.queue.lock().end) }
    }

    /// All logs that have, or had, durable entries, in order of id.
    pub fn logs(&self) -> Vec<LogInfo> {
        self.index.lock().logs()
    }

    /// The log whose oldest retained entry is the oldest of all, and its position: what pins the oldest segment.
    pub fn oldest_pin(&self) -> Option<(LogId, Position)> {
        self.index.lock().oldest_pin().map(|(log, position)| (log, Position(position)))
    }

    /// The sizes of the journal.
    pub fn usage(&self) -> Usage {
        let (segments, first) = {
            let index = self.index.lock();
            (index.segment_count() as u64, index.first_position())
        };
        let spares = self.spares.lock().len() as u64;
        let retired = self.retired.lock().len() as u64;
        Usage {
            segments,
            spares,
            total_bytes: (segments + spares + retired) * self.config.segment_bytes,
            retained_bytes: self.queue.lock().end - first,
            free_bytes: self.admission.free_bytes(),
            queued_bytes: self.admission.queued_bytes(),
            bytes_max: self.config.bytes_max,
        }
    }

    /// The counters.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The random id that the journal got when it was created.
    pub const fn journal_id(&self) -> [u8; 16] {
        self.journal_id
    }

    /// The folder of the segments.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn want_space(&self) {
        if let Some(hooks) = self.hooks.get() {
            hooks.space_wanted();
        }
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(crate) fn scan_seed(&self) -> u32 {
        self.seed
    }

    pub(crate) const fn hints(&self) -> &Mutex<crate::reader::Hints> {
        &self.hints
    }

    pub(crate) const fn index(&self) -> &Mutex<Index> {
        &self.index
    }

    /// The most bytes that the entries of one batch take.
    pub const fn batch_bytes_max(&self) -> usize {
        self.config.batch_bytes_max
    }
}
