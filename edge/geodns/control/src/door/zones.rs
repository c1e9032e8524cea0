//! Zones: listed, read, put, taken away.

use super::reply::{bad, expected, tagged};
use super::{Action, Door, zone_row};
use crate::control::apex;
use crate::entry::Form;
use crate::error::Error;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bole_geodns::wire::Name;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Shared = State<Arc<Door>>;
type Answer = Result<Response, Response>;

const DOCUMENT: &str = "application/toml";
const MASTER: &str = "text/dns";

fn refused(error: Error) -> Response {
    error.into_response()
}

/// `GET /api/dns/zones`
pub(super) async fn list(State(door): Shared, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let kept = door.control.zones().await.map_err(refused)?;
    let zones = door.service.zones();
    let rows: Vec<Value> = zones
        .iter()
        .map(|zone| zone_row(zone, kept.get(&zone.origin).map(|(_, _, revision)| *revision)))
        .collect();
    Ok(Json(json!({ "zones": rows, "problems": door.problems() })).into_response())
}

/// `GET /api/dns/zones/{zone}`
pub(super) async fn one(State(door): Shared, Path(name): Path<String>, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let missing = match door.control.zone(&name).await {
        Ok(entry) => {
            let media = if entry.zone.form == Form::Document { DOCUMENT } else { MASTER };
            let response = ([(header::CONTENT_TYPE, media)], entry.zone.text).into_response();
            return Ok(tagged(entry.revision, response));
        }
        Err(error) => error,
    };
    let origin = Name::absolute(&name).ok().filter(|_| matches!(missing, Error::Missing { .. }));
    let text = origin.and_then(|origin| door.service.zone_text(&origin)).ok_or_else(|| refused(missing))?;
    Ok(([(header::CONTENT_TYPE, MASTER)], text).into_response())
}

/// What `PUT /api/dns/zones/{zone}` may be told.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Putting {
    dry_run: bool,
}

/// How the body of a request is written.
fn form(head: &Parts) -> Result<Form, Box<Response>> {
    let Some(media) = head.headers.get(header::CONTENT_TYPE) else { return Ok(Form::Document) };
    let media = media.to_str().unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim() {
        DOCUMENT | "application/octet-stream" => Ok(Form::Document),
        MASTER => Ok(Form::Master),
        other => Err(Box::new(bad(&format!("a zone is {DOCUMENT} or {MASTER}, not {other:?}")))),
    }
}

/// `PUT /api/dns/zones/{zone}`
pub(super) async fn put(
    State(door): Shared,
    Path(name): Path<String>,
    Query(options): Query<Putting>,
    head: Parts,
    body: Bytes,
) -> Answer {
    let by = door.admission.admit(&head, Action::Change).await?;
    let expected = expected(&head.headers).map_err(|response| *response)?;
    let form = form(&head).map_err(|response| *response)?;
    let text = String::from_utf8(body.into()).map_err(|_| bad("the zone is not UTF-8"))?;
    if options.dry_run {
        let prepared = door.control.check(&door.service, &name, form, &text).await.map_err(refused)?;
        let answer =
            json!({ "valid": true, "serial": prepared.serial(), "records": prepared.record_count() });
        return Ok(Json(answer).into_response());
    }
    let put = door.control.put(&door.service, &name, form, text, expected).await.map_err(refused)?;
    if put.changed {
        tracing::info!(by, zone = name, serial = put.serial, "a zone was put");
    }
    let status = if put.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = json!({ "changed": put.changed, "serial": put.serial, "revision": put.revision });
    Ok(tagged(put.revision, (status, Json(answer)).into_response()))
}

/// `DELETE /api/dns/zones/{zone}`
pub(super) async fn remove(State(door): Shared, Path(name): Path<String>, head: Parts) -> Answer {
    let by = door.admission.admit(&head, Action::Change).await?;
    let expected = expected(&head.headers).map_err(|response| *response)?;
    if let Err(error) = door.control.remove(&door.service, &name, expected).await {
        let folded = apex(&name).unwrap_or_default();
        let file =
            door.service.zones().into_iter().find(|zone| zone.origin == folded).and_then(|zone| zone.file);
        return Err(match (error, file) {
            (Error::Missing { .. }, Some(file)) => {
                refused(Error::Conflict(format!("the zone {folded} is from the file {file}; remove that")))
            }
            (error, _) => refused(error),
        });
    }
    tracing::info!(by, zone = name, "a zone was taken away");
    Ok(StatusCode::NO_CONTENT.into_response())
}
