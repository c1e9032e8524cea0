//! Feeds over shards whose state can say what its effects mean to others.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{Epoch, LogId, Offset};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, Journal, PayloadKind, StoredEntry};
use bytes::Bytes;
use parking_lot::RwLock;

use super::{Change, Changes, Cursor, Feed};
use crate::{ApplyError, Error, Pin, Pins, Shard, State, large};

/// A state whose effects can be shown to others.
pub trait Projection: State {
    /// The change that an effect is to others; `None` if it is housekeeping. A function of the effect alone. `offset` and `hlc` of the
    /// change are filled in by the caller.
    fn project(effect: &Self::Effect<'_>) -> Option<(&'static str, Bytes, Option<Bytes>)>;
}

/// What a feed reads from: a log, and how its payloads are shown.
pub trait Source: Send + Sync {
    /// The log.
    fn log(&self) -> LogId;
    /// Why the shard is quarantined, if it is.
    fn quarantined(&self) -> Option<Error>;
    /// What a payload is to others.
    fn project(
        &self,
        kind: PayloadKind,
        version: u8,
        payload: &[u8],
    ) -> Result<Option<(&'static str, Bytes, Option<Bytes>)>, ApplyError>;
}

struct OfShard<S>(Arc<Shard<S>>, PhantomData<fn() -> S>);

impl<S: Projection> Source for OfShard<S> {
    fn log(&self) -> LogId {
        self.0.id()
    }

    fn quarantined(&self) -> Option<Error> {
        let reason = self.0.quarantined()?;
        Some(Error::Quarantined { shard: self.0.name().to_owned(), reason })
    }

    fn project(
        &self,
        kind: PayloadKind,
        version: u8,
        payload: &[u8],
    ) -> Result<Option<(&'static str, Bytes, Option<Bytes>)>, ApplyError> {
        Ok(S::project(&S::decode(kind, version, payload)?))
    }
}

type Shards = BTreeMap<u32, Arc<dyn Source>>;

/// The feeds of the datasets that were added, on one journal.
pub struct Feeds {
    journal: Arc<dyn Journal>,
    pins: Pins,
    datasets: RwLock<BTreeMap<String, Shards>>,
}

impl Feeds {
    /// No feeds yet. `pins` are the runtime's.
    pub fn new(journal: Arc<dyn Journal>, pins: Pins) -> Self {
        Self { journal, pins, datasets: RwLock::default() }
    }

    /// Shows shard `number` of `dataset` to readers. A dataset of class `memory` has no entries, so it is not added.
    /// Errors: `Refused` for identity.
    pub fn add<S: Projection>(&self, dataset: &str, number: u32, shard: &Arc<Shard<S>>) -> Result<(), Error> {
        self.add_source(dataset, number, Arc::new(OfShard(Arc::clone(shard), PhantomData)))
    }

    /// As [`Feeds::add`], for what is not a [`Shard`].
    pub fn add_source(&self, dataset: &str, number: u32, source: Arc<dyn Source>) -> Result<(), Error> {
        if source.log() == LogId::IDENTITY {
            return Err(Error::Refused("identity has no feed".to_owned()));
        }
        self.datasets.write().entry(dataset.to_owned()).or_default().insert(number, source);
        Ok(())
    }

    /// Ends the feeds of a dataset that was dropped.
    pub fn remove(&self, dataset: &str) {
        self.datasets.write().remove(dataset);
    }

    fn source(&self, dataset: &str, shard: u32) -> Result<Arc<dyn Source>, Error> {
        let datasets = self.datasets.read();
        let shards = datasets
            .get(dataset)
            .ok_or_else(|| Error::Refused(format!("dataset {dataset:?} has no feed")))?;
        shards.get(&shard).cloned().ok_or_else(|| {
            let count = shards.len();
            Error::Refused(format!("dataset {dataset:?} has {count} shards; shard {shard} does not exist"))
        })
    }

    /// Adds what an entry is to others: a change, none, or as many as a large transaction has effects.
    fn add_changes(
        &self,
        source: &dyn Source,
        entry: &StoredEntry,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let header = &entry.header;
        let payload = self.payload(entry)?;
        let mut add = |kind, version, payload: &[u8]| {
            let projected = source.project(kind, version, payload);
            let projected = projected.map_err(|error| corrupt(entry, &error.to_string()))?;
            let (offset, hlc) = (header.offset, header.hlc);
            changes.extend(projected.map(|(operation, key, value)| Change {
                offset,
                hlc,
                operation,
                key,
                value,
            }));
            Ok(())
        };
        if header.kind != PayloadKind::COMPOUND {
            return add(header.kind, header.version, &payload);
        }
        for effect in large::effects(&payload) {
            let (kind, version, payload) = effect.map_err(|reason| corrupt(entry, &reason))?;
            add(kind, version, payload)?;
        }
        Ok(())
    }

    /// The payload, from the attachment that it names if it names one.
    fn payload(&self, entry: &StoredEntry) -> Result<Bytes, Error> {
        if entry.header.flags & FLAG_ATTACHMENT == 0 {
            return Ok(entry.payload.clone());
        }
        let nameless = || corrupt(entry, "it names no attachment");
        if entry.header.kind == PayloadKind::COMPOUND {
            let (id, part) = large::part_name(&entry.payload).ok_or_else(nameless)?;
            return Ok(self.journal.attachment(&id)?.slice(part));
        }
        Ok(self.journal.attachment(&AttachmentId::from_bytes(&entry.payload).ok_or_else(nameless)?)?)
    }
}

fn corrupt(entry: &StoredEntry, reason: &str) -> Error {
    let text = format!("entry {} of log {}: {reason}", entry.header.offset, entry.header.log);
    Error::Journal(bole_log::Error::Corrupt(text))
}

impl Changes for Feeds {
    fn shards(&self, dataset: &str) -> Result<u32, Error> {
        let datasets = self.datasets.read();
        let shards = datasets.get(dataset).map(|shards| shards.len() as u32);
        shards.ok_or_else(|| Error::Refused(format!("dataset {dataset:?} has no feed")))
    }

    fn read(&self, dataset: &str, shard: u32, from: Cursor, bytes_max: usize) -> Result<Feed, Error> {
        let source = self.source(dataset, shard)?;
        if let Some(error) = source.quarantined() {
            return Err(error);
        }
        let read = self.journal.read(source.log(), from.offset, bytes_max)?;
        let mut epoch: Epoch = from.epoch;
        let mut changes = Vec::new();
        for entry in &read.entries {
            if entry.header.epoch < epoch {
                continue;
            }
            epoch = entry.header.epoch;
            if entry.header.kind != PayloadKind::EPOCH {
                self.add_changes(&*source, entry, &mut changes)?;
            }
        }
        Ok(Feed { gap: read.gap, changes, next: Cursor { offset: read.next, epoch } })
    }

    fn poll_ready(
        &self,
        dataset: &str,
        shard: u32,
        from: Cursor,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let source = match self.source(dataset, shard) {
            Ok(source) => source,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let tail = self.journal.poll_tail(source.log(), from.offset, context);
        tail.map(|tail| tail.map(drop).map_err(Error::from))
    }

    fn pin(&self, dataset: &str, shard: u32, from: Offset) -> Result<Pin, Error> {
        self.pins.pin(self.source(dataset, shard)?.log(), from)
    }
}
