//! What partitions mean, without disk or time: rows of batches with a start, producers, transactions.

use std::collections::BTreeMap;

use bole_base::Durability;
use bole_streams::partition::batch::Batch;
use bole_streams::records;
use bole_testing::harness::Model;
use bole_testing::trace;
use bytes::Bytes;

use super::operation::{Did, Op, fields, is_compacted};

/// Partitions, by number: `sync` and `async`, and both again compacted.
pub const PARTITIONS: usize = 4;
/// The first one that is compacted.
pub const COMPACTED_FROM: usize = 2;

/// The class of a partition.
pub const fn class(partition: usize) -> Durability {
    if partition.is_multiple_of(2) { Durability::Sync } else { Durability::Async }
}

/// All partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partitions(pub [Log; PARTITIONS]);

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    /// The oldest offset.
    pub start: i64,
    /// The next one.
    pub next: i64,
    /// Batches with records at or above the start.
    pub batches: Vec<Kept>,
    /// Epoch, last sequence and start of the open transaction of each producer.
    pub producers: BTreeMap<i64, Producer>,
    /// Aborted transactions: producer, first offset, offset of the marker.
    pub aborted: Vec<(i64, i64, i64)>,
}

/// A producer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Producer {
    /// Its epoch.
    pub epoch: i16,
    /// The last sequence of its newest batch in that epoch, if there is one.
    pub sequence: Option<i32>,
    /// Where its open transaction begins.
    pub open: Option<i64>,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kept {
    /// Its first offset.
    pub base: i64,
    /// Its bytes behind the head.
    pub body: Bytes,
}

/// A record: offset, key, value.
pub type Row = (i64, Bytes, Option<Bytes>);

impl Kept {
    /// The offset after it.
    pub fn end(&self) -> i64 {
        self.base + i64::from(fields(&self.body).last_offset_delta()) + 1
    }

    /// Its records; none of a marker.
    pub fn rows(&self) -> Result<Vec<Row>, String> {
        if fields(&self.body).is_control() {
            return Ok(Vec::new());
        }
        let batch = Batch { base_offset: self.base, leader_epoch: 0, body: self.body.clone() };
        let (_, found) = records::of(&batch).map_err(|error| error.to_string())?;
        let row = |record: bole_streams::protocol::batch::Record| {
            (record.offset, record.key.unwrap_or_default(), record.value)
        };
        found.map(|record| record.map(row).map_err(|error| error.to_string())).collect()
    }
}

impl Log {
    /// The oldest offset of an open transaction, or the end.
    pub fn stable(&self) -> i64 {
        self.producers.values().filter_map(|producer| producer.open).min().unwrap_or(self.next)
    }

    /// Whether a record of a producer at `offset` is of an aborted transaction.
    pub fn is_aborted(&self, producer_id: i64, offset: i64) -> bool {
        self.aborted.iter().any(|(id, first, last)| *id == producer_id && (*first..*last).contains(&offset))
    }

    /// The newest record of each key that counts, but for deleted keys: what compaction must not touch.
    pub fn newest(&self) -> Result<BTreeMap<Bytes, (i64, Bytes)>, String> {
        let mut newest = BTreeMap::new();
        for kept in &self.batches {
            let fields = fields(&kept.body);
            for (offset, key, value) in kept.rows()? {
                if offset < self.start
                    || fields.is_transactional() && self.is_aborted(fields.producer_id(), offset)
                {
                    continue;
                }
                match value {
                    Some(value) => newest.insert(key, (offset, value)),
                    None => newest.remove(&key),
                };
            }
        }
        Ok(newest)
    }

    fn append(&mut self, body: &Bytes) -> i64 {
        let base = self.next;
        self.batches.push(Kept { base, body: body.clone() });
        self.next = base + i64::from(fields(body).last_offset_delta()) + 1;
        base
    }

    fn records(&mut self, body: &Bytes) -> i64 {
        let base = self.append(body);
        let fields = fields(body);
        if fields.producer_id() >= 0 {
            let producer = self.producers.entry(fields.producer_id()).or_default();
            producer.epoch = fields.producer_epoch();
            producer.sequence = Some(fields.base_sequence() + fields.last_offset_delta());
            if fields.is_transactional() {
                producer.open.get_or_insert(base);
            }
        }
        base
    }

    fn end(&mut self, body: &Bytes, commit: bool) -> i64 {
        let base = self.append(body);
        let id = fields(body).producer_id();
        let first = self.producers.entry(id).or_default().open.take();
        if let Some(first) = first.filter(|_| !commit) {
            self.aborted.push((id, first, base));
        }
        base
    }

    fn start_at(&mut self, offset: i64) {
        self.start = offset;
        self.batches.retain(|kept| kept.end() > offset);
        self.aborted.retain(|(_, _, last)| *last >= offset);
    }
}

/// What is compared after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    start: i64,
    next: i64,
    producers: BTreeMap<i64, Producer>,
    aborted: Vec<(i64, i64, i64)>,
    /// Of a partition that is not compacted: bases and hashes of all batches.
    batches: Vec<(i64, u64)>,
    /// Of one that is: the newest record of each key, as a hash.
    newest: BTreeMap<Bytes, (i64, u64)>,
}

impl Shown {
    fn of(number: usize, log: &Log) -> Self {
        let mut shown = Self {
            start: log.start,
            next: log.next,
            producers: log.producers.clone(),
            aborted: Vec::new(),
            batches: Vec::new(),
            newest: BTreeMap::new(),
        };
        if is_compacted(number) {
            let newest = log.newest().expect("what the model holds was made by clients");
            shown.newest = newest
                .into_iter()
                .map(|(key, (offset, value))| (key, (offset, trace::hash(&value))))
                .collect();
        } else {
            shown.aborted.clone_from(&log.aborted);
            shown.batches = log.batches.iter().map(|kept| (kept.base, trace::hash(&kept.body))).collect();
        }
        shown
    }
}

impl Model for Partitions {
    type Op = Op;
    type Reply = i64;
    type State = Vec<Shown>;

    /// The reply is the offset of the first record, or the new start.
    fn apply(&mut self, op: &Op) -> i64 {
        let log = &mut self.0[op.partition()];
        let (Op::Produce(_, _, filled)
        | Op::End { filled, .. }
        | Op::Start(_, _, filled)
        | Op::Forget(_, filled)) = op
        else {
            return -1;
        };
        match filled.get() {
            Did::Nothing => -1,
            Did::Batch(body) => log.records(&body),
            Did::Marker(body, commit) => log.end(&body, commit),
            Did::Forgotten(ids) => {
                log.producers.retain(|id, _| !ids.contains(id));
                0
            }
            Did::Start(offset) => {
                log.start_at(offset);
                offset
            }
        }
    }

    fn state(&self) -> Vec<Shown> {
        self.0.iter().enumerate().map(|(number, log)| Shown::of(number, log)).collect()
    }
}
