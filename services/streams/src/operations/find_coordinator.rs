//! Who coordinates a group or a transaction: this node.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::find_coordinator::{Coordinator, Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session, message};

const KEY_GROUP: i8 = 0;
const KEY_TRANSACTION: i8 = 1;
const KEY_SHARE: i8 = 2;
/// The version from which several keys may be asked for.
const BATCH_VERSION_MIN: i16 = 4;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        if version >= BATCH_VERSION_MIN {
            let coordinators =
                self.coordinator_keys.iter().map(|key| find(&session, self.key_type, key)).collect();
            return Response { coordinators, ..Response::default() }.into();
        }
        let found = find(&session, self.key_type, &self.key);
        Response {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..Response::default()
        }
        .into()
    }
}

fn find(session: &Session, key_type: i8, key: &Text) -> Coordinator {
    match check(session, key_type, key) {
        Ok(()) => {
            let (host, port) = session.advertised();
            let node_id = session.service.config.node_id;
            Coordinator { key: key.clone(), node_id, host, port, ..Coordinator::default() }
        }
        Err(error) => {
            super::refused(session);
            let (error_code, error_message) = (error.code() as i16, message(&error));
            Coordinator {
                key: key.clone(),
                node_id: -1,
                port: -1,
                error_code,
                error_message,
                ..Coordinator::default()
            }
        }
    }
}

fn check(session: &Session, key_type: i8, key: &str) -> Result<(), Error> {
    match key_type {
        KEY_GROUP => session.check(Action::Describe, "group", key, ErrorCode::GroupAuthorizationFailed),
        KEY_TRANSACTION => {
            let code = ErrorCode::TransactionalIdAuthorizationFailed;
            session.check(Action::Describe, "transactional_id", key, code)
        }
        KEY_SHARE => session.check_cluster(Action::Describe),
        other => {
            let text = format!("key type {other}; use 0 (group), 1 (transaction) or 2 (share)");
            Err(Error::refused(ErrorCode::InvalidRequest, text))
        }
    }
}
