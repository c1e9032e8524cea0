//! The node as a whole: what `bole status` shows.

use std::sync::Arc;

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::Console;
use crate::node::{Call, Fault};
use crate::page::{self, Section, cut, facts, table};
use crate::request::{Fields, Visitor, json, peer, to_login};
use crate::show::{self, bytes, count, link, list, number, string};

/// `GET /console`: to everybody whom the admin door tells its status.
pub(super) async fn page(State(console): State<Arc<Console>>, parts: Parts) -> Response {
    let visitor = match Visitor::of(&console, &parts) {
        Ok(visitor) => visitor,
        Err(refused) => return refused,
    };
    let peer = match peer(&console, &parts) {
        Ok(peer) => peer,
        Err(refused) => return refused,
    };
    let user = visitor.as_ref().map(|visitor| visitor.user.to_string());
    let path = "/api/status".to_owned();
    let (user, method, media) = (user.as_deref(), Method::GET, "");
    let call = Call { user, peer, method, path, media, body: Vec::new() };
    let status = console.node.call(call).await.and_then(|reply| json(&reply));
    if let Err(Fault { status: StatusCode::UNAUTHORIZED, .. }) = &status {
        return to_login(&parts.method, &parts.uri);
    }
    let query = Fields::parse(parts.uri.query().unwrap_or_default());
    let body = status.and_then(|status| Ok(body(&console, &status, query.number("page", 0)?)));
    page::framed(visitor.as_ref(), Section::Overview, "Overview", body)
}

fn body(console: &Console, status: &Value, page: usize) -> Markup {
    html! {
        (facts(&[
            ("State", page::state(string(&status["state"]))),
            ("Uptime", html! { (show::seconds(number(&status["uptime_seconds"]))) }),
            ("Version", html! { (string(&status["version"])) }),
            ("Node", html! { (string(&status["node"])) }),
            ("Data", html! { (string(&status["data"])) }),
            ("Shards", html! { (count(list(&status["shards"]).len() as u64)) }),
        ]))
        (quarantined(status))
        (services(status))
        (journals(status))
        (sinks(status))
        (doors(console))
        (shards(status, page))
    }
}

fn quarantined(status: &Value) -> Markup {
    let shards = list(&status["shards"]).iter().filter(|shard| shard["quarantined"].is_string());
    let damaged = number(&status["blobs"]["damaged_chunks"]);
    html! {
        @for shard in shards {
            p .alert role="alert" { "Shard " (string(&shard["name"])) " is quarantined: " (string(&shard["quarantined"])) }
        }
        @if damaged > 0 {
            p .alert role="alert" { (count(damaged)) " chunks of large objects are damaged: " a href=(link("/blobs/damage", &[])) { "which" } }
        }
    }
}

fn services(status: &Value) -> Markup {
    let row = |service: &Value| {
        let (used, most) = (number(&service["memory_bytes"]), number(&service["memory_bytes_max"]));
        let notes: Vec<&str> = list(&service["notes"]).iter().map(string).collect();
        let memory = if most > 0 { format!("{} of {}", bytes(used), bytes(most)) } else { bytes(used) };
        vec![
            html! { (string(&service["name"])) },
            html! { (count(number(&service["connections"]))) },
            html! { (memory) },
            html! { (notes.join("\n")) },
        ]
    };
    let rows: Vec<_> = list(&status["services"]).iter().map(row).collect();
    table("Services", &["service", "connections", "memory", "notes"], &rows)
}

fn journals(status: &Value) -> Markup {
    let row = |journal: &Value| {
        let of = |name: &str| number(&journal[name]);
        let fsync = |name: &str| show::micros(number(&journal["fsync"][name]));
        vec![
            html! { (string(&journal["name"])) },
            html! { (bytes(of("bytes"))) " of " (bytes(of("bytes_max"))) },
            html! { (count(of("segments"))) },
            html! { (bytes(of("written"))) },
            html! { (bytes(of("written").saturating_sub(of("synced")))) },
            html! { (bytes(of("queued_bytes"))) },
            html! { (count(of("fsyncs"))) },
            html! { (fsync("p50_micros")) " · " (fsync("p99_micros")) " · " (fsync("max_micros")) },
        ]
    };
    let rows: Vec<_> = list(&status["journals"]).iter().map(row).collect();
    let head = [
        "journal",
        "on disk",
        "segments",
        "written",
        "not fsynced yet",
        "queued",
        "fsyncs",
        "fsync p50 · p99 · max",
    ];
    table("Journals", &head, &rows)
}

fn sinks(status: &Value) -> Markup {
    let row = |sink: &Value| {
        vec![
            html! { (string(&sink["topic"])) },
            html! { (string(&sink["target"])) },
            html! { (page::state(string(&sink["state"]))) },
            html! { (count(number(&sink["lag"]))) },
            html! { (string(&sink["reason"])) },
        ]
    };
    let rows: Vec<_> = list(&status["sinks"]).iter().map(row).collect();
    html! { @if !rows.is_empty() { (table("Sinks of topics", &["topic", "target", "state", "lag", "reason"], &rows)) } }
}

fn doors(console: &Console) -> Markup {
    let endpoints = console.node.endpoints();
    let row =
        |endpoint: &crate::node::Endpoint| vec![html! { (endpoint.service) }, html! { (endpoint.address) }];
    table("Listens", &["service", "address"], &endpoints.iter().map(row).collect::<Vec<_>>())
}

fn shards(status: &Value, page: usize) -> Markup {
    let shards = list(&status["shards"]);
    let cut = cut(shards, page, |page| link("", &[("page", &page.to_string())]));
    let row = |shard: &Value| {
        let of = |name: &str| number(&shard[name]);
        let state = if shard["quarantined"].is_string() { "quarantined" } else { "ready" };
        vec![
            html! { (string(&shard["name"])) },
            html! { (of("log")) },
            html! { (count(of("tail"))) },
            html! { (count(of("tail").saturating_sub(of("checkpoint")))) },
            html! { (page::state(state)) },
        ]
    };
    let head = ["shard", "log", "entries", "not checkpointed", "state"];
    html! {
        h2 { "Shards" }
        (table("Shards", &head, &cut.rows.iter().map(row).collect::<Vec<_>>()))
        (cut.links)
    }
}
