//! A service: its endpoints as the gateway sees them, and the instances that registered themselves.

use axum::http::Method;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{SECTION, endpoint, object_link, service_link, tabs};
use crate::limits::ROWS_MAX;
use crate::node::Fault;
use crate::page::{change, empty, hidden, table};
use crate::request::{Sent, Visitor, named};
use crate::show::{encode, list, number, seconds, string};

/// `GET /console/gateway/service?name=`
pub(super) async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, &format!("Service {}", visitor.query.get("name")), body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let name = visitor.query.needed("name")?;
    let status = visitor.read("/api/gateway/status").await?;
    let service = &status["gateway"]["services"][name];
    if service.is_null() {
        return Err(Fault::missing(format!("the gateway has no service \"{name}\"")));
    }
    let registered = visitor.read(&named("/api/registry", name)).await?;
    let none = Map::new();
    let registered = registered.as_object().unwrap_or(&none);
    let rows: Vec<_> = list(&service["endpoints"]).iter().take(ROWS_MAX).map(endpoint).collect();
    let row = |(id, instance): (&String, &Value)| instance_row(visitor, name, id, instance);
    let instances: Vec<_> = registered.iter().take(ROWS_MAX).map(row).collect();
    let head = ["endpoint", "condition", "weight", "requests now", "latency", "errors"];
    Ok(html! {
        (tabs("none"))
        p { a href=(object_link("services", name)) { "Its settings" } }
        @if rows.is_empty() {
            (empty("The service has no instances.", &format!("bole service register {name} first 127.0.0.1:3000")))
        } @else {
            (table("Endpoints", &head, &rows))
        }
        @if !instances.is_empty() {
            (table("Instances that registered themselves", &["id", "address", "lease left", "state", ""], &instances))
        }
    })
}

fn instance_row(visitor: &Visitor, service: &str, id: &str, instance: &Value) -> Vec<Markup> {
    let drains = instance["drain"] == true;
    let fields = html! {
        (hidden("service", service)) (hidden("id", id)) (hidden("drain", if drains { "" } else { "on" }))
    };
    vec![
        html! { (id) },
        html! { (string(&instance["address"])) },
        html! { (seconds(number(&instance["left_ms"]) / 1_000)) },
        html! { @if drains { "drains" } @else { "takes clients" } },
        change(visitor, "/gateway/drain", &fields, if drains { "Take clients again" } else { "Drain" }),
    ]
}

/// `POST /console/gateway/drain`
pub(super) async fn drain(Sent { visitor, form }: Sent) -> Response {
    let (service, id) = (form.get("service"), form.get("id"));
    let drains = form.ticked("drain");
    let method = if drains { Method::PUT } else { Method::DELETE };
    let path = format!("/api/registry/{}/{}/drain", encode(service), encode(id));
    let outcome = visitor.ask(method, &path, None).await.map(|_| {
        let what = if drains { "drains" } else { "takes clients again" };
        format!("instance {id} of service {service} {what}")
    });
    visitor.after(SECTION, "Instances", outcome, &service_link(service))
}
