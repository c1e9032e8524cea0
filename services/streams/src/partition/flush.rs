//! From memory into the segment files: what the journal may let go then.

use std::io;

use bole_base::{Kind, Position};
use bole_log::{Journal, wait};

use super::Partition;
use super::batch::HEAD_BYTES;
use super::files::Purpose;
use super::state::Tail;

/// About how much is written at once.
const WRITE_BYTES: usize = 4 << 20;
/// Unflushed bytes at which recovery writes them out, so that replay takes bounded memory.
pub const REPLAY_BYTES_MAX: u64 = 8 << 20;

impl Partition {
    /// Writes what is only in the journal and in memory into the segment files, and makes it durable there. Blocks on the disk. Only entries that are fsynced in
    /// the journal are written.
    pub async fn flush(&self, journal: &dyn Journal) -> Result<(), bole_shard::Error> {
        // What comes after this look waits for the next flush.
        let (position, end) = {
            let locked = self.shard.lock()?;
            (locked.position(), locked.state().next_offset)
        };
        self.flush_below(journal, position, end).await
    }

    /// As [`Partition::flush`], for batches below `end`, which were appended before `position` of the journal.
    pub async fn flush_below(
        &self,
        journal: &dyn Journal,
        position: Position,
        end: i64,
    ) -> Result<(), bole_shard::Error> {
        wait::synced(journal, position).await?;
        self.flush_to(end)
    }

    /// As [`Partition::flush`], for batches below `end`, whose entries are fsynced.
    fn flush_to(&self, end: i64) -> Result<(), bole_shard::Error> {
        let _turn = self.flushing.lock();
        let waiting: Vec<Tail> = {
            let locked = self.shard.lock()?;
            let state = locked.state();
            let first = state.tail.partition_point(|tail| tail.end() <= state.flushed);
            state.tail.range(first..).take_while(|tail| tail.end() <= end).cloned().collect()
        };
        let written = self.write(&waiting).and_then(|()| self.files.sync_writes(Purpose::Flush));
        written.map_err(|error| self.failed(&error))?;
        self.shard.lock()?.state_mut().set_flushed(end);
        Ok(())
    }

    /// During recovery everything that was replayed is fsynced in the journal.
    pub(super) fn flush_replayed(&self) -> Result<(), bole_shard::Error> {
        let end = {
            let mut locked = self.shard.lock()?;
            locked.state_mut().show_all();
            locked.state().next_offset
        };
        self.flush_to(end)?;
        self.shard.lock()?.state_mut().evict(i64::MAX);
        Ok(())
    }

    /// Batches that follow each other in a file go into it together.
    fn write(&self, waiting: &[Tail]) -> io::Result<()> {
        let mut run: Vec<u8> = Vec::new();
        let mut start = None;
        for tail in waiting.iter().filter(|tail| tail.append.extent.is_none()) {
            let follows = start.is_some_and(|place: super::segments::Place| {
                place.segment == tail.place.segment
                    && place.position + run.len() as u64 == tail.place.position
            });
            if !follows || run.len() >= WRITE_BYTES {
                self.write_run(start.take(), &mut run)?;
            }
            start.get_or_insert(tail.place);
            run.reserve(HEAD_BYTES + tail.append.batch.body.len());
            run.extend_from_slice(&tail.append.batch.head());
            run.extend_from_slice(&tail.append.batch.body);
        }
        self.write_run(start, &mut run)
    }

    fn write_run(&self, place: Option<super::segments::Place>, run: &mut Vec<u8>) -> io::Result<()> {
        if let Some(place) = place {
            self.files.write(self.file(place.segment), place.position, run, Purpose::Flush)?;
        }
        run.clear();
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> bole_shard::Error {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let kind = if full { Kind::Full } else { Kind::Io };
        let reason = format!("the segment files cannot be written: {error}");
        bole_shard::Error::Checkpoint { shard: self.name().to_owned(), reason, kind }
    }
}
