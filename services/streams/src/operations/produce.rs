//! Batches from producers: checked, appended, and acknowledged when they are durable.

use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{Durability, Position};
use bytes::{Bytes, BytesMut};

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::TopicId;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::metrics::count;
use crate::partition::Partition;
use crate::partition::append::{Appended, Terms};
use crate::partition::batch::HEAD_BYTES;
use crate::protocol::batch::{self, BatchHeader, Compression};
use crate::protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, Request, Response, TopicProduceResponse,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::quotas::Kind;
use crate::session::{Action, Session, message};
use crate::settings::Settings;
use crate::topics::Topic;
use crate::transactions::append::Write;
use crate::transactions::{self, Place};

/// The version of Produce from which batches may be compressed with zstd (KIP-110).
const ZSTD_VERSION_MIN: i16 = 7;
/// The version from which the answer may say that the transaction is to be aborted (KIP-890).
const ABORTABLE_VERSION_MIN: i16 = 11;
/// The version from which a partition becomes part of the transaction with its first batch (KIP-890).
const ADDS_VERSION_MIN: i16 = 12;
/// The header of a batch's first record that makes its append conditional, where the topic's setting `conditional.append` is on.
const EXPECTED_OFFSET: &str = "bole.expected.offset";

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let acks = self.acks;
        let mut produced = Produced::default();
        for data in self.topic_data {
            let topic = find(&session, &data.name, data.topic_id);
            let mut responses = Vec::with_capacity(data.partition_data.len());
            for partition in data.partition_data {
                let index = partition.index;
                let outcome = match &topic {
                    Err(error) => Err(error.clone()),
                    Ok(_) if !(-1..=1).contains(&acks) => {
                        let text = format!("acks is {acks}; use 0, 1 or -1");
                        Err(Error::refused(ErrorCode::InvalidRequiredAcks, text))
                    }
                    Ok(topic) => {
                        one(&session, topic, partition, version, self.transactional_id.as_ref()).await
                    }
                };
                responses.push(produced.response(&session, index, outcome));
            }
            produced.topics.push(TopicProduceResponse {
                name: data.name,
                topic_id: data.topic_id,
                partition_responses: responses,
            });
        }
        if let Err(error) = session.service.runtime.journal().write_queued() {
            tracing::error!(%error, "a batch could not be written");
        }
        if acks == 0 {
            // Kafka ends the connection of a producer without acknowledgements whose batch was refused, so that it notices.
            return if produced.refused {
                Outcome::Disconnect("a batch was refused, and its producer waits for no answer".to_owned())
            } else {
                Outcome::Silent
            };
        }
        Outcome::Later(Box::pin(produced.acknowledged(session)))
    }
}

/// A produce request whose batches are appended.
#[derive(Default)]
struct Produced {
    topics: Vec<TopicProduceResponse>,
    /// How far the journal must have come, for batches of each class.
    synced: Position,
    written: Position,
    /// What was written to, to be shown before the reply leaves.
    partitions: Vec<Arc<Partition>>,
    refused: bool,
}

impl Produced {
    fn response(
        &mut self,
        session: &Session,
        index: i32,
        outcome: Result<(Appended, Arc<Partition>, i64), Error>,
    ) -> PartitionProduceResponse {
        match outcome {
            Ok((appended, partition, log_append_time_ms)) => {
                let reach =
                    if partition.class() == Durability::Sync { &mut self.synced } else { &mut self.written };
                *reach = appended.position.max(*reach);
                self.partitions.push(partition);
                PartitionProduceResponse {
                    index,
                    base_offset: appended.base_offset,
                    log_append_time_ms,
                    log_start_offset: appended.log_start,
                    ..PartitionProduceResponse::default()
                }
            }
            Err(error) => {
                super::refused(session);
                self.refused = true;
                PartitionProduceResponse {
                    index,
                    error_code: error.code() as i16,
                    base_offset: -1,
                    error_message: message(&error),
                    ..PartitionProduceResponse::default()
                }
            }
        }
    }

    /// The reply, once everything is durable.
    async fn acknowledged(self, session: Arc<Session>) -> Response {
        let journal = session.service.runtime.journal();
        let mut outcome =
            poll_fn(|context| journal.poll_reached(Durability::Async, self.written, context)).await;
        if outcome.is_ok() && self.synced > Position::ZERO {
            outcome = poll_fn(|context| journal.poll_reached(Durability::Sync, self.synced, context)).await;
        }
        // Who hears of the reply and looks finds the records.
        for partition in self.partitions.iter().filter(|_| outcome.is_ok()) {
            if let Ok(mut locked) = partition.lock() {
                locked.state_mut().advance(journal.reached(partition.class()));
            }
        }
        let mut topics = self.topics;
        if let Err(error) = outcome {
            // The batches may be there or not; the client has to find out.
            let responses = topics.iter_mut().flat_map(|topic| &mut topic.partition_responses);
            for response in responses.filter(|response| response.error_code == 0) {
                response.error_code = ErrorCode::KafkaStorageError as i16;
                response.error_message = Some(Text::from(error.to_string()));
            }
        }
        Response { responses: topics, ..Response::default() }
    }
}

/// Appends the batch for one partition. With it the durability that it must reach, and the time that the broker gave it, or −1.
async fn one(
    session: &Session,
    topic: &Arc<Topic>,
    data: PartitionProduceData,
    version: i16,
    transactional_id: Option<&Text>,
) -> Result<(Appended, Arc<Partition>, i64), Error> {
    let partition = topic.partition(data.index)?;
    let records = data.records.unwrap_or_default();
    let now = session.service.now();
    let (body, header, log_append_time) = check(topic, &records, version, now)?;
    let terms = terms(topic, &records, &header)?;
    session.service.cache.room().await;
    let appended = if header.attributes.is_transactional() {
        let place = (TopicId(topic.id.0), data.index);
        transactional(session, &terms, &partition, place, &body, version, transactional_id).await?
    } else {
        append(session, &terms, &partition, &body).await?
    };
    count(&session.service.metrics.records_in, header.records_count as u64);
    count(&session.service.metrics.bytes_in, records.len() as u64);
    session.charge(Kind::ProducerByteRate, records.len());
    Ok((appended, partition, log_append_time))
}

/// Appends a batch of a transaction.
async fn transactional(
    session: &Session,
    terms: &Terms,
    partition: &Arc<Partition>,
    place: Place,
    body: &Bytes,
    version: i16,
    id: Option<&Text>,
) -> Result<Appended, Error> {
    let Some(id) = id else {
        let text = "a batch of a transaction came without a transactional id";
        return Err(Error::refused(ErrorCode::TransactionalIdAuthorizationFailed, text));
    };
    super::check_transactional_id(session, Action::Write, id)?;
    let id = Arc::from(&**id);
    let adds = version >= ADDS_VERSION_MIN;
    let write = Write { id: &id, partition, place, body, terms, adds };
    let appended = transactions::append::append(&session.service, &write).await;
    let appended = appended.map_err(|error| match error {
        Error::Refused { code: ErrorCode::InvalidTxnState, text } if version >= ABORTABLE_VERSION_MIN => {
            Error::Refused { code: ErrorCode::TransactionAbortable, text }
        }
        other => other,
    })?;
    show(session, partition, &appended, body);
    Ok(appended)
}

/// Errors: `InvalidRecord` where the batch expects what is no offset; those of unpacking it.
fn terms(topic: &Topic, records: &Bytes, header: &BatchHeader) -> Result<Terms, Error> {
    let settings = topic.settings();
    let expected_offset = if settings.conditional_append { expected_offset(records, header)? } else { None };
    Ok(Terms { segment_bytes: settings.segment_bytes, segment_ms: settings.roll_ms(), expected_offset })
}

/// The offset at which the batch's first record asks to be appended, in a header named [`EXPECTED_OFFSET`].
fn expected_offset(records: &Bytes, header: &BatchHeader) -> Result<Option<i64>, Error> {
    let refused = |error: batch::BatchError| Error::refused(error.error_code(), error.to_string());
    let first = batch::records(records, header, UNPACKED_BYTES_MAX).map_err(refused)?.next();
    let Some(first) = first.transpose().map_err(refused)? else { return Ok(None) };
    let Some(asked) = first.headers().find(|header| header.key == EXPECTED_OFFSET.as_bytes()) else {
        return Ok(None);
    };
    let value = asked.value.unwrap_or_default();
    let offset = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
    offset.filter(|offset: &i64| *offset >= 0).map(Some).ok_or_else(|| {
        let shown = String::from_utf8_lossy(&value[..value.len().min(64)]);
        let text = format!("header {EXPECTED_OFFSET} is \"{shown}\"; use an offset in decimal digits");
        Error::refused(ErrorCode::InvalidRecord, text)
    })
}

/// The topic, if the client may write to it: who may not does not learn whether it exists.
fn find(session: &Session, name: &str, id: Uuid) -> Result<Arc<Topic>, Error> {
    if !name.is_empty() {
        session.check_topic(Action::Write, name)?;
        return session.service.topics.find(name, id);
    }
    let topic = session.service.topics.find(name, id)?;
    session.check_topic(Action::Write, &topic.name)?;
    Ok(topic)
}

async fn append(
    session: &Session,
    terms: &Terms,
    partition: &Arc<Partition>,
    body: &Bytes,
) -> Result<Appended, Error> {
    let service = &session.service;
    let mut transaction = service.runtime.transaction();
    transaction.set_time(service.runtime.tick());
    let appended = partition.append(&mut transaction, body, terms).await?;
    show(session, partition, &appended, body);
    Ok(appended)
}

/// Sees to it that a new batch is shown when it is durable.
fn show(session: &Session, partition: &Arc<Partition>, appended: &Appended, body: &Bytes) {
    if !appended.duplicate {
        let records = crate::partition::batch::Fields::of(body)
            .map_or(0, |fields| i64::from(fields.last_offset_delta()) + 1);
        session.service.appended(partition, appended, records, HEAD_BYTES + body.len());
    }
}

/// Checks a producer's batch against the format and the topic's settings. The body to store, its header, and the broker's time if it was set.
fn check(topic: &Topic, records: &Bytes, version: i16, now: i64) -> Result<(Bytes, BatchHeader, i64), Error> {
    let settings = topic.settings();
    let limits = batch::Limits { batch_bytes_max: settings.message_bytes_max };
    let header = batch::validate(records, limits)
        .map_err(|error| Error::refused(error.error_code(), format!("topic \"{}\": {error}", topic.name)))?;
    let compression = header
        .attributes
        .compression()
        .map_err(|error| Error::refused(error.error_code(), error.to_string()))?;
    if compression == Compression::Zstd && version < ZSTD_VERSION_MIN {
        let text = format!("{} needs a later version of Produce than {version}", compression.name());
        return Err(Error::refused(ErrorCode::UnsupportedCompressionType, text));
    }
    if settings.cleanup.compact {
        let summary = batch::summary(records, &header, UNPACKED_BYTES_MAX);
        let summary = summary.map_err(|error| Error::refused(error.error_code(), error.to_string()))?;
        if !summary.all_have_keys {
            let text = format!("topic \"{}\" is compacted: every record needs a key", topic.name);
            return Err(Error::refused(ErrorCode::InvalidRecord, text));
        }
    }
    let converted;
    let mut records = records;
    if let Some(wanted) = settings.compression.filter(|wanted| *wanted != compression) {
        converted = crate::records::recompress(records, compression, wanted)?;
        records = &converted;
    }
    if settings.log_append_time {
        let (head, records) = batch::stamped(records, now);
        let mut body = BytesMut::with_capacity(head.len() + records.len() - HEAD_BYTES);
        body.extend_from_slice(&head[HEAD_BYTES..]);
        body.extend_from_slice(&records);
        return Ok((body.freeze(), header, now));
    }
    check_times(&settings, &header, now)?;
    Ok((records.slice(HEAD_BYTES..), header, -1))
}

/// Whether the times that a producer gave are near enough to now.
fn check_times(settings: &Settings, header: &BatchHeader, now: i64) -> Result<(), Error> {
    let (oldest, newest) = (header.base_timestamp, header.max_timestamp);
    let early = oldest >= 0 && now.saturating_sub(oldest) > settings.timestamp_before_ms_max;
    let late = newest.saturating_sub(now) > settings.timestamp_after_ms_max;
    if early || late {
        let text = format!("a record has the time {}; now is {now}", if early { oldest } else { newest });
        return Err(Error::refused(ErrorCode::InvalidTimestamp, text));
    }
    Ok(())
}
