//! Gives topics more partitions.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_partitions::{
    CreatePartitionsTopic, CreatePartitionsTopicResult, Request, Response,
};
use crate::session::{Action, Session, message};

/// From this version on, who has used up its quota of changes is refused instead of held back (KIP-599).
const QUOTA_VERSION_MIN: i16 = 3;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let mut results = Vec::with_capacity(self.topics.len());
        for asked in self.topics {
            let outcome = grow(&session, &asked, self.validate_only, version >= QUOTA_VERSION_MIN).await;
            let error = outcome.err();
            if error.is_some() {
                super::refused(&session);
            }
            results.push(CreatePartitionsTopicResult {
                name: asked.name,
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
            });
        }
        Response { results, ..Response::default() }.into()
    }
}

async fn grow(
    session: &Session,
    asked: &CreatePartitionsTopic,
    check_only: bool,
    is_strict: bool,
) -> Result<(), Error> {
    session.check_topic(Action::Alter, &asked.name)?;
    let node = session.service.config.node_id;
    if asked.assignments.iter().flatten().any(|assignment| assignment.broker_ids != [node]) {
        let text = format!("assignments must name broker {node}; there is no other");
        return Err(Error::refused(ErrorCode::InvalidReplicaAssignment, text));
    }
    let topics = &session.service.topics;
    if !check_only {
        let there = topics.get(&asked.name).map_or(0, |topic| topic.partitions().len());
        session.charge_mutations((asked.count.max(0) as usize).saturating_sub(there), is_strict)?;
    }
    topics.grow(&asked.name, asked.count, check_only).await
}
