//! Reading as a member of a share group (KIP-932): records are acquired, and each is acknowledged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bole_streams::protocol::batch::{self, BatchError, Record};
use bole_streams::protocol::messages::{share_acknowledge, share_fetch, share_group_heartbeat};
use bole_streams::protocol::{Text, Uuid};

use super::error::check;
use super::partitioner::place;
use super::reader::FETCH_WAIT_MS;
use super::topics::Topic;
use super::{Connection, Error, RECORDS_BYTES_MAX};

/// How often a member says that it is there: the server's default.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// About so many bytes of records in one answer.
const FETCH_BYTES: i32 = 16 << 20;
/// Records of one answer: what the Java client asks for.
const RECORDS_MAX: i32 = 500;
/// No more records than asked for, instead of the rest of a batch.
const STRICT: i8 = 1;
/// Ends a session, and leaves a group.
const LAST: i32 = -1;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It was processed.
    Accept = 1,
    /// It shall be delivered again.
    Release = 2,
    /// It shall not be delivered again.
    Reject = 3,
}

/// A record that this member holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The partition.
    pub partition: i32,
    /// The record.
    pub record: Record,
}

/// A member of a share group, of one topic.
#[derive(Debug)]
pub struct Sharer {
    connection: Connection,
    group: Text,
    member_id: Text,
    topic: Topic,
    member_epoch: i32,
    session_epoch: i32,
    last_beat: Instant,
    assigned: BTreeSet<i32>,
    /// What the session reads.
    read: BTreeSet<i32>,
}

impl Sharer {
    /// Joins. Errors: those of the server.
    pub async fn join(connection: Connection, group: &str, topic: Topic) -> Result<Self, Error> {
        let mut sharer = Self {
            connection,
            group: Text::from(group),
            member_id: Text::from(Uuid(rand::random()).to_string()),
            topic,
            member_epoch: 0,
            session_epoch: 0,
            last_beat: Instant::now(),
            assigned: BTreeSet::new(),
            read: BTreeSet::new(),
        };
        sharer.beat(Some(vec![sharer.topic.name.clone()])).await?;
        Ok(sharer)
    }

    fn what(&self) -> String {
        format!("group \"{}\"", self.group)
    }

    async fn beat(&mut self, topics: Option<Vec<Text>>) -> Result<(), Error> {
        let request = share_group_heartbeat::Request {
            group_id: self.group.clone(),
            member_id: self.member_id.clone(),
            member_epoch: self.member_epoch,
            subscribed_topic_names: topics,
            ..share_group_heartbeat::Request::default()
        };
        let answer = self.connection.request(&request).await?;
        check(self.what(), answer.error_code, answer.error_message.as_ref())?;
        self.member_epoch = answer.member_epoch;
        self.last_beat = Instant::now();
        if let Some(assignment) = answer.assignment {
            let own = assignment.topic_partitions.into_iter().filter(|of| of.topic_id == self.topic.id);
            self.assigned = own.flat_map(|of| of.partitions).collect();
        }
        Ok(())
    }

    /// Acquires up to `most` records, or none after half a second. After this was dropped the connection is of no use.
    /// Errors: those of the server, and of records that cannot be unpacked.
    pub async fn fetch(&mut self, most: u64) -> Result<Vec<Held>, Error> {
        if self.last_beat.elapsed() >= HEARTBEAT_INTERVAL {
            self.beat(None).await?;
        }
        let most = i32::try_from(most).unwrap_or(i32::MAX).min(RECORDS_MAX);
        let partition =
            |index: &i32| share_fetch::FetchPartition { partition_index: *index, ..Default::default() };
        let topic = |partitions| share_fetch::FetchTopic { topic_id: self.topic.id, partitions };
        let add: Vec<_> = self.assigned.difference(&self.read).map(partition).collect();
        let forget: Vec<i32> = self.read.difference(&self.assigned).copied().collect();
        let forget = (!forget.is_empty())
            .then_some(share_fetch::ForgottenTopic { topic_id: self.topic.id, partitions: forget });
        let request = share_fetch::Request {
            group_id: Some(self.group.clone()),
            member_id: Some(self.member_id.clone()),
            share_session_epoch: self.session_epoch,
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            max_records: most,
            batch_size: most,
            share_acquire_mode: STRICT,
            topics: if add.is_empty() { Vec::new() } else { vec![topic(add)] },
            forgotten_topics_data: forget.into_iter().collect(),
            ..share_fetch::Request::default()
        };
        let wait = Duration::from_millis(FETCH_WAIT_MS as u64);
        let answer = self.connection.request_within(&request, wait).await?;
        check(self.what(), answer.error_code, answer.error_message.as_ref())?;
        self.session_epoch += 1;
        self.read.clone_from(&self.assigned);
        let mut held = Vec::new();
        for data in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            let place = place(&self.topic.name, data.partition_index);
            check(&place, data.error_code, data.error_message.as_ref())?;
            held.extend(acquired(data).map_err(|source| Error::Records { place, source })?);
        }
        Ok(held)
    }

    /// Says what became of records. Returns when that is durable. Errors: those of the server.
    pub async fn acknowledge(&mut self, held: &[Held], kind: Acknowledgement) -> Result<(), Error> {
        let mut partitions: Vec<share_acknowledge::AcknowledgePartition> = Vec::new();
        for Held { partition, record } in held {
            let batch = share_acknowledge::AcknowledgementBatch {
                first_offset: record.offset,
                last_offset: record.offset,
                acknowledge_types: vec![kind as i8],
            };
            match partitions.last_mut().filter(|last| last.partition_index == *partition) {
                Some(last) => last.acknowledgement_batches.push(batch),
                None => partitions.push(share_acknowledge::AcknowledgePartition {
                    partition_index: *partition,
                    acknowledgement_batches: vec![batch],
                }),
            }
        }
        let topic = share_acknowledge::AcknowledgeTopic { topic_id: self.topic.id, partitions };
        self.tell(self.session_epoch, vec![topic]).await?;
        self.session_epoch += 1;
        Ok(())
    }

    async fn tell(
        &mut self,
        epoch: i32,
        topics: Vec<share_acknowledge::AcknowledgeTopic>,
    ) -> Result<(), Error> {
        let request = share_acknowledge::Request {
            group_id: Some(self.group.clone()),
            member_id: Some(self.member_id.clone()),
            share_session_epoch: epoch,
            topics,
            ..share_acknowledge::Request::default()
        };
        let answer = self.connection.request(&request).await?;
        check(self.what(), answer.error_code, answer.error_message.as_ref())?;
        for data in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            let place = place(&self.topic.name, data.partition_index);
            check(place, data.error_code, data.error_message.as_ref())?;
        }
        Ok(())
    }

    /// Goes on over another connection: the old one waits for an answer. The server ends its session with it.
    pub fn move_to(&mut self, connection: Connection) {
        self.connection = connection;
        self.session_epoch = 0;
    }

    /// Gives back what it holds, and leaves. Errors: those of the server.
    pub async fn leave(mut self) -> Result<(), Error> {
        if self.session_epoch > 0 {
            self.tell(LAST, Vec::new()).await?;
        }
        self.member_epoch = LAST;
        self.beat(None).await
    }
}

/// The records of a partition that were acquired.
fn acquired(data: share_fetch::PartitionData) -> Result<Vec<Held>, BatchError> {
    let partition = data.partition_index;
    let mut held = Vec::new();
    for cut in batch::split(data.records.into_bytes()) {
        let (header, bytes) = cut?;
        batch::verify(&bytes, &header)?;
        for record in batch::records(&bytes, &header, RECORDS_BYTES_MAX)? {
            let record = record?;
            let own = |range: &share_fetch::AcquiredRecords| {
                (range.first_offset..=range.last_offset).contains(&record.offset)
            };
            if data.acquired_records.iter().any(own) {
                held.push(Held { partition, record });
            }
        }
    }
    Ok(held)
}
