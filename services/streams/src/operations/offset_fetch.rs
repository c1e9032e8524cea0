//! How far groups have come.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::offsets::{FetchRequest, Fetched};
use crate::protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics, Request, Response,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::session::{Action, Session};

/// From this version on several groups may be asked for.
const GROUPS_VERSION_MIN: i16 = 8;
/// From this version on an error of the whole group has a place of its own.
const GROUP_ERROR_VERSION_MIN: i16 = 2;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        if version >= GROUPS_VERSION_MIN {
            let mut groups = Vec::with_capacity(self.groups.len());
            for group in &self.groups {
                groups.push(one(&session, group, self.require_stable).await);
            }
            return Response { groups, ..Response::default() }.into();
        }
        let topics = self.topics.map(|topics| {
            let named = |topic: &crate::protocol::messages::offset_fetch::OffsetFetchRequestTopic| {
                OffsetFetchRequestTopics {
                    name: topic.name.clone(),
                    partition_indexes: topic.partition_indexes.clone(),
                    ..OffsetFetchRequestTopics::default()
                }
            };
            topics.iter().map(named).collect::<Vec<_>>()
        });
        let group =
            OffsetFetchRequestGroup { group_id: self.group_id, topics, ..OffsetFetchRequestGroup::default() };
        let found = one(&session, &group, self.require_stable).await;
        single(&group, found, version).into()
    }
}

/// An answer in the form for one group.
fn single(asked: &OffsetFetchRequestGroup, found: OffsetFetchResponseGroup, version: i16) -> Response {
    let error_code = found.error_code;
    let mut topics: Vec<_> = found.topics.into_iter().map(older).collect();
    if error_code != 0 && version < GROUP_ERROR_VERSION_MIN {
        let refuse = |topic: &OffsetFetchRequestTopics| OffsetFetchResponseTopic {
            name: topic.name.clone(),
            partitions: topic
                .partition_indexes
                .iter()
                .map(|index| older_partition(missing(*index, error_code)))
                .collect(),
        };
        topics = asked.topics.iter().flatten().map(refuse).collect();
    }
    Response { topics, error_code, ..Response::default() }
}

fn older(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(older_partition).collect(),
    }
}

fn older_partition(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    }
}

fn missing(partition_index: i32, error_code: i16) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        metadata: Some(Text::default()),
        error_code,
        ..OffsetFetchResponsePartitions::default()
    }
}

async fn one(
    session: &Session,
    asked: &OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    match fetch(session, asked, require_stable).await {
        Ok(topics) => OffsetFetchResponseGroup {
            group_id: asked.group_id.clone(),
            topics,
            ..OffsetFetchResponseGroup::default()
        },
        Err(error) => {
            super::refused(session);
            let (group_id, error_code) = (asked.group_id.clone(), error.code() as i16);
            OffsetFetchResponseGroup { group_id, error_code, ..OffsetFetchResponseGroup::default() }
        }
    }
}

async fn fetch(
    session: &Session,
    asked: &OffsetFetchRequestGroup,
    require_stable: bool,
) -> Result<Vec<OffsetFetchResponseTopics>, Error> {
    session.check(Action::Describe, "group", &asked.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let member =
        asked.member_id.as_deref().filter(|id| !id.is_empty()).map(|id| (Arc::from(id), asked.member_epoch));
    let group = Arc::from(&*asked.group_id);
    let Some(wanted) = &asked.topics else {
        let request = FetchRequest { group, member, places: None, require_stable };
        let found = session.service.groups.fetch_offsets(&request).await?;
        return Ok(by_topic(found, |topic| session.may(Action::Describe, "topic", topic)));
    };
    let mut topics = Vec::with_capacity(wanted.len());
    let mut places = Vec::new();
    for topic in wanted {
        let name = name(session, topic);
        if let Ok(name) = &name {
            places.extend(topic.partition_indexes.iter().map(|index| (Arc::clone(name), *index)));
        }
        topics.push((topic, name));
    }
    let request = FetchRequest { group, member, places: Some(places), require_stable };
    let mut found = session.service.groups.fetch_offsets(&request).await?.into_iter();
    let answer =
        |(topic, name): (&OffsetFetchRequestTopics, Result<Arc<str>, Error>)| OffsetFetchResponseTopics {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: match name {
                Ok(_) => found.by_ref().take(topic.partition_indexes.len()).map(describe).collect(),
                Err(error) => {
                    topic.partition_indexes.iter().map(|index| missing(*index, error.code() as i16)).collect()
                }
            },
        };
    Ok(topics.into_iter().map(answer).collect())
}

/// The name of a topic that the client may know of. Offsets of topics that are gone are answered as not there.
fn name(session: &Session, topic: &OffsetFetchRequestTopics) -> Result<Arc<str>, Error> {
    let name: Arc<str> = if topic.topic_id == Uuid::default() {
        Arc::from(&*topic.name)
    } else {
        Arc::from(session.service.topics.readable("", topic.topic_id)?.name())
    };
    session.check_topic(Action::Describe, &name)?;
    Ok(name)
}

fn by_topic(found: Vec<Fetched>, may: impl Fn(&str) -> bool) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for fetched in found.into_iter().filter(|fetched| may(&fetched.topic)) {
        let name = Text::from(&*fetched.topic);
        if let Some(last) = topics.last_mut().filter(|last| last.name == name) {
            last.partitions.push(describe(fetched));
        } else {
            let partitions = vec![describe(fetched)];
            topics.push(OffsetFetchResponseTopics {
                name,
                partitions,
                ..OffsetFetchResponseTopics::default()
            });
        }
    }
    topics
}

fn describe(fetched: Fetched) -> OffsetFetchResponsePartitions {
    match fetched.committed {
        Err(error) => missing(fetched.partition, error.code.number()),
        Ok(None) => missing(fetched.partition, 0),
        Ok(Some(committed)) => OffsetFetchResponsePartitions {
            partition_index: fetched.partition,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(Text::from(&*committed.metadata)),
            ..OffsetFetchResponsePartitions::default()
        },
    }
}
