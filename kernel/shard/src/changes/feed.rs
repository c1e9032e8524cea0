//! Feeds over shards whose state can say what its effects mean to others.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{LogId, Offset};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, Gap, Journal, PayloadKind, StoredEntry};
use bytes::Bytes;
use parking_lot::RwLock;

use super::{Bounds, Change, Changes, Cursor, Details, Feed};
use crate::{ApplyError, Error, Pin, Pins, Shard, State, large};

/// Entries that are looked through at a time, in bytes.
const LOOK_BYTES: usize = 1 << 20;
/// Entries that are read at a time, in bytes. The journal remembers where a read ended: who stops elsewhere starts at a segment's beginning next time. So all of them
/// are shown, unless attachments make them too many.
const PIECE_BYTES: usize = 64 << 10;

/// What an effect is to others: the operation, the key if it is about one, and the rest.
pub type Shown = (&'static str, Option<Bytes>, Details);

/// A state whose effects can be shown to others.
pub trait Projection: State {
    /// The change that an effect is to others; `None` if it is housekeeping. A function of the effect alone.
    fn project(effect: &Self::Effect<'_>) -> Option<Shown>;
}

/// What a feed reads from: a log, and how its payloads are shown.
pub trait Source: Send + Sync {
    /// The log.
    fn log(&self) -> LogId;
    /// The offset that recovery would replay from: entries below it were durable.
    fn checkpoint(&self) -> Offset;
    /// Why the shard is quarantined, if it is.
    fn quarantined(&self) -> Option<Error>;
    /// What a payload is to others.
    fn project(&self, kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Option<Shown>, ApplyError>;
}

struct OfShard<S>(Arc<Shard<S>>, PhantomData<fn() -> S>);

impl<S: Projection> Source for OfShard<S> {
    fn log(&self) -> LogId {
        self.0.id()
    }

    fn checkpoint(&self) -> Offset {
        self.0.checkpoint()
    }

    fn quarantined(&self) -> Option<Error> {
        let reason = self.0.quarantined()?;
        Some(Error::Quarantined { shard: self.0.name().to_owned(), reason })
    }

    fn project(&self, kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Option<Shown>, ApplyError> {
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
            changes.extend(projected.map(|(operation, key, details)| Change {
                offset,
                hlc,
                operation,
                key,
                details,
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

/// What came of a piece of a read.
struct Piece {
    /// Bytes of its changes.
    bytes: usize,
    /// Whether the read ends with it, though there may be more.
    is_last: bool,
}

impl Feeds {
    /// Where a log stands. After a start that could not announce an epoch, the journal does not know of a log whose entries are all gone; its checkpoint does.
    fn bounds_of(&self, source: &dyn Source) -> Bounds {
        let checkpoint = source.checkpoint();
        let first = self.journal.first(source.log());
        let tail = self.journal.tail(source.log());
        if tail < checkpoint {
            Bounds { first: checkpoint, tail: checkpoint }
        } else {
            Bounds { first, tail }
        }
    }

    /// A shard's source, and where it stands; `from` is not beyond its tail. Errors: those of reads.
    fn open(&self, dataset: &str, shard: u32, from: Offset) -> Result<(Arc<dyn Source>, Bounds), Error> {
        let source = self.source(dataset, shard)?;
        if let Some(error) = source.quarantined() {
            return Err(error);
        }
        let bounds = self.bounds_of(&*source);
        if from > bounds.tail {
            let (log, tail) = (source.log(), bounds.tail);
            return Err(Error::Journal(bole_log::Error::BeyondTail { log, offset: from, tail }));
        }
        Ok((source, bounds))
    }

    /// Adds what the next entries are to `feed`, which was asked for from `from` on.
    fn read_piece(
        &self,
        source: &dyn Source,
        from: Offset,
        feed: &mut Feed,
        bytes_left: usize,
    ) -> Result<Piece, Error> {
        let mut piece = Piece { bytes: 0, is_last: false };
        let read = self.journal.read(source.log(), feed.next.offset, bytes_left.min(PIECE_BYTES))?;
        if let Some(gap) = read.gap {
            // Trimmed since we looked. What was read before the gap goes first.
            if feed.changes.is_empty() {
                feed.gap = Some(Gap { from, to: gap.to });
                feed.next.offset = gap.to;
            }
            return Ok(Piece { is_last: true, ..piece });
        }
        for entry in &read.entries {
            let offset = entry.header.offset;
            feed.next.offset = offset.next();
            if entry.header.epoch < feed.next.epoch {
                continue;
            }
            feed.next.epoch = entry.header.epoch;
            if entry.header.kind == PayloadKind::EPOCH {
                continue;
            }
            let known = feed.changes.len();
            match self.add_changes(source, entry, &mut feed.changes) {
                Err(error) if self.is_left_over(source, offset, &error) => {
                    if known > 0 {
                        // The next read begins with this gap.
                        feed.next.offset = offset;
                        return Ok(Piece { is_last: true, ..piece });
                    }
                    feed.gap = Some(Gap { from, to: feed.next.offset });
                }
                outcome => outcome?,
            }
            piece.bytes += feed.changes[known..].iter().map(Change::bytes).sum::<usize>();
            if entry.header.flags & FLAG_ATTACHMENT != 0 && piece.bytes >= bytes_left {
                break;
            }
        }
        Ok(piece)
    }

    /// An entry whose attachment is gone was trimmed and came back with a crash, because trim is not durable: what is before the next entry is gone.
    fn is_left_over(&self, source: &dyn Source, offset: Offset, error: &Error) -> bool {
        let is_gone = matches!(error, Error::Journal(bole_log::Error::NoAttachment(_)));
        let is_left_over = is_gone && offset < source.checkpoint();
        if is_left_over {
            self.journal.trim(source.log(), offset.next());
        }
        is_left_over
    }
}

impl Changes for Feeds {
    fn datasets(&self) -> Vec<String> {
        self.datasets.read().keys().cloned().collect()
    }

    fn shards(&self, dataset: &str) -> Result<u32, Error> {
        let datasets = self.datasets.read();
        let shards = datasets.get(dataset).map(|shards| shards.len() as u32);
        shards.ok_or_else(|| Error::Refused(format!("dataset {dataset:?} has no feed")))
    }

    fn bounds(&self, dataset: &str, shard: u32) -> Result<Bounds, Error> {
        Ok(self.bounds_of(&*self.source(dataset, shard)?))
    }

    fn read(&self, dataset: &str, shard: u32, from: Cursor, bytes_max: usize) -> Result<Feed, Error> {
        let (source, bounds) = self.open(dataset, shard, from.offset)?;
        let gap = (from.offset < bounds.first).then_some(Gap { from: from.offset, to: bounds.first });
        let next = Cursor { offset: from.offset.max(bounds.first), ..from };
        let mut feed = Feed { gap, changes: Vec::new(), next };
        let mut bytes = 0;
        while feed.next.offset < bounds.tail {
            let piece = self.read_piece(&*source, from.offset, &mut feed, bytes_max.saturating_sub(bytes))?;
            bytes += piece.bytes;
            if bytes >= bytes_max || piece.is_last {
                break;
            }
        }
        Ok(feed)
    }

    fn times(
        &self,
        dataset: &str,
        shard: u32,
        from: Offset,
        visit: &mut dyn FnMut(Offset, u64) -> bool,
    ) -> Result<(), Error> {
        let (source, bounds) = self.open(dataset, shard, from)?;
        let mut at = from.max(bounds.first);
        while at < bounds.tail {
            let read = self.journal.read(source.log(), at, LOOK_BYTES)?;
            for entry in read.entries.iter().filter(|entry| entry.header.kind != PayloadKind::EPOCH) {
                if !visit(entry.header.offset, entry.header.hlc) {
                    return Ok(());
                }
            }
            at = read.next;
        }
        Ok(())
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
        if self.bounds_of(&*source).tail > from.offset {
            return Poll::Ready(Ok(()));
        }
        let tail = self.journal.poll_tail(source.log(), from.offset, context);
        tail.map(|tail| tail.map(drop).map_err(Error::from))
    }

    fn pin(&self, dataset: &str, shard: u32, from: Offset) -> Result<Pin, Error> {
        self.pins.pin(self.source(dataset, shard)?.log(), from)
    }

    fn keep(&self, dataset: &str) -> Result<(), Error> {
        for shard in 0..self.shards(dataset)? {
            self.pins.keep(self.source(dataset, shard)?.log());
        }
        Ok(())
    }
}
