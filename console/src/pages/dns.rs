//! Zones of the DNS server, why its answers are as they are, and how the targets of its answers are.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use serde_json::Value;

use crate::Console;
use crate::limits::ROWS_MAX;
use crate::node::Fault;
use crate::page::{
    Section, alert, area, block, change, choice, cut, empty, field, hidden, removal, state, table,
};
use crate::request::{Fields, Sent, Visitor, json, named};
use crate::show::{count, encode, link, list, number, string};

const SECTION: Section = Section::Dns;
/// The two forms of a zone.
const FORMS: [(&str, &str); 2] = [("application/toml", "Document (TOML)"), ("text/dns", "Master file")];
const KINDS: [(&str, &str); 8] = [
    ("A", "A"),
    ("AAAA", "AAAA"),
    ("CNAME", "CNAME"),
    ("MX", "MX"),
    ("TXT", "TXT"),
    ("NS", "NS"),
    ("SRV", "SRV"),
    ("HTTPS", "HTTPS"),
];
/// Characters of a zone's text that are shown.
const TEXT_CHARS_MAX: usize = 1 << 20;

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/dns", get(page))
        .route("/dns/explain", get(explain))
        .route("/dns/zone", get(zone))
        .route("/dns/zone/put", post(put))
        .route("/dns/zone/remove", post(remove))
}

fn here() -> String {
    link("/dns", &[])
}

fn zone_link(name: &str) -> String {
    link("/dns/zone", &[("name", name)])
}

/// `GET /console/dns`
async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, "DNS", body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let status = visitor.read("/api/dns/status").await?;
    let zones = list(&status["zones"]);
    let cut =
        cut(zones, visitor.query.number("page", 0)?, |page| link("/dns", &[("page", &page.to_string())]));
    let zone = |zone: &Value| {
        let origin = string(&zone["origin"]);
        vec![
            html! { a href=(zone_link(origin)) { (origin) } },
            html! { (number(&zone["serial"])) },
            html! { (count(number(&zone["records"]))) },
            html! { (list(&zone["pools"]).len()) },
            html! { @if zone["delegation"].is_string() { "signed" } @else { "not signed" } },
            html! { @match zone["file"].as_str() { Some(file) => (file), None => "given by command" } },
        ]
    };
    let rows: Vec<_> = cut.rows.iter().map(zone).collect();
    Ok(html! {
        @for problem in list(&status["problems"]) { p .alert role="alert" { (string(problem)) } }
        @if rows.is_empty() {
            (empty("There are no zones.", "bole zone apply example.com.toml"))
        } @else {
            (table("Zones", &["zone", "serial", "records", "pools", "DNSSEC", "from"], &rows))
            (cut.links)
        }
        h2 { "Why does a client get its answer?" }
        (question("", "A", "127.0.0.1"))
        (targets(&status))
        h2 { "Put a zone" }
        (zone_form(visitor, "", FORMS[0].0, ""))
    })
}

fn targets(status: &Value) -> Markup {
    let all = list(&status["targets"]);
    let row = |target: &Value| {
        vec![
            html! { (string(&target["target"])) },
            state(string(&target["condition"])),
            html! { @if let Some(load) = target["load"].as_f64() { (format!("{load:.2}")) } @else { "–" } },
            html! { (string(&target["told_by"])) },
        ]
    };
    let rows: Vec<_> = all.iter().take(ROWS_MAX).map(row).collect();
    html! {
        @if !rows.is_empty() {
            (table("Targets", &["target", "condition", "load", "told by"], &rows))
            @if all.len() > ROWS_MAX { p .soft { "These are the first " (ROWS_MAX) " of " (all.len()) "." } }
        }
    }
}

fn question(name: &str, kind: &str, from: &str) -> Markup {
    html! {
        form method="get" action=(link("/dns/explain", &[])) {
            (field("Name", "name", name, "www.example.com"))
            (choice("Type", "type", &KINDS, kind))
            (field("From an address or network", "from", from, "192.0.2.7"))
            button { "Explain" }
        }
    }
}

/// `GET /console/dns/explain?name=&type=&from=`
async fn explain(visitor: Visitor) -> Response {
    let (name, kind, from) =
        (visitor.query.get("name"), visitor.query.get("type"), visitor.query.get("from"));
    let kind = if kind.is_empty() { "A" } else { kind };
    let from = if from.is_empty() { "127.0.0.1" } else { from };
    let path = format!("/api/dns/explain?name={}&type={}&from={}", encode(name), encode(kind), encode(from));
    let found = visitor.read(&path).await;
    let status = found.as_ref().map_or_else(|fault| fault.status, |_| StatusCode::OK);
    let body = html! {
        p { a href=(here()) { "Zones" } }
        (question(name, kind, from))
        @match &found {
            Err(fault) => (alert(fault)),
            Ok(found) => (block(string(&found["text"]))),
        }
    };
    let mut response = visitor.show(SECTION, "Why does a client get its answer?", Ok(body));
    *response.status_mut() = status;
    response
}

/// `GET /console/dns/zone?name=`
async fn zone(visitor: Visitor) -> Response {
    let body = zone_body(&visitor).await;
    visitor.show(SECTION, &format!("Zone {}", visitor.query.get("name")), body)
}

async fn zone_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let name = visitor.query.needed("name")?;
    let reply = visitor.call(Method::GET, &named("/api/dns/zones", name), "", Vec::new()).await?;
    let (text, is_cut) = crate::show::text(&reply.body, TEXT_CHARS_MAX);
    // What is kept has a revision; what comes from a file has none, and is changed there.
    let is_kept = reply.etag.is_some() && !is_cut;
    Ok(html! {
        p { a href=(here()) { "Zones" } }
        @if is_kept {
            (zone_form(visitor, name, &reply.media, &text))
            (removal(visitor, "/dns/zone/remove", &[("name", name)], "Remove the zone"))
        } @else {
            (block(&text))
            p .soft { @if is_cut { "There is more of it; bole zone show prints all." } @else { "It comes from a file, and is changed there." } }
        }
    })
}

fn zone_form(visitor: &Visitor, name: &str, media: &str, text: &str) -> Markup {
    change(
        visitor,
        "/dns/zone/put",
        &html! {
            @if name.is_empty() { (field("Name", "name", "", "example.com")) } @else { (hidden("name", name)) }
            (choice("Written as", "media", &FORMS, media))
            (area("Zone", "text", text, text.lines().count().clamp(6, 30)))
            label { input type="checkbox" name="dry_run"; " only check it" }
        },
        "Put",
    )
}

/// `POST /console/dns/zone/put`
async fn put(Sent { visitor, form }: Sent) -> Response {
    let outcome = put_zone(&visitor, &form).await;
    let to = if form.ticked("dry_run") || outcome.is_err() { here() } else { zone_link(form.get("name")) };
    visitor.after(SECTION, "Zone", outcome, &to)
}

async fn put_zone(visitor: &Visitor, form: &Fields) -> Result<String, Fault> {
    let name = form.needed("name")?;
    let media = FORMS.iter().find(|(media, _)| *media == form.get("media"));
    let (media, _) =
        media.ok_or_else(|| Fault::wrong(format!("a zone is not written as \"{}\"", form.get("media"))))?;
    let is_trial = form.ticked("dry_run");
    let path = format!("{}{}", named("/api/dns/zones", name), if is_trial { "?dry_run=true" } else { "" });
    // Browsers end lines with CR and LF.
    let text = form.get("text").replace("\r\n", "\n");
    let reply = visitor.call(Method::PUT, &path, media, text.into_bytes()).await?;
    let answer = json(&reply)?;
    let serial = number(&answer["serial"]);
    if is_trial {
        return Ok(format!("zone {name} is right: {} records", number(&answer["records"])));
    }
    Ok(format!("zone {name} put, serial {serial}"))
}

/// `POST /console/dns/zone/remove`
async fn remove(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let name = form.needed("name")?;
        visitor.ask(Method::DELETE, &named("/api/dns/zones", name), None).await?;
        Ok(format!("zone {name} removed"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Zone", outcome, &here())
}
