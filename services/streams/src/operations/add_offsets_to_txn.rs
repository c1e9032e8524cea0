//! Makes a group's offsets part of a transaction.

use std::sync::Arc;

use super::{Handle, Outcome, check_transactional_id, transactional_code};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_offsets_to_txn::{Request, Response};
use crate::session::{Action, Session};
use crate::transactions::{Identity, run};

/// The version from which a fenced producer is told so.
const FENCED_VERSION_MIN: i16 = 2;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let error = add(&session, &self).await.err();
        let code = |error| transactional_code(&session, &error, version, FENCED_VERSION_MIN);
        Response { error_code: error.map_or(0, code), ..Response::default() }.into()
    }
}

async fn add(session: &Session, request: &Request) -> Result<(), Error> {
    check_transactional_id(session, Action::Write, &request.transactional_id)?;
    session.check(Action::Read, "group", &request.group_id, ErrorCode::GroupAuthorizationFailed)?;
    let by = Identity { producer_id: request.producer_id, epoch: request.producer_epoch };
    let (id, group) = (Arc::from(&*request.transactional_id), Arc::from(&*request.group_id));
    run::add(&session.service, &id, by, &[], &[group]).await
}
