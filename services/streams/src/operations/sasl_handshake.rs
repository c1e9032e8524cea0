//! Agrees on a SASL mechanism.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::protocol::messages::sasl_handshake::{Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::session::Session;

/// From this version on the exchange travels in `SaslAuthenticate`. Before, bare tokens followed, which are not served.
const FRAMED_VERSION_MIN: i16 = 1;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, version: i16) -> Outcome<Response> {
        let offered = &session.service.config.sasl_mechanisms;
        let mechanisms: Vec<Text> = offered.iter().map(|mechanism| Text::from(mechanism.name())).collect();
        let refuse = |code: ErrorCode| {
            super::refused(&session);
            tracing::debug!(peer = %session.peer, mechanism = %self.mechanism, %code, "a SASL handshake was refused");
            Outcome::Farewell(Response { error_code: code as i16, mechanisms: mechanisms.clone() })
        };
        if version < FRAMED_VERSION_MIN {
            return refuse(ErrorCode::UnsupportedVersion);
        }
        let asked = offered.iter().find(|mechanism| mechanism.name() == self.mechanism.as_str());
        let Some(mechanism) = asked else { return refuse(ErrorCode::UnsupportedSaslMechanism) };
        if session.login.lock().choose(*mechanism).is_err() {
            return refuse(ErrorCode::IllegalSaslState);
        }
        Response { error_code: 0, mechanisms }.into()
    }
}
