//! Batches from producers: checked, appended, and acknowledged when they are durable.

pub(crate) mod check;
mod expected;

use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{Durability, Position};
use bytes::Bytes;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::TopicId;
use crate::metrics::count;
use crate::partition::Partition;
use crate::partition::append::{Appended, Terms};
use crate::partition::batch::HEAD_BYTES;
use crate::protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, Request, Response,
    TopicProduceResponse,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::quotas::Kind;
use crate::session::{Action, Session, message};
use crate::topics::Topic;
use crate::transactions::append::Write;
use crate::transactions::{self, Place};

/// The version from which the answer may say that the transaction is to be aborted (KIP-890).
const ABORTABLE_VERSION_MIN: i16 = 11;
/// The version from which a partition becomes part of the transaction with its first batch (KIP-890).
const ADDS_VERSION_MIN: i16 = 12;

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
                    Err(error) => Err(error.clone().into()),
                    Ok(_) if !(-1..=1).contains(&acks) => {
                        let text = format!("acks is {acks}; use 0, 1 or -1");
                        Err(Error::refused(ErrorCode::InvalidRequiredAcks, text).into())
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

/// Why a batch is refused.
struct Refusal {
    error: Error,
    /// The index of the record that is to blame, where it is known to be one.
    record: Option<i32>,
    /// What the decision rests on. The answer waits until that is durable: a client must not act on an offset that a crash takes back.
    seen: Option<Arc<Partition>>,
}

impl Refusal {
    const fn of_record(record: i32, error: Error) -> Self {
        Self { error, record: Some(record), seen: None }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, record: None, seen: None }
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
        outcome: Result<(Appended, Arc<Partition>, i64), Refusal>,
    ) -> PartitionProduceResponse {
        match outcome {
            Ok((appended, partition, log_append_time_ms)) => {
                self.wait_for(&partition, appended.position);
                self.partitions.push(partition);
                PartitionProduceResponse {
                    index,
                    base_offset: appended.base_offset,
                    log_append_time_ms,
                    log_start_offset: appended.log_start,
                    ..PartitionProduceResponse::default()
                }
            }
            Err(refusal) => self.refusal(session, index, &refusal),
        }
    }

    fn refusal(&mut self, session: &Session, index: i32, refusal: &Refusal) -> PartitionProduceResponse {
        super::refused(session);
        self.refused = true;
        if let Some(partition) = &refusal.seen
            && let Ok(locked) = partition.lock()
        {
            self.wait_for(partition, locked.position());
        }
        let error_message = message(&refusal.error);
        let blamed = |batch_index| BatchIndexAndErrorMessage {
            batch_index,
            batch_index_error_message: error_message.clone(),
        };
        PartitionProduceResponse {
            index,
            error_code: refusal.error.code() as i16,
            base_offset: -1,
            record_errors: refusal.record.map(blamed).into_iter().collect(),
            error_message,
            ..PartitionProduceResponse::default()
        }
    }

    /// The reply leaves no earlier than the journal has reached `position` in the partition's class.
    fn wait_for(&mut self, partition: &Partition, position: Position) {
        let reach = if partition.class() == Durability::Sync { &mut self.synced } else { &mut self.written };
        *reach = position.max(*reach);
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
            // The batches may be there or not, and what others were refused for, too; the client has to find out.
            for response in topics.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
                response.error_code = ErrorCode::KafkaStorageError as i16;
                response.error_message = Some(Text::from(error.to_string()));
                response.record_errors.clear();
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
) -> Result<(Appended, Arc<Partition>, i64), Refusal> {
    let partition = topic.partition(data.index)?;
    let records = data.records.unwrap_or_default();
    let now = session.service.now();
    let (body, header, log_append_time) = check::batch(topic, &records, version, now)?;
    let settings = topic.settings();
    let expected = if settings.conditional_append { expected::of(&records, &header)? } else { None };
    let terms = Terms {
        segment_bytes: settings.segment_bytes,
        segment_ms: settings.roll_ms(),
        expected_offset: expected.map(|expected| expected.base_offset),
    };
    session.service.cache.room().await;
    let appended = if header.attributes.is_transactional() {
        let place = (TopicId(topic.id.0), data.index);
        transactional(session, &terms, &partition, place, &body, version, transactional_id).await
    } else {
        append(session, &terms, &partition, &body).await
    };
    let appended = appended.map_err(|error| {
        let record = expected.filter(|_| error.code() == ErrorCode::InvalidRecord).map(|it| it.record);
        count(&session.service.metrics.expectations_failed, u64::from(record.is_some()));
        Refusal { error, record, seen: Some(Arc::clone(&partition)) }
    })?;
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
