//! Topics and their partitions, page by page, in the order of names.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, Request, Response,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::readable::{Readable, Source};
use crate::session::{Action, Session};

/// Partitions on one page, whatever the client asks for; Kafka's `max.request.partition.size.limit`.
const PARTITIONS_PER_PAGE_MAX: usize = 2_000;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let asks_for_all = self.topics.is_empty();
        let mut names: Vec<Text> = if asks_for_all {
            let all = session.service.topics.all_readable();
            let seen = all.iter().filter(|topic| session.may(Action::Describe, "topic", topic.name()));
            seen.map(|topic| Text::from(topic.name())).collect()
        } else {
            self.topics.into_iter().map(|topic| topic.name).collect()
        };
        names.sort();
        names.dedup();
        let (from, first) = match &self.cursor {
            Some(cursor) => (cursor.topic_name.clone(), cursor.partition_index.max(0) as usize),
            None => (Text::new(), 0),
        };
        let limit = (self.response_partition_limit.max(1) as usize).min(PARTITIONS_PER_PAGE_MAX);
        let mut page = Page { session: &session, left: limit, topics: Vec::new(), next_cursor: None };
        for name in names.into_iter().filter(|name| *name >= from) {
            let skip = if name == from { first } else { 0 };
            if !page.add(name, skip, asks_for_all) {
                break;
            }
        }
        let Page { topics, next_cursor, .. } = page;
        Response { topics, next_cursor, ..Response::default() }.into()
    }
}

struct Page<'a> {
    session: &'a Session,
    left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next_cursor: Option<Cursor>,
}

impl Page<'_> {
    /// Adds a topic from partition `skip` on. Whether there is room for another.
    fn add(&mut self, name: Text, skip: usize, asks_for_all: bool) -> bool {
        if self.left == 0 {
            self.next_cursor = Some(Cursor { topic_name: name, partition_index: skip as i32 });
            return false;
        }
        let topic = match find(self.session, &name) {
            Ok(topic) => topic,
            // It went while we looked.
            Err(error) if asks_for_all && error.code() == ErrorCode::UnknownTopicOrPartition => return true,
            Err(error) => {
                super::refused(self.session);
                self.topics.push(DescribeTopicPartitionsResponseTopic {
                    error_code: error.code() as i16,
                    name: Some(name),
                    ..DescribeTopicPartitionsResponseTopic::default()
                });
                return true;
            }
        };
        let partitions = topic.sources();
        let node = self.session.service.config.node_id;
        let shown = partitions.iter().zip(0..).skip(skip).take(self.left);
        let shown: Vec<_> = shown.map(|(partition, index)| describe(partition, index, node)).collect();
        self.left -= shown.len();
        let end = skip + shown.len();
        if end < partitions.len() {
            self.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index: end as i32 });
        }
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(name),
            topic_id: topic.id(),
            is_internal: topic.is_internal(),
            partitions: shown,
            topic_authorized_operations: self.session.authorized_operations("topic", topic.name()),
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        self.next_cursor.is_none()
    }
}

fn find(session: &Session, name: &str) -> Result<Readable, Error> {
    session.check_topic(Action::Describe, name)?;
    session.service.topics.readable(name, Uuid::default())
}

fn describe(source: &Source, index: i32, node: i32) -> DescribeTopicPartitionsResponsePartition {
    let epoch = source.bounds().map(|bounds| bounds.leader_epoch);
    DescribeTopicPartitionsResponsePartition {
        error_code: epoch.as_ref().map_or_else(super::super::error::Error::code, |_| ErrorCode::None) as i16,
        partition_index: index,
        leader_id: node,
        leader_epoch: epoch.unwrap_or(-1),
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..DescribeTopicPartitionsResponsePartition::default()
    }
}
