//! Copies of requests: what the mirror sees of them, that clients see nothing of the mirror, and what is not copied.

use crate::support::*;
use bole_gateway::config::Parts;
use bole_gateway::service::Service;
use bole_net::Metrics;
use std::time::{Duration, Instant};

/// A gateway whose route copies `weight` percent of its requests. `more` is put into the route.
async fn mirrored(main: &Backend, mirror: &Backend, weight: f64, more: &str) -> (Service, Metrics) {
    let text = format!(
        "[services.s]\ninstances = [\"{}\"]\n[services.m]\ninstances = [\"{}\"]\nretries = {{ attempts = 0 }}\n[routes.all]\nservice = \"s\"\nmirror = {{ service = \"m\", weight = {weight} }}\n{more}\n",
        main.address, mirror.address
    );
    let metrics = Metrics::new();
    let parts = Parts { metrics: metrics.clone(), ..Parts::default() };
    (gateway_with(&text, parts, |config| config.limits.mirrors_max = 2).await, metrics)
}

fn copies(gateway: &Service) -> [u64; 4] {
    let state = gateway.state();
    let counters = &state.routes[0].mirror.as_ref().unwrap().counters;
    [&counters.answered, &counters.failed, &counters.busy, &counters.large]
        .map(bole_net::metrics::Counter::get)
}

#[tokio::test]
async fn the_mirror_sees_what_the_service_sees() {
    let (main, mirror) =
        (Backend::start(Behaviour::Echo).await, Backend::start(Behaviour::Status(418)).await);
    let more = "path = \"/a/*\"\nrewrite = { strip_prefix = \"/a\" }\nrequest_headers = { set = { x-who = \"{client_ip}\" }, remove = [\"x-secret\"] }";
    let (gateway, _) = mirrored(&main, &mirror, 100.0, more).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    for (number, request) in [
        "GET /a/x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-Secret: s\r\nCookie: c=d\r\n\r\n",
        "HEAD /a/x HTTP/1.1\r\nHost: a.example\r\nConnection: x-one\r\nX-One: 1\r\n\r\n",
        "POST /a/x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nContent-Type: a/b\r\n\r\nhello",
        "POST /a/x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
        "DELETE /a/x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        // What the echo answers to HEAD has no body.
        if request.starts_with("HEAD") {
            let mut client = Client::connect(gateway.http()[0]).await;
            client.send(request.replace("Connection: x-one", "Connection: close, x-one")).await;
            assert_eq!(status(&client.rest().await), 200, "{request}");
        } else {
            client.send(request).await;
            assert_eq!(status(&client.answer().await.unwrap()), 200, "{request}");
        }
        until("a copy", || mirror.requests() == number + 1).await;
        let (seen, copy) = (main.seen()[number].to_lowercase(), mirror.seen()[number].to_lowercase());
        let first = |text: &str| text.lines().next().unwrap().to_owned();
        assert_eq!(first(&seen), first(&copy), "{copy}");
        for field in ["x-who", "x-request-id", "x-forwarded-for", "x-forwarded-host", "host", "cookie", "content-type", "traceparent"] {
            let value = |text: &str| {
                text.lines().find_map(|line| line.strip_prefix(&format!("{field}: ")).map(str::to_owned))
            };
            assert_eq!(value(&seen), value(&copy), "{field}:\n{seen}\n{copy}");
        }
        assert!(!copy.contains("x-secret") && !copy.contains("x-one"), "{copy}");
        let body = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
        if request.contains("Content-Length: 5") {
            assert!(copy.contains("content-length: 5") && body(&copy) == "hello", "{copy}");
        } else if request.contains("chunked") {
            assert!(copy.contains("content-length: 5") && body(&copy) == "abcde", "{copy}");
        }
    }
    // 418 is an answer.
    until("all are counted", || copies(&gateway) == [5, 0, 0, 0]).await;
    assert_eq!(gateway.state().services["m"].counters.tries.get(), 5);
    assert_eq!(gateway.state().services["s"].counters.tries.get(), 5);
}

#[tokio::test]
async fn a_mirror_that_hangs_or_fails_is_nothing_to_clients() {
    let (main, mirror) = (Backend::start(Behaviour::Echo).await, Backend::start(Behaviour::Hang).await);
    let (gateway, metrics) = mirrored(&main, &mirror, 100.0, "").await;
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(status(&get(&gateway, "/").await), 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waited");
    until("two are under way", || mirror.requests() == 2).await;
    assert_eq!(copies(&gateway), [0, 0, 8, 0], "and more are not made");
    mirror.kill();
    until("both failed", || copies(&gateway) == [0, 2, 8, 0]).await;
    // Nobody is there any more: the failures are the mirror's own.
    for _ in 0..3 {
        assert_eq!(status(&get(&gateway, "/").await), 200);
        until("its place is free", || copies(&gateway)[1] + copies(&gateway)[2] >= 11).await;
    }
    let state = gateway.state();
    assert!(state.services["m"].counters.failures.get() >= 2);
    assert_eq!(state.services["s"].counters.failures.get(), 0);
    assert!(metrics.render().contains("bole_gateway_mirrored_total{route=\"all\",result=\"busy\"} 8"));
    assert_eq!(main.requests(), 13, "each went to the service once");
}

#[tokio::test]
async fn long_bodies_upgrades_and_what_is_refused_are_not_copied() {
    let (main, mirror) =
        (Backend::start(Behaviour::Status(200)).await, Backend::start(Behaviour::Echo).await);
    let (gateway, _) = mirrored(&main, &mirror, 100.0, "request_body_max = \"100KiB\"").await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let long = "x".repeat(70 << 10);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{long}", long.len())).await;
    assert_eq!(status(&client.answer().await.unwrap()), 200);
    assert_eq!(copies(&gateway), [0, 0, 0, 1]);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    assert_eq!(status(&client.answer().await.unwrap()), 200);
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n").await;
    assert_eq!(status(&client.answer().await.unwrap()), 413);
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nlast").await;
    assert_eq!(status(&client.answer().await.unwrap()), 200);
    until("the last", || copies(&gateway)[0] == 1).await;
    assert_eq!(mirror.requests(), 1, "and nothing before it: {:?}", mirror.seen());
}

#[tokio::test]
async fn a_share_is_copied() {
    let (main, mirror) =
        (Backend::start(Behaviour::Status(204)).await, Backend::start(Behaviour::Status(204)).await);
    let (gateway, _) = mirrored(&main, &mirror, 25.0, "").await;
    let mut client = Client::connect(gateway.http()[0]).await;
    for _ in 0..400 {
        assert_eq!(status(&client.get("/").await.unwrap()), 204);
    }
    let [answered, failed, busy, large] = copies(&gateway);
    // Six deviations to either side: 100 ± 52; some may still be under way.
    let begun = answered + failed + busy + large;
    assert!((46..=152).contains(&begun), "{begun}");
}
