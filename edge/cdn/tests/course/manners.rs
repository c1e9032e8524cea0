//! What a caller says of a request besides its head: the space that it shares answers in, and whether somebody logged in; and a cache that
//! waits for purges.

use crate::support::{FakeOrigin, Seen, cache, request, response};
use bole_base::clock::ManualClock;
use bole_cdn::purge::Target;
use bole_cdn::{Cache, Config, DiskConfig, Manner};
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;

const FRESH: &str = "cache-control: max-age=60\netag: \"a\"\n";

async fn ask(cache: &Cache, origin: &Arc<FakeOrigin>, manner: Manner<'_>) -> Seen {
    let (head, body) = cache.handle_as(manner, request("GET /a", ""), origin.clone()).await.into_parts();
    Seen { status: head.status.as_u16(), headers: head.headers, body: body.collect(1 << 20).await }
}

fn within(space: &str) -> Manner<'_> {
    Manner { space, authenticated: false }
}

fn says(text: &'static str) -> Arc<FakeOrigin> {
    FakeOrigin::new(move |_| Ok(response(200, FRESH, text)))
}

#[tokio::test]
async fn spaces_do_not_mix_and_purges_reach_all() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config { disk: Some(DiskConfig::new(folder.path())), ..Config::default() };
    let clock = Arc::new(ManualClock::new());
    let cache = Cache::open(config(), clock.clone()).unwrap();
    let (one, two) = (says("one"), says("two"));
    for _ in 0..2 {
        for (origin, space, expected) in [(&one, "", "one"), (&two, "s", "two"), (&one, "t", "one")] {
            assert_eq!(ask(&cache, origin, within(space)).await.text(), expected);
        }
    }
    assert_eq!((one.times(), two.times()), (2, 1));
    cache.flush();
    drop(cache);

    let cache = Cache::open(config(), clock).unwrap();
    assert_eq!(ask(&cache, &one, within("s")).await.text(), "two");
    assert_eq!(ask(&cache, &one, within("u")).await.text(), "one");
    assert_eq!((one.times(), two.times()), (3, 1));
    cache.purge(Target::Url("http://h/a".to_owned()), false).unwrap();
    for space in ["", "s", "t", "u"] {
        assert!(!ask(&cache, &one, within(space)).await.is_hit(), "{space:?}");
    }
}

#[tokio::test]
async fn a_change_is_a_change_in_all_spaces() {
    for (spaces, method, status, dropped) in [
        (vec!["s".into()], Method::POST, StatusCode::OK, true),
        (vec![], Method::POST, StatusCode::OK, false),
        (vec!["s".into()], Method::POST, StatusCode::BAD_GATEWAY, false),
        (vec!["s".into()], Method::GET, StatusCode::OK, false),
    ] {
        let (cache, _) = cache();
        let origin = says("x");
        let known = spaces.len();
        cache.set_spaces(spaces);
        ask(&cache, &origin, within("s")).await;
        let uri = "http://h/a".parse().unwrap();
        cache.answered_elsewhere(&method, &uri, status, &HeaderMap::new());
        assert_eq!(!ask(&cache, &origin, within("s")).await.is_hit(), dropped, "{method} {status} {known}");
    }
}

#[tokio::test]
async fn what_somebody_logged_in_for_is_stored_only_where_it_may_be_shared() {
    for (lines, stored) in [
        ("cache-control: max-age=60", false),
        ("cache-control: max-age=60, public", true),
        ("cache-control: s-maxage=60", true),
        ("cache-control: max-age=60, must-revalidate", true),
    ] {
        let (cache, _) = cache();
        let origin = FakeOrigin::new(move |_| Ok(response(200, lines, "x")));
        let manner = Manner { authenticated: true, ..Manner::default() };
        ask(&cache, &origin, manner).await;
        assert_eq!(ask(&cache, &origin, manner).await.is_hit(), stored, "{lines}");
        assert_eq!(ask(&cache, &origin, Manner::default()).await.is_hit(), stored, "{lines}");
    }
}

#[tokio::test]
async fn a_cache_that_waits_for_purges_confirms_all() {
    let (cache, _) = cache();
    let origin = FakeOrigin::new(|head| {
        let known = head.headers.contains_key("if-none-match");
        Ok(if known { response(304, FRESH, "") } else { response(200, FRESH, "x") })
    });
    ask(&cache, &origin, Manner::default()).await;
    cache.set_in_sync(false);
    for times in [2, 3] {
        let seen = ask(&cache, &origin, Manner::default()).await;
        assert_eq!((seen.text().as_str(), origin.times()), ("x", times), "{}", seen.cache_status());
    }
    cache.set_in_sync(true);
    assert!(ask(&cache, &origin, Manner::default()).await.is_hit());
}
