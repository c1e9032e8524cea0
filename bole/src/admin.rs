//! The operators' door: health, readiness, metrics, status and users over HTTP.
//!
//! | request | answer | who |
//! |---|---|---|
//! | `GET /healthz` | 200 while the process answers | everybody |
//! | `GET /readyz` | 200 when it serves, 503 with the reason | everybody |
//! | `GET /metrics` | Prometheus text | everybody on loopback, else [`Action::ReadStatus`] |
//! | `GET /api/status` | [`Status`] | everybody on loopback, else [`Action::ReadStatus`] |
//! | `GET /api/users` | list of [`User`] | [`Action::ManageUsers`] |
//! | `POST /api/users` | adds a [`NewUser`]: 201 | [`Action::ManageUsers`] |
//! | `DELETE /api/users/{name}` | removes a user: 204 | [`Action::ManageUsers`] |
//! | `PATCH /api/users/{name}` | makes a [`access::UserChange`]: 204 | [`Action::ManageUsers`] |
//! | `POST /api/users/{name}/keys` | makes an access key: 201, [`access::MadeAccessKey`] | [`Action::ManageUsers`] |
//! | `DELETE /api/users/{name}/keys/{id}` | takes it away: 204 | [`Action::ManageUsers`] |
//! | `GET /api/roles` | list of roles | [`Action::ManageUsers`] |
//! | `PUT`, `DELETE /api/roles/{name}` | puts a role's policies, removes a role: 204 | [`Action::ManageUsers`] |
//! | `POST /api/blobs/scrub` | begins to verify all large objects: 202 | [`Action::ManageBlobs`] |
//! | `GET /api/blobs/damage` | [`blobs::Damage`] | [`Action::ManageBlobs`] |
//! | `GET /api/blobs/move` | [`Moving`] | [`Action::ManageBlobs`] |
//! | `POST /api/blobs/move` | begins to move bytes within [`MoveLimits`]: 202 | [`Action::ManageBlobs`] |
//! | `DELETE /api/blobs/move` | ends that: 204 | [`Action::ManageBlobs`] |
//! | `/console` and below | pages of the console | who has logged in there; an overview as for `/api/status` |
//!
//! What the gateway answers here is in `bole_gateway_control::door`, what the DNS server does in `bole_geodns_control::door`.
//!
//! Every request passes the [`Guard`] first, so that no web page reaches this door through a browser (promise P8).
//! Errors are `{"error": "…"}`. Knows no service: it is given a status, collectors, an [`Authenticator`], [`Users`] and a [`Mover`].

pub mod access;
pub mod blobs;
pub mod data;
pub mod dns;
mod error;
pub mod gateway;
pub mod guard;
pub mod identity;
pub(crate) mod listener;
mod routes;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use access::{Action, Authenticator, Credentials, NewUser, User, Users};
pub use data::{MoveLimits, Mover, Moving};
pub use error::Error;
pub use guard::Guard;

use crate::metrics::Collector;
use crate::parts::Part;
use crate::status::Status;

/// The largest request body.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// Pages beside the API, made of a router that answers the API's requests without a socket; and their metrics.
pub type Pages = Box<dyn FnOnce(Router) -> (Router, Collector) + Send + Sync>;

/// What the door shows and whom it asks.
pub struct Admin {
    /// Whether the node serves.
    pub readiness: Readiness,
    /// The status at this moment. Must not block.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// Metrics besides the node's own.
    pub collectors: Vec<Collector>,
    /// Who may do what.
    pub authenticator: Arc<dyn Authenticator>,
    /// The users.
    pub users: Arc<dyn Users>,
    /// What looks after large objects, if there are any.
    pub blobs: Option<Arc<dyn blobs::Blobs>>,
    /// What moves bytes between their homes.
    pub mover: Option<Arc<dyn Mover>>,
    /// What services answer here themselves.
    pub extra: Vec<Router>,
    /// The console's pages, made over the API that is here.
    pub console: Option<Pages>,
    /// Which Host and Origin headers are ours.
    pub guard: Guard,
    /// Whether status and metrics ask for credentials: where others than this machine can reach the door.
    pub private: bool,
}

/// Whether the node serves, and if not, why. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<RwLock<Result<(), String>>>);

impl Readiness {
    /// Not ready, for `reason`.
    pub fn new(reason: &str) -> Self {
        Self(Arc::new(RwLock::new(Err(reason.to_owned()))))
    }

    /// From here on the node serves.
    pub fn ready(&self) {
        *self.0.write() = Ok(());
    }

    /// From here on the node does not serve, for `reason`.
    pub fn not_ready(&self, reason: &str) {
        *self.0.write() = Err(reason.to_owned());
    }

    /// `Ok` if the node serves, else the reason.
    pub fn check(&self) -> Result<(), String> {
        self.0.read().clone()
    }
}

/// The open door, a part of the node.
pub struct Door {
    address: SocketAddr,
    close: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Door {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Opens the door on a socket that listens.
pub fn open(socket: TcpListener, admin: Admin) -> Result<Door> {
    let address = socket.local_addr().context("the admin listener has no address")?;
    let (close, closed) = oneshot::channel::<()>();
    let service = routes::router(admin).into_make_service_with_connect_info::<listener::Peer>();
    let serve = axum::serve(listener::Bounded::new(socket), service);
    // A sender that was dropped closes the door too: nobody is left who could.
    let serve = serve.with_graceful_shutdown(async { drop(closed.await) });
    let task = tokio::spawn(serve.into_future());
    Ok(Door { address, close, task })
}

impl Part for Door {
    fn name(&self) -> &'static str {
        "admin"
    }

    fn stop(self: Box<Self>, _: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let _ = self.close.send(());
            self.task.await.context("the admin door failed")?.context("the admin door failed")
        })
    }
}
