//! Routes that show objects of a bucket, or files, as clients see them.

use crate::support::*;
use async_trait::async_trait;
use bole_cdn::{Body, Response};
use bole_gateway::bucket::{Ask, Objects};
use bole_gateway::config::Parts;
use std::sync::Arc;

/// One object, `in/a b`, of two pieces.
struct One;

#[async_trait]
impl Objects for One {
    async fn read(&self, ask: Ask<'_>) -> Result<Response, String> {
        let mut response = Response::new(Body::empty());
        if (ask.bucket, ask.key) != ("pages", "in/a b") {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            return Ok(response);
        }
        assert!(ask.client.ip().is_loopback() && !ask.secured);
        let fields = [("content-length", "10"), ("content-type", "text/plain"), ("etag", "\"e\"")];
        for (name, value) in fields {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        if *ask.method == http::Method::GET {
            let pieces = ["hello", "world"].map(|piece| Ok(bytes::Bytes::from(piece)));
            *response.body_mut() = Body::stream(futures_util::stream::iter(pieces));
        }
        Ok(response)
    }
}

const DOCUMENT: &str = "[routes.b]\npath = \"/b/*\"\nbucket = { name = \"pages\", prefix = \"in/\" }\nrewrite = { strip_prefix = \"/b\" }\nresponse_headers = { set = { x-more = \"1\" } }\n";

#[tokio::test]
async fn objects_are_answered_on_a_connection_that_goes_on() {
    let refused = gateway("").await.apply(read(DOCUMENT)).await.expect_err("there are no buckets");
    assert!(refused.to_string().contains("routes.b.bucket: this gateway has no buckets"), "{refused}");
    let parts = Parts { objects: Some(Arc::new(One)), ..Parts::default() };
    let gateway = gateway_with(DOCUMENT, parts, |_| {}).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let answer = client.get("/b/a%20b").await.unwrap().to_lowercase();
    assert!(status(&answer) == 200 && answer.ends_with("\r\n\r\nhelloworld"), "{answer}");
    for line in [
        "content-length: 10",
        "etag: \"e\"",
        "x-more: 1",
        "x-content-type-options: nosniff",
        "x-request-id: ",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    let answer = client.get("/b/none").await.unwrap();
    assert!(status(&answer) == 404 && answer.contains("that everybody may read"), "{answer}");
    client.send("PUT /b/a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert!(status(&answer) == 405 && answer.to_lowercase().contains("allow: get, head"), "{answer}");
    client.send("HEAD /b/a%20b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let answer = client.rest().await.to_lowercase();
    assert!(
        status(&answer) == 200 && answer.contains("content-length: 10") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_path_of_a_file_is_the_one_that_the_route_makes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/index.html"), "page").unwrap();
    let text = format!(
        "[routes.f]\npath = \"/f/*\"\nfiles = {{ root = \"{}\" }}\nrewrite = {{ strip_prefix = \"/f\" }}\n",
        folder.path().display()
    );
    let gateway = gateway(&text).await;
    assert!(get(&gateway, "/f/sub/").await.ends_with("page"));
    let answer = get(&gateway, "/f/sub?a").await;
    assert!(status(&answer) == 308 && answer.to_lowercase().contains("location: /f/sub/?a"), "{answer}");
}
