//! Brokers, topics, and who leads each partition: always this node.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::access::CLUSTER;
use crate::protocol::messages::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic, Request,
    Response,
};
use crate::protocol::{ErrorCode, Text};
use crate::readable::{Readable, Source};
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let service = &session.service;
        let with_operations = self.include_topic_authorized_operations;
        let mut topics = Vec::new();
        match self.topics.filter(|topics| version > 0 || !topics.is_empty()) {
            None => {
                let all = service.topics.all_readable();
                let seen = all.iter().filter(|topic| session.may(Action::Describe, "topic", topic.name()));
                topics.extend(seen.map(|topic| describe(&session, topic, with_operations)));
            }
            Some(asked) => {
                for asked in asked {
                    let told = one(&session, asked, self.allow_auto_topic_creation, with_operations).await;
                    topics.push(told);
                }
            }
        }
        let (host, port) = session.advertised();
        let broker = MetadataResponseBroker {
            node_id: service.config.node_id,
            host,
            port,
            ..MetadataResponseBroker::default()
        };
        Response {
            brokers: vec![broker],
            cluster_id: Some(Text::from(service.cluster_id.as_str())),
            controller_id: service.config.node_id,
            topics,
            cluster_authorized_operations: if self.include_cluster_authorized_operations {
                session.authorized_operations("cluster", CLUSTER)
            } else {
                i32::MIN
            },
            ..Response::default()
        }
        .into()
    }
}

async fn one(
    session: &Arc<Session>,
    asked: MetadataRequestTopic,
    may_create: bool,
    with_operations: bool,
) -> MetadataResponseTopic {
    let name = asked.name.clone().unwrap_or_default();
    match find(session, &name, &asked, may_create).await {
        Ok(topic) => describe(session, &topic, with_operations),
        Err(error) => {
            super::refused(session);
            MetadataResponseTopic {
                error_code: error.code() as i16,
                name: asked.name,
                topic_id: asked.topic_id,
                ..MetadataResponseTopic::default()
            }
        }
    }
}

/// The topic that is asked for, made if that is allowed.
async fn find(
    session: &Arc<Session>,
    name: &Text,
    asked: &MetadataRequestTopic,
    may_create: bool,
) -> Result<Readable, Error> {
    let service = &session.service;
    if !name.is_empty() {
        // Who may not see a topic does not learn either whether it exists.
        session.check_topic(Action::Describe, name)?;
    }
    let found = service.topics.readable(name, asked.topic_id);
    let topic = match found {
        Ok(topic) => topic,
        Err(error)
            if name.is_empty()
                || !may_create
                || !service.config.auto_create_topics
                || crate::topics::is_reserved(name) =>
        {
            return Err(error);
        }
        Err(_) => {
            crate::topics::check_name(name)?;
            session.check_create(name)?;
            Readable::Topic(service.topics.find_or_create(name, service.config.default_partitions).await?)
        }
    };
    if !session.may(Action::Describe, "topic", topic.name()) {
        let text = format!("no topic has the id {}", asked.topic_id);
        return Err(Error::refused(ErrorCode::UnknownTopicId, text));
    }
    Ok(topic)
}

fn describe(session: &Session, topic: &Readable, with_operations: bool) -> MetadataResponseTopic {
    let node = session.service.config.node_id;
    let partition = |(index, source): (usize, &Source)| {
        let epoch = source.bounds().map(|bounds| bounds.leader_epoch);
        MetadataResponsePartition {
            error_code: epoch.as_ref().map_or_else(super::super::error::Error::code, |_| ErrorCode::None)
                as i16,
            partition_index: index as i32,
            leader_id: node,
            leader_epoch: epoch.unwrap_or(-1),
            replica_nodes: vec![node],
            isr_nodes: vec![node],
            ..MetadataResponsePartition::default()
        }
    };
    MetadataResponseTopic {
        name: Some(Text::from(topic.name())),
        topic_id: topic.id(),
        is_internal: topic.is_internal(),
        partitions: topic.sources().iter().enumerate().map(partition).collect(),
        topic_authorized_operations: if with_operations {
            session.authorized_operations("topic", topic.name())
        } else {
            i32::MIN
        },
        ..MetadataResponseTopic::default()
    }
}
