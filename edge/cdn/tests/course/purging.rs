//! Purges by every target, hard and soft, during fetches; invalidation by methods.

use crate::support::{FakeOrigin, ask, cache, request, response, until};
use bole_cdn::purge::Target;
use std::sync::atomic::{AtomicUsize, Ordering};

const FIELDS: &str =
    "cache-control: max-age=60, stale-while-revalidate=60\ncache-tag: red, blue\nsurrogate-key: one two";

#[tokio::test]
async fn targets() {
    let purged = [
        Target::Url("http://H:80/a/b?c".to_owned()),
        Target::Prefix("http://h/a/".to_owned()),
        Target::Host("h".to_owned()),
        Target::Tag("blue".to_owned()),
        Target::Tag("two".to_owned()),
        Target::Everything,
    ];
    let kept = [
        Target::Url("http://h/a/b".to_owned()),
        Target::Url("https://h/a/b?c".to_owned()),
        Target::Prefix("http://h/b".to_owned()),
        Target::Host("other".to_owned()),
        Target::Tag("green".to_owned()),
    ];
    let rows =
        purged.into_iter().map(|target| (target, true)).chain(kept.into_iter().map(|target| (target, false)));
    for (target, expected) in rows {
        for soft in [false, true] {
            let (cache, _) = cache();
            let origin = FakeOrigin::new(|_| Ok(response(200, FIELDS, "x")));
            ask(&cache, &origin, "GET /a/b?c", "").await;
            let first = ask(&cache, &origin, "GET /a/b?c", "").await;
            assert!(first.is_hit() && !first.headers.contains_key("cache-tag"));
            assert_eq!(cache.purge(target.clone(), soft).unwrap().epoch, 1);
            let after = ask(&cache, &origin, "GET /a/b?c", "").await;
            // A soft purge leaves the grace of stale-while-revalidate.
            let expected_status = match (expected, soft) {
                (true, false) => "Bole; fwd=uri-miss; ttl=60; stored",
                (true, true) => "Bole; hit; ttl=0",
                (false, _) => "Bole; hit; ttl=60",
            };
            assert_eq!(after.cache_status(), expected_status, "{target:?}, soft: {soft}");
            if expected && soft {
                until("it is asked for anew", || origin.times() == 2).await;
            }
        }
    }
}

#[tokio::test]
async fn a_fetch_that_began_before_a_purge_does_not_outlive_it() {
    let (cache, _) = cache();
    let origin = FakeOrigin::gated(|_| Ok(response(200, FIELDS, "x")), 0);
    let (inner, from) = (cache.clone(), origin.clone());
    let fetching = tokio::spawn(async move { inner.handle(request("GET /a", ""), from).await.status() });
    until("it is with the origin", || origin.times() == 1).await;
    cache.purge(Target::Everything, false).unwrap();
    origin.gate.add_permits(2);
    assert_eq!(fetching.await.unwrap(), 200);
    assert!(!ask(&cache, &origin, "GET /a", "").await.is_hit());
    assert!(ask(&cache, &origin, "GET /a", "").await.is_hit());
}

#[tokio::test]
async fn unsafe_methods_invalidate() {
    for (line, status, location, dropped) in [
        ("POST /a", 200, "", true),
        ("POST /a", 500, "", false),
        ("M-SEARCH /a", 200, "", true),
        ("PUT /b", 201, "location: /a", true),
        ("PUT /b", 201, "location: http://other/a", false),
        ("OPTIONS /a", 200, "", false),
    ] {
        let (cache, _) = cache();
        let origin = FakeOrigin::new(move |head| {
            let read = head.method == "GET";
            Ok(response(if read { 200 } else { status }, if read { FIELDS } else { location }, "x"))
        });
        ask(&cache, &origin, "GET /a", "").await;
        ask(&cache, &origin, line, "").await;
        assert_eq!(ask(&cache, &origin, "GET /a", "").await.is_hit(), !dropped, "{line} {status} {location}");
    }
}

#[tokio::test]
async fn a_get_that_was_overtaken_by_a_change_is_not_kept() {
    let (cache, _) = cache();
    let count = AtomicUsize::new(0);
    let origin = FakeOrigin::gated(
        move |_| Ok(response(200, FIELDS, format!("v{}", count.fetch_add(1, Ordering::Relaxed)))),
        0,
    );
    let (inner, from) = (cache.clone(), origin.clone());
    let get = tokio::spawn(async move { ask(&inner, &from, "GET /a", "").await });
    until("the GET is with the origin", || origin.times() == 1).await;
    let (inner, from) = (cache.clone(), origin.clone());
    let post = tokio::spawn(async move { ask(&inner, &from, "POST /a", "").await });
    until("the POST is with the origin", || origin.times() == 2).await;
    origin.gate.add_permits(3);
    get.await.unwrap();
    post.await.unwrap();
    let last = ask(&cache, &origin, "GET /a", "").await;
    // Whether the GET or the POST came first is open; what the GET brought must not be taken for newer than the POST.
    assert!(!last.is_hit() || last.text() == "v1", "{}", last.cache_status());
}
