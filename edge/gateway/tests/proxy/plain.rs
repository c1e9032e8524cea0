//! Requests that go through as they should: HTTP/1.1 and HTTP/2, bodies, reload, drain.

use crate::support::*;
use bole_gateway::config::Parts;
use bytes::Bytes;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_request_goes_to_the_instance_and_back() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    for n in 0..3 {
        client
            .send(format!(
                "POST /p?q={n} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Own: 2\r\n\r\nhello"
            ))
            .await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!(status(&answer), 200);
        let seen = answer.to_lowercase();
        for part in [
            &*format!("post /p?q={n} http/1.1"),
            "host: a.example",
            "x-own: 2",
            "x-forwarded-for: 127.0.0.1",
            "hello",
            "x-request-id: ",
            "traceparent: 00-",
        ] {
            assert!(seen.contains(part), "{part} in {answer}");
        }
        assert!(!seen.contains("x-hop: 1") && !seen.contains("9.9.9.9"), "{answer}");
    }
    assert_eq!((backend.requests(), backend.connections()), (3, 1), "the connection is kept");
}

#[tokio::test]
async fn bodies_in_chunks_and_pipelines_go_through() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let chunked =
        "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    let plain = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("{chunked}{plain}{plain}")).await;
    for path in ["/1", "/2", "/2"] {
        let answer = client.answer().await.expect("an answer");
        assert!(answer.contains(&format!(" {path} HTTP/1.1")), "{path} in {answer}");
    }
    let large = vec![b'x'; 3 << 20];
    client.send(format!("PUT /3 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", large.len())).await;
    client.send(&large).await;
    let answer = client.answer().await.expect("an answer");
    assert!(answer.len() > large.len() && answer.ends_with("xxxx"));
}

#[tokio::test]
async fn http2_without_tls_goes_through() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let socket = tokio::net::TcpStream::connect(gateway.http()[0]).await.unwrap();
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let mut answers = Vec::new();
    for n in 0..10 {
        let request = http::Request::post(format!("http://a.example/{n}")).body(()).unwrap();
        let (answer, mut body) = sender.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"hello"), true).unwrap();
        answers.push(answer);
    }
    for answer in answers {
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let text = String::from_utf8(body.data().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(text.to_lowercase().contains("host: a.example") && text.contains("hello"), "{text}");
    }
    assert_eq!(backend.requests(), 10);
}

#[tokio::test]
async fn a_new_document_takes_effect_and_a_wrong_one_does_not() {
    let (one, other) =
        (Backend::start(Behaviour::Status(201)).await, Backend::start(Behaviour::Status(202)).await);
    let gateway = gateway(&document(&[&one], "")).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    assert_eq!(status(&client.get("/").await.unwrap()), 201);
    gateway.apply(read(&document(&[&other], ""))).await.unwrap();
    assert_eq!(status(&client.get("/").await.unwrap()), 202, "on the same connection");
    let wrong = [
        "[routes.a]\nservice = \"nobody\"",
        "[routes.a]\nreply = { status = 200 }\nlimits = [\"none\"]",
        "[routes.a]\nreply = { status = 200 }\ncollapse = true",
        "[services.s]\ninstances = [\"127.0.0.1:1\", \"127.0.0.1:1\"]",
        "[services.s]\ninstances = [\"127.0.0.1:1\"]\nbalance = { algorithm = \"best\" }",
        "[certificates.c]\ncertificate = \"/nowhere\"\nkey = \"/nowhere\"",
    ];
    for text in wrong {
        let refused = gateway.apply(read(text)).await.expect_err(text);
        assert!(refused.to_string().contains("the one before stays"), "{refused}");
        assert_eq!(status(&client.get("/").await.unwrap()), 202);
    }
}

#[tokio::test]
async fn what_was_learned_survives_a_new_document() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    get(&gateway, "/").await;
    let before = gateway.state().services["s"].clone();
    gateway.apply(read(&document(&[&backend], "timeouts = { connect = \"1s\" }"))).await.unwrap();
    let after = gateway.state().services["s"].clone();
    assert!(!std::sync::Arc::ptr_eq(&before, &after) && std::sync::Arc::ptr_eq(&before.set, &after.set));
    get(&gateway, "/").await;
    assert_eq!(backend.connections(), 1, "connections go on as well");
    gateway.apply(read(&document(&[&backend], "balance = { algorithm = \"round-robin\" }"))).await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&after.set, &gateway.state().services["s"].set));
    get(&gateway, "/").await;
}

#[tokio::test]
async fn a_gateway_that_closes_finishes_what_is_under_way() {
    let backend = Backend::start(Behaviour::Slow(Duration::from_millis(500))).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let mut idle = Client::connect(gateway.http()[0]).await;
    let mut busy = Client::connect(gateway.http()[0]).await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until("the request is under way", || backend.requests() == 1).await;
    let (closed, answer) = tokio::join!(gateway.close(), busy.answer());
    let answer = answer.expect("an answer");
    assert_eq!(status(&answer), 200);
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(closed.aborted, 0);
    assert_eq!(idle.rest().await, "");
    assert!(tokio::net::TcpStream::connect(gateway.http()[0]).await.is_err());
}

#[tokio::test]
async fn upgraded_connections_carry_other_protocols() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = message(&mut stream, &mut Vec::new()).await.unwrap();
        assert!(request.to_lowercase().contains("upgrade: websocket"), "{request}");
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n").await.unwrap();
        let mut bytes = [0; 64];
        loop {
            let came = stream.read(&mut bytes).await.unwrap();
            if came == 0 {
                return;
            }
            stream.write_all(&bytes[..came]).await.unwrap();
        }
    });
    let text = format!(
        "[services.s]\ninstances = [\"{address}\"]\n[routes.a]\nservice = \"s\"\n[routes.no]\npath = \"/no\"\nupgrade = false\nservice = \"s\"\n"
    );
    let gateway = gateway_with(&text, Parts::default(), |_| {}).await;
    let ask = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
    };
    let mut refused = Client::connect(gateway.http()[0]).await;
    refused.send(ask("/no")).await;
    assert_eq!(status(&refused.answer().await.unwrap()), 403);
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send(ask("/")).await;
    assert_eq!(status(&client.answer().await.unwrap()), 101);
    for text in ["\x01\x02raw", "GET / HTTP/1.1\r\n\r\n"] {
        client.send(text).await;
        let mut back = vec![0; text.len()];
        tokio::time::timeout(PATIENCE, client.stream.read_exact(&mut back)).await.unwrap().unwrap();
        assert_eq!(back, text.as_bytes());
    }
}

#[tokio::test]
async fn routes_change_what_goes_through() {
    let backend = Backend::start(Behaviour::Raw(
        b"HTTP/1.1 200 OK\r\nX-Inner: 1\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok",
    ))
    .await;
    let text = format!(
        "[services.s]\ninstances = [\"{}\"]\n\
         [routes.api]\npath = \"/api/*\"\nservice = \"s\"\nrewrite = {{ strip_prefix = \"/api\", host = \"inner.example\" }}\n\
         request_headers = {{ remove = [\"x-gone\"], set = {{ x-ip = \"{{client_ip}} {{rest}}\" }} }}\n\
         response_headers = {{ remove = [\"x-inner\"], set = {{ x-route = \"{{route}}\" }} }}\n\
         query_changes = {{ remove = [\"secret\"], set = {{ by = \"gateway\" }} }}\n\
         cors = {{ origins = [\"https://app.example\"], methods = [\"PUT\"], credentials = true }}\n\
         [routes.old]\npath = \"~/old/([0-9]+)\"\nredirect = {{ to = \"/new/{{1}}?{{query}}\", status = 301 }}\n",
        backend.address
    );
    let gateway = gateway(&text).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET /api/x?secret=1&a=2 HTTP/1.1\r\nHost: a.example\r\nX-Gone: 1\r\nOrigin: https://app.example\r\n\r\n").await;
    let answer = client.answer().await.unwrap().to_lowercase();
    assert!(answer.contains("x-route: api") && !answer.contains("x-inner"), "{answer}");
    assert_eq!(answer.matches("access-control-allow-origin: ").count(), 1, "one voice: {answer}");
    assert!(answer.contains("access-control-allow-origin: https://app.example"), "{answer}");
    let seen = backend.seen().concat().to_lowercase();
    for part in [
        "get /x?a=2&by=gateway http/1.1",
        "host: inner.example",
        "x-ip: 127.0.0.1 x",
        "x-forwarded-host: a.example",
    ] {
        assert!(seen.contains(part), "{part} in {seen}");
    }
    assert!(!seen.contains("x-gone"), "{seen}");
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("OPTIONS /api/x HTTP/1.1\r\nHost: a.example\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n").await;
    let preflight = client.answer().await.unwrap();
    assert!(
        status(&preflight) == 204 && preflight.to_lowercase().contains("access-control-allow-methods"),
        "{preflight}"
    );
    assert_eq!(backend.requests(), 1, "only the gateway answers preflights");
    let moved = get(&gateway, "/old/12?a=b").await;
    assert!(status(&moved) == 301 && moved.to_lowercase().contains("location: /new/12?a=b"), "{moved}");
}
