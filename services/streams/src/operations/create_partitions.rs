//! Gives topics more partitions.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_partitions::{
    CreatePartitionsTopic, CreatePartitionsTopicResult, Request, Response,
};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut results = Vec::with_capacity(self.topics.len());
        for asked in self.topics {
            let outcome = grow(&session, &asked, self.validate_only).await;
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

async fn grow(session: &Session, asked: &CreatePartitionsTopic, check_only: bool) -> Result<(), Error> {
    session.check_topic(Action::Alter, &asked.name)?;
    let node = session.service.config.node_id;
    if asked.assignments.iter().flatten().any(|assignment| assignment.broker_ids != [node]) {
        let text = format!("assignments must name broker {node}; there is no other");
        return Err(Error::refused(ErrorCode::InvalidReplicaAssignment, text));
    }
    session.service.topics.grow(&asked.name, asked.count, check_only).await
}
