//! A member of a consumer group (KIP-848) joins, stays or leaves, and learns what it may read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::TopicId;
use crate::groups::consumer::{Heartbeat, HeartbeatRequest};
use crate::groups::state::modern;
use crate::protocol::messages::consumer_group_heartbeat::{Assignment, Request, Response, TopicPartitions};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::session::{Action, Session, message};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match beat(&session, self).await {
            Ok(heartbeat) => answer(heartbeat).into(),
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                Response { error_code, error_message, ..Response::default() }.into()
            }
        }
    }
}

async fn beat(session: &Session, request: Request) -> Result<Heartbeat, Error> {
    session.check(Action::Read, "group", &request.group_id, ErrorCode::GroupAuthorizationFailed)?;
    for topic in request.subscribed_topic_names.iter().flatten() {
        session.check_topic(Action::Describe, topic)?;
    }
    let owned = request.topic_partitions.map(|owned| {
        owned
            .into_iter()
            .map(|topic| (TopicId(topic.topic_id.0), topic.partitions))
            .collect::<BTreeMap<_, _>>()
    });
    let request = HeartbeatRequest {
        group: Arc::from(&*request.group_id),
        member_id: Arc::from(&*request.member_id),
        member_epoch: request.member_epoch,
        instance_id: request.instance_id.as_deref().map(Arc::from),
        rack: request.rack_id.as_deref().map(Arc::from),
        rebalance_timeout_ms: u64::try_from(request.rebalance_timeout_ms).ok(),
        topics: request
            .subscribed_topic_names
            .map(|names| names.iter().map(|name| Arc::from(&**name)).collect()),
        pattern: request.subscribed_topic_regex.as_deref().map(Arc::from),
        assignor: request.server_assignor.as_deref().map(Arc::from),
        owned,
        client_id: session.client_id(),
        client_host: Arc::from(format!("/{}", session.peer.ip())),
    };
    Ok(session.service.groups.consumer_heartbeat(&request).await?)
}

fn answer(heartbeat: Heartbeat) -> Response {
    Response {
        member_id: Some(Text::from(&*heartbeat.member_id)),
        member_epoch: heartbeat.member_epoch,
        heartbeat_interval_ms: heartbeat.heartbeat_interval_ms as i32,
        assignment: heartbeat.assignment.map(|assignment| Assignment {
            topic_partitions: rows(assignment)
                .map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions })
                .collect(),
        }),
        ..Response::default()
    }
}

/// An assignment as messages carry it: topic by topic.
pub(super) fn rows(assignment: modern::Assignment) -> impl Iterator<Item = (Uuid, Vec<i32>)> {
    assignment.into_iter().map(|(topic, partitions)| (Uuid(topic.0), partitions))
}
