//! Where the records of a leader's epoch end: how a client finds out whether what it has read was cut.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::Uuid;
use crate::protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopicResult, Request, Response,
};
use crate::readable::Source;
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut topics = Vec::with_capacity(self.topics.len());
        for asked in self.topics {
            let partitions = asked.partitions.iter().map(|wanted| {
                let partition = wanted.partition;
                match look(&session, &asked.topic, wanted) {
                    Ok(found) => {
                        let (leader_epoch, end_offset) = found.unwrap_or((-1, -1));
                        EpochEndOffset { partition, leader_epoch, end_offset, ..EpochEndOffset::default() }
                    }
                    Err(error) => {
                        super::refused(&session);
                        EpochEndOffset {
                            partition,
                            error_code: error.code() as i16,
                            ..EpochEndOffset::default()
                        }
                    }
                }
            });
            let partitions = partitions.collect();
            topics.push(OffsetForLeaderTopicResult { topic: asked.topic, partitions });
        }
        Response { topics, ..Response::default() }.into()
    }
}

fn look(
    session: &Session,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> Result<Option<(i32, i64)>, Error> {
    session.check_topic(Action::Describe, topic)?;
    let partition = match session.service.topics.readable(topic, Uuid::default())?.source(wanted.partition)? {
        Source::Partition(partition) => partition,
        Source::Feed(feed) => {
            let bounds = feed.bounds()?;
            super::fetch::check_epoch(wanted.current_leader_epoch, bounds.leader_epoch)?;
            let is_known = wanted.leader_epoch == bounds.leader_epoch;
            return Ok(is_known.then_some((bounds.leader_epoch, bounds.next)));
        }
    };
    let locked = partition.lock()?;
    let current = locked.epoch().0 as i32;
    super::fetch::check_epoch(wanted.current_leader_epoch, current)?;
    let state = locked.state();
    if wanted.leader_epoch == current {
        return Ok(Some((current, state.next_offset)));
    }
    Ok(state.epoch_end(wanted.leader_epoch).filter(|_| wanted.leader_epoch < current))
}
