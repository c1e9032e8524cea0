//! Reading partitions of one topic: where each stands, what a fetch brought, and which records are shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bole_streams::protocol::ErrorCode;
use bole_streams::protocol::batch::{self, Marker, Record};
use bole_streams::protocol::messages::fetch;

use super::error::check;
use super::partitioner::place;
use super::topics::{Isolation, Topic};
use super::{Error, RECORDS_BYTES_MAX};

/// How long the server may wait for records, in milliseconds.
pub const FETCH_WAIT_MS: i32 = 500;
/// About so many bytes of records in one answer.
const FETCH_BYTES: i32 = 16 << 20;
/// About so many bytes from one partition in one answer.
const PARTITION_BYTES: i32 = 1 << 20;

/// Records of one partition, in order, and where to go on after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The partition.
    pub partition: i32,
    /// Its records.
    pub records: Vec<Record>,
    /// The offset after them; larger than that of the last record where something is not shown.
    pub next: i64,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    next: i64,
    /// The end of what may be read, when the server last told.
    end: Option<i64>,
}

/// Reads partitions.
#[derive(Clone, Debug)]
pub struct Reader {
    topic: Topic,
    isolation: Isolation,
    positions: BTreeMap<i32, Position>,
    /// How many fetches there were: each begins with another partition, so that none starves.
    turn: usize,
}

impl Reader {
    /// Reads nothing yet.
    pub const fn new(topic: Topic, isolation: Isolation) -> Self {
        Self { topic, isolation, positions: BTreeMap::new(), turn: 0 }
    }

    /// Reads these partitions from these offsets, and no others.
    pub fn assign(&mut self, positions: impl IntoIterator<Item = (i32, i64)>) {
        let position = |(partition, next)| (partition, Position { next, end: None });
        self.positions = positions.into_iter().map(position).collect();
    }

    /// Goes on at `next` in a partition that it reads.
    pub fn advance(&mut self, partition: i32, next: i64) {
        if let Some(position) = self.positions.get_mut(&partition) {
            position.next = next;
        }
    }

    /// Where it goes on, by partition.
    pub fn positions(&self) -> BTreeMap<i32, i64> {
        self.positions.iter().map(|(partition, position)| (*partition, position.next)).collect()
    }

    /// Whether every partition was read to its end.
    pub fn is_at_end(&self) -> bool {
        self.positions.values().all(|position| position.end.is_some_and(|end| position.next >= end))
    }

    /// What to ask for next.
    pub fn request(&mut self) -> fetch::Request {
        self.turn += 1;
        let mut partitions: Vec<_> = self
            .positions
            .iter()
            .map(|(partition, position)| fetch::FetchPartition {
                partition: *partition,
                fetch_offset: position.next,
                partition_max_bytes: PARTITION_BYTES,
                ..fetch::FetchPartition::default()
            })
            .collect();
        let count = partitions.len().max(1);
        partitions.rotate_left(self.turn % count);
        fetch::Request {
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            isolation_level: self.isolation as i8,
            topics: vec![fetch::FetchTopic {
                topic: self.topic.name.clone(),
                topic_id: self.topic.id,
                partitions,
            }],
            ..fetch::Request::default()
        }
    }

    /// What an answer brought. Positions stay where they are: [`Reader::advance`] moves them when the records were used.
    ///
    /// Errors: those of the server; `OffsetOutOfRange` where the offset is gone or not yet there.
    pub fn take(&mut self, answer: fetch::Response) -> Result<Vec<Read>, Error> {
        check(format_args!("topic \"{}\"", self.topic.name), answer.error_code, None)?;
        let mut found = Vec::new();
        for topic in answer.responses {
            if !self.topic.is(&topic.topic, topic.topic_id) {
                continue;
            }
            for data in topic.partitions {
                let index = data.partition_index;
                let Some(position) = self.positions.get_mut(&index) else { continue };
                let place = place(&self.topic.name, index);
                check(&place, data.error_code, None)?;
                let committed = self.isolation == Isolation::Committed;
                position.end = Some(if committed { data.last_stable_offset } else { data.high_watermark });
                let read =
                    open(index, position.next, data).map_err(|source| Error::Records { place, source })?;
                found.extend(read);
            }
        }
        Ok(found)
    }
}

/// The records of a partition from `from` on that are to be shown; `None` when nothing came.
fn open(partition: i32, from: i64, data: fetch::PartitionData) -> Result<Option<Read>, batch::BatchError> {
    let mut aborted = Aborted::new(data.aborted_transactions.as_deref().unwrap_or_default());
    let mut read = Read { partition, records: Vec::new(), next: from };
    for cut in batch::split(data.records.into_bytes()) {
        let (header, bytes) = match cut {
            // The last batch may be a part of one, which is asked for again.
            Err(batch::BatchError::Truncated { .. }) if read.next > from => break,
            cut => cut?,
        };
        batch::verify(&bytes, &header)?;
        let records = batch::records(&bytes, &header, RECORDS_BYTES_MAX)?;
        aborted.reach(header.last_offset());
        if header.attributes.is_control() {
            aborted.end(header.producer_id, records)?;
        } else if !(header.attributes.is_transactional() && aborted.has(header.producer_id)) {
            for record in records {
                read.records.extend(Some(record?).filter(|record| record.offset >= from));
            }
        }
        read.next = read.next.max(header.next_offset());
    }
    Ok(Some(read).filter(|read| read.next > from))
}

/// Which producers' records are those of an aborted transaction, at one place of a partition.
struct Aborted {
    /// By first offset.
    to_come: VecDeque<(i64, i64)>,
    producers: BTreeSet<i64>,
}

impl Aborted {
    fn new(transactions: &[fetch::AbortedTransaction]) -> Self {
        let mut to_come: Vec<_> =
            transactions.iter().map(|aborted| (aborted.first_offset, aborted.producer_id)).collect();
        to_come.sort_unstable();
        Self { to_come: to_come.into(), producers: BTreeSet::new() }
    }

    /// Transactions that began up to `offset` have begun.
    fn reach(&mut self, offset: i64) {
        while let Some((_, producer)) = self.to_come.front().copied().filter(|(first, _)| *first <= offset) {
            self.producers.insert(producer);
            self.to_come.pop_front();
        }
    }

    fn has(&self, producer: i64) -> bool {
        self.producers.contains(&producer)
    }

    /// A control batch: the producer's transaction may end here.
    fn end(&mut self, producer: i64, records: batch::RecordIter) -> Result<(), batch::BatchError> {
        for record in records {
            if Marker::of(&record?) == Some(Marker::Abort) {
                self.producers.remove(&producer);
            }
        }
        Ok(())
    }
}

/// Whether an error says that the offset asked for does not exist.
pub fn is_out_of_range(error: &Error) -> bool {
    error.code() == Some(ErrorCode::OffsetOutOfRange)
}

#[cfg(test)]
mod tests {
    use bole_streams::protocol::Records;
    use bole_streams::protocol::batch::{Builder, Compression, head};
    use bytes::Bytes;

    use super::*;

    fn placed(batch: &Bytes, offset: i64) -> Bytes {
        [&head(batch, offset, 0)[..], &batch[16..]].concat().into()
    }

    fn transactional(producer: i64, values: &[&str]) -> Bytes {
        let mut builder = Builder::new().producer(producer, 0, 0).transactional();
        values.iter().for_each(|value| builder.push(1, None, Some(value.as_bytes()), &[]));
        builder.build()
    }

    /// 0 p1 "a" · 1 p2 "b" · 2 p1 aborts · 3 plain "c", "d" · 5 p2 commits · 6 p1 "e"
    fn records() -> Vec<Bytes> {
        let mut plain = Builder::new().compression(Compression::Zstd);
        plain.push(1, Some(b"k"), Some(b"c"), &[]);
        plain.push(1, None, Some(b"d"), &[]);
        let batches = [
            (0, transactional(1, &["a"])),
            (1, transactional(2, &["b"])),
            (2, Marker::Abort.batch(1, 0, 0, 1)),
            (3, plain.build()),
            (5, Marker::Commit.batch(2, 0, 0, 1)),
            (6, transactional(1, &["e"])),
        ];
        batches.iter().map(|(offset, batch)| placed(batch, *offset)).collect()
    }

    fn read(from: i64, aborted: &[(i64, i64)], bytes: Bytes) -> (Vec<String>, i64) {
        let aborted = aborted.iter().map(|(producer_id, first_offset)| fetch::AbortedTransaction {
            producer_id: *producer_id,
            first_offset: *first_offset,
        });
        let data = fetch::PartitionData {
            aborted_transactions: Some(aborted.collect()),
            records: Records::from(bytes),
            ..fetch::PartitionData::default()
        };
        let Some(read) = open(0, from, data).unwrap() else { return (Vec::new(), from) };
        let text = |record: &Record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap();
        (read.records.iter().map(text).collect(), read.next)
    }

    #[test]
    fn aborted_and_control_records_are_not_shown() {
        let all: Bytes = records().concat().into();
        for (from, aborted, values, next) in [
            (0, &[][..], "a b c d e", 7),
            (0, &[(1, 0)], "b c d e", 7),
            (4, &[], "d e", 7),
            (4, &[(1, 6)], "d", 7),
            (7, &[], "", 7),
        ] {
            let (shown, at) = read(from, aborted, all.clone());
            assert_eq!((shown.join(" ").as_str(), at), (values, next), "from {from}, {aborted:?}");
        }
    }

    #[test]
    fn a_part_of_a_batch_is_left_for_the_next_fetch() {
        let all: Bytes = records()[..2].concat().into();
        let cut = all.slice(..all.len() - 1);
        assert_eq!(read(0, &[], cut), (vec!["a".to_owned()], 1));
    }
}
