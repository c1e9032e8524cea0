//! The shards of a node on one journal: recovery, epochs, background checkpoints.
//!
//! # Order of a start
//! 1. [`Runtime::host`] each shard that the catalog knows: its checkpoint is put back.
//! 2. [`Runtime::recover`]: one pass over the journal replays every hosted shard; then each announces a new epoch, and the
//!    announcements are fsynced before anything is served.
//! 3. While serving, whoever drives checkpoints calls [`Runtime::checkpoint_due`] now and then; at a clean stop [`Runtime::checkpoint_all`].

mod due;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bole_base::{Clock, Disk, Durability, Hlc, LogId, Offset};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, EntryRef, Journal};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use crate::attached::Attached;
use crate::checkpoint::{PassReport, Store};
use crate::hosted::{Hosted, ShardStatus};
use crate::pins::Pins;
use crate::{Error, Transaction, large};

/// When checkpoints start.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Recovery shall not replay for longer than this, as estimated from the rate of the last recovery.
    pub replay_max: Duration,
    /// A checkpoint starts when the journal and its attachments take this many bytes.
    pub retained_bytes_max: u64,
    /// Readers of feeds may hold back this many bytes more; then their pins are broken.
    pub pinned_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            replay_max: Duration::from_secs(30),
            retained_bytes_max: 512 << 20,
            pinned_bytes_max: 512 << 20,
        }
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
    pins: Pins,
    /// While pins hold the oldest bytes: what the journal retained when all shards were last checkpointed.
    pinned_mark: AtomicU64,
    /// Every dataset that exists is hosted: a log that is not is what a crash left of one that was dropped.
    all_hosted: AtomicBool,
}

struct Slot {
    shard: Arc<dyn Hosted>,
    /// Taken out while a pass runs.
    store: Mutex<Option<Store>>,
    /// The dataset is gone; a pass that still runs removes what it wrote.
    dropped: AtomicBool,
}

/// A store that is out of its slot, and goes back also when the pass is cancelled.
struct Borrowed<'a> {
    slot: &'a Slot,
    store: Option<Store>,
}

impl<'a> Borrowed<'a> {
    fn take(slot: &'a Slot) -> Option<Self> {
        let store = slot.store.lock().take()?;
        Some(Self { slot, store: Some(store) })
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("the store is here until it goes back")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let Some(mut store) = self.store.take() else { return };
        if !self.slot.dropped.load(Ordering::SeqCst) {
            *self.slot.store.lock() = Some(store);
            if !self.slot.dropped.load(Ordering::SeqCst) {
                return;
            }
            let Some(back) = self.slot.store.lock().take() else { return };
            store = back;
        }
        if let Err(error) = store.remove() {
            tracing::warn!(log = self.slot.shard.id().0, %error, "the checkpoint of a dropped dataset could not be removed");
        }
    }
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
    /// Pins that were broken because they held back too much.
    pub pins_broken: u64,
    /// How often a kept log gave up its oldest entries because they were too many.
    pub kept_trims: u64,
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
            pins: Pins::default(),
            pinned_mark: AtomicU64::new(0),
            all_hosted: AtomicBool::new(false),
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

    /// What holds back trim besides checkpoints.
    pub const fn pins(&self) -> &Pins {
        &self.pins
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
        let slot = Arc::new(Slot { shard, store: Mutex::new(Some(store)), dropped: AtomicBool::new(false) });
        let taken = self.shards.write().insert(id, slot);
        assert!(taken.is_none(), "log {id} is hosted once");
        Ok(())
    }

    /// Takes in the shards of a new dataset while the node serves: their logs are new, so nothing is replayed. Returns when their first epochs are
    /// fsynced. Errors: those of [`Runtime::host`], the journal's.
    pub async fn host_new(&self, shards: Vec<Arc<dyn Hosted>>) -> Result<(), Error> {
        let ids: Vec<_> = shards.iter().map(|shard| shard.id()).collect();
        for shard in shards {
            self.host(shard)?;
        }
        self.announce(&self.slots(&ids)).await
    }

    /// Lets a shard go whose dataset was dropped, with its checkpoint and its log.
    pub fn drop_shard(&self, id: LogId) -> Result<(), Error> {
        let Some(slot) = self.shards.write().remove(&id) else { return Ok(()) };
        slot.dropped.store(true, Ordering::SeqCst);
        self.journal.forget(id);
        self.pins.release(id);
        self.remove_attachments(self.attached.trim(id, Offset(u64::MAX)));
        let Some(mut store) = slot.store.lock().take() else { return Ok(()) };
        store.remove().map_err(|error| Error::Checkpoint {
            shard: slot.shard.status().name,
            reason: error.to_string(),
            kind: bole_base::Kind::Io,
        })
    }

    /// Replays the journal into the shards in `only` (all hosted ones if empty), announces their new epochs, and returns when these are fsynced.
    ///
    /// On a full disk there is no room for announcements: the shards are served all the same, in the epochs that they had, because nobody else
    /// can append to a journal of this node; writes are refused until there is room.
    pub async fn recover(&self, only: &[LogId]) -> Result<Recovered, Error> {
        if only.is_empty() {
            self.all_hosted.store(true, Ordering::Release);
        }
        let recovered = self.replay(only)?;
        if self.retained_bytes() > self.retained_bytes_target() {
            // Without this, a journal at its bound would leave no room to announce anything.
            self.checkpoint_due().await?;
        }
        self.announce(&self.slots(only)).await?;
        Ok(recovered)
    }

    fn slots(&self, only: &[LogId]) -> BTreeMap<LogId, Arc<Slot>> {
        let shards = self.shards.read();
        let wanted = |id: &LogId| only.is_empty() || only.contains(id);
        shards.iter().filter(|(id, _)| wanted(id)).map(|(id, slot)| (*id, Arc::clone(slot))).collect()
    }

    /// Replays the journal into the shards in `only` (all hosted ones if empty), for reading before the rest of the node is hosted. They must be
    /// recovered with all others before they serve.
    pub fn replay(&self, only: &[LogId]) -> Result<Recovered, Error> {
        let mut slots = self.slots(only);
        let start = self.clock.monotonic();
        let (mut entries, bytes) = self.replay_into(&slots)?;
        let took = self.clock.monotonic().saturating_sub(start);
        if took >= REPLAY_MEASURED_MIN {
            let rate = (bytes as f64 / took.as_secs_f64()) as u64;
            self.replay_rate.store(rate.max(1), Ordering::Relaxed);
        }
        slots.retain(|id, slot| slot.shard.rebuild(self.journal.first(*id), self.journal.tail(*id)));
        if !slots.is_empty() {
            entries += self.replay_into(&slots)?.0;
        }
        let took = self.clock.monotonic().saturating_sub(start);
        Ok(Recovered { entries, took })
    }

    /// One pass over the journal; the entries replayed, and about how many bytes were read.
    fn replay_into(&self, slots: &BTreeMap<LogId, Arc<Slot>>) -> Result<(u64, u64), Error> {
        let mut entries = 0;
        let mut bytes = 0;
        let mut cached = None;
        self.journal.replay(&mut |entry: &EntryRef<'_>| {
            self.hlc.observe(entry.header.hlc);
            bytes += entry.payload.len() as u64 + 48;
            if let Some(slot) = slots.get(&entry.header.log) {
                entries += 1;
                if entry.header.flags & FLAG_ATTACHMENT != 0
                    && let Some((id, _)) = large::part_name(entry.payload)
                {
                    self.attached.add(id, std::iter::once(entry.header));
                }
                self.replay_entry(&*slot.shard, entry, &mut cached);
            }
            Ok(())
        })?;
        for slot in slots.values() {
            let end = slot.store.lock().as_ref().and_then(|store| store.manifest().map(|m| m.end));
            slot.shard.finish_replay(end.unwrap_or_default(), self.journal.tail(slot.shard.id()));
        }
        Ok((entries, bytes))
    }

    /// Replays one entry. `cached` is the attachment that was read last: the parts of a large transaction follow each other.
    ///
    /// An entry that the state holds already is not looked at again: its attachment may be gone. One whose attachment cannot be
    /// read stops its own shard only.
    fn replay_entry(
        &self,
        shard: &dyn Hosted,
        entry: &EntryRef<'_>,
        cached: &mut Option<(AttachmentId, Bytes)>,
    ) {
        let header = &entry.header;
        if header.flags & FLAG_ATTACHMENT == 0 || header.offset < shard.next() {
            return shard.replay(entry);
        }
        let outcome = match large::part_name(entry.payload) {
            Some((id, range)) => self.cached_attachment(id, cached).map(|bytes| bytes.slice(range)),
            None => Err("it names no attachment".to_owned()),
        };
        match outcome {
            Ok(payload) => shard.replay(&EntryRef { payload: &payload, ..*entry }),
            Err(reason) => shard.quarantine(format!("entry at offset {}: {reason}", header.offset)),
        }
    }

    fn cached_attachment(
        &self,
        id: AttachmentId,
        cached: &mut Option<(AttachmentId, Bytes)>,
    ) -> Result<Bytes, String> {
        if let Some((known, bytes)) = cached
            && *known == id
        {
            return Ok(bytes.clone());
        }
        let bytes = self.journal.attachment(&id).map_err(|error| error.to_string())?;
        *cached = Some((id, bytes.clone()));
        Ok(bytes)
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
            match transaction.admit(chunk.len() * bole_log::entry::ENTRY_HEADER_BYTES).await {
                Err(Error::Journal(bole_log::Error::Full(reason))) => {
                    tracing::warn!(
                        reason,
                        "the disk is full: serving reads; writes are refused until there is room"
                    );
                    return Ok(());
                }
                admitted => admitted?,
            }
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
        let Some(mut borrowed) = Borrowed::take(slot) else { return Ok(false) };
        let outcome = slot.shard.checkpoint(borrowed.store(), &*self.journal, &*self.clock).await;
        drop(borrowed);
        match outcome {
            Ok(report) => {
                if !slot.dropped.load(Ordering::SeqCst) {
                    self.trim(&*slot.shard);
                }
                self.count(report);
                Ok(true)
            }
            Err(Error::Quarantined { .. }) => Ok(false),
            // Its files went while the pass ran.
            Err(_) if slot.dropped.load(Ordering::SeqCst) => Ok(false),
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
