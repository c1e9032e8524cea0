//! A consumer joins a classic group, or comes again for the next generation.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::groups::{JoinRequest, Joined, Protocol};
use crate::protocol::messages::join_group::{JoinGroupResponseMember, Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session};

/// From this version on a member without an id is told one first.
const KNOWN_ID_VERSION_MIN: i16 = 4;
/// From this version on a leader may be told to keep the assignment.
const SKIP_VERSION_MIN: i16 = 9;
/// From this version on a missing protocol name is null instead of empty.
const NULL_NAME_VERSION_MIN: i16 = 7;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let code = ErrorCode::GroupAuthorizationFailed;
        if let Err(error) = session.check(Action::Read, "group", &self.group_id, code) {
            super::refused(&session);
            return refuse(error.code() as i16, &self.member_id, version).into();
        }
        let session_timeout_ms = self.session_timeout_ms.max(0) as u64;
        let request = JoinRequest {
            group: Arc::from(&*self.group_id),
            member_id: Arc::from(&*self.member_id),
            instance_id: self.group_instance_id.as_deref().map(Arc::from),
            client_id: session.client_id(),
            client_host: Arc::from(format!("/{}", session.peer.ip())),
            session_timeout_ms,
            rebalance_timeout_ms: u64::try_from(self.rebalance_timeout_ms).unwrap_or(session_timeout_ms),
            protocol_type: Arc::from(&*self.protocol_type),
            protocols: self
                .protocols
                .iter()
                // Kept for the life of the generation: not as a part of a frame.
                .map(|protocol| Protocol {
                    name: Arc::from(&*protocol.name),
                    metadata: copy(&protocol.metadata),
                })
                .collect(),
            require_known_member_id: version >= KNOWN_ID_VERSION_MIN,
            supports_skipping_assignment: version >= SKIP_VERSION_MIN,
        };
        match session.service.groups.join_group(&request).await {
            Ok(joined) => answer(joined, version).into(),
            Err(refused) => {
                super::refused(&session);
                refuse(refused.error.code.number(), &Text::from(&*refused.member_id), version).into()
            }
        }
    }
}

/// Bytes of their own.
pub(super) fn copy(bytes: &bytes::Bytes) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(bytes)
}

fn name(name: Option<Text>, version: i16) -> Option<Text> {
    name.or_else(|| (version < NULL_NAME_VERSION_MIN).then(Text::default))
}

fn refuse(error_code: i16, member_id: &Text, version: i16) -> Response {
    Response {
        error_code,
        member_id: member_id.clone(),
        protocol_name: name(None, version),
        ..Response::default()
    }
}

fn answer(joined: Joined, version: i16) -> Response {
    let members = joined.members.into_iter().map(|member| JoinGroupResponseMember {
        member_id: Text::from(&*member.member_id),
        group_instance_id: member.instance_id.as_deref().map(Text::from),
        metadata: member.metadata,
    });
    Response {
        generation_id: joined.generation,
        protocol_type: joined.protocol_type.as_deref().map(Text::from),
        protocol_name: name(joined.protocol_name.as_deref().map(Text::from), version),
        leader: Text::from(&*joined.leader),
        skip_assignment: joined.skip_assignment,
        member_id: Text::from(&*joined.member_id),
        members: members.collect(),
        ..Response::default()
    }
}
