//! Where the entries of each log are: per log and segment the first offset and the position of its frame.
//!
//! Only fsynced entries are in the index. What was written since the last fsync is gathered in a [`Fresh`], which is merged
//! when its fsync returned. A log's retained entries are a row without holes that ends at the log's tail; the row is cut into
//! *pieces*, each inside one segment. The index also owns the list of segments and knows which of them may be freed:
//! those before the lowest piece of all logs.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use bole_base::{LogId, Offset};
use smallvec::SmallVec;

use crate::entry::{Entries, FLAG_COPIED};
use crate::segment::Segment;

/// Spreads log ids, which are handed out one after another, over the table.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // Fibonacci hashing: 2^64 divided by the golden ratio; the rotation brings the good bits to both ends.
        self.0 = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

pub(crate) type LogMap<V> = HashMap<u64, V, BuildHasherDefault<IdHasher>>;

/// Entries of one log that start at `first` in the frame at `position` and stay in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) first: u64,
    pub(crate) position: u64,
}

#[derive(Clone, Debug, Default)]
struct Log {
    /// The first retained offset.
    first: u64,
    /// The offset that the next durable entry gets.
    next: u64,
    /// In order of offset, without holes; empty when nothing is retained.
    pieces: SmallVec<[Piece; 1]>,
}

/// A row of entries of one log inside one segment.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    next: u64,
    position: u64,
}

/// What was written to segments since the last fsync.
#[derive(Default)]
pub(crate) struct Fresh {
    segments: Vec<LogMap<Run>>,
    copies: Vec<(u64, Run)>,
}

impl Fresh {
    /// What is added from here on is in another segment.
    pub(crate) fn begin_segment(&mut self) {
        self.segments.push(LogMap::default());
    }

    /// Adds the entries of the frame at `position`.
    pub(crate) fn add(&mut self, position: u64, body: &[u8]) {
        if self.segments.is_empty() {
            self.begin_segment();
        }
        let Some(runs) = self.segments.last_mut() else { return };
        for entry in Entries::new(body).map_while(Result::ok) {
            let (log, offset) = (entry.header.log.0, entry.header.offset.0);
            let fresh = Run { first: offset, next: offset + 1, position };
            if entry.header.flags & FLAG_COPIED != 0 {
                match self.copies.last_mut() {
                    Some((last, run)) if *last == log && run.next == offset && run.position == position => {
                        run.next += 1;
                    }
                    _ => self.copies.push((log, fresh)),
                }
                continue;
            }
            let run = runs.entry(log).or_insert(fresh);
            if offset == run.next {
                run.next += 1;
            } else if offset > run.next {
                *run = fresh;
            }
        }
    }
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInfo {
    /// The log.
    pub log: LogId,
    /// The first offset that can be read.
    pub first: Offset,
    /// The offset that the next durable entry gets.
    pub tail: Offset,
}

/// What a reader needs for one log: its pieces and the segments.
pub(crate) struct View {
    pub(crate) first: u64,
    pub(crate) next: u64,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Everything before this position is fsynced and indexed.
    pub(crate) synced: u64,
}

/// The index of a journal. See the module's description.
pub(crate) struct Index {
    logs: LogMap<Log>,
    /// Forgotten logs and the position before which their entries may still come up.
    forgotten: LogMap<u64>,
    segments: VecDeque<(Arc<Segment>, u64)>,
    synced: u64,
    /// While a journal is opened, copies extend a log downwards; later they only move what is retained.
    opening: bool,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            logs: LogMap::default(),
            forgotten: LogMap::default(),
            segments: VecDeque::new(),
            synced: 0,
            opening: true,
        }
    }

    /// Ends the opening: `synced` is the end of what was kept.
    pub(crate) fn opened(&mut self, segments: Vec<Arc<Segment>>, synced: u64) {
        self.segments = segments.into_iter().map(|segment| (segment, 0)).collect();
        self.synced = synced;
        self.opening = false;
        let firsts: Vec<u64> =
            self.logs.values().filter_map(|log| Some(log.pieces.first()?.position)).collect();
        for position in firsts {
            self.pin(position);
        }
    }

    /// Frames were moved to other segments while the journal is opened, at the same positions: `moved` says what each new segment
    /// holds, and `bases` where it starts. Pieces are cut where the new segments start.
    pub(crate) fn moved(&mut self, moved: Fresh, bases: &[u64]) {
        for (runs, base) in moved.segments.into_iter().zip(bases) {
            for (id, run) in runs {
                if let Some(log) = self.logs.get_mut(&id) {
                    log.split(run, *base);
                }
            }
        }
    }

    pub(crate) fn add_segment(&mut self, segment: Arc<Segment>) {
        self.segments.push_back((segment, 0));
    }

    fn segment_index(&self, position: u64) -> usize {
        self.segments.partition_point(|(segment, _)| segment.base <= position).saturating_sub(1)
    }

    fn pin(&mut self, position: u64) {
        let at = self.segment_index(position);
        if let Some((_, pins)) = self.segments.get_mut(at) {
            *pins += 1;
        }
    }

    fn unpin(&mut self, position: u64) {
        let at = self.segment_index(position);
        if let Some((_, pins)) = self.segments.get_mut(at) {
            *pins = pins.saturating_sub(1);
        }
    }

    /// Changes one log and keeps the pins right.
    fn change<R>(&mut self, id: u64, change: impl FnOnce(&mut Log) -> R) -> R {
        let log = self.logs.entry(id).or_default();
        let before = log.pieces.first().map(|piece| piece.position);
        let result = change(log);
        let after = log.pieces.first().map(|piece| piece.position);
        if before != after && !self.opening {
            if let Some(position) = before {
                self.unpin(position);
            }
            if let Some(position) = after {
                self.pin(position);
            }
        }
        result
    }

    /// Takes in what is durable now: everything before `synced`. Returns the logs whose tail moved.
    pub(crate) fn merge(&mut self, fresh: Fresh, synced: u64) -> Vec<u64> {
        let mut moved = Vec::new();
        for (id, run) in fresh.segments.into_iter().flatten() {
            if self.forgotten.get(&id).is_some_and(|until| run.position < *until) {
                continue;
            }
            // Of each segment one piece is enough. While a journal is opened, each segment is merged once.
            let at = self.segment_index(run.position);
            let base = if self.opening {
                u64::MAX
            } else {
                self.segments.get(at).map_or(0, |(found, _)| found.base)
            };
            if self.change(id, |log| log.extend(run, base)) {
                moved.push(id);
            }
        }
        let opening = self.opening;
        for (id, run) in fresh.copies {
            if self.forgotten.contains_key(&id) || (!opening && !self.logs.contains_key(&id)) {
                continue;
            }
            self.change(id, |log| log.replace(run, opening));
        }
        self.synced = self.synced.max(synced);
        if !self.forgotten.is_empty() {
            self.forgotten.retain(|_, until| *until > synced);
        }
        moved
    }

    pub(crate) fn tail(&self, id: LogId) -> u64 {
        self.logs.get(&id.0).map_or(0, |log| log.next)
    }

    pub(crate) fn first(&self, id: LogId) -> u64 {
        self.logs.get(&id.0).map_or(0, |log| log.first)
    }

    /// Where the log's first piece ends; its tail if there is no other piece.
    pub(crate) fn first_piece_end(&self, id: LogId) -> u64 {
        let Some(log) = self.logs.get(&id.0) else { return 0 };
        log.pieces.get(1).map_or(log.next, |piece| piece.first)
    }

    pub(crate) fn trim(&mut self, id: LogId, below: u64) {
        if self.logs.contains_key(&id.0) {
            self.change(id.0, |log| log.trim(below));
        }
    }

    /// Drops a log; entries of it before `until`, which are not fsynced yet, are not taken in later.
    pub(crate) fn forget(&mut self, id: LogId, until: u64) {
        self.trim(id, u64::MAX);
        self.logs.remove(&id.0);
        if until > self.synced {
            self.forgotten.insert(id.0, until);
        }
    }

    /// Takes the segments out of the list that no log needs and that are fsynced whole.
    pub(crate) fn take_free(&mut self) -> Vec<Arc<Segment>> {
        let mut free = Vec::new();
        while let (Some((_, 0)), Some((next, _))) = (self.segments.front(), self.segments.get(1)) {
            if next.base > self.synced {
                break;
            }
            free.extend(self.segments.pop_front().map(|(segment, _)| segment));
        }
        free
    }

    pub(crate) fn view(&self, id: LogId) -> Option<View> {
        let log = self.logs.get(&id.0)?;
        let pieces = log.pieces.to_vec();
        Some(View {
            first: log.first,
            next: log.next,
            pieces,
            segments: self.segment_list(),
            synced: self.synced,
        })
    }

    pub(crate) fn segment_list(&self) -> Vec<Arc<Segment>> {
        self.segments.iter().map(|(segment, _)| Arc::clone(segment)).collect()
    }

    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// The first retained offset of every log.
    pub(crate) fn firsts(&self) -> LogMap<u64> {
        self.logs.iter().map(|(id, log)| (*id, log.first)).collect()
    }

    pub(crate) fn logs(&self) -> Vec<LogInfo> {
        let info = |(id, log): (&u64, &Log)| LogInfo {
            log: LogId(*id),
            first: Offset(log.first),
            tail: Offset(log.next),
        };
        let mut logs: Vec<_> = self.logs.iter().map(info).collect();
        logs.sort_unstable_by_key(|info| info.log);
        logs
    }

    /// How many segments there are, how many of them the log with the oldest piece pins, and that log.
    pub(crate) fn oldest_pin(&self) -> Option<(LogId, u64)> {
        let first = |(id, log): (&u64, &Log)| Some((log.pieces.first()?.position, LogId(*id)));
        self.logs.iter().filter_map(first).min().map(|(position, id)| (id, position))
    }

    pub(crate) fn segment_count(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn first_position(&self) -> u64 {
        self.segments.front().map_or(self.synced, |(segment, _)| segment.base)
    }
}

impl Log {
    fn reset(&mut self, run: Run) {
        self.first = run.first;
        self.next = run.next;
        self.pieces.clear();
        self.pieces.push(Piece { first: run.first, position: run.position });
    }

    /// Adds a run behind the tail. Says whether the tail moved.
    fn extend(&mut self, run: Run, segment_base: u64) -> bool {
        if run.next <= self.next {
            return false;
        }
        if run.first > self.next || (self.pieces.is_empty() && self.next == 0) {
            self.reset(run);
        } else {
            if self.pieces.last().is_none_or(|piece| piece.position < segment_base) {
                self.pieces.push(Piece { first: self.next, position: run.position });
            }
            self.next = run.next;
        }
        true
    }

    /// Cuts the piece that reaches into the segment at `base`, which holds `run`.
    fn split(&mut self, run: Run, base: u64) {
        let first = run.first.max(self.first);
        let at = self.pieces.partition_point(|piece| piece.first <= first);
        let Some(piece) = at.checked_sub(1).and_then(|at| self.pieces.get_mut(at)) else { return };
        if piece.position >= base || first >= run.next {
            return;
        }
        if piece.first == first {
            piece.position = run.position;
        } else {
            self.pieces.insert(at, Piece { first, position: run.position });
        }
    }

    /// Takes in entries that were copied forward.
    fn replace(&mut self, run: Run, opening: bool) {
        if run.first > self.next || (self.pieces.is_empty() && self.next == 0) {
            return self.reset(run);
        }
        let first = if opening { run.first } else { run.first.max(self.first) };
        if run.next < self.first || (run.next == self.first && !opening) || first >= run.next {
            return;
        }
        let old = std::mem::take(&mut self.pieces);
        let mut pieces: SmallVec<[Piece; 1]> =
            old.iter().copied().filter(|piece| piece.first < first).collect();
        pieces.push(Piece { first, position: run.position });
        let straddled = old.iter().copied().rfind(|piece| piece.first <= run.next);
        if let Some(piece) = straddled.filter(|_| run.next < self.next) {
            pieces.push(Piece { first: run.next, position: piece.position });
        }
        pieces.extend(old.iter().copied().filter(|piece| piece.first > run.next));
        self.pieces = pieces;
        self.first = self.first.min(first);
        self.next = self.next.max(run.next);
    }

    fn trim(&mut self, below: u64) {
        let below = below.min(self.next);
        if below <= self.first {
            return;
        }
        self.first = below;
        if below == self.next {
            self.pieces = SmallVec::new();
            return;
        }
        let keep = self.pieces.partition_point(|piece| piece.first <= below).saturating_sub(1);
        self.pieces.drain(..keep);
        self.pieces.shrink_to_fit();
        if let Some(piece) = self.pieces.first_mut() {
            piece.first = below;
        }
    }
}
