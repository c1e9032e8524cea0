//! Warm-up at the admin door.
//!
//! | request | what it does | who |
//! |---|---|---|
//! | `POST /api/gateway/cache/warm` | begins a job: its id | change |
//! | `GET /api/gateway/cache/warm` | all jobs | read |
//! | `GET /api/gateway/cache/warm/{id}` | how far a job is | read |
//! | `DELETE /api/gateway/cache/warm/{id}` | cancels it | change |

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bole_gateway_control::door::{Action, Admission};
use serde_json::json;

use super::{Jobs, Wanted};
use crate::services::cdn::door::failed;

/// The largest list of URLs.
const BODY_BYTES_MAX: usize = 16 << 20;

struct Door {
    jobs: Arc<Jobs>,
    admission: Arc<dyn Admission>,
}

pub(in crate::services::cdn) fn router(jobs: Arc<Jobs>, admission: Arc<dyn Admission>) -> Router {
    Router::new()
        .route("/api/gateway/cache/warm", post(begin).get(all))
        .route("/api/gateway/cache/warm/{id}", get(one).delete(cancel))
        .with_state(Arc::new(Door { jobs, admission }))
}

async fn begin(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Err(refused) = door.admission.admit(&head, Action::Change).await {
        return refused;
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let message = format!("a job's list has at most {BODY_BYTES_MAX} bytes; make several of it");
        return failed(StatusCode::PAYLOAD_TOO_LARGE, message);
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!(
                "{error}; write {{\"urls\": [\"http://…\"], \"sitemaps\": [], \"encodings\": [\"gzip\"], \"at_once\": 8, \"per_second\": 100}}"
            );
            return failed(StatusCode::BAD_REQUEST, message);
        }
    };
    match door.jobs.begin(wanted) {
        Ok(id) => (StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response(),
        Err(why) => failed(StatusCode::UNPROCESSABLE_ENTITY, why),
    }
}

async fn all(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Err(refused) = door.admission.admit(&head, Action::Read).await {
        return refused;
    }
    Json(json!({ "jobs": door.jobs.all() })).into_response()
}

async fn one(State(door): State<Arc<Door>>, Path(id): Path<u64>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Err(refused) = door.admission.admit(&head, Action::Read).await {
        return refused;
    }
    match door.jobs.progress(id) {
        Some(progress) => Json(progress).into_response(),
        None => unknown(id),
    }
}

async fn cancel(State(door): State<Arc<Door>>, Path(id): Path<u64>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Err(refused) = door.admission.admit(&head, Action::Change).await {
        return refused;
    }
    if door.jobs.cancel(id) { StatusCode::NO_CONTENT.into_response() } else { unknown(id) }
}

fn unknown(id: u64) -> Response {
    failed(StatusCode::NOT_FOUND, format!("there is no job {id}; jobs are forgotten when the node stops"))
}
