//! An identity for an idempotent producer.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::protocol::ErrorCode;
use crate::protocol::messages::init_producer_id::{Request, Response};
use crate::session::Session;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        if self.transactional_id.is_some() {
            return Response { error_code: ErrorCode::CoordinatorNotAvailable as i16, ..Response::default() }
                .into();
        }
        match session.service.next_producer_id().await {
            Ok(producer_id) => Response { producer_id, producer_epoch: 0, ..Response::default() }.into(),
            Err(error) => {
                super::refused(&session);
                Response { error_code: error.code() as i16, ..Response::default() }.into()
            }
        }
    }
}
