//! A member of a classic group learns its assignment; the leader brings everybody's.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::groups::SyncRequest;
use crate::protocol::messages::sync_group::{Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let code = ErrorCode::GroupAuthorizationFailed;
        if let Err(error) = session.check(Action::Read, "group", &self.group_id, code) {
            super::refused(&session);
            return Response { error_code: error.code() as i16, ..Response::default() }.into();
        }
        let assignments = self
            .assignments
            .iter()
            .map(|part| (Arc::from(&*part.member_id), super::join_group::copy(&part.assignment)));
        let request = SyncRequest {
            group: Arc::from(&*self.group_id),
            member_id: Arc::from(&*self.member_id),
            instance_id: self.group_instance_id.as_deref().map(Arc::from),
            generation: self.generation_id,
            protocol_type: self.protocol_type.as_deref().map(Arc::from),
            protocol_name: self.protocol_name.as_deref().map(Arc::from),
            assignments: assignments.collect(),
        };
        match session.service.groups.sync_group(&request).await {
            Ok(synced) => Response {
                protocol_type: synced.protocol_type.as_deref().map(Text::from),
                protocol_name: synced.protocol_name.as_deref().map(Text::from),
                assignment: synced.assignment,
                ..Response::default()
            }
            .into(),
            Err(error) => {
                super::refused(&session);
                Response { error_code: error.code.number(), ..Response::default() }.into()
            }
        }
    }
}
