//! Whatever ranges are asked for in whatever order, the bytes are the origin's.

use crate::support::{FakeOrigin, ask, cache, response};
use bole_cdn::{Body, BodyError, OriginError, Response};
use bole_cdn_policy::range::{self, Asked, ContentRange};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::request::Parts;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MIB: usize = 1 << 20;

/// Bytes of which each tells its place.
fn content(length: usize) -> Bytes {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// An origin of one representation that answers ranges, with these fields.
fn ranged(content: Bytes, fields: &'static str) -> impl Fn(&Parts) -> Result<Response, OriginError> {
    move |head| {
        let whole = content.len() as u64;
        let specs = range::specs(&head.headers);
        Ok(match range::ask(specs.as_deref(), whole) {
            Asked::One(start, end) => {
                let range = ContentRange { start, end, whole: Some(whole) }.value();
                let fields = format!("{fields}\ncontent-range: {}", range.to_str().unwrap());
                response(206, &fields, content.slice(start as usize..end as usize))
            }
            Asked::Unsatisfiable => response(416, "", ""),
            Asked::Whole | Asked::Several(_) => response(200, fields, content.clone()),
        })
    }
}

const STRONG: &str = "cache-control: max-age=600\netag: \"a\"";

#[tokio::test]
async fn a_large_one_is_cached_by_what_is_watched() {
    let (cache, _) = cache();
    let whole = content(10 * MIB + 123);
    let origin = FakeOrigin::new(ranged(whole.clone(), STRONG));
    let first = ask(&cache, &origin, "GET /v", "range: bytes=3145738-3145747").await;
    assert_eq!((first.status, first.body.unwrap()), (206, whole.slice(3 * MIB + 10..3 * MIB + 20)));
    assert_eq!(origin.asked.lock()[0].headers["range"], "bytes=3145728-4194303", "a whole slice is fetched");
    let near = ask(&cache, &origin, "GET /v", "range: bytes=4000000-4000009").await;
    assert!(near.is_hit());
    assert_eq!(near.body.unwrap(), whole.slice(4_000_000..4_000_010));
    // All of it: what is there is not fetched again.
    let all = ask(&cache, &origin, "GET /v", "").await;
    assert_eq!((all.status, all.body.unwrap()), (200, whole.clone()));
    let asked: Vec<_> =
        origin.asked.lock().iter().skip(1).map(|head| head.headers["range"].clone()).collect();
    assert_eq!(asked, ["bytes=0-3145727", "bytes=4194304-10485882"]);
    let end = ask(&cache, &origin, "GET /v", "range: bytes=-5").await;
    assert!(end.is_hit());
    assert_eq!(end.body.unwrap(), whole.slice(whole.len() - 5..));
    assert_eq!(ask(&cache, &origin, "GET /v", "range: bytes=99999999-").await.status, 416);
}

#[tokio::test]
async fn several_ranges() {
    let (cache, _) = cache();
    let whole = content(1_000);
    let origin = FakeOrigin::new(ranged(whole.clone(), STRONG));
    ask(&cache, &origin, "GET /v", "").await;
    let seen = ask(&cache, &origin, "GET /v", "range: bytes=0-4, 100-101").await;
    let kind = seen.headers["content-type"].to_str().unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = format!("\r\n--{boundary}\r\nContent-Range: bytes 0-4/1000\r\n\r\n").into_bytes();
    expected.extend(&whole[..5]);
    expected.extend(format!("\r\n--{boundary}\r\nContent-Range: bytes 100-101/1000\r\n\r\n").bytes());
    expected.extend(&whole[100..102]);
    expected.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert_eq!(seen.headers["content-length"], expected.len().to_string().as_str());
    assert_eq!(seen.body.unwrap(), expected);
    let overlapping = ask(&cache, &origin, "GET /v", "range: bytes=0-500,100-600,0-").await;
    assert_eq!((overlapping.status, overlapping.body.unwrap()), (200, whole));
}

#[tokio::test]
async fn a_changed_representation_is_never_mixed() {
    let (cache, _) = cache();
    let count = AtomicUsize::new(0);
    let (old, new) = (Bytes::from(vec![1; 3 * MIB]), Bytes::from(vec![2; 3 * MIB]));
    let before = ranged(old, STRONG);
    let after = ranged(new, "cache-control: max-age=600\netag: \"b\"");
    let origin =
        FakeOrigin::new(
            move |head| if count.fetch_add(1, Ordering::Relaxed) == 0 { before(head) } else { after(head) },
        );
    ask(&cache, &origin, "GET /v", "range: bytes=0-9").await;
    let seen = ask(&cache, &origin, "GET /v", "").await;
    match seen.body {
        Ok(body) => assert!(body.iter().all(|byte| *byte == 2)),
        Err(error) => assert_eq!(error, BodyError::Changed),
    }
    assert_eq!(ask(&cache, &origin, "GET /v", "").await.body.unwrap(), vec![2; 3 * MIB]);
}

#[tokio::test]
async fn a_body_of_another_length_is_broken_off_and_not_kept() {
    // Length by the head, bytes that come.
    for (said, sent) in [(100, 50), (100, 150), (100, 0)] {
        let (cache, _) = cache();
        let origin = FakeOrigin::new(move |_| {
            Ok(response(200, &format!("cache-control: max-age=60\ncontent-length: {said}"), vec![1; sent]))
        });
        for time in 1..=2 {
            let seen = ask(&cache, &origin, "GET /a", "").await;
            assert!(matches!(seen.body, Err(BodyError::Origin(_))), "{said} {sent}: {:?}", seen.body);
            assert_eq!(origin.times(), time);
        }
    }
}

#[tokio::test]
async fn a_body_that_dies_goes_on_where_it_died() {
    let (cache, _) = cache();
    let whole = content(5 * MIB);
    let (good, body, count) = (ranged(whole.clone(), STRONG), whole.clone(), AtomicUsize::new(0));
    let origin = FakeOrigin::new(move |head| {
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            return good(head);
        }
        let mut response = response(200, STRONG, body.clone());
        let chunks = [Ok(body.slice(..2 * MIB + 7)), Err(BodyError::Origin("reset".to_owned()))];
        *response.body_mut() = Body::stream(stream::iter(chunks).chain(stream::pending()));
        Ok(response)
    });
    let seen = ask(&cache, &origin, "GET /v", "").await;
    assert_eq!(seen.body.unwrap(), whole);
    assert_eq!(origin.asked.lock()[1].headers["range"], "bytes=2097152-5242879");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_bytes_are_the_origins(
        length in prop_oneof![1usize..3_000, (MIB - 3)..(MIB + 3), (3 * MIB - 5)..(3 * MIB + 5)],
        weak in any::<bool>(),
        asked in prop::collection::vec((0.0f64..1.1, 0.0f64..0.7, 0u8..4), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let whole = content(length);
        let fields = if weak { "cache-control: max-age=600\netag: W/\"a\"" } else { STRONG };
        let origin: Arc<FakeOrigin> = FakeOrigin::new(ranged(whole.clone(), fields));
        let (cache, _) = cache();
        for (start, share, kind) in asked {
            let start = (start * length as f64) as usize;
            let last = start + (share * length as f64) as usize;
            let range = match kind {
                0 => String::new(),
                1 => format!("range: bytes={start}-"),
                2 => format!("range: bytes=-{}", last - start + 1),
                _ => format!("range: bytes={start}-{last}"),
            };
            let seen = runtime.block_on(ask(&cache, &origin, "GET /v", &range));
            let head = crate::support::request("GET /v", &range);
            let expected = match range::ask(range::specs(head.headers()).as_deref(), length as u64) {
                Asked::One(start, end) => (206, whole.slice(start as usize..end as usize)),
                Asked::Unsatisfiable => (416, Bytes::new()),
                Asked::Whole | Asked::Several(_) => (200, whole.clone()),
            };
            prop_assert_eq!((seen.status, seen.body.unwrap()), expected, "{} of {}", range, length);
        }
    }
}
