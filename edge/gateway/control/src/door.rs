//! The HTTP API of the control plane: objects, the whole document, instances, and what the gateway says of itself.
//!
//! | request | what it does | who |
//! |---|---|---|
//! | `GET /api/gateway/document` | the document, as JSON or TOML (`Accept: application/toml`) | read |
//! | `PUT /api/gateway/document` | takes a whole document; with `?dry_run=true` only tries it | change |
//! | `GET /api/gateway/{part}` | the objects of a part by name | read |
//! | `GET`, `PUT`, `DELETE /api/gateway/{part}/{name}` | one object; with `?dry_run=true` a change is only tried | read, change |
//! | `GET /api/gateway/status` | services with their endpoints, and certificates of authorities, as the gateway sees them | read |
//! | `POST /api/gateway/explain` | which route would take a request, and why | read |
//! | `GET /api/gateway/merged/openapi.json` | what all services that are described say of themselves, as one `OpenAPI` document | read |
//! | `GET /api/gateway/openapi.json` | this table for programs | everybody |
//! | `GET /api/registry/{service}` | registered instances | read |
//! | `PUT`, `DELETE /api/registry/{service}/{id}` | registers an instance, or takes it out | register |
//! | `POST /api/registry/{service}/{id}/heartbeat` | it is alive | register |
//! | `PUT`, `DELETE /api/registry/{service}/{id}/drain` | it gets no new clients, or gets them again | register |
//!
//! A change that would make a document that is not right, or that the gateway cannot carry out, is answered with 422 and all problems.
//! Answers carry the document's revision as `ETag`; a change with `If-Match` is made only if the document still has it. Errors are
//! `{"error": "…", "problems": ["…"]}`. Who may ask is the [`Admission`]'s to say.

mod objects;
mod registry;
mod reply;

use crate::control::Control;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post, put};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The largest body of a request: a document.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// The API for programs.
pub const OPENAPI: &str = include_str!("door/openapi.json");

/// What a request wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// See the document, instances and status.
    Read,
    /// Change the document.
    Change,
    /// Register and take out instances of a service.
    Register(String),
}

/// Decides who may do what.
pub trait Admission: Send + Sync + 'static {
    /// Says who asks, or how he is refused.
    fn admit<'a>(&'a self, head: &'a Parts, action: Action) -> BoxFuture<'a, Result<String, Response>>;
}

/// A request that somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its method.
    #[serde(default = "get_method")]
    pub method: String,
    /// Its URL, with the host.
    pub url: String,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn get_method() -> String {
    "GET".to_owned()
}

/// What the gateway says of itself.
pub trait Sight: Send + Sync + 'static {
    /// Services with their endpoints, certificates of authorities.
    fn status(&self) -> Value;
    /// One `OpenAPI` document of all services that are described.
    fn merged(&self) -> Value;
    /// Which route would take a request, and why; the error says what is wrong with the question.
    fn explain(&self, question: &Question) -> Result<Value, String>;
}

/// What the API stands on.
pub struct Door {
    /// The control plane.
    pub control: Arc<Control>,
    /// Who may do what.
    pub admission: Arc<dyn Admission>,
    /// The gateway.
    pub sight: Arc<dyn Sight>,
}

/// All requests.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/api/gateway/document", get(objects::document).put(objects::replace))
        .route("/api/gateway/status", get(objects::status))
        .route("/api/gateway/explain", post(objects::explain))
        .route("/api/gateway/merged/openapi.json", get(objects::merged))
        .route("/api/gateway/openapi.json", get(objects::openapi))
        .route("/api/gateway/{part}", get(objects::list))
        .route("/api/gateway/{part}/{name}", get(objects::one).put(objects::put).delete(objects::remove))
        .route("/api/registry/{service}", get(registry::list))
        .route("/api/registry/{service}/{id}", put(registry::register).delete(registry::deregister))
        .route("/api/registry/{service}/{id}/heartbeat", post(registry::heartbeat))
        .route("/api/registry/{service}/{id}/drain", put(registry::drain).delete(registry::undrain))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(door))
}
