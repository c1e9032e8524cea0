//! What stored answers name as needed next is there before anybody asks for it.

use crate::support::*;
use bole_base::clock::SystemClock;
use bole_cdn::{Cache, Config};
use bole_gateway::cached::Store;
use bole_gateway::config::Parts;
use std::sync::Arc;

const LINK: &str =
    "Link: </a.css>; rel=preload, <?more>; rel=prefetch, <//other/b.css>; rel=preload, </c>; rel=next";

/// An answer that names others.
fn answer(control: &str) -> Behaviour {
    let text =
        format!("HTTP/1.1 200 OK\r\nCache-Control: {control}\r\n{LINK}\r\nContent-Length: 5\r\n\r\nhello");
    Behaviour::Raw(text.leak().as_bytes())
}

#[tokio::test]
async fn what_a_stored_answer_names_is_fetched_one_step_far() {
    let backend = Backend::start(answer("no-store")).await;
    let cache = Cache::open(Config::default(), Arc::new(SystemClock::new())).unwrap();
    let store = Store { cache, network: None, shield: false };
    let document = format!("{}cache = {{ prefetch = true }}\n", document(&[&backend], ""));
    let parts = Parts { store: Some(store), ..Parts::default() };
    let metrics = parts.metrics.clone();
    let gateway = gateway_with(&document, parts, |_| {}).await;
    let fetched = || metrics.render().contains("bole_gateway_prefetches_total{result=\"fetched\"} 2");
    let ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        whole(gateway.http()[0], &request).await.0
    };
    // What is not stored is for one client.
    assert!(!ask("/page").await.contains("; stored"));
    backend.behave(answer("max-age=60"));
    assert!(ask("/page").await.contains("; stored"));
    until("both are fetched", fetched).await;
    let mut seen = backend.seen();
    assert_eq!(seen.len(), 4, "{seen:?}");
    let mut own = seen.split_off(2);
    own.sort_unstable();
    assert!(
        own[0].starts_with("GET /a.css HTTP/1.1") && own[1].starts_with("GET /page?more HTTP/1.1"),
        "{own:?}"
    );
    for request in &own {
        let request = request.to_lowercase();
        assert!(
            request.contains("user-agent: bole-prefetch") && request.contains("accept-encoding: gzip"),
            "{request}"
        );
    }
    // A hit names nothing anew; and what was fetched so led to nothing more.
    for (path, hit) in [("/page", true), ("/a.css", true), ("/page?more", true), ("/a.css?more", false)] {
        let answer = ask(path).await;
        assert_eq!(field(&answer, "cache-status").unwrap().contains("; hit"), hit, "{path}: {answer}");
        assert!(!answer.contains("collapsed"), "{path}: {answer}");
    }
}
