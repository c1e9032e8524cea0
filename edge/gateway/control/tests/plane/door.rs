//! The HTTP API, request by request.

use crate::support::Node;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bole_gateway_control::control::Source;
use bole_gateway_control::door::{self, Action, Admission, Door, OPENAPI, Question, Sight};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;

/// Lets everybody read, `admin` change, and an instance register for the service of its name.
struct ByHeader;

impl Admission for ByHeader {
    fn admit<'a>(&'a self, head: &'a Parts, action: Action) -> BoxFuture<'a, Result<String, Response>> {
        let who =
            head.headers.get("x-user").map_or("", |value| value.to_str().expect("the tests write text"));
        let may = match &action {
            Action::Read => true,
            Action::Change => who == "admin",
            Action::Register(service) => who == "admin" || who == service,
        };
        let verdict = if may { Ok(who.to_owned()) } else { Err(StatusCode::FORBIDDEN.into_response()) };
        Box::pin(async { verdict })
    }
}

struct Nothing;

impl Sight for Nothing {
    fn status(&self) -> Value {
        json!({ "services": {} })
    }

    fn merged(&self) -> Value {
        json!({ "openapi": "3.1.0" })
    }

    fn explain(&self, question: &Question) -> Result<Value, String> {
        if question.url.is_empty() {
            Err("the URL is empty".to_owned())
        } else {
            Ok(json!({ "route": null }))
        }
    }
}

/// Sends `METHOD PATH`, as `user`, with further headers; gives the status, the ETag and the body.
async fn send(
    node: &Node,
    request: &str,
    user: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String, String) {
    let (method, path) = request.split_once(' ').expect("a row names method and path");
    let (control, admission, sight) = (Arc::clone(&node.control), Arc::new(ByHeader), Arc::new(Nothing));
    let router = door::router(Door { control, admission, sight });
    let mut request = Request::builder().method(method).uri(path).header("x-user", user);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a row is a request");
    let response = router.oneshot(request).await.expect("the router does not fail");
    let status = response.status().as_u16();
    let tag = response.headers().get("etag").map_or("", |tag| tag.to_str().expect("it is text")).to_owned();
    let body = response.into_body().collect().await.expect("it is in memory").to_bytes();
    (status, tag, String::from_utf8_lossy(&body).into_owned())
}

/// Request, user, headers, body; status, ETag (if it matters), a part of the body.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str, &'a str);

const INSTANCE: &str = r#"{"address":"127.0.0.1:9001","lease":"9s"}"#;

#[tokio::test]
async fn requests_and_their_answers() {
    let node = Node::start(Source::Kept).await;
    let toml = ("content-type", "application/toml");
    let whole = "[services.s]\nregistry = true\n[routes.r]\nservice = \"s\"\n";
    let rows: &[Row<'_>] = &[
        ("GET /api/gateway/document", "", &[], "", 200, "\"0\"", "{}"),
        ("PUT /api/gateway/document", "", &[toml], whole, 403, "", ""),
        ("PUT /api/gateway/document?dry_run=true", "admin", &[toml], whole, 200, "\"0\"", "\"valid\":true"),
        ("PUT /api/gateway/document?wet=true", "admin", &[toml], whole, 400, "", "wet"),
        ("PUT /api/gateway/document", "admin", &[toml, ("if-match", "\"7\"")], whole, 412, "", "revision 0"),
        ("PUT /api/gateway/document", "admin", &[toml, ("if-match", "7")], whole, 400, "", "If-Match"),
        (
            "PUT /api/gateway/document",
            "admin",
            &[toml, ("if-match", "\"0\"")],
            whole,
            200,
            "\"2\"",
            "\"changed\":2",
        ),
        ("PUT /api/gateway/document", "admin", &[toml], "[colours]", 422, "", "colours"),
        ("GET /api/gateway/document", "", &[("accept", "application/toml")], "", 200, "\"2\"", "[routes.r]"),
        ("GET /api/gateway/routes", "", &[], "", 200, "\"2\"", "\"service\":\"s\""),
        ("GET /api/gateway/colours", "", &[], "", 404, "", "services, routes"),
        ("GET /api/gateway/routes/r", "", &[], "", 200, "\"2\"", "\"service\":\"s\""),
        ("GET /api/gateway/routes/x", "", &[], "", 404, "", "route \\\"x\\\" does not exist"),
        ("PUT /api/gateway/routes/x", "admin", &[], r#"{"service":"s","path":"/x"}"#, 201, "\"3\"", "3"),
        ("PUT /api/gateway/routes/x", "admin", &[], r#"{"service":"s","path":"/y"}"#, 200, "\"4\"", "4"),
        ("PUT /api/gateway/routes/x", "s", &[], r#"{"service":"s"}"#, 403, "", ""),
        ("PUT /api/gateway/routes/x", "admin", &[], "{", 400, "", "not JSON"),
        ("PUT /api/gateway/routes/x", "admin", &[], r#"{"colour":1}"#, 422, "", "colour"),
        ("DELETE /api/gateway/routes/x", "admin", &[], "", 204, "\"5\"", ""),
        ("DELETE /api/gateway/routes/x", "admin", &[], "", 404, "", ""),
        ("GET /api/gateway/status", "", &[], "", 200, "\"5\"", "\"problems\":[]"),
        ("POST /api/gateway/explain", "", &[], r#"{"url":"http://a/"}"#, 200, "", "route"),
        ("POST /api/gateway/explain", "", &[], r#"{"url":""}"#, 400, "", "empty"),
        ("POST /api/gateway/explain", "", &[], r#"{"uri":""}"#, 400, "", "uri"),
        ("PUT /api/registry/s/one", "other", &[], INSTANCE, 403, "", ""),
        ("PUT /api/registry/s/one", "s", &[], INSTANCE, 201, "", "3000ms"),
        ("PUT /api/registry/s/one", "s", &[], INSTANCE, 200, "", "3000ms"),
        ("PUT /api/registry/s/two", "s", &[], r#"{"address":"x","lease":"1s"}"#, 422, "", "not 2 s to 1 h"),
        ("PUT /api/registry/s/two", "s", &[], r#"{"adress":"x"}"#, 400, "", "adress"),
        ("POST /api/registry/s/one/heartbeat", "s", &[], "", 200, "", "3000ms"),
        ("POST /api/registry/s/two/heartbeat", "s", &[], "", 404, "", "s/two"),
        ("PUT /api/registry/s/one/drain", "s", &[], "", 204, "", ""),
        ("GET /api/registry/s", "", &[], "", 200, "", "\"drain\":true"),
        ("DELETE /api/registry/s/one/drain", "s", &[], "", 204, "", ""),
        ("GET /api/registry/s", "", &[], "", 200, "", "\"drain\":false"),
        ("DELETE /api/registry/s/one", "s", &[], "", 204, "", ""),
        ("GET /api/registry/s", "", &[], "", 200, "", "{}"),
    ];
    for (request, user, headers, body, status, tag, part) in rows {
        let answer = send(&node, request, user, headers, body).await;
        let row = format!("{request} as {user:?} with {body:?}: {answer:?}");
        assert_eq!(answer.0, *status, "{row}");
        assert!(tag.is_empty() || answer.1 == *tag, "{row}");
        assert!(answer.2.contains(part), "{row}");
    }
}

#[tokio::test]
async fn the_description_names_each_request_and_no_other() {
    let node = Node::start(Source::Kept).await;
    let description: Value = serde_json::from_str(OPENAPI).expect("it is JSON");
    let paths = description["paths"].as_object().expect("it has paths");
    let mut known = 0;
    // What the node's cache answers has a door of its own.
    for (path, operations) in paths.iter().filter(|(path, _)| !path.starts_with("/api/gateway/cache")) {
        let concrete = path.replace("{part}", "routes").replace("{service}", "s");
        let concrete = concrete.replace("{name}", "n").replace("{id}", "i");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let named = operations.get(method.to_lowercase()).is_some();
            known += usize::from(named);
            let answer = send(&node, &format!("{method} {concrete}"), "admin", &[], "").await;
            assert_eq!(answer.0 != 405, named, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(known, 16, "the table of `door` has as many");
}
