//! A member of a share group (KIP-932) joins, stays or leaves, and learns what it may read.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::consumer::Heartbeat;
use crate::groups::share::HeartbeatRequest;
use crate::protocol::messages::share_group_heartbeat::{Assignment, Request, Response, TopicPartitions};
use crate::protocol::{ErrorCode, Text};
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
    let request = HeartbeatRequest {
        group: Arc::from(&*request.group_id),
        member_id: Arc::from(&*request.member_id),
        member_epoch: request.member_epoch,
        rack: request.rack_id.as_deref().map(Arc::from),
        topics: request
            .subscribed_topic_names
            .map(|names| names.iter().map(|name| Arc::from(&**name)).collect()),
        client_id: session.client_id(),
        client_host: Arc::from(format!("/{}", session.peer.ip())),
    };
    Ok(session.service.groups.share_heartbeat(&request).await?)
}

fn answer(heartbeat: Heartbeat) -> Response {
    Response {
        member_id: Some(Text::from(&*heartbeat.member_id)),
        member_epoch: heartbeat.member_epoch,
        heartbeat_interval_ms: heartbeat.heartbeat_interval_ms as i32,
        assignment: heartbeat.assignment.map(|assignment| Assignment {
            topic_partitions: super::consumer_group_heartbeat::rows(assignment)
                .map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions })
                .collect(),
        }),
        ..Response::default()
    }
}
