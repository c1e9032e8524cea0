//! Reading durable entries: one log from an offset, or everything for replay.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::HashMap;
use std::sync::Arc;

use bole_base::{Durability, LogId, Offset, Position};

use crate::entry::{Batch, Entries, EntryRef, FLAG_COPIED};
use crate::index::View;
use crate::scan::{Cursor, Step};
use crate::segment::Segment;
use crate::{Error, Wal};

/// Readings whose positions are remembered, in each of two generations.
const HINTS_MAX: usize = 2048;

/// Where reads of a log stopped, by log and offset, so that who tails a log does not start at its segment's beginning each time. Several
/// readers of one log at different places do not disturb each other.
#[derive(Default)]
pub(crate) struct Hints {
    young: HashMap<(u64, u64), u64>,
    old: HashMap<(u64, u64), u64>,
}

impl Hints {
    fn get(&self, log: u64, offset: u64) -> Option<u64> {
        self.young.get(&(log, offset)).or_else(|| self.old.get(&(log, offset))).copied()
    }

    /// A read stopped before `offset`, at `position`.
    fn set(&mut self, log: u64, offset: u64, position: u64) {
        if self.young.len() >= HINTS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert((log, offset), position);
    }
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadEnd {
    /// Entries that were asked for and are gone: from the first up to but not including the second.
    pub gap: Option<(Offset, Offset)>,
    /// Where the next read goes on.
    pub next: Offset,
}

impl Wal {
    /// Visits durable entries of `log` from `from` on, in order and without holes, until `visit` returns false.
    /// Errors: `BeyondTail`, `Corrupt`.
    pub fn read(
        &self,
        log: LogId,
        from: Offset,
        mut visit: impl FnMut(&EntryRef<'_>) -> bool,
    ) -> Result<ReadEnd, Error> {
        let view = self.index().lock().view(log);
        let tail = view.as_ref().map_or(0, |view| view.next);
        if from.0 > tail {
            return Err(Error::BeyondTail { log, offset: from, tail: Offset(tail) });
        }
        let Some(view) = view else { return Ok(ReadEnd { gap: None, next: from }) };
        let start = from.0.max(view.first);
        let gap = (start > from.0).then_some((from, Offset(start)));
        let hint = self.hints().lock().get(log.0, start);
        let (next, position) =
            self.read_range(log, &view, start, view.next, hint, &mut |entry| Ok(visit(entry)))?;
        self.hints().lock().set(log.0, next, position);
        Ok(ReadEnd { gap, next: Offset(next) })
    }

    /// Visits the entries of a log from `next` up to `until`. Returns where it stopped: offset and position.
    fn read_range(
        &self,
        log: LogId,
        view: &View,
        mut next: u64,
        until: u64,
        hint: Option<u64>,
        visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<bool, Error>,
    ) -> Result<(u64, u64), Error> {
        let mut hint =
            hint.filter(|position| view.segments.first().is_some_and(|first| *position >= first.base));
        while next < until {
            let at = view.pieces.partition_point(|piece| piece.first <= next).saturating_sub(1);
            let Some(piece) = view.pieces.get(at) else { break };
            let piece_end = view.pieces.get(at + 1).map_or(view.next, |piece| piece.first).min(until);
            let segment_at = segment_at(&view.segments, piece.position);
            // A hint is of use only inside the segment that holds the piece.
            let hinted = hint.take().filter(|position| {
                *position >= piece.position
                    && segment_at == crate::reader::segment_at(&view.segments, *position)
            });
            let start = hinted.unwrap_or(piece.position);
            let mut cursor = self.cursor(&view.segments, segment_at, start, view.synced)?;
            while next < piece_end {
                let position = cursor.0.position();
                let Some(body) = step(&mut cursor)? else {
                    return Err(missing(&cursor.1, cursor.0.offset(), log, next));
                };
                for entry in Entries::new(body).map_while(Result::ok) {
                    let header = entry.header;
                    if header.log != log || header.offset.0 != next || next >= piece_end {
                        continue;
                    }
                    next += 1;
                    if !visit(&entry)? {
                        let after = view.pieces.get(at + 1).map_or(view.synced, |piece| piece.position);
                        return Ok((next, if next < piece_end { position } else { after }));
                    }
                }
            }
        }
        Ok((next, view.synced))
    }

    fn cursor<'a>(
        &self,
        segments: &'a [Arc<Segment>],
        at: usize,
        position: u64,
        synced: u64,
    ) -> Result<(Cursor<'a>, Arc<Segment>), Error> {
        let Some(segment) = segments.get(at) else {
            let what = format!("no segment holds position {position}");
            return Err(Error::Corrupt { file: self.dir().to_path_buf(), offset: 0, what });
        };
        let limit = segments.get(at + 1).map_or(synced, |next| next.base.min(synced));
        let cursor = Cursor::new(
            segment.file.as_ref(),
            self.scan_seed(),
            segment.generation,
            segment.base,
            position,
            limit,
        );
        Ok((cursor, Arc::clone(segment)))
    }

    /// Visits every retained durable entry in journal order; the entries of one log in order of offset, each once.
    /// `visit` may fail with an error of its own.
    pub fn replay<E: From<Error>>(
        &self,
        visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (segments, synced, mut expected) = {
            let index = self.index().lock();
            (index.segment_list(), index.synced(), index.firsts())
        };
        for at in 0..segments.len() {
            if segments[at].base >= synced {
                break;
            }
            let mut cursor = self.cursor(&segments, at, segments[at].base, synced)?;
            while let Some(body) = step(&mut cursor)? {
                for entry in Entries::new(body).map_while(Result::ok) {
                    let log = entry.header.log;
                    let Some(next) = expected.get_mut(&log.0) else { continue };
                    match entry.header.offset.0.cmp(next) {
                        Less => {}
                        Equal => {
                            *next += 1;
                            visit(&entry)?;
                        }
                        // The entries before this one were moved behind it.
                        Greater => self.catch_up(log, next, entry.header.offset.0, visit).and_then(|()| {
                            *next = entry.header.offset.0 + 1;
                            visit(&entry)
                        })?,
                    }
                }
            }
        }
        Ok(())
    }

    fn catch_up<E: From<Error>>(
        &self,
        log: LogId,
        next: &mut u64,
        until: u64,
        visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let view = self.index().lock().view(log);
        // A log that was trimmed or forgotten meanwhile has nothing to catch up with.
        let Some(view) = view.filter(|view| view.first < until) else { return Ok(()) };
        let from = (*next).max(view.first);
        let mut failed = None;
        self.read_range(log, &view, from, until, None, &mut |entry| {
            failed = visit(entry).err();
            Ok(failed.is_none())
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Appends the retained entries of `log` again, so that the segments that hold them can be freed once the copy is
    /// fsynced. For a log with few entries that nobody appends to just now. `Ok(None)`: there is nothing to copy, the entries do not fit into one
    /// batch, or there is no space just now.
    ///
    /// Appends of the log's owner may go on meanwhile: a reader puts entries in order of offset.
    pub fn copy_forward(&self, log: LogId) -> Result<Option<Position>, Error> {
        let Some(view) = self.index().lock().view(log).filter(|view| view.first < view.next) else {
            return Ok(None);
        };
        let mut batch = Batch::new();
        let max = self.batch_bytes_max();
        let mut fits = true;
        self.read_range(log, &view, view.first, view.next, None, &mut |entry| {
            let mut header = entry.header;
            header.flags |= FLAG_COPIED;
            batch.push_entry(&EntryRef { header, ..*entry }, Durability::Async);
            fits = batch.bytes().len() <= max;
            Ok(fits)
        })?;
        if !fits || !self.try_admit_held(self.batch_cost(batch.bytes().len()))? {
            return Ok(None);
        }
        let position = self.append(&batch)?;
        self.write_queued()?;
        Ok(Some(position))
    }
}

/// The body of the next frame; `None` at the end of the segment's durable part.
fn step<'c>((cursor, segment): &'c mut (Cursor<'_>, Arc<Segment>)) -> Result<Option<&'c [u8]>, Error> {
    let offset = cursor.offset();
    let corrupt = |what: String| Error::Corrupt { file: segment.path.clone(), offset, what };
    match cursor.next() {
        Ok(Step::End) => Ok(None),
        Ok(Step::Frame(_, body)) => Ok(Some(body)),
        Ok(Step::Damage(what)) => Err(corrupt(what.to_owned())),
        Err(error) => Err(corrupt(format!("cannot read: {error}"))),
    }
}

fn segment_at(segments: &[Arc<Segment>], position: u64) -> usize {
    segments.partition_point(|segment| segment.base <= position).saturating_sub(1)
}

fn missing(segment: &Segment, offset: u64, log: LogId, next: u64) -> Error {
    let what = format!("entry {next} of log {log} is not where it was written");
    Error::Corrupt { file: segment.path.clone(), offset, what }
}
