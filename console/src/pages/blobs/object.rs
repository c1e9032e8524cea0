//! An object: what is said of it, its versions, its bytes.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use maud::{Markup, html};

use super::{SECTION, bucket_link};
use crate::limits::ROWS_MAX;
use crate::node::Fault;
use crate::node::blobs::{Listed, Object};
use crate::page::{facts, removal, table};
use crate::request::{Fields, Sent, Visitor};
use crate::show::{bytes, encode, link};

fn object(fields: &Fields) -> Result<Object<'_>, Fault> {
    let version = Some(fields.get("version")).filter(|version| !version.is_empty());
    Ok(Object { bucket: fields.needed("bucket")?, key: fields.needed("key")?, version })
}

fn place<'a>(of: Object<'a>, version: &'a str) -> [(&'static str, &'a str); 3] {
    [("bucket", of.bucket), ("key", of.key), ("version", version)]
}

/// `GET /console/blobs/object?bucket=&key=&version=`
pub(super) async fn page(visitor: Visitor) -> Response {
    let body = body(&visitor).await;
    visitor.show(SECTION, &format!("Object {}", visitor.query.get("key")), body)
}

async fn body(visitor: &Visitor) -> Result<Markup, Fault> {
    let (node, user) = (&visitor.console.node, visitor.by());
    let object = object(&visitor.query)?;
    let head = node.head(user, object).await;
    // Who may not see versions may still see the object.
    let versions = node.versions(user, object, ROWS_MAX).await;
    let is_gone = head.as_ref().is_err_and(|fault| fault.status == axum::http::StatusCode::NOT_FOUND);
    let has_versions = versions.as_ref().is_ok_and(|versions| !versions.is_empty());
    let head = match head {
        Err(fault) if !(is_gone && has_versions) => return Err(fault),
        head => head.unwrap_or_default(),
    };
    let version = object.version.unwrap_or_default();
    let rows: Vec<_> = head.iter().map(|(name, value)| (name.as_str(), html! { (value) })).collect();
    Ok(html! {
        p { a href=(bucket_link(object.bucket, object.key.rfind('/').map_or("", |at| &object.key[..=at]))) { "Bucket " (object.bucket) } }
        @if is_gone { p .note { "It was deleted; these versions are kept." } }
        @else {
            p { a href=(link("/blobs/object/bytes", &place(object, version))) { "Download" } }
            (facts(&rows))
        }
        @match &versions {
            Ok(versions) if has_versions => (table("Versions", &["version", "size", "changed", ""], &versions.iter().map(|one| row(object, one)).collect::<Vec<_>>())),
            Ok(_) => {},
            Err(fault) => p .soft { "Versions: " (fault.message) },
        }
        @if !is_gone || !version.is_empty() {
            h2 { "Remove" }
            (removal(visitor, "/blobs/object/delete", &place(object, version), if version.is_empty() { "Delete the object" } else { "Delete this version for good" }))
        }
    })
}

fn row(object: Object<'_>, version: &Listed) -> Vec<Markup> {
    let to = link("/blobs/object", &place(object, &version.version));
    let what = match (version.is_marker, version.is_latest) {
        (true, _) => "delete marker",
        (false, true) => "latest",
        (false, false) => "",
    };
    vec![
        html! { a .mono href=(to) { (version.version) } },
        html! { @if !version.is_marker { (bytes(version.bytes)) } },
        html! { (version.modified) },
        html! { (what) },
    ]
}

/// `GET /console/blobs/object/bytes?bucket=&key=&version=`: always a file to be kept, never a page, whatever is in it.
pub(super) async fn download(visitor: Visitor) -> Response {
    let object = match object(&visitor.query) {
        Ok(object) => object,
        Err(fault) => return visitor.show(SECTION, "Download", Err(fault)),
    };
    let found = match visitor.console.node.get(visitor.by(), object).await {
        Ok(found) => found,
        Err(fault) => return visitor.show(SECTION, "Download", Err(fault)),
    };
    let mut response = Response::new(found.body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(found.bytes));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if let Ok(value) = HeaderValue::from_str(&disposition(object.key)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// A file with the last part of the key as its name (RFC 6266, with RFC 8187 for what is not ASCII).
fn disposition(key: &str) -> String {
    let name = key.rsplit('/').find(|part| !part.is_empty()).unwrap_or("object");
    format!("attachment; filename*=UTF-8''{}", encode(name))
}

/// `POST /console/blobs/object/delete`
pub(super) async fn delete(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let object = object(&form)?;
        visitor.console.node.delete(visitor.by(), object).await?;
        Ok(format!("object {} of {} deleted", object.key, object.bucket))
    };
    let outcome = outcome.await;
    let key = form.get("key");
    let prefix = key.rfind('/').map_or("", |at| &key[..=at]);
    visitor.after(SECTION, "Objects", outcome, &bucket_link(form.get("bucket"), prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_has_a_name_that_is_only_a_name() {
        for (key, name) in
            [("a/b c.txt", "b%20c.txt"), ("x\r\ny\"", "x%0D%0Ay%22"), ("a/", "a"), ("/", "object")]
        {
            assert_eq!(disposition(key), format!("attachment; filename*=UTF-8''{name}"));
        }
    }
}
