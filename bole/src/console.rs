//! What the console asks, answered by the services' own doors: each request goes the way of a client's, from the protocol on, and nobody is let in twice.
//!
//! The admin door's API is called in the process with the user beside the request; the keyspace, the streams and the databases are spoken to over a connection inside
//! the process, of which the service is told whose it is; the buckets get S3's requests as that user's. So rights, errors and effects are those of any client, and
//! there is no way around them here.

mod api;
mod blobs;
mod keyspace;
mod pair;
mod sql;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use bole_console::Counts;
use bole_console::node::{Endpoint, Fault};
use bole_net::metrics::ServiceMetrics;

use crate::admin::{Authenticator, Pages};
use crate::metrics::{self, Collector};

/// The services that pages ask, as far as a node has them.
#[derive(Default)]
pub struct Services {
    /// The keyspace.
    pub keyspace: Option<Arc<bole_keyspace::Service>>,
    /// The streams.
    pub streams: Option<Arc<bole_streams::Service>>,
    /// The databases, and where their connections are counted.
    pub sql: Option<(Arc<bole_sql::service::Service>, ServiceMetrics)>,
    /// The buckets.
    pub blobs: Option<bole_blobs::door::Door>,
}

/// A node as its console sees it.
pub struct Node {
    services: Services,
    authenticator: Arc<dyn Authenticator>,
    endpoints: Vec<Endpoint>,
    api: Router,
}

/// The pages of the console, which ask these services and the API that is given to what this returns; and their metrics.
pub fn pages(services: Services, authenticator: Arc<dyn Authenticator>, endpoints: Vec<Endpoint>) -> Pages {
    Box::new(move |api| {
        let node = Arc::new(Node { services, authenticator, endpoints, api });
        let (router, counts) = bole_console::router(node);
        let collector: Collector = Arc::new(move |out| write_metrics(&counts(), out));
        (router, collector)
    })
}

fn write_metrics(counts: &Counts, out: &mut String) {
    let Counts { sessions, statements, uploads, logins_failed, logins_refused } = *counts;
    for (name, help, value) in [
        ("sessions", "Sessions of the console that have not ended.", sessions),
        ("statements", "Statements of the console that run.", statements),
        ("uploads", "Files that are uploaded by the console, in memory.", uploads),
    ] {
        metrics::gauge(out, &format!("bole_console_{name}"), help, value);
    }
    for (name, help, value) in [
        ("logins_failed_total", "Logins at the console with a wrong password.", logins_failed),
        (
            "logins_refused_total",
            "Logins at the console that were refused after too many of those.",
            logins_refused,
        ),
    ] {
        metrics::counter(out, &format!("bole_console_{name}"), help, value);
    }
}

/// The service, or that there is none.
fn there<'a, S>(service: Option<&'a S>, name: &str) -> Result<&'a S, Fault> {
    service.ok_or_else(|| Fault::missing(format!("this node has no {name}")))
}

/// What a connection inside the process is at both ends: where the browser is, and no door.
fn ends(peer: SocketAddr) -> (SocketAddr, SocketAddr) {
    (peer, SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// A failure of the way there, which is not the visitor's.
fn broken(what: &str, error: impl std::fmt::Display) -> Fault {
    Fault::new(StatusCode::BAD_GATEWAY, format!("{what}: {error}"))
}
