//! The end of a transaction: its records and offsets count, or they do not.

use std::sync::Arc;

use super::{Handle, Outcome, check_transactional_id, transactional_code};
use crate::Error;
use crate::protocol::messages::end_txn::{Request, Response};
use crate::session::{Action, Session};
use crate::transactions::decide::End;
use crate::transactions::{Identity, end};

/// The version from which a fenced producer is told so.
const FENCED_VERSION_MIN: i16 = 2;
/// The version from which the producer gets its next epoch with the answer (KIP-890).
const BUMP_VERSION_MIN: i16 = 5;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        match run(&session, &self, version).await {
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

async fn run(session: &Session, request: &Request, version: i16) -> Result<Identity, Error> {
    check_transactional_id(session, Action::Write, &request.transactional_id)?;
    let end = End {
        id: Arc::from(&*request.transactional_id),
        by: Identity { producer_id: request.producer_id, epoch: request.producer_epoch },
        commit: request.committed,
        bump: version >= BUMP_VERSION_MIN,
    };
    end::end(&session.service, &end).await
}
