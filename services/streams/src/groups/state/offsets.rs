//! Committed offsets, and those that transactions have not decided yet.
//!
//! # Layout (*persisted*, version 1)
//! | piece | bytes |
//! |-|-|
//! | `committed` | offset i64, leader epoch i32 (-1: none), metadata `text`, commit time u64, `option` expiry u64 (both in ms since the Unix epoch) |
//! | `place` | topic `text`, partition i32 |
//! | `offsets` | `list` of `place` and `committed` |
//! | `pending` | `list` of: producer id i64, producer epoch i32, `offsets` |

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_shard::ApplyError;

use crate::groups::layout::{Reader, Writer};

/// One committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next record to read.
    pub offset: i64,
    /// The leader epoch of the record before it; -1 if the client did not say.
    pub leader_epoch: i32,
    /// What the client wants to be told again.
    pub metadata: Arc<str>,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub commit_ms: u64,
    /// When it goes, where the client said (`retention_time_ms` of `OffsetCommit` 2 to 4).
    pub expire_ms: Option<u64>,
}

/// A topic's name and a partition.
pub type Place = (Arc<str>, i32);
/// Offsets as effects and requests carry them.
pub type OffsetList = Vec<(Place, Committed)>;

/// The committed offsets of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, Committed>>,
    count: usize,
}

impl Offsets {
    /// One partition's.
    pub fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.topics.get(topic)?.get(&partition)
    }

    /// All, by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32, &Committed)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(index, committed)| (topic, *index, committed))
        })
    }

    /// Those of one topic.
    pub fn topic(&self, topic: &str) -> impl Iterator<Item = (i32, &Committed)> {
        self.topics.get(topic).into_iter().flatten().map(|(index, committed)| (*index, committed))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn set(&mut self, place: &Place, committed: &Committed) {
        let partitions = match self.topics.get_mut(&place.0) {
            Some(partitions) => partitions,
            None => self.topics.entry(Arc::clone(&place.0)).or_default(),
        };
        self.count += usize::from(partitions.insert(place.1, committed.clone()).is_none());
    }

    pub(super) fn remove(&mut self, place: &Place) {
        let Some(partitions) = self.topics.get_mut(&place.0) else { return };
        self.count -= usize::from(partitions.remove(&place.1).is_some());
        if partitions.is_empty() {
            self.topics.remove(&place.0);
        }
    }
}

/// The offsets that one producer's open transaction wants to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The epoch of the producer that added the last of them.
    pub producer_epoch: i16,
    /// By topic and partition.
    pub offsets: BTreeMap<Place, Committed>,
}

pub(super) fn put_place(writer: &mut Writer<'_>, place: &Place) {
    writer.text(&place.0);
    writer.i32(place.1);
}

pub(super) fn place(reader: &mut Reader<'_>) -> Result<Place, ApplyError> {
    Ok((reader.text()?, reader.i32()?))
}

fn put_committed(writer: &mut Writer<'_>, committed: &Committed) {
    writer.i64(committed.offset);
    writer.i32(committed.leader_epoch);
    writer.text(&committed.metadata);
    writer.u64(committed.commit_ms);
    writer.option(committed.expire_ms, Writer::u64);
}

fn committed(reader: &mut Reader<'_>) -> Result<Committed, ApplyError> {
    Ok(Committed {
        offset: reader.i64()?,
        leader_epoch: reader.i32()?,
        metadata: reader.text()?,
        commit_ms: reader.u64()?,
        expire_ms: reader.option(Reader::u64)?,
    })
}

pub(super) fn put_list(writer: &mut Writer<'_>, offsets: &[(Place, Committed)]) {
    writer.list(offsets.iter(), |writer, (place, committed)| {
        put_place(writer, place);
        put_committed(writer, committed);
    });
}

pub(super) fn list(reader: &mut Reader<'_>) -> Result<OffsetList, ApplyError> {
    reader.list(|reader| Ok((place(reader)?, committed(reader)?)))
}

impl Offsets {
    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        writer.n(self.count as u64);
        for (topic, partition, committed) in self.iter() {
            writer.text(topic);
            writer.i32(partition);
            put_committed(writer, committed);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        let mut offsets = Self::default();
        let list = list(reader)?;
        let count = list.len();
        list.iter().for_each(|(place, committed)| offsets.set(place, committed));
        if offsets.count != count {
            return Err(ApplyError::Malformed("a partition has two committed offsets".into()));
        }
        Ok(offsets)
    }
}

pub(super) fn put_pending(writer: &mut Writer<'_>, pending: &BTreeMap<i64, Pending>) {
    writer.list(pending.iter(), |writer, (producer, pending)| {
        writer.i64(*producer);
        writer.i32(i32::from(pending.producer_epoch));
        writer.list(pending.offsets.iter(), |writer, (place, committed)| {
            put_place(writer, place);
            put_committed(writer, committed);
        });
    });
}

pub(super) fn pending(reader: &mut Reader<'_>) -> Result<BTreeMap<i64, Pending>, ApplyError> {
    reader.list(|reader| {
        let producer = reader.i64()?;
        let producer_epoch = producer_epoch(reader)?;
        Ok((producer, Pending { producer_epoch, offsets: list(reader)?.into_iter().collect() }))
    })
}

pub(super) fn producer_epoch(reader: &mut Reader<'_>) -> Result<i16, ApplyError> {
    let epoch = reader.i32()?;
    i16::try_from(epoch).map_err(|_| ApplyError::Malformed(format!("{epoch} is no producer epoch")))
}
