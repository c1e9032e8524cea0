//! What is served, in which versions.

use std::sync::Arc;

use super::{Handle, Outcome, is_served};
use crate::protocol::api;
use crate::protocol::messages::api_versions::{Request, Response};
use crate::session::Session;

impl Handle for Request {
    async fn handle(self, _session: Arc<Session>, _version: i16) -> Outcome<Response> {
        api::versions(is_served).into()
    }
}
