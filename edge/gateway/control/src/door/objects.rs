//! The document and its objects.

use super::reply::{bad, expected, part, tagged};
use super::{Action, Door, OPENAPI, Question};
use crate::control::{Source, Wish};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bole_gateway_document::Document;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

type Shared = State<Arc<Door>>;
type Answer = Result<Response, Response>;

const TOML: &str = "application/toml";

fn is(headers: &HeaderMap, name: header::HeaderName, media: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(media))
}

/// `GET /api/gateway/document`
pub(super) async fn document(State(door): Shared, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let view = door.control.watch().borrow().clone();
    let body = if is(&head.headers, header::ACCEPT, TOML) {
        let text = toml::to_string(&*view.document).map_err(|error| bad(&error.to_string()))?;
        ([(header::CONTENT_TYPE, TOML)], text).into_response()
    } else {
        Json(&*view.document).into_response()
    };
    Ok(tagged(view.revision, body))
}

/// What a change may be told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct Replacing {
    dry_run: bool,
}

/// `PUT /api/gateway/document`
pub(super) async fn replace(
    State(door): Shared,
    Query(options): Query<Replacing>,
    head: Parts,
    body: Bytes,
) -> Answer {
    let by = door.admission.admit(&head, Action::Change).await?;
    let expected = expected(&head.headers).map_err(|response| *response)?;
    let document = if is(&head.headers, header::CONTENT_TYPE, TOML) {
        let text = std::str::from_utf8(&body).map_err(|_| bad("the document is not UTF-8"))?;
        Document::from_toml(text)
    } else {
        Document::from_json(&body)
    };
    let document = document.map_err(|error| {
        let problems = error.to_string().lines().map(str::to_owned).collect();
        crate::Error::Invalid(problems).into_response()
    })?;
    let wish = Wish { expected, dry_run: options.dry_run };
    let (changed, revision) =
        door.control.replace(&document, wish).await.map_err(IntoResponse::into_response)?;
    if options.dry_run {
        return Ok(tagged(revision, Json(json!({ "valid": true, "same": changed == 0 })).into_response()));
    }
    tracing::info!(by, revision, objects = changed, "the gateway's document was replaced");
    let problems = door.control.carried_out(revision).await;
    let answer = json!({ "revision": revision, "changed": changed, "problems": problems });
    Ok(tagged(revision, Json(answer).into_response()))
}

/// `GET /api/gateway/{part}`
pub(super) async fn list(State(door): Shared, Path(key): Path<String>, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let part = part(&key).map_err(|response| *response)?;
    let view = door.control.watch().borrow().clone();
    let whole = serde_json::to_value(&*view.document).map_err(|error| bad(&error.to_string()))?;
    let objects = whole.get(part.row().key).cloned().unwrap_or_else(|| Value::Object(Map::new()));
    Ok(tagged(view.revision, Json(objects).into_response()))
}

/// `GET /api/gateway/{part}/{name}`
pub(super) async fn one(
    State(door): Shared,
    Path((key, name)): Path<(String, String)>,
    head: Parts,
) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let part = part(&key).map_err(|response| *response)?;
    if let Source::File(_) = door.control.source() {
        let view = door.control.watch().borrow().clone();
        let whole = serde_json::to_value(&*view.document).map_err(|error| bad(&error.to_string()))?;
        let object = whole.get(part.row().key).and_then(|objects| objects.get(&name)).cloned();
        let missing = crate::Error::Missing { what: part.row().one, name };
        let object = object.ok_or_else(|| missing.into_response())?;
        return Ok(tagged(view.revision, Json(object).into_response()));
    }
    let (object, revision) = door.control.object(part, &name).await.map_err(IntoResponse::into_response)?;
    Ok(tagged(revision, Json(object).into_response()))
}

/// `PUT /api/gateway/{part}/{name}`
pub(super) async fn put(
    State(door): Shared,
    Path((key, name)): Path<(String, String)>,
    Query(options): Query<Replacing>,
    head: Parts,
    body: Bytes,
) -> Answer {
    let by = door.admission.admit(&head, Action::Change).await?;
    let expected = expected(&head.headers).map_err(|response| *response)?;
    let part = part(&key).map_err(|response| *response)?;
    let value =
        serde_json::from_slice(&body).map_err(|error| bad(&format!("the body is not JSON: {error}")))?;
    let wish = Wish { expected, dry_run: options.dry_run };
    let done = door.control.put(part, &name, value, wish).await;
    let (is_new, revision) = done.map_err(IntoResponse::into_response)?;
    if options.dry_run {
        return Ok(tagged(revision, Json(json!({ "valid": true, "new": is_new })).into_response()));
    }
    tracing::info!(by, revision, part = key, name, "an object of the gateway was put");
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let problems = door.control.carried_out(revision).await;
    Ok(tagged(
        revision,
        (status, Json(json!({ "revision": revision, "problems": problems }))).into_response(),
    ))
}

/// `DELETE /api/gateway/{part}/{name}`
pub(super) async fn remove(
    State(door): Shared,
    Path((key, name)): Path<(String, String)>,
    Query(options): Query<Replacing>,
    head: Parts,
) -> Answer {
    let by = door.admission.admit(&head, Action::Change).await?;
    let expected = expected(&head.headers).map_err(|response| *response)?;
    let part = part(&key).map_err(|response| *response)?;
    let wish = Wish { expected, dry_run: options.dry_run };
    let revision = door.control.remove(part, &name, wish).await.map_err(IntoResponse::into_response)?;
    if options.dry_run {
        return Ok(tagged(revision, StatusCode::NO_CONTENT.into_response()));
    }
    tracing::info!(by, revision, part = key, name, "an object of the gateway was removed");
    door.control.carried_out(revision).await;
    Ok(tagged(revision, StatusCode::NO_CONTENT.into_response()))
}

/// `GET /api/gateway/status`
pub(super) async fn status(State(door): Shared, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let view = door.control.watch().borrow().clone();
    let status =
        json!({ "revision": view.revision, "problems": view.problems, "gateway": door.sight.status() });
    Ok(tagged(view.revision, Json(status).into_response()))
}

/// `POST /api/gateway/explain`
pub(super) async fn explain(State(door): Shared, head: Parts, body: Bytes) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let question: Question =
        serde_json::from_slice(&body).map_err(|error| bad(&format!("the question is not right: {error}")))?;
    let answer = door.sight.explain(&question).map_err(|error| bad(&error))?;
    Ok(Json(answer).into_response())
}

/// `GET /api/gateway/merged/openapi.json`
pub(super) async fn merged(State(door): Shared, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    Ok(Json(door.sight.merged()).into_response())
}

/// `GET /api/gateway/openapi.json`
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
