//! Shards whose state is on disk: an LSM keyspace, an SQLite file, segment files.
//!
//! Such a state must never run ahead of the log, since what it wrote cannot be taken back. So it receives fsynced entries only,
//! in order; until then an effect is visible through an *overlay* in memory. The store keeps (epoch, offset) inside itself, written
//! together with the effects, and may make them durable whenever it likes. A checkpoint is `persist`; nothing else is written.
//!
//! # Invariants
//! - The store holds exactly the effects below its stand; the overlay those from there up to `next`.
//! - An entry reaches the store only after the journal's fsynced position passed it.
//! - The overlay holds at most `overlay_bytes_max` bytes, plus the batch that is being pushed.
//! - A store whose stand is not in the log, or that cannot be opened, is not served: it asks to be rebuilt.
//! - Nothing here waits for the store's disk under the shard's lock, except where the store's own `apply` does.

mod hosted;
#[cfg(feature = "suite")]
pub mod suite;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{Durability, Epoch, LogId, Offset, Position};
use bole_log::{EntryHeader, Journal, PayloadKind};
use parking_lot::{Mutex, MutexGuard};

use crate::{ApplyError, Error, Transaction};

/// How many entries go into the store under one lock.
const SETTLE_STEP: usize = 64;

/// Where a store stands. Kept inside the store, in each of its parts that becomes durable separately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// The highest epoch of the entries below `next`.
    pub epoch: Epoch,
    /// The offset of the first entry that is not inside.
    pub next: Offset,
}

/// A state on disk.
pub trait Durable: Send + 'static {
    /// One change.
    type Effect: Send + 'static;
    /// What readers must know of effects that are not in the store yet.
    type Overlay: Default + Send + 'static;

    /// The number and version of the effect's layout in the log.
    fn kind(effect: &Self::Effect) -> (PayloadKind, u8);
    /// Appends the effect's payload to `out`.
    fn encode(effect: &Self::Effect, out: &mut Vec<u8>);
    /// Reads a payload back. Must survive any bytes; bounded memory.
    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self::Effect, ApplyError>;

    /// Makes an effect visible in the overlay.
    fn show(overlay: &mut Self::Overlay, offset: Offset, effect: &Self::Effect);
    /// Takes an effect out of the overlay; it is in the store now. In order of offset.
    fn hide(overlay: &mut Self::Overlay, offset: Offset, effect: &Self::Effect);

    /// Where the store stands, read from the store when it was opened and moved by `apply`.
    fn stand(&self) -> Stand;
    /// Takes in one entry and moves the stand to `stand`, both or neither, also after a crash. `None`: an entry without an effect.
    /// Deterministic. An error quarantines the shard.
    fn apply(&mut self, stand: Stand, effect: Option<&Self::Effect>) -> io::Result<()>;
    /// Whether `apply` would come back without waiting for the disk. While it would not, entries stay in the overlay, and
    /// writers wait for its room without a lock.
    fn ready(&self) -> bool {
        true
    }
    /// Ready when [`Durable::ready`] says so; the context is woken when that may have changed.
    fn poll_ready(&self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
    /// Whether the disk has room for `effect`; asked before anything is changed (promise P5). The error is a sentence for the operator.
    fn room(&self, _effect: &Self::Effect) -> Result<(), String> {
        Ok(())
    }
    /// What makes everything that was applied before this call durable, with its stand, which it returns. Made under the
    /// shard's lock, run without it. Errors: `StorageFull` if the store is as it was, and it may be tried again; any other is final
    /// (promise P4).
    fn persister(&self) -> Persister;
    /// Why the store could not be opened, if so: its folder is as it was found, and it has to be rebuilt.
    fn broken(&self) -> Option<String> {
        None
    }
    /// Where the store is, for messages.
    fn place(&self) -> String;
    /// Puts an empty store with the default stand in place of what is there, to be rebuilt from the log.
    fn reset(&mut self) -> io::Result<()>;
    /// About how many bytes of memory the store takes.
    fn memory_bytes(&self) -> u64;
}

/// Makes a store durable; see [`Durable::persister`].
pub type Persister = Box<dyn FnOnce() -> io::Result<Stand> + Send>;

/// One log plus the state on disk that it builds.
pub struct DurableShard<D: Durable> {
    id: LogId,
    name: Arc<str>,
    overlay_bytes_max: usize,
    core: Mutex<Core<D>>,
}

struct Core<D: Durable> {
    store: D,
    overlay: D::Overlay,
    pending: VecDeque<Pending<D::Effect>>,
    pending_bytes: usize,
    next: Offset,
    epoch: Epoch,
    position: Position,
    /// The stand that the last `persist` made durable, or that the store was opened with.
    persisted: Stand,
    applying: bool,
    /// Entries at the end of `pending` whose batch is not appended yet.
    unappended: usize,
    quarantine: Option<String>,
    rebuild: bool,
    /// In recovery: the highest epoch seen, to compare with the store's stand.
    seen: Option<Stand>,
}

/// An entry that the store does not have yet.
struct Pending<E> {
    stand: Stand,
    position: Position,
    bytes: usize,
    effect: Option<E>,
}

impl<D: Durable> DurableShard<D> {
    /// A shard on an opened store, or on one that could not be opened and waits for a rebuild.
    pub fn new(id: LogId, name: impl Into<Arc<str>>, store: D, overlay_bytes_max: usize) -> Self {
        let stand = store.stand();
        let broken = store.broken();
        let core = Core {
            store,
            overlay: D::Overlay::default(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            next: stand.next,
            epoch: stand.epoch,
            position: Position::ZERO,
            persisted: stand,
            applying: false,
            unappended: 0,
            rebuild: broken.is_some(),
            quarantine: broken,
            seen: None,
        };
        Self { id, name: name.into(), overlay_bytes_max, core: Mutex::new(core) }
    }

    /// The log's id.
    pub const fn id(&self) -> LogId {
        self.id
    }

    /// `namespace/service/dataset#number`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Locks the shard, with others in ascending order of id; never across a wait. Errors: `Quarantined`.
    pub fn lock(&self) -> Result<DurableLocked<'_, D>, Error> {
        let core = self.core.lock();
        match &core.quarantine {
            None => Ok(DurableLocked { shard: self, core }),
            Some(reason) => Err(Error::Quarantined { shard: self.name.to_string(), reason: reason.clone() }),
        }
    }

    /// Stops the shard: from now on `lock` fails with `reason`.
    pub fn quarantine(&self, reason: String) {
        tracing::error!(shard = %self.name, reason, "the shard is quarantined");
        self.core.lock().quarantine.get_or_insert(reason);
    }

    /// Whether the store has to be rebuilt from a snapshot and the log, because its stand is not in the log.
    pub fn needs_rebuild(&self) -> bool {
        self.core.lock().rebuild
    }

    /// Hands fsynced entries to the store, a few under each lock. Returns whether some are left, because they are not fsynced or because
    /// the store is not ready. An I/O error or a panic of the store quarantines the shard.
    pub fn settle(&self, journal: &dyn Journal) -> Result<bool, Error> {
        let synced = journal.reached(Durability::Sync);
        loop {
            let mut locked = self.lock()?;
            if !locked.settle_some(synced)? {
                return Ok(!locked.core.pending.is_empty());
            }
        }
    }

    /// Waits until the overlay has room, then until journal space for `bytes` more bytes is taken. Without a lock. May be dropped at any time.
    pub async fn admit(&self, transaction: &mut Transaction, bytes: usize) -> Result<(), Error> {
        let journal = Arc::clone(transaction.journal());
        loop {
            let oldest = {
                let locked = self.lock()?;
                let full = locked.core.pending_bytes >= self.overlay_bytes_max;
                locked.core.pending.front().filter(|_| full).map(|pending| pending.position)
            };
            let Some(oldest) = oldest else { return transaction.admit(bytes).await };
            poll_fn(|context| journal.poll_reached(Durability::Sync, oldest, context)).await?;
            poll_fn(|context| self.core.lock().store.poll_ready(context)).await;
            self.settle(&*journal)?;
        }
    }
}

/// A locked shard on disk.
pub struct DurableLocked<'a, D: Durable> {
    shard: &'a DurableShard<D>,
    core: MutexGuard<'a, Core<D>>,
}

impl<D: Durable> Drop for DurableLocked<'_, D> {
    fn drop(&mut self) {
        let what = if self.core.applying {
            "a panic or an I/O error while an entry went into the store"
        } else if self.core.unappended > 0 {
            "effects were made visible whose batch never reached the log"
        } else {
            return;
        };
        let reason = format!("{what}, before offset {}; a restart continues from the log", self.core.next);
        tracing::error!(shard = %self.shard.name, reason, "the shard is quarantined");
        self.core.quarantine.get_or_insert(reason);
    }
}

impl<D: Durable> DurableLocked<'_, D> {
    /// The store, without what is in the overlay.
    pub fn store(&self) -> &D {
        &self.core.store
    }

    /// The store, for reads that need it mutable. Never to change what apply builds.
    pub fn store_mut(&mut self) -> &mut D {
        &mut self.core.store
    }

    /// Effects that are not in the store yet; they hide what it says.
    pub fn overlay(&self) -> &D::Overlay {
        &self.core.overlay
    }

    /// The offset that the next effect gets.
    pub fn next(&self) -> Offset {
        self.core.next
    }

    /// The epoch in which this node appends.
    pub fn epoch(&self) -> Epoch {
        self.core.epoch
    }

    /// Where the last batch that touched the shard ends in the journal.
    pub fn position(&self) -> Position {
        self.core.position
    }

    /// Bytes of the effects in the overlay.
    pub fn overlay_bytes(&self) -> usize {
        self.core.pending_bytes
    }

    /// Encodes `effect` into the transaction and shows it in the overlay.
    ///
    /// Errors, before this effect changed anything: `Refused` for class `Memory`, `Wait` (also when the overlay is full: then
    /// wait with [`DurableShard::admit`]), the journal's `Full` where the store's disk is, `BatchTooLarge`, the journal's. What the
    /// transaction holds already must still be appended.
    pub fn push(
        &mut self,
        transaction: &mut Transaction,
        class: Durability,
        effect: D::Effect,
    ) -> Result<(), Error> {
        if class == Durability::Memory {
            let text = format!("{} is kept on disk; its durability is sync or async", self.shard.name);
            return Err(Error::Refused(text));
        }
        self.core.store.room(&effect).map_err(bole_log::Error::Full)?;
        if self.core.unappended == 0 && self.core.pending_bytes >= self.shard.overlay_bytes_max / 2 {
            self.settle_some(transaction.journal().reached(Durability::Sync))?;
            if self.core.pending_bytes >= self.shard.overlay_bytes_max {
                return Err(Error::Wait { bytes: 0 });
            }
        }
        let (kind, version) = D::kind(&effect);
        let (mark, before) = (transaction.batch.mark(), transaction.batch.bytes().len());
        let header = self.header(transaction.hlc, kind, version);
        transaction.batch.push(&header, class, |out| D::encode(&effect, out));
        if let Err(error) = transaction.check_size().and_then(|()| transaction.reserve(0)) {
            transaction.batch.rewind(mark);
            return Err(error);
        }
        let bytes = transaction.batch.bytes().len() - before;
        let offset = self.core.next;
        D::show(&mut self.core.overlay, offset, &effect);
        self.queue(self.core.epoch, bytes, Some(effect));
        Ok(())
    }

    fn queue(&mut self, epoch: Epoch, bytes: usize, effect: Option<D::Effect>) {
        let core = &mut *self.core;
        core.next = core.next.next();
        let stand = Stand { epoch, next: core.next };
        core.pending_bytes += bytes;
        // Until the batch is appended its position is beyond all others, so that it cannot settle.
        core.pending.push_back(Pending { stand, position: Position(u64::MAX), bytes, effect });
        core.unappended += 1;
    }

    /// Tells the shard where the batch that it is part of ends.
    pub fn appended(&mut self, position: Position) {
        let core = &mut *self.core;
        let first = core.pending.len() - core.unappended;
        core.pending.range_mut(first..).for_each(|pending| pending.position = position);
        core.unappended = 0;
        core.position = core.position.max(position);
    }

    /// Hands up to [`SETTLE_STEP`] entries to the store. Returns whether there may be more.
    fn settle_some(&mut self, synced: Position) -> Result<bool, Error> {
        for _ in 0..SETTLE_STEP {
            let core = &mut *self.core;
            let Some(pending) = core.pending.front().filter(|pending| pending.position <= synced) else {
                return Ok(false);
            };
            if !core.store.ready() {
                return Ok(false);
            }
            core.applying = true;
            let applied = core.store.apply(pending.stand, pending.effect.as_ref());
            if let Err(error) = applied {
                let reason = format!("entry below offset {}: {error}", pending.stand.next);
                core.applying = false;
                core.quarantine.get_or_insert(reason.clone());
                tracing::error!(shard = %self.shard.name, reason, "the shard is quarantined");
                return Err(Error::Quarantined { shard: self.shard.name.to_string(), reason });
            }
            core.applying = false;
            let Some(pending) = core.pending.pop_front() else { return Ok(false) };
            core.pending_bytes -= pending.bytes;
            if let Some(effect) = &pending.effect {
                let offset = Offset(pending.stand.next.0 - 1);
                D::hide(&mut core.overlay, offset, effect);
            }
        }
        Ok(true)
    }

    fn header(&self, hlc: u64, kind: PayloadKind, version: u8) -> EntryHeader {
        EntryHeader {
            log: self.shard.id,
            offset: self.core.next,
            epoch: self.core.epoch,
            hlc,
            origin: 0,
            kind,
            version,
            flags: 0,
        }
    }
}
