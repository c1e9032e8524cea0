//! Objects of the gateway's document: listed, and as the JSON that its API takes.

use axum::http::Method;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{CLOSED_PARTS, OPEN_PARTS, SECTION, object_link, tabs};
use crate::node::Fault;
use crate::page::{area, change, cut, empty, field, hidden, removal, table};
use crate::request::{Sent, Visitor, named};
use crate::show::{link, list as items, string};

/// Characters of an object in a list.
const BRIEF_CHARS_MAX: usize = 200;

/// The part of a name, and whether its objects are shown.
fn part(name: &str) -> Result<(&'static str, bool), Fault> {
    let find = |parts: &[&'static str]| parts.iter().copied().find(|part| *part == name);
    let open = find(&OPEN_PARTS).map(|part| (part, true));
    let closed = || find(&CLOSED_PARTS).map(|part| (part, false));
    open.or_else(closed)
        .ok_or_else(|| Fault::missing(format!("the gateway's document has no part \"{name}\"")))
}

fn part_link(part: &str) -> String {
    link("/gateway/part", &[("part", part)])
}

/// `GET /console/gateway/part?part=`
pub(super) async fn list(visitor: Visitor) -> Response {
    let body = list_body(&visitor).await;
    visitor.show(SECTION, &format!("Gateway: {}", visitor.query.get("part")), body)
}

async fn list_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let (part, is_open) = part(visitor.query.get("part"))?;
    let found = visitor.read(&named("/api/gateway", part)).await?;
    let none = Map::new();
    let all: Vec<(&String, &Value)> = found.as_object().unwrap_or(&none).iter().collect();
    let page = visitor.query.number("page", 0)?;
    let cut = cut(&all, page, |page| link("/gateway/part", &[("part", part), ("page", &page.to_string())]));
    let row = |(name, object): &(&String, &Value)| {
        let text: String = object.to_string().chars().take(BRIEF_CHARS_MAX).collect();
        if is_open {
            vec![html! { a href=(object_link(part, name)) { (name) } }, html! { span .mono { (text) } }]
        } else {
            vec![html! { (name) }, html! { span .soft { "not shown: it may hold secrets" } }]
        }
    };
    let rows: Vec<_> = cut.rows.iter().map(row).collect();
    Ok(html! {
        (tabs(part))
        @if rows.is_empty() {
            (empty(&format!("There are no {part}."), &format!("bole gateway put {part} NAME object.json")))
        } @else {
            (table(part, &["name", "what it says"], &rows))
            (cut.links)
        }
        @if is_open {
            h2 { "Put a new one" }
            (change(visitor, "/gateway/object/put", &html! {
                (hidden("part", part)) (field("Name", "name", "", "")) (area("JSON", "object", "{\n}", 8))
            }, "Put"))
        } @else {
            p .soft { "They are changed by " code { "bole gateway put " (part) " NAME FILE" } "." }
        }
    })
}

/// `GET /console/gateway/object?part=&name=`
pub(super) async fn one(visitor: Visitor) -> Response {
    let body = one_body(&visitor).await;
    visitor.show(SECTION, &format!("Gateway: {}", visitor.query.get("name")), body)
}

async fn one_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let (part, is_open) = part(visitor.query.get("part"))?;
    let name = visitor.query.needed("name")?;
    if !is_open {
        return Err(Fault::missing(format!(
            "{part} may hold secrets and are not shown; bole gateway list {part} names them"
        )));
    }
    let object = visitor.read(&named(&named("/api/gateway", part), name)).await?;
    let text = serde_json::to_string_pretty(&object).unwrap_or_default();
    Ok(html! {
        (tabs(part))
        (change(visitor, "/gateway/object/put", &html! {
            (hidden("part", part)) (hidden("name", name)) (area("JSON", "object", &text, text.lines().count().clamp(6, 30)))
        }, "Put"))
        (removal(visitor, "/gateway/object/remove", &[("part", part), ("name", name)], "Remove"))
    })
}

/// `POST /console/gateway/object/put`
pub(super) async fn put(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let (part, is_open) = part(form.get("part"))?;
        let name = form.needed("name")?;
        if !is_open {
            return Err(Fault::wrong(format!("{part} are changed by bole gateway put, not here")));
        }
        let path = named(&named("/api/gateway", part), name);
        let reply = visitor.call(Method::PUT, &path, "application/json", form.get("object").into()).await?;
        let answer = crate::request::json(&reply)?;
        let problems: Vec<&str> = items(&answer["problems"]).iter().map(string).collect();
        let tail = if problems.is_empty() {
            String::new()
        } else {
            format!("; not carried out: {}", problems.join("; "))
        };
        Ok(format!("{name} of the {part} put{tail}"))
    };
    let outcome = outcome.await;
    let (part, name) = (form.get("part"), form.get("name"));
    let to = if outcome.is_ok() { object_link(part, name) } else { part_link(part) };
    visitor.after(SECTION, "Gateway", outcome, &to)
}

/// `POST /console/gateway/object/remove`
pub(super) async fn remove(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let (part, _) = part(form.get("part"))?;
        let name = form.needed("name")?;
        visitor.ask(Method::DELETE, &named(&named("/api/gateway", part), name), None).await?;
        Ok(format!("{name} of the {part} removed"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Gateway", outcome, &part_link(form.get("part")))
}
