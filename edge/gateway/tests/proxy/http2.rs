//! HTTP/2 and gRPC: trailers end to end, floods, deadlines, and what HTTP/1 refuses.

use crate::support::*;
use bole_gateway::config::Parts;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An instance of gRPC: it answers health checks, and echoes each message with a trailer. `None` for a path that hangs.
async fn grpc(serving: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let serving = serving.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(socket).await else { return };
                while let Some(Ok((request, answer))) = connection.accept().await {
                    tokio::spawn(call(request, answer, serving.clone()));
                }
            });
        }
    });
    address
}

async fn call(
    request: http::Request<h2::RecvStream>,
    mut answer: h2::server::SendResponse<Bytes>,
    serving: Arc<AtomicUsize>,
) {
    let (head, mut body) = request.into_parts();
    if head.uri.path() == "/hang" {
        let () = std::future::pending().await;
    }
    let response = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut out = answer.send_response(response, false).unwrap();
    if head.uri.path() == "/grpc.health.v1.Health/Check" {
        let state = if serving.load(Ordering::SeqCst) == 1 { 1 } else { 2 };
        out.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, state]), false).unwrap();
    } else {
        let te = head.headers.get("te").map(|te| te.to_str().unwrap().to_owned());
        out.send_data(Bytes::from(format!("te={te:?} ")), false).unwrap();
        while let Some(Ok(piece)) = body.data().await {
            body.flow_control().release_capacity(piece.len()).unwrap();
            out.send_data(piece, false).unwrap();
        }
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let _ = out.send_trailers(trailers);
}

fn grpc_document(address: SocketAddr, more: &str) -> String {
    format!(
        "[services.s]\ninstances = [\"{address}\"]\nprotocol = \"http/2\"\nretries = {{ attempts = 0 }}\n{more}\n[routes.a]\nservice = \"s\"\n"
    )
}

async fn client(gateway: &bole_gateway::Service) -> h2::client::SendRequest<Bytes> {
    let socket = TcpStream::connect(gateway.http()[0]).await.unwrap();
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

#[tokio::test]
async fn calls_of_grpc_go_through_in_both_directions_with_their_trailers() {
    let serving = Arc::new(AtomicUsize::new(1));
    let address = grpc(serving).await;
    let gateway = gateway(&grpc_document(address, "")).await;
    let mut sender = client(&gateway).await;
    let request = http::Request::post("http://a.example/pkg.Echo/Stream")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"one"), false).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    let mut stream = answer.into_body();
    let mut came = Vec::new();
    // The answer to the first message comes while the request goes on.
    while !came.ends_with(b"one") {
        let piece = tokio::time::timeout(PATIENCE, stream.data()).await.unwrap().unwrap().unwrap();
        came.extend_from_slice(&piece);
    }
    body.send_data(Bytes::from_static(b"two"), true).unwrap();
    while let Some(piece) = stream.data().await {
        came.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(String::from_utf8_lossy(&came), "te=Some(\"trailers\") onetwo");
    assert_eq!(stream.trailers().await.unwrap().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn probes_of_grpc_take_instances_out_and_in() {
    let serving = Arc::new(AtomicUsize::new(0));
    let address = grpc(serving.clone()).await;
    let more = "health = { probe = { grpc = {} }, interval = \"30ms\", rise = 1, fall = 1 }\nbalance = { panic_refuses = true }";
    let gateway = gateway(&grpc_document(address, more)).await;
    let set = gateway.state().services["s"].set.clone();
    let condition = || set.status()[0].condition;
    until("it does not serve", || condition() == bole_edge_core::health::Condition::Unwell).await;
    serving.store(1, Ordering::SeqCst);
    until("it serves", || condition() == bole_edge_core::health::Condition::Well).await;
}

#[tokio::test]
async fn a_request_of_http2_has_its_deadline() {
    let address = grpc(Arc::default()).await;
    let gateway =
        gateway(&grpc_document(address, "timeouts = { first_byte = \"200ms\", read = \"200ms\" }")).await;
    let mut sender = client(&gateway).await;
    let request = http::Request::get("http://a.example/hang").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 504);
    let request = http::Request::post("http://a.example/hang").body(()).unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"x"), true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 504), "it ends");
    let request = http::Request::get("http://a.example/fine").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    assert_eq!(
        tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().status(),
        200,
        "and others go on"
    );
}

#[tokio::test]
async fn what_http1_refuses_http2_refuses() {
    let backend = Backend::start(Behaviour::Echo).await;
    let gateway = gateway(&document(&[&backend], "")).await;
    let mut sender = client(&gateway).await;
    let with = |name: &'static str, value: &'static str| {
        http::Request::get("http://a.example/").header(name, value).body(()).unwrap()
    };
    for request in [
        with("host", "b.example"),
        with("transfer-encoding", "chunked"),
        with("connection", "close"),
        http::Request::builder().method("TRACE").uri("http://a.example/").body(()).unwrap(),
    ] {
        let told = format!("{request:?}");
        let Ok((answer, _)) = sender.send_request(request, true) else { continue };
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status().is_client_error()), "{told}");
        sender = client(&gateway).await;
    }
    let mut many = http::Request::get("http://a.example/");
    for n in 0..200 {
        many = many.header(format!("x-{n}"), "y");
    }
    let (answer, _) = sender.send_request(many.body(()).unwrap(), true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 431));
    assert!(
        backend.seen().iter().all(|seen| !seen.contains("b.example") && !seen.contains("chunked")),
        "{:?}",
        backend.seen()
    );
}

/// A frame of HTTP/2: length, kind, flags, stream, payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `:method GET`, `:scheme http`, `:path /` from the static table, and `:authority a`.
const HEAD: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

/// Sends frames until the gateway ends the connection; how many it took.
async fn flood(gateway: &bole_gateway::Service, frames: impl Iterator<Item = Vec<u8>>) -> usize {
    let mut stream = TcpStream::connect(gateway.http()[0]).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let ended = tokio::spawn(async move {
        let mut bytes = vec![0; 4 << 10];
        while reader.read(&mut bytes).await.is_ok_and(|came| came > 0) {}
    });
    let mut sent = 0;
    for frame in frames {
        if ended.is_finished() || writer.write_all(&frame).await.is_err() {
            return sent;
        }
        sent += 1;
        if sent % 16 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
    assert!(ended.is_ok(), "the gateway goes on with {sent} frames");
    sent
}

#[tokio::test]
async fn floods_end_their_connection_and_harm_no_other() {
    let backend = Backend::start(Behaviour::Slow(Duration::from_millis(20))).await;
    let gateway = gateway_with(&document(&[&backend], ""), Parts::default(), |_| {}).await;
    let rapid_reset = (0..200_000_u32).map(|n| {
        let stream = n * 2 + 1;
        [frame(1, 0x5, stream, HEAD), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let took = flood(&gateway, rapid_reset).await;
    assert!(took < 100_000, "rapid reset: {took}");
    let continuation = std::iter::once(frame(1, 0x1, 1, HEAD))
        .chain((0..100_000).map(|_| frame(9, 0, 1, &[0x40, 1, b'x', 1, b'y'].repeat(100))));
    let took = flood(&gateway, continuation).await;
    assert!(took < 50_000, "continuation: {took}");
    let empty = std::iter::once(frame(1, 0x4, 1, HEAD)).chain((0..300_000).map(|_| frame(0, 0, 1, &[])));
    let took = flood(&gateway, empty).await;
    assert!(took < 300_000, "empty data: {took}");
    let made_you = (0..200_000_u32).map(|n| {
        let stream = n * 2 + 1;
        // The client makes the gateway reset: a window that overflows.
        [frame(1, 0x5, stream, HEAD), frame(8, 0, stream, &0_u32.to_be_bytes())].concat()
    });
    let took = flood(&gateway, made_you).await;
    assert!(took < 100_000, "made you reset: {took}");
    assert_eq!(status(&get(&gateway, "/").await), 200);
}

/// A call as a browser makes it, by HTTP/1.1; the head and the body of the answer.
async fn web_call(gateway: &bole_gateway::Service, path: &str, kind: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut client = TcpStream::connect(gateway.http()[0]).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a.example\r\nContent-Type: {kind}\r\nX-Grpc-Web: 1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, client.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let (head, mut rest) = (String::from_utf8_lossy(&answer[..end]).to_lowercase(), &answer[end + 4..]);
    if !head.contains("transfer-encoding: chunked") {
        return (head, rest.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return (head, body);
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 4 + length..];
    }
}

#[tokio::test]
async fn browsers_call_grpc() {
    const TRAILERS: &[u8] = b"\x80\0\0\0\x10grpc-status: 0\r\n";
    let address = grpc(Arc::new(AtomicUsize::new(1))).await;
    let gateway = gateway(&format!("{}grpc_web = true\n", grpc_document(address, ""))).await;
    let health = "/grpc.health.v1.Health/Check";
    let serving = [&[0, 0, 0, 0, 2, 8, 1][..], TRAILERS].concat();
    let (head, body) = web_call(&gateway, health, "application/grpc-web+proto", &[0; 5]).await;
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-type: application/grpc-web\r\n"),
        "{head}"
    );
    assert_eq!(body, serving);
    // Text in both directions; the service sees plain gRPC and the bytes that were meant.
    let (head, body) = web_call(&gateway, "/echo", "application/grpc-web-text", b"AQ==AgM=").await;
    assert!(head.contains("content-type: application/grpc-web-text\r\n"), "{head}");
    let text = String::from_utf8(body).unwrap();
    let bytes: Vec<u8> = text
        .as_bytes()
        .chunks(4)
        .flat_map(|quartet| {
            <base64ct::Base64 as base64ct::Encoding>::decode_vec(std::str::from_utf8(quartet).unwrap())
                .unwrap()
        })
        .collect();
    assert_eq!(bytes, [&b"te=Some(\"trailers\") \x01\x02\x03"[..], TRAILERS].concat());
    let (head, _) = web_call(&gateway, "/echo", "application/grpc-web-text", b"!!!!").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    // Others on the same route are left alone.
    let (head, body) = web_call(&gateway, health, "application/grpc", &[0; 5]).await;
    assert!(head.contains("content-type: application/grpc\r\n"), "{head}");
    assert_eq!(body, [0, 0, 0, 0, 2, 8, 1]);
}

/// A body of unknown length whose end is an empty piece: after its last chunk nothing may follow, or it would stand before the next request on
/// the connection to the instance.
#[tokio::test]
async fn a_body_that_ends_with_an_empty_piece_ends_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let instance = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut came = Vec::new();
        // The second request comes on the same connection; what stands before its first line is what the first left.
        for ends in [&b"0\r\n\r\n"[..], b"\r\n\r\n"] {
            let begin = came.len();
            while !came[begin..].windows(ends.len()).any(|some| some == ends) {
                assert_ne!(socket.read_buf(&mut came).await.unwrap(), 0);
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
        came
    });
    let gateway = gateway(&format!(
        "[services.s]\ninstances = [\"{address}\"]\nretries = {{ attempts = 0 }}\n[routes.a]\nservice = \"s\"\n"
    ))
    .await;
    let mut sender = client(&gateway).await;
    let request = http::Request::put("http://a.example/up").body(()).unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"some"), false).unwrap();
    body.send_data(Bytes::new(), true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let request = http::Request::get("http://a.example/next").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
    let came = tokio::time::timeout(PATIENCE, instance).await.unwrap().unwrap();
    let came = String::from_utf8_lossy(&came).to_lowercase();
    assert!(came.contains("\r\n\r\n4\r\nsome\r\n0\r\n\r\nget /next "), "{came}");
}

#[tokio::test]
async fn who_waits_for_leave_to_send_a_body_gets_it_or_does_not_wait_for_long() {
    let backend = Backend::start(Behaviour::Echo).await;
    let more = "[routes.shut]\npath = \"/shut\"\nreply = { status = 403 }\n";
    let text = format!("{}{more}", document(&[&backend], ""));
    let gateway = gateway_with(&text, Parts::default(), |config| {
        config.limits.expect_timeout = Duration::from_secs(1);
    })
    .await;
    let ask = |path: &str| {
        let url = format!("http://a.example{path}");
        http::Request::post(url).header("expect", "100-continue").body(()).unwrap()
    };
    let mut sender = client(&gateway).await;
    for turn in 0..3 {
        let (mut answer, mut body) = sender.send_request(ask("/x"), false).unwrap();
        let leave = std::future::poll_fn(|context| answer.poll_informational(context));
        let leave = tokio::time::timeout(PATIENCE, leave).await.unwrap().unwrap().unwrap();
        assert_eq!(leave.status(), 100, "turn {turn}");
        body.send_data(Bytes::from_static(b"abcd"), true).unwrap();
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        sender = sender.ready().await.unwrap();
    }
    let seen = backend.seen();
    assert!(seen.iter().all(|seen| seen.contains("abcd") && !seen.contains("expect:")), "{seen:?}");
    // Who is answered at once gets the answer, and no leave.
    let (answer, _body) = sender.send_request(ask("/shut"), false).unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 403);
    // Of requests that come together nobody knows which stream they are on.
    let mut sender = sender.ready().await.unwrap();
    let pair: Vec<_> = (0..2).map(|_| sender.send_request(ask("/y"), false).unwrap()).collect();
    let mut bodies = Vec::new();
    for (answer, body) in pair {
        bodies.push(body);
        match tokio::time::timeout(PATIENCE, answer).await.unwrap() {
            Err(reset) => assert!(reset.is_reset(), "{reset}"),
            Ok(answer) => panic!("an answer before the body: {}", answer.status()),
        }
    }
    // Others on the connection go on.
    let mut sender = sender.ready().await.unwrap();
    let request = http::Request::get("http://a.example/z").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
}
