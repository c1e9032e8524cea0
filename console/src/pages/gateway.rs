//! The gateway: routes and which of them takes a request, services with their instances, and the objects of its document.

mod instances;
mod objects;

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
use crate::page::{Section, area, choice, cut, empty, field, state, table};
use crate::request::Visitor;
use crate::show::{count, link, list, number, string};

const SECTION: Section = Section::Gateway;

/// The parts of a document. Objects of the second kind hold secrets, so that only their names are shown here.
const OPEN_PARTS: [&str; 4] = ["routes", "services", "limits", "certificates"];
const CLOSED_PARTS: [&str; 2] = ["logins", "consumers"];

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/gateway", get(page))
        .route("/gateway/explain", get(explain))
        .route("/gateway/part", get(objects::list))
        .route("/gateway/object", get(objects::one))
        .route("/gateway/object/put", post(objects::put))
        .route("/gateway/object/remove", post(objects::remove))
        .route("/gateway/service", get(instances::page))
        .route("/gateway/drain", post(instances::drain))
}

fn tabs(shown: &str) -> Markup {
    let current = |name: &str| (name == shown).then_some("true");
    html! {
        nav .tabs aria-label="Gateway" {
            a href=(link("/gateway", &[])) aria-current=[current("")] { "What it does" }
            @for part in OPEN_PARTS.iter().chain(&CLOSED_PARTS) {
                a href=(link("/gateway/part", &[("part", part)])) aria-current=[current(part)] { (part) }
            }
        }
    }
}

fn object_link(part: &str, name: &str) -> String {
    link("/gateway/object", &[("part", part), ("name", name)])
}

fn service_link(name: &str) -> String {
    link("/gateway/service", &[("name", name)])
}

/// `GET /console/gateway`
async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, "Gateway", body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let status = visitor.read("/api/gateway/status").await?;
    let routes = visitor.read("/api/gateway/routes").await?;
    Ok(html! {
        (tabs(""))
        @for problem in list(&status["problems"]) { p .alert role="alert" { (string(problem)) } }
        h2 { "Which route would take a request?" }
        (question("", "GET", ""))
        (route_table(visitor, &routes)?)
        (service_table(&status["gateway"]))
    })
}

/// What a route does, in a few words.
fn route_target(route: &Value) -> String {
    let target = ["service", "split", "bucket", "files", "reply", "redirect", "openapi"]
        .iter()
        .find(|kind| !route[**kind].is_null());
    target.map_or_else(String::new, |kind| format!("{kind} {}", brief(&route[*kind])))
}

/// A value in one line.
fn brief(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(brief).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn route_table(visitor: &Visitor, routes: &Value) -> Result<Markup, Fault> {
    let none = Map::new();
    let all: Vec<(&String, &Value)> = routes.as_object().unwrap_or(&none).iter().collect();
    let cut =
        cut(&all, visitor.query.number("page", 0)?, |page| link("/gateway", &[("page", &page.to_string())]));
    let row = |(name, route): &(&String, &Value)| {
        let of = |key: &str| if route[key].is_null() { String::new() } else { brief(&route[key]) };
        vec![
            html! { a href=(object_link("routes", name)) { (name) } },
            html! { (of("hosts")) },
            html! { (of("path")) " " (of("paths")) },
            html! { (route_target(route)) },
        ]
    };
    let rows: Vec<_> = cut.rows.iter().map(row).collect();
    Ok(html! {
        h2 { "Routes" }
        @if rows.is_empty() {
            (empty("There are no routes.", "bole route add hello --path '/*' --service site"))
        } @else {
            (table("Routes", &["route", "host", "path", "to"], &rows))
            (cut.links)
        }
    })
}

fn service_table(status: &Value) -> Markup {
    let none = Map::new();
    let services = status["services"].as_object().unwrap_or(&none);
    let rows: Vec<_> = services
        .iter()
        .take(ROWS_MAX)
        .map(|(name, service)| {
            let endpoints = list(&service["endpoints"]);
            let well = endpoints.iter().filter(|endpoint| endpoint["condition"] == "well").count();
            vec![
                html! { a href=(service_link(name)) { (name) } },
                html! { (well) " of " (endpoints.len()) " well" },
                html! { (count(endpoints.iter().map(|endpoint| number(&endpoint["in_flight"])).sum())) },
            ]
        })
        .collect();
    html! {
        h2 { "Services" }
        @if rows.is_empty() {
            (empty("There are no services.", "bole service add site 127.0.0.1:3000"))
        } @else {
            (table("Services", &["service", "instances", "requests now"], &rows))
            @if services.len() > ROWS_MAX { p .soft { "These are the first " (ROWS_MAX) " of " (services.len()) "; " a href=(link("/gateway/part", &[("part", "services")])) { "all of them" } } }
        }
    }
}

fn question(url: &str, method: &str, headers: &str) -> Markup {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map(|method| (method, method));
    html! {
        form method="get" action=(link("/gateway/explain", &[])) {
            (field("URL with its host", "url", url, "http://api.example.com/orders/7"))
            (choice("Method", "method", &methods, method))
            (area("Headers, one a line: Name: value", "headers", headers, 2))
            button { "Explain" }
        }
    }
}

/// `GET /console/gateway/explain?url=&method=&headers=`
async fn explain(visitor: Visitor) -> Response {
    let query = &visitor.query;
    let (url, method, headers) = (query.get("url"), query.get("method"), query.get("headers"));
    let found = explained(&visitor, url, method, headers).await;
    let status = found.as_ref().map_or_else(|fault| fault.status, |_| axum::http::StatusCode::OK);
    let body = html! {
        (tabs("none"))
        (question(url, method, headers))
        @match &found {
            Err(fault) => (crate::page::alert(fault)),
            Ok(found) => {
                @match found["route"].as_str() {
                    Some(route) => p .note { "Route " a href=(object_link("routes", route)) { (route) } " would take it." },
                    None => p .alert role="status" { "No route would take it." },
                }
                ol { @for line in list(&found["why"]).iter().take(ROWS_MAX) { li { (string(line)) } } }
            }
        }
    };
    let mut response = visitor.show(SECTION, "Which route would take a request?", Ok(body));
    *response.status_mut() = status;
    response
}

async fn explained(visitor: &Visitor, url: &str, method: &str, headers: &str) -> Result<Value, Fault> {
    let mut said = Map::new();
    for line in headers.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| Fault::wrong(format!("\"{line}\" is not a header; write Name: value")))?;
        said.insert(name.trim().to_owned(), Value::from(value.trim()));
    }
    let method = if method.is_empty() { "GET" } else { method };
    let asked = json!({ "url": url, "method": method, "headers": said });
    visitor.ask(Method::POST, "/api/gateway/explain", Some(&asked)).await
}

/// An endpoint as the gateway sees it.
fn endpoint(endpoint: &Value) -> Vec<Markup> {
    let of = |name: &str| html! { (brief(&endpoint[name])) };
    vec![
        of("name"),
        state(string(&endpoint["condition"])),
        of("weight"),
        of("in_flight"),
        html! { (brief(&endpoint["latency_ms"])) " ms" },
        html! { (crate::show::percent((endpoint["error_rate"].as_f64().unwrap_or(0.0) * 1_000.0) as u64, 1_000)) },
    ]
}
