//! Buckets, and objects by prefix.

mod damage;
mod object;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::Console;
use crate::PATH;
use crate::limits::{ROWS_MAX, UPLOAD_BYTES_MAX};
use crate::node::Fault;
use crate::node::blobs::{Bucket, Listed};
use crate::page::{Section, change, cut, empty, field, hidden, proof, removal, table};
use crate::request::{Sent, Upload, Visitor};
use crate::show::{bytes, link};

const SECTION: Section = Section::Blobs;

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/blobs", get(list))
        .route("/blobs/create", post(create))
        .route("/blobs/delete", post(delete))
        .route("/blobs/bucket", get(bucket))
        .route("/blobs/upload", post(upload))
        .route("/blobs/settings", get(settings::page))
        .route("/blobs/object", get(object::page))
        .route("/blobs/object/bytes", get(object::download))
        .route("/blobs/object/delete", post(object::delete))
        .route("/blobs/damage", get(damage::page))
        .route("/blobs/damage/scrub", post(damage::scrub))
}

fn bucket_link(bucket: &str, prefix: &str) -> String {
    link("/blobs/bucket", &[("name", bucket), ("prefix", prefix)])
}

/// `GET /console/blobs`
async fn list(visitor: Visitor) -> Response {
    let body = list_body(&visitor).await;
    visitor.show(SECTION, "Buckets", body)
}

async fn list_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let buckets = visitor.console.node.buckets(visitor.by()).await?;
    let page = visitor.query.number("page", 0)?;
    let cut = cut(&buckets, page, |page| link("/blobs", &[("page", &page.to_string())]));
    let row = |bucket: &Bucket| {
        vec![html! { a href=(bucket_link(&bucket.name, "")) { (bucket.name) } }, html! { (bucket.created) }]
    };
    let rows: Vec<_> = cut.rows.iter().map(row).collect();
    Ok(html! {
        @if rows.is_empty() {
            (empty("There is no bucket that you may list.", "bole bucket create photos"))
        } @else {
            (table("Buckets", &["bucket", "created"], &rows))
            (cut.links)
        }
        h2 { "Create a bucket" }
        (change(visitor, "/blobs/create", &field("Name", "name", "", "photos"), "Create"))
        p { a href=(link("/blobs/damage", &[])) { "Damage of large objects" } }
    })
}

/// `POST /console/blobs/create`
async fn create(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let name = form.needed("name")?;
        visitor.console.node.create_bucket(visitor.by(), name).await?;
        Ok(format!("bucket {name} created"))
    };
    let outcome = outcome.await;
    let to = if outcome.is_ok() { bucket_link(form.get("name"), "") } else { link("/blobs", &[]) };
    visitor.after(SECTION, "Buckets", outcome, &to)
}

/// `POST /console/blobs/delete`
async fn delete(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let name = form.needed("name")?;
        visitor.console.node.delete_bucket(visitor.by(), name).await?;
        Ok(format!("bucket {name} deleted"))
    };
    let outcome = outcome.await;
    let to = if outcome.is_ok() { link("/blobs", &[]) } else { bucket_link(form.get("name"), "") };
    visitor.after(SECTION, "Buckets", outcome, &to)
}

/// `GET /console/blobs/bucket?name=&prefix=&after=`
async fn bucket(visitor: Visitor) -> Response {
    let body = bucket_body(&visitor).await;
    visitor.show(SECTION, &format!("Bucket {}", visitor.query.get("name")), body)
}

async fn bucket_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let (name, prefix) = (visitor.query.needed("name")?, visitor.query.get("prefix"));
    let after = Some(visitor.query.get("after")).filter(|after| !after.is_empty());
    let page = visitor.console.node.objects(visitor.by(), name, prefix, after, ROWS_MAX).await?;
    let folder = |folder: &String| {
        let shown = folder.strip_prefix(prefix).unwrap_or(folder);
        vec![html! { a href=(bucket_link(name, folder)) { (shown) } }, html! {}, html! {}]
    };
    let object = |object: &Listed| {
        let shown = object.key.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or(&object.key);
        let to = link("/blobs/object", &[("bucket", name), ("key", &object.key)]);
        vec![html! { a href=(to) { (shown) } }, html! { (bytes(object.bytes)) }, html! { (object.modified) }]
    };
    let rows: Vec<_> = page.folders.iter().map(folder).chain(page.objects.iter().map(object)).collect();
    Ok(html! {
        nav .tabs aria-label="Bucket" {
            a href=(link("/blobs", &[])) { "All buckets" }
            a href=(bucket_link(name, "")) aria-current="true" { "Objects" }
            a href=(link("/blobs/settings", &[("name", name)])) { "Settings" }
        }
        (above(name, prefix))
        form method="get" {
            (hidden("name", name))
            (field("Prefix", "prefix", prefix, "2026/"))
            button { "Find" }
        }
        @if rows.is_empty() {
            (empty("There is no object here.", &format!("aws s3 cp FILE s3://{name}/{prefix}")))
        } @else {
            (table("Objects", &["key", "size", "changed"], &rows))
        }
        @if let Some(next) = &page.next {
            nav .pages aria-label="Pages" {
                a rel="next" href=(link("/blobs/bucket", &[("name", name), ("prefix", prefix), ("after", next)])) { "Next" }
            }
        }
        (upload_form(visitor, name, prefix))
        h2 { "Remove" }
        (removal(visitor, "/blobs/delete", &[("name", name)], "Delete the bucket"))
    })
}

/// Links to the folders that a prefix is in.
fn above(bucket: &str, prefix: &str) -> Markup {
    let ends = prefix.match_indices('/').map(|(at, _)| at + 1);
    let mut start = 0;
    let mut parts = Vec::new();
    for end in ends {
        parts.push((&prefix[..end], &prefix[start..end]));
        start = end;
    }
    html! {
        @if !parts.is_empty() {
            p { a href=(bucket_link(bucket, "")) { (bucket) } "/"
                @for (whole, part) in parts { a href=(bucket_link(bucket, whole)) { (part) } }
            }
        }
    }
}

fn upload_form(visitor: &Visitor, bucket: &str, prefix: &str) -> Markup {
    html! {
        h2 { "Upload" }
        form method="post" enctype="multipart/form-data" action={ (PATH) "/blobs/upload" } {
            (proof(visitor))
            (hidden("bucket", bucket))
            (hidden("prefix", prefix))
            (field("Key; empty for the prefix and the file's name", "key", "", ""))
            label { "File, " (bytes(UPLOAD_BYTES_MAX as u64)) " at most" input type="file" name="file" required; }
            button { "Upload" }
        }
    }
}

/// `POST /console/blobs/upload`
async fn upload(Upload { visitor, form, file, name, place }: Upload) -> Response {
    let (bucket, prefix) = (form.get("bucket"), form.get("prefix"));
    let key = match form.get("key") {
        "" => format!("{prefix}{name}"),
        key => key.to_owned(),
    };
    let size = file.bytes.len() as u64;
    let outcome = visitor.console.node.put(visitor.by(), bucket, &key, file).await;
    drop(place);
    let outcome = outcome.map(|()| format!("object {key} of {} put into {bucket}", bytes(size)));
    visitor.after(SECTION, "Upload", outcome, &bucket_link(bucket, prefix))
}
