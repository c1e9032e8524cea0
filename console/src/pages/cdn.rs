//! The gateway's cache: hit ratios by host, tiers, purges, warm-up, the nodes of its network.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::Console;
use crate::limits::ROWS_MAX;
use crate::node::Fault;
use crate::page::{Section, area, change, choice, cut, empty, facts, field, hidden, state, table};
use crate::request::{Fields, Sent, Visitor};
use crate::show::{bytes, count, link, list, number, percent, seconds, string};

const SECTION: Section = Section::Cdn;

/// What can be purged: the name in the API, and for people.
const TARGETS: [(&str, &str); 5] = [
    ("url", "One URL, all its variants"),
    ("prefix", "All URLs that begin so"),
    ("host", "All of a host"),
    ("tag", "All with a tag"),
    ("everything", "Everything"),
];

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/cdn", get(page))
        .route("/cdn/purge", post(purge))
        .route("/cdn/warm", get(job).post(warm))
        .route("/cdn/warm/cancel", post(cancel))
}

fn here() -> String {
    link("/cdn", &[])
}

/// `GET /console/cdn`
async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, "CDN", body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let status = visitor.read("/api/gateway/cache").await?;
    let jobs = visitor.read("/api/gateway/cache/warm").await?;
    Ok(html! {
        (tiers(&status))
        (hosts(visitor, &status)?)
        (network(&status))
        h2 { "Purge" }
        (change(visitor, "/cdn/purge", &html! {
            (choice("What", "kind", &TARGETS, "url"))
            (field("Which; empty for everything", "target", "", "http://www.example.com/a"))
            label { input type="checkbox" name="soft"; " only make it stale" }
        }, "Purge"))
        h2 { "Warm up" }
        (job_table(&jobs))
        (change(visitor, "/cdn/warm", &html! {
            (area("URLs, one a line", "urls", "", 3))
            (area("Sitemaps, one a line", "sitemaps", "", 1))
            (field("Requests a second at most; empty for any number", "per_second", "", "100"))
        }, "Begin"))
    })
}

fn tiers(status: &Value) -> Markup {
    let of = |name: &str| number(&status[name]);
    html! {
        @if status["in_sync"] == false {
            p .alert role="status" { "Not in sync: purges are still to come, so all is confirmed before it is answered." }
        }
        (facts(&[
            ("Memory", html! { (bytes(of("memory_bytes"))) ", " (count(of("memory_evictions"))) " evicted" }),
            ("Disk", html! { (bytes(of("disk_bytes"))) ", " (count(of("disk_evictions"))) " evicted" }),
            ("Damaged on disk", html! { (count(of("disk_corrupt"))) }),
            ("Not written to disk", html! { (count(of("disk_failed") + of("disk_skipped"))) }),
            ("Purges", html! { (count(of("purges"))) }),
        ]))
    }
}

fn hosts(visitor: &Visitor, status: &Value) -> Result<Markup, Fault> {
    let all = list(&status["hosts"]);
    let cut = cut(all, visitor.query.number("page", 0)?, |page| link("/cdn", &[("page", &page.to_string())]));
    let row = |host: &Value| {
        let of = |name: &str| number(&host[name]);
        let served = of("bytes_served");
        vec![
            html! { (string(&host["host"])) },
            html! { (count(of("requests"))) },
            html! { (percent(of("hits"), of("requests"))) },
            html! { (percent(served.saturating_sub(of("bytes_filled")), served)) },
            html! { (count(of("fetches"))) },
            html! { (count(of("collapsed"))) },
            html! { (bytes(served)) },
        ]
    };
    let rows: Vec<_> = cut.rows.iter().map(row).collect();
    let head = ["host", "requests", "hits", "of the bytes", "fetches", "waited for another's", "sent"];
    Ok(html! {
        @if rows.is_empty() {
            (empty("No route with a cache was asked yet.", r#"echo '{"path": "/*", "service": "site", "cache": {}}' | bole gateway put routes site -"#))
        } @else {
            (table("Hosts", &head, &rows))
            (cut.links)
        }
    })
}

fn network(status: &Value) -> Markup {
    let row = |node: &Value| {
        vec![
            html! { (string(&node["node"])) },
            html! { (string(&node["role"])) },
            html! { (count(number(&node["purges_missing"]))) },
            html! { @if node["away"] == true { "away" } @else { "there" } },
        ]
    };
    let rows: Vec<_> = list(&status["network"]["nodes"]).iter().take(ROWS_MAX).map(row).collect();
    html! {
        @if let Some(control) = status["control"].as_str() { p { "Purges of the network are taken by " (control) "." } }
        @if !rows.is_empty() { (table("Nodes of the network", &["node", "role", "purges missing", "state"], &rows)) }
    }
}

fn job_table(jobs: &Value) -> Markup {
    let none = Map::new();
    let jobs = jobs["jobs"].as_object().unwrap_or(&none);
    let row = |(id, job): (&String, &Value)| {
        vec![
            html! { a href=(link("/cdn/warm", &[("id", id)])) { "Job " (id) } },
            state(string(&job["state"])),
            html! { (count(number(&job["done"]))) " of " (count(number(&job["requests"]))) },
            html! { (count(number(&job["failed"]))) },
        ]
    };
    let rows: Vec<_> = jobs.iter().take(ROWS_MAX).map(row).collect();
    html! { @if !rows.is_empty() { (table("Jobs", &["job", "state", "done", "failed"], &rows)) } }
}

/// `POST /console/cdn/purge`
async fn purge(Sent { visitor, form }: Sent) -> Response {
    let outcome = purged(&visitor, &form).await;
    visitor.after(SECTION, "Purge", outcome, &here())
}

async fn purged(visitor: &Visitor, form: &Fields) -> Result<String, Fault> {
    let kind = form.get("kind");
    let target = match kind {
        "everything" => json!("everything"),
        kind if TARGETS.iter().any(|(known, _)| *known == kind) => json!({ kind: form.needed("target")? }),
        other => return Err(Fault::wrong(format!("\"{other}\" cannot be purged"))),
    };
    let asked = json!({ "target": target, "soft": form.ticked("soft") });
    let receipt = visitor.ask(Method::POST, "/api/gateway/cache/purge", Some(&asked)).await?;
    let missing = list(&receipt["nodes"]).iter().filter(|node| node["has"] != true);
    let missing: Vec<&str> = missing.map(|node| string(&node["node"])).collect();
    let number = number(&receipt["purge"]);
    let milliseconds = receipt["milliseconds"].as_f64().unwrap_or(0.0);
    if missing.is_empty() {
        return Ok(format!("purge {number} holds, after {milliseconds:.1} ms"));
    }
    Ok(format!("purge {number} is taken; these nodes do not have it yet: {}", missing.join(", ")))
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// `POST /console/cdn/warm`
async fn warm(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let mut asked = json!({ "urls": lines(form.get("urls")), "sitemaps": lines(form.get("sitemaps")) });
        if form.ticked("per_second") {
            asked["per_second"] = json!(form.number::<u32>("per_second", 0)?);
        }
        let begun = visitor.ask(Method::POST, "/api/gateway/cache/warm", Some(&asked)).await?;
        Ok(format!("job {} began", number(&begun["id"])))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Warm up", outcome, &here())
}

/// `GET /console/cdn/warm?id=`
async fn job(visitor: Visitor) -> Response {
    let body = job_body(&visitor).await;
    visitor.show(SECTION, &format!("Warm-up job {}", visitor.query.get("id")), body)
}

async fn job_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let id: u64 = visitor.query.number("id", 0)?;
    let job = visitor.read(&format!("/api/gateway/cache/warm/{id}")).await?;
    let of = |name: &str| number(&job[name]);
    let row =
        |failure: &Value| vec![html! { (string(&failure["url"])) }, html! { (string(&failure["why"])) }];
    let failures: Vec<_> = list(&job["failures"]).iter().take(ROWS_MAX).map(row).collect();
    Ok(html! {
        p { a href=(here()) { "CDN" } " · " a href=(link("/cdn/warm", &[("id", &id.to_string())])) { "Refresh" } }
        p { progress max=(of("requests").max(1)) value=(of("done")) aria-label="Progress" {} " " (count(of("done"))) " of " (count(of("requests"))) }
        (facts(&[
            ("State", state(string(&job["state"]))),
            ("Stored", html! { (count(of("stored"))) }),
            ("Were there", html! { (count(of("present"))) }),
            ("Failed", html! { (count(of("failed"))) }),
            ("Bytes", html! { (bytes(of("bytes"))) }),
            ("Time", html! { (seconds(of("seconds"))) }),
        ]))
        @if !failures.is_empty() { (table("Failures", &["URL", "why"], &failures)) }
        @if job["state"] == "running" { (change(visitor, "/cdn/warm/cancel", &hidden("id", &id.to_string()), "Cancel")) }
    })
}

/// `POST /console/cdn/warm/cancel`
async fn cancel(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let id: u64 = form.number("id", 0)?;
        visitor.ask(Method::DELETE, &format!("/api/gateway/cache/warm/{id}"), None).await?;
        Ok(format!("job {id} cancelled"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Warm up", outcome, &here())
}
