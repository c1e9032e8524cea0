//! What transactional ids are doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Outcome, check_transactional_id};
use crate::Error;
use crate::protocol::messages::describe_transactions::{Request, Response, TopicData, TransactionState};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::session::{Action, Session};
use crate::transactions::{Entry, Status};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let states = self.transactional_ids.into_iter().map(|id| match find(&session, &id) {
            Ok(entry) => described(&session, id, &entry),
            Err(error) => {
                super::refused(&session);
                let error_code = error.code() as i16;
                TransactionState { error_code, transactional_id: id, ..TransactionState::default() }
            }
        });
        Response { transaction_states: states.collect(), ..Response::default() }.into()
    }
}

fn find(session: &Session, id: &str) -> Result<Entry, Error> {
    check_transactional_id(session, Action::Describe, id)?;
    let locked = session.service.transactions.shard_of(id).lock()?;
    locked.state().entry(id).cloned().ok_or_else(|| {
        let text = format!("transactional id {id:?} is not known");
        Error::refused(ErrorCode::TransactionalIdNotFound, text)
    })
}

fn described(session: &Session, id: Text, entry: &Entry) -> TransactionState {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, index) in &entry.partitions {
        let Some(topic) = session.service.topics.by_id(Uuid(topic.0)) else { continue };
        if session.may(Action::Describe, "topic", &topic.name) {
            topics.entry(topic.name.clone()).or_default().push(*index);
        }
    }
    let topics = topics.into_iter();
    TransactionState {
        error_code: 0,
        transactional_id: id,
        transaction_state: Text::from_static(entry.status.name()),
        transaction_timeout_ms: i32::try_from(entry.timeout_ms).unwrap_or(i32::MAX),
        transaction_start_time_ms: if entry.status == Status::Ongoing { entry.start_ms as i64 } else { -1 },
        producer_id: entry.identity.producer_id,
        producer_epoch: entry.identity.epoch,
        topics: topics
            .map(|(topic, partitions)| TopicData { topic: Text::from(topic), partitions })
            .collect(),
    }
}
