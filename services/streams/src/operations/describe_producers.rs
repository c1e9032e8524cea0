//! Who produces to partitions, and which transactions are open in them.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::Uuid;
use crate::protocol::messages::describe_producers::{
    PartitionResponse, ProducerState, Request, Response, TopicResponse,
};
use crate::readable::Source;
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|index| {
                let found = producers(&session, &topic.name, *index);
                let error = found.as_ref().err();
                if error.is_some() {
                    super::refused(&session);
                }
                PartitionResponse {
                    partition_index: *index,
                    error_code: error.map_or(0, |error| error.code() as i16),
                    error_message: error.and_then(message),
                    active_producers: found.unwrap_or_default(),
                }
            });
            TopicResponse { partitions: partitions.collect(), name: topic.name }
        });
        Response { topics: topics.collect(), ..Response::default() }.into()
    }
}

fn producers(session: &Session, topic: &str, index: i32) -> Result<Vec<ProducerState>, Error> {
    session.check_topic(Action::Read, topic)?;
    let source = session.service.topics.readable(topic, Uuid::ZERO)?.source(index)?;
    // Nobody produces to a feed.
    let Source::Partition(partition) = source else { return Ok(Vec::new()) };
    let locked = partition.lock()?;
    let producers = locked.state().producers.all().into_iter().map(|(producer_id, producer)| ProducerState {
        producer_id,
        producer_epoch: i32::from(producer.epoch),
        last_sequence: producer.sent.back().map_or(-1, |sent| sent.last_sequence),
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: -1,
        current_txn_start_offset: producer.transaction_start.unwrap_or(-1),
    });
    Ok(producers.collect())
}
