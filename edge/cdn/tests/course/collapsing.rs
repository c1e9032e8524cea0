//! One exchange for many, and stale answers while the origin is asked or away.

use crate::support::{FakeOrigin, ask, cache, request, response, until};
use bole_cdn::OriginError;
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_misses_are_one_fetch() {
    let (cache, _) = cache();
    let origin = FakeOrigin::gated(|_| Ok(response(200, "cache-control: max-age=60", vec![7; 50_000])), 0);
    let requests: Vec<_> = (0..1_000)
        .map(|_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { ask(&cache, &origin, "GET /a", "").await })
        })
        .collect();
    until("all wait", || cache.counts().iter().any(|(_, counts)| counts.collapsed == 999)).await;
    origin.gate.add_permits(1_000);
    for seen in join_all(requests).await {
        assert_eq!(seen.unwrap().body.unwrap(), vec![7; 50_000]);
    }
    assert_eq!(origin.times(), 1);
}

#[tokio::test]
async fn answers_that_cannot_be_shared_do_not_queue() {
    let (cache, _) = cache();
    let origin = FakeOrigin::gated(|_| Ok(response(200, "cache-control: private", "x")), 1);
    assert_eq!(ask(&cache, &origin, "GET /a", "").await.cache_status(), "Bole; fwd=uri-miss; detail=private");
    // The origin answers none of these; all of them are with it at once.
    let requests: Vec<_> =
        (0..20).map(|_| cache.clone().handle_owned(request("GET /a", ""), origin.clone())).collect();
    let all = tokio::spawn(join_all(requests));
    until("all are with the origin", || origin.times() == 21).await;
    origin.gate.add_permits(20);
    assert!(all.await.unwrap().iter().all(|response| response.status() == 200));
}

#[tokio::test]
async fn who_waited_for_a_validation_needs_none_of_its_own() {
    let (cache, _) = cache();
    let fields = "cache-control: no-cache\netag: \"a\"";
    let origin = FakeOrigin::gated(
        move |head| {
            let known = head.headers.get("if-none-match").is_some();
            Ok(if known { response(304, fields, "") } else { response(200, fields, "body") })
        },
        1,
    );
    ask(&cache, &origin, "GET /a", "").await;
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let (cache, origin) = (cache.clone(), origin.clone());
            tokio::spawn(async move { ask(&cache, &origin, "GET /a", "").await })
        })
        .collect();
    until("all wait", || cache.counts().iter().any(|(_, counts)| counts.collapsed == 49)).await;
    origin.gate.add_permits(50);
    for seen in join_all(requests).await {
        assert_eq!(seen.unwrap().text(), "body");
    }
    assert_eq!(origin.times(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_lets_the_next_go() {
    let (cache, _) = cache();
    let origin = FakeOrigin::gated(|_| Ok(response(200, "cache-control: max-age=60", "x")), 0);
    let first = tokio::spawn(cache.clone().handle_owned(request("GET /a", ""), origin.clone()));
    until("the first is with the origin", || origin.times() == 1).await;
    let (other_cache, other_origin) = (cache.clone(), origin.clone());
    let second = tokio::spawn(async move { ask(&other_cache, &other_origin, "GET /a", "").await });
    until("the second waits", || cache.counts().iter().any(|(_, counts)| counts.collapsed == 1)).await;
    first.abort();
    until("the second is with the origin", || origin.times() == 2).await;
    origin.gate.add_permits(2);
    assert_eq!(second.await.unwrap().text(), "x");
}

trait Owned {
    fn handle_owned(
        self,
        request: bole_cdn::Request,
        origin: Arc<FakeOrigin>,
    ) -> impl Future<Output = bole_cdn::Response> + Send;
}

impl Owned for bole_cdn::Cache {
    async fn handle_owned(self, request: bole_cdn::Request, origin: Arc<FakeOrigin>) -> bole_cdn::Response {
        self.handle(request, origin).await
    }
}

#[tokio::test]
async fn stale_while_revalidate_answers_first() {
    let (cache, clock) = cache();
    let count = AtomicUsize::new(0);
    let origin = FakeOrigin::gated(
        move |_| {
            let text = format!("v{}", count.fetch_add(1, Ordering::Relaxed));
            Ok(response(200, "cache-control: max-age=10, stale-while-revalidate=30", text))
        },
        1,
    );
    assert_eq!(ask(&cache, &origin, "GET /a", "").await.text(), "v0");
    clock.advance(Duration::from_secs(15));
    let stale = ask(&cache, &origin, "GET /a", "").await;
    assert_eq!((stale.text().as_str(), stale.cache_status()), ("v0", "Bole; hit; ttl=-5"));
    until("it is asked in the background", || origin.times() == 2).await;
    origin.gate.add_permits(1);
    until("the new one is stored", || cache.counts()[0].1.fills == 2).await;
    assert_eq!(ask(&cache, &origin, "GET /a", "").await.text(), "v1");
    assert_eq!(origin.times(), 2);
}

#[tokio::test]
async fn stale_answers_stand_in() {
    // Directives, whether the origin answers 503 (else nothing), what the client gets.
    let rows = [
        ("max-age=10, stale-if-error=60", true, 200),
        ("max-age=10", true, 503),
        ("max-age=10", false, 200),
        ("max-age=10, must-revalidate", false, 502),
        ("s-maxage=10", false, 502),
    ];
    for (directives, answers, expected) in rows {
        let (cache, clock) = cache();
        let count = AtomicUsize::new(0);
        let origin = FakeOrigin::new(move |_| match (count.fetch_add(1, Ordering::Relaxed), answers) {
            (0, _) => Ok(response(200, &format!("cache-control: {directives}"), "old")),
            (_, true) => Ok(response(503, "", "away")),
            (_, false) => Err(OriginError("no connection".to_owned())),
        });
        ask(&cache, &origin, "GET /a", "").await;
        clock.advance(Duration::from_secs(20));
        let seen = ask(&cache, &origin, "GET /a", "").await;
        assert_eq!(seen.status, expected, "{directives}: {}", seen.cache_status());
    }
}
