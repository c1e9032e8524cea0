//! Removes groups without members, with their offsets.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_groups::{DeletableGroupResult, Request, Response};
use crate::session::{Action, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let mut results = Vec::with_capacity(self.groups_names.len());
        for group_id in self.groups_names {
            let error = delete(&session, &group_id).await.err();
            if error.is_some() {
                super::refused(&session);
            }
            results.push(DeletableGroupResult {
                group_id,
                error_code: error.map_or(0, |error| error.code() as i16),
            });
        }
        Response { results, ..Response::default() }.into()
    }
}

async fn delete(session: &Session, group: &str) -> Result<(), Error> {
    session.check(Action::Delete, "group", group, ErrorCode::GroupAuthorizationFailed)?;
    Ok(session.service.groups.delete_group(&Arc::from(group)).await?)
}
