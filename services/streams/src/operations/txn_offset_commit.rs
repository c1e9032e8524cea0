//! Offsets of a group that count when the transaction does.

use std::sync::Arc;

use super::{Handle, Outcome, check_transactional_id, transactional_code};
use crate::Error;
use crate::groups::offsets::transactional::PendingRequest;
use crate::groups::offsets::{Committer, ToCommit};
use crate::protocol::ErrorCode;
use crate::protocol::messages::txn_offset_commit::{
    Request, Response, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::session::{Action, Session};
use crate::transactions::offsets;

/// The version from which a fenced producer is told so.
const FENCED_VERSION_MIN: i16 = 3;
/// The version from which the answer may say that the transaction is to be aborted (KIP-890).
const ABORTABLE_VERSION_MIN: i16 = 4;
/// The version from which the group becomes part of the transaction by this (KIP-890).
const ADDS_VERSION_MIN: i16 = 5;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let topics: Vec<Result<(), Error>> =
            self.topics.iter().map(|topic| session.check_topic(Action::Read, &topic.name)).collect();
        let mut wanted = Vec::new();
        for (topic, allowed) in self.topics.iter().zip(&topics) {
            if allowed.is_err() {
                continue;
            }
            wanted.extend(topic.partitions.iter().map(|partition| ToCommit {
                topic: Arc::from(&*topic.name),
                partition: partition.partition_index,
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: Arc::from(partition.committed_metadata.as_deref().unwrap_or_default()),
            }));
        }
        let mut codes = commit(&session, &self, wanted, version).await.into_iter();
        let mut next = || codes.next().expect("each offset has a code");
        let topics = self.topics.into_iter().zip(topics).map(|(topic, allowed)| {
            let partitions = topic.partitions.iter().map(|partition| TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: allowed.as_ref().map_or_else(|error| error.code() as i16, |()| next()),
            });
            TxnOffsetCommitResponseTopic { partitions: partitions.collect(), name: topic.name }
        });
        Response { topics: topics.collect(), ..Response::default() }.into()
    }
}

/// A code for each offset, in their order.
async fn commit(session: &Session, request: &Request, wanted: Vec<ToCommit>, version: i16) -> Vec<i16> {
    let count = wanted.len();
    if count == 0 {
        return Vec::new();
    }
    match try_commit(session, request, wanted, version).await {
        Ok(outcomes) => {
            let code = |outcome: Result<(), crate::groups::Error>| {
                outcome.map_or_else(|error| error.code.number(), |()| 0)
            };
            outcomes.into_iter().map(code).collect()
        }
        Err(error) => {
            let code = transactional_code(session, &error, version, FENCED_VERSION_MIN);
            let told = match error.code() {
                ErrorCode::GroupIdNotFound | ErrorCode::StaleMemberEpoch => {
                    ErrorCode::IllegalGeneration as i16
                }
                ErrorCode::InvalidTxnState if version >= ABORTABLE_VERSION_MIN => {
                    ErrorCode::TransactionAbortable as i16
                }
                _ => code,
            };
            vec![told; count]
        }
    }
}

async fn try_commit(
    session: &Session,
    request: &Request,
    offsets: Vec<ToCommit>,
    version: i16,
) -> Result<Vec<Result<(), crate::groups::Error>>, Error> {
    check_transactional_id(session, Action::Write, &request.transactional_id)?;
    session.check(Action::Read, "group", &request.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let pending = PendingRequest {
        group: Arc::from(&*request.group_id),
        by: Committer {
            generation_or_epoch: request.generation_id,
            member_id: Arc::from(&*request.member_id),
            instance_id: request.group_instance_id.as_deref().map(Arc::from),
        },
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
        offsets,
    };
    let id = Arc::from(&*request.transactional_id);
    offsets::commit(&session.service, &id, &pending, version >= ADDS_VERSION_MIN).await
}
