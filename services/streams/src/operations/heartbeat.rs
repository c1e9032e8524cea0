//! A member of a classic group is alive.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::groups::HeartbeatRequest;
use crate::protocol::ErrorCode;
use crate::protocol::messages::heartbeat::{Request, Response};
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let error_code = match beat(&session, self).await {
            Ok(()) => 0,
            Err(error) => {
                super::refused(&session);
                error.code() as i16
            }
        };
        Response { error_code, ..Response::default() }.into()
    }
}

async fn beat(session: &Session, request: Request) -> Result<(), Error> {
    session.check(Action::Read, "group", &request.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let request = HeartbeatRequest {
        group: Arc::from(&*request.group_id),
        member_id: Arc::from(&*request.member_id),
        instance_id: request.group_instance_id.as_deref().map(Arc::from),
        generation: request.generation_id,
    };
    Ok(session.service.groups.heartbeat(&request).await?)
}
