//! A shard without its state's type: what recovery, checkpoints and status need of every shard alike.

use std::future::Future;
use std::pin::Pin;

use bole_base::{Clock, Epoch, LogId, Offset};
use bole_log::{EntryRef, Journal};

use crate::checkpoint::{PassReport, Store, run_pass};
use crate::{Error, Section, Shard, State, Transaction};

/// A future of a boxed trait method.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the status page shows of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardStatus {
    /// The log's id.
    pub id: LogId,
    /// `namespace/service/dataset#number`.
    pub name: String,
    /// The offset that the next effect gets.
    pub next: Offset,
    /// The offset that recovery would replay from.
    pub checkpoint: Offset,
    /// About how many bytes of memory the state takes.
    pub memory_bytes: u64,
    /// Why the shard is quarantined, if it is.
    pub quarantined: Option<String>,
}

/// A shard of any service.
pub trait Hosted: Send + Sync {
    /// The log's id.
    fn id(&self) -> LogId;
    /// The offset that the next entry gets; recovery needs no older one.
    fn next(&self) -> Offset;
    /// Stops the shard; everything but its status fails with `reason` from now on.
    fn quarantine(&self, reason: String);
    /// Puts the newest checkpoint back into the empty state. The error is a sentence for the operator.
    fn restore(&self, store: &Store) -> Result<(), String>;
    /// Applies an entry of the log; quarantines the shard where that fails.
    fn replay(&self, entry: &EntryRef<'_>);
    /// Ends recovery. The log, whose next durable entry gets `tail` (0 if the journal has none of its entries), must have
    /// reached `end`, which the checkpoint has seen; a shard for which it has not is quarantined.
    fn finish_replay(&self, end: Offset, tail: Offset);
    /// After a replay: whether the shard emptied its state on disk, which did not belong to the log, to have its whole log replayed into it. The log
    /// has the entries from `first` up to `tail`, as far as this node knows.
    fn rebuild(&self, _first: Offset, _tail: Offset) -> bool {
        false
    }
    /// Adds the entry that announces a new epoch of this shard; nothing for a quarantined one.
    fn announce(&self, transaction: &mut Transaction) -> Result<(), Error>;
    /// Writes a checkpoint. Afterwards `checkpointed` says below which offset the log is not needed for recovery.
    fn checkpoint<'a>(
        &'a self,
        store: &'a mut Store,
        journal: &'a dyn Journal,
        clock: &'a dyn Clock,
    ) -> BoxFuture<'a, Result<PassReport, Error>>;
    /// The offset that recovery would replay from.
    fn checkpointed(&self) -> Offset;
    /// For the status page.
    fn status(&self) -> ShardStatus;
}

impl<S: State> Hosted for Shard<S> {
    fn id(&self) -> LogId {
        Shard::id(self)
    }

    fn next(&self) -> Offset {
        self.lock().map_or(Offset(u64::MAX), |locked| locked.next())
    }

    fn quarantine(&self, reason: String) {
        Shard::quarantine(self, reason);
    }

    fn checkpointed(&self) -> Offset {
        self.checkpoint()
    }

    fn restore(&self, store: &Store) -> Result<(), String> {
        let Some(manifest) = store.manifest() else { return Ok(()) };
        let mut locked = self.lock().map_err(|error| error.to_string())?;
        for place in &manifest.sections {
            let bytes = store.read(place)?;
            let section = Section { start: place.start, end: place.end, offset: place.offset };
            locked.state_mut().restore(section, &bytes).map_err(|error| error.to_string())?;
        }
        locked.set_restored(manifest.from, manifest.epoch);
        self.set_checkpoint(manifest.from);
        Ok(())
    }

    fn replay(&self, entry: &EntryRef<'_>) {
        if let Err(reason) = self.lock().map_or(Ok(()), |mut locked| locked.replay(entry)) {
            Shard::quarantine(self, reason);
        }
    }

    fn finish_replay(&self, end: Offset, tail: Offset) {
        let Ok(next) = self.lock().map(|locked| locked.next()) else { return };
        let reached = if tail == Offset::ZERO { next } else { tail };
        if reached < end {
            Shard::quarantine(
                self,
                format!(
                    "the log ends at offset {reached}, but the checkpoint has seen it reach {end}: acknowledged entries are missing"
                ),
            );
        }
    }

    fn announce(&self, transaction: &mut Transaction) -> Result<(), Error> {
        if let Ok(mut locked) = self.lock() {
            let epoch = Epoch(locked.epoch().0 + 1);
            locked.announce(transaction, epoch);
        }
        Ok(())
    }

    fn checkpoint<'a>(
        &'a self,
        store: &'a mut Store,
        journal: &'a dyn Journal,
        clock: &'a dyn Clock,
    ) -> BoxFuture<'a, Result<PassReport, Error>> {
        Box::pin(run_pass(self, store, journal, clock))
    }

    fn status(&self) -> ShardStatus {
        let (next, memory_bytes) =
            self.lock().map_or((Offset::ZERO, 0), |locked| (locked.next(), locked.state().memory_bytes()));
        ShardStatus {
            id: self.id(),
            name: self.name().to_owned(),
            next,
            checkpoint: Shard::checkpoint(self),
            memory_bytes,
            quarantined: self.quarantined(),
        }
    }
}
