use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    headers
}

#[test]
fn only_answers_for_everybody_are_shared() {
    let rows: &[(u16, &[(&str, &str)], bool)] = &[
        (200, &[], true),
        (404, &[("cache-control", "no-cache, max-age=0")], true),
        (200, &[("content-length", "10")], true),
        (200, &[("vary", "accept")], true),
        (500, &[], false),
        (401, &[], false),
        (429, &[], false),
        (200, &[("set-cookie", "a=b")], false),
        (200, &[("cache-control", "max-age=1, Private")], false),
        (200, &[("cache-control", "private=\"x\"")], false),
        (200, &[("cache-control", "public"), ("cache-control", "no-store")], false),
        (200, &[("vary", "accept, *")], false),
        (200, &[("content-length", "11")], false),
        (200, &[("content-type", "Text/Event-Stream; charset=utf-8")], false),
    ];
    for (status, lines, expected) in rows {
        let mut head = http::Response::new(()).into_parts().0;
        (head.status, head.headers) = (StatusCode::from_u16(*status).expect("a status"), headers(lines));
        assert_eq!(is_shared(&head, 10), *expected, "{status} {lines:?}");
    }
}

#[test]
fn requests_are_alike_but_for_what_says_something_of_the_client() {
    let plain = key_of(&headers(&[("accept", "a"), ("user-agent", "b")]));
    assert!(plain.is_some());
    assert_eq!(plain, key_of(&headers(&[("traceparent", "c")])));
    for other in
        [("range", "bytes=0-1"), ("if-none-match", "\"a\""), ("x-forwarded-host", "evil"), ("x-any", "")]
    {
        assert_ne!(plain, key_of(&headers(&[other])), "{other:?}");
    }
    let (one, two) = (&[("x", "a, b")][..], &[("x", "a"), ("x", "b")][..]);
    assert_ne!(key_of(&headers(one)), key_of(&headers(two)));
    assert_eq!(key_of(&headers(&[("a", "1"), ("b", "2")])), key_of(&headers(&[("b", "2"), ("a", "1")])));
    for name in ["cookie", "authorization", "proxy-authorization"] {
        assert_eq!(key_of(&headers(&[(name, "x")])), None, "{name}");
    }
}

#[test]
fn what_an_answer_varies_by_must_be_alike() {
    let whole = |answer: &[(&str, &str)]| Whole {
        status: StatusCode::OK,
        headers: headers(answer),
        body: Bytes::new(),
        asked: headers(&[("accept", "a"), ("accept-encoding", "gzip")]),
    };
    assert!(whole(&[]).fits(&headers(&[])));
    assert!(whole(&[("vary", "Accept")]).fits(&headers(&[("accept", "a")])));
    assert!(!whole(&[("vary", "x, Accept")]).fits(&headers(&[("accept", "b")])));
    assert!(!whole(&[("vary", "x, Accept")]).fits(&headers(&[])));
    assert!(!whole(&[("content-encoding", "gzip")]).fits(&headers(&[])));
    assert!(whole(&[("content-encoding", "gzip")]).fits(&headers(&[("accept-encoding", "gzip")])));
}

#[tokio::test]
async fn waiters_are_bounded_and_a_leader_that_is_gone_leaves_nobody_behind() {
    let wait = std::time::Duration::from_mins(1);
    let bounds = Bounds { body_bytes_max: 10, kept_bytes_max: 10, waiters_max: 1, wait };
    let flights = Flights::new(bounds);
    let none = HeaderMap::new();
    let Joined::Leader(flight) = flights.join("k", &none, &Gauge::default()).await else {
        panic!("it is the first")
    };
    let waiter = tokio::spawn({
        let flights = flights.clone();
        async move { matches!(flights.join("k", &HeaderMap::new(), &Gauge::default()).await, Joined::Alone) }
    });
    while flights.waiters.load(Ordering::Acquire) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(flights.join("k", &none, &Gauge::default()).await, Joined::Alone), "one may wait");
    assert!(matches!(flights.join("other", &none, &Gauge::default()).await, Joined::Leader(_)));
    drop(flight);
    assert!(waiter.await.expect("it ends"));
    assert!(flights.open.lock().is_empty());
    assert_eq!(flights.waiters.load(Ordering::Acquire), 0);
    let Joined::Leader(flight) = flights.join("k", &none, &Gauge::default()).await else {
        panic!("it begins anew")
    };
    let landed =
        Whole { status: StatusCode::OK, headers: none.clone(), body: "x".into(), asked: none.clone() };
    let waiter = tokio::spawn({
        let flights = flights.clone();
        async move { matches!(flights.join("k", &HeaderMap::new(), &Gauge::default()).await, Joined::Answered(_)) }
    });
    while flights.waiters.load(Ordering::Acquire) == 0 {
        tokio::task::yield_now().await;
    }
    flight.land(Landed::Shared(Arc::new(landed)));
    assert!(waiter.await.expect("it ends"));
    drop(flight);
    assert!(flights.open.lock().is_empty());
}

#[test]
fn bytes_that_are_kept_are_bounded_for_one_and_for_all() {
    let of = AtomicU64::new(0);
    let wait = std::time::Duration::ZERO;
    let bounds = Bounds { body_bytes_max: 6, kept_bytes_max: 8, waiters_max: 1, wait };
    let mut one = Kept { of: &of, bytes: BytesMut::new() };
    assert!(one.put(&"12345".into(), &bounds) && !one.put(&"67".into(), &bounds));
    let mut two = Kept { of: &of, bytes: BytesMut::new() };
    assert!(two.put(&"123".into(), &bounds) && !two.put(&"4".into(), &bounds));
    drop(one);
    assert!(two.put(&"4".into(), &bounds));
    drop(two);
    assert_eq!(of.load(Ordering::Acquire), 0);
}
