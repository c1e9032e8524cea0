//! Positions, reading and committing of one sink. It waits for nothing but the journal and knows no time: [`super::worker`] says when.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;

use bole_base::Kind;
use bole_shard::Runtime;
use bole_shard::participant::upserts::{self, Upserts};
use bole_shard::participant::{Committed, Participants, Request};

use super::batch::Batch;
use super::{Plan, Target, group_of};
use crate::Error;
use crate::groups::coordinator::participant::{Move, SERVICE, commit_request};
use crate::groups::offsets::FetchRequest;
use crate::groups::{self, Coordinator};
use crate::limits::SINK_PARTITIONS_PER_BATCH_MAX;
use crate::partition::Partition;
use crate::partition::batch::Batch as Stored;
use crate::partition::read::{Batches, Isolation};
use crate::partition::state::Aborted;
use crate::protocol::ErrorCode;
use crate::protocol::batch::Record;
use crate::records;

/// About how much is read of a partition at once.
const READ_BYTES: usize = 256 << 10;

/// What a pump needs of the node.
#[derive(Clone)]
pub struct Parts {
    /// The journal.
    pub runtime: Arc<Runtime>,
    /// Who takes part in batches.
    pub participants: Arc<Participants>,
    /// Where the position is kept.
    pub groups: Arc<Coordinator>,
}

/// Why a sink does not get on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The next record in line can never be written as it is, or its target does not take it now.
    #[error("{0}")]
    Record(String),
    /// The batch was refused, or is too large; with fewer records it shows which one is the reason.
    #[error("{0}")]
    Batch(String),
    /// The journal, the disk or a shard.
    #[error("{0}")]
    Node(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Node(error.to_string())
    }
}

impl From<bole_shard::Error> for Failure {
    fn from(error: bole_shard::Error) -> Self {
        match &error {
            bole_shard::Error::Refused(_) => Self::Batch(error.to_string()),
            bole_shard::Error::Journal(inner) if inner.kind() == Kind::InvalidInput => {
                Self::Batch(error.to_string())
            }
            _ => Self::Node(error.to_string()),
        }
    }
}

/// Where a sink stands in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// What is committed.
    committed: Option<i64>,
    /// The next record to take.
    next: i64,
}

/// What was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Keys that were written.
    pub keys: u64,
    /// Records that they come from.
    pub records: u64,
}

/// Records that were read and not taken yet.
struct Taken {
    partition: usize,
    records: VecDeque<Record>,
    /// Where to go on behind them.
    end: i64,
}

/// The sink of one topic at work.
pub struct Pump {
    parts: Parts,
    topic: groups::Topic,
    group: Arc<str>,
    partitions: Arc<[Arc<Partition>]>,
    places: Vec<Place>,
    batch: Batch,
    records: u64,
    read: Option<Taken>,
    /// The partition that is read next.
    turn: usize,
    /// The first of the batch: where to look if it is refused.
    first: Option<(usize, i64)>,
}

impl Pump {
    /// A sink that has read nothing; [`Pump::load`] comes first.
    pub fn new(parts: Parts, topic: groups::Topic, partitions: Arc<[Arc<Partition>]>) -> Self {
        let group = Arc::from(group_of(&topic.name));
        Self {
            parts,
            topic,
            group,
            partitions,
            places: Vec::new(),
            batch: Batch::default(),
            records: 0,
            read: None,
            turn: 0,
            first: None,
        }
    }

    /// What is committed in the group, by partition.
    async fn committed(&self) -> Result<BTreeMap<i32, i64>, Error> {
        let request = FetchRequest {
            group: Arc::clone(&self.group),
            member: None,
            places: None,
            require_stable: false,
        };
        let mut committed = BTreeMap::new();
        for fetched in self.parts.groups.fetch_offsets(&request).await? {
            if fetched.topic == self.topic.name
                && let Some(offset) = fetched.committed?
            {
                committed.insert(fetched.partition, offset.offset);
            }
        }
        Ok(committed)
    }

    /// Whether somebody has moved the position since it was loaded or committed. Errors: `CoordinatorNotAvailable`.
    pub async fn is_moved(&self) -> Result<bool, Error> {
        let committed = self.committed().await?;
        let moved = |(at, place): (usize, &Place)| committed.get(&(at as i32)).copied() != place.committed;
        Ok(self.places.iter().enumerate().any(moved))
    }

    /// Forgets what was read and goes on at the committed position; where nothing is committed, at the first record.
    /// Errors: `CoordinatorNotAvailable`, `Storage`.
    pub async fn load(&mut self) -> Result<(), Error> {
        let committed = self.committed().await?;
        let mut places = Vec::with_capacity(self.partitions.len());
        for (at, partition) in self.partitions.iter().enumerate() {
            let committed = committed.get(&(at as i32)).copied();
            let next = match committed {
                Some(offset) => offset,
                None => partition.lock()?.state().log_start,
            };
            places.push(Place { committed, next });
        }
        self.places = places;
        self.forget_batch();
        self.read = None;
        Ok(())
    }

    fn forget_batch(&mut self) {
        self.batch.clear();
        self.records = 0;
        self.first = None;
    }

    /// Whether a record waits to be written.
    pub fn has_writes(&self) -> bool {
        !self.batch.is_empty()
    }

    /// How many records a batch that failed came from.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Whether positions have moved beyond what is committed.
    pub fn is_ahead(&self) -> bool {
        self.places.iter().any(Place::is_ahead)
    }

    /// Records between the committed position and the end.
    pub fn lag(&self) -> u64 {
        let behind = |(partition, place): (&Arc<Partition>, &Place)| {
            let end = partition.lock().map_or(0, |locked| locked.state().high_watermark);
            let from = place.committed.unwrap_or(place.next);
            end.saturating_sub(from).max(0) as u64
        };
        self.partitions.iter().zip(&self.places).map(behind).sum()
    }

    /// Whether there may be something to take: a look at the partitions, without the disk.
    pub fn has_more(&self) -> bool {
        self.read.is_some()
            || self.partitions.iter().zip(&self.places).any(|(partition, place)| {
                // What is wrong with a partition, taking says.
                partition.lock().map_or(true, |locked| {
                    let state = locked.state();
                    place.next < state.last_stable_offset()
                        || place.next < state.log_start
                        || place.next > state.next_offset
                })
            })
    }

    /// Takes records until the batch is full (`true`) or there are no more. Blocks on the disk where records are not in memory. With `records_max` 1 a batch is one record, even
    /// where the next has the same key: it shows which one is the reason for an error, and what comes before that is written.
    ///
    /// Errors: `Record` for one that no target can take, if the batch is empty but for it; `Node`.
    pub fn take(&mut self, plan: &Plan, records_max: usize) -> Result<bool, Failure> {
        let mut idle = 0;
        while idle < self.partitions.len() {
            if self.read.is_none() {
                let at = self.turn;
                self.turn = (at + 1) % self.partitions.len();
                match self.read(at) {
                    Ok(read) => self.read = read,
                    Err(_) if !self.batch.is_empty() => {
                        // What was taken before is written first; then this partition has its turn again.
                        self.turn = at;
                        return Ok(true);
                    }
                    Err(failure) => return Err(failure),
                }
            }
            if self.read.is_none() {
                idle += 1;
                continue;
            }
            idle = 0;
            if !self.take_read(plan, records_max)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes what was read. `false`: not all of it fits.
    fn take_read(&mut self, plan: &Plan, records_max: usize) -> Result<bool, Failure> {
        let Some(read) = &mut self.read else { return Ok(true) };
        let at = read.partition;
        let ahead =
            self.places.iter().enumerate().filter(|(other, place)| *other != at && place.is_ahead()).count();
        if ahead >= SINK_PARTITIONS_PER_BATCH_MAX {
            return Ok(false);
        }
        while let Some(record) = read.records.front() {
            let Some(key) = &record.key else {
                if !self.batch.is_empty() {
                    return Ok(false);
                }
                let text = "has no key; nothing can be written for it";
                return Err(Failure::Record(format!("{} {text}", record_at(at, record.offset))));
            };
            let is_alone = records_max == 1 && self.records > 0;
            if is_alone || !self.batch.put(plan, records_max, key, record.value.clone()) {
                return Ok(false);
            }
            self.first = self.first.or(Some((at, record.offset)));
            self.records += 1;
            self.places[at].next = record.offset + 1;
            read.records.pop_front();
        }
        self.places[at].next = read.end;
        self.read = None;
        Ok(true)
    }

    fn read(&self, at: usize) -> Result<Option<Taken>, Failure> {
        let (partition, from) = (&self.partitions[at], self.places[at].next);
        let (bounds, found) = match partition.read(from, Isolation::Committed, READ_BYTES) {
            Err(error) if error.code() == ErrorCode::OffsetOutOfRange => {
                return Err(Failure::Record(format!(
                    "{error}; records are gone that were not written: reset the group"
                )));
            }
            read => read?,
        };
        if from < bounds.log_start {
            let text = format!(
                "partition {at} begins at offset {}: those from {from} on were not written",
                bounds.log_start
            );
            return Err(Failure::Record(text));
        }
        let Some(last) = found.batches.last() else { return Ok(None) };
        let end = last.last_offset() + 1;
        Ok(Some(Taken { partition: at, records: committed_records(&found, from)?, end }))
    }

    /// Commits the batch and the position that it leads to; returns when both are durable. Afterwards the batch is empty.
    /// Errors: after any, [`Pump::load`] comes next, since a failure of the journal does not say whether the batch is there.
    pub async fn write(&mut self, target: &Target) -> Result<Written, Failure> {
        let ahead = self.places.iter().enumerate().filter(|(_, place)| place.is_ahead());
        let moves: Vec<_> = ahead
            .map(|(at, place)| Move { partition: at as i32, from: place.committed, to: place.next })
            .collect();
        if moves.is_empty() {
            return Ok(Written::default());
        }
        let position = commit_request(&self.group, &self.topic.name, self.topic.id, &moves);
        let upserts = self.parts.participants.upserts(&target.service).filter(|_| !self.batch.is_empty());
        let committed = match upserts {
            Some(upserts) => self.write_by_key(&**upserts, target, position).await?,
            None => self.write_by_requests(target, position).await?,
        };
        let journal = self.parts.runtime.journal();
        let reached = poll_fn(|context| journal.poll_reached(committed.class, committed.position, context));
        reached.await.map_err(bole_shard::Error::from)?;
        for place in &mut self.places {
            if place.is_ahead() {
                place.committed = Some(place.next);
            }
        }
        let written = Written { keys: self.batch.len() as u64, records: self.records };
        self.forget_batch();
        Ok(written)
    }

    /// Where the target takes requests, which become effects beside that on the position.
    async fn write_by_requests(&self, target: &Target, position: Request) -> Result<Committed, Failure> {
        let mut outbox = self.parts.participants.outbox();
        for request in self.batch.requests(target) {
            outbox.send(&target.service, request)?;
        }
        outbox.send(SERVICE, position)?;
        let mut transaction = self.parts.runtime.transaction();
        Ok(outbox.commit(&self.parts.runtime, &mut transaction).await?)
    }

    /// Where the target makes the batch, which takes the position with it.
    async fn write_by_key(
        &self,
        upserts: &dyn Upserts,
        target: &Target,
        position: Request,
    ) -> Result<Committed, Failure> {
        let batch = upserts::Batch {
            dataset: target.dataset.clone(),
            writes: self.batch.upserts(),
            requests: vec![(SERVICE.to_owned(), position)],
        };
        Ok(upserts.write(Arc::clone(&self.parts.participants), batch).await?)
    }

    /// Where the first record of the batch stands, for a message.
    pub fn first(&self) -> Option<String> {
        self.first.map(|(at, offset)| record_at(at, offset))
    }
}

impl Place {
    fn is_ahead(&self) -> bool {
        // Without a committed position the sink begins at the first record that is there; what retention took before it is passed.
        self.committed.map_or(self.next > 0, |committed| committed != self.next)
    }
}

fn record_at(partition: usize, offset: i64) -> String {
    format!("the record at offset {offset} of partition {partition}")
}

/// The records from `from` on that count: none of markers and aborted transactions.
fn committed_records(found: &Batches, from: i64) -> Result<VecDeque<Record>, Error> {
    let mut taken = VecDeque::new();
    for batch in &found.batches {
        if batch.fields().is_control() || is_aborted(batch, &found.aborted) {
            continue;
        }
        for record in records::of(batch)?.1 {
            let damaged =
                |error| Error::Storage(format!("the batch at offset {}: {error}", batch.base_offset));
            let record = record.map_err(damaged)?;
            if record.offset >= from {
                taken.push_back(record);
            }
        }
    }
    Ok(taken)
}

fn is_aborted(batch: &Stored, aborted: &[Aborted]) -> bool {
    let fields = batch.fields();
    let of = |aborted: &Aborted| {
        aborted.producer_id == fields.producer_id()
            && (aborted.first..=aborted.last).contains(&batch.base_offset)
    };
    fields.is_transactional() && aborted.iter().any(of)
}
