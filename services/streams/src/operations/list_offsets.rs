//! Offsets of a partition: its ends, and the first record at or after a point in time.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::partition::Partition;
use crate::partition::read::{Bounds, Isolation};
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse, Request, Response,
};
use crate::protocol::{ErrorCode, Uuid};
use crate::readable::Source;
use crate::session::{Action, Session};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let isolation = super::fetch::isolation(self.isolation_level);
        let mut topics = Vec::with_capacity(self.topics.len());
        for asked in self.topics {
            let checked = session.check_topic(Action::Describe, &asked.name);
            let topic = checked.and_then(|()| session.service.topics.readable(&asked.name, Uuid::default()));
            let mut partitions = Vec::with_capacity(asked.partitions.len());
            for wanted in asked.partitions {
                let found = match &topic {
                    Err(error) => Err(error.clone()),
                    Ok(topic) => match topic.source(wanted.partition_index) {
                        Err(error) => Err(error),
                        Ok(source) => look(&session, source, &wanted, isolation).await,
                    },
                };
                // Clients before version 4 know nothing of epochs.
                let found =
                    found.map(|(time, offset, epoch)| (time, offset, if version < 4 { -1 } else { epoch }));
                partitions.push(respond(&session, &wanted, found));
            }
            topics.push(ListOffsetsTopicResponse { name: asked.name, partitions });
        }
        Response { topics, ..Response::default() }.into()
    }
}

fn respond(
    session: &Session,
    wanted: &ListOffsetsPartition,
    found: Result<(i64, i64, i32), Error>,
) -> ListOffsetsPartitionResponse {
    let partition_index = wanted.partition_index;
    match found {
        Ok((timestamp, offset, leader_epoch)) => ListOffsetsPartitionResponse {
            partition_index,
            timestamp,
            offset,
            leader_epoch,
            ..Default::default()
        },
        Err(error) => {
            super::refused(session);
            ListOffsetsPartitionResponse {
                partition_index,
                error_code: error.code() as i16,
                ..Default::default()
            }
        }
    }
}

/// Timestamp, offset and epoch; −1 each where there is none.
async fn look(
    session: &Session,
    source: Source,
    wanted: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<(i64, i64, i32), Error> {
    let bounds = source.bounds()?;
    super::fetch::check_epoch(wanted.current_leader_epoch, bounds.leader_epoch)?;
    match wanted.timestamp {
        LATEST => Ok((-1, bounds.below(isolation), bounds.leader_epoch)),
        EARLIEST | EARLIEST_LOCAL => Ok((-1, bounds.log_start, bounds.leader_epoch)),
        LATEST_TIERED => Ok((-1, -1, -1)),
        timestamp if timestamp >= 0 || timestamp == MAX_TIMESTAMP => {
            let permit = Arc::clone(&session.service.cold_reads).acquire_owned().await;
            let _permit = permit.map_err(|_| Error::Storage("the service is closed".to_owned()))?;
            let search = move || match source {
                Source::Partition(partition) => by_time(&partition, timestamp, isolation),
                Source::Feed(feed) => {
                    let found = feed.find_time((timestamp != MAX_TIMESTAMP).then_some(timestamp))?;
                    Ok(found.map(|(time, offset)| (time, offset, 0)))
                }
            };
            let found = tokio::task::spawn_blocking(search).await;
            let found =
                found.map_err(|error| Error::Storage(format!("a search by time failed: {error}")))??;
            Ok(found.unwrap_or((-1, -1, -1)))
        }
        other => Err(Error::refused(ErrorCode::InvalidRequest, format!("timestamp {other} has no meaning"))),
    }
}

/// The first record at or after `timestamp`, or the one with the greatest timestamp.
fn by_time(
    partition: &Partition,
    timestamp: i64,
    isolation: Isolation,
) -> Result<Option<(i64, i64, i32)>, Error> {
    let greatest = if timestamp == MAX_TIMESTAMP {
        let locked = partition.lock()?;
        locked
            .state()
            .segments
            .iter()
            .map(|segment| segment.max_timestamp)
            .max()
            .filter(|newest| *newest >= 0)
    } else {
        Some(timestamp)
    };
    let Some(timestamp) = greatest else { return Ok(None) };
    let Some(batch) = partition.find_timestamp(timestamp, isolation)? else { return Ok(None) };
    let start = Bounds::of(&partition.lock()?).log_start;
    let found = crate::records::first_at(&batch, timestamp, start)?;
    Ok(found.map(|(timestamp, offset)| (timestamp, offset, batch.leader_epoch)))
}
