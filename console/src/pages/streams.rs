//! Topics with their partitions, records, and settings; groups with what they have still to read.

mod groups;
mod records;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::Console;
use crate::node::Fault;
use crate::node::streams::{Listed, Partition};
use crate::page::{Section, change, cut, empty, field, removal, table};
use crate::request::{Sent, Visitor};
use crate::show::{bytes, count, link};

const SECTION: Section = Section::Streams;

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/streams", get(list))
        .route("/streams/topic", get(topic))
        .route("/streams/topic/create", post(create))
        .route("/streams/topic/delete", post(delete))
        .route("/streams/records", get(records::page))
        .route("/streams/groups", get(groups::list))
        .route("/streams/group", get(groups::one))
        .route("/streams/group/delete", post(groups::delete))
}

fn tabs(is_topics: bool) -> Markup {
    let current = |is: bool| is.then_some("true");
    html! {
        nav .tabs aria-label="Streams" {
            a href=(link("/streams", &[])) aria-current=[current(is_topics)] { "Topics" }
            a href=(link("/streams/groups", &[])) aria-current=[current(!is_topics)] { "Groups" }
        }
    }
}

fn topic_link(name: &str) -> String {
    link("/streams/topic", &[("name", name)])
}

/// `GET /console/streams`
async fn list(visitor: Visitor) -> Response {
    let body = list_body(&visitor).await;
    visitor.show(SECTION, "Topics", body)
}

async fn list_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let topics = visitor.console.node.topics(visitor.by()).await?;
    let page = visitor.query.number("page", 0)?;
    let cut = cut(&topics, page, |page| link("/streams", &[("page", &page.to_string())]));
    let row = |topic: &Listed| {
        vec![html! { a href=(topic_link(&topic.name)) { (topic.name) } }, html! { (topic.partitions) }]
    };
    let rows: Vec<_> = cut.rows.iter().map(row).collect();
    Ok(html! {
        (tabs(true))
        @if rows.is_empty() {
            (empty("There is no topic that you may see.", "bole topic create orders --partitions 3"))
        } @else {
            (table("Topics", &["topic", "partitions"], &rows))
            (cut.links)
        }
        h2 { "Create a topic" }
        (change(visitor, "/streams/topic/create", &html! {
            (field("Name", "name", "", "orders"))
            (field("Partitions; empty for the node's default", "partitions", "", "3"))
        }, "Create"))
    })
}

/// `GET /console/streams/topic?name=`
async fn topic(visitor: Visitor) -> Response {
    let body = topic_body(&visitor).await;
    let title = format!("Topic {}", visitor.query.get("name"));
    visitor.show(SECTION, &title, body)
}

async fn topic_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let name = visitor.query.needed("name")?;
    let topic = visitor.console.node.topic(visitor.by(), name).await?;
    let page = visitor.query.number("page", 0)?;
    let here = |page: usize| link("/streams/topic", &[("name", name), ("page", &page.to_string())]);
    let cut = cut(&topic.partitions, page, here);
    let row = |partition: &Partition| {
        let index = partition.index.to_string();
        let records = link("/streams/records", &[("topic", name), ("partition", &index)]);
        vec![
            html! { a href=(records) { "Partition " (index) } },
            html! { (partition.start) },
            html! { (partition.end) },
            html! { (count((partition.end - partition.start).max(0).cast_unsigned())) },
            html! { @if let Some(size) = partition.bytes { (bytes(size.max(0).cast_unsigned())) } @else { "–" } },
        ]
    };
    let head = ["partition", "begins at", "ends at", "offsets", "on disk"];
    let settings: Vec<_> =
        topic.settings.iter().map(|(name, value)| vec![html! { (name) }, html! { (value) }]).collect();
    Ok(html! {
        (tabs(true))
        (table("Partitions", &head, &cut.rows.iter().map(row).collect::<Vec<_>>()))
        (cut.links)
        h2 { "Settings" }
        @if settings.is_empty() {
            (empty("All settings are those of the node.", &format!("bole topic alter {name} --config retention.ms=86400000")))
        } @else {
            (table("Settings of its own", &["setting", "value"], &settings))
        }
        h2 { "Remove" }
        (removal(visitor, "/streams/topic/delete", &[("name", name)], "Delete the topic"))
    })
}

/// `POST /console/streams/topic/create`
async fn create(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let name = form.needed("name")?;
        let partitions = form.number::<i32>("partitions", 0)?;
        let partitions = if form.get("partitions").trim().is_empty() { None } else { Some(partitions) };
        visitor.console.node.create_topic(visitor.by(), name, partitions).await?;
        Ok(format!("topic {name} created"))
    };
    let outcome = outcome.await;
    let to = if outcome.is_ok() { topic_link(form.get("name")) } else { link("/streams", &[]) };
    visitor.after(SECTION, "Topics", outcome, &to)
}

/// `POST /console/streams/topic/delete`
async fn delete(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let name = form.needed("name")?;
        visitor.console.node.delete_topic(visitor.by(), name).await?;
        Ok(format!("topic {name} deleted"))
    };
    let outcome = outcome.await;
    visitor.after(SECTION, "Topics", outcome, &link("/streams", &[]))
}
