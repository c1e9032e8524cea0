//! The API: who may, what is answered, and that its document for programs says the same.

use crate::support::{Node, document};
use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bole_geodns_control::door::{self, Action, Door, OPENAPI};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

/// Lets in who says what he may do.
struct Says;

impl door::Admission for Says {
    fn admit<'a>(&'a self, head: &'a Parts, action: Action) -> BoxFuture<'a, Result<String, Response>> {
        let may = head.headers.get("may").and_then(|may| may.to_str().ok()).unwrap_or_default();
        let word = format!("{action:?}").to_lowercase();
        let is_admitted = may.split(',').any(|may| may == word);
        Box::pin(async move {
            if is_admitted { Ok("ann".to_owned()) } else { Err(StatusCode::FORBIDDEN.into_response()) }
        })
    }
}

struct Checked;

impl door::Targets for Checked {
    fn source(&self, target: &str) -> Option<String> {
        (target == "checked").then(|| "a check".to_owned())
    }

    fn problems(&self) -> Vec<String> {
        vec!["something".to_owned()]
    }
}

fn router(node: &Node) -> Router {
    door::router(Arc::new(Door {
        control: node.control.clone(),
        service: node.service.clone(),
        vitals: node.vitals.clone(),
        targets: Arc::new(Checked),
        admission: Arc::new(Says),
    }))
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    may: &str,
    body: &str,
) -> (u16, Value, Option<String>) {
    let request = Request::builder().method(method).uri(path).header("may", may);
    let response = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let tag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)), tag)
}

const POOL: &str = "origin = \"example.com\"\n[records]\n\"@\" = { NS = \"ns.example.net.\" }\nwww = { POOL = \"p\" }\n[pools.p]\nchain = [\"up\"]\n\
                    answers = [{ name = \"a\", target = \"hand\", A = \"192.0.2.1\" }, { name = \"b\", target = \"checked\", A = \"192.0.2.2\" }]\n";

#[tokio::test]
async fn every_request_is_asked_about_and_answered() {
    let node = Node::start().await;
    let router = router(&node);
    let zone = "/api/dns/zones/example.com";
    for (method, path, may) in [
        ("GET", "/api/dns/zones", "read"),
        ("GET", zone, "read"),
        ("PUT", zone, "change"),
        ("DELETE", zone, "change"),
        ("GET", "/api/dns/status", "read"),
        ("GET", "/api/dns/explain?name=a", "read"),
        ("PUT", "/api/dns/targets", "tell"),
    ] {
        let others = ["read", "change", "tell"]
            .into_iter()
            .filter(|other| *other != may)
            .collect::<Vec<_>>()
            .join(",");
        assert_eq!(ask(&router, method, path, &others, "{}").await.0, 403, "{method} {path}");
        assert_ne!(ask(&router, method, path, may, "{}").await.0, 403, "{method} {path}");
    }
    let (status, put, tag) = ask(&router, "PUT", zone, "change", &document(1)).await;
    assert_eq!((status, &put["changed"], tag.as_deref()), (201, &json!(true), Some("\"1\"")));
    assert_eq!(ask(&router, "PUT", zone, "change", &document(1)).await.0, 200);
    let (status, text, tag) = ask(&router, "GET", zone, "read", "").await;
    assert_eq!((status, text, tag.as_deref()), (200, Value::String(document(1)), Some("\"1\"")));
    let (status, refused, _) = ask(&router, "PUT", zone, "change", "origin = 3\nx = 1\n").await;
    assert_eq!((status, refused["problems"].as_array().unwrap().is_empty()), (422, false), "{refused}");
    assert!(refused["problems"][0]["line"].is_number(), "{refused}");
    let (status, checked, _) = ask(&router, "PUT", &format!("{zone}?dry_run=true"), "change", POOL).await;
    assert_eq!((status, &checked["valid"]), (200, &json!(true)));
    let (_, listed, _) = ask(&router, "GET", "/api/dns/zones", "read", "").await;
    assert_eq!(
        (&listed["zones"][0]["origin"], &listed["zones"][0]["revision"], &listed["problems"][0]),
        (&json!("example.com."), &json!(1), &json!("something"))
    );
    let (status, _, _) = ask(&router, "GET", "/api/dns/zones/example.org", "read", "").await;
    assert_eq!(status, 404);
    assert_eq!(ask(&router, "DELETE", zone, "change", "").await.0, 204);
    assert_eq!(ask(&router, "DELETE", zone, "change", "").await.0, 404);
}

#[tokio::test]
async fn targets_are_told_and_answers_explained() {
    let node = Node::start().await;
    let router = router(&node);
    ask(&router, "PUT", "/api/dns/zones/example.com", "change", POOL).await;
    for (told, status) in [
        (json!({ "target": "hand", "load": 0.5 }), 204),
        (json!({ "target": "hand", "load": null, "condition": "unwell" }), 204),
        (json!({ "target": "hand", "load": -1 }), 400),
        (json!({ "target": "hand", "load": "x" }), 400),
        (json!({ "target": "hand", "condition": "ill" }), 400),
        (json!({ "target": "hand", "more": 1 }), 400),
        (json!({ "target": "nobody", "load": 1 }), 404),
        (json!({ "target": "checked", "condition": "well" }), 409),
        (json!({ "target": "checked", "load": 2 }), 204),
    ] {
        let (is, answer, _) = ask(&router, "PUT", "/api/dns/targets", "tell", &told.to_string()).await;
        assert_eq!(is, status, "{told}: {answer}");
    }
    let (_, status, _) = ask(&router, "GET", "/api/dns/status", "read", "").await;
    let targets = &status["targets"];
    assert_eq!(
        targets[0],
        json!({ "target": "checked", "condition": "well", "load": 2.0, "told_by": "a check" })
    );
    assert_eq!(targets[1], json!({ "target": "hand", "condition": "unwell", "load": null, "told_by": null }));
    let path = "/api/dns/explain?name=www.example.com&from=10.1.2.3/16";
    let (code, why, _) = ask(&router, "GET", path, "read", "").await;
    assert_eq!((code, &why["from"], &why["rcode"]), (200, &json!("10.1.0.0/16"), &json!("NOERROR")), "{why}");
    assert_eq!(why["answer"], json!(["www.example.com. 3600 IN A 192.0.2.2"]));
    assert!(why["text"].as_str().unwrap().contains("drops a: "), "{why}");
    for path in ["?name=a..b", "?name=a&type=NONE", "?name=a&from=x", "?type=A", "?name=a&other=1"] {
        assert_eq!(
            ask(&router, "GET", &format!("/api/dns/explain{path}"), "read", "").await.0,
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_document_for_programs_names_what_there_is() {
    let node = Node::start().await;
    let router = router(&node);
    let (status, said, _) = ask(&router, "GET", "/api/dns/openapi.json", "", "").await;
    assert_eq!((status, &said), (200, &serde_json::from_str::<Value>(OPENAPI).unwrap()));
    for (path, methods) in said["paths"].as_object().unwrap() {
        let path = path.replace("{zone}", "example.com");
        for method in ["get", "put", "delete", "post"] {
            let (status, _, _) = ask(&router, &method.to_uppercase(), &path, "", "").await;
            assert_eq!(status != 405, methods.get(method).is_some(), "{method} {path}: {status}");
        }
    }
    let table = include_str!("../../src/door.rs");
    for path in said["paths"].as_object().unwrap().keys() {
        assert!(table.contains(path.as_str()), "{path}");
    }
}
