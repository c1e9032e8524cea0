//! Recovery and checkpoints of shards on disk.

use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;

use bole_base::{Clock, Durability, Epoch, Kind, LogId, Offset};
use bole_log::{EntryRef, Journal, PayloadKind};

use super::{Durable, DurableLocked, DurableShard, Stand};
use crate::checkpoint::{PassReport, Store};
use crate::hosted::{BoxFuture, Hosted, ShardStatus};
use crate::{Error, Transaction};

impl<D: Durable> DurableLocked<'_, D> {
    /// Takes in an entry of recovery; it is fsynced already. The error says why the shard cannot go on; `true` with it: because the
    /// store and the log do not belong together.
    fn replay(&mut self, entry: &EntryRef<'_>) -> Result<(), (bool, String)> {
        let header = &entry.header;
        let core = &mut *self.core;
        if header.offset > core.next {
            let text =
                format!("the log goes on at offset {} where the store expects {}", header.offset, core.next);
            return Err((true, text));
        }
        let epoch = core.seen.map_or(header.epoch, |seen| seen.epoch.max(header.epoch));
        core.seen = Some(Stand { epoch, next: header.offset.next() });
        if header.offset < core.next {
            if header.offset.next() == core.next && epoch != core.epoch {
                let text = format!(
                    "the store stands at offset {} in epoch {}, where the log has epoch {epoch}",
                    core.next, core.epoch
                );
                return Err((true, text));
            }
            return Ok(());
        }
        let ignored = header.epoch < core.epoch || header.kind == PayloadKind::EPOCH;
        core.epoch = core.epoch.max(header.epoch);
        core.next = header.offset.next();
        let stand = Stand { epoch: core.epoch, next: core.next };
        let store = &mut core.store;
        let apply = AssertUnwindSafe(|| {
            let effect =
                if ignored { None } else { Some(D::decode(header.kind, header.version, entry.payload)) };
            let effect = effect.transpose().map_err(|error| error.to_string())?;
            store.apply(stand, effect.as_ref()).map_err(|error| error.to_string())
        });
        match std::panic::catch_unwind(apply) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err((false, format!("entry at offset {}: {reason}", header.offset))),
            Err(_) => {
                Err((false, format!("a panic while the entry at offset {} was applied", header.offset)))
            }
        }
    }
}

impl<D: Durable> DurableShard<D> {
    fn ask_for_rebuild(&self, reason: &str) {
        self.core.lock().rebuild = true;
        self.quarantine(format!("{reason}; the store must be rebuilt from a snapshot and the log"));
    }

    /// Says why the log cannot rebuild the store, and what to do.
    fn refuse_rebuild(&self, why: &str) {
        let mut core = self.core.lock();
        let reason = core.quarantine.take().unwrap_or_default();
        let place = core.store.place();
        let reason = format!(
            "{reason}; {why}. Stop the node, see `bole check` for what is damaged, and put a backup of {place} and of the journal in place"
        );
        tracing::error!(shard = %self.name(), reason, "the shard is quarantined");
        core.quarantine = Some(reason);
    }

    /// Empties the store, so that the whole log is replayed into it.
    fn start_over(&self) -> std::io::Result<()> {
        let mut core = self.core.lock();
        core.store.reset()?;
        let stand = core.store.stand();
        core.overlay = D::Overlay::default();
        core.pending.clear();
        core.pending_bytes = 0;
        (core.next, core.epoch, core.persisted) = (stand.next, stand.epoch, stand);
        (core.quarantine, core.rebuild, core.seen) = (None, false, None);
        Ok(())
    }
}

impl<D: Durable> Hosted for DurableShard<D> {
    fn id(&self) -> LogId {
        DurableShard::id(self)
    }

    fn next(&self) -> Offset {
        self.lock().map_or(Offset(u64::MAX), |locked| locked.next())
    }

    fn quarantine(&self, reason: String) {
        DurableShard::quarantine(self, reason);
    }

    /// The store came with its own bytes.
    fn restore(&self, _store: &Store) -> Result<(), String> {
        Ok(())
    }

    fn replay(&self, entry: &EntryRef<'_>) {
        match self.lock().map_or(Ok(()), |mut locked| locked.replay(entry)) {
            Ok(()) => {}
            Err((true, reason)) => self.ask_for_rebuild(&reason),
            Err((false, reason)) => DurableShard::quarantine(self, reason),
        }
    }

    fn finish_replay(&self, _end: Offset, tail: Offset) {
        let Ok(next) = self.lock().map(|locked| locked.next()) else { return };
        if tail != Offset::ZERO && tail < next {
            self.ask_for_rebuild(&format!("the store stands at offset {next}, but the log ends at {tail}"));
        }
    }

    fn rebuild(&self, first: Offset, tail: Offset) -> bool {
        if !self.needs_rebuild() {
            return false;
        }
        if first != Offset::ZERO || tail == Offset::ZERO {
            let why = if tail == Offset::ZERO {
                "the log has no entries to rebuild it from".to_owned()
            } else {
                format!("the log begins at offset {first}, so it cannot be rebuilt from that alone")
            };
            self.refuse_rebuild(&why);
            return false;
        }
        let (place, reason) = {
            let core = self.core.lock();
            (core.store.place(), core.quarantine.clone().unwrap_or_default())
        };
        if let Err(error) = self.start_over() {
            self.refuse_rebuild(&format!("no empty store could be put in place: {error}"));
            return false;
        }
        tracing::warn!(shard = %self.name(), place, reason, "the store is rebuilt from the whole log");
        true
    }

    fn announce(&self, transaction: &mut Transaction) -> Result<(), Error> {
        let Ok(mut locked) = self.lock() else { return Ok(()) };
        let epoch = Epoch(locked.epoch().0 + 1);
        locked.core.epoch = epoch;
        let header = locked.header(transaction.hlc, PayloadKind::EPOCH, 1);
        transaction.batch.push(&header, Durability::Sync, |_| {});
        locked.queue(epoch, 0, None);
        // Recovery waits for the announcement before anything is served, so it may settle at the next occasion.
        locked.appended(bole_base::Position::ZERO);
        Ok(())
    }

    fn checkpoint<'a>(
        &'a self,
        _store: &'a mut Store,
        journal: &'a dyn Journal,
        clock: &'a dyn Clock,
    ) -> BoxFuture<'a, Result<PassReport, Error>> {
        Box::pin(async move {
            self.settle(journal)?;
            let start = clock.monotonic();
            let persist = {
                let locked = self.lock()?;
                if locked.core.store.stand() == locked.core.persisted {
                    return Ok(PassReport::default());
                }
                locked.core.store.persister()
            };
            let lock_max = clock.monotonic().saturating_sub(start);
            let persisted = persist().map_err(|error| {
                let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
                let kind = if full { Kind::Full } else { Kind::Io };
                Error::Checkpoint { shard: self.name().to_owned(), reason: error.to_string(), kind }
            })?;
            let mut core = self.core.lock();
            if persisted.next > core.persisted.next {
                core.persisted = persisted;
            }
            Ok(PassReport { sections: 1, lock_max, ..PassReport::default() })
        })
    }

    fn checkpointed(&self) -> Offset {
        self.core.lock().persisted.next
    }

    fn status(&self) -> ShardStatus {
        let core = self.core.lock();
        ShardStatus {
            id: self.id,
            name: self.name.to_string(),
            next: core.next,
            checkpoint: core.persisted.next,
            memory_bytes: core.store.memory_bytes() + core.pending_bytes as u64,
            quarantined: core.quarantine.clone(),
        }
    }
}
