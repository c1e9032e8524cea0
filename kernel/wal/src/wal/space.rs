//! Segments come and go: spares are prepared ahead, trimmed segments become spares.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_base::units::format_bytes;
use bole_base::{LogId, Offset, Position};

use super::Wal;
use crate::Error;
use crate::segment::{Segment, Spare, discard, prepare, recycle};

/// Freed segments beyond so many spares are removed.
const SPARES_KEPT: usize = 8;

/// What the thread that prepares spares owns.
pub(super) struct Making {
    next_generation: u64,
}

impl Making {
    pub(super) const fn new(next_generation: u64) -> Self {
        Self { next_generation }
    }
}

impl Wal {
    /// Lets the entries of `log` below `below` go. The contract is that of `Journal::trim` in `kernel/log`.
    pub fn trim(&self, log: LogId, below: Offset) {
        self.index.lock().trim(log, below.0);
        self.retire_free();
    }

    /// Forgets a deleted log.
    pub fn forget(&self, log: LogId) {
        let end = self.queue.lock().end;
        self.index.lock().forget(log, end);
        self.retire_free();
    }

    /// Everything before the returned position may be gone from the disk.
    pub fn first_position(&self) -> Position {
        Position(self.index.lock().first_position())
    }

    /// Takes segments that nobody needs out of the index.
    pub(super) fn retire_free(&self) {
        let mut index = self.index.lock();
        let free = index.take_free();
        if free.is_empty() {
            return;
        }
        // The index is held on to, so that segments stay in order.
        self.retired.lock().extend(free);
        drop(index);
        self.want_space();
    }

    /// Recycles freed segments and prepares spares until enough are ready. Blocks on the disk. A full disk is no error
    /// here: admission answers `Full` until a later call succeeds.
    /// Errors: `Failed`.
    pub fn make_space(&self) -> Result<(), Error> {
        self.check_failed()?;
        let mut making = self.making.lock();
        self.recycle_retired(&mut making)?;
        while self.spares.lock().len() < self.config.spares {
            if self.file_bytes() + self.config.segment_bytes > self.config.bytes_max {
                self.admission.clear_full();
                return Ok(());
            }
            match self.prepare_spare(&mut making) {
                Ok(spare) => self.add_spare(spare),
                Err(Error::Full(text)) => {
                    self.admission.set_full(&text);
                    return Ok(());
                }
                Err(error) => return Err(self.fail(&error.to_string())),
            }
        }
        self.admission.clear_full();
        Ok(())
    }

    /// Whether [`Wal::make_space`] has something to do.
    pub fn space_is_wanted(&self) -> bool {
        self.spares.lock().len() < self.config.spares || !self.retired.lock().is_empty()
    }

    fn file_bytes(&self) -> u64 {
        let segments =
            self.index.lock().segment_count() + self.spares.lock().len() + self.retired.lock().len();
        segments as u64 * self.config.segment_bytes
    }

    fn prepare_spare(&self, making: &mut Making) -> Result<Spare, Error> {
        let free = self
            .disk
            .free_bytes(&self.dir)
            .map_err(|error| Error::io(&self.dir, "cannot ask for free space", &error))?;
        let needed = self.config.segment_bytes + self.config.reserve_bytes;
        if free < needed {
            return Err(Error::Full(format!(
                "{} has {} free; a segment and the reserve need {}",
                self.dir.display(),
                format_bytes(free),
                format_bytes(needed)
            )));
        }
        let spare =
            prepare(self.disk.as_ref(), &self.dir, making.next_generation, self.config.segment_bytes)?;
        making.next_generation += 1;
        Ok(spare)
    }

    fn add_spare(&self, spare: Spare) {
        self.spares.lock().push_back(spare);
        self.admission.clear_full();
        self.admission.add_credit(self.config.capacity());
    }

    fn recycle_retired(&self, making: &mut Making) -> Result<(), Error> {
        // Oldest first, so that what is left on the disk has no gap. One that a reader still holds, and those after it, stay for the
        // next call.
        let idle: Vec<_> = {
            let mut retired = self.retired.lock();
            let busy = retired.iter().position(|segment| Arc::strong_count(segment) > 1);
            let count = busy.unwrap_or(retired.len());
            retired.drain(..count).collect()
        };
        for segment in idle {
            self.recycle_one(making, &segment).map_err(|error| self.fail(&error.to_string()))?;
        }
        Ok(())
    }

    fn recycle_one(&self, making: &mut Making, segment: &Segment) -> Result<(), Error> {
        let kept = self.config.spares.max(SPARES_KEPT);
        let fits = segment.len == self.config.segment_bytes && self.spares.lock().len() < kept;
        if !fits {
            discard(self.disk.as_ref(), &segment.path)?;
            return self
                .disk
                .sync_dir(&self.dir)
                .map_err(|error| Error::io(&self.dir, "cannot fsync", &error));
        }
        let spare = recycle(self.disk.as_ref(), &self.dir, &segment.path, making.next_generation)?;
        making.next_generation += 1;
        self.metrics.segments_recycled.fetch_add(1, Ordering::Relaxed);
        self.add_spare(spare);
        Ok(())
    }

    /// Prepares a spare for a frame that is queued already.
    pub(super) fn make_spare_now(&self) -> Result<Spare, Error> {
        let mut making = self.making.lock();
        if let Some(spare) = self.spares.lock().pop_front() {
            return Ok(spare);
        }
        let made = prepare(self.disk.as_ref(), &self.dir, making.next_generation, self.config.segment_bytes);
        making.next_generation += 1;
        made.map_err(|error| self.fail(&error.to_string()))
    }
}
