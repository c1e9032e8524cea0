//! Changes of a partition that add no records: a new start, compacted segments, forgotten producers.

use std::future::poll_fn;

use bole_base::Position;
use bole_log::Journal;
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_shard::Transaction;

use super::Partition;
use super::entry::Effect;
use super::state::State;
use crate::Error;

impl Partition {
    /// Logs what `decide` wants of the state, which it looks at under the lock, perhaps several times: its effect has at most `payload_bytes_max` bytes. Where
    /// the entry ends in the journal; `None` if nothing was wanted. May be dropped while it waits for space: then nothing happened.
    /// Errors: `Full`, `Storage`.
    pub async fn change(
        &self,
        transaction: &mut Transaction,
        payload_bytes_max: usize,
        decide: impl Fn(&State) -> Option<Effect>,
    ) -> Result<Option<Position>, Error> {
        loop {
            transaction.admit(ENTRY_HEADER_BYTES + payload_bytes_max).await?;
            let mut locked = self.lock()?;
            let Some(effect) = decide(locked.state()) else { return Ok(None) };
            match locked.push(transaction, self.class, &effect) {
                Err(bole_shard::Error::Wait { .. }) => {}
                pushed => {
                    pushed?;
                    let position = transaction.append()?;
                    locked.appended(position);
                    return Ok(Some(position));
                }
            }
        }
    }

    /// Makes `offset` the oldest one. Offsets at or below the start change nothing; those above the high watermark mean the high watermark. As [`Partition::change`].
    pub async fn start_at(
        &self,
        transaction: &mut Transaction,
        offset: i64,
    ) -> Result<Option<Position>, Error> {
        let bytes = Effect::LogStart(offset).payload_bytes();
        self.change(transaction, bytes, |state| {
            let start = offset.min(state.high_watermark);
            (start > state.log_start).then_some(Effect::LogStart(start))
        })
        .await
    }

    /// Returns when the journal has reached `position` in the partition's class.
    pub async fn reached(&self, journal: &dyn Journal, position: Position) -> Result<(), Error> {
        journal.write_queued()?;
        Ok(poll_fn(|context| journal.poll_reached(self.class, position, context)).await?)
    }
}
