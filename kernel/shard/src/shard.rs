//! A shard: one lock around one state, and the bookkeeping that ties the state to its log.
//!
//! # Invariants
//! - The state holds exactly the effects of the offsets below `next`.
//! - Whoever pushes an effect appends its batch before the lock is released. If that does not happen (the journal failed, a
//!   panic came between) the state is ahead of its log, and the shard is quarantined as the lock goes.
//! - A panic inside apply leaves `applying` set; the shard is quarantined as the lock goes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::{Durability, Epoch, LogId, Offset, Position};
use bole_log::entry::FLAG_EXTENT;
use bole_log::{EntryHeader, EntryRef, PayloadKind};
use parking_lot::{Mutex, MutexGuard};

use crate::{ApplyError, Error, State, Transaction, large};

/// One log plus the state that it builds.
pub struct Shard<S> {
    id: LogId,
    name: Arc<str>,
    core: Mutex<Core<S>>,
    /// The offset below which no entry is needed any more, for status.
    checkpoint: AtomicU64,
}

struct Core<S> {
    state: S,
    next: Offset,
    epoch: Epoch,
    position: Position,
    applying: bool,
    /// Effects were applied whose batch is not appended yet.
    unappended: bool,
    quarantine: Option<String>,
}

impl<S: State> Shard<S> {
    /// A shard with an empty state at offset 0.
    pub fn new(id: LogId, name: impl Into<Arc<str>>, state: S) -> Self {
        let core = Core {
            state,
            next: Offset::ZERO,
            epoch: Epoch::ZERO,
            position: Position::ZERO,
            applying: false,
            unappended: false,
            quarantine: None,
        };
        Self { id, name: name.into(), core: Mutex::new(core), checkpoint: AtomicU64::new(0) }
    }

    /// The log's id.
    pub const fn id(&self) -> LogId {
        self.id
    }

    /// `namespace/service/dataset#number`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The offset that recovery would replay from.
    pub fn checkpoint(&self) -> Offset {
        Offset(self.checkpoint.load(Ordering::Relaxed))
    }

    pub(crate) fn set_checkpoint(&self, offset: Offset) {
        self.checkpoint.store(offset.0, Ordering::Relaxed);
    }

    /// Locks the shard. When several are locked, in ascending order of id; never across a wait.
    /// Errors: `Quarantined`.
    pub fn lock(&self) -> Result<Locked<'_, S>, Error> {
        let core = self.core.lock();
        match &core.quarantine {
            None => Ok(Locked { id: self.id, name: &self.name, core }),
            Some(reason) => Err(Error::Quarantined { shard: self.name.to_string(), reason: reason.clone() }),
        }
    }

    /// Stops the shard: from now on `lock` fails with `reason`.
    pub fn quarantine(&self, reason: String) {
        tracing::error!(shard = %self.name, reason, "the shard is quarantined");
        self.core.lock().quarantine.get_or_insert(reason);
    }

    /// Why the shard is quarantined, if it is.
    pub fn quarantined(&self) -> Option<String> {
        self.core.lock().quarantine.clone()
    }
}

/// A locked shard.
pub struct Locked<'a, S> {
    id: LogId,
    name: &'a str,
    core: MutexGuard<'a, Core<S>>,
}

impl<S> Drop for Locked<'_, S> {
    fn drop(&mut self) {
        let core = &mut *self.core;
        if !core.applying && !core.unappended {
            return;
        }
        let what = if core.applying {
            "a panic while an entry was applied"
        } else {
            "effects were applied whose batch never reached the log"
        };
        core.applying = false;
        core.unappended = false;
        let reason =
            format!("{what}, before offset {}; a restart rebuilds the state from the log", core.next);
        tracing::error!(shard = self.name, reason, "the shard is quarantined");
        core.quarantine.get_or_insert(reason);
    }
}

impl<S: State> Locked<'_, S> {
    /// The state, to decide on.
    pub fn state(&self) -> &S {
        &self.core.state
    }

    /// The state, for bookkeeping that is not part of it (access times, positions). Never to change what apply builds.
    pub fn state_mut(&mut self) -> &mut S {
        &mut self.core.state
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

    /// Encodes `effect` into the transaction and applies it. For `Memory` it is only applied.
    ///
    /// Errors, before this effect changed anything: `Wait`, `BatchTooLarge`, or the journal's. What the same transaction
    /// pushed before must still be appended, so whoever pushes several effects reserves for all of them first.
    pub fn push(
        &mut self,
        transaction: &mut Transaction,
        class: Durability,
        effect: &S::Effect<'_>,
    ) -> Result<(), Error> {
        let offset = self.core.next;
        if class != Durability::Memory && transaction.is_large() {
            if S::names_extent(effect) {
                let text = "an effect that names an extent does not go into a large transaction; append it in a batch of its own";
                return Err(Error::Refused(text.to_owned()));
            }
            self.push_large(transaction, class, effect);
            return Ok(());
        }
        if class != Durability::Memory {
            let (kind, version) = S::kind(effect);
            let mark = transaction.batch.mark();
            let mut header = self.header(transaction.hlc, kind, version);
            if S::names_extent(effect) {
                header.flags |= FLAG_EXTENT;
            }
            transaction.batch.push(&header, class, |out| S::encode(effect, out));
            if let Err(error) = transaction.check_size().and_then(|()| transaction.reserve(0)) {
                transaction.batch.rewind(mark);
                return Err(error);
            }
            self.core.next = offset.next();
            self.core.unappended = true;
        }
        self.core.applying = true;
        self.core.state.apply(offset, effect);
        self.core.applying = false;
        Ok(())
    }

    /// Adds `effect` to the shard's one entry in a large transaction.
    fn push_large(&mut self, transaction: &mut Transaction, class: Durability, effect: &S::Effect<'_>) {
        let (kind, version) = S::kind(effect);
        let header = self.header(transaction.hlc, PayloadKind::COMPOUND, 1);
        let (offset, started) =
            transaction.add_large(&header, class, kind, version, |out| S::encode(effect, out));
        if started {
            self.core.next = offset.next();
        }
        self.core.unappended = true;
        self.core.applying = true;
        self.core.state.apply(offset, effect);
        self.core.applying = false;
    }

    /// Adds an entry that announces the shard's epoch.
    pub(crate) fn announce(&mut self, transaction: &mut Transaction, epoch: Epoch) {
        self.core.epoch = epoch;
        let header = self.header(transaction.hlc, PayloadKind::EPOCH, 1);
        transaction.batch.push(&header, Durability::Sync, |_| {});
        self.core.next = self.core.next.next();
    }

    /// Tells the shard where the batch that it is part of ends.
    pub fn appended(&mut self, position: Position) {
        self.core.position = self.core.position.max(position);
        self.core.unappended = false;
    }

    fn header(&self, hlc: u64, kind: PayloadKind, version: u8) -> EntryHeader {
        EntryHeader {
            log: self.id,
            offset: self.core.next,
            epoch: self.core.epoch,
            hlc,
            origin: 0,
            kind,
            version,
            flags: 0,
        }
    }

    /// Applies an entry of the log: recovery and followers. Entries that the state holds already, and those of older
    /// epochs, are ignored. Errors: a gap before the entry, or bytes that the state cannot take.
    pub(crate) fn replay(&mut self, entry: &EntryRef<'_>) -> Result<(), String> {
        let header = &entry.header;
        if header.offset < self.core.next {
            return Ok(());
        }
        if header.offset > self.core.next {
            return Err(format!(
                "the log goes on at offset {} where the state expects {}; entries are missing",
                header.offset, self.core.next
            ));
        }
        self.core.next = header.offset.next();
        if header.epoch < self.core.epoch {
            return Ok(());
        }
        self.core.epoch = header.epoch;
        if header.kind == PayloadKind::EPOCH {
            return Ok(());
        }
        let state = &mut self.core.state;
        let apply = AssertUnwindSafe(|| replay_effects(state, entry));
        match std::panic::catch_unwind(apply) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("entry at offset {}: {error}", header.offset)),
            Err(_) => Err(format!("a panic while the entry at offset {} was applied", header.offset)),
        }
    }

    /// Sets where the state stands after a checkpoint was restored.
    pub(crate) fn set_restored(&mut self, next: Offset, epoch: Epoch) {
        self.core.next = next;
        self.core.epoch = epoch;
    }
}

/// Applies what an entry holds: one effect, or those of a large transaction.
fn replay_effects<S: State>(state: &mut S, entry: &EntryRef<'_>) -> Result<(), ApplyError> {
    let header = &entry.header;
    if header.kind != PayloadKind::COMPOUND {
        let effect = S::decode(header.kind, header.version, entry.payload)?;
        state.apply(header.offset, &effect);
        return Ok(());
    }
    for part in large::effects(entry.payload) {
        let (kind, version, payload) = part.map_err(ApplyError::Malformed)?;
        state.apply(header.offset, &S::decode(kind, version, payload)?);
    }
    Ok(())
}
