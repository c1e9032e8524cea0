//! A bucket's settings, as S3's clients read them.

use axum::response::Response;
use maud::{Markup, html};

use super::{SECTION, bucket_link};
use crate::node::Fault;
use crate::page::{block, empty};
use crate::request::Visitor;
use crate::show::link;

/// `GET /console/blobs/settings?name=`
pub(super) async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, &format!("Bucket {}: settings", visitor.query.get("name")), body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let name = visitor.query.needed("name")?;
    let settings = visitor.console.node.settings(visitor.by(), name).await?;
    let (set, unset): (Vec<_>, Vec<_>) = settings.iter().partition(|(_, document)| document.is_some());
    let unset: Vec<&str> = unset.iter().map(|(name, _)| name.as_str()).collect();
    Ok(html! {
        nav .tabs aria-label="Bucket" {
            a href=(link("/blobs", &[])) { "All buckets" }
            a href=(bucket_link(name, "")) { "Objects" }
            a href=(link("/blobs/settings", &[("name", name)])) aria-current="true" { "Settings" }
        }
        @if set.is_empty() {
            (empty("Nothing is set.", &format!("bole bucket versioning {name} enabled")))
        }
        @for (setting, document) in set {
            h2 { (setting) }
            @if let Some(document) = document { (block(document)) }
        }
        @if !unset.is_empty() { p .soft { "Not set: " (unset.join(", ")) } }
    })
}
