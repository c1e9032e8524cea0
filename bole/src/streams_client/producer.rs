//! Writing to one topic: batches by partition, a few requests on their way at once, and an account of every record.
//!
//! An idempotent producer numbers its batches. When its connection breaks it connects again and sends what has no answer yet once
//! more, in the same order; the server knows the batches that it has. Without numbers that would make duplicates, so the error is
//! returned instead.
//!
//! A refused batch leaves a gap in the numbers of its partition, and the server refuses what follows. So the producer then
//! waits for all answers, takes a new identity, and sends what was refused only for the gap again.

mod batch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bole_streams::protocol::batch::{Compression, Record};
use bole_streams::protocol::messages::{init_producer_id, produce};
use bole_streams::protocol::{ErrorCode, Text};
use bytes::Bytes;
use tokio::time::Instant;

use self::batch::{Batch, Identity};
use super::error::{Refusal, check};
use super::partitioner::{Sticky, of_key, place};
use super::topics::Topic;
use super::{Connection, Error};

/// Requests on their way at once. A server remembers the last five batches of a producer in a partition.
const IN_FLIGHT_MAX: usize = 5;
/// Bytes of records that wait in batches of all partitions; when they are reached, all batches leave.
const BUFFER_BYTES_MAX: usize = 16 << 20;
/// How long a broken connection is tried again.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// How long the server may take for the acknowledgements, in milliseconds.
const ACKNOWLEDGE_TIMEOUT_MS: i32 = 30_000;
/// Refusals that are kept word for word; further ones are counted.
const REFUSALS_MAX: usize = 20;

/// Who must have a batch before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody; there is no answer.
    Nobody = 0,
    /// The leader.
    Leader = 1,
    /// Every replica in sync.
    All = -1,
}

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Who must have a batch.
    pub acks: Acks,
    /// Whether batches are numbered. Needs [`Acks::All`].
    pub idempotent: bool,
    /// How batches are compressed.
    pub compression: Compression,
    /// Bytes of records at which a batch is full, not compressed.
    pub batch_bytes: usize,
    /// All records go here, if it is set.
    pub partition: Option<i32>,
}

/// A record to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key, which also chooses the partition.
    pub key: Option<Bytes>,
    /// The value; `None` deletes the key in a compacted topic.
    pub value: Option<Bytes>,
}

/// What became of the records.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records that the server has acknowledged; without acknowledgements, that were sent.
    pub written: u64,
    /// Bytes of keys and values that were handed in.
    pub bytes: u64,
    /// Records that the server has refused.
    pub refused: u64,
    /// Why, for the first batches.
    pub refusals: Vec<String>,
}

/// Writes to a topic.
#[derive(Debug)]
pub struct Producer {
    connection: Connection,
    topic: Topic,
    options: Options,
    headers: Vec<(Bytes, Bytes)>,
    identity: Option<Identity>,
    /// The number of the next record, by partition.
    sequences: BTreeMap<i32, i32>,
    sticky: Sticky,
    open: BTreeMap<i32, Batch>,
    open_bytes: usize,
    in_flight: VecDeque<Vec<Batch>>,
    /// A batch was refused, and numbers have a gap.
    gap: bool,
    /// Batches that were refused for the gap or for their size, in order.
    again: VecDeque<Batch>,
    report: Report,
}

impl Producer {
    /// A producer to `topic`, whose records all have `headers`.
    pub async fn open(
        mut connection: Connection,
        topic: Topic,
        options: Options,
        headers: Vec<(Bytes, Bytes)>,
    ) -> Result<Self, Error> {
        let identity = if options.idempotent { Some(identity(&mut connection).await?) } else { None };
        Ok(Self {
            sticky: Sticky::new(topic.partitions.len() as i32),
            connection,
            topic,
            options,
            headers,
            identity,
            sequences: BTreeMap::new(),
            open: BTreeMap::new(),
            open_bytes: 0,
            in_flight: VecDeque::new(),
            gap: false,
            again: VecDeque::new(),
            report: Report::default(),
        })
    }

    /// What became of the records until now.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Whether records wait in batches that are not full.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes a record. Full batches leave; waits while as many as may be are on their way.
    ///
    /// Errors end the producer, except that refused records are counted in the report.
    pub async fn push(&mut self, record: &Outgoing) -> Result<(), Error> {
        let bytes = batch::record_bytes(record, &self.headers);
        self.report.bytes += batch::payload_bytes(record);
        let place = self.choose(record);
        let full =
            self.open.get(&place).is_some_and(|batch| batch.bytes() + bytes > self.options.batch_bytes);
        if full || self.open_bytes + bytes > BUFFER_BYTES_MAX {
            self.flush().await?;
        }
        // Where records without a key go may have changed with the flush.
        let partition = self.choose(record);
        let batch =
            self.open.entry(partition).or_insert_with(|| Batch::new(partition, self.options.compression));
        batch.push(record, &self.headers);
        self.open_bytes += bytes;
        Ok(())
    }

    fn choose(&self, record: &Outgoing) -> i32 {
        match (self.options.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => of_key(key, self.topic.partitions.len() as i32),
            (None, None) => self.sticky.current(),
        }
    }

    /// Sends every batch that has records.
    pub async fn flush(&mut self) -> Result<(), Error> {
        if self.gap {
            self.close_gap().await?;
        }
        let batches: Vec<Batch> = std::mem::take(&mut self.open).into_values().collect();
        self.open_bytes = 0;
        if batches.iter().any(|batch| batch.partition == self.sticky.current()) {
            self.sticky.next();
        }
        self.send(batches).await
    }

    /// Sends what is there and waits for every answer.
    pub async fn pause(&mut self) -> Result<(), Error> {
        self.flush().await?;
        while !self.in_flight.is_empty() || self.gap {
            self.drain().await?;
            if self.gap {
                self.close_gap().await?;
            }
        }
        Ok(())
    }

    /// The same, for the last time; what became of all records.
    pub async fn finish(mut self) -> Result<Report, Error> {
        self.pause().await?;
        if self.options.acks == Acks::Nobody {
            // A server that has refused a batch of this kind ends the connection; otherwise it answers this after all of them.
            super::topics::find(&mut self.connection, &self.topic.name, false).await?;
        }
        Ok(self.report)
    }

    async fn send(&mut self, mut batches: Vec<Batch>) -> Result<(), Error> {
        if batches.is_empty() {
            return Ok(());
        }
        for batch in &mut batches {
            let next = self.sequences.entry(batch.partition).or_default();
            batch.seal(self.identity, *next);
            *next = batch::sequence_after(*next, batch.count());
        }
        if self.options.acks == Acks::Nobody {
            self.report.written += batches.iter().map(|batch| batch.count() as u64).sum::<u64>();
            let request = self.request(&batches);
            return self.connection.send_unanswered(&request).await;
        }
        while self.in_flight.len() >= IN_FLIGHT_MAX {
            self.receive().await?;
        }
        let request = self.request(&batches);
        self.in_flight.push_back(batches);
        match self.connection.send(&request).await {
            Err(error) if error.is_broken() => self.reconnect(error).await,
            sent => sent,
        }
    }

    fn request(&self, batches: &[Batch]) -> produce::Request {
        let partition = |batch: &Batch| produce::PartitionProduceData {
            index: batch.partition,
            records: Some(batch.sealed().clone()),
        };
        produce::Request {
            transactional_id: None,
            acks: self.options.acks as i16,
            timeout_ms: ACKNOWLEDGE_TIMEOUT_MS,
            topic_data: vec![produce::TopicProduceData {
                name: self.topic.name.clone(),
                topic_id: self.topic.id,
                partition_data: batches.iter().map(partition).collect(),
            }],
        }
    }

    /// Waits for all answers.
    async fn drain(&mut self) -> Result<(), Error> {
        while !self.in_flight.is_empty() {
            self.receive().await?;
        }
        Ok(())
    }

    /// Takes the answer to the oldest request.
    async fn receive(&mut self) -> Result<(), Error> {
        let answer = match self.connection.receive::<produce::Request>().await {
            Err(error) if error.is_broken() => return self.reconnect(error).await,
            answer => answer?,
        };
        let batches = self.in_flight.pop_front().expect("an answer belongs to a request");
        let answers: BTreeMap<i32, _> = answer
            .responses
            .into_iter()
            .filter(|topic| self.topic.is(&topic.name, topic.topic_id))
            .flat_map(|topic| topic.partition_responses)
            .map(|partition| (partition.index, partition))
            .collect();
        for batch in batches {
            match answers.get(&batch.partition) {
                Some(answer) => self.settle(batch, answer.error_code, answer.error_message.as_ref())?,
                None => self.settle(batch, ErrorCode::UnknownServerError.number(), None)?,
            }
        }
        Ok(())
    }

    /// Books an answer to a batch.
    fn settle(&mut self, batch: Batch, error: i16, message: Option<&Text>) -> Result<(), Error> {
        let place = place(&self.topic.name, batch.partition);
        let code = ErrorCode::from_number(error);
        match code {
            // The server has the batch already: it was sent twice.
            Some(ErrorCode::None | ErrorCode::DuplicateSequenceNumber) => {
                self.report.written += batch.count() as u64;
            }
            Some(ErrorCode::OutOfOrderSequenceNumber) if self.gap => self.again.push_back(batch),
            Some(ErrorCode::MessageTooLarge) if batch.count() > 1 => {
                self.gap = true;
                self.again.extend(batch.halves(&place)?);
            }
            // Another batch may do better than this one.
            Some(
                ErrorCode::MessageTooLarge
                | ErrorCode::InvalidRecord
                | ErrorCode::InvalidTimestamp
                | ErrorCode::CorruptMessage,
            ) => {
                self.gap = true;
                self.report.refused += batch.count() as u64;
                if self.report.refusals.len() < REFUSALS_MAX {
                    let message = message.map(ToString::to_string);
                    let refusal = Refusal { number: error, message };
                    self.report
                        .refusals
                        .push(format!("{place}: {} record(s) refused: {refusal}", batch.count()));
                }
            }
            _ => return check(place, error, message),
        }
        Ok(())
    }

    /// Waits for all answers, takes a new identity, and sends what has to be sent again.
    async fn close_gap(&mut self) -> Result<(), Error> {
        while self.gap {
            self.drain().await?;
            self.gap = false;
            if self.identity.is_some() {
                self.identity = Some(identity(&mut self.connection).await?);
                self.sequences.clear();
            }
            for batch in std::mem::take(&mut self.again) {
                self.send(vec![batch]).await?;
            }
            self.drain().await?;
        }
        Ok(())
    }

    /// Connects again and sends what has no answer yet.
    async fn reconnect(&mut self, first: Error) -> Result<(), Error> {
        if self.identity.is_none() {
            return Err(first);
        }
        let deadline = Instant::now() + RECONNECT_TIMEOUT;
        loop {
            match self.resend().await {
                Err(error) if error.is_broken() && Instant::now() < deadline => {
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
                resent => return resent,
            }
        }
    }

    async fn resend(&mut self) -> Result<(), Error> {
        self.connection = self.connection.another().await?;
        for batches in &self.in_flight {
            let request = self.request(batches);
            self.connection.send(&request).await?;
        }
        Ok(())
    }
}

async fn identity(connection: &mut Connection) -> Result<Identity, Error> {
    let request = init_producer_id::Request {
        // Has a meaning for transactions only; the Java client sends the same.
        transaction_timeout_ms: i32::MAX,
        ..init_producer_id::Request::default()
    };
    let answer = connection.request(&request).await?;
    check("a producer's identity", answer.error_code, None)?;
    Ok(Identity { id: answer.producer_id, epoch: answer.producer_epoch })
}

/// A record that was read, to be written.
fn outgoing(record: &Record) -> Outgoing {
    Outgoing { timestamp: record.timestamp, key: record.key.clone(), value: record.value.clone() }
}
