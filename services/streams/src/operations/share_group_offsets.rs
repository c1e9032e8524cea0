//! Where share groups stand: shown, set, forgotten.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::TopicId;
use crate::groups::share::{Offset, Place};
use crate::protocol::messages::alter_share_group_offsets as alter;
use crate::protocol::messages::delete_share_group_offsets as delete;
use crate::protocol::messages::describe_share_group_offsets as describe;
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::readable::Readable;
use crate::session::{Action, Session, message};

impl Handle for describe::Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<describe::Response> {
        let mut groups = Vec::with_capacity(self.groups.len());
        for asked in self.groups {
            let group_id = asked.group_id.clone();
            groups.push(match look(&session, asked).await {
                Ok(topics) => describe::DescribeShareGroupOffsetsResponseGroup {
                    group_id,
                    topics,
                    ..Default::default()
                },
                Err(error) => {
                    super::refused(&session);
                    let (error_code, error_message) = (error.code() as i16, message(&error));
                    describe::DescribeShareGroupOffsetsResponseGroup {
                        group_id,
                        error_code,
                        error_message,
                        ..Default::default()
                    }
                }
            });
        }
        describe::Response { groups, ..describe::Response::default() }.into()
    }
}

type DescribedTopic = describe::DescribeShareGroupOffsetsResponseTopic;

async fn look(
    session: &Session,
    asked: describe::DescribeShareGroupOffsetsRequestGroup,
) -> Result<Vec<DescribedTopic>, Error> {
    session.check(Action::Describe, "group", &asked.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let places = match &asked.topics {
        None => None,
        Some(topics) => {
            let mut places: Vec<Place> = Vec::new();
            for topic in topics {
                let found = find(session, Action::Describe, &topic.topic_name)?;
                places.extend(topic.partitions.iter().map(|partition| (TopicId(found.id().0), *partition)));
            }
            Some(places)
        }
    };
    let offsets = session
        .service
        .groups
        .describe_share_offsets(&Arc::from(&*asked.group_id), places.as_deref())
        .await?;
    let mut topics: Vec<DescribedTopic> = Vec::new();
    for offset in offsets {
        let topic_id = Uuid(offset.place.0.0);
        let Ok(topic) = session.service.topics.readable("", topic_id) else { continue };
        let row = row(&topic, &offset);
        match topics.iter_mut().find(|known| known.topic_id == topic_id) {
            Some(known) => known.partitions.push(row),
            None => topics.push(DescribedTopic {
                topic_name: Text::from(topic.name()),
                topic_id,
                partitions: vec![row],
            }),
        }
    }
    Ok(topics)
}

fn row(topic: &Readable, offset: &Offset) -> describe::DescribeShareGroupOffsetsResponsePartition {
    let bounds = topic.source(offset.place.1).and_then(|source| source.bounds());
    let end = bounds.ok().map(|bounds| bounds.high_watermark);
    let lag = match (offset.start, end) {
        (Some(start), Some(end)) => (end - start).max(0) - offset.done as i64,
        _ => -1,
    };
    describe::DescribeShareGroupOffsetsResponsePartition {
        partition_index: offset.place.1,
        start_offset: offset.start.unwrap_or(-1),
        leader_epoch: 0,
        lag,
        ..describe::DescribeShareGroupOffsetsResponsePartition::default()
    }
}

fn find(session: &Session, action: Action, name: &str) -> Result<Readable, Error> {
    session.check_topic(action, name)?;
    session.service.topics.readable(name, Uuid::default())
}

impl Handle for alter::Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<alter::Response> {
        match set(&session, self).await {
            Ok(responses) => alter::Response { responses, ..alter::Response::default() }.into(),
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                alter::Response { error_code, error_message, ..alter::Response::default() }.into()
            }
        }
    }
}

async fn set(
    session: &Session,
    request: alter::Request,
) -> Result<Vec<alter::AlterShareGroupOffsetsResponseTopic>, Error> {
    session.check(Action::Read, "group", &request.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let mut starts = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let found = find(session, Action::Read, &topic.topic_name);
        if let Ok(found) = &found {
            let id = TopicId(found.id().0);
            starts.extend(
                topic
                    .partitions
                    .iter()
                    .map(|partition| ((id, partition.partition_index), partition.start_offset)),
            );
        }
        topics.push((topic, found));
    }
    let outcomes =
        session.service.groups.alter_share_offsets(&Arc::from(&*request.group_id), &starts).await?;
    let mut outcomes = outcomes.into_iter().map(|outcome| outcome.map_err(Error::from));
    let answer = |(topic, found): (&alter::AlterShareGroupOffsetsRequestTopic, Result<Readable, Error>)| {
        let topic_id = found.as_ref().map_or(Uuid::default(), Readable::id);
        let partitions = topic.partitions.iter().map(|partition| {
            let error = match &found {
                Ok(_) => outcomes.next().and_then(Result::err),
                Err(error) => Some(error.clone()),
            };
            alter::AlterShareGroupOffsetsResponsePartition {
                partition_index: partition.partition_index,
                error_code: error.as_ref().map_or(0, |error| error.code() as i16),
                error_message: error.as_ref().and_then(message),
            }
        });
        let partitions = partitions.collect();
        alter::AlterShareGroupOffsetsResponseTopic {
            topic_name: topic.topic_name.clone(),
            topic_id,
            partitions,
        }
    };
    Ok(topics.into_iter().map(answer).collect())
}

impl Handle for delete::Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<delete::Response> {
        match forget(&session, self).await {
            Ok(responses) => delete::Response { responses, ..delete::Response::default() }.into(),
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                delete::Response { error_code, error_message, ..delete::Response::default() }.into()
            }
        }
    }
}

async fn forget(
    session: &Session,
    request: delete::Request,
) -> Result<Vec<delete::DeleteShareGroupOffsetsResponseTopic>, Error> {
    session.check(Action::Delete, "group", &request.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let found: Vec<_> =
        request.topics.iter().map(|topic| find(session, Action::Read, &topic.topic_name)).collect();
    let ids: Vec<_> = found.iter().flatten().map(|topic| TopicId(topic.id().0)).collect();
    let outcomes = session.service.groups.delete_share_offsets(&Arc::from(&*request.group_id), &ids).await?;
    let mut outcomes = outcomes.into_iter().map(|outcome| outcome.map_err(Error::from));
    let answer = |(topic, found): (delete::DeleteShareGroupOffsetsRequestTopic, Result<Readable, Error>)| {
        let topic_id = found.as_ref().map_or(Uuid::default(), Readable::id);
        let error = found.map_or_else(Some, |_| outcomes.next().and_then(Result::err));
        delete::DeleteShareGroupOffsetsResponseTopic {
            topic_name: topic.topic_name,
            topic_id,
            error_code: error.as_ref().map_or(0, |error| error.code() as i16),
            error_message: error.as_ref().and_then(message),
        }
    };
    Ok(request.topics.into_iter().zip(found).map(answer).collect())
}
