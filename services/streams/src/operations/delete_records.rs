//! Drops the oldest records of partitions.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopicResult, Request, Response,
};
use crate::protocol::{ErrorCode, Uuid};
use crate::session::{Action, Session};

/// The offset that means all records.
const ALL: i64 = -1;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut topics = Vec::with_capacity(self.topics.len());
        for asked in self.topics {
            let mut partitions = Vec::with_capacity(asked.partitions.len());
            for wanted in asked.partitions {
                let outcome = delete(&session, &asked.name, &wanted).await;
                if outcome.is_err() {
                    super::refused(&session);
                }
                partitions.push(DeleteRecordsPartitionResult {
                    partition_index: wanted.partition_index,
                    error_code: outcome.as_ref().err().map_or(0, |error| error.code() as i16),
                    low_watermark: outcome.unwrap_or(-1),
                });
            }
            topics.push(DeleteRecordsTopicResult { name: asked.name, partitions });
        }
        Response { topics, ..Response::default() }.into()
    }
}

async fn delete(session: &Session, topic: &str, wanted: &DeleteRecordsPartition) -> Result<i64, Error> {
    session.check_topic(Action::Delete, topic)?;
    let topic = session.service.topics.find(topic, Uuid::default())?;
    if !topic.settings().cleanup.delete {
        let text = format!(
            "topic \"{}\" is compacted; records go only where cleanup.policy holds delete",
            topic.name
        );
        return Err(Error::refused(ErrorCode::PolicyViolation, text));
    }
    let partition = topic.partition(wanted.partition_index)?;
    let end = partition.lock()?.state().high_watermark;
    let offset = if wanted.offset == ALL { end } else { wanted.offset };
    if !(0..=end).contains(&offset) {
        let text = format!("offset {offset} is not within 0 to {end}");
        return Err(Error::refused(ErrorCode::OffsetOutOfRange, text));
    }
    crate::retention::start_at(&session.service, &partition, offset).await?;
    Ok(partition.lock()?.state().log_start)
}
