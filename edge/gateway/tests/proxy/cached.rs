//! Routes whose answers are stored: what is answered from the store, what never is, and what a client sees of it.

use crate::support::*;
use bole_base::clock::SystemClock;
use bole_cdn::purge::Target;
use bole_cdn::{Cache, Config};
use bole_gateway::cached::Store;
use bole_gateway::config::Parts;
use bole_gateway::service::Service;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const FRESH: &[u8] =
    b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nCache-Tag: news\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nhello";

fn store() -> Cache {
    Cache::open(Config::default(), Arc::new(SystemClock::new())).unwrap()
}

/// A gateway with a route that is cached. `more` is put into the route.
async fn cached(backends: &[&Backend], more: &str) -> (Service, Cache) {
    let cache = store();
    let store = Store { cache: cache.clone(), network: None, shield: false };
    let document = format!("{}cache = {{}}\n{more}", document(backends, ""));
    let parts = Parts { store: Some(store), ..Parts::default() };
    (gateway_with(&document, parts, |_| {}).await, cache)
}

#[tokio::test]
async fn what_a_client_sees_is_its_own_and_the_rest_is_stored() {
    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let (gateway, cache) =
        cached(&[&backend], "cors = { origins = [\"https://a.example\", \"https://b.example\"] }\n").await;
    let ask = async |origin: &str| {
        let mut client = Client::connect(gateway.http()[0]).await;
        let request = format!("GET /x HTTP/1.1\r\nHost: a.example\r\nOrigin: https://{origin}\r\n\r\n");
        client.send(request).await;
        client.answer().await.unwrap()
    };
    let (first, second) = (ask("a.example").await, ask("b.example").await);
    for answer in [&first, &second] {
        assert_eq!(status(answer), 200, "{answer}");
        assert!(answer.ends_with("hello"), "{answer}");
        assert_eq!(field(answer, "cache-tag"), None, "{answer}");
    }
    assert!(field(&first, "cache-status").unwrap().contains("fwd=uri-miss; ttl=60; stored"), "{first}");
    assert!(field(&second, "cache-status").unwrap().contains("hit"), "{second}");
    assert_eq!(field(&second, "access-control-allow-origin"), Some("https://b.example"));
    assert_ne!(field(&first, "x-request-id"), field(&second, "x-request-id"));
    assert_eq!(backend.requests(), 1);
    // The service saw the request as it sees any other.
    let seen = backend.seen().remove(0).to_lowercase();
    assert!(seen.contains("x-forwarded-for: 127.0.0.1") && seen.contains("host: a.example"), "{seen}");

    cache.purge(Target::Tag("news".to_owned()), false).unwrap();
    let third = ask("a.example").await;
    assert!(field(&third, "cache-status").unwrap().contains("fwd=uri-miss"), "{third}");
    assert_eq!(backend.requests(), 2);
}

#[tokio::test]
async fn what_changes_a_resource_makes_its_answer_invalid() {
    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let (gateway, _) = cached(&[&backend], "").await;
    for (request, asked) in [
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 2),
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 3),
        ("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", 3),
        ("GET /x HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\"\r\n\r\n", 3),
        ("DELETE /y HTTP/1.1\r\nHost: a\r\n\r\n", 4),
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 4),
    ] {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
        let answer = client.rest().await;
        assert!(matches!(status(&answer), 200 | 304), "{answer}");
        assert_eq!(backend.requests(), asked, "{request}: {answer}");
    }
}

#[tokio::test]
async fn many_misses_are_one_request_and_a_dead_instance_is_tried_elsewhere() {
    let (dead, backend) =
        (Backend::start(Behaviour::Close).await, Backend::start(Behaviour::Slow(PATIENCE / 100)).await);
    let (gateway, _) = cached(&[&dead, &backend], "").await;
    let mut asked = tokio::task::JoinSet::new();
    let address = gateway.http()[0];
    for _ in 0..50 {
        asked.spawn(async move { Client::connect(address).await.get("/x").await.unwrap() });
    }
    while let Some(answer) = asked.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((status(&answer), answer.ends_with("slow")), (200, true), "{answer}");
    }
    // Nothing says that it may be stored, so each goes for itself once that is known; but an unstorable answer is never shared.
    assert!(backend.requests() >= 50, "{}", backend.requests());

    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let (gateway, cache) = cached(&[&dead, &backend], "").await;
    let address = gateway.http()[0];
    for _ in 0..200 {
        asked.spawn(async move { Client::connect(address).await.get("/x").await.unwrap() });
    }
    while let Some(answer) = asked.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((status(&answer), answer.ends_with("hello")), (200, true), "{answer}");
    }
    assert_eq!(backend.requests(), 1);
    let counts = cache.counts().remove(0).1;
    assert_eq!((counts.requests, counts.fills), (200, 1), "{counts:?}");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_told_as_without_a_cache() {
    let backend = Backend::start(Behaviour::Close).await;
    let (gateway, _) = cached(&[&backend], "").await;
    let answer = get(&gateway, "/x").await;
    assert_eq!(status(&answer), 502, "{answer}");
    assert_eq!(field(&answer, "content-type"), Some("application/problem+json"), "{answer}");
    assert!(answer.contains("upstream-closed"), "{answer}");
    assert!(field(&answer, "cache-status").unwrap().contains("detail=origin-unreachable"), "{answer}");
    let stale =
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nhello";
    backend.behave(Behaviour::Raw(stale));
    assert_eq!(status(&get(&gateway, "/x").await), 200);
    backend.behave(Behaviour::Close);
    let answer = get(&gateway, "/x").await;
    assert!(status(&answer) == 200 && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_the_connection() {
    let backend = Backend::start(Behaviour::Short).await;
    let (gateway, _) = cached(&[&backend], "").await;
    for _ in 0..2 {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.rest().await;
        assert!(answer.ends_with("half") && field(&answer, "content-length") == Some("100"), "{answer}");
    }
    let chunks =
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    backend.behave(Behaviour::Raw(chunks));
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.contains("half") && !answer.contains("0\r\n\r\n"), "{answer}");
}

/// Requests that try to have an answer stored that others must not get, or to get one that is another's. Each is sent first, with an
/// answer that may be stored and that shows the request; then a plain request must not see anything of it.
#[tokio::test]
async fn no_request_poisons_what_others_get() {
    const WITHIN: &str = "evil";
    for raw in [
        "GET /x HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Host: evil\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nX-Original-URL: /evil\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nX-HTTP-Method-Override: evil\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nevil",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: evil\r\n\r\n",
        "GET http://evil/x HTTP/1.1\r\nHost: evil\r\n\r\n",
        "GET http://evil/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nHost: evil\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example:81\r\nX-Evil: evil\r\n\r\n",
        "GET /x?evil HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x;evil HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x/evil.css HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x%2Fevil HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nAuthorization: evil\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nevil",
        "HEAD /x HTTP/1.1\r\nHost: a.example\r\nX-Evil: evil\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nRange: bytes=0-0\r\nIf-Match: \"evil\"\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close, x-evil\r\nUpgrade: evil\r\n\r\n",
    ] {
        let backend = echo().await;
        let (gateway, _) = cached_at(backend).await;
        let mut evil = Client::connect(gateway.http()[0]).await;
        let last = if raw.contains("Connection:") { "\r\n\r\n" } else { "\r\nConnection: close\r\n\r\n" };
        evil.send(raw.replacen("\r\n\r\n", last, 1)).await;
        // Some are refused, some answered: what counts is what others get.
        let _ = evil.rest().await;
        let plain = get(&gateway, "/x").await;
        assert_eq!(status(&plain), 200, "{raw}");
        assert!(!plain.to_lowercase().contains(WITHIN), "{raw}\n{plain}");
        assert!(plain.contains("GET /x HTTP/1.1"), "{raw}\n{plain}");
    }
}

async fn cached_at(address: std::net::SocketAddr) -> (Service, Cache) {
    let cache = store();
    let store = Store { cache: cache.clone(), network: None, shield: false };
    let document = format!(
        "[services.s]\ninstances = [\"{address}\"]\n[routes.all]\nservice = \"s\"\nencoded_slashes = true\ncache = {{}}\n"
    );
    let parts = Parts { store: Some(store), ..Parts::default() };
    (gateway_with(&document, parts, |_| {}).await, cache)
}

/// Answers with the request as it came, and lets that be stored.
async fn echo() -> std::net::SocketAddr {
    origin(|request| {
        let body = request.to_owned();
        format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    })
    .await
}

/// An origin that makes its answers of requests.
async fn origin(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, answer) = (listener.local_addr().unwrap(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut came = Vec::new();
                while let Some(request) = message(&mut stream, &mut came).await {
                    if stream.write_all(&answer(&request)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Bytes of a file of 3 slices and a bit, none of which is like another nearby.
fn bytes() -> Vec<u8> {
    (0..3_200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn ranged(request: &str) -> Vec<u8> {
    let whole = bytes();
    let range = request.to_lowercase().lines().find_map(|line| {
        let (first, last) = line.strip_prefix("range: bytes=")?.split_once('-')?;
        let first: usize = first.parse().ok()?;
        Some((first, last.parse().unwrap_or(usize::MAX).min(whole.len() - 1)))
    });
    let common = "Cache-Control: max-age=60\r\nETag: \"v\"\r\n";
    let (head, body) = match range {
        Some((first, last)) if first <= last => (
            format!(
                "HTTP/1.1 206 X\r\n{common}Content-Range: bytes {first}-{last}/{}\r\nContent-Length: {}\r\n\r\n",
                whole.len(),
                last + 1 - first
            ),
            &whole[first..=last],
        ),
        _ => (format!("HTTP/1.1 200 X\r\n{common}Content-Length: {}\r\n\r\n", whole.len()), &whole[..]),
    };
    [head.as_bytes(), body].concat()
}

/// Any ranges, in any order, of a gateway whose cache has nothing at first: bytes are always the origin's.
#[tokio::test]
async fn ranges_are_the_origins_bytes() {
    let whole = bytes();
    let (gateway, _) = cached_at(origin(ranged).await).await;
    let mut seed = 0x9E37_79B9_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for round in 0..120 {
        let path = format!("/{}", draw(6));
        let first = draw(whole.len());
        let length = 1 + draw([10, 5_000, 1_500_000][round % 3]);
        let last = (first + length - 1).min(whole.len() - 1);
        let mut client = Client::connect(gateway.http()[0]).await;
        client
            .send(format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes={first}-{last}\r\nConnection: close\r\n\r\n"
            ))
            .await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, client.stream.read_to_end(&mut answer)).await;
        read.expect("an answer in time").unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        assert_eq!(status(&head), 206, "{path} {first}-{last}: {head}");
        let told = format!("bytes {first}-{last}/{}", whole.len());
        assert_eq!(field(&head, "content-range"), Some(told.as_str()), "{head}");
        assert!(answer[end..] == whole[first..=last], "{path} {first}-{last}: other bytes\n{head}");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway("").await;
    let told = async |gateway: &Service, document: &str| {
        gateway.apply(read(document)).await.expect_err("it cannot be done").to_string()
    };
    let plain = format!("{}cache = {{}}\n", document(&[&backend], ""));
    let said = told(&gateway, &plain).await;
    assert!(said.contains("routes.all.cache") && said.contains("stores no answers"), "{said}");
    let (gateway, _) = cached(&[&backend], "").await;
    let shield = format!("{}cache = {{ shield = true }}\n", document(&[&backend], ""));
    assert!(told(&gateway, &shield).await.contains("routes.all.cache.shield"));
    let sticky = format!("{}cache = {{}}\n", document(&[&backend], "balance.algorithm = \"sticky\"\n"));
    assert!(told(&gateway, &sticky).await.contains("binds clients"));
}

/// A service that answers by the scheme that a trusted proxy tells it must not get one's answer stored for the other.
#[tokio::test]
async fn the_scheme_that_a_trusted_proxy_tells_is_part_of_the_key() {
    for trusted in [true, false] {
        let store = Store { cache: store(), network: None, shield: false };
        let document = format!(
            "[services.s]\ninstances = [\"{}\"]\n[routes.all]\nservice = \"s\"\ncache = {{}}\n",
            echo().await
        );
        let parts = Parts { store: Some(store), ..Parts::default() };
        let gateway = gateway_with(&document, parts, |config| {
            config.trusted_proxies = trusted.then(|| "127.0.0.0/8".parse().unwrap()).into_iter().collect();
        })
        .await;
        for (scheme, seen) in [("https", trusted), ("http", false), ("https", trusted)] {
            let mut client = Client::connect(gateway.http()[0]).await;
            let request =
                format!("GET /x HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: {scheme}\r\n\r\n");
            client.send(request).await;
            let answer = client.answer().await.unwrap().to_lowercase();
            assert_eq!(answer.contains("x-forwarded-proto: https"), seen, "{trusted} {scheme}: {answer}");
        }
    }
}

/// Who may see a stored answer is asked each time, and what a login sets or takes out is so for fetches of the cache as well.
#[tokio::test]
async fn logins_stand_before_stored_answers() {
    let address = echo().await;
    let store = Store { cache: store(), network: None, shield: false };
    let text = format!(
        "[services.s]\ninstances = [\"{address}\"]\n[logins.keys.key]\nheader = \"x-api-key\"\n[consumers.acme]\nkeys = [\"acme-secret\"]\n\
         [routes.all]\nservice = \"s\"\ncache = {{}}\nlogin = [\"keys\"]\nrequest_headers = {{ set = {{ x-who = \"{{consumer}}\" }} }}\n"
    );
    let parts = Parts { store: Some(store), ..Parts::default() };
    let gateway = gateway_with(&text, parts, |_| {}).await;
    for (lines, expected) in [("X-Api-Key: acme-secret\r\n", 200), ("", 401), ("X-Api-Key: wrong\r\n", 401)] {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(format!("GET /x HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n")).await;
        let answer = client.answer().await.unwrap().to_lowercase();
        assert_eq!(status(&answer), expected, "{lines}: {answer}");
        assert!(!answer.contains("acme-secret"), "{answer}");
        assert!(expected != 200 || answer.contains("x-who: acme"), "{answer}");
    }
}

#[tokio::test]
async fn signed_links_share_what_is_stored_and_are_seen_by_no_service() {
    use bole_gateway_access::link::{Link, Reach};
    let backend = Backend::start(Behaviour::Raw(FRESH)).await;
    let secret = "a-secret-of-this-test";
    let (gateway, _) = cached(
        &[&backend],
        &format!("login = [\"links\"]\n[logins.links.link]\nkeys = {{ k = \"{secret}\" }}\n"),
    )
    .await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (until, cached) in [(now + 600, false), (now + 900, true)] {
        let reach = Reach::Path("/x", "y=1");
        let link = Link { authority: "a.example", reach, key: "k", until, from: None, network: None };
        let answer = get(&gateway, &format!("/x?y=1&{}", link.sign(secret.as_bytes()))).await;
        assert_eq!((status(&answer), answer.ends_with("hello")), (200, true), "{answer}");
        assert_eq!(field(&answer, "cache-status").unwrap().contains("hit"), cached, "{answer}");
    }
    assert_eq!(status(&get(&gateway, "/x?y=1").await), 403);
    assert!(backend.seen()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"), "{}", backend.seen()[0]);
    assert_eq!(backend.requests(), 1);
}

/// Undoes a coding of `Content-Encoding` that a client in a test gets.
fn unpacked(coding: Option<&str>, body: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut out = Vec::new();
    let read = match coding {
        None => return body.to_vec(),
        Some("gzip") => flate2::read::GzDecoder::new(body).read_to_end(&mut out),
        Some("br") => brotli::Decompressor::new(body, 4_096).read_to_end(&mut out),
        Some(other) => panic!("{other}"),
    };
    read.unwrap();
    out
}

#[tokio::test]
async fn what_is_compressed_is_stored_once_for_each_coding() {
    let text = "hello, hello, hello ".repeat(5_000);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nContent-MD5: x\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let backend = Backend::start(Behaviour::Raw(answer.into_bytes().leak())).await;
    let (gateway, cache) = cached(&[&backend], "compression = { algorithms = [\"br\", \"gzip\"] }\n").await;
    let mut bytes = 0;
    for (accept, coding, hit) in [
        ("gzip, deflate, br, zstd", Some("br"), false),
        ("gzip;q=0.9, br", Some("br"), true),
        ("br;q=0.5,gzip", Some("gzip"), false),
        ("gzip", Some("gzip"), true),
        ("deflate", None, false),
        ("identity", None, true),
        ("br, gzip", Some("br"), true),
    ] {
        let mut client = tokio::net::TcpStream::connect(gateway.http()[0]).await.unwrap();
        let request =
            format!("GET /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&all[..end]).into_owned();
        assert_eq!(field(&head, "content-encoding"), coding, "{accept}: {head}");
        assert_eq!(field(&head, "cache-status").unwrap().contains("hit"), hit, "{accept}: {head}");
        assert_eq!(
            field(&head, "vary").map(str::to_ascii_lowercase).as_deref(),
            Some("accept-encoding"),
            "{head}"
        );
        let weak = field(&head, "etag") == Some("W/\"a\"");
        assert_eq!(
            (weak, field(&head, "content-md5").is_none()),
            (coding.is_some(), coding.is_some()),
            "{head}"
        );
        if field(&head, "content-length").is_some() {
            let body = unpacked(coding, &all[end..]);
            assert!(body == text.as_bytes(), "{accept}: {} bytes, not {}", body.len(), text.len());
        }
        bytes = bytes.max(all.len());
    }
    assert_eq!(backend.requests(), 3);
    assert!(
        cache.usage().memory_bytes < 2 * bytes as u64,
        "compressed answers are small: {:?}",
        cache.usage()
    );
    // A hit as most clients ask for it, too, and a confirmation by the service.
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("HEAD /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        client.stream.read_buf(&mut head).await.unwrap();
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    assert_eq!(field(&head, "content-encoding"), Some("gzip"), "{head}");
    assert!(field(&head, "cache-status").unwrap().contains("hit"), "{head}");
}
