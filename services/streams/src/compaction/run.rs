//! One run over one partition, in steps of bounded size: first the keys of the dirty segments, then all segments anew, a group of neighbours at a time.
//!
//! # Why a crash is harmless
//! - A group's new file stands beside the old ones and is fsynced, name and all, before the entry that puts it in their place is appended. Until then nothing
//!   names it, and a start removes it.
//! - The old files stay until the journal has settled, so that no recovery that lost the entry misses them.
//! - Groups are independent: with the first of them replaced and the others not, each key still has its newest record.

use std::io;
use std::sync::Arc;

use bole_base::Position;
use bole_shard::Transaction;

use crate::Error;
use crate::limits::MERGED_SEGMENTS_MAX;
use crate::partition::Partition;
use crate::partition::batch::{Batch, HEAD_BYTES, parse_head, split};
use crate::partition::entry::Effect;
use crate::partition::files::Purpose;
use crate::partition::segments::{Segment, SegmentId};

use super::keep::{Keeper, Outcome};
use super::plan::Plan;

/// About how much a step reads.
const STEP_BYTES: u64 = 1 << 20;

/// A run.
pub struct Run {
    partition: Arc<Partition>,
    plan: Plan,
    keeper: Keeper,
    cursor: Cursor,
    phase: Phase,
    /// Below this every record is in the map.
    mapped: i64,
    /// The segments that are written anew, in groups.
    groups: Vec<Vec<Segment>>,
    report: Report,
}

enum Phase {
    /// Reading the keys of this segment.
    Mapping(usize),
    /// Writing this group: the segment in it that is read, and what is written so far.
    Writing(usize, usize, Output),
    Done,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do; so many bytes were read.
    More(u64),
    /// A group is written and fsynced: [`install`] it.
    Replace(Replacement),
    /// That was all.
    Done,
}

/// Segments that take the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    old: Vec<SegmentId>,
    with: Vec<Segment>,
}

/// What a run did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes read, those for the keys included.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// Where a segment is read.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    segment: Segment,
    position: u64,
}

/// The new segments of a group: the compacted one, and the rest of one whose keys did not all fit into the map.
struct Output {
    compacted: Segment,
    rest: Option<Segment>,
    buffer: Vec<u8>,
}

impl Run {
    /// A run of `plan`, everything of which is flushed. The plan has a dirty segment.
    pub fn new(partition: Arc<Partition>, plan: Plan) -> Self {
        let keeper = Keeper::new(&plan);
        let (first, segment) = (plan.clean, plan.segments[plan.clean]);
        let cursor = Cursor { segment, position: 0 };
        let phase = Phase::Mapping(first);
        Self {
            partition,
            plan,
            keeper,
            cursor,
            phase,
            mapped: segment.id.base,
            groups: Vec::new(),
            report: Report::default(),
        }
    }

    /// What was done so far.
    pub const fn report(&self) -> Report {
        self.report
    }

    /// Does a step. Blocks on the disk. After an error the run is over; what it has written without a name goes. Errors: `Full`, `Storage`.
    pub fn step(&mut self) -> Result<Step, Error> {
        let outcome = match &self.phase {
            Phase::Mapping(_) => self.map(),
            Phase::Writing(..) => self.write(),
            Phase::Done => return Ok(Step::Done),
        };
        match outcome {
            Err(Failure::Error(error)) => {
                self.give_up();
                Err(error)
            }
            // A segment was dropped meanwhile.
            Err(Failure::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {
                self.give_up();
                Ok(Step::Done)
            }
            Err(Failure::Disk(error)) => {
                self.give_up();
                Err(Error::from_write(
                    &self.partition.files().path(self.partition.file(self.cursor.segment.id)),
                    &error,
                ))
            }
            Ok(step) => Ok(step),
        }
    }

    /// Ends the run. What is written and not yet handed out goes.
    pub fn stop(&mut self) {
        self.give_up();
    }

    fn give_up(&mut self) {
        if let Phase::Writing(_, _, output) = std::mem::replace(&mut self.phase, Phase::Done) {
            discard(&self.partition, output.segments());
        }
    }

    /// The next batches at the cursor; none at its end.
    fn read(&mut self) -> Result<Vec<Batch>, Failure> {
        let Cursor { segment, position } = self.cursor;
        let file = self.partition.file(segment.id);
        let left = segment.bytes - position;
        if left == 0 {
            return Ok(Vec::new());
        }
        let files = self.partition.files();
        let mut batches = split(&files.read(file, position, left.min(STEP_BYTES) as usize)?);
        if batches.is_empty() {
            let head = files.read(file, position, HEAD_BYTES.min(left as usize))?;
            let size = head.first_chunk::<HEAD_BYTES>().and_then(parse_head).map(|(_, size, _)| size);
            if let Some(size) = size.filter(|size| *size as u64 <= left) {
                batches = split(&files.read(file, position, size)?);
            }
        }
        if batches.is_empty() {
            let path = files.path(file);
            let text = format!("{}: no record batch at byte {position}", path.display());
            return Err(Failure::Error(Error::Storage(text)));
        }
        let bytes = batches.iter().map(|batch| batch.bytes() as u64).sum::<u64>();
        self.cursor.position += bytes;
        self.report.read += bytes;
        Ok(batches)
    }

    fn map(&mut self) -> Result<Step, Failure> {
        let Phase::Mapping(at) = self.phase else { return Ok(Step::Done) };
        let before = self.report.read;
        let batches = self.read()?;
        let ended = batches.is_empty();
        for batch in batches {
            if !self.keeper.note(&batch)? {
                return self.start_writing(at);
            }
            self.mapped = batch.last_offset() + 1;
        }
        if ended {
            self.mapped = self.plan.segments[at].end;
            if at + 1 == self.plan.segments.len() {
                return self.start_writing(at + 1);
            }
            self.phase = Phase::Mapping(at + 1);
            self.cursor = Cursor { segment: self.plan.segments[at + 1], position: 0 };
        }
        Ok(Step::More(self.report.read - before))
    }

    /// Forms the groups, now that the keys of the segments before `at` are known. One that was begun is left for the next run, unless it is the first: then it
    /// is taken apart where the map was full.
    fn start_writing(&mut self, at: usize) -> Result<Step, Failure> {
        let first_dirty = self.plan.clean;
        if at == first_dirty && self.mapped == self.plan.segments[at].id.base {
            let text = format!(
                "{}: the first batch at or above offset {} has more keys than fit into memory",
                self.partition.name(),
                self.mapped
            );
            return Err(Failure::Error(Error::Storage(text)));
        }
        let end = at.max(first_dirty + 1);
        let mut bytes = 0;
        for segment in &self.plan.segments[..end] {
            match self.groups.last_mut() {
                Some(group)
                    if bytes + segment.bytes <= self.plan.terms.segment_bytes
                        && group.len() < MERGED_SEGMENTS_MAX =>
                {
                    group.push(*segment);
                }
                _ => {
                    bytes = 0;
                    self.groups.push(vec![*segment]);
                }
            }
            bytes += segment.bytes;
        }
        self.start_group(0)?;
        Ok(Step::More(0))
    }

    fn start_group(&mut self, at: usize) -> Result<(), Failure> {
        let Some(group) = self.groups.get(at) else {
            self.phase = Phase::Done;
            return Ok(());
        };
        let output = Output::new(group);
        // What an earlier run left under this name when it was stopped.
        self.partition.files().remove(self.partition.file(output.compacted.id))?;
        self.cursor = Cursor { segment: group[0], position: 0 };
        self.phase = Phase::Writing(at, 0, output);
        Ok(())
    }

    fn write(&mut self) -> Result<Step, Failure> {
        let before = self.report.read;
        let batches = self.read()?;
        let Phase::Writing(group, within, output) = &mut self.phase else { return Ok(Step::Done) };
        let partition = &self.partition;
        if batches.is_empty() {
            *within += 1;
            if let Some(segment) = self.groups[*group].get(*within) {
                self.cursor = Cursor { segment: *segment, position: 0 };
                return Ok(Step::More(0));
            }
            let old = self.groups[*group].iter().map(|segment| segment.id).collect();
            partition.files().sync_writes(Purpose::Compaction)?;
            let with = output.segments();
            let next = *group + 1;
            self.start_group(next)?;
            return Ok(Step::Replace(Replacement { old, with }));
        }
        for batch in batches {
            if batch.base_offset >= self.mapped {
                output.begin_rest(partition, batch.base_offset, &mut self.report)?;
                output.add(&batch);
            } else if let Outcome::Stays(batch) = self.keeper.decide(&batch)? {
                output.add(&batch);
            }
        }
        output.write(partition, &mut self.report)?;
        Ok(Step::More(self.report.read - before))
    }
}

impl Output {
    fn new(group: &[Segment]) -> Self {
        let generation = group.iter().map(|segment| segment.id.generation).max().unwrap_or(0) + 1;
        let (first, last) = (group[0], group[group.len() - 1]);
        let compacted = Segment {
            id: SegmentId { base: first.id.base, generation },
            bytes: 0,
            end: last.end,
            max_timestamp: -1,
            first_timestamp: first.first_timestamp,
        };
        Self { compacted, rest: None, buffer: Vec::new() }
    }

    /// Those with batches.
    fn segments(&self) -> Vec<Segment> {
        let all = std::iter::once(self.compacted).chain(self.rest);
        all.filter(|segment| segment.bytes > 0 || !self.buffer.is_empty()).collect()
    }

    /// What follows from `base` on stays as it is, in a segment of its own that is dirty.
    fn begin_rest(&mut self, partition: &Partition, base: i64, report: &mut Report) -> Result<(), Failure> {
        if self.rest.is_some() {
            return Ok(());
        }
        self.write(partition, report)?;
        let end = std::mem::replace(&mut self.compacted.end, base);
        let id = SegmentId { base, generation: 0 };
        partition.files().remove(partition.file(id))?;
        self.rest = Some(Segment { id, bytes: 0, end, max_timestamp: -1, first_timestamp: -1 });
        Ok(())
    }

    fn add(&mut self, batch: &Batch) {
        let time = batch.fields().max_timestamp();
        let segment = self.rest.as_mut().unwrap_or(&mut self.compacted);
        segment.max_timestamp = segment.max_timestamp.max(time);
        if segment.id.generation == 0 && segment.first_timestamp < 0 {
            segment.first_timestamp = time;
        }
        self.buffer.extend_from_slice(&batch.head());
        self.buffer.extend_from_slice(&batch.body);
    }

    fn write(&mut self, partition: &Partition, report: &mut Report) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let segment = self.rest.as_mut().unwrap_or(&mut self.compacted);
        let bytes = self.buffer.len() as u64;
        let file = partition.file(segment.id);
        partition.files().write(file, segment.bytes, &self.buffer, Purpose::Compaction)?;
        segment.bytes += bytes;
        report.written += bytes;
        self.buffer.clear();
        Ok(())
    }
}

/// Why a step failed.
enum Failure {
    Disk(io::Error),
    Error(Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Removes new segments that nothing names.
fn discard(partition: &Partition, segments: Vec<Segment>) {
    for segment in segments {
        if let Err(error) = partition.files().remove(partition.file(segment.id)) {
            // The next start removes it.
            tracing::warn!(partition = partition.name(), %error, "an unfinished segment could not be removed");
        }
    }
}

/// Logs that new segments take the place of the old ones. Where the entry ends in the journal; `None` if the old ones are gone, and the new ones with them.
/// Errors: `Full`, `Storage`.
pub async fn install(
    partition: &Partition,
    transaction: &mut Transaction,
    replacement: Replacement,
) -> Result<Option<Position>, Error> {
    let Replacement { old, with } = replacement;
    let effect = Effect::Compacted { old: old.clone(), with: with.clone() };
    let bytes = effect.payload_bytes();
    let installed = partition
        .change(transaction, bytes, |state| state.segments.position_of(&old).map(|_| effect.clone()))
        .await;
    if let Ok(None) | Err(Error::Full(_)) = &installed {
        discard(partition, with);
    }
    installed
}
