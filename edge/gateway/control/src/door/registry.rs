//! Instances that register themselves.

use super::reply::bad;
use super::{Action, Door};
use crate::entry::Instance;
use crate::error::Error;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bole_gateway_document::units::Span;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Shared = State<Arc<Door>>;
type Answer = Result<Response, Response>;
type Place = Path<(String, String)>;

/// The lease of an instance that asks for none.
const LEASE_DEFAULT: Span = Span::secs(30);

/// What an instance says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    address: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    priority: u8,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default = "lease_default")]
    lease: Span,
    #[serde(default)]
    drain: bool,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

fn lease_default() -> Span {
    LEASE_DEFAULT
}

impl From<Registration> for Instance {
    fn from(said: Registration) -> Self {
        let Registration { address, weight, priority, zone, lease, drain, metadata } = said;
        let lease_ms = u64::try_from(lease.0.as_millis()).unwrap_or(u64::MAX);
        Self { address, weight, priority, zone, lease_ms, drain, metadata }
    }
}

/// A third of the lease, so that two heartbeats may be lost.
fn heartbeat_after(lease: Duration) -> String {
    format!("{}ms", lease.as_millis() / 3)
}

/// `GET /api/registry/{service}`
pub(super) async fn list(State(door): Shared, Path(service): Path<String>, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let instances = door.control.registered(&service).await.map_err(IntoResponse::into_response)?;
    let mut all = Map::new();
    for (id, registered) in instances {
        let mut value = serde_json::to_value(&registered.instance).unwrap_or_default();
        value["left_ms"] = Value::from(registered.left.as_millis() as u64);
        all.insert(id, value);
    }
    Ok(Json(Value::Object(all)).into_response())
}

/// `PUT /api/registry/{service}/{id}`
pub(super) async fn register(
    State(door): Shared,
    Path((service, id)): Place,
    head: Parts,
    body: Bytes,
) -> Answer {
    let by = door.admission.admit(&head, Action::Register(service.clone())).await?;
    let said: Registration = serde_json::from_slice(&body)
        .map_err(|error| bad(&format!("the registration is not right: {error}")))?;
    let lease = said.lease.0;
    let is_new =
        door.control.register(&service, &id, said.into()).await.map_err(IntoResponse::into_response)?;
    if is_new {
        tracing::info!(by, service, instance = id, "an instance registered");
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({ "heartbeat_after": heartbeat_after(lease) }))).into_response())
}

/// `DELETE /api/registry/{service}/{id}`
pub(super) async fn deregister(State(door): Shared, Path((service, id)): Place, head: Parts) -> Answer {
    let by = door.admission.admit(&head, Action::Register(service.clone())).await?;
    door.control.deregister(&service, &id).await.map_err(IntoResponse::into_response)?;
    tracing::info!(by, service, instance = id, "an instance was taken out");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/registry/{service}/{id}/heartbeat`
pub(super) async fn heartbeat(State(door): Shared, Path((service, id)): Place, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Register(service.clone())).await?;
    let lease = door.control.heartbeat(&service, &id).await.map_err(IntoResponse::into_response)?;
    Ok(Json(json!({ "heartbeat_after": heartbeat_after(lease) })).into_response())
}

/// `PUT /api/registry/{service}/{id}/drain`
pub(super) async fn drain(door: Shared, place: Place, head: Parts) -> Answer {
    set_drain(door, place, head, true).await
}

/// `DELETE /api/registry/{service}/{id}/drain`
pub(super) async fn undrain(door: Shared, place: Place, head: Parts) -> Answer {
    set_drain(door, place, head, false).await
}

async fn set_drain(State(door): Shared, Path((service, id)): Place, head: Parts, drain: bool) -> Answer {
    let by = door.admission.admit(&head, Action::Register(service.clone())).await?;
    door.control.drain(&service, &id, drain).await.map_err(Error::into_response)?;
    tracing::info!(by, service, instance = id, drain, "an instance drains, or does no longer");
    Ok(StatusCode::NO_CONTENT.into_response())
}
