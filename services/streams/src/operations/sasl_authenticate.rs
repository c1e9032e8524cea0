//! One step of a SASL exchange.

use std::sync::Arc;
use std::time::Duration;

use super::{Handle, Outcome};
use crate::limits::FAILED_AUTHENTICATION_DELAY_MS;
use crate::metrics::count;
use crate::protocol::messages::sasl_authenticate::{Request, Response};
use crate::protocol::{ErrorCode, Text};
use crate::sasl::{Against, Failure, Mechanism, Step};
use crate::session::{Principal, Session};

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match step(&session, &self.auth_bytes).await {
            Ok(response) => response.into(),
            Err(failure) => {
                super::refused(&session);
                count(&session.service.metrics.authentications_failed, 1);
                tracing::debug!(peer = %session.peer, %failure, "a client could not authenticate");
                tokio::time::sleep(Duration::from_millis(FAILED_AUTHENTICATION_DELAY_MS)).await;
                let code = match failure {
                    Failure::State(_) => ErrorCode::IllegalSaslState,
                    Failure::Refused { .. } => ErrorCode::SaslAuthenticationFailed,
                };
                let error_message = Some(Text::from(failure.to_string()));
                Outcome::Farewell(Response { error_code: code as i16, error_message, ..Response::default() })
            }
        }
    }
}

async fn step(session: &Session, message: &[u8]) -> Result<Response, Failure> {
    let service = &session.service;
    let mut pending = session.login.lock().take();
    let mechanism = pending.mechanism()?;
    let now_ms = service.now();
    let against = Against { identity: &service.identity, oauth: service.oauth.as_deref(), now_ms };
    match pending.step(against, message).await? {
        Step::Challenge(auth_bytes) => {
            session.login.lock().put_back(pending);
            Ok(Response { auth_bytes, ..Response::default() })
        }
        Step::Done { reply, principal, expires_ms } => {
            check_same(session, mechanism, &principal)?;
            session.set_principal(principal);
            session.login.lock().finish(mechanism, expires_ms);
            let session_lifetime_ms = expires_ms.map_or(0, |expires| (expires - now_ms).max(1));
            Ok(Response { auth_bytes: reply, session_lifetime_ms, ..Response::default() })
        }
    }
}

/// Who authenticates again stays who it was.
fn check_same(session: &Session, mechanism: Mechanism, principal: &Principal) -> Result<(), Failure> {
    let before = session.principal();
    if session.login.lock().mechanism.is_none() || before == *principal {
        return Ok(());
    }
    let reason = format!("user \"{}\" cannot become \"{}\"", before.name, principal.name);
    Err(Failure::Refused { mechanism: mechanism.name(), reason })
}
