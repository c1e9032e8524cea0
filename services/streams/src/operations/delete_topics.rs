//! Removes topics with their records.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::Uuid;
use crate::protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicState, Request, Response};
use crate::session::{Action, Session, message};

/// From this version on, who has used up its quota of changes is refused instead of held back (KIP-599).
const QUOTA_VERSION_MIN: i16 = 5;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let named = self
            .topic_names
            .into_iter()
            .map(|name| DeleteTopicState { name: Some(name), topic_id: Uuid::default() });
        let mut responses = Vec::new();
        for asked in self.topics.into_iter().chain(named) {
            let outcome = delete(&session, &asked, version >= QUOTA_VERSION_MIN).await;
            let DeleteTopicState { name, topic_id } = asked;
            responses.push(match outcome {
                Ok((name, topic_id)) => DeletableTopicResult {
                    name: Some(name.as_str().into()),
                    topic_id,
                    ..DeletableTopicResult::default()
                },
                Err(error) => {
                    super::refused(&session);
                    let error_message = message(&error);
                    DeletableTopicResult { name, topic_id, error_code: error.code() as i16, error_message }
                }
            });
        }
        Response { responses, ..Response::default() }.into()
    }
}

async fn delete(
    session: &Session,
    asked: &DeleteTopicState,
    is_strict: bool,
) -> Result<(String, Uuid), Error> {
    let topics = &session.service.topics;
    let name = asked.name.clone().unwrap_or_default();
    if !name.is_empty() {
        session.check_topic(Action::Delete, &name)?;
    }
    let topic = topics.find(&name, asked.topic_id)?;
    if name.is_empty() {
        session.check_topic(Action::Delete, &topic.name)?;
    }
    session.charge_mutations(topic.partitions().len(), is_strict)?;
    topics.delete(&topic.name).await?;
    if let Err(error) = session.service.groups.forget_topics(&[crate::topics::known(&topic)]).await {
        tracing::warn!(topic = topic.name, %error, "groups still remember offsets of a topic that is gone");
    }
    Ok((topic.name.clone(), topic.id))
}
