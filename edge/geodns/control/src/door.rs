//! The HTTP API of the DNS server: zones, why answers are as they are, and what is told of targets.
//!
//! | request | what it does | who |
//! |---|---|---|
//! | `GET /api/dns/zones` | all zones that are served, from files, too | read |
//! | `GET /api/dns/zones/{zone}` | a zone's text as it was put; one from a file as a master file | read |
//! | `PUT /api/dns/zones/{zone}` | takes a document (TOML), or a master file (`Content-Type: text/dns`); with `?dry_run=true` only checks it | change |
//! | `DELETE /api/dns/zones/{zone}` | takes it away | change |
//! | `GET /api/dns/status` | zones, targets with their condition, problems | read |
//! | `GET /api/dns/explain?name=&type=&from=` | why a client at an address or in a subnet gets its answer | read |
//! | `PUT /api/dns/targets` | what is known of a target: `{"target": "…", "load": 0.7, "condition": "well"}` | tell |
//! | `GET /api/dns/openapi.json` | this table for programs | everybody |
//!
//! Zones carry their revision as `ETag`; a change with `If-Match` is made only if the zone still has it. Errors are
//! `{"error": "…", "problems": [{"line": 7, "text": "…"}]}`. Who may ask is the [`Admission`]'s to say.

mod reply;
mod sight;
mod zones;

use crate::control::Control;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, put};
use bole_edge_core::health::Condition;
use bole_geodns::Service;
use bole_geodns::health::Vitals;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;

/// The largest body of a request.
pub const BODY_BYTES_MAX: usize = 2 << 20;

/// The API for programs.
pub const OPENAPI: &str = include_str!("door/openapi.json");

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See zones, status and explanations.
    Read,
    /// Change zones.
    Change,
    /// Tell loads and conditions of targets.
    Tell,
}

/// Decides who may do what.
pub trait Admission: Send + Sync + 'static {
    /// Says who asks, or how he is refused.
    fn admit<'a>(&'a self, head: &'a Parts, action: Action) -> BoxFuture<'a, Result<String, Response>>;
}

/// Who knows how targets come by their conditions.
pub trait Targets: Send + Sync + 'static {
    /// Who says how `target` is, if not whoever tells it by a request: a check, a service.
    fn source(&self, target: &str) -> Option<String>;
    /// What keeps targets from being checked, to be told in the status.
    fn problems(&self) -> Vec<String>;
}

/// What the API stands on.
pub struct Door {
    /// Zones that are kept.
    pub control: Arc<Control>,
    /// The server.
    pub service: Arc<Service>,
    /// What is known of targets.
    pub vitals: Arc<Vitals>,
    /// How that is known.
    pub targets: Arc<dyn Targets>,
    /// Who may do what.
    pub admission: Arc<dyn Admission>,
}

/// All requests.
pub fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/api/dns/zones", get(zones::list))
        .route("/api/dns/zones/{zone}", get(zones::one).put(zones::put).delete(zones::remove))
        .route("/api/dns/status", get(sight::status))
        .route("/api/dns/explain", get(sight::explain))
        .route("/api/dns/targets", put(sight::tell))
        .route("/api/dns/openapi.json", get(sight::openapi))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(door)
}

impl Door {
    /// Everything that is not as it should be: files, kept zones, checks.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.service.problems();
        problems.extend(self.control.problems());
        problems.extend(self.targets.problems());
        problems
    }
}

/// A condition's word.
pub fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::Well => "well",
        Condition::Unwell => "unwell",
        Condition::Draining => "draining",
    }
}

/// A condition by its word.
pub fn condition_of(word: &str) -> Option<Condition> {
    [Condition::Well, Condition::Unwell, Condition::Draining]
        .into_iter()
        .find(|one| condition_word(*one) == word)
}

/// A zone that is served, for a list.
fn zone_row(zone: &bole_geodns::service::ZoneStatus, revision: Option<u64>) -> Value {
    let mut row = serde_json::to_value(zone).unwrap_or_default();
    if let (Some(revision), Some(row)) = (revision, row.as_object_mut()) {
        row.insert("revision".to_owned(), revision.into());
    }
    row
}
