//! Records of one partition.

use axum::response::Response;
use maud::{Markup, html};

use super::{SECTION, tabs, topic_link};
use crate::limits::RECORDS_MAX;
use crate::node::Fault;
use crate::node::streams::Record;
use crate::page::{empty, field, hidden, table};
use crate::request::Visitor;
use crate::show::{cell, link, time_ms};

/// `GET /console/streams/records?topic=&partition=&offset=`
pub(super) async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    let title = format!("{}, partition {}", visitor.query.get("topic"), visitor.query.get("partition"));
    visitor.show(SECTION, &title, body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let (node, user) = (&visitor.console.node, visitor.by());
    let name = visitor.query.needed("topic")?;
    let partition: i32 = visitor.query.number("partition", 0)?;
    let topic = node.topic(user, name).await?;
    let place = topic.partitions.iter().find(|known| known.index == partition);
    let place =
        place.ok_or_else(|| Fault::missing(format!("topic \"{name}\" has no partition {partition}")))?;
    // Without an offset the newest ones are wanted.
    let newest = place.end.saturating_sub(RECORDS_MAX as i64).max(place.start);
    let offset = visitor.query.number("offset", newest)?.clamp(place.start, place.end);
    let read = node.records(user, name, partition, offset, RECORDS_MAX).await?;
    let index = partition.to_string();
    let here = |offset: i64| {
        link("/streams/records", &[("topic", name), ("partition", &index), ("offset", &offset.to_string())])
    };
    let rows: Vec<_> = read.records.iter().map(row).collect();
    Ok(html! {
        (tabs(true))
        p { a href=(topic_link(name)) { "Topic " (name) } ", offsets " (place.start) " to " (place.end) }
        form method="get" {
            (hidden("topic", name)) (hidden("partition", &index))
            (field("From offset", "offset", &offset.to_string(), "0"))
            button { "Show" }
        }
        @if rows.is_empty() {
            (empty("There is no record from here on.", &format!("echo hello | bole produce {name}")))
        } @else {
            (table("Records", &["offset", "time", "key", "value", "headers"], &rows))
        }
        nav .pages aria-label="Pages" {
            @if offset > place.start { a rel="prev" href=(here(offset.saturating_sub(RECORDS_MAX as i64).max(place.start))) { "Before" } }
            @if read.next < place.end { a rel="next" href=(here(read.next)) { "Next" } }
        }
    })
}

fn row(record: &Record) -> Vec<Markup> {
    let bytes = |bytes: Option<&bytes::Bytes>| {
        html! {
            @match bytes {
                Some(bytes) => span .mono { (cell(bytes)) },
                None => span .soft { "none" },
            }
        }
    };
    let headers = record.headers.iter().map(|(name, value)| {
        let value = value.as_ref().map_or_else(|| "none".to_owned(), |value| cell(value));
        format!("{name}: {value}")
    });
    vec![
        html! { (record.offset) },
        html! { (time_ms(record.timestamp_ms)) },
        bytes(record.key.as_ref()),
        bytes(record.value.as_ref()),
        html! { span .mono { (headers.collect::<Vec<_>>().join("\n")) } },
    ]
}
