//! The buckets, by S3's requests as those of the user.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use bole_console::node::blobs::{Blobs, Bucket, Download, File, Listed, Object, Page};
use bole_console::node::{Asked, By, Fault};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use http_body_util::BodyExt as _;

use super::{Node, broken, there};
use crate::s3_client::xml::Element;
use crate::s3_client::{ANSWER_BYTES_MAX, decode, encode};

/// The settings of a bucket: what its request asks for, and how that is called for people.
const SETTINGS: [(&str, &str); 13] = [
    ("versioning", "Versions"),
    ("policy", "Policy"),
    ("lifecycle", "Lifecycle"),
    ("encryption", "Encryption"),
    ("object-lock", "Object lock"),
    ("cors", "CORS"),
    ("notification", "Events"),
    ("tagging", "Tags"),
    ("ownershipControls", "Ownership"),
    ("publicAccessBlock", "Blocks of public access"),
    ("acl", "Access list"),
    ("logging", "Access log"),
    ("website", "Website"),
];

/// A request of S3's in path style.
struct Asking<'a> {
    method: Method,
    bucket: &'a str,
    key: &'a str,
    query: Vec<(&'a str, String)>,
    media: Option<String>,
    body: Bytes,
}

impl<'a> Asking<'a> {
    const fn new(method: Method, bucket: &'a str, key: &'a str) -> Self {
        Self { method, bucket, key, query: Vec::new(), media: None, body: Bytes::new() }
    }

    /// Adds to the query where there is a value.
    fn query(mut self, name: &'a str, value: Option<&str>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    fn request(self) -> Result<Request<Bytes>, Fault> {
        let Self { method, bucket, key, query, media, body } = self;
        let path = match (bucket, key) {
            ("", _) => "/".to_owned(),
            (bucket, "") => format!("/{}", encode(bucket, false)),
            (bucket, key) => format!("/{}/{}", encode(bucket, false), encode(key, true)),
        };
        let pairs = query.iter().map(|(name, value)| match value.as_str() {
            "" => (*name).to_owned(),
            value => format!("{name}={}", encode(value, false)),
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder().method(method).uri(format!("{path}{mark}{query}"));
        if let Some(media) = media {
            request = request.header(CONTENT_TYPE, media);
        }
        request
            .body(body)
            .map_err(|error| Fault::wrong(format!("this cannot be asked of the buckets: {error}")))
    }
}

impl Node {
    /// The answer to a request, if it says success.
    async fn asked(&self, by: By<'_>, asking: Asking<'_>) -> Result<Response<Body>, Fault> {
        let door = there(self.services.blobs.as_ref(), "buckets")?;
        let answer = door.answer_known(by.user, by.peer, asking.request()?).await;
        let answer = answer.map_err(|error| broken("the buckets", format!("{error:?}")))?;
        let (head, body) = answer.into_parts();
        let body =
            Body::from_stream(body.into_data_stream().map_err(|error| axum::Error::new(error.to_string())));
        if head.status.is_success() {
            return Ok(Response::from_parts(head, body));
        }
        let said = Element::parse(&text(body).await?).unwrap_or_default();
        let or = |text: &str| if text.is_empty() { head.status.to_string() } else { text.to_owned() };
        let message = match (said.text_of("Code"), said.text_of("Message")) {
            (code, message) if code == message => or(code),
            (code, message) => format!("{}: {message}", or(code)),
        };
        Err(Fault::new(head.status, message))
    }

    async fn xml(&self, by: By<'_>, asking: Asking<'_>) -> Result<Element, Fault> {
        let answer = self.asked(by, asking).await?;
        let text = text(answer.into_body()).await?;
        Element::parse(&text).map_err(|error| broken("the buckets' answer", error))
    }

    /// One whose answer says only that it was done.
    async fn done(&self, by: By<'_>, asking: Asking<'_>) -> Result<(), Fault> {
        let answer = self.asked(by, asking).await?;
        text(answer.into_body()).await.map(drop)
    }
}

async fn text(body: Body) -> Result<String, Fault> {
    let mut stream = body.into_data_stream();
    let mut out = BytesMut::new();
    while let Some(piece) = stream.try_next().await.map_err(|error| broken("the buckets' answer", error))? {
        if out.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(broken("the buckets' answer", format!("more than {ANSWER_BYTES_MAX} bytes")));
        }
        out.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

/// A key as a list that was asked for encoded says it.
fn key(text: &str) -> String {
    decode(text).unwrap_or_else(|| text.to_owned())
}

fn listed(element: &Element) -> Listed {
    Listed {
        key: key(element.text_of("Key")),
        version: element.text_of("VersionId").to_owned(),
        is_latest: element.text_of("IsLatest") == "true",
        is_marker: element.name == "DeleteMarker",
        bytes: element.text_of("Size").parse().unwrap_or(0),
        modified: element.text_of("LastModified").to_owned(),
        etag: element.text_of("ETag").trim_matches('"').to_owned(),
    }
}

impl Blobs for Node {
    fn buckets<'a>(&'a self, by: By<'a>) -> Asked<'a, Vec<Bucket>> {
        Box::pin(async move {
            let answer = self.xml(by, Asking::new(Method::GET, "", "")).await?;
            let buckets =
                answer.child("Buckets").map(|buckets| buckets.children.as_slice()).unwrap_or_default();
            let bucket = |bucket: &Element| Bucket {
                name: bucket.text_of("Name").to_owned(),
                created: bucket.text_of("CreationDate").to_owned(),
            };
            Ok(buckets.iter().map(bucket).collect())
        })
    }

    fn create_bucket<'a>(&'a self, by: By<'a>, bucket: &'a str) -> Asked<'a, ()> {
        Box::pin(self.done(by, Asking::new(Method::PUT, bucket, "")))
    }

    fn delete_bucket<'a>(&'a self, by: By<'a>, bucket: &'a str) -> Asked<'a, ()> {
        Box::pin(self.done(by, Asking::new(Method::DELETE, bucket, "")))
    }

    fn settings<'a>(&'a self, by: By<'a>, bucket: &'a str) -> Asked<'a, Vec<(String, Option<String>)>> {
        Box::pin(async move {
            // That there is no such bucket is not the same as that nothing is set.
            self.done(by, Asking::new(Method::HEAD, bucket, "")).await?;
            let mut settings = Vec::new();
            for (setting, name) in SETTINGS {
                let asking = Asking::new(Method::GET, bucket, "").query(setting, Some(""));
                let document = match self.asked(by, asking).await {
                    Ok(answer) => document(&text(answer.into_body()).await?),
                    Err(fault) if fault.status == StatusCode::NOT_FOUND => None,
                    Err(fault) => Some(format!("not shown: {}", fault.message)),
                };
                settings.push((name.to_owned(), document));
            }
            Ok(settings)
        })
    }

    fn objects<'a>(
        &'a self,
        by: By<'a>,
        bucket: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        count: usize,
    ) -> Asked<'a, Page> {
        Box::pin(async move {
            let count = count.to_string();
            let asking = Asking::new(Method::GET, bucket, "").query("list-type", Some("2"));
            let asking = asking.query("encoding-type", Some("url")).query("delimiter", Some("/"));
            let asking = asking.query("prefix", Some(prefix).filter(|prefix| !prefix.is_empty()));
            let asking = asking.query("continuation-token", after).query("max-keys", Some(&count));
            let answer = self.xml(by, asking).await?;
            let of = |name: &'static str| answer.children.iter().filter(move |child| child.name == name);
            let next = answer.text_of("NextContinuationToken");
            Ok(Page {
                folders: of("CommonPrefixes").map(|folder| key(folder.text_of("Prefix"))).collect(),
                objects: of("Contents").map(listed).collect(),
                next: Some(next.to_owned()).filter(|next| !next.is_empty()),
            })
        })
    }

    fn versions<'a>(&'a self, by: By<'a>, object: Object<'a>, count: usize) -> Asked<'a, Vec<Listed>> {
        Box::pin(async move {
            let count = count.to_string();
            let asking = Asking::new(Method::GET, object.bucket, "").query("versions", Some(""));
            let asking = asking.query("encoding-type", Some("url")).query("prefix", Some(object.key));
            let answer = self.xml(by, asking.query("max-keys", Some(&count))).await?;
            let is_version = |child: &&Element| matches!(child.name.as_str(), "Version" | "DeleteMarker");
            let all = answer.children.iter().filter(is_version).map(listed);
            Ok(all.filter(|version| version.key == object.key).collect())
        })
    }

    fn head<'a>(&'a self, by: By<'a>, object: Object<'a>) -> Asked<'a, Vec<(String, String)>> {
        Box::pin(async move {
            let asking =
                Asking::new(Method::HEAD, object.bucket, object.key).query("versionId", object.version);
            let answer = self.asked(by, asking).await?;
            let shown = |name: &&str| !matches!(*name, "accept-ranges" | "date" | "server" | "connection");
            let names = answer.headers().keys().map(axum::http::HeaderName::as_str).filter(shown);
            let pairs = names.filter_map(|name| Some((name.to_owned(), header(answer.headers(), name)?)));
            Ok(pairs.collect())
        })
    }

    fn get<'a>(&'a self, by: By<'a>, object: Object<'a>) -> Asked<'a, Download> {
        Box::pin(async move {
            let asking =
                Asking::new(Method::GET, object.bucket, object.key).query("versionId", object.version);
            let answer = self.asked(by, asking).await?;
            let bytes =
                header(answer.headers(), CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
            let bytes = bytes.ok_or_else(|| broken("the buckets' answer", "it does not say its length"))?;
            Ok(Download { bytes, body: answer.into_body() })
        })
    }

    fn put<'a>(&'a self, by: By<'a>, bucket: &'a str, key: &'a str, file: File) -> Asked<'a, ()> {
        let asking =
            Asking { media: Some(file.media), body: file.bytes, ..Asking::new(Method::PUT, bucket, key) };
        Box::pin(self.done(by, asking))
    }

    fn delete<'a>(&'a self, by: By<'a>, object: Object<'a>) -> Asked<'a, ()> {
        let asking =
            Asking::new(Method::DELETE, object.bucket, object.key).query("versionId", object.version);
        Box::pin(self.done(by, asking))
    }
}

/// A setting as people read it: JSON as it is, of XML each element with a text on a line. Nothing where it says nothing.
fn document(text: &str) -> Option<String> {
    let Ok(root) = Element::parse(text) else { return Some(text.to_owned()).filter(|text| !text.is_empty()) };
    let mut lines = Vec::new();
    write(&root, 0, &mut lines);
    Some(lines.join("\n")).filter(|text| !text.is_empty())
}

fn write(element: &Element, depth: usize, lines: &mut Vec<String>) {
    for child in &element.children {
        let text = child.text.trim();
        let colon = if text.is_empty() { ":" } else { ": " };
        lines.push(format!("{}{}{colon}{text}", "  ".repeat(depth), child.name));
        write(child, depth + 1, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_people() {
        for (text, shown) in [
            ("<V><Status>Enabled</Status></V>", Some("Status: Enabled")),
            ("<V/>", None),
            ("", None),
            ("{\"Version\":\"x\"}", Some("{\"Version\":\"x\"}")),
            ("<L><Rule><ID>a</ID></Rule></L>", Some("Rule:\n  ID: a")),
        ] {
            assert_eq!(document(text).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn keys_stay_keys() {
        let request = Asking::new(Method::GET, "b", "../a?x#y<z> ä").query("versionId", Some("1&2"));
        let uri = request.request().unwrap().uri().to_string();
        assert_eq!(uri, "/b/../a%3Fx%23y%3Cz%3E%20%C3%A4?versionId=1%262");
    }
}
