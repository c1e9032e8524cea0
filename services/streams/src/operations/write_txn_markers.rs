//! An operator aborts a transaction that hangs.
//!
//! Kafka writes the marker to the partition that is named, and the rest of the transaction stays open. Here a transaction ends in all
//! of its partitions and groups at once or not at all; so the abort of a part aborts the whole, and fences its producer, as the time
//! limit does. Commits are the producer's alone and are refused.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::access::CLUSTER;
use crate::groups::TopicId;
use crate::protocol::messages::write_txn_markers::{
    Request, Response, WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
};
use crate::protocol::{ErrorCode, Uuid};
use crate::session::{Action, Session};
use crate::transactions::{Entry, Identity, Place, Status, end};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut markers = Vec::with_capacity(self.markers.len());
        for marker in self.markers {
            markers.push(mark(&session, marker).await);
        }
        Response { markers }.into()
    }
}

/// What came of looking for a partition: how transactions name it.
type Found = Result<Place, Error>;

async fn mark(session: &Session, marker: WritableTxnMarker) -> WritableTxnMarkerResult {
    let allowed = check(session, &marker);
    let found: Vec<Vec<Found>> = marker
        .topics
        .iter()
        .map(|topic| {
            let find = |index: &i32| allowed.clone().and_then(|()| place(session, &topic.name, *index));
            topic.partition_indexes.iter().map(find).collect()
        })
        .collect();
    let places: Vec<Place> =
        found.iter().flatten().filter_map(|found| found.as_ref().ok().copied()).collect();
    let ended = if places.is_empty() { Ok(()) } else { abort(session, &marker, &places).await };
    let code = |found: Found| match found.and_then(|_| ended.clone()) {
        Ok(()) => 0,
        Err(error) => {
            super::refused(session);
            error.code() as i16
        }
    };
    let topics = marker.topics.into_iter().zip(found).map(|(topic, found)| {
        let partitions = topic.partition_indexes.into_iter().zip(found);
        let partitions = partitions.map(|(partition_index, found)| WritableTxnMarkerPartitionResult {
            partition_index,
            error_code: code(found),
        });
        WritableTxnMarkerTopicResult { name: topic.name, partitions: partitions.collect() }
    });
    WritableTxnMarkerResult { producer_id: marker.producer_id, topics: topics.collect() }
}

/// Errors: `ClusterAuthorizationFailed`; `InvalidRequest` for a commit.
fn check(session: &Session, marker: &WritableTxnMarker) -> Result<(), Error> {
    // As in Kafka: who may alter the cluster may do this, too.
    if !session.may(Action::Alter, "cluster", CLUSTER) {
        session.check_cluster(Action::ClusterAction)?;
    }
    if marker.transaction_result {
        let text = format!("only producer {} itself commits its transaction", marker.producer_id);
        return Err(Error::refused(ErrorCode::InvalidRequest, text));
    }
    Ok(())
}

fn place(session: &Session, topic: &str, index: i32) -> Found {
    let topic = session.service.topics.find(topic, Uuid::ZERO)?;
    topic.partition(index)?;
    Ok((TopicId(topic.id.0), index))
}

/// Aborts the producer's open transaction if it holds one of `places`; otherwise there is nothing to end.
///
/// Errors: `TransactionCoordinatorFenced`, and those of [`end::abort`].
async fn abort(session: &Session, marker: &WritableTxnMarker, places: &[Place]) -> Result<(), Error> {
    let by = Identity { producer_id: marker.producer_id, epoch: marker.producer_epoch };
    let hangs = |entry: &Entry| {
        entry.status == Status::Ongoing
            && entry.identity.producer_id == by.producer_id
            && places.iter().any(|place| entry.partitions.contains(place))
    };
    for shard in session.service.transactions.shards() {
        let id = {
            let locked = shard.lock()?;
            let found = locked.state().entries().find(|(_, entry)| hangs(entry));
            let Some((id, _)) = found else { continue };
            check_coordinator(marker.coordinator_epoch, locked.epoch().0)?;
            Arc::clone(id)
        };
        return end::abort(&session.service, &id, by, hangs).await;
    }
    Ok(())
}

/// The tools say what `DescribeProducers` told them, and 0 where no coordinator is known. An epoch that this coordinator has not
/// reached is of another one.
fn check_coordinator(asked: i32, current: u32) -> Result<(), Error> {
    if i64::from(asked) <= i64::from(current) {
        return Ok(());
    }
    let text = format!("the coordinator is in epoch {current}; epoch {asked} is not of this node");
    Err(Error::refused(ErrorCode::TransactionCoordinatorFenced, text))
}
