//! The cache's part of the admin door.
//!
//! | request | what it does | who |
//! |---|---|---|
//! | `GET /api/gateway/cache` | tiers, hosts with their counters, nodes of the network | read |
//! | `POST /api/gateway/cache/purge` | purges, and says which nodes have it when | change |
//! | `GET /api/gateway/cache/purges` | what a node of the network does not have yet | the network's secret |

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bole_cdn::Cache;
use bole_cdn::purge::Target as CacheTarget;
use bole_gateway_control::door::{Action, Admission};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::control::Control;
use super::follow::USER;
use crate::admin::Credentials;

/// The largest question.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a receipt waits for nodes that do not have the purge yet.
const RECEIPT_WAIT: Duration = Duration::from_secs(3);
/// The longest that a node's question waits.
const NEWS_WAIT_MAX: Duration = Duration::from_secs(8);
/// The longest name of a node.
const NAME_BYTES_MAX: usize = 100;

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Target {
    /// All variants of one URL.
    Url(String),
    /// All URLs that begin so.
    Prefix(String),
    /// All of a host.
    Host(String),
    /// All with a tag.
    Tag(String),
    /// Everything.
    Everything,
}

impl From<Target> for CacheTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Url(text) => Self::Url(text),
            Target::Prefix(text) => Self::Prefix(text),
            Target::Host(text) => Self::Host(text),
            Target::Tag(text) => Self::Tag(text),
            Target::Everything => Self::Everything,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Purge {
    target: Target,
    #[serde(default)]
    soft: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    node: String,
    shield: bool,
    after: u64,
    wait_ms: u64,
}

/// What the API stands on.
pub(super) struct Door {
    pub(super) cache: Cache,
    pub(super) control: Option<Arc<Control>>,
    /// Where the network's purges are taken, if not here.
    pub(super) elsewhere: Option<String>,
    pub(super) admission: Arc<dyn Admission>,
}

pub(super) fn router(door: Door) -> Router {
    Router::new()
        .route("/api/gateway/cache", get(status))
        .route("/api/gateway/cache/purge", post(purge))
        .route("/api/gateway/cache/purges", get(purges))
        .with_state(Arc::new(door))
}

pub(super) fn failed(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "error": message.into() }))).into_response()
}

async fn status(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Err(refused) = door.admission.admit(&head, Action::Read).await {
        return refused;
    }
    let usage = door.cache.usage();
    let hosts: Vec<_> = door
        .cache
        .counts()
        .into_iter()
        .map(|(host, counts)| {
            json!({
                "host": host, "requests": counts.requests, "hits": counts.hits, "stale": counts.stale,
                "fetches": counts.fetches, "collapsed": counts.collapsed, "confirmed": counts.confirmed,
                "fills": counts.fills, "broken": counts.broken, "bytes_served": counts.bytes_served,
                "bytes_filled": counts.bytes_filled, "purged": counts.purged,
            })
        })
        .collect();
    Json(json!({
        "memory_bytes": usage.memory_bytes, "memory_evictions": usage.memory_evictions,
        "disk_bytes": usage.disk_bytes, "disk_evictions": usage.disk_evictions, "disk_corrupt": usage.disk_corrupt,
        "disk_failed": usage.disk_failed, "disk_skipped": usage.disk_skipped,
        "fills": usage.fills, "purges": usage.purge_epoch, "in_sync": door.cache.is_in_sync(),
        "network": door.control.as_ref().map(|control| control.nodes()), "control": door.elsewhere,
        "hosts": hosts,
    }))
    .into_response()
}

async fn purge(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Err(refused) = door.admission.admit(&head, Action::Change).await {
        return refused;
    }
    let began = Instant::now();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return failed(StatusCode::PAYLOAD_TOO_LARGE, format!("a purge has at most {BODY_BYTES_MAX} bytes"));
    };
    let asked: Purge = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            let message = format!(
                "{error}; write {{\"target\": {{\"tag\": \"news\"}}, \"soft\": false}} with one of url, prefix, host and tag, or \"target\": \"everything\""
            );
            return failed(StatusCode::BAD_REQUEST, message);
        }
    };
    if let Some(control) = &door.elsewhere {
        return failed(
            StatusCode::CONFLICT,
            format!("the network's purges are taken by the node at {control}; ask there"),
        );
    }
    if let Err(error) = CacheTarget::from(asked.target.clone()).normalised() {
        return failed(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    }
    let worker = Arc::clone(&door);
    let taken = tokio::task::spawn_blocking(move || match &worker.control {
        Some(control) => control.add(asked.target, asked.soft).map(|number| (number, true)),
        None => Ok(worker
            .cache
            .purge(asked.target.into(), asked.soft)
            .map(|receipt| (receipt.epoch, receipt.durable))?),
    });
    let (number, durable) = match taken.await {
        Ok(Ok(taken)) => taken,
        Ok(Err(error)) => return failed(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
        Err(error) => return failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let nodes = match &door.control {
        Some(control) => control.receipt(number, began, RECEIPT_WAIT).await,
        None => Vec::new(),
    };
    let complete = nodes.iter().all(|node| node.has);
    let milliseconds = began.elapsed().as_secs_f64() * 1e3;
    Json(json!({ "purge": number, "durable": durable, "complete": complete, "milliseconds": milliseconds, "nodes": nodes }))
        .into_response()
}

async fn purges(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    Query(question): Query<Question>,
) -> Response {
    let Some(control) = &door.control else {
        return failed(
            StatusCode::CONFLICT,
            "this node takes no purges for a network: cdn.secret_file is not set, or cdn.control is",
        );
    };
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let said = text.and_then(|text| Credentials::from_header(text).ok());
    if !said.is_some_and(|said| said.user == USER && control.knows(&said.password)) {
        return failed(StatusCode::UNAUTHORIZED, "cdn.secret_file of this node has another secret");
    }
    if question.node.is_empty() || question.node.len() > NAME_BYTES_MAX {
        return failed(
            StatusCode::BAD_REQUEST,
            format!("the name of a node has 1 to {NAME_BYTES_MAX} bytes"),
        );
    }
    let wait = Duration::from_millis(question.wait_ms).min(NEWS_WAIT_MAX);
    Json(control.news(&question.node, question.shield, question.after, wait).await).into_response()
}
