//! From the queue to the disk: pwrite by any thread, fsync by one, marks when idle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_base::{Durability, Position};

use super::Wal;
use crate::Error;
use crate::admission::Taken as Space;
use crate::frame::{FRAME_HEADER_BYTES, FrameKind, frame_bytes, u32_at};
use crate::index::Fresh;
use crate::queue::Taken;
use crate::segment::{Segment, SegmentHeader};

/// The most bytes that one pwrite writes, if frames allow.
const WRITE_BYTES_MAX: usize = 4 << 20;
/// After so many rounds a thread hands the queue to the driver, so that it can go on with its own work.
const ROUNDS_MAX: usize = 16;

/// Who waits for an fsync and finds so many bytes queued writes them, rather than leave it to the thread that fsyncs.
const EARLY_WRITE_BYTES: usize = 32 << 10;
/// So many moved logs may wait for the thread that wakes; then the one that fsyncs does it.
const UNTOLD_LOGS_MAX: usize = 1 << 16;

/// What the thread that writes owns.
pub(super) struct Writer {
    taken: Taken,
    active: Arc<Segment>,
    written: u64,
    unsynced: Vec<Arc<Segment>>,
    fresh: Fresh,
}

impl Writer {
    pub(super) fn new(active: Arc<Segment>, written: u64) -> Self {
        Self { taken: Taken::default(), active, written, unsynced: Vec::new(), fresh: Fresh::default() }
    }

    fn mark_unsynced(&mut self) {
        let active = &self.active;
        if self.unsynced.last().is_none_or(|last| !Arc::ptr_eq(last, active)) {
            self.unsynced.push(Arc::clone(active));
        }
    }
}

impl Wal {
    /// Hands queued frames to the operating system, unless another thread is doing so: that one looks at the queue again
    /// after it let go, so nothing stays behind. Does not fsync.
    pub fn write_queued(&self) -> Result<(), Error> {
        let mut rounds = 0;
        loop {
            self.check_failed()?;
            let Some(mut writer) = self.writer.try_lock() else { return Ok(()) };
            while self.write_round(&mut writer)? {
                rounds += 1;
                if rounds >= ROUNDS_MAX
                    && let Some(hooks) = self.hooks.get()
                {
                    drop(writer);
                    let end = self.queue.lock().end;
                    self.sync_wanted.fetch_max(end, Ordering::SeqCst);
                    hooks.sync_wanted();
                    return Ok(());
                }
            }
            drop(writer);
            if self.queue.lock().is_empty() {
                return Ok(());
            }
        }
    }

    /// Writes what is queued now. Says whether there was anything.
    fn write_round(&self, writer: &mut Writer) -> Result<bool, Error> {
        self.check_failed()?;
        let mut taken = std::mem::take(&mut writer.taken);
        let any = self.queue.lock().take(&mut taken);
        let result = if any { self.write_taken(writer, &mut taken) } else { Ok(()) };
        taken.clear();
        writer.taken = taken;
        result.map(|()| any)
    }

    fn write_taken(&self, writer: &mut Writer, taken: &mut Taken) -> Result<(), Error> {
        let mut at = 0;
        while at < taken.bytes.len() {
            let position = taken.start + at as u64;
            if taken.rolls.front() == Some(&position) {
                taken.rolls.pop_front();
                self.start_segment(writer, position)?;
            }
            let until = taken.rolls.front().map_or(taken.bytes.len(), |roll| (roll - taken.start) as usize);
            let group = gather(&mut writer.fresh, &taken.bytes[at..until], position);
            self.run_before(taken, position + group as u64)?;
            self.write_group(writer, position, &taken.bytes[at..at + group])?;
            at += group;
        }
        Ok(())
    }

    /// Runs what has to happen before the frames below `end` are written.
    fn run_before(&self, taken: &mut Taken, end: u64) -> Result<(), Error> {
        while taken.before.front().is_some_and(|(position, _)| *position < end) {
            if let Some((_, before)) = taken.before.pop_front() {
                before().map_err(|error| self.fail(&format!("cannot store an attachment: {error}")))?;
            }
        }
        Ok(())
    }

    fn write_group(&self, writer: &mut Writer, position: u64, bytes: &[u8]) -> Result<(), Error> {
        writer.mark_unsynced();
        let segment = &writer.active;
        let offset = segment.offset_of(position);
        segment.file.write_all_at(offset, bytes).map_err(|error| {
            self.fail(&format!("cannot write {} at byte {offset}: {error}", segment.path.display()))
        })?;
        let end = position + bytes.len() as u64;
        writer.written = end;
        self.metrics.wrote(bytes.len() as u64);
        self.written.store(end, Ordering::SeqCst);
        self.admission.written(bytes.len() as u64);
        self.write_waiters.wake(end);
        Ok(())
    }

    /// Makes the next spare the active segment.
    fn start_segment(&self, writer: &mut Writer, base: u64) -> Result<(), Error> {
        let ready = self.spares.lock().pop_front();
        let spare = match ready {
            Some(spare) => spare,
            // Who appended without admission gets here. Waiting for the disk is then the price.
            None => self.make_spare_now()?,
        };
        let header = SegmentHeader {
            generation: spare.generation,
            base,
            synced: self.synced.load(Ordering::Acquire),
            journal_id: self.journal_id,
        };
        let segment = Arc::new(spare.into_segment(base));
        segment.file.write_all_at(0, &header.encode()).map_err(|error| {
            self.fail(&format!("cannot write the header of {}: {error}", segment.path.display()))
        })?;
        self.index.lock().add_segment(Arc::clone(&segment));
        writer.active = segment;
        writer.fresh.begin_segment();
        self.metrics.segments_started.fetch_add(1, Ordering::Relaxed);
        self.want_space();
        Ok(())
    }

    /// Writes and fsyncs everything that is queued when it is called.
    pub fn sync(&self) -> Result<(), Error> {
        let turn = self.syncing.lock();
        self.sync_in_turn()?;
        drop(turn);
        self.ring_for_rest();
        Ok(())
    }

    /// Fsyncs what was appended before `position` in this thread, if no thread is at it; else has it done. Does not wait for others.
    pub fn sync_here(&self, position: Position) -> Result<(), Error> {
        if self.reached(Durability::Sync) >= position {
            return self.check_failed();
        }
        // Before the look whether somebody has the turn: who has it looks for more after giving it up.
        let end = self.queue.lock().end.min(position.0);
        self.sync_wanted.fetch_max(end, Ordering::SeqCst);
        let Some(turn) = self.syncing.try_lock() else { return Ok(()) };
        self.sync_in_turn()?;
        drop(turn);
        self.ring_for_rest();
        Ok(())
    }

    /// What was appended during an fsync, by somebody who found the turn taken, is for the thread that fsyncs.
    fn ring_for_rest(&self) {
        if self.sync_is_wanted()
            && let Some(hooks) = self.hooks.get()
        {
            hooks.sync_wanted();
        }
    }

    /// As [`Wal::sync`], by who has the turn.
    fn sync_in_turn(&self) -> Result<(), Error> {
        let (target, segments, fresh) = {
            let mut writer = self.writer.lock();
            self.write_round(&mut writer)?;
            self.check_failed()?;
            let fresh = std::mem::take(&mut writer.fresh);
            (writer.written, std::mem::take(&mut writer.unsynced), fresh)
        };
        // Who found the writer taken relies on this look at the queue, and must not wait for the fsync.
        if !self.queue.lock().is_empty() {
            self.write_queued()?;
        }
        if segments.is_empty() {
            return Ok(());
        }
        let start = self.monotonic();
        // First what the entries name: an fsynced entry's bytes are durable.
        let extents = self.config.extents.sync();
        extents.map_err(|error| self.fail(&format!("cannot fsync what entries name: {error}")))?;
        for segment in segments {
            segment
                .file
                .sync_data()
                .map_err(|error| self.fail(&format!("cannot fsync {}: {error}", segment.path.display())))?;
        }
        let now = self.monotonic();
        let before = self.synced.load(Ordering::Acquire);
        self.metrics.synced(now.saturating_sub(start), target - before);
        let moved = self.index.lock().merge(fresh, target);
        self.synced.store(target, Ordering::SeqCst);
        self.synced_at.store(now.as_micros() as u64, Ordering::SeqCst);
        self.tell(target, moved);
        self.retire_free();
        Ok(())
    }

    /// Wakes those who wait for `target` and for the logs in `moved`. Waking hundreds of tasks takes a good part of the time of an
    /// fsync: when the next group waits already, another thread does it, and this one goes on.
    fn tell(&self, target: u64, moved: Vec<u64>) {
        if self.sync_is_wanted()
            && let Some(hooks) = self.hooks.get()
        {
            let mut untold = self.untold.lock();
            // Should that thread not have got to the last news yet, these go with them: a tail that moved is no news twice.
            if untold.1.len() <= UNTOLD_LOGS_MAX {
                untold.0 = target;
                untold.1.extend(moved);
                drop(untold);
                hooks.wake_wanted();
                return;
            }
        }
        self.sync_waiters.wake(target);
        self.tail_waiters.wake(&moved);
    }

    /// Wakes those who wait for what was fsynced, if that was left to this thread: see [`Hooks::wake_wanted`](super::Hooks).
    pub fn wake_synced(&self) {
        let (target, moved) = std::mem::take(&mut *self.untold.lock());
        self.sync_waiters.wake(target);
        self.tail_waiters.wake(&moved);
    }

    /// Hands much that is queued to the operating system, so that it is there when the thread that fsyncs comes, and is written
    /// while an earlier fsync runs.
    pub(super) fn write_early(&self) -> Result<(), Error> {
        let much = self.queue.lock().bytes() >= EARLY_WRITE_BYTES;
        if much { self.write_queued() } else { Ok(()) }
    }

    /// Does what is due: an fsync if a batch of class `sync` waits or written bytes are old enough, a mark when idle.
    /// Returns how long nothing more will be due, if nothing is appended.
    pub fn sync_due(&self) -> Result<Duration, Error> {
        self.check_failed()?;
        let interval = self.config.sync_interval;
        if self.sync_is_wanted() {
            self.sync()?;
            return Ok(Duration::ZERO);
        }
        let last = Duration::from_micros(self.synced_at.load(Ordering::SeqCst));
        let age = self.monotonic().saturating_sub(last);
        let (end, content_end, stamped) = {
            let queue = self.queue.lock();
            (queue.end, queue.content_end, queue.stamped)
        };
        let synced = self.synced.load(Ordering::SeqCst);
        let unsynced = end > synced;
        if age < interval {
            return Ok(interval.saturating_sub(age));
        }
        if unsynced {
            self.sync()?;
        } else if content_end > stamped {
            self.stamp()?;
        }
        Ok(interval)
    }

    /// Whether a batch of class `sync` waits for its fsync.
    pub fn sync_is_wanted(&self) -> bool {
        self.sync_wanted.load(Ordering::SeqCst) > self.synced.load(Ordering::SeqCst)
    }

    /// Writes a mark, so that the synced position reaches the file, unless it is there or no space is left.
    pub(crate) fn stamp(&self) -> Result<(), Error> {
        let bytes = frame_bytes(0);
        let stamped = {
            let queue = self.queue.lock();
            queue.sealed || queue.stamped >= queue.content_end
        };
        if stamped || self.admission.take(bytes, true) != Space::Yes {
            return Ok(());
        }
        let synced = self.synced.load(Ordering::SeqCst);
        let mut queue = self.queue.lock();
        if queue.sealed {
            drop(queue);
            self.admission.give_back(bytes);
            return Ok(());
        }
        let (_, overdrawn) = queue.push(FrameKind::Mark, &[], 0, 0, synced);
        drop(queue);
        self.admission.add_credit(overdrawn);
        self.write_queued()
    }

    /// Makes everything that was appended durable and has a frame say so, so that recovery takes none of it for a tail. `false`: there was no room to say so.
    pub fn settle(&self) -> Result<bool, Error> {
        let end = self.queue.lock().content_end;
        self.close()?;
        Ok(self.queue.lock().stamped >= end)
    }

    /// Writes, fsyncs and marks everything: the last step before a clean exit.
    pub fn close(&self) -> Result<(), Error> {
        self.sync()?;
        self.stamp()?;
        self.sync()
    }
}

/// Notes the entries of the leading frames in `bytes`, as many as one pwrite takes, and returns their bytes.
fn gather(fresh: &mut Fresh, bytes: &[u8], position: u64) -> usize {
    let mut len = 0;
    while len < bytes.len() {
        let body_len = u32_at(bytes, len + 8) as usize;
        let frame = frame_bytes(body_len) as usize;
        if len > 0 && len + frame > WRITE_BYTES_MAX {
            break;
        }
        let body = &bytes[len + FRAME_HEADER_BYTES..len + FRAME_HEADER_BYTES + body_len];
        fresh.add(position + len as u64, body);
        len += frame;
    }
    len
}
