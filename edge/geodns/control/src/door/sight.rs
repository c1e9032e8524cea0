//! What the server says of itself, why answers are as they are, and what it is told of targets.

use super::reply::bad;
use super::{Action, Door, OPENAPI, condition_of, condition_word, zone_row};
use crate::error::Error;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bole_geodns::geo::{Prefix, masked};
use bole_geodns::health::Health as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;

type Shared = State<Arc<Door>>;
type Answer = Result<Response, Response>;

/// `GET /api/dns/status`
pub(super) async fn status(State(door): Shared, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    let target = |target: &Arc<str>| {
        let vital = door.vitals.target(target);
        let told_by = door.targets.source(target);
        json!({ "target": &**target, "condition": condition_word(vital.condition()), "load": vital.load(), "told_by": told_by })
    };
    let targets: Vec<Value> = door.service.targets().iter().map(target).collect();
    let zones: Vec<Value> = door.service.zones().iter().map(|zone| zone_row(zone, None)).collect();
    Ok(Json(json!({ "zones": zones, "targets": targets, "problems": door.problems() })).into_response())
}

/// What `GET /api/dns/explain` is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    name: String,
    #[serde(default = "address", rename = "type")]
    kind: String,
    #[serde(default = "nowhere")]
    from: String,
}

fn address() -> String {
    "A".to_owned()
}

fn nowhere() -> String {
    "127.0.0.1".to_owned()
}

/// `GET /api/dns/explain`
pub(super) async fn explain(State(door): Shared, Query(question): Query<Question>, head: Parts) -> Answer {
    door.admission.admit(&head, Action::Read).await?;
    // Who asks about 192.0.2.7/24 means the network that it is in.
    let network = question.from.split_once('/').and_then(|(address, length)| {
        let (address, length) = (address.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?);
        Prefix::new(masked(address, length), length)
    });
    let from = network.map_or_else(|| Prefix::parse(&question.from), Ok).map_err(|error| bad(&error))?;
    let explained = door.service.explain_subnet(&question.name, &question.kind.to_uppercase(), from);
    let explained = explained.map_err(|error| bad(&error.to_string()))?;
    let mut answer = serde_json::to_value(&explained).map_err(|error| bad(&error.to_string()))?;
    answer["text"] = Value::String(explained.to_string());
    Ok(Json(answer).into_response())
}

/// What is told of a target; what is not said stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    target: String,
    #[serde(default)]
    load: Load,
    condition: Option<String>,
}

/// A load; `null` takes it back, and what is not said stays.
#[derive(Clone, Copy, Default)]
enum Load {
    #[default]
    Unsaid,
    Unknown,
    Is(f32),
}

impl<'de> Deserialize<'de> for Load {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::<f32>::deserialize(from)?.map_or(Self::Unknown, Self::Is))
    }
}

/// `PUT /api/dns/targets`
pub(super) async fn tell(State(door): Shared, head: Parts, body: Bytes) -> Answer {
    door.admission.admit(&head, Action::Tell).await?;
    let told: Told =
        serde_json::from_slice(&body).map_err(|error| bad(&format!("what is told is not right: {error}")))?;
    if !door.service.targets().contains(told.target.as_str()) {
        return Err(Error::Missing { what: "target", name: told.target }.into_response());
    }
    if let Load::Is(load) = told.load
        && (!load.is_finite() || load < 0.0)
    {
        return Err(bad(&format!(
            "load {load} is not a number from 0 on; 1 is all that the target can carry"
        )));
    }
    let condition = match &told.condition {
        Some(word) => Some(
            condition_of(word)
                .ok_or_else(|| bad(&format!("condition {word:?} is not well, unwell or draining")))?,
        ),
        None => None,
    };
    if let (Some(source), Some(_)) = (door.targets.source(&told.target), condition) {
        let text = format!("how {:?} is is told by {source}, and cannot be told otherwise", told.target);
        return Err(Error::Conflict(text).into_response());
    }
    let vital = door.vitals.target(&told.target);
    match told.load {
        Load::Unsaid => {}
        Load::Unknown => vital.set_load(None),
        Load::Is(load) => vital.set_load(Some(load)),
    }
    if let Some(condition) = condition {
        vital.set_condition(condition);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /api/dns/openapi.json`
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
