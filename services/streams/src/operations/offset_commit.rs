//! How far a group has come.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::offsets::{CommitRequest, Committer, ToCommit};
use crate::protocol::messages::offset_commit::{
    OffsetCommitRequestTopic, OffsetCommitResponsePartition, OffsetCommitResponseTopic, Request, Response,
};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session};

/// From this version on clients know of consumer groups (KIP-848).
const CONSUMER_GROUPS_VERSION_MIN: i16 = 9;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let code = ErrorCode::GroupAuthorizationFailed;
        let allowed = session.check(Action::Read, "group", &self.group_id, code);
        let names: Vec<Result<Text, Error>> =
            self.topics.iter().map(|topic| allowed.clone().and_then(|()| name(&session, topic))).collect();
        let mut offsets = Vec::new();
        for (topic, name) in self.topics.iter().zip(&names) {
            let Ok(name) = name else { continue };
            offsets.extend(topic.partitions.iter().map(|partition| ToCommit {
                topic: Arc::from(&**name),
                partition: partition.partition_index,
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: Arc::from(partition.committed_metadata.as_deref().unwrap_or_default()),
            }));
        }
        let outcomes = commit(&session, &self, offsets).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(|code| older(code, version)).collect();
        let mut outcomes = outcomes.into_iter();
        let mut next = || outcomes.next().unwrap_or(ErrorCode::UnknownServerError as i16);
        let topics = self.topics.into_iter().zip(names).map(|(topic, name)| {
            let partitions = topic.partitions.iter().map(|partition| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: match &name {
                    Ok(_) => next(),
                    Err(error) => error.code() as i16,
                },
            });
            OffsetCommitResponseTopic {
                partitions: partitions.collect(),
                name: topic.name,
                topic_id: topic.topic_id,
            }
        });
        Response { topics: topics.collect(), ..Response::default() }.into()
    }
}

/// What clients from before consumer groups are told instead of codes that they do not know.
const fn older(code: i16, version: i16) -> i16 {
    if version >= CONSUMER_GROUPS_VERSION_MIN {
        return code;
    }
    match ErrorCode::from_number(code) {
        Some(ErrorCode::GroupIdNotFound) => ErrorCode::IllegalGeneration as i16,
        Some(ErrorCode::StaleMemberEpoch) => ErrorCode::UnsupportedVersion as i16,
        _ => code,
    }
}

/// The name of a topic that the client may read.
fn name(session: &Session, topic: &OffsetCommitRequestTopic) -> Result<Text, Error> {
    let found = session.service.topics.readable(&topic.name, topic.topic_id)?;
    session.check_topic(Action::Read, found.name())?;
    Ok(Text::from(found.name()))
}

/// A code for each offset, in their order.
async fn commit(session: &Session, request: &Request, offsets: Vec<ToCommit>) -> Vec<i16> {
    let count = offsets.len();
    if count == 0 {
        return Vec::new();
    }
    let request = CommitRequest {
        group: Arc::from(&*request.group_id),
        by: Committer {
            generation_or_epoch: request.generation_id_or_member_epoch,
            member_id: Arc::from(&*request.member_id),
            instance_id: request.group_instance_id.as_deref().map(Arc::from),
        },
        retention_ms: u64::try_from(request.retention_time_ms).ok(),
        offsets,
    };
    match session.service.groups.commit_offsets(&request).await {
        Ok(outcomes) => outcomes
            .into_iter()
            .map(|outcome| outcome.map_or_else(|error| error.code.number(), |()| 0))
            .collect(),
        Err(error) => {
            super::refused(session);
            vec![error.code.number(); count]
        }
    }
}
