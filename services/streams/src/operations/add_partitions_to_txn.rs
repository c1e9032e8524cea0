//! Makes partitions part of transactions: of one, as clients ask, or of several, as brokers do.

use std::sync::Arc;

use super::{Handle, Outcome, check_transactional_id, transactional_code};
use crate::Error;
use crate::groups::TopicId;
use crate::protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction, Request, Response,
};
use crate::protocol::{ErrorCode, Uuid};
use crate::session::{Action, Session};
use crate::transactions::{Identity, Place, run};

/// The version from which a fenced producer is told so.
const FENCED_VERSION_MIN: i16 = 2;
/// The version from which the request is one of brokers, for several transactions.
const BATCH_VERSION_MIN: i16 = 4;
/// The version from which the answer may say that the transaction is to be aborted (KIP-890).
const ABORTABLE_VERSION_MIN: i16 = 5;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        if version < BATCH_VERSION_MIN {
            let one = AddPartitionsToTxnTransaction {
                transactional_id: self.v3_and_below_transactional_id,
                producer_id: self.v3_and_below_producer_id,
                producer_epoch: self.v3_and_below_producer_epoch,
                verify_only: false,
                topics: self.v3_and_below_topics,
            };
            let results = add(&session, &one, version).await;
            return Response { results_by_topic_v3_and_below: results, ..Response::default() }.into();
        }
        if let Err(error) = session.check_cluster(Action::Alter) {
            super::refused(&session);
            return Response { error_code: error.code() as i16, ..Response::default() }.into();
        }
        let mut results = Vec::with_capacity(self.transactions.len());
        for transaction in &self.transactions {
            results.push(AddPartitionsToTxnResult {
                transactional_id: transaction.transactional_id.clone(),
                topic_results: add(&session, transaction, version).await,
            });
        }
        Response { results_by_transaction: results, ..Response::default() }.into()
    }
}

/// One transaction; a result for each partition.
async fn add(
    session: &Session,
    asked: &AddPartitionsToTxnTransaction,
    version: i16,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let found: Vec<Result<Place, Error>> = asked
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| place(session, topic, *index, version)))
        .collect();
    let places: Vec<Place> = found.iter().filter_map(|found| found.as_ref().ok()).copied().collect();
    let outcomes = if places.len() == found.len() {
        outcomes(session, asked, &places).await
    } else {
        // All of them, or none.
        let text = "another partition of the request was refused";
        let left = || Error::refused(ErrorCode::OperationNotAttempted, text);
        found.into_iter().map(|found| Err(found.err().unwrap_or_else(left))).collect()
    };
    let code = |outcome: Result<(), Error>| match outcome {
        Ok(()) => 0,
        Err(error) if error.code() == ErrorCode::InvalidTxnState && version >= ABORTABLE_VERSION_MIN => {
            super::refused(session);
            ErrorCode::TransactionAbortable as i16
        }
        Err(error) => transactional_code(session, &error, version, FENCED_VERSION_MIN),
    };
    let mut outcomes = outcomes.into_iter();
    let mut result = |index: &i32| AddPartitionsToTxnPartitionResult {
        partition_index: *index,
        partition_error_code: code(outcomes.next().expect("each partition has an outcome")),
    };
    let topic = |topic: &AddPartitionsToTxnTopic| AddPartitionsToTxnTopicResult {
        name: topic.name.clone(),
        results_by_partition: topic.partitions.iter().map(&mut result).collect(),
    };
    asked.topics.iter().map(topic).collect()
}

/// An outcome for each place, in their order.
async fn outcomes(
    session: &Session,
    asked: &AddPartitionsToTxnTransaction,
    places: &[Place],
) -> Vec<Result<(), Error>> {
    let by = Identity { producer_id: asked.producer_id, epoch: asked.producer_epoch };
    let id = Arc::from(&*asked.transactional_id);
    let outcome = match check_transactional_id(session, Action::Write, &id) {
        Err(error) => Err(error),
        Ok(()) if asked.verify_only => run::verify(&session.service, &id, by, places).await,
        Ok(()) => {
            let added = run::add(&session.service, &id, by, places, &[]).await;
            added.map(|()| vec![Ok(()); places.len()])
        }
    };
    outcome.unwrap_or_else(|error| vec![Err(error); places.len()])
}

fn place(
    session: &Session,
    topic: &AddPartitionsToTxnTopic,
    index: i32,
    version: i16,
) -> Result<Place, Error> {
    // Brokers have asked on behalf of whom they checked.
    if version < BATCH_VERSION_MIN {
        session.check_topic(Action::Write, &topic.name)?;
    }
    let topic = session.service.topics.find(&topic.name, Uuid::ZERO)?;
    topic.partition(index)?;
    Ok((TopicId(topic.id.0), index))
}
