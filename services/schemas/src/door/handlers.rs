//! The routes, and what stands between a request's parts and the operations.

mod schemas;
mod settings;
mod subjects;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{any, get, post};
use serde::Deserialize;

use super::reply::Answer;
use crate::limits::{BODY_BYTES_MAX, BODY_TIMEOUT};
use crate::protocol::body;
use crate::{Error, Service};

type Outcome = Result<Answer, Error>;

/// Every route of the API.
pub(super) fn routes() -> Router<Arc<Service>> {
    let nothing = async || Answer::json(&serde_json::json!({}));
    Router::new()
        .route("/", get(nothing).post(nothing))
        .route("/contexts", get(async || Answer::json(&["."])))
        .route("/contexts/{*rest}", any(other_contexts))
        .route("/subjects", get(subjects::list))
        .route("/subjects/{subject}", post(subjects::look_up).delete(subjects::delete))
        .route("/subjects/{subject}/versions", get(subjects::versions).post(subjects::register))
        .route(
            "/subjects/{subject}/versions/{version}",
            get(subjects::version).delete(subjects::delete_version),
        )
        .route("/subjects/{subject}/versions/{version}/schema", get(subjects::version_text))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(subjects::referenced_by))
        .route("/compatibility/subjects/{subject}/versions", post(subjects::check_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(subjects::check_one))
        .route("/schemas", get(schemas::list))
        .route("/schemas/types", get(schemas::kinds))
        .route("/schemas/ids/{id}", get(schemas::by_id))
        .route("/schemas/ids/{id}/schema", get(schemas::text_by_id))
        .route("/schemas/ids/{id}/subjects", get(schemas::subjects))
        .route("/schemas/ids/{id}/versions", get(schemas::versions))
        .route("/config", get(settings::read_all).put(settings::set_all).delete(settings::forget_all))
        .route("/config/{subject}", get(settings::read).put(settings::set).delete(settings::forget))
        .route("/mode", get(settings::mode_of_all).put(settings::set_mode_of_all))
        .route("/mode/{subject}", get(settings::mode).put(settings::set_mode).delete(settings::forget_mode))
}

async fn other_contexts() -> Error {
    Error::Unsupported(
        "only the default context \".\" exists here; use the paths without /contexts".to_owned(),
    )
}

/// Reads a body of JSON, bounded in size and time.
async fn read<T: for<'de> Deserialize<'de>>(given: Body) -> Result<T, Error> {
    let whole = tokio::time::timeout(BODY_TIMEOUT, to_bytes(given, BODY_BYTES_MAX));
    let bytes = whole.await.map_err(|_| Error::BodyTooSlow)?;
    let bytes = bytes.map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        if reason.contains("length limit") {
            Error::BodyTooLarge
        } else {
            Error::Body(format!("the body ended: {reason}"))
        }
    })?;
    body::parse(&bytes)
}
