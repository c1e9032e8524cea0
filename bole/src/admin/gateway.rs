//! Who may use the gateway's part of the admin door.

use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bole_base::Kind;
use bole_gateway_control::door;
use futures_util::future::BoxFuture;

use super::listener::Peer;
use super::{Action, Authenticator, Error, routes};

/// The door's users, asked by the gateway's API.
pub struct Admission(pub Arc<dyn Authenticator>);

impl door::Admission for Admission {
    fn admit<'a>(&'a self, head: &'a Parts, action: door::Action) -> BoxFuture<'a, Result<String, Response>> {
        let action = match action {
            door::Action::Read => Action::ReadGateway,
            door::Action::Change => Action::ManageGateway,
            door::Action::Register(service) => Action::RegisterInstances(service),
        };
        Box::pin(async move {
            let peer = head.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer);
            let peer = peer.ok_or_else(|| {
                Error::new(Kind::Internal, "the connection's other end is not known").into_response()
            })?;
            routes::ask(&*self.0, peer, &head.headers, action).await.map_err(IntoResponse::into_response)
        })
    }
}
