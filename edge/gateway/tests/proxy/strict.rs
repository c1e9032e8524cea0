//! Requests with more than one meaning, as raw bytes against the running gateway: none of them reaches an instance, and nothing after
//! them is taken for a request.

use crate::support::*;
use bole_gateway::config::Parts;
use std::time::Duration;

/// Sends bytes and reads all that comes back until the gateway closes.
async fn closed_with(gateway: &bole_gateway::Service, bytes: &[u8]) -> String {
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send(bytes).await;
    client.rest().await
}

/// What each is called, its bytes, and the status that refuses it.
const AMBIGUOUS: &[(&str, &str, u16)] = &[
    // pingora issue 945: the library alone takes the one and passes over the other.
    (
        "both lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "both lengths, turned",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (
        "the same length twice",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        400,
    ),
    ("a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", 400),
    ("a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
    // CVE-2026-2835.
    (
        "a coding that is not chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        400,
    ),
    (
        "a coding after chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (
        "a blank before the colon",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("a folded line", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    (
        "a bare line feed",
        "POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("a bare return", "POST / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 4\r\n\r\n", 400),
    ("a null", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("a target of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a version that is none", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ("HTTP/0.9", "GET /\r\n\r\n", 400),
    ("a tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
    (
        "an upgrade with a body",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nabcd",
        400,
    ),
];

#[tokio::test]
async fn what_has_two_meanings_reaches_nobody() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    // A request that would be smuggled stands behind each.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (name, bytes, expected) in AMBIGUOUS {
        let answer = closed_with(&gateway, format!("{bytes}{smuggled}").as_bytes()).await;
        assert_eq!(status(&answer), *expected, "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: one answer, and the end: {answer}");
        assert!(answer.contains("application/problem+json"), "{name}: {answer}");
    }
    assert_eq!(backend.requests(), 0, "{:?}", backend.seen());
}

#[tokio::test]
async fn an_offer_of_http_2_is_passed_over() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    for (name, before, after) in
        [("first", "", "X: y\r\n"), ("last", "X: y\r\n", ""), ("between", "W: v\r\n", "X: y\r\n")]
    {
        let head = format!(
            "POST /{name} HTTP/1.1\r\nHost: a\r\n{before}Upgrade: h2c\r\n{after}Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAA\r\nContent-Length: 4\r\n\r\nabcd"
        );
        let next = "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let answer = closed_with(&gateway, format!("{head}{next}").as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{name}: {answer}");
        let seen = backend.seen().join("\n").to_ascii_lowercase();
        assert!(seen.contains(&format!("post /{name} http/1.1")) && seen.contains("abcd"), "{name}: {seen}");
        assert!(
            !seen.contains("h2c") && !seen.contains("http2-settings") && seen.contains("x: y"),
            "{name}: {seen}"
        );
    }
    assert_eq!(backend.requests(), 6);
}

#[tokio::test]
async fn chunks_with_two_meanings_end_the_request() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    for body in [
        "3\nabc\n0\n\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "3;\nabc\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
    ] {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = closed_with(
            &gateway,
            format!("{head}{body}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
        )
        .await;
        assert_eq!(status(&answer), 400, "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body:?}: {answer}");
    }
    assert!(backend.seen().iter().all(|seen| !seen.contains("/smuggled")));
}

#[tokio::test]
async fn bytes_before_an_upgrade_was_agreed_on_go_nowhere() {
    // CVE-2026-2833: what follows a request for an upgrade is not for the instance before it has agreed.
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let ask = "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    client.send(format!("{ask}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    let first = client.answer().await.expect("an answer");
    assert!(first.contains("GET /1 ") && !first.contains("GET /2 "), "{first}");
    if let Some(second) = client.answer().await {
        assert!(second.contains("x-forwarded-for"), "only as a request of its own: {second}");
    }
    assert!(backend.seen().iter().all(|seen| seen.matches("HTTP/1.1").count() == 1), "{:?}", backend.seen());

    let raw: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let agreeing = Backend::start(Behaviour::Raw(raw)).await;
    gateway.apply(read(&document(&[&agreeing], ""))).await.unwrap();
    let answer = closed_with(&gateway, format!("{ask}GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
    assert_eq!(status(&answer), 400, "who did not wait is refused: {answer}");
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let backend = Backend::start(Behaviour::Raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ))
    .await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let answer = closed_with(&gateway, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("abc") && !answer.to_lowercase().contains("transfer-encoding"), "{answer}");
}

#[tokio::test]
async fn slow_and_endless_heads_are_cut_off() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway_with(&document(&[&backend], ""), Parts::default(), |config| {
        config.limits.head_timeout = Duration::from_millis(200);
        config.limits.idle_timeout = Duration::from_millis(400);
        config.limits.body_timeout = Duration::from_millis(300);
        config.limits.head_bytes_max = 4 << 10;
    })
    .await;
    assert_eq!(status(&closed_with(&gateway, b"GET / HTTP/1.1\r\nHost: a\r\n").await), 408);
    assert_eq!(closed_with(&gateway, b"").await, "", "who says nothing hears nothing");
    let endless = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(1_000));
    assert_eq!(status(&closed_with(&gateway, endless.as_bytes()).await), 431);
    let slow_body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
    assert_eq!(status(&closed_with(&gateway, slow_body).await), 408);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway =
        gateway(&document(&[&backend], "").replace(
            "[routes.all]",
            "[routes.all]\nrequest_body_max = \"1KiB\"\nresponse_body_max = \"2KiB\"",
        ))
        .await;
    let announced =
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n{}", "x".repeat(1_025));
    assert_eq!(status(&closed_with(&gateway, announced.as_bytes()).await), 413);
    assert_eq!(backend.requests(), 0);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = format!("{head}400\r\n{}\r\n400\r\n{}\r\n0\r\n\r\n", "x".repeat(1_024), "x".repeat(1_024));
    assert_eq!(status(&closed_with(&gateway, chunks.as_bytes()).await), 413);
    let mut client = Client::connect(gateway.http()[0]).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nX: {}\r\nContent-Length: 1024\r\n\r\n{}",
            "y".repeat(2_000),
            "x".repeat(1_024)
        ))
        .await;
    assert_eq!(status(&client.answer().await.unwrap()), 502, "the answer is too large");
}

#[tokio::test]
async fn paths_are_matched_and_sent_in_one_spelling() {
    let backend = Backend::start(Behaviour::Echo).await;
    let text = format!(
        "[services.s]\ninstances = [\"{}\"]\n[routes.admin]\npath = \"/admin/*\"\nreply = {{ status = 403 }}\n[routes.all]\nservice = \"s\"\n",
        backend.address
    );
    let gateway = gateway(&text).await;
    for (path, expected, sent) in [
        ("/a/../b?q=/../", 200, "GET /b?q=/../ HTTP/1.1"),
        ("/a//b", 200, "GET /a/b HTTP/1.1"),
        ("/%61?b={c}|", 200, "GET /a?b={c}| HTTP/1.1"),
        ("/a/../admin/x", 403, ""),
        ("/%61dmin/x", 403, ""),
        ("//admin/x", 403, ""),
        ("/admin", 403, ""),
        ("/x/..%2fadmin/x", 400, ""),
        ("/%2e%2e/admin", 400, ""),
        ("/x\\..\\admin", 400, ""),
        ("/x/..;/admin", 400, ""),
        ("/admin%00", 400, ""),
        ("/%zz", 400, ""),
        ("/%c0%af", 400, ""),
    ] {
        let answer = get(&gateway, path).await;
        assert!(status(&answer) == expected && answer.contains(sent), "{path}: {answer}");
    }
}

#[tokio::test]
async fn routes_go_by_headers_queries_and_patterns() {
    let text = "[routes.a]\nheaders = { x-v = \"~v[12]\" }\nreply = { status = 201 }\n\
                [routes.b]\nquery = { beta = \"1\" }\nreply = { status = 202 }\n\
                [routes.c]\npath = \"~/orders/([0-9]+)\"\nreply = { status = 203 }\n\
                [routes.d]\nhosts = [\"*.d.example\"]\nreply = { status = 207 }\n\
                [routes.e]\nreply = { status = 208 }\n";
    let gateway = gateway(text).await;
    for (ask, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nX-V: v2\r\n\r\n", 201),
        ("GET / HTTP/1.1\r\nHost: a\r\nX-V: v3\r\n\r\n", 208),
        ("GET /?beta=1 HTTP/1.1\r\nHost: a\r\n\r\n", 202),
        ("GET /orders/12 HTTP/1.1\r\nHost: a\r\n\r\n", 203),
        ("GET /orders/x HTTP/1.1\r\nHost: a\r\n\r\n", 208),
        ("GET /orders/x HTTP/1.1\r\nHost: X.D.example:8080\r\n\r\n", 207),
    ] {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(ask).await;
        assert_eq!(status(&client.answer().await.unwrap()), expected, "{ask}");
    }
}
