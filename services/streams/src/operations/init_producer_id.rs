//! An identity for a producer: a new one for an idempotent producer, the transactional id's own for a transactional one.

use std::sync::Arc;

use super::{Handle, Outcome, check_transactional_id, transactional_code};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::init_producer_id::{Request, Response};
use crate::session::{Action, Session};
use crate::transactions::decide::Init;
use crate::transactions::{Identity, end};

/// The version from which a fenced producer is told so.
const FENCED_VERSION_MIN: i16 = 4;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        match init(&session, &self).await {
            Ok(Identity { producer_id, epoch: producer_epoch }) => {
                Response { producer_id, producer_epoch, ..Response::default() }.into()
            }
            Err(error) => {
                let error_code = transactional_code(&session, &error, version, FENCED_VERSION_MIN);
                Response { error_code, ..Response::default() }.into()
            }
        }
    }
}

async fn init(session: &Session, request: &Request) -> Result<Identity, Error> {
    let service = &session.service;
    let Some(id) = &request.transactional_id else {
        if !session.may_produce() {
            let text = format!("user \"{}\" may write to no topic", session.user());
            return Err(Error::refused(ErrorCode::ClusterAuthorizationFailed, text));
        }
        return Ok(Identity { producer_id: service.next_producer_id().await?, epoch: 0 });
    };
    check_transactional_id(session, Action::Write, id)?;
    let Request { transaction_timeout_ms: timeout_ms, producer_id, producer_epoch: epoch, .. } = *request;
    let expected = (producer_id >= 0).then_some(Identity { producer_id, epoch });
    end::init(service, &Init { id: Arc::from(&**id), timeout_ms, expected }).await
}
