//! Recovery and checkpoints: those of the shard, with the segment files brought up to it first.

use bole_base::{Clock, LogId, Offset};
use bole_log::{EntryRef, Journal};
use bole_shard::checkpoint::{PassReport, Store, run_pass};
use bole_shard::hosted::BoxFuture;
use bole_shard::{Error, Hosted, ShardStatus, Transaction};

use super::Partition;
use super::flush::REPLAY_BYTES_MAX;

impl Hosted for Partition {
    fn id(&self) -> LogId {
        self.shard.id()
    }

    fn next(&self) -> Offset {
        Hosted::next(&self.shard)
    }

    fn quarantine(&self, reason: String) {
        self.shard.quarantine(reason);
    }

    fn restore(&self, store: &Store) -> Result<(), String> {
        Hosted::restore(&self.shard, store)
    }

    fn replay(&self, entry: &EntryRef<'_>) {
        Hosted::replay(&self.shard, entry);
        let unflushed = self.shard.lock().map_or(0, |locked| locked.state().unflushed_bytes);
        if unflushed > REPLAY_BYTES_MAX
            && let Err(error) = self.flush_replayed()
        {
            self.shard.quarantine(format!("what was replayed cannot be kept: {error}"));
        }
    }

    /// Bodies that were read back as names only are in the files; nothing of them stays in memory.
    fn finish_replay(&self, end: Offset, tail: Offset) {
        Hosted::finish_replay(&self.shard, end, tail);
        let Ok(mut locked) = self.shard.lock() else { return };
        locked.state_mut().show_all();
        let names_only = locked.state().tail.iter().any(|tail| !tail.in_memory());
        drop(locked);
        if names_only && let Err(error) = self.flush_replayed() {
            self.shard.quarantine(format!("what was replayed cannot be kept: {error}"));
        }
    }

    fn announce(&self, transaction: &mut Transaction) -> Result<(), Error> {
        Hosted::announce(&self.shard, transaction)
    }

    fn checkpoint<'a>(
        &'a self,
        store: &'a mut Store,
        journal: &'a dyn Journal,
        clock: &'a dyn Clock,
    ) -> BoxFuture<'a, Result<PassReport, Error>> {
        Box::pin(async move {
            self.flush(journal).await?;
            run_pass(&self.shard, store, journal, clock).await
        })
    }

    fn checkpointed(&self) -> Offset {
        Hosted::checkpointed(&self.shard)
    }

    fn status(&self) -> ShardStatus {
        Hosted::status(&self.shard)
    }
}
