//! The shards of a node on one journal: recovery, epochs, background checkpoints.
//!
//! # Order of a start
//! 1. [`Runtime::host`] each shard that the catalog knows: its checkpoint is put back.
//! 2. [`Runtime::recover`]: one pass over the journal replays every hosted shard; then each announces a new epoch, and the
//!    announcements are fsynced before anything is served.
//! 3. While serving, whoever drives checkpoints calls [`Runtime::checkpoint_due`] now and then; at a clean stop [`Runtime::checkpoint_all`].

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bole_base::{Clock, Disk, Durability, Hlc, LogId};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, EntryRef, Journal};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use crate::attached::Attached;
use crate::checkpoint::{PassReport, Store};
use crate::hosted::{Hosted, ShardStatus};
use crate::{Error, Transaction, large};

/// When checkpoints start.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Recovery shall not replay for longer than this, as estimated from the rate of the last recovery.
    pub replay_max: Duration,
    /// A checkpoint starts when the journal retains this many bytes.
    pub retained_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { replay_max: Duration::from_secs(30), retained_bytes_max: 512 << 20 }
    }
}

/// Bytes of journal that recovery replays per second, until a recovery measured it.
const REPLAY_RATE_GUESS: u64 = 100 << 20;
/// A recovery shorter than this says nothing about the rate.
const REPLAY_MEASURED_MIN: Duration = Duration::from_millis(200);
/// Entries of one announcing batch.
const ANNOUNCEMENTS_PER_BATCH: usize = 1_000;

/// The shards of a node on one journal.
pub struct Runtime {
    journal: Arc<dyn Journal>,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    hlc: Hlc,
    root: PathBuf,
    config: Config,
    shards: RwLock<BTreeMap<LogId, Arc<Slot>>>,
    replay_rate: AtomicU64,
    totals: Mutex<CheckpointTotals>,
    attached: Arc<Attached>,
}

struct Slot {
    shard: Arc<dyn Hosted>,
    /// Taken out while a pass runs.
    store: Mutex<Option<Store>>,
}

/// What checkpoints have cost since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointTotals {
    /// Passes that wrote something.
    pub passes: u64,
    /// Section bytes written.
    pub bytes: u64,
    /// The longest time that a shard was locked at a stretch.
    pub lock_max: Duration,
}

/// What a recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Entries replayed.
    pub entries: u64,
    /// How long the replay took.
    pub took: Duration,
}

impl Runtime {
    /// A runtime without shards. Checkpoints go to folders under `root`.
    pub fn new(
        journal: Arc<dyn Journal>,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        root: PathBuf,
        config: Config,
    ) -> Self {
        Self {
            journal,
            disk,
            clock,
            hlc: Hlc::new(),
            root,
            config,
            shards: RwLock::default(),
            replay_rate: AtomicU64::new(REPLAY_RATE_GUESS),
            totals: Mutex::default(),
            attached: Arc::default(),
        }
    }

    /// The journal of these shards.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The node's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A transaction on the journal.
    pub fn transaction(&self) -> Transaction {
        Transaction::new(Arc::clone(&self.journal), Arc::clone(&self.attached))
    }

    /// The next hybrid-logical-clock time.
    pub fn tick(&self) -> u64 {
        self.hlc.tick(self.clock.now())
    }

    /// Takes a shard in and puts its newest checkpoint back. The error is a sentence for the operator and stops the start.
    pub fn host(&self, shard: Arc<dyn Hosted>) -> Result<(), Error> {
        let id = shard.id();
        let failed =
            |reason| Error::Checkpoint { shard: shard.status().name, reason, kind: bole_base::Kind::Corrupt };
        let store = Store::open(Arc::clone(&self.disk), &self.root, id).map_err(failed)?;
        shard.restore(&store).map_err(failed)?;
        let slot = Arc::new(Slot { shard, store: Mutex::new(Some(store)) });
        let taken = self.shards.write().insert(id, slot);
        assert!(taken.is_none(), "log {id} is hosted once");
        Ok(())
    }

    /// Lets a shard go whose dataset was dropped, with its checkpoint and its log.
    pub fn drop_shard(&self, id: LogId) -> Result<(), Error> {
        let Some(slot) = self.shards.write().remove(&id) else { return Ok(()) };
        self.journal.forget(id);
        let Some(mut store) = slot.store.lock().take() else { return Ok(()) };
        store.remove().map_err(|error| Error::Checkpoint {
            shard: slot.shard.status().name,
            reason: error.to_string(),
            kind: bole_base::Kind::Io,
        })
    }

    /// Replays the journal into the shards in `only` (all hosted ones if empty), announces their new epochs, and returns when these are fsynced.
    pub async fn recover(&self, only: &[LogId]) -> Result<Recovered, Error> {
        let slots: BTreeMap<LogId, Arc<Slot>> = {
            let shards = self.shards.read();
            let wanted = |id: &LogId| only.is_empty() || only.contains(id);
            shards.iter().filter(|(id, _)| wanted(id)).map(|(id, slot)| (*id, Arc::clone(slot))).collect()
        };
        let start = self.clock.monotonic();
        let mut entries = 0;
        let mut bytes = 0;
        let mut cached = None;
        self.journal.replay(&mut |entry: &EntryRef<'_>| {
            self.hlc.observe(entry.header.hlc);
            bytes += entry.payload.len() as u64 + 48;
            if let Some(slot) = slots.get(&entry.header.log) {
                entries += 1;
                self.replay_entry(&*slot.shard, entry, &mut cached)?;
            }
            Ok(())
        })?;
        for slot in slots.values() {
            let end = slot.store.lock().as_ref().and_then(|store| store.manifest().map(|m| m.end));
            slot.shard.finish_replay(end.unwrap_or_default());
        }
        let took = self.clock.monotonic().saturating_sub(start);
        if took >= REPLAY_MEASURED_MIN {
            let rate = (bytes as f64 / took.as_secs_f64()) as u64;
            self.replay_rate.store(rate.max(1), Ordering::Relaxed);
        }
        self.announce(&slots).await?;
        Ok(Recovered { entries, took })
    }

    /// Replays one entry. `cached` is the attachment that was read last: the parts of a large transaction follow each other.
    fn replay_entry(
        &self,
        shard: &dyn Hosted,
        entry: &EntryRef<'_>,
        cached: &mut Option<(AttachmentId, Bytes)>,
    ) -> Result<(), bole_log::Error> {
        let header = &entry.header;
        if header.flags & FLAG_ATTACHMENT == 0 {
            shard.replay(entry);
            return Ok(());
        }
        // What the checkpoint holds already may have lost its attachment.
        if shard.next().is_none_or(|next| header.offset < next) {
            return Ok(());
        }
        let (id, range) = large::part_name(entry.payload).ok_or_else(|| {
            bole_log::Error::Corrupt(format!(
                "entry {} of log {} names no attachment",
                header.offset, header.log
            ))
        })?;
        if cached.as_ref().is_none_or(|(known, _)| *known != id) {
            *cached = Some((id, self.journal.attachment(&id)?));
        }
        self.attached.add(id, std::iter::once(*header));
        if let Some((_, bytes)) = cached {
            shard.replay(&EntryRef { payload: &bytes[range], ..*entry });
        }
        Ok(())
    }

    /// Removes attachments that no retained entry names: what a crash left, and what was trimmed before it. After all shards recovered.
    pub fn sweep_attachments(&self) -> Result<(), Error> {
        for id in self.journal.attachments()? {
            if !self.attached.is_named(id.number) {
                self.journal.remove_attachment(&id)?;
            }
        }
        Ok(())
    }

    async fn announce(&self, slots: &BTreeMap<LogId, Arc<Slot>>) -> Result<(), Error> {
        let slots: Vec<_> = slots.values().collect();
        for chunk in slots.chunks(ANNOUNCEMENTS_PER_BATCH) {
            let mut transaction = self.transaction();
            transaction.set_time(self.tick());
            transaction.admit(chunk.len() * bole_log::entry::ENTRY_HEADER_BYTES).await?;
            for slot in chunk {
                slot.shard.announce(&mut transaction)?;
            }
            if !transaction.is_empty() {
                let position = transaction.append()?;
                poll_fn(|context| self.journal.poll_reached(Durability::Sync, position, context)).await?;
            }
        }
        Ok(())
    }

    /// Checkpoints shards, the one that holds back the journal's oldest bytes first, until the journal retains few enough bytes. Returns
    /// whether it did anything. Blocks on disk: run it where blocking is allowed.
    pub async fn checkpoint_due(&self) -> Result<bool, Error> {
        let mut worked = false;
        while self.journal.retained_bytes() > self.retained_bytes_target() {
            let Some(oldest) = self.journal.oldest_log() else { break };
            let slot = self.shards.read().get(&oldest).cloned();
            let Some(slot) = slot else { break };
            if !self.checkpoint_slot(&slot).await? {
                break;
            }
            worked = true;
        }
        Ok(worked)
    }

    fn retained_bytes_target(&self) -> u64 {
        let rate = self.replay_rate.load(Ordering::Relaxed);
        let by_time = (self.config.replay_max.as_secs_f64() / 2.0 * rate as f64) as u64;
        by_time.min(self.config.retained_bytes_max)
    }

    /// Checkpoints every shard: a clean stop, or an operator's wish. Blocks on disk.
    pub async fn checkpoint_all(&self) -> Result<(), Error> {
        let slots: Vec<_> = self.shards.read().values().cloned().collect();
        for slot in slots {
            self.checkpoint_slot(&slot).await?;
        }
        Ok(())
    }

    /// Checkpoints the shards in `ids`. Blocks on disk.
    pub async fn checkpoint(&self, ids: &[LogId]) -> Result<(), Error> {
        for id in ids {
            let slot = self.shards.read().get(id).cloned();
            if let Some(slot) = slot {
                self.checkpoint_slot(&slot).await?;
            }
        }
        Ok(())
    }

    /// One pass; `false` if one is running already or the shard is quarantined.
    async fn checkpoint_slot(&self, slot: &Slot) -> Result<bool, Error> {
        let Some(mut store) = slot.store.lock().take() else { return Ok(false) };
        let outcome = slot.shard.checkpoint(&mut store, &*self.journal, &*self.clock).await;
        *slot.store.lock() = Some(store);
        match outcome {
            Ok(report) => {
                self.count(report);
                let shard = &slot.shard;
                for id in self.attached.trim(shard.id(), shard.status().checkpoint) {
                    self.journal.remove_attachment(&id)?;
                }
                Ok(true)
            }
            Err(Error::Quarantined { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn count(&self, report: PassReport) {
        let mut totals = self.totals.lock();
        totals.passes += u64::from(report.sections > 0);
        totals.bytes += report.bytes;
        totals.lock_max = totals.lock_max.max(report.lock_max);
    }

    /// What checkpoints have cost since the start.
    pub fn checkpoint_totals(&self) -> CheckpointTotals {
        *self.totals.lock()
    }

    /// Every hosted shard, by id.
    pub fn status(&self) -> Vec<ShardStatus> {
        let slots: Vec<_> = self.shards.read().values().cloned().collect();
        slots.iter().map(|slot| slot.shard.status()).collect()
    }
}
