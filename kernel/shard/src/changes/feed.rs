//! Feeds over shards whose state can say what its effects mean to others.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{LogId, Offset};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{AttachmentId, Gap, Journal, PayloadKind, StoredEntry};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::{Bounds, Change, Changes, Cursor, Details, Feed};
use crate::{ApplyError, Error, Pin, Pins, Shard, State, large};

/// Entries that are looked through at a time, in bytes.
const LOOK_BYTES: usize = 1 << 20;
/// Entries that are read at a time, in bytes. The journal remembers where a read ended: who stops elsewhere starts at a segment's beginning next time. So all of them
/// are shown, unless attachments make them too many.
const PIECE_BYTES: usize = 64 << 10;
/// A read ends when it has looked through so many bytes of entries: most of them may be about something else.
const READ_BYTES: usize = 16 << 20;

/// What an effect is to others: the operation, the key if it is about one, and the rest.
pub type Shown = (&'static str, Option<Bytes>, Details);

/// A state whose effects can be shown to others.
pub trait Projection: State {
    /// The change that an effect is to others; `None` if it is housekeeping. A function of the effect alone.
    fn project(effect: &Self::Effect<'_>) -> Option<Shown>;
}

/// An entry's effect, as a source is given it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The entry's offset in the log.
    pub offset: Offset,
    /// Its hybrid-logical-clock time.
    pub hlc: u64,
    /// The payload's kind.
    pub kind: PayloadKind,
    /// The version of the payload's layout.
    pub version: u8,
    /// The payload.
    pub payload: &'a [u8],
    /// The first part that is wanted: changes of those before it were read already.
    pub first_part: u64,
}

/// What a feed reads from: a log, and how its payloads are shown.
pub trait Source: Send + Sync {
    /// The log.
    fn log(&self) -> LogId;
    /// The offset that recovery would replay from: entries below it were durable.
    fn checkpoint(&self) -> Offset;
    /// Why the shard is quarantined, if it is.
    fn quarantined(&self) -> Option<Error>;
    /// How many low bits of the feed's offsets number the changes of an entry. 0: all changes of an entry have its offset.
    fn part_bits(&self) -> u32 {
        0
    }
    /// Hands each change that the entry is to others to `show`, with its part, rising from `first_part` on, until that answers `false`.
    /// A function of the log alone: the same entry gives the same changes for ever.
    fn project(&self, entry: Entry<'_>, show: &mut Show<'_>) -> Result<(), ApplyError>;
}

/// Takes a change and its part; whether more are wanted.
type Show<'a> = dyn FnMut(u64, Shown) -> bool + 'a;

/// Datasets of one shard that come and go with what a service holds, so that nobody has to add and remove them.
pub trait Directory: Send + Sync {
    /// Those that are there, by name.
    fn datasets(&self) -> Vec<String>;
    /// What the feed of `dataset` reads from; `None` if it is not one of these or not there.
    fn source(&self, dataset: &str) -> Option<Arc<dyn Source>>;
}

/// How the offsets of a feed are made of those of its log.
#[derive(Clone, Copy)]
struct Scale(u32);

impl Scale {
    /// The first offset of an entry.
    const fn up(self, offset: Offset) -> Offset {
        Offset(offset.0 << self.0)
    }

    /// The entry that an offset is in.
    const fn down(self, offset: Offset) -> Offset {
        Offset(offset.0 >> self.0)
    }

    /// The part of its entry.
    const fn part(self, offset: Offset) -> u64 {
        offset.0 & ((1 << self.0) - 1)
    }
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

    fn project(&self, entry: Entry<'_>, show: &mut Show<'_>) -> Result<(), ApplyError> {
        let effect = S::decode(entry.kind, entry.version, entry.payload)?;
        if let Some(shown) = S::project(&effect) {
            show(0, shown);
        }
        Ok(())
    }
}

type Shards = BTreeMap<u32, Arc<dyn Source>>;

/// The feeds of the datasets that were added, on one journal.
pub struct Feeds {
    journal: Arc<dyn Journal>,
    pins: Pins,
    datasets: RwLock<BTreeMap<String, Shards>>,
    directories: RwLock<Vec<Arc<dyn Directory>>>,
    /// Held while an attachment is shown, which may be large: one at a time is in memory.
    attachments: Mutex<()>,
}

impl Feeds {
    /// No feeds yet. `pins` are the runtime's.
    pub fn new(journal: Arc<dyn Journal>, pins: Pins) -> Self {
        let (datasets, directories, attachments) = Default::default();
        Self { journal, pins, datasets, directories, attachments }
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

    /// Shows the datasets of a directory too.
    pub fn add_directory(&self, directory: Arc<dyn Directory>) {
        self.directories.write().push(directory);
    }

    fn listed(&self, dataset: &str) -> Option<Arc<dyn Source>> {
        self.directories.read().iter().find_map(|directory| directory.source(dataset))
    }

    /// Ends the feeds of a dataset that was dropped.
    pub fn remove(&self, dataset: &str) {
        self.datasets.write().remove(dataset);
    }

    fn source(&self, dataset: &str, shard: u32) -> Result<Arc<dyn Source>, Error> {
        let missing = |count| {
            Error::Refused(format!("dataset {dataset:?} has {count} shards; shard {shard} does not exist"))
        };
        if let Some(shards) = self.datasets.read().get(dataset) {
            return shards.get(&shard).cloned().ok_or_else(|| missing(shards.len()));
        }
        let listed = self.listed(dataset);
        let source = listed.ok_or_else(|| Error::Refused(format!("dataset {dataset:?} has no feed")))?;
        if shard == 0 { Ok(source) } else { Err(missing(1)) }
    }

    /// Adds what an entry is to others: a change, none, or as many as it has effects. With split offsets it stops when there are `bytes_max` bytes; then the
    /// offset to go on at is answered.
    fn add_changes(
        &self,
        source: &dyn Source,
        entry: &StoredEntry,
        (first_part, bytes_max): (u64, usize),
        changes: &mut Vec<Change>,
    ) -> Result<Option<Offset>, Error> {
        let header = &entry.header;
        let is_attached = header.flags & FLAG_ATTACHMENT != 0;
        let _one_at_a_time = is_attached.then(|| self.attachments.lock());
        let payload = self.payload(entry)?;
        let scale = Scale(source.part_bits());
        let (hlc, mut bytes, mut rest) = (header.hlc, 0, None);
        let mut show = |part, (operation, key, details)| {
            let offset = Offset(scale.up(header.offset).0 + part);
            let is_other = changes.last().is_none_or(|last: &Change| last.offset != offset);
            if scale.0 > 0 && bytes >= bytes_max && bytes > 0 && is_other {
                rest = Some(offset);
                return false;
            }
            let change = Change { offset, hlc, operation, key, details };
            bytes += change.bytes();
            changes.push(change);
            true
        };
        let mut add = |kind, version, payload: &[u8]| {
            let entry_of = Entry { offset: header.offset, hlc, kind, version, payload, first_part };
            source.project(entry_of, &mut show).map_err(|error| corrupt(entry, &error.to_string()))
        };
        if header.kind == PayloadKind::COMPOUND {
            for effect in large::effects(&payload) {
                let (kind, version, payload) = effect.map_err(|reason| corrupt(entry, &reason))?;
                add(kind, version, payload)?;
            }
        } else {
            add(header.kind, header.version, &payload)?;
        }
        Ok(rest)
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
    /// Bytes of entries that were looked through.
    looked: usize,
    /// Whether the read ends with it, though there may be more.
    is_last: bool,
}

impl Feeds {
    /// Where a log stands. After a start that could not announce an epoch, the journal does not know of a log whose entries are all gone; its checkpoint does.
    fn bounds_of(&self, source: &dyn Source) -> Bounds {
        let checkpoint = source.checkpoint();
        let first = self.journal.first(source.log());
        let tail = self.journal.tail(source.log());
        let scale = Scale(source.part_bits());
        if tail < checkpoint {
            Bounds { first: scale.up(checkpoint), tail: scale.up(checkpoint) }
        } else {
            Bounds { first: scale.up(first), tail: scale.up(tail) }
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
        let mut piece = Piece { bytes: 0, looked: 0, is_last: false };
        let scale = Scale(source.part_bits());
        let start = feed.next.offset;
        let read = self.journal.read(source.log(), scale.down(start), bytes_left.min(PIECE_BYTES))?;
        if let Some(gap) = read.gap {
            // Trimmed since we looked. What was read before the gap goes first.
            if feed.changes.is_empty() {
                feed.gap = Some(Gap { from, to: scale.up(gap.to) });
                feed.next.offset = scale.up(gap.to);
            }
            return Ok(Piece { is_last: true, ..piece });
        }
        for entry in &read.entries {
            let offset = entry.header.offset;
            let first_part = if offset == scale.down(start) { scale.part(start) } else { 0 };
            feed.next.offset = scale.up(offset.next());
            piece.looked += entry.payload.len();
            if entry.header.epoch < feed.next.epoch {
                continue;
            }
            feed.next.epoch = entry.header.epoch;
            if entry.header.kind == PayloadKind::EPOCH {
                continue;
            }
            let known = feed.changes.len();
            let wanted = (first_part, bytes_left.saturating_sub(piece.bytes));
            match self.add_changes(source, entry, wanted, &mut feed.changes) {
                Err(error) if self.is_left_over(source, offset, &error) => {
                    if known > 0 {
                        // The next read begins with this gap.
                        feed.next.offset = scale.up(offset);
                        return Ok(Piece { is_last: true, ..piece });
                    }
                    feed.gap = Some(Gap { from, to: feed.next.offset });
                }
                Err(_) if known > 0 => {
                    // What is before an entry that cannot be shown goes first; the next read says why there is no more.
                    feed.changes.truncate(known);
                    feed.next.offset = scale.up(offset);
                    return Ok(Piece { is_last: true, ..piece });
                }
                Ok(Some(rest)) => {
                    feed.next.offset = rest;
                    return Ok(Piece { is_last: true, ..piece });
                }
                outcome => drop(outcome?),
            }
            piece.bytes += feed.changes[known..].iter().map(Change::bytes).sum::<usize>();
            let stops_between = scale.0 > 0 || entry.header.flags & FLAG_ATTACHMENT != 0;
            if stops_between && piece.bytes >= bytes_left {
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
        let added: Vec<String> = self.datasets.read().keys().cloned().collect();
        let directories = self.directories.read();
        added.into_iter().chain(directories.iter().flat_map(|directory| directory.datasets())).collect()
    }

    fn shards(&self, dataset: &str) -> Result<u32, Error> {
        if let Some(shards) = self.datasets.read().get(dataset) {
            return Ok(shards.len() as u32);
        }
        self.source(dataset, 0).map(|_| 1)
    }

    fn bounds(&self, dataset: &str, shard: u32) -> Result<Bounds, Error> {
        Ok(self.bounds_of(&*self.source(dataset, shard)?))
    }

    fn read(&self, dataset: &str, shard: u32, from: Cursor, bytes_max: usize) -> Result<Feed, Error> {
        let (source, bounds) = self.open(dataset, shard, from.offset)?;
        let gap = (from.offset < bounds.first).then_some(Gap { from: from.offset, to: bounds.first });
        let next = Cursor { offset: from.offset.max(bounds.first), ..from };
        let mut feed = Feed { gap, changes: Vec::new(), next };
        let (mut bytes, mut looked) = (0, 0);
        while feed.next.offset < bounds.tail {
            let piece = self.read_piece(&*source, from.offset, &mut feed, bytes_max.saturating_sub(bytes))?;
            bytes += piece.bytes;
            looked += piece.looked;
            if bytes >= bytes_max || looked >= READ_BYTES || piece.is_last {
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
        let scale = Scale(source.part_bits());
        let mut at = scale.down(from.max(bounds.first));
        while at < scale.down(bounds.tail) {
            let read = self.journal.read(source.log(), at, LOOK_BYTES)?;
            for entry in read.entries.iter().filter(|entry| entry.header.kind != PayloadKind::EPOCH) {
                if !visit(scale.up(entry.header.offset).max(from), entry.header.hlc) {
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
        let from = Scale(source.part_bits()).down(from.offset);
        let tail = self.journal.poll_tail(source.log(), from, context);
        tail.map(|tail| tail.map(drop).map_err(Error::from))
    }

    fn pin(&self, dataset: &str, shard: u32, from: Offset) -> Result<Pin, Error> {
        let source = self.source(dataset, shard)?;
        let bits = source.part_bits();
        Ok(self.pins.pin(source.log(), Scale(bits).down(from))?.split(bits))
    }

    fn keep(&self, dataset: &str) -> Result<(), Error> {
        for shard in 0..self.shards(dataset)? {
            self.pins.keep(self.source(dataset, shard)?.log());
        }
        Ok(())
    }
}
