//! Damage of large objects, the walk that looks for it, and the move of bytes between their homes.

use axum::http::Method;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::SECTION;
use crate::node::Fault;
use crate::page::{change, empty, facts, state, table};
use crate::request::{Sent, Visitor};
use crate::show::{bytes, count, link, list, number, string, time_ms};

/// `GET /console/blobs/damage`
pub(super) async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, "Damage of large objects", body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let damage = visitor.read("/api/blobs/damage").await?;
    // Who may see damage need not be one who may see all of the status.
    let status = visitor.read("/api/status").await.unwrap_or_default();
    let moving = visitor.read("/api/blobs/move").await?;
    let rows: Vec<_> = list(&damage["chunks"]).iter().map(row).collect();
    Ok(html! {
        p { a href=(link("/blobs", &[])) { "All buckets" } }
        (walk(&status["blobs"]))
        @if rows.is_empty() {
            (empty("No chunk is known to be damaged.", "bole blobs scrub"))
        } @else {
            (table("Damaged chunks", &["chunk", "what", "found", "objects"], &rows))
            @if damage["is_cut"] == true { p .soft { "There are more than these." } }
        }
        (change(visitor, "/blobs/damage/scrub", &html! {}, "Verify all large objects now"))
        h2 { "Move of bytes" }
        (facts(&facts_of(&moving)))
    })
}

fn walk(blobs: &Value) -> Markup {
    let of = |name: &str| number(&blobs[name]);
    let begun = of("scrub_begun_ms");
    facts(&[
        ("Verification", state(if blobs["scrub_running"] == true { "running" } else { "resting" })),
        ("Began", html! { @if begun > 0 { (time_ms(begun.cast_signed())) } @else { "never" } }),
        ("Verified", html! { (bytes(of("scrub_bytes"))) " of " (bytes(of("scrub_bytes_total"))) }),
        ("Found damaged", html! { (count(of("scrub_damaged"))) }),
    ])
}

/// What an answer says, as it says it.
fn facts_of(value: &Value) -> Vec<(&str, Markup)> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), html! { (shown(value)) }))
        .collect()
}

fn row(chunk: &Value) -> Vec<Markup> {
    let objects: Vec<&str> = list(&chunk["objects"]).iter().map(string).collect();
    vec![
        html! { span .mono { (string(&chunk["chunk"])) } },
        html! { (string(&chunk["what"])) },
        html! { (time_ms(number(&chunk["found_ms"]).cast_signed())) },
        html! { (objects.join("\n")) },
    ]
}

/// `POST /console/blobs/damage/scrub`
pub(super) async fn scrub(Sent { visitor, .. }: Sent) -> Response {
    let begun = visitor.ask(Method::POST, "/api/blobs/scrub", None).await;
    let outcome = begun.map(|_| "all large objects are to be verified".to_owned());
    visitor.after(SECTION, "Damage", outcome, &link("/blobs/damage", &[]))
}
